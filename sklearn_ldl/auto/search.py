"""Out-of-fold predictions of candidates, as many as the time allows."""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable
from math import ceil
from typing import Any, NamedTuple

import numpy as np
from joblib import effective_n_jobs
from numpy.typing import NDArray
from sklearn import config_context
from sklearn.base import BaseEstimator, clone
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils.parallel import Parallel, delayed

from sklearn_ldl._core.simplex import check_prediction
from sklearn_ldl._core.weighted_fits import with_weight
from sklearn_ldl._core.weights import with_mean_one
from sklearn_ldl.auto.members import _MeanOfFolds
from sklearn_ldl.auto.scoring import HeldOutScore
from sklearn_ldl.ensemble.pooling import Pool

# Rows of a first fit that tells how long one takes.
_PILOT_ROWS = 250
# Where that says that time is short, so many times as many tell it better, for this share of it.
_PILOT_STEP, _PILOT_SHARE = 4, 0.05
# Time is no exact science: what a candidate will take is multiplied by this.
_MARGIN = 1.15
# Scalings whose first fold is worse than the best by more than this share are dropped.
_NEAR = 0.02
# Predictions that differ by less are the same.
_SAME = 1e-5
NO_TIME = "no time left"


class Clock:
    """The time that is left; always enough without a limit.

    Attributes
    ----------
    reserved : float
        Seconds that are kept for what comes last.
    """

    def __init__(self, limit: float | None):
        self._end = np.inf if limit is None else time.monotonic() + limit
        self.limited = limit is not None
        self.reserved = 0.0

    def suffices(self, seconds: float) -> bool:
        """Whether something that is expected to take so long may start."""
        return _MARGIN * seconds <= self.left()

    def left(self) -> float:
        """Seconds that are neither gone nor reserved."""
        return self._end - time.monotonic() - _MARGIN * self.reserved


class Member(NamedTuple):
    """A candidate that has seen all folds."""

    name: str
    scaling: str
    learner: BaseEstimator
    #: Mean of the models of the folds.
    model: BaseEstimator
    held_out: NDArray[np.float64]
    score: float
    #: That a fit to all rows will take; zero if there will be none.
    seconds: float


class _Fold(NamedTuple):
    model: BaseEstimator
    P: NDArray[np.float64]
    seconds: float
    converged: bool


class Search:
    """What has been tried so far.

    Parameters
    ----------
    X, D, sample_weight
        Rows, distributions, and weights or None.
    folds : list of pairs of ndarray
        Rows to train on and rows held out.
    score : HeldOutScore
        What the candidates are to maximise.
    find_pool : callable
        Returns the pool of members, given their held-out predictions.
    clock : Clock
        The time that is left.
    n_jobs : int or None
        Folds that are fitted in parallel.
    report : callable
        Gets a row of the leaderboard for each candidate.
    """

    def __init__(
        self,
        X: Any,
        D: NDArray,
        sample_weight: NDArray | None,
        *,
        folds: list[tuple[NDArray, NDArray]],
        score: HeldOutScore,
        find_pool: Callable[..., Pool],
        clock: Clock,
        n_jobs: int | None,
        report: Callable[[dict], None],
    ):
        self.X, self.D, self.sample_weight = X, D, sample_weight
        self.score, self.find_pool, self.clock = score, find_pool, clock
        self.n_jobs, self.report = n_jobs, report
        if sample_weight is not None:
            folds = [(train[sample_weight[train] > 0], test) for train, test in folds]
            # The first fold, which chooses scalings, has something to score.
            folds.sort(key=lambda fold: not sample_weight[fold[1]].any())
        self.folds = folds
        # Fits, one after the other, in which the folds but the first are done.
        self._n_rounds = ceil((len(folds) - 1) / effective_n_jobs(n_jobs))
        self.n_training_rows = min(len(train) for train, _ in folds)
        self.members: list[Member] = []
        self.rows: list[dict[str, Any]] = []
        self.errors: list[Exception] = []

    def leave_out(self, name: str, reason: str) -> None:
        """Note a candidate that is not tried."""
        self._note({"candidate": name, "note": reason})

    def consider(
        self,
        name: str,
        learners: dict[str, BaseEstimator],
        *,
        growth: float,
        refit: bool = True,
        always: bool = False,
    ) -> None:
        """Try a candidate with its scalings, and keep the best one.

        Parameters
        ----------
        name : str
            Its name.
        learners : dict
            Scaling -> estimator.
        growth : float
            The power of the number of rows with which time grows.
        refit : bool, default=True
            Whether it will be fitted to all rows.
        always : bool, default=False
            Whether it is tried even if no time is left.
        """
        start = time.monotonic()
        row: dict[str, Any] = {"candidate": name}
        try:
            runs = self._race(learners, growth, always)
        except Exception as error:  # it may fail in any way; the others go on
            self.errors.append(error)
            row["note"] = f"failed: {error}"
        else:
            members = [
                self._member(name, scaling, learners[scaling], run) for scaling, run in runs.items()
            ]
            members = [member for member in members if np.isfinite(member.score)]
            if members:
                best = max(members, key=lambda member: member.score)
                twin = self._twin(best)
                if twin is None:
                    self.members.append(best if refit else best._replace(seconds=0.0))
                    self._reserve()
                else:
                    row["note"] = f"predicts what {twin} does"
                row.update(scaling=best.scaling, score=best.score)
                n_failed = sum(not fold.converged for fold in runs[best.scaling])
                if n_failed and not twin:
                    row["note"] = f"not converged in {n_failed} of {len(self.folds)} folds"
            else:
                row["note"] = "no finite score" if runs else NO_TIME
        row["seconds"] = time.monotonic() - start
        self._note(row)

    def _race(
        self, learners: dict[str, BaseEstimator], growth: float, always: bool
    ) -> dict[str, list[_Fold]]:
        """Fit the folds of every scaling that is worth it, as long as there is time."""
        first: dict[str, _Fold] = {}
        longest = 0.0 if always else self._expected(next(iter(learners.values())), growth)
        for scaling, learner in learners.items():
            # All folds of one of them have to follow.
            if not (always and not first) and not self.clock.suffices(
                longest * (1 + self._n_rounds)
            ):
                break
            first[scaling] = self._fit(learner, *self.folds[0])
            longest = max(fold.seconds for fold in first.values())
        scores = {s: self.score(fold.P, self.folds[0][1]) for s, fold in first.items()}
        order = sorted(scores, key=lambda scaling: -scores[scaling])
        runs: dict[str, list[_Fold]] = {}
        for scaling in order:
            best = scores[order[0]]
            if runs and not scores[scaling] >= best - _NEAR * abs(best):
                break
            if not always and not self.clock.suffices(first[scaling].seconds * self._n_rounds):
                continue
            data = self.X, self.D, self.sample_weight
            others = Parallel(n_jobs=self.n_jobs)(
                delayed(_fit_fold)(learners[scaling], *data, *rows) for rows in self.folds[1:]
            )
            runs[scaling] = [first[scaling], *others]
        return runs

    def _expected(self, learner: BaseEstimator, growth: float) -> float:
        """Seconds of a fold, from a fit to some of its rows; to more where few say that it is long.

        What a fit costs anyhow makes the estimate from few rows too large.
        """
        train, test = self.folds[0]
        expected, n_rows = 0.0, _PILOT_ROWS
        while self.clock.limited and 2 * n_rows <= len(train) and self.clock.suffices(0):
            some = train[:: len(train) // n_rows][:n_rows]
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", UserWarning)  # that there are so few
                seconds = self._fit(learner, some, test[:_PILOT_ROWS]).seconds
            expected = seconds * (len(train) / len(some)) ** growth
            n_rows *= _PILOT_STEP
            cheap = seconds * _PILOT_STEP**growth <= _PILOT_SHARE * self.clock.left()
            if self.clock.suffices(expected * (1 + self._n_rounds)) or not cheap:
                break
        return expected

    def _fit(self, learner: BaseEstimator, train: NDArray, test: NDArray) -> _Fold:
        return _fit_fold(learner, self.X, self.D, self.sample_weight, train, test)

    def _member(self, name: str, scaling: str, learner: BaseEstimator, run: list[_Fold]) -> Member:
        held_out = np.empty(self.D.shape)
        for fold, (_, test) in zip(run, self.folds, strict=True):
            held_out[test] = fold.P
        model = _MeanOfFolds([fold.model for fold in run], self.D.shape[1])
        seconds = max(fold.seconds for fold in run) * len(self.D) / self.n_training_rows
        return Member(name, scaling, learner, model, held_out, self.score(held_out), seconds)

    def _twin(self, member: Member) -> str | None:
        """Name of a member with the same predictions: as `smooth` where labels are independent."""
        for other in self.members:
            if np.abs(other.held_out - member.held_out).max() < _SAME:
                return other.name
        return None

    def pool(self, **options: Any) -> tuple[Pool, list[Member]]:
        """Return the pool of all members, and the members that have a weight in it."""
        pool = self.find_pool([member.held_out for member in self.members], **options)
        return pool, [self.members[k] for k in np.flatnonzero(pool.weights)]

    def _reserve(self) -> None:
        """Keep the time for fits of those that would be in the mixture now."""
        if self.clock.limited:
            self.clock.reserved = sum(member.seconds for member in self.pool(folds=())[1])

    def refit(self, member: Member) -> BaseEstimator:
        """Fit a member to all rows; where time is short, or that fails, return what there is."""
        self.clock.reserved -= member.seconds
        if not member.seconds or not self.clock.suffices(member.seconds):
            return member.model
        rows = np.arange(len(self.D))
        if self.sample_weight is not None:
            rows = np.flatnonzero(self.sample_weight)
        try:
            return self._fit(member.learner, rows, rows[:1]).model
        except Exception:  # whatever it is, there is a model
            return member.model

    def _note(self, row: dict[str, Any]) -> None:
        self.rows.append(row)
        self.report(row)


def _fit_fold(
    learner: BaseEstimator,
    X: Any,
    D: NDArray,
    sample_weight: NDArray | None,
    train: NDArray,
    test: NDArray,
) -> _Fold:
    start = time.monotonic()
    weight = None if sample_weight is None else with_mean_one(sample_weight, train)[train]
    with (
        # Weights go to the last step here, whether or not it can say so.
        config_context(enable_metadata_routing=False),
        warnings.catch_warnings(record=True) as caught,
    ):
        warnings.simplefilter("always", ConvergenceWarning)
        params = with_weight(learner, weight, {})
        model = clone(learner).fit(X[train], D[train], **params)
        P = check_prediction(np.asarray(model.predict(X[test])), D.shape[1])
    converged = True
    for warning in caught:
        if issubclass(warning.category, ConvergenceWarning):
            converged = False
        else:
            warnings.warn_explicit(
                warning.message, warning.category, warning.filename, warning.lineno
            )
    return _Fold(model, P, time.monotonic() - start, converged)
