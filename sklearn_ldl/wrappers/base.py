"""What estimators that wrap a distribution learner and a distributor have in common."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, MetaEstimatorMixin, clone, is_classifier
from sklearn.frozen import FrozenEstimator
from sklearn.utils import Bunch, get_tags
from sklearn.utils.metadata_routing import (
    UNUSED,
    MetadataRouter,
    MethodMapping,
    process_routing,
)
from sklearn.utils.validation import check_is_fitted

from sklearn_ldl._core.dask_rows import refuse_dask
from sklearn_ldl._core.fitted import forget
from sklearn_ldl._core.label_names import fitted_names, frozen_names, innermost, label_order
from sklearn_ldl._core.plain_state import PlainState
from sklearn_ldl._core.simplex import check_prediction, safe_log
from sklearn_ldl._core.sklearn_compat import available_if, routing_enabled
from sklearn_ldl._core.weighted_fits import with_weight
from sklearn_ldl.linear import BFGSLDL

# Without metadata routing, parameters of `fit` go to the distributor by this prefix.
_PREFIX = "distributor__"


def given_or_default(
    learner: BaseEstimator | None, default: Callable[[], BaseEstimator] = BFGSLDL
) -> BaseEstimator:
    """Return the learner that the parameter `estimator` of a wrapper stands for."""
    if learner is not None:
        return learner
    learner = default()
    # Whoever leaves the choice to us cannot say that it takes weights.
    return learner.set_fit_request(sample_weight=True) if routing_enabled() else learner


def check_learner(learner: BaseEstimator | None, owner: object) -> None:
    """Raise a ValueError if the learner of a wrapper is a classifier."""
    if learner is not None and is_classifier(learner):
        name = type(innermost(learner)).__name__
        raise ValueError(
            f"{name} predicts classes, but {type(owner).__name__} needs a "
            "regressor of distributions, such as BFGSLDL."
        )


def own_targets(learner: BaseEstimator, X: Any) -> Any:
    """Return the targets that come with samples of a kind that a learner knows, or None."""
    targets_of = getattr(innermost(learner), "_targets_of", None)
    return None if targets_of is None else targets_of(X)


class LearnerFeatures(PlainState):
    """Mixin for wrappers that do not look at `X`: its features are those of the learner."""

    def _learner(self) -> BaseEstimator:
        """Return a fitted learner; an AttributeError before the fit."""
        return self.estimator_  # type: ignore[attr-defined]

    def _learners_to_fit(self) -> list[BaseEstimator]:
        """Return the learners that `fit` hands weights to."""
        return [given_or_default(self.estimator)]  # type: ignore[attr-defined]

    @property
    def n_features_in_(self) -> int:
        """Number of features that the learner was fitted to."""
        return self._learner().n_features_in_

    @property
    def feature_names_in_(self) -> NDArray:
        """Names of the features that the learner was fitted to."""
        return self._learner().feature_names_in_


def _learner_has(method: str) -> Callable[[Any], bool]:
    """Say whether the learner of a wrapper has a method."""
    return lambda wrapper: hasattr(given_or_default(wrapper.estimator), method)


def learns_in_batches(wrapper: Any) -> bool:
    """Whether the learner of a wrapper takes rows batch by batch, and is not frozen."""
    learner = given_or_default(wrapper.estimator)
    # An error of a network says why it does not.
    return not isinstance(learner, FrozenEstimator) and bool(learner.partial_fit)


class TargetWrapper(LearnerFeatures, MetaEstimatorMixin, BaseEstimator):
    """Fit `estimator` to the distributions that `distributor` makes of the targets."""

    _parameter_constraints: dict = {
        "estimator": [BaseEstimator, None],
        "distributor": [BaseEstimator, None],
    }

    #: A distributor, for messages.
    _example: str

    #: Weights are the learner's; by its request they are routed.
    __metadata_request__fit = {"sample_weight": UNUSED}

    def set_params(self, **params: Any) -> Any:
        """Set parameters of this estimator, or of what it holds.

        Parameters
        ----------
        **params : dict
            Names and values; those of a part are ``<part>__<parameter>``.

        Returns
        -------
        self : estimator
            This estimator.

        Raises
        ------
        ValueError
            If a name is unknown, or one of a part that is None.
        """
        for name in params:
            part, _, inner = name.partition("__")
            if inner and part not in params and getattr(self, part, self) is None:
                owner = type(self).__name__
                example = {
                    "estimator": "BFGSLDL()",
                    "distributor": f"{self._example}()",
                }.get(part, "...")
                raise ValueError(
                    f"{name} cannot be set while {part} is None: give {owner} one, as in "
                    f"{owner}({part}={example}), to set its parameters."
                )
        return super().set_params(**params)

    def _weigh(self, sample_weight: ArrayLike | None, fit_params: dict[str, Any]) -> dict[str, Any]:
        """Add weights, when given, to what the learner gets; an error if it cannot take them."""
        return with_weight(given_or_default(self.estimator), sample_weight, fit_params)

    def _fit_wrapped(
        self, X: Any, y: NDArray, distributor: BaseEstimator, fit_params: dict[str, Any]
    ) -> None:
        D, learner_params = self._distribute(X, y, distributor, fit_params)
        self._fit_learner(X, y, D, learner_params)

    def _distribute(
        self, X: Any, y: NDArray, distributor: BaseEstimator, fit_params: dict[str, Any]
    ) -> tuple[NDArray, dict[str, Any]]:
        """Make distributions of the targets; return them with what `fit` of the learner takes."""
        refuse_dask(self, X)
        check_learner(self.estimator, self)
        if routing_enabled():
            routed = process_routing(self, "fit", **fit_params)
        else:
            mine = {name for name in fit_params if name.startswith(_PREFIX)}
            routed = Bunch(
                estimator=Bunch(fit={n: v for n, v in fit_params.items() if n not in mine}),
                distributor=Bunch(transform={n.removeprefix(_PREFIX): fit_params[n] for n in mine}),
            )
        self.distributor_ = clone(distributor).fit(y)
        self._take_labels()
        D = self.distributor_.transform(y, **routed.distributor.transform)
        self._n_labels = D.shape[1]
        for name, value in routed.estimator.fit.items():
            if name.rpartition("__")[2] == "y_val" and value is not None:
                routed.estimator.fit[name] = self.distributor_.transform(value)
        return D, routed.estimator.fit

    def _fit_learner(self, X: Any, y: NDArray, D: NDArray, learner_params: dict[str, Any]) -> None:
        self.estimator_ = self._new_learner(y)  # after Ctrl-C with what it has reached
        self.estimator_.fit(X, D, **learner_params)

    def _fit_part(
        self, X: Any, y: NDArray, distributor: BaseEstimator, of: Any, sample_weight: Any
    ) -> None:
        """Pass rows on; the first come with a distributor, and with what it is to be fitted to."""
        refuse_dask(self, X)
        check_learner(self.estimator, self)
        is_first = not hasattr(self, "estimator_")
        if is_first:
            self.distributor_ = clone(distributor).fit(of)
            self._take_labels()
        D = self.distributor_.transform(y)
        if is_first:
            self._n_labels = D.shape[1]
            self.estimator_ = self._new_learner(y)
        weight = {} if sample_weight is None else {"sample_weight": sample_weight}
        try:
            self.estimator_.partial_fit(X, D, **weight)
        except Exception:
            if is_first:
                forget(self, *[name for name in vars(self) if name.endswith("_")])
            raise

    def _take_labels(self) -> None:
        """Take over what the labels of `distributor_` are; a ValueError if it cannot be used."""
        raise NotImplementedError

    def _new_learner(self, y: NDArray) -> Any:
        """Return an unfitted learner of distributions of `y`."""
        return clone(given_or_default(self.estimator))

    def predict_proba(self, X: Any) -> NDArray[np.float64]:
        """Predict label distributions.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Samples.

        Returns
        -------
        D : ndarray of shape (n_samples, n_labels)
            Rows on the simplex, over `classes_` or `grid_`. Where the wrapped estimator predicts
            something else, as ``MLPRegressor`` does, the nearest distribution.
        """
        check_is_fitted(self)
        refuse_dask(self, X)
        D = check_prediction(self.estimator_.predict(X), self._n_labels)
        return in_order_of_labels(self.estimator_, D, fitted_names(self))

    def predict_log_proba(self, X: Any) -> NDArray:
        """Logarithms of the predicted degrees, at least -708 (-87 in single precision).

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Samples.

        Returns
        -------
        L : ndarray of shape (n_samples, n_labels)
            Logarithms.
        """
        return safe_log(self.predict_proba(X))

    @available_if(_learner_has("predict_members"))
    def predict_members(self, X: Any, **options: Any) -> NDArray[np.float64]:
        """Predict label distributions by every member of the learner, if it has some.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Samples.
        **options : dict
            Further parameters of the learner's `predict_members`.

        Returns
        -------
        P : ndarray of shape (n_members, n_samples, n_labels)
            Rows on the simplex, over `classes_` or `grid_`.
        """
        check_is_fitted(self)
        P = self.estimator_.predict_members(X, **options)
        names = fitted_names(self)
        return np.array([in_order_of_labels(self.estimator_, part, names) for part in P])

    @available_if(_learner_has("transform_features"))
    def transform_features(self, X: Any, **options: Any) -> NDArray[np.float64]:
        """Compute what the last layer of the learner is given, if it is a network.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features), array of images or Dataset
            Samples.
        **options : dict
            Further parameters of the learner's `transform_features`.

        Returns
        -------
        F : ndarray of shape (n_samples, n_outputs)
            Outputs of the penultimate layer.
        """
        check_is_fitted(self)
        return self.estimator_.transform_features(X, **options)

    def get_metadata_routing(self) -> MetadataRouter:
        """Route metadata of `fit` to the wrapped estimator and the distributor.

        Returns
        -------
        routing : MetadataRouter
            ``estimator.fit`` and ``distributor.transform`` receive what they request; the latter
            is how ``sigma``, one standard deviation per sample, reaches a
            :class:`~sklearn_ldl.GaussianLabelDistributor`.
        """
        router = MetadataRouter(owner=self).add_self_request(self)
        router.add(
            estimator=given_or_default(self.estimator),
            method_mapping=MethodMapping().add(caller="fit", callee="fit"),
        )
        return router.add(
            distributor=self.distributor if self.distributor is not None else BaseEstimator(),
            method_mapping=MethodMapping().add(caller="fit", callee="transform"),
        )

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags = get_tags(given_or_default(self.estimator)).input_tags
        tags.target_tags.required = True
        return tags


def in_order_of_labels(learner: BaseEstimator, A: NDArray, names: ArrayLike | None) -> NDArray:
    """Bring the columns that a frozen learner predicts into the order of a wrapper's labels."""
    order = label_order(frozen_names(learner), names, of_have="estimator", of_want="y")
    return A if order is None else A[:, order]
