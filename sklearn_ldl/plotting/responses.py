"""What the displays ask of an estimator: distributions, and what to call things."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator

from sklearn_ldl._core.label_names import (
    declared_classes,
    innermost,
    label_values,
    name_array,
    names_as_numbers,
    names_of,
)
from sklearn_ldl.inspection.predictions import distribution_method
from sklearn_ldl.metrics.scorers import matched_truth


def distributions(estimator: BaseEstimator, X: Any, y: ArrayLike) -> tuple[ArrayLike, NDArray]:
    """Return true and predicted distributions, whatever targets the estimator was fitted to.

    Columns of a data frame `y` are matched by name with the labels of the estimator.
    """
    D_pred = distribution_method(estimator)(X)
    D_true, order = matched_truth(estimator, y)
    return D_true, D_pred if order is None else D_pred[:, order]


def name_of(estimator: BaseEstimator, name: str | None = None) -> str:
    """Return the name to show for an estimator."""
    return type(innermost(estimator)).__name__ if name is None else name


def labels_of(*frames: Any, estimator: BaseEstimator | None = None) -> ArrayLike | None:
    """Find names or values of the labels, in data frames of distributions or on an estimator."""
    for frame in frames:
        names = names_of(frame)
        if names is not None and len(names) > 1:  # a single column holds class labels
            return name_array(names)
        ordered = None if estimator is None else declared_classes(estimator, frame)
        if ordered is not None:
            return name_array(ordered)
    return label_values(estimator)


def declares_order(labels: Any) -> bool:
    """Tell whether a column of labels, or the columns of a frame, are an ordered Categorical."""
    dtype: Any = getattr(getattr(labels, "columns", labels), "dtype", None)
    return bool(getattr(dtype, "ordered", False)) or type(dtype).__name__ == "Enum"


def are_numbers(labels: ArrayLike | None) -> bool:
    """Tell whether labels are numbers or points, also as text."""
    if labels is None:
        return False
    values = np.asarray(labels)
    return values.dtype.kind in "iuf" or (values.ndim == 1 and bool(names_as_numbers(values)))


def title_of(metric: Callable) -> str:
    """Return the name of a metric, which may be a `functools.partial`, as prose."""
    return prose(getattr(metric, "func", metric).__name__)


def prose(name: str) -> str:
    """Return the name of a metric as prose."""
    return name.replace("kl_", "KL_").replace("_", " ")
