"""Fitted estimators hold training rows only where these are part of the model or the result."""

import pickle

import numpy as np
import pytest
from sklearn.base import is_classifier, is_regressor

from sklearn_ldl import LabelDistributionMixin
from sklearn_ldl.distributors.base import TargetTransformer
from tests.test_common import ESTIMATORS, SMALL

_RECOVERED = "the recovered distributions of the rows are the result"
_CLUSTERS = "cluster_labels_ says which rows share a structure"
KEEPS_ROWS = {
    "AuxGraphLDLClassifier": "graph_ of the rows, to be looked at",
    "AuxGraphNeighbors": "the graph of the rows is the result, and new rows search among them",
    "DFLDL": "neighbors_ are training rows",
    "EDLLRL": _CLUSTERS,
    "FCMEnhancer": _RECOVERED,
    "GLLEEnhancer": _RECOVERED,
    "KMEnhancer": _RECOVERED,
    "KNeighborsLDL": "predictions are means over training rows",
    "LDLLCLR": _CLUSTERS,
    "LDLLDM": _CLUSTERS,
    "LDLSCL": "codes_ says how much of each cluster a row has",
    "LDSVR": "kernel machine: the landmarks are rows",
    "LPEnhancer": _RECOVERED,
    "LabelEnhancementClassifier": _RECOVERED,
    "LabelShiftCorrector": "adapt compares new rows with predictions held out in fit",
    "MLEnhancer": _RECOVERED,
}
# Trees and curves of the search grow with the data by themselves.
BOUNDED = {"max_depth": 1, "max_epochs": 1, "max_iter": 3, "hidden_layer_sizes": (4,)}
OTHERS = {
    "AutoLDL": {"candidates": ["mean"]},  # which others are kept depends on the rows
    "OGRClassifier": {"gap": 1, "max_epochs": 2},
}


def build(cls):
    known = cls().get_params()
    bounds = {name: value for name, value in BOUNDED.items() if name in known}
    return cls(**SMALL.get(cls.__name__, {}) | bounds | OTHERS.get(cls.__name__, {}))


def training_data(estimator, n):
    """Arguments of `fit`, which differ in the number of rows alone."""
    rng = np.random.default_rng(0)
    X, D, labels = rng.standard_normal((n, 4)), rng.dirichlet(np.ones(3), n), np.arange(n) % 3
    kind = type(estimator).__name__
    if kind == "RaterModel":
        return np.arange(n) // 5, np.arange(n) % 5, labels
    if isinstance(estimator, TargetTransformer):
        targets = {"DecoupledLabelSplitter": D, "MultiLabelDistributor": np.eye(3)[labels] > 0}
        return (targets.get(kind, labels),)
    if isinstance(estimator, LabelDistributionMixin):
        return X, D
    if is_classifier(estimator):
        return (X, labels, X[:, :2]) if kind == "AuxGraphLDLClassifier" else (X, labels)
    if is_regressor(estimator):
        return X, np.arange(n) * 10 % 17 + 0.5
    return X, np.eye(3)[labels]


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("cls", ESTIMATORS, ids=lambda cls: cls.__name__)
def test_pickle_does_not_grow_with_the_rows(cls):
    sizes = []
    for n in (100, 400):
        estimator = build(cls)
        sizes.append(len(pickle.dumps(estimator.fit(*training_data(estimator, n)))))
    # A list of rows would take a byte for each at least.
    grows = sizes[1] - sizes[0] > 300 / 4
    assert grows == (cls.__name__ in KEEPS_ROWS), sizes


def test_exceptions_are_estimators():
    assert KEEPS_ROWS.keys() | OTHERS.keys() <= {cls.__name__ for cls in ESTIMATORS}
