"""Measure what sets and regions with a guarantee cover, and how large they are."""

import logging
import warnings

import numpy as np
import pandas as pd
from _common import ARTIFICIAL, load, run, spread
from joblib import Parallel, delayed
from mapie.classification import SplitConformalClassifier
from scipy.stats import entropy
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.frozen import FrozenEstimator
from sklearn.model_selection import KFold, ShuffleSplit, cross_val_predict
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sklearn_ldl import BFGSLDL, ConformalLDL
from sklearn_ldl.metrics import kl_divergence

FILES = [
    "SJAFFE",
    "M2B",
    "SCUT_FBP",
    "emotion6",
    "Natural_Scene",
    "Movie",
    "Yeast_alpha",
    "Yeast_cold",
    "Yeast_heat",
    "Yeast_spo",
]
#: Files whose learner is fitted anew in every split.
REFITTED = ["SJAFFE", "M2B", "Yeast_spo"]
RANDOM = {"randomize": True}
#: Sets -> parameters of ours, and the score and the option of MAPIE's, if it has such sets.
SETS = {
    "threshold": ({"method": "threshold"}, "lac", {}),
    "adaptive": ({"method": "adaptive"}, "aps", {"include_last_label": True}),
    "adaptive, randomized": (
        {"method": "adaptive", **RANDOM},
        "aps",
        {"include_last_label": "randomized"},
    ),
    "ordinal": ({"method": "ordinal"}, None, {}),
    "ordinal, randomized": ({"method": "ordinal", **RANDOM}, None, {}),
}
REGIONS = ["total_variation", "kl", "wasserstein"]


class Given(ClassifierMixin, BaseEstimator):
    """Features are the predicted distributions."""

    def fit(self, X, y=None):
        self.classes_ = np.arange(X.shape[1])
        return self

    def predict_proba(self, X):
        return X

    def predict(self, X):
        return X


class GivenLabels(Given):
    """A classifier of labels, for MAPIE."""

    def predict(self, X):
        return X.argmax(axis=1)


def learner():
    return make_pipeline(StandardScaler(), BFGSLDL())


def predicted(name):
    """Predictions for rows held out, of a linear model; and the truth."""
    X, D = load(name)
    return cross_val_predict(learner(), X, D, cv=KFold(5, shuffle=True, random_state=0)), D


def ours(P, seed, **parameters):
    # Not the numbers by which rows are split.
    return ConformalLDL(FrozenEstimator(Given().fit(P)), random_state=1000 + seed, **parameters)


def covered(D, members):
    """Share of the voters of a row whose label is in the set."""
    return (D * members).sum(axis=1)


def mapie(P, D, fit, test, score, options, seed):
    """Predict sets by MAPIE, for labels drawn from the distributions."""
    rng = np.random.default_rng(seed)
    labels = (D[fit].cumsum(axis=1) < rng.uniform(size=(len(fit), 1))).sum(axis=1)
    labels = np.minimum(labels, D.shape[1] - 1)
    model = SplitConformalClassifier(
        GivenLabels().fit(P), 0.9, conformity_score=score, random_state=seed
    )
    logging.disable(logging.INFO)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # not every label is drawn
        model.conformalize(P[fit], labels)
        return model.predict_set(P[test], conformity_score_params=options)[1][:, :, 0]


def halves(n_rows, seed):
    return next(ShuffleSplit(1, test_size=0.5, random_state=seed).split(np.empty(n_rows)))


def of_sets(P, D, seed):
    fit, test = halves(len(P), seed)
    for name, (parameters, score, options) in SETS.items():
        members = ours(P, seed, **parameters).fit(P[fit], D[fit]).predict_set(P[test])
        row = {"sets": name, "coverage": covered(D[test], members).mean()}
        row["labels"] = members.sum(axis=1).mean()
        if score is not None:
            members = mapie(P, D, fit, test, score, options, seed)
            row["MAPIE's coverage"] = covered(D[test], members).mean()
            row["MAPIE's labels"] = members.sum(axis=1).mean()
        yield row


def of_regions(P, D, seed):
    fit, test = halves(len(P), seed)
    for method in REGIONS:
        model = ours(P, seed, method=method).fit(P[fit], D[fit])
        region = model.predict_region(P[test])
        inside = model.region_contains(P[test], D[test])
        yield {
            "region": method,
            "coverage": inside.mean(),
            "radius": region.radius[0],
            "width": (region.high - region.low).mean(),
        }


def of_shift(P, D, seed):
    """Cover a target that has more of the rows whose predictions are sure."""
    fit, test = halves(len(P), seed)
    spread_of = entropy(P, axis=1)
    ratio = np.exp(-np.clip((spread_of - spread_of.mean()) / spread_of.std(), -2, 2))
    shift = {"sample_weight": ratio[fit]}, {"sample_weight": ratio[test]}
    for name in ("threshold", "adaptive, randomized", "total_variation"):
        parameters = SETS[name][0] if name in SETS else {"method": name}
        row = {"sets": name}
        for kind, (of_fit, of_test) in {"unknown": ({}, {}), "known": shift}.items():
            model = ours(P, seed, **parameters).fit(P[fit], D[fit], **of_fit)
            if name in SETS:
                found = covered(D[test], model.predict_set(P[test], **of_test))
            else:
                found = model.region_contains(P[test], D[test], **of_test)
            row[kind] = np.average(found, weights=ratio[test])
        yield row


def of_groups(P, D, seed):
    """Cover quarters of the rows, by how spread their predictions are."""
    fit, test = halves(len(P), seed)
    spread_of = entropy(P, axis=1)
    quarter = np.searchsorted(np.quantile(spread_of, [0.25, 0.5, 0.75]), spread_of)
    for name, (parameters, *_) in SETS.items():
        if "randomized" in name:
            continue
        row = {"sets": name}
        for kind in ("of all", "of each"):
            of_fit, of_test = (quarter[fit], quarter[test]) if kind == "of each" else (None, None)
            model = ours(P, seed, **parameters).fit(P[fit], D[fit], coverage_groups=of_fit)
            members = model.predict_set(P[test], coverage_groups=of_test)
            for k in range(4):
                row[f"{kind}, {k}"] = covered(D[test], members)[quarter[test] == k].mean()
        yield row


def of_fits(X, D, seed):
    """Folds of the training rows against a third of them set aside."""
    train, test = next(ShuffleSplit(1, test_size=0.3, random_state=seed).split(X))
    for name, cv in {"5 folds": 5, "a third set aside": 1 / 3}.items():
        model = ConformalLDL(learner(), cv=cv, random_state=1000 + seed, **RANDOM).fit(
            X[train], D[train]
        )
        members = model.predict_set(X[test])
        yield {
            "cv": name,
            "coverage": covered(D[test], members).mean(),
            "labels": members.sum(axis=1).mean(),
            "KL divergence": kl_divergence(D[test], model.predict(X[test])),
        }


def measured(function, data, n_splits):
    """Rows of all splits, one after the other."""

    def of_split(name, seed):
        return [{"data": name, **row} for row in function(*data[name], seed)]

    runs = (delayed(of_split)(name, seed) for name in data for seed in range(n_splits))
    return pd.DataFrame([row for rows in Parallel(2)(runs) for row in rows])


def main(report, options):
    n_splits = 2 if options.quick else 50
    names = [ARTIFICIAL] if options.quick else FILES
    given = dict(zip(names, Parallel(2)(delayed(predicted)(name) for name in names), strict=True))

    digits = {"coverage": 3, "labels": 2, "MAPIE's coverage": 3, "MAPIE's labels": 2}
    table = report.table(data="", sets="", **dict.fromkeys(digits, ""))
    found = measured(of_sets, given, n_splits)
    for (name, kind), part in found.groupby(["data", "sets"], sort=False):
        shown = {c: spread(part[c], d) for c, d in digits.items() if part[c].notna().all()}
        table.row(data=name, sets=kind, **shown)

    report.say("")
    report.section("## Regions of distributions")
    report.spreads(
        measured(of_regions, given, n_splits),
        {"data": "data", "region": "distance"},
        {"coverage": 3, "radius": 3, "width": 2},
    )

    report.say("")
    report.section("## A known shift")
    report.spreads(
        measured(of_shift, given, n_splits),
        {"data": "data", "sets": "sets"},
        {"unknown": 3, "known": 3},
    )

    report.say("")
    report.section("## Groups")
    found = measured(of_groups, given, n_splits)
    table = report.table(data="", sets="", **{"one threshold": ".3f", "one each": ".3f"})
    for (name, kind), part in found.groupby(["data", "sets"], sort=False):
        lowest = {k: min(part[f"{k}, {q}"].mean() for q in range(4)) for k in ("of all", "of each")}
        table.row(
            data=name,
            sets=kind,
            **{"one threshold": lowest["of all"], "one each": lowest["of each"]},
        )

    report.say("")
    report.section("## Rows set aside, or folds")
    names = [ARTIFICIAL] if options.quick else REFITTED
    report.spreads(
        measured(of_fits, {name: load(name) for name in names}, 1 if options.quick else 10),
        {"data": "data", "cv": "calibration"},
        {"coverage": 3, "labels": 2, "KL divergence": 4},
    )


if __name__ == "__main__":
    run(__doc__, main, "mapie")
