"""From a fitted estimator to an ONNX model, by skl2onnx."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import numpy as np
import skl2onnx
from onnx import ModelProto
from onnx.helper import set_model_props
from scipy.sparse import issparse
from skl2onnx.algebra.type_helper import guess_initial_types
from sklearn.frozen import FrozenEstimator
from sklearn.pipeline import Pipeline
from sklearn.utils.validation import check_is_fitted

import sklearn_ldl
from sklearn_ldl._core.label_names import fitted_names, innermost, shorten
from sklearn_ldl.deploy.onnx.errors import NotConvertibleError
from sklearn_ldl.deploy.onnx.refusals import refuse
from sklearn_ldl.deploy.onnx.registration import register

__all__ = ["convert", "register"]


def convert(estimator: Any, X: Any, target_opset: Any) -> ModelProto:
    """Convert a fitted estimator, whose input is like `X`."""
    refuse(innermost(estimator))
    check_is_fitted(estimator)
    _check_rows(estimator, X)
    register()
    estimator = _plain(estimator)
    try:
        model = skl2onnx.to_onnx(
            estimator, initial_types=_input_types(X), target_opset=target_opset
        )
    except NotConvertibleError:
        raise
    except RuntimeError as error:
        reason = str(error).splitlines()[0].rstrip(".")
        name = type(estimator).__name__
        raise NotConvertibleError(
            name, f"skl2onnx refuses it, or a part of it: {reason}"
        ) from error
    set_model_props(model, _metadata(estimator))
    return model


def _plain(estimator: Any) -> Any:
    """Take the fitted estimator out of a search, or of what keeps it frozen, in pipelines too."""
    while True:
        if isinstance(estimator, FrozenEstimator):
            estimator = estimator.estimator
        elif hasattr(estimator, "best_estimator_"):
            estimator = estimator.best_estimator_
        elif type(estimator) is Pipeline:
            return Pipeline([(name, _plain(step)) for name, step in estimator.steps])
        else:
            return estimator


def _check_rows(estimator: Any, X: Any) -> None:
    """Raise an error for rows that are not like those that the estimator was fitted to.

    A model counts columns, whatever they are called: in another order it would answer for others.
    """
    name, names = type(estimator).__name__, getattr(estimator, "feature_names_in_", None)
    if issparse(X):
        raise TypeError(f"X is sparse; {name} converts for dense rows: give X[:1].toarray().")
    columns = list(X if isinstance(X, Mapping) else getattr(X, "columns", ()))
    if columns:
        if names is not None and columns != list(names):
            raise ValueError(
                f"The columns of X are {shorten(columns)}, but {name} was fitted to "
                f"{shorten(list(names))}: give the same ones in the same order."
            )
        if isinstance(X, Mapping):
            return
    shape, expected = np.shape(X), getattr(estimator, "n_features_in_", None)
    if len(shape) < 2:
        raise ValueError(f"X must be rows of features, as {name} was fitted to, got {X!r:.50}.")
    is_table = len(shape) == 2 and getattr(innermost(estimator), "input_shape", None) is None
    if is_table and expected is not None and shape[1] != expected:
        raise ValueError(f"X has {shape[1]} features, but {name} was fitted to {expected}.")


def _input_types(X: Any) -> list[tuple[str, Any]]:
    if isinstance(X, Mapping):
        return [(name, guess_initial_types(np.asarray(X[name]))[0][1]) for name in X]
    if not hasattr(X, "columns"):
        return guess_initial_types(np.asarray(X))
    types = guess_initial_types(X)
    return [(str(name), kind) for name, kind in types]  # numbers are no names in ONNX


def _metadata(estimator: Any) -> dict[str, str]:
    """Collect what a reader wants to know: names and places of labels, names of features."""
    inner = innermost(estimator)
    entries = {
        "label_names": fitted_names(estimator),
        "feature_names": getattr(estimator, "feature_names_in_", None),
        "grid": getattr(inner, "grid_", None),
    }
    found = {
        name: json.dumps(np.asarray(entry).tolist(), default=str)
        for name, entry in entries.items()
        if entry is not None
    }
    return {"sklearn_ldl_version": sklearn_ldl.__version__, **found}
