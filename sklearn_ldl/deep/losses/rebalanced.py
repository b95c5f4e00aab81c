"""Losses and targets re-balanced for labels that are rare in training but not where it counts.

Everything that depends on the training set is known by the frequencies of its labels; see
:mod:`sklearn_ldl.deep.losses.priors`. Functions of a batch take torch tensors, in any precision and
on any device: logits `Z` and distributions `D`, both of shape (n_samples, n_labels).
"""

from __future__ import annotations

from functools import partial

import numpy as np
import torch
from numpy.typing import ArrayLike
from torch import Tensor
from torch.nn import functional as F

from sklearn_ldl.deep.losses.base import Constants, Loss
from sklearn_ldl.deep.losses.distributions import kl_divergence

# A label that takes all of the mass has odds of zero, and no logarithm of them.
_MIN_ODDS = 1e-6


def focal_kl(Z: Tensor, D: Tensor, weight: Tensor | None = None, gamma: float = 2.0) -> Tensor:
    r"""Elements of the Kullback-Leibler divergence, damped where the prediction is large.

    .. math::

        \frac{1}{C} \sum_j w_j (1 - p_j)^\gamma \, d_j \ln \frac{d_j}{p_j}, \qquad 0 \ln 0 = 0

    Elements with :math:`p_j > d_j` are negative: unlike the divergence, their weighted sum has no
    minimum of zero, and in general none at :math:`p = d`. The factor is differentiated, too.

    Parameters
    ----------
    Z : Tensor of shape (n_samples, n_labels)
        Logits.
    D : Tensor of shape (n_samples, n_labels)
        Label distributions.
    weight : Tensor that broadcasts to (n_samples, n_labels), default=None
        Weights :math:`w` of the elements; None means ones.
    gamma : float, default=2.0
        Exponent of the factor, at least 0.

    Returns
    -------
    loss : Tensor of shape (n_samples,)
        Means over the labels.

    References
    ----------
    T.-Y. Lin, P. Goyal, R. Girshick, K. He, P. Dollár, "Focal loss for dense object detection",
    ICCV 2017, for labels.

    Examples
    --------
    >>> import torch
    >>> from sklearn_ldl.deep.losses.rebalanced import focal_kl
    >>> focal_kl(torch.zeros(2, 2), torch.tensor([[1.0, 0.0], [0.5, 0.5]]))
    tensor([0.0866, 0.0000])
    """
    log_P = F.log_softmax(Z, dim=1)
    elements = F.kl_div(log_P, D, reduction="none")
    # A power below one has an infinite slope at zero.
    elements = elements * (1 - log_P.exp()).clamp(min=torch.finfo(Z.dtype).eps) ** gamma
    return (elements if weight is None else weight * elements).mean(1)


def class_balanced_weights(
    D: Tensor, frequency: ArrayLike, beta: float = 0.9, mode: str = "average_w"
) -> Tensor:
    r"""Weights by the effective numbers of samples of the labels, :math:`f` their frequencies.

    .. math:: v_j = \frac{1 - \beta}{1 - \beta^{f_j}}

    Parameters
    ----------
    D : Tensor of shape (n_samples, n_labels)
        Label distributions.
    frequency : array-like of shape (n_labels,)
        Frequencies, at least 1.
    beta : float, default=0.9
        In [0, 1): from equal weights up to almost ``1 / frequency``.
    mode : {"average_w", "by_class"}, default="average_w"
        One weight per row, the mean of :math:`v` under its distribution; or one per label.

    Returns
    -------
    weight : Tensor of shape (n_samples, 1) or (n_labels,)
        Weights of the elements, in (0, 1].

    References
    ----------
    Y. Cui, M. Jia, T.-Y. Lin, Y. Song, S. Belongie, "Class-balanced loss based on effective number
    of samples", CVPR 2019, for labels.

    Examples
    --------
    >>> import torch
    >>> from sklearn_ldl.deep.losses.rebalanced import class_balanced_weights
    >>> class_balanced_weights(torch.tensor([[0.5, 0.5]]), [1, 2], beta=0.5)
    tensor([[0.8333]])
    """
    return _balanced_weights(D, _effective_weights(frequency, beta), mode)


def _effective_weights(frequency: ArrayLike, beta: float) -> Constants:
    return Constants((1 - beta) / (1 - beta ** np.asarray(frequency, dtype=np.float64)))


def _balanced_weights(D: Tensor, weights: Constants, mode: str) -> Tensor:
    weight = weights.like(D)
    return weight if mode == "by_class" else (D @ weight)[:, None]


class DistributionBalance:
    r"""Weights and logits that make up for the frequencies of the labels in training.

    With the frequencies :math:`f` among :math:`n` rows, a label of a row weighs the more the rarer
    it is among the labels of this row,

    .. math::

        w_j = \mathrm{floor} + \sigma\big(\mathrm{slope} \, (r_j - \mathrm{centre})\big), \qquad
        r_j = \frac{1 / f_j}{\sum_l d_l / f_l}

    and training, but not prediction, sees other logits,

    .. math::

        z'_j = (z_j + b_j) \big(\kappa (1 - d_j) + d_j\big), \qquad
        b_j = -\mathrm{init\_bias} \, \ln (n / f_j - 1)

    The shift :math:`b` is a part of the log odds of a label in training; prediction leaves it out.

    Parameters
    ----------
    frequency : array-like of shape (n_labels,)
        Frequencies, at least 1; see
        :func:`~sklearn_ldl.deep.losses.priors.label_frequency`.
    n_rows : float
        Number of training rows.
    floor : float, default=0.1
        Smallest weight.
    slope, centre : float, default=10.0, 0.9
        Steepness and position of the step between small and large weights.
    init_bias : float, default=0.05
        Scale of the shift of logits.
    neg_scale : float, default=2.0
        Factor :math:`\kappa` of the logits of labels with a degree of zero; positive.

    References
    ----------
    T. Wu, Q. Huang, Z. Liu, Y. Wang, D. Lin, "Distribution-balanced loss for multi-label
    classification in long-tailed datasets", ECCV 2020, for labels.

    Examples
    --------
    >>> import torch
    >>> from sklearn_ldl.deep.losses.rebalanced import DistributionBalance
    >>> balance = DistributionBalance([8, 2], n_rows=10)
    >>> D = torch.tensor([[0.8, 0.2]])
    >>> balance.weights(D)
    tensor([[0.1601, 1.1000]])
    >>> balance.targets(D)
    tensor([[0.3679, 0.6321]])
    >>> balance.logits(torch.zeros(1, 2), D)
    tensor([[ 0.0832, -0.1248]])
    """

    def __init__(
        self,
        frequency: ArrayLike,
        n_rows: float,
        *,
        floor: float = 0.1,
        slope: float = 10.0,
        centre: float = 0.9,
        init_bias: float = 0.05,
        neg_scale: float = 2.0,
    ):
        frequency = np.asarray(frequency, dtype=np.float64)
        odds = np.maximum(n_rows / frequency - 1, _MIN_ODDS)
        self._rarity = Constants(1 / frequency)
        self._bias = Constants(-init_bias * np.log(odds))
        self.floor = floor
        self.slope = slope
        self.centre = centre
        self.neg_scale = neg_scale

    def weights(self, D: Tensor) -> Tensor:
        """Weights of the labels of every row, between `floor` and ``1 + floor``."""
        rarity = self._rarity.like(D)
        ratio = rarity / (D @ rarity)[:, None]
        return torch.sigmoid(self.slope * (ratio - self.centre)) + self.floor

    def logits(self, Z: Tensor, D: Tensor) -> Tensor:
        """Logits that training sees."""
        return (Z + self._bias.like(Z)) * (self.neg_scale * (1 - D) + D)

    def targets(self, D: Tensor) -> Tensor:
        """Distributions in proportion to the weighted degrees."""
        weighted = self.weights(D) * D
        return weighted / weighted.sum(1, keepdim=True)


def balanced_kl(Z: Tensor, D: Tensor, balance: DistributionBalance, gamma: float = 2.0) -> Tensor:
    r"""Distribution-balanced loss: :func:`focal_kl` with the weights and logits of `balance`.

    Weights make up for the scale :math:`\kappa` of the logits: their factor is
    :math:`(1 - d_j) / \kappa + d_j`. The loss can be negative, and its minimum is not at the
    target, but at a flatter distribution with more of the rare labels.

    Examples
    --------
    >>> import torch
    >>> from sklearn_ldl.deep.losses.rebalanced import DistributionBalance, balanced_kl
    >>> balance = DistributionBalance([8, 2], n_rows=10)
    >>> D = torch.tensor([[0.8, 0.2]])
    >>> balanced_kl(D.log(), D, balance), balanced_kl(torch.zeros(1, 2), D, balance)
    (tensor([0.0756]), tensor([-0.0119]))
    """
    weight = balance.weights(D) * ((1 - D) / balance.neg_scale + D)
    return focal_kl(balance.logits(Z, D), D, weight, gamma)


def reshaped_kl(
    reshape: str,
    frequency: ArrayLike,
    n_rows: float,
    *,
    gamma: float = 2.0,
    cb_beta: float = 0.9,
    cb_mode: str = "average_w",
    **balance: float,
) -> Loss:
    """One of the three reshaped losses, for a training set.

    Parameters
    ----------
    reshape : {"db", "cb", "fl"}
        Distribution-balanced (:func:`balanced_kl`), class-balanced (:func:`focal_kl` with
        :func:`class_balanced_weights`) or focal (:func:`focal_kl` alone).
    frequency, n_rows, **balance
        As for :class:`DistributionBalance`.
    gamma : float, default=2.0
        As for :func:`focal_kl`.
    cb_beta, cb_mode
        As for :func:`class_balanced_weights`.

    Returns
    -------
    loss : callable
        ``(Z, D) -> (n_samples,)``.

    Examples
    --------
    >>> import torch
    >>> from sklearn_ldl.deep.losses.rebalanced import reshaped_kl
    >>> loss = reshaped_kl("cb", [8, 2], 10)
    >>> loss(torch.zeros(1, 2), torch.tensor([[0.0, 1.0]]))
    tensor([0.0456])
    """
    if reshape == "db":
        return partial(
            balanced_kl, balance=DistributionBalance(frequency, n_rows, **balance), gamma=gamma
        )
    if reshape == "cb":
        weights = _effective_weights(frequency, cb_beta)
        return lambda Z, D: focal_kl(Z, D, _balanced_weights(D, weights, cb_mode), gamma)
    return partial(focal_kl, gamma=gamma)


def whole_loss(loss: str | Loss, frequency: ArrayLike, n_rows: float) -> Loss:
    """Loss of undivided distributions, by name.

    Parameters
    ----------
    loss : {"kl", "db", "cb", "fl"} or callable
        The Kullback-Leibler divergence, a reshaped one with its defaults, or the loss itself.
    frequency, n_rows
        As for :func:`reshaped_kl`.

    Returns
    -------
    loss : callable
        ``(Z, D) -> (n_samples,)``.

    Examples
    --------
    >>> import torch
    >>> from sklearn_ldl.deep.losses.rebalanced import whole_loss
    >>> whole_loss("kl", [8, 2], 10)(torch.zeros(1, 2), torch.tensor([[0.0, 1.0]]))
    tensor([0.6931])
    """
    if not isinstance(loss, str):
        return loss
    return kl_divergence if loss == "kl" else reshaped_kl(loss, frequency, n_rows)
