"""What a mixture is made of."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator

from sklearn_ldl._core.simplex import check_prediction
from sklearn_ldl.base import LabelDistributionMixin


class _MeanOfFolds(LabelDistributionMixin, BaseEstimator):
    """Mean prediction of the models that cross-validation has fitted: a member without a fit."""

    def __init__(self, estimators: Sequence[BaseEstimator], n_labels: int):
        self.estimators, self.n_labels = estimators, n_labels
        self.estimators_, self.n_labels_ = list(estimators), n_labels

    def predict(self, X: Any) -> NDArray[np.float64]:
        return np.mean(
            [check_prediction(e.predict(X), self.n_labels_) for e in self.estimators_], axis=0
        )
