"""Auxiliary labels against noisy labels."""

from functools import partial

import numpy as np
import pandas as pd
from _common import CACHE, compared, run, spread
from sklearn.base import BaseEstimator, ClassifierMixin, clone
from sklearn.datasets import load_digits
from sklearn.model_selection import GridSearchCV
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, normalize, scale

from sklearn_ldl import AuxGraphLDLClassifier, AuxGraphNeighbors, DeepLDLClassifier
from sklearn_ldl.deep import PRESETS

N_TRAIN, N_CLASSES = 600, 10
PIXEL_NOISE, AUX_NOISE = 0.1, 0.5
#: Columns of the features, and of the kinds of auxiliary labels behind them.
PIXELS, OWN, POOR, SHUFFLED = slice(64), slice(64, 80), slice(80, 96), slice(96, 112)
WEIGHTS, VOTES = [0.1, 0.3, 1.0, 3.0, 10.0], [4, 10, 20, 40]
FEATURES = "features as auxiliary labels"
PLAIN, SEARCH, VOTE = "cross entropy", "AuxGraph, search", "vote, search"

SCORERS = {
    "accuracy": lambda model, X, y: 100 * (model.predict(X) == y).mean(),
    "chosen": lambda model, X, y: next(iter(getattr(model, "best_params_", {"": np.nan}).values())),
}


def data(seed):
    """Features with auxiliary labels, classes, training rows, test rows, and what draws noise."""
    rng = np.random.default_rng(seed)
    X, y = load_digits(return_X_y=True)
    X = X / 16
    images = X.reshape(-1, 8, 8)
    sums = scale(np.hstack([images.sum(axis=2), images.sum(axis=1)]))
    A, A_poor = (sums + s * rng.standard_normal(sums.shape) for s in (AUX_NOISE, 2 * AUX_NOISE))
    X = X + PIXEL_NOISE * rng.standard_normal(X.shape)
    order = rng.permutation(len(y))
    train, test = order[:N_TRAIN], order[N_TRAIN:]
    A_shuffled = A.copy()
    A_shuffled[train] = np.random.default_rng(seed).permutation(A[train])
    return np.hstack([X, A, A_poor, A_shuffled]), y, train, test, rng


def noisy(wrong, steps, X, y, _):
    """Replace the labels of training rows by those so many steps further."""
    return X, np.where(wrong, (y + steps) % N_CLASSES, y)


class Parted(ClassifierMixin, BaseEstimator):
    """A classifier on the pixels, which is given some of the other columns as auxiliary labels."""

    def __init__(self, estimator, aux=None):
        self.estimator = estimator
        self.aux = aux

    def fit(self, X, y):
        aux = {} if self.aux is None else {"aux": X[:, self.aux]}
        self.estimator_ = clone(self.estimator).fit(X[:, PIXELS], y, **aux)
        self.classes_ = self.estimator_.classes_
        return self

    def predict(self, X):
        return self.estimator_.predict(X[:, PIXELS])


class Vote(ClassifierMixin, BaseEstimator):
    """Cross entropy on labels averaged with those of the neighbours among the auxiliary labels."""

    def __init__(self, n_neighbors=4, *, net=None):
        self.n_neighbors = n_neighbors
        self.net = net

    def fit(self, X, y, aux):
        labels = np.eye(N_CLASSES)[y]
        graph = AuxGraphNeighbors(self.n_neighbors).fit(aux).graph_
        self.classes_ = np.arange(N_CLASSES)
        self.net_ = DeepLDLClassifier(**self.net)
        self.net_.fit(X, normalize(labels + graph @ labels, norm="l1"))
        return self

    def predict(self, X):
        return self.net_.predict(X)


def search(model, aux, **grid):
    grid = {f"estimator__{name}": values for name, values in grid.items()}
    return GridSearchCV(Parted(model, aux), grid, cv=3, error_score="raise")


def scores(noise, seed, weights, votes, max_epochs, **more):
    X, y, train, test, rng = data(seed)
    # The same draws whatever the noise: more noise only adds wrong labels.
    wrong, steps = rng.random(N_TRAIN) < noise, rng.integers(1, N_CLASSES, N_TRAIN)
    more |= {"corrupt": partial(noisy, wrong, steps), "cv": [(train, test)]}
    more["scoring"] = SCORERS
    fit = partial(compared, datasets={f"{noise:.0%} wrong": (X, y)}, **more)
    net = {**PRESETS["plain"], "batch_size": 100, "max_epochs": max_epochs, "random_state": seed}
    stopping = {**net, "early_stopping": True, "validation_fraction": 0.2}
    graph = partial(AuxGraphLDLClassifier, **net)
    searched = search(graph(), OWN, aux_weight=weights)
    found = fit({VOTE: search(Vote(net=net), OWN, n_neighbors=votes), SEARCH: searched})
    n_votes, weight = found["chosen"]
    own_labels = FunctionTransformer(np.take, kw_args={"indices": range(64, 80), "axis": 1})
    rows = {
        "15-NN on auxiliary labels": make_pipeline(own_labels, KNeighborsClassifier(15)),
        PLAIN: Parted(DeepLDLClassifier(**net)),
        "label smoothing 0.1": Parted(DeepLDLClassifier(label_smoothing=0.1, **net)),
        "early stopping": Parted(DeepLDLClassifier(**stopping)),
        "vote of 4": Parted(Vote(4, net=net), OWN),
        VOTE: None,
        "vote, early stopping": Parted(Vote(int(n_votes), net=stopping), OWN),
        **{f"AuxGraph, weight {w:g}": Parted(graph(aux_weight=w), OWN) for w in weights},
        SEARCH: None,
        "AuxGraph, center_first": Parted(graph(aux_weight=weight, direction="center_first"), OWN),
        "AuxGraph, detach=False": Parted(graph(aux_weight=weight, detach=False), OWN),
        "AuxGraph, early stopping": Parted(graph(**stopping, aux_weight=weight), OWN),
    }
    for kind, columns in {"poor": POOR, "shuffled": SHUFFLED, FEATURES: PIXELS}.items():
        rows[f"{SEARCH}, {kind}"] = search(graph(), columns, aux_weight=weights)
    others = fit({name: model for name, model in rows.items() if model is not None})
    return pd.concat([found, others]).set_index("estimator").loc[list(rows)]


def main(report, options):
    noises, n_seeds, sizes = [0.0, 0.1, 0.2, 0.3, 0.4], 5, (WEIGHTS, VOTES, 60)
    if options.quick:
        noises, n_seeds, sizes = [0.4], 1, ([0.3, 3.0], [4, 20], 1)
    columns = {}
    for noise in noises:
        runs = [scores(noise, seed, *sizes, cache=options.cache) for seed in range(n_seeds)]
        accuracies = pd.DataFrame([run["accuracy"] for run in runs])
        cells = {name: spread(values, 1) for name, values in accuracies.items()}
        cells[accuracies.mean().idxmax()] += "*"
        cells["gain of the search"] = spread(accuracies[SEARCH] - accuracies[PLAIN], 1)
        cells["weight chosen"] = f"{np.median([run['chosen'][SEARCH] for run in runs]):g}"
        columns[f"{noise:.0%} wrong"] = cells
    table = report.table(method="", **dict.fromkeys(columns, ""))
    for name in cells:
        table.row(method=name, **{column: columns[column][name] for column in columns})


if __name__ == "__main__":
    run(__doc__, main, "torch", cache=CACHE)
