"""States of labels, positive, difficult or negative, and how zeros and ones are read."""

from __future__ import annotations

from typing import Literal, get_args

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.utils import check_array

from sklearn_ldl._core.dask_rows import refuse_to_load
from sklearn_ldl._core.label_names import columns_of_frame

Zeros = Literal["difficult", "negative"]


def check_states(Y: ArrayLike, *, input_name: str = "y") -> NDArray[np.int8]:
    """Validate states, and return them: +1 positive, 0 difficult, -1 negative.

    Parameters
    ----------
    Y : array-like of shape (n_samples, n_labels)
        States of at least two labels; or booleans, of which False is negative.
    input_name : str, default="y"
        How error messages call the array.

    Returns
    -------
    states : ndarray of shape (n_samples, n_labels), dtype int8
        A new array.

    Raises
    ------
    ValueError
        If an entry is no state, or if there are fewer than two columns.

    Examples
    --------
    >>> from sklearn_ldl._core.states import check_states
    >>> check_states([[True, False]])
    array([[ 1, -1]], dtype=int8)
    """
    columns_of_frame(Y)
    Y = check_array(Y, dtype=None, ensure_min_features=2, input_name=input_name)
    if Y.dtype == bool:
        return np.where(Y, np.int8(1), np.int8(-1))
    bad = ~np.isin(Y, (-1, 0, 1)).all(axis=1)
    if bad.any():
        row = np.argmax(bad)
        raise ValueError(f"Row {row} of {input_name} has states other than -1, 0 and 1.")
    return Y.astype(np.int8)


def read_states(
    Y: ArrayLike, *, input_name: str = "y", zeros: Zeros | None = None
) -> tuple[NDArray[np.int8], Zeros]:
    """States of a matrix of states, or of an indicator matrix of zeros and ones.

    Parameters
    ----------
    Y : array-like of shape (n_samples, n_labels)
        Of at least two labels.
    input_name : str, default="y"
        How error messages call the array.
    zeros : {"difficult", "negative"}, default=None
        What zeros mean. None means negative where there is no -1, difficult elsewhere.

    Returns
    -------
    states : ndarray of shape (n_samples, n_labels), dtype int8
        +1 positive, 0 difficult, -1 negative.
    zeros : {"difficult", "negative"}
        What zeros mean.

    Examples
    --------
    >>> from sklearn_ldl._core.states import read_states
    >>> read_states([[1, 0, 0]])
    (array([[ 1, -1, -1]], dtype=int8), 'negative')
    >>> read_states([[1, 0, -1]])
    (array([[ 1,  0, -1]], dtype=int8), 'difficult')
    """
    if zeros not in (*get_args(Zeros), None):
        raise ValueError(f"zeros must be 'difficult', 'negative' or None, got {zeros!r}.")
    refuse_to_load(input_name, Y)
    states = check_states(Y, input_name=input_name)
    if zeros is None:
        indicator = states.min() >= 0 or np.asarray(Y).dtype == bool
        zeros = "negative" if indicator else "difficult"
    if zeros == "negative":
        states[states == 0] = -1
    return states, zeros
