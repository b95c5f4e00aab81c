"""Results as a table to read, a table to compute with, and a picture."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from sklearn_ldl.compare.estimators import BASELINES
from sklearn_ldl.compare.evaluate import SIMILARITIES, Result, best, heading
from sklearn_ldl.compare.problem import Problem
from sklearn_ldl.plotting import LabelDistributionDisplay
from sklearn_ldl.plotting.figures import pyplot

_N_PANELS = 6
LEGEND = (
    "Mean±deviation over the folds; ↓ lower is better, ↑ higher is better, * the best; "
    "fit: mean seconds per fold."
)


def format_table(results: Sequence[Result], measures: Sequence[str]) -> str:
    """Table of plain text: baselines, a rule, the other estimators."""
    columns = [["estimator", *(result.estimator for result in results)]]
    columns += [_column(results, measure) for measure in measures]
    columns.append(["fit [s]", *(f"{result.fit_seconds:.2f}" for result in results)])
    widths = [max(map(len, column)) for column in columns]
    lines = [
        "  ".join(
            [first.ljust(widths[0])]
            + [cell.rjust(width) for cell, width in zip(cells, widths[1:], strict=True)]
        ).rstrip()
        for first, *cells in zip(*columns, strict=True)
    ]
    rule = "-" * max(map(len, lines))
    n_baselines = sum(result.estimator in BASELINES for result in results)
    if n_baselines < len(results):
        lines.insert(1 + n_baselines, rule)
    lines.insert(1, rule)
    return "\n".join(lines)


def _column(results: Sequence[Result], measure: str) -> list[str]:
    arrow = "↑" if measure in SIMILARITIES else "↓"
    winner = best(results, measure).mean(measure)
    # Three digits of what the best one lacks to perfection: Yeast needs five decimals, Movie three.
    gap = abs(1 - winner) if measure in SIMILARITIES else abs(winner)
    decimals = int(np.clip(2 - np.floor(np.log10(max(gap, 1e-300))), 3, 5))
    cells = [
        f"{result.mean(measure):.{decimals}f}±{result.std(measure):.{decimals}f}"
        + ("*" if np.isclose(result.mean(measure), winner, rtol=1e-12, atol=0) else " ")
        for result in results
    ]
    # The space under the stars keeps the numbers in line, and the title above the numbers.
    return [f"{heading(measure)}{arrow} ", *cells]


def write_csv(
    path: Path, problem: Problem, results: Sequence[Result], measures: Sequence[str]
) -> None:
    """Write all digits: one line per estimator."""
    statistics = [f"{m}_{statistic}" for m in measures for statistic in ("mean", "std")]
    with path.open("w", newline="", encoding="utf-8") as stream:
        writer = csv.writer(stream)
        writer.writerow(["dataset", "estimator", *statistics, "fit_seconds"])
        for result in results:
            values = [v for m in measures for v in (result.mean(m), result.std(m))]
            writer.writerow([problem.name, result.estimator, *values, result.fit_seconds])


def require_matplotlib() -> None:
    """Raise the ImportError of a missing matplotlib before any work is done."""
    pyplot("The picture (left out with --no-plot)")


def draw(path: Path, problem: Problem, results: Sequence[Result], measures: Sequence[str]) -> str:
    """Draw true and predicted distributions of test rows; return whose predictions, and why."""
    # The baselines are no picture worth having, unless there is nothing else.
    candidates = [r for r in results if r.estimator not in BASELINES] or results
    decisive = "kl_divergence" if "kl_divergence" in measures else measures[0]
    shown = best(candidates, decisive)
    _, test = problem.splits()[0]
    rows = test[np.linspace(0, len(test) - 1, min(_N_PANELS, len(test))).astype(int)]
    display = LabelDistributionDisplay.from_estimator(
        shown.model, problem.X, problem.D, rows=rows, labels=problem.labels
    )
    display.figure_.suptitle(f"{problem.name}, {shown.estimator}: test rows of the first fold")
    display.figure_.savefig(path, dpi=150)
    pyplot("The picture").close(display.figure_)
    return f"{shown.estimator}, best by {decisive}"
