"""Networks at their defaults on the real files, beside the mean and the linear learner."""

from __future__ import annotations

import csv
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from _common import load
from sklearn.dummy import DummyRegressor
from sklearn.model_selection import KFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sklearn_ldl import BFGSLDLCV, DeepLDLRegressor
from sklearn_ldl.metrics import kl_divergence

FILES = (
    "SJAFFE",
    "FG-Net",
    "M2B",
    "SCUT_FBP",
    "emotion6",
    "Natural_Scene",
    "Yeast_spo",
    "Yeast_cold",
    "Yeast_heat",
    "Yeast_alpha",
    "Movie",
)

#: Heading of a row -> estimator. The network is given the features as they are.
ROWS: dict[str, Callable[[], Any]] = {
    "mean": DummyRegressor,
    "DeepLDLRegressor": lambda: DeepLDLRegressor(random_state=0),
    "BFGSLDLCV": lambda: make_pipeline(StandardScaler(), BFGSLDLCV()),
}

CACHE = Path(__file__).parent / "defaults_cache" / "nets.csv"


def kl_of_fold(row: str, name: str, fold: int) -> float:
    """Mean divergence of a row of the table, on one of ten folds of a file."""
    X, D = load(name)
    folds = KFold(10, shuffle=True, random_state=0).split(X)
    train, test = list(folds)[fold]
    model = ROWS[row]().fit(X[train], D[train])
    return float(kl_divergence(D[test], np.maximum(model.predict(X[test]), 1e-12)))


def cached(path: Path = CACHE) -> dict[tuple[str, str, int], float]:
    """Results so far, by file, row and fold."""
    if not path.exists():
        return {}
    with path.open(newline="") as lines:
        return {
            (r["data"], r["row"], int(r["fold"])): float(r["kl"]) for r in csv.DictReader(lines)
        }


def extend(folds: int, path: Path = CACHE) -> None:
    """Compute what the cache lacks of the first folds of all files."""
    path.parent.mkdir(exist_ok=True)
    done = cached(path)
    if not done:
        path.write_text("data,row,fold,kl\n")
    for fold in range(folds):
        for name in FILES:
            for row in ROWS:
                if (name, row, fold) not in done:
                    kl = kl_of_fold(row, name, fold)
                    with path.open("a") as lines:
                        lines.write(f"{name},{row},{fold},{kl:.6g}\n")


if __name__ == "__main__":
    extend(2)
