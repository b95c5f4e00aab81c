"""Labels along a horizontal axis."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Kind = Literal["auto", "bar", "line"]

# Most ticks of an axis of names when not every label has one.
_MAX_TICKS = 15
# Longer names are cut.
_CUT = 40
# About the width of a character.
_CHARACTER_INCHES = 0.09
# Names with less room than this stand upright when they do not fit side by side.
_SLANT_INCHES = 0.25


def check_labels(labels: ArrayLike | None, n_labels: int) -> NDArray:
    """Return one number or one string per label.

    Points of a joint grid become strings; None stands for the column numbers.
    """
    if labels is None:
        return np.arange(n_labels)
    labels = np.asarray(labels)
    if labels.shape[:1] != (n_labels,) or labels.ndim > 2:
        raise ValueError(
            f"labels has shape {labels.shape}, but the distributions have {n_labels} columns."
        )
    if labels.ndim == 2:
        return np.array([f"({', '.join(f'{x:g}' for x in point)})" for point in labels])
    return labels if labels.dtype.kind in "iuf" else labels.astype(str)


def resolve_kind(kind: Kind, labels: NDArray, max_bars: int) -> Literal["bar", "line"]:
    """Choose bars for up to `max_bars` labels, unless they are values of a grid."""
    if kind not in ("auto", "bar", "line"):
        raise ValueError(f"kind must be 'auto', 'bar' or 'line', got {kind!r}.")
    if kind != "auto":
        return kind
    return "line" if labels.dtype.kind == "f" or len(labels) > max_bars else "bar"


def positions(labels: NDArray, kind: Literal["bar", "line"]) -> NDArray:
    """Place lines of numeric labels at their values, anything else at 0, 1, ..."""
    numeric = labels.dtype.kind in "iuf"
    return labels if numeric and kind == "line" else np.arange(len(labels))


def names_of(labels: NDArray) -> NDArray[np.str_]:
    """Return the labels as text."""
    number = "{:g}" if labels.dtype.kind == "f" else "{}"
    return np.array([number.format(label) for label in labels])


def short_names(labels: NDArray) -> list[str]:
    """Return the labels as text, of which the end is cut where they are long."""
    return [name[:_CUT] + "…" if len(name) > _CUT else str(name) for name in names_of(labels)]


def write_labels(ax: Axes, labels: NDArray, kind: Literal["bar", "line"]) -> float:
    """Write the labels below the axis, unless its numbers are the labels.

    Returns the height, in inches, that slanted names need beyond one line of text.
    """
    if labels.dtype.kind in "iuf" and kind == "line":
        return 0.0
    ticks = np.arange(len(labels))
    if kind == "line":
        ticks = ticks[:: -(-len(ticks) // _MAX_TICKS)]
    names = short_names(labels[ticks])
    length = _CHARACTER_INCHES * max(map(len, names))
    room = ax.get_window_extent().width / ax.figure.dpi / len(names)
    if length < room:
        ax.set_xticks(ticks, names)
        return 0.0
    slanted = room > _SLANT_INCHES
    ax.set_xticks(
        ticks,
        names,
        rotation=45 if slanted else 90,
        rotation_mode="anchor",
        ha="right",
        va="center",
    )
    return length * (0.7 if slanted else 1)
