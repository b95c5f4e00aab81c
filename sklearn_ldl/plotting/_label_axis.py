"""Labels along a horizontal axis."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Kind = Literal["auto", "bar", "line"]

# Most ticks of an axis of names, and about how many of their characters fit into an inch.
_MAX_TICKS = 15
_CHARACTERS_PER_INCH = 11
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


def write_labels(ax: Axes, labels: NDArray, kind: Literal["bar", "line"]) -> None:
    """Write the labels below the axis, unless its numbers are the labels."""
    if labels.dtype.kind in "iuf" and kind == "line":
        return
    ticks = np.arange(len(labels))
    if kind == "line":
        ticks = ticks[:: -(-len(ticks) // _MAX_TICKS)]
    names = [f"{label:g}" if labels.dtype.kind == "f" else str(label) for label in labels[ticks]]
    inches = ax.get_window_extent().width / ax.figure.dpi / len(names)
    if max(map(len, names)) < _CHARACTERS_PER_INCH * inches:
        ax.set_xticks(ticks, names)
    else:
        slanted = {"rotation_mode": "anchor", "ha": "right", "va": "center"}
        ax.set_xticks(ticks, names, rotation=45 if inches > _SLANT_INCHES else 90, **slanted)
