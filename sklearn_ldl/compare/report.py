"""What the command line leaves in files: means with all digits, and a picture."""

from __future__ import annotations

import csv
import warnings
from pathlib import Path
from typing import Any

import numpy as np

from sklearn_ldl.compare.comparison import TESTS, Comparison
from sklearn_ldl.compare.fits import Settings, fitted
from sklearn_ldl.compare.run import Task
from sklearn_ldl.compare.tables import BASELINE_NAMES
from sklearn_ldl.plotting import LabelDistributionDisplay
from sklearn_ldl.plotting.figures import pyplot

_N_PANELS = 6


def write_csv(path: Path, comparison: Comparison, dataset: str) -> None:
    """Write means and deviations with all digits: one line per estimator."""
    measures = comparison.measures[dataset]
    statistics = [f"{m}_{statistic}" for m in measures for statistic in ("mean", "std")]
    with path.open("w", newline="", encoding="utf-8") as stream:
        writer = csv.writer(stream)
        writer.writerow(["dataset", "estimator", *statistics, "fit_seconds", "folds"])
        for name in comparison.estimators(dataset):
            found = [
                np.array(list(comparison.values(dataset, name, measure).values()))
                for measure in measures
            ]
            if not len(found[0]):
                continue
            values = [value for folds in found for value in (folds.mean(), folds.std())]
            seconds = comparison.fit_seconds(dataset, name)
            writer.writerow([dataset, name, *values, seconds, len(found[0])])


def write_tests(path: Path, comparison: Comparison, measure: str) -> list[dict[str, Any]]:
    """Write and return tests of differences to the estimator with the best average rank."""
    tests = comparison._tests(measure)
    with path.open("w", newline="", encoding="utf-8") as stream:
        writer = csv.DictWriter(stream, TESTS)
        writer.writeheader()
        writer.writerows(tests)
    return tests


def require_matplotlib() -> None:
    """Raise the ImportError of a missing matplotlib before any work is done."""
    pyplot("The picture (left out with --no-plot)")


def draw(path: Path, task: Task, settings: Settings, comparison: Comparison) -> str:
    """Draw true and predicted distributions of test rows of the first fold; return whose.

    It is the best estimator's that is no baseline, unless there is nothing else.
    """
    problem, fold = task.problem, task.folds[0]
    best = best_of(comparison, problem.name)
    with warnings.catch_warnings():  # of what was told when the fold was fitted
        warnings.simplefilter("ignore")
        model, _ = fitted(task.contenders[best], problem.take(fold.train), settings)
    rows = fold.test[np.linspace(0, len(fold.test) - 1, min(_N_PANELS, len(fold.test))).astype(int)]
    display = LabelDistributionDisplay.from_estimator(
        model, problem.X, problem.y, rows=rows, labels=problem.labels
    )
    display.figure_.suptitle(f"{problem.name}, {best}: test rows of the first fold")
    display.figure_.savefig(path, dpi=150)
    pyplot("The picture").close(display.figure_)
    return best


def draw_ranks(path: Path, comparison: Comparison, measure: str) -> None:
    """Draw the average ranks over several data sets."""
    figure = comparison.critical_difference(measure).figure
    figure.savefig(path, dpi=150, bbox_inches="tight")
    pyplot("The picture").close(figure)


def best_of(comparison: Comparison, dataset: str) -> str:
    """Return the best estimator, a baseline only where there is nothing else."""
    complete = [e for e in comparison.estimators(dataset) if comparison.is_complete(dataset, e)]
    others = [name for name in complete if name not in BASELINE_NAMES]
    return comparison.best(dataset, among=others or complete)
