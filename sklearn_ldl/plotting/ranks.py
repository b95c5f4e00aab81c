"""The critical-difference diagram."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from sklearn_ldl.plotting.figures import VERMILLION, one_axes

if TYPE_CHECKING:
    from matplotlib.axes import Axes

# Heights of a line of names and of a bar, in inches.
_STEP, _BAR = 0.22, 0.12


def draw_ranks(names: Sequence[str], ranks: NDArray, difference: float, ax: Axes | None) -> Axes:
    """Draw names on an axis of ranks, which are in ascending order, and bars over the groups."""
    groups = cliques(ranks.tolist(), difference)
    n_left = (len(ranks) + 1) // 2
    low, high = 1, max(2, int(np.ceil(ranks.max())))
    margin = 0.45 * (high - low)
    top = 0.35 + _BAR * len(groups)
    height = top + _STEP * n_left + 0.9
    ax = one_axes(ax, "A critical-difference diagram", figsize=(10, height))
    ax.set(xlim=(low - margin, high + margin), ylim=(top + _STEP * n_left, -0.5))
    ax.axis("off")
    ax.plot([low, high], [0, 0], color="black", lw=1)
    for rank in range(low, high + 1, max(1, (high - low) // 10)):
        ax.plot([rank, rank], [-0.06, 0], color="black", lw=1)
        ax.text(rank, -0.1, str(rank), ha="center", va="bottom", fontsize=8)
    ax.plot([low, low + difference], [-0.36, -0.36], color="black", lw=2)
    ax.text(
        low + difference + 0.02 * (high - low),
        -0.36,
        f"critical difference {difference:.1f}",
        va="center",
        fontsize=8,
    )
    for position, (name, rank) in enumerate(zip(names, ranks, strict=True)):
        left = position < n_left
        line = position if left else len(ranks) - 1 - position
        y, edge = top + _STEP * line, low if left else high
        ax.plot([rank, rank, edge], [0, y, y], color="grey", lw=0.6)
        text = f"{name}  {rank:.1f}" if left else f"{rank:.1f}  {name}"
        ax.text(edge, y, text, ha="right" if left else "left", va="center", fontsize=8)
    for line, (first, last) in enumerate(groups):
        y = 0.15 + _BAR * line
        ax.plot(ranks[[first, last]], [y, y], color=VERMILLION, lw=2.5)
    return ax


def cliques(ranks: Sequence[float], difference: float) -> list[tuple[int, int]]:
    """First and last position of the largest groups within a critical difference.

    `ranks` are in ascending order.
    """
    values = np.asarray(ranks)
    ends = np.searchsorted(values, values + difference, side="right") - 1
    groups = [(i, int(end)) for i, end in enumerate(ends) if end > i]
    return [g for i, g in enumerate(groups) if i == 0 or g[1] > groups[i - 1][1]]
