"""Columns of frames for learners that take numbers only, or categories too, or anything."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.compose import ColumnTransformer, TransformedTargetRegressor
from sklearn.impute import SimpleImputer
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder, StandardScaler
from sklearn.utils import get_tags

from sklearn_ldl._core.extras import MissingExtraError
from sklearn_ldl._core.sklearn_compat import BaseSearchCV


def with_columns(
    estimator: BaseEstimator, grid: Any, X: Any, seed: int
) -> tuple[BaseEstimator, Any]:
    """Put before an estimator what turns the columns of a frame into what it takes.

    Anything goes as it is to one that does not look at it or says that it takes text (its tags
    `no_validation` or `input_tags.string`), and to pipelines that begin with such a step, with a
    ColumnTransformer, or with an encoder. Numbers and categories go to one whose tags name
    categories, or whose `categorical_features` are "from_dtype". All others get numbers:
    standardised where there were others than numbers, and imputed unless their tags say that they
    take NaN.

    Parameters
    ----------
    estimator : estimator
        Any.
    grid : dict, list of dict or None
        Its grid.
    X : array-like, sparse matrix or frame
        The features.
    seed : int
        Of the encoding of text.

    Returns
    -------
    estimator : estimator
        The same where it takes `X`; otherwise a pipeline, whose last steps are its own.
    grid : dict, list of dict or None
        The grid of that.
    """
    if not hasattr(X, "columns") or _takes_anything(estimator):
        return estimator, grid
    kinds = _kinds(X)
    to_impute = _has_missing(X) and not _takes_missing(estimator)
    categories = _takes_categories(estimator) and not to_impute
    steps: list[BaseEstimator] = []
    encoded = not kinds <= ({"number", "category"} if categories else {"number"})
    if encoded:
        steps.append(vectorizer(seed, categories=categories))
    if encoded and not categories:
        # In single precision, which the vectorizer leaves, solvers stop far from their optimum.
        steps.append(FunctionTransformer(np.asarray, kw_args={"dtype": "float64"}))
    if to_impute:
        steps.append(SimpleImputer(add_indicator=True))
    if encoded and not categories:
        steps.append(StandardScaler())  # dates are numbers of seconds now
    if not steps:
        return estimator, grid
    before = make_pipeline(*steps).steps
    if isinstance(estimator, Pipeline):
        before = [step for step in before if step[0] not in estimator.named_steps]
        settings = estimator.get_params(deep=False) | {"steps": [*before, *estimator.steps]}
        return Pipeline(**settings), grid
    [(name, _)] = make_pipeline(estimator).steps
    return Pipeline([*before, (name, estimator)]), _below(name, grid)


def width(X: Any) -> int:
    """Count the features that learners of numbers get."""
    if not hasattr(X, "columns") or _kinds(X) <= {"number"}:
        return X.shape[1]
    return vectorizer(0).fit_transform(X).shape[1]


def vectorizer(seed: int, *, categories: bool = False) -> BaseEstimator:
    """Make what turns columns into numbers, but for the categories where they are to stay."""
    try:
        from skrub import StringEncoder, TableVectorizer, ToCategorical
    except ImportError as error:
        what = "A table with text, categories or dates"
        raise MissingExtraError(what, "skrub", "tables") from error
    # Categories that no training row has are zeros; skrub's own encoder would warn of them.
    one_hot = OneHotEncoder(handle_unknown="ignore", sparse_output=False, dtype="float32")
    return TableVectorizer(
        low_cardinality=ToCategorical() if categories else one_hot,
        high_cardinality=StringEncoder(random_state=seed),
    )


def _kinds(X: Any) -> set[str]:
    dtypes = (X[name].dtype for name in X.columns)
    return {_kind(dtype) for dtype in dtypes}


def _kind(dtype: Any) -> str:
    is_numeric = getattr(dtype, "is_numeric", None)  # of Polars
    if getattr(dtype, "kind", "O") in "fiub" or (callable(is_numeric) and is_numeric()):
        return "number"
    named = str(dtype).startswith(("category", "Categorical", "Enum"))
    return "category" if named else "other"


def _has_missing(X: Any) -> bool:
    if hasattr(X, "isnull"):
        return bool(X.isnull().to_numpy().any())
    # Polars tells apart what is missing and what is no number.
    return any(X[name].null_count() or _has_nan(X[name]) for name in X.columns)


def _has_nan(column: Any) -> bool:
    return _kind(column.dtype) == "number" and bool(
        np.isnan(np.asarray(column.to_numpy(), dtype=float)).any()  # decimals are objects
    )


def _below(name: str, grid: Any) -> Any:
    """Put the name of a step before the parameters of a grid."""
    if isinstance(grid, Mapping):
        return {f"{name}__{parameter}": values for parameter, values in grid.items()}
    return [_below(name, part) for part in grid] if isinstance(grid, list | tuple) else grid


def _inner(estimator: Any) -> Any:
    """Whom a search, or a wrapper of the target, hands the features as they are."""
    while True:
        if isinstance(estimator, BaseSearchCV):
            estimator = estimator.estimator
        elif isinstance(estimator, TransformedTargetRegressor) and estimator.regressor is not None:
            estimator = estimator.regressor
        else:
            return estimator


def _steps(estimator: Any) -> list[Any]:
    """Return the steps of a pipeline that do something, or the estimator alone."""
    estimator = _inner(estimator)
    if not isinstance(estimator, Pipeline):
        return [estimator]
    return [
        part
        for _, step in estimator.steps
        if step not in (None, "passthrough")
        for part in _steps(step)
    ]


def _tags(estimator: Any) -> Any:
    # Estimators that are not derived from scikit-learn's base have none.
    return get_tags(estimator if hasattr(estimator, "__sklearn_tags__") else BaseEstimator())


def _takes_anything(estimator: Any) -> bool:
    first, *others = _steps(estimator)
    tags = _tags(first)
    return (
        isinstance(first, ColumnTransformer)
        or type(first).__module__.startswith("skrub")
        or tags.no_validation
        or tags.input_tags.string
        or bool(tags.input_tags.categorical and others)
    )


def _takes_categories(estimator: Any) -> bool:
    first = _steps(estimator)[0]
    by_dtype = getattr(first, "categorical_features", None)
    return _tags(first).input_tags.categorical or (
        isinstance(by_dtype, str) and by_dtype == "from_dtype"
    )


def _takes_missing(estimator: Any) -> bool:
    for step in _steps(estimator):
        if type(step).__module__.startswith("sklearn.impute"):
            return True
        if not _tags(step).input_tags.allow_nan:
            return False
    return True
