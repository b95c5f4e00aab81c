"""Coverage of prediction intervals."""

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from _common import CACHE, compared, run, spread
from numpy.typing import NDArray
from scipy.stats import gamma, norm
from sklearn.base import BaseEstimator, RegressorMixin, clone
from sklearn.model_selection import GridSearchCV, ShuffleSplit

from sklearn_ldl import DeepLDLRegressor, GaussianLabelDistributor, LDLRegressor
from sklearn_ldl.deep import PRESETS
from sklearn_ldl.deep.values.deep_regressor import DeepRegressor
from sklearn_ldl.deep.values.kdn import KernelDensityRegressor
from sklearn_ldl.deep.values.mixtures import KernelMixture

LEVELS = (0.5, 0.8, 0.9, 0.95)
FLOOR = -20.0


class Problem(NamedTuple):
    """Values given x: one of two distributions, chosen at random."""

    first_weight: Callable
    first: Callable
    second: Callable

    def draw(self, n, rng):
        x = rng.uniform(-1, 1, n)
        values = [part(x).rvs(n, random_state=rng) for part in (self.first, self.second)]
        return x[:, None], np.where(rng.random(n) < self.first_weight(x), *values)

    def average(self, x, function):
        weight = self.first_weight(x)
        return weight * function(self.first(x)) + (1 - weight) * function(self.second(x))


def simple(part):
    return Problem(np.ones_like, part, part)


PROBLEMS = {
    "homoscedastic": simple(lambda x: norm(np.sin(3 * x), 0.3)),
    "heteroscedastic": simple(lambda x: norm(np.sin(3 * x), 0.1 + 0.225 * (1 + x) ** 2)),
    "bimodal": Problem(
        lambda x: 0.5 + 0.2 * x, lambda x: norm(1 + x, 0.25), lambda x: norm(-1 - x, 0.25)
    ),
    "skewed": simple(lambda x: gamma(2, np.sin(3 * x), 0.3)),
    "skewed, widening": simple(lambda x: gamma(1.5, np.sin(3 * x), 0.3 + 0.2 * x)),
}


class Truth(RegressorMixin, BaseEstimator):
    """The distribution itself."""

    def __init__(self, problem):
        self.problem = problem

    def fit(self, X, y):
        return self

    def predict(self, X):
        return self.problem.average(X[:, 0], lambda part: part.mean())

    def log_density(self, X, y):
        return np.log(self.problem.average(X[:, 0], lambda part: part.pdf(y)))

    def quantile(self, X, q):
        """Quantiles, by bisection."""
        low, high = np.full((len(X), len(q)), -50.0), np.full((len(X), len(q)), 50.0)
        for _ in range(60):
            middle = (low + high) / 2
            below = self.problem.average(X, lambda part, y=middle: part.cdf(y)) < q
            low, high = np.where(below, middle, low), np.where(below, high, middle)
        return middle


class Histogram(RegressorMixin, BaseEstimator):
    """Densities that are constant in the cells of `grid_`; this one is that of the values."""

    def fit(self, X, y):
        """Count values in 50 cells."""
        counts, edges = np.histogram(y, 50)
        self.grid_, self.weight_ = (edges[1:] + edges[:-1]) / 2, counts / len(y)
        return self

    def predict_proba(self, X):
        return np.tile(self.weight_, (len(X), 1))

    def predict(self, X):
        return self.predict_proba(X) @ self.grid_

    def log_density(self, X, y):
        with np.errstate(divide="ignore"):
            return self._mixture().log_density(np.log(self.predict_proba(X)), y[:, None])

    def quantile(self, X, q):
        return self._mixture().quantile(self.predict_proba(X), q)

    def _mixture(self):
        return KernelMixture(self.grid_, self.grid_[1:2] - self.grid_[:1], "uniform")


class LabelDistributions(Histogram):
    """Gaussian label distributions with a standard deviation of 1 / `steps` of the range."""

    def __init__(self, learner=None, steps=25):
        self.learner = learner
        self.steps = steps

    def fit(self, X, y):
        distributor = GaussianLabelDistributor(sigma=np.ptp(y) / self.steps)
        self.model_ = LDLRegressor(clone(self.learner), distributor).fit(X, y)
        self.grid_ = self.model_.grid_
        return self

    def predict_proba(self, X):
        return self.model_.predict_proba(X)


def log_score(model, X, y):
    return np.maximum(model.log_density(X, y), FLOOR).mean()


def searched(model, **candidates):
    split = ShuffleSplit(1, test_size=0.2, random_state=0)
    return GridSearchCV(model, candidates, scoring=log_score, cv=split)


def models(problem: Problem, y: NDArray, seed: int, max_epochs: int) -> dict[str, BaseEstimator]:
    """Name -> model, for training values `y`."""
    net = {
        **PRESETS["plain"],
        "batch_size": 200,
        "lr": 0.03,
        "lr_schedule": "cosine",
        "max_epochs": max_epochs,
        "random_state": seed,
    }
    steps = np.array([25, 50, 100, 200])
    cells = [y.min() + np.ptp(y) * (np.arange(n) + 0.5) / n for n in steps]
    kernel, uniform = KernelDensityRegressor(**net), KernelDensityRegressor(kernel="uniform", **net)
    normal, labels = DeepRegressor(loss="gaussian", **net), DeepLDLRegressor(**net)
    return {
        "constant": Histogram(),
        "KernelDensityRegressor()": searched(kernel, bandwidth=np.ptp(y) / steps),
        'KernelDensityRegressor(kernel="uniform")': searched(uniform, grid=cells),
        'DeepRegressor(loss="gaussian")': searched(normal, lr=[0.03, 0.01, 0.003, 0.001]),
        "LDLRegressor(DeepLDLRegressor())": searched(LabelDistributions(labels), steps=steps),
        "truth": Truth(problem),
    }


def interval(model: BaseEstimator, X: NDArray, level: float) -> NDArray:
    """Bounds of the central intervals; all levels are computed once."""
    if not hasattr(model, "bounds_"):
        tails = (1 - np.array(LEVELS)) / 2
        model.bounds_ = model.quantile(X, np.concatenate([tails, 1 - tails]))
    position = LEVELS.index(level)
    return model.bounds_[:, [position, position + len(LEVELS)]]


def inside(model, X, y, level: float = 0.9) -> NDArray:
    low, high = interval(model, X, level).T
    return 100.0 * ((low <= y) & (y <= high))


def by_x(model, X, y) -> float:
    bins = np.array_split(np.argsort(X[:, 0]), 10)
    return float(np.mean([abs(inside(model, X, y)[rows].mean() - 90) for rows in bins]))


#: Measure -> digits, and what computes it.
MEASURES: dict[str, tuple[int, Callable]] = {
    **{
        f"{level:.0%}": (1, lambda model, X, y, a=level: inside(model, X, y, a).mean())
        for level in LEVELS
    },
    "by x": (1, by_x),
    "log-density": (3, log_score),
    "width": (3, lambda model, X, y: np.ptp(interval(model, X, 0.9), axis=1).mean()),
    "MAE": (3, lambda model, X, y: np.abs(y - model.predict(X)).mean()),
}


def of_best(measure: Callable, model: BaseEstimator, X: NDArray, y: NDArray) -> float:
    """Measure what a search has found."""
    return measure(getattr(model, "best_estimator_", model), X, y)


SCORERS = {name: partial(of_best, measure) for name, (_, measure) in MEASURES.items()}
SCORERS["fit_s"] = lambda model, X, y: getattr(model, "refit_time_", 0.0)


def scores(
    name: str, seed: int, n_train: int, n_test: int, max_epochs: int, **more: Any
) -> pd.DataFrame:
    """Measures of all models for one seed."""
    rng = np.random.default_rng(seed)
    (X, y), (X_test, y_test) = (PROBLEMS[name].draw(n, rng) for n in (n_train, n_test))
    return compared(
        models(PROBLEMS[name], y, seed, max_epochs),
        {name: (np.concatenate([X, X_test]), np.concatenate([y, y_test]))},
        cv=[(np.arange(n_train), np.arange(n_train, n_train + n_test))],
        scoring=SCORERS,
        **more,
    )


def main(report, options):
    names, n_seeds, sizes = list(PROBLEMS), 5, (5000, 20_000, 60)
    if options.quick:
        names, n_seeds, sizes = ["homoscedastic", "bimodal"], 1, (300, 300, 2)
    table = report.table(problem="", model="", **dict.fromkeys(MEASURES, ""), fit_s=".1f")
    for name in names:
        runs = [scores(name, seed, *sizes, cache=options.cache) for seed in range(n_seeds)]
        for model, frame in pd.concat(runs).groupby("estimator", sort=False):
            cells = {measure: spread(frame[measure], d) for measure, (d, _) in MEASURES.items()}
            table.row(problem=name, model=model, **cells, fit_s=frame["fit_s"].mean())


if __name__ == "__main__":
    run(__doc__, main, "torch", cache=CACHE)
