"""Pieces that the figures of the results share."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.container import ErrorbarContainer
from matplotlib.ticker import LogLocator, NullFormatter

OURS, RIVAL, BASELINE = "C0", "C1", "0.45"


def rows(ax: Axes, labels: Sequence[str]) -> None:
    """Name the rows of a plot of dots, the first on top."""
    ax.set_yticks(range(len(labels)), labels)
    ax.set_ylim(len(labels) - 0.4, -0.6)
    ax.grid(axis="y", lw=0.5, color="0.9")
    ax.set_axisbelow(True)
    ax.tick_params(axis="y", length=0)


def dots(
    ax: Axes,
    y: Sequence[float],
    values: Sequence[float],
    deviations: Sequence[float] | None = None,
    *,
    fmt: str = "o",
    **style,
) -> ErrorbarContainer:
    """Draw one dot in each row, with the standard deviation where there is one."""
    style = {"ms": 5, "elinewidth": 1.2, "ls": "none"} | style
    return ax.errorbar(values, np.asarray(y, dtype=float), xerr=deviations, fmt=fmt, **style)


def line(ax: Axes, x: float, label: str | None = None, **style) -> None:
    """Draw the vertical line of a baseline."""
    ax.axvline(x, zorder=0, **{"color": BASELINE, "lw": 1.2, "ls": "--", "label": label} | style)


def ratios(ax: Axes, label: str) -> None:
    """Make the horizontal axis one of ratios: logarithmic, with plain numbers."""
    ax.set(xscale="log", xlabel=label)
    ax.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5) if _decades(ax) < 1.8 else (1,)))
    ax.xaxis.set_major_formatter("{x:g}")
    ax.xaxis.set_minor_formatter(NullFormatter())


def _decades(ax: Axes) -> float:
    return float(np.diff(np.log10(ax.get_xlim()))[0])
