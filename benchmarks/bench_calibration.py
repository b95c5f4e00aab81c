"""Accuracy and calibration of teachers and their students on noisy handwritten digits.

Usage: ``python benchmarks/bench_calibration.py [--quick] [--out FILE]``.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from _common import Table, machine
from sklearn.base import ClassifierMixin
from sklearn.datasets import load_digits
from sklearn.frozen import FrozenEstimator
from sklearn.metrics import accuracy_score
from sklearn.model_selection import train_test_split
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

INTRODUCTION = """\
# Teachers, augmentation and calibration

Made by `{command}`.

scikit-learn's digits as images of 8 x 8 pixels; {n_train} of them to train on, of whose labels
{noise:.0%} are replaced by another digit at random, the other {n_test} with their true labels to
test on. Rows are means ± deviations over {n_seeds} seeds, each of which draws the split, the noise
and the networks; within a seed all methods share the data, and all students the same fitted
teachers. All networks are the same small ConvNet, trained by the same recipe: {recipe}.

vanilla: cross entropy. LS: smoothed by 0.1. KD: a tenth of the loss is distillation at temperature
3. Off-LDL learns what one vanilla teacher says of the training images, On-LDL what it says of every
augmented batch. En averages {n_teachers} teachers (other seeds), MT adds their losses, which has
the same gradient times {n_teachers}. "vanilla + cutmix" and the like train on mixed labels without
a teacher. ECE and UCE have 10 bins; Brier is that of the top label; all four are better when low.
"""
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
AUGMENTATIONS = ("mixup", "cutmix", "ricap")


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


def methods(teachers: list, options: dict[str, Any]) -> dict[str, Callable[[], ClassifierMixin]]:
    """Name -> builder; teachers are fitted already and stay as they are."""
    one, many = teachers[0], teachers
    rows: dict[str, Callable] = {
        "vanilla": partial(DeepLDLClassifier, **options),
        "LS": partial(DeepLDLClassifier, label_smoothing=0.1, **options),
        "KD": partial(DistillationClassifier, one, **options),
        "Off-LDL": partial(OfflineLDLClassifier, one, **options),
        "Off-En-LDL": partial(OfflineLDLClassifier, many, **options),
        "Off-MT-LDL": partial(OfflineLDLClassifier, many, combine="sum", **options),
    }
    for augment in (None, *AUGMENTATIONS):
        with_augment = {**options, "augment": augment}
        suffix = f" + {augment}" if augment else ""
        if augment:
            rows[f"vanilla{suffix}"] = partial(DeepLDLClassifier, **with_augment)
        rows[f"On-LDL{suffix}"] = partial(OnlineLDLClassifier, one, **with_augment)
        rows[f"On-En-LDL{suffix}"] = partial(OnlineLDLClassifier, many, **with_augment)
        rows[f"On-MT-LDL{suffix}"] = partial(
            OnlineLDLClassifier, many, combine="sum", **with_augment
        )
    return rows


def data(seed: int) -> tuple[np.ndarray, ...]:
    """Training images, noisy labels, test images, true labels."""
    X, y = load_digits(return_X_y=True)
    X = (X / 16 - 0.3).reshape(-1, 1, 8, 8)
    X, X_test, y, y_test = train_test_split(X, y, train_size=N_TRAIN, stratify=y, random_state=seed)
    rng = np.random.default_rng(seed)
    wrong = rng.random(len(y)) < NOISE
    y = np.where(wrong, (y + rng.integers(1, 10, size=len(y))) % 10, y)
    return X, y, X_test, y_test


MEASURES: dict[str, Callable] = {
    "accuracy": lambda y, P: accuracy_score(y, P.argmax(axis=1)),
    "ECE": expected_calibration_error,
    "UCE": uncertainty_calibration_error,
    "NLL": partial(log_loss, floor=1e-12),
    "Brier": partial(brier_score_loss, kind="top_label"),
}


def measure(seed: int, quick: bool) -> dict[str, list[float]]:
    """All measures of all methods for one seed."""
    X, y, X_test, y_test = data(seed)
    recipe = {**RECIPE, "max_epochs": 30} if quick else RECIPE
    options = {"module": ConvNet, **recipe}
    teachers = [
        FrozenEstimator(DeepLDLClassifier(random_state=1000 + 10 * seed + t, **options).fit(X, y))
        for t in range(N_TEACHERS)
    ]
    results = {}
    for name, build in methods(teachers, {**options, "random_state": seed}).items():
        if quick and ("En" in name or "MT" in name):
            continue
        P = build().fit(X, y).predict_proba(X_test)
        results[name] = [score(y_test, P) for score in MEASURES.values()]
    return results


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="one seed, 30 epochs, one teacher")
    parser.add_argument("--seeds", type=int, default=5, help="number of seeds (default 5)")
    parser.add_argument("--out", type=Path, help="also write the table to this file")
    options = parser.parse_args()
    n_seeds = 1 if options.quick else options.seeds
    command = "OMP_NUM_THREADS=1 python benchmarks/bench_calibration.py"
    command += f" --out {options.out}" if options.out else ""
    introduction = INTRODUCTION.format(
        command=command,
        n_train=N_TRAIN,
        noise=NOISE,
        n_test=1797 - N_TRAIN,
        n_seeds=n_seeds,
        n_teachers=N_TEACHERS,
        recipe=", ".join(f"{name} {value}" for name, value in RECIPE.items()),
    )
    text = [introduction, f"{machine()}, torch {torch.__version__}", ""]
    print("\n".join(text))
    results = [measure(seed, options.quick) for seed in range(n_seeds)]
    table = Table(method="", **dict.fromkeys(MEASURES, ""))
    for method in results[0]:
        values = np.array([result[method] for result in results])
        cells = [
            f"{m:.3f} ± {s:.3f}"
            for m, s in zip(values.mean(axis=0), values.std(axis=0), strict=True)
        ]
        table.row(method=method, **dict(zip(MEASURES, cells, strict=True)))
    if options.out:
        options.out.write_text("\n".join([*text, *table.lines]) + "\n")


if __name__ == "__main__":
    main()
