"""Grids of values: the distributor that makes one by default, and learners that ask for it."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.frozen import FrozenEstimator
from sklearn.pipeline import Pipeline

from sklearn_ldl.distributors import GaussianLabelDistributor

# Standard deviations in the range of the values, by the number of dimensions.
_DEFAULT_SIGMAS = (25, 12, 6)


def hand_over(grid: NDArray[np.float64], learner: Any) -> None:
    """Tell a learner, inside of pipelines and searches, where the labels are, if it asks."""
    while learner is not None and not isinstance(learner, FrozenEstimator):
        if hasattr(learner, "_take_grid"):
            return learner._take_grid(grid)
        last = isinstance(learner, Pipeline)
        learner = learner[-1] if last else getattr(learner, "estimator", None)


def default_distributor(y: NDArray[np.float64]) -> GaussianLabelDistributor:
    """Return what distributes values where the user leaves it to us."""
    n_dims = y[0].size
    if n_dims > 3:
        raise ValueError(
            f"y has {n_dims} dimensions, and a grid would have too many labels: fit several models,"
            " or give a distributor with a grid of your own."
        )
    spread = np.ptp(y, axis=0)
    sigma = np.where(spread > 0, spread, 1.0) / _DEFAULT_SIGMAS[n_dims - 1]
    middle = np.subtract(*np.quantile(y, [0.75, 0.25], axis=0))
    if ((middle > 0) & (middle < sigma)).any():
        warnings.warn(
            "A few values stretch the range of y, and the default distributor can hardly tell the "
            "others apart: half of them lie within one standard deviation of it. Transform y, for "
            "example to logarithms, remove what is an error, or give a distributor.",
            stacklevel=3,
        )
    if n_dims == 1:
        return GaussianLabelDistributor(sigma=sigma)
    # A little more, lest rounding adds a label.
    return GaussianLabelDistributor(sigma=sigma * (1 + 1e-9), spacing=n_dims - 1, pad=2)
