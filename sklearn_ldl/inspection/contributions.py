"""Contributions of features to predicted distributions: Shapley values."""

from __future__ import annotations

from numbers import Integral
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator
from sklearn.utils import check_random_state

from sklearn_ldl._core.sklearn_compat import Interval, StrOptions, safe_indexing, validate_params
from sklearn_ldl.inspection.explainers import (
    explain_any,
    explain_linear,
    explain_trees,
    import_shap,
    is_linear,
    is_trees,
)
from sklearn_ldl.inspection.predictions import (
    Output,
    explained,
    feature_names,
    label_names,
    predictor_of,
    table,
)

Method = Literal["auto", "linear", "trees", "agnostic"]

# Rows that stand for all, where none are given.
_MOST_BACKGROUND = 100


class ShapValues(NamedTuple):
    """Contributions of features to predictions, as `shap_values` returns them.

    Parameters
    ----------
    values : ndarray of shape (n_samples, n_features, n_labels)
        What each feature adds to each label of each row.
    base_values : ndarray of shape (n_labels,)
        The mean prediction, to which they are added.
    data : ndarray of shape (n_samples, n_features)
        The rows that are explained.
    feature_names : list of str
        Names of the features.
    label_names : ndarray of shape (n_labels,)
        Names or values of the labels, or their numbers.
    output : {"distribution", "logits"}
        What is explained.

    See Also
    --------
    shap_values : Computes them.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_ldl.inspection import ShapValues
    >>> values = np.array([[[0.1, -0.1], [0.2, -0.2]]])
    >>> names = ["age", "income"], np.array(["no", "yes"])
    >>> found = ShapValues(values, np.array([0.5, 0.5]), np.ones((1, 2)), *names, "distribution")
    >>> found.predictions
    array([[0.8, 0.2]])
    """

    values: NDArray[np.float64]
    base_values: NDArray[np.float64]
    data: NDArray
    feature_names: list[str]
    label_names: NDArray
    output: Output = "distribution"

    @property
    def predictions(self) -> NDArray[np.float64]:
        """The predictions, (n_samples, n_labels): contributions and base values together."""
        return self.values.sum(axis=1) + self.base_values

    def to_explanation(self) -> Any:
        """Convert for the plots of shap.

        Returns
        -------
        explanation : shap.Explanation
            Of all rows, features and labels; ``explanation[0, :, 1]`` is one row and one label.

        Raises
        ------
        ImportError
            If shap is not installed.
        """
        return import_shap().Explanation(
            self.values,
            base_values=np.tile(self.base_values, (len(self.values), 1)),
            data=self.data,
            feature_names=self.feature_names,
            output_names=[str(name) for name in self.label_names],
        )


@validate_params(
    {
        "rows": ["array-like", None],
        "output": [StrOptions({"distribution", "logits"})],
        "method": [StrOptions({"auto", "linear", "trees", "agnostic"})],
        "labels": ["array-like", None],
        "max_evals": [Interval(Integral, 1, None, closed="left")],
        "random_state": ["random_state"],
    },
    prefer_skip_nested_validation=True,
)
def shap_values(
    estimator: BaseEstimator,
    X: Any,
    *,
    rows: ArrayLike | None = None,
    background: Any = None,
    output: Output = "distribution",
    method: Method = "auto",
    labels: ArrayLike | None = None,
    max_evals: int = 500,
    random_state: int | np.random.RandomState | None = None,
) -> ShapValues:
    r"""Contributions of features to predicted distributions: Shapley values, by shap.

    The contribution of a feature is how much the prediction changes once its value is known, on
    average over all orders in which values become known; those that are not are taken from the rows
    of the background. Contributions of a row add up to its prediction less the base value, for each
    label; those to the shares of a distribution cancel over the labels, and so do those to logits.

    Parameters
    ----------
    estimator : estimator
        Fitted to distributions, or to labels or values that it makes distributions of, as
        :class:`~sklearn_ldl.LDLClassifier` and :class:`~sklearn_ldl.LDLRegressor` do. Of a
        pipeline, the features that enter it are explained.
    X : {array-like, sparse matrix} of shape (n_samples, n_features)
        Rows to explain, such as a data frame with columns of any kind. Sparse ones become dense.
    rows : array-like of int, default=None
        Numbers of the rows to explain, if not all.
    background : {array-like, sparse matrix} of shape (n_rows, n_features), default=None
        Rows that stand for unknown values; effort grows with their number. None takes those of
        `X`, 100 of them at most; "trees" then goes by the rows that the trees were grown on.
    output : {"distribution", "logits"}, default="distribution"
        "distribution" explains the shares. "logits" explains their logarithms less the mean of
        these over the labels, for which features act on their own in softmax-linear models.
    method : {"auto", "linear", "trees", "agnostic"}, default="auto"
        "linear" is exact and immediate, for the logits of softmax-linear models. "trees" is exact
        and fast, for the distributions of scikit-learn's trees and forests and for the logits of
        :class:`~sklearn_ldl.GradientBoostingLDL`; with a background, in single precision, and for
        trees of at most 32,767 nodes. "agnostic" asks for predictions only: it tries
        all sets of features where `max_evals` allows it, for 8 features by default, and else
        random orders of them, forth and back. "auto" takes the first that fits.
    labels : array-like of shape (n_labels,) or (n_labels, n_dims), default=None
        Names or values of the labels. None takes `label_names_`, `grid_` or `classes_` of the
        estimator, or numbers them.
    max_evals : int, default=500
        Most sets of known features for each row, with "agnostic"; at least twice the number of
        features, plus one, are tried. Each takes a prediction for every row of the background.
    random_state : int, RandomState instance or None, default=None
        Seed of the rows and orders that are drawn.

    Returns
    -------
    result : ShapValues
        A tuple of `values` of shape (n_samples, n_features, n_labels), `base_values` of shape
        (n_labels,), `data`, `feature_names`, `label_names` and `output`.

    Raises
    ------
    ImportError
        If shap is not installed (``pip install "sklearn-ldl[explain]"``); "linear", and trees of
        LightGBM, do without.
    TypeError
        If `background` and `X` are frames of different kinds.
    ValueError
        If `method` does not suit the estimator, its predictions are not one distribution for each
        row, `background` has other columns than `X`, or `X` is a single row and the background,
        too.

    See Also
    --------
    distribution_dependence : Mean predictions over the values of one feature.
    odds_ratios : What the coefficients of a linear model say.
    sklearn_ldl.plotting.ShapRowDisplay : Shows one row.
    sklearn_ldl.plotting.ShapLabelDisplay : Shows one label of many rows.

    Notes
    -----
    Contributions describe a model, not the world: of two features that say the same, a model may
    use one or both. The background puts values together that may never occur together.

    With "trees" and without a background, unknown values are weighed as the trees saw them along
    the path of a row, which respects some of how features depend on each other.

    References
    ----------
    S. M. Lundberg, S.-I. Lee, "A unified approach to interpreting model predictions", NIPS 2017.

    S. M. Lundberg et al., "From local explanations to global understanding with explainable AI for
    trees", Nature Machine Intelligence, 2020.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_ldl import BFGSLDL
    >>> from sklearn_ldl.datasets import make_ldl
    >>> from sklearn_ldl.inspection import shap_values
    >>> X, D = make_ldl(n_samples=200, random_state=0)
    >>> model = BFGSLDL().fit(X, D)
    >>> found = shap_values(model, X, rows=range(5), output="logits", random_state=0)
    >>> found.values.shape
    (5, 3, 3)
    >>> logits = model.predict_log_proba(X[:5])
    >>> bool(np.allclose(found.predictions, logits - logits.mean(axis=1, keepdims=True)))
    True
    """
    X = table(X)
    given = None if background is None else _like(table(background), X)
    chosen = X if rows is None else safe_indexing(X, _row_numbers(rows, X.shape[0]))
    function, model = explained(estimator, output), predictor_of(estimator)
    n_labels = function(safe_indexing(chosen, [0])).shape[1]  # before any work, says what is wrong
    names = feature_names(estimator, X), label_names(estimator, n_labels, labels)
    fits: dict[Method, bool] = {
        "linear": is_linear(model, output),
        "trees": is_trees(model, output, given is not None),
        "agnostic": True,
    }
    if method == "auto":
        method = next(name for name, suits in fits.items() if suits)
    elif not fits[method]:
        raise ValueError(
            f"method={method!r} does not suit the {output} of {type(model).__name__}"
            f"{'' if given is None else ' with a background'}: leave it at 'auto'. Of a pipeline, "
            "explain model[-1] on model[:-1].transform(X) in the features of its last step."
        )
    if method != "trees" and given is None and X.shape[0] == 1:
        raise ValueError(
            "One row differs in nothing from a background that is itself: give X more rows and "
            "choose by `rows`, or give a background."
        )
    random = check_random_state(random_state)
    if method == "trees":
        found = explain_trees(model, chosen, given)
    else:
        others = _some(X, random) if given is None else given
        if method == "linear":
            found = explain_linear(model, chosen, others)
        else:
            seed = int(random.randint(np.iinfo(np.int32).max))
            found = explain_any(function, chosen, others, max_evals, seed)
    return ShapValues(*found, np.asarray(chosen), *names, output)


def _like(background: Any, X: Any) -> Any:
    """Bring the columns of a background into the order of those to explain: names count."""
    if hasattr(background, "columns") and hasattr(X, "columns"):
        if missing := [name for name in X.columns if name not in background.columns]:
            raise ValueError(f"background lacks columns of X: {missing[:10]}.")
        return background[list(X.columns)]
    if background.shape[1] != X.shape[1]:
        raise ValueError(f"background has {background.shape[1]} features, but X {X.shape[1]}.")
    return background


def _row_numbers(rows: ArrayLike, n_rows: int) -> NDArray[np.intp]:
    numbers = np.asarray(rows)
    if numbers.ndim != 1 or not len(numbers) or numbers.dtype.kind not in "iu":
        raise ValueError("rows must be a list of row numbers.")
    if numbers.min() < 0 or numbers.max() >= n_rows:
        raise ValueError(f"rows must lie between 0 and {n_rows - 1}, got {numbers.tolist()}.")
    return numbers


def _some(X: Any, random: np.random.RandomState) -> Any:
    if X.shape[0] <= _MOST_BACKGROUND:
        return X
    return safe_indexing(X, np.sort(random.choice(X.shape[0], _MOST_BACKGROUND, replace=False)))
