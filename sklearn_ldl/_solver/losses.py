"""Losses on logits: pure functions ``(Z, D, sample_weight) -> (value, grad_Z)``.

Terms are pure functions ``(P, sample_weight) -> (value, grad_P)`` of the predictions; added to a
loss, they go through the whole Jacobian of the softmax.

``Z`` and ``D`` have shape (n_samples, n_labels), ``sample_weight`` shape (n_samples,). The value is
a **sum** over rows, so that pieces computed on chunks of rows add up. Column-major `Z` is fastest:
all passes below then run along contiguous memory however few labels there are.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from scipy.special import xlogy


class Loss(Protocol):
    """What the solver calls; `out` may be `Z` itself."""

    def __call__(
        self,
        Z: NDArray,
        D: NDArray,
        sample_weight: NDArray,
        out: NDArray | None = None,
    ) -> tuple[float, NDArray]: ...


Term = Callable[[NDArray, NDArray], tuple[float, NDArray]]


def probabilities(Z: NDArray) -> NDArray:
    """Softmax of the rows, in the memory order of `Z`."""
    P = Z - Z.max(axis=1)[:, None]
    np.exp(P, out=P)
    P /= P.sum(axis=1)[:, None]
    return P


def pull_back(P: NDArray, G: NDArray) -> NDArray:
    r"""Gradient in the logits of a function with gradient `G` in ``P = softmax(Z)``.

    .. math:: P_{ij} \Big(G_{ij} - \sum_k P_{ik} G_{ik}\Big)
    """
    return P * (G - np.einsum("ij,ij->i", P, G)[:, None])


def cross_entropy(
    Z: NDArray, D: NDArray, sample_weight: NDArray, out: NDArray | None = None
) -> tuple[float, NDArray]:
    r"""Soft cross entropy and its gradient in the logits.

    .. math:: \sum_i s_i \Big(\log \sum_j e^{Z_{ij}} - \sum_j D_{ij} Z_{ij}\Big), \qquad
              \partial / \partial Z_{ij} = s_i (P_{ij} - D_{ij})

    The rows of `D` must sum to one. Subtracting :func:`entropy` gives the KL divergence.
    The gradient has the dtype of `Z`, the value is accumulated in float64.
    """
    # With rows of D that sum to one, the row maximum cancels out of the value.
    E = np.subtract(Z, Z.max(axis=1)[:, None], out=out)
    target_logit = np.einsum("ij,ij->i", D, E)
    np.exp(E, out=E)
    sums = E.sum(axis=1)
    value = float(np.log(sums, dtype=np.float64) @ sample_weight - target_logit @ sample_weight)
    E /= sums[:, None]
    E -= D
    E *= sample_weight[:, None]
    return value, E


def entropy(D: NDArray, sample_weight: NDArray) -> float:
    r"""Weighted sum of the row entropies :math:`-\sum_j D_{ij} \log D_{ij}`, with 0 log 0 = 0."""
    return -float(xlogy(D, D).sum(axis=1) @ sample_weight)


def squared_error(
    Z: NDArray, D: NDArray, sample_weight: NDArray, out: NDArray | None = None
) -> tuple[float, NDArray]:
    r"""Squared error of the predictions, :math:`\tfrac12 \sum_i s_i \|P_i - D_i\|^2`.

    Not convex in the logits. Its gradient in the predictions is :math:`s_i (P_i - D_i)`.
    """
    P = probabilities(Z)
    R = P - D
    value = 0.5 * float(np.einsum("ij,ij->i", R, R) @ sample_weight)
    R *= sample_weight[:, None]
    E = np.empty_like(Z) if out is None else out
    E[...] = pull_back(P, R)
    return value, E


def of_terms(*terms: Term) -> Loss:
    """Make a loss of terms in the predictions alone."""

    def total(Z, D, sample_weight, out=None):
        P = probabilities(Z)
        parts = [term(P, sample_weight) for term in terms]
        E = np.empty_like(Z) if out is None else out
        E[...] = pull_back(P, sum(G for _, G in parts))
        return sum(value for value, _ in parts), E

    return total


def with_terms(loss: Loss, *terms: Term) -> Loss:
    """Add terms in the predictions to a loss."""
    if not terms:
        return loss

    def total(Z, D, sample_weight, out=None):
        P = probabilities(Z)
        value, E = loss(Z, D, sample_weight, out=out)
        upstream = np.zeros_like(P)
        for term in terms:
            term_value, G = term(P, sample_weight)
            value += term_value
            upstream += G
        E += pull_back(P, upstream)
        return value, E

    return total


def quadratic(target: NDArray, rho: float) -> Term:
    r"""Term that draws predictions to `target`: :math:`\tfrac\rho2 \sum_i s_i \|P_i - T_i\|^2`."""

    def term(P, sample_weight):
        R = P - target
        weight = rho * sample_weight
        value = 0.5 * float(np.einsum("ij,ij->i", R, R) @ weight)
        R *= weight[:, None]
        return value, R

    return term
