"""Figures, axes and colours of the displays; the only place that asks for matplotlib."""

from __future__ import annotations

import textwrap
from types import ModuleType
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from sklearn_ldl._core.extras import MissingExtraError

if TYPE_CHECKING:
    from matplotlib.axes import Axes

# Sizes of text, as matplotlib names them.
Size = Literal["font.size", "axes.labelsize", "legend.fontsize"]

# M. Okabe and K. Ito, "Color universal design", 2008: distinct for colour-blind readers as well.
# The one palette of displays, gallery, guide and results.
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
PALETTE = (BLUE, VERMILLION, GREEN, PURPLE, ORANGE, SKY, BLACK)

# About the width of a character, relative to the height of its line.
CHARACTER_WIDTH = 0.62
# Characters that the line of a legend takes beside its text.
_HANDLE = 8


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
        ax.set_prop_cycle(color=PALETTE)


def curve_label(ax: Axes, name: str | None, figure: str) -> str:
    """Return the legend of a curve: a figure of it, behind its name if it has one.

    In narrow axes the figure stands below the name.
    """
    if name is None:
        return figure
    label = f"{name} ({figure})"
    fits = characters(ax, "legend.fontsize") - _HANDLE >= len(label)
    return label if fits else f"{name}\n({figure})"


def fitted_text(ax: Axes, text: str, size: Size, along: Literal["x", "y"] = "x") -> str:
    """Break a title or the name of an axis into lines that are no longer than the axes."""
    return textwrap.fill(text, max(characters(ax, size, along), 1), break_long_words=False)


def name_axes(ax: Axes, xlabel: str, ylabel: str) -> None:
    """Name both axes, in lines that are no longer than they."""
    ax.set_xlabel(fitted_text(ax, xlabel, "axes.labelsize"))
    ax.set_ylabel(fitted_text(ax, ylabel, "axes.labelsize", along="y"))


def area_colors(n_areas: int, ordered: bool) -> list[Any]:
    """Return colours of areas side by side: from dark to light if they are ordered or many."""
    if not ordered and n_areas <= len(PALETTE):
        return list(PALETTE[:n_areas])
    from matplotlib import colormaps

    return list(colormaps["viridis"](np.linspace(0, 1, n_areas)))


def characters(ax: Axes, size: Size, along: Literal["x", "y"] = "x") -> int:
    """Return how many characters fit into a line across the axes; at a size of text."""
    from matplotlib import rcParams
    from matplotlib.font_manager import FontProperties

    extent = ax.get_window_extent()
    length = extent.width if along == "x" else extent.height
    points = FontProperties(size=rcParams[size]).get_size_in_points()
    return int(72 * length / ax.figure.dpi / (CHARACTER_WIDTH * points))


def line_options(defaults: dict[str, Any], given: dict[str, Any]) -> dict[str, Any]:
    """Merge options of a line; the given ones win, also under short names such as ``lw``."""
    from matplotlib.cbook import normalize_kwargs
    from matplotlib.lines import Line2D

    return {**defaults, **normalize_kwargs(given, Line2D)}
