"""Noisy labels: graphs of auxiliary labels against cross entropy and simpler remedies.

Usage: ``python benchmarks/bench_alsg.py [--quick] [--out FILE]``.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from _common import Table, machine
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.datasets import load_digits
from sklearn.model_selection import GridSearchCV
from sklearn.neighbors import KNeighborsClassifier
from sklearn.preprocessing import normalize, scale

from sklearn_ldl import AuxGraphLDLClassifier, AuxGraphNeighbors, DeepLDLClassifier
from sklearn_ldl.deep import PRESETS

INTRODUCTION = """\
# Auxiliary labels against noisy labels

Made by `{command}`.

Accuracy in percent on the clean labels of test rows, mean and standard deviation over {n_seeds}
seeds of data and network. A share of the labels of 600 training rows (0 to 40 %, the columns) is
replaced by another class drawn at random; the other 1197 rows are the test.

The data are scikit-learn's digits (ten classes). Features: the 64 pixels in [0, 1] with Gaussian
noise of deviation {pixel_noise}. Auxiliary labels, which know nothing of the class: the sums of the
8 rows and 8 columns of the image before that noise, standardised, with Gaussian noise of deviation
{aux_noise}; 15-NN on them says how much they tell, and is the only method here that has to know
them at test time.

All networks have the default settings, one hidden layer of 100 units and 60 epochs of Adam at
1e-2, but batches of 100. *Search* means `GridSearchCV` in three folds of the training rows, scored
on their noisy labels, over {weights} for `aux_weight` or {votes} for the number of voting
neighbours. *Vote*: cross entropy on the average of a row's label and those of its neighbours in the
auxiliary space, weighted by similarity. *Early stopping* holds 20 % of the noisy rows. The variants
have the `aux_weight`, or number of neighbours, that the search has chosen for the original; "poor"
auxiliary labels have twice the noise; "shuffled" ones belong to other rows. The best mean of a
column has a star. At the bottom: gain of the search over cross entropy in points, and the median of
the weight that it chose.
"""
N_TRAIN, N_CLASSES = 600, 10
PIXEL_NOISE, AUX_NOISE = 0.1, 0.5
NOISES = [0.0, 0.1, 0.2, 0.3, 0.4]
WEIGHTS = [0.1, 0.3, 1.0, 3.0, 10.0]
VOTES = [4, 10, 20, 40]
PLAIN, SEARCH = "cross entropy", "AuxGraph, search"


class Problem(NamedTuple):
    """Training rows with noisy labels and auxiliary labels; test rows with clean ones."""

    X: NDArray
    y: NDArray
    A: NDArray
    A_poor: NDArray
    X_test: NDArray
    y_test: NDArray
    A_test: NDArray


def problem(noise: float, seed: int) -> Problem:
    rng = np.random.default_rng(seed)
    X, y = load_digits(return_X_y=True)
    X = X / 16
    images = X.reshape(-1, 8, 8)
    sums = scale(np.hstack([images.sum(axis=2), images.sum(axis=1)]))
    A, A_poor = (sums + s * rng.standard_normal(sums.shape) for s in (AUX_NOISE, 2 * AUX_NOISE))
    X = X + PIXEL_NOISE * rng.standard_normal(X.shape)
    order = rng.permutation(len(y))
    train, test = order[:N_TRAIN], order[N_TRAIN:]
    # The same draws whatever the noise: more noise only adds wrong labels.
    wrong = rng.random(N_TRAIN) < noise
    other = (y[train] + rng.integers(1, N_CLASSES, N_TRAIN)) % N_CLASSES
    labels = np.where(wrong, other, y[train])
    return Problem(X[train], labels, A[train], A_poor[train], X[test], y[test], A[test])


class Vote(ClassifierMixin, BaseEstimator):
    """Cross entropy on labels averaged with those of the neighbours among the auxiliary labels."""

    def __init__(self, n_neighbors=4, *, net=None):
        self.n_neighbors = n_neighbors
        self.net = net

    def fit(self, X, y, aux):
        """Average labels, train the network."""
        labels = np.eye(N_CLASSES)[y]
        graph = AuxGraphNeighbors(self.n_neighbors).fit(aux).graph_
        self.classes_ = np.arange(N_CLASSES)
        self.net_ = DeepLDLClassifier(**self.net)
        self.net_.fit(X, normalize(labels + graph @ labels, norm="l1"))
        return self

    def predict(self, X):
        """Predict classes."""
        return self.net_.predict(X)


def accuracies(
    data: Problem, seed: int, weights: list[float], votes: list[int]
) -> tuple[dict[str, float], float]:
    """Accuracies by method in percent, and the weight that the search chose."""
    X, y, A = data[:3]
    net: dict[str, Any] = {**PRESETS["plain"], "batch_size": 100, "random_state": seed}
    stopping = {"early_stopping": True, "validation_fraction": 0.2}

    def test(model: BaseEstimator) -> float:
        return 100 * model.score(data.X_test, data.y_test)

    def plain(**options: Any) -> float:
        return test(DeepLDLClassifier(**(net | options)).fit(X, y))

    def graph(aux_weight: float, **options: Any) -> float:
        model = AuxGraphLDLClassifier(aux_weight=aux_weight, **(net | options))
        return test(model.fit(X, y, aux=A))

    def search(model: BaseEstimator, grid: dict[str, list], aux: NDArray) -> GridSearchCV:
        return GridSearchCV(model, grid, cv=3, error_score="raise").fit(X, y, aux=aux)

    def search_weight(aux: NDArray) -> GridSearchCV:
        return search(AuxGraphLDLClassifier(**net), {"aux_weight": weights}, aux)

    found, voted = search_weight(A), search(Vote(net=net), {"n_neighbors": votes}, A)
    chosen, n_votes = found.best_params_["aux_weight"], voted.best_params_["n_neighbors"]
    neighbors = KNeighborsClassifier(15).fit(A, y)
    shuffled = np.random.default_rng(seed).permutation(A)
    scores = {
        "15-NN on auxiliary labels": 100 * neighbors.score(data.A_test, data.y_test),
        PLAIN: plain(),
        "label smoothing 0.1": plain(label_smoothing=0.1),
        "early stopping": plain(**stopping),
        "vote of 4": test(Vote(4, net=net).fit(X, y, A)),
        "vote, search": test(voted),
        "vote, early stopping": test(Vote(n_votes, net={**(net | stopping)}).fit(X, y, A)),
        **{f"AuxGraph, weight {weight:g}": graph(weight) for weight in weights},
        SEARCH: test(found),
        "AuxGraph, center_first": graph(chosen, direction="center_first"),
        "AuxGraph, detach=False": graph(chosen, detach=False),
        "AuxGraph, early stopping": graph(chosen, **stopping),
        "AuxGraph, search, poor": test(search_weight(data.A_poor)),
        "AuxGraph, search, shuffled": test(search_weight(shuffled)),
        "AuxGraph, search, features as auxiliary labels": test(search_weight(X)),
    }
    return scores, chosen


def spread(values: NDArray) -> str:
    return f"{values.mean():.1f} ± {values.std():.1f}"


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="one seed, small grids")
    parser.add_argument("--out", type=Path, help="also write the table to this file")
    options = parser.parse_args()
    noises, n_seeds, weights, votes = NOISES, 5, WEIGHTS, VOTES
    if options.quick:
        noises, n_seeds, weights, votes = [0.0, 0.4], 1, [0.3, 3.0], [4, 20]
    command = "OMP_NUM_THREADS=1 python benchmarks/bench_alsg.py"
    command += " --quick" if options.quick else ""
    command += f" --out {options.out}" if options.out else ""
    introduction = INTRODUCTION.format(
        command=command,
        n_seeds=n_seeds,
        pixel_noise=PIXEL_NOISE,
        aux_noise=AUX_NOISE,
        weights=", ".join(f"{weight:g}" for weight in weights),
        votes=", ".join(map(str, votes)),
    )
    text = [introduction, f"{machine()}, torch {torch.__version__}", ""]
    print("\n".join(text))

    cells: dict[str, dict[str, str]] = {}
    for noise in noises:
        column = f"{noise:.0%} wrong"
        print(f"{column} ...", file=sys.stderr)
        runs = [accuracies(problem(noise, seed), seed, weights, votes) for seed in range(n_seeds)]
        scores = {name: np.array([run[name] for run, _ in runs]) for name in runs[0][0]}
        best = max(scores, key=lambda name, scores=scores: scores[name].mean())
        for name, values in scores.items():
            cells.setdefault(name, {})[column] = spread(values) + "*" * (name == best)
        gain = scores[SEARCH] - scores[PLAIN]
        cells.setdefault("gain of the search", {})[column] = spread(gain)
        chosen = np.median([weight for _, weight in runs])
        cells.setdefault("weight chosen", {})[column] = f"{chosen:g}"
    table = Table(method="", **dict.fromkeys(cells[SEARCH], ""))
    for name, row in cells.items():
        table.row(method=name, **row)
    if options.out:
        options.out.write_text("\n".join([*text, *table.lines]) + "\n")


if __name__ == "__main__":
    main()
