"""The outer loop of splitting methods: the alternating direction method of multipliers (ADMM).

A method says what one pass over its blocks and multipliers is; the loop decides when it is done,
balances the penalty, and keeps the curves.

Reference: S. Boyd, N. Parikh, E. Chu, B. Peleato, J. Eckstein, "Distributed optimization and
statistical learning via the alternating direction method of multipliers", Foundations and Trends
in Machine Learning, 2011.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from sklearn_ldl._core.convergence import warn_not_converged

# The penalty is moved when one residual exceeds the other by this factor, by this factor.
_IMBALANCE, _FACTOR = 5.0, 2.0
# Passes between two moves, so that the multipliers can follow. The penalty stays put in the second
# half of the passes: with a fixed one, convex problems converge from wherever they are.
_WAIT = 5
# Passes without a smaller residual after which the penalty rises by this factor, never to fall
# below again: a problem that is not convex may circle for ever when it is too small.
_STALLED, _STIFFER = 20, 4.0
# The penalty stays within this factor of its start, where nothing can overflow.
_RANGE = 1e6


class Pass(NamedTuple):
    """What a pass over all blocks arrived at."""

    objective: float
    primal: float  # norm of what the constraints miss
    dual: float  # norm of what stationarity misses


@dataclass
class Progress:
    """Curves of a run, updated in place so that an interrupt loses nothing."""

    objective: list[float] = field(default_factory=list)
    residuals: list[tuple[float, float]] = field(default_factory=list)
    converged: bool = False

    @property
    def n_iter(self) -> int:
        """Number of finished passes."""
        return len(self.residuals)

    def curves(self) -> tuple[NDArray, NDArray]:
        """Objectives (n_iter + 1,) and residuals, primal and dual, (n_iter, 2)."""
        return np.array(self.objective), np.array(self.residuals).reshape(-1, 2)


def alternate(
    step: Callable[[float], Pass],
    progress: Progress,
    *,
    rho: float,
    max_iter: int,
    tol: float,
    verbose: int = 0,
    name: str = "ADMM",
) -> Progress:
    """Repeat ``step(rho)`` until both residuals are at most `tol`.

    Multipliers are those of the constraints themselves, not divided by `rho`: they stay valid when
    `rho` changes. The caller puts the objective of the start into `progress`.
    """
    waited = stalled = 0
    best, floor, ceiling = np.inf, rho / _RANGE, rho * _RANGE
    while not progress.converged and progress.n_iter < max_iter:
        objective, primal, dual = step(rho)
        progress.objective.append(objective)
        progress.residuals.append((primal, dual))
        progress.converged = primal <= tol and dual <= tol
        if verbose and progress.n_iter % int(verbose) == 0:
            print(
                f"{name} iteration {progress.n_iter:4d}: objective {objective:.8f}, primal "
                f"residual {primal:.2e}, dual residual {dual:.2e}, rho {rho:.2g}"
            )
        waited += 1
        worst = max(primal, dual)
        best, stalled = (worst, 0) if worst < best else (best, stalled + 1)
        if stalled >= _STALLED:
            rho = floor = min(rho * _STIFFER, ceiling)
            best, waited, stalled = worst, 0, 0
        elif waited >= _WAIT and progress.n_iter <= max_iter // 2:
            if primal > _IMBALANCE * dual:
                rho, waited = min(rho * _FACTOR, ceiling), 0
            elif dual > _IMBALANCE * primal:
                rho, waited = max(rho / _FACTOR, floor), 0
    return progress


def warn_if_unfinished(progress: Progress, tol: float) -> None:
    """Issue a `ConvergenceWarning` if a residual is still too large."""
    if not progress.converged:
        primal, dual = progress.residuals[-1] if progress.residuals else (np.inf, np.inf)
        warn_not_converged(
            "ADMM",
            f"{progress.n_iter} iterations",
            f"residuals of {primal:.2g} (primal) and {dual:.2g} (dual)",
            tol,
            "standardise the features, or increase tol",
        )
