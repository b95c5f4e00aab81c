"""Label grids: products of axes, head poses, over the range of the data, continued at the ends."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.utils import check_array

#: A model has at least one output per label; a grid beyond this is a mistake in the units.
MAX_LABELS = 100_000

#: A default grid has no more.
MAX_DEFAULT_LABELS = 1_000

# Spacing and padding in standard deviations, the finest first. Decoded by expectation, values come
# back to 1e-11 standard deviations from the first, to 2e-8 at spacing 1 and to 0.05 at spacing 2;
# those next to an end of the data to 1e-4 at padding 4 and to 0.06 at padding 2.
_LAYOUTS = (
    *((spacing, 7.0) for spacing in (0.5, 0.6, 0.7, 0.8, 0.9, 1.0)),
    *((1.0, pad) for pad in (6.0, 5.0, 4.0)),
    *((1.25, 4.0), (1.5, 4.0), (1.5, 3.0), (2.0, 3.0), (2.0, 2.0)),
)


def product_grid(*axes: ArrayLike) -> NDArray[np.float64]:
    """Points with every combination of the values on several axes.

    Parameters
    ----------
    *axes : array-like of shape (n_values,)
        Values of every dimension.

    Returns
    -------
    grid : ndarray of shape (n_labels, n_dims)
        Points, the last dimension changing fastest: a row of a distribution over them becomes an
        array with one dimension per axis by ``row.reshape([len(axis) for axis in axes])``.

    Raises
    ------
    ValueError
        If there is no axis, or one is not a list of finite numbers.

    See Also
    --------
    head_pose_grid : Poses that are no such product.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_ldl.distributors import product_grid
    >>> product_grid([0, 15], [-15, 0, 15]).tolist()
    [[0.0, -15.0], [0.0, 0.0], [0.0, 15.0], [15.0, -15.0], [15.0, 0.0], [15.0, 15.0]]

    Pitch and yaw of heads every three degrees:

    >>> angles = np.arange(-90, 91, 3)
    >>> product_grid(angles, angles).shape
    (3721, 2)
    """
    if not axes:
        raise ValueError("A product needs at least one axis.")
    values = [
        check_array(axis, dtype=np.float64, ensure_2d=False, input_name=f"axis {i}")
        for i, axis in enumerate(axes)
    ]
    for i, axis in enumerate(values):
        if axis.ndim > 1:
            raise ValueError(f"axis {i} must be a list of numbers, got shape {axis.shape}.")
    return np.stack(np.meshgrid(*values, indexing="ij"), axis=-1).reshape(-1, len(axes))


def head_pose_grid() -> NDArray[np.float64]:
    """Pitch and yaw of the 93 head poses of the Pointing'04 database, in degrees.

    The pitches -60, -30, -15, 0, 15, 30 and 60 come with 13 yaws each, from -90 to 90 in steps of
    15. At the pitches -90 and 90, straight down and up, the yaw is 0.

    Returns
    -------
    grid : ndarray of shape (93, 2)
        Pitch and yaw, in ascending order.

    See Also
    --------
    product_grid : Regular grids.
    sklearn_ldl.GaussianLabelDistributor : Distributes poses over a grid.

    References
    ----------
    N. Gourier, D. Hall, J. L. Crowley, "Estimating face orientation from robust detection of
    salient facial structures", FG Net Workshop on Visual Observation of Deictic Gestures, 2004.

    B.-B. Gao, C. Xing, C.-W. Xie, J. Wu, X. Geng, "Deep label distribution learning with label
    ambiguity", IEEE Transactions on Image Processing, 2017.

    Examples
    --------
    >>> from sklearn_ldl.distributors import GaussianLabelDistributor, head_pose_grid
    >>> poses = head_pose_grid()
    >>> poses[[0, 1, 2, 92]].tolist()
    [[-90.0, 0.0], [-60.0, -90.0], [-60.0, -75.0], [90.0, 0.0]]
    >>> heads = GaussianLabelDistributor(poses, sigma=15, decode="argmax")
    >>> D = heads.fit_transform([[0, 30], [15, -40]])
    >>> heads.inverse_transform(D)
    array([[  0.,  30.],
           [ 15., -45.]])
    """
    turned = product_grid([-60, -30, -15, 0, 15, 30, 60], np.arange(-90, 91, 15))
    return np.vstack([[[-90, 0]], turned, [[90, 0]]])


def default_layout(
    y: NDArray[np.float64],
    sigma: NDArray[np.float64],
    unit: NDArray[np.float64],
    spacing: float | None,
    pad: float | None,
) -> tuple[float, float]:
    """Find the finest spacing, and the widest padding, of a grid of at most 1,000 labels.

    Parameters
    ----------
    y : ndarray of shape (n_samples, n_dims)
        Values.
    sigma, unit : ndarray of shape (n_dims,)
        Standard deviation in every dimension, and what the spacing is a multiple of.
    spacing, pad : float or None
        Where one is given it stays; with a given spacing the grid may have more labels.

    Returns
    -------
    spacing, pad : float
        Numbers of units and of standard deviations.

    Raises
    ------
    ValueError
        If there is none.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_ldl.distributors.grids import default_layout
    >>> one = np.ones(1)
    >>> default_layout(np.array([[0.0], [100.0]]), one, one, None, None)
    (0.5, 7.0)
    >>> default_layout(np.array([[0.0], [900.0]]), one, one, None, None)
    (1.0, 7.0)
    """
    if spacing is not None:
        return spacing, _LAYOUTS[0][1] if pad is None else pad
    layouts = _LAYOUTS if pad is None else [(spacing, pad) for spacing, _ in _LAYOUTS]
    for spacing, wide in layouts:
        if math.prod(_counts(y, wide * sigma, spacing * unit)) <= MAX_DEFAULT_LABELS:
            return spacing, wide
    _check_count(math.prod(_counts(y, layouts[0][1] * sigma, layouts[0][0] * unit)))
    raise ValueError(
        f"A default grid has at most {MAX_DEFAULT_LABELS:,} labels, but sigma={sigma} needs more"
        f" from {y.min(axis=0)} to {y.max(axis=0)}: raise sigma, or give a grid or a spacing."
    )


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
    counts = _counts(y, pad * sigma, step)
    _check_count(math.prod(counts))
    axes = [
        start + width * np.arange(int(count))
        for start, width, count in zip(y.min(axis=0) - pad * sigma, step, counts, strict=True)
    ]
    if any((np.diff(axis) <= 0).any() for axis in axes):
        raise ValueError("sigma is too small: in floating point, y plus sigma / 2 equals y.")
    return axes[0] if len(axes) == 1 else product_grid(*axes)


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


def _counts(y: NDArray, width: NDArray, step: NDArray) -> list[float]:
    """Labels in every dimension of a grid that is `width` wider than the data on every side."""
    low, high = y.min(axis=0) - width, y.max(axis=0) + width
    with np.errstate(over="ignore"):
        return np.maximum(np.ceil((high - low) / step) + 1, 2).tolist()


def _check_count(n_labels: float) -> None:
    if n_labels > MAX_LABELS:
        raise ValueError(
            f"The grid would have {n_labels:,.0f} labels, more than {MAX_LABELS:,}: raise sigma,"
            " lower pad, or give a grid in the units of y."
        )
