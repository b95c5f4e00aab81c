"""Figures, axes and colours of the displays; the only place that asks for matplotlib."""

from __future__ import annotations

from types import ModuleType
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from sklearn_ldl._core.extras import MissingExtraError

if TYPE_CHECKING:
    from matplotlib.axes import Axes

# M. Okabe and K. Ito, "Color universal design", 2008: distinct for colour-blind readers as well.
BLUE, VERMILLION, GREEN, PURPLE, ORANGE, SKY, BLACK, GREY = (
    "#0072B2",
    "#D55E00",
    "#009E73",
    "#CC79A7",
    "#E69F00",
    "#56B4E9",
    "#000000",
    "#999999",
)
_AREA_COLORS = (BLUE, ORANGE, GREEN, VERMILLION, SKY, PURPLE, GREY)
_CURVE_COLORS = (BLUE, VERMILLION, GREEN, PURPLE, ORANGE, SKY, BLACK)


def pyplot(needed_by: str) -> ModuleType:
    """Import ``matplotlib.pyplot``, or say how to install it."""
    try:
        import matplotlib.pyplot as plt
    except ImportError as exc:
        raise MissingExtraError(needed_by, "matplotlib", "plot") from exc
    return plt


def one_axes(ax: Axes | None, needed_by: str, **figure_options: Any) -> Axes:
    """Return the given axes, or those of a new figure."""
    return all_axes(ax, 1, needed_by, **figure_options)[0]


def all_axes(
    ax: Axes | ArrayLike | None, n_axes: int, needed_by: str, **figure_options: Any
) -> NDArray:
    """Return the given axes in one dimension, or those of a new figure.

    A new figure takes the options of ``matplotlib.pyplot.subplots``; axes that its grid has too
    many are removed.
    """
    plt = pyplot(needed_by)
    if ax is None:
        _, grid = plt.subplots(squeeze=False, layout="constrained", **figure_options)
        for axes in grid.flat:
            axes.spines[["top", "right"]].set_visible(False)
        for axes in grid.flat[n_axes:]:
            axes.remove()
        return grid.ravel()[:n_axes]
    axes = np.asarray(ax, dtype=object).ravel()
    if len(axes) != n_axes:
        raise ValueError(f"ax must hold {n_axes} matplotlib axes, got {len(axes)}.")
    return axes


def panel_grid(n_panels: int, max_columns: int) -> tuple[int, int]:
    """Arrange panels in as few lines as possible, of nearly equal length."""
    n_lines = -(-n_panels // max_columns)
    return n_lines, -(-n_panels // n_lines)


def label_panels(axes: NDArray, n_columns: int, xlabel: str, ylabel: str, **options: Any) -> None:
    """Name the axes of a new figure along its edges; a hole in its last line makes an edge too."""
    for lowest in axes[-n_columns:]:
        lowest.tick_params(labelbottom=True)
        lowest.set_xlabel(xlabel, **options)
    for first in axes[::n_columns]:
        first.set_ylabel(ylabel, **options)


def cycle_curves(ax: Axes) -> None:
    """Let the curves of empty axes take colour-blind-safe colours in turn."""
    if not ax.has_data():
        ax.set_prop_cycle(color=_CURVE_COLORS)


def area_colors(n_areas: int, ordered: bool) -> list[Any]:
    """Return colours of areas side by side: from dark to light if they are ordered or many."""
    if not ordered and n_areas <= len(_AREA_COLORS):
        return list(_AREA_COLORS[:n_areas])
    from matplotlib import colormaps

    return list(colormaps["viridis"](np.linspace(0, 1, n_areas)))


def curve_label(name: str | None, figure: str) -> str:
    """Return the legend of a curve: a figure of it, behind its name if it has one."""
    return figure if name is None else f"{name} ({figure})"


def line_options(defaults: dict[str, Any], given: dict[str, Any]) -> dict[str, Any]:
    """Merge options of a line; the given ones win, also under short names such as ``lw``."""
    from matplotlib.cbook import normalize_kwargs
    from matplotlib.lines import Line2D

    return {**defaults, **normalize_kwargs(given, Line2D)}
