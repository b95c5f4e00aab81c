"""Boosted trees: ours against XGBoost and LightGBM driven by hand, on many rows and on real files.

Usage: ``python benchmarks/bench_boosting.py [--quick] [--rounds N ...] [--out FILE]``.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Iterable
from importlib.util import find_spec
from pathlib import Path

import lightgbm
import numpy as np
from _common import Table, load, machine
from scipy.special import softmax
from sklearn.model_selection import KFold

from sklearn_ldl import GradientBoostingLDL
from sklearn_ldl.metrics import kl_divergence

INTRODUCTION = """\
# Boosted trees

Made by `{command}`.

Simulated: 50 standard normal features, 8 labels whose logits are linear in 30 tanh units, 20 votes
a row; 5,000 more rows to test on; means over seeds, which draw the data as well.
Fewer rows show where the default of `engine` changes. Real files: three folds, of which Movie takes
the first alone.
Everywhere a rate of 0.05, depth 5, half of the rows a round and the root of the number of features
at a split. XGBoost and LightGBM are driven by hand with gradient P - D and curvature P (1 - P) from
the log of the mean distribution, and keep their other defaults. Early stopping is off. CPU: seconds
of fit and prediction, one thread, in turns; ratios are those to the better of the two rivals.
"""
RATE, DEPTH, SHARE = 0.05, 5, 0.5
Learner = Callable[[np.ndarray, np.ndarray, np.ndarray, int, int], np.ndarray]
Data = tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]


def simulated(n_rows: int, seed: int) -> Data:
    """Training rows, their votes, new rows, their votes."""
    rng = np.random.default_rng(seed)
    X = rng.standard_normal((n_rows + 5000, 50))
    W = 2 * rng.standard_normal((50, 30)) / np.sqrt(50)
    V = rng.standard_normal((30, 8))
    D = rng.multinomial(20, softmax(np.tanh(X @ W) @ V, axis=1)) / 20
    return X[:n_rows], D[:n_rows], X[n_rows:], D[n_rows:]


def ours(engine: str) -> Learner:
    def fit_predict(X, D, X_new, n_rounds, seed):
        model = GradientBoostingLDL(
            n_rounds,
            learning_rate=RATE,
            max_depth=DEPTH,
            subsample=SHARE,
            max_features="sqrt",
            early_stopping=False,
            engine=engine,
            n_jobs=1,
            random_state=seed,
        )
        return model.fit(X, D).predict(X_new)

    return fit_predict


def by_hand_lightgbm(X, D, X_new, n_rounds, seed):
    start = np.log(D.mean(axis=0))

    def objective(Z, data):
        P = softmax(Z, axis=1)
        return P - D, P * (1 - P)

    parameters = {
        "objective": objective,
        "num_class": D.shape[1],
        "learning_rate": RATE,
        "max_depth": DEPTH,
        "num_leaves": 2**DEPTH,
        "bagging_fraction": SHARE,
        "bagging_freq": 1,
        "feature_fraction_bynode": tried(X) / X.shape[1],
        "force_row_wise": True,
        "num_threads": 1,
        "verbosity": -1,
        "seed": seed,
    }
    data = lightgbm.Dataset(X, np.zeros(len(X)), init_score=np.tile(start, (len(X), 1)))
    booster = lightgbm.train(parameters, data, n_rounds)
    return softmax(start + booster.predict(X_new, raw_score=True), axis=1)


def by_hand_xgboost(X, D, X_new, n_rounds, seed):
    import xgboost

    start = np.log(D.mean(axis=0))

    def objective(Z, data):
        P = softmax(Z, axis=1)
        return P - D, P * (1 - P)

    parameters = {
        "eta": RATE,
        "max_depth": DEPTH,
        "subsample": SHARE,
        "colsample_bynode": tried(X) / X.shape[1],
        "tree_method": "hist",
        "base_score": 0,
        "nthread": 1,
        "seed": seed,
    }

    def table(X, **more):
        return xgboost.DMatrix(X, base_margin=np.tile(start, (len(X), 1)), nthread=1, **more)

    booster = xgboost.train(parameters, table(X, label=D), n_rounds, obj=objective)
    return softmax(booster.predict(table(X_new), output_margin=True), axis=1)


def tried(X: np.ndarray) -> int:
    return int(np.sqrt(X.shape[1]))


RIVALS: dict[str, Learner] = {"LightGBM by hand": by_hand_lightgbm}
if find_spec("xgboost"):
    RIVALS["XGBoost by hand"] = by_hand_xgboost
OURS = {"sklearn": ours("sklearn"), "lightgbm": ours("lightgbm")}


def compare(table: Table, name: str, folds: list[Data], n_rounds: int, learners: dict) -> None:
    """One row for each learner; the folds, or seeds, are the outer loop."""
    losses: dict[str, list[float]] = {key: [] for key in learners}
    seconds: dict[str, list[float]] = {key: [] for key in learners}
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
    rivals = [key for key in learners if key in RIVALS]
    for key in learners:
        row = {"KL": np.mean(losses[key]), "CPU s": np.mean(seconds[key])}
        if rivals:
            row["KL ratio"] = row["KL"] / min(np.mean(losses[rival]) for rival in rivals)
            row["CPU ratio"] = row["CPU s"] / min(np.mean(seconds[rival]) for rival in rivals)
        table.row(**shared, trees=f"GradientBoostingLDL, {key}" if key in OURS else key, **row)


def real_folds(name: str, n_folds: int, n_used: int) -> list[Data]:
    X, D = load(name)
    parts: Iterable = KFold(n_folds, shuffle=True, random_state=0).split(X)
    return [(X[a], D[a], X[b], D[b]) for a, b in parts][:n_used]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="few rows, ten rounds, no real file")
    parser.add_argument("--rounds", type=int, nargs="+", default=[100], help="of simulated data")
    parser.add_argument("--out", type=Path, help="also write the table to this file")
    options = parser.parse_args()
    command = "OMP_NUM_THREADS=1 python benchmarks/bench_boosting.py"
    if options.rounds != [100]:
        command += " --rounds " + " ".join(map(str, options.rounds))
    command += f" --out {options.out}" if options.out else ""
    versions = f"LightGBM {lightgbm.__version__}"
    if "XGBoost by hand" in RIVALS:
        import xgboost

        versions += f", XGBoost {xgboost.__version__}"
    text = [INTRODUCTION.format(command=command), f"{machine()}, {versions}", ""]
    print("\n".join(text))
    formats = {"KL": ".4f", "CPU s": ".1f", "KL ratio": ".3f", "CPU ratio": ".2f"}
    table = Table(data="", rounds="", trees="", **formats)
    if options.quick:
        compare(table, "1,000 rows", [simulated(1000, 0)], 10, RIVALS | OURS)
        return
    for n_rounds in options.rounds:
        for n_rows, n_seeds in ((20_000, 3), (100_000, 1)):
            folds = [simulated(n_rows, seed) for seed in range(n_seeds)]
            name = f"{n_rows:,} rows, {n_seeds} seed" + "s" * (n_seeds > 1)
            compare(table, name, folds, n_rounds, RIVALS | OURS)
    for n_rows in (3_000, 10_000):
        compare(table, f"{n_rows:,} rows", [simulated(n_rows, 0)], 400, OURS)
    for name, n_folds, n_used in (("SCUT_FBP", 3, 3), ("Natural_Scene", 3, 3), ("Movie", 3, 1)):
        learners = OURS if name != "Movie" else {"sklearn": OURS["sklearn"]}
        compare(table, name, real_folds(name, n_folds, n_used), 400, learners)
    if options.out:
        options.out.write_text("\n".join([*text, *table.lines]) + "\n")


if __name__ == "__main__":
    main()
