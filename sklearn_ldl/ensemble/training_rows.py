"""What the engines of boosting are given: parameters, and rows with their logits and losses."""

from __future__ import annotations

from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray
from scipy.special import xlogy


class TreeParameters(Protocol):
    """Parameters of the estimator that engines read."""

    learning_rate: float
    max_depth: int | None
    min_samples_leaf: int
    max_features: str | float | None
    subsample: float
    max_bins: int
    n_jobs: int | None


class TrainingRows:
    """Rows with their current logits, and the losses along the way.

    Parameters
    ----------
    X : {array, sparse matrix} of shape (n_rows, n_features)
        Features.
    D : ndarray of shape (n_rows, n_labels)
        Their distributions.
    weight : ndarray of shape (n_rows,)
        Positive weights.
    intercept : ndarray of shape (n_labels,)
        Logits at the start.
    """

    def __init__(self, X: Any, D: NDArray, weight: NDArray, intercept: NDArray):
        self.X, self.D, self.weight = X, D, weight
        self.losses: list[float] = []
        self._negative_entropy = xlogy(D, D).sum(axis=1)
        self.move_to(np.tile(intercept, (len(D), 1)))

    def move_to(self, Z: NDArray) -> None:
        """Take other logits, and note the mean divergence there."""
        self.Z = Z
        shifted = Z - Z.max(axis=1, keepdims=True)
        self.P = np.exp(shifted)
        total = self.P.sum(axis=1, keepdims=True)
        self.P /= total
        shifted *= self.D
        divergence = self._negative_entropy - shifted.sum(axis=1) + np.log(total[:, 0])
        self.losses.append(max(float(np.average(divergence, weights=self.weight)), 0.0))

    def derivatives(self) -> tuple[NDArray, NDArray]:
        r"""Gradient and curvature of :math:`\sum_i s_i KL(d_i \| p_i)` in every logit."""
        weight = self.weight[:, None]
        return weight * (self.P - self.D), weight * (self.P * (1 - self.P))
