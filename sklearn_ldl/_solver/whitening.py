r"""Changes of variables that make the softmax-linear objective look almost round.

The Hessian in the coefficients is the mean over rows of :math:`\Gamma_i \otimes x_i x_i^T`, plus
``alpha I``, with :math:`\Gamma_i = \mathrm{diag}(p_i) - p_i p_i^T`. It is approximated by
:math:`\Gamma \otimes S + \alpha I` with the covariance `S` of the features and one label matrix
`Gamma`; L-BFGS then runs in variables in which that approximation is the identity. The objective
and its minimiser stay as they are, only the metric of the search changes.

A metric maps the gradient into its variables (`pull`, the transpose) and a step back to
coefficients and intercept of the centred features (`push`). Coefficients are
(n_labels, n_features).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import LinAlgError, cholesky, eigh, solve_triangular
from scipy.linalg.blas import dtrsm, strsm
from scipy.linalg.lapack import dpstrf

from sklearn_ldl._solver.design import Design

# Eigendecompositions up to this size cost about a millisecond.
_SMALL = 128
# Most features that share one triangular factor; above it the diagonal has to do.
_MAX_BLOCK = 4000
# A feature matters when its curvature exceeds this share of the penalty.
_IMPORTANT = 0.3
# Eigenvalues of a Gram matrix below this share of the largest are rounding errors.
_ROUNDING = 1e-12


class Moments(Protocol):
    """What a metric asks of the features, whoever holds them."""

    @property
    def shape(self) -> tuple[int, int]: ...

    @property
    def n_stored(self) -> int: ...

    def variance(self) -> NDArray: ...

    def covariance(self, columns: NDArray | slice, dtype: type = ...) -> NDArray: ...


class Metric(Protocol):
    """What the solver calls."""

    def with_alpha(self, alpha: float) -> Metric: ...

    def pull(self, G: NDArray, total: NDArray) -> tuple[NDArray, NDArray]: ...

    def push(self, V: NDArray, v: NDArray) -> tuple[NDArray, NDArray]: ...


def label_moments(D: NDArray, sample_weight: NDArray) -> tuple[NDArray, NDArray]:
    """Mean distribution (n_labels,), and mean of ``d d^T`` (n_labels, n_labels)."""
    return sample_weight @ D, (D * sample_weight[:, None]).T @ D


def label_curvature(mean: NDArray, second: NDArray) -> NDArray:
    r"""Mean softmax curvature `Gamma` expected between the start and the fit (n_labels, n_labels).

    Three quarters of the curvature at a perfect fit, :math:`\mathrm{diag}(\pi) - E[d d^T]`, and one
    quarter of that at a flattened mean distribution, :math:`q \propto \pi^{1/4}`, which keeps
    directions that a perfect fit would not bend at all (one-hot rows).
    """
    q = np.maximum(mean, 1e-12) ** 0.25
    q /= q.sum()
    return 0.75 * (np.diag(mean) - second) + 0.25 * (np.diag(q) - np.outer(q, q))


def _rounding(S: NDArray) -> float:
    """Bound the rounding errors of a matrix in single precision by its largest eigenvalue."""
    return float(np.finfo(np.float32).eps * np.abs(S).sum(axis=0).max())


def _floor(curvature: NDArray) -> float:
    """Smallest curvature that is divided by: the jitter for ``alpha = 0``, positive in any case."""
    return 1e-9 * float(curvature.max()) + 1e-300


class KroneckerMetric:
    """Both sides whitened: features by the eigenvectors of `S`, labels by those of `Gamma`.

    One eigendecomposition serves every `alpha`: see `with_alpha`. It is in single precision
    wherever that leaves `alpha` standing: it only steers the search. In a `basis` of the logits the
    coefficients are ``basis @ A``, and the penalty is on `A`; the intercept is free of it.
    """

    def __init__(
        self,
        design: Moments,
        gamma: NDArray,
        smallest_alpha: float,
        basis: NDArray | None = None,
    ):
        g, self.intercept_labels = eigh(gamma)
        small = design.shape[1] <= _SMALL
        S = design.covariance(slice(None), np.float64 if small else np.float32)
        if not small and smallest_alpha <= g[-1] * _rounding(S):
            S = design.covariance(slice(None))
        lam, features = eigh(S, driver="evd", overwrite_a=True, check_finite=False)
        self.features = features.astype(np.float64)
        # Adding one number to all logits changes nothing, so Gamma has a null direction; the
        # gradient vanishes along it, and any positive curvature will do.
        g = np.maximum(g, 1e-3 * g[-1])
        self.root = np.sqrt(g)
        self.labels = self.intercept_labels
        if basis is not None:
            g, labels = eigh(basis.T @ gamma @ basis)
            g = np.maximum(g, _ROUNDING * g[-1])
            self.labels = basis @ labels
        self.curvature = g[:, None] * np.maximum(lam, 0).astype(np.float64)

    def with_alpha(self, alpha: float) -> KroneckerMetric:
        """Set the penalty; the jitter acts for ``alpha = 0`` with dependent features."""
        total = self.curvature + alpha
        self.scale = 1 / np.sqrt(np.maximum(total, _floor(total)))
        return self

    def pull(self, G: NDArray, total: NDArray) -> tuple[NDArray, NDArray]:
        """Gradient in the whitened variables."""
        V = self.labels.T @ G @ self.features
        return V * self.scale, self.intercept_labels.T @ total / self.root

    def push(self, V: NDArray, v: NDArray) -> tuple[NDArray, NDArray]:
        """Step in coefficients and intercept."""
        W = self.labels @ (V * self.scale) @ self.features.T
        return W, self.intercept_labels @ (v / self.root)


class BlockMetric:
    """Features that matter whitened by one triangular factor, the others scaled one by one.

    The same curvature stands for all labels. A feature matters when its curvature exceeds a share
    of the penalty, so a wide sparse matrix of mostly rare features needs a small factor only, in
    single precision wherever that leaves `alpha` standing.
    """

    def __init__(
        self,
        design: Moments,
        n_labels: int,
        smallest_alpha: float,
        basis: NDArray | None = None,
    ):
        self._design = design
        self.basis = basis
        self.v = (1 - 1 / n_labels) / n_labels
        self.variance = design.variance()
        enough = _IMPORTANT * smallest_alpha / self.v
        by_variance = np.argsort(-self.variance, kind="stable")
        # Solving with a larger factor would cost more than an evaluation.
        most = min(_MAX_BLOCK, int(2 * np.sqrt(design.n_stored)))
        n_block = min(int(np.count_nonzero(self.variance > enough)), most)
        # A slice spares the copy of the columns when all of them matter.
        every = n_block == len(self.variance)
        self.block = slice(None) if every else np.sort(by_variance[:n_block])
        self.S = design.covariance(self.block, np.float32)

    def with_alpha(self, alpha: float) -> BlockMetric:
        """Factor ``v S + alpha I``."""
        total = self.v * self.variance + alpha
        floor = _floor(total)
        self.scale = 1 / np.sqrt(np.maximum(total, floor))
        shift = max(alpha, floor * max(len(self.S), 1))
        if self.S.dtype == np.float32 and len(self.S):
            if shift > self.v * _rounding(self.S):
                try:
                    self.factor = self._factor(shift)
                    return self
                except LinAlgError:
                    pass  # rounding errors made it indefinite after all
            self.S = self._design.covariance(self.block)
        self.factor = self._factor(shift)
        return self

    def _factor(self, shift: float) -> NDArray:
        A = self.v * self.S
        A[np.diag_indices_from(A)] += A.dtype.type(shift)
        return cholesky(A, lower=True, overwrite_a=True, check_finite=False)

    def pull(self, G: NDArray, total: NDArray) -> tuple[NDArray, NDArray]:
        """Gradient in the whitened variables."""
        G = G if self.basis is None else self.basis.T @ G
        return self._solve(G, trans=0), total / np.sqrt(self.v)

    def push(self, V: NDArray, v: NDArray) -> tuple[NDArray, NDArray]:
        """Step in coefficients and intercept."""
        W = self._solve(V, trans=1)
        return W if self.basis is None else self.basis @ W, v / np.sqrt(self.v)

    def _solve(self, G: NDArray, trans: int) -> NDArray:
        out = G * self.scale
        rhs = G[:, self.block].astype(self.factor.dtype).T
        if len(rhs):
            trsm = strsm if rhs.dtype == np.float32 else dtrsm
            out[:, self.block] = trsm(1, self.factor, rhs, lower=1, trans_a=trans, overwrite_b=1).T
        return out


def choose_metric(
    design: Moments,
    n_labels: int,
    curvature: Callable[[], NDArray],
    alphas: Sequence[float],
    basis: NDArray | None = None,
) -> KroneckerMetric | BlockMetric:
    """Pick the metric whose set-up costs less than the iterations it saves.

    `curvature` computes that of the labels, where it is needed (see `label_curvature`); `basis` is
    a square matrix, in which the coefficients are penalised (see `label_basis`).

    The two eigendecompositions cost about ``9 (p^3 + C^3)`` operations, and whitening the second
    side saves some ten evaluations of ``4 n p C`` operations (at half the speed) for every penalty.
    """
    n, p = design.shape
    saved = 80 * n * p * n_labels * len(alphas)
    if max(p, n_labels) <= _SMALL or 9 * (p**3 + n_labels**3) <= saved:
        return KroneckerMetric(design, curvature(), min(alphas), basis)
    return BlockMetric(design, n_labels, min(alphas), basis)


class RowSpaceDesign(Design):
    r"""A wide problem (more features than rows) in orthonormal coordinates of its row space.

    With ``alpha > 0`` the minimiser lies in the span of the centred rows (representer theorem), so
    nothing is lost: with :math:`X_c X_c^T = L L^T` (Cholesky, with pivots) there is an orthonormal
    `Q` with :math:`X_c = L Q^T`; the features become `L`, and the coefficients
    :math:`W = \tilde W Q^T`, with the same norm. An evaluation then costs n x n instead of n x p.
    """

    def __init__(self, wide: Design):
        gram = wide.gram()
        # Rows that differ from the span of others at rounding level only add noise to it.
        tol = _ROUNDING * float(np.trace(gram))
        factor, pivots, rank, _ = dpstrf(gram.T, tol=tol, lower=1, overwrite_a=1)
        rank = max(rank, 1)
        lower = np.tril(factor[:, :rank])
        self.wide = wide
        self._pivots = pivots[:rank] - 1
        X = np.empty_like(lower, order="C")
        X[pivots - 1] = lower
        # Triangle that leads from the pivot rows to `Q`; one of zeros if no feature varies.
        self._factor = lower[:rank]
        self._factor[0, 0] = self._factor[0, 0] or 1.0
        super().__init__(X, wide.weight, center=False)

    @staticmethod
    def suits(design: Design, n_labels: int) -> bool:
        """Whether the rotation costs less than it takes off some fifty evaluations.

        A factorisation does about fifteen times as many operations in a second as an evaluation,
        which is bound by memory. With few features more than rows, a metric of the features as they
        are costs no more.
        """
        n, p = design.shape
        set_up = 2 * n**3 + (0 if design.sparse else n * n * p)
        return 1.5 * n < p and set_up <= 3000 * design.n_stored * n_labels * (1 - n / p)

    def gradient_norm(self, G: NDArray, total: NDArray) -> float:
        """Upper bound of the largest entry of the gradient in the original coefficients."""
        bound = np.sqrt((G * G).sum(axis=1)).max()
        shift = np.abs(self.wide.mean).max() * np.abs(total).max()
        return max(float(bound + shift) / self.unit, float(np.abs(total).max()))

    def restrict(self, coef: NDArray) -> NDArray:
        """Coordinates of original coefficients (n_labels, n_features) in the row space."""
        Z = self.wide.logits(coef, np.zeros(len(coef)))[self._pivots]
        return solve_triangular(self._factor, Z, lower=True).T

    def expand(self, coef: NDArray) -> NDArray:
        """Original coefficients from coordinates in the row space."""
        E = np.zeros((self.shape[0], len(coef)), order="F")
        E[self._pivots] = solve_triangular(self._factor, coef.T, lower=True, trans=1)
        return self.wide.gradient(E)[0]
