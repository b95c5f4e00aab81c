"""What every file here runs on: all that is public, small data with names, and small settings."""

import inspect
from functools import cache
from importlib.util import find_spec

import numpy as np
import pandas as pd
from sklearn.base import is_classifier
from sklearn.utils.validation import has_fit_parameter

from sklearn_ldl import BFGSLDL, LabelDistributionMixin, metrics
from sklearn_ldl.datasets import make_ldl
from sklearn_ldl.metrics import get_ldl_scorer_names
from tests.test_common import ESTIMATORS, SMALL

NAMES = ["like", "neutral", "dislike"]
SHUFFLED = ["dislike", "like", "neutral"]
OTHERS = ["like", "neutral", "hate"]
MISMATCH = r"labels do not match: .*(dislike.*hate|hate.*dislike)"
REPEATED = r"different names.*repeat \['like'\]"


def ids(cls):
    return cls.__name__


@cache
def data():
    X, D = make_ldl(60, n_votes=20, random_state=0)
    return X, D


def frame(columns=NAMES, names=NAMES, values=None):
    """The distributions with these columns of `names`."""
    D = data()[1] if values is None else values
    return pd.DataFrame(D, columns=names)[columns]


def renamed(columns, values=None):
    return frame(values=values).set_axis(columns, axis=1)


def make(cls):
    settings = {"max_epochs": 4, "gap": 1, "random_state": 0, **SMALL.get(cls.__name__, {})}
    return cls(**{name: settings[name] for name in settings if name in cls().get_params()})


LEARNERS = [cls for cls in ESTIMATORS if issubclass(cls, LabelDistributionMixin)]


@cache
def fitted(cls):
    return make(cls).fit(data()[0], frame())


@cache
def predicted():
    return renamed(NAMES, fitted(BFGSLDL).predict(data()[0]))


def goes_on(cls):
    return "warm_start" in cls().get_params()


def of_distributions(metric):
    second = list(inspect.signature(metric).parameters)[1:2]
    return second == ["D_pred"] or second == ["P"]


METRICS = [metric for name in metrics.__all__ if of_distributions(metric := getattr(metrics, name))]
OPTIONS = {
    "head_euclidean_distance": {"head": [True, False, False]},
    "tail_euclidean_distance": {"head": [True, False, False]},
}


def options(name):
    return OPTIONS.get(name.removeprefix("neg_"), {})


SCORERS = [
    name
    for name in get_ldl_scorer_names()
    if of_distributions(getattr(metrics, name.removeprefix("neg_")))
]


ENHANCERS = [cls for cls in ESTIMATORS if cls.__name__.endswith("Enhancer")]


def classifiers():
    """Those that take labels and distributions: of the networks alone."""
    if find_spec("skorch") is None:
        return []
    from sklearn_ldl.deep import DeepClassifier

    return [cls for cls in ESTIMATORS if issubclass(cls, DeepClassifier)]


CLASSIFIERS = classifiers()


# Small whole weights of the rows of `data`, zeros among them.
N = 60
COUNTS = np.random.default_rng(0).integers(0, 4, N)
WEIGHTED = [cls for cls in ESTIMATORS if has_fit_parameter(cls, "sample_weight")]


def target(cls):
    """What an estimator is fitted to: distributions, labels or values."""
    X, D = data()
    if issubclass(cls, LabelDistributionMixin):
        return D
    if cls.__name__ == "MultiLabelLDLClassifier":
        return (D > 0.3).astype(int)
    return D.argmax(axis=1) if is_classifier(cls()) else np.round(X[:, 0], 1)


def degrees(model, X):
    return getattr(model, "predict_proba", model.predict)(X)
