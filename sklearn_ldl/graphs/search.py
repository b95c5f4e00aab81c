"""Search for nearest neighbours: exact for few rows, approximate for many."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array, issparse
from sklearn import config_context
from sklearn.utils import gen_batches

from sklearn_ldl._core.plain_state import PlainState

#: Up to here exact search is faster than compiling the other, by benchmarks/bench_graphs.py.
EXACT_MAX_ROWS = 60_000
#: pynndescent finds clearly fewer of the true neighbours when it is asked for less than this.
APPROXIMATE_MIN_NEIGHBORS = 14
#: Neighbour pairs whose differences are held in memory at once.
PAIRS_PER_BATCH = 2**15


class EuclideanSearch(PlainState):
    """A neighbour search whose Euclidean distances are computed again in float64.

    Brute force expands the squared distance and pynndescent works in float32. Both may leave a
    little distance between equal rows, which the median would take for the scale of the data.
    """

    def __init__(self, search: Any) -> None:
        self.search = search

    def fit_transform(self, points: NDArray[np.float64]) -> csr_array:
        """Find the neighbours of the fitted points among themselves."""
        self.points = points
        return self._with_distances(points, self.search.fit_transform(points))

    def transform(self, points: NDArray[np.float64]) -> csr_array:
        """Find the neighbours of other points among the fitted ones."""
        return self._with_distances(points, self.search.transform(points))

    def _with_distances(self, queries: NDArray[np.float64], found: Any) -> Any:
        rows = row_numbers(found)
        distances = np.empty(rows.size)
        for pairs in gen_batches(rows.size, PAIRS_PER_BATCH):
            difference = queries[rows[pairs]] - self.points[found.indices[pairs]]
            distances[pairs] = np.linalg.norm(difference, axis=1)
        found.data = distances
        return found


def find(search: Callable, points: Any, n_samples: int) -> csr_array:
    """Run a search and return its graph of distances to the `n_samples` fitted points."""
    # A sparse graph has no data frame form, whatever output the user prefers elsewhere.
    with config_context(transform_output="default"):
        found = search(points)
    if not issparse(found):
        raise TypeError(f"neighbors must return a sparse graph, got {type(found).__name__}.")
    shape = (points.shape[0], n_samples)
    if found.shape != shape:
        raise ValueError(f"neighbors returned a graph of shape {found.shape}, expected {shape}.")
    found = found.tocsr()
    keep = found.indices >= 0  # -1 is how approximate searches say that they found nobody
    rows, columns = row_numbers(found)[keep], found.indices[keep]
    distances = found.data[keep].astype(np.float64)
    if not ((distances >= 0) & (distances < np.inf)).all():
        raise ValueError("neighbors returned distances that are negative, infinite or NaN.")
    return csr_array((distances, (rows, columns)), shape=shape)


def nearest(found: csr_array, n_neighbors: int, *, skip_self: bool) -> csr_array:
    """Keep the `n_neighbors` smallest distances of every row, ties to the lower index.

    Stored zeros are distances like any other. A sample is recognised by its index.
    """
    rows, columns, distances = row_numbers(found), found.indices, found.data
    if skip_self:
        keep = columns != rows
        rows, columns, distances = rows[keep], columns[keep], distances[keep]
    order = np.lexsort((columns, distances, rows))
    rows, columns, distances = rows[order], columns[order], distances[order]
    rank = np.arange(rows.size) - np.searchsorted(rows, rows)
    near = rank < n_neighbors
    return csr_array((distances[near], (rows[near], columns[near])), shape=found.shape)


def row_numbers(graph: Any) -> NDArray[np.intp]:
    """Row of every stored entry of a CSR graph."""
    return np.repeat(np.arange(graph.shape[0]), np.diff(graph.indptr))
