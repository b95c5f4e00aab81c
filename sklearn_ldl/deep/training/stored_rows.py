"""Rows of features in the type and the place that they have: arrays, CSR matrices, memory maps."""

from __future__ import annotations

import math
import mmap
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from numpy.typing import DTypeLike, NDArray
from scipy import sparse
from sklearn.utils import assert_all_finite, gen_batches
from torch import Tensor

from sklearn_ldl._core.samples import to_float32

# A row that is read brings its neighbours in the file with it, up to so many bytes.
_NEIGHBOURHOOD = 2**21
# Bytes of a memory map after which its pages are given back, and numbers of a part of an array.
_LARGEST, _NUMBERS = 2**25, 2**20
# Types of NumPy that torch lacks, and those that hold the same numbers.
_OTHERS = {"u2": np.int32, "u4": np.int64, "u8": np.float64, "f16": np.float64, "f12": np.float64}


class Rows:
    """Reads some rows at a time, as dense arrays of their own in a type that torch knows.

    Of a memory map, the pages that were read are given back now and then: the system may hold them
    as long as it has nothing better to do with its memory, but they are not this process's.

    Parameters
    ----------
    X : ndarray, CSR matrix or numpy.memmap
        The data.
    shape : tuple of int, default=None
        Shape into which every row is folded; None means its own.
    """

    def __init__(self, X: Any, shape: tuple[int, ...] | None = None):
        self.X = X
        self.shape = X.shape[1:] if shape is None else shape
        self.dtype = torch_dtype(X.dtype)
        self._n_bytes = 0

    def __call__(self, rows: NDArray[np.integer] | slice) -> NDArray:
        """Read rows, given by their positions."""
        if isinstance(self.X, np.memmap):
            part = self._read_map(rows)
        else:
            part = self.X[rows]
            if sparse.issparse(part):
                part = part.toarray()
            # A slice would be the caller's memory.
            copy = isinstance(rows, slice)
            part = part.astype(self.dtype, order="C", subok=False, copy=copy)
        return part.reshape(len(part), *self.shape)

    def _read_map(self, rows: NDArray[np.integer] | slice) -> NDArray:
        row = self.X[:1].nbytes
        if isinstance(rows, slice):
            rows = np.arange(*rows.indices(len(self.X)))
        else:
            row = max(row, _NEIGHBOURHOOD)
        found = np.empty((len(rows), *self.X.shape[1:]), dtype=self.dtype)
        for part in gen_batches(len(rows), max(1, _LARGEST // row)):
            found[part] = self.X[rows[part]]
            self._n_bytes += row * len(rows[part])
            if self._n_bytes >= _LARGEST:
                self._n_bytes = 0
                give_back(self.X)
        return found


class FeatureStore:
    """Features of all rows, kept on the device if they fit, of which some are taken at a time.

    Parameters
    ----------
    X : ndarray, CSR matrix or numpy.memmap
        The data. CSR matrices and memory maps stay as they are.
    device : torch.device
        Where rows are wanted.
    shape : tuple of int, default=None
        Shape into which every row is folded; None means its own.
    """

    def __init__(self, X: Any, device: torch.device, shape: tuple[int, ...] | None = None):
        self.rows = Rows(X, shape)
        self.device = device
        self._X = X
        self._tensor: Tensor | None = None
        self._is_placed = False

    def take(self, rows: Tensor, dtype: torch.dtype) -> Tensor:
        """Copy some rows, in their own type.

        Floating-point numbers wider than `dtype`, which is to be the same in every call, may come
        in that.
        """
        if not self._is_placed:
            self._tensor, self._is_placed = self._place(dtype), True
        if self._tensor is None:
            return torch.from_numpy(self.rows(rows.cpu().numpy()))
        part = self._tensor.index_select(0, rows.to(self._tensor.device))
        return part.reshape(len(part), *self.rows.shape)

    def _place(self, dtype: torch.dtype) -> Tensor | None:
        """Tensor of all rows, where there can be one at no cost on the host."""
        X = self._X
        if is_stored(X):
            return None
        if self.device.type == "cpu":
            is_shared = X.flags.writeable and X.dtype == self.rows.dtype and min(X.strides) > 0
            return torch.from_numpy(X) if is_shared else None
        own = torch.from_numpy(np.empty(0, self.rows.dtype)).dtype
        dtype = dtype if own.is_floating_point and own.itemsize > dtype.itemsize else own
        if not fits(X.size * dtype.itemsize, self.device):
            return None
        tensor = torch.empty(X.shape, dtype=dtype, device=self.device)
        for rows in gen_batches(len(X), max(1, _NUMBERS // math.prod(X.shape[1:]))):
            tensor[rows] = torch.from_numpy(self.rows(rows)).view(-1, *X.shape[1:]).to(dtype)
        return tensor


class FeatureStores:
    """Several inputs of all rows, by name.

    Parameters
    ----------
    X : mapping of arrays
        See :class:`FeatureStore`.
    device : torch.device
        Where rows are wanted.
    """

    def __init__(self, X: Mapping[str, Any], device: torch.device):
        self._stores = {name: FeatureStore(array, device) for name, array in X.items()}

    def take(self, rows: Tensor, dtype: torch.dtype) -> dict[str, Tensor]:
        """Copy some rows of every input, in their own type."""
        return {name: store.take(rows, dtype) for name, store in self._stores.items()}


def fits(n_bytes: int, device: torch.device) -> bool:
    """Whether so much takes at most half of the memory that the device has left."""
    if device.type != "cuda":
        return True
    free, _ = torch.cuda.mem_get_info(device)
    return n_bytes <= free / 2


def torch_dtype(dtype: DTypeLike) -> np.dtype:
    """Type that torch knows for the numbers of another one.

    Examples
    --------
    >>> from sklearn_ldl.deep.training.stored_rows import torch_dtype
    >>> torch_dtype("uint16"), torch_dtype(">f8"), torch_dtype("float16")
    (dtype('int32'), dtype('float64'), dtype('float16'))
    """
    native = np.dtype(dtype).newbyteorder("=")
    return np.dtype(_OTHERS.get(native.str[1:], native))


def is_stored(X: Any) -> bool:
    """Whether data stay where they are, also where there is room for them on a device."""
    return sparse.issparse(X) or isinstance(X, np.memmap)


def check_numbers(X: Any, name: str, *, finite: bool) -> None:
    """Raise a ValueError for entries that are no finite numbers of float32; part by part.

    Parameters
    ----------
    X : ndarray, CSR matrix or memory map
        The data.
    name : str
        Name of the estimator that takes them.
    finite : bool
        Whether they are known to be finite.
    """
    if X.dtype.kind not in "biuf":
        raise ValueError(f"X holds {X.dtype}: expected numbers.")
    if X.dtype.kind != "f" or (finite and X.dtype.itemsize <= 4):
        return
    values = X.data if sparse.issparse(X) else X
    for rows in gen_batches(len(values), max(1, _NUMBERS // max(1, values[:1].size))):
        part = np.asarray(values[rows])
        if part.dtype.itemsize < 4:
            part = part.astype(np.float32)
        if not finite:
            assert_all_finite(part, estimator_name=name, input_name="X")
        to_float32(part)
        if isinstance(X, np.memmap):
            give_back(X)


def give_back(X: np.memmap) -> None:
    """Let the system have the memory of the pages that were read."""
    mapping: Any = getattr(X, "_mmap", None)
    # Changes in a private map ("c") exist in memory alone.
    if X.mode in ("r", "r+", "w+") and hasattr(mapping, "madvise"):
        mapping.madvise(mmap.MADV_DONTNEED)
