"""Cross-validation of one estimator."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
from joblib import effective_n_jobs
from numpy.typing import NDArray
from sklearn.base import BaseEstimator
from sklearn.model_selection import cross_validate

from sklearn_ldl.compare.problem import Problem
from sklearn_ldl.metrics import get_ldl_scorer, get_ldl_scorer_names

#: The measures that the literature of the field reports.
SIX = (
    "chebyshev_distance",
    "clark_distance",
    "canberra_distance",
    "kl_divergence",
    "cosine_similarity",
    "intersection_similarity",
)
MEASURES = (
    *SIX,
    "euclidean_distance",
    "sorensen_distance",
    "squared_chi2_distance",
    "jeffreys_divergence",
    "jensen_shannon_divergence",
    "wasserstein_distance",
    "cumulative_absolute_distance",
    "fidelity_similarity",
    "d2_kl_score",
)
#: The larger, the better; the scorers of all others are negated.
SIMILARITIES = tuple(measure for measure in MEASURES if measure in get_ldl_scorer_names())


def heading(measure: str) -> str:
    """Shorten the name of a measure for the heading of a column."""
    return measure.removesuffix("_distance").removesuffix("_similarity")


class Result(NamedTuple):
    """Outcome of one estimator."""

    estimator: str
    scores: dict[str, NDArray]  # measure -> (n_folds,)
    fit_seconds: float  # mean over folds
    model: BaseEstimator  # fitted on the first fold
    warnings: list[str]

    def mean(self, measure: str) -> float:
        """Compute the mean over folds."""
        return float(self.scores[measure].mean())

    def std(self, measure: str) -> float:
        """Compute the deviation over folds, dividing by their number as scikit-learn does."""
        return float(self.scores[measure].std())


def evaluate(
    name: str,
    estimator: BaseEstimator,
    problem: Problem,
    measures: Sequence[str],
    *,
    n_jobs: int | None = None,
    on_progress: Callable[[int], None] = lambda n_done: None,
) -> Result:
    """Cross-validate; `on_progress` is told how many folds are done.

    Folds run in batches of as many as there are jobs, so that progress can be shown.
    """
    scoring = {m: get_ldl_scorer(m if m in SIMILARITIES else f"neg_{m}") for m in measures}
    splits = problem.splits()
    batch = effective_n_jobs(n_jobs)
    outcomes = []
    with warnings.catch_warnings(record=True) as caught:
        for start in range(0, len(splits), batch):
            outcomes.append(
                cross_validate(
                    estimator,
                    problem.X,
                    problem.D,
                    cv=splits[start : start + batch],
                    scoring=scoring,
                    n_jobs=n_jobs,
                    error_score="raise",
                    return_estimator=start == 0,
                )
            )
            on_progress(min(start + batch, len(splits)))

    def folds(key: str) -> NDArray:
        return np.concatenate([outcome[key] for outcome in outcomes])

    return Result(
        name,
        {m: folds(f"test_{m}") * (1 if m in SIMILARITIES else -1) for m in measures},
        float(folds("fit_time").mean()),
        outcomes[0]["estimator"][0],
        list(dict.fromkeys(str(warning.message) for warning in caught)),
    )


def best(results: Sequence[Result], measure: str) -> Result:
    """Find the result with the best mean; the first of equal ones."""
    sign = 1 if measure in SIMILARITIES else -1
    return max(results, key=lambda result: sign * result.mean(measure))
