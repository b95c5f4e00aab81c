"""Repeated rows: searched once, and joined to their copies and to others afterwards."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array
from scipy.sparse.csgraph import connected_components

from sklearn_ldl._core.plain_state import PlainState
from sklearn_ldl.graphs.search import row_numbers


class Copies(PlainState):
    """Which samples are the same place, of `n_places` places.

    Parameters
    ----------
    places : ndarray of shape (n_samples,)
        The place of every sample; each place has one sample at least.

    Examples
    --------
    >>> import numpy as np
    >>> from scipy.sparse import csr_array
    >>> from sklearn_ldl.graphs.copies import Copies
    >>> copies = Copies(np.array([0, 1, 0, 1]))
    >>> near = csr_array([[0, 0.5], [0.25, 0]])
    >>> copies.join(near, n_copies=1).toarray()
    array([[0.  , 0.5 , 1.  , 0.  ],
           [0.25, 0.  , 0.  , 1.  ],
           [1.  , 0.  , 0.  , 0.5 ],
           [0.  , 1.  , 0.25, 0.  ]])
    >>> copies.first(near).toarray()
    array([[0.  , 0.5 , 0.  , 0.  ],
           [0.25, 0.  , 0.  , 0.  ]])
    """

    def __init__(self, places: NDArray[np.intp]) -> None:
        self.places = places
        self.counts = np.bincount(places)
        self.n_places = len(self.counts)
        self._members = np.argsort(places, kind="stable")
        self._starts = np.cumsum(self.counts) - self.counts

    def join(self, near: csr_array, n_copies: int) -> csr_array:
        """Turn a graph of places into one of samples.

        Every sample gets the edges of its place, each to one sample of the other place: the first
        copy of a place to the first one there, the second to the second, in turns. So neither the
        number of edges nor the sum of their weights depends on how often the others are repeated.
        The next `n_copies` copies of a sample, which equal it, are its neighbours too.
        """
        n_samples = len(self.places)
        if self.n_places == n_samples:
            return near
        rank = np.empty(n_samples, dtype=np.intp)
        rank[self._members] = np.arange(n_samples) - np.repeat(self._starts, self.counts)
        outer = near[self.places]
        rows = row_numbers(outer)
        edges = [(outer.data, rows, self._member(outer.indices, rank[rows]))]
        others = self.counts[self.places] - 1
        for step in range(1, min(n_copies, others.max()) + 1):
            rows = np.flatnonzero(others >= step)
            columns = self._member(self.places[rows], rank[rows] + step)
            edges.append((np.ones(len(rows)), rows, columns))
        data, rows, columns = map(np.concatenate, zip(*edges, strict=True))
        return csr_array((data, (rows, columns)), shape=(n_samples, n_samples))

    def first(self, near: csr_array) -> csr_array:
        """Let the first sample of every place stand for it, in the columns of a graph."""
        shape = (near.shape[0], len(self.places))
        return csr_array((near.data, self._member(near.indices, 0), near.indptr), shape=shape)

    def merge(self, found: csr_array) -> csr_array:
        """Columns of samples become columns of places, each at its smallest distance."""
        return self._smallest(row_numbers(found), found, found.shape[0])

    def merge_both(self, found: csr_array) -> csr_array:
        """Rows become places, too: what is found for one copy is found for all."""
        return self._smallest(self.places[row_numbers(found)], found, self.n_places)

    def _smallest(self, rows: NDArray, found: csr_array, n_rows: int) -> csr_array:
        if self.n_places == len(self.places):
            return found
        columns, distances = self.places[found.indices], found.data
        order = np.lexsort((distances, columns, rows))
        rows, columns, distances = rows[order], columns[order], distances[order]
        least = np.ones(len(rows), dtype=bool)
        least[1:] = (np.diff(rows) > 0) | (np.diff(columns) > 0)
        pairs = (rows[least], columns[least])
        return csr_array((distances[least], pairs), shape=(n_rows, self.n_places))

    def _member(self, places: NDArray, rank: Any) -> NDArray[np.intp]:
        return self._members[self._starts[places] + rank % self.counts[places]]


def distinct_rows(points: Any) -> tuple[Any, NDArray[np.intp]]:
    """Return the distinct rows in the order of the first of each, and the place of every row.

    At least two rows are returned, since no search finds a neighbour among one.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_ldl.graphs.copies import distinct_rows
    >>> distinct_rows(np.array([[5.0], [3.0], [5.0]]))
    (array([[5.],
           [3.]]), array([0, 1, 0]))
    """
    # As strings of bytes rows are sorted much faster; adding zero makes -0.0 the same as 0.0.
    rows = np.ascontiguousarray(points + 0.0)
    strings = rows.view(np.dtype((np.void, rows.itemsize * rows.shape[1]))).ravel()
    _, first, places = np.unique(strings, return_index=True, return_inverse=True)
    if len(first) == len(points):
        return points, np.arange(len(points))
    if len(first) == 1:
        return points[:2], np.minimum(np.arange(len(points)), 1)
    order = np.argsort(first)
    return points[first[order]], np.argsort(order)[places]


def places_at_distance_zero(found: csr_array) -> NDArray[np.intp]:
    """Find the place of every point of a graph of distances, whose stored zeros join points.

    Examples
    --------
    >>> from scipy.sparse import csr_array
    >>> from sklearn_ldl.graphs.copies import places_at_distance_zero
    >>> distances = csr_array(([0.0, 2.0], ([0, 1], [2, 2])), shape=(3, 3))
    >>> places_at_distance_zero(distances)
    array([0, 1, 0])
    """
    zero = found.data == 0
    rows, columns = row_numbers(found)[zero], found.indices[zero]
    joined = csr_array((np.ones(len(rows)), (rows, columns)), shape=found.shape)
    return connected_components(joined, directed=False)[1].astype(np.intp)
