"""Categorical columns of a table: which they are, and their values as codes."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.sparse import issparse
from sklearn.utils import check_array

from sklearn_ldl._core.plain_state import PlainState
from sklearn_ldl._core.sklearn_compat import safe_indexing

#: What trees work on: single precision, in which NaN stands for a value that is missing.
TABLE = {"dtype": np.float32, "ensure_all_finite": "allow-nan"}


def categorical_mask(X: Any, categorical_features: ArrayLike | str | None) -> NDArray | None:
    """Say which columns hold categories; None if none does.

    Parameters
    ----------
    X : array-like or data frame of shape (n_samples, n_features)
        The table, not yet validated.
    categorical_features : {"from_dtype"}, array-like of bool, int or str, or None
        Columns by the dtypes of a data frame, or a mask, positions or names.

    Returns
    -------
    mask : ndarray of shape (n_features,) or None
        True for columns with categories.

    Raises
    ------
    ValueError
        If the columns are not those of the table, or the table is sparse.
    """
    if categorical_features is None:
        return None
    columns = getattr(X, "columns", None)
    if isinstance(categorical_features, str):  # "from_dtype", as parameters were checked
        if columns is None:
            return None
        dtypes = [str(dtype) for dtype in X.dtypes]
        mask = np.array([name.startswith(("category", "Categorical", "Enum")) for name in dtypes])
        return mask if mask.any() else None
    wanted = np.asarray(categorical_features)
    if wanted.size == 0:
        return None
    if issparse(X):
        raise ValueError("Categories need a dense table: X is sparse.")
    n_features = np.shape(X)[1] if columns is None else len(columns)
    mask = np.zeros(n_features, dtype=bool)
    if wanted.dtype.kind == "b":
        if wanted.shape != mask.shape:
            raise ValueError(
                f"categorical_features is a mask of shape {wanted.shape}, X has {n_features} "
                "features."
            )
        mask |= wanted
    elif wanted.dtype.kind in "iu":
        if wanted.min() < 0 or wanted.max() >= n_features:
            raise ValueError(
                f"categorical_features must lie in 0..{n_features - 1}, got {wanted.tolist()}."
            )
        mask[wanted] = True
    else:
        names = [] if columns is None else list(columns)
        missing = [name for name in wanted.tolist() if name not in names]
        if missing:
            raise ValueError(
                f"categorical_features names {missing}, which X lacks: its columns are {names}. "
                "Arrays have no names: pass positions or a mask."
            )
        mask[[names.index(name) for name in wanted.tolist()]] = True
    return mask if mask.any() else None


@contextmanager
def hint_at_categories() -> Iterator[None]:
    """Say, where text is no number, how a column is declared to hold categories."""
    try:
        yield
    except ValueError as error:
        if "could not convert string" not in str(error):
            raise
        raise ValueError(
            f"{error}. A column of categories needs the dtype category, or its name in "
            "categorical_features."
        ) from error


class CategoryEncoder(PlainState):
    """Tables as numbers: each category is the code of its place among those of `fit`.

    Values that are missing, and categories that `fit` has not seen, are NaN.

    Parameters
    ----------
    mask : ndarray of shape (n_features,)
        True for columns with categories.
    """

    def __init__(self, mask: NDArray):
        self.mask = mask

    def fit(self, X: Any) -> CategoryEncoder:
        """List the categories of every column, in an order that does not depend on the rows."""
        X = _columns(X)
        self.codes: dict[int, dict[Any, int]] = {}
        for column in np.flatnonzero(self.mask).tolist():
            values, missing = _values(X, column)
            known = sorted(set(values[~missing]), key=lambda value: (type(value).__name__, value))
            self.codes[column] = {value: code for code, value in enumerate(known)}
        return self

    def transform(self, X: Any) -> NDArray[np.float32]:
        """Return the table in single precision, columns in their order."""
        X = _columns(X)
        numbers = np.flatnonzero(~self.mask)
        table = np.empty((X.shape[0], len(self.mask)), dtype=np.float32)
        if len(numbers):
            table[:, numbers] = check_array(safe_indexing(X, numbers.tolist(), axis=1), **TABLE)
        for column, codes in self.codes.items():
            values, missing = _values(X, column)
            table[:, column] = [codes.get(value, np.nan) for value in values]
            table[missing, column] = np.nan
        return table


def _columns(X: Any) -> Any:
    # Lists of rows have no columns to take.
    return X if hasattr(X, "shape") else np.asarray(X, dtype=object)


def _values(X: Any, column: int) -> tuple[NDArray[np.object_], NDArray[np.bool_]]:
    """Values of a column, and which of them are missing."""
    series = safe_indexing(X, column, axis=1)
    values = np.asarray(series, dtype=object)
    if hasattr(series, "isna"):  # of pandas, whose NA is neither equal to itself nor different
        return values, np.asarray(series.isna())
    return values, np.array([value is None or value != value for value in values], dtype=bool)
