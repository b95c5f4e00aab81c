r"""Proximal operators: ``argmin_B  threshold * norm(B) + ||B - A||_F^2 / 2`` in closed form.

Reference: N. Parikh, S. Boyd, "Proximal algorithms", Foundations and Trends in Optimization, 2014.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import svd


def soft_threshold(A: NDArray, threshold: float) -> NDArray:
    """Of the sum of absolute entries: every entry moves towards zero by `threshold`."""
    return np.sign(A) * np.maximum(np.abs(A) - threshold, 0)


def shrink_groups(A: NDArray, threshold: float, *, axis: int) -> NDArray:
    """Of the l2,1 norm: every group moves towards zero by `threshold` in its Euclidean norm.

    A group is what `axis` runs along: ``axis=0`` shrinks columns, ``axis=1`` rows.
    """
    norms = np.linalg.norm(A, axis=axis, keepdims=True)
    return A * (np.maximum(norms - threshold, 0) / np.where(norms > 0, norms, 1))


def threshold_singular_values(A: NDArray, threshold: float) -> tuple[NDArray, float]:
    """Of the nuclear norm: every singular value moves towards zero by `threshold`.

    Returns
    -------
    B : ndarray of the shape of `A`
    norm : float
        Nuclear norm of `B`.
    """
    U, sigma, Vt = svd(A, full_matrices=False, check_finite=False)
    sigma = np.maximum(sigma - threshold, 0)
    return (U * sigma) @ Vt, float(sigma.sum())


def nuclear_norm(A: NDArray) -> float:
    """Sum of the singular values."""
    return float(svd(A, compute_uv=False, check_finite=False).sum())


def split_columns(T: NDArray, l1: float, l21: float) -> tuple[NDArray, NDArray]:
    r"""Split columns into a sparse and a common part, both of them shrunk.

    Minimises :math:`l_1 \|A\|_1 + l_{21} \|B\|_{2,1} + \tfrac12 \|A + B - T\|_F^2`, the groups
    being columns. In one column the residual ``T - A - B`` is the projection of `T` onto the
    intersection of the box of size `l1` and the ball of radius `l21`, which is a clipped
    ``T / scale``: what is clipped off goes to `A`, what scaling takes off goes to `B`.

    Returns
    -------
    A, B : ndarray of the shape of `T`
    """
    if l1 == 0:
        return T, np.zeros_like(T)
    if l21 == 0:
        return np.zeros_like(T), T
    scale = np.ones((1, T.shape[1]))
    n_labels = len(T)
    if l21**2 < n_labels * l1**2:
        # With the j largest entries clipped, the scale puts the column onto the ball; the right j
        # is the first for which no further entry leaves the box. (See Duchi et al., ICML 2008,
        # for the same argument on the simplex.)
        ordered = -np.sort(-np.abs(T), axis=0)
        rest = np.cumsum(ordered[::-1] ** 2, axis=0)[::-1]
        room = l21**2 - l1**2 * np.arange(n_labels)[:, None]
        scales = np.sqrt(rest / np.where(room > 0, room, np.inf))
        fits = (room > 0) & (ordered <= l1 * scales)
        scale = np.take_along_axis(scales, fits.argmax(axis=0)[None, :], axis=0)
        scale = np.maximum(scale, 1)
    inside = np.clip(T / scale, -l1, l1)
    return scale * soft_threshold(T / scale, l1), (scale - 1) * inside
