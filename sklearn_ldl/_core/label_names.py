"""What a fitted estimator keeps of the labels that it was fitted to."""

from __future__ import annotations

from typing import Any

from sklearn_ldl._core.fitted import forget
from sklearn_ldl._core.sklearn_compat import get_feature_names


def describe_labels(estimator: Any, y: Any, n_labels: int) -> None:
    """Set `n_labels_`, and `label_names_` where the columns of `y` have names.

    Parameters
    ----------
    estimator : estimator
        The one that is being fitted; names of an earlier fit are forgotten.
    y : array-like or data frame
        Targets.
    n_labels : int
        Number of labels.
    """
    estimator.n_labels_ = n_labels
    names = get_feature_names(y)
    if names is None:
        forget(estimator, "label_names_")
    else:
        estimator.label_names_ = names
