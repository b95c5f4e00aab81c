"""Validation of samples: rows of numbers, images, memory maps and torch Datasets."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
from scipy import sparse
from sklearn.utils import check_array, check_consistent_length
from sklearn.utils.validation import validate_data
from skorch.helper import SliceDict
from torch.utils.data import Dataset, IterableDataset

from sklearn_ldl._core.dask_rows import refuse_dask
from sklearn_ldl._core.fitted import forget
from sklearn_ldl._core.samples import check_scale
from sklearn_ldl.deep.training.conversion import map_shapes, shape_of, shapes
from sklearn_ldl.deep.training.items import Collate
from sklearn_ldl.deep.training.seeds import restored
from sklearn_ldl.deep.training.stored_rows import check_numbers


def validate_features(estimator: Any, X: Any, *, reset: bool) -> Any:
    """Validate samples; with `reset`, set the attributes that describe them.

    Parameters
    ----------
    estimator : estimator
        Has the parameter `input_shape`, and gets `input_shape_` and, for anything but a Dataset,
        `n_features_in_` and perhaps `feature_names_in_`.
    X : {array-like, sparse matrix} of shape (n_samples, n_features), array of shape \
            (n_samples, channels, height, width), memory map, mapping of names to these, or Dataset
        Samples.
    reset : bool
        Whether these are the samples of a fit, or are compared with those.

    Returns
    -------
    X : ndarray, CSR matrix, memory map, SliceDict or Dataset
        In its own type, without a copy if it is one of these; rows are not yet folded.

    Raises
    ------
    ValueError
        If samples are not valid, or not of the shape that is wanted.
    """
    if isinstance(X, Dataset):
        return _validate_dataset(estimator, X, reset=reset)
    if isinstance(X, Mapping) and not sparse.issparse(X):  # one by keys is both
        return _validate_several(estimator, X, reset=reset)
    refuse_dask(estimator, X)
    is_mapped = isinstance(X, np.memmap)
    # Sums overflow in half precision, behind which scikit-learn looks at every number by itself.
    in_parts = is_mapped or getattr(X, "dtype", None) == np.float16
    checked = validate_data(
        estimator,
        X[:1] if is_mapped else X,
        reset=reset,
        allow_nd=True,
        accept_sparse="csr",
        ensure_all_finite=not in_parts,
    )
    X = X if is_mapped else checked
    check_numbers(X, type(estimator).__name__, finite=not in_parts)
    if X.dtype.itemsize > 4:
        check_scale(checked, vanishing=reset)
    shape = X.shape[1:]
    if X.ndim == 2 and estimator.input_shape is not None:
        shape = tuple(estimator.input_shape)
        if math.prod(shape) != X.shape[1]:
            raise ValueError(
                f"input_shape={shape} has {math.prod(shape)} entries, but X has "
                f"{X.shape[1]} features."
            )
    _check_shape(estimator, shape, reset=reset)
    return X


def _validate_dataset(estimator: Any, dataset: Dataset, *, reset: bool) -> Dataset:
    if isinstance(dataset, IterableDataset) or not hasattr(dataset, "__len__"):
        raise ValueError(
            f"{type(dataset).__name__} has no length: give a map-style Dataset, with __len__ and "
            "__getitem__."
        )
    if len(dataset) == 0:
        raise ValueError("Found a Dataset with 0 samples, but a minimum of 1 is required.")
    with restored():
        item = dataset[0]
    shape = shape_of(Collate(estimator.collate_fn).features([item]))
    _check_new(estimator, shape, reset=reset)
    _check_shape(estimator, shape, reset=reset)
    return dataset


def _validate_several(estimator: Any, X: Mapping, *, reset: bool) -> SliceDict:
    """Validate several inputs by name."""
    refuse_dask(estimator, *X.values())
    if not X or not all(isinstance(name, str) for name in X):
        raise ValueError("A dictionary of inputs needs their names, which are strings.")
    arrays = {}
    for name, array in X.items():
        is_mapped = isinstance(array, np.memmap)
        checked = check_array(
            array[:1] if is_mapped else array,
            accept_sparse="csr",
            ensure_2d=False,
            allow_nd=True,
            ensure_all_finite=False,
            input_name=f"X[{name!r}]",
        )
        arrays[name] = array if is_mapped else checked
        check_numbers(arrays[name], type(estimator).__name__, finite=False)
    check_consistent_length(*arrays.values())
    shape = {name: array.shape[1:] for name, array in arrays.items()}
    _check_new(estimator, shape, reset=reset)
    _check_shape(estimator, shape, reset=reset)
    return SliceDict(**arrays)


def _check_new(estimator: Any, shape: Any, *, reset: bool) -> None:
    """Forget the features of an earlier fit to an array; several inputs need a module."""
    if not reset:
        return
    forget(estimator, "n_features_in_", "feature_names_in_")
    if len(shapes(shape)) > 1 or isinstance(shape, dict):
        if getattr(estimator, "module", None) is None:
            raise ValueError("Several inputs need a module that takes them: the parameter module.")
        if estimator.input_shape is not None:
            raise ValueError("input_shape is that of a single input: leave it out.")


def _check_shape(estimator: Any, shape: Any, *, reset: bool) -> None:
    if any(0 in part for part in shapes(shape)):
        raise ValueError(f"X has samples of shape {shape}, which are empty.")
    if reset:
        if estimator.input_shape is not None and shape != tuple(estimator.input_shape):
            raise ValueError(
                f"input_shape={tuple(estimator.input_shape)}, but X has samples of shape {shape}."
            )
        estimator.input_shape_ = shape
        return
    # Batches that the user makes differ in size, for example by the length of a text.
    known = estimator.input_shape_
    if estimator.collate_fn is not None:
        same = map_shapes(len, shape) == map_shapes(len, known)
    else:
        same = shape == known
    if not same:
        raise ValueError(
            f"X has samples of shape {shape}, but {type(estimator).__name__} was fitted to samples "
            f"of shape {known}."
        )
