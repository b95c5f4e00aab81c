"""Teachers, augmentation and calibration."""

from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from _common import CACHE, compared, run
from sklearn.base import BaseEstimator
from sklearn.datasets import load_digits
from sklearn.frozen import FrozenEstimator
from sklearn.metrics import accuracy_score, make_scorer
from sklearn.model_selection import StratifiedShuffleSplit
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer
from torch import nn

from sklearn_ldl import (
    DeepLDLClassifier,
    DistillationClassifier,
    OfflineLDLClassifier,
    OnlineLDLClassifier,
)
from sklearn_ldl.deep import PRESETS
from sklearn_ldl.metrics import (
    brier_score_loss,
    expected_calibration_error,
    log_loss,
    uncertainty_calibration_error,
)

NOISE = 0.4
N_TRAIN = 500
N_TEACHERS = 5
RECIPE: dict[str, Any] = {
    **PRESETS["plain"],
    "optimizer": "sgd",
    "lr": 0.05,
    "weight_decay": 5e-4,
    "batch_size": 64,
    "lr_schedule": "multistep",
    "max_epochs": 240,
}
SCORERS = {
    name: make_scorer(measure, response_method="predict_proba")
    for name, measure in {
        "accuracy": lambda y, P: accuracy_score(y, P.argmax(axis=1)),
        "ECE": expected_calibration_error,
        "UCE": uncertainty_calibration_error,
        "NLL": partial(log_loss, floor=1e-12),
        "Brier": partial(brier_score_loss, kind="top_label"),
    }.items()
}


class ConvNet(nn.Sequential):
    """Two convolutions with batch normalisation."""

    def __init__(self, n_labels: int):
        super().__init__(
            nn.Conv2d(1, 16, 3, padding=1, bias=False),
            nn.BatchNorm2d(16),
            nn.ReLU(),
            nn.MaxPool2d(2),
            nn.Conv2d(16, 32, 3, padding=1, bias=False),
            nn.BatchNorm2d(32),
            nn.ReLU(),
            nn.Flatten(),
            nn.Linear(32 * 4 * 4, n_labels),
        )


def images(X: np.ndarray) -> np.ndarray:
    return X.reshape(-1, 1, 8, 8)


def noisy(seed: int, X: np.ndarray, y: np.ndarray, _: Any) -> tuple[np.ndarray, np.ndarray]:
    """Replace a share of the labels."""
    rng = np.random.default_rng(seed)
    wrong = rng.random(len(y)) < NOISE
    return X, np.where(wrong, (y + rng.integers(1, 10, size=len(y))) % 10, y)


def methods(teachers: list, options: dict[str, Any]) -> dict[str, BaseEstimator]:
    """Name -> classifier; teachers are fitted already and stay as they are."""
    one, many = teachers[0], teachers
    rows = {
        "vanilla": DeepLDLClassifier(**options),
        "LS": DeepLDLClassifier(label_smoothing=0.1, **options),
        "KD": DistillationClassifier(one, **options),
        "Off-LDL": OfflineLDLClassifier(one, **options),
        "Off-En-LDL": OfflineLDLClassifier(many, **options),
        "Off-MT-LDL": OfflineLDLClassifier(many, combine="sum", **options),
    }
    for augment in (None, "mixup", "cutmix", "ricap"):
        mixed = {**options, "augment": augment}
        suffix = f" + {augment}" if augment else ""
        if augment:
            rows[f"vanilla{suffix}"] = DeepLDLClassifier(**mixed)
        rows[f"On-LDL{suffix}"] = OnlineLDLClassifier(one, **mixed)
        rows[f"On-En-LDL{suffix}"] = OnlineLDLClassifier(many, **mixed)
        rows[f"On-MT-LDL{suffix}"] = OnlineLDLClassifier(many, combine="sum", **mixed)
    return rows


def scores(seed: int, max_epochs: int, n_teachers: int, cache: Path | None) -> pd.DataFrame:
    """All measures of all methods for one seed."""
    X, y = load_digits(return_X_y=True)
    X = X / 16 - 0.3
    split = StratifiedShuffleSplit(1, train_size=N_TRAIN, random_state=seed)
    train, _ = next(split.split(X, y))
    options = {"module": ConvNet, **RECIPE, "max_epochs": max_epochs}
    rows = images(X[train]), noisy(seed, X[train], y[train], None)[1]
    teachers = [
        FrozenEstimator(DeepLDLClassifier(random_state=1000 + 10 * seed + t, **options).fit(*rows))
        for t in range(n_teachers)
    ]
    found = methods(teachers, {**options, "random_state": seed})
    return compared(
        {name: make_pipeline(FunctionTransformer(images), model) for name, model in found.items()},
        {f"seed {seed}": (X, y)},
        cv=split,
        corrupt=partial(noisy, seed),
        scoring=SCORERS,
        cache=cache,
    )


def main(report, options):
    n_seeds, max_epochs, n_teachers = (1, 1, 2) if options.quick else (5, 240, N_TEACHERS)
    frames = [scores(seed, max_epochs, n_teachers, options.cache) for seed in range(n_seeds)]
    report.spreads(pd.concat(frames), {"estimator": "method"}, dict.fromkeys(SCORERS, 3))


if __name__ == "__main__":
    run(__doc__, main, "torch", cache=CACHE)
