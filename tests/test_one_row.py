"""What a prediction of one row costs: every learner looks at the row once, and nothing else does.

Validation by `check_array` takes longer than the arithmetic of a linear model. Calls are counted,
since times depend on the machine; benchmarks/bench_one_row.py has those.
"""

import sys

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import KNeighborsRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils import check_array

import sklearn_ldl
from sklearn_ldl.datasets import make_ldl

X, D = make_ldl(60, random_state=0)
TARGETS = {"distributions": D, "labels": D.argmax(axis=1), "values": X.sum(axis=1)}


def n_checks(function, *args):
    """Count the calls of `check_array`, whoever imports it."""
    n_calls = 0

    def count(frame, event, arg):
        nonlocal n_calls
        n_calls += event == "call" and frame.f_code is check_array.__code__

    before = sys.getprofile()
    sys.setprofile(count)
    try:
        function(*args)
    finally:
        sys.setprofile(before)
    return n_calls


def learner(name, **params):
    return getattr(sklearn_ldl, name)(**params)


def two():
    return [("one", learner("BFGSLDL")), ("other", learner("SmoothBFGSLDL"))]


@pytest.mark.parametrize(
    ("name", "params", "targets", "n_learners"),
    [
        ("BFGSLDL", {}, "distributions", 1),
        ("BFGSLDLCV", {}, "distributions", 1),
        ("SmoothBFGSLDL", {}, "distributions", 1),
        ("ProportionalOddsLDL", {}, "distributions", 1),
        ("LDLClassifier", {}, "labels", 1),
        ("LDLRegressor", {}, "values", 1),
        ("LDLRegressor", {"decode": "mode"}, "values", 1),
        ("TemperatureCalibrator", {}, "distributions", 1),
        ("LabelShiftCorrector", {}, "distributions", 1),
        ("ConformalLDL", {}, "distributions", 1),
        ("GradientBoostingLDL", {"n_estimators": 3}, "distributions", 1),
        ("StackingLDL", {"estimators": two(), "weights": [1, 1]}, "distributions", 2),
    ],
)
@pytest.mark.parametrize("method", ["predict", "predict_proba"])
def test_every_learner_validates_once(name, params, targets, n_learners, method):
    model = learner(name, **params).fit(X, TARGETS[targets])
    reference = LogisticRegression().fit(X, TARGETS["labels"])
    predict = getattr(model, method)
    assert n_checks(reference.predict, X[:1]) == 1
    assert n_checks(predict, X[:1]) == n_learners
    pipeline = make_pipeline(StandardScaler(), learner(name, **params)).fit(X, TARGETS[targets])
    assert n_checks(getattr(pipeline, method), X[:1]) == 1 + n_learners
    np.testing.assert_allclose(predict(X[:1]), predict(X)[:1], rtol=1e-12, atol=1e-12)


def test_neighbours_validate_as_often_as_those_of_sklearn():
    ours, theirs = learner("KNeighborsLDL").fit(X, D), KNeighborsRegressor().fit(X, D)
    assert n_checks(ours.predict, X[:1]) == n_checks(theirs.predict, X[:1])


def test_intervals_and_sets_cost_one_prediction():
    regressor = learner("LDLRegressor").fit(X, TARGETS["values"])
    assert n_checks(regressor.interval, X[:1]) == 1
    sets = learner("ConformalLDL", method="ordinal").fit(X, D)
    assert n_checks(sets.predict_set, X[:1]) == 1
