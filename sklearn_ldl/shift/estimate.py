"""What the estimates of a prior share: their result, and the choice of their regularisation."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.random import RandomState
from numpy.typing import NDArray
from scipy.special import rel_entr

#: Strengths to choose from. One is the least that makes sense: what is estimated from training
#: rows is not known better than they tell.
STRENGTHS = 2.0 ** np.arange(9)

# No label of training is believed to vanish altogether.
_FLOOR = 1e-3


class PriorEstimate(NamedTuple):
    """An estimated prior and how sure it is."""

    prior: NDArray[np.float64]
    #: Standard deviations of the bootstrap.
    std: NDArray[np.float64]
    strength: float

    @classmethod
    def from_draws(cls, draws: Sequence[NDArray], strength: float) -> PriorEstimate:
        """Average bootstrapped estimates."""
        return cls(hedged(np.mean(draws, axis=0)), np.std(draws, axis=0), float(strength))


def hedged(prior: NDArray[np.float64]) -> NDArray[np.float64]:
    """Mix a prior with a thousandth of the uniform one."""
    return (1 - _FLOOR) * prior + _FLOOR / len(prior)


def best_strength(
    simulate: Callable[[int, NDArray], Any],
    estimate: Callable[[Any, float], NDArray],
    n_labels: int,
    n_draws: int,
    random_state: RandomState,
) -> float:
    """Choose the strength that does best on simulated shifts to priors from the whole simplex.

    Parameters
    ----------
    simulate : callable
        ``(draw, prior) -> target``: what a target with this prior looks like, in one of several
        bootstrapped worlds.
    estimate : callable
        ``(target, strength) -> prior``: the estimate to be judged.
    n_labels : int
        Length of the priors.
    n_draws : int
        Number of simulated shifts.
    random_state : RandomState
        Generator.

    Returns
    -------
    strength : float
        Of :data:`STRENGTHS`, that with the least mean KL divergence from the true prior.
    """
    loss = np.zeros(len(STRENGTHS))
    for draw in range(n_draws):
        prior = random_state.dirichlet(np.ones(n_labels))
        target = simulate(draw, prior)
        estimates = np.array([hedged(estimate(target, strength)) for strength in STRENGTHS])
        loss += rel_entr(prior, estimates).sum(axis=1)
    return float(STRENGTHS[loss.argmin()])
