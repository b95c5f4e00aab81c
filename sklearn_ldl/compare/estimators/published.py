"""Published methods, at the hyper-parameters that were published with them.

Published weights are of sums over rows; those here are of means, so they depend on the number n of
rows: ``lambda ||W||**2`` is ``alpha = 2 lambda / n``, and a norm of a matrix with a row for every
sample has the weight ``lambda / sqrt(n)``. Weights of squares that are summed over rows stay what
they are.
"""

from __future__ import annotations

from math import sqrt

from sklearn_ldl.compare.estimators.entry import THREE_SCALINGS, Entry, Values, variance
from sklearn_ldl.compare.estimators.methods import penalties
from sklearn_ldl.compare.problem import Problem
from sklearn_ldl.linear.published import (
    EDLLRL,
    IISLDL,
    LDL4C,
    LDLHR,
    LDLLCLR,
    LDLLDM,
    LDLSCL,
    LDLSF,
)


def _two(problem: Problem, scaling: str) -> list[float]:
    """Two penalties, for methods that have other parameters beside them."""
    unit = variance(problem, scaling)
    return [1e-2 * unit, 1e-1 * unit]


def _ldm(problem: Problem, scaling: str) -> Values:
    return {
        "alpha": _two(problem, scaling),
        "global_weight": [0.1, 1.0],
        "local_weight": [0.1],
    }


def _lrl(problem: Problem, scaling: str) -> Values:
    return {
        "alpha": _two(problem, scaling),
        "loss": ["squared_error", "kl"],
        "rank_weight": [1e-3],
    }


def _lclr(problem: Problem, scaling: str) -> Values:
    return {
        "alpha": _two(problem, scaling),
        "error_weight": [1e-2, 1e-1],
        "rank_weight": [1e-3],
        "local_weight": [1e-4],
    }


def _scl(problem: Problem, scaling: str) -> Values:
    return {
        "alpha": _two(problem, scaling),
        "code_alpha": [0.1, 1.0],
        "correlation_weight": [1e-2],
    }


def _margins(problem: Problem, scaling: str) -> Values:
    return {"alpha": _two(problem, scaling), "margin_weight": [1e-2, 1e-1]}


PUBLISHED: dict[str, Entry] = {
    "iis": Entry(
        "maximum entropy by improved iterative scaling (IISLDL; Geng, TKDE 2016)",
        lambda p, s: IISLDL(alpha=0.0, max_iter=200),
        "IISLDL",
        penalties,
    ),
    "ldm": Entry(
        "manifolds of the labels (LDLLDM; Wang & Geng, TNNLS 2021)",
        lambda p, s: LDLLDM(
            alpha=1e-3 / p.n_samples, global_weight=1.0, local_weight=1.0, random_state=s
        ),
        "LDLLDM",
        _ldm,
        THREE_SCALINGS,
    ),
    "lrl": Entry(
        "low-rank correlations in clusters of rows (EDLLRL; Jia et al., CVPR 2019)",
        lambda p, s: EDLLRL(
            alpha=2e-3 / p.n_samples, rank_weight=1e-2 / sqrt(p.n_samples), random_state=s
        ),
        "EDLLRL",
        _lrl,
        THREE_SCALINGS,
    ),
    "lclr": Entry(
        "low-rank global and local correlations (LDLLCLR; Ren et al., IJCAI 2019)",
        lambda p, s: LDLLCLR(
            alpha=2e-3 / p.n_samples,
            error_weight=1e-2 / sqrt(p.n_samples),
            rank_weight=1e-2 / p.n_samples,
            # With the published one, 1e-2, nothing bounds the objective from below.
            local_weight=1e-3 / p.n_samples,
            random_state=s,
        ),
        "LDLLCLR",
        _lclr,
        THREE_SCALINGS,
    ),
    "ldlsf": Entry(
        "features of single labels and common ones (LDLSF; Ren et al., IJCAI 2019)",
        lambda p, s: LDLSF(l1=1e-4 / p.n_samples, l21=1e-2 / p.n_samples, correlation_weight=1e-3),
        "LDLSF",
        {"l1": [1e-3, 1e-2], "l21": [1.5e-3, 1.5e-2], "floor": [1e-2]},
        THREE_SCALINGS,
    ),
    "scl": Entry(
        "correlations in clusters of rows, as codes (LDLSCL; Jia et al., TKDE 2021)",
        lambda p, s: LDLSCL(
            alpha=2e-3 / p.n_samples,
            correlation_weight=1e-3,
            code_alpha=2e-3 / p.n_samples,
            random_state=s,
        ),
        "LDLSCL",
        _scl,
        THREE_SCALINGS,
    ),
    "ldl4c": Entry(
        "margins of the label of largest degree (LDL4C; Wang & Geng, IJCAI 2019)",
        lambda p, s: LDL4C(),
        "LDL4C",
        _margins,
        THREE_SCALINGS,
    ),
    "ldlhr": Entry(
        "the highest label and the rest, with margins (LDLHR; Wang & Geng, IJCAI 2021)",
        lambda p, s: LDLHR(),
        "LDLHR",
        _margins,
        THREE_SCALINGS,
    ),
}
