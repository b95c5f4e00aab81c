"""Label distribution learning on the manifold of label distributions."""

from __future__ import annotations

from numbers import Integral, Real
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from sklearn_ldl._core.barycentric import barycentric_weights
from sklearn_ldl._core.sklearn_compat import Interval, StrOptions, fit_context
from sklearn_ldl._solver.lbfgs import State
from sklearn_ldl._solver.losses import Term, cross_entropy, with_terms
from sklearn_ldl._solver.problem import SoftmaxLinearProblem, warn_if_not_converged
from sklearn_ldl.linear.base import SoftmaxLinearModel
from sklearn_ldl.linear.published.clusters import cluster_rows, members


class LDLLDM(SoftmaxLinearModel):
    r"""Maximum-entropy model whose predictions keep to the label distribution manifold (LDL-LDM).

    In the training distributions, the degree of a label is nearly a fixed combination of the
    degrees of the other labels. Locally linear embedding of the labels finds that combination: row
    j of the matrix `M` holds the weights, with sum one, that best reconstruct label j from the
    others. The model :math:`p(x) = \mathrm{softmax}(W x + b)` is asked to obey the same
    relations, over all rows (`M`) and within clusters of similar rows (:math:`M_g`):

    .. math::
        F(W, b) = \sum_i s_i \Bigl( KL(d_i \| p_i) + \lambda \|p_i - M p_i\|^2
                  + \mu \|p_i - M_{g(i)}\, p_i\|^2 \Bigr) + \frac{\alpha}{2} \|W\|_F^2

    with :math:`p_i = p(x_i)` and weights :math:`s_i` that sum to one. The matrices are computed
    once, from the training distributions.

    Parameters
    ----------
    alpha : float, default=1e-2
        Strength of the penalty, at least 0. The published objective is a sum over rows: divide
        its strength (1e-3) by the number of rows.
    global_weight : float, default=0.1
        :math:`\lambda`, at least 0: the manifold of all rows. The published value is 1, on the same
        scale: the loss and this term are both means instead of sums.
    local_weight : float, default=0.1
        :math:`\mu`, at least 0: the manifolds of the clusters; likewise.
    n_clusters : int, default=10
        Number of clusters (fewer when there are fewer distinct rows); 1 leaves out the local part.
    cluster_on : {"labels", "features"}, default="labels"
        Whether k-means sees the distributions or `X`.
    barycenter_alpha : float, default=1e-3
        Positive ridge of the reconstruction weights, relative to the sum of the squared distances
        between a label and the others.
    fit_intercept : bool, default=True
        Whether to add an intercept, which is not penalised (the published one is).
    max_iter : int, default=1000
        Most iterations.
    tol : float, default=1e-6
        The search stops when no entry of the gradient is larger (or when rounding permits no
        further progress).
    random_state : int, RandomState instance or None, default=None
        Start of the clustering, the only random part.
    verbose : int, default=0
        Print the objective every `verbose` iterations; 0 prints nothing.

    Attributes
    ----------
    coef_ : ndarray of shape (n_labels, n_features)
        Coefficients :math:`W`, in the dtype of `X`.
    intercept_ : ndarray of shape (n_labels,)
        Intercept :math:`b`.
    manifold_ : ndarray of shape (n_labels, n_labels)
        `M`: rows sum to one, the diagonal is zero. The identity when there is no global term.
    local_manifolds_ : ndarray of shape (n_clusters_found, n_labels, n_labels)
        The matrix of every cluster; the identity for a cluster without a term.
    cluster_labels_ : ndarray of shape (n_samples,)
        Cluster of every training row; all zero when there is no local part.
    objective_curve_ : ndarray of shape (n_iter + 1,)
        Objective :math:`F` at the start and after every iteration; but for rounding, it never
        rises.
    gradient_norm_ : float
        Largest absolute entry of the final gradient (an upper bound with more features than rows).
    n_iter_ : int
        Number of iterations.
    n_labels_, label_names_, n_features_in_, feature_names_in_
        As in :class:`BFGSLDL`.

    Warns
    -----
    ConvergenceWarning
        When the gradient is above `tol` after `max_iter` iterations.

    See Also
    --------
    BFGSLDL : The same model without the manifold.

    Notes
    -----
    The terms are quadratic in the predictions and therefore not convex in the coefficients: the
    result is a stationary point, reached from the mean distribution (no random start), and need
    not be the global minimiser.

    What the relations do not explain, the terms draw to the uniform distribution, which lies on
    every manifold. With few labels or loose relations the published weights can outdo the loss:
    choose them by cross-validation, starting well below 1.

    With two labels, each can only be reconstructed by the other, and the terms would draw all
    predictions to (1/2, 1/2); they are left out, which leaves :class:`BFGSLDL`. A cluster with
    fewer rows than labels says little about the relations between labels and gets no local term.

    The reconstruction weights take about ``n_labels**4 / 3`` operations per matrix.

    References
    ----------
    J. Wang, X. Geng, "Label distribution learning by exploiting label distribution manifold", IEEE
    Transactions on Neural Networks and Learning Systems 34(2), 2023.

    Examples
    --------
    >>> from sklearn_ldl import LDLLDM
    >>> from sklearn_ldl.datasets import make_ldl
    >>> X, D = make_ldl(n_samples=200, random_state=0)
    >>> model = LDLLDM(random_state=0).fit(X, D)
    >>> model.manifold_.sum(axis=1)
    array([1., 1., 1.])
    >>> model.score(X, D) > 0.8
    True
    """

    _parameter_constraints: dict = {
        "alpha": [Interval(Real, 0, None, closed="left")],
        "global_weight": [Interval(Real, 0, None, closed="left")],
        "local_weight": [Interval(Real, 0, None, closed="left")],
        "n_clusters": [Interval(Integral, 1, None, closed="left")],
        "cluster_on": [StrOptions({"labels", "features"})],
        "barycenter_alpha": [Interval(Real, 0, None, closed="neither")],
        "fit_intercept": ["boolean"],
        "max_iter": [Interval(Integral, 0, None, closed="left")],
        "tol": [Interval(Real, 0, None, closed="left")],
        "random_state": ["random_state"],
        "verbose": ["verbose"],
    }

    def __init__(
        self,
        alpha: float = 1e-2,
        *,
        global_weight: float = 0.1,
        local_weight: float = 0.1,
        n_clusters: int = 10,
        cluster_on: Literal["labels", "features"] = "labels",
        barycenter_alpha: float = 1e-3,
        fit_intercept: bool = True,
        max_iter: int = 1000,
        tol: float = 1e-6,
        random_state: int | np.random.RandomState | None = None,
        verbose: int = 0,
    ):
        self.alpha = alpha
        self.global_weight = global_weight
        self.local_weight = local_weight
        self.n_clusters = n_clusters
        self.cluster_on = cluster_on
        self.barycenter_alpha = barycenter_alpha
        self.fit_intercept = fit_intercept
        self.max_iter = max_iter
        self.tol = tol
        self.random_state = random_state
        self.verbose = verbose

    @fit_context(prefer_skip_nested_validation=True)
    def fit(self, X: Any, y: ArrayLike, sample_weight: ArrayLike | None = None) -> LDLLDM:
        """Find the manifolds and fit the model.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Samples; float32 stays float32, and sparse input stays sparse (CSR).
        y : array-like of shape (n_samples, n_labels)
            Label distributions; rows sum to one.
        sample_weight : array-like of shape (n_samples,), default=None
            Non-negative weights of the rows, not all zero. They count in the loss, in the
            manifolds and in the clustering.

        Returns
        -------
        self : LDLLDM
            The fitted estimator.

        Raises
        ------
        ValueError
            If `y` does not hold distributions (see :func:`sklearn_ldl.check_distribution`), or for
            data that scikit-learn rejects.
        """
        X, D, sample_weight = self._validate_data(X, y, sample_weight)
        problem = SoftmaxLinearProblem(
            X, D, sample_weight, fit_intercept=self.fit_intercept, alphas=[self.alpha]
        )
        terms = self._find_manifolds(X, D, problem.design.weight)
        state = problem.start()
        curve: list[float] = []

        def on_iteration(state: State) -> None:
            curve.append(float(state.value - problem.entropy))
            self._report(state.n_iter, curve[-1], state.gradient_norm)

        try:
            problem.solve(
                self.alpha,
                state,
                loss=with_terms(cross_entropy, *terms),
                max_iter=self.max_iter,
                tol=self.tol,
                callback=on_iteration,
            )
        finally:
            # Also after Ctrl-C: what was reached is kept.
            self.coef_, self.intercept_ = problem.coefficients(state)
            self.objective_curve_ = np.array(curve)
            self.gradient_norm_ = float(state.gradient_norm)
            self.n_iter_ = state.n_iter
        warn_if_not_converged(state, self.tol)
        return self

    def _find_manifolds(self, X, D, weight) -> list[Term]:
        """Set the matrices and the clusters; return the term that they make, if any."""
        n_samples, n_labels = D.shape
        identity = np.eye(n_labels)
        several = n_labels > 2
        use_global = several and self.global_weight > 0
        use_local = several and self.local_weight > 0 and self.n_clusters > 1

        self.manifold_ = identity
        if use_global:
            self.manifold_ = _reconstruction(D, weight, self.barycenter_alpha)
        self.cluster_labels_ = np.zeros(n_samples, dtype=np.intp)
        if use_local:
            points = D if self.cluster_on == "labels" else X
            self.cluster_labels_ = cluster_rows(points, self.n_clusters, weight, self.random_state)
        clusters = members(self.cluster_labels_)
        self.local_manifolds_ = np.stack(
            [
                _reconstruction(D[rows], weight[rows], self.barycenter_alpha)
                if use_local and np.count_nonzero(weight[rows]) >= n_labels
                else identity
                for rows in clusters
            ]
        )
        if not (use_global or use_local):
            return []
        shared = self.global_weight * _quadratic_form(self.manifold_)
        own = self.local_weight * _quadratic_form(self.local_manifolds_)
        return [_manifold_term(clusters, shared + own)]


def _reconstruction(D: NDArray, weight: NDArray, alpha: float) -> NDArray[np.float64]:
    """Weights (n_labels, n_labels) that rebuild every label from the others, as columns of `D`."""
    n_labels = D.shape[1]
    others = np.nonzero(~np.eye(n_labels, dtype=bool))[1].reshape(n_labels, n_labels - 1)
    points = (np.sqrt(weight)[:, None] * D).T
    M = np.zeros((n_labels, n_labels))
    np.put_along_axis(M, others, barycentric_weights(points, others, alpha=alpha), axis=1)
    return M


def _quadratic_form(M: NDArray) -> NDArray:
    r"""Matrix `A` with :math:`p^T A p = \|p - M p\|^2`; `M` may be a stack of matrices."""
    R = np.eye(M.shape[-1]) - M
    return R.swapaxes(-1, -2) @ R


def _manifold_term(clusters: list[NDArray], forms: NDArray) -> Term:
    r"""Term :math:`\sum_i s_i\, p_i^T A_{g(i)}\, p_i` with one symmetric form for each cluster."""

    def term(P, sample_weight):
        G = np.empty_like(P)
        for rows, A in zip(clusters, forms, strict=True):
            G[rows] = P[rows] @ A.astype(P.dtype)
        value = float(np.einsum("ij,ij->i", P, G) @ sample_weight)
        G *= 2 * sample_weight[:, None]
        return value, G

    return term
