"""What all distributors check."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.utils import assert_all_finite
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import column_or_1d

from sklearn_ldl._core.label_names import shorten


def check_labels(y: NDArray) -> None:
    """Raise a ValueError for numbers that are no class labels.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_ldl.distributors.encoding import check_labels
    >>> check_labels(np.array(["b", "a", "b"]))
    """
    if y.dtype.kind == "f":
        # Alone, the other check casts infinity to an integer before it sees it.
        assert_all_finite(y, input_name="y")
    check_classification_targets(y)


def encode(values: ArrayLike, name: str) -> tuple[NDArray, NDArray[np.intp]]:
    """Sort the distinct entries of a column and find each entry among them.

    Parameters
    ----------
    values : array-like of shape (n_values,) or (n_values, 1)
        Entries of one sortable type, none of them missing.
    name : str
        How error messages call the column.

    Returns
    -------
    distinct : ndarray of shape (n_distinct,)
        Sorted.
    codes : ndarray of shape (n_values,)
        ``distinct[codes]`` are the entries.

    Examples
    --------
    >>> from sklearn_ldl.distributors.encoding import encode
    >>> encode(["b", "a", "b"], "y")
    (array(['a', 'b'], dtype='<U1'), array([1, 0, 1]))
    """
    column = column_or_1d(values)
    try:
        distinct, codes = np.unique(column, return_inverse=True)
        missing = any(entry is None or entry != entry for entry in distinct)
    except TypeError:
        # Missing values of object columns cannot be compared, nor can numbers and strings.
        missing = True
    if missing:
        raise ValueError(f"{name} has missing entries or mixes types that cannot be sorted.")
    return distinct, codes


def entries_of(values: Any, name: str) -> list:
    """Entries of a column, none of them missing; numbers and strings of a list stay apart.

    Examples
    --------
    >>> from sklearn_ldl.distributors.encoding import entries_of
    >>> entries_of([1, 2, "3+"], "y")
    [1, 2, '3+']
    """
    column = column_or_1d(values)
    mixed = isinstance(values, (list, tuple)) and column.dtype.kind == "U"
    entries = list(values) if mixed else column.tolist()
    try:
        missing = any(entry is None or entry != entry for entry in entries)
    except TypeError:  # pandas' own missing value is neither true nor false
        missing = True
    if missing:
        raise ValueError(f"{name} has missing entries.")
    return entries


def columns_of(entries: list, labels: list, name: str) -> NDArray[np.intp]:
    """Position of every entry among the labels; an unknown entry is a ValueError.

    Examples
    --------
    >>> from sklearn_ldl.distributors.encoding import columns_of
    >>> columns_of(["a", "c"], ["c", "b", "a"], "y")
    array([2, 0])
    """
    column = {label: index for index, label in enumerate(labels)}
    unknown = [entry for entry in dict.fromkeys(entries) if entry not in column]
    if unknown:
        raise ValueError(f"{name} contains unknown labels: {unknown}; known are {shorten(labels)}.")
    return np.array([column[entry] for entry in entries], dtype=np.intp)
