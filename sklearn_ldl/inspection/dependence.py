"""Mean predicted distributions over the values of one feature."""

from __future__ import annotations

from numbers import Integral
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.inspection import partial_dependence

from sklearn_ldl._core.sklearn_compat import (
    Interval,
    safe_indexing,
    validate_params,
)
from sklearn_ldl.inspection.predictions import explained, feature_names, label_names


class DistributionDependence(NamedTuple):
    """Mean predictions over one feature, as `distribution_dependence` returns them.

    Parameters
    ----------
    values : ndarray of shape (n_values,)
        Values of the feature.
    distributions : ndarray of shape (n_values, n_labels)
        The mean predicted distribution at each of them.
    feature : str
        Name of the feature.
    label_names : ndarray of shape (n_labels,)
        Names or values of the labels, or their numbers.
    is_categorical : bool
        Whether the values have no order.

    See Also
    --------
    distribution_dependence : Computes them.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_ldl.inspection import DistributionDependence
    >>> D = np.array([[0.5, 0.5], [0.2, 0.8]])
    >>> DistributionDependence(np.array([0, 1]), D, "age", np.array(["no", "yes"]), False).feature
    'age'
    """

    values: NDArray
    distributions: NDArray[np.float64]
    feature: str
    label_names: NDArray
    is_categorical: bool


@validate_params(
    {
        "feature": [Interval(Integral, 0, None, closed="left"), str],
        "categorical": ["boolean", None],
        "labels": ["array-like", None],
        "grid_resolution": [Interval(Integral, 2, None, closed="left")],
    },
    prefer_skip_nested_validation=True,
)
def distribution_dependence(
    estimator: BaseEstimator,
    X: Any,
    feature: int | str,
    *,
    categorical: bool | None = None,
    grid_resolution: int = 50,
    percentiles: tuple[float, float] = (0.05, 0.95),
    sample_weight: ArrayLike | None = None,
    labels: ArrayLike | None = None,
) -> DistributionDependence:
    """Partial dependence of the whole distribution on one feature.

    It is the mean of the distributions that a model predicts for all rows, if this feature had the
    same value in all of them. scikit-learn's ``partial_dependence`` computes it; here it gets the
    distributions of any estimator, also of those whose `predict` returns labels or values.

    Parameters
    ----------
    estimator : estimator
        Fitted to distributions, or to labels or values that it makes distributions of, as
        :class:`~sklearn_ldl.LDLClassifier` and :class:`~sklearn_ldl.LDLRegressor` do. May be a
        pipeline or a search.
    X : array-like of shape (n_samples, n_features)
        Rows to average over, such as a data frame with columns of any kind.
    feature : int or str
        Position or name of the feature.
    categorical : bool, default=None
        Whether to take every value that occurs, without an order. None does so for values that are
        not numbers, and for columns whose dtype says that they are categories.
    grid_resolution : int, default=50
        How many values of a numeric feature to take, at even distances; where fewer occur, it is
        these that are taken.
    percentiles : tuple of float, default=(0.05, 0.95)
        Between which percentiles they lie.
    sample_weight : array-like of shape (n_samples,), default=None
        Weights of the rows in the mean.
    labels : array-like of shape (n_labels,) or (n_labels, n_dims), default=None
        Names or values of the labels. None takes `label_names_`, `grid_` or `classes_` of the
        estimator, or numbers them.

    Returns
    -------
    result : DistributionDependence
        A tuple of `values` of shape (n_values,), `distributions` of shape (n_values, n_labels),
        `feature`, `label_names` and `is_categorical`.

    Raises
    ------
    ValueError
        If there is no such feature, or it has no values, or predictions are not one distribution
        for each row.

    See Also
    --------
    shap_values : Contributions of features to the prediction for a row.
    sklearn_ldl.plotting.DistributionDependenceDisplay : Shows the result.

    Notes
    -----
    All rows get every value, also those where it could not occur or was missing; where features
    depend on each other, that is far from any data.

    References
    ----------
    J. H. Friedman, "Greedy function approximation: a gradient boosting machine", Annals of
    Statistics, 2001.

    Examples
    --------
    >>> from sklearn_ldl import BFGSLDL
    >>> from sklearn_ldl.datasets import make_ldl
    >>> from sklearn_ldl.inspection import distribution_dependence
    >>> X, D = make_ldl(n_samples=200, random_state=0)
    >>> found = distribution_dependence(BFGSLDL().fit(X, D), X, 0, grid_resolution=10)
    >>> found.values.shape, found.distributions.shape
    ((10,), (10, 3))
    """
    X = X if hasattr(X, "columns") else np.asarray(X)
    names = feature_names(estimator, X)
    position = _position(feature, names)
    column = safe_indexing(X, position, axis=1)
    dtype = np.asarray(column).dtype
    if categorical is None:
        categorical = dtype.kind not in "fiu" or hasattr(column, "cat")
    elif not categorical and dtype.kind not in "fiu":
        raise ValueError(f"The values of {names[position]!r} are no numbers: they have no order.")
    if not categorical:
        X = _without_gaps(X, position, np.asarray(column))
    found = partial_dependence(
        _Distributions(estimator),
        X,
        [position],
        categorical_features=[position] if categorical else None,
        grid_resolution=grid_resolution,
        percentiles=percentiles,
        sample_weight=sample_weight,
        method="brute",
        kind="average",
    )
    D = found["average"].T
    return DistributionDependence(
        np.asarray(found["grid_values"][0]),
        D,
        names[position],
        label_names(estimator, D.shape[1], labels),
        categorical,
    )


class _Distributions(RegressorMixin, BaseEstimator):
    """Regressor that predicts the distributions of any fitted estimator.

    Parameters
    ----------
    estimator : estimator
        Fitted estimator.
    """

    def __init__(self, estimator: BaseEstimator):
        self.estimator = estimator

    def fit(self, X: Any, y: Any) -> _Distributions:
        """Do nothing."""
        return self

    def predict(self, X: Any) -> NDArray[np.float64]:
        """Predict distributions."""
        return explained(self.estimator, "distribution")(X)

    def __sklearn_is_fitted__(self) -> bool:
        return True


def _without_gaps(X: Any, position: int, column: NDArray) -> Any:
    # Every row gets every value: those in X only say where the values lie. Percentiles of gaps are
    # gaps, and between whole numbers there are others.
    values = column.astype(np.float64)
    gaps = np.isnan(values)
    if gaps.all():
        raise ValueError(f"Feature {position} has no values.")
    if not gaps.any() and column.dtype.kind == "f":
        return X
    values[gaps] = np.resize(values[~gaps], gaps.sum())
    if hasattr(X, "columns"):
        return X.assign(**{X.columns[position]: values})
    X = X.astype(np.result_type(X, np.float64) if column.dtype.kind in "iu" else X.dtype)
    X[:, position] = values
    return X


def _position(feature: int | str, names: list[str]) -> int:
    if isinstance(feature, str) and feature in names:
        return names.index(feature)
    if isinstance(feature, str) or feature >= len(names):
        raise ValueError(f"There is no feature {feature!r}; there are {names[:10]}.")
    return int(feature)
