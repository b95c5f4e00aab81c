"""A linear model with features of single labels and features shared by all labels."""

from __future__ import annotations

from numbers import Integral, Real
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.linalg import eigh

from sklearn_ldl._core.dask_rows import lazily
from sklearn_ldl._core.simplex import project_simplex
from sklearn_ldl._core.sklearn_compat import Interval, StrOptions, fit_context
from sklearn_ldl._solver.design import Design
from sklearn_ldl.linear.base import LinearModel
from sklearn_ldl.linear.published.admm import Pass, Progress, alternate, warn_if_unfinished
from sklearn_ldl.linear.published.least_squares import RowSumLeastSquares
from sklearn_ldl.linear.published.proximal import split_columns

# Largest side of an eigendecomposition: 800 MB and some ten minutes.
_MAX_SIDE = 10_000
# Degrees that deviate less than this from their mean are constant but for rounding errors.
_CONSTANT = 1e-12


class LDLSF(LinearModel):
    r"""Label distribution learning with label-specific features (LDLSF).

    The degrees are linear in the features, :math:`p(x) = W x + b`, and :math:`W = W_1 + W_2` is
    split into coefficients of single labels and whole features that all labels share. With row
    weights :math:`s_i` that sum to one it minimises

    .. math::
        \tfrac12 \sum_i s_i \|p_i - d_i\|^2 + \lambda_1 \|W_1\|_1 + \lambda_{21} \|W_2\|_{2,1}
        + \tfrac c2 \sum_i s_i \sum_{jk} A_{jk} (p_{ij} - p_{ik})^2

    subject to :math:`\sum_j p_{ij} = 1`. A group of the second norm is one feature, over all
    labels; the last term draws together labels whose degrees are correlated, with their affinity
    :math:`A`. The problem is convex. It is solved by the alternating direction method of
    multipliers, with both blocks in closed form: `W`, on which the constraint holds exactly, in
    the eigenvectors of the covariance of the features and of the affinity, and the pair
    :math:`(W_1, W_2)` feature by feature.

    Parameters
    ----------
    l1 : float, default=1e-3
        Strength :math:`\lambda_1 \ge 0` of the sum of absolute values of :math:`W_1`.
    l21 : float, default=1.5e-3
        Strength :math:`\lambda_{21} \ge 0` of the sum over features of the norms of the columns of
        :math:`W_2`. See the notes for when both parts live.
    correlation_weight : float, default=1e-3
        Strength :math:`c \ge 0` of the term that draws correlated labels together.
    correlation : {"positive", "absolute", "signed"}, default="positive"
        Affinity of two labels: the Pearson correlation `r` of their degrees where it is positive,
        its absolute value, or `r` itself. The latter may push negatively correlated labels apart;
        that is convex only for a small enough `correlation_weight`.
    rho : float, default=0.01
        First penalty of the splitting, balanced on the way. It decides about the time, not
        about the solution.
    fit_intercept : bool, default=True
        Whether to add an intercept, which is not penalised. Without it the degrees sum to one
        only as closely as any combination of the features equals one (in least squares).
    floor : float, default=1e-6
        Share of the uniform distribution in every prediction, from 0 to 1. Projections onto the
        simplex have exact zeros, which 0 keeps. A missed degree costs ``-log(floor)`` in KL
        divergence: where that is the measure, 1e-2 is better.
    max_iter : int, default=2000
        Most iterations.
    tol : float, default=1e-5
        Iterations stop when the primal and the dual residual are no larger.
    verbose : int, default=0
        Print the objective every `verbose` iterations; 0 prints nothing.

    Attributes
    ----------
    coef_ : ndarray of shape (n_labels, n_features)
        Coefficients :math:`W_1 + W_2`, in the dtype of `X`.
    coef_specific_ : ndarray of shape (n_labels, n_features)
        Coefficients :math:`W_1` of single labels; most are exactly zero.
    coef_common_ : ndarray of shape (n_labels, n_features)
        Coefficients :math:`W_2` of features shared by all labels; whole columns are exactly zero.
    intercept_ : ndarray of shape (n_labels,)
        Intercept :math:`b`.
    objective_curve_ : ndarray of shape (n_iter + 1,)
        Objective at the start and after every iteration.
    residuals_ : ndarray of shape (n_iter, 2)
        Primal residual (how far `W` is from :math:`W_1 + W_2`) and dual residual, Frobenius norms.
    n_iter_ : int
        Number of iterations.
    n_labels_, label_names_, n_features_in_, feature_names_in_
        As in :class:`BFGSLDL`.

    Warns
    -----
    ConvergenceWarning
        When a residual is above `tol` after `max_iter` iterations.

    Notes
    -----
    Both parts can differ from zero only for ``l1 < l21 < sqrt(n_labels) * l1``. From
    ``l21 >= sqrt(n_labels) * l1`` on the common part is zero, for any data: the norm of single
    coefficients explains everything at a lower price. For ``l21 <= l1`` the specific part is zero.
    If one of them is 0, so is the whole penalty. The published settings, 1e-4 and 1e-2 on sums over
    rows, are of the first kind for fewer than 10,000 labels; the default here is not. Strengths on
    sums are converted by ``l1 / n_samples`` and ``l21 / n_samples``; `correlation_weight` stays.

    The affinity has a zero diagonal, and labels with constant degrees have none. Its graph
    Laplacian, ``diag(A 1) - A``, is positive semi-definite for the first two choices of
    `correlation` (published code adds `A` instead of subtracting it).

    Features must be of similar scales, as with every penalty: standardise them. Time is of the
    order of the cube of the smaller of ``n_samples`` and ``n_features``, and with
    ``correlation_weight > 0`` of the cube of ``n_labels``. Sparse `X` stays sparse.

    References
    ----------
    T. Ren, X. Jia, W. Li, L. Chen, Z. Li, "Label distribution learning with label-specific
    features", IJCAI 2019.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_ldl.datasets import make_ldl
    >>> from sklearn_ldl import LDLSF
    >>> X, D = make_ldl(n_samples=200, random_state=0)
    >>> X = np.hstack([X, np.random.default_rng(0).standard_normal((200, 2))])  # and two of noise
    >>> model = LDLSF(l1=4e-3, l21=6e-3).fit(X, D)
    >>> (model.coef_common_ != 0).any(axis=0)
    array([ True,  True,  True, False, False])
    >>> (model.coef_specific_ != 0).any(axis=0)
    array([ True,  True,  True, False, False])
    >>> model.score(X, D) > 0.5
    True
    """

    _parameter_constraints: dict = {
        "l1": [Interval(Real, 0, None, closed="left")],
        "l21": [Interval(Real, 0, None, closed="left")],
        "correlation_weight": [Interval(Real, 0, None, closed="left")],
        "correlation": [StrOptions({"positive", "absolute", "signed"})],
        "rho": [Interval(Real, 0, None, closed="neither")],
        "fit_intercept": ["boolean"],
        "floor": [Interval(Real, 0, 1, closed="both")],
        "max_iter": [Interval(Integral, 1, None, closed="left")],
        "tol": [Interval(Real, 0, None, closed="left")],
        "verbose": ["verbose"],
    }

    def __init__(
        self,
        l1: float = 1e-3,
        *,
        l21: float = 1.5e-3,
        correlation_weight: float = 1e-3,
        correlation: Literal["positive", "absolute", "signed"] = "positive",
        rho: float = 0.01,
        fit_intercept: bool = True,
        floor: float = 1e-6,
        max_iter: int = 2000,
        tol: float = 1e-5,
        verbose: int = 0,
    ):
        self.l1 = l1
        self.l21 = l21
        self.correlation_weight = correlation_weight
        self.correlation = correlation
        self.rho = rho
        self.fit_intercept = fit_intercept
        self.floor = floor
        self.max_iter = max_iter
        self.tol = tol
        self.verbose = verbose

    @fit_context(prefer_skip_nested_validation=True)
    def fit(self, X: Any, y: ArrayLike, sample_weight: ArrayLike | None = None) -> LDLSF:
        """Fit the model.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Samples; sparse input stays sparse (CSR).
        y : array-like of shape (n_samples, n_labels)
            Label distributions; rows sum to one.
        sample_weight : array-like of shape (n_samples,), default=None
            Non-negative weights of the rows, not all zero.

        Returns
        -------
        self : LDLSF
            The fitted estimator.

        Raises
        ------
        ValueError
            If `y` does not hold distributions (see :func:`sklearn_ldl.check_distribution`), if
            neither side of `X` is at most 10,000, if the problem is not convex
            (``correlation="signed"``), or for data that scikit-learn rejects.
        """
        X, D, weight = self._validate_data(X, y, sample_weight)
        if min(X.shape) > _MAX_SIDE:
            raise ValueError(
                f"LDLSF diagonalises a dense matrix of the smaller side of X, which may be at most "
                f"{_MAX_SIDE}; X has shape {X.shape}. Select features or reduce their number first."
            )
        weight = weight / weight.sum(dtype=np.float64)
        problem = RowSumLeastSquares(
            # Residuals below the resolution of float32 are out of reach in it.
            Design(X.astype(np.float64, copy=False), weight, center=self.fit_intercept),
            D,
            *self._label_curvature(D, weight),
            fit_intercept=self.fit_intercept,
        )
        self._alternate(problem, (D.shape[1], X.shape[1]), X.dtype)
        return self

    def _alternate(
        self, problem: RowSumLeastSquares, shape: tuple[int, int], dtype: np.dtype
    ) -> None:
        # The splitting is W = B, with B = W1 + W2 and the multiplier V.
        B = problem.start() if min(self.l1, self.l21) == 0 else np.zeros(shape)
        V = np.zeros_like(B)
        W1, W2 = split_columns(B, self.l1, self.l21)
        progress = Progress([problem.value(B) + self._penalty(W1, W2)])

        def step(rho: float) -> Pass:
            nonlocal B, V, W1, W2
            W, smooth = problem.minimise(rho * B - V, rho)
            T = W + V / rho
            W1, W2 = split_columns(T, self.l1 / rho, self.l21 / rho)
            previous, B = B, W1 + W2
            V = rho * (T - B)
            return Pass(
                smooth + self._penalty(W1, W2),
                float(np.linalg.norm(W - B)),
                rho * float(np.linalg.norm(B - previous)),
            )

        options: dict[str, Any] = {"rho": self.rho, "max_iter": self.max_iter, "tol": self.tol}
        try:
            alternate(step, progress, **options, verbose=self.verbose, name=type(self).__name__)
        finally:
            # Also after Ctrl-C: what was reached is kept.
            self.coef_, self.coef_specific_, self.coef_common_ = (
                A.astype(dtype) for A in (B, W1, W2)
            )
            self.intercept_ = problem.intercept(B).astype(dtype)
            self.n_iter_ = progress.n_iter
            self.objective_curve_, self.residuals_ = progress.curves()
        warn_if_unfinished(progress, self.tol)

    def _penalty(self, W1: NDArray, W2: NDArray) -> float:
        return float(self.l1 * np.abs(W1).sum() + self.l21 * np.linalg.norm(W2, axis=0).sum())

    def _label_curvature(self, D: NDArray, weight: NDArray) -> tuple[NDArray, NDArray | None]:
        """Eigenvalues and vectors of ``I + 2 c Laplacian`` (None: of the identity)."""
        c = self.correlation_weight
        if c == 0:
            return np.ones(D.shape[1]), None
        A = label_correlation(D, weight)
        if self.correlation == "positive":
            A = np.maximum(A, 0)
        elif self.correlation == "absolute":
            A = np.abs(A)
        values, vectors = eigh(np.diag(1 + 2 * c * A.sum(axis=1)) - 2 * c * A)
        if values[0] <= 0:
            raise ValueError(
                f"With correlation={self.correlation!r} and correlation_weight={c:g} the problem "
                f"is not convex. Use correlation_weight < {c / (1 - values[0]):.4g}, or "
                "correlation='positive'."
            )
        return values, vectors

    @lazily
    def predict(self, X: Any) -> NDArray:
        """Predict label distributions: the nearest ones to the linear degrees, above the floor.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Samples.

        Returns
        -------
        D : ndarray of shape (n_samples, n_labels)
            Rows on the simplex.
        """
        P = project_simplex(self.decision_function(X))
        return (1 - self.floor) * P + self.floor / P.shape[1]


def label_correlation(D: NDArray, weight: NDArray) -> NDArray:
    """Weighted Pearson correlations of the label columns, zero on the diagonal.

    Labels with constant degrees are correlated with nothing. The weights sum to one.
    """
    A = (D - weight @ D) * np.sqrt(weight)[:, None]
    deviation = np.linalg.norm(A, axis=0)
    A = np.where(deviation > _CONSTANT, A / np.maximum(deviation, _CONSTANT), 0)
    R = A.T @ A
    np.fill_diagonal(R, 0)
    return R
