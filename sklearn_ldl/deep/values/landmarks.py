"""Landmarks: the coordinates of heat maps that are coarser than their images."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.utils import check_array


def to_heatmap_coordinates(points: ArrayLike, stride: int) -> NDArray[np.float64]:
    r"""Convert coordinates in an image to coordinates in a heat map of lower resolution.

    Cell :math:`i` of a heat map of stride :math:`s` covers the pixels :math:`si, ..., si + s - 1`,
    so that its centre is the pixel coordinate :math:`si + (s - 1)/2`:

    .. math:: y_\text{map} = \frac{y_\text{image} - (s - 1)/2}{s}

    Nothing is rounded. The coordinates of an integer are those of the middle of a pixel or cell.

    Parameters
    ----------
    points : array-like of any shape
        Coordinates in the image, such as the (row, column) of landmarks.
    stride : int
        Pixels per cell, at least 1.

    Returns
    -------
    points : ndarray of the same shape
        Coordinates in the heat map.

    Raises
    ------
    ValueError
        If a coordinate is not finite, or `stride` is less than 1.

    Examples
    --------
    >>> from sklearn_ldl.deep import to_heatmap_coordinates
    >>> to_heatmap_coordinates([[1.5, 5.5]], stride=4)
    array([[0., 1.]])
    """
    points, stride = _check(points, stride)
    return (points - (stride - 1) / 2) / stride


def from_heatmap_coordinates(points: ArrayLike, stride: int) -> NDArray[np.float64]:
    r"""Convert coordinates in a heat map to coordinates in the image.

    The inverse of :func:`to_heatmap_coordinates`, :math:`y_\text{image} = s\,y_\text{map} +
    (s - 1)/2`.

    Parameters
    ----------
    points : array-like of any shape
        Coordinates in the heat map.
    stride : int
        Pixels per cell, at least 1.

    Returns
    -------
    points : ndarray of the same shape
        Coordinates in the image.

    Raises
    ------
    ValueError
        If a coordinate is not finite, or `stride` is less than 1.

    Examples
    --------
    >>> from sklearn_ldl.deep import from_heatmap_coordinates
    >>> from_heatmap_coordinates([[0.0, 1.0]], stride=4)
    array([[1.5, 5.5]])
    """
    points, stride = _check(points, stride)
    return points * stride + (stride - 1) / 2


def check_heatmaps(
    y: NDArray, grid: ArrayLike | None, heatmap_shape: ArrayLike
) -> tuple[tuple[int, int, int], NDArray[np.intp]]:
    """Check that landmarks and heat maps go together.

    Return (n_landmarks, height, width), and the (row, column) of all cells.
    """
    if grid is not None:
        raise ValueError("heatmap_shape makes a grid of its own: leave out grid.")
    shape = np.asarray(heatmap_shape)
    if shape.shape != (2,) or shape.dtype.kind not in "iu" or shape.min() < 1 or shape.max() < 2:
        raise ValueError(f"heatmap_shape must be (height, width), got {heatmap_shape!r}.")
    pairs = y.shape[2] == 2 if y.ndim == 3 else y.ndim == 2 and y.shape[1] % 2 == 0
    if not pairs:
        raise ValueError(
            f"y has shape {y.shape}, but landmarks have (n_samples, n_landmarks, 2) or"
            " (n_samples, 2 * n_landmarks)."
        )
    height, width = shape.tolist()
    return (y[0].size // 2, height, width), np.indices((height, width)).reshape(2, -1).T


def _check(points: ArrayLike, stride: int) -> tuple[NDArray[np.float64], int]:
    if stride < 1:
        raise ValueError(f"stride must be at least 1, got {stride!r}.")
    return check_array(points, dtype=np.float64, ensure_2d=False, allow_nd=True), stride
