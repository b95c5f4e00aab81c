"""Single fits of bench_methods.py: one record per data set, row, setting and fold, kept in a file.

Everything is fitted in a process of its own that ends when a fit needs too much CPU time.
"""

from __future__ import annotations

import sys
import time
import warnings
from collections.abc import Iterator
from functools import cache, lru_cache
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import scipy.sparse as sp
from _common import SIX, load
from _methods import BASELINES, METHODS, Candidates, Training
from _rivals import LINEAR_RIVALS, RIVALS, SLOWEST, SMALLEST_FILE, PythonLDL, algorithm
from _worker import OverLimit, Worker
from numpy.typing import NDArray
from sklearn.base import BaseEstimator
from sklearn.model_selection import GridSearchCV, KFold
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.sparsefuncs import mean_variance_axis

from sklearn_ldl import DeepLDLRegressor, metrics
from sklearn_ldl.datasets import make_ldl
from sklearn_ldl.metrics import get_ldl_scorer

FILES = ["SJAFFE", "SCUT_FBP", "emotion6", "Natural_Scene", "Yeast_alpha", "FG-Net", "Movie"]
#: Almost all of their features are zero; methods that can leave it so get sparse ones.
SPARSE_FILES = ("Movie",)
N_FOLDS = 10
#: Inner folds of the tuned settings, and the most rows that they are made of.
N_INNER_FOLDS, MAX_INNER_ROWS = 3, 1500

PREFIX = "python-ldl "
DEFAULTS, TUNED, RAW = "defaults", "tuned", "defaults, raw features"
OVER = "over limit"
ROWS = [*METHODS, *(PREFIX + name for name in RIVALS)]

PLACE = ["data", "row", "setting", "fold"]
COLUMNS = [*PLACE, *SIX, "fit_s", "search_s", "total_s", "failure", "parameters", "warnings"]


class Budget(NamedTuple):
    """How much CPU time may be spent, in seconds."""

    #: On one fit, its search and predictions included.
    per_fit: float
    #: On one row of one data set: when it is used up, no further fold is started.
    per_row: float


def settings(row: str, data: str) -> list[str]:
    """All settings in which a row is fitted."""
    if row.startswith(PREFIX):
        name = row.removeprefix(PREFIX)
        if name == SLOWEST and data != SMALLEST_FILE:
            return []
        raw = data in SPARSE_FILES and name in LINEAR_RIVALS
        return [DEFAULTS, RAW] if raw else [DEFAULTS]
    method = METHODS[row]
    if row in BASELINES:
        return [DEFAULTS]
    return [TUNED] if method.tunes_itself else [DEFAULTS, TUNED]


@lru_cache(maxsize=1)
def _dense(data: str) -> tuple[NDArray, NDArray]:
    return load(data)


@lru_cache(maxsize=1)
def _sparse(data: str) -> tuple[Any, NDArray]:
    X, D = _dense(data)
    return sp.csr_array(X), D


@cache
def _warm_up() -> None:
    """Do what torch does at the first fit only, so that it is not timed."""
    DeepLDLRegressor(max_epochs=1, random_state=0).fit(*make_ldl(20, random_state=0))


def fit_one(data: str, row: str, setting: str, fold: int) -> dict[str, Any]:
    """Fit and score one estimator on one fold."""
    sparse = data in SPARSE_FILES and row in METHODS and METHODS[row].takes_sparse
    X, D = (_sparse if sparse else _dense)(data)
    if row in METHODS:
        _warm_up()
    folds = KFold(N_FOLDS, shuffle=True, random_state=0).split(D)
    train, test = next(islice(folds, fold, None))
    record: dict[str, Any] = {"search_s": 0.0}
    start = time.process_time()
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        warnings.simplefilter("ignore", DeprecationWarning)
        warnings.simplefilter("ignore", FutureWarning)
        if row.startswith(PREFIX):
            name = row.removeprefix(PREFIX)
            algorithm(name)  # imported and compiled before it is timed
            scaler = "passthrough" if setting == RAW else StandardScaler()
            estimator = Pipeline([("scale", scaler), ("model", PythonLDL(name))])
        else:
            estimator, candidates = _own(row, X[train], D[train], sparse=sparse)
            if setting == TUNED and len(candidates) > 1:
                best = _search(estimator, candidates, X[train], D[train])
                estimator.set_params(**best)
                record["parameters"] = "; ".join(f"{name}={value}" for name, value in best.items())
                record["search_s"] = time.process_time() - start
        begin = time.process_time()
        estimator.fit(X[train], D[train])
        record["fit_s"] = time.process_time() - begin
        P = np.asarray(estimator.predict(X[test]))
    if np.isfinite(P).all():
        record.update({name: getattr(metrics, SIX[name])(D[test], P) for name in SIX})
    else:
        record["failure"] = "NaN"
    texts = dict.fromkeys(f"{type(w.message).__name__}: {w.message}" for w in caught)
    record["warnings"] = " | ".join(" ".join(text.split())[:200] for text in list(texts)[:3])
    record["total_s"] = time.process_time() - start
    return {"data": data, "row": row, "setting": setting, "fold": fold, **record}


def _own(row: str, X: Any, D: NDArray, *, sparse: bool) -> tuple[BaseEstimator, Candidates]:
    """Pipeline at the published parameters, and the candidates of its tuning."""
    method = METHODS[row]
    n, p = X.shape
    # Scalers, and the total variance of what they return. Centring would fill sparse features.
    scalers = [(StandardScaler(), p)]
    if sparse:
        variance = mean_variance_axis(X, axis=0)[1].sum()
        scalers = [("passthrough", variance), (StandardScaler(with_mean=False), p)]
    estimator, candidates = None, []
    for scaler, variance in scalers:
        training = Training(n, p, D.shape[1], squared_distance=2 * variance)
        if estimator is None:
            estimator = Pipeline([("scale", scaler), ("model", method.build(training))])
        for candidate in method.candidates(training):
            parameters = {f"model__{name}": value for name, value in candidate.items()}
            candidates.append({"scale": scaler, **parameters} if sparse else parameters)
    return estimator, candidates


def _search(estimator: BaseEstimator, candidates: Candidates, X: Any, D: NDArray) -> dict[str, Any]:
    """Candidate of the lowest inner KL divergence."""
    rows = np.random.default_rng(0).permutation(len(D))[:MAX_INNER_ROWS]
    search = GridSearchCV(
        estimator,
        [{name: [value] for name, value in candidate.items()} for candidate in candidates],
        cv=KFold(N_INNER_FOLDS, shuffle=True, random_state=0),
        scoring=get_ldl_scorer("neg_kl_divergence"),
        refit=False,
        error_score="raise",
    )
    return search.fit(X[rows], D[rows]).best_params_


def run(
    names: list[str], rows: list[str], n_folds: int, budget: Budget | None, raw: Path | None = None
) -> pd.DataFrame:
    """One line per fit; those in `raw` are not repeated, and new ones are added to it.

    Without a budget, nothing is fitted.
    """
    known = pd.read_csv(raw) if raw and raw.exists() else pd.DataFrame(columns=COLUMNS)
    worker = Worker()
    lines = []
    for data, row, setting in _combinations(names, rows) if budget else ():
        mine = known[
            (known["data"] == data) & (known["row"] == row) & (known["setting"] == setting)
        ]
        for record in _missing(worker, data, row, setting, n_folds, budget, mine):
            line = pd.DataFrame([record], columns=COLUMNS)
            lines.append(line)
            if raw:
                line.to_csv(raw, mode="a", header=not raw.exists(), index=False)
            print(*line.loc[0, [*PLACE, "kl_divergence", "total_s", "failure"]], file=sys.stderr)
    frame = pd.concat([known, *lines], ignore_index=True)
    wanted = frame["data"].isin(names) & frame["row"].isin(rows) & (frame["fold"] < n_folds)
    return frame[wanted].drop_duplicates(PLACE, keep="last")


def _combinations(names: list[str], rows: list[str]) -> Iterator[tuple[str, str, str]]:
    for data in names:
        for row in rows:
            for setting in settings(row, data):
                yield data, row, setting


def _missing(
    worker: Worker,
    data: str,
    row: str,
    setting: str,
    n_folds: int,
    budget: Budget,
    known: pd.DataFrame,
) -> Iterator[dict[str, Any]]:
    """Fit the folds that are not known, as far as the budget goes."""
    done = {record["fold"]: record for record in known.to_dict("records")}
    spent = 0.0
    for fold in range(n_folds):
        record = done.get(fold)
        # What was over a lower limit gets another chance.
        if record is None or (_over(record) and record["total_s"] < budget.per_fit):
            record = _limited(worker, budget.per_fit, data, row, setting, fold)
            yield record
        spent += record["total_s"]
        if spent >= budget.per_row or _over(record):
            return


def _over(record: dict[str, Any]) -> bool:
    return record.get("failure") == OVER


def _limited(
    worker: Worker, limit: float, data: str, row: str, setting: str, fold: int
) -> dict[str, Any]:
    try:
        return worker.call(limit, fit_one, data, row, setting, fold)
    except (OverLimit, RuntimeError) as error:
        failure, spent = (OVER, limit) if isinstance(error, OverLimit) else (str(error), 0.0)
        place = dict(zip(PLACE, (data, row, setting, fold), strict=True))
        return {**place, "failure": failure, "total_s": spent}
