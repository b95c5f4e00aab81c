"""From the outputs of the members of an ensemble to one, and to batches for all of them."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import logsigmoid


def mean_output(Z: Tensor) -> Tensor:
    """Mean of outputs (n_members, n_rows, n_outputs) over the members."""
    return Z.mean(0)


def mean_distribution(Z: Tensor, n_dims: int = 1) -> Tensor:
    """Logarithms of the mean of the distributions with logits (n_members, n_rows, n_labels).

    The labels may take several dimensions, the last `n_dims`.

    They serve as logits.
    """
    log_P = Z.flatten(-n_dims).log_softmax(-1).view_as(Z)
    return log_P.logsumexp(0) - math.log(len(Z))


def mean_tanh(Z: Tensor) -> Tensor:
    """Find outputs whose hyperbolic tangent is the mean of those of the members."""
    # (1 + tanh z) / 2 is the logistic function of 2 z, whose logarithm never overflows.
    return (logsigmoid(2 * Z).logsumexp(0) - logsigmoid(-2 * Z).logsumexp(0)) / 2


def mean_normal(Z: Tensor) -> Tensor:
    """Mean and log-variance of the mixture of normal distributions, whose are the outputs.

    Outputs are the means of all dimensions, then the logarithms of the variances.
    """
    means, log_variances = Z.chunk(2, -1)
    mean = means.mean(0)
    variance = log_variances.logsumexp(0) - math.log(len(Z))
    spread = (means - mean).square().mean(0)
    # A spread of zero has no logarithm, but a gradient is not needed in evaluation.
    return torch.cat([mean, torch.logaddexp(variance, spread.log())], -1)


class Members(nn.Module):
    """View of a module with `members` that returns those of a row side by side.

    Parameters
    ----------
    module : torch.nn.Module
        Its method `members` returns (n_members, n_rows, ...), for which comes (n_rows, n_members,
        ...).
    """

    def __init__(self, module: Any):
        super().__init__()
        self.module = module

    def forward(self, *X: Tensor, **named: Tensor) -> Tensor:
        """Pass rows through all members."""
        return self.module.members(*X, **named).transpose(0, 1)
