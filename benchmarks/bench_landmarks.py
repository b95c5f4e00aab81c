"""Landmarks of drawn faces."""

import time

import numpy as np
import pandas as pd
from _common import run
from joblib import Parallel, delayed
from scipy.stats import spearmanr
from torch import nn

from sklearn_ldl.datasets import make_faces
from sklearn_ldl.deep import (
    PRESETS,
    DeepRegressor,
    KernelDensityRegressor,
    from_heatmap_coordinates,
    to_heatmap_coordinates,
)
from sklearn_ldl.metrics import cumulative_error_auc_score, failure_rate_loss, normalized_mean_error

SIZE, STRIDE, LANDMARKS = 24, 2, 5
CELLS = SIZE // STRIDE
#: Largest error that is no failure, relative to the distance of the eyes.
LIMIT = 0.2
FACES = {
    "image_size": SIZE,
    "n_landmarks": LANDMARKS,
    "pitch_range": (-20, 20),
    "yaw_range": (-30, 30),
    "roll_range": (-10, 10),
}
SPOILT = {"blur": (0, 1.5), "occlusion": (0, 0.35)}
TESTS = {"clean": {}, "blurred": {"blur": 1.5}, "occluded": {"occlusion": 0.35}}
RULES = ["argmax", "median", "expectation", "mode"]
MEASURES = {"NME": 2, "failures": 1, "AUC": 1}


def body():
    layers = [
        nn.Conv2d(1, 16, 3, stride=2, padding=1),
        nn.Conv2d(16, 32, 3, stride=2, padding=1),
        nn.Conv2d(32, 32, 3, padding=1),
        nn.Conv2d(32, 32, 3, padding=2, dilation=2),
    ]
    return [part for layer in layers for part in (layer, nn.LeakyReLU(0.1))]


def dense(n_outputs):
    n_inputs = 32 * (SIZE // 4) ** 2
    hidden = [nn.Flatten(), nn.Linear(n_inputs, 64), nn.LeakyReLU(0.1)]
    return [*hidden, nn.Linear(64, n_outputs)]


def coordinates(n_outputs):
    return nn.Sequential(*body(), *dense(n_outputs))


class Maps(nn.Module):
    """The sum of maps of what is where in the picture, and of what the picture is like at all."""

    def __init__(self):
        super().__init__()
        self.body = nn.Sequential(*body())
        up = nn.ConvTranspose2d(32, 16, 4, stride=2, padding=1)
        self.near = nn.Sequential(up, nn.LeakyReLU(0.1), nn.Conv2d(16, LANDMARKS, 3, padding=1))
        self.far = nn.Sequential(*dense(LANDMARKS * CELLS**2))

    def forward(self, X):
        H = self.body(X)
        return self.near(H) + self.far(H).unflatten(1, (LANDMARKS, CELLS, CELLS))


def models(seed, max_epochs):
    net = {**PRESETS["plain"], "batch_size": 32, "lr": 3e-3, "lr_schedule": "cosine"}
    net |= {"max_epochs": max_epochs, "random_state": seed}
    maps = {**net, "module": Maps, "heatmap_shape": (CELLS, CELLS)}
    return {
        "coordinates": DeepRegressor(coordinates(2 * LANDMARKS), **net),
        "coordinates, Gaussian": DeepRegressor(coordinates(4 * LANDMARKS), loss="gaussian", **net),
        "heat map, squared error": KernelDensityRegressor(loss="l2", decode="mode", **maps),
        "heat map, KL": KernelDensityRegressor(loss="kl", **maps),
        "kernel density": KernelDensityRegressor(bandwidth=0.5, **maps),
        "kernel density, 1 cell": KernelDensityRegressor(**maps),
        "kernel density, uniform": KernelDensityRegressor(kernel="uniform", **maps),
    }


def converted(function, points):
    return function(points.reshape(len(points), -1), STRIDE).reshape(points.shape)


def predicted(model, faces):
    return converted(from_heatmap_coordinates, model.predict(faces.images))


def uncertainties(model, faces):
    """Root of the determinant of the covariance, of every landmark; None where there is none."""
    if hasattr(model, "uncertainty"):
        return model.uncertainty(faces.images)
    if model.loss == "gaussian":
        return model.predict(faces.images, return_std=True)[1].prod(axis=2)
    return None


def rank_correlation(doubts, errors):
    """Spearman's; equal doubts know nothing."""
    return spearmanr(doubts, errors)[0] if np.ptp(doubts) > 0 else 0.0


def measured(errors):
    """Measures of the errors of images, in percent."""
    measures = {
        "NME": errors.mean(),
        "failures": failure_rate_loss(errors, threshold=LIMIT),
        "AUC": cumulative_error_auc_score(errors, tau=LIMIT),
    }
    return {name: 100 * value for name, value in measures.items()}


def scores(seed, n_train, n_test, max_epochs):
    """Rows of the three tables."""
    train = make_faces(n_train, **FACES, **SPOILT, random_state=2 * seed)
    tests = {
        name: make_faces(n_test, **FACES, **spoilt, random_state=2 * seed + 1)
        for name, spoilt in TESTS.items()
    }
    y = converted(to_heatmap_coordinates, train.landmarks)
    errors, doubts, rules = [], [], []
    for name, model in models(seed, max_epochs).items():
        start = time.process_time()
        model.fit(train.images, y)
        seconds = time.process_time() - start
        found = {}
        for kind, faces in tests.items():
            points = predicted(model, faces)
            of_images = normalized_mean_error(
                faces.landmarks, points, faces.interocular, per_row=True
            )
            errors.append({"faces": kind, "model": name, **measured(of_images), "fit_s": seconds})
            doubt = uncertainties(model, faces)
            if doubt is not None:
                distances = np.linalg.norm(points - faces.landmarks, axis=2)
                found[kind] = doubt.ravel(), distances.ravel()
        if found:
            found["all"] = tuple(map(np.concatenate, zip(*found.values(), strict=True)))
            correlations = {kind: rank_correlation(*pair) for kind, pair in found.items()}
            doubts.append({"model": name, **correlations})
        if hasattr(model, "heatmap_shape"):
            faces, row = tests["clean"], {"model": name}
            for rule in RULES:
                points = predicted(model.set_params(decode=rule), faces)
                row[rule] = 100 * normalized_mean_error(faces.landmarks, points, faces.interocular)
            rules.append(row)
    return errors, doubts, rules


def main(report, options):
    n_seeds, sizes = 3, (2500, 1000, 15)
    if options.quick:
        n_seeds, sizes = 1, (100, 40, 2)
    runs = Parallel(n_jobs=n_seeds)(delayed(scores)(seed, *sizes) for seed in range(n_seeds))
    errors, doubts, rules = (
        pd.DataFrame([row for part in parts for row in part]) for parts in zip(*runs, strict=True)
    )
    report.section("## Errors")
    errors = errors.sort_values(
        "faces", key=lambda kinds: kinds.map(list(TESTS).index), kind="stable"
    )
    by = {"faces": "faces", "model": "model"}
    report.spreads(errors, by, {**MEASURES, "fit_s": 0})
    report.say("")
    report.section("## Uncertainty and error")
    report.spreads(doubts, {"model": "model"}, dict.fromkeys([*TESTS, "all"], 2))
    report.say("")
    report.section("## Rules of decoding")
    report.spreads(rules, {"model": "model"}, dict.fromkeys(RULES, 2))


if __name__ == "__main__":
    run(__doc__, main, "torch")
