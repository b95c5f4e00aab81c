"""What is fitted and scored by bench_imbalanced.py: folds, learners and corrections."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from _common import SIX, load
from joblib import Parallel, delayed
from numpy.typing import NDArray
from sklearn.base import BaseEstimator
from sklearn.model_selection import KFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler, StandardScaler

from sklearn_ldl import (
    BFGSLDL,
    BFGSLDLCV,
    DeepLDLRegressor,
    DILDLRegressor,
    KNeighborsLDL,
    LabelShiftCorrector,
    OFRRegressor,
    RDARegressor,
    metrics,
)
from sklearn_ldl.datasets import IMBALANCED_PROTOCOLS, ImbalancedKFold
from sklearn_ldl.deep import PRESETS

FILES = ["Movie", "emotion6", "SCUT_FBP", "Natural_Scene"]
EUCLIDEAN = ("euclidean", "tail_euclidean", "head_euclidean")
KL = "kl_divergence"

NONE, UNIFORM_PRIOR, AUTOMATIC, TRUE_PRIOR = "none", "uniform prior", "automatic", "true prior"
UNIFORM, MEAN, ORACLE = "uniform", "training mean", "mean of the test fold"
NEIGHBOURS = "10 nearest neighbours"
#: Corrections after the fit: parameters of LabelShiftCorrector, which all forms state in full.
FORMS: dict[str, dict[str, Any]] = {
    UNIFORM_PRIOR: {"target_prior": "uniform"},
    "estimated": {"target_prior": "estimate", "method": "bbse", "significance": 1.0},
    AUTOMATIC: {"target_prior": "estimate", "method": "bbse", "significance": 0.01},
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
    "OFR-DB, all epochs",
    "RDA, all epochs",
    "DILDL re-balanced, all epochs",
]
#: Some networks are not cross-fitted, which the estimate of a prior would need, to save time.
SINGLE_FITS = ["DILDL literal", *DEEP[-3:]]
FEW_DEEP = ["MLP + KL", "OFR-DB", "RDA", "DILDL", "DILDL re-balanced"]
PLANS = {
    "imbalanced": Plan(10, 10, LINEAR, DEEP, max_epochs=300),
    "iid": Plan(3, 2, FEW_LINEAR, FEW_DEEP, max_epochs=30, max_rows=1000),
}
QUICK = {
    "imbalanced": Plan(2, 2, LINEAR, DEEP, max_epochs=20),
    "iid": Plan(2, 2, FEW_LINEAR, FEW_DEEP, max_epochs=5, max_rows=300),
}


def learners(max_epochs: int) -> dict[str, BaseEstimator]:
    """All learners by name, with their scalers."""
    options = {"max_epochs": max_epochs, "random_state": 0}
    mlp = {**PRESETS["plain"], **PRESETS["imbalanced"], **options}
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
        OFRRegressor("db", early_stopping=False, **options),
        RDARegressor(early_stopping=False, **options),
        DILDLRegressor(**PRESETS["dildl_rebalanced"], early_stopping=False, **options),
    ]
    # Trained to the last epoch, networks overfit standardised features.
    deep = [
        make_pipeline(StandardScaler() if net.early_stopping else MinMaxScaler(), net)
        for net in nets
    ]
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


PLACE = ["protocol", "data", "fold", "learner"]
COLUMNS = [*PLACE, "correction", *SIX, *EUCLIDEAN, "shift_found"]
ROWS = [UNIFORM, MEAN, ORACLE, NEIGHBOURS, *LINEAR, *DEEP]


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
        scores = {name: getattr(metrics, SIX[name])(self.D_test, P) for name in SIX}
        scores["euclidean"] = metrics.euclidean_distance(self.D_test, P)
        head = metrics.head_labels(self.D)
        if head.any() and not head.all():
            scores["tail_euclidean"] = metrics.tail_euclidean_distance(self.D_test, P, head=head)
            scores["head_euclidean"] = metrics.head_euclidean_distance(self.D_test, P, head=head)
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
        found = float(model.shift_detected_) if form == AUTOMATIC else None
        records.append(fold.record(learner, form, P, shift_found=found))
    return records


def jobs(
    protocol: str, plan: Plan, names: list[str], done: set[tuple]
) -> Iterator[tuple[Callable, tuple, dict]]:
    """Everything that is still to be computed, as delayed calls that return records."""
    estimators = learners(plan.max_epochs)
    for name in names:
        X, D = load(name)
        for i, (train, test) in enumerate(splits(protocol, plan, name, X, D)):
            fold = Fold(protocol, name, i, X[train], D[train], X[test], D[test])
            calls = {UNIFORM: delayed(constants)(fold), NEIGHBOURS: delayed(neighbours)(fold)}
            for learner in plan.linear + (plan.deep if i < plan.n_deep_folds else []):
                calls[learner] = delayed(corrected)(fold, learner, estimators[learner])
            for learner, call in calls.items():
                if (protocol, name, i, learner) not in done:
                    yield call


def run(
    protocol: str, plan: Plan, names: list[str], *, n_jobs: int = 1, raw: Path | None = None
) -> pd.DataFrame:
    """One row per data set, learner, correction and fold; `raw` is read first and added to."""
    known = [pd.read_csv(raw)] if raw and raw.exists() else []
    done = {tuple(row) for frame in known for row in frame[PLACE].to_numpy()}
    parallel = Parallel(n_jobs=n_jobs, return_as="generator_unordered")
    for records in parallel(jobs(protocol, plan, names, done)):
        frame = pd.DataFrame(records, columns=COLUMNS)
        if raw:
            frame.to_csv(raw, mode="a", header=not raw.exists(), index=False)
        known.append(frame)
        print(*frame.loc[0, PLACE], file=sys.stderr, flush=True)
    frame = pd.concat(known, ignore_index=True)
    frame = frame[(frame["protocol"] == protocol) & frame["data"].isin(names)]
    order = {name: i for i, name in enumerate([*ROWS, NONE, *FORMS])}
    by = ["learner", "correction", "fold"]
    return frame.sort_values(by, key=lambda column: column.replace(order))
