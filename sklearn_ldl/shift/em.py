r"""Maximum likelihood of the target prior by expectation maximisation, on calibrated predictions.

Predictions are calibrated on rows held out, by a temperature and a bias for every label,
:math:`p = \mathrm{softmax}(z / T + b)`: uncalibrated, the iteration drifts into a corner of the
simplex. Then

.. math::

    r_{ij} \propto p_{ij} \, \pi_j / \pi^s_j, \qquad
    \pi_j \leftarrow \frac{n \, \bar r_j + \kappa}{n + C \kappa}

over the target rows, with the prior :math:`\pi^s` and the number :math:`n` of training rows, which
is what the calibration rests on however many target rows there are. The strength :math:`\kappa`, in
rows per label, is the one that does best on simulated shifts.

References: M. Saerens, P. Latinne, C. Decaestecker, "Adjusting the outputs of a classifier to new a
priori probabilities", Neural Computation 14(1), 2002; A. Alexandari, A. Kundaje, A. Shrikumar,
"Maximum likelihood with bias-corrected calibration is hard-to-beat at label shift adaptation", ICML
2020.
"""

from __future__ import annotations

import numpy as np
from numpy.random import RandomState
from numpy.typing import NDArray
from scipy.optimize import minimize

from sklearn_ldl._core.simplex import log_softmax, normalize, softmax
from sklearn_ldl.shift.estimate import PriorEstimate, best_strength
from sklearn_ldl.shift.evidence import Evidence

# Bounds of the inverse temperature and of the biases.
_SCALE, _BIAS = (0.02, 20.0), (-30.0, 30.0)
_TOL, _MAX_ITER = 1e-6, 1000
# Simulated shifts that choose the strength.
_N_SIMULATED = 25


def fit_bias_corrected_temperature(
    Z: NDArray[np.float64], D: NDArray[np.float64], weight: NDArray[np.float64]
) -> tuple[float, NDArray[np.float64]]:
    r"""Find scale and biases with the least :math:`\sum_i s_i KL(d_i \| softmax(a z_i + b))`.

    The sum is convex in both.

    Parameters
    ----------
    Z, D : ndarray of shape (n_samples, n_labels)
        Logits of rows held out, and their distributions.
    weight : ndarray of shape (n_samples,)
        Weights with a sum of one.

    Returns
    -------
    scale : float
        The inverse :math:`a` of the temperature.
    bias : ndarray of shape (n_labels,)
        The biases :math:`b`.
    """

    def loss(parameters):
        log_P = log_softmax(parameters[0] * Z + parameters[1:], axis=1)
        slope = weight[:, None] * (np.exp(log_P) - D)
        gradient = np.concatenate([[np.vdot(slope, Z)], slope.sum(axis=0)])
        return -weight @ (D * log_P).sum(axis=1), gradient

    n_labels = Z.shape[1]
    start = np.concatenate([[1.0], np.zeros(n_labels)])
    bounds = [_SCALE] + [_BIAS] * n_labels
    best = minimize(loss, start, jac=True, method="L-BFGS-B", bounds=bounds).x
    return float(best[0]), best[1:]


def estimate_em(
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
        Logits for training and target rows.
    strength : float or None
        Rows per label that the uniform prior is worth; None chooses it.
    n_bootstrap : int
        Number of bootstrapped calibrations.
    random_state : RandomState
        Generator.

    Returns
    -------
    estimate : PriorEstimate
        Prior, its bootstrap deviation, and the strength.
    """
    Z, D, weight = evidence.Z, evidence.D, evidence.weight
    n_rows = np.count_nonzero(weight)
    prior = weight @ D
    if strength is None:
        scale, bias = fit_bias_corrected_temperature(Z, D, weight)
        P = softmax(scale * Z + bias, axis=1)
        worlds = list(evidence.bootstrap(_N_SIMULATED, random_state, learners=False))

        def simulate(draw: int, target: NDArray) -> NDArray:
            return worlds[draw] * (D @ (target / (worlds[draw] @ D)))

        def estimate(row_weight: NDArray, strength: float) -> NDArray:
            return climb(P, prior, row_weight, strength / n_rows)

        n_labels = D.shape[1]
        strength = best_strength(simulate, estimate, n_labels, _N_SIMULATED, random_state)
    draws = []
    for world in evidence.bootstrap(n_bootstrap, random_state, learners=True):
        scale, bias = fit_bias_corrected_temperature(Z, D, world)
        logits = scale * evidence.average(evidence.Z_target, world) + bias
        row_weight = random_state.standard_exponential(len(logits))
        draws.append(climb(softmax(logits, axis=1), world @ D, row_weight, strength / n_rows))
    return PriorEstimate.from_draws(draws, strength)


def climb(
    P: NDArray[np.float64], prior: NDArray[np.float64], weight: NDArray, share: float
) -> NDArray[np.float64]:
    """Climb to the best prior; `share` is what one label of the uniform one counts."""
    weight = weight / weight.sum()
    target = prior
    # Steps get short only where the likelihood is flat, which the spread of the bootstrap shows.
    for _ in range(_MAX_ITER):
        responsibility = normalize(P * (target / prior))
        new = (weight @ responsibility + share) / (1 + share * len(prior))
        moved = np.abs(new - target).max()
        target = new
        if moved < _TOL:
            break
    return target
