"""LightGBM's trees beside scikit-learn's: the same method, parameters and attributes."""

import pickle
import sys

import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp
from numpy.testing import assert_allclose, assert_array_equal
from scipy.special import softmax
from sklearn.base import clone

from sklearn_ldl.datasets import make_ldl
from sklearn_ldl.ensemble import GradientBoostingLDL, boosting
from sklearn_ldl.ensemble.label_trees import LabelTrees, lightgbm_parameters
from sklearn_ldl.ensemble.shared_trees import SharedTrees
from sklearn_ldl.ensemble.training_rows import TrainingRows
from sklearn_ldl.metrics import kl_divergence


@pytest.fixture(scope="module")
def data():
    return make_ldl(300, n_votes=10, random_state=0)


def trees(n_estimators=20, **parameters):
    pytest.importorskip("lightgbm")
    defaults = {"engine": "lightgbm", "random_state": 0}
    return GradientBoostingLDL(n_estimators, **(defaults | parameters))


def plain(**parameters):
    """All rows and features in every round: nothing is random."""
    return trees(**({"subsample": 1.0, "max_features": None} | parameters))


@pytest.fixture
def no_lightgbm(monkeypatch):
    monkeypatch.setitem(sys.modules, "lightgbm", None)


# --- the objective


def test_derivatives_are_those_of_the_divergence(rng):
    D = rng.dirichlet(np.ones(4), size=6)
    D[0] = [0, 1, 0, 0]
    weight = rng.random(6) + 0.5
    Z = 3 * rng.normal(size=(6, 4))
    rows = TrainingRows(np.empty((6, 1)), D, weight, np.zeros(4))

    def loss(Z):
        rows.move_to(Z)
        return rows.losses[-1] * weight.sum()

    assert_allclose(loss(Z), weight @ [kl_divergence(D[[i]], softmax(Z[[i]])) for i in range(6)])
    gradient, curvature = rows.derivatives()
    step = 1e-4
    for row, label in np.ndindex(6, 4):
        move = np.zeros_like(Z)
        move[row, label] = step
        up, middle, down = loss(Z + move), loss(Z), loss(Z - move)
        assert_allclose((up - down) / (2 * step), gradient[row, label], atol=1e-7)
        assert_allclose((up - 2 * middle + down) / step**2, curvature[row, label], atol=1e-5)


def test_leaves_hold_newton_steps(data):
    X, D = data
    weight = np.linspace(0.5, 2, len(X))
    model = plain(n_estimators=2, learning_rate=0.3, l2_regularization=0.7)
    model.fit(X, D, sample_weight=weight)
    start = softmax(model.intercept_)
    assert_allclose(start, np.average(D, axis=0, weights=weight))
    leaves = model.booster_.predict(X.astype(np.float32), pred_leaf=True).reshape(len(X), 2, 3)
    P = np.tile(start, (len(X), 1))
    for n_round, expected in enumerate(model.staged_predict(X)):
        Z = np.log(P)
        for label in range(3):
            for leaf in np.unique(leaves[:, n_round, label]):
                rows = leaves[:, n_round, label] == leaf
                slope = weight[rows] @ (D - P)[rows, label]
                curvature = weight[rows] @ (P * (1 - P))[rows, label]
                Z[rows, label] += 0.3 * slope / (curvature + 0.7 * np.mean(start * (1 - start)))
        P = softmax(Z, axis=1)
        assert_allclose(expected, P, atol=1e-6)  # derivatives are in single precision


# --- quality and equivalences


def test_engines_agree_in_quality():
    X, D = make_ldl(900, n_votes=20, random_state=0)
    scores = [
        trees(200, engine=engine).fit(X[:600], D[:600]).score(X[600:], D[600:])
        for engine in ("sklearn", "lightgbm")
    ]
    assert min(scores) > 0.4
    assert abs(scores[0] - scores[1]) < 0.05


def test_weights_act_like_repetitions():
    # Not more: LightGBM estimates how many rows a leaf has from its weight.
    X, D = make_ldl(300, random_state=0)
    weight = np.where(X[:, 0] > 0, 1, 5)
    model = plain(min_samples_leaf=2)
    weighted = clone(model).fit(X, D, sample_weight=weight).predict(X)
    repeated = clone(model).fit(np.repeat(X, weight, axis=0), np.repeat(D, weight, axis=0))
    plainly = clone(model).fit(X, D).predict(X)
    error, effect = (abs(P - repeated.predict(X)).mean() for P in (weighted, plainly))
    assert error < 0.4 * effect


def test_constant_weights_change_the_ridge_alone():
    X, D = make_ldl(300, random_state=0)
    heavy = plain(l2_regularization=40.0).fit(X, D, sample_weight=np.full(len(X), 4.0))
    assert_allclose(heavy.predict(X), plain(l2_regularization=10.0).fit(X, D).predict(X), atol=1e-6)


def test_rows_of_weight_zero_do_not_count(data):
    X, D = data
    weight = (np.arange(len(X)) < 150).astype(float)
    weighted = trees(early_stopping=True).fit(X, D, sample_weight=weight)
    without = trees(early_stopping=True).fit(X[:150], D[:150])
    assert_array_equal(weighted.predict(X), without.predict(X))


def test_training_loss_is_the_divergence(data):
    X, D = data
    model = plain(n_estimators=30).fit(X, D)
    assert len(model.train_loss_) == model.n_iter_ + 1 == 31
    assert (np.diff(model.train_loss_) < 0).all()
    assert_allclose(model.train_loss_[-1], kl_divergence(D, model.predict(X)))
    assert model.validation_loss_ is None


def test_same_seed_same_result_for_any_number_of_threads(data):
    X, D = data
    model = trees(random_state=3, n_jobs=1)
    P = model.fit(X, D).predict(X)
    assert_array_equal(clone(model).set_params(n_jobs=2).fit(X, D).predict(X), P)
    assert_array_equal(pickle.loads(pickle.dumps(model)).predict(X), P)
    assert not np.array_equal(model.set_params(random_state=4).fit(X, D).predict(X), P)


def test_stages_and_importances(data):
    X, D = data
    model = trees(7).fit(X, D)
    stages = list(model.staged_predict(X))
    assert len(stages) == model.n_iter_ == 7
    assert_allclose(stages[-1], model.predict(X), atol=1e-12)
    assert_allclose(model.feature_importances_.sum(), 1)
    assert len(model.feature_importances_) == X.shape[1]


def test_sparse_features_equal_dense_ones(data):
    X, D = data
    X = np.where(X > 0, X, 0)
    P = trees().fit(sp.csr_array(X), D).predict(sp.csr_array(X))
    assert_allclose(P, trees().fit(X, D).predict(X), atol=1e-6)


def test_names(data):
    X, D = pd.DataFrame(data[0]).add_prefix("x"), pd.DataFrame(data[1]).add_prefix("label")
    model = trees(3).fit(X, D)
    assert_array_equal(model.label_names_, D.columns)
    assert_array_equal(model.feature_names_in_, X.columns)


@pytest.mark.parametrize(("depth", "most"), [(1, 2), (3, 8), (None, 30)])
def test_trees_are_as_deep_as_they_may_be(depth, most, data):
    X, D = data
    model = plain(n_estimators=3, max_depth=depth).fit(X, D)
    leaves = model.booster_.predict(X, pred_leaf=True)
    assert 2 <= leaves.max() + 1 <= most


@pytest.mark.parametrize(
    ("max_features", "expected"),
    [("sqrt", 4), ("log2", 4), (3, 3), (100, 20), (0.5, 10), (0.01, 1), (None, 20)],
)
def test_features_at_a_split_are_counted_as_in_scikit_learn(max_features, expected):
    model = GradientBoostingLDL(max_features=max_features)
    parameters = lightgbm_parameters(model, (60, 20), n_labels=2, ridge=1.0)
    n_known = 20 * parameters["feature_fraction"]
    assert_allclose(n_known * parameters["feature_fraction_bynode"], expected)
    assert_allclose(n_known, 20 if expected == 20 else 16)


# --- awkward data


@pytest.mark.parametrize("n_rows", [1, 2, 19, 80])
def test_few_rows(n_rows, data):
    X, D = data[0][:n_rows], data[1][:n_rows]
    model = trees(5).fit(X, D)
    P = model.predict(data[0])
    assert_allclose(P.sum(axis=1), 1)
    if n_rows < 2 * model.min_samples_leaf:  # no split is allowed
        assert model.n_iter_ == 0
        assert model.booster_ is None
        assert_allclose(P[0], D.mean(axis=0), atol=1e-7)
        assert list(model.staged_predict(X)) == []
        assert_array_equal(model.feature_importances_, 0)
    else:
        assert model.n_iter_ == 5


def test_awkward_data(data):
    X, D = data
    absent = np.column_stack([D, np.zeros(len(D))])
    assert trees().fit(X, absent).predict(X)[:, -1].max() < 1e-6
    assert_allclose(trees().fit(np.full_like(X, 3), D).predict(X[:1])[0], D.mean(axis=0))
    one_hot = np.eye(3)[D.argmax(axis=1)]
    wild = trees(50, learning_rate=1.0, l2_regularization=1e-9, min_samples_leaf=1)
    for weight in (None, np.geomspace(1e-9, 1e-3, len(X)), np.geomspace(1, 1e6, len(X))):
        P = wild.fit(X, one_hot, sample_weight=weight).predict(X)
        assert np.isfinite(P).all()
        assert_allclose(P.sum(axis=1), 1)


# --- early stopping, choice of the engine, interrupts


@pytest.mark.parametrize("patience", [1, 4])
def test_early_stopping_keeps_the_best_round(patience, monkeypatch):
    X, D = make_ldl(300, n_votes=3, random_state=0)
    n_grown = 0

    class Counted(LabelTrees):
        def grow(self):
            nonlocal n_grown
            n_grown += 1
            return super().grow()

    monkeypatch.setattr(boosting, "LabelTrees", Counted)
    model = trees(400, learning_rate=0.5, early_stopping=True, n_iter_no_change=patience).fit(X, D)
    assert 0 < model.n_iter_ < 100
    assert n_grown == model.n_iter_ + patience
    assert model.n_iter_ == len(model.validation_loss_) - 1 == len(model.train_loss_) - 1
    assert model.validation_loss_.argmin() == model.n_iter_
    assert len(list(model.staged_predict(X))) == model.booster_.current_iteration() == model.n_iter_


def test_held_out_rows_count_by_their_weight(data):
    X, D = data
    weight = np.where(X[:, 0] > 0, 1.0, 1e-9)
    model = GradientBoostingLDL(5, early_stopping=True, random_state=0)
    weighted = clone(model).fit(X, D, sample_weight=weight).validation_loss_
    assert not np.allclose(weighted, clone(model).fit(X, D).validation_loss_)


def test_many_rows_change_the_defaults(data, monkeypatch):
    X, D = data
    model = trees(5, engine="auto").fit(X, D)
    assert (model.engine_, model.validation_loss_) == ("sklearn", None)
    monkeypatch.setattr(boosting, "_MANY_ROWS", 299)
    model.fit(X, D)
    assert model.engine_ == "lightgbm"
    assert len(model.validation_loss_) == 6
    assert model.set_params(early_stopping=False, engine="sklearn").fit(X, D).engine_ == "sklearn"
    assert model.validation_loss_ is None


def test_lightgbm_is_missing(no_lightgbm, data, monkeypatch):
    X, D = data
    with pytest.raises(ImportError, match=r'LightGBM: pip install "sklearn-ldl\[boost\]"'):
        GradientBoostingLDL(2, engine="lightgbm").fit(X, D)
    assert GradientBoostingLDL(2).fit(X, D).engine_ == "sklearn"
    monkeypatch.setattr(boosting, "_MANY_ROWS", 299)
    with pytest.warns(UserWarning, match=r"sklearn-ldl\[boost\].*scikit-learn's trees are used"):
        model = GradientBoostingLDL(2).fit(X, D)
    assert model.engine_ == "sklearn"
    GradientBoostingLDL(2, engine="sklearn").fit(X, D)  # warns no more


@pytest.mark.parametrize("engine", ["sklearn", "lightgbm"])
def test_interrupts_keep_what_was_reached(engine, data, monkeypatch):
    X, D = data
    model = trees(9, engine=engine)
    cls = {"sklearn": SharedTrees, "lightgbm": LabelTrees}[engine]
    grow, n_calls = cls.grow, 0

    def interrupted(self):
        nonlocal n_calls
        n_calls += 1
        if n_calls == 4:
            raise KeyboardInterrupt
        return grow(self)

    expected = list(clone(model).fit(X, D).staged_predict(X))[2]
    monkeypatch.setattr(cls, "grow", interrupted)
    with pytest.raises(KeyboardInterrupt):
        model.fit(X, D)
    assert model.n_iter_ == len(model.train_loss_) - 1 == 3
    assert_allclose(model.predict(X), expected, atol=1e-12)


def test_each_engine_has_its_trees(data):
    X, D = data
    model = trees(3).fit(X, D)
    assert model.booster_.num_trees() == 9
    with pytest.raises(AttributeError, match='this one is "lightgbm"'):
        model.estimators_  # noqa: B018
    model.set_params(engine="sklearn").fit(X, D)
    assert len(model.estimators_) == 3
    assert not hasattr(model, "booster_")
