"""Losses for networks: pure functions of outputs and targets, in torch."""

from sklearn_ldl.deep.losses.base import Loss
from sklearn_ldl.deep.losses.decoupled import decoupled_kl
from sklearn_ldl.deep.losses.density import heatmap_l2, kernel_density_nll, kernel_kl
from sklearn_ldl.deep.losses.distributions import (
    alpha_divergence,
    cumulative_absolute,
    earth_mover_squared,
    jeffreys,
    jensen_shannon,
    kl_divergence,
    mean_squared_error,
    soft_cross_entropy,
)
from sklearn_ldl.deep.losses.label_values import kl_expectation, mean_variance
from sklearn_ldl.deep.losses.pixels import pixel_loss
from sklearn_ldl.deep.losses.registry import LOSSES, REGRESSION_LOSSES, get_loss
from sklearn_ldl.deep.losses.values import epsilon_insensitive, gaussian_nll, l1, l2

__all__ = [
    "LOSSES",
    "REGRESSION_LOSSES",
    "Loss",
    "alpha_divergence",
    "cumulative_absolute",
    "decoupled_kl",
    "earth_mover_squared",
    "epsilon_insensitive",
    "gaussian_nll",
    "get_loss",
    "heatmap_l2",
    "jeffreys",
    "jensen_shannon",
    "kernel_density_nll",
    "kernel_kl",
    "kl_divergence",
    "kl_expectation",
    "l1",
    "l2",
    "mean_squared_error",
    "mean_variance",
    "pixel_loss",
    "soft_cross_entropy",
]
