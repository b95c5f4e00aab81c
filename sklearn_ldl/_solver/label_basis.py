r"""Bases of the logits in which coefficients of neighbouring labels are alike.

With the covariance `K` of the labels and ``K = B B^T``, the penalty
:math:`\tfrac{\alpha}{2} \|B^{-1} W\|_F^2` is the one of a Gaussian process over the labels: the
coefficients of a feature vary smoothly from one label to the next.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import cholesky
from scipy.spatial.distance import cdist

# Share of the covariance in which labels are independent: it keeps the matrix well conditioned.
_NUGGET = 1e-3


def smooth_covariance(grid: NDArray, length_scale: float) -> NDArray[np.float64]:
    r"""Squared-exponential covariance of labels, with a diagonal of ones.

    .. math:: K_{cd} \propto \exp\Big(-\frac{\|g_c - g_d\|^2}{2 \ell^2}\Big)

    Parameters
    ----------
    grid : ndarray of shape (n_labels, n_dims)
        Where the labels are.
    length_scale : float
        The distance :math:`\ell`, positive, over which coefficients change.

    Returns
    -------
    K : ndarray of shape (n_labels, n_labels)
        Symmetric and positive definite.
    """
    K = np.exp(-0.5 * cdist(grid, grid, "sqeuclidean") / length_scale**2)
    return (1 - _NUGGET) * K + _NUGGET * np.eye(len(grid))


def basis_of(K: NDArray) -> NDArray[np.float64]:
    """Return a matrix `B` with ``K = B B^T``."""
    return cholesky(K, lower=True, check_finite=False)
