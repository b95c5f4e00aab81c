"""The one place that imports private names of scikit-learn, each under a name without underscore.

scikit-learn comes without types, so that a type checker knows nothing of a method, or of what it
returns, once a decorator of scikit-learn has been applied: those here keep the signature.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
from sklearn.metrics._scorer import _Scorer as Scorer
from sklearn.model_selection._search import BaseSearchCV as BaseSearchCV
from sklearn.utils import _safe_indexing as safe_indexing
from sklearn.utils._param_validation import (
    HasMethods,
    InvalidParameterError,
    RealNotInt,
    StrOptions,
    validate_parameter_constraints,
)
from sklearn.utils._param_validation import Interval as AnyInterval
from sklearn.utils._param_validation import Options as AnyOptions
from sklearn.utils.metadata_routing import _routing_enabled as routing_enabled
from sklearn.utils.metaestimators import _BaseComposition as BaseComposition
from sklearn.utils.metaestimators import _safe_split as safe_split
from sklearn.utils.validation import _check_feature_names as check_feature_names
from sklearn.utils.validation import _check_method_params as check_method_params
from sklearn.utils.validation import _check_response_method as check_response_method
from sklearn.utils.validation import _get_feature_names as get_feature_names
from sklearn.utils.validation import _num_samples as num_samples

from sklearn_ldl._core.underflow import underflow_is_zero

if TYPE_CHECKING:
    Decorated = TypeVar("Decorated", bound=Callable[..., Any])

    def fit_context(*, prefer_skip_nested_validation: bool) -> Callable[[Decorated], Decorated]: ...
    def validate_params(
        parameter_constraints: dict[str, Any], *, prefer_skip_nested_validation: bool
    ) -> Callable[[Decorated], Decorated]: ...
    def available_if(check: Callable[[Any], bool]) -> Callable[[Decorated], Decorated]: ...

else:
    from sklearn.base import _fit_context
    from sklearn.utils._param_validation import validate_params
    from sklearn.utils.metaestimators import available_if

    def fit_context(*, prefer_skip_nested_validation):
        """Decorate a fit as scikit-learn does; what underflows in it is zero."""
        context = _fit_context(prefer_skip_nested_validation=prefer_skip_nested_validation)
        return lambda fit: context(underflow_is_zero(fit))


class Interval(AnyInterval):
    """Numbers of an interval; True and False, which Python takes for numbers, are not among them.

    Examples
    --------
    >>> from numbers import Integral
    >>> from sklearn_ldl._core.sklearn_compat import Interval
    >>> several = Interval(Integral, 1, None, closed="left")
    >>> several.is_satisfied_by(1), several.is_satisfied_by(True)
    (True, False)
    """

    def is_satisfied_by(self, val: Any) -> bool:
        return not isinstance(val, (bool, np.bool_)) and super().is_satisfied_by(val)


class Options(AnyOptions):
    """Some numbers; True and False are not among them."""

    def is_satisfied_by(self, val: Any) -> bool:
        return not isinstance(val, (bool, np.bool_)) and super().is_satisfied_by(val)


def shared_predictions(method_caller: Callable[..., Any]) -> dict[str, Any]:
    """Return the cache that scorers share which are evaluated together, or an empty one.

    `method_caller` is what `Scorer._score` gets: ``functools.partial`` of a function whose first
    argument is the cache, None for a scorer that is evaluated alone.
    """
    (cache,) = getattr(method_caller, "args", (None,))
    return {} if cache is None else cache


#: What fitted models of scikit-learn hold besides values and estimators, or hold such things in
#: turn: name -> where it is found. They are not imported before one is met.
STATEFUL_PARTS = {
    path.rpartition(".")[2]: path
    for path in (
        "sklearn.calibration.CalibratedClassifierCV",
        "sklearn.calibration._CalibratedClassifier",
        "sklearn.calibration._SigmoidCalibration",
        "sklearn.ensemble._forest.ExtraTreesRegressor",
        "sklearn.ensemble._forest.RandomForestRegressor",
        "sklearn.model_selection._split.GroupKFold",
        "sklearn.model_selection._split.GroupShuffleSplit",
        "sklearn.model_selection._split.KFold",
        "sklearn.model_selection._split.PredefinedSplit",
        "sklearn.model_selection._split.ShuffleSplit",
        "sklearn.model_selection._split.StratifiedGroupKFold",
        "sklearn.model_selection._split.StratifiedKFold",
        "sklearn.model_selection._split.StratifiedShuffleSplit",
        "sklearn.model_selection._split.TimeSeriesSplit",
        "sklearn.neighbors._ball_tree.BallTree",
        "sklearn.neighbors._graph.KNeighborsTransformer",
        "sklearn.neighbors._kd_tree.KDTree",
        "sklearn.neighbors._regression.KNeighborsRegressor",
        "sklearn.neighbors._unsupervised.NearestNeighbors",
        "sklearn.tree._classes.DecisionTreeRegressor",
        "sklearn.tree._classes.ExtraTreeRegressor",
        "sklearn.tree._tree.Tree",
        "sklearn.utils._bunch.Bunch",
        "sklearn.utils._metadata_requests.MetadataRequest",
        "sklearn.utils._metadata_requests.MethodMetadataRequest",
    )
}


def stateful_part(name: str) -> Any:
    """Import one of :data:`STATEFUL_PARTS`; a ValueError for any other name."""
    if name not in STATEFUL_PARTS:
        raise ValueError(f"{name!r} is no part of a saved model.")
    return getattr(import_module(STATEFUL_PARTS[name].rpartition(".")[0]), name)


__all__ = [
    "STATEFUL_PARTS",
    "BaseComposition",
    "HasMethods",
    "Interval",
    "InvalidParameterError",
    "Options",
    "RealNotInt",
    "Scorer",
    "StrOptions",
    "available_if",
    "check_feature_names",
    "check_method_params",
    "check_response_method",
    "fit_context",
    "get_feature_names",
    "num_samples",
    "routing_enabled",
    "safe_indexing",
    "safe_split",
    "shared_predictions",
    "stateful_part",
    "validate_parameter_constraints",
    "validate_params",
]
