"""Rows of arrays that stay where they are: CSR matrices, and memory maps larger than memory."""

from __future__ import annotations

import mmap
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from sklearn.utils import assert_all_finite, gen_batches

from sklearn_ldl._core.samples import to_float32

# A row that is read brings its neighbours in the file with it, about so many bytes.
_NEIGHBOURHOOD = 2**16
# Bytes of a memory map after which its pages are given back, and numbers of a part of it.
_LARGEST, _NUMBERS = 2**25, 2**20


class Rows:
    """Reads some rows at a time, as dense arrays of their own in float32.

    Of a memory map, the pages that were read are given back now and then: the system may hold them
    as long as it has nothing better to do with its memory, but they are not this process's.

    Parameters
    ----------
    X : CSR matrix or numpy.memmap
        The data.
    """

    def __init__(self, X: Any):
        self.X = X
        self._n_bytes = 0

    def __call__(self, rows: NDArray[np.integer] | slice) -> NDArray[np.float32]:
        """Read rows, given by their positions."""
        part = self.X[rows]
        if sparse.issparse(part):
            return part.toarray()
        part = np.array(part, dtype=np.float32, order="C")
        self._n_bytes += len(part) * max(_NEIGHBOURHOOD, self.X[:1].nbytes)
        if self._n_bytes > _LARGEST:
            self._n_bytes = 0
            give_back(self.X)
        return part


def is_stored(X: Any) -> bool:
    """Whether data are to be read by :class:`Rows`, and not converted as a whole."""
    return sparse.issparse(X) or isinstance(X, np.memmap)


def check_mapped(X: np.memmap) -> None:
    """Raise a ValueError for entries that are not finite, or not in float32; part by part."""
    for rows in gen_batches(len(X), max(1, _NUMBERS // max(1, X[:1].size))):
        part = np.asarray(X[rows])
        assert_all_finite(part, input_name="X")
        to_float32(part)
        give_back(X)


def give_back(X: np.memmap) -> None:
    """Let the system have the memory of the pages that were read."""
    mapping: Any = getattr(X, "_mmap", None)
    # Changes in a private map ("c") exist in memory alone.
    if X.mode in ("r", "r+", "w+") and hasattr(mapping, "madvise"):
        mapping.madvise(mmap.MADV_DONTNEED)
