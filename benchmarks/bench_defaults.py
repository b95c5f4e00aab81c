"""What wrappers do at their defaults, against what they replace; the cost of a penalty."""

import warnings
from itertools import islice

import numpy as np
from _common import best_time, run
from _named_sets import classifications, regressions
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.metrics import log_loss, mean_absolute_error, r2_score
from sklearn.model_selection import KFold, StratifiedKFold, cross_val_predict
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sklearn_ldl import BFGSLDL, LDLClassifier, LDLRegressor


def drop_in(report, rival, ours, sets):
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
    report.section("## The cost of an automatic penalty")
    table = report.table(data="", chosen=".2g", standardised="", given=".2f", old_default=".2f")
    for n, p, c in sizes:
        # Ten votes a row from a softmax-linear truth with standard features.
        rng = np.random.default_rng(0)
        X = rng.standard_normal((n, p))
        Z = X @ rng.standard_normal((p, c)) / np.sqrt(p)
        D = rng.multinomial(10, np.exp(Z) / np.exp(Z).sum(axis=1, keepdims=True)) / 10
        automatic = BFGSLDL()
        ratios = []
        for _ in range(3):
            ours, _ = best_time(1, automatic.fit, X, D)
            chosen = {"alpha": automatic.alpha_, "standardize": automatic.standardized_}
            models = BFGSLDL(**chosen), BFGSLDL(0.01)
            ratios.append([ours / best_time(1, model.fit, X, D)[0] for model in models])
        given, old_default = np.median(ratios, axis=0)
        cells = {"chosen": chosen["alpha"], "standardised": str(chosen["standardize"])}
        table.row(data=f"{n:,} x {p} x {c}", **cells, given=given, old_default=old_default)
    report.say("")


def main(report, options):
    warnings.simplefilter("ignore")
    few, sizes = None, [(2_000, 250, 6), (100_000, 100, 10)]
    if options.quick:
        few, sizes = 3, [(500, 50, 10)]
    drop_in(report, Ridge(), LDLRegressor(), islice(regressions(), few))
    drop_in(report, LogisticRegression(), LDLClassifier(), islice(classifications(), few))
    cost(report, sizes)


if __name__ == "__main__":
    run(__doc__, main)
