"""What is explained: the distributions that an estimator predicts, or their logits."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.sparse import issparse
from sklearn.base import BaseEstimator, is_classifier
from sklearn.frozen import FrozenEstimator

from sklearn_ldl._core.label_names import frozen_names, label_values, name_array
from sklearn_ldl._core.simplex import safe_log
from sklearn_ldl._core.sklearn_compat import (
    BaseSearchCV,
    check_response_method,
    get_feature_names,
)
from sklearn_ldl.wrappers import LDLClassifier, LDLRegressor

Output = Literal["distribution", "logits"]

# Smallest logarithm, as that of `predict_log_proba`.
_LEAST = np.log(np.finfo(np.float64).tiny)


def table(X: Any) -> Any:
    """Return rows of two dimensions: a dense array or a frame."""
    if issparse(X):
        return X.toarray()
    X = X if hasattr(X, "columns") else np.asarray(X)
    if len(getattr(X, "shape", ())) != 2 or not X.shape[0]:
        raise ValueError("Only tables with rows and columns of features can be explained.")
    return X


def distribution_method(estimator: BaseEstimator) -> Callable[[Any], NDArray]:
    """Return the method that predicts distributions, of any estimator that makes some."""
    methods = ["predict_proba"] if is_classifier(estimator) else ["predict_proba", "predict"]
    return check_response_method(estimator, methods)


def explained(estimator: BaseEstimator, output: Output) -> Callable[[Any], NDArray[np.float64]]:
    """Return a function of samples whose values are explained, an array of two dimensions."""
    predict = distribution_method(estimator)

    def distributions(X: Any) -> NDArray[np.float64]:
        D = np.asarray(predict(X), dtype=np.float64)
        if D.ndim != 2:
            raise ValueError(
                f"{type(estimator).__name__} predicts an array of shape {D.shape}; only one "
                "distribution for each row can be explained."
            )
        return D

    def logits(X: Any) -> NDArray[np.float64]:
        if hasattr(estimator, "predict_log_proba"):
            L = np.maximum(np.asarray(estimator.predict_log_proba(X), dtype=np.float64), _LEAST)
        else:
            L = safe_log(distributions(X))
        return centred(L)

    return distributions if output == "distribution" else logits


def centred(Z: NDArray) -> NDArray:
    """Shift logits, labels last, to a mean of zero, which makes them unique."""
    return Z - Z.mean(axis=-1, keepdims=True)


def predictor_of(estimator: BaseEstimator) -> BaseEstimator:
    """Go to what predicts, through all that hands on samples and distributions as they are."""
    while True:
        if isinstance(estimator, FrozenEstimator):
            estimator = estimator.estimator
        elif isinstance(estimator, BaseSearchCV) and hasattr(estimator, "best_estimator_"):
            estimator = estimator.best_estimator_
        elif isinstance(estimator, (LDLClassifier, LDLRegressor)) and (
            hasattr(estimator, "estimator_") and frozen_names(estimator.estimator_) is None
        ):
            estimator = estimator.estimator_
        else:
            return estimator


def feature_names(estimator: BaseEstimator, X: Any) -> list[str]:
    """Names of the features: columns of a frame, those of the fit, or x0, x1 and so on."""
    names = get_feature_names(X)
    if names is None:
        names = getattr(estimator, "feature_names_in_", None)
    if names is None or len(names) != X.shape[1]:
        names = [f"x{j}" for j in range(X.shape[1])]
    return [str(name) for name in names]


def label_names(
    estimator: BaseEstimator, n_labels: int, labels: ArrayLike | None = None
) -> NDArray:
    """Names or values of the labels: those given, those of the estimator, or their numbers."""
    if labels is not None:
        given = name_array(labels) if np.ndim(labels) == 1 else np.asarray(labels)
        if len(given) != n_labels:
            raise ValueError(f"There are {len(given)} labels, but {n_labels} are predicted.")
        return given
    names = label_values(estimator)
    known = np.arange(n_labels) if names is None else np.asarray(names)
    return known if len(known) == n_labels else np.arange(n_labels)
