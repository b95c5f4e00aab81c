"""From the outputs of the members of an ensemble to one, and to batches for all of them."""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn.functional import logsigmoid


def mean_output(Z: Tensor) -> Tensor:
    """Mean of outputs (n_members, n_rows, n_outputs) over the members."""
    return Z.mean(0)


def mean_distribution(Z: Tensor) -> Tensor:
    """Logarithms of the mean of the distributions with logits (n_members, n_rows, n_labels).

    They serve as logits.
    """
    return Z.log_softmax(-1).logsumexp(0) - math.log(len(Z))


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
