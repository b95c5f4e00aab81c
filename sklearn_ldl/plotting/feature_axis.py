"""Features along a vertical axis, the first one on top."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

if TYPE_CHECKING:
    from matplotlib.axes import Axes

# Height of a feature, in inches, and what the rest of a panel needs.
_LINE, _REST = 0.3, 1.0
# Texts beside an axis of height need some room.
_LEAST = 2.5
# Longer names lose their middle.
_CUT = 36


def panel_height(n_lines: int) -> float:
    """Return the height of a panel, in inches."""
    return max(_LEAST, _REST + _LINE * n_lines)


def cut(name: str, most: int = _CUT) -> str:
    """Take the middle out of long names, which often begin alike."""
    half = (most - 1) // 2
    return name if len(name) <= most else f"{name[: most - 1 - half]}…{name[-half:]}"


def largest(importance: NDArray, max_features: int) -> NDArray[np.intp]:
    """Return positions of the features that matter most, the first one most."""
    if max_features < 1:
        raise ValueError(f"max_features must be at least 1, got {max_features}.")
    return np.argsort(-importance, kind="stable")[:max_features]


def with_rest(
    values: NDArray, names: list[str], max_features: int
) -> tuple[NDArray, list[str], NDArray[np.intp]]:
    """Keep the rows of features that matter most; the others are one row, their sum."""
    kept = largest(np.abs(values).sum(axis=1), max_features)
    shown, texts = values[kept], [cut(names[j]) for j in kept]
    n_others = len(values) - len(kept)
    if n_others:
        shown = np.vstack([shown, values.sum(axis=0) - shown.sum(axis=0)])
        texts.append(f"{n_others} other{'s' if n_others > 1 else ''}")
    return shown, texts, kept


def value_text(value: Any) -> str:
    """Write the value of a feature."""
    if isinstance(value, (float, np.floating)):
        return f"{value:.3g}"
    return cut(str(value))


def write_features(ax: Axes, names: list[str]) -> None:
    """Write the features beside the axis."""
    ax.set_yticks(np.arange(len(names)), names)
    ax.set_ylim(len(names) - 0.5, -0.5)
    ax.tick_params(axis="y", length=0)


def names_of_features(names: ArrayLike | None, n_features: int) -> list[str]:
    """Return one text for each feature."""
    if names is None:
        return [f"x{j}" for j in range(n_features)]
    if len(np.asarray(names)) != n_features:
        raise ValueError(
            f"There are {len(np.asarray(names))} feature names for {n_features} features."
        )
    return [str(name) for name in np.asarray(names)]
