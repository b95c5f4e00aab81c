"""Emotion distribution learning with predictions of low rank within clusters of samples."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
from numpy.random import RandomState
from numpy.typing import ArrayLike, NDArray

from sklearn_ldl._core.sklearn_compat import StrOptions, fit_context
from sklearn_ldl._solver.losses import Term, cross_entropy, quadratic, squared_error
from sklearn_ldl.linear.published.proximal import nuclear_norm, threshold_singular_values
from sklearn_ldl.linear.published.splitting import SplittingModel

_LOSSES = {"squared_error": squared_error, "kl": cross_entropy}


class EDLLRL(SplittingModel):
    r"""Low-rank label correlations, locally (EDL-LRL).

    The model is :math:`p(x) = \mathrm{softmax}(W x + b)`. Samples are clustered once, and the
    predictions :math:`P_g` of every cluster are drawn to a matrix of low rank, in which few
    patterns of labels explain all rows. With weights :math:`s_i` that sum to one it minimises

    .. math::
        \tfrac12 \sum_i s_i \|p_i - d_i\|^2 + \frac{\alpha}{2} \|W\|_F^2
        + \lambda \sum_g \big\|\mathrm{diag}(\sqrt{s_g})\, P_g\big\|_*

    over `W` and `b`, where :math:`\|\cdot\|_*` is the sum of the singular values. It starts at the
    minimiser of the first two terms and goes on with the alternating direction method of
    multipliers (ADMM), with copies :math:`Z_g = P_g` for the third. The predictions are not linear
    in `W`, so the problem is not convex: what is found is a stationary point.

    Parameters
    ----------
    alpha : float, default=1e-2
        Strength of the penalty on the coefficients; ``alpha >= 0``.
    rank_weight : float, default=1e-2
        Strength :math:`\lambda` of the nuclear norms; 0 leaves the penalised loss alone.
    n_clusters : int, default=5
        Number of clusters (k-means); fewer when there are fewer distinct rows.
    cluster_on : {"features", "labels"}, default="features"
        Whether rows of `X` or of `y` are clustered.
    loss : {"squared_error", "kl"}, default="squared_error"
        The published squared error, or the mean KL divergence
        :math:`\sum_i s_i KL(d_i \| p_i)` of :class:`BFGSLDL` in its place.
    rho : float, default=1.0
        Weight of the constraints at the start; it is adapted and has no influence on the optimum.
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
    cluster_labels_ : ndarray of shape (n_samples,)
        Cluster of every training row; -1 marks rows of weight zero, which are ignored.
    n_iter_ : int
        Number of ADMM iterations.
    n_evaluations_ : int
        Number of gradients: products of `X` and its transpose with one matrix each.
    objective_curve_ : ndarray of shape (n_iter + 1,)
        Objective at the start and after every iteration.
    residuals_ : ndarray of shape (n_iter, 2)
        The primal residual :math:`\|\mathrm{diag}(\sqrt s) (P - Z)\|_F`, and the dual one: the
        larger of the gradient that the coefficients were left with and of the change (in the norm
        of the first) of what the multipliers then added to the gradient in the logits.
    n_labels_, label_names_, n_features_in_, feature_names_in_
        As in :class:`BFGSLDL`.

    Warns
    -----
    ConvergenceWarning
        When a residual is above `tol` after `max_iter` iterations.

    See Also
    --------
    LDLLCLR : One matrix of low rank maps predictions to targets.

    Notes
    -----
    The published objective is a sum over `n` rows with weights :math:`\lambda_1 \|W\|_F^2` and
    :math:`\lambda_2 \sum_g \|P_g\|_*`; it is the same as ``alpha = 2 * lambda_1 / n`` and
    ``rank_weight = lambda_2 / sqrt(n)``. Standardise the features first.

    References
    ----------
    X. Jia, X. Zheng, W. Li, C. Zhang, Z. Li, "Facial emotion distribution learning by exploiting
    low-rank label correlations locally", Conference on Computer Vision and Pattern Recognition
    (CVPR), 2019.

    Examples
    --------
    >>> from sklearn_ldl.datasets import make_ldl
    >>> from sklearn_ldl import EDLLRL
    >>> X, D = make_ldl(n_samples=200, random_state=0)
    >>> model = EDLLRL(alpha=1e-3, rank_weight=1e-3, random_state=0).fit(X, D)
    >>> model.predict(X[:2]).shape
    (2, 3)
    >>> model.score(X, D) > 0.8
    True
    """

    _parameter_constraints: dict = {
        **SplittingModel._parameter_constraints,
        "loss": [StrOptions(set(_LOSSES))],
    }

    def __init__(
        self,
        alpha: float = 1e-2,
        *,
        rank_weight: float = 1e-2,
        n_clusters: int = 5,
        cluster_on: Literal["features", "labels"] = "features",
        loss: Literal["squared_error", "kl"] = "squared_error",
        rho: float = 1.0,
        fit_intercept: bool = True,
        max_iter: int = 500,
        inner_max_iter: int = 10,
        tol: float = 1e-5,
        random_state: int | RandomState | None = None,
        verbose: int = 0,
    ):
        self.alpha = alpha
        self.rank_weight = rank_weight
        self.n_clusters = n_clusters
        self.cluster_on = cluster_on
        self.loss = loss
        self.rho = rho
        self.fit_intercept = fit_intercept
        self.max_iter = max_iter
        self.inner_max_iter = inner_max_iter
        self.tol = tol
        self.random_state = random_state
        self.verbose = verbose

    @fit_context(prefer_skip_nested_validation=True)
    def fit(self, X: Any, y: ArrayLike, sample_weight: ArrayLike | None = None) -> EDLLRL:
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
        self : EDLLRL
            The fitted estimator.

        Raises
        ------
        ValueError
            If `y` does not hold distributions (see :func:`sklearn_ldl.check_distribution`), or for
            data that scikit-learn rejects.
        """
        problem, D, clusters = self._prepare(X, y, sample_weight)
        blocks = None
        if self.rank_weight > 0:
            blocks = _LowRankCopies(D.shape, problem.design.weight, clusters, self.rank_weight)
        self._fit_split(problem, blocks, _LOSSES[self.loss])
        return self


class _LowRankCopies:
    """Copies `Z` of the predictions with a nuclear norm for every cluster; multipliers `U`."""

    def __init__(self, shape, weight: NDArray, clusters: list[NDArray], rank_weight: float):
        self.root = np.sqrt(weight)[:, None]
        self.clusters = clusters
        self.rank_weight = rank_weight
        self.Z = np.zeros(shape)
        self.U = np.zeros(shape)

    def attraction(self, rho: float) -> Term:
        return quadratic(self.Z - self.U / rho, rho)

    def update(self, P: NDArray, rho: float) -> tuple[float, float]:
        A = self.root * (P + self.U / rho)
        for rows in self.clusters:
            low_rank, _ = threshold_singular_values(A[rows], self.rank_weight / rho)
            self.Z[rows] = low_rank / self.root[rows]
        missed = P - self.Z
        # Now U is a subgradient of the nuclear norms at Z: their own stationarity misses nothing.
        self.U += rho * missed
        return float(np.linalg.norm(self.root * missed)), 0.0

    def pull(self, P: NDArray) -> NDArray:
        return self.U

    def value(self, P: NDArray) -> float:
        norms = (nuclear_norm(self.root[rows] * P[rows]) for rows in self.clusters)
        return self.rank_weight * sum(norms)
