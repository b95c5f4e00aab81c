"""Linear least squares for label distributions, in coordinates where everything is diagonal."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import eigh

from sklearn_ldl._solver.design import Design
from sklearn_ldl._solver.whitening import RowSpaceDesign

# Directions with less than this share of the largest variance are rounding errors.
_ROUNDING = 1e-12


class RowSumLeastSquares:
    r"""Mean squared error of ``p_i = W x_i + b``, with predictions that sum to one.

    .. math::
        f(W) = \min_b\; \tfrac12 \sum_i s_i \big( \|p_i - d_i\|^2 + p_i^\top (M - I) p_i \big)
        \quad\text{subject to}\quad \sum_j p_{ij} = 1

    with a symmetric `M` that has ``M 1 = 1``. On centred features the intercept is
    :math:`b = M^{-1} \bar d`, whose entries sum to one, and what remains is a quadratic in `W` with
    the curvature :math:`M \otimes S`, `S` the covariance of the features. The constraint says that
    the label sums of `W` are those of least squares wherever the features vary (zero, with an
    intercept). That is a condition on single coordinates in the eigenvectors of `S`, so it needs no
    multiplier. With more features than rows the eigenvectors are those of the row space.

    Parameters
    ----------
    design : Design
        Features in double precision; centred if there is an intercept.
    D : ndarray of shape (n_samples, n_labels)
        Label distributions.
    curvature : ndarray of shape (n_labels,)
        Eigenvalues of `M`, all positive.
    labels : ndarray of shape (n_labels, n_labels) or None
        Eigenvectors of `M`; None means that `M` is the identity.
    """

    def __init__(
        self,
        design: Design,
        D: NDArray,
        curvature: NDArray,
        labels: NDArray | None,
        *,
        fit_intercept: bool,
    ):
        n, p = design.shape
        weight = design.weight
        self._design = design
        self._row_space = RowSpaceDesign(design) if n < p else None
        inner = self._row_space or design
        variance, self._features = eigh(
            inner.covariance(slice(None)), driver="evd", overwrite_a=True, check_finite=False
        )
        # Constant features differ from their mean by its rounding errors.
        noise = n * (10 * np.finfo(np.float64).eps) ** 2 * float(design.mean @ design.mean)
        variance[variance <= max(_ROUNDING * variance[-1], noise)] = 0
        self._varies = variance > 0
        self._labels = labels
        self._curvature = np.outer(curvature, variance)

        self._intercept = np.zeros(D.shape[1])
        if fit_intercept:
            self._intercept = self._backward(self._forward(weight @ D) / curvature)
        R = D - self._intercept
        self._at_zero = 0.5 * float(weight @ (D * D).sum(axis=1) - self._intercept @ (weight @ D))
        G = inner.gradient(weight[:, None] * R)[0] @ self._features
        G[:, ~self._varies] = 0
        self._label_sum = np.zeros(len(variance))
        np.divide(G.mean(axis=0), variance, out=self._label_sum, where=self._varies)
        self._G = G

    def start(self) -> NDArray:
        """Least-squares solution of smallest norm (n_labels, n_features)."""
        G = self._forward(self._G - self._G.mean(axis=0))
        Y = np.zeros_like(G)
        np.divide(G, self._curvature, out=Y, where=self._curvature > 0)
        return self._leave(self._backward(Y) + self._label_sum)

    def minimise(self, R: NDArray, rho: float) -> tuple[NDArray, float]:
        r"""Minimise :math:`f(W) - \langle R, W \rangle + \tfrac\rho2 \|W\|_F^2`.

        Returns
        -------
        W : ndarray of shape (n_labels, n_features)
        value : float
            `f` at `W`.
        """
        inside = self._enter(R)
        label_sum = inside.mean(axis=0)
        Y = self._forward(inside - label_sum + self._G)
        Y /= self._curvature + rho
        Y = self._backward(Y)
        Y += np.where(self._varies, self._label_sum, label_sum / rho) - Y.mean(axis=0)
        # Outside of the row space only rho bends.
        return self._leave(Y) + (R - self._leave(inside)) / rho, self._value(Y)

    def value(self, W: NDArray) -> float:
        """`f` at `W`."""
        return self._value(self._enter(W))

    def intercept(self, coef: NDArray) -> NDArray:
        """Intercept for the features as they are."""
        return self._intercept - coef @ self._design.mean

    def _value(self, Y: NDArray) -> float:
        bent = float(np.vdot(self._curvature, self._forward(Y) ** 2))
        return self._at_zero + 0.5 * bent - float(np.vdot(self._G, Y))

    def _enter(self, W: NDArray) -> NDArray:
        if self._row_space is not None:
            W = self._row_space.restrict(W)
        return W @ self._features

    def _leave(self, Y: NDArray) -> NDArray:
        W = Y @ self._features.T
        return W if self._row_space is None else self._row_space.expand(W)

    def _forward(self, Y: NDArray) -> NDArray:
        return Y if self._labels is None else self._labels.T @ Y

    def _backward(self, Y: NDArray) -> NDArray:
        return Y if self._labels is None else self._labels @ Y
