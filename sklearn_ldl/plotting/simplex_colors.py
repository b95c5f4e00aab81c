"""Colours of distributions over three labels, and the triangle that explains them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Colors = Literal["rgb", "colorblind"]

# Dark blue, orange and white: far apart in lightness and from blue to yellow, which is what
# colour-blind readers see.
CORNERS = np.array([[0.0, 0.12, 0.48], [1.0, 0.55, 0.0], [1.0, 1.0, 1.0]])


def check_colors(colors: str) -> None:
    """Refuse what is no name of an encoding."""
    if colors not in ("rgb", "colorblind"):
        raise ValueError(f"colors must be 'rgb' or 'colorblind', got {colors!r}.")


def colors_of(D: NDArray, colors: Colors) -> NDArray:
    """Return red, green and blue of distributions, in the last dimension; none is shared by two."""
    if colors == "rgb":
        return D / D.max(axis=-1, keepdims=True)
    return D @ CORNERS


def draw_key(axes: Axes, labels: NDArray, colors: Colors) -> None:
    """Draw the simplex in its colours, a label in every corner."""
    height = np.sqrt(0.75)
    x, y = np.meshgrid(np.linspace(0, 1, 200), np.linspace(0, height, 200))
    top = y / height
    right = x - top / 2
    D = np.stack([1 - top - right, right, top], axis=-1)
    inside = D.min(axis=-1) >= 0
    picture = np.zeros((*inside.shape, 4))
    picture[inside, :3] = colors_of(D[inside], colors)
    picture[inside, 3] = 1
    axes.imshow(picture, origin="lower", extent=(0, 1, 0, height))
    axes.fill([0, 1, 0.5], [0, 0, height], fill=False, edgecolor="0.6", linewidth=0.8)
    axes.axis("off")
    corners = [(0, -0.06, "top"), (1, -0.06, "top"), (0.5, height + 0.04, "bottom")]
    for label, (x, y, side) in zip(labels, corners, strict=True):
        axes.text(x, y, f"{label}", ha="center", va=side)
