"""Decoding: from label distributions to one value, point or label set per row.

Every rule takes the distributions `D` of shape (n_samples, n_labels) and the `grid` of values that
the labels stand for: ``(n_labels,)`` scalars such as ages, or ``(n_labels, n_dims)`` points such as
poses. A list of points need not fill a rectangle, and a grid need not be sorted.
:func:`quantile` says how unsure a value is.

============= ==================================================== ===============================
rule          decodes to                                           best for
============= ==================================================== ===============================
expectation   the mean                                             squared error, unimodal rows
median        the median of every coordinate                       absolute error
argmax        the label with the largest degree                    hits, coarse grids
mode          the peak of the smoothed distribution, off the grid  hits, fine grids and noisy rows
============= ==================================================== ===============================
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.spatial import cKDTree
from sklearn.utils import check_array

from sklearn_ldl._core.label_names import columns_in_order, names_as_numbers, names_of
from sklearn_ldl._core.peaks import highest_peaks, product_axes
from sklearn_ldl._core.quantiles import cell_quantiles, check_levels
from sklearn_ldl._core.simplex import check_distribution, is_plain
from sklearn_ldl._core.underflow import underflow_is_zero

__all__ = ["argmax", "decode", "expectation", "median", "mode", "quantile", "threshold_sets"]

Rule = Literal["argmax", "expectation", "median", "mode"]

# Rounding of a cumulated row must not move a median.
ROUNDING = 1e-12


def check_grid(grid: ArrayLike, n_labels: int | None = None) -> NDArray[np.float64]:
    """Validate the values of the labels.

    Parameters
    ----------
    grid : array-like of shape (n_labels,) or (n_labels, n_dims)
        At least two distinct finite values or points, in any order.
    n_labels : int, default=None
        The number of labels that the grid must have.

    Returns
    -------
    grid : ndarray of shape (n_labels,) or (n_labels, n_dims), dtype float64
        A single column is returned as scalars.

    Raises
    ------
    ValueError
        If the grid is not finite, repeats a label or has the wrong shape.

    Examples
    --------
    >>> from sklearn_ldl.decoding import check_grid
    >>> check_grid([[10], [20]])
    array([10., 20.])
    """
    if not (is_plain(grid, 1) and len(grid) > 1 and np.isfinite(grid).all()):
        grid = check_array(
            grid, dtype=np.float64, ensure_2d=False, ensure_min_samples=2, input_name="grid"
        )
    if grid.ndim == 2 and grid.shape[1] == 1:
        grid = grid[:, 0]
    if n_labels not in (None, len(grid)):
        raise ValueError(f"grid has {len(grid)} labels but the distributions have {n_labels}.")
    if len(np.unique(grid, axis=0 if grid.ndim > 1 else None)) < len(grid):
        raise ValueError("grid repeats a label: every value or point may occur only once.")
    return grid


def label_spacing(grid: NDArray[np.float64]) -> NDArray[np.float64]:
    """Distance from every label of a valid grid to its nearest neighbour.

    Parameters
    ----------
    grid : ndarray of shape (n_labels,) or (n_labels, n_dims)
        As returned by :func:`check_grid`.

    Returns
    -------
    spacing : ndarray of shape (n_labels,)
        Euclidean distances, in the units of the grid.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_ldl.decoding import label_spacing
    >>> label_spacing(np.array([0.0, 4.0, 1.0]))
    array([1., 3., 1.])
    """
    points = grid.reshape(len(grid), -1)
    axes = product_axes(points)
    if axes is None:
        distances, _ = cKDTree(points).query(points, k=2)
        return distances[:, 1]
    spacing = np.full(len(points), np.inf)
    for axis, coordinates in zip(axes, points.T, strict=True):
        gaps = np.concatenate([[np.inf], np.diff(axis), [np.inf]])
        nearer = np.minimum(gaps[:-1], gaps[1:])
        spacing = np.minimum(spacing, nearer[np.searchsorted(axis, coordinates)])
    return spacing


def argmax(D: ArrayLike, grid: ArrayLike) -> NDArray[np.float64]:
    r"""Value of the label with the largest degree, :math:`l_{\arg\max_j d_j}`.

    Parameters
    ----------
    D : array-like of shape (n_samples, n_labels)
        Label distributions.
    grid : array-like of shape (n_labels,) or (n_labels, n_dims)
        Values or points of the labels.

    Returns
    -------
    y : ndarray of shape (n_samples,) or (n_samples, n_dims)
        Labels of the grid; the first one on ties.

    Raises
    ------
    ValueError
        If `D` is not a label distribution or `grid` does not fit it.

    References
    ----------
    B.-B. Gao, C. Xing, C.-W. Xie, J. Wu, X. Geng, "Deep label distribution learning with label
    ambiguity", IEEE Transactions on Image Processing, 2017.

    Examples
    --------
    >>> from sklearn_ldl.decoding import argmax
    >>> argmax([[0.1, 0.6, 0.3]], grid=[10, 20, 30])
    array([20.])
    """
    D, grid = _check(D, grid)
    return grid[D.argmax(axis=1)]


@underflow_is_zero
def expectation(D: ArrayLike, grid: ArrayLike) -> NDArray[np.float64]:
    r"""Mean of the distribution, :math:`\sum_j d_j l_j`.

    It minimises the expected squared error. Between the two peaks of an ambiguous row it names a
    value that neither peak supports.

    Parameters
    ----------
    D : array-like of shape (n_samples, n_labels)
        Label distributions.
    grid : array-like of shape (n_labels,) or (n_labels, n_dims)
        Values or points of the labels.

    Returns
    -------
    y : ndarray of shape (n_samples,) or (n_samples, n_dims)
        Inside the convex hull of the grid.

    Raises
    ------
    ValueError
        If `D` is not a label distribution or `grid` does not fit it.

    References
    ----------
    B.-B. Gao, C. Xing, C.-W. Xie, J. Wu, X. Geng, "Deep label distribution learning with label
    ambiguity", IEEE Transactions on Image Processing, 2017.

    Examples
    --------
    >>> from sklearn_ldl.decoding import expectation
    >>> expectation([[0.1, 0.6, 0.3]], grid=[10, 20, 30])
    array([22.])
    """
    D, grid = _check(D, grid)
    return D @ grid


@underflow_is_zero
def median(D: ArrayLike, grid: ArrayLike) -> NDArray[np.float64]:
    """Smallest value up to which half of the mass lies.

    It minimises the expected absolute error. Points are decoded one coordinate at a time, each by
    the median of its marginal distribution: this minimises the expected sum of the absolute
    errors, at the cost that the result need not be one of the points.

    Parameters
    ----------
    D : array-like of shape (n_samples, n_labels)
        Label distributions.
    grid : array-like of shape (n_labels,) or (n_labels, n_dims)
        Values or points of the labels, in any order.

    Returns
    -------
    y : ndarray of shape (n_samples,) or (n_samples, n_dims)
        Values (coordinates) of the grid. A cumulated mass that misses one half by rounding (1e-12)
        counts as one half.

    Raises
    ------
    ValueError
        If `D` is not a label distribution or `grid` does not fit it.

    Examples
    --------
    >>> from sklearn_ldl.decoding import median
    >>> median([[0.3, 0.4, 0.3], [0.5, 0.2, 0.3]], grid=[30, 10, 20])
    array([20., 20.])
    """
    D, grid = _check(D, grid)
    points = grid.reshape(len(grid), -1)
    y = np.empty((len(D), points.shape[1]))
    for axis, values in enumerate(points.T):
        order = np.argsort(values, kind="stable")
        reached = np.cumsum(D[:, order], axis=1) >= 0.5 - ROUNDING
        y[:, axis] = values[order][reached.argmax(axis=1)]
    return y.reshape(len(D), *grid.shape[1:])


@underflow_is_zero
def mode(D: ArrayLike, grid: ArrayLike, *, bandwidth: float | None = None) -> NDArray[np.float64]:
    r"""Peak of the distribution after smoothing with a Gaussian kernel.

    The density :math:`\sum_j d_j \exp(-\|y - l_j\|^2 / 2h^2)` is maximised over all `y`, so unlike
    :func:`argmax` the result lies between labels, and a wide bump beats a lone spike of noise. It
    is the highest peak: the search climbs by Newton steps from all peaks of a lattice of half a
    bandwidth that may belong to it. Of equally high ones, the peak nearest to the first label wins.

    Labels that fill a rectangle (a regular grid, heat maps), in any order, are decoded fastest.
    Points of three dimensions or more that do not are climbed from the labels alone.

    At the end of a grid that cuts the distribution off, smoothing moves the peak inwards by a part
    of the bandwidth.

    Parameters
    ----------
    D : array-like of shape (n_samples, n_labels)
        Label distributions.
    grid : array-like of shape (n_labels,) or (n_labels, n_dims)
        Values or points of the labels.
    bandwidth : float, default=None
        Standard deviation :math:`h > 0` of the kernel in the units of the grid. None takes the
        median distance from a label to its nearest neighbour.

    Returns
    -------
    y : ndarray of shape (n_samples,) or (n_samples, n_dims)
        Inside the convex hull of the grid.

    Raises
    ------
    ValueError
        If `D` is not a label distribution, `grid` does not fit it or `bandwidth` is not positive.

    References
    ----------
    D. Comaniciu, P. Meer, "Mean shift: a robust approach toward feature space analysis", IEEE
    Transactions on Pattern Analysis and Machine Intelligence, 2002.

    Examples
    --------
    >>> from sklearn_ldl.decoding import argmax, mode
    >>> D = [[0.0, 0.1, 0.5, 0.4, 0.0], [0.3, 0.0, 0.2, 0.3, 0.2]]
    >>> argmax(D, grid=[0, 1, 2, 3, 4])
    array([2., 0.])
    >>> mode(D, grid=[0, 1, 2, 3, 4]).round(2)
    array([2.34, 2.96])
    """
    D, grid = _check(D, grid)
    if bandwidth is None:
        bandwidth = float(np.median(label_spacing(grid)))
    elif not (np.isfinite(bandwidth) and bandwidth > 0):
        raise ValueError(f"bandwidth must be positive and finite, got {bandwidth!r}.")
    points = grid.reshape(len(grid), -1)
    centre = points.mean(axis=0)
    peaks = highest_peaks(D, (points - centre) / bandwidth)
    return (centre + bandwidth * peaks).reshape(len(D), *grid.shape[1:])


@underflow_is_zero
def quantile(D: ArrayLike, grid: ArrayLike, q: ArrayLike) -> NDArray[np.float64]:
    r"""Quantiles of distributions over values, between the labels.

    A label stands for the values that are nearest to it, and its degree is spread evenly over
    them: the distribution function rises linearly between the midpoints of neighbours, by the
    degree of each label. The cells at the ends are as long beyond their label as before it, and
    what falls there is moved to the end of the grid.

    Parameters
    ----------
    D : array-like of shape (n_samples, n_labels)
        Label distributions.
    grid : array-like of shape (n_labels,)
        Values of the labels, in any order.
    q : float or array-like of shape (n_quantiles,)
        Levels in (0, 1).

    Returns
    -------
    y : ndarray of shape (n_samples,) or (n_samples, n_quantiles)
        Inside the range of the grid, and never falling with the level.

    Raises
    ------
    ValueError
        If `D` is not a label distribution, `grid` does not fit it or holds points of several
        dimensions, or `q` is out of range.

    See Also
    --------
    median : The label that the quantile at one half belongs to.
    sklearn_ldl.LDLRegressor.quantile : Those of predicted distributions.

    Examples
    --------
    >>> from sklearn_ldl.decoding import quantile
    >>> quantile([[0.25, 0.5, 0.25]], [10, 20, 30], [0.25, 0.5, 0.75])
    array([[15., 20., 25.]])
    """
    D, grid = _check(D, grid)
    q = check_levels(q)
    if grid.ndim > 1:
        raise ValueError(f"Quantiles are those of values, but grid has {grid.shape[1]} dimensions.")
    order = np.argsort(grid)
    grid = grid[order]
    middles = (grid[:-1] + grid[1:]) / 2
    low = np.concatenate([[2 * grid[0] - middles[0]], middles])
    high = np.concatenate([middles, [2 * grid[-1] - middles[-1]]])
    y = cell_quantiles(D[:, order], low, high, np.atleast_1d(q))
    return y.clip(grid[0], grid[-1]).reshape(len(D), *q.shape)


@underflow_is_zero
def threshold_sets(
    D: ArrayLike, threshold: float, *, empty: Literal["allow", "top1"] = "allow"
) -> NDArray[np.bool_]:
    r"""Set of the labels whose degree exceeds a threshold, :math:`\{j : d_j > \xi\}`.

    Parameters
    ----------
    D : array-like of shape (n_samples, n_labels)
        Label distributions.
    threshold : float
        :math:`\xi` in [0, 1]; a degree that equals it is left out.
    empty : {"allow", "top1"}, default="allow"
        Whether a row without any such degree gives the empty set or its arg-max label (the first
        one on ties).

    Returns
    -------
    sets : ndarray of shape (n_samples, n_labels), dtype bool
        True where the label belongs to the set.

    Raises
    ------
    ValueError
        If `D` is not a label distribution or a parameter is out of range.

    References
    ----------
    B.-B. Gao, C. Xing, C.-W. Xie, J. Wu, X. Geng, "Deep label distribution learning with label
    ambiguity", IEEE Transactions on Image Processing, 2017.

    Examples
    --------
    >>> from sklearn_ldl.decoding import threshold_sets
    >>> threshold_sets([[0.5, 0.3, 0.2]], 0.25)
    array([[ True,  True, False]])
    >>> threshold_sets([[0.5, 0.3, 0.2]], 0.6, empty="top1")
    array([[ True, False, False]])
    """
    D = check_distribution(D, input_name="D")
    if not 0 <= threshold <= 1:
        raise ValueError(f"threshold must lie in [0, 1], got {threshold!r}.")
    if empty not in ("allow", "top1"):
        raise ValueError(f"empty must be 'allow' or 'top1', got {empty!r}.")
    sets = np.greater(D, threshold)
    if empty == "top1":
        rows = np.flatnonzero(~sets.any(axis=1))
        sets[rows, D[rows].argmax(axis=1)] = True
    return sets


#: The decoding rules by name.
RULES: dict[str, Callable[..., NDArray[np.float64]]] = {
    "argmax": argmax,
    "expectation": expectation,
    "median": median,
    "mode": mode,
}


def decode(D: ArrayLike, grid: ArrayLike, rule: Rule = "expectation") -> NDArray[np.float64]:
    """Decode label distributions by the rule of that name.

    Parameters
    ----------
    D : array-like of shape (n_samples, n_labels)
        Label distributions.
    grid : array-like of shape (n_labels,) or (n_labels, n_dims)
        Values or points of the labels.
    rule : {"argmax", "expectation", "median", "mode"}, default="expectation"
        See :func:`argmax`, :func:`expectation`, :func:`median` and :func:`mode`.

    Returns
    -------
    y : ndarray of shape (n_samples,) or (n_samples, n_dims)
        Decoded values or points.

    Raises
    ------
    ValueError
        If `D` is not a label distribution, `grid` does not fit it or `rule` is unknown.

    Examples
    --------
    >>> from sklearn_ldl.decoding import decode
    >>> poses = [[0, 0], [0, 15], [15, 0]]
    >>> decode([[0.2, 0.5, 0.3]], poses, "argmax")
    array([[ 0., 15.]])
    >>> decode([[0.2, 0.5, 0.3]], poses)
    array([[4.5, 7.5]])
    """
    if rule not in RULES:
        raise ValueError(f"rule must be one of {sorted(RULES)}, got {rule!r}.")
    return RULES[rule](D, grid)


def _check(D: ArrayLike, grid: ArrayLike) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    D = D if names_of(D) is None else in_order_of_grid(D, check_grid(grid))
    D = check_distribution(D, input_name="D")
    return D, check_grid(grid, n_labels=D.shape[1])


def in_order_of_grid(D: Any, grid: NDArray[np.float64]) -> Any:
    """Bring the columns of a frame, where their names are the values of a grid, into its order.

    Parameters
    ----------
    D : array-like of shape (n_samples, n_labels)
        Whose columns count by position, unless they have such names.
    grid : ndarray of shape (n_labels,) or (n_labels, n_dims)
        As returned by :func:`check_grid`.

    Returns
    -------
    D : array-like of shape (n_samples, n_labels)
        The same columns.

    Examples
    --------
    >>> import numpy as np
    >>> import pandas as pd
    >>> from sklearn_ldl.decoding import in_order_of_grid
    >>> D = pd.DataFrame([[0.9, 0.1]], columns=[30, 20])
    >>> in_order_of_grid(D, np.array([20.0, 30.0])).columns.tolist()
    [20, 30]
    """
    names, values = names_of(D), grid.tolist()
    numbers = [] if names is None or grid.ndim != 1 else names_as_numbers(names)
    if names is None or sorted(numbers) != sorted(values):
        return D
    name = dict(zip(numbers, names, strict=True))
    return columns_in_order(D, [name[value] for value in values], of_y="D", of_names="grid")


def in_order_of_names(grid: NDArray[np.float64], names: NDArray | None) -> NDArray[np.float64]:
    """Bring a grid, where its values are the names of the labels, into their order.

    Parameters
    ----------
    grid : ndarray of shape (n_labels,) or (n_labels, n_dims)
        As returned by :func:`check_grid`.
    names : ndarray of shape (n_labels,) or None
        Names of the labels, if there are some.

    Returns
    -------
    grid : ndarray of the same shape
        The same values.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_ldl.decoding import in_order_of_names
    >>> in_order_of_names(np.array([20.0, 30.0]), np.array([30, 20]))
    array([30., 20.])
    """
    numbers = [] if names is None or grid.ndim != 1 else names_as_numbers(names)
    return np.array(numbers) if numbers and sorted(numbers) == sorted(grid.tolist()) else grid
