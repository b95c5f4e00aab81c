"""What is compared: names, estimators and pairs with grids, turned into estimators."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

from sklearn.base import BaseEstimator
from sklearn.dummy import DummyClassifier, DummyRegressor
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.model_selection import ParameterGrid
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sklearn_ldl._core.label_names import innermost
from sklearn_ldl._core.weighted_fits import weight_parameter
from sklearn_ldl.compare.columns import with_columns
from sklearn_ldl.compare.estimators.entry import Entry
from sklearn_ldl.compare.estimators.methods import METHODS
from sklearn_ldl.compare.estimators.networks import NETWORKS
from sklearn_ldl.compare.estimators.published import PUBLISHED
from sklearn_ldl.compare.problem import Problem
from sklearn_ldl.wrappers import LDLClassifier, LDLRegressor

ESTIMATORS: dict[str, Entry] = {**METHODS, **PUBLISHED, **NETWORKS}

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
_OTHER_GRIDS: dict[str, dict[str, list]] = {
    "logistic": {"logisticregression__C": [1e-2, 1e-1, 1.0, 10.0]},
    "ridge": {"ridge__alpha": [1e-2, 1.0, 1e2, 1e4]},
}


def _standard(estimator: BaseEstimator) -> BaseEstimator:
    return make_pipeline(StandardScaler(), estimator)


class Contender(NamedTuple):
    """An estimator, and the grid in which it is tuned by a scorer."""

    estimator: BaseEstimator
    grid: Any = None
    scorer: Callable | None = None


def contenders(
    given: Any, problem: Problem, scorer: Callable, seed: int, tune: bool = False
) -> dict[str, Contender]:
    """Name -> what is compared on a problem, the baselines first.

    What is given by name is tuned in its own grid with ``tune=True``.

    Raises
    ------
    ValueError
        For names that are unknown, or taken twice.
    """
    found = {name: Contender(build) for name, build in _baselines(problem, seed).items()}
    for name, value in _named(given, problem):
        estimator, grid = value if isinstance(value, tuple) else (value, None)
        if isinstance(estimator, str):
            if tune and grid is None:
                grid = _grid_of(estimator, problem)
            estimator = _by_name(estimator, problem, seed)
        if isinstance(estimator, type):
            raise ValueError(f"{name}: {estimator.__name__} is a class; give an instance of it.")
        if not hasattr(estimator, "fit"):
            raise ValueError(f"{name}: {estimator!r} is no estimator.")
        if not hasattr(estimator, "get_params"):
            raise ValueError(
                f"{name}: {type(estimator).__name__} has no get_params, without which it cannot be "
                "fitted anew in every fold; derive it from sklearn.base.BaseEstimator."
            )
        if name in found and name not in BASELINES:
            raise ValueError(f"Two estimators are called {name!r}: give a dict of names.")
        _check_grid(name, estimator, grid)
        estimator, grid = with_columns(estimator, grid, problem.X, seed)
        found[name] = Contender(estimator, grid, scorer if grid else None)
    return found


def _check_grid(name: str, estimator: Any, grid: Any) -> None:
    """Raise a ValueError for a grid with which every fit would fail."""
    if grid is None:
        return
    parts = [grid] if isinstance(grid, Mapping) else grid
    if not isinstance(parts, list | tuple) or not all(isinstance(p, Mapping) for p in parts):
        raise ValueError(
            f"{name}: a pair is an estimator and its grid, a dict or a list of them; got {grid!r}. "
            "Several estimators are a list."
        )
    known = estimator.get_params()
    for part in parts:
        if unknown := [p for p in part if str(p).partition("__")[0] not in known]:
            raise ValueError(
                f"{name} has no parameter {unknown[0]!r}; there are {', '.join(sorted(known))}."
            )
        try:
            ParameterGrid({p: v for p, v in part.items() if not hasattr(v, "rvs")})
        except (TypeError, ValueError) as error:
            raise ValueError(f"{name}: {error}") from error


def _baselines(problem: Problem, seed: int) -> dict[str, BaseEstimator]:
    if problem.role == "distributions":
        return {name: ESTIMATORS[name].build(problem, seed) for name in BASELINES}
    return _OTHER_BASELINES[problem.role]


def _named(given: Any, problem: Problem) -> Iterator[tuple[str, Any]]:
    if given is None:
        known = names_for(problem)
        yield from zip(known, known, strict=True)
    elif isinstance(given, Mapping):
        yield from ((str(name), value) for name, value in given.items())
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


def entry_of(name: str) -> Entry | None:
    """Find an estimator for distributions by its name, or by that of its class."""
    classes = {entry.of: entry for entry in ESTIMATORS.values() if entry.of}
    return ESTIMATORS.get(name) or classes.get(name)


def _by_name(name: str, problem: Problem, seed: int) -> BaseEstimator:
    if problem.role != "distributions":
        known: Any = _OTHER_ESTIMATORS[problem.role]
        if name not in known:
            raise _unknown(name, problem, known)
        return known[name]()
    entry = entry_of(name)
    if entry is None:
        raise _unknown(name, problem, ESTIMATORS)
    if problem.sparse and not entry.takes_sparse:
        raise ValueError(f"{name} takes no sparse features.")
    return entry.build(problem, seed)


def _unknown(name: str, problem: Problem, known: Mapping[str, Any]) -> ValueError:
    why = " (floats are values; labels are integers or text)" if problem.role == "values" else ""
    return ValueError(
        f"There is no {name!r} for {problem.role}{why}; choose from {', '.join(known)}, or give an "
        "estimator (on the command line module:object, such as my_module:MyLDL)."
    )


def _grid_of(name: str, problem: Problem) -> Any:
    """Grid of an estimator that is known by name; None where there is nothing to choose."""
    if problem.role != "distributions":
        return _OTHER_GRIDS.get(name)
    entry = entry_of(name)
    return (entry.grid(problem) or None) if entry else None
