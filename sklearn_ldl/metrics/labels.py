"""Class labels as distributions, and what a predicted label is worth where the truth is one."""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.utils import column_or_1d

from sklearn_ldl._core.label_names import shorten

#: Which truth a predicted label meets: the degrees themselves, or the label of largest degree.
Truth = Literal["degree", "mode"]


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
            f"column; its columns stand for {shorten(labels.tolist())}. Other "
            "classes, such as classes_ of a classifier, go to labels."
        )
    D = np.zeros((len(y), len(labels)))
    D[np.arange(len(y)), columns] = 1
    return D


def on_largest(D: NDArray) -> NDArray[np.float64]:
    """Put the mass of a row on its label of largest degree, in equal shares where several tie."""
    largest = D.max(axis=1, keepdims=True) == D
    return largest / largest.sum(axis=1, keepdims=True)


def true_degree(D: NDArray, P: NDArray) -> NDArray[np.float64]:
    """Degree in `D` of the label that `P` predicts for each row; labels that tie share the row.

    Of class labels, which are one-hot, this is whether the prediction is correct.
    """
    return (D * on_largest(P)).sum(axis=1)


def choose_truth(D: NDArray, truth: Truth) -> NDArray[np.float64]:
    """Return the degrees, or with "mode" all mass on the label of largest degree."""
    if truth not in ("degree", "mode"):
        raise ValueError(f"truth must be 'degree' or 'mode', got {truth!r}.")
    return D if truth == "degree" else on_largest(D)
