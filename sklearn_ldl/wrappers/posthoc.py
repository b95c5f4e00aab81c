"""What corrections after the fact share: they change the logits of a learner of distributions."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, MetaEstimatorMixin, clone
from sklearn.frozen import FrozenEstimator
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
from sklearn_ldl._core.label_names import columns_in_order, describe_labels, frozen_names
from sklearn_ldl._core.simplex import check_distribution, check_prediction, safe_log
from sklearn_ldl._core.sklearn_compat import (
    HasMethods,
    routing_enabled,
)
from sklearn_ldl._core.splits import fit_part, splits
from sklearn_ldl._core.weighted_fits import with_weight
from sklearn_ldl._core.weights import check_folds, training_weight
from sklearn_ldl.base import SoftmaxPredictionMixin, require_y
from sklearn_ldl.metrics.divergences import FLOOR
from sklearn_ldl.wrappers.base import LearnerFeatures, given_or_default


class HeldOut(NamedTuple):
    """Rows with the logits of learners that were not trained on them."""

    Z: NDArray[np.float64]
    D: NDArray[np.float64]
    weight: NDArray[np.float64]
    #: Number of the learner that the logits of a row come from.
    fold: NDArray[np.intp]
    learners: list[BaseEstimator]
    #: Number of the row among those given; splits may hold one out twice, or never.
    rows: NDArray[np.intp]


class PostHocCorrection(LearnerFeatures, SoftmaxPredictionMixin, MetaEstimatorMixin, BaseEstimator):
    """Base: a learner of distributions whose logits a subclass changes, in :meth:`_correct`."""

    _parameter_constraints: dict = {
        "estimator": [HasMethods(["fit", "predict"]), None],
        "cv": ["cv_object"],
    }

    def _correct(self, Z: NDArray) -> NDArray:
        """Change logits of shape (n_samples, n_labels)."""
        raise NotImplementedError

    def _fit_estimator(
        self,
        X: Any,
        y: ArrayLike,
        sample_weight: ArrayLike | None,
        fit_params: dict[str, Any],
        *,
        hold_out: bool = True,
        keep_single: bool = False,
    ) -> tuple[NDArray, NDArray, Any]:
        """Fit the estimator to all rows; return targets, weights, and logits of rows held out.

        With `keep_single` the learner of a single split is the estimator, and is fitted no more.
        """
        require_y(self, y)
        estimator = given_or_default(self.estimator)
        names = frozen_names(estimator)
        y = check_learners(self, [estimator], X, y)
        y = columns_in_order(y, names, of_y="y", of_names="estimator")
        D = check_distribution(y)
        if not is_dask(X):
            X, D = indexable(X, D)
        weight = training_weight(sample_weight, D, dtype=np.float64)
        routed = self._route(estimator, sample_weight, fit_params)
        held_out = self._hold_out(estimator, X, D, weight, routed) if hold_out else None
        if keep_single and held_out is not None and len(held_out.learners) == 1:
            self.estimator_ = held_out.learners[0]
        else:
            self.estimator_ = clone(estimator).fit(X, D, **routed.estimator.fit)
        describe_labels(self, y, D.shape[1], names)
        return D, weight, held_out

    @property
    def _takes_dask(self) -> bool:
        return takes_dask(given_or_default(self.estimator))

    def _hold_out(self, estimator, X, D, weight, routed) -> HeldOut:
        X = as_rows(X) if is_dask(X) else X
        if isinstance(estimator, FrozenEstimator):
            every_row = np.arange(len(D))
            folds = [(every_row, every_row)]
        else:
            folds = splits(self.cv, X, D, **routed.splitter.split)
            check_folds(folds, weight)
        learners, logits = [], []
        for train, test in folds:
            learner, X_test = fit_part(estimator, X, D, train, test, routed.estimator.fit)
            learners.append(learner)
            logits.append(logits_of(learner, X_test))
        Z, rows = np.concatenate(logits), np.concatenate([test for _, test in folds])
        if Z.shape[1] != D.shape[1]:
            raise ValueError(f"estimator predicts {Z.shape[1]} labels, but y has {D.shape[1]}.")
        fold = np.repeat(np.arange(len(folds)), [len(test) for _, test in folds])
        return HeldOut(Z, D[rows], weight[rows], fold, learners, rows)

    @lazily
    def decision_function(self, X: Any) -> NDArray:
        """Logits of the estimator, corrected.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Samples.

        Returns
        -------
        Z : ndarray of shape (n_samples, n_labels)
            The distributions before the softmax.
        """
        check_is_fitted(self)
        return self._correct(logits_of(self.estimator_, X))

    def get_metadata_routing(self) -> MetadataRouter:
        """Route metadata of `fit` to the estimator and the splitter.

        Returns
        -------
        routing : MetadataRouter
            ``estimator.fit`` and ``cv.split`` receive what they request; the correction takes
            what `fit` names itself.
        """
        return (
            MetadataRouter(owner=self)
            .add_self_request(self)
            .add(
                estimator=given_or_default(self.estimator),
                method_mapping=MethodMapping().add(caller="fit", callee="fit"),
            )
            .add(
                splitter=self.cv,
                method_mapping=MethodMapping().add(caller="fit", callee="split"),
            )
        )

    def _route(self, estimator, sample_weight, fit_params) -> Bunch:
        """Say which parameters the fits and the splitter receive."""
        weighted = with_weight(estimator, sample_weight, fit_params, may_be_frozen=True)
        if routing_enabled():
            return process_routing(self, "fit", sample_weight=sample_weight, **fit_params)
        groups = weighted.pop("groups", None)
        return Bunch(estimator=Bunch(fit=weighted), splitter=Bunch(split={"groups": groups}))

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags = get_tags(given_or_default(self.estimator)).input_tags
        return tags


def logits_of(estimator: BaseEstimator, X: Any) -> NDArray:
    """Logits of shape (n_samples, n_labels), whatever the fitted estimator offers."""
    if not takes_dask(estimator):
        refuse_dask(estimator, X)
    if hasattr(estimator, "decision_function"):
        Z = np.asarray(estimator.decision_function(X))
        # By scikit-learn's convention a classifier of two classes returns the margin of the second.
        return np.column_stack([np.zeros_like(Z), Z]) if Z.ndim == 1 else Z
    D = np.asarray(getattr(estimator, "predict_proba", estimator.predict)(X))
    return safe_log(check_prediction(D, n_labels=D.shape[-1]), FLOOR)
