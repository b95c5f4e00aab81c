"""Label grids: from the range of the data, or a given grid continued at both ends."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

#: A model has at least one output per label; a grid beyond this is a mistake in the units.
MAX_LABELS = 100_000


def grid_around(
    y: NDArray[np.float64], sigma: NDArray[np.float64], step: NDArray[np.float64], pad: float
) -> NDArray[np.float64]:
    """Regular grid over the range of the data, `pad` times `sigma` wider on every side.

    Parameters
    ----------
    y : ndarray of shape (n_samples, n_dims)
        Values; a constant column still gets two labels.
    sigma, step : ndarray of shape (n_dims,)
        Standard deviation and label spacing in every dimension, in the units of `y`.
    pad : float
        Number of standard deviations.

    Returns
    -------
    grid : ndarray of shape (n_labels,) or (n_labels, n_dims)
        Scalars for one dimension, else the points of the product grid, the last dimension
        changing fastest.

    Raises
    ------
    ValueError
        If the grid would have more than 100,000 labels or if `step` vanishes next to `y`.
    """
    low, high = y.min(axis=0) - pad * sigma, y.max(axis=0) + pad * sigma
    with np.errstate(over="ignore"):
        counts = np.maximum(np.ceil((high - low) / step) + 1, 2)
    _check_count(math.prod(counts.tolist()))
    axes = [
        start + width * np.arange(int(count))
        for start, width, count in zip(low, step, counts, strict=True)
    ]
    if any((np.diff(axis) <= 0).any() for axis in axes):
        raise ValueError("sigma is too small: in floating point, y plus sigma / 2 equals y.")
    if len(axes) == 1:
        return axes[0]
    return np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, len(axes))


def extend_grid(grid: NDArray[np.float64], width: float) -> NDArray[np.float64]:
    """Continue a scalar grid by at least `width` at both ends, at the spacing found there.

    Parameters
    ----------
    grid : ndarray of shape (n_labels,)
        Distinct labels in any order.
    width : float
        In the units of the grid.

    Returns
    -------
    grid : ndarray of shape (n_more_labels,)
        New labels below, the given labels in their order, new labels above.

    Raises
    ------
    ValueError
        If the grid would have more than 100,000 labels.
    """
    ordered = np.sort(grid)
    first, last = ordered[1] - ordered[0], ordered[-1] - ordered[-2]
    n_below, n_above = np.ceil(width / first), np.ceil(width / last)
    _check_count(len(grid) + n_below + n_above)
    below = ordered[0] - first * np.arange(int(n_below), 0, -1)
    above = ordered[-1] + last * np.arange(1, int(n_above) + 1)
    return np.concatenate([below, grid, above])


def _check_count(n_labels: float) -> None:
    if n_labels > MAX_LABELS:
        raise ValueError(
            f"The grid would have {n_labels:,.0f} labels, more than {MAX_LABELS:,}: raise sigma,"
            " lower pad, or give a grid in the units of y."
        )
