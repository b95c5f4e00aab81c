"""What estimators do at their defaults: against what they replace, and against each other.

Scores of folds are kept in ``benchmarks/defaults_cache``, one file a row; what is there is not
fitted again.
"""

import time
import warnings
from itertools import islice
from pathlib import Path
from types import SimpleNamespace
from unittest.mock import patch

import numpy as np
import pandas as pd
from _common import ARTIFICIAL, best_time, compared, load, run
from _named_sets import classifications, regressions
from scipy.stats import gmean
from sklearn.dummy import DummyRegressor
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.metrics import log_loss, mean_absolute_error, r2_score
from sklearn.model_selection import KFold, StratifiedKFold, cross_val_predict
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import sklearn_ldl
from sklearn_ldl import AutoLDL, LDLClassifier, LDLRegressor

FILES = [
    *("SJAFFE", "SCUT_FBP", "emotion6", "Natural_Scene", "Yeast_alpha", "Yeast_cold"),
    *("Yeast_heat", "Yeast_spo", "M2B", "Movie", "FG-Net"),
]
CACHE = Path(__file__).parent / "defaults_cache"


class OneProcessor(AutoLDL):
    """Its clock is the CPU time of the process, so that the load of the machine is no matter."""

    def fit(self, X, y):
        clock = SimpleNamespace(monotonic=time.process_time)
        with patch("sklearn_ldl.auto.search.time", clock):
            return super().fit(X, y)


LINEAR = ("BFGSLDL", "BFGSLDLCV", "SmoothBFGSLDL")
SEEDED = ("GradientBoostingLDL", "DeepLDLRegressor")
#: Row -> estimator at its defaults, made when it is needed.
ROWS = {
    "mean": DummyRegressor,
    **{name: lambda name=name: getattr(sklearn_ldl, name)() for name in (*LINEAR, "DFLDL")},
    **{name: lambda name=name: getattr(sklearn_ldl, name)(random_state=0) for name in SEEDED},
    "AutoLDL": lambda: OneProcessor(60, random_state=0),
}
#: Rows that a file is too large for, within reason.
SKIPPED = {("DFLDL", "FG-Net"), ("DFLDL", "Movie")}
FOLDS = KFold(10, shuffle=True, random_state=0)


def drop_in(report, rival, ours, sets):
    """Compare with what is replaced, on named data sets."""
    report.section(f"## {type(ours).__name__} for {type(rival).__name__}")
    kind, measure, method = KFold, mean_absolute_error, "predict"
    if isinstance(rival, LogisticRegression):
        kind, measure, method = StratifiedKFold, log_loss, "predict_proba"
    digits = dict.fromkeys(("rival", "raw", "standardised"), ".3f")
    table = report.table(data="", rows="d", features="d", **digits)
    every = []
    for data, X, y in sets:
        folds = kind(5, shuffle=True, random_state=0)
        ratios, skill = [], 0.0
        for steps in ([], [StandardScaler()]):
            predictions = [
                cross_val_predict(make_pipeline(*steps, model), X, y, cv=folds, method=method)
                for model in (rival, ours)
            ]
            losses = [measure(y, P) for P in predictions]
            ratios.append(losses[1] / losses[0])
            skill = max(skill, r2_score(y, predictions[0]) if kind is KFold else losses[0])
        every += ratios
        sizes = dict(zip(("rows", "features"), X.shape, strict=True))
        table.row(data=data, **sizes, rival=skill, raw=ratios[0], standardised=ratios[1])
    what = "R2, the better of both." if kind is KFold else "log loss, the worse of both."
    medians = f"Median {np.median(every):.3f}, largest {max(every):.3f}."
    report.say("", f"{medians} The column *rival* is its {what}", "")


def cost(report, sizes):
    """Time the choice of a penalty."""
    report.section("## The cost of an automatic penalty")
    table = report.table(data="", chosen=".2g", standardised="", given=".2f", old_default=".2f")
    for n, p, c in sizes:
        # Ten votes a row from a softmax-linear truth with standard features.
        rng = np.random.default_rng(0)
        X = rng.standard_normal((n, p))
        Z = X @ rng.standard_normal((p, c)) / np.sqrt(p)
        D = rng.multinomial(10, np.exp(Z) / np.exp(Z).sum(axis=1, keepdims=True)) / 10
        automatic = sklearn_ldl.BFGSLDL()
        ratios = []
        for _ in range(3):
            ours, _ = best_time(1, automatic.fit, X, D)
            chosen = {"alpha": automatic.alpha_, "standardize": automatic.standardized_}
            models = sklearn_ldl.BFGSLDL(**chosen), sklearn_ldl.BFGSLDL(0.01)
            ratios.append([ours / best_time(1, model.fit, X, D)[0] for model in models])
        given, old_default = np.median(ratios, axis=0)
        cells = {"chosen": chosen["alpha"], "standardised": str(chosen["standardize"])}
        table.row(data=f"{n:,} x {p} x {c}", **cells, given=given, old_default=old_default)
    report.say("")


def scores(row, files, keep):
    """KL divergences of a row by file and fold, from the cache and of what is fitted now."""
    path = CACHE / f"{row}.csv"
    found = pd.DataFrame(columns=["data", "fold", "kl", "seconds"])
    if path.exists():
        found = pd.read_csv(path)
    for data in files:
        if data in set(found["data"]) or (row, data) in SKIPPED:
            continue
        new = compared({row: ROWS[row]()}, {data: load(data)}, cv=FOLDS, scoring="kl_divergence")
        names = {"dataset": "data", "kl_divergence": "kl", "fit_seconds": "seconds"}
        new = new.rename(columns=names)[list(found)]
        found = pd.concat([found, new]) if len(found) else new
        if keep:
            found.to_csv(path, index=False, float_format="%.8g")
    return found.set_index(["data", "fold"])["kl"]


def on_files(report, rows, files, *, fit=True, keep=True):
    """Divergences over those of the mean distribution on the same folds."""
    report.section("## On the files")
    mean = scores("mean", files if fit else [], keep)
    table = report.table(estimator="", **dict.fromkeys(files, ""), mean="")
    for row in rows:
        found = scores(row, files if fit else [], keep)
        cells, ratios = {}, []
        for data in files:
            if data not in found.index:
                continue
            kl = found[data]
            ratios.append(kl.sum() / mean[data][kl.index].sum())
            cells[data] = f"{ratios[-1]:.3f}" + (f" ({len(kl)})" if len(kl) < 10 else "")
        whole = f"{gmean(ratios):.4f}" if len(ratios) == len(files) else ""
        table.row(estimator=row, **cells, mean=whole)


def main(report, options):
    warnings.simplefilter("ignore")
    few, sizes = None, [(2_000, 250, 6), (100_000, 100, 10)]
    if options.quick:
        few, sizes = 3, [(500, 50, 10)]
    drop_in(report, Ridge(), LDLRegressor(), islice(regressions(), few))
    drop_in(report, LogisticRegression(), LDLClassifier(), islice(classifications(), few))
    cost(report, sizes)
    if options.quick:
        on_files(report, LINEAR, [ARTIFICIAL], keep=False)
    else:
        on_files(report, options.rows or list(ROWS)[1:], FILES, fit=not options.cached)


if __name__ == "__main__":
    arguments = {
        "rows": {"nargs": "+", "choices": ROWS, "help": "rows of the table of files; default: all"},
        "cached": {"action": "store_true", "help": "only folds of files that are in the cache"},
    }
    run(__doc__, main, **arguments)
