"""Rows of bench_methods.py, and single fits of them, kept in a small file for every data set."""

from __future__ import annotations

import json
import os
import subprocess
import time
import warnings
from functools import cache, partial
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
from _common import load
from _rivals import RIVALS, PythonLDL, candidates
from _worker import OverLimit, Worker
from numpy.typing import NDArray
from scipy.sparse import csr_array
from sklearn.base import BaseEstimator
from sklearn.model_selection import KFold

from sklearn_ldl import GradientBoostingLDL, LabelDistributionMixin, metrics, project_simplex
from sklearn_ldl.compare import compare
from sklearn_ldl.compare.estimators import BASELINES, ESTIMATORS, Entry
from sklearn_ldl.compare.measures import SIMILARITIES, SIX
from sklearn_ldl.compare.problem import Problem
from sklearn_ldl.datasets import make_ldl
from sklearn_ldl.metrics import zero_one_loss

FILES = [
    "SJAFFE",
    "SCUT_FBP",
    "emotion6",
    "Natural_Scene",
    "Yeast_alpha",
    "Yeast_cold",
    "Yeast_heat",
    "Yeast_spo",
    "M2B",
    "Movie",
    "FG-Net",
]
#: Almost all of their features are zero; methods that can leave it so get sparse ones.
SPARSE_FILES = ("Movie",)
#: Has a clock of its own, and thus figures of its own (benchmarks/defaults_cache).
AUTOMATIC = "auto"
DEFAULTS, TUNED = "defaults", "tuned"
N_FOLDS, N_INNER_FOLDS, N_CANDIDATES = 10, 3, 12
#: CPU seconds of one fold, its search included: what needs more has to wait for the next of them,
#: and is over limit with the last.
LIMITS = (3.0, 20.0, 90.0, 300.0)
#: As many fits as a search of `N_CANDIDATES` makes, of two thirds of the rows; what has no chance
#: of it in four times the limit is not tried.
SEARCH = N_CANDIDATES * (N_INNER_FOLDS - 1)
KL = "kl_divergence"
#: As in published tables: the truth is the label of largest degree.
ZERO_ONE = "zero_one_loss"
#: In the order of the files; KL divergence has six digits there, the others have four.
MEASURES = (KL, *(measure for measure in SIX if measure != KL), ZERO_ONE)
RIVAL = "python-ldl "


_SCALERS = {"passthrough": "n", "Standard": "s", "MinMax": "m", "Quantile": "q"}


class CatBoost(LabelDistributionMixin, BaseEstimator):
    """CatBoost's regression of several targets, whose predictions are projected to the simplex."""

    def __init__(self, depth: int = 6, learning_rate: float | None = None):
        self.depth = depth
        self.learning_rate = learning_rate

    def fit(self, X: Any, y: Any) -> CatBoost:
        """Fit with all other parameters at their defaults."""
        from catboost import CatBoostRegressor

        X, D = self._validate_fit(X, y, accept_sparse="csr")
        options = {"thread_count": 1, "allow_writing_files": False, "verbose": False}
        if self.learning_rate is not None:
            options["learning_rate"] = self.learning_rate
        model = CatBoostRegressor(
            loss_function="MultiRMSE", depth=self.depth, random_seed=0, **options
        )
        self.model_ = model.fit(X, D)
        return self

    def predict(self, X: Any) -> NDArray[np.float64]:
        """Predict distributions."""
        P = project_simplex(self.model_.predict(X))
        # A degree of zero has an infinite divergence.
        P = np.maximum(P, 1e-6)
        return P / P.sum(axis=1, keepdims=True)


def _rival(name: str) -> Entry:
    grid = {"params": candidates(name)} if RIVALS[name] else {}
    few = len(grid.get("params", [])) == 4
    return Entry(
        f"{name} of python-ldl",
        lambda p, s: PythonLDL(name, random_state=s),
        "",
        grid,
        **({"scalings": ("standard", "none", "quantile")} if few else {}),
        takes_sparse=False,
    )


ROWS: dict[str, Entry] = {
    **{name: entry for name, entry in ESTIMATORS.items() if name != AUTOMATIC},
    "LightGBM": ESTIMATORS["boosting"]._replace(
        description="LightGBM with the softmax objective (GradientBoostingLDL)",
        learner=lambda p, s: GradientBoostingLDL(engine="lightgbm", random_state=s),
    ),
    "CatBoost": Entry(
        "CatBoost, MultiRMSE",
        lambda p, s: CatBoost(),
        "",
        {"depth": [4, 6], "learning_rate": [0.03, 0.1]},
        ("none",),
        "none",
    ),
    **{RIVAL + name: _rival(name) for name in RIVALS},
}


def settings(row: str) -> list[str]:
    """Return the settings in which a row is fitted."""
    return [DEFAULTS] if row in BASELINES else [DEFAULTS, TUNED]


@cache
def problem(data: str, sparse: bool) -> Problem:
    """Read a file."""
    X, D = load(data)
    return Problem(data, csr_array(X) if sparse else X, D)


def folds(data: str) -> list[tuple[NDArray, NDArray]]:
    """Rows to train on and to test on."""
    n = problem(data, False).n_samples
    return list(KFold(N_FOLDS, shuffle=True, random_state=0).split(np.empty(n)))


@cache
def _warm(row: str, data: str) -> None:
    """Load, compile and read what is needed, so that it is not timed."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        small = Problem("small", *make_ldl(30, random_state=0))
        ROWS[row].build(small, 0).fit(small.X, small.y).predict(small.X)
    problem(data, data in SPARSE_FILES and ROWS[row].takes_sparse)


def _score(measure: str, estimator: Any, X: Any, D: NDArray) -> float:
    """Score so that greater is better; predictions that are no numbers are worst of all."""
    P = np.asarray(estimator.predict(X))
    if not np.isfinite(P).all():
        return -np.inf
    if measure == ZERO_ONE:
        return -zero_one_loss(D, P, truth="mode")
    value = getattr(metrics, measure)(D, P)
    return value if measure in SIMILARITIES else -value


#: The first of them chooses.
_SCORERS = {measure: partial(_score, measure) for measure in MEASURES}


def _fit(data: str, row: str, setting: str, fold: int) -> dict[str, Any]:
    """Fit and score a row on a fold."""
    entry = ROWS[row]
    given = problem(data, data in SPARSE_FILES and entry.takes_sparse)
    start = time.process_time()
    estimator = entry.build(given, 0)
    grid = entry.grid(given) if setting == TUNED else None
    comparison = compare(
        {row: (estimator, grid) if grid else estimator},
        {data: given},
        cv=[folds(data)[fold]],
        scoring=_SCORERS,
        inner_cv=N_INNER_FOLDS,
        n_candidates=N_CANDIDATES,
    )
    record = next(r for r in comparison.records if r["estimator"] == row)
    if "error" in record:
        return {"failure": " ".join(record["error"].split())[:120]}
    spent = time.process_time() - start
    values = {measure: abs(score) for measure, score in record["scores"].items()}
    if not np.isfinite(list(values.values())).all():
        return {"failure": "NaN"}
    scaling = json.dumps(record["chosen"]["scale"]) if "chosen" in record else ""
    known = [short for name, short in _SCALERS.items() if name in scaling]
    return {"scores": values, "cpu": spent, "scaling": "".join(known)}


@cache
def versions(row: str) -> str:
    """Version of what is fitted: the commit of this package, or the version of another."""
    if row.startswith(RIVAL):
        return f"python-ldl {version('python-ldl')}"
    if row == "CatBoost":
        return f"CatBoost {version('catboost')}"
    command = ["git", "describe", "--always", "--abbrev=7", "--exclude=*", "--dirty=+"]
    folder = Path(__file__).parent
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=folder)
    return done.stdout.strip() or version("sklearn-ldl")


class Cell(dict):
    """A row on a file in a setting: lists over the folds that are known, in their order.

    Its keys are "row", "setting", "folds", "versions" (version -> number of folds), "scores" (a
    list for each of the measures), "cpu", "scaling" (a letter for each tuned fold); "over" (seconds
    that were not enough) and "failure" where it has them.
    """

    @classmethod
    def empty(cls, row: str, setting: str) -> Cell:
        """Make one without folds."""
        lists = {"folds": [], "cpu": [], "scores": [[] for _ in MEASURES]}
        return cls(row=row, setting=setting, versions={}, scaling="", **lists)

    def add(self, fold: int, outcome: dict[str, Any]) -> None:
        """Add a fold that was fitted."""
        self["folds"].append(fold)
        self["cpu"].append(float(f"{outcome['cpu']:.2g}"))
        self["scaling"] += outcome["scaling"]
        known = versions(self["row"])
        self["versions"][known] = self["versions"].get(known, 0) + 1
        for measure, values in zip(MEASURES, self["scores"], strict=True):
            digits = 6 if measure == KL else 4
            values.append(float(f"{outcome['scores'][measure]:.{digits}g}"))

    @property
    def ended(self) -> bool:
        """Whether nothing is to be fitted any more."""
        return "failure" in self or self.get("over", 0) >= LIMITS[-1]


class Cells:
    """All that is known of a file: one line of JSON for each cell.

    It is written anew, and put in the place of the old one, after every fold.
    """

    def __init__(self, folder: Path, data: str):
        self.data, self.path = data, folder / f"{data}.jsonl"
        lines = self.path.read_text("utf-8").splitlines() if self.path.exists() else []
        self.cells = [Cell(json.loads(line)) for line in lines]

    def get(self, row: str, setting: str) -> Cell | None:
        """Return a cell, or None."""
        return next((c for c in self.cells if c["row"] == row and c["setting"] == setting), None)

    def write(self) -> None:
        """Write it all."""
        order = {row: number for number, row in enumerate(ROWS)}
        self.cells.sort(key=lambda c: (order.get(c["row"], len(order)), c["setting"]))
        self.path.parent.mkdir(parents=True, exist_ok=True)
        text = "".join(json.dumps(cell, separators=(",", ":")) + "\n" for cell in self.cells)
        partial = self.path.with_suffix(".part")
        partial.write_text(text, "utf-8")
        os.replace(partial, self.path)

    def hopeless(self, row: str, limit: float) -> bool:
        """Whether a fit with defaults took so long that a search has no chance."""
        plain = self.get(row, DEFAULTS)
        if plain is None or plain.ended:
            return plain is not None
        return bool(plain["cpu"]) and SEARCH * min(plain["cpu"]) > 4 * limit

    def fill(self, worker: Worker, row: str, setting: str, n_folds: int, limit: float) -> None:
        """Fit the folds of a cell that are not known, as far as they need less CPU time."""
        cell = self.get(row, setting)
        if cell is None:
            cell = Cell.empty(row, setting)
            self.cells.append(cell)
        if setting == TUNED and self.hopeless(row, limit):
            cell["over"] = max(limit, cell.get("over", 0))
        for fold in range(n_folds):
            if fold in cell["folds"]:
                continue
            if cell.ended or cell.get("over", 0) >= limit:
                return
            try:
                worker.call(3600, _warm, row, self.data)
                outcome = worker.call(limit, _fit, self.data, row, setting, fold)
            except OverLimit:
                outcome = {"over": limit}
            except RuntimeError as error:
                outcome = {"failure": str(error)[:120]}
            if "scores" in outcome:
                cell.add(fold, outcome)
            else:
                cell.update(outcome)
            self.write()
            print(self.data, row, setting, fold, outcome.get("cpu", outcome), flush=True)


def fill(folder: Path, files: list[str], rows: list[str], given: list[str], n_folds: int) -> None:
    """Fit all that is not known, what is cheap first."""
    worker = Worker()
    for limit in LIMITS:
        for setting in given:
            for data in files:
                cells = Cells(folder, data)
                for row in rows:
                    if setting in settings(row):
                        cells.fill(worker, row, setting, n_folds, limit)
