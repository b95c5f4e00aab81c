"""The pool of the candidates, by what they say of rows that they have not seen."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from sklearn_ldl.ensemble.pooling import Pool, linear_pool, log_pool
from sklearn_ldl.metrics import kl_divergence

# Members with less are not worth their predictions.
_LEAST = 0.02
# Draws of the greedy selection, and those without a better mixture after which it stops.
_DRAWS = 50
_PATIENCE = 5

Score = Callable[[NDArray], float]
Find = Callable[[NDArray, NDArray, NDArray], Pool]


def best_pool(
    P: Sequence[NDArray],
    D: NDArray,
    sample_weight: NDArray,
    score: Score,
    *,
    by_divergence: bool,
    folds: Sequence[tuple[NDArray, NDArray]],
) -> Pool:
    """Find the pool that scores best, no worse than its best member.

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
        Whether the score is the negative KL divergence. The optimum over linear pools, and that
        over logarithmic ones, are found exactly then; for others a linear pool is improved step by
        step.
    folds : sequence of pairs of ndarray
        Rows to find a pool, and rows to score it, in the choice between the two kinds; without
        them it is the logarithmic one, which has more members.

    Returns
    -------
    pool : Pool
        Weights of all members; zero for those that are not worth their predictions.
    """
    singles = np.array([score(p) for p in P])
    alone = Pool(np.eye(len(P))[int(np.argmax(singles))])
    stacked = np.array(P)
    if by_divergence:
        weight = sample_weight / sample_weight.sum()
        find = _safer(stacked, D, weight, folds) if folds else log_pool
        pool = _without_small(find, stacked, D, weight)
    else:
        pool = Pool(greedy_weights(P, score))
    return pool if score(pool(stacked)) > singles.max() else alone


def _safer(
    P: NDArray, D: NDArray, weight: NDArray, folds: Sequence[tuple[NDArray, NDArray]]
) -> Find:
    """Return the kind of pool that predicts rows better by which its weights were not found.

    A logarithmic pool has more freedom, of which few rows, or little to know, make bad use.
    """

    def divergence(find: Find) -> float:
        total = 0.0
        for train, test in folds:
            share = weight[test].sum()
            if share > 0:  # nobody weighs the others
                pool = find(P[:, train], D[train], weight[train] / weight[train].sum())
                loss = kl_divergence(D[test], pool(P[:, test]), sample_weight=weight[test])
                total += share * loss
        return total

    return min((linear_pool, log_pool), key=divergence)


def _without_small(find: Find, P: NDArray, D: NDArray, weight: NDArray) -> Pool:
    """Find a pool of the members that matter."""
    sizes = np.abs(find(P, D, weight).weights)
    kept = sizes >= min(_LEAST, 1 / (2 * len(P)), sizes.max())
    pool = find(P[kept], D, weight)
    weights = np.zeros(len(P))
    weights[kept] = pool.weights
    return pool._replace(weights=weights)


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
