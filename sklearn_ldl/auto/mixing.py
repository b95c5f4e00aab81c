"""Weights of a mixture, by what the candidates say of rows that they have not seen."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from sklearn_ldl.ensemble.stacking import mixture_weights

# Members with less are not worth their predictions.
_LEAST = 0.02
# Draws of the greedy selection, and those without a better mixture after which it stops.
_DRAWS = 50
_PATIENCE = 5

Score = Callable[[NDArray], float]


def best_weights(
    P: Sequence[NDArray], D: NDArray, sample_weight: NDArray, score: Score, *, by_divergence: bool
) -> NDArray[np.float64]:
    """Weights on the simplex, under which the mixture scores no worse than its best member.

    Parameters
    ----------
    P : sequence of ndarray of shape (n_samples, n_labels)
        Held-out predictions of each member.
    D : ndarray of shape (n_samples, n_labels)
        True distributions.
    sample_weight : ndarray of shape (n_samples,)
        Weights.
    score : callable
        Score of predictions; greater is better.
    by_divergence : bool
        Whether the score is the negative KL divergence, whose optimum is found exactly; others are
        improved step by step.

    Returns
    -------
    weights : ndarray of shape (n_members,)
        Non-negative, with a sum of one.
    """
    singles = np.array([score(p) for p in P])
    alone = np.eye(len(P))[int(np.argmax(singles))]
    if by_divergence:
        weights = _least_divergence(np.array(P), D, sample_weight / sample_weight.sum())
    else:
        weights = greedy_weights(P, score)
    return weights if score(np.tensordot(weights, P, axes=1)) > singles.max() else alone


def _least_divergence(P: NDArray, D: NDArray, sample_weight: NDArray) -> NDArray[np.float64]:
    weights = mixture_weights(P, D, sample_weight)
    kept = weights >= _LEAST
    weights[~kept] = 0
    weights[kept] = mixture_weights(P[kept], D, sample_weight)
    return weights


def greedy_weights(P: Sequence[NDArray], score: Score) -> NDArray[np.float64]:
    """Shares of the members in a bag, into which the best addition is put again and again.

    This is ensemble selection with replacement (Caruana et al., ICML 2004).
    """
    counts, total = np.zeros(len(P)), np.zeros_like(P[0])
    best, best_score = counts, -np.inf
    for n_drawn in range(1, _DRAWS + 1):
        scores = [score((total + p) / n_drawn) for p in P]
        chosen = int(np.argmax(scores))
        counts = counts.copy()
        counts[chosen] += 1
        total = total + P[chosen]
        if scores[chosen] > best_score:
            best, best_score = counts, scores[chosen]
        elif n_drawn - best.sum() >= _PATIENCE:
            break
    return best / best.sum()
