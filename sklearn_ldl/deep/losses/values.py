"""Losses of values and points: `(output, target) -> (n_rows,)`."""

from __future__ import annotations

import math

from torch import Tensor
from torch.nn import functional as F

from sklearn_ldl.deep.losses.base import check_shapes


def l1(T: Tensor, Y: Tensor) -> Tensor:
    r"""Absolute error, :math:`\sum_k |t_k - y_k|`.

    Examples
    --------
    >>> import torch
    >>> from sklearn_ldl.deep.losses.values import l1
    >>> l1(torch.tensor([[0.5, 1.0]]), torch.tensor([[0.0, -1.0]]))
    tensor([2.5000])
    """
    return _error(T, Y).abs().sum(1)


def l2(T: Tensor, Y: Tensor) -> Tensor:
    r"""Half the squared error, :math:`\tfrac12 \sum_k (t_k - y_k)^2`.

    Examples
    --------
    >>> import torch
    >>> from sklearn_ldl.deep.losses.values import l2
    >>> l2(torch.tensor([[0.5, 1.0]]), torch.tensor([[0.0, -1.0]]))
    tensor([2.1250])
    """
    return _error(T, Y).square().sum(1) / 2


def epsilon_insensitive(T: Tensor, Y: Tensor, epsilon: float = 2 / 180) -> Tensor:
    r"""Absolute error beyond a tolerance, :math:`\sum_k \max(0, |t_k - y_k| - \epsilon)`.

    The default tolerance is one degree for angles from -90 to 90 that were scaled to [-1, 1].

    Examples
    --------
    >>> import torch
    >>> from sklearn_ldl.deep.losses.values import epsilon_insensitive
    >>> epsilon_insensitive(torch.tensor([[0.5, 1.0]]), torch.tensor([[0.5, 0.0]]), epsilon=0.25)
    tensor([0.7500])
    """
    return F.relu(_error(T, Y).abs() - epsilon).sum(1)


def gaussian_nll(T: Tensor, Y: Tensor, min_variance: float = 1e-6) -> Tensor:
    r"""Negative log-likelihood of independent normal distributions.

    .. math:: \tfrac12 \sum_k \big( s_k + (y_k - m_k)^2 e^{-s_k} + \ln 2\pi \big)

    `T` has shape (n_samples, 2 * n_dims): the means :math:`m`, then the log-variances :math:`s`.
    A variance below `min_variance` counts as this value, and its gradient is the one taken there,
    so that training can come back; standardise `Y` first.

    Examples
    --------
    >>> import torch
    >>> from sklearn_ldl.deep.losses.values import gaussian_nll
    >>> gaussian_nll(torch.tensor([[1.0, 0.0]]), torch.tensor([[1.0]]))
    tensor([0.9189])
    """
    if T.shape[1] != 2 * Y.shape[1]:
        raise ValueError(
            f"T has {T.shape[1]} columns, expected {2 * Y.shape[1]}: a mean and a log-variance for"
            " every column of Y."
        )
    mean, log_variance = T.chunk(2, dim=1)
    raised = log_variance.clamp(min=math.log(min_variance))
    log_variance = log_variance + (raised - log_variance).detach()
    squares = _error(mean, Y).square() * (-log_variance).exp()
    return (log_variance + squares + math.log(2 * math.pi)).sum(1) / 2


def _error(T: Tensor, Y: Tensor) -> Tensor:
    check_shapes(T, Y)
    return T - Y
