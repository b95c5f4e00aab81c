r"""Check whether a shift of labels explains what is predicted for the target.

If it does, rows held out with the weights :math:`\sum_j d_{ij} \, \pi_j / \pi^s_j` have the
distribution of the target, not its mean alone. Compared are their predictions and those for the
target, by the energy distance

.. math:: E(F, G) = 2 \, \mathrm{E} \|a - b\| - \mathrm{E} \|a - a'\| - \mathrm{E} \|b - b'\|,
    \qquad a, a' \sim F, \quad b, b' \sim G,

of their square roots, which are points on a sphere.

Reference: G. Szekely, M. Rizzo, "Energy statistics: a class of statistics based on distances",
Journal of Statistical Planning and Inference 143(8), 2013.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.random import RandomState
from numpy.typing import NDArray
from scipy.spatial.distance import cdist

from sklearn_ldl._core.simplex import normalize
from sklearn_ldl.shift.bbse import solve
from sklearn_ldl.shift.confusion import soft_confusion
from sklearn_ldl.shift.evidence import Evidence

# Rows of either side, drawn from more: distances take memory.
_MAX_ROWS = 1000
_N_SIMULATED = 100
# Where much is left, more than in this share of the simulated targets is enough: a target of few
# rows would hardly ever be beyond all of them.
_QUANTILE = 0.95
#: Learners are never quite right, which many rows show: less that is left refutes nothing.
LARGE = 0.25


class Explanation(NamedTuple):
    """How much of a change the labels explain."""

    #: The part of the distance between training and target that is left with other label weights,
    #: both less what sampling alone makes.
    unexplained: float
    #: Whether it is large, and larger than in 95 % of the simulated targets.
    refuted: bool


def label_weights(
    D: NDArray[np.float64], weight: NDArray[np.float64], prior: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Weights of rows, with a sum of one, under which labels have another prior."""
    shifted = weight * (D @ (prior / (weight @ D)))
    return shifted / shifted.sum()


def explain(evidence: Evidence, prior: NDArray, random_state: RandomState) -> Explanation:
    """Compare the target with training rows that are weighted for a label prior.

    Parameters
    ----------
    evidence : Evidence
        Predictions for training and target rows.
    prior : ndarray of shape (n_labels,)
        The prior estimated for the target.
    random_state : RandomState
        Generator.

    Returns
    -------
    explanation : Explanation
        What is left unexplained, and whether that refutes the explanation.
    """
    rows = _some(len(evidence.D), random_state)
    weight = evidence.weight[rows] / evidence.weight[rows].sum()
    P, D = evidence.P[rows], evidence.D[rows]
    # Every target row by one learner, as training rows are: means of learners vary less.
    share = np.bincount(evidence.fold, evidence.weight, minlength=len(evidence.Z_target))
    target = _some(evidence.Z_target.shape[1], random_state)
    learner = random_state.choice(len(share), len(target), p=share / share.sum())
    points, points_target = np.sqrt(P), np.sqrt(evidence.P_target[learner, target])
    within, across = cdist(points, points), cdist(points, points_target)
    within_target = cdist(points_target, points_target).mean()

    def distance(weight: NDArray) -> float:
        return 2 * (weight @ across).mean() - weight @ within @ weight - within_target

    by_chance = np.empty(_N_SIMULATED)
    confusion = soft_confusion(P, D, weight)
    world = normalize(weight * random_state.standard_exponential((_N_SIMULATED, len(weight))))
    for i, of_row in enumerate(world):
        drawn = random_state.multinomial(len(target), label_weights(D, of_row, prior))
        drawn = drawn / len(target)
        found = solve(confusion.K, drawn @ P, confusion.variance, strength=1.0)
        difference = drawn - label_weights(D, weight, found)
        by_chance[i] = -difference @ within @ difference
    before, after = distance(weight), distance(label_weights(D, weight, prior))
    noise = by_chance.mean()
    unexplained = max(after - noise, 0.0) / max(before - noise, np.finfo(np.float64).tiny)
    unexplained = float(min(unexplained, 1.0))
    significant = after > np.quantile(by_chance, _QUANTILE)
    return Explanation(unexplained, bool(significant and unexplained > LARGE))


def _some(n_rows: int, random_state: RandomState) -> NDArray[np.intp]:
    return random_state.permutation(n_rows)[:_MAX_ROWS]
