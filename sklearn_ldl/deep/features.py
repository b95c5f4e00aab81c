"""Validation of samples: rows of numbers, images, memory maps and torch Datasets."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from sklearn.utils.validation import validate_data
from torch.utils.data import Dataset, IterableDataset

from sklearn_ldl._core.dask_rows import refuse_dask
from sklearn_ldl._core.fitted import forget
from sklearn_ldl._core.samples import check_scale
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
            (n_samples, channels, height, width), memory map or Dataset
        Samples.
    reset : bool
        Whether these are the samples of a fit, or are compared with those.

    Returns
    -------
    X : ndarray, CSR matrix, memory map or Dataset
        In its own type, without a copy if it is one of these; rows are not yet folded.

    Raises
    ------
    ValueError
        If samples are not valid, or not of the shape that is wanted.
    """
    if isinstance(X, Dataset):
        return _validate_dataset(estimator, X, reset=reset)
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
    if reset:
        # Those of an earlier fit to an array.
        forget(estimator, "n_features_in_", "feature_names_in_")
    if len(dataset) == 0:
        raise ValueError("Found a Dataset with 0 samples, but a minimum of 1 is required.")
    with restored():
        item = dataset[0]
    shape = tuple(np.shape(item[0] if isinstance(item, (tuple, list)) else item))
    _check_shape(estimator, shape, reset=reset)
    return dataset


def _check_shape(estimator: Any, shape: tuple[int, ...], *, reset: bool) -> None:
    if 0 in shape:
        raise ValueError(f"X has samples of shape {shape}, which are empty.")
    if reset:
        if estimator.input_shape is not None and shape != tuple(estimator.input_shape):
            raise ValueError(
                f"input_shape={tuple(estimator.input_shape)}, but X has samples of shape {shape}."
            )
        estimator.input_shape_ = shape
    elif shape != estimator.input_shape_:
        raise ValueError(
            f"X has samples of shape {shape}, but {type(estimator).__name__} was fitted to samples "
            f"of shape {estimator.input_shape_}."
        )
