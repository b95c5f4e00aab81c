import itertools
import pickle

import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp
from numpy.testing import assert_allclose, assert_array_equal
from scipy.special import softmax
from sklearn.base import clone
from sklearn.ensemble import ExtraTreesRegressor, RandomForestRegressor
from sklearn.model_selection import GridSearchCV
from sklearn.tree import DecisionTreeRegressor

from sklearn_ldl.datasets import make_ldl
from sklearn_ldl.ensemble import GradientBoostingLDL, shared_trees
from sklearn_ldl.metrics import intersection_similarity, kl_divergence


@pytest.fixture(scope="module")
def data():
    return make_ldl(80, n_votes=6, random_state=0)


def plain(**parameters):
    """All rows and features in every round: nothing is random but ties."""
    return GradientBoostingLDL(**{"subsample": 1.0, "max_features": None, **parameters})


# --- boosting


def test_leaves_hold_newton_steps(data):
    X, D = data
    weight = np.linspace(0.5, 2, len(X))
    model = plain(n_estimators=2, learning_rate=0.3, l2_regularization=0.7, random_state=0)
    model.fit(X, D, sample_weight=weight)
    assert_allclose(softmax(model.intercept_), np.average(D, axis=0, weights=weight))
    start = softmax(model.intercept_)
    P = np.tile(start, (len(X), 1))
    for tree, expected in zip(model.estimators_, model.staged_predict(X), strict=True):
        leaves = tree.apply(X)
        Z = np.log(P)
        for leaf in np.unique(leaves):
            rows = leaves == leaf
            slope = weight[rows] @ (D - P)[rows]
            curvature = weight[rows] @ (P * (1 - P))[rows]
            Z[rows] += 0.3 * slope / (curvature + 0.7 * np.mean(start * (1 - start)))
        P = softmax(Z, axis=1)
        assert_allclose(expected, P, atol=1e-10)


def test_first_tree_splits_by_residuals_over_the_root_of_the_curvature(data):
    X, D = data
    D = D * [1, 0.1, 0.01]  # frequent and rare labels
    D /= D.sum(axis=1, keepdims=True)
    mean = D.mean(axis=0)
    scaled = (D - mean) / np.sqrt(mean * (1 - mean))
    expected = DecisionTreeRegressor(max_depth=5, min_samples_leaf=10, random_state=0)
    expected.fit(X, scaled)
    tree = plain(n_estimators=1, random_state=0).fit(X, D).estimators_[0]
    assert_array_equal(tree.tree_.feature, expected.tree_.feature)
    assert_allclose(tree.tree_.threshold, expected.tree_.threshold)


def test_a_rare_label_counts_as_much_as_a_frequent_one(rng):
    # One feature decides whether a rare label occurs at all, the other moves two frequent ones.
    rare, frequent = rng.permutation(80) % 2, rng.permutation(80) % 2
    X = np.column_stack([rare, frequent]).astype(float)
    first, third = 0.46 + 0.06 * frequent, 0.04 * rare
    D = np.column_stack([first, 1 - first - third, third])
    stump = plain(n_estimators=1, max_depth=1).fit(X, D).estimators_[0]
    assert stump.tree_.feature[0] == 0


def test_training_loss_falls_and_is_the_divergence(data):
    X, D = data
    model = plain(n_estimators=60).fit(X, D)
    assert len(model.train_loss_) == model.n_iter_ + 1 == len(model.estimators_) + 1
    assert (np.diff(model.train_loss_) < 0).all()
    assert_allclose(model.train_loss_[-1], kl_divergence(D, model.predict(X)))
    assert model.validation_loss_ is None


def test_rounds_use_a_share_of_the_rows(data):
    X, D = data
    model = GradientBoostingLDL(n_estimators=5, subsample=0.25, random_state=0).fit(X, D)
    assert [tree.tree_.n_node_samples[0] for tree in model.estimators_] == [20] * 5
    every = plain(n_estimators=1).fit(X, D)
    assert every.estimators_[0].tree_.n_node_samples[0] == len(X)
    weight = (np.arange(len(X)) < 40).astype(float)
    model.fit(X, D, sample_weight=weight)
    assert model.estimators_[0].tree_.n_node_samples[0] == 10


def test_rows_of_weight_zero_do_not_count(data):
    X, D = data
    weight = (np.arange(len(X)) < 50).astype(float)
    weighted = plain(n_estimators=20, random_state=0).fit(X, D, sample_weight=weight)
    without = plain(n_estimators=20, random_state=0).fit(X[:50], D[:50])
    assert_allclose(weighted.predict(X), without.predict(X), atol=1e-9)


def test_weights_equal_repetitions_when_nothing_is_drawn(data):
    X, D = data
    weight = 1 + np.arange(len(X)) % 3
    model = plain(n_estimators=20, min_samples_leaf=1, random_state=0)
    weighted = clone(model).fit(X, D, sample_weight=weight)
    repeated = clone(model).fit(np.repeat(X, weight, axis=0), np.repeat(D, weight, axis=0))
    assert_allclose(weighted.predict(X), repeated.predict(X), atol=1e-9)


def test_early_stopping_keeps_the_best_round():
    X, D = make_ldl(200, n_votes=3, random_state=0)
    settings = {"learning_rate": 0.5, "random_state": 0}
    model = GradientBoostingLDL(
        early_stopping=True, n_iter_no_change=5, validation_fraction=0.3, **settings
    )
    model.fit(X, D)
    assert 0 < model.n_iter_ < 100
    assert model.n_iter_ == len(model.estimators_) == len(model.validation_loss_) - 1
    assert model.validation_loss_.argmin() == model.n_iter_
    X_new, D_new = make_ldl(400, n_votes=3, random_state=0)
    X_new, D_new = X_new[200:], D_new[200:]
    assert model.score(X_new, D_new) > GradientBoostingLDL(**settings).fit(X, D).score(X_new, D_new)


@pytest.mark.parametrize("patience", [1, 4, 9])
def test_early_stopping_waits_for_as_many_rounds_as_it_is_told(patience, monkeypatch):
    n_grown = 0

    class Counted(DecisionTreeRegressor):
        def fit(self, *args, **kwargs):
            nonlocal n_grown
            n_grown += 1
            return super().fit(*args, **kwargs)

    monkeypatch.setattr(shared_trees, "DecisionTreeRegressor", Counted)
    X, D = make_ldl(200, n_votes=3, random_state=0)
    model = GradientBoostingLDL(
        learning_rate=0.3, early_stopping=True, n_iter_no_change=patience, random_state=0
    )
    model.fit(X, D)
    assert model.n_iter_ > 0
    assert n_grown == model.n_iter_ + patience


def test_early_stopping_can_keep_nothing():
    rng = np.random.default_rng(0)
    X, D = rng.normal(size=(40, 3)), rng.dirichlet(np.ones(3), size=40)
    model = GradientBoostingLDL(
        early_stopping=True, n_iter_no_change=1, tol=10.0, random_state=0
    ).fit(X, D)
    assert model.n_iter_ == 0
    assert_allclose(model.predict(X), softmax(np.tile(model.intercept_, (40, 1)), axis=1))
    assert_array_equal(model.feature_importances_, 0)


def test_staged_predictions_end_at_the_prediction(data):
    X, D = data
    model = GradientBoostingLDL(n_estimators=7, random_state=0).fit(X, D)
    stages = list(model.staged_predict(X))
    assert len(stages) == 7
    assert_array_equal(stages[-1], model.predict(X))
    assert not np.allclose(stages[0], stages[-1])


def test_importances(rng):
    X = rng.normal(size=(200, 4))
    D = softmax(np.column_stack([2 * X[:, 2], np.zeros(200)]), axis=1)
    importances = GradientBoostingLDL(30, random_state=0).fit(X, D).feature_importances_
    assert_allclose(importances.sum(), 1)
    assert importances.argmax() == 2


def test_same_seed_same_result(data):
    X, D = data
    model = GradientBoostingLDL(20, random_state=3).fit(X, D)
    P = model.predict(X)
    assert_array_equal(model.fit(X, D).predict(X), P)
    assert_array_equal(clone(model).fit(X, D).predict(X), P)
    assert_array_equal(pickle.loads(pickle.dumps(model)).predict(X), P)
    assert not np.array_equal(model.set_params(random_state=4).fit(X, D).predict(X), P)


def test_sparse_features_equal_dense_ones(data):
    X, D = data
    X = np.where(X > 0, X, 0).astype(np.float32)
    model = GradientBoostingLDL(20, random_state=0)
    P = clone(model).fit(sp.csr_array(X), D).predict(sp.csr_array(X))
    assert_allclose(P, clone(model).fit(X, D).predict(X), atol=1e-6)


def test_names(data):
    X, D = data
    X = pd.DataFrame(X).add_prefix("x")
    D = pd.DataFrame(D).add_prefix("label")
    model = GradientBoostingLDL(5).fit(X, D)
    assert_array_equal(model.label_names_, D.columns)
    assert_array_equal(model.feature_names_in_, X.columns)


def test_awkward_data(data):
    X, D = data
    one_hot = np.eye(3)[np.arange(len(X)) % 3]
    absent = np.column_stack([D, np.zeros(len(D))])
    two = np.column_stack([D[:, 0], 1 - D[:, 0]])
    cases = [
        (X, one_hot),
        (X, absent),
        (X, two),
        (X[:, :1], D),
        (X[:1], D[:1]),
        (np.full_like(X, 3), D),
        (X.astype(np.float32), D),
    ]
    for X_, D_ in cases:
        model = GradientBoostingLDL(l2_regularization=1e-9, learning_rate=1.0).fit(X_, D_)
        P = model.predict(X_)
        assert np.isfinite(P).all()
        assert_allclose(P.sum(axis=1), 1, atol=1e-12)
    assert GradientBoostingLDL().fit(X, absent).predict(X)[:, -1].max() < 1e-6
    constant = GradientBoostingLDL(20, subsample=1.0).fit(np.full_like(X, 3), D)
    assert_allclose(constant.predict(X[:1])[0], D.mean(axis=0), atol=1e-9)


def test_a_thousand_labels():
    X = np.linspace(0, 1, 40)[:, None]
    D = np.exp(-0.5 * ((np.linspace(0, 1, 1000) - X) / 0.1) ** 2)
    D /= D.sum(axis=1, keepdims=True)
    model = GradientBoostingLDL(50, learning_rate=0.2, min_samples_leaf=2, random_state=0)
    assert model.fit(X, D).score(X, D) > 0.7


def test_grid_search():
    X, D = make_ldl(200, random_state=0)
    grid = {"max_depth": [2, None], "max_features": [1, 0.5]}
    search = GridSearchCV(GradientBoostingLDL(50, random_state=0), grid, cv=2).fit(X, D)
    assert search.best_score_ > 0.5


@pytest.mark.parametrize(
    "parameters",
    [
        {"n_estimators": 0},
        {"learning_rate": 0},
        {"max_depth": 0},
        {"min_samples_leaf": 0},
        {"max_features": 1.5},
        {"subsample": 0},
        {"l2_regularization": 0},
        {"n_iter_no_change": 0},
        {"validation_fraction": 1.0},
        {"tol": -1},
    ],
)
def test_parameters(parameters, data):
    with pytest.raises(ValueError, match=f"The '{next(iter(parameters))}' parameter of Gradient"):
        GradientBoostingLDL(**parameters).fit(*data)


def test_errors(data):
    X, D = data
    model = GradientBoostingLDL(5, early_stopping=True)
    with pytest.raises(ValueError, match="inconsistent numbers of samples"):
        model.fit(X[:-1], D)
    with pytest.raises(ValueError, match=r"(?i)sample weights.*zero"):
        model.fit(X, D, sample_weight=np.zeros(len(X)))
    with pytest.raises(ValueError, match="train set will be empty"):
        model.fit(X, D, sample_weight=np.eye(len(X))[0])
    with pytest.raises(ValueError, match="infinity"):
        model.fit(np.where(X > 0, np.inf, X), D)
    with pytest.raises(ValueError, match="not a label distribution"):
        model.fit(X, 2 * D)
    with pytest.raises(ValueError, match="train set will be empty"):
        model.fit(X[:1], D[:1])


def test_facial_expressions(load_real):
    X, D = load_real("SJAFFE")
    P = GradientBoostingLDL(random_state=0).fit(X[::2], D[::2]).predict(X[1::2])
    assert kl_divergence(D[1::2], P) < 0.065
    assert intersection_similarity(D[1::2], P) > 0.85


# --- scikit-learn's forests with criterion="poisson"


def divergence_to_means(D, sides):
    """Sum over rows of the KL divergence to the mean of their side."""
    return sum(len(D[s]) * kl_divergence(D[s], np.tile(D[s].mean(0), (s.sum(), 1))) for s in sides)


def best_split(X, D):
    """Feature and place of the split with the smallest divergence, by trying all of them."""
    candidates = []
    for feature in range(X.shape[1]):
        values = np.unique(X[:, feature])
        for low, high in itertools.pairwise(values):
            left = X[:, feature] <= low
            candidates.append((divergence_to_means(D, (left, ~left)), feature, (low + high) / 2))
    return min(candidates)


@pytest.mark.parametrize("seed", range(10))
@pytest.mark.parametrize("n_labels", [2, 5])
def test_poisson_criterion_splits_by_divergence_to_the_mean(seed, n_labels):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(30, 4)).astype(np.float32).astype(float)
    D = rng.dirichlet(np.full(n_labels, 0.5), size=30)
    stump = DecisionTreeRegressor(criterion="poisson", max_depth=1).fit(X, D).tree_
    loss, feature, threshold = best_split(X, D)
    assert stump.feature[0] == feature
    assert_allclose(stump.threshold[0], threshold)
    # The impurity is the mean divergence per output, up to a constant of all splits.
    share = stump.n_node_samples[1:] / len(D)
    gain = stump.impurity[0] - share @ stump.impurity[1:]
    total = divergence_to_means(D, [np.ones(len(D), bool)])
    assert_allclose(gain * n_labels * len(D), total - loss, rtol=1e-9)


@pytest.mark.parametrize("forest", [RandomForestRegressor, ExtraTreesRegressor])
def test_poisson_forests_predict_distributions(forest, data):
    X, D = data
    model = forest(20, criterion="poisson", min_samples_leaf=5, random_state=0).fit(X, D)
    P = model.predict(X)
    assert P.min() >= 0
    assert_allclose(P.sum(axis=1), 1, atol=1e-12)


def test_poisson_criterion_needs_mass_for_every_label_on_both_sides():
    X = np.arange(6.0)[:, None]
    D = np.array([[1, 0]] * 3 + [[0.5, 0.5]] * 3)
    # The split with the smallest divergence leaves the first side without the second label.
    assert best_split(X, D)[2] == 2.5
    stump = DecisionTreeRegressor(criterion="poisson", max_depth=1).fit(X, D).tree_
    assert stump.node_count == 3
    assert stump.threshold[0] == 3.5
    # A label without any mass forbids every split.
    absent = np.column_stack([X[:, 0] / 5, 1 - X[:, 0] / 5, np.zeros(6)])
    tree = DecisionTreeRegressor(criterion="poisson").fit(X, absent)
    assert tree.tree_.node_count == 1
