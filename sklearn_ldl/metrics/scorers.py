"""Scorers: the metrics in the form that `scoring=` takes.

One registration per metric makes its constant and its entry in the table of names. Losses are
registered once, negated, under ``neg_<name>``, so that greater is always better.
"""

from __future__ import annotations

import copy
import inspect
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn import get_config
from sklearn.base import BaseEstimator, OutlierMixin, is_classifier
from sklearn.pipeline import Pipeline

from sklearn_ldl._core.sklearn_compat import Scorer
from sklearn_ldl.metrics import calibration, distances, divergences, head_tail, ordinal, values
from sklearn_ldl.metrics.labels import one_hot


class _NamedScorer(Scorer):
    """A scikit-learn scorer that knows under which name it is registered."""

    if TYPE_CHECKING:

        def __call__(
            self, estimator: Any, X: Any, y_true: Any, sample_weight: Any = None, **kwargs: Any
        ) -> float: ...

    @property
    def name(self) -> str:
        return ("neg_" if self._sign < 0 else "") + self._score_func.__name__

    def __repr__(self):
        options = "".join(f", {key}={value!r}" for key, value in self._kwargs.items())
        return f"get_ldl_scorer({self.name!r}{options})"


class _DistributionScorer(_NamedScorer):
    """Compare distributions, whatever kind of target the estimator was fitted to.

    Truth and prediction become distributions here; the rest is scikit-learn's.
    """

    def _score(self, method_caller, estimator, X, y_true, **kwargs):
        def predict(estimator, response_method, X, **_):
            view = _DistributionView(estimator, response_method)
            return method_caller(view, "predict_distribution", X)

        D_true = true_distributions(estimator, y_true)
        return super()._score(predict, estimator, X, D_true, **kwargs)


class _DistributionView(OutlierMixin, BaseEstimator):
    """An estimator with its predicted distributions under a method name of their own.

    Scorers that are evaluated together share a cache of predictions by method name. Under
    `predict_proba` scikit-learn keeps a single column of two, that of the class which the first
    scorer is after. It takes the result of any other method as it is, although version 1.6 does so
    for classifiers and outlier detectors only.
    """

    def __init__(self, estimator: BaseEstimator, response_method: str):
        self.estimator = estimator
        self.response_method = response_method

    def predict_distribution(self, X: ArrayLike) -> NDArray:
        if is_classifier(self.estimator) and self.response_method != "predict_proba":
            raise ValueError(
                f"The score compares distributions, but {type(self.estimator).__name__} has no "
                "predict_proba."
            )
        return getattr(self.estimator, self.response_method)(X)


def true_distributions(estimator: BaseEstimator, y_true: ArrayLike) -> ArrayLike:
    """Make distributions of labels or values, as `estimator` understands them."""
    shape = np.shape(y_true)
    if is_classifier(estimator):
        holds_labels = len(shape) == 1 or shape[1] == 1
        return one_hot(y_true, estimator.classes_) if holds_labels else y_true
    distributor = getattr(innermost(estimator), "distributor_", None)
    if distributor is not None:
        return distributor.transform(y_true)
    if len(shape) == 1:
        raise ValueError(
            f"The score compares distributions, but y holds one value per sample and "
            f"{type(estimator).__name__} has no fitted distributor to make distributions of them. "
            "Wrap the estimator in LDLRegressor, or use a scorer for values such as "
            "'neg_mean_euclidean_error'."
        )
    return y_true


def innermost(estimator: BaseEstimator) -> BaseEstimator:
    """Look through pipelines and fitted searches."""
    while isinstance(estimator, Pipeline) or hasattr(estimator, "best_estimator_"):
        estimator = estimator[-1] if isinstance(estimator, Pipeline) else estimator.best_estimator_
    return estimator


_SCORERS: dict[str, _NamedScorer] = {}


def _register(kind: type[_NamedScorer], response_method, sign: int, metric) -> _NamedScorer:
    scorer = kind(metric, sign, {}, response_method)
    _SCORERS[scorer.name] = scorer
    return scorer


_distribution_scorer = partial(_register, _DistributionScorer, ("predict_proba", "predict"))
_similarity = partial(_distribution_scorer, 1)
_loss = partial(_distribution_scorer, -1)
_value_score = partial(_register, _NamedScorer, "predict", 1)
_value_error = partial(_register, _NamedScorer, "predict", -1)

neg_chebyshev_scorer = _loss(distances.chebyshev)
neg_clark_scorer = _loss(distances.clark)
neg_canberra_scorer = _loss(distances.canberra)
neg_kl_divergence_scorer = _loss(divergences.kl_divergence)
cosine_scorer = _similarity(distances.cosine)
intersection_scorer = _similarity(distances.intersection)

neg_euclidean_scorer = _loss(distances.euclidean)
neg_sorensen_scorer = _loss(distances.sorensen)
neg_squared_chi2_scorer = _loss(distances.squared_chi2)
fidelity_scorer = _similarity(distances.fidelity)
neg_zero_one_scorer = _loss(distances.zero_one)
neg_jeffreys_scorer = _loss(divergences.jeffreys)
neg_jensen_shannon_scorer = _loss(divergences.jensen_shannon)
kl_skill_scorer = _similarity(divergences.kl_skill)

neg_emd_scorer = _loss(ordinal.emd)
neg_cad_scorer = _loss(ordinal.cad)
neg_quadratic_form_scorer = _loss(ordinal.quadratic_form)

neg_expected_calibration_error_scorer = _loss(calibration.expected_calibration_error)
neg_uncertainty_calibration_error_scorer = _loss(calibration.uncertainty_calibration_error)
neg_negative_log_likelihood_scorer = _loss(calibration.negative_log_likelihood)
neg_brier_score_scorer = _loss(calibration.brier_score)

neg_mean_euclidean_error_scorer = _value_error(values.mean_euclidean_error)

# These need an argument, hence no constant: get_ldl_scorer takes it.
_loss(head_tail.head_euclidean)
_loss(head_tail.tail_euclidean)
_value_score(values.cumulative_score)
_value_error(values.epsilon_error)


def get_ldl_scorer(name: str, **options: Any) -> _NamedScorer:
    """Get a scorer by name, for `scoring=` and for direct calls.

    Scorers of distributions work for every estimator of label distributions, and compare what
    `predict_proba` returns (or `predict`, where there is no `predict_proba`) with the truth:

    - distributions as targets are taken as they are;
    - class labels are distributions with all their mass on the label, over `classes_` of the
      classifier;
    - real values become distributions by the fitted `distributor_` of the regressor, which is also
      found inside a pipeline or a search. The truth then depends on the parameters of the
      distributor, so tune those by a score of values.

    The scorers 'neg_mean_euclidean_error', 'neg_epsilon_error' and 'cumulative_score' compare the
    values that `predict` returns.

    Parameters
    ----------
    name : str
        One of :func:`get_ldl_scorer_names`.
    **options
        Arguments of the metric, such as ``floor=1e-10`` for 'neg_kl_divergence' or the `grid` of
        'neg_emd'. Required are `head` for 'neg_head_euclidean' and 'neg_tail_euclidean',
        `threshold` for 'cumulative_score' and `sigma` for 'neg_epsilon_error', unless metadata
        routing delivers them.

    Returns
    -------
    scorer : callable
        Called as ``scorer(estimator, X, y, sample_weight=None)``; greater is better. It is a new
        object, so that its ``set_score_request`` concerns nobody else.

    Raises
    ------
    ValueError
        If the name is unknown.
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
    >>> scorer = get_ldl_scorer("neg_chebyshev")
    >>> cross_val_score(KNeighborsRegressor(1), X, D, cv=2, scoring=scorer)
    array([-0.55, -0.55])
    >>> get_ldl_scorer("neg_kl_divergence", floor=1e-10)
    get_ldl_scorer('neg_kl_divergence', floor=1e-10)
    """
    if name not in _SCORERS:
        raise ValueError(f"{name!r} is no scorer: choose from {', '.join(_SCORERS)}.")
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
    ['cosine', 'cumulative_score', 'fidelity']
    """
    return sorted(_SCORERS)
