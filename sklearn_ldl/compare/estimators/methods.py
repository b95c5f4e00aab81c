"""Estimators of general use: constants, maximum entropy, neighbours, machines, trees, mixtures."""

from __future__ import annotations

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.dummy import DummyRegressor
from sklearn.ensemble import ExtraTreesRegressor, RandomForestRegressor
from sklearn.kernel_approximation import Nystroem
from sklearn.model_selection import KFold
from sklearn.pipeline import make_pipeline

from sklearn_ldl.auto import AutoLDL
from sklearn_ldl.compare.estimators.entry import (
    NONE,
    STANDARD,
    THREE_SCALINGS,
    Entry,
    Values,
    variance,
)
from sklearn_ldl.compare.problem import Problem
from sklearn_ldl.ensemble import DFLDL, GradientBoostingLDL, StackingLDL
from sklearn_ldl.linear import BFGSLDL, BFGSLDLCV, ProportionalOddsLDL, SmoothBFGSLDL
from sklearn_ldl.neighbors import KNeighborsLDL
from sklearn_ldl.problem_transformation import PTSVMLDL, PTBayesLDL
from sklearn_ldl.svm import LDSVR


def penalties(problem: Problem, scaling: str) -> Values:
    """Penalties of a linear model."""
    unit = variance(problem, scaling)
    return {"alpha": [alpha * unit for alpha in (1e-3, 1e-2, 1e-1)]}


def _uniform(problem: Problem, seed: int) -> BaseEstimator:
    C = problem.n_labels
    return DummyRegressor(strategy="constant", constant=np.full(C, 1 / C))


def _maxent(problem: Problem, seed: int) -> BaseEstimator:
    return BFGSLDLCV(cv=KFold(5, shuffle=True, random_state=seed))


def _width(problem: Problem, scaling: str) -> float:
    """Width of a kernel ``exp(-gamma * distance**2)`` that is 1 / e at the mean squared distance.

    This is that of two rows, twice the total variance.
    """
    return 1 / (2 * problem.n_features * variance(problem, scaling))


def _nystroem(problem: Problem, seed: int) -> BaseEstimator:
    """Approximate a kernel by at most 300 training rows."""
    kernel = Nystroem(
        gamma=_width(problem, NONE if problem.sparse else STANDARD),
        n_components=min(300, max(1, len(problem.y) // 2)),
        random_state=seed,
    )
    return make_pipeline(kernel, _maxent(problem, seed))


def _widths(problem: Problem, scaling: str) -> Values:
    return {"nystroem__gamma": [f * _width(problem, scaling) for f in (0.3, 1.0, 3.0)]}


def _features_per_split(problem: Problem) -> int:
    # A third of the features per split is usual for regression; the limit bounds the time on wide
    # data.
    return max(1, min(problem.n_features // 3, 100))


def _forest(kind: type[BaseEstimator], problem: Problem, seed: int) -> BaseEstimator:
    # Leaves of five rows make degrees of zero rare.
    return kind(
        n_estimators=100,
        min_samples_leaf=5,
        max_features=_features_per_split(problem),
        random_state=seed,
    )


def _leaves(problem: Problem, scaling: str) -> Values:
    return {
        "min_samples_leaf": [1, 2, 5, 10],
        "max_features": [_features_per_split(problem), "sqrt"],
    }


def _stack(problem: Problem, seed: int) -> BaseEstimator:
    """Mix one learner of every kind."""
    learners = {
        "linear": _maxent(problem, seed),
        "kernel": _nystroem(problem, seed),
        "machine": LDSVR(random_state=seed),
        "trees": GradientBoostingLDL(random_state=seed),
        "neighbours": KNeighborsLDL(n_neighbors=min(20, max(1, problem.n_samples // 4))),
    }
    return StackingLDL(list(learners.items()), cv=KFold(3, shuffle=True, random_state=seed))


METHODS: dict[str, Entry] = {
    "uniform": Entry(
        "baseline: 1/C for every label",
        _uniform,
        scalings=(),
        by_default=True,
    ),
    "mean": Entry(
        "baseline: mean of the training rows",
        lambda p, s: DummyRegressor(),
        "DummyRegressor",
        scalings=(),
        by_default=True,
    ),
    "bfgs": Entry(
        "maximum entropy, penalty chosen by CV (BFGSLDLCV)",
        _maxent,
        "BFGSLDLCV",
        scaling=NONE,  # it standardises by itself where that is better
        by_default=True,
    ),
    "bfgs-alpha": Entry(
        "maximum entropy, BFGSLDL(0.01)",
        lambda p, s: BFGSLDL(0.01),
        values=penalties,
        by_default=True,
    ),
    "bfgs-auto": Entry(
        "maximum entropy, penalty chosen by the first step (BFGSLDL)",
        lambda p, s: BFGSLDL(),
        "BFGSLDL",
        scaling=NONE,
        by_default=True,
    ),
    "smooth": Entry(
        "maximum entropy for labels on a scale (SmoothBFGSLDL)",
        lambda p, s: SmoothBFGSLDL(),
        "SmoothBFGSLDL",
        scaling=NONE,
        by_default=True,
    ),
    "ordered": Entry(
        "proportional odds for labels in an order (ProportionalOddsLDL)",
        lambda p, s: ProportionalOddsLDL(),
        "ProportionalOddsLDL",
        scaling=NONE,
    ),
    "nystroem": Entry(
        "maximum entropy on an approximate RBF kernel (Nystroem, BFGSLDLCV)",
        _nystroem,
        "Nystroem",
        _widths,
        by_default=True,
    ),
    "knn": Entry(
        "mean of the 10 nearest neighbours (KNeighborsLDL)",
        lambda p, s: KNeighborsLDL(n_neighbors=min(10, max(1, p.n_samples // 2))),
        "KNeighborsLDL",
        lambda p, scaling: {"n_neighbors": [min(k, p.n_samples // 3) for k in (5, 10, 20, 40)]},
        THREE_SCALINGS,
        by_default=True,
    ),
    "svr": Entry(
        "support vector regression (LDSVR)",
        lambda p, s: LDSVR(random_state=s),
        "LDSVR",
        {"C": [50.0, 300.0], "kernel": ["laplacian", "rbf"]},
        THREE_SCALINGS,
        by_default=True,
    ),
    "pt-bayes": Entry(
        "naive Bayes on weighted single labels (PTBayesLDL)",
        lambda p, s: PTBayesLDL(),
        "PTBayesLDL",
        {"var_smoothing": [1.0, 10.0, 100.0, 1e3]},
        THREE_SCALINGS,
        takes_sparse=False,
        by_default=True,
    ),
    "pt-svm": Entry(
        "linear SVM on weighted single labels, at most 500 rows (PTSVMLDL)",
        lambda p, s: PTSVMLDL(cv=3, max_samples=500, random_state=s),
        "PTSVMLDL",
        {"C": [1e-4, 1e-3, 1e-2, 1e-1]},
        THREE_SCALINGS,
        by_default=True,
    ),
    "forest": Entry(
        "random forest, 100 trees (RandomForestRegressor)",
        lambda p, s: _forest(RandomForestRegressor, p, s),
        "RandomForestRegressor",
        _leaves,
        (NONE,),
        NONE,
        by_default=True,
    ),
    "extra-trees": Entry(
        "extra trees, 100 trees (ExtraTreesRegressor)",
        lambda p, s: _forest(ExtraTreesRegressor, p, s),
        "ExtraTreesRegressor",
        _leaves,
        (NONE,),
        NONE,
        by_default=True,
    ),
    "boosting": Entry(
        "boosted trees, 400 rounds (GradientBoostingLDL)",
        lambda p, s: GradientBoostingLDL(random_state=s),
        "GradientBoostingLDL",
        {
            "max_depth": [3, 5],
            "l2_regularization": [1.0, 10.0],
            "early_stopping": [False, True],
        },
        (NONE,),
        NONE,
        by_default=True,
    ),
    "pairs": Entry(
        "maximum entropy by the order of every two labels (DFLDL), up to 20 labels",
        lambda p, s: DFLDL(BFGSLDL()),
        "DFLDL",
        {"fusion": ["both", "learner"], "n_neighbors": [5, 20]},
        THREE_SCALINGS,
        most_labels=20,  # the number of fits is quadratic
        by_default=True,
    ),
    "stack": Entry(
        "mixture of five kinds of learners (StackingLDL)",
        _stack,
        "StackingLDL",
        {"pool": ["linear", "log"]},
        THREE_SCALINGS,
    ),
    "auto": Entry(
        "mixture of all kinds of learners, one minute a fit (AutoLDL)",
        lambda p, s: AutoLDL(random_state=s),
        "AutoLDL",
        scalings=(),  # it chooses them by itself
    ),
}
