"""Average ranks over data sets, their critical difference, and its diagram.

Reference: J. Demsar, "Statistical comparisons of classifiers over multiple data sets", JMLR 2006.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
from scipy.stats import friedmanchisquare, studentized_range


def average_ranks(losses: pd.DataFrame) -> pd.Series:
    """Average over columns (data sets) of the ranks of the rows; 1 is the lowest loss."""
    return losses.rank(axis=0, method="average").mean(axis=1).sort_values()


def friedman(losses: pd.DataFrame) -> float:
    """p-value of Friedman's test that all rows rank alike."""
    return float(friedmanchisquare(*losses.to_numpy()).pvalue)


def critical_difference(n_rows: int, n_sets: int, level: float = 0.05) -> float:
    """Difference of average ranks from which Nemenyi's test finds two rows to differ."""
    q = studentized_range.ppf(1 - level, n_rows, np.inf) / np.sqrt(2)
    return float(q * np.sqrt(n_rows * (n_rows + 1) / (6 * n_sets)))


def cliques(ranks: pd.Series, difference: float) -> list[tuple[int, int]]:
    """First and last position of the largest groups within a critical difference.

    `ranks` are in ascending order.
    """
    values = ranks.to_numpy()
    ends = np.searchsorted(values, values + difference, side="right") - 1
    groups = [(i, int(end)) for i, end in enumerate(ends) if end > i]
    return [g for i, g in enumerate(groups) if i == 0 or g[1] > groups[i - 1][1]]


def draw(ranks: pd.Series, difference: float, path: Path, title: str) -> None:
    """Draw the critical-difference diagram: names on an axis of ranks, bars over the groups."""
    import matplotlib

    matplotlib.use("Agg")
    # The same picture gives the same file, and text stays text.
    matplotlib.rcParams.update({"svg.hashsalt": "ranks", "svg.fonttype": "none"})
    import matplotlib.pyplot as plt

    ranks = ranks.sort_values()
    groups = cliques(ranks, difference)
    n_left = (len(ranks) + 1) // 2
    low, high = 1, int(np.ceil(ranks.max()))
    step, top = 0.22, 0.35 + 0.12 * len(groups)
    height = top + step * n_left + 0.9
    figure, ax = plt.subplots(figsize=(10, height))
    ax.set(
        xlim=(low - 0.45 * (high - low), high + 0.45 * (high - low)),
        ylim=(top + step * n_left, -0.5),
    )
    ax.axis("off")
    ax.plot([low, high], [0, 0], color="black", lw=1)
    for rank in range(low, high + 1, max(1, (high - low) // 10)):
        ax.plot([rank, rank], [-0.06, 0], color="black", lw=1)
        ax.text(rank, -0.1, str(rank), ha="center", va="bottom", fontsize=8)
    ax.plot([low, low + difference], [-0.36, -0.36], color="black", lw=2)
    text = f"critical difference {difference:.1f}; {title}"
    ax.text(low + difference + 0.02 * (high - low), -0.36, text, va="center", fontsize=8)
    for position, (name, rank) in enumerate(ranks.items()):
        left = position < n_left
        line = position if left else len(ranks) - 1 - position
        y, edge = top + step * line, low if left else high
        ax.plot([rank, rank, edge], [0, y, y], color="grey", lw=0.6)
        text = f"{name}  {rank:.1f}" if left else f"{rank:.1f}  {name}"
        ax.text(edge, y, text, ha="right" if left else "left", va="center", fontsize=8)
    for line, (first, last) in enumerate(groups):
        y = 0.15 + 0.12 * line
        ax.plot(ranks.iloc[[first, last]], [y, y], color="tab:red", lw=2.5)
    figure.savefig(path, bbox_inches="tight", metadata={"Date": None})
    plt.close(figure)
