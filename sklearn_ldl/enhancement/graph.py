"""Graphs of nearest neighbours among the samples."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array
from sklearn.neighbors import KNeighborsTransformer

from sklearn_ldl.graphs.search import EuclideanSearch, find, nearest
from sklearn_ldl.graphs.table import neighbor_table
from sklearn_ldl.graphs.weights import similarity


def nearest_neighbors(X: NDArray[np.float64], n_neighbors: int) -> NDArray[np.intp]:
    """Row numbers of the nearest other samples.

    Parameters
    ----------
    X : ndarray of shape (n_samples, n_features)
        Samples. Those equal to a sample are neighbours like any other.
    n_neighbors : int
        Number of neighbours; at most ``n_samples - 1`` are returned.

    Returns
    -------
    neighbors : ndarray of shape (n_samples, n_neighbors)
        In ascending order of the row number, the sample itself not among them.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_ldl.enhancement.graph import nearest_neighbors
    >>> nearest_neighbors(np.array([[0.0], [1.0], [1.0], [9.0]]), 2)
    array([[1, 2],
           [0, 2],
           [0, 1],
           [1, 2]])
    """
    if len(X) == 1:
        return np.empty((1, 0), dtype=np.intp)
    return neighbor_table(_distances(X, n_neighbors))[0]


def knn_affinity(
    X: NDArray[np.float64], n_neighbors: int, *, sigma: Any
) -> tuple[csr_array, float]:
    r"""Gaussian affinities :math:`\exp(-\|x_i - x_j\|^2 / (2 \sigma^2))` of nearest neighbours.

    Parameters
    ----------
    X : ndarray of shape (n_samples, n_features)
        Samples.
    n_neighbors : int
        Number of neighbours; at most ``n_samples - 1`` are used.
    sigma : float or "median"
        Standard deviation of the Gaussian, positive. "median" is the median distance between a
        sample and its neighbours.

    Returns
    -------
    affinity : csr_array of shape (n_samples, n_samples)
        Symmetric, with entries in (0, 1] and nothing on the diagonal: the mean of the directed
        graph of neighbours and its transpose.
    sigma : float
        The standard deviation. It is 0 if more than half of the neighbours equal their sample;
        then equal samples have affinity 1 and others none.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_ldl.enhancement.graph import knn_affinity
    >>> affinity, _ = knn_affinity(np.array([[0.0], [1.0], [3.0]]), 1, sigma=1.0)
    >>> affinity.toarray().round(3)
    array([[0.   , 0.607, 0.   ],
           [0.607, 0.   , 0.068],
           [0.   , 0.068, 0.   ]])
    """
    if len(X) == 1:
        return csr_array((1, 1)), 1.0 if sigma == "median" else float(sigma)
    distances = _distances(X, n_neighbors)
    sigma = float(np.median(distances.data) if sigma == "median" else sigma)
    directed = similarity(distances, sigma)
    return (directed + directed.T) / 2, sigma


def _distances(X: NDArray[np.float64], n_neighbors: int) -> csr_array:
    """Distances to the nearest others, copies among them, by a search that needs no seed."""
    n_neighbors = min(n_neighbors, len(X) - 1)
    search = EuclideanSearch(KNeighborsTransformer(n_neighbors=n_neighbors))
    return nearest(find(search.fit_transform, X, len(X)), n_neighbors, skip_self=True)
