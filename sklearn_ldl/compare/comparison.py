"""The outcome of a comparison, and what can be read from it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from sklearn_ldl.compare import ranks
from sklearn_ldl.compare.measures import decisive
from sklearn_ldl.compare.scores import FoldScores, frames
from sklearn_ldl.compare.tables import TextTable, html, latex, markdown, plain, tables_of
from sklearn_ldl.plotting.ranks import draw_ranks

if TYPE_CHECKING:
    from pandas import DataFrame, Series

#: Columns of tests.
TESTS = ("dataset", "estimator", "against", "difference", "p", "p_holm")


class Comparison(FoldScores):
    """Scores of estimators on the folds of data sets.

    :func:`compare` returns one, and :meth:`load` reads what :meth:`save` has written.

    Parameters
    ----------
    records : list of dict
        One for each fold of an estimator on a data set: "dataset", "estimator", "repeat", "fold",
        "n_train", "n_test", "scores" (measure -> value), "fit_seconds"; "chosen" parameters,
        "warnings" and "error" where there are some.
    measures : dict
        Data set -> measure -> whether lower is better.
    provenance : dict
        Versions, seeds, parameters, and hashes of data and code.

    Attributes
    ----------
    records, measures, provenance
        As given.

    References
    ----------
    J. Demsar, "Statistical comparisons of classifiers over multiple data sets", Journal of Machine
    Learning Research, 2006.

    C. Nadeau, Y. Bengio, "Inference for the generalization error", Machine Learning, 2003.

    Examples
    --------
    >>> from sklearn_ldl.compare import compare
    >>> from sklearn_ldl.datasets import make_ldl
    >>> comparison = compare(["bfgs-auto", "knn"], {"votes": make_ldl(100, random_state=0)}, cv=3)
    >>> comparison.estimators()
    ['uniform', 'mean', 'bfgs-auto', 'knn']
    >>> comparison.best("votes")
    'bfgs-auto'
    >>> comparison.scores.shape
    (12, 11)
    """

    def summary(self, measure: str | None = None) -> DataFrame:
        """Means and deviations over folds.

        Parameters
        ----------
        measure : str, default=None
            One measure: estimators in rows, means on the data sets in columns. None means all, with
            a row for every estimator on every data set.

        Returns
        -------
        frame : DataFrame
            With ``measure=None``, columns ``(measure, "mean")`` and ``(measure, "std")``,
            ``("fit_seconds", "mean")`` and ``("folds", "")``.
        """
        if measure is not None:
            return frames().DataFrame(
                {
                    dataset: {
                        name: self.mean(dataset, name, measure) for name in self.estimators(dataset)
                    }
                    for dataset in self._sets_with(measure)
                }
            )
        scores = self.scores
        names = list(dict.fromkeys(name for sets in self.measures.values() for name in sets))
        grouped = scores.groupby(["dataset", "estimator"], sort=False)
        frame = grouped[names].agg(["mean", lambda values: values.std(ddof=0)])
        frame = frame.rename(columns={"<lambda_0>": "std"})
        frame["fit_seconds", "mean"] = grouped["fit_seconds"].mean()
        frame["folds", ""] = grouped.size()
        return frame

    def ranks(self, measure: str | None = None) -> Series:
        """Average ranks over the data sets, of estimators that have finished all of them.

        Parameters
        ----------
        measure : str, default=None
            The measure, whose best has rank 1; None means the one that decides (see :meth:`best`).

        Returns
        -------
        ranks : Series
            In ascending order.
        """
        measure = measure or self._decisive()
        names, losses = self._losses(measure)
        found = ranks.average_ranks(losses)
        return frames().Series(found, index=names, name=measure).sort_values(kind="stable")

    def tests(self, measure: str | None = None, *, against: str | None = None) -> DataFrame:
        r"""Test differences to one estimator, on every data set and over all of them.

        Parameters
        ----------
        measure : str, default=None
            The measure; None means the one that decides (see :meth:`best`).
        against : str, default=None
            The estimator that all are compared with; None means the one with the best mean rank.

        Returns
        -------
        frame : DataFrame
            A row for each other estimator on each data set, and over "all" where there are several:
            "difference" of the means (to `against`; positive is worse, in units of the measure),
            "p" and "p_holm", corrected for all rows of the same data set. On a data set it is the
            corrected resampled t-test over the folds that both have finished (Nadeau and Bengio),
            over data sets Wilcoxon's signed-rank test of the means (Demsar).

        Raises
        ------
        ValueError
            For an unknown measure or estimator.
        """
        rows = self._tests(measure or self._decisive(), against)
        return frames().DataFrame(rows, columns=list(TESTS))

    def _tests(self, measure: str, against: str | None = None) -> list[dict[str, Any]]:
        sets = self._sets_with(measure)
        if against is None:
            names, losses = self._losses(measure)
            against = names[int(np.argmin(ranks.average_ranks(losses)))]
        elif against not in self.estimators():
            known = ", ".join(self.estimators())
            raise ValueError(f"There is no estimator {against!r}, only {known}.")
        rows: list[dict[str, Any]] = []
        for dataset in sets:
            others = [name for name in self.estimators(dataset) if name != against]
            found = [self._on_folds(dataset, name, against, measure) for name in others]
            rows += _corrected(dataset, others, found)
        if len(sets) > 1:
            names, losses = self._losses(measure)
            base = losses[names.index(against)] if against in names else None
            others = [name for name in names if name != against] if base is not None else []
            differences = [losses[names.index(name)] - base for name in others]
            found = [(float(d.mean()), ranks.signed_rank(d)) for d in differences]
            rows += _corrected("all", others, found)
        return [{**row, "against": against} for row in rows]

    def friedman(self, measure: str | None = None) -> float:
        """Test by Friedman's method whether all estimators rank alike over the data sets.

        Parameters
        ----------
        measure : str, default=None
            The measure; None means the one that decides (see :meth:`best`).

        Returns
        -------
        p : float
            The p-value.

        Raises
        ------
        ValueError
            For fewer than three estimators or two data sets.
        """
        names, losses = self._losses(measure or self._decisive())
        if len(names) < 3 or losses.shape[1] < 2:
            raise ValueError("Friedman's test needs three estimators and two data sets.")
        return ranks.friedman(losses)

    def critical_difference(
        self, measure: str | None = None, *, level: float = 0.05, ax: Any = None
    ) -> Any:
        """Draw the critical-difference diagram of Nemenyi's test.

        Parameters
        ----------
        measure : str, default=None
            The measure; None means the one that decides (see :meth:`best`).
        level : float, default=0.05
            Level of the test.
        ax : matplotlib Axes, default=None
            Where to draw; None means a new figure.

        Returns
        -------
        ax : matplotlib Axes
            Names on an axis of average ranks; bars join those that the test cannot tell apart.

        Raises
        ------
        ValueError
            For fewer than two data sets, and a level outside of 0 to 1.
        """
        _check_level(level)
        names, losses = self._losses(measure or self._decisive())
        if losses.shape[1] < 2:
            raise ValueError("A critical difference needs at least two data sets.")
        found = ranks.average_ranks(losses)
        difference = ranks.critical_difference(len(names), losses.shape[1], level)
        order = np.argsort(found, kind="stable")
        return draw_ranks([names[i] for i in order], found[order], difference, ax)

    def to_markdown(self, measure: str | None = None, *, level: float | None = None) -> str:
        """Table in Markdown.

        Parameters
        ----------
        measure : str, default=None
            A table of this measure, with a column for every data set and, where there are several,
            one for the average ranks; None means one table for every data set, with a column for
            every measure.
        level : float, default=None
            Level of the tests by which "•" marks what is worse than the best of the same column
            (see :meth:`tests`); None marks nothing.

        Returns
        -------
        text : str
            The best of a column is bold.
        """
        return "\n\n".join(map(markdown, self._tables(measure, level)))

    def to_latex(self, measure: str | None = None, *, level: float | None = None) -> str:
        """Table in LaTeX, with the rules of the package booktabs.

        Parameters
        ----------
        measure : str, default=None
            As in :meth:`to_markdown`.
        level : float, default=None
            As in :meth:`to_markdown`.

        Returns
        -------
        text : str
            A ``tabular``; the best of a column is bold. Where there are several tables, a comment
            above each names the data set.
        """
        return "\n\n".join(map(latex, self._tables(measure, level)))

    def to_csv(self, path: str | PathLike[str]) -> None:
        """Write :attr:`scores`, with all digits.

        Parameters
        ----------
        path : path-like
            The file.
        """
        self.scores.to_csv(path, index=False)

    def save(self, path: str | PathLike[str]) -> None:
        """Write everything to a file of JSON.

        Parameters
        ----------
        path : path-like
            The file.
        """
        Path(path).write_text(json.dumps(vars(self), indent=1) + "\n", "utf-8")

    @classmethod
    def load(cls, path: str | PathLike[str]) -> Comparison:
        """Read what :meth:`save` has written.

        Parameters
        ----------
        path : path-like
            The file.

        Returns
        -------
        comparison : Comparison
            The same as was saved.

        Raises
        ------
        ValueError
            For a file of anything else.
        """
        try:
            return cls(**json.loads(Path(path).read_text("utf-8")))
        except (TypeError, ValueError) as error:
            raise ValueError(f"{path} is no comparison that was saved: {error}") from error

    def __str__(self) -> str:
        texts = list(map(plain, self._tables(None)))
        if self.failures:
            texts.append("Folds that failed, or were not started, and why: `failures`.")
        return "\n\n".join(texts)

    def __repr__(self) -> str:
        return f"<Comparison of {len(self.estimators())} estimators on {', '.join(self.datasets)}>"

    def _repr_html_(self) -> str:
        return "".join(map(html, self._tables(None)))

    def _tables(self, measure: str | None, level: float | None = None) -> list[TextTable]:
        if measure is not None:
            self._sets_with(measure)  # or an error that names what there is
        if level is not None:
            _check_level(level)
        return tables_of(self, measure, level)

    def _worse(self, dataset: str, measure: str, level: float) -> set[str]:
        """Estimators that are worse than the best on a data set by more than chance."""
        try:
            best = self.best(dataset, measure)
        except ValueError:  # nobody has finished
            return set()
        others = [name for name in self.estimators(dataset) if name != best]
        found = [self._on_folds(dataset, name, best, measure) for name in others]
        tests = _corrected(dataset, others, found)
        return {row["estimator"] for row in tests if row["p_holm"] < level}

    def _decisive(self) -> str:
        return decisive([name for measures in self.measures.values() for name in measures])

    def _sets_with(self, measure: str) -> list[str]:
        found = [dataset for dataset, measures in self.measures.items() if measure in measures]
        if not found:
            known = dict.fromkeys(name for sets in self.measures.values() for name in sets)
            raise ValueError(f"{measure!r} was not measured; there are {', '.join(known)}.")
        return found

    def _losses(self, measure: str) -> tuple[list[str], NDArray]:
        """Estimators that have finished all data sets, and their mean losses there."""
        sets = self._sets_with(measure)
        names = [
            name
            for name in self.estimators()
            if all(
                name in self.estimators(dataset)
                and self.is_complete(dataset, name)
                and not np.isnan(self.mean(dataset, name, measure))
                for dataset in sets
            )
        ]
        if not names:
            raise ValueError("No estimator has finished the folds of all data sets.")
        losses = [
            [
                self.mean(dataset, name, measure) * (1 if self.measures[dataset][measure] else -1)
                for dataset in sets
            ]
            for name in names
        ]
        return names, np.array(losses)

    def _on_folds(self, dataset: str, name: str, against: str, measure: str) -> tuple[float, float]:
        ours, theirs = (self.values(dataset, n, measure) for n in (name, against))
        common = [fold for fold in ours if fold in theirs]
        if len(common) < 2:
            return float("nan"), float("nan")
        sign = 1 if self.measures[dataset][measure] else -1
        differences = np.array([sign * (ours[fold] - theirs[fold]) for fold in common])
        ratio = next(
            record["n_test"] / record["n_train"]
            for record in self.records
            if record["dataset"] == dataset and "n_test" in record
        )
        return float(differences.mean()), ranks.corrected_t(differences, ratio)


def _check_level(level: float) -> None:
    if not 0 < level < 1:
        raise ValueError(f"level must be between 0 and 1, got {level}.")


def _corrected(
    dataset: str, names: Sequence[str], found: Sequence[tuple[float, float]]
) -> list[dict[str, Any]]:
    known = [i for i, (_, p) in enumerate(found) if not np.isnan(p)]
    corrected = dict(zip(known, ranks.holm([found[i][1] for i in known]), strict=True))
    return [
        {
            "dataset": dataset,
            "estimator": name,
            "difference": difference,
            "p": p,
            "p_holm": corrected.get(i, float("nan")),
        }
        for i, (name, (difference, p)) in enumerate(zip(names, found, strict=True))
    ]
