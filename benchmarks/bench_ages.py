"""Ages of faces (FG-Net)."""

from functools import partial

import numpy as np
import pandas as pd
from _common import CACHE, compared, data_folder, run
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.datasets import make_regression
from sklearn.dummy import DummyRegressor
from sklearn.linear_model import RidgeCV
from sklearn.metrics import make_scorer, mean_absolute_error
from sklearn.model_selection import GridSearchCV, GroupKFold, KFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import sklearn_ldl as ldl
from sklearn_ldl.datasets import load_ldl
from sklearn_ldl.deep import PRESETS
from sklearn_ldl.metrics import cumulative_score, epsilon_error


class OneFactor(TransformerMixin, BaseEstimator):
    """Divide all features by the standard deviation of all entries of the training rows."""

    def fit(self, X, y=None):
        self.scale_ = np.std(X)
        return self

    def transform(self, X):
        return X / self.scale_


SCALERS = {"standardised": StandardScaler, "one factor": OneFactor}


def ages(learner, decode="expectation", **gaussian):
    distributor = ldl.GaussianLabelDistributor(grid=np.arange(70), **gaussian)
    return ldl.LDLRegressor(learner, distributor, decode=decode)


def net(seed, **options):
    return {**PRESETS["plain"], "lr": 1e-3, "max_epochs": 60, "random_state": seed, **options}


def deep(seed, decode="expectation", sigma=2.0, pad=4, **options):
    return ages(ldl.DeepLDLRegressor(**net(seed, **options)), decode, sigma=sigma, pad=pad)


def tuned_deep(seed):
    settings = {"hidden_layer_sizes": (400,), "dropout": 0.5, "lr_schedule": "cosine"}
    grid = {"distributor__sigma": [3, 6], "estimator__loss": ["kl", "cad"]}
    return search(deep(seed, "median", pad=2, **settings), grid)


def tuned_linear(seed):
    grid = {"distributor__sigma": [4, 6, 8], "estimator__alpha": [1e-5, 1e-4, 1e-3, 1e-2]}
    return search(ages(ldl.BFGSLDL(), pad=2), grid)


def search(model, grid):
    folds = KFold(3, shuffle=True, random_state=0)
    return GridSearchCV(model, grid, cv=folds, scoring="neg_mean_absolute_error")


ROWS = {
    "mean age": lambda seed: DummyRegressor(),
    "RidgeCV": lambda seed: RidgeCV(np.logspace(-3, 5, 30)),
    "BFGSLDL": lambda seed: ages(ldl.BFGSLDL(alpha=1e-3), sigma=2.0, pad=4),
    "BFGSLDL, tuned": tuned_linear,
    "DLDL": deep,
    "C-Net": lambda seed: deep(seed, sigma=0, pad=0),
    "C-Net, arg-max": lambda seed: deep(seed, "argmax", sigma=0, pad=0),
    "LS": lambda seed: deep(seed, sigma=0, pad=0, label_smoothing=0.1),
    "LS, arg-max": lambda seed: deep(seed, "argmax", sigma=0, pad=0, label_smoothing=0.1),
    "alpha": lambda seed: deep(seed, loss="alpha"),
    "R-Net l1": lambda seed: ldl.DeepRegressor(**net(seed, loss="l1")),
    "R-Net l2": lambda seed: ldl.DeepRegressor(**net(seed, loss="l2")),
    "R-Net epsilon": lambda seed: ldl.DeepRegressor(**net(seed, loss="epsilon_insensitive")),
    "DLDL, tuned": tuned_deep,
}
DETERMINISTIC = ("mean age", "RidgeCV", "BFGSLDL", "BFGSLDL, tuned")
#: Rows of the second part: losses with the decoded value in them, and intervals.
LOSSES = {
    **{name: ROWS[name] for name in ("mean age", "RidgeCV", "BFGSLDL", "DLDL")},
    "DLDL-v2": lambda seed: deep(seed, loss="kl_expectation"),
    "mean-variance": lambda seed: deep(seed, sigma=0, pad=0, loss="mean_variance"),
    "mean-variance, Gaussian": lambda seed: deep(seed, loss="mean_variance"),
    **{name: ROWS[name] for name in ("C-Net", "R-Net l1")},
    "R-Net normal": lambda seed: ldl.DeepRegressor(**net(seed, loss="gaussian")),
}
#: Of these, the ones that predict no distribution.
NUMBERS = ("mean age", "RidgeCV", "R-Net l1")
ERRORS = {
    "MAE": make_scorer(mean_absolute_error),
    **{f"CS({g})": make_scorer(cumulative_score, threshold=g) for g in (1, 3, 5, 10)},
    "epsilon-error": make_scorer(lambda y, p: epsilon_error(y, p, np.full(len(y), 3.0))),
}


def interval(pipeline, X, coverage):
    """Bounds of central intervals; of numbers alone, the same number twice."""
    X = pipeline[:-1].transform(X)
    if hasattr(pipeline[-1], "interval"):
        return pipeline[-1].interval(X, coverage).T
    return np.tile(pipeline[-1].predict(X), (2, 1))


def covered(pipeline, X, y, coverage):
    low, high = interval(pipeline, X, coverage)
    return 100 * ((low <= y) & (y <= high)).mean()


def width(pipeline, X, y, coverage):
    low, high = interval(pipeline, X, coverage)
    return (high - low).mean()


COVERAGE = {
    **{f"{level:.0%}": partial(covered, coverage=level) for level in (0.5, 0.8, 0.9)},
    "width of 80%": partial(width, coverage=0.8),
}
SCORERS = ERRORS | COVERAGE


def splits(X, y, n_splits=5):
    """Folds of rows, and of people, whose faces stand one after the other, the youngest first."""
    person = np.cumsum(np.diff(y, prepend=y[0]) < 0)
    rows = KFold(n_splits, shuffle=True, random_state=0)
    people = GroupKFold(n_splits, shuffle=True, random_state=0)
    return {"rows": list(rows.split(X)), "people": list(people.split(X, y, person))}


def scores(X, y, cv, scaler, rows, seeds, scorers, cache):
    """Means over the folds, for every seed."""
    frames, models = [], ROWS | LOSSES
    for seed in seeds:
        names = [name for name in rows if seed == seeds[0] or name not in DETERMINISTIC]
        new = {name: make_pipeline(scaler(), models[name](seed)) for name in names}
        found = compared(new, {"ages": (X, y)}, cv=cv, scoring=scorers, cache=cache)
        frames.append(found.groupby("estimator", sort=False)[list(scorers)].mean())
    return pd.concat(frames).reset_index()


def methods(report, X, y, cv, seeds, rows, cache):
    found = {
        features: scores(X, y, cv["rows"], scaler, rows, seeds, ERRORS, cache)
        for features, scaler in SCALERS.items()
    }
    frame = pd.concat(found, names=["features"]).reset_index("features")
    by = {"features": "features", "estimator": "method"}
    report.section("## Methods")
    report.spreads(frame, by, dict.fromkeys(ERRORS, 3))
    report.say("")


def losses(report, X, y, cv, seeds, rows, cache):
    found = {folds: scores(X, y, cv[folds], OneFactor, rows, seeds, SCORERS, cache) for folds in cv}
    frame = pd.concat(found, names=["folds"]).reset_index("folds")
    by = {"folds": "folds", "estimator": "method"}
    report.section("## Losses and strangers")
    report.spreads(frame, by, dict.fromkeys(ERRORS, 3))
    report.say("")
    report.section("## Intervals")
    frame = frame[~frame["estimator"].isin(NUMBERS)]
    report.spreads(frame, by, dict.fromkeys(COVERAGE, 1))


#: Part -> its function, rows and seeds.
PARTS = {"methods": (methods, ROWS, (0, 1, 2)), "losses": (losses, LOSSES, (0,))}


def main(report, options):
    if options.quick:
        X, y = make_regression(100, 5, random_state=0)
        y = np.clip(30 + y / 10, 0, 69).round()
    else:
        bunch = load_ldl(data_folder() / "FG-Net.mat")
        X, y = np.asarray(bunch.data, dtype=np.float64), np.ravel(bunch.age).astype(float)
    cv = splits(X, y, 2 if options.quick else 5)
    for part in options.parts:
        make, rows, seeds = PARTS[part]
        if options.quick:
            rows, seeds = ("mean age", "RidgeCV", "BFGSLDL", "C-Net"), (0,)
        make(report, X, y, cv, seeds, rows, options.cache)


if __name__ == "__main__":
    parts = {"nargs": "+", "choices": PARTS, "default": list(PARTS), "help": "default: all"}
    run(__doc__, main, "torch", cache=CACHE, parts=parts)
