"""Class labels as distributions: which column a label is, and all mass on that column."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.utils import column_or_1d


def one_hot(y: ArrayLike, labels: ArrayLike) -> NDArray[np.float64]:
    """Put all the mass of a row on its label.

    Parameters
    ----------
    y : array-like of shape (n_samples,)
        Class labels.
    labels : array-like of shape (n_labels,)
        The label of each column, in the order of the columns.

    Returns
    -------
    D : ndarray of shape (n_samples, n_labels)
        Rows with a single one.

    Raises
    ------
    ValueError
        If a label of `y` is not among `labels`, or `labels` holds one twice.
    """
    labels = column_or_1d(labels)
    # A dictionary, because sorting breaks on labels of mixed types.
    column_of = {label: column for column, label in enumerate(labels.tolist())}
    if len(column_of) < len(labels):
        raise ValueError(f"labels holds a label twice: {labels.tolist()}.")
    y = column_or_1d(y).tolist()
    columns = np.array([column_of.get(label, -1) for label in y])
    if columns.min() < 0:
        raise ValueError(
            f"y_true holds the label {y[columns.argmin()]!r}, for which the prediction has no "
            f"column; its columns stand for {_shorten(labels.tolist())}."
        )
    D = np.zeros((len(y), len(labels)))
    D[np.arange(len(y)), columns] = 1
    return D


def _shorten(labels: list) -> str:
    if len(labels) <= 10:
        return str(labels)
    return f"{str(labels[:9])[:-1]}, ..., {labels[-1]!r}]"
