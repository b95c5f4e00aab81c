"""Teachers, augmentation and calibration."""

from functools import partial
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from _common import CACHE, compared, run, spread
from sklearn.datasets import load_digits
from sklearn.frozen import FrozenEstimator
from sklearn.metrics import accuracy_score, make_scorer
from sklearn.model_selection import StratifiedShuffleSplit
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer
from torch import nn

import sklearn_ldl as ldl
from sklearn_ldl import metrics
from sklearn_ldl.deep import PRESETS, backbone

N_TEACHERS, DROPOUT, PASSES, LONGER = 5, 0.2, 20, 3
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

    def __init__(self, n_labels: int, dropout: float = 0.0):
        first = nn.Conv2d(1, 16, 3, padding=1, bias=False), nn.BatchNorm2d(16), nn.ReLU()
        second = nn.Conv2d(16, 32, 3, padding=1, bias=False), nn.BatchNorm2d(32), nn.ReLU()
        drop = [nn.Dropout(dropout)] if dropout else []
        last = nn.Flatten(), *drop, nn.Linear(32 * 4 * 4, n_labels)
        super().__init__(*first, nn.MaxPool2d(2), *second, *last)


RESNET = backbone("resnet20", source="sklearn_ldl", in_channels=1, width=8)


class Part(NamedTuple):
    """A section of the page: which images and labels, which network, which methods."""

    n_train: int
    noise: float
    module: Any
    n_seeds: int
    n_teachers: int
    methods: tuple[str, ...] = ()


PARTS = {
    "Clean labels": Part(150, 0.0, ConvNet, 5, N_TEACHERS),
    "Wrong labels": Part(500, 0.4, ConvNet, 5, N_TEACHERS),
    "Clean labels, residual network": Part(
        150,
        0.0,
        RESNET,
        3,
        1,
        (
            *("vanilla", "LS", "KD", "CRD", "Off-LDL", "On-LDL"),
            *("vanilla + cutmix", "On-LDL + mixup", "On-LDL + cutmix"),
            *("vanilla, long", "KD, long", "On-LDL + cutmix, long"),
        ),
    ),
}


def images(X):
    return X.reshape(-1, 1, 8, 8)


def noisy(noise, seed, X, y, _):
    rng = np.random.default_rng(seed)
    wrong = rng.random(len(y)) < noise
    return X, np.where(wrong, (y + rng.integers(1, 10, size=len(y))) % 10, y)


def methods(teachers, options):
    """Name -> classifier; teachers are fitted already and stay as they are."""
    one, many = teachers[0], teachers
    plain, online = ldl.DeepLDLClassifier, ldl.OnlineLDLClassifier
    dropping = {**options, "net_params": {"module__dropout": DROPOUT}}
    rows = {
        "vanilla": plain(**options),
        "LS": plain(label_smoothing=0.1, **options),
        "dropout": plain(**dropping),
        "MC-dropout": plain(predict_mc_samples=PASSES, **dropping),
        "KD": ldl.DistillationClassifier(one, **options),
        "CRD": ldl.DistillationClassifier(one, contrast_weight=0.8, **options),
        "Off-LDL": ldl.OfflineLDLClassifier(one, **options),
        "Off-En-LDL": ldl.OfflineLDLClassifier(many, **options),
        "Off-MT-LDL": ldl.OfflineLDLClassifier(many, combine="sum", **options),
    }
    for augment in (None, "mixup", "cutmix", "ricap"):
        mixed = {**options, "augment": augment}
        suffix = f" + {augment}" if augment else ""
        if augment:
            rows[f"vanilla{suffix}"] = plain(**mixed)
        rows[f"On-LDL{suffix}"] = online(one, **mixed)
        rows[f"On-En-LDL{suffix}"] = online(many, **mixed)
        rows[f"On-MT-LDL{suffix}"] = online(many, combine="sum", **mixed)
    long = {**options, "max_epochs": LONGER * options["max_epochs"]}
    rows["vanilla, long"] = plain(**long)
    rows["KD, long"] = ldl.DistillationClassifier(one, **long)
    rows["On-LDL + cutmix, long"] = online(one, augment="cutmix", **long)
    return rows


def scores(part, seed, max_epochs, only, cache):
    X, y = load_digits(return_X_y=True)
    X = X / 16 - 0.3
    split = StratifiedShuffleSplit(1, train_size=part.n_train, random_state=seed)
    train, _ = next(split.split(X, y))
    options = {**RECIPE, "module": part.module, "max_epochs": max_epochs}
    rows = images(X[train]), noisy(part.noise, seed, X[train], y[train], None)[1]
    teachers = [
        FrozenEstimator(
            ldl.DeepLDLClassifier(random_state=1000 + 10 * seed + t, **options).fit(*rows)
        )
        for t in range(part.n_teachers)
    ]
    found = methods(teachers, {**options, "random_state": seed})
    rows = {name: make_pipeline(FunctionTransformer(images), found[name]) for name in only}
    how = {"cv": split, "corrupt": partial(noisy, part.noise, seed), "scoring": SCORERS}
    return compared(rows, {f"seed {seed}": (X, y)}, **how, cache=cache)


def main(report, options):
    for name in options.parts:
        part, max_epochs = PARTS[name], RECIPE["max_epochs"]
        if options.quick:
            part, max_epochs = part._replace(n_seeds=1, n_teachers=1), 1
        # The longer schedule is a question of the publication, where labels are clean.
        every = part.methods or [m for m in METHODS if not (part.noise and m.endswith("long"))]
        if part.n_teachers == 1:
            every = [method for method in every if "En" not in method and "MT" not in method]
        wanted = [method for method in every if method in options.methods]
        wanted = wanted[::4] if options.quick else wanted
        runs = [
            scores(part, seed, max_epochs, wanted, options.cache) for seed in range(part.n_seeds)
        ]
        frames = dict(list(pd.concat(runs).groupby("estimator")))
        report.section(f"## {name}")
        known = {row.split(" | ")[0].removeprefix("| "): row for row in report.rows(f"## {name}")}
        table = report.table(**dict.fromkeys(["method", *SCORERS], ""))
        for method in every:
            if method in frames:
                cells = {measure: spread(frames[method][measure], 3) for measure in SCORERS}
                table.row(method=method, **cells)
            elif method in known:
                table.emit(known[method])
        report.say("")


METHODS = tuple(methods([None], RECIPE))

if __name__ == "__main__":
    parts = {"nargs": "+", "choices": PARTS, "default": list(PARTS), "help": "default: all"}
    those = {"nargs": "+", "choices": METHODS, "default": METHODS}
    those["help"] = "default: all; the page keeps the rows of the others"
    run(__doc__, main, "torch", cache=CACHE, parts=parts, methods=those)
