"""What all distributors check."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.utils import check_array
from sklearn.utils.validation import column_or_1d

from .._simplex import ROW_SUM_TOLERANCE, check_distribution, project_simplex


def check_prediction(D: ArrayLike, n_labels: int) -> NDArray[np.float64]:
    """Turn the output of any multi-output regressor into label distributions.

    A regressor that knows nothing of the simplex, such as ``MLPRegressor``, predicts negative
    degrees and row sums other than one. Such rows are replaced by the nearest distribution.

    Parameters
    ----------
    D : array-like of shape (n_samples, n_labels)
        Finite numbers.
    n_labels : int
        The number of columns that `D` must have.

    Returns
    -------
    D : ndarray of shape (n_samples, n_labels), dtype float64
        A new array.

    Examples
    --------
    >>> from sklearn_ldl.distributors._checks import check_prediction
    >>> check_prediction([[0.2, 0.8, 0.0], [0.6, 0.6, -1.0]], n_labels=3)
    array([[0.2, 0.8, 0. ],
           [0.5, 0.5, 0. ]])
    """
    D = check_array(D, dtype=np.float64, copy=True, input_name="D")
    if D.shape[1] != n_labels:
        raise ValueError(f"D has {D.shape[1]} columns, but this distributor makes {n_labels}.")
    off = (D.min(axis=1) < 0) | (np.abs(D.sum(axis=1) - 1) > ROW_SUM_TOLERANCE)
    D[off] = project_simplex(D[off])
    return check_distribution(D, input_name="D")


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
    >>> from sklearn_ldl.distributors._checks import encode
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


def columns_of(entries: NDArray, labels: NDArray, name: str) -> NDArray[np.intp]:
    """Position of every entry among the labels; an unknown entry is a ValueError.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_ldl.distributors._checks import columns_of
    >>> columns_of(np.array(["a", "c"]), np.array(["c", "b", "a"]), "y")
    array([2, 0])
    """
    column = {label: index for index, label in enumerate(labels.tolist())}
    unknown = [entry for entry in entries.tolist() if entry not in column]
    if unknown:
        raise ValueError(f"{name} contains unknown labels: {unknown}.")
    return np.array([column[entry] for entry in entries.tolist()], dtype=np.intp)
