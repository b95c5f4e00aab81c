"""The classifier of label sets."""

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn import metrics
from sklearn.base import BaseEstimator
from sklearn.datasets import make_multilabel_classification
from sklearn.ensemble import RandomForestClassifier
from sklearn.exceptions import NotFittedError
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, KFold, cross_val_predict, cross_validate
from sklearn.multiclass import OneVsRestClassifier
from sklearn.neighbors import KNeighborsRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sklearn_ldl import (
    BFGSLDL,
    GaussianLabelDistributor,
    LDLClassifier,
    MultiLabelDistributor,
    MultiLabelLDLClassifier,
)
from sklearn_ldl.metrics import average_precision_score, get_ldl_scorer

X, Y = make_multilabel_classification(n_samples=120, n_classes=4, random_state=0)
X = StandardScaler().fit_transform(X)
RNG = np.random.default_rng(0)
STATES = np.where(RNG.random(Y.shape) < 0.2, 0, 2 * Y - 1)
LINEAR = BFGSLDL(alpha=0.01)
AP = get_ldl_scorer("average_precision_score")
for array in (X, Y, STATES):
    array.setflags(write=False)


class Says(BaseEstimator):
    """Predicts the first columns of the samples, whatever it is fitted to."""

    def fit(self, X, y):
        self.y_ = y
        return self

    def predict(self, X):
        return np.asarray(X)[:, : self.y_.shape[1]]


def saying(P, states, **parameters):
    return MultiLabelLDLClassifier(Says(), **parameters).fit(P, states)


# --- targets


def test_learns_the_distributions_of_the_states():
    distributor = MultiLabelDistributor(p_dif=0.5, eps=0.1)
    model = MultiLabelLDLClassifier(LINEAR, distributor).fit(X, STATES)
    D = distributor.fit_transform(STATES)
    assert_array_equal(saying(X, STATES, distributor=distributor).estimator_.y_, D)
    assert_allclose(model.predict_proba(X), LINEAR.fit(X, D).predict(X))
    assert_array_equal(model.classes_, np.arange(4))
    assert model.n_labels_ == 4
    assert model.n_features_in_ == X.shape[1]


@pytest.mark.parametrize(
    "make",
    [
        np.copy,
        lambda Y: Y.astype(bool),
        lambda Y: Y.astype(float),
        lambda Y: 2 * Y - 1,
        lambda Y: Y.tolist(),
        pd.DataFrame,
    ],
)
def test_ways_to_write_a_set(make):
    model = MultiLabelLDLClassifier(LINEAR).fit(X, make(Y))
    expected = MultiLabelLDLClassifier(LINEAR).fit(X, Y)
    assert_allclose(model.predict_proba(X), expected.predict_proba(X), rtol=1e-9)
    sets = model.predict(X)
    assert_array_equal(sets, expected.predict(X))
    assert sets.dtype == int
    assert set(np.unique(sets)) == {0, 1}
    assert model.score(X, make(Y)) == expected.score(X, Y) == metrics.accuracy_score(Y, sets)


def test_class_labels_are_sets_of_one_label():
    names = np.array(["a", "b", "c", "d"])[Y.argmax(axis=1)]
    model = MultiLabelLDLClassifier(LINEAR).fit(X, names)
    assert_array_equal(model.classes_, ["a", "b", "c", "d"])
    one_hot = names[:, None] == model.classes_
    as_sets = MultiLabelLDLClassifier(LINEAR).fit(X, one_hot)
    assert_allclose(model.predict_proba(X), as_sets.predict_proba(X))
    assert_array_equal(model.predict(X), model.classes_[model.predict_proba(X).argmax(axis=1)])
    assert model.score(X, names) == (model.predict(X) == names).mean()
    assert not hasattr(model, "threshold_")


def test_the_other_kind_of_target_on_a_second_fit():
    model = MultiLabelLDLClassifier(LINEAR).fit(X, STATES).fit(X, Y[:, 0])
    assert model.predict(X).shape == model.decision_function(X).shape == (120,)
    assert model.fit(X, pd.DataFrame(Y, columns=list("abcd"))).predict(X).shape == Y.shape
    assert not hasattr(model.fit(X, Y), "label_names_")


def test_rows_without_a_positive_label():
    states = np.full((4, 3), -1)
    states[0] = [1, 0, -1]
    D = saying(np.eye(4), states).estimator_.y_
    assert_allclose(D[1:], 1 / 3)
    strict = MultiLabelDistributor(empty="error")
    with pytest.raises(ValueError, match="Row 1 of y has no positive or difficult label"):
        MultiLabelLDLClassifier(LINEAR, strict).fit(np.eye(4), states)


@pytest.mark.parametrize(
    ("y", "message"),
    [
        (Y + 1, "Row . of y has states other than -1, 0 and 1"),
        (np.where(Y == 1, np.nan, 0.0), "y contains NaN"),
        (np.full(Y.shape, 0.25), "Row 0 of y has states other than"),
        (np.zeros_like(Y), "y has no positive label in any row"),
        (np.where(Y == 1, 0, -1), "y has no positive label in any row"),
        (np.ones((120, 1)), "at least 2 classes"),
        (np.ones(120), "at least 2 classes"),
        (X[:, 0], "continuous"),
        ([["a", "b"], ["c"]] * 60, "different lengths.*MultiLabelBinarizer"),
        (Y.astype(str), "Row 0 of y has states other than"),
        (Y[:50], "[Ii]nconsistent|rows|lengths"),
    ],
)
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.DataConversionWarning")
def test_bad_targets(y, message):
    with pytest.raises(ValueError, match=message):
        MultiLabelLDLClassifier(LINEAR).fit(X, y)


def test_the_wrong_distributor():
    with pytest.raises(ValueError, match=r"values.*label sets. Use LDLRegressor.*MultiLabelDistr"):
        MultiLabelLDLClassifier(LINEAR, GaussianLabelDistributor()).fit(X, STATES)
    with pytest.raises(ValueError, match="MultiLabelLDLClassifier to sets of labels"):
        LDLClassifier().fit(X, Y)
    with pytest.raises(ValueError, match=r"distributor=MultiLabelDistributor\(\)"):
        MultiLabelLDLClassifier().set_params(distributor__p_dif=0.5)


# --- the threshold

P = np.array([[0.6, 0.3, 0.1], [0.4, 0.35, 0.25], [1 / 3, 1 / 3, 1 / 3]])
SETS = np.array([[1, 1, 0], [1, 0, 0], [0, 0, 0]])


@pytest.mark.parametrize(
    ("threshold", "level", "sets"),
    [
        (None, 1 / 3, [[1, 0, 0], [1, 1, 0], [0, 0, 0]]),
        (0.25, 0.25, [[1, 1, 0], [1, 1, 0], [1, 1, 1]]),
        (0, 0, [[1, 1, 1]] * 3),
        (1, 1, [[0, 0, 0]] * 3),
        # Of the two rows with positive labels one has two, the other one: 1 / (3 * 1.5).
        ("auto", 1 / 4.5, [[1, 1, 0], [1, 1, 1], [1, 1, 1]]),
    ],
)
def test_threshold(threshold, level, sets):
    model = saying(P, SETS, threshold=threshold)
    assert_allclose(model.threshold_, level, rtol=1e-8)
    assert_array_equal(model.predict(P), sets)
    assert_array_equal(model.decision_function(P) > 0, sets)
    assert np.isfinite(model.decision_function(P)).all()


def test_the_default_threshold_weighs_the_rows():
    model = MultiLabelLDLClassifier(LINEAR).fit(P, SETS, sample_weight=[3, 1, 5])
    assert_allclose(model.threshold_, 1 / (3 * 7 / 4))
    with pytest.raises(ValueError, match="no positive label in a row with a weight"):
        MultiLabelLDLClassifier(LINEAR).fit(P, SETS, sample_weight=[0, 0, 1])


@pytest.mark.parametrize("states", [2 * Y - 1, STATES])
@pytest.mark.parametrize("weight", [None, RNG.integers(0, 3, 120)])
def test_the_threshold_of_rows_held_out_has_the_best_f1(states, weight):
    cv = KFold(3)
    model = MultiLabelLDLClassifier(LINEAR, threshold="cv", cv=cv)
    model.fit(X, states, sample_weight=weight)
    D = MultiLabelDistributor().fit_transform(states)
    held_out = np.empty(D.shape)
    for train, test in cv.split(X):
        part = None if weight is None else weight[train]
        held_out[test] = BFGSLDL(alpha=0.01).fit(X[train], D[train], part).predict(X[test])
    counts = states != 0
    weights = np.ones(120) if weight is None else weight
    weights = np.repeat(weights, 4).reshape(-1, 4)[counts]

    def f1(threshold):
        predicted = held_out[counts] > threshold
        return metrics.f1_score(states[counts] > 0, predicted, sample_weight=weights)

    best = max(map(f1, [0, *held_out[counts]]))
    assert_allclose(f1(model.threshold_), best, rtol=1e-12)


def test_rows_held_out_need_a_positive_label():
    few = np.full((40, 3), -1)
    few[0, 0] = 1
    model = MultiLabelLDLClassifier(LINEAR, threshold="cv", cv=[(np.arange(20), np.arange(20, 40))])
    with pytest.raises(ValueError, match="No row that cv holds out has a positive label"):
        model.fit(X[:40], few)


def test_thresholds_out_of_range():
    for threshold in (-0.1, 1.1, "half", True):
        with pytest.raises(ValueError, match="'threshold' parameter of MultiLabelLDLClassifier"):
            MultiLabelLDLClassifier(threshold=threshold).fit(X, Y)


# --- scores


def test_difficult_labels_may_be_predicted_or_not():
    model = saying(P, SETS, threshold=0.25)
    assert_array_equal(model.predict(P)[:2], [[1, 1, 0], [1, 1, 0]])
    assert model.score(P[:2], [[1, 0, -1], [0, 1, -1]]) == 1
    assert model.score(P[:2], [[1, 0, -1], [0, -1, -1]]) == 0.5
    assert model.score(P[:2], [[1, 0, -1], [0, -1, -1]], sample_weight=[3, 1]) == 0.75
    with pytest.raises(ValueError, match="y has 2 columns, but fit saw 3"):
        model.score(P, SETS[:, :2])


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.UndefinedMetricWarning")
def test_zeros_mean_what_they_meant_in_the_fit():
    model = saying(P, [[1, 0, -1], [1, 1, -1], [-1, -1, -1]], threshold=0.28)
    rows, some = P[:2], [[1, 0, 0], [1, 1, 0]]  # no -1 among them
    assert model.score(rows, some) == 1
    assert AP(model, rows, some) == 1
    other = saying(P, SETS, threshold=0.28)
    assert other.score(rows, some) == 0.5
    assert AP(other, rows, [[0, 1, 0], [1, 0, 1]]) < 1
    asked = get_ldl_scorer("average_precision_score", zeros="negative")
    assert asked(model, P, [[0, 1, 0], [1, 0, 1], [0, 0, 0]]) < 1


def test_the_scorer_is_the_metric_of_the_degrees():
    model = MultiLabelLDLClassifier(LINEAR).fit(X, STATES)
    assert AP(model, X, STATES) == average_precision_score(STATES, model.predict_proba(X))
    scorer = get_ldl_scorer("average_precision_score", interpolation="voc2007")
    expected = average_precision_score(STATES, model.predict_proba(X), interpolation="voc2007")
    assert scorer(model, X, STATES) == expected
    found = cross_validate(
        model, X, STATES, scoring={"ap": AP, "eleven": scorer}, cv=3, error_score="raise"
    )
    assert (found["test_ap"] > 0.5).all()


@pytest.mark.parametrize("n_labels", [2, 4])
def test_scorers_work_for_classifiers_of_scikit_learn(n_labels):
    y = Y[:, :n_labels]
    for model in (
        OneVsRestClassifier(LogisticRegression()),
        RandomForestClassifier(5, random_state=0),
    ):
        S = model.fit(X, y).predict_proba(X)
        S = np.column_stack([part[:, 1] for part in S]) if isinstance(S, list) else S
        assert_allclose(AP(model, X, y), metrics.average_precision_score(y, S), atol=1e-12)


@pytest.mark.parametrize("n_labels", [2, 4])
def test_scorers_of_scikit_learn_work(n_labels):
    y = Y[:, :n_labels]
    model = MultiLabelLDLClassifier(LINEAR).fit(X, y)
    P, sets = model.predict_proba(X), model.predict(X)
    expected = {
        "average_precision": metrics.average_precision_score(y, P),
        "roc_auc": metrics.roc_auc_score(y, P),
        "f1_micro": metrics.f1_score(y, sets, average="micro"),
        "accuracy": model.score(X, y),
    }
    for name, value in expected.items():
        assert_allclose(metrics.get_scorer(name)(model, X, y), value)
    assert_allclose(AP(model, X, y), expected["average_precision"], atol=1e-12)
    assert_array_equal(model.decision_function(X) > 0, sets)


# --- composition


def test_in_a_pipeline_in_a_search():
    model = make_pipeline(
        StandardScaler(), MultiLabelLDLClassifier(BFGSLDL(), MultiLabelDistributor())
    )
    grid = {
        "multilabelldlclassifier__distributor__p_dif": [0.1, 0.5],
        "multilabelldlclassifier__estimator__alpha": [1e-3, 1e-1],
        "multilabelldlclassifier__threshold": ["auto", None],
    }
    search = GridSearchCV(model, grid, scoring=AP, cv=3, error_score="raise").fit(X, STATES)
    assert search.best_score_ > 0.5
    assert search.predict(X).shape == STATES.shape
    assert AP(search, X, STATES) == search.score(X, STATES)
    subset = GridSearchCV(model, grid, cv=3, error_score="raise").fit(X, STATES)
    assert 0 < subset.best_score_ < 1


def test_predictions_of_cross_validation():
    model = MultiLabelLDLClassifier(LINEAR)
    P = cross_val_predict(model, X, Y, cv=3, method="predict_proba")
    assert_allclose(P.sum(axis=1), 1)
    # scikit-learn hands on the ranks of the states in every column: an error, not a wrong fit.
    with pytest.raises(ValueError, match="states other than"):
        cross_val_predict(model, X, STATES, cv=3, method="predict_proba")
    assert cross_val_predict(model, X, STATES, cv=3).shape == STATES.shape


def test_any_regressor_of_distributions():
    model = MultiLabelLDLClassifier(make_pipeline(StandardScaler(), KNeighborsRegressor(7)))
    assert AP(model.fit(X, STATES), X, STATES) > 0.8


def test_a_network_inside():
    pytest.importorskip("sklearn_ldl.deep")
    pytest.importorskip("skorch")
    from sklearn_ldl import DeepLDLRegressor

    network = DeepLDLRegressor(hidden_layer_sizes=(16,), n_members=2, max_epochs=30, random_state=0)
    model = MultiLabelLDLClassifier(network, threshold="cv", cv=2)
    model.fit(X, Y, sample_weight=np.ones(120))
    assert AP(model, X, Y) > 0.7
    assert model.predict_members(X[:3]).shape == (2, 3, 4)
    # Zeros and ones are read in targets for validation as they are in y.
    found = {}
    for name, y_val in {"zeros": Y[:40], "states": 2 * Y[:40] - 1}.items():
        model = MultiLabelLDLClassifier(network).fit(X[40:], Y[40:], X_val=X[:40], y_val=y_val)
        found[name] = model.predict_proba(X)
    assert_array_equal(found["zeros"], found["states"])


def test_labels_are_matched_by_name():
    names, shuffled = list("abcd"), list("cadb")
    states = pd.DataFrame(STATES, columns=names)
    model = MultiLabelLDLClassifier(LINEAR).fit(X, states)
    assert model.label_names_.tolist() == names
    plain = MultiLabelLDLClassifier(LINEAR).fit(X, STATES)
    assert model.score(X, states[shuffled]) == plain.score(X, STATES)
    assert AP(model, X, states[shuffled]) == AP(plain, X, STATES)
    with pytest.raises(ValueError, match="labels do not match"):
        model.score(X, states.set_axis(list("abcz"), axis=1))
    D = pd.DataFrame(MultiLabelDistributor().fit_transform(STATES), columns=names)
    frozen = FrozenEstimator(BFGSLDL(alpha=0.01).fit(X, D))
    for threshold in ("auto", "cv"):
        around = MultiLabelLDLClassifier(frozen, threshold=threshold).fit(X, states[shuffled])
        assert_allclose(around.predict_proba(X), plain.predict_proba(X)[:, [2, 0, 3, 1]])
        straight = MultiLabelLDLClassifier(frozen, threshold=threshold).fit(X, states)
        assert_allclose(around.threshold_, straight.threshold_)


def test_before_the_fit():
    for method in ("predict", "predict_proba", "decision_function"):
        with pytest.raises(NotFittedError):
            getattr(MultiLabelLDLClassifier(), method)(X)
    with pytest.raises(NotFittedError):
        MultiLabelLDLClassifier().score(X, Y)
