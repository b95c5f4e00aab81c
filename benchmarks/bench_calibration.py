"""Teachers, augmentation and calibration."""

from functools import partial

import numpy as np
import pandas as pd
from _common import CACHE, compared, run
from sklearn.datasets import load_digits
from sklearn.frozen import FrozenEstimator
from sklearn.metrics import accuracy_score, make_scorer
from sklearn.model_selection import StratifiedShuffleSplit
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer
from torch import nn

import sklearn_ldl as ldl
from sklearn_ldl import metrics
from sklearn_ldl.deep import PRESETS

NOISE, N_TRAIN, N_TEACHERS = 0.4, 500, 5
RECIPE = {**PRESETS["plain"], "optimizer": "sgd", "lr": 0.05, "weight_decay": 5e-4}
RECIPE |= {"batch_size": 64, "lr_schedule": "multistep", "max_epochs": 240}
SCORERS = {
    name: make_scorer(measure, response_method="predict_proba")
    for name, measure in {
        "accuracy": lambda y, P: accuracy_score(y, P.argmax(axis=1)),
        "ECE": metrics.expected_calibration_error,
        "UCE": metrics.uncertainty_calibration_error,
        "NLL": partial(metrics.log_loss, floor=1e-12),
        "Brier": partial(metrics.brier_score_loss, kind="top_label"),
    }.items()
}


class ConvNet(nn.Sequential):
    """Two convolutions with batch normalisation."""

    def __init__(self, n_labels: int):
        first = nn.Conv2d(1, 16, 3, padding=1, bias=False), nn.BatchNorm2d(16), nn.ReLU()
        second = nn.Conv2d(16, 32, 3, padding=1, bias=False), nn.BatchNorm2d(32), nn.ReLU()
        last = nn.Flatten(), nn.Linear(32 * 4 * 4, n_labels)
        super().__init__(*first, nn.MaxPool2d(2), *second, *last)


def images(X):
    return X.reshape(-1, 1, 8, 8)


def noisy(seed, X, y, _):
    rng = np.random.default_rng(seed)
    wrong = rng.random(len(y)) < NOISE
    return X, np.where(wrong, (y + rng.integers(1, 10, size=len(y))) % 10, y)


def methods(teachers, options):
    """Name -> classifier; teachers are fitted already and stay as they are."""
    one, many = teachers[0], teachers
    rows = {
        "vanilla": ldl.DeepLDLClassifier(**options),
        "LS": ldl.DeepLDLClassifier(label_smoothing=0.1, **options),
        "KD": ldl.DistillationClassifier(one, **options),
        "Off-LDL": ldl.OfflineLDLClassifier(one, **options),
        "Off-En-LDL": ldl.OfflineLDLClassifier(many, **options),
        "Off-MT-LDL": ldl.OfflineLDLClassifier(many, combine="sum", **options),
    }
    for augment in (None, "mixup", "cutmix", "ricap"):
        mixed = {**options, "augment": augment}
        suffix = f" + {augment}" if augment else ""
        if augment:
            rows[f"vanilla{suffix}"] = ldl.DeepLDLClassifier(**mixed)
        rows[f"On-LDL{suffix}"] = ldl.OnlineLDLClassifier(one, **mixed)
        rows[f"On-En-LDL{suffix}"] = ldl.OnlineLDLClassifier(many, **mixed)
        rows[f"On-MT-LDL{suffix}"] = ldl.OnlineLDLClassifier(many, combine="sum", **mixed)
    return rows


def scores(seed, max_epochs, n_teachers, cache):
    X, y = load_digits(return_X_y=True)
    X = X / 16 - 0.3
    split = StratifiedShuffleSplit(1, train_size=N_TRAIN, random_state=seed)
    train, _ = next(split.split(X, y))
    options = {"module": ConvNet, **RECIPE, "max_epochs": max_epochs}
    rows = images(X[train]), noisy(seed, X[train], y[train], None)[1]
    teachers = [
        FrozenEstimator(
            ldl.DeepLDLClassifier(random_state=1000 + 10 * seed + t, **options).fit(*rows)
        )
        for t in range(n_teachers)
    ]
    found = methods(list(map(FrozenEstimator, teachers)), {**options, "random_state": seed})
    if n_teachers == 1:
        found = {name: found[name] for name in found if "En" not in name and "MT" not in name}
    rows = {name: make_pipeline(FunctionTransformer(images), found[name]) for name in found}
    how = {"cv": split, "corrupt": partial(noisy, seed), "scoring": SCORERS, "cache": cache}
    return compared(rows, {f"seed {seed}": (X, y)}, **how)


def main(report, options):
    n_seeds, max_epochs, n_teachers = (1, 1, 1) if options.quick else (5, 240, N_TEACHERS)
    frames = [scores(seed, max_epochs, n_teachers, options.cache) for seed in range(n_seeds)]
    report.spreads(pd.concat(frames), {"estimator": "method"}, dict.fromkeys(SCORERS, 3))


if __name__ == "__main__":
    run(__doc__, main, "torch", cache=CACHE)
