"""The ways to compute Shapley values: of linear logits, of trees, and of any function."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, is_classifier
from sklearn.ensemble import (
    ExtraTreesClassifier,
    ExtraTreesRegressor,
    RandomForestClassifier,
    RandomForestRegressor,
)
from sklearn.tree import (
    DecisionTreeClassifier,
    DecisionTreeRegressor,
    ExtraTreeClassifier,
    ExtraTreeRegressor,
)
from sklearn.utils.validation import validate_data

from sklearn_ldl._core.extras import MissingExtraError
from sklearn_ldl._core.samples import validate_samples
from sklearn_ldl.ensemble import GradientBoostingLDL
from sklearn_ldl.inspection.cells import Cells
from sklearn_ldl.inspection.predictions import Output, centred
from sklearn_ldl.linear.base import LinearModel, SoftmaxLinearModel

_TREES = (
    DecisionTreeClassifier,
    DecisionTreeRegressor,
    ExtraTreeClassifier,
    ExtraTreeRegressor,
    ExtraTreesClassifier,
    ExtraTreesRegressor,
    RandomForestClassifier,
    RandomForestRegressor,
)
# Most nodes of a tree that shap compares with a background: it numbers them in 16 bits, unchecked.
_MOST_NODES = 2**15 - 1
# Rows that are predicted at once.
_CHUNK = 100_000


class Contributions(NamedTuple):
    """Shapley values (n_samples, n_features, n_labels), and what they are added to (n_labels,)."""

    values: NDArray[np.float64]
    base_values: NDArray[np.float64]


# --- linear logits


def is_linear(model: BaseEstimator, output: Output) -> bool:
    """Whether what is explained is linear in the features."""
    plain = getattr(type(model), "decision_function", None) is LinearModel.decision_function
    return output == "logits" and isinstance(model, SoftmaxLinearModel) and plain


def explain_linear(model: Any, X: Any, background: Any) -> Contributions:
    """Shapley values of centred logits in closed form: slope times distance from the mean."""
    X, background = (
        validate_samples(model, rows, dtype=np.float64, reset=False) for rows in (X, background)
    )
    mean, slopes = background.mean(axis=0), centred(model.coef_.T.astype(np.float64))
    base = centred(mean @ model.coef_.T + model.intercept_)
    return Contributions((X - mean)[:, :, None] * slopes, base)


# --- trees


def is_trees(model: BaseEstimator, output: Output, has_background: bool) -> bool:
    """Whether what is explained is a sum of trees that can be looked into."""
    if isinstance(model, GradientBoostingLDL):
        if output != "logits":
            return False
        if model.engine_ == "lightgbm":
            return not has_background
        if model.is_categorical_ is not None or not model.estimators_:
            return False
        trees = model.estimators_
    else:
        if output != "distribution" or type(model) not in _TREES:
            return False
        if is_classifier(model) and model.n_outputs_ != 1:
            return False
        trees = getattr(model, "estimators_", [model])
    return not has_background or all(tree.tree_.node_count <= _MOST_NODES for tree in trees)


def explain_trees(model: Any, X: Any, background: Any | None) -> Contributions:
    """Shapley values of trees; without a background, by the rows that they were grown on."""
    if isinstance(model, GradientBoostingLDL):
        X, background = model._table(X), None if background is None else model._table(background)
        if model.engine_ == "lightgbm":
            return _explain_lightgbm(model, X)
        trees: Any = {
            "trees": [tree.tree_ for tree in model.estimators_],
            "base_offset": model.intercept_,
            "internal_dtype": np.float64,
            "input_dtype": np.float32,
        }
        found = _explain_by_shap(trees, X, background)
        return Contributions(centred(found.values), centred(found.base_values))
    checks = {"reset": False, "dtype": np.float32, "ensure_all_finite": "allow-nan"}
    if background is not None:
        background = validate_data(model, background, **checks)
    return _explain_by_shap(model, validate_data(model, X, **checks), background)


def _explain_by_shap(trees: Any, X: NDArray, background: NDArray | None) -> Contributions:
    with _random_state_kept():
        shap = import_shap()
        explainer = shap.TreeExplainer(trees, background)
        values = explainer.shap_values(X, check_additivity=False)
    return Contributions(
        np.asarray(values, dtype=np.float64),
        np.asarray(explainer.expected_value, dtype=np.float64),
    )


def _explain_lightgbm(model: GradientBoostingLDL, X: NDArray) -> Contributions:
    """LightGBM computes the same by itself."""
    n_samples, n_features = X.shape
    base = centred(model.intercept_)
    if model.booster_ is None:
        return Contributions(np.zeros((n_samples, n_features, len(base))), base)
    parts = model.booster_.predict(X, pred_contrib=True)
    parts = centred(parts.reshape(n_samples, len(base), n_features + 1).transpose(0, 2, 1))
    return Contributions(parts[:, :-1], base + parts[0, -1])


# --- anything


def explain_any(
    function: Callable[[Any], NDArray], X: Any, background: Any, max_evals: int, seed: int
) -> Contributions:
    """Shapley values of any function, exact where all sets of features can be tried."""
    cells = Cells(background, X)
    n_features = cells.X.shape[1]
    max_evals = max(max_evals, 2 * n_features + 1)
    with _random_state_kept():
        shap = import_shap()
        masker = shap.maskers.Independent(cells.background, max_samples=len(cells.background))

        def predict(codes: NDArray) -> NDArray:
            return function(cells.decoded(codes))

        if 2**n_features <= max_evals:
            explainer = shap.ExactExplainer(predict, masker)
        else:
            explainer = shap.PermutationExplainer(predict, masker, seed=seed)
        # One row at a time: of all after the first of a call, shap computes main effects unasked,
        # and fails where a row has none.
        found = [
            explainer(
                row[None],
                max_evals=max_evals,
                batch_size=max(1, _CHUNK // len(cells.background)),
                silent=True,
            )
            for row in cells.X
        ]
    values = np.concatenate([one.values for one in found])
    return Contributions(values, found[0].base_values[0])


def import_shap() -> Any:
    """Import shap, or say how to install it."""
    try:
        import shap
    except ImportError as error:
        raise MissingExtraError("shap_values", "shap", "explain") from error
    return shap


@contextmanager
def _random_state_kept() -> Iterator[None]:
    """Give the global random state back as it was: shap seeds and draws from it."""
    state = np.random.get_state()  # noqa: NPY002
    try:
        yield
    finally:
        np.random.set_state(state)  # noqa: NPY002
