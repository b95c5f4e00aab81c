"""The comparison itself: every estimator on every fold of every data set."""

from __future__ import annotations

import os
import platform
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from numbers import Integral, Real
from os import PathLike
from typing import Any, NamedTuple

import joblib
import numpy as np
import scipy
import sklearn
from joblib import effective_n_jobs
from numpy.typing import NDArray
from sklearn.utils.parallel import Parallel, delayed

import sklearn_ldl
from sklearn_ldl._core.sklearn_compat import Interval, validate_params
from sklearn_ldl.compare.cache import ScoreCache
from sklearn_ldl.compare.comparison import Comparison
from sklearn_ldl.compare.estimators import Contender, contenders
from sklearn_ldl.compare.fits import Settings, outcome
from sklearn_ldl.compare.folds import Fold, batches, folds_of
from sklearn_ldl.compare.identity import describe, key
from sklearn_ldl.compare.measures import Measure, decisive, measures_of, with_all_of
from sklearn_ldl.compare.problem import Problem, as_problems
from sklearn_ldl.compare.sources import code

#: ``(data set, estimator, folds done, folds, folds done since the last call)``
Progress = Callable[[str, str, int, int, int], None]


@validate_params(
    {
        "n_repeats": [Interval(Integral, 1, None, closed="left")],
        "tune": ["boolean"],
        "inner_cv": [Interval(Integral, 2, None, closed="left")],
        "n_candidates": [Interval(Integral, 1, None, closed="left")],
        "corrupt": [callable, None],
        "time_limit": [Interval(Real, 0, None, closed="left"), None],
        "n_jobs": [Interval(Integral, None, None, closed="neither"), None],
        "random_state": [Interval(Integral, 0, 2**32 - 1, closed="left")],
        "on_progress": [callable, None],
    },
    prefer_skip_nested_validation=False,
)
def compare(
    estimators: Any = None,
    datasets: Any = None,
    *,
    cv: Any = 10,
    n_repeats: int = 1,
    scoring: str | Sequence[str] | Mapping[str, Callable] | None = None,
    tune: bool = False,
    inner_cv: int = 3,
    n_candidates: int = 20,
    corrupt: Callable[[Any, NDArray, np.random.RandomState], tuple[Any, NDArray]] | None = None,
    time_limit: float | None = None,
    cache: str | PathLike[str] | None = None,
    n_jobs: int | None = None,
    random_state: int = 0,
    on_progress: Progress | None = None,
) -> Comparison:
    r"""Cross-validate estimators on data sets, all on the same folds.

    Parameters
    ----------
    estimators : str, estimator, tuple, list or dict, default=None
        What is compared: names (``python -m sklearn_ldl list`` shows them), estimators, pairs
        ``(estimator, grid)`` that are tuned in every fold, a list of these, or a dict from names in
        the tables to them. None means all names that are not slow. Constant predictions are always
        among them.
    datasets : str, path-like, tuple, Bunch, list or dict, default=None
        What they are compared on: files and public names (see :func:`sklearn_ldl.datasets.load_ldl`
        and :func:`~sklearn_ldl.datasets.fetch_ldl`), pairs ``(X, y)``, pairs ``(frame, names of the
        label columns)``, Bunches with `data` and `target` and optionally `groups`, `sample_weight`
        and `target_names`, a list of these, or a dict from names to them. None means artificial
        data. Two-dimensional targets are distributions, floats are values, anything else are
        labels. Frames may have columns of any kind: they are encoded for estimators that take
        numbers only (:ref:`guide-comparing-columns`); :func:`sklearn_ldl.datasets.load_table` reads
        such files, and votes, as a Bunch.
    cv : int, float or cross-validation generator, default=10
        Number of folds of shuffled rows (of whole groups where there are some, stratified for
        labels), share of the rows to hold out once, or a splitter.
    n_repeats : int, default=1
        How often rows are divided into folds anew.
    scoring : str, list of str or dict of scorers, default=None
        Measures: names of those of :mod:`sklearn_ldl.metrics`, names of scikit-learn's scorers
        (with or without "neg\_"), or scorers by name; one that negates a loss stands for that loss
        unless its name begins with "neg\_". None means the six of the field for
        distributions, "log_loss" and "accuracy" for labels, and "mean_absolute_error",
        "root_mean_squared_error" and "r2" for values.
    tune : bool, default=False
        Whether estimators that are given by name are tuned, too, each in its own grid
        (``python -m sklearn_ldl list`` shows them); scalings of the features are among it.
    inner_cv : int, default=3
        Folds of the training rows in which a grid is searched, by the measure that decides, too,
        which is the best (see :meth:`Comparison.best`).
    n_candidates : int, default=20
        Most candidates of a grid; of a larger one, and of one with distributions (with a method
        `rvs`), that many are drawn.
    corrupt : callable, default=None
        ``corrupt(X, y, random_state) -> (X, y)`` changes the training rows of every fold, to see
        what noise or few votes do; test rows stay as they are.
    time_limit : float, default=None
        Seconds that fits of an estimator may take on a data set, those whose scores are in the
        `cache` included; of fits in parallel the longest counts. When they are gone, it gets no
        further folds there, and the comparison says so.
    cache : path-like, default=None
        Text file in which scores are kept as they come. Folds that are in it are not fitted again:
        those of the same estimator, parameters, code, data, rows and seed. All measures of the
        package are kept, so that one more costs no fit.
    n_jobs : int, default=None
        Folds that are fitted in parallel.
    random_state : int, default=0
        Of folds, corruption, searches and estimators that are given by name.
    on_progress : callable, default=None
        Is told ``(data set, estimator, folds done, folds, new ones)`` after every batch of folds.

    Returns
    -------
    comparison : Comparison
        Scores of all folds, with tables, tests and pictures of them. After Ctrl-C the folds that
        were finished are in the `cache`.

    Raises
    ------
    ValueError
        For unknown names, data sets that cannot be read, and folds that cannot be made; before
        anything is fitted. An estimator that fails is no error: its folds are left out, and
        ``comparison.failures`` says why.

    Notes
    -----
    With weights of rows, estimators are fitted with them and scored with them, in inner searches
    too; one that takes none fails. Searches and estimators whose `fit` takes `groups` get those.

    References
    ----------
    J. Demsar, "Statistical comparisons of classifiers over multiple data sets", Journal of Machine
    Learning Research, 2006.

    Examples
    --------
    >>> from sklearn_ldl import BFGSLDL, KNeighborsLDL
    >>> from sklearn_ldl.compare import compare
    >>> from sklearn_ldl.datasets import make_ldl
    >>> sets = {f"set {i}": make_ldl(120, random_state=i) for i in range(3)}
    >>> both = {"linear": BFGSLDL(), "neighbours": (KNeighborsLDL(), {"n_neighbors": [5, 10]})}
    >>> comparison = compare(both, sets, cv=5)
    >>> comparison.best("set 0")
    'linear'
    """
    plan = Plan(
        estimators,
        datasets,
        cv=cv,
        n_repeats=n_repeats,
        scoring=scoring,
        tune=tune,
        cache=cache,
        settings=Settings(inner_cv, n_candidates, corrupt, time_limit, n_jobs, random_state),
    )
    return plan.comparison(list(plan.records(on_progress)))


class Task(NamedTuple):
    """What is done on one data set."""

    problem: Problem
    measures: list[Measure]
    contenders: dict[str, Contender]
    folds: list[Fold]
    #: What fits depend on, by the name of the estimator.
    identities: dict[str, dict[str, Any]]


class Plan:
    """Everything that is to be done, checked before anything is fitted.

    Parameters are those of :func:`compare`.
    """

    def __init__(
        self,
        estimators: Any,
        datasets: Any,
        *,
        cv: Any,
        n_repeats: int,
        scoring: Any,
        cache: Any,
        settings: Settings,
        tune: bool = False,
    ):
        self.settings, self.scores = settings, ScoreCache(cache)
        if not hasattr(cv, "split") and isinstance(cv, Iterable) and not isinstance(cv, str):
            cv = list(cv)  # for every data set
        self.tasks: list[Task] = []
        for problem in as_problems(datasets, settings.seed):
            measures = measures_of(problem.role, scoring, problem.classes)
            for measure in measures:
                if problem.sample_weight is not None and not measure.takes_weights:
                    raise ValueError(
                        f"{measure.name} takes no sample_weight, and the rows of {problem.name} "
                        "have weights: give another measure, or data without."
                    )
            rows = contenders(estimators, problem, _decisive(measures).scorer, settings.seed, tune)
            folds = folds_of(problem, cv, n_repeats, settings.seed)
            identities = {name: self._identity(row, measures) for name, row in rows.items()}
            self.tasks.append(Task(problem, measures, rows, folds, identities))

    def _identity(self, contender: Contender, measures: list[Measure]) -> dict[str, Any]:
        """Collect what scores depend on besides the data."""
        own = [measure.scorer for measure in measures if measure.is_own]
        found = {
            "estimator": describe(contender.estimator),
            "grid": describe(contender.grid),
            "code": code([contender.estimator, contender.grid, self.settings.corrupt, *own]),
            **self.settings.identity,
        }
        if contender.grid:
            found["tuned for"] = _decisive(measures).name
        if own:  # a name of ours says all; a name that is given to a scorer says nothing
            found |= {"measures": [m.name for m in measures], "scorers": describe(own)}
        return found

    def records(self, on_progress: Progress | None = None) -> Iterator[dict[str, Any]]:
        """Fit what is not in the cache, and yield what is known of every fold."""
        for task in self.tasks:
            rows = [describe([fold.train, fold.test]) for fold in task.folds]
            for name, identity in task.identities.items():
                keys = [key(**identity, data=task.problem.digest, rows=part) for part in rows]
                yield from self._row(task, name, keys, on_progress or (lambda *_: None))

    def comparison(self, records: list[dict[str, Any]]) -> Comparison:
        """Put records together."""
        measures = {
            task.problem.name: {measure.name: measure.is_loss for measure in task.measures}
            for task in self.tasks
        }
        return Comparison(records, measures, self._provenance())

    def _row(
        self, task: Task, name: str, keys: list[str], on_progress: Progress
    ) -> Iterator[dict[str, Any]]:
        """Yield the records of an estimator on a data set."""
        contender, settings = task.contenders[name], self.settings
        asked = [measure.name for measure in task.measures]
        scored = with_all_of(task.problem.role, task.measures, task.problem.classes)
        place = {"dataset": task.problem.name, "estimator": name}
        spent, n_done = 0.0, 0
        folds = list(zip(keys, task.folds, strict=True))
        for batch in batches(folds, effective_n_jobs(settings.n_jobs)):
            missing = {k: fold for k, fold in batch if not self.scores.has(k, asked)}
            if missing and settings.time_limit is not None and spent > settings.time_limit:
                limit = (
                    f"over limit: more than {settings.time_limit:g} s after {n_done} of "
                    f"{len(task.folds)} folds"
                )
                yield {**place, "error": limit}
                return
            start = time.monotonic()
            outcomes = Parallel(n_jobs=settings.n_jobs)(
                delayed(outcome)(contender, task.problem, fold, scored, settings)
                for fold in missing.values()
            )
            elapsed = time.monotonic() - start
            for k, found in zip(missing, outcomes, strict=True):
                self.scores.add(k, {**place, **found})
            # What was spent before an interrupt counts, so that it changes no table.
            spent += max(self.scores.known(k).get("fit_seconds", elapsed) for k, _ in batch)
            for k, fold in batch:
                record = {**self.scores.known(k), **place}
                if "scores" in record:
                    record["scores"] = {measure: record["scores"][measure] for measure in asked}
                yield record | {
                    "repeat": fold.repeat,
                    "fold": fold.number,
                    "n_train": len(fold.train),
                    "n_test": len(fold.test),
                }
            n_done += len(batch)
            on_progress(task.problem.name, name, n_done, len(task.folds), len(batch))

    def _provenance(self) -> dict[str, Any]:
        """Where the scores come from."""
        packages = (sklearn_ldl, sklearn, np, scipy, joblib)
        return {
            "time": datetime.now(UTC).isoformat(timespec="seconds"),
            "python": platform.python_version(),
            "machine": f"{platform.machine()}, {os.cpu_count()} cores",
            "versions": {package.__name__: package.__version__ for package in packages},
            **self.settings.identity,
            "datasets": {
                task.problem.name: {
                    "about": str(task.problem),
                    "hash": task.problem.digest,
                    "folds": len(task.folds),
                }
                for task in self.tasks
            },
            "estimators": {task.problem.name: task.identities for task in self.tasks},
        }


def _decisive(measures: list[Measure]) -> Measure:
    """Return the measure that grids are searched by: the one by which the best is named."""
    name = decisive([measure.name for measure in measures])
    return next(measure for measure in measures if measure.name == name)
