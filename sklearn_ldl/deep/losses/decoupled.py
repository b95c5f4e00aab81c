"""Label distributions split into dominant label and the rest, and the divergences of both parts."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F

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
        As for :func:`sklearn_ldl.deep.losses.distributions.decoupled_kl`.

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
        The two terms of :func:`sklearn_ldl.deep.losses.distributions.decoupled_kl`, without weights.
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
    return dominant, F.kl_div(log_P, T, reduction="none").sum(1)


def _check(name: str, value: str, known: tuple[str, ...]) -> None:
    if value not in known:
        raise ValueError(f"{name} must be one of {known}, got {value!r}.")
