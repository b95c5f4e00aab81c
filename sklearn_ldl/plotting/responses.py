"""What the displays ask of an estimator: distributions, and what to call things."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, is_classifier

from sklearn_ldl._core.sklearn_compat import check_response_method
from sklearn_ldl.metrics.scorers import innermost, true_distributions


def distributions(estimator: BaseEstimator, X: Any, y: ArrayLike) -> tuple[ArrayLike, NDArray]:
    """Return true and predicted distributions, whatever targets the estimator was fitted to."""
    methods = ["predict_proba"] if is_classifier(estimator) else ["predict_proba", "predict"]
    D_pred = check_response_method(estimator, methods)(X)
    return true_distributions(estimator, y), D_pred


def name_of(estimator: BaseEstimator, name: str | None = None) -> str:
    """Return the name to show for an estimator."""
    return type(innermost(estimator)).__name__ if name is None else name


def labels_of(D_true: ArrayLike, estimator: BaseEstimator | None = None) -> ArrayLike | None:
    """Find names or values of the labels, in a data frame of distributions or on its estimator."""
    if hasattr(D_true, "columns"):
        return np.asarray(D_true.columns)
    inner = innermost(estimator)
    for attribute in ("label_names_", "grid_", "classes_"):
        if hasattr(inner, attribute):
            return getattr(inner, attribute)
    return None


def title_of(metric: Callable) -> str:
    """Return the name of a metric, which may be a `functools.partial`, as prose."""
    name = getattr(metric, "func", metric).__name__
    return name.replace("kl_", "KL_").replace("_", " ")
