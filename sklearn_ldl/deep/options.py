"""Types of the parameters that `net_estimator` adds, for the constructors of the estimators.

``def __init__(self, *, own, **net: Unpack[NetOptions])`` tells type checkers and editors what the
constructor takes; :mod:`._parameters` says what it means.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from typing import Any, Literal, TypedDict

import torch
from numpy.random import RandomState
from torch import nn

from sklearn_ldl.deep.losses.base import Loss

#: What becomes a network: a class or a function that builds it, or an instance to copy.
Module = nn.Module | Callable[..., nn.Module]


class TrainingOptions(TypedDict, total=False):
    """How any network is trained."""

    optimizer: str | Callable[..., torch.optim.Optimizer]
    lr: float
    max_epochs: int
    batch_size: int | Literal["all"]
    weight_decay: float
    init: str | Callable[[nn.Module], Any] | None
    lr_schedule: str | Callable[[float], float] | None
    param_groups: Sequence[tuple[str, dict[str, Any]]]
    clip_norm: float | Literal["adaptive"] | None
    early_stopping: bool
    validation_fraction: float
    n_iter_no_change: int
    input_shape: Sequence[int] | None
    device: str
    inference_dtype: Literal["float32", "float64"]
    num_workers: int
    callbacks: Sequence[Any]
    net_params: dict[str, Any] | None
    warm_start: bool
    checkpoint: str | os.PathLike[str] | None
    verbose: int
    random_state: int | RandomState | None


class DistributionOptions(TrainingOptions, total=False):
    """Of a network of its own kind, trained on distributions."""

    label_smoothing: float


class FastOptions(TypedDict, total=False):
    """Of a network that may be compiled, and may be trained in low precision."""

    amp: bool
    compile: bool


class ModuleOptions(TrainingOptions, FastOptions, total=False):
    """Of a network that the user may replace, with a loss of its own."""

    hidden_layer_sizes: Sequence[int]
    dropout: float


class CPNNOptions(DistributionOptions, FastOptions, total=False):
    """Those of `CPNN`."""


class ReshapingOptions(ModuleOptions, DistributionOptions, total=False):
    """Those of `OFRRegressor`, which is a loss."""


class TaughtOptions(ModuleOptions, total=False):
    """Of a network that is trained on distributions which nothing smooths."""

    loss: str | Loss


class NetOptions(TaughtOptions, DistributionOptions, total=False):
    """All of them."""
