"""Scorers: the metrics in the form that `scoring=` takes.

What is better when low is negated, under the name ``neg_<metric>``: greater is always better.
"""

from __future__ import annotations

import copy
import inspect
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn import get_config
from sklearn.base import BaseEstimator, is_classifier

from sklearn_ldl._core.label_names import (
    columns_in_order,
    declared_classes,
    fitted_names,
    innermost,
    label_order,
    names_of,
    points_in_order,
)
from sklearn_ldl._core.plain_state import PlainState
from sklearn_ldl._core.sklearn_compat import Scorer, shared_predictions
from sklearn_ldl.metrics import (
    calibration,
    disagreement,
    distances,
    divergences,
    head_tail,
    multilabel,
    ordinal,
    values,
)
from sklearn_ldl.metrics.labels import one_hot


class _NamedScorer(PlainState, Scorer):
    """A scikit-learn scorer that knows under which name it is registered."""

    if TYPE_CHECKING:

        def __call__(
            self, estimator: Any, X: Any, y_true: Any, sample_weight: Any = None, **kwargs: Any
        ) -> float: ...

    @property
    def name(self) -> str:
        return ("neg_" if self._sign < 0 else "") + self._score_func.__name__

    def _kept_state(self, attributes: dict[str, Any]) -> dict[str, Any]:
        return {**attributes, "_score_func": self._score_func.__name__}

    def _take_state(self, attributes: dict[str, Any]) -> None:
        metric = _METRICS[attributes["_score_func"]]
        super()._take_state({**attributes, "_score_func": metric})

    def __repr__(self):
        options = "".join(f", {key}={value!r}" for key, value in self._kwargs.items())
        return f"get_ldl_scorer({self.name!r}{options})"


class _ValueScorer(_NamedScorer):
    """Compare values; coordinates of points are matched by name."""

    def _score(self, method_caller, estimator, X, y_true, **kwargs):
        y_true = points_in_order(estimator, y_true)
        return super()._score(method_caller, estimator, X, y_true, **kwargs)


class _DistributionScorer(_NamedScorer):
    """Compare distributions, whatever kind of target the estimator was fitted to.

    Truth and prediction become distributions here; the rest is scikit-learn's.
    """

    def _score(self, method_caller, estimator, X, y_true, **kwargs):
        predictions = shared_predictions(method_caller)

        def predict(estimator, method, X, **_):
            # Under `predict_proba` scikit-learn keeps a single column of two, that of the class
            # which the first scorer is after. Whole distributions have a key of their own.
            key = f"distributions of {method}"
            if key not in predictions:
                predictions[key] = _predicted_distributions(estimator, method, X)
            D_pred = predictions[key]
            return D_pred if order is None else D_pred[:, order]

        D_true, order = matched_truth(estimator, y_true)
        return super()._score(predict, estimator, X, D_true, **kwargs)


class _LabelSetScorer(_NamedScorer):
    """Compare label sets with degrees, or other scores, of the labels."""

    def _score(self, method_caller, estimator, X, y_true, **kwargs):
        predictions = shared_predictions(method_caller)

        def predict(estimator, method, X, **_):
            # Of two labels scikit-learn would keep one column, as it does of two classes.
            key = f"label sets of {method}"
            if key not in predictions:
                S = getattr(estimator, method)(X)
                # Forests return a list: for every label the probabilities of both its states.
                predictions[key] = np.stack([P[:, -1] for P in S], 1) if isinstance(S, list) else S
            return predictions[key]

        inner = innermost(estimator)
        if getattr(inner, "_has_difficult", False) and "zeros" not in self._kwargs:
            kwargs["zeros"] = "difficult"  # also where no -1 is among the rows that are scored
        names, of_names = fitted_names(estimator), type(inner).__name__
        y_true = columns_in_order(y_true, names, of_y="y", of_names=of_names)
        return super()._score(predict, estimator, X, y_true, **kwargs)


def _predicted_distributions(estimator: BaseEstimator, method: str, X: ArrayLike) -> NDArray:
    if is_classifier(estimator) and method != "predict_proba":
        raise ValueError(
            f"The score compares distributions, but {type(estimator).__name__} has no "
            "predict_proba."
        )
    return getattr(estimator, method)(X)


def matched_truth(
    estimator: BaseEstimator, y_true: Any
) -> tuple[ArrayLike, NDArray[np.intp] | None]:
    """Make distributions of labels or values, and match their columns with those predicted.

    Parameters
    ----------
    estimator : estimator
        A fitted one.
    y_true : array-like of shape (n_samples,) or (n_samples, n_labels)
        Targets as `estimator` understands them, or distributions.

    Returns
    -------
    D_true : array-like of shape (n_samples, n_labels)
        True distributions.
    order : ndarray of shape (n_labels,) or None
        The predicted column that each column of `D_true` belongs to; None where both agree.
    """
    shape, inner = np.shape(y_true), innermost(estimator)
    name, classifies = type(inner).__name__, is_classifier(estimator)
    if classifies and (len(shape) == 1 or shape[1] == 1):
        ordered = declared_classes(estimator, y_true)
        if ordered is None:
            return one_hot(y_true, estimator.classes_), None
        order = label_order(estimator.classes_, ordered, of_have=name, of_want="y")
        return one_hot(y_true, ordered), order
    if not classifies and hasattr(inner, "distributor_"):
        return inner.distributor_.transform(points_in_order(inner, y_true)), None
    if len(shape) == 1:
        raise ValueError(
            f"The score compares distributions, but y holds one value per sample and "
            f"{type(estimator).__name__} has no fitted distributor to make distributions of them. "
            "Wrap the estimator in LDLRegressor, or use a scorer for values such as "
            "'neg_mean_euclidean_error'."
        )
    names = fitted_names(estimator)
    sorted_names = classifies and names is not None and names.dtype.kind in "OUST"
    if sorted_names and not hasattr(inner, "label_names_"):
        # Classifiers sort their classes by the alphabet: the order of the labels is that of y.
        return y_true, label_order(names, names_of(y_true), of_have=name, of_want="y")
    return columns_in_order(y_true, names, of_y="y", of_names=name), None


_METRICS_OF_DISTRIBUTIONS = (
    distances.chebyshev_distance,
    distances.clark_distance,
    distances.canberra_distance,
    divergences.kl_divergence,
    distances.cosine_similarity,
    distances.intersection_similarity,
    distances.euclidean_distance,
    distances.sorensen_distance,
    distances.squared_chi2_distance,
    distances.fidelity_similarity,
    distances.zero_one_loss,
    divergences.jeffreys_divergence,
    divergences.jensen_shannon_divergence,
    divergences.d2_kl_score,
    ordinal.wasserstein_distance,
    ordinal.cumulative_absolute_distance,
    ordinal.quadratic_form_distance,
    ordinal.ranked_probability_score_loss,
    calibration.expected_calibration_error,
    calibration.uncertainty_calibration_error,
    calibration.log_loss,
    calibration.brier_score_loss,
    disagreement.entropy_calibration_error,
    disagreement.rank_calibration_score,
    head_tail.head_euclidean_distance,
    head_tail.tail_euclidean_distance,
)
_METRICS_OF_VALUES = (
    values.mean_euclidean_error,
    values.accuracy_within_score,
    values.cumulative_score,
    values.epsilon_error,
)


def _sign(metric: Any) -> int:
    """Return 1 for what is better when high, -1 otherwise: the last word of a name says it."""
    return 1 if metric.__name__.endswith(("_similarity", "_score")) else -1


_ALL = [
    *(
        _DistributionScorer(metric, _sign(metric), {}, ("predict_proba", "predict"))
        for metric in _METRICS_OF_DISTRIBUTIONS
    ),
    *(_ValueScorer(metric, _sign(metric), {}, "predict") for metric in _METRICS_OF_VALUES),
    _LabelSetScorer(
        multilabel.average_precision_score, 1, {}, ("predict_proba", "decision_function")
    ),
]
_SCORERS = {scorer.name: scorer for scorer in _ALL}
_METRICS = {scorer._score_func.__name__: scorer._score_func for scorer in _ALL}


def get_ldl_scorer(name: str, **options: Any) -> _NamedScorer:
    """Get a scorer by name, for `scoring=` and for direct calls.

    Scorers of distributions work for every estimator of label distributions, and compare what
    `predict_proba` returns (or `predict`, where there is no `predict_proba`) with the truth:

    - distributions as targets are taken as they are; where they are a data frame, its columns are
      matched by name with the labels that the estimator was fitted to, in whose order they count
      (that of the data frame, for a classifier whose classes are strings, which are in the order
      of the alphabet);
    - class labels are distributions with all their mass on the label, over `classes_` of the
      classifier, which count in the order that a Categorical or an Enum declares;
    - real values become distributions by the fitted `distributor_` of the regressor, which is also
      found inside a pipeline or a search. The truth then depends on the parameters of the
      distributor, so tune those by a score of values.

    The scorers 'neg_mean_euclidean_error', 'neg_epsilon_error', 'cumulative_score' and
    'accuracy_within_score' compare the values that `predict` returns. 'average_precision_score'
    compares label sets, with states or as an indicator matrix, with what `predict_proba` says of
    every label.

    Parameters
    ----------
    name : str
        One of :func:`get_ldl_scorer_names`.
    **options
        Arguments of the metric, such as ``floor=1e-10`` for 'neg_kl_divergence' or the `grid` of
        'neg_wasserstein_distance', or ``truth="mode"`` where a predicted label is to be measured
        against the label of largest degree. Required are `head` for 'neg_head_euclidean_distance'
        and 'neg_tail_euclidean_distance', `threshold` for 'cumulative_score' and `sigma` for
        'neg_epsilon_error', unless metadata routing delivers them.

    Returns
    -------
    scorer : callable
        Called as ``scorer(estimator, X, y, sample_weight=None)``; greater is better. It is a new
        object, so that its ``set_score_request`` concerns nobody else.

    Raises
    ------
    ValueError
        If the name is unknown; when the scorer is called, if the labels of a data frame do not
        match those of the estimator.
    TypeError
        If the metric does not take an option, or a required one is missing.

    References
    ----------
    X. Geng, "Label distribution learning", IEEE TKDE 28(7), 2016 (the six usual measures).

    Examples
    --------
    >>> from sklearn.model_selection import cross_val_score
    >>> from sklearn.neighbors import KNeighborsRegressor
    >>> from sklearn_ldl.metrics import get_ldl_scorer
    >>> X = [[0.0], [1.0], [2.0], [3.0]]
    >>> D = [[0.9, 0.1], [0.8, 0.2], [0.3, 0.7], [0.2, 0.8]]
    >>> scorer = get_ldl_scorer("neg_chebyshev_distance")
    >>> cross_val_score(KNeighborsRegressor(1), X, D, cv=2, scoring=scorer)
    array([-0.55, -0.55])
    >>> get_ldl_scorer("neg_kl_divergence", floor=1e-10)
    get_ldl_scorer('neg_kl_divergence', floor=1e-10)
    """
    if name not in _SCORERS:
        near = get_close_matches(f"neg_{name}", _SCORERS, 1) + get_close_matches(name, _SCORERS, 1)
        meant = f" Did you mean {near[0]!r}?" if near else ""
        raise ValueError(f"{name!r} is no scorer: choose from {', '.join(_SCORERS)}.{meant}")
    scorer = copy.deepcopy(_SCORERS[name])
    parameters = inspect.signature(scorer._score_func).parameters
    accepted = [key for key in list(parameters)[2:] if key not in ("sample_weight", "per_row")]
    unknown = sorted(set(options) - set(accepted))
    if unknown:
        raise TypeError(f"{name} does not take {', '.join(unknown)}; its options: {accepted}.")
    required = [key for key in accepted if parameters[key].default is inspect.Parameter.empty]
    missing = [key for key in required if key not in options]
    if missing and not get_config()["enable_metadata_routing"]:
        raise TypeError(f"{name} needs {missing[0]}: get_ldl_scorer({name!r}, {missing[0]}=...).")
    scorer._kwargs = options
    return scorer


def get_ldl_scorer_names() -> list[str]:
    """Get the names that :func:`~sklearn_ldl.metrics.get_ldl_scorer` knows.

    Returns
    -------
    names : list of str
        Sorted.

    Examples
    --------
    >>> from sklearn_ldl.metrics import get_ldl_scorer_names
    >>> get_ldl_scorer_names()[:3]
    ['accuracy_within_score', 'average_precision_score', 'cosine_similarity']
    """
    return sorted(_SCORERS)
