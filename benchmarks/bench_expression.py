"""Facial expressions from labels of annotators who disagree."""

import numpy as np
from _common import run, spread
from joblib import Parallel, delayed
from sklearn.model_selection import GridSearchCV
from sklearn.preprocessing import normalize

from sklearn_ldl import (
    AuxGraphLDLClassifier,
    AuxGraphNeighbors,
    DeepLDLClassifier,
    NoiseAdaptationClassifier,
)
from sklearn_ldl.datasets import make_annotators, make_faces, make_noisy_labels
from sklearn_ldl.deep import PRESETS

N_TEST, N_ANNOTATORS, ERROR = 1000, 3, 0.45
LANDMARK_NOISE, UNIT_NOISE = 0.2, 0.4
WEIGHTS, VOTERS = [0.1, 0.3, 1.0, 3.0], [4, 12]
ANNOTATORS = f"{N_ANNOTATORS} annotators"
LANDMARKS, UNITS, BOTH = "landmarks", "action units", "both graphs"


def data(seed, n_train):
    """Images and expressions, of which the first rows train; the graphs of these; annotators."""
    rng = np.random.default_rng(seed)
    faces = make_faces(
        n_train + N_TEST,
        image_size=24,
        n_landmarks=15,
        expressions="pure",
        pitch_range=(-5, 5),
        yaw_range=(-5, 5),
        random_state=seed,
    )
    points = faces.landmarks + LANDMARK_NOISE * rng.standard_normal(faces.landmarks.shape)
    eyes = points[:, :2]
    size = np.linalg.norm(eyes[:, 0] - eyes[:, 1], axis=1)[:, None, None]
    points = ((points - eyes.mean(axis=1, keepdims=True)) / size).reshape(len(points), -1)
    units = faces.action_units + UNIT_NOISE * rng.standard_normal(faces.action_units.shape)
    aux = np.hstack([points, units])[:n_train]
    split = points.shape[1]
    groups = {LANDMARKS: [slice(split)], UNITS: [slice(split, None)]}
    groups[BOTH] = groups[LANDMARKS] + groups[UNITS]
    return faces, aux, groups, rng.integers(N_ANNOTATORS, size=n_train)


def machine_labels(net, X, y, who):
    """Rows of all annotators for all images: their labels, or what a network of theirs predicts."""
    labels = np.tile(y, (N_ANNOTATORS, 1))
    for a in range(N_ANNOTATORS):
        own = who == a
        labels[a, ~own] = DeepLDLClassifier(**net).fit(X[own], y[own]).predict(X[~own])
    repeated = np.concatenate([X] * N_ANNOTATORS)
    return repeated, labels.ravel(), np.repeat(np.arange(N_ANNOTATORS), len(X))


def scores(protocol, seed, n_train, max_epochs):
    """Accuracies of all methods on right labels, and what else is to be told."""
    faces, aux, groups, who = data(seed, n_train)
    X, truth = faces.images[:n_train], faces.expression[:n_train]
    n_classes = len(faces.expression_names)
    T = make_annotators(N_ANNOTATORS, n_classes, error=ERROR, random_state=seed)
    if protocol == ANNOTATORS:
        y = make_noisy_labels(truth, T, annotators=who, random_state=seed)
    else:
        y = make_noisy_labels(truth, float(protocol), random_state=seed)
    net = {**PRESETS["plain"], "standardize": True, "lr": 1e-3, "max_epochs": max_epochs}
    net["random_state"] = seed
    stopping = {**net, "early_stopping": True, "validation_fraction": 0.2}
    graphs = {name: AuxGraphNeighbors(aux_groups=group) for name, group in groups.items()}
    found, told = {}, {}

    def score(name, model, *args, **fit):
        model.fit(*args, **fit)
        found[name] = 100 * model.score(faces.images[n_train:], faces.expression[n_train:])
        return model

    score("cross entropy, right labels", DeepLDLClassifier(**net), X, truth)
    score("cross entropy", DeepLDLClassifier(**net), X, y)
    score("early stopping", DeepLDLClassifier(**stopping), X, y)
    onehot = np.eye(n_classes)[y]
    for n_neighbors in VOTERS:
        graph = AuxGraphNeighbors(n_neighbors, aux_groups=groups[BOTH]).fit(aux).graph_
        voted = normalize(onehot + graph @ onehot, norm="l1")
        score(f"vote of {n_neighbors}", DeepLDLClassifier(**net), X, voted)
    layer = score("noise adaptation layer", NoiseAdaptationClassifier(**net), X, y)
    if protocol == ANNOTATORS:
        layers = NoiseAdaptationClassifier(**net)
        score("a layer for each annotator", layers, X, y, annotators=who)
        rows, labels, whose = machine_labels(net, X, y, who)
        three = NoiseAdaptationClassifier(**net)
        score("IPA2LT", three, rows, labels, annotators=whose)
        matrices = {
            "noise adaptation layer": layer,
            "a layer for each annotator": layers,
            "IPA2LT": three,
        }
        told = {name: np.abs(model.transitions_ - T).mean() for name, model in matrices.items()}
        told["identity"] = np.abs(np.eye(n_classes) - T).mean()
    search = GridSearchCV(AuxGraphLDLClassifier(graphs[BOTH], **net), {"aux_weight": WEIGHTS}, cv=2)
    weight = score("AuxGraph, both graphs", search, X, y, aux=aux).best_params_["aux_weight"]
    for name in (LANDMARKS, UNITS):
        model = AuxGraphLDLClassifier(graphs[name], aux_weight=weight, **net)
        score(f"AuxGraph, {name}", model, X, y, aux=aux)
    model = AuxGraphLDLClassifier(graphs[BOTH], aux_weight=weight, **stopping)
    score("AuxGraph, early stopping", model, X, y, aux=aux)
    shuffled = np.random.default_rng(seed).permutation(aux)
    model = AuxGraphLDLClassifier(graphs[BOTH], aux_weight=weight, **net)
    score("AuxGraph, shuffled", model, X, y, aux=shuffled)
    for name in (LANDMARKS, UNITS):
        edges = graphs[name].fit(aux).graph_.tocoo()
        told[name] = 100 * np.mean(truth[edges.row] == truth[edges.col])
    return {"accuracy": found, "told": told, "weight": weight, "wrong": 100 * np.mean(y != truth)}


def main(report, options):
    protocols, seeds, sizes = [ANNOTATORS, "0.2", "0.4"], range(3), (1500, 20)
    if options.quick:
        protocols, seeds, sizes = [ANNOTATORS], range(1), (150, 1)
    tasks = [(protocol, seed) for protocol in protocols for seed in seeds]
    jobs = 1 if options.quick else 2
    runs = Parallel(jobs)(delayed(scores)(*task, *sizes) for task in tasks)
    columns = {}
    for protocol in protocols:
        own = [one for task, one in zip(tasks, runs, strict=True) if task[0] == protocol]
        heading = protocol if protocol == ANNOTATORS else f"{float(protocol):.0%} wrong"
        names = list(own[0]["accuracy"])
        values = {name: np.array([one["accuracy"][name] for one in own]) for name in names}
        cells = {name: spread(accuracy, 1) for name, accuracy in values.items()}
        best = max(names[1:], key=lambda name: values[name].mean())
        cells[best] += "*"
        gain = values["AuxGraph, both graphs"] - values["cross entropy"]
        cells["gain of both graphs"] = spread(gain, 1)
        cells["weight chosen"] = f"{np.median([one['weight'] for one in own]):g}"
        cells["wrong labels"] = spread(np.array([one["wrong"] for one in own]), 1)
        columns[heading] = cells
    table = report.table(method="", **dict.fromkeys(columns, ""))
    for name in columns[ANNOTATORS]:
        table.row(method=name, **{column: columns[column].get(name, "") for column in columns})

    own = [one["told"] for task, one in zip(tasks, runs, strict=True) if task[0] == ANNOTATORS]
    report.say("")
    report.section("## Graphs")
    table = report.table(**{"graph": "", "edges within an expression": ""})
    for name in (LANDMARKS, UNITS):
        cell = spread(np.array([one[name] for one in own]), 1)
        table.row(**{"graph": name, "edges within an expression": cell})
    report.say("")
    report.section("## Matrices")
    table = report.table(**{"method": "", "mean error": ""})
    for name in [name for name in own[0] if name not in (LANDMARKS, UNITS)]:
        table.row(**{"method": name, "mean error": spread(np.array([one[name] for one in own]), 3)})


if __name__ == "__main__":
    run(__doc__, main, "torch")
