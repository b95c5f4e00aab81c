"""A pool of learners of distributions, weighted by cross-validation."""

from __future__ import annotations

from collections.abc import Sequence
from numbers import Integral
from typing import Any

import numpy as np
from joblib import Parallel, delayed
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, MetaEstimatorMixin, clone
from sklearn.ensemble import ExtraTreesRegressor
from sklearn.utils import Bunch, get_tags, indexable
from sklearn.utils.metadata_routing import MetadataRouter, MethodMapping, process_routing
from sklearn.utils.validation import check_is_fitted

from sklearn_ldl._core.dask_rows import (
    as_rows,
    check_learners,
    is_dask,
    lazily,
    refuse_dask,
    takes_dask,
)
from sklearn_ldl._core.label_names import describe_labels, fitted_names, frozen_names
from sklearn_ldl._core.samples import with_short_indices
from sklearn_ldl._core.simplex import check_distribution, check_prediction
from sklearn_ldl._core.sklearn_compat import (
    BaseComposition,
    Interval,
    StrOptions,
    fit_context,
    routing_enabled,
)
from sklearn_ldl._core.splits import check_cover, fit_part, splits
from sklearn_ldl._core.weighted_fits import with_weight
from sklearn_ldl._core.weights import check_folds, training_weight
from sklearn_ldl.base import LabelDistributionMixin, require_y
from sklearn_ldl.ensemble.pooling import Pool, linear_pool, log_pool
from sklearn_ldl.wrappers.base import LearnerFeatures, given_or_default, in_order_of_labels


class StackingLDL(LearnerFeatures, LabelDistributionMixin, MetaEstimatorMixin, BaseComposition):
    r"""Mixture of learners, with the weights that predict rows held out best.

    The prediction is :math:`p(x) = \sum_k w_k \, p_k(x)`, a distribution for any weights on the
    simplex (a linear pool). These minimise the KL divergence of predictions that no learner saw in
    training,

    .. math::
        \min_w \sum_i s_i \, KL\Big(d_i \,\Big\|\, \sum_k w_k \, p_k^{(-i)}(x_i)\Big),
        \qquad w_k \ge 0, \quad \sum_k w_k = 1,

    which is convex. A logarithmic pool is
    :math:`p(x) = \mathrm{softmax}(b + \sum_k w_k \ln p_k(x))` with any weights and with intercepts
    of the labels, found likewise. It can be surer than any of its learners, which a mean never is:
    better where they shrink towards the mean, given some hundred rows. scikit-learn's
    ``StackingRegressor`` and ``VotingRegressor`` take single values only, and an unconstrained
    final regressor would leave the simplex.

    Parameters
    ----------
    estimators : list of (str, estimator), default=None
        Learners of distributions: estimators of this package, or any multi-output regressor
        (predictions off the simplex are projected onto it). The labels of those that are frozen are
        matched by name with the columns of `y`. "drop" in place of one leaves it out, as
        ``set_params(name="drop")`` does. None means :class:`BFGSLDL` and
        ``ExtraTreesRegressor(min_samples_leaf=5)``.
    weights : array-like of shape (n_estimators,), default=None
        Fixed non-negative weights, which spare the cross-validation; ones mean plain averaging.
        Those of learners left out do not count. None learns the weights.
    pool : {"linear", "log"}, default="linear"
        What is done with the weights; with fixed ones, the intercepts of "log" are zero.
    cv : int, cross-validation generator or iterable, default=5
        Splits for the rows held out; they must cover every row once. An integer, or None for 5,
        makes folds of rows shuffled with a fixed seed,
        ``KFold(cv, shuffle=True, random_state=0)``.
    n_jobs : int, default=None
        Learners fitted in parallel.

    Attributes
    ----------
    estimators_ : list of estimators
        The learners, fitted to all rows, without those left out.
    named_estimators_ : Bunch
        The same by name, "drop" for those left out.
    weights_ : ndarray of shape (n_estimators,)
        Weights of the mixture; those of a linear pool are non-negative and sum to one.
    intercept_ : ndarray of shape (n_labels,) or None
        Intercepts of a logarithmic pool; None for a linear one.
    n_labels_, label_names_, n_features_in_, feature_names_in_
        As in :class:`~sklearn_ldl.BFGSLDL`.

    References
    ----------
    D. H. Wolpert, "Stacked generalization", Neural Networks, 1992.

    L. Breiman, "Stacked regressions", Machine Learning, 1996 (non-negative weights).

    C. Genest, J. V. Zidek, "Combining probability distributions: a critique and an annotated
    bibliography", Statistical Science, 1986 (linear and logarithmic pools).

    Examples
    --------
    >>> from sklearn_ldl import BFGSLDL, KNeighborsLDL, StackingLDL
    >>> from sklearn_ldl.datasets import make_ldl
    >>> X, D = make_ldl(300, n_votes=20, random_state=0)
    >>> learners = [("linear", BFGSLDL()), ("neighbours", KNeighborsLDL(n_neighbors=10))]
    >>> model = StackingLDL(learners).fit(X, D)
    >>> model.weights_.round(1)
    array([0.7, 0.3])
    >>> model.score(X, D) > model.named_estimators_["linear"].score(X, D)
    True
    """

    _parameter_constraints: dict = {
        "estimators": [list, None],
        "weights": ["array-like", None],
        "pool": [StrOptions({"linear", "log"})],
        "cv": ["cv_object"],
        "n_jobs": [Interval(Integral, None, None, closed="neither"), None],
    }

    def __init__(
        self,
        estimators: Sequence[tuple[str, BaseEstimator]] | None = None,
        *,
        weights: ArrayLike | None = None,
        pool: str = "linear",
        cv: Any = 5,
        n_jobs: int | None = None,
    ):
        self.estimators = estimators
        self.weights = weights
        self.pool = pool
        self.cv = cv
        self.n_jobs = n_jobs

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """Parameters of the mixture and, under their names, of the learners.

        Parameters
        ----------
        deep : bool, default=True
            Whether to include the learners and their parameters.

        Returns
        -------
        params : dict
            Name -> value.
        """
        return self._get_params("estimators", deep=deep and self.estimators is not None)

    def set_params(self, **params: Any) -> StackingLDL:
        """Set parameters, of learners as ``name__parameter``; replace one as ``name=learner``.

        ``name="drop"`` leaves a learner out.

        Parameters
        ----------
        **params : dict
            Name -> value.

        Returns
        -------
        self : StackingLDL
            The same object.
        """
        self._set_params("estimators", **params)
        return self

    @fit_context(prefer_skip_nested_validation=False)
    def fit(
        self, X: Any, y: ArrayLike, sample_weight: ArrayLike | None = None, **fit_params: Any
    ) -> StackingLDL:
        """Fit all learners, and the weights.

        Parameters
        ----------
        X : {array-like, sparse matrix, Dask array or frame} of shape (n_samples, n_features)
            Samples, handed to the learners as they are; of Dask where all learners take that.
        y : {array-like, Dask array or frame} of shape (n_samples, n_labels)
            Label distributions; rows sum to one. They are held in memory.
        sample_weight : array-like of shape (n_samples,), default=None
            Weights of the rows in the choice of the weights, and in the fits of all learners: in a
            pipeline the last step gets them, and with metadata routing enabled what requests them.
        **fit_params : dict
            Routed to the learners when metadata routing is enabled.

        Returns
        -------
        self : StackingLDL
            The fitted mixture.

        Raises
        ------
        ValueError
            If `y` does not hold distributions (see :func:`sklearn_ldl.check_distribution`), for
            names or weights that do not fit the learners, when all learners are left out, if a
            learner takes no weights of rows and there are some, or if no weight is left to train
            a fold.
        TypeError
            For Dask collections, if a learner does not take them.
        """
        require_y(self, y)
        self._validate_names([name for name, _ in self._members()])
        if not self._learners():
            raise ValueError(
                "estimators must hold at least one (name, estimator) pair that is not dropped."
            )
        names, estimators = zip(*self._learners(), strict=True)
        weights = self._fixed_weights()
        y = check_learners(self, estimators, X, y)
        D = check_distribution(y)
        if not is_dask(X):
            X, D = indexable(with_short_indices(X), D)
        row_weight = training_weight(sample_weight, D, dtype=np.float64)
        params = self._route(names, estimators, sample_weight, fit_params)
        folds = []
        if weights is None:
            folds = splits(self.cv, X, D)
            check_cover(folds, len(D))
            check_folds(folds, row_weight)
        fits = (
            delayed(_fit)(estimator, X, D, params[name].fit)
            for name, estimator in zip(names, estimators, strict=True)
        )
        self.estimators_ = Parallel(n_jobs=self.n_jobs)(fits)
        fitted = dict(zip(names, self.estimators_, strict=True))
        self.named_estimators_ = Bunch(**{n: fitted.get(n, "drop") for n, _ in self._members()})
        known = [labels for labels in map(frozen_names, estimators) if labels is not None]
        describe_labels(self, y, D.shape[1], known[0] if known else None)
        if weights is None:
            X = as_rows(X) if is_dask(X) else X
            parts = Parallel(n_jobs=self.n_jobs)(
                delayed(_predict_held_out)(estimator, X, D, train, test, params[name].fit)
                for name, estimator in zip(names, estimators, strict=True)
                for train, test in folds
            )
            order = np.argsort(np.concatenate([test for _, test in folds]))
            held_out = [
                self._distributions(estimator, np.concatenate(parts[first : first + len(folds)]))
                for estimator, first in zip(
                    estimators, range(0, len(parts), len(folds)), strict=True
                )
            ]
            find = linear_pool if self.pool == "linear" else log_pool
            pool = find(np.array(held_out)[:, order], D, row_weight / row_weight.sum())
        else:
            pool = Pool(weights, None if self.pool == "linear" else np.zeros(D.shape[1]))
        self.weights_, self.intercept_ = pool
        return self

    def _members(self) -> Sequence[tuple[str, Any]]:
        """Names and learners, or "drop"."""
        if self.estimators is None:
            trees = ExtraTreesRegressor(min_samples_leaf=5, random_state=0)
            # Whoever leaves the choice to us cannot say that they take weights.
            trees = trees.set_fit_request(sample_weight=True) if routing_enabled() else trees
            return [("linear", given_or_default(None)), ("trees", trees)]
        return self.estimators

    def _learners(self) -> list[tuple[str, BaseEstimator]]:
        """Those that are not left out."""
        return [member for member in self._members() if not _is_dropped(member)]

    @property
    def _takes_dask(self) -> bool:
        return all(takes_dask(estimator) for _, estimator in self._learners())

    def _fixed_weights(self) -> NDArray[np.float64] | None:
        if self.weights is None:
            return None
        members = self._members()
        n_estimators = len(members)
        weights = np.asarray(self.weights, dtype=np.float64)
        proper = weights.shape == (n_estimators,) and np.isfinite(weights).all()
        if not proper or weights.min() < 0 or not weights.any():
            raise ValueError(
                f"weights must be {n_estimators} non-negative numbers, not all zero; got "
                f"{self.weights}."
            )
        weights = weights[[not _is_dropped(member) for member in members]]
        if not weights.any():
            raise ValueError("All learners that have a weight are dropped.")
        return weights / weights.sum()

    def _route(self, names, estimators, sample_weight, fit_params) -> Bunch:
        weighted = [
            with_weight(estimator, sample_weight, fit_params, may_be_frozen=True)
            for estimator in estimators
        ]
        if routing_enabled():
            return process_routing(self, "fit", sample_weight=sample_weight, **fit_params)
        return Bunch(
            **{name: Bunch(fit=params) for name, params in zip(names, weighted, strict=True)}
        )

    @lazily
    def predict(self, X: Any) -> NDArray[np.float64]:
        """Predict label distributions.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Samples.

        Returns
        -------
        D : ndarray of shape (n_samples, n_labels)
            Rows on the simplex.
        """
        check_is_fitted(self)
        X = with_short_indices(X)
        # A learner without weight need not be asked.
        asked = np.flatnonzero(self.weights_)
        P = self._predict_by([self.estimators_[k] for k in asked], X)
        return Pool(self.weights_[asked], self.intercept_)(P)

    def predict_members(self, X: Any) -> NDArray[np.float64]:
        """Predict label distributions, by each learner alone.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Samples.

        Returns
        -------
        P : ndarray of shape (n_estimators, n_samples, n_labels)
            Rows on the simplex, in the order of `estimators_`; those with a weight are pooled to
            the prediction.
        """
        check_is_fitted(self)
        refuse_dask(self, X)
        return self._predict_by(self.estimators_, with_short_indices(X))

    def _predict_by(self, learners: list[BaseEstimator], X: Any) -> NDArray[np.float64]:
        return np.array([self._distributions(e, e.predict(X)) for e in learners])

    def _distributions(self, learner: BaseEstimator, P: ArrayLike) -> NDArray[np.float64]:
        """Make distributions of what a learner predicts, their columns in the order of `y`."""
        P = check_prediction(np.asarray(P), self.n_labels_)
        return in_order_of_labels(learner, P, fitted_names(self))

    def _learner(self) -> BaseEstimator:
        return self.estimators_[0]

    def _learners_to_fit(self) -> list[BaseEstimator]:
        return [estimator for _, estimator in self._learners()]

    def get_metadata_routing(self) -> MetadataRouter:
        """Route metadata of `fit` to the learners.

        Returns
        -------
        routing : MetadataRouter
            Every learner receives what it requests.
        """
        router = MetadataRouter(owner=self).add_self_request(self)
        mapping = MethodMapping().add(caller="fit", callee="fit")
        return router.add(method_mapping=mapping, **dict(self._learners()))

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        inputs = [get_tags(estimator).input_tags for _, estimator in self._learners()]
        tags.input_tags.sparse = all(tag.sparse for tag in inputs)
        tags.input_tags.allow_nan = all(tag.allow_nan for tag in inputs)
        return tags


def _is_dropped(member: tuple[str, Any]) -> bool:
    return isinstance(member[1], str) and member[1] == "drop"


def _fit(estimator, X, D, params) -> BaseEstimator:
    return clone(estimator).fit(X, D, **params)


def _predict_held_out(estimator, X, D, train, test, params) -> NDArray:
    fitted, X_test = fit_part(estimator, X, D, train, test, params)
    return np.asarray(fitted.predict(X_test))
