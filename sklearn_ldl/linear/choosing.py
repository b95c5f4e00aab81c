"""Choosing what is "auto" among the parameters of the maximum-entropy models."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.model_selection import KFold

from sklearn_ldl._core.dask_rows import is_dask
from sklearn_ldl._solver.auto_alpha import (
    Choice,
    Sample,
    choose_alpha,
    deviations,
    effective_size,
    sample_of_rows,
)
from sklearn_ldl._solver.chunks import ChunkedDesign, sample_of_blocks
from sklearn_ldl._solver.design import Design
from sklearn_ldl._solver.problem import SoftmaxLinearProblem

# Below this share of unexplained variance the first step is far from the fit, and folds decide.
_SHARP = 0.5
# What the penalty is multiplied with there, in the order of a path.
_FACTORS = 4.0 ** np.arange(2, -4, -1)
_N_FOLDS = 4
# Fewer rows say nothing when they are split.
_FEWEST_ROWS = 20


def choose(
    X: Any,
    D: Any,
    sample_weight: Any,
    *,
    fit_intercept: bool,
    scalings: Sequence[bool] = (False,),
    bases: Sequence[NDArray | None] = (None,),
    correct: bool = True,
    problem: Any = SoftmaxLinearProblem,
) -> Choice:
    """Choose penalty, scaling and basis by what a sample of the rows says.

    Where one Newton step explains more than half of the variance, as it does for class labels that
    are easily told apart, the penalty is corrected by four folds of the sample, unless the caller
    has another one. `problem` is the class of what is solved there.
    """
    take = sample_of_blocks if is_dask(X) else sample_of_rows
    sample = take(X, D, sample_weight)
    choice = choose_alpha(
        *sample,
        fit_intercept=fit_intercept,
        scalings=scalings,
        bases=bases,
        first_step=problem.first_step,
    )
    if correct and choice.unexplained < _SHARP and len(sample.D) >= _FEWEST_ROWS:
        factor = _best_factor(choice, sample, bases[choice.basis], fit_intercept, problem)
        choice = choice._replace(alpha=choice.alpha * factor)
    return choice


def moments(
    X: Any, D: Any, sample_weight: Any, *, center: bool
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Weighted variance and mean of every feature, in memory or in blocks."""
    design: Any
    if is_dask(X):
        design = ChunkedDesign(X, D, sample_weight, center=center)
    else:
        design = Design(X, sample_weight / sample_weight.sum(), center=center)
    return design.variance(), design.mean


def _best_factor(
    choice: Choice, sample: Sample, basis: NDArray | None, fit_intercept: bool, problem: Any
) -> float:
    """Multiple of the penalty with the least cross entropy on held-out rows of the sample."""
    X, D, weight, n_effective = sample
    scale = None
    if choice.standardize:
        scale = deviations(*moments(X, D, weight, center=fit_intercept))
    losses = np.zeros(len(_FACTORS))
    for train, test in KFold(_N_FOLDS, shuffle=True, random_state=0).split(D):
        alphas = choice.alpha * n_effective / effective_size(weight[train]) * _FACTORS
        prepared = problem(
            X[train],
            D[train],
            weight[train],
            fit_intercept=fit_intercept,
            alphas=alphas,
            basis=basis,
            feature_scale=scale,
        )
        prepared.unit = choice.scale
        state = prepared.start()
        for position, alpha in enumerate(alphas):
            prepared.solve(alpha, state, max_iter=100, tol=1e-3)
            log_P = problem.log_degrees(X[test], *prepared.coefficients(state))
            losses[position] -= weight[test] @ (D[test] * log_P).sum(axis=1)
    return float(_FACTORS[int(np.argmin(losses))])
