"""Pools: one distribution made of several, with the weights that predict rows held out best."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize
from scipy.special import softmax

from sklearn_ldl._core.simplex import normalize
from sklearn_ldl.metrics.divergences import FLOOR

# Share of the uniform distribution that is added before logarithms are taken: a member that is sure
# may be outvoted.
UNSURE = 1e-4
# Curvature of the penalty of a logarithmic pool, of weights and of intercepts, for one row whose
# divergence is one. Figures hardly change between 1 and 10; few rows want the larger ones.
_WEIGHT_PENALTY, _INTERCEPT_PENALTY = 10.0, 100.0
# Smallest penalty, where a member predicts the truth.
_LEAST_PENALTY = 1e-8


class Pool(NamedTuple):
    r"""Weights of members, and how they make one distribution of several.

    A linear pool is the mean :math:`\sum_k w_k p_k` with non-negative weights of sum one. A
    logarithmic one is :math:`\mathrm{softmax}(b + \sum_k w_k \ln p_k)` with any weights: of a sum
    above one where members are less sure than they could be.
    """

    #: Weights of the members.
    weights: NDArray[np.float64]
    #: Intercepts of the labels in a logarithmic pool, None in a linear one.
    intercept: NDArray[np.float64] | None = None

    def __call__(self, P: NDArray[np.float64]) -> NDArray[np.float64]:
        """Pool distributions of shape (n_members, n_samples, n_labels)."""
        if self.intercept is None:
            return normalize(np.tensordot(self.weights, P, axes=1))
        return softmax(np.tensordot(self.weights, _logarithms(P), axes=1) + self.intercept, axis=1)


def _logarithms(P: NDArray) -> NDArray[np.float64]:
    """Logarithms of distributions, centred in every row."""
    L = np.log((P + UNSURE / P.shape[-1]) / (1 + UNSURE))
    return L - L.mean(axis=-1, keepdims=True)


def linear_pool(
    P: NDArray[np.float64], D: NDArray[np.float64], sample_weight: NDArray[np.float64]
) -> Pool:
    """Find the linear pool of least mean KL divergence.

    Parameters
    ----------
    P : ndarray of shape (n_members, n_samples, n_labels)
        Predicted distributions. Degrees below 1e-14 count as that much.
    D : ndarray of shape (n_samples, n_labels)
        True distributions.
    sample_weight : ndarray of shape (n_samples,)
        Weights with a sum of one.

    Returns
    -------
    pool : Pool
        The minimiser, of a convex problem.
    """
    n_members = len(P)
    mass = sample_weight[:, None] * D
    P = np.maximum(P, FLOOR)

    def loss(weights):
        mixture = np.tensordot(weights, P, axes=1)
        slope = mass / mixture
        return -float(np.vdot(mass, np.log(mixture))), -np.einsum("ij,kij->k", slope, P)

    start = np.full(n_members, 1 / n_members)
    best = minimize(
        loss,
        start,
        jac=True,
        method="SLSQP",
        # Mixtures of positive degrees stay positive along the whole search.
        bounds=[(0, 1)] * n_members,
        constraints={
            "type": "eq",
            "fun": lambda weights: weights.sum() - 1,
            "jac": lambda weights: np.ones(n_members),
        },
        options={"ftol": 1e-12, "maxiter": 1000},
    )
    weights = np.maximum(best.x, 0)
    weights[weights < 1e-9] = 0
    return Pool(weights / weights.sum())


def log_pool(
    P: NDArray[np.float64], D: NDArray[np.float64], sample_weight: NDArray[np.float64]
) -> Pool:
    r"""Find the logarithmic pool of least mean KL divergence, with a small penalty.

    The penalty draws the weights to those of the linear pool, so that members that are of no use
    stay out, and the mean logits to those that the pool has with these weights alone. It is that of
    normal priors: divided by the number of rows (by the effective one, :math:`1 / \sum_i s_i^2`)
    and multiplied by the divergence that the best member leaves.

    Parameters
    ----------
    P, D, sample_weight
        As of :func:`linear_pool`.

    Returns
    -------
    pool : Pool
        The minimiser, of a convex problem.
    """
    n_members = len(P)
    L = _logarithms(P)
    # Around their means, so that members that are constant do not vie with the intercepts.
    means = np.einsum("i,kij->kj", sample_weight, L)
    L -= means[:, None, :]
    mass = sample_weight[:, None] * D
    weights = linear_pool(P, D, sample_weight).weights
    centre = np.r_[weights, weights @ means]
    truth = float(np.vdot(mass, np.log(np.maximum(D, FLOOR))))
    left = min(truth - float(np.vdot(mass, np.log(np.maximum(p, FLOOR)))) for p in P)
    strength = np.r_[
        np.full(n_members, _WEIGHT_PENALTY), np.full(P.shape[2], _INTERCEPT_PENALTY)
    ] * max(left * float(sample_weight @ sample_weight), _LEAST_PENALTY)

    def loss(x):
        Q = softmax(np.tensordot(x[:n_members], L, axes=1) + x[n_members:], axis=1)
        E = sample_weight[:, None] * Q - mass
        off = x - centre
        value = -float(np.vdot(mass, np.log(np.maximum(Q, FLOOR)))) + 0.5 * strength @ off**2
        return value, np.r_[np.tensordot(L, E, axes=2), E.sum(axis=0)] + strength * off

    options = {"ftol": 1e-13, "gtol": 1e-8, "maxiter": 1000}
    best = minimize(loss, centre, jac=True, method="L-BFGS-B", options=options)
    weights = best.x[:n_members]
    return Pool(weights, best.x[n_members:] - weights @ means)
