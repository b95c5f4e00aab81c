"""Losses on logits: pure functions ``(Z, D, sample_weight) -> (value, grad_Z)``.

``Z`` and ``D`` have shape (n_samples, n_labels), ``sample_weight`` shape (n_samples,). The value is
a **sum** over rows, so that pieces computed on chunks of rows add up. Column-major `Z` is fastest:
all passes below then run along contiguous memory however few labels there are.
"""

from __future__ import annotations

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
