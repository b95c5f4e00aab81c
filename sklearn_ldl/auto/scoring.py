"""Scores of predictions that are there already."""

from __future__ import annotations

from inspect import signature
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator
from sklearn.metrics import get_scorer

from sklearn_ldl.base import LabelDistributionMixin
from sklearn_ldl.metrics import get_ldl_scorer, get_ldl_scorer_names


class _HeldOut(LabelDistributionMixin, BaseEstimator):
    """Stands for the model: its samples are the predictions."""

    def predict(self, X: NDArray) -> NDArray:
        return X


class HeldOutScore:
    """Score of held-out predictions; greater is better.

    Parameters
    ----------
    scoring : str or callable
        Name of an LDL scorer, name of a scikit-learn scorer, or a scorer.
    D : ndarray of shape (n_samples, n_labels)
        True distributions.
    sample_weight : ndarray of shape (n_samples,) or None
        Weights, for scorers that take some.
    """

    def __init__(self, scoring: Any, D: NDArray, sample_weight: NDArray | None):
        self._scorer: Any
        if isinstance(scoring, str) and scoring in get_ldl_scorer_names():
            self._scorer = get_ldl_scorer(scoring)
        else:
            self._scorer = scoring if callable(scoring) else get_scorer(scoring)
        accepted = signature(getattr(self._scorer, "_score_func", self._scorer)).parameters
        self._D = D
        self._weight = sample_weight if "sample_weight" in accepted else None

    def __call__(self, P: NDArray, rows: NDArray | None = None) -> float:
        """Score predictions of some rows, or of all."""
        rows = np.arange(len(self._D)) if rows is None else rows
        weight = {} if self._weight is None else {"sample_weight": self._weight[rows]}
        return float(self._scorer(_HeldOut(), P, self._D[rows], **weight))
