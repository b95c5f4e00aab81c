"""Label distributions split into dominant label and the rest, and the divergences of both parts."""

from __future__ import annotations

from typing import Literal, NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F

from sklearn_ldl.deep.losses.base import at_least_zero, check_shapes

NONDOMINANT_TARGETS = ("renormalize", "softmax")
DOMINANT_TARGETS = ("degree", "onehot")

# The others of a row share less than this: how they share it is not known.
_NOTHING = 1e-6


class Decoupled(NamedTuple):
    """The parts of label distributions, one row each."""

    #: Index of the dominant label; shape (n_samples, 1).
    dominant: Tensor
    #: What it takes and what it leaves; shape (n_samples,).
    degree: Tensor
    complement: Tensor
    #: How the others share the rest, zero at the dominant label; shape (n_samples, n_labels). Rows
    #: of zeros where there is nothing to share.
    nondominant: Tensor


def decouple(
    D: Tensor,
    dominant: Tensor | None = None,
    *,
    nondominant_target: str = "renormalize",
    dominant_target: str = "degree",
) -> Decoupled:
    """Split label distributions.

    The same as :func:`sklearn_ldl.distributors.split_dominant`, on the device of the targets.

    Parameters
    ----------
    D : Tensor of shape (n_samples, n_labels)
        Label distributions.
    dominant : Tensor of shape (n_samples, 1), default=None
        Index of the dominant label; None takes the first of the largest degrees.
    nondominant_target, dominant_target : str
        As for :func:`sklearn_ldl.deep.losses.decoupled.decoupled_kl`.

    Returns
    -------
    parts : Decoupled
        The parts, in the dtype of `D`.

    Raises
    ------
    ValueError
        If a kind of target is unknown.
    """
    _check("nondominant_target", nondominant_target, NONDOMINANT_TARGETS)
    _check("dominant_target", dominant_target, DOMINANT_TARGETS)
    if dominant is None:
        dominant = D.argmax(1, keepdim=True)
    degree = D.gather(1, dominant).squeeze(1)
    others = D.scatter(1, dominant, 0.0)
    complement = others.sum(1)
    if nondominant_target == "softmax":
        nondominant = D.scatter(1, dominant, -torch.inf).softmax(1)
    else:
        nondominant = others / complement.masked_fill(complement <= _NOTHING, torch.inf)[:, None]
    if dominant_target == "onehot":
        degree, complement = torch.ones_like(degree), torch.zeros_like(complement)
    return Decoupled(dominant, degree, complement, nondominant)


def decoupled_terms(Z: Tensor, parts: Decoupled) -> tuple[Tensor, Tensor]:
    r"""Divergences of the dominant label against the rest, and within the rest.

    Parameters
    ----------
    Z : Tensor of shape (n_samples, n_labels)
        Logits.
    parts : Decoupled
        Targets.

    Returns
    -------
    dominant, nondominant : Tensor of shape (n_samples,)
        The two terms of :func:`sklearn_ldl.deep.losses.decoupled.decoupled_kl`, without weights.
    """
    _, q, rest, T = parts
    others = Z.scatter(1, parts.dominant, -torch.inf)
    log_others = others.logsumexp(1)
    # p_k is the logistic function of this difference, and 1 - p_k that of its negative.
    log_odds = Z.gather(1, parts.dominant).squeeze(1) - log_others
    entropy = torch.xlogy(q, q) + torch.xlogy(rest, rest)
    dominant = entropy - q * F.logsigmoid(log_odds) - rest * F.logsigmoid(-log_odds)
    # The masked entries are put back to a number: minus infinity times zero would be NaN.
    log_P = (others - log_others[:, None]).scatter(1, parts.dominant, 0.0)
    nondominant = F.kl_div(log_P, T, reduction="none").sum(1)
    return at_least_zero(dominant), at_least_zero(nondominant)


def _check(name: str, value: str, known: tuple[str, ...]) -> None:
    if value not in known:
        raise ValueError(f"{name} must be one of {known}, got {value!r}.")


def decoupled_kl(
    Z: Tensor,
    D: Tensor,
    alpha: float = 0.6,
    nondominant_target: Literal["renormalize", "softmax"] = "renormalize",
    dominant_target: Literal["degree", "onehot"] = "degree",
) -> Tensor:
    r"""Kullback-Leibler divergence with a fixed weight for the labels that are not dominant.

    With the dominant label :math:`k`, its degree :math:`q = d_k`, and
    :math:`t_j = d_j / (1 - q)`, :math:`\tilde p_j = p_j / (1 - p_k)` for the others,

    .. math::

        \alpha \Big(q \ln \frac{q}{p_k} + (1 - q) \ln \frac{1 - q}{1 - p_k}\Big)
        + (1 - \alpha) \sum_{j \ne k} t_j \ln \frac{t_j}{\tilde p_j}.

    The plain divergence is the sum of the first bracket and :math:`1 - q` times the second sum:
    there the others count little where the dominant label takes much. Both have their minimum at
    :math:`p = d`. The dominant label is the first of those with the largest degree. In a one-hot
    row the second sum, and with two labels that of every row, is zero.

    Parameters
    ----------
    Z : Tensor of shape (n_samples, n_labels)
        Logits.
    D : Tensor of shape (n_samples, n_labels)
        Label distributions.
    alpha : float, default=0.6
        Weight of the dominant label against the others, between 0 and 1; as in
        :class:`~sklearn_ldl.DILDLRegressor`.
    nondominant_target : {"renormalize", "softmax"}, default="renormalize"
        "softmax" replaces :math:`t` by the softmax of the degrees of the others, as it is printed
        in the paper. Its largest entry is at most `e` times its smallest; the minimum is not at
        :math:`p = d`.
    dominant_target : {"degree", "onehot"}, default="degree"
        "onehot" replaces :math:`q` by 1, as it is printed in the paper; nor is this minimum.

    Returns
    -------
    loss : Tensor of shape (n_samples,)
        In nats.

    Raises
    ------
    ValueError
        If a kind of target is unknown, or the shapes differ.

    References
    ----------
    Y. Gao, X. Sun, M. Ling, C. Tan, Y. Zhai, G. Lv, "Decoupled imbalanced label distribution
    learning", IJCAI 2025.

    B. Zhao, Q. Cui, R. Song, Y. Qiu, J. Liang, "Decoupled knowledge distillation", CVPR 2022.

    Examples
    --------
    >>> import torch
    >>> from sklearn_ldl.deep.losses.decoupled import decoupled_kl
    >>> Z, D = torch.zeros(1, 3), torch.tensor([[0.8, 0.2, 0.0]])
    >>> decoupled_kl(Z, D), decoupled_kl(Z, D, alpha=0.9)
    (tensor([0.5530]), tensor([0.4829]))
    """
    check_shapes(Z, D)
    parts = decouple(D, nondominant_target=nondominant_target, dominant_target=dominant_target)
    dominant, nondominant = decoupled_terms(Z, parts)
    return alpha * dominant + (1 - alpha) * nondominant
