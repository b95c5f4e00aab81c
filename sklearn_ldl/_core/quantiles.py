"""Quantiles of distributions over the cells of a line."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray


def check_levels(q: ArrayLike) -> NDArray[np.float64]:
    """Validate the levels of quantiles: a number or a vector.

    Examples
    --------
    >>> from sklearn_ldl._core.quantiles import check_levels
    >>> check_levels([0.1, 0.9])
    array([0.1, 0.9])
    """
    q = np.asarray(q, dtype=np.float64)
    if q.ndim > 1 or not ((q > 0) & (q < 1)).all():
        raise ValueError(f"q must be a number or a vector of numbers in (0, 1), got {q!r}.")
    return q


def first_cells(
    P: NDArray[np.float64], q: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.intp]]:
    """Cumulate weights, and find the first cell that reaches each level.

    Parameters
    ----------
    P : ndarray of shape (n_samples, n_cells)
        Rows on the simplex.
    q : ndarray of shape (n_quantiles,)
        Levels in (0, 1).

    Returns
    -------
    cumulated : ndarray of shape (n_samples, n_cells)
        Mass up to the upper end of every cell.
    cells : ndarray of shape (n_samples, n_quantiles)
        Indices of cells.
    """
    cumulated = P.cumsum(axis=1)
    # What rounding leaves must not put the highest levels out of reach.
    cumulated[:, -1] = 1.0
    return cumulated, np.array([(cumulated >= level).argmax(axis=1) for level in q]).T


def cell_quantiles(
    P: NDArray[np.float64],
    low: NDArray[np.float64],
    high: NDArray[np.float64],
    q: NDArray[np.float64],
) -> NDArray[np.float64]:
    """Quantiles where the weight of a cell is spread evenly over it.

    Parameters
    ----------
    P : ndarray of shape (n_samples, n_cells)
        Rows on the simplex.
    low, high : ndarray of shape (n_cells,)
        Ends of the cells, which ascend and do not overlap.
    q : ndarray of shape (n_quantiles,)
        Levels in (0, 1).

    Returns
    -------
    y : ndarray of shape (n_samples, n_quantiles)
        The smallest value with that much mass below it; never falling with the level.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_ldl._core.quantiles import cell_quantiles
    >>> cell_quantiles(np.array([[0.2, 0.8]]), np.arange(2), np.arange(1, 3), np.array([0.1, 0.6]))
    array([[0.5, 1.5]])
    """
    cumulated, cells = first_cells(P, q)
    excess = np.take_along_axis(cumulated, cells, axis=1) - q
    # By rounding, the last cell may be reached without any weight of its own.
    weight = np.maximum(np.take_along_axis(P, cells, axis=1), np.finfo(np.float64).tiny)
    return high[cells] - (high - low)[cells] * np.minimum(excess / weight, 1)
