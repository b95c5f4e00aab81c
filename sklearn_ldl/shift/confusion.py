r"""The soft confusion matrix: how the predictions of a model answer to the labels.

Column :math:`j` is the mean prediction on label :math:`j`,

.. math:: K_j = \frac{\sum_i s_i \, d_{ij} \, p_i}{\sum_i s_i \, d_{ij}}

over rows that the model was not trained on. If the rows of `D` are the class probabilities
:math:`p(y \mid x_i)` and only the frequencies of the labels change, predictions have the mean
:math:`q = K \pi` under the label prior :math:`\pi`.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray


class SoftConfusion(NamedTuple):
    """Soft confusion matrix over the labels that occur, and how well it is known."""

    #: Mean predictions by label; shape (n_all_labels, n_labels).
    K: NDArray[np.float64]
    #: Sampling variance, summed over the entries of a column, of the joint moments
    #: :math:`\sum_i s_i d_{ij} p_i` over the frequency of the label; shape (n_labels,).
    variance: NDArray[np.float64]


def soft_confusion(
    P: NDArray[np.float64], D: NDArray[np.float64], weight: NDArray[np.float64]
) -> SoftConfusion:
    """Compute the matrix from predictions, distributions of labels that occur, and weights.

    Parameters
    ----------
    P : ndarray of shape (n_samples, n_all_labels)
        Predictions for rows held out.
    D : ndarray of shape (n_samples, n_labels)
        Degrees of labels with a positive total.
    weight : ndarray of shape (n_samples,)
        Weights with a sum of one.

    Returns
    -------
    confusion : SoftConfusion
        The matrix and the sampling variance of its columns.
    """
    prior = weight @ D
    K = mean_by_label(P, D, weight)
    # sum_i s_i^2 |d_ij p_i - pi_j K_j|^2, without an array of rows x labels x labels.
    share = weight**2
    spread = (share * np.square(P).sum(axis=1)) @ np.square(D)
    spread -= 2 * prior * np.einsum("cj,ic,ij->j", K, P * share[:, None], D, optimize=True)
    spread += share.sum() * np.square(prior) * np.square(K).sum(axis=0)
    unbiased = max(1 - share.sum(), np.finfo(np.float64).eps)
    return SoftConfusion(K, np.maximum(spread, 0) / np.square(prior) / unbiased)


def mean_by_label(
    P: NDArray[np.float64], D: NDArray[np.float64], weight: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Columns of the soft confusion matrix."""
    weighted = weight[:, None] * D
    return P.T @ weighted / weighted.sum(axis=0)
