"""One fold of one estimator: the search of its grid, the fit, and the scores."""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np
from sklearn import config_context
from sklearn.base import BaseEstimator, clone
from sklearn.metrics import check_scoring
from sklearn.model_selection import ParameterGrid, ParameterSampler
from sklearn.utils.validation import has_fit_parameter

from sklearn_ldl._core.sklearn_compat import BaseSearchCV
from sklearn_ldl._core.weighted_fits import with_weight
from sklearn_ldl.compare.estimators import Contender
from sklearn_ldl.compare.folds import Fold, folds_of
from sklearn_ldl.compare.identity import describe
from sklearn_ldl.compare.measures import Measure
from sklearn_ldl.compare.problem import Problem


class Settings(NamedTuple):
    """What a fit depends on besides data and estimator; see :func:`compare`."""

    inner_cv: int = 3
    n_candidates: int = 20
    corrupt: Callable | None = None
    time_limit: float | None = None
    n_jobs: int | None = None
    seed: int = 0

    @property
    def identity(self) -> dict[str, Any]:
        """What scores depend on."""
        return {
            "seed": self.seed,
            "inner_cv": self.inner_cv,
            "n_candidates": self.n_candidates,
            "corrupt": describe(self.corrupt),
        }


def outcome(
    contender: Contender,
    problem: Problem,
    fold: Fold,
    measures: list[Measure],
    settings: Settings,
) -> dict[str, Any]:
    """Fit to the training rows of a fold, and measure on the others."""
    rows = problem.take(fold.train)
    if settings.corrupt is not None:
        random_state = np.random.RandomState(settings.seed + fold.number)
        X, y = settings.corrupt(rows.X, rows.y.copy(), random_state)
        is_plain = rows.groups is None and rows.sample_weight is None
        if len(y) != rows.n_samples and not is_plain:
            raise ValueError(
                f"corrupt has returned {len(y)} rows for {rows.n_samples}, and those of "
                f"{rows.name} have groups or weights, which it cannot change."
            )
        rows = replace(rows, X=X, y=y)
    found: dict[str, Any] = {}
    with (
        # Weights go to the last step here, whether or not it can say so.
        config_context(enable_metadata_routing=False),
        warnings.catch_warnings(record=True) as caught,
    ):
        warnings.simplefilter("always")
        # Scaling by quantiles takes as many as inner folds have rows, which needs no remark.
        warnings.filterwarnings("ignore", "n_quantiles")
        start = time.perf_counter()
        try:
            model, chosen = fitted(contender, rows, settings)
            found["fit_seconds"] = time.perf_counter() - start
            found["scores"] = _scores(model, problem.take(fold.test), measures)
            if chosen:
                found["chosen"] = describe(chosen)
        except Exception as error:  # an estimator may fail in any way; the others go on
            found["error"] = f"{type(error).__name__}: {error}"
    messages = dict.fromkeys(f"{w.category.__name__}: {w.message}" for w in caught)
    if messages:
        found["warnings"] = list(messages)
    return found


def fitted(
    contender: Contender, rows: Problem, settings: Settings
) -> tuple[BaseEstimator, dict[str, Any]]:
    """Fit to some rows; return the model, and what a search has chosen."""
    best = _search(contender, rows, settings) if contender.grid else {}
    model = _fit(_with(contender.estimator, best), rows)
    return model, best or getattr(model, "best_params_", {})


def _search(contender: Contender, rows: Problem, settings: Settings) -> dict[str, Any]:
    """Find the candidate of the highest mean score in inner folds.

    Unlike a search of scikit-learn it weighs the rows in its scores, in whatever pipeline the
    estimator is. Candidates that fail lose; that is warned of.

    Raises
    ------
    Exception
        That of the first candidate, if all fail.
    """
    folds = folds_of(rows, settings.inner_cv, 1, settings.seed)
    best: dict[str, Any] | None = None  # one without a change is a candidate, too
    highest, failure = -np.inf, None
    for candidate in _candidates(contender.grid, settings):
        try:
            scores = [
                _score(
                    contender.scorer,
                    _fit(_with(contender.estimator, candidate), rows.take(fold.train)),
                    rows.take(fold.test),
                )
                for fold in folds
            ]
        except Exception as error:
            failure = failure or error
            warnings.warn(f"{describe(candidate)} failed: {error}", stacklevel=2)
            continue
        if (mean := float(np.mean(scores))) > highest:
            best, highest = candidate, mean
    if best is None:
        raise failure or ValueError("No candidate has a score that is a number.")
    return best


def _candidates(grid: Any, settings: Settings) -> ParameterGrid | ParameterSampler:
    """All of a grid, or some that are drawn: from distributions, or as there are too many."""
    parts = grid if isinstance(grid, list | tuple) else [grid]
    drawn = any(hasattr(values, "rvs") for part in parts for values in part.values())
    if not drawn and len(whole := ParameterGrid(grid)) <= settings.n_candidates:
        return whole
    return ParameterSampler(grid, settings.n_candidates, random_state=settings.seed)


def _with(estimator: BaseEstimator, params: dict[str, Any]) -> BaseEstimator:
    """Return a copy with other parameters, which may be estimators."""
    return clone(estimator).set_params(**clone(params, safe=False))


def _fit(model: BaseEstimator, rows: Problem) -> BaseEstimator:
    params = with_weight(model, rows.sample_weight, {})
    is_search = isinstance(model, BaseSearchCV)
    if rows.groups is not None and (is_search or has_fit_parameter(model, "groups")):
        params["groups"] = rows.groups
    return model.fit(rows.X, rows.y, **params)


def _scores(model: BaseEstimator, rows: Problem, measures: list[Measure]) -> dict[str, float]:
    # Predicts once for all of them.
    scorer = check_scoring(model, {measure.name: measure.scorer for measure in measures})
    scores = _score(scorer, model, rows)
    return {measure.name: measure.value(float(scores[measure.name])) for measure in measures}


def _score(scorer: Any, model: BaseEstimator, rows: Problem) -> Any:
    weight = {} if rows.sample_weight is None else {"sample_weight": rows.sample_weight}
    return scorer(model, rows.X, rows.y, **weight)
