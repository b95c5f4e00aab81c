"""Sample correlations exploited locally, by a code of every training row."""

from __future__ import annotations

from numbers import Integral, Real
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.linear_model import Ridge
from sklearn.utils.validation import check_is_fitted

from sklearn_ldl._core.samples import validate_samples
from sklearn_ldl._core.sklearn_compat import Interval, fit_context
from sklearn_ldl._solver.lbfgs import State
from sklearn_ldl._solver.problem import SoftmaxLinearProblem, warn_if_not_converged
from sklearn_ldl.linear.base import SoftmaxLinearModel
from sklearn_ldl.linear.published.clusters import cluster_rows, members
from sklearn_ldl.linear.published.codes import CodedObjective, Search, search

# Of the iterative solver that the regression of codes uses for sparse features.
_RIDGE_TOL = 1e-8


class LDLSCL(SoftmaxLinearModel):
    r"""Label distribution learning by exploiting sample correlations locally (LDL-SCL).

    Every training row has a code :math:`c_i \ge 0` with one entry for each of `m` clusters of the
    label distributions, which says how much the row has to do with that cluster and which joins
    its features: :math:`p_i = \mathrm{softmax}(W x_i + V c_i + b)`. With row weights :math:`s_i`
    that sum to one and the centres :math:`\mu_g` of the clusters it minimises

    .. math::
        \sum_i s_i \Big( KL(d_i \| p_i) + \lambda \sum_g c_{ig} \|p_i - \mu_g\|^2
        + \tfrac{\beta}{2} \|c_i\|^2 \Big)
        + \tfrac{\alpha}{2} \|W\|_F^2 + \tfrac{\beta}{2} \|V\|_F^2

    over all of `W`, `V`, `b` and the codes at once, by a quasi-Newton search with bounds
    (L-BFGS-B). New rows have no code: a ridge regression from the features to the codes predicts
    it, clipped to the range of the codes of the training rows.

    Parameters
    ----------
    alpha : float, default=1e-2
        Strength :math:`\alpha \ge 0` of the penalty on the coefficients of the features.
    n_clusters : int, default=5
        Number `m` of clusters; fewer when there are fewer distinct rows.
    code_alpha : float, default=0.1
        Strength :math:`\beta > 0` of the penalty on the codes and their coefficients. Codes are
        free on the training rows, so a weak one lets them learn the rows by heart, which leaves
        nothing to the features; a strong one makes all codes zero, which leaves the model of
        :class:`~sklearn_ldl.BFGSLDL`.
    correlation_weight : float, default=1e-2
        Strength :math:`\lambda \ge 0` of the term that draws predictions to the centres of the
        clusters in their codes.
    code_model_alpha : float, default=1.0
        Strength of the penalty of the regression of the codes: ``code_model_alpha / 2`` times the
        squared coefficients, next to half of the mean squared error; positive.
    fit_intercept : bool, default=True
        Whether to add an intercept, which is not penalised.
    max_iter : int, default=1000
        Most iterations.
    tol : float, default=1e-5
        The search stops when `gradient_norm_` is no larger.
    random_state : int, RandomState instance or None, default=None
        Determines the start of the clustering. Pass an int for reproducible results.
    verbose : int, default=0
        Print the objective every `verbose` iterations; 0 prints nothing.

    Attributes
    ----------
    coef_ : ndarray of shape (n_labels, n_features)
        Coefficients :math:`W` of the features, in the dtype of `X`.
    intercept_ : ndarray of shape (n_labels,)
        Intercept :math:`b`.
    code_coef_ : ndarray of shape (n_labels, n_clusters)
        Coefficients :math:`V` of the codes.
    codes_ : ndarray of shape (n_samples, n_clusters)
        Codes :math:`c_i` of the training rows; those of rows without weight are predicted.
    cluster_centers_ : ndarray of shape (n_clusters, n_labels)
        Mean distributions :math:`\mu_g` of the clusters.
    code_model_ : Ridge
        The regression of the codes on the features.
    objective_curve_ : ndarray of shape (n_iter + 1,)
        Objective at the start and after every iteration.
    gradient_norm_ : float
        Largest absolute entry of the final gradient (an upper bound with more features than rows),
        projected: what would only take a code of zero below zero does not count. Derivatives in the
        codes of a row, which are of the order of its weight :math:`s_i`, are divided by its root.
    n_iter_ : int
        Number of iterations.
    n_labels_, label_names_, n_features_in_, feature_names_in_
        As in :class:`BFGSLDL`.

    Warns
    -----
    ConvergenceWarning
        When the gradient is above `tol` after `max_iter` iterations.

    Notes
    -----
    The published method keeps codes positive by a barrier :math:`\tau / c_{ig}` whose strength
    falls tenfold in every iteration. That is an interior-point device; its limit is the bound
    :math:`c_{ig} \ge 0`, which is imposed exactly here.

    It penalises `V` but not the codes. Then there is no minimiser: codes grow and `V` shrinks
    without any change of the predictions, until the penalty has no effect. With the same strength
    on both of them it is their product that is penalised, and codes that explain too little vanish.

    The objective is not convex, but with the default `correlation_weight` all starts tried end in
    one point; from about 1 on there are several. Codes start at the clusters, with one for a row's
    own and zero for the others, and :math:`V` at zero. That is not stationary, as it would be with
    codes of zero.

    Strengths on sums over rows convert to ``alpha = 2 * lambda1 / n_samples``, and
    `correlation_weight` stays.

    Standardise features, on whose scale all penalties depend.

    References
    ----------
    X. Zheng, X. Jia, W. Li, "Label distribution learning by exploiting sample correlations
    locally", AAAI 2018.

    X. Jia, Z. Li, X. Zheng, W. Li, S.-J. Huang, "Label distribution learning with label
    correlations on local samples", IEEE Transactions on Knowledge and Data Engineering, 2021.

    Examples
    --------
    >>> from sklearn_ldl.datasets import make_ldl
    >>> from sklearn_ldl import LDLSCL
    >>> X, D = make_ldl(n_samples=200, random_state=0)
    >>> model = LDLSCL(n_clusters=3, code_alpha=0.03, random_state=0).fit(X, D)
    >>> model.codes_.shape
    (200, 3)
    >>> model.score(X, D) > 0.8
    True
    """

    _parameter_constraints: dict = {
        "alpha": [Interval(Real, 0, None, closed="left")],
        "n_clusters": [Interval(Integral, 1, None, closed="left")],
        "code_alpha": [Interval(Real, 0, None, closed="neither")],
        "correlation_weight": [Interval(Real, 0, None, closed="left")],
        "code_model_alpha": [Interval(Real, 0, None, closed="neither")],
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
        n_clusters: int = 5,
        code_alpha: float = 0.1,
        correlation_weight: float = 1e-2,
        code_model_alpha: float = 1.0,
        fit_intercept: bool = True,
        max_iter: int = 1000,
        tol: float = 1e-5,
        random_state: int | np.random.RandomState | None = None,
        verbose: int = 0,
    ):
        self.alpha = alpha
        self.n_clusters = n_clusters
        self.code_alpha = code_alpha
        self.correlation_weight = correlation_weight
        self.code_model_alpha = code_model_alpha
        self.fit_intercept = fit_intercept
        self.max_iter = max_iter
        self.tol = tol
        self.random_state = random_state
        self.verbose = verbose

    @fit_context(prefer_skip_nested_validation=True)
    def fit(self, X: Any, y: ArrayLike, sample_weight: ArrayLike | None = None) -> LDLSCL:
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
        self : LDLSCL
            The fitted estimator.

        Raises
        ------
        ValueError
            If `y` does not hold distributions (see :func:`sklearn_ldl.check_distribution`), or for
            data that scikit-learn rejects.
        """
        X, D, sample_weight = self._validate_data(X, y, sample_weight)
        dtype = X.dtype
        used = sample_weight > 0
        # Codes of single rows are beyond the resolution of float32.
        Xu, Du = X[used].astype(np.float64, copy=False), D[used]
        problem = SoftmaxLinearProblem(
            Xu, Du, sample_weight[used], fit_intercept=self.fit_intercept, alphas=[self.alpha]
        )
        weight = problem.design.weight
        labels = cluster_rows(Du, self.n_clusters, weight, self.random_state)
        centers = np.array(
            [np.average(Du[rows], axis=0, weights=weight[rows]) for rows in members(labels)]
        )
        self.cluster_centers_ = centers.astype(dtype)
        objective = CodedObjective(
            problem,
            centers,
            alpha=self.alpha,
            code_alpha=self.code_alpha,
            correlation_weight=self.correlation_weight,
        )
        state = Search(objective.start(np.eye(len(centers))[labels]))
        try:
            search(
                objective,
                state,
                max_iter=self.max_iter,
                tol=self.tol,
                callback=lambda state: self._report(
                    state.n_iter, state.objective_curve[-1], state.gradient_norm
                ),
            )
        finally:
            # Also after Ctrl-C: what was reached is kept.
            model = objective.model(state.x)
            coefficients = problem.coefficients(State(model.coef, model.intercept))
            self.coef_, self.intercept_ = (A.astype(dtype) for A in coefficients)
            self.code_coef_ = model.code_coef.astype(dtype)
            # With weights that sum to one, the strength refers to the mean squared error.
            self.code_model_ = Ridge(self.code_model_alpha, tol=_RIDGE_TOL)
            self.code_model_.fit(Xu, model.codes, sample_weight=weight)
            self.codes_ = model.codes.astype(dtype)
            if not used.all():
                self.codes_ = self.predict_codes(X)
                self.codes_[used] = model.codes
            self.objective_curve_ = np.array(state.objective_curve)
            self.gradient_norm_ = state.gradient_norm
            self.n_iter_ = state.n_iter
        warn_if_not_converged(state, self.tol)
        return self

    def predict_codes(self, X: Any) -> NDArray:
        """Predict the codes of new rows.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Samples.

        Returns
        -------
        codes : ndarray of shape (n_samples, n_clusters)
            What the regression says, between zero and the largest code of a training row.
        """
        check_is_fitted(self)
        X = validate_samples(
            self, X, accept_sparse="csr", dtype=[np.float64, np.float32], reset=False
        )
        codes = self.code_model_.predict(X).reshape(X.shape[0], -1)
        return np.clip(codes, 0, self.codes_.max(axis=0)).astype(X.dtype)

    def decision_function(self, X: Any) -> NDArray:
        """Logits ``X @ coef_.T + predict_codes(X) @ code_coef_.T + intercept_``.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Samples.

        Returns
        -------
        Z : ndarray of shape (n_samples, n_labels)
            The distributions before the softmax.
        """
        return super().decision_function(X) + self.predict_codes(X) @ self.code_coef_.T
