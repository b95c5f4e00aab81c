"""Label distributions for segmentation: class masks with soft boundaries."""

from __future__ import annotations

from numbers import Integral, Real

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.ndimage import correlate1d

from sklearn_ldl._core.dask_rows import refuse_to_load
from sklearn_ldl._core.simplex import normalize
from sklearn_ldl._core.sklearn_compat import Interval, validate_params
from sklearn_ldl._core.underflow import underflow_is_zero


@validate_params(
    {
        "n_classes": [Interval(Integral, 2, None, closed="left")],
        "kernel_size": [Interval(Integral, 1, None, closed="left")],
        "sigma": [Interval(Real, 0, None, closed="neither")],
        "padding": [Interval(Integral, 0, None, closed="left")],
        "stride": [Interval(Integral, 1, None, closed="left")],
        "ignore": [Interval(Integral, None, None, closed="neither"), None],
    },
    prefer_skip_nested_validation=True,
)
@underflow_is_zero
def smooth_mask(
    mask: ArrayLike,
    n_classes: int,
    *,
    kernel_size: int = 5,
    sigma: float = 3.0,
    padding: int = 2,
    stride: int = 1,
    ignore: int | None = 255,
) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    r"""Distribute every pixel of a class mask over the classes around it.

    The one-hot masks of the classes are convolved with a Gaussian kernel of `kernel_size` times
    `kernel_size` pixels, and every pixel is divided by its sum over the classes. The division also
    makes up for the zeros around the image and for ignored pixels. Along an axis of `H` pixels the
    result has ``(H + 2 * padding - kernel_size) // stride + 1``: with the defaults, `H`.

    Parameters
    ----------
    mask : array-like of shape (height, width) or (n_images, height, width)
        Class of every pixel: integers from 0 to ``n_classes - 1``, or `ignore`.
    n_classes : int
        Number of classes `C`, at least 2, the background included.
    kernel_size : int, default=5
        Width of the kernel in pixels.
    sigma : float, default=3.0
        Standard deviation of the kernel in pixels. The 5 by 5 kernel of the default is nearly
        flat (weight 0.05 at its centre), so a pixel at a corner can lean to the other class; with
        0.5 the centre keeps 0.62.
    padding : int, default=2
        Number of pixels added on every side before the convolution.
    stride : int, default=1
        Distance between the pixels of the result, in pixels of the mask.
    ignore : int or None, default=255
        Code of pixels without a class. It must not be a class; None if there are no such pixels.

    Returns
    -------
    D : ndarray of shape (C, new_height, new_width) or (n_images, C, new_height, new_width)
        Class distribution of every pixel, float64.
    valid : ndarray of shape (new_height, new_width) or (n_images, new_height, new_width)
        False where the kernel saw no class at all; the distribution is uniform there and should
        get no weight.

    Raises
    ------
    ValueError
        If the mask is not an integer array of 2 or 3 dimensions, holds another code, or is
        smaller than the kernel, or if `ignore` is one of the classes.

    Notes
    -----
    Evaluate predictions against the mask itself, not against the smoothed one.

    References
    ----------
    B.-B. Gao, C. Xing, C.-W. Xie, J. Wu, X. Geng, "Deep label distribution learning with label
    ambiguity", IEEE Transactions on Image Processing, 2017.

    Examples
    --------
    >>> from sklearn_ldl.distributors import smooth_mask
    >>> D, valid = smooth_mask([[0, 0, 1, 1]], 2, kernel_size=3, padding=1, sigma=1.0)
    >>> D[1].round(3)
    array([[0.   , 0.274, 0.726, 1.   ]])
    >>> valid
    array([[ True,  True,  True,  True]])
    """
    codes = _check_mask(mask, n_classes, ignore)
    size = np.array(codes.shape[-2:]) + 2 * padding
    if (size < kernel_size).any():
        raise ValueError(
            f"A mask of {codes.shape[-2:]} pixels with padding {padding} is smaller than the kernel"
            f" ({kernel_size})."
        )
    margin = [(0, 0)] * (codes.ndim - 2) + [(padding, padding)] * 2
    codes = np.pad(codes, margin, constant_values=-1)
    one_hot = np.stack([codes == label for label in range(n_classes)], axis=-1).astype(np.float64)

    offsets = np.arange(kernel_size) - (kernel_size - 1) / 2
    kernel = np.exp(-0.5 * (offsets / sigma) ** 2)
    kernel /= kernel.sum()
    mass = one_hot
    for axis, length in zip((-3, -2), size, strict=True):
        mass = correlate1d(mass, kernel, axis=axis, mode="constant")
        # Keep the positions at which the whole kernel lies inside.
        first = kernel_size // 2
        inside = np.arange(first, first + length - kernel_size + 1, stride)
        mass = np.take(mass, inside, axis=axis)

    D = normalize(mass.reshape(-1, n_classes)).reshape(mass.shape)
    return np.ascontiguousarray(np.moveaxis(D, -1, -3)), np.any(mass > 0, axis=-1)


def _check_mask(mask: ArrayLike, n_classes: int, ignore: int | None) -> NDArray[np.int64]:
    """Return class codes with -1 in place of `ignore`."""
    refuse_to_load("mask", mask)
    mask = np.asarray(mask)
    if mask.ndim not in (2, 3) or mask.size == 0 or mask.dtype.kind not in "iu":
        raise ValueError(
            "mask must be a non-empty integer array of shape (height, width) or"
            f" (n_images, height, width), got {mask.dtype} of shape {mask.shape}."
        )
    if ignore is not None and 0 <= ignore < n_classes:
        raise ValueError(f"ignore={ignore} is one of the {n_classes} classes: set another or None.")
    known = (mask >= 0) & (mask < n_classes)
    ignored = mask == ignore if ignore is not None else np.zeros_like(known)
    if not (known | ignored).all():
        code = mask[~(known | ignored)][0]
        raise ValueError(
            f"mask holds {code}, which is neither one of {n_classes} classes nor ignored."
        )
    return np.where(ignored, -1, mask.astype(np.int64))
