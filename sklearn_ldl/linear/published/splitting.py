"""What estimators share that split terms in the predictions off the fit of the coefficients."""

from __future__ import annotations

from numbers import Integral, Real
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from sklearn_ldl._core.sklearn_compat import Interval, StrOptions
from sklearn_ldl._solver.losses import Loss, Term, cross_entropy, pull_back, with_terms
from sklearn_ldl._solver.problem import SoftmaxLinearProblem
from sklearn_ldl.linear.base import SoftmaxLinearModel
from sklearn_ldl.linear.published.admm import Pass, Progress, alternate, warn_if_unfinished
from sklearn_ldl.linear.published.clusters import cluster_rows, members

# The coefficients are fitted to this share of what the last pass missed, and in the end of `tol`.
_SHARE, _LAST_SHARE = 0.2, 0.5
# Passes without a smaller residual after which these shares are halved: errors of the coefficients
# show enlarged in the predictions, where the curvature is low.
_PATIENCE = 5


class Blocks(Protocol):
    """The variables other than the coefficients, and the multipliers of the constraints."""

    def attraction(self, rho: float) -> Term:
        """Return what the augmented Lagrangian adds to the loss, as a function of `P`."""

    def update(self, P: NDArray, rho: float) -> tuple[float, float]:
        """Move to the optimum given `P`; return what constraints and own stationarity miss."""

    def pull(self, P: NDArray) -> NDArray:
        """Return the gradient of what the Lagrangian adds, in `P`, per unit of row weight."""

    def value(self, P: NDArray) -> float:
        """Return what the terms add to the objective."""


class _Accuracy:
    """How exactly the coefficients are fitted in the next pass."""

    def __init__(self, tol: float, missed: float):
        self.tol = tol
        self.best = self.missed = missed
        self.stalled, self.factor = 0, 1.0

    def gradient(self) -> float:
        """Return the largest entry of the gradient at which the next fit may stop."""
        return self.factor * max(_SHARE * self.missed, _LAST_SHARE * self.tol)

    def note(self, missed: float) -> None:
        """Learn how much a pass missed."""
        self.missed = missed
        self.stalled = 0 if missed < self.best else self.stalled + 1
        self.best = min(missed, self.best)
        if self.stalled >= _PATIENCE:
            self.factor, self.stalled, self.best = self.factor / 2, 0, missed


class SplittingModel(SoftmaxLinearModel):
    """Base of softmax-linear estimators with clusters of rows that are fitted by ADMM."""

    _parameter_constraints: dict = {
        "alpha": [Interval(Real, 0, None, closed="left")],
        "rank_weight": [Interval(Real, 0, None, closed="left")],
        "n_clusters": [Interval(Integral, 1, None, closed="left")],
        "cluster_on": [StrOptions({"features", "labels"})],
        "rho": [Interval(Real, 0, None, closed="neither")],
        "fit_intercept": ["boolean"],
        "max_iter": [Interval(Integral, 0, None, closed="left")],
        "inner_max_iter": [Interval(Integral, 1, None, closed="left")],
        "tol": [Interval(Real, 0, None, closed="left")],
        "random_state": ["random_state"],
        "verbose": ["verbose"],
    }

    def _prepare(self, X, y, sample_weight) -> tuple[SoftmaxLinearProblem, NDArray, list[NDArray]]:
        """Validate, drop rows without weight, cluster the others; sets `cluster_labels_`."""
        X, D, sample_weight = self._validate_data(X, y, sample_weight)
        rows = np.flatnonzero(sample_weight)
        labels = np.full(len(D), -1)
        if len(rows) < len(D):
            X, D, sample_weight = X[rows], D[rows], sample_weight[rows]
        clustered = X if self.cluster_on == "features" else D
        found = cluster_rows(clustered, self.n_clusters, sample_weight, self.random_state)
        labels[rows] = found
        self.cluster_labels_ = labels
        problem = SoftmaxLinearProblem(
            X, D, sample_weight, fit_intercept=self.fit_intercept, alphas=[self.alpha]
        )
        return problem, D, members(found)

    def _fit_split(
        self, problem: SoftmaxLinearProblem, blocks: Blocks | None, loss: Loss = cross_entropy
    ) -> None:
        """Minimise the loss alone, then alternate with `blocks`, if there are any."""
        root = np.sqrt(problem.design.weight)[:, None]
        constant = problem.entropy if loss is cross_entropy else 0.0
        state, progress = problem.start(), Progress()
        self.n_evaluations_ = 0

        def solve(loss: Loss, max_iter: int, tol: float) -> NDArray:
            problem.solve(self.alpha, state, loss=loss, max_iter=max_iter, tol=tol)
            self.n_evaluations_ += state.n_evaluations
            return problem.predictions(state)

        def step(rho: float) -> Pass:
            assert blocks is not None  # there is no alternation without them
            term = blocks.attraction(rho)
            P = solve(with_terms(loss, term), self.inner_max_iter, accuracy.gradient())
            fitted = state.value - constant - term(P, problem.design.weight)[0]
            solved = term(P, np.ones(len(P)))[1]
            primal, own = blocks.update(P, rho)
            # The coefficients are optimal for `solved` in place of the final multipliers.
            moved = np.linalg.norm(root * pull_back(P, solved - blocks.pull(P)))
            dual = max(float(moved), own, state.gradient_norm)
            accuracy.note(max(primal, dual))
            return Pass(fitted + blocks.value(P), primal, dual)

        try:
            P = solve(loss, self.max_iter * self.inner_max_iter, self.tol)
            objective = state.value - constant
            if blocks is None:
                progress.objective += [objective, objective]
                progress.residuals.append((0.0, state.gradient_norm))
                progress.converged = state.converged
            else:
                progress.objective.append(objective + blocks.value(P))
                accuracy = _Accuracy(self.tol, blocks.update(P, self.rho)[0])
                alternate(
                    step,
                    progress,
                    rho=self.rho,
                    max_iter=self.max_iter,
                    tol=self.tol,
                    verbose=self.verbose,
                    name=type(self).__name__,
                )
        finally:
            # Also after Ctrl-C: what was reached is kept.
            self.coef_, self.intercept_ = problem.coefficients(state)
            self.n_iter_ = progress.n_iter
            self.objective_curve_, self.residuals_ = progress.curves()
        warn_if_unfinished(progress, self.tol)
