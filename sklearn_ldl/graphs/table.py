"""A sparse graph as arrays of fixed width, for batches of rows."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array, issparse, sparray, spmatrix


def neighbor_table(graph: spmatrix | sparray) -> tuple[NDArray[np.intp], NDArray[np.float64]]:
    """Neighbours and weights of every sample as dense arrays, for gathering mini-batches.

    Parameters
    ----------
    graph : sparse array of shape (n_samples, n_samples)
        A training graph such as `graph_` of :class:`AuxGraphNeighbors`.

    Returns
    -------
    indices : ndarray of shape (n_samples, width)
        Neighbours of each sample; `width` is the largest number that one sample has. Where there
        are fewer the sample itself fills the row, so that every index is valid and gathering
        the neighbours of a batch fetches no stranger.
    weights : ndarray of shape (n_samples, width)
        Their similarities, 0 for the padding.

    Raises
    ------
    TypeError
        If `graph` is not sparse.
    ValueError
        If `graph` is not square.

    Examples
    --------
    >>> from scipy.sparse import csr_array
    >>> from sklearn_ldl.graphs.table import neighbor_table
    >>> graph = csr_array([[0.0, 0.5, 0.9], [0.5, 0.0, 0.0], [0.0, 0.0, 0.0]])
    >>> indices, weights = neighbor_table(graph)
    >>> indices
    array([[1, 2],
           [0, 1],
           [2, 2]])
    >>> weights
    array([[0.5, 0.9],
           [0.5, 0. ],
           [0. , 0. ]])
    """
    check_square(graph)
    graph = csr_array(graph)
    counts = np.diff(graph.indptr)
    width = counts.max(initial=0)
    stored = np.arange(width) < counts[:, None]
    indices = np.repeat(np.arange(graph.shape[0])[:, None], width, axis=1)
    indices[stored] = graph.indices
    weights = np.zeros(indices.shape)
    weights[stored] = graph.data
    return indices, weights


def check_square(graph: Any) -> None:
    """Raise an error if a graph is not a square sparse matrix."""
    if not issparse(graph):
        raise TypeError(f"graph must be sparse, got {type(graph).__name__}.")
    if graph.shape[0] != graph.shape[1]:
        raise ValueError(f"graph must be square, got shape {graph.shape}.")
