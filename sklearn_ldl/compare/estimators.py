"""The estimators that can be compared, one line each."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.dummy import DummyRegressor
from sklearn.ensemble import ExtraTreesRegressor, RandomForestRegressor
from sklearn.kernel_approximation import Nystroem
from sklearn.model_selection import KFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.sparsefuncs import mean_variance_axis

from sklearn_ldl.auto import AutoLDL
from sklearn_ldl.compare.problem import Problem
from sklearn_ldl.ensemble import DFLDL, GradientBoostingLDL
from sklearn_ldl.linear import BFGSLDL, BFGSLDLCV, SmoothBFGSLDL
from sklearn_ldl.neighbors import KNeighborsLDL
from sklearn_ldl.problem_transformation import PTSVMLDL, PTBayesLDL
from sklearn_ldl.svm import LDSVR


class Entry(NamedTuple):
    """An estimator with the settings it is compared with."""

    description: str
    build: Callable[[Problem], BaseEstimator]
    takes_sparse: bool = True
    #: With more labels it takes part only where it is asked for by name.
    most_labels: float = np.inf
    #: Whether it takes part where nothing is asked for.
    by_default: bool = True


def _uniform(problem: Problem) -> BaseEstimator:
    C = problem.n_labels
    return DummyRegressor(strategy="constant", constant=np.full(C, 1 / C))


def _scaled(problem: Problem, *steps: BaseEstimator) -> BaseEstimator:
    # Centring would fill sparse features, which are therefore left as they are.
    return make_pipeline(*([] if problem.sparse else [StandardScaler()]), *steps)


def _maxent(problem: Problem) -> BaseEstimator:
    return BFGSLDLCV(cv=KFold(5, shuffle=True, random_state=problem.seed))


def _nystroem(problem: Problem) -> BaseEstimator:
    """Approximate a kernel ``exp(-gamma * distance**2)`` by at most 300 training rows.

    The kernel is 1 / e at the mean squared distance of two rows, which is twice the total variance:
    2 p after standardising.
    """
    n_rows, variance = problem.X.shape
    if problem.sparse:
        _, variances = mean_variance_axis(problem.X, axis=0)
        variance = variances.sum() or 1.0
    n_components = min(300, max(1, n_rows // 2))
    return Nystroem(gamma=1 / (2 * variance), n_components=n_components, random_state=problem.seed)


def _forest(kind: type[BaseEstimator], problem: Problem) -> BaseEstimator:
    # Leaves of five rows make degrees of zero rare. A third of the features per split is usual for
    # regression; the limit bounds the time on wide data.
    n_features = max(1, min(problem.X.shape[1] // 3, 100))
    return kind(
        n_estimators=100, min_samples_leaf=5, max_features=n_features, random_state=problem.seed
    )


ESTIMATORS: dict[str, Entry] = {
    "uniform": Entry("baseline: 1/C for every label", _uniform),
    "mean": Entry("baseline: mean of the training rows", lambda p: DummyRegressor()),
    "bfgs": Entry("maximum entropy, penalty chosen by CV", lambda p: _scaled(p, _maxent(p))),
    "bfgs-alpha": Entry("maximum entropy, alpha=0.01", lambda p: _scaled(p, BFGSLDL(0.01))),
    "bfgs-auto": Entry("maximum entropy, penalty chosen by the first step", lambda p: BFGSLDL()),
    "smooth": Entry("maximum entropy for labels on a scale", lambda p: SmoothBFGSLDL()),
    "nystroem": Entry(
        "maximum entropy on an approximate RBF kernel, penalty chosen by CV",
        lambda p: _scaled(p, _nystroem(p), _maxent(p)),
    ),
    "knn": Entry(
        "mean of the 10 nearest neighbours (AA-kNN)",
        lambda p: _scaled(p, KNeighborsLDL(n_neighbors=10)),
    ),
    "svr": Entry(
        "support vector regression (LDSVR)",
        lambda p: _scaled(p, LDSVR(random_state=p.seed)),
    ),
    "pt-bayes": Entry(
        "naive Bayes on weighted single labels (PT-Bayes)",
        lambda p: _scaled(p, PTBayesLDL()),
        takes_sparse=False,
    ),
    "pt-svm": Entry(
        "linear SVM on weighted single labels, at most 500 rows (PT-SVM)",
        lambda p: _scaled(p, PTSVMLDL(cv=3, max_samples=500, random_state=p.seed)),
    ),
    "forest": Entry("random forest, 100 trees", lambda p: _forest(RandomForestRegressor, p)),
    "extra-trees": Entry("extra trees, 100 trees", lambda p: _forest(ExtraTreesRegressor, p)),
    "boosting": Entry(
        "boosted trees, 400 rounds", lambda p: GradientBoostingLDL(random_state=p.seed)
    ),
    "pairs": Entry(
        "maximum entropy by the order of every two labels (DF-LDL), up to 20 labels",
        lambda p: _scaled(p, DFLDL(BFGSLDL())),
        most_labels=20,  # the number of fits is quadratic
    ),
    "auto": Entry(
        "mixture of all kinds of learners, one minute a fit (AutoLDL)",
        lambda p: AutoLDL(random_state=p.seed),
        by_default=False,
    ),
}

#: Constant predictions that every comparison shows.
BASELINES = ("uniform", "mean")


def select(names: list[str] | None, *, sparse: bool, n_labels: int = 2) -> list[str]:
    """Return names to compare: the baselines, then the given ones (or all that can be)."""
    if names is None:
        names = [
            name
            for name, entry in ESTIMATORS.items()
            if entry.by_default
            and (entry.takes_sparse or not sparse)
            and n_labels <= entry.most_labels
        ]
    unfit = [name for name in names if sparse and not ESTIMATORS[name].takes_sparse]
    if unfit:
        raise ValueError(f"{', '.join(unfit)}: no sparse features; leave out --sparse.")
    return list(dict.fromkeys([*BASELINES, *names]))
