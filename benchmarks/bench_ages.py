"""Ages of faces (FG-Net)."""

import numpy as np
import pandas as pd
from _common import CACHE, compared, data_folder, run
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.datasets import make_regression
from sklearn.dummy import DummyRegressor
from sklearn.linear_model import RidgeCV
from sklearn.metrics import make_scorer, mean_absolute_error
from sklearn.model_selection import GridSearchCV, KFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import sklearn_ldl as ldl
from sklearn_ldl.datasets import load_ldl
from sklearn_ldl.deep import PRESETS
from sklearn_ldl.metrics import cumulative_score, epsilon_error

FOLDS = KFold(5, shuffle=True, random_state=0)


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
SCORERS = {
    "MAE": make_scorer(mean_absolute_error),
    **{f"CS({g})": make_scorer(cumulative_score, threshold=g) for g in (1, 3, 5, 10)},
    "epsilon-error": make_scorer(lambda y, p: epsilon_error(y, p, np.full(len(y), 3.0))),
}


def main(report, options):
    seeds, folds, rows = (0, 1, 2), FOLDS, ROWS
    if options.quick:
        X, y = make_regression(100, 5, random_state=0)
        y, seeds, folds = np.clip(30 + y / 10, 0, 69).round(), (0,), KFold(2)
        rows = {name: ROWS[name] for name in ("mean age", "RidgeCV", "BFGSLDL", "C-Net")}
    else:
        bunch = load_ldl(data_folder() / "FG-Net.mat")
        X, y = np.asarray(bunch.data, dtype=np.float64), np.ravel(bunch.age).astype(float)
    how = {"cv": folds, "scoring": SCORERS, "cache": options.cache}
    frames = []
    for features, scaler in SCALERS.items():
        for seed in seeds:
            names = [name for name in rows if seed == 0 or name not in DETERMINISTIC]
            models = {name: make_pipeline(scaler(), rows[name](seed)) for name in names}
            frames.append(compared(models, {features: (X, y)}, **how).assign(seed=seed))
    groups = pd.concat(frames).groupby(["dataset", "estimator", "seed"], sort=False)
    means = groups[list(SCORERS)].mean().reset_index()
    report.spreads(means, {"dataset": "features", "estimator": "method"}, dict.fromkeys(SCORERS, 3))


if __name__ == "__main__":
    run(__doc__, main, "torch", cache=CACHE)
