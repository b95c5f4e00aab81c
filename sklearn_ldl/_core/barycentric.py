"""Barycentric coordinates of points with respect to their neighbours."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.utils import gen_batches

#: Numbers that one batch of rows may hold at once (32 MB).
NUMBERS_PER_BATCH = 2**22


def barycentric_weights(
    points: ArrayLike, neighbors: ArrayLike, *, alpha: float = 1e-3
) -> NDArray[np.float64]:
    r"""Weights that best reconstruct every point from its neighbours (locally linear embedding).

    Point i with the neighbours :math:`j \in N_i` gets the weights that minimise

    .. math::
        \Bigl\| x_i - \sum_{j \in N_i} w_{ij} x_j \Bigr\|^2 + r_i \sum_{j \in N_i} w_{ij}^2
        \quad\text{subject to}\quad \sum_{j \in N_i} w_{ij} = 1,

    where :math:`r_i` is `alpha` times the sum of the squared distances to the neighbours. The
    weights may be negative. They do not change when all points are shifted, rotated or scaled.

    Parameters
    ----------
    points : array-like of shape (n_points, n_dimensions)
        Finite numbers.
    neighbors : array-like of shape (n_points, n_neighbors), dtype int
        Row numbers in `points` of the neighbours of each point: distinct, the point itself not
        among them.
    alpha : float, default=1e-3
        Strength of the ridge, positive. It makes the weights unique when there are more
        neighbours than dimensions or when neighbours coincide.

    Returns
    -------
    weights : ndarray of shape (n_points, n_neighbors)
        Row sums are one. The neighbours of a point that they all equal have the same weight.

    References
    ----------
    S. T. Roweis, L. K. Saul, "Nonlinear dimensionality reduction by locally linear embedding",
    Science, 2000.

    Examples
    --------
    >>> from sklearn_ldl._core.barycentric import barycentric_weights
    >>> points = [[0.0], [1.0], [4.0]]
    >>> barycentric_weights(points, [[1, 2], [0, 2], [0, 1]], alpha=1e-9).round(3)
    array([[ 1.333, -0.333],
           [ 0.75 ,  0.25 ],
           [-3.   ,  4.   ]])
    """
    points = np.asarray(points, dtype=np.float64)
    neighbors = np.asarray(neighbors)
    # A power of two keeps squares within the float range and costs no digit.
    _, exponent = np.frexp(np.abs(points).max(initial=0))
    points = np.ldexp(points, -exponent)
    n_points, n_neighbors = neighbors.shape
    everyone = n_neighbors == n_points - 1
    local_gram = _gram_from_products(points) if everyone else _gram_from_differences(points)
    width = n_neighbors if everyone else max(n_neighbors, points.shape[1])

    weights = np.empty((n_points, n_neighbors))
    ridge = alpha * np.eye(n_neighbors)
    for rows in gen_batches(n_points, max(NUMBERS_PER_BATCH // max(n_neighbors * width, 1), 1)):
        G = local_gram(np.arange(n_points)[rows], neighbors[rows])
        trace = np.trace(G, axis1=1, axis2=2)[:, None, None]
        # Only the ratio of the Gram matrix to its ridge counts, so the trace scales the matrix.
        G = np.divide(G, trace, out=np.zeros_like(G), where=trace > 0) + ridge
        weights[rows] = np.linalg.solve(G, np.ones((len(G), n_neighbors, 1)))[:, :, 0]
    return weights / weights.sum(axis=1, keepdims=True)


def _gram_from_differences(points):
    """Products of the differences between neighbours and point, formed one by one."""

    def local_gram(rows, neighbors):
        Z = points[neighbors] - points[rows, None]
        return Z @ Z.transpose(0, 2, 1)

    return local_gram


def _gram_from_products(points):
    """Read the same products off one Gram matrix of all points.

    This costs ``n_points`` times less when everyone is everyone's neighbour. Nothing cancels then:
    the trace of each local matrix exceeds the sum of the squared norms of the centred points.
    """
    points = points - points.mean(axis=0)
    S = points @ points.T

    def local_gram(rows, neighbors):
        to_point = S[rows[:, None], neighbors]
        among = S[neighbors[:, :, None], neighbors[:, None, :]]
        return among - to_point[:, :, None] - to_point[:, None, :] + S[rows, rows, None, None]

    return local_gram
