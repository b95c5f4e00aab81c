r"""Black-box shift estimation with soft predictions, penalised by what is known of the matrix.

The prior of the target solves

.. math::

    \hat\pi = \arg\min_{\pi \in \Delta} \; \| q - K \pi \|^2
        + \kappa \sum_j v_j \, (\pi_j - \tfrac1C)^2

with the mean prediction :math:`q` on target rows, the soft confusion matrix :math:`K` and the
sampling variance :math:`v_j` of its column :math:`j`: a label of which training has seen little is
held close to the uniform prior, and the penalty vanishes as training rows accumulate. The strength
:math:`\kappa \ge 1` is the one that does best on simulated shifts; the estimate averages over
bootstrapped matrices.

References: Z. Lipton, Y.-X. Wang, A. Smola, "Detecting and correcting for label shift with black
box predictors", ICML 2018; K. Azizzadenesheli, A. Liu, F. Yang, A. Anandkumar, "Regularized
learning for domain adaptation under label shifts", ICLR 2019.
"""

from __future__ import annotations

import numpy as np
from numpy.random import RandomState
from numpy.typing import NDArray
from scipy.optimize import nnls

from sklearn_ldl._core.simplex import normalize
from sklearn_ldl.shift.confusion import mean_by_label, soft_confusion
from sklearn_ldl.shift.estimate import PriorEstimate, best_strength
from sklearn_ldl.shift.evidence import Evidence

# Makes the solution sum to one; every other entry of the problem is of order one or below.
_SUM = 1e3


def estimate_bbse(
    evidence: Evidence,
    *,
    strength: float | None,
    n_bootstrap: int,
    random_state: RandomState,
) -> PriorEstimate:
    """Estimate the prior of the target over the labels of `evidence`, all of which occur.

    Parameters
    ----------
    evidence : Evidence
        Predictions for training and target rows; of the latter there are two at least.
    strength : float or None
        The strength of the penalty; None chooses it.
    n_bootstrap : int
        Number of bootstrapped matrices.
    random_state : RandomState
        Generator.

    Returns
    -------
    estimate : PriorEstimate
        Prior, its bootstrap deviation, and the strength.
    """
    P, D = evidence.P, evidence.D
    confusion = soft_confusion(P, D, evidence.weight)
    of_learners = evidence.P_target
    P_target = evidence.average(of_learners, evidence.weight)
    noise = np.atleast_2d(np.cov(P_target, rowvar=False)) / len(P_target)
    if strength is None:
        # The learners are those that predict the target, too: here, rows alone are random.
        matrices = [
            mean_by_label(P, D, weight)
            for weight in evidence.bootstrap(n_bootstrap, random_state, learners=False)
        ]

        def simulate(draw: int, prior: NDArray) -> NDArray:
            return random_state.multivariate_normal(matrices[draw] @ prior, noise)

        def estimate(q: NDArray, strength: float) -> NDArray:
            return solve(confusion.K, q, confusion.variance, strength)

        strength = best_strength(simulate, estimate, D.shape[1], n_bootstrap, random_state)
    means = of_learners.mean(axis=1)
    draws = []
    for weight in evidence.bootstrap(n_bootstrap, random_state, learners=True):
        K = mean_by_label(P, D, weight)
        q = random_state.multivariate_normal(evidence.average(means, weight), noise)
        draws.append(solve(K, q, confusion.variance, strength))
    return PriorEstimate.from_draws(draws, strength)


def solve(
    K: NDArray[np.float64],
    q: NDArray[np.float64],
    variance: NDArray[np.float64],
    strength: float,
    centre: NDArray[np.float64] | None = None,
) -> NDArray[np.float64]:
    """Solve for the prior, drawn to `centre`, which is uniform by default."""
    n_labels = K.shape[1]
    if centre is None:
        centre = np.full(n_labels, 1 / n_labels)
    penalty = np.sqrt(strength * variance)
    A = np.vstack([K, np.diag(penalty), np.full(n_labels, _SUM)])
    b = np.concatenate([q, penalty * centre, [_SUM]])
    prior, _ = nnls(A, b, maxiter=30 * n_labels)
    return normalize(prior[None])[0]
