"""Weights of rows: validated alike everywhere, and scaled so that no sum of them overflows."""

from __future__ import annotations

from numbers import Real
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.utils import check_array

from sklearn_ldl._core.sklearn_compat import num_samples


def check_weight(
    sample_weight: ArrayLike | None, n_samples: int, dtype: type | None = None
) -> NDArray[np.floating]:
    """Validate weights of rows: finite, non-negative and not all zero; None means ones."""
    if sample_weight is None:
        return np.ones(n_samples, dtype=dtype)
    if isinstance(sample_weight, Real):
        sample_weight = np.full(n_samples, sample_weight)
    weight = check_array(
        sample_weight,
        dtype=dtype or [np.float64, np.float32],
        ensure_2d=False,
        input_name="sample_weight",
    )
    if weight.shape != (n_samples,):
        raise ValueError(f"sample_weight has shape {weight.shape}, expected ({n_samples},).")
    require_weights(weight)
    return weight


def require_weights(weight: NDArray) -> None:
    """Raise a ValueError for negative weights, and where all are zero."""
    rule = "sample_weight must be non-negative, with at least one positive weight"
    if weight.min() < 0:
        raise ValueError(f"{rule}; the smallest is {weight.min():g}.")
    if not weight.any():
        raise ValueError(f"{rule}. All sample weights are zero.")


def training_weight(
    sample_weight: ArrayLike | None, X: Any, dtype: type | None = None
) -> NDArray[np.floating]:
    """Validate weights of the rows of `X`, of which only the ratios matter.

    Parameters
    ----------
    sample_weight : array-like of shape (n_samples,) or None
        Finite weights, non-negative and not all zero. None means ones.
    X : {array-like, sparse matrix} of shape (n_samples, n_features)
        The rows.
    dtype : type, default=None
        That of the result; None keeps single precision.

    Returns
    -------
    weight : ndarray of shape (n_samples,)
        Ones, or weights of which the largest is at least 1 and below 2.
    """
    return scaled_weight(sample_weight, X, dtype)[0]


def scaled_weight(
    sample_weight: ArrayLike | None, X: Any, dtype: type | None = None
) -> tuple[NDArray[np.floating], float]:
    """Validate weights, of which the sum matters; return them scaled, and the unit they are in.

    The unit is a power of two, so that scaling is exact. Products with it may overflow.
    """
    weight = check_weight(sample_weight, num_samples(X), dtype)
    return (weight, 1.0) if sample_weight is None else in_units(weight)


def in_units(weight: NDArray[np.floating]) -> tuple[NDArray[np.floating], float]:
    """Scale weights by a power of two, the unit, to a largest of at least 1 and below 2."""
    exponent = int(np.frexp(weight.max())[1]) - 1
    return np.ldexp(weight, -exponent), 2.0**exponent


def with_mean_one(weight: NDArray[np.floating], rows: NDArray) -> NDArray[np.floating]:
    """Scale weights of all rows to a mean of one over some of them, one of which counts."""
    weight, _ = in_units(weight)
    return weight / weight[rows].mean()


def check_folds(splits: list[tuple[NDArray, NDArray]], sample_weight: NDArray) -> None:
    """Raise a ValueError where the training rows of a split of cross-validation all weigh zero."""
    if not all(sample_weight[train].any() for train, _ in splits):
        raise ValueError(
            "All rows with a weight are in one fold, which leaves no others to train on. Pass "
            "shuffled splits, such as cv=KFold(5, shuffle=True), or leave out the rows without "
            "weight."
        )
