"""Poses of heads (drawn faces)."""

import numpy as np
import pandas as pd
from _common import run
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.dummy import DummyRegressor
from sklearn.metrics import mean_absolute_error
from sklearn.multioutput import MultiOutputRegressor
from sklearn.pipeline import make_pipeline
from torch import nn

import sklearn_ldl as ldl
from sklearn_ldl.datasets import make_faces
from sklearn_ldl.deep import PRESETS
from sklearn_ldl.distributors import head_pose_grid, product_grid
from sklearn_ldl.metrics import accuracy_within_score, mean_euclidean_error

SIZE = 20
POSES = head_pose_grid()
PITCH, YAW = np.arange(-60, 61, 6), np.arange(-90, 91, 6)
#: Poses that networks of distributions know, and the standard deviation around the true one.
GRIDS = {"93": (POSES, 15.0), "any": (product_grid(PITCH, YAW), 6.0)}


class ConvNet(nn.Sequential):
    """Two convolutions and a hidden layer."""

    def __init__(self, input_shape, n_labels):
        channels, height, width = input_shape
        first = nn.Conv2d(channels, 16, 3, padding=1), nn.BatchNorm2d(16)
        second = nn.Conv2d(16, 32, 3, padding=1), nn.BatchNorm2d(32)
        hidden = nn.Linear(32 * (height // 4) * (width // 4), 100), nn.BatchNorm1d(100)
        super().__init__(
            *(*first, nn.MaxPool2d(2), nn.ReLU(), *second, nn.MaxPool2d(2), nn.ReLU()),
            *(nn.Flatten(), *hidden, nn.ReLU(), nn.Dropout(0.5), nn.Linear(100, n_labels)),
        )


class Gradients(TransformerMixin, BaseEstimator):
    """Histograms of the directions of gradients in squares of 4 x 4 pixels, of length one each."""

    def fit(self, X, y=None):
        return self

    def transform(self, X):
        row, column = np.gradient(np.reshape(X, (-1, SIZE, SIZE)), axis=(1, 2))
        direction = np.floor(np.arctan2(row, column) / np.pi * 4).astype(int) % 8
        length = np.hypot(row, column)
        lengths = np.stack([length * (direction == i) for i in range(8)], axis=-1)
        cells = lengths.reshape(len(X), SIZE // 4, 4, SIZE // 4, 4, 8).sum(axis=(2, 4))
        cells /= np.linalg.norm(cells, axis=-1, keepdims=True) + 0.1
        return cells.reshape(len(X), -1)


def net(seed, **options):
    recipe = {"lr": 1e-2, "lr_schedule": "cosine", "max_epochs": 20, "batch_size": 50}
    shape = {"module": ConvNet, "input_shape": (1, SIZE, SIZE)}
    return {**PRESETS["plain"], **recipe, **shape, "random_state": seed, **options}


def poses(learner, which, decode="argmax", sigma=None, **gaussian):
    grid, default = GRIDS[which]
    sigma = default if sigma is None else sigma
    return ldl.LDLRegressor(
        learner, ldl.GaussianLabelDistributor(grid, sigma=sigma, **gaussian), decode=decode
    )


def deep(seed, which, decode="argmax", sigma=None, covariance=None, **options):
    learner = ldl.DeepLDLRegressor(**net(seed, **options))
    return poses(learner, which, decode, sigma, covariance=covariance)


def separate(seed, which):
    """One network for each angle."""
    angles = ldl.GaussianLabelDistributor(np.arange(-90, 91, 15), sigma=15.0)
    learner = ldl.DeepLDLRegressor(**net(seed))
    return MultiOutputRegressor(ldl.LDLRegressor(learner, angles, decode="argmax"))


ROWS = {
    "mean pose": lambda seed, which: DummyRegressor(),
    "BFGSLDL, pixels": lambda seed, which: poses(ldl.BFGSLDL(), which),
    "BFGSLDL, gradients": lambda seed, which: make_pipeline(
        Gradients(), poses(ldl.BFGSLDL(), which)
    ),
    "C-Net": lambda seed, which: deep(seed, which, sigma=0.0),
    "LS": lambda seed, which: deep(seed, which, sigma=0.0, label_smoothing=0.1),
    "R-Net l1": lambda seed, which: ldl.DeepRegressor(**net(seed, loss="l1")),
    "R-Net l2": lambda seed, which: ldl.DeepRegressor(**net(seed, loss="l2")),
    "R-Net epsilon": lambda seed, which: ldl.DeepRegressor(**net(seed, loss="epsilon_insensitive")),
    "alpha": lambda seed, which: deep(seed, which, loss="alpha"),
    "DLDL": deep,
    "DLDL, expectation": lambda seed, which: deep(seed, which, "expectation"),
    "DLDL, half": lambda seed, which: deep(seed, which, sigma=GRIDS[which][1] / 2),
    "DLDL, twice": lambda seed, which: deep(seed, which, sigma=GRIDS[which][1] * 2),
    "DLDL, covariance": lambda seed, which: deep(seed, which, covariance=np.diag([30, 15]) ** 2),
    "DLDL, separate": separate,
}
MAIN = ("C-Net", "LS", "R-Net l1", "alpha", "DLDL")
#: Name -> which poses, training images, and the rows that are shown.
PROBLEMS = {
    "93 poses, 10 images each": ("93", 930, tuple(ROWS)),
    "93 poses, 5 images each": ("93", 465, MAIN),
    "93 poses, 20 images each": ("93", 1860, MAIN),
    "any pose, 1000 images": ("any", 1000, (*MAIN, "DLDL, expectation")),
}


def measured(y, predicted, grid):
    """Errors in degrees, and percentages of poses in the right class and within 15 degrees."""
    angles = {"pitch": 0, "yaw": 1, "both": None}
    errors = mean_absolute_error(y, predicted, multioutput="raw_values")
    exact, within = (
        {
            f"{name}{after}": 100 * accuracy_within_score(y, predicted, dim=dim, **how)
            for name, dim in angles.items()
        }
        for after, how in [(" %", {"grid": grid}), (" within 15", {"tolerance": 15})]
    )
    both = mean_euclidean_error(y, predicted)
    return {"MAE pitch": errors[0], "MAE yaw": errors[1], "MAE": both, **exact, **within}


def draw(which, n_samples, seed):
    ranges = {"poses": POSES}
    if which == "any":
        ranges = {"pitch_range": (-60, 60), "yaw_range": (-90, 90)}
    faces = make_faces(n_samples, image_size=SIZE, **ranges, random_state=seed)
    return faces.images.reshape(n_samples, -1), faces.pose


def scores(name, which, n_train, n_test, seed):
    """Measures of one method."""
    X, y = draw(which, n_train + n_test, seed)
    model = ROWS[name](seed, which).fit(X[:n_train], y[:n_train])
    return measured(y[n_train:], model.predict(X[n_train:]), GRIDS[which][0])


def main(report, options):
    problems, seeds, n_test = PROBLEMS, (0, 1, 2), 1000
    if options.quick:
        names = ("mean pose", "BFGSLDL, gradients", "C-Net", "R-Net l1", "DLDL", "DLDL, separate")
        problems, seeds, n_test = {"93 poses, 1 image each": ("93", 93, names)}, (0,), 50
    found = [
        {"images": images, "method": name, **scores(name, which, n_train, n_test, seed)}
        for images, (which, n_train, names) in problems.items()
        for name in names
        for seed in seeds
    ]
    by = dict.fromkeys(["images", "method"])
    frame = pd.DataFrame(found)
    report.spreads(frame, {key: key for key in by}, {key: 1 for key in found[0] if key not in by})


if __name__ == "__main__":
    run(__doc__, main, "torch")
