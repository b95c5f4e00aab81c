"""What every metric asks of its arguments, and how it averages."""

from __future__ import annotations

from numbers import Real
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from sklearn_ldl._core.label_names import columns_in_order, columns_of_frame
from sklearn_ldl._core.simplex import check_distribution
from sklearn_ldl._core.weights import check_weight


def check_pair(
    D_true: ArrayLike, D_pred: ArrayLike
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Validate two arrays of distributions of the same shape, with labels in the same order."""
    D = check_distribution(in_order_of(D_pred, D_true), input_name="D_true")
    P = check_distribution(D_pred, input_name="D_pred")
    if D.shape != P.shape:
        raise ValueError(f"D_true and D_pred have different shapes: {D.shape} and {P.shape}.")
    return D, P


def in_order_of(D_pred: Any, D_true: Any, of_true: str = "D_true", of_pred: str = "D_pred") -> Any:
    """Bring the columns of `D_true` into the order of `D_pred`, where both are named.

    That order is the one in which the model was fitted, which counts where labels are ordered.
    """
    names = columns_of_frame(D_pred)
    return columns_in_order(D_true, names, of_y=of_true, of_names=of_pred)


def check_weights(sample_weight: ArrayLike | None, n_samples: int) -> NDArray[np.float64]:
    """Validate sample weights; the largest returned weight is one."""
    if sample_weight is None:
        return np.ones(n_samples)
    weights = check_weight(sample_weight, n_samples, np.float64)
    # Only the ratios matter, and this way no sum of weights overflows.
    return weights / weights.max()


def check_floor(floor: float) -> None:
    """Validate the value that smaller degrees are raised to before their logarithm is taken."""
    if not (isinstance(floor, Real) and 0 < floor < 1):
        raise ValueError(f"floor must be a number between 0 and 1 (exclusive), got {floor!r}.")


def weighted_mean(values: NDArray, sample_weight: ArrayLike | None) -> float:
    """Average one value per sample."""
    return float(np.average(values, weights=check_weights(sample_weight, len(values))))


def mean_or_rows(
    values: NDArray, sample_weight: ArrayLike | None, per_row: bool
) -> float | NDArray[np.float64]:
    """Average one value per sample, or with `per_row` return the values."""
    if not per_row:
        return weighted_mean(values, sample_weight)
    forbid_weights(sample_weight)
    return values


def forbid_weights(sample_weight: ArrayLike | None) -> None:
    """Raise a ValueError if there are weights, for values of rows."""
    if sample_weight is not None:
        raise ValueError("sample_weight has no effect with per_row=True: pass one of them.")
