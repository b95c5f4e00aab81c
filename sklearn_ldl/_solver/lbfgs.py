"""Limited-memory BFGS for softmax-linear models, in whitened variables.

The solver adds a sum over rows and a penalty on coefficients and knows nothing else of them. For
rows in memory an iteration needs exactly one product with `X` and one with its transpose (one
*evaluation*), whatever the line search does.

Reference: J. Nocedal, "Updating quasi-Newton matrices with limited storage", Mathematics of
Computation 1980; approximate Wolfe conditions after W. Hager and H. Zhang, SIAM Journal on
Optimization 2005.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sklearn_ldl._solver.penalties import Penalty
from sklearn_ldl._solver.rows import RowSum
from sklearn_ldl._solver.whitening import Metric

_SUFFICIENT_DECREASE = 1e-4
_MAX_TRIALS = 30
# Iterations without a smaller gradient, at a decrease below rounding, before precision is reached.
_PATIENCE = 5
# Where rounding ends the search, gradients of up to this multiple of `tol` are what was asked for.
_CLOSE = 100


@dataclass
class State:
    """Where the search stands; coefficients refer to the centred features of the design."""

    coef: NDArray
    intercept: NDArray
    value: float = np.inf
    gradient_norm: float = np.inf
    n_iter: int = 0
    n_evaluations: int = 0
    status: str = "running"
    tol: float = 0.0

    @property
    def converged(self) -> bool:
        """Whether the gradient is below `tol`, or close to it and as small as rounding permits."""
        if self.status == "precision":
            return self.tol == 0 or self.gradient_norm <= _CLOSE * self.tol
        return self.status == "gradient"


def minimize(
    rows: RowSum,
    penalty: Penalty,
    metric: Metric,
    state: State,
    *,
    fit_intercept: bool = True,
    max_iter: int = 1000,
    tol: float = 1e-6,
    memory: int = 10,
    callback: Callable[[State], None] | None = None,
) -> State:
    """Minimise ``rows(coef, intercept) + penalty(coef)``.

    Parameters
    ----------
    rows, penalty, metric
        See the modules that define them.
    state : State
        Start; updated in place at every iteration, so that an interrupt loses nothing.
    fit_intercept : bool, default=True
        Whether the intercept moves.
    max_iter : int, default=1000
        Most iterations.
    tol : float, default=1e-6
        Stop when no entry of the gradient (of the uncentred features) is larger.
    memory : int, default=10
        Number of past steps kept.
    callback : callable, default=None
        Called with the state before the first and after every iteration.

    Returns
    -------
    state : State
        `status` is "gradient" (below `tol`), "precision" (rounding errors permit no more),
        "max_iter" or "line_search".
    """
    history: deque[tuple[NDArray, NDArray, float]] = deque(maxlen=memory)

    def total_gradient(G: NDArray, total: NDArray, penalty_grad: NDArray) -> NDArray:
        G += penalty_grad
        if not fit_intercept:
            total[:] = 0
        state.n_evaluations = rows.n_evaluations
        return _flat(*metric.pull(G, total))

    value, G, total = rows.start(state.coef, state.intercept)
    penalty_value, penalty_grad = penalty(state.coef)
    state.value = value + penalty_value
    gradient = total_gradient(G, total, penalty_grad)
    best, stalled = np.inf, 0
    state.tol = tol

    while True:
        state.gradient_norm = rows.gradient_norm(G, total)
        if callback is not None:
            callback(state)
        if state.gradient_norm <= tol:
            state.status = "gradient"
        elif state.n_iter >= max_iter:
            state.status = "max_iter"
        if state.status != "running":
            return state

        direction = _two_loop(gradient, history)
        slope = float(gradient @ direction)
        if slope >= 0:  # only rounding errors, or a non-convex loss, get here
            history.clear()
            direction = -gradient
            slope = float(gradient @ direction)
        if state.gradient_norm < 0.9 * best:
            best, stalled = state.gradient_norm, 0
        elif -slope <= rows.resolution * abs(state.value):
            stalled += 1
            if stalled >= _PATIENCE:
                state.status = "precision"
                return state

        move, shift = metric.push(*_unflat(direction, G.shape))
        rows.aim(move, shift)
        rounding = rows.resolution * abs(state.value)
        step = _line_search(state, rows, penalty, move, slope, rounding=rounding)
        if step is None:
            state.status = "precision" if -slope <= 1e3 * rounding else "line_search"
            return state

        t, state.value, penalty_grad = step
        state.coef = state.coef + t * move
        state.intercept = state.intercept + t * shift
        state.n_iter += 1
        G, total = rows.go(t, state.coef, state.intercept)
        new_gradient = total_gradient(G, total, penalty_grad)
        moved, changed = t * direction, new_gradient - gradient
        curvature = float(moved @ changed)
        if curvature > np.finfo(np.float64).eps * float(changed @ changed):
            history.append((moved, changed, 1 / curvature))
        gradient = new_gradient


def _line_search(state, rows, penalty, move, slope, *, rounding):
    """Find a step by secants and bisection."""
    t, low, high, n_shorter = 1.0, (0.0, slope), None, 0
    for _ in range(_MAX_TRIALS):
        value, slope_t = rows.at(t)
        penalty_value, penalty_grad = penalty(state.coef + t * move)
        value += penalty_value
        slope_t += float(np.vdot(penalty_grad, move))
        decreased = value <= state.value + _SUFFICIENT_DECREASE * t * slope + rounding
        if np.isfinite(value) and decreased and abs(slope_t) <= rows.curvature * abs(slope):
            return t, value, penalty_grad
        if not np.isfinite(value) or slope_t > 0 or not decreased:
            high, n_shorter = (t, slope_t), n_shorter + 1
        else:
            low, n_shorter = (t, slope_t), 0
        if high is None:
            # Extrapolate to where the slope would vanish, within reason.
            gain = slope_t - slope
            t = min(4 * t, -slope * t / gain) if gain > 0 else 4 * t
        else:
            width = high[0] - low[0]
            # Beyond a hump of a loss that is not convex, secants creep: bisect after the first.
            usable = np.isfinite(high[1]) and high[1] > 0 and n_shorter < 2
            share = -low[1] / (high[1] - low[1]) if usable else 0.5
            t = low[0] + width * min(max(share, 0.05), 0.95)
    return None


def _two_loop(gradient: NDArray, history) -> NDArray:
    """Direction ``-H gradient`` with the inverse Hessian approximation from the history."""
    q = -gradient
    coefficients = []
    for moved, changed, rho in reversed(history):
        a = rho * float(moved @ q)
        coefficients.append(a)
        q -= a * changed
    if history:
        _, changed, rho = history[-1]
        q /= rho * float(changed @ changed)
    for (moved, changed, rho), a in zip(history, reversed(coefficients), strict=True):
        q += (a - rho * float(changed @ q)) * moved
    return q


def _flat(V: NDArray, v: NDArray) -> NDArray:
    return np.concatenate([V.ravel(), v])


def _unflat(x: NDArray, shape: tuple[int, int]) -> tuple[NDArray, NDArray]:
    size = shape[0] * shape[1]
    return x[:size].reshape(shape), x[size:]
