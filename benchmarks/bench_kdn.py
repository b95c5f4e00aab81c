"""Do prediction intervals cover what they promise? Networks that predict densities, simulated.

Usage: ``python benchmarks/bench_kdn.py [--quick] [--out FILE]``.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np
from _common import Table, machine
from scipy.stats import gamma, norm
from sklearn.base import BaseEstimator, RegressorMixin, clone
from sklearn.model_selection import GridSearchCV, ShuffleSplit

from sklearn_ldl import DeepLDLRegressor, GaussianLabelDistributor, LDLRegressor
from sklearn_ldl.deep import PRESETS
from sklearn_ldl.deep.values.deep_regressor import DeepRegressor
from sklearn_ldl.deep.values.kdn import KernelDensityRegressor
from sklearn_ldl.deep.values.mixtures import KernelMixture

INTRODUCTION = """\
# Coverage of prediction intervals

Made by `OMP_NUM_THREADS=1 python benchmarks/bench_kdn.py --out doc/benchmarks/kdn.md`.

Simulated values with one feature x, uniform on [-1, 1]; {n_train:,} training and {n_test:,} test
rows; mean and standard deviation over {n_seeds} seeds of data and networks.

| problem | y given x |
|---|---|
{problems}

All models but two are the same network (100 hidden units; 60 epochs of Adam in batches of 200 rows
along a cosine schedule) with different outputs and losses. Each chooses among four settings by the
log-density of a fifth of the training rows: the kernel density networks and the label distributions
(Gaussian, predictions read as histograms) how wide kernels, cells or distributions are, from 1/25
to 1/200 of the range of y; the network that predicts a normal distribution its learning rate, from
0.001 to 0.03, which is 0.03 for the others. `constant` predicts the histogram of the training
values, and `truth` knows the distribution.

Columns: percent of the test values inside central intervals of 50, 80, 90 and 95 %; `by x`, mean
deviation of the coverage from 90 % over ten bins of x, in percentage points; mean log-density of
the test values in nats, where less than -20 counts as -20 (histograms end); mean width of the 90 %
intervals; mean absolute error of the predicted mean; seconds of the last fit, search excluded.
"""
LEVELS = np.array([0.5, 0.8, 0.9, 0.95])
BOUNDS = np.concatenate([(1 - LEVELS) / 2, (1 + LEVELS) / 2])
FLOOR = -20.0
# What is measured, and with how many digits it is shown.
MEASURES = {
    **{f"{level:.0%}": 1 for level in LEVELS},
    "by x": 1,
    "log-density": 3,
    "width": 3,
    "MAE": 3,
}


class Problem(NamedTuple):
    """Values given x: one of two distributions, chosen at random."""

    formula: str
    first_weight: Callable
    first: Callable
    second: Callable

    def draw(self, n, rng):
        """Draw features and values."""
        x = rng.uniform(-1, 1, n)
        values = [part(x).rvs(n, random_state=rng) for part in (self.first, self.second)]
        return x[:, None], np.where(rng.random(n) < self.first_weight(x), *values)

    def average(self, x, function):
        """Average a function of both distributions given `x`."""
        weight = self.first_weight(x)
        return weight * function(self.first(x)) + (1 - weight) * function(self.second(x))


def simple(formula, part):
    return Problem(formula, np.ones_like, part, part)


PROBLEMS = {
    "homoscedastic": simple(
        "sin 3x + 0.3 N(0, 1)",
        lambda x: norm(np.sin(3 * x), 0.3),
    ),
    "heteroscedastic": simple(
        "sin 3x + (0.1 + 0.225 (1 + x)²) N(0, 1)",
        lambda x: norm(np.sin(3 * x), 0.1 + 0.225 * (1 + x) ** 2),
    ),
    "bimodal": Problem(
        "1 + x with probability 0.5 + 0.2 x, else -1 - x; plus 0.25 N(0, 1)",
        lambda x: 0.5 + 0.2 * x,
        lambda x: norm(1 + x, 0.25),
        lambda x: norm(-1 - x, 0.25),
    ),
    "skewed": simple(
        "sin 3x + 0.3 Gamma(2)",
        lambda x: gamma(2, np.sin(3 * x), 0.3),
    ),
    "skewed, widening": simple(
        "sin 3x + (0.3 + 0.2 x) Gamma(1.5)",
        lambda x: gamma(1.5, np.sin(3 * x), 0.3 + 0.2 * x),
    ),
}


class Truth(RegressorMixin, BaseEstimator):
    """The distribution itself."""

    def __init__(self, problem):
        self.problem = problem

    def fit(self, X, y):
        """Do nothing."""
        return self

    def predict(self, X):
        """Mean."""
        return self.problem.average(X[:, 0], lambda part: part.mean())

    def log_density(self, X, y):
        """Logarithm of the density."""
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
    """Predictions of densities that are constant in the cells of `grid_`, with weights P(X)."""

    def predict(self, X):
        """Mean."""
        return self.predict_proba(X) @ self.grid_

    def log_density(self, X, y):
        """Logarithm of the density."""
        with np.errstate(divide="ignore"):
            return self._mixture().log_density(np.log(self.predict_proba(X)), y[:, None])

    def quantile(self, X, q):
        """Quantiles."""
        return self._mixture().quantile(self.predict_proba(X), q)

    def _mixture(self):
        return KernelMixture(self.grid_, self.grid_[1:2] - self.grid_[:1], "uniform")


class Constant(Histogram):
    """The histogram of the training values, with 50 cells."""

    def fit(self, X, y):
        """Count."""
        counts, edges = np.histogram(y, 50)
        self.grid_, self.weight_ = (edges[1:] + edges[:-1]) / 2, counts / len(y)
        return self

    def predict_proba(self, X):
        """Weights of the cells."""
        return np.tile(self.weight_, (len(X), 1))


class LabelDistributions(Histogram):
    """Gaussian label distributions with a standard deviation of 1 / `steps` of the range."""

    def __init__(self, learner=None, steps=25):
        self.learner = learner
        self.steps = steps

    def fit(self, X, y):
        """Train."""
        distributor = GaussianLabelDistributor(sigma=np.ptp(y) / self.steps)
        self.model_ = LDLRegressor(clone(self.learner), distributor).fit(X, y)
        self.grid_ = self.model_.grid_
        return self

    def predict_proba(self, X):
        """Weights of the cells."""
        return self.model_.predict_proba(X)


def log_score(model, X, y):
    return np.maximum(model.log_density(X, y), FLOOR).mean()


def searched(model, **candidates):
    split = ShuffleSplit(1, test_size=0.2, random_state=0)
    return GridSearchCV(model, candidates, scoring=log_score, cv=split)


def models(problem, y, seed):
    """Name -> model, for training values `y`."""
    net = {
        **PRESETS["plain"],
        "batch_size": 200,
        "lr": 0.03,
        "lr_schedule": "cosine",
        "random_state": seed,
    }
    steps = np.array([25, 50, 100, 200])
    cells = [y.min() + np.ptp(y) * (np.arange(n) + 0.5) / n for n in steps]
    kernel, uniform = KernelDensityRegressor(**net), KernelDensityRegressor(kernel="uniform", **net)
    normal, labels = DeepRegressor(loss="gaussian", **net), DeepLDLRegressor(**net)
    return {
        "constant": Constant(),
        "KernelDensityRegressor()": searched(kernel, bandwidth=np.ptp(y) / steps),
        'KernelDensityRegressor(kernel="uniform")': searched(uniform, grid=cells),
        'DeepRegressor(loss="gaussian")': searched(normal, lr=[0.03, 0.01, 0.003, 0.001]),
        "LDLRegressor(DeepLDLRegressor())": searched(LabelDistributions(labels), steps=steps),
        "truth": Truth(problem),
    }


def measure(model, X, y):
    bounds = model.quantile(X, BOUNDS)
    low, high = bounds[:, : len(LEVELS)], bounds[:, len(LEVELS) :]
    inside = (low <= y[:, None]) & (y[:, None] <= high)
    ninety = list(LEVELS).index(0.9)
    by_x = [inside[rows, ninety].mean() for rows in np.array_split(np.argsort(X[:, 0]), 10)]
    return [
        *(100 * inside.mean(axis=0)),
        100 * np.abs(np.array(by_x) - 0.9).mean(),
        log_score(model, X, y),
        (high - low)[:, ninety].mean(),
        np.abs(y - model.predict(X)).mean(),
    ]


def compare(problem, n_train, n_test, n_seeds):
    """Name of a model -> measures and seconds of every seed."""
    results: dict[str, list] = {}
    for seed in range(n_seeds):
        rng = np.random.default_rng(seed)
        train, test = problem.draw(n_train, rng), problem.draw(n_test, rng)
        for name, model in models(problem, train[1], seed).items():
            start = time.perf_counter()
            model.fit(*train)
            seconds = getattr(model, "refit_time_", time.perf_counter() - start)
            best = getattr(model, "best_estimator_", model)
            results.setdefault(name, []).append([*measure(best, *test), seconds])
    return results


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="one seed, fewer rows")
    parser.add_argument("--out", type=Path, help="also write the table to this file")
    options = parser.parse_args()
    sizes = {"n_train": 5000, "n_test": 20_000, "n_seeds": 5}
    if options.quick:
        sizes = {"n_train": 2000, "n_test": 5000, "n_seeds": 1}
    formulas = "\n".join(f"| {name} | {problem.formula} |" for name, problem in PROBLEMS.items())
    text = [INTRODUCTION.format(problems=formulas, **sizes), machine(), ""]
    print("\n".join(text))
    table = Table(problem="", model="", **dict.fromkeys(MEASURES, ""), fit_s=".1f")
    for label, problem in PROBLEMS.items():
        for name, rows in compare(problem, **sizes).items():
            *means, seconds = np.mean(rows, axis=0)
            spreads = np.std(rows, axis=0)
            cells = {
                measure: f"{mean:.{digits}f} ± {spread:.{digits}f}"
                for (measure, digits), mean, spread in zip(
                    MEASURES.items(), means, spreads[:-1], strict=True
                )
            }
            table.row(problem=label, model=name, **cells, fit_s=seconds)
    if options.out:
        options.out.write_text("\n".join([*text, *table.lines]) + "\n")


if __name__ == "__main__":
    main()
