"""Rows that Dask holds in blocks: recognised without importing Dask, mapped and summed with it.

Nothing is imported here before a Dask collection is met.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from copy import copy
from functools import wraps
from typing import Any, TypeVar, cast

import numpy as np
from sklearn.utils import check_array
from sklearn.utils.validation import check_is_fitted

from sklearn_ldl._core.sklearn_compat import check_feature_names
from sklearn_ldl._core.weights import require_weights, training_weight

Decorated = TypeVar("Decorated", bound=Callable[..., Any])

# Partial results that one task of a sum adds up.
_FAN_IN = 8


def is_dask(*values: Any) -> bool:
    """Whether any value is a Dask collection."""
    return any(hasattr(type(value), "__dask_graph__") for value in values)


def refuse_dask(estimator: Any, *values: Any) -> None:
    """Raise a TypeError for a Dask collection, which NumPy would silently load into memory."""
    if is_dask(*values):
        raise TypeError(
            f"{type(estimator).__name__} does not take Dask collections here. BFGSLDL and BFGSLDLCV"
            " do, and corrections and mixtures of them; for anything else, load the data into"
            " memory: X.compute()."
        )


def refuse_to_load(name: str, value: Any) -> None:
    """Raise a TypeError for an argument of a function, of this name, that is a Dask collection."""
    if is_dask(value):
        raise TypeError(
            f"{name} is a Dask collection, which would be loaded into memory here: do that first, "
            "by its method compute."
        )


def takes_dask(estimator: Any) -> bool:
    """Whether an estimator is fitted to Dask collections, block by block."""
    return bool(getattr(estimator, "_takes_dask", False))


def check_learners(owner: Any, learners: Iterable[Any], X: Any, y: Any) -> Any:
    """Return the targets of a wrapper in memory, where its learners take the samples of Dask.

    They are few numbers per row, which the wrapper needs at every step; samples stay where they
    are.

    Raises
    ------
    TypeError
        If `X` or `y` is a Dask collection and a learner does not take these, or `X` is none.
    """
    if not is_dask(X, y):
        return y
    for learner in learners:
        if not takes_dask(learner):
            refuse_dask(learner, X, y)
    if not is_dask(X):
        raise TypeError("y is a Dask collection, X is not: make both of them one, or compute y.")
    return y.compute() if is_dask(y) else y


def as_rows(X: Any, *, name: str = "X") -> Any:
    """Return a Dask array in blocks of known numbers of rows, with all columns in each of them.

    Numbers of rows that Dask does not know are computed, which reads a DataFrame once.
    """
    import dask.array as da

    if hasattr(X, "to_dask_array"):
        X = X.to_dask_array()
    if not isinstance(X, da.Array):
        raise TypeError(f"{name} must be a Dask array or DataFrame, got {type(X).__name__}.")
    if np.isnan(X.shape[0]):
        X = X.copy()  # the next line would change the caller's array
        X.compute_chunk_sizes()
    if X.ndim == 2 and X.numblocks[1] > 1:
        X = X.rechunk({1: -1})
    return X


def align(X: Any, array: Any, *, name: str) -> Any:
    """Cut `array`, Dask's or NumPy's, into the blocks of rows of the Dask array `X`."""
    import dask.array as da

    array = as_rows(array, name=name) if is_dask(array) else np.asarray(array)
    if array.shape[:1] != X.shape[:1]:
        raise ValueError(f"X has {X.shape[0]} rows, {name} has shape {array.shape}.")
    chunks = (X.chunks[0], *((size,) for size in array.shape[1:]))
    if not is_dask(array):
        return da.from_array(array, chunks=chunks)
    lazy: Any = array
    return lazy if lazy.chunks == chunks else lazy.rechunk(chunks)


def map_rows(function: Callable[..., Any], *arrays: Any, n_columns: int | None, dtype: Any) -> Any:
    """Apply a function of rows to every block, lazily.

    The result has `n_columns` columns; None makes it one-dimensional.
    """
    import dask.array as da

    rows = as_rows(next(array for array in arrays if is_dask(array)))
    chunks = (rows.chunks[0],) if n_columns is None else (rows.chunks[0], (n_columns,))
    return da.map_blocks(
        function,
        *(align(rows, array, name="the other array") for array in arrays),
        chunks=chunks,
        drop_axis=1 if n_columns is None else None,
        dtype=dtype,
        meta=np.empty((0,) * len(chunks), dtype=dtype),
    )


def sum_over_blocks(function: Callable[..., Any], blocks: list[tuple], *arguments: Any) -> Any:
    """Sum ``function(*block, *arguments)``, a tuple of arrays and numbers, over all blocks.

    One task for every block and a tree of sums: what a worker that dies has lost is computed again
    by the others. The caller waits; scheduler and workers are Dask's.
    """
    import dask

    shared = [dask.delayed(argument) for argument in arguments]
    task = dask.delayed(function, pure=False, traverse=False)
    add = dask.delayed(_add, pure=False)
    parts = [task(*block, *shared) for block in blocks]
    while len(parts) > 1:
        parts = [add(parts[i : i + _FAN_IN]) for i in range(0, len(parts), _FAN_IN)]
    return parts[0].compute()


def _add(parts: list[tuple]) -> tuple:
    return tuple(sum(terms[1:], start=terms[0]) for terms in zip(*parts, strict=True))


def mean_of_rows(values: Any, sample_weight: Any = None) -> Any:
    """Weighted mean over the rows of a Dask array, as a lazy array without dimensions."""
    if sample_weight is None:
        return values.mean(axis=0)
    if not is_dask(sample_weight):
        weight = np.asarray(training_weight(sample_weight, np.empty((len(values), 0)), np.float64))
        weight = align(values, weight, name="sample_weight")
    else:
        weight = align(values, sample_weight, name="sample_weight")
        largest = weight.max(keepdims=True).map_blocks(_largest, dtype=np.float64)
        weight = weight.map_blocks(_over, largest, dtype=np.float64)
    return weight @ values / weight.sum()


def _largest(weight):
    """Check the largest weight of all rows, once it is known."""
    require_weights(weight)
    return np.asarray(weight, dtype=np.float64)


def _over(weight, largest):
    """Divide the weights of a block by the largest one of all."""
    weight = check_array(weight, dtype=np.float64, ensure_2d=False, input_name="sample_weight")
    if weight.min() < 0:
        require_weights(weight)
    return weight / largest


def _without_names(estimator: Any) -> Any:
    """Copy an estimator for blocks: arrays, whose columns have no names to be checked again."""
    estimator = copy(estimator)
    attributes = vars(estimator)
    attributes.pop("feature_names_in_", None)
    if "estimator_" in attributes:
        attributes["estimator_"] = _without_names(attributes["estimator_"])
    if isinstance(attributes.get("estimators_"), list):
        attributes["estimators_"] = [_without_names(e) for e in attributes["estimators_"]]
    return estimator


def lazily(method: Decorated) -> Decorated:
    """Make a method that predicts `n_labels_` columns lazy where `X` is a Dask collection."""

    @wraps(method)
    def predict(self, X):
        if not is_dask(X):
            return method(self, X)
        check_is_fitted(self)
        check_feature_names(self, X._meta, reset=False)
        estimator = _without_names(self)
        X = as_rows(X)
        dtype = X.dtype if X.dtype == np.float32 else np.float64
        on_block = getattr(estimator, method.__name__)
        return map_rows(on_block, X, n_columns=self.n_labels_, dtype=dtype)

    return cast(Decorated, predict)
