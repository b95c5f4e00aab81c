"""Label distribution learning with label correlations by low-rank approximation."""

from __future__ import annotations

from numbers import Integral, Real
from typing import Any, Literal

import numpy as np
from numpy.random import RandomState
from numpy.typing import ArrayLike, NDArray

from sklearn_ldl._core.sklearn_compat import Interval, Options, fit_context
from sklearn_ldl._solver.losses import Term
from sklearn_ldl.linear.published.proximal import (
    nuclear_norm,
    shrink_groups,
    threshold_singular_values,
)
from sklearn_ldl.linear.published.splitting import SplittingModel

# Rounds over the small blocks after every fit of the coefficients, which costs more than all of
# them: with one round, the slow convergence of the correlations would set the pace.
_ROUNDS = 10
# Relative error of a spectral norm.
_ROUNDING = 1e-12


class LDLLCLR(SplittingModel):
    r"""Label correlations by low-rank approximation (LDL-LCLR).

    The model is :math:`p(x) = \mathrm{softmax}(W x + b)`. A correlation matrix `S` of low rank maps
    the predictions to the targets, up to errors in few labels. With weights :math:`s_i` that sum to
    one, and rows of `P` and `D` that are predictions and targets, it minimises

    .. math::
        \sum_i s_i\, KL(d_i \| p_i) + \frac{\alpha}{2} \|W\|_F^2
        + \lambda_E \sum_j \sqrt{\textstyle\sum_i s_i (D - P S)_{ij}^2}
        + \lambda_S \|S\|_* \pm \lambda_C \langle S, C \rangle

    over `W`, `b` and `S`, where :math:`\|\cdot\|_*` is the sum of the singular values and
    :math:`C_{jk}` the squared distance of the label columns `j` and `k`: its mean over the rows of
    a cluster, averaged over clusters of samples. It starts at the minimiser of the first two terms
    and goes on with the alternating direction method of multipliers (ADMM), in which
    :math:`D = P S + E` and :math:`S = Z` are the constraints. The problem is convex in `S` but not
    in `W` and `S` together: what is found is a stationary point.

    Parameters
    ----------
    alpha : float, default=1e-2
        Strength of the penalty on the coefficients; ``alpha >= 0``.
    error_weight : float, default=1e-2
        Strength :math:`\lambda_E` of the errors; with 0 they absorb everything, the coefficients
        are those of :class:`BFGSLDL`, and `S` is zero.
    rank_weight : float, default=1e-3
        Strength :math:`\lambda_S` of the nuclear norm. Where it is not much smaller than
        `error_weight`, `S` is zero or maps every prediction to one distribution, and the
        coefficients are those of :class:`BFGSLDL`.
    local_weight : float, default=1e-4
        Strength :math:`\lambda_C` of the distances within clusters. It must not exceed
        `rank_weight` divided by the spectral norm of `C`: beyond, the objective need not be bounded
        from below, whatever the sign. That norm is at most ``sqrt(n_labels - 1)``, mostly below 1.
    local_sign : {1, -1}, default=1
        Sign of the distances: 1 makes entries of `S` small for labels that differ; -1, that of the
        reference implementation, makes them large.
    n_clusters : int, default=4
        Number of clusters (k-means); fewer when there are fewer distinct rows.
    cluster_on : {"features", "labels"}, default="features"
        Whether rows of `X` or of `y` are clustered.
    rho : float, default=1.0
        Weight of the constraints at the start. It is adapted; where the iteration does not settle,
        as may happen with an `error_weight` of ten times the default, start higher or lower.
    fit_intercept : bool, default=True
        Whether to add an intercept, which is not penalised.
    max_iter : int, default=500
        Most ADMM iterations.
    inner_max_iter : int, default=10
        Most quasi-Newton iterations on the coefficients in one of them; the start has
        ``max_iter * inner_max_iter``.
    tol : float, default=1e-5
        Stop when both residuals are at most this.
    random_state : int, RandomState instance or None, default=None
        Seed of the clustering.
    verbose : int, default=0
        Print residuals every `verbose` iterations; 0 prints nothing.

    Attributes
    ----------
    coef_ : ndarray of shape (n_labels, n_features)
        Coefficients :math:`W`, in the dtype of `X`.
    intercept_ : ndarray of shape (n_labels,)
        Intercept :math:`b`.
    correlation_ : ndarray of shape (n_labels, n_labels)
        Correlations `S`. Predictions do not use them.
    low_rank_correlation_ : ndarray of shape (n_labels, n_labels)
        Their copy `Z` of exactly low rank, the same up to the primal residual.
    cluster_labels_ : ndarray of shape (n_samples,)
        Cluster of every training row; -1 marks rows of weight zero, which are ignored.
    n_iter_ : int
        Number of ADMM iterations.
    n_evaluations_ : int
        Number of gradients: products of `X` and its transpose with one matrix each.
    objective_curve_ : ndarray of shape (n_iter + 1,)
        Objective at the start, with ``S = 0``, and after every iteration.
    residuals_ : ndarray of shape (n_iter, 2)
        The primal residual :math:`(\|\mathrm{diag}(\sqrt s) (D - P S - E)\|_F^2 +
        \|S - Z\|_F^2)^{1/2}`, and the dual one: the largest of the gradient of the Lagrangian in
        `S`, of the gradient that the coefficients were left with, and of the change (in the norm of
        the first) of what multipliers and `S` then added to the gradient in the logits.
    n_labels_, label_names_, n_features_in_, feature_names_in_
        As in :class:`BFGSLDL`.

    Warns
    -----
    ConvergenceWarning
        When a residual is above `tol` after `max_iter` iterations.

    See Also
    --------
    EDLLRL : The predictions themselves are of low rank in every cluster.

    Notes
    -----
    The published objective is a sum over `n` rows with weights :math:`\lambda_1 \|W\|_F^2`,
    :math:`\lambda_2 \|E\|_{2,1}`, :math:`\lambda_3 \|S\|_*` and :math:`\lambda_4`; that is
    ``alpha = 2 * lambda_1 / n``, ``error_weight = lambda_2 / sqrt(n)``,
    ``rank_weight = lambda_3 / n`` and, for clusters of one size, ``local_weight = lambda_4``, or
    half of it where only pairs of labels `j < k` are summed and `S` is symmetric. The published
    values have :math:`\lambda_3 = \lambda_4`, which exceeds the bound of `local_weight` about `n`
    times. Summed over all rows, the distances would not depend on the clusters: hence the means.

    Several matrices of size (n_labels, n_labels) are kept during the fit.

    References
    ----------
    T. Ren, X. Jia, W. Li, S. Zhao, "Label distribution learning with label correlations via
    low-rank approximation", International Joint Conference on Artificial Intelligence (IJCAI),
    2019.

    Examples
    --------
    >>> from sklearn_ldl.datasets import make_ldl
    >>> from sklearn_ldl import LDLLCLR
    >>> X, D = make_ldl(n_samples=200, random_state=0)
    >>> model = LDLLCLR(alpha=1e-3, random_state=0).fit(X, D)
    >>> model.correlation_.shape
    (3, 3)
    >>> model.score(X, D) > 0.8
    True
    """

    _parameter_constraints: dict = {
        **SplittingModel._parameter_constraints,
        "error_weight": [Interval(Real, 0, None, closed="left")],
        "local_weight": [Interval(Real, 0, None, closed="left")],
        "local_sign": [Options(Integral, {1, -1})],
    }

    def __init__(
        self,
        alpha: float = 1e-2,
        *,
        error_weight: float = 1e-2,
        rank_weight: float = 1e-3,
        local_weight: float = 1e-4,
        local_sign: Literal[1, -1] = 1,
        n_clusters: int = 4,
        cluster_on: Literal["features", "labels"] = "features",
        rho: float = 1.0,
        fit_intercept: bool = True,
        max_iter: int = 500,
        inner_max_iter: int = 10,
        tol: float = 1e-5,
        random_state: int | RandomState | None = None,
        verbose: int = 0,
    ):
        self.alpha = alpha
        self.error_weight = error_weight
        self.rank_weight = rank_weight
        self.local_weight = local_weight
        self.local_sign = local_sign
        self.n_clusters = n_clusters
        self.cluster_on = cluster_on
        self.rho = rho
        self.fit_intercept = fit_intercept
        self.max_iter = max_iter
        self.inner_max_iter = inner_max_iter
        self.tol = tol
        self.random_state = random_state
        self.verbose = verbose

    @fit_context(prefer_skip_nested_validation=True)
    def fit(self, X: Any, y: ArrayLike, sample_weight: ArrayLike | None = None) -> LDLLCLR:
        """Fit the model.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Samples; float32 stays float32, and sparse input stays sparse (CSR).
        y : array-like of shape (n_samples, n_labels)
            Label distributions; rows sum to one.
        sample_weight : array-like of shape (n_samples,), default=None
            Non-negative weights of the rows, not all zero.

        Returns
        -------
        self : LDLLCLR
            The fitted estimator.

        Raises
        ------
        ValueError
            If `y` does not hold distributions (see :func:`sklearn_ldl.check_distribution`), for
            data that scikit-learn rejects, or if `local_weight` is too large for `rank_weight`.
        """
        problem, D, clusters = self._prepare(X, y, sample_weight)
        weight = problem.design.weight
        distances = _label_distances(D, weight, clusters)
        self._check_bounded(distances)
        blocks = _Correlations(
            D,
            weight,
            self.local_sign * self.local_weight * distances,
            error_weight=self.error_weight,
            rank_weight=self.rank_weight,
        )
        try:
            self._fit_split(problem, blocks if self.error_weight > 0 else None)
        finally:
            self.correlation_, self.low_rank_correlation_ = blocks.S, blocks.Z
        return self

    def _check_bounded(self, distances: NDArray) -> None:
        # |<S, C>| <= ||C||_2 ||S||_*, and S may grow in directions that the errors do not see.
        norm = np.linalg.norm(distances, 2) * (1 - _ROUNDING)
        if self.local_weight * norm > self.rank_weight:
            raise ValueError(
                f"local_weight={self.local_weight:g} is too large for "
                f"rank_weight={self.rank_weight:g}: the objective need not be bounded from below. "
                f"On these data it may be at most {self.rank_weight / norm:.3g}."
            )


def _label_distances(D: NDArray, weight: NDArray, clusters: list[NDArray]) -> NDArray:
    """Mean squared distances of label columns within each cluster, averaged over the clusters."""
    distances = np.zeros((D.shape[1], D.shape[1]))
    for rows in clusters:
        moments = (D[rows] * weight[rows, None]).T @ D[rows] / weight[rows].sum()
        squares = np.diag(moments)
        distances += squares[:, None] + squares - 2 * moments
    return distances / len(clusters)


class _Correlations:
    """Correlations `S`, errors `E` and the copy `Z`, with multipliers of both constraints.

    ``D = P S + E`` has multipliers `G` and ``S = Z`` multipliers `H`. The second constraint is
    weighted by the mean curvature that the first one has in `S`.
    """

    def __init__(self, D, weight, linear, *, error_weight, rank_weight):
        self.D = D
        self.weight = weight[:, None]
        self.root = np.sqrt(self.weight)
        self.linear = linear
        self.error_weight = error_weight
        self.rank_weight = rank_weight
        self.curvature = float(np.sum(self.weight * D * D)) / D.shape[1]
        self.S, self.Z, self.H = (np.zeros_like(linear) for _ in range(3))
        self.E, self.G = D.copy(), np.zeros_like(D)

    def attraction(self, rho: float) -> Term:
        target, S, G = self.D - self.E, self.S, self.G

        def term(P, sample_weight):
            R = target - P @ S
            value = np.einsum("ij,ij->i", G + rho / 2 * R, R) @ sample_weight
            R *= rho
            R += G
            R *= -sample_weight[:, None]
            return float(value), R @ S.T

        return term

    def update(self, P: NDArray, rho: float) -> tuple[float, float]:
        rho_copy = rho * self.curvature
        weighted = (self.weight * P).T
        A = rho * (weighted @ P)
        A[np.diag_indices_from(A)] += rho_copy
        inverse = np.linalg.inv(A)
        for _ in range(_ROUNDS):
            pulled = weighted @ (self.G + rho * (self.D - self.E))
            self.S = inverse @ (pulled - self.H + rho_copy * self.Z - self.linear)
            R = self.D - P @ self.S
            scaled = self.root * (R + self.G / rho)
            self.E = shrink_groups(scaled, self.error_weight / rho, axis=0) / self.root
            self.Z, _ = threshold_singular_values(
                self.S + self.H / rho_copy, self.rank_weight / rho_copy
            )
            R -= self.E
            self.G += rho * R
            self.H += rho_copy * (self.S - self.Z)
        primal = np.hypot(np.linalg.norm(self.root * R), np.linalg.norm(self.S - self.Z))
        own = np.linalg.norm(self.H + self.linear - weighted @ self.G)
        return float(primal), float(own)

    def pull(self, P: NDArray) -> NDArray:
        return -self.G @ self.S.T

    def value(self, P: NDArray) -> float:
        errors = np.linalg.norm(self.root * (self.D - P @ self.S), axis=0)
        return float(
            self.error_weight * errors.sum()
            + self.rank_weight * nuclear_norm(self.S)
            + np.sum(self.linear * self.S)
        )
