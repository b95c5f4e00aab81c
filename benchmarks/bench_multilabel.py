"""Sets of labels: two digits in one image."""

from functools import partial

import numpy as np
import pandas as pd
import torch
from _common import CACHE, run, spread
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import f1_score
from sklearn.multiclass import OneVsRestClassifier
from skorch import NeuralNet
from torch import nn

from sklearn_ldl import DeepLDLRegressor, MultiLabelDistributor, MultiLabelLDLClassifier
from sklearn_ldl.compare.cache import ScoreCache
from sklearn_ldl.deep import PRESETS
from sklearn_ldl.metrics import average_precision_score

N_TEST, N_LABELS, FAINT, NOISE = 2000, 10, 0.4, 0.15
#: Training images, and the share of all images that show one digit alone.
SETTINGS = {"200 pairs": (200, 0.0), "2000 pairs": (2000, 0.0), "2000, some alone": (2000, 0.3)}
#: Weight decay and steps of training, among which every network chooses.
DECAYS = (1e-3, 1e-2)
RECIPES = [(decay, steps) for steps in (400, 1600) for decay in DECAYS]
#: Draws of images to choose on, and to measure on.
CHOICE, SEEDS = 100, range(3)
MEASURES = dict.fromkeys(("mAP, 11 points", "mAP, all points", "F1", "full sets"), 3)


def perceptron(n_features, n_labels):
    return nn.Sequential(nn.Linear(n_features, 100), nn.ReLU(), nn.Linear(100, n_labels))


def adam(n_samples, steps):
    return {"lr": 3e-3, "batch_size": 50, "max_epochs": steps * 50 // n_samples}


def softmax(n_samples, decay, steps, seed, loss="kl", **targets):
    """Distributions over the labels."""
    settings = {**PRESETS["plain"], **adam(n_samples, steps), "weight_decay": decay}
    network = DeepLDLRegressor(perceptron, loss=loss, **{**settings, "random_state": seed})
    return MultiLabelLDLClassifier(network, MultiLabelDistributor(**targets))


class BinaryCrossEntropy(nn.Module):
    """Sum over the labels whose weight is not zero, and mean over the images."""

    def forward(self, Z, Y):
        positive, weight = (Y > 0).float(), (Y != 0).float()
        loss = nn.functional.binary_cross_entropy_with_logits
        return loss(Z, positive, weight=weight, reduction="sum") / len(Z)


class Binary(ClassifierMixin, BaseEstimator):
    """A sigmoid for every label; labels with the state zero are not in the loss."""

    def __init__(self, n_samples, decay, steps, seed):
        self.n_samples = n_samples
        self.decay = decay
        self.steps = steps
        self.seed = seed

    def fit(self, X, Y):
        torch.manual_seed(self.seed)
        self.net_ = NeuralNet(
            perceptron(X.shape[1], Y.shape[1]),
            BinaryCrossEntropy,
            optimizer=torch.optim.Adam,
            optimizer__weight_decay=self.decay,
            iterator_train__shuffle=True,
            train_split=None,
            verbose=0,
            **adam(self.n_samples, self.steps),
        ).fit(X, Y.astype(np.float32))
        return self

    def predict_proba(self, X):
        return 1 / (1 + np.exp(-self.net_.predict(X)))

    def predict(self, X):
        return self.predict_proba(X) > 0.5


class Frequencies(ClassifierMixin, BaseEstimator):
    """The share of the images that show a label, whatever the image."""

    def fit(self, X, Y):
        self.shares_ = (Y > 0).mean(axis=0)
        return self

    def predict_proba(self, X):
        return np.tile(self.shares_, (len(X), 1))

    def predict(self, X):
        return self.predict_proba(X) > self.shares_.mean()


def certain(states):
    """States without difficult labels, which become negative."""
    return np.where(states > 0, 1, -1)


def linear(n_samples, decay, steps, seed):
    return OneVsRestClassifier(LogisticRegression(C=1 / (n_samples * decay)))


#: Method -> model of (n_samples, decay, steps, seed), what it makes of the states, and recipes.
METHODS = {
    "DLDL": (softmax, np.asarray, RECIPES),
    "KL": (partial(softmax, eps=0), certain, RECIPES),
    "l2": (partial(softmax, loss="mse", eps=0), certain, RECIPES),
    "binary": (Binary, np.asarray, RECIPES),
    "linear DLDL": (lambda *_: MultiLabelLDLClassifier(), np.asarray, [(None, None)]),
    "logistic regression": (linear, lambda Y: Y > 0, [(decay, None) for decay in DECAYS]),
    "frequencies": (lambda *_: Frequencies(), np.asarray, [(None, None)]),
}


def draw(n_samples, alone, rows, rng):
    """Images of digits of these rows, one laid over the other, and the states of the labels."""
    digits, label = load_digits(return_X_y=True)
    first, second = rng.choice(rows, size=(2, n_samples))
    contrast = rng.uniform(0.1, 1, n_samples) * (rng.random(n_samples) >= alone)
    X = np.maximum(digits[first], digits[second] * contrast[:, None]) / 16
    states, every = np.full((n_samples, N_LABELS), -1), np.arange(n_samples)
    states[every, label[second]] = np.select([contrast == 0, contrast < FAINT], [-1, 0], 1)
    states[every, label[first]] = 1
    return (X + NOISE * rng.standard_normal(X.shape)).astype(np.float32), states


def measured(method, setting, recipe, seed, n_test):
    """Return the measures of one fit, on one draw of all images."""
    n_samples, alone = SETTINGS[setting]
    rng = np.random.default_rng(seed)
    order = rng.permutation(1797)
    X, states = draw(n_samples, alone, order[:900], rng)
    X_test, truth = draw(n_test, alone, order[900:], rng)
    new_model, prepare, _ = METHODS[method]
    model = new_model(n_samples, *recipe, seed).fit(X, prepare(states))
    degrees, sets = model.predict_proba(X_test), model.predict(X_test) > 0
    positive, counts = truth > 0, truth != 0
    values = [
        average_precision_score(truth, degrees, interpolation="voc2007"),
        average_precision_score(truth, degrees, interpolation="voc2010"),
        f1_score(positive[counts], sets[counts]),
        float(((sets == positive) | ~counts).all(axis=1).mean()),
    ]
    return dict(zip(MEASURES, values, strict=True))


class Fits:
    """Measures of fits, from a file where they are there."""

    def __init__(self, path, n_test):
        self.cache = ScoreCache(path)
        self.n_test = n_test

    def __call__(self, method, setting, recipe, seed):
        key = f"multilabel, {method}, {setting}, {recipe}, seed {seed}, {self.n_test} images"
        if not self.cache.has(key, MEASURES):
            scores = measured(method, setting, recipe, seed, self.n_test)
            self.cache.add(key, {"scores": scores})
        return self.cache.known(key)["scores"]

    def choose(self, method, setting, recipes):
        """Return the recipe with the best mean average precision on images of its own."""
        if len(recipes) == 1:
            return recipes[0]
        first = next(iter(MEASURES))
        return max(recipes, key=lambda recipe: self(method, setting, recipe, CHOICE)[first])


def main(report, options):
    settings, seeds, n_test = SETTINGS, SEEDS, N_TEST
    recipes = {method: recipes for method, (_, _, recipes) in METHODS.items()}
    if options.quick:
        settings, seeds, n_test = ["200 pairs"], range(2), 300
        recipes = {"DLDL": [(1e-3, 20)], "binary": [(1e-3, 20)], "frequencies": [(None, None)]}
    fits = Fits(options.cache, n_test)
    table = report.table(images="", method="", **dict.fromkeys(MEASURES, ""), decay="g", steps="d")
    found = {}
    for setting in settings:
        for method in recipes:
            decay, steps = recipe = fits.choose(method, setting, recipes[method])
            runs = [fits(method, setting, recipe, seed) for seed in seeds]
            found[setting, method] = frame = pd.DataFrame(runs)
            cells = {name: spread(frame[name], digits) for name, digits in MEASURES.items()}
            table.row(images=setting, method=method, **cells, decay=decay, steps=steps)
    report.say("")
    report.section("## Differences on the same images")
    table = report.table(**{"images": "", "DLDL less": "", "gain": "", "ahead": ""})
    for (setting, method), frame in found.items():
        if method not in ("DLDL", "frequencies"):
            gain = (found[setting, "DLDL"] - frame)["mAP, 11 points"]
            cells = {"DLDL less": method, "gain": spread(gain, 3)}
            table.row(images=setting, **cells, ahead=f"{(gain > 0).sum()}/{len(gain)}")


if __name__ == "__main__":
    run(__doc__, main, "torch", cache=CACHE)
