"""Coverage of prediction intervals."""

import numpy as np
import pandas as pd
from _common import CACHE, compared, run, spread
from scipy.stats import gamma, norm
from sklearn.base import BaseEstimator, RegressorMixin, clone
from sklearn.model_selection import GridSearchCV, ShuffleSplit

from sklearn_ldl import DeepLDLRegressor, GaussianLabelDistributor, LDLRegressor
from sklearn_ldl.deep import PRESETS
from sklearn_ldl.deep.values.deep_regressor import DeepRegressor
from sklearn_ldl.deep.values.kdn import KernelDensityRegressor
from sklearn_ldl.deep.values.mixtures import KernelMixture

LEVELS = np.array([0.5, 0.8, 0.9, 0.95])
#: Measure -> digits.
MEASURES = dict.fromkeys(("50%", "80%", "90%", "95%", "by x"), 1)
MEASURES |= dict.fromkeys(("log-density", "width", "MAE"), 3)


class Truth(RegressorMixin, BaseEstimator):
    """Values given x, with their true distribution: one of two, chosen at random."""

    def __init__(self, first, second=None, first_weight=np.ones_like):
        self.first = first
        self.second = second
        self.first_weight = first_weight

    def draw(self, n, rng):
        x = rng.uniform(-1, 1, n)
        parts = self.first, self.second or self.first
        values = [part(x).rvs(n, random_state=rng) for part in parts]
        return x[:, None], np.where(rng.random(n) < self.first_weight(x), *values)

    def fit(self, X, y):
        return self

    def average(self, x, function):
        weight, second = self.first_weight(x), self.second or self.first
        return weight * function(self.first(x)) + (1 - weight) * function(second(x))

    def predict(self, X):
        return self.average(X[:, 0], lambda part: part.mean())

    def log_density(self, X, y):
        return np.log(self.average(X[:, 0], lambda part: part.pdf(y)))

    def quantile(self, X, q):
        low, high = np.full((len(X), len(q)), -50.0), np.full((len(X), len(q)), 50.0)
        for _ in range(60):
            middle = (low + high) / 2
            below = self.average(X, lambda part, y=middle: part.cdf(y)) < q
            low, high = np.where(below, middle, low), np.where(below, high, middle)
        return middle


PROBLEMS = {
    "homoscedastic": Truth(lambda x: norm(np.sin(3 * x), 0.3)),
    "heteroscedastic": Truth(lambda x: norm(np.sin(3 * x), 0.1 + 0.225 * (1 + x) ** 2)),
    "bimodal": Truth(
        lambda x: norm(1 + x, 0.25), lambda x: norm(-1 - x, 0.25), lambda x: 0.5 + 0.2 * x
    ),
    "skewed": Truth(lambda x: gamma(2, np.sin(3 * x), 0.3)),
    "skewed, widening": Truth(lambda x: gamma(1.5, np.sin(3 * x), 0.3 + 0.2 * x)),
}


class Histogram(RegressorMixin, BaseEstimator):
    """Densities that are constant in the cells of `grid_`; this one is that of the values."""

    def fit(self, X, y):
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
    return np.maximum(model.log_density(X, y), -20.0).mean()


def searched(model, **candidates):
    split = ShuffleSplit(1, test_size=0.2, random_state=0)
    return GridSearchCV(model, candidates, scoring=log_score, cv=split)


def models(problem, y, seed, max_epochs):
    net = {**PRESETS["plain"], "max_epochs": max_epochs, "random_state": seed}
    net |= {"batch_size": 200, "lr": 0.03, "lr_schedule": "cosine"}
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
        "truth": problem,
    }


def measured(model, X, y):
    """All measures and the seconds of the last fit, computed once."""
    if not hasattr(model, "measured_"):
        best = getattr(model, "best_estimator_", model)
        bounds = best.quantile(X, np.concatenate([(1 - LEVELS) / 2, (1 + LEVELS) / 2]))
        low, high = np.split(bounds, 2, axis=1)
        inside = 100.0 * ((low <= y[:, None]) & (y[:, None] <= high))
        bins = np.array_split(np.argsort(X[:, 0]), 10)
        by_x = np.mean([abs(inside[rows, 2].mean() - 90) for rows in bins])
        width, error = (high - low)[:, 2].mean(), np.abs(y - best.predict(X)).mean()
        values = (*inside.mean(axis=0), by_x, log_score(best, X, y), width, error)
        model.measured_ = [*values, getattr(model, "refit_time_", 0.0)]
    return model.measured_


SCORERS = {
    name: lambda model, X, y, i=i: measured(model, X, y)[i]
    for i, name in enumerate([*MEASURES, "fit_s"])
}


def scores(name, seed, n_train, n_test, max_epochs, **more):
    rng = np.random.default_rng(seed)
    (X, y), (X_test, y_test) = (PROBLEMS[name].draw(n, rng) for n in (n_train, n_test))
    data = {name: (np.concatenate([X, X_test]), np.concatenate([y, y_test]))}
    rows = np.split(np.arange(n_train + n_test), [n_train])
    found = models(PROBLEMS[name], y, seed, max_epochs)
    return compared(found, data, cv=[rows], scoring=SCORERS, **more)


def main(report, options):
    names, n_seeds, sizes = list(PROBLEMS), 5, (5000, 20_000, 60)
    if options.quick:
        names, n_seeds, sizes = ["homoscedastic", "bimodal"], 1, (300, 300, 2)
    table = report.table(problem="", model="", **dict.fromkeys(MEASURES, ""), fit_s=".1f")
    for name in names:
        runs = [scores(name, seed, *sizes, cache=options.cache) for seed in range(n_seeds)]
        for model, frame in pd.concat(runs).groupby("estimator", sort=False):
            cells = {measure: spread(frame[measure], d) for measure, d in MEASURES.items()}
            table.row(problem=name, model=model, **cells, fit_s=frame["fit_s"].mean())


if __name__ == "__main__":
    run(__doc__, main, "torch", cache=CACHE)
