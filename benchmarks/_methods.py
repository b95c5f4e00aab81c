"""Rows of bench_methods.py, and single fits of them, kept in a small file for every data set."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
import warnings
from functools import cache, partial
from importlib.metadata import version
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
from _common import load
from _rivals import RIVALS, PythonLDL
from _worker import OverLimit, Worker
from numpy.typing import NDArray
from scipy.sparse import csr_array
from sklearn.base import BaseEstimator
from sklearn.compose import TransformedTargetRegressor
from sklearn.model_selection import KFold, ParameterGrid

from sklearn_ldl import GradientBoostingLDL, metrics, project_simplex
from sklearn_ldl.compare import compare
from sklearn_ldl.compare.estimators import BASELINES, ESTIMATORS, Entry
from sklearn_ldl.compare.estimators.entry import ALL_SCALINGS, NONE, THREE_SCALINGS
from sklearn_ldl.compare.measures import SIMILARITIES, SIX
from sklearn_ldl.compare.problem import Problem
from sklearn_ldl.datasets import make_ldl

FILES = ["SJAFFE", "SCUT_FBP", "emotion6", "Natural_Scene", "M2B", "Movie", "FG-Net"]
FILES[4:4] = ["Yeast_alpha", "Yeast_cold", "Yeast_heat", "Yeast_spo"]
ARTIFICIAL = "artificial"
#: Almost all of their features are zero; methods that can leave it so get sparse ones.
SPARSE_FILES = ("Movie",)
DEFAULTS, TUNED, RIVAL = "defaults", "tuned", "python-ldl "
N_FOLDS, N_INNER_FOLDS, N_CANDIDATES = 10, 3, 12
#: CPU seconds of one fold, its search included: what needs more has to wait for the next of them,
#: and is over limit with the last.
LIMITS = (3.0, 20.0, 90.0, 300.0)
KL = "kl_divergence"
#: As in published tables: the truth is the label of largest degree.
ZERO_ONE = "zero_one_loss"
#: In the order of the files, with their significant digits there.
MEASURES = (KL, *(measure for measure in SIX if measure != KL), ZERO_ONE)
DIGITS = [6 if measure == KL else 4 for measure in MEASURES]


def _distributions(Y: NDArray) -> NDArray:
    # A degree of zero has an infinite divergence.
    P = np.maximum(project_simplex(Y), 1e-6)
    return P / P.sum(axis=1, keepdims=True)


def _catboost(problem: Problem, seed: int) -> BaseEstimator:
    """CatBoost's regression of several targets, projected to the simplex."""
    from catboost import CatBoostRegressor

    options = {"thread_count": 1, "verbose": False, "allow_writing_files": False}
    trees = CatBoostRegressor(loss_function="MultiRMSE", random_seed=seed, **options)
    return TransformedTargetRegressor(
        trees, func=np.asarray, inverse_func=_distributions, check_inverse=False
    )


def _rival(name: str) -> Entry:
    grid = list(ParameterGrid(RIVALS[name]))
    return Entry(
        f"{name} of python-ldl",
        lambda p, s: PythonLDL(name, random_state=s),
        values={"params": grid},
        scalings=THREE_SCALINGS if len(grid) == 4 else ALL_SCALINGS,
        takes_sparse=False,
    )


ROWS: dict[str, Entry] = {
    # AutoLDL has a clock of its own, and figures of its own (benchmarks/defaults_cache).
    **{name: entry for name, entry in ESTIMATORS.items() if name != "auto"},
    "LightGBM": ESTIMATORS["boosting"]._replace(
        description="LightGBM with the softmax objective (GradientBoostingLDL)",
        learner=lambda p, s: GradientBoostingLDL(engine="lightgbm", random_state=s),
    ),
    "CatBoost": Entry(
        "CatBoost, MultiRMSE",
        _catboost,
        values={"regressor__depth": [4, 6], "regressor__learning_rate": [0.03, 0.1]},
        scalings=(NONE,),
        scaling=NONE,
    ),
    **{RIVAL + name: _rival(name) for name in RIVALS},
}


_SMALL = Problem("small", *make_ldl(30, random_state=0))


@cache
def _problem(data: str, sparse: bool) -> Problem:
    X, D = (_SMALL.X, _SMALL.y) if data == ARTIFICIAL else load(data)
    return Problem(data, csr_array(X) if sparse else X, D)


def _given(data: str, row: str) -> Problem:
    return _problem(data, data in SPARSE_FILES and ROWS[row].takes_sparse)


@cache
def _warm(row: str, data: str) -> None:
    """Load, compile and read what is needed, so that it is not timed."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        ROWS[row].build(_SMALL, 0).fit(_SMALL.X, _SMALL.y).predict(_SMALL.X)
    _given(data, row)


def _score(measure: str, estimator: Any, X: Any, D: NDArray) -> float:
    P = np.asarray(estimator.predict(X))
    if not np.isfinite(P).all():
        return -np.inf  # the worst of all candidates
    options = {"truth": "mode"} if measure == ZERO_ONE else {}
    value = getattr(metrics, measure)(D, P, **options)
    return value if measure in SIMILARITIES else -value


#: The first of them chooses.
_SCORERS = {measure: partial(_score, measure) for measure in MEASURES}


def _fit(data: str, row: str, setting: str, fold: int) -> dict[str, Any]:
    problem = _given(data, row)
    rows = list(KFold(N_FOLDS, shuffle=True, random_state=0).split(problem.y))[fold]
    start = time.process_time()
    estimator = ROWS[row].build(problem, 0)
    grid = ROWS[row].grid(problem) if setting == TUNED else None
    budget = {"inner_cv": N_INNER_FOLDS, "n_candidates": N_CANDIDATES}
    given = {row: (estimator, grid) if grid else estimator}
    comparison = compare(given, {data: problem}, cv=[rows], scoring=_SCORERS, **budget)
    spent = time.process_time() - start
    record = next(r for r in comparison.records if r["estimator"] == row)
    if "error" in record:
        return {"failure": " ".join(record["error"].split())[:120]}
    values = [abs(record["scores"][measure]) for measure in MEASURES]
    return {"scores": values, "cpu": spent} if np.isfinite(values).all() else {"failure": "NaN"}


def git(*command: str) -> str:
    folder = Path(__file__).parent
    run = subprocess.run(["git", *command], text=True, cwd=folder, capture_output=True)
    return run.stdout.strip() or "unknown"


@cache
def _version(row: str) -> str:
    if row == "CatBoost" or row.startswith(RIVAL):
        package = row.split()[0]
        return f"{package} {version(package)}"
    return git("describe", "--always", "--abbrev=7", "--exclude=*", "--dirty=+")


class Cell(dict):
    """A row on a file in a setting: lists over the folds that are known, in the same order.

    Its keys are "row", "setting", "folds", "versions" (version -> number of folds), "scores" (a
    list for each of the measures), "cpu"; "over" (seconds that were not enough) and "failure" where
    it has them.
    """

    def add(self, fold: int, outcome: dict[str, Any]) -> None:
        if "scores" not in outcome:
            self.update(outcome)
            return
        self["folds"].append(fold)
        self["cpu"].append(float(f"{outcome['cpu']:.2g}"))
        known = _version(self["row"])
        self["versions"][known] = self["versions"].get(known, 0) + 1
        for digits, value, values in zip(DIGITS, outcome["scores"], self["scores"], strict=True):
            values.append(float(f"{value:.{digits}g}"))

    @property
    def ended(self) -> bool:
        return "failure" in self or self.get("over", 0) >= LIMITS[-1]

    @property
    def full(self) -> bool:
        return len(self["folds"]) == N_FOLDS and not self.ended


class Cells(dict):
    """All cells of a file by row and setting: a line of JSON each, written after every fold."""

    def __init__(self, folder: Path, data: str):
        self.data, self.path = data, folder / f"{data}.jsonl"
        lines = self.path.read_text("utf-8").splitlines() if self.path.exists() else []
        cells = [Cell(json.loads(line)) for line in lines]
        super().__init__({(cell["row"], cell["setting"]): cell for cell in cells})

    def __missing__(self, place: tuple[str, str]) -> Cell:
        scores: list[list] = [[] for _ in MEASURES]
        new = dict(zip(("row", "setting"), place, strict=True)) | {"versions": {}, "folds": []}
        return Cell(new, cpu=[], scores=scores)

    def keep(self, cell: Cell) -> None:
        self[cell["row"], cell["setting"]] = cell
        self.path.parent.mkdir(parents=True, exist_ok=True)
        lines = [json.dumps(self[place], separators=(",", ":")) + "\n" for place in sorted(self)]
        self.path.with_suffix(".part").write_text("".join(lines), "utf-8")
        os.replace(self.path.with_suffix(".part"), self.path)

    def fill(self, worker: Worker, row: str, setting: str, n_folds: int, limit: float) -> None:
        """Fit the folds of a cell that are not known, as far as they need less CPU time."""
        cell, plain = self[row, setting], self[row, DEFAULTS]
        if setting == TUNED and not cell["folds"]:
            # As many fits to all rows as a search is worth, the last one included.
            n_candidates = min(N_CANDIDATES, len(ParameterGrid(ROWS[row].grid(_SMALL))))
            n_fits = n_candidates * (N_INNER_FOLDS - 1) + 1
            if n_fits * min(plain["cpu"], default=plain.get("over", 0)) > 2 * limit:
                cell["over"] = max(limit, cell.get("over", 0))
                self.keep(cell)
        for fold in sorted({*range(n_folds)} - {*cell["folds"]}):
            if cell.ended or cell.get("over", 0) >= limit:
                return
            try:
                worker.call(3600, _warm, row, self.data)
                outcome = worker.call(limit, _fit, self.data, row, setting, fold)
            except OverLimit:
                outcome = {"over": limit}
            except RuntimeError as error:
                outcome = {"failure": str(error)[:120]}
            cell.add(fold, outcome)
            self.keep(cell)
            print(self.data, row, setting, fold, outcome.get("cpu", outcome), file=sys.stderr)


def fill(folder: Path, files: list[str], rows: list[str], given: list[str], n_folds: int) -> None:
    """Fit all that is not known, what is cheap first."""
    worker = Worker()
    for limit, setting, data in product(LIMITS, given, files):
        cells = Cells(folder, data)
        for row in rows:
            if setting == DEFAULTS or row not in BASELINES:
                cells.fill(worker, row, setting, n_folds, limit)
