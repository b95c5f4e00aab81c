"""The estimators that can be compared, one line each."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.dummy import DummyClassifier, DummyRegressor
from sklearn.ensemble import ExtraTreesRegressor, RandomForestRegressor
from sklearn.kernel_approximation import Nystroem
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.model_selection import KFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.sparsefuncs import mean_variance_axis

from sklearn_ldl._core.label_names import innermost
from sklearn_ldl._core.weighted_fits import weight_parameter
from sklearn_ldl.auto import AutoLDL
from sklearn_ldl.compare.columns import with_columns
from sklearn_ldl.compare.problem import Problem
from sklearn_ldl.ensemble import DFLDL, GradientBoostingLDL
from sklearn_ldl.linear import BFGSLDL, BFGSLDLCV, SmoothBFGSLDL
from sklearn_ldl.neighbors import KNeighborsLDL
from sklearn_ldl.problem_transformation import PTSVMLDL, PTBayesLDL
from sklearn_ldl.svm import LDSVR
from sklearn_ldl.wrappers import LDLClassifier, LDLRegressor


class Entry(NamedTuple):
    """An estimator with the settings it is compared with."""

    description: str
    build: Callable[[Problem, int], BaseEstimator]
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


def _maxent(seed: int) -> BaseEstimator:
    return BFGSLDLCV(cv=KFold(5, shuffle=True, random_state=seed))


def _nystroem(problem: Problem, seed: int) -> BaseEstimator:
    """Approximate a kernel ``exp(-gamma * distance**2)`` by at most 300 training rows.

    The kernel is 1 / e at the mean squared distance of two rows, which is twice the total variance:
    2 p after standardising.
    """
    n_rows, variance = problem.n_samples, problem.n_features
    if problem.sparse:
        _, variances = mean_variance_axis(problem.X, axis=0)
        variance = variances.sum() or 1.0
    n_components = min(300, max(1, n_rows // 2))
    return Nystroem(gamma=1 / (2 * variance), n_components=n_components, random_state=seed)


def _forest(kind: type[BaseEstimator], problem: Problem, seed: int) -> BaseEstimator:
    # Leaves of five rows make degrees of zero rare. A third of the features per split is usual for
    # regression; the limit bounds the time on wide data.
    n_features = max(1, min(problem.n_features // 3, 100))
    return kind(n_estimators=100, min_samples_leaf=5, max_features=n_features, random_state=seed)


ESTIMATORS: dict[str, Entry] = {
    "uniform": Entry("baseline: 1/C for every label", lambda p, s: _uniform(p)),
    "mean": Entry("baseline: mean of the training rows", lambda p, s: DummyRegressor()),
    "bfgs": Entry(
        "maximum entropy, penalty chosen by CV (BFGSLDLCV)", lambda p, s: _scaled(p, _maxent(s))
    ),
    "bfgs-alpha": Entry("maximum entropy, BFGSLDL(0.01)", lambda p, s: _scaled(p, BFGSLDL(0.01))),
    "bfgs-auto": Entry(
        "maximum entropy, penalty chosen by the first step (BFGSLDL)", lambda p, s: BFGSLDL()
    ),
    "smooth": Entry(
        "maximum entropy for labels on a scale (SmoothBFGSLDL)", lambda p, s: SmoothBFGSLDL()
    ),
    "nystroem": Entry(
        "maximum entropy on an approximate RBF kernel (Nystroem, BFGSLDLCV)",
        lambda p, s: _scaled(p, _nystroem(p, s), _maxent(s)),
    ),
    "knn": Entry(
        "mean of the 10 nearest neighbours (KNeighborsLDL)",
        lambda p, s: _scaled(p, KNeighborsLDL(n_neighbors=10)),
    ),
    "svr": Entry(
        "support vector regression (LDSVR)",
        lambda p, s: _scaled(p, LDSVR(random_state=s)),
    ),
    "pt-bayes": Entry(
        "naive Bayes on weighted single labels (PTBayesLDL)",
        lambda p, s: _scaled(p, PTBayesLDL()),
        takes_sparse=False,
    ),
    "pt-svm": Entry(
        "linear SVM on weighted single labels, at most 500 rows (PTSVMLDL)",
        lambda p, s: _scaled(p, PTSVMLDL(cv=3, max_samples=500, random_state=s)),
    ),
    "forest": Entry(
        "random forest, 100 trees (RandomForestRegressor)",
        lambda p, s: _forest(RandomForestRegressor, p, s),
    ),
    "extra-trees": Entry(
        "extra trees, 100 trees (ExtraTreesRegressor)",
        lambda p, s: _forest(ExtraTreesRegressor, p, s),
    ),
    "boosting": Entry(
        "boosted trees, 400 rounds (GradientBoostingLDL)",
        lambda p, s: GradientBoostingLDL(random_state=s),
    ),
    "pairs": Entry(
        "maximum entropy by the order of every two labels (DFLDL), up to 20 labels",
        lambda p, s: _scaled(p, DFLDL(BFGSLDL())),
        most_labels=20,  # the number of fits is quadratic
    ),
    "auto": Entry(
        "mixture of all kinds of learners, one minute a fit (AutoLDL)",
        lambda p, s: AutoLDL(random_state=s),
        by_default=False,
    ),
}

#: Constant predictions that every comparison shows, by the kind of target.
BASELINES = ("uniform", "mean")
_OTHER_BASELINES: dict[str, dict[str, BaseEstimator]] = {
    "labels": {"prior": DummyClassifier()},
    "values": {"mean": DummyRegressor(), "median": DummyRegressor(strategy="median")},
}
#: What is compared on labels and on values where nothing is asked for.
_OTHER_ESTIMATORS: dict[str, dict[str, Callable[[], BaseEstimator]]] = {
    "labels": {"logistic": lambda: _standard(LogisticRegression()), "ldl": LDLClassifier},
    "values": {"ridge": lambda: _standard(Ridge()), "ldl": LDLRegressor},
}


def _standard(estimator: BaseEstimator) -> BaseEstimator:
    return make_pipeline(StandardScaler(), estimator)


class Contender(NamedTuple):
    """An estimator, and the grid in which it is tuned by a scorer."""

    estimator: BaseEstimator
    grid: Any = None
    scorer: Callable | None = None


def contenders(given: Any, problem: Problem, scorer: Callable, seed: int) -> dict[str, Contender]:
    """Name -> what is compared on a problem, the baselines first.

    Raises
    ------
    ValueError
        For names that are unknown, or taken twice.
    """
    found = {name: Contender(build) for name, build in _baselines(problem, seed).items()}
    for name, value in _named(given, problem):
        estimator, grid = value if isinstance(value, tuple) else (value, None)
        if isinstance(estimator, str):
            estimator = _by_name(estimator, problem, seed)
        if isinstance(estimator, type):
            raise ValueError(f"{name}: {estimator.__name__} is a class; give an instance of it.")
        if not hasattr(estimator, "fit"):
            raise ValueError(f"{name}: {estimator!r} is no estimator.")
        if name in found and name not in BASELINES:
            raise ValueError(f"Two estimators are called {name!r}: give a dict of names.")
        estimator, grid = with_columns(estimator, grid, problem.X, seed)
        found[name] = Contender(estimator, grid, scorer if grid else None)
    return found


def _baselines(problem: Problem, seed: int) -> dict[str, BaseEstimator]:
    if problem.role == "distributions":
        return {name: ESTIMATORS[name].build(problem, seed) for name in BASELINES}
    return _OTHER_BASELINES[problem.role]


def _named(given: Any, problem: Problem) -> Iterator[tuple[str, Any]]:
    if given is None:
        known = names_for(problem)
        yield from zip(known, known, strict=True)
    elif isinstance(given, Mapping):
        yield from given.items()
    else:
        for value in given if isinstance(given, list) else [given]:
            estimator = value[0] if isinstance(value, tuple) else value
            is_name = isinstance(estimator, str)
            yield (estimator if is_name else type(innermost(estimator)).__name__), value


def names_for(problem: Problem) -> list[str]:
    """Names of what is compared on a problem where nothing is asked for."""
    if problem.role != "distributions":
        return list(_OTHER_ESTIMATORS[problem.role])
    return [
        name
        for name, entry in ESTIMATORS.items()
        if entry.by_default
        and (entry.takes_sparse or not problem.sparse)
        and problem.n_labels <= entry.most_labels
        and (problem.sample_weight is None or _takes_weights(entry.build(problem, 0)))
    ]


def _takes_weights(estimator: BaseEstimator) -> bool:
    try:
        return weight_parameter(estimator) is not None
    except ValueError:
        return False


def _by_name(name: str, problem: Problem, seed: int) -> BaseEstimator:
    if problem.role != "distributions":
        known: Any = _OTHER_ESTIMATORS[problem.role]
    else:
        known = ESTIMATORS
    if name not in known:
        raise ValueError(
            f"There is no {name!r} for {problem.role}; choose from {', '.join(known)}, or give an "
            "estimator."
        )
    if problem.role != "distributions":
        return known[name]()
    if problem.sparse and not known[name].takes_sparse:
        raise ValueError(f"{name} takes no sparse features.")
    return known[name].build(problem, seed)
