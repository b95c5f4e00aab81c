"""Where the kernels of a density lie, and how wide they are."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from sklearn_ldl.decoding import check_grid, label_spacing
from sklearn_ldl.deep.values.mixtures import Kernel
from sklearn_ldl.distributors.grids import grid_around

# Of a grid built from the data: steps over the range in a dimension, and kernels about at most.
_STEPS, _KERNELS = 50, 2500


def kernel_grid(
    values: NDArray[np.float64],
    grid: ArrayLike | None,
    bandwidth: float | ArrayLike | None,
    kernel: Kernel,
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Validate a grid of centres, or build one; find the units of the kernels.

    Parameters
    ----------
    values : ndarray of shape (n_samples, n_dims)
        What a grid is built around.
    grid : array-like of shape (n_labels,) or (n_labels, n_dims), or None
        Centres; None builds them.
    bandwidth : float, array-like of shape (n_dims,), or None
        Standard deviations of the Gaussian kernel and steps of a grid that is built.
    kernel : {"gaussian", "uniform"}
        The kernel.

    Returns
    -------
    grid : ndarray of shape (n_labels,) or (n_labels, n_dims)
        Centres.
    unit : ndarray of shape (n_dims,)
        Standard deviation of the Gaussian kernel, or side of the cells, in every dimension.

    Raises
    ------
    ValueError
        If a parameter is not valid or does not fit the others.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_ldl.deep.values.kernel_grid import kernel_grid
    >>> kernel_grid(np.array([[1.0], [2.9]]), None, 0.5, "gaussian")
    (array([1. , 1.5, 2. , 2.5, 3. ]), array([0.5]))
    """
    n_dims = values.shape[1]
    if bandwidth is not None:
        bandwidth = _check_bandwidth(bandwidth, n_dims)
    if grid is None:
        bandwidth = _default_step(values) if bandwidth is None else bandwidth
        try:
            grid = grid_around(values, bandwidth, bandwidth, pad=0.0)
        except ValueError as error:
            raise ValueError(
                f"bandwidth={bandwidth} is too small to build a grid over the range of y."
            ) from error
    else:
        grid = check_grid(grid)
        if grid[0].size != n_dims:
            raise ValueError(f"y has {n_dims} dimensions but grid has {grid[0].size}.")
        if bandwidth is None:
            bandwidth = np.full(n_dims, np.median(label_spacing(grid)))
    return grid, _cell_sides(grid) if kernel == "uniform" else bandwidth


def _check_bandwidth(bandwidth: float | ArrayLike, n_dims: int) -> NDArray[np.float64]:
    bandwidth = np.asarray(bandwidth, dtype=np.float64)
    if bandwidth.shape not in ((), (n_dims,)):
        raise ValueError(
            f"bandwidth has shape {bandwidth.shape}, but y has {n_dims} dimensions: give a number,"
            " or one per dimension."
        )
    if not (np.isfinite(bandwidth) & (bandwidth > 0)).all():
        raise ValueError(f"bandwidth must be positive and finite, got {bandwidth}.")
    return np.broadcast_to(bandwidth, n_dims)


def _default_step(values: NDArray[np.float64]) -> NDArray[np.float64]:
    with np.errstate(over="ignore"):
        spread = np.ptp(values, axis=0)
    # Numbers that differ by rounding, or not at all, have no range to divide.
    spread = np.maximum(spread, 1e-8 * np.abs(values).max(axis=0))
    return np.where(spread > 0, spread, 1.0) / min(_STEPS, int(_KERNELS ** (1 / values.shape[1])))


def _cell_sides(grid: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the steps of an evenly spaced grid; in several dimensions it may have holes."""
    sides = []
    for coordinates in grid.reshape(len(grid), -1).T:
        steps = np.diff(np.unique(coordinates))
        if not len(steps) or np.ptp(steps) > 1e-6 * steps.mean():
            raise ValueError(
                'kernel="uniform" needs an evenly spaced grid, of two values or more in every'
                " dimension."
            )
        sides.append(steps.mean())
    return np.array(sides)
