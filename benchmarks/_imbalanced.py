"""What is fitted and scored by bench_imbalanced.py: folds, learners and corrections."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

import joblib
import numpy as np
import pandas as pd
from _common import load
from joblib import Parallel, delayed
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, clone
from sklearn.model_selection import KFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler, StandardScaler

from sklearn_ldl import (
    BFGSLDL,
    BFGSLDLCV,
    DeepLDLRegressor,
    DILDLRegressor,
    KNeighborsLDL,
    LabelDistributionMixin,
    LabelShiftCorrector,
    OFRRegressor,
    RDARegressor,
    metrics,
)
from sklearn_ldl.datasets import IMBALANCED_PROTOCOLS, ImbalancedKFold
from sklearn_ldl.deep import PRESETS

FILES = ["Movie", "emotion6", "SCUT_FBP", "Natural_Scene"]
SIX = ("chebyshev", "clark", "canberra", "kl_divergence", "cosine", "intersection")
EUCLIDEAN = ("euclidean", "tail_euclidean", "head_euclidean")
SIMILARITIES = ("cosine", "intersection")
KL = "kl_divergence"

NONE, UNIFORM_PRIOR, AUTOMATIC, TRUE_PRIOR = "none", "uniform prior", "automatic", "true prior"
UNIFORM, MEAN, ORACLE = "uniform", "training mean", "mean of the test fold"
NEIGHBOURS = "10 nearest neighbours"
#: Corrections after the fit: parameters of LabelShiftCorrector, which all forms state in full.
FORMS: dict[str, dict[str, Any]] = {
    UNIFORM_PRIOR: {"target_prior": "uniform"},
    "estimated": {"target_prior": "estimate", "method": "bbse", "significance": 1.0},
    AUTOMATIC: {"target_prior": "estimate", "method": "bbse", "significance": 0.05},
    "EM": {"target_prior": "estimate", "method": "em", "significance": 1.0},
    TRUE_PRIOR: {},  # that of the fold
}
SHUFFLED = KFold(5, shuffle=True, random_state=0)


class Plan(NamedTuple):
    """How much is computed."""

    n_folds: int
    #: Networks see fewer folds, and fewer of them are trained.
    n_deep_folds: int
    linear: list[str]
    deep: list[str]
    max_epochs: int
    max_rows: int | None = None


LINEAR = ["BFGSLDLCV", "BFGSLDLCV, min-max", "BFGSLDL, alpha 1"]
FEW_LINEAR = ["BFGSLDLCV", "BFGSLDL, alpha 1"]
DEEP = [
    "MLP + KL",
    "MLP + KL, adjusted in the loss",
    "OFR-FL",
    "OFR-CB",
    "OFR-DB",
    "RDA",
    "DILDL",
    "DILDL literal",
    "DILDL re-balanced",
]
#: The slowest networks are not cross-fitted, which the estimate of a prior would need.
SINGLE_FITS = ("RDA", "DILDL literal", "DILDL re-balanced")
FEW_DEEP = ["MLP + KL", "OFR-DB", "RDA", "DILDL", "DILDL re-balanced"]
PLANS = {
    "imbalanced": Plan(10, 10, LINEAR, DEEP, max_epochs=300),
    "iid": Plan(5, 2, FEW_LINEAR, FEW_DEEP, max_epochs=30, max_rows=1000),
}
QUICK = {
    "imbalanced": Plan(2, 2, LINEAR, DEEP, max_epochs=20),
    "iid": Plan(2, 2, FEW_LINEAR, FEW_DEEP, max_epochs=5, max_rows=300),
}


def learners(max_epochs: int) -> dict[str, BaseEstimator]:
    """All learners by name, with their scalers."""
    options = {"max_epochs": max_epochs, "random_state": 0}
    mlp = {**PRESETS["imbalanced"], **options}
    linear = [
        make_pipeline(StandardScaler(), BFGSLDLCV(cv=SHUFFLED)),
        make_pipeline(MinMaxScaler(), BFGSLDLCV(cv=SHUFFLED)),
        make_pipeline(StandardScaler(), BFGSLDL(alpha=1.0)),
    ]
    nets = [
        DeepLDLRegressor(**mlp),
        DeepLDLRegressor(logit_adjustment=1.0, **mlp),
        OFRRegressor("fl", **options),
        OFRRegressor("cb", **options),
        OFRRegressor("db", **options),
        RDARegressor(**options),
        DILDLRegressor(**options),
        DILDLRegressor(**PRESETS["dildl_literal"], **options),
        DILDLRegressor(**PRESETS["dildl_rebalanced"], **options),
    ]
    deep = [make_pipeline(MinMaxScaler(), net) for net in nets]
    return dict(zip([*LINEAR, *DEEP], [*linear, *deep], strict=True))


def splits(
    protocol: str, plan: Plan, name: str, X: NDArray, D: NDArray
) -> Iterator[tuple[NDArray, NDArray]]:
    """Training and test rows of the folds."""
    if protocol == "imbalanced":
        folds = ImbalancedKFold(**IMBALANCED_PROTOCOLS[name])
    else:
        folds = KFold(10, shuffle=True, random_state=0)
    for fold, (train, test) in enumerate(islice(folds.split(X, D), plan.n_folds)):
        if plan.max_rows:
            train = np.random.default_rng(fold).permutation(train)[: plan.max_rows]
        yield train, test


class Remembered(LabelDistributionMixin, BaseEstimator):
    """A learner that stores its fits in a folder, and finds them there when a run is resumed."""

    def __init__(self, estimator, folder):
        self.estimator = estimator
        self.folder = folder

    def fit(self, X, y):
        """Fit, or load what the same learner has made of the same rows before."""
        stored = self.folder / f"{joblib.hash((self.estimator, X, y))}.joblib"
        if stored.exists():
            self.model_ = joblib.load(stored)
            return self
        self.model_ = clone(self.estimator).fit(X, y)
        # Whole files only, also when the run is interrupted.
        unfinished = stored.with_suffix(".tmp")
        joblib.dump(self.model_, unfinished)
        unfinished.rename(stored)
        return self

    def decision_function(self, X):
        """Logits."""
        return self.model_.decision_function(X)

    def predict(self, X):
        """Predict distributions."""
        return self.model_.predict(X)


class Fold(NamedTuple):
    """One training set and its test fold."""

    protocol: str
    data: str
    fold: int
    X: NDArray
    D: NDArray
    X_test: NDArray
    D_test: NDArray

    def record(self, learner: str, correction: str, P: NDArray, **more: Any) -> dict[str, Any]:
        """All measures of one prediction."""
        place = {"protocol": self.protocol, "data": self.data, "fold": self.fold}
        scores = {name: getattr(metrics, name)(self.D_test, P) for name in (*SIX, "euclidean")}
        head = metrics.head_labels(self.D)
        if head.any() and not head.all():
            for name in ("tail_euclidean", "head_euclidean"):
                scores[name] = getattr(metrics, name)(self.D_test, P, head=head)
        return {**place, "learner": learner, "correction": correction, **scores, **more}


def constants(fold: Fold) -> list[dict[str, Any]]:
    """Score predictions that are equal for all rows."""
    n_labels = fold.D.shape[1]
    values = {
        UNIFORM: np.full(n_labels, 1 / n_labels),
        MEAN: fold.D.mean(axis=0),
        ORACLE: fold.D_test.mean(axis=0),
    }
    return [
        fold.record(name, NONE, np.tile(value, (len(fold.D_test), 1)))
        for name, value in values.items()
    ]


def neighbours(fold: Fold) -> list[dict[str, Any]]:
    """Score the ten nearest neighbours."""
    model = make_pipeline(StandardScaler(), KNeighborsLDL(n_neighbors=10)).fit(fold.X, fold.D)
    return [fold.record(NEIGHBOURS, NONE, model.predict(fold.X_test))]


def corrected(fold: Fold, learner: str, estimator: BaseEstimator) -> list[dict[str, Any]]:
    """Score a learner with every correction, after one cross-fit."""
    forms = {**FORMS, TRUE_PRIOR: {"target_prior": fold.D_test.mean(axis=0)}}
    model = LabelShiftCorrector(estimator, cv=SHUFFLED, random_state=0)
    if learner in SINGLE_FITS:
        forms = {form: forms[form] for form in (UNIFORM_PRIOR, TRUE_PRIOR)}
        model.set_params(target_prior="uniform")
    model.fit(fold.X, fold.D)
    records = [fold.record(learner, NONE, model.estimator_.predict(fold.X_test))]
    for form, parameters in forms.items():
        P = model.set_params(**parameters).adapt(fold.X_test).predict(fold.X_test)
        found = model.shift_detected_ if form == AUTOMATIC else None
        records.append(fold.record(learner, form, P, shift_found=found))
    return records


def jobs(protocol: str, plan: Plan, names: list[str], cache: Path | None) -> Iterator[Any]:
    """Everything to be computed, as delayed calls that return records."""
    estimators = learners(plan.max_epochs)
    for name in names:
        X, D = load(name)
        for i, (train, test) in enumerate(splits(protocol, plan, name, X, D)):
            fold = Fold(protocol, name, i, X[train], D[train], X[test], D[test])
            yield delayed(constants)(fold)
            yield delayed(neighbours)(fold)
            for learner in plan.linear + (plan.deep if i < plan.n_deep_folds else []):
                estimator = estimators[learner]
                if cache:
                    estimator = Remembered(estimator, cache)
                yield delayed(corrected)(fold, learner, estimator)


def run(
    protocol: str, plan: Plan, names: list[str], n_jobs: int, cache: Path | None
) -> pd.DataFrame:
    """One row per data set, learner, correction and fold."""
    records = []
    parallel = Parallel(n_jobs=n_jobs, return_as="generator")
    for done in parallel(jobs(protocol, plan, names, cache)):
        records += done
        last = records[-1]
        print(protocol, last["data"], last["fold"], last["learner"], file=sys.stderr, flush=True)
    return pd.DataFrame(records)
