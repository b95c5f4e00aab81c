"""A softmax-linear model whose training rows have codes of their own: objective and search."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import Bounds, minimize

from sklearn_ldl._solver.losses import cross_entropy, probabilities, pull_back
from sklearn_ldl._solver.problem import SoftmaxLinearProblem

# Most trial steps per iteration, on average.
_TRIALS = 10


class CodedModel(NamedTuple):
    """Coefficients and intercept of the design, coefficients of the codes, and the codes."""

    coef: NDArray
    intercept: NDArray
    code_coef: NDArray
    codes: NDArray


class CodedObjective:
    r"""Objective and gradient as a function of one vector, for a solver with bounds.

    .. math::
        \sum_i s_i \Big( KL(d_i \| p_i) + \tfrac{\beta}{2} \|c_i\|^2
        + \lambda \sum_g c_{ig} \|p_i - \mu_g\|^2 \Big)
        + \tfrac{\alpha}{2} \|W\|_F^2 + \tfrac{\beta}{2} \|V\|_F^2 ,
        \qquad p_i = \mathrm{softmax}(W x_i + V c_i + b)

    The variables are scaled so that all of them are bent alike: `W` and `b` by the metric of the
    problem without codes, codes by the root of the weight of their row.

    Parameters
    ----------
    problem : SoftmaxLinearProblem
        The training rows, all with positive weights.
    centers : ndarray of shape (n_clusters, n_labels)
        Centres :math:`\mu_g`.
    alpha, code_alpha, correlation_weight : float
        Strengths :math:`\alpha, \beta, \lambda`.

    Attributes
    ----------
    value, gradient_norm : float
        Of the last evaluation: the objective, and the largest entry of its projected gradient,
        that of a code divided by the root of the weight of its row.
    """

    def __init__(
        self,
        problem: SoftmaxLinearProblem,
        centers: NDArray,
        *,
        alpha: float,
        code_alpha: float,
        correlation_weight: float,
    ):
        self.alpha, self.code_alpha = alpha, code_alpha
        self.correlation_weight = correlation_weight
        self.value = self.gradient_norm = np.inf
        self._problem = problem
        self._metric = problem.metric.with_alpha(alpha)
        self._centers = centers
        self._start = problem.start()
        n, (n_labels, n_inner) = len(problem.D), self._start.coef.shape
        n_codes = len(centers)
        self._shapes = [(n_labels, n_inner), (n_labels,), (n_labels, n_codes), (n, n_codes)]
        self._splits = np.cumsum([np.prod(shape) for shape in self._shapes])[:-1]
        # About the curvature of the softmax, as seen by codes and their coefficients.
        curvature = code_alpha + 1 / n_labels
        self._code_coef_scale = 1 / np.sqrt(code_alpha + 1 / (n_labels * n_codes))
        self._row_scale = np.sqrt(problem.design.weight)[:, None]
        self._code_scale = 1 / (self._row_scale * np.sqrt(curvature))

    def start(self, codes: NDArray) -> NDArray:
        """Variables of the mean distribution, with given codes that have no effect yet."""
        x = np.zeros(self._splits[-1] + codes.size)
        x[self._splits[-1] :] = (codes / self._code_scale).ravel()
        return x

    def bounds(self) -> Bounds:
        """Codes are not negative."""
        lower = np.zeros(self._splits[-1] + np.prod(self._shapes[-1]))
        lower[: self._splits[-1]] = -np.inf
        return Bounds(lower, np.inf)

    def model(self, x: NDArray) -> CodedModel:
        """Coefficients and codes that the variables stand for."""
        move, shift, code_coef, codes = self._parts(x)
        step, step_b = self._metric.push(move, shift)
        return CodedModel(
            self._start.coef + step,
            self._start.intercept + step_b,
            code_coef * self._code_coef_scale,
            codes * self._code_scale,
        )

    def __call__(self, x: NDArray) -> tuple[float, NDArray]:
        """Objective and gradient."""
        problem, weight = self._problem, self._problem.design.weight
        W, b, V, codes = self.model(x)
        Z = problem.design.logits(W, b) + codes @ V.T
        P = probabilities(Z)
        value, E = cross_entropy(Z, problem.D, weight)
        squares = (P**2).sum(axis=1)[:, None] + (self._centers**2).sum(axis=1)
        distance = squares - 2 * P @ self._centers.T
        row_value = self.correlation_weight * (codes * distance).sum(axis=1)
        row_value += 0.5 * self.code_alpha * (codes**2).sum(axis=1)
        value += weight @ row_value - problem.entropy
        value += 0.5 * self.alpha * (W**2).sum() + 0.5 * self.code_alpha * (V**2).sum()

        upstream = codes.sum(axis=1, keepdims=True) * P - codes @ self._centers
        upstream *= 2 * self.correlation_weight * weight[:, None]
        E += pull_back(P, upstream)
        in_W, in_b = problem.design.gradient(E)
        in_W += self.alpha * W
        if not problem.fit_intercept:
            in_b[:] = 0
        in_V = E.T @ codes + self.code_alpha * V
        in_codes = self.correlation_weight * distance + self.code_alpha * codes
        in_codes = E @ V + weight[:, None] * in_codes

        downhill = np.where(codes > 0, in_codes, np.minimum(in_codes, 0)) / self._row_scale
        self.value = float(value)
        self.gradient_norm = max(
            problem.design.gradient_norm(in_W, in_b),
            float(np.abs(in_V).max()),
            float(np.abs(downhill).max()),
        )
        in_V *= self._code_coef_scale
        in_codes *= self._code_scale
        gradient = [*self._metric.pull(in_W, in_b), in_V, in_codes]
        return self.value, np.concatenate([part.ravel() for part in gradient])

    def _parts(self, x: NDArray) -> list[NDArray]:
        pieces = np.split(x, self._splits)
        return [piece.reshape(shape) for piece, shape in zip(pieces, self._shapes, strict=True)]


@dataclass
class Search:
    """Where the search stands, updated in place, so that an interrupt loses nothing."""

    x: NDArray
    gradient_norm: float = np.inf
    status: str = "running"
    objective_curve: list[float] = field(default_factory=list)

    @property
    def n_iter(self) -> int:
        """Number of iterations."""
        return max(len(self.objective_curve) - 1, 0)

    @property
    def converged(self) -> bool:
        """Whether the gradient is below `tol`."""
        return self.status == "gradient"


def search(
    objective: CodedObjective,
    state: Search,
    *,
    max_iter: int,
    tol: float,
    callback: Callable[[Search], None],
) -> None:
    """Move `state` until the projected gradient is at most `tol`.

    `callback` is called with the state before the first and after every iteration.
    """

    def on_iteration(x: NDArray) -> None:
        # The search has just evaluated the objective there.
        state.x = x.copy()
        state.objective_curve.append(objective.value)
        state.gradient_norm = objective.gradient_norm
        callback(state)
        if state.gradient_norm <= tol:
            state.status = "gradient"
        elif state.n_iter >= max_iter:
            state.status = "max_iter"
        if state.status != "running":
            raise StopIteration

    objective(state.x)
    try:
        on_iteration(state.x)
    except StopIteration:
        return
    minimize(
        objective,
        state.x,
        jac=True,
        method="L-BFGS-B",
        bounds=objective.bounds(),
        callback=on_iteration,
        options={"maxiter": max_iter, "maxfun": _TRIALS * max_iter, "ftol": 0, "gtol": 0},
    )
    if state.status == "running":
        state.status = "line_search"
