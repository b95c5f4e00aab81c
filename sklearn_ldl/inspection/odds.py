"""Coefficients of linear models as odds ratios."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.pipeline import Pipeline
from sklearn.utils.validation import check_is_fitted

from sklearn_ldl._core.extras import import_pandas
from sklearn_ldl.inspection.predictions import label_names, predictor_of
from sklearn_ldl.linear import MultinomialInference, ProportionalOddsLDL
from sklearn_ldl.linear.base import SoftmaxLinearModel

if TYPE_CHECKING:
    from pandas import DataFrame


def odds_ratios(
    model: BaseEstimator | MultinomialInference, *, base: Any = None, coverage: float = 0.95
) -> DataFrame:
    r"""Coefficients of a linear model as odds ratios, with intervals where there is inference.

    Where a feature is greater by one unit and the others are the same, the odds of a label, its
    share over that of the base, are multiplied by the odds ratio
    :math:`\exp(w_{cj} - w_{\text{base},j})`: 1 says that nothing changes, 2 that they double.

    Parameters
    ----------
    model : estimator or MultinomialInference
        A fitted softmax-linear model such as :class:`~sklearn_ldl.BFGSLDL`, a
        :class:`~sklearn_ldl.ProportionalOddsLDL`, or a pipeline, search, classifier or regressor
        around one; units are then those of the features that reach it. For intervals, the inference
        of a model.
    base : label, default=None
        The label to compare with. None compares with the geometric mean of all labels, and is that
        of the inference for one.
    coverage : float in (0, 1), default=0.95
        Coverage of the intervals, for inference alone.

    Returns
    -------
    frame : DataFrame
        A row for each label and feature, in its index, and the column `odds_ratio`; of inference
        also `lower`, `upper` and `p_value`, of a test that it is 1. Of proportional odds, there is
        one ratio for each feature, of labels above any label to those up to it.

    Raises
    ------
    ImportError
        If pandas is not installed.
    TypeError
        If the model has no such coefficients.
    ValueError
        If `base` is no label of the model, or given where there is one already.

    See Also
    --------
    sklearn_ldl.MultinomialInference : Standard errors and tests of coefficients.
    shap_values : Contributions of features to the prediction for a row.

    Notes
    -----
    A ratio is about odds, not shares: a share may fall although its odds to the base rise, if a
    third label gains more. :meth:`sklearn_ldl.MultinomialInference.marginal_effects` are about
    shares.

    References
    ----------
    A. Agresti, "Categorical data analysis", 3rd edition, Wiley, 2013, chapter 8.

    Examples
    --------
    >>> import numpy as np
    >>> import pandas as pd
    >>> from sklearn_ldl import BFGSLDL
    >>> from sklearn_ldl.inspection import odds_ratios
    >>> X = pd.DataFrame({"child": [0, 1]})
    >>> shares = pd.DataFrame([[0.5, 0.5], [0.2, 0.8]], columns=["work", "care"])
    >>> odds_ratios(BFGSLDL(alpha=0).fit(X, shares), base="work").round(2)
                   odds_ratio
    label feature
    care  child           4.0
    """
    pd = import_pandas("A table of odds ratios")
    if isinstance(model, MultinomialInference):
        if base is not None:
            raise ValueError(f"The inference has the base {model.base!r} already: leave base out.")
        return _with_intervals(model, coverage)
    linear, features = _linear_part(model)
    check_is_fitted(linear)
    if features is None:
        features = getattr(linear, "feature_names_in_", None)
    if features is None or len(features) != linear.n_features_in_:
        features = [f"x{j}" for j in range(linear.n_features_in_)]
    if isinstance(linear, ProportionalOddsLDL):
        if base is not None:
            raise ValueError("Proportional odds compare labels above with labels below: no base.")
        index = pd.Index(features, name="feature")
        return pd.DataFrame({"odds_ratio": np.exp(linear.coef_)}, index=index)
    names = label_names(model, linear.n_labels_).tolist()
    W = linear.coef_.astype(np.float64)
    if base is None:
        W = W - W.mean(axis=0)
    else:
        texts = [str(name) for name in names]
        if str(base) not in texts:
            raise ValueError(f"base={base!r} is no label of the model; it has {names[:10]}.")
        position = texts.index(str(base))
        W = np.delete(W - W[position], position, axis=0)
        del names[position]
    index = pd.MultiIndex.from_product([names, features], names=["label", "feature"])
    return pd.DataFrame({"odds_ratio": np.exp(W).ravel()}, index=index)


def _with_intervals(inference: MultinomialInference, coverage: float) -> DataFrame:
    table = inference.summary(coverage)
    if inference.model.fit_intercept:
        table = table[
            np.tile(
                np.arange(len(inference.columns)) < len(inference.columns) - 1,
                len(inference.labels),
            )
        ]
    ratios = np.exp(table[["contrast", "lower", "upper"]])
    return ratios.rename(columns={"contrast": "odds_ratio"}).assign(p_value=table["p_value"])


def _linear_part(model: Any) -> tuple[Any, Any]:
    """Return the linear model inside of others, and names of its features if a step has them."""
    features = None
    while True:
        inner = predictor_of(model)
        if isinstance(inner, Pipeline):
            check_is_fitted(inner)
            before = inner[:-1]
            if len(before) and hasattr(before, "get_feature_names_out"):
                features = before.get_feature_names_out()
            model = inner[-1]
        elif isinstance(inner, (SoftmaxLinearModel, ProportionalOddsLDL)):
            return inner, features
        else:
            raise TypeError(
                f"Odds ratios are those of a linear model, got {type(inner).__name__}: give a "
                "softmax-linear model such as BFGSLDL, or one around it."
            )
