"""Losses for networks: pure functions of outputs and targets, in torch.

There is one convention: ``loss(Z, D)`` returns a tensor of shape (n_samples,), one value per row;
whoever trains weighs the rows and averages them.

**Distributions** (:data:`LOSSES`). `Z` holds logits and `D` target distributions (rows on the
simplex, exact zeros allowed), both of shape (n_samples, n_labels); :math:`p` stands for the softmax
of a row of `Z` and :math:`d` for a row of `D`. Everything is computed from ``log_softmax(Z)``, so
that values and gradients stay finite however large the logits are.

**Values** (:data:`REGRESSION_LOSSES`). `T` holds outputs :math:`t` and `Y` real targets :math:`y`,
both of shape (n_samples, n_dims).
"""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn import functional as F

from sklearn_ldl.deep.losses.base import at_least_zero, log_softmax
from sklearn_ldl.metrics.divergences import FLOOR


def kl_divergence(Z: Tensor, D: Tensor) -> Tensor:
    r"""Kullback-Leibler divergence from the prediction to the target.

    .. math:: \sum_j d_j \ln \frac{d_j}{p_j}, \qquad 0 \ln 0 = 0

    Its gradient in the logits is :math:`p - d`, that of :func:`soft_cross_entropy`; its value is
    zero for a perfect prediction.

    Examples
    --------
    >>> import torch
    >>> from sklearn_ldl.deep.losses.distributions import kl_divergence
    >>> kl_divergence(torch.zeros(2, 2), torch.tensor([[1.0, 0.0], [0.5, 0.5]]))
    tensor([0.6931, 0.0000])
    """
    return at_least_zero(F.kl_div(log_softmax(Z, D), D, reduction="none").sum(1))


def soft_cross_entropy(Z: Tensor, D: Tensor) -> Tensor:
    r"""Cross entropy with a distribution as target.

    .. math:: -\sum_j d_j \ln p_j

    Examples
    --------
    >>> import torch
    >>> from sklearn_ldl.deep.losses.distributions import soft_cross_entropy
    >>> soft_cross_entropy(torch.zeros(2, 2), torch.tensor([[1.0, 0.0], [0.5, 0.5]]))
    tensor([0.6931, 0.6931])
    """
    return -(D * log_softmax(Z, D)).sum(1)


def mean_squared_error(Z: Tensor, D: Tensor) -> Tensor:
    r"""Squared error of the probabilities, the loss of AA-BP.

    .. math:: \sum_j (p_j - d_j)^2

    A sum over the labels, so that a learning rate means the same for any number of labels; the mean
    is the one over rows. The gradient vanishes for a confident error.

    References
    ----------
    X. Geng, "Label distribution learning", IEEE TKDE 28(7), 2016.

    Examples
    --------
    >>> import torch
    >>> from sklearn_ldl.deep.losses.distributions import mean_squared_error
    >>> mean_squared_error(torch.zeros(1, 2), torch.tensor([[1.0, 0.0]]))
    tensor([0.5000])
    """
    return (log_softmax(Z, D).exp() - D).square().sum(1)


def alpha_divergence(Z: Tensor, D: Tensor) -> Tensor:
    r"""Alpha-divergence with :math:`\alpha = 0`, four times the squared Hellinger distance.

    .. math:: 2 \sum_j \big(\sqrt{d_j} - \sqrt{p_j}\big)^2 = 4 \Big(1 - \sum_j \sqrt{d_j p_j}\Big)

    Its gradient in the logits is :math:`2 (p_j \sum_k \sqrt{d_k p_k} - \sqrt{d_j p_j})`.

    References
    ----------
    B.-B. Gao, C. Xing, C.-W. Xie, J. Wu, X. Geng, "Deep label distribution learning with label
    ambiguity", IEEE Transactions on Image Processing, 2017 (with the sign that makes it a
    distance).

    Examples
    --------
    >>> import torch
    >>> from sklearn_ldl.deep.losses.distributions import alpha_divergence
    >>> alpha_divergence(torch.zeros(1, 2), torch.tensor([[1.0, 0.0]]))
    tensor([1.1716])
    """
    # The square root of a softmax has an infinite slope at zero; half of its logarithm has not.
    roots = (0.5 * log_softmax(Z, D)).exp()
    return 2 * (roots - D.sqrt()).square().sum(1)


def jeffreys(Z: Tensor, D: Tensor, floor: float = FLOOR) -> Tensor:
    r"""Jeffreys divergence: the sum of both Kullback-Leibler divergences.

    .. math:: \sum_j (p_j - d_j) \big(\ln p_j - \ln \max(d_j, \text{floor})\big)

    Mass on a label whose target is zero would cost an infinite amount: inside the logarithm,
    targets below `floor` (1e-14, as in :func:`sklearn_ldl.metrics.jeffreys_divergence`) are raised
    to it.

    Examples
    --------
    >>> import torch
    >>> from sklearn_ldl.deep.losses.distributions import jeffreys
    >>> jeffreys(torch.tensor([[0.25, 0.75]]).log(), torch.tensor([[0.75, 0.25]]))
    tensor([1.0986])
    """
    log_P = log_softmax(Z, D)
    return at_least_zero(((log_P.exp() - D) * (log_P - D.clamp(min=floor).log())).sum(1))


def jensen_shannon(Z: Tensor, D: Tensor) -> Tensor:
    r"""Jensen-Shannon divergence, between 0 and :math:`\ln 2`.

    .. math::

        \tfrac12 \mathrm{KL}(d \,\|\, m) + \tfrac12 \mathrm{KL}(p \,\|\, m),
        \qquad m = \tfrac12 (d + p)

    References
    ----------
    J. Lin, "Divergence measures based on the Shannon entropy", IEEE Transactions on Information
    Theory 37(1), 1991.

    Examples
    --------
    >>> import torch
    >>> from sklearn_ldl.deep.losses.distributions import jensen_shannon
    >>> jensen_shannon(torch.tensor([[-1e4, 1e4]]), torch.tensor([[1.0, 0.0]]))
    tensor([0.6931])
    """
    log_P = log_softmax(Z, D)
    # Unlike the mean itself, its logarithm is finite where both distributions underflow.
    log_M = torch.logaddexp(log_P, D.log()) - math.log(2)
    terms = torch.xlogy(D, D) - D * log_M + log_P.exp() * (log_P - log_M)
    return at_least_zero(terms.sum(1) / 2)


def cumulative_absolute(Z: Tensor, D: Tensor) -> Tensor:
    r"""Cumulative absolute distance (CAD), for ordered labels.

    .. math:: \sum_{k=1}^{C} \Big| \sum_{j \le k} (p_j - d_j) \Big|

    This is the earth mover's distance, counted in label steps. Where a term is zero, so is the
    subgradient that is taken.

    References
    ----------
    C. Wen, X. Zhang, X. Yao, J. Yang, "Ordinal label distribution learning", ICCV 2023.

    Examples
    --------
    >>> import torch
    >>> from sklearn_ldl.deep.losses.distributions import cumulative_absolute
    >>> cumulative_absolute(torch.tensor([[0.0, 1e4, 0.0]]), torch.tensor([[0.5, 0.0, 0.5]]))
    tensor([1.])
    """
    return _cumulative_error(Z, D).abs().sum(1)


def earth_mover_squared(Z: Tensor, D: Tensor) -> Tensor:
    r"""Squared earth mover's distance, for ordered labels: a smooth relative of CAD.

    .. math:: \sum_{k=1}^{C} \Big( \sum_{j \le k} (p_j - d_j) \Big)^2

    References
    ----------
    L. Hou, C.-P. Yu, D. Samaras, "Squared earth mover's distance-based loss for training deep
    neural networks", arXiv:1611.05916, 2016.

    Examples
    --------
    >>> import torch
    >>> from sklearn_ldl.deep.losses.distributions import earth_mover_squared
    >>> earth_mover_squared(torch.tensor([[0.0, 1e4, 0.0]]), torch.tensor([[0.5, 0.0, 0.5]]))
    tensor([0.5000])
    """
    return _cumulative_error(Z, D).square().sum(1)


def _cumulative_error(Z: Tensor, D: Tensor) -> Tensor:
    return (log_softmax(Z, D).exp() - D).cumsum(1)
