"""Boosted trees: ours against XGBoost and LightGBM driven by hand."""

import time
from functools import partial
from importlib.util import find_spec

import lightgbm
import numpy as np
from _common import load, run
from scipy.special import softmax
from sklearn.model_selection import KFold

from sklearn_ldl import GradientBoostingLDL
from sklearn_ldl.metrics import kl_divergence

RATE, DEPTH, SHARE = 0.05, 5, 0.5


def simulated(n_rows, seed):
    rng = np.random.default_rng(seed)
    X = rng.standard_normal((n_rows + 5000, 50))
    W = 2 * rng.standard_normal((50, 30)) / np.sqrt(50)
    V = rng.standard_normal((30, 8))
    D = rng.multinomial(20, softmax(np.tanh(X @ W) @ V, axis=1)) / 20
    return X[:n_rows], D[:n_rows], X[n_rows:], D[n_rows:]


def ours(X, D, X_new, n_rounds, seed, *, engine):
    options = {"learning_rate": RATE, "max_depth": DEPTH, "subsample": SHARE, "engine": engine}
    options |= {"max_features": "sqrt", "early_stopping": False, "n_jobs": 1}
    return GradientBoostingLDL(n_rounds, random_state=seed, **options).fit(X, D).predict(X_new)


def tried(X):
    """Share of the features that are tried at a split."""
    return int(np.sqrt(X.shape[1])) / X.shape[1]


def derivatives(D, Z, data):
    P = softmax(Z, axis=1)
    return P - D, P * (1 - P)


def by_hand_lightgbm(X, D, X_new, n_rounds, seed):
    parameters = {"learning_rate": RATE, "max_depth": DEPTH, "num_leaves": 2**DEPTH, "seed": seed}
    parameters |= {"bagging_fraction": SHARE, "bagging_freq": 1, "num_threads": 1, "verbosity": -1}
    parameters |= {"feature_fraction_bynode": tried(X), "force_row_wise": True}
    parameters |= {"objective": partial(derivatives, D), "num_class": D.shape[1]}
    start = np.log(D.mean(axis=0))
    data = lightgbm.Dataset(X, np.zeros(len(X)), init_score=np.tile(start, (len(X), 1)))
    booster = lightgbm.train(parameters, data, n_rounds)
    return softmax(start + booster.predict(X_new, raw_score=True), axis=1)


def by_hand_xgboost(X, D, X_new, n_rounds, seed):
    import xgboost

    start = np.log(D.mean(axis=0))

    def table(X, **more):
        return xgboost.DMatrix(X, base_margin=np.tile(start, (len(X), 1)), nthread=1, **more)

    parameters = {"eta": RATE, "max_depth": DEPTH, "subsample": SHARE, "tree_method": "hist"}
    parameters |= {"colsample_bynode": tried(X), "base_score": 0, "nthread": 1, "seed": seed}
    gradient = partial(derivatives, D)
    booster = xgboost.train(parameters, table(X, label=D), n_rounds, obj=gradient)
    return softmax(booster.predict(table(X_new), output_margin=True), axis=1)


RIVALS = {"LightGBM by hand": by_hand_lightgbm}
if find_spec("xgboost"):
    RIVALS["XGBoost by hand"] = by_hand_xgboost
OURS = {f"GradientBoostingLDL, {e}": partial(ours, engine=e) for e in ("sklearn", "lightgbm")}


def race(table, name, folds, n_rounds, learners):
    """One row for each learner; the folds, or seeds, are the outer loop."""
    losses, seconds = ({key: [] for key in learners} for _ in range(2))
    means = []
    for seed, (X, D, X_new, D_new) in enumerate(folds):
        means.append(kl_divergence(D_new, np.tile(D.mean(axis=0), (len(D_new), 1))))
        for key, learner in learners.items():
            start = time.process_time()
            P = learner(X, D, X_new, n_rounds, seed)
            seconds[key].append(time.process_time() - start)
            losses[key].append(kl_divergence(D_new, P))
    shared = {"data": name, "rounds": n_rounds}
    table.row(**shared, trees="none: the mean", KL=np.mean(means))
    for key in learners:
        row = {"KL": np.mean(losses[key]), "CPU s": np.mean(seconds[key])}
        if set(RIVALS) <= set(learners):
            row["KL ratio"] = row["KL"] / min(np.mean(losses[rival]) for rival in RIVALS)
            row["CPU ratio"] = row["CPU s"] / min(np.mean(seconds[rival]) for rival in RIVALS)
        table.row(**shared, trees=key, **row)


def main(report, options):
    formats = {"KL": ".4f", "CPU s": ".1f", "KL ratio": ".3f", "CPU ratio": ".2f"}
    table = report.table(data="", rounds="", trees="", **formats)
    if options.quick:
        race(table, "1,000 rows", [simulated(1000, 0)], 10, RIVALS | OURS)
        return
    for n_rows, n_seeds in ((20_000, 3), (100_000, 1)):
        folds = [simulated(n_rows, seed) for seed in range(n_seeds)]
        name = f"{n_rows:,} rows, {n_seeds} seed" + "s" * (n_seeds > 1)
        race(table, name, folds, 100, RIVALS | OURS)
    for n_rows in (3_000, 10_000):
        race(table, f"{n_rows:,} rows", [simulated(n_rows, 0)], 400, OURS)
    for name, n_used in (("SCUT_FBP", 3), ("Natural_Scene", 3), ("Movie", 1)):
        learners = OURS if name != "Movie" else dict(list(OURS.items())[:1])
        X, D = load(name)
        parts = list(KFold(3, shuffle=True, random_state=0).split(X))[:n_used]
        race(table, name, [(X[a], D[a], X[b], D[b]) for a, b in parts], 400, learners)


if __name__ == "__main__":
    run(__doc__, main, "lightgbm", *["xgboost"] * (len(RIVALS) == 2))
