"""Scores of folds, by data set, estimator and measure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from sklearn_ldl._core.extras import import_pandas
from sklearn_ldl.compare.measures import decisive

if TYPE_CHECKING:
    from pandas import DataFrame


class FoldScores:
    """Records of a comparison, and what can be looked up in them."""

    def __init__(
        self,
        records: list[dict[str, Any]],
        measures: dict[str, dict[str, bool]],
        provenance: dict[str, Any],
    ):
        self.records, self.measures, self.provenance = records, measures, provenance

    @property
    def datasets(self) -> list[str]:
        """Names of the data sets."""
        return list(self.measures)

    def estimators(self, dataset: str | None = None) -> list[str]:
        """Names of the estimators.

        Parameters
        ----------
        dataset : str, default=None
            The data set; None means any.

        Returns
        -------
        names : list of str
            In the order of the comparison.
        """
        return list(
            dict.fromkeys(
                record["estimator"]
                for record in self.records
                if dataset in (None, record["dataset"])
            )
        )

    @property
    def failures(self) -> list[dict[str, Any]]:
        """Folds that ended in an error, or were not started for lack of time."""
        return [record for record in self.records if "error" in record]

    @property
    def scores(self) -> DataFrame:
        """Frame with a row for every fold and a column for every measure.

        Columns "dataset", "estimator", "repeat" and "fold" say which; "fit_seconds" are those of
        the fit, searches included.
        """
        columns = ("dataset", "estimator", "repeat", "fold", "fit_seconds")
        rows = [
            {**{column: record.get(column) for column in columns}, **record["scores"]}
            for record in self.records
            if "scores" in record
        ]
        names = dict.fromkeys(name for sets in self.measures.values() for name in sets)
        return frames().DataFrame(rows, columns=[*columns, *names])

    def values(self, dataset: str, estimator: str, measure: str) -> dict[tuple[int, int], float]:
        """Find the values of a measure on the folds that an estimator has finished.

        Parameters
        ----------
        dataset, estimator, measure : str
            Which.

        Returns
        -------
        values : dict
            (repeat, fold) -> value.
        """
        return {
            (record["repeat"], record["fold"]): record["scores"][measure]
            for record in self.records
            if record["dataset"] == dataset
            and record["estimator"] == estimator
            and measure in record.get("scores", {})
        }

    def mean(self, dataset: str, estimator: str, measure: str) -> float:
        """Mean of a measure over the folds.

        Parameters
        ----------
        dataset, estimator, measure : str
            Which.

        Returns
        -------
        mean : float
            NaN where there are no folds.
        """
        values = list(self.values(dataset, estimator, measure).values())
        return float(np.mean(values)) if values else float("nan")

    def fit_seconds(self, dataset: str, estimator: str) -> float:
        """Mean seconds of a fit, searches included.

        Parameters
        ----------
        dataset, estimator : str
            Which.

        Returns
        -------
        seconds : float
            NaN where there are no folds.
        """
        found = [
            record["fit_seconds"]
            for record in self.records
            if (record["dataset"], record["estimator"]) == (dataset, estimator)
            and "scores" in record
        ]
        return float(np.mean(found)) if found else float("nan")

    def is_complete(self, dataset: str, estimator: str) -> bool:
        """Whether an estimator has finished all folds of a data set.

        Parameters
        ----------
        dataset, estimator : str
            Which.

        Returns
        -------
        complete : bool
            Whether it has as many as any.
        """
        measure = next(iter(self.measures[dataset]))
        done = [len(self.values(dataset, name, measure)) for name in self.estimators(dataset)]
        return 0 < len(self.values(dataset, estimator, measure)) == max(done)

    def best(
        self, dataset: str, measure: str | None = None, *, among: Sequence[str] | None = None
    ) -> str:
        """Name of the estimator with the best mean, of those that have finished all folds.

        Parameters
        ----------
        dataset : str
            The data set.
        measure : str, default=None
            The measure; None means the one that decides: "kl_divergence", "log_loss" or
            "mean_absolute_error" if it is there, otherwise the first.
        among : sequence of str, default=None
            Names that count; None means all.

        Returns
        -------
        name : str
            The estimator; the first of equal ones.

        Raises
        ------
        ValueError
            For an unknown data set or measure, and if none has finished all folds, with a mean that
            is a number.
        """
        if dataset not in self.measures:
            raise ValueError(f"There is no data set {dataset!r}, only {', '.join(self.datasets)}.")
        known = list(self.measures[dataset])
        measure = measure or decisive(known)
        if measure not in known:
            raise ValueError(f"{measure!r} was not measured; there are {', '.join(known)}.")
        sign = 1 if self.measures[dataset][measure] else -1
        complete = [
            name
            for name in (self.estimators(dataset) if among is None else among)
            if self.is_complete(dataset, name) and not np.isnan(self.mean(dataset, name, measure))
        ]
        if not complete:
            raise ValueError(f"No estimator has finished the folds of {dataset}.")
        return min(complete, key=lambda name: sign * self.mean(dataset, name, measure))


def frames() -> Any:
    """Import pandas, or say how to install it."""
    return import_pandas("A frame of scores")
