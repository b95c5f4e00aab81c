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
