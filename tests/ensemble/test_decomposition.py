"""Decomposition and fusion: groups, experts, weights, and inputs that users fear."""

import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp
from numpy.testing import assert_allclose, assert_array_equal
from sklearn import config_context
from sklearn.ensemble import ExtraTreesRegressor
from sklearn.model_selection import GridSearchCV, KFold
from sklearn.neighbors import NearestNeighbors
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sklearn_ldl import BFGSLDL, DFLDL, KNeighborsLDL
from sklearn_ldl.datasets import make_ldl
from sklearn_ldl.metrics import kl_divergence

FUSIONS = ["both", "neighbors", "learner", "published"]


@pytest.fixture(scope="module")
def data():
    return make_ldl(200, n_votes=6, random_state=0)  # six votes: some degrees are equal


def by_hand(X, D, new, fusion, n_neighbors=5):
    """Predict row by row and pair by pair, from the formula of the docstring."""
    learner = BFGSLDL()
    near = NearestNeighbors(n_neighbors=n_neighbors).fit(X).kneighbors(new)[1]
    total, n_pairs = 0, 0
    for j in range(D.shape[1]):
        for k in range(j + 1, D.shape[1]):
            n_pairs += 1
            if fusion == "published":
                first = D[:, j] >= D[:, k] - 1e-9
                experts = [learner.fit(X[rows], D[rows]).predict(new) for rows in (first, ~first)]
                mean = D[near].mean(axis=1)
                total = total + np.where(mean[:, [j]] >= mean[:, [k]] - 1e-9, *experts)
                continue
            sign = np.sign(np.round(D[:, j] - D[:, k], 9))
            signs = np.unique(sign)
            experts = [learner.fit(X[sign == s], D[sign == s]).predict(new) for s in signs]
            shares = np.stack([(sign[near] == s).mean(axis=1) for s in signs])
            learned = learner.fit(X, (sign[:, None] == signs).astype(float)).predict(new).T
            weights = {"both": (shares + learned) / 2, "neighbors": shares, "learner": learned}
            total = total + np.einsum("gi,gij->ij", weights[fusion], experts)
    return total / n_pairs


@pytest.mark.parametrize("fusion", FUSIONS)
def test_prediction_is_the_documented_one(fusion, data):
    X, D = data
    model = DFLDL(fusion=fusion, min_samples=1).fit(X[:150], D[:150])
    expected = by_hand(X[:150], D[:150], X[150:], fusion)
    assert_allclose(model.predict(X[150:]), expected, atol=1e-12)
    members = model.predict_members(X[150:])
    assert members.shape == (3, 50, 3)
    assert_allclose(members.sum(axis=2), 1, atol=1e-12)
    assert_allclose(members.mean(axis=0), expected, atol=1e-12)


def test_groups_are_there_to_be_looked_at(data):
    X, D = data
    model = DFLDL(BFGSLDL(alpha=0.1)).fit(X, D)
    assert_array_equal(model.pairs_, [[0, 1], [0, 2], [1, 2]])
    equal = np.abs(D[:, 0] - D[:, 2]) < 1e-9
    expert = BFGSLDL(alpha=0.1).fit(X[equal], D[equal])
    assert_allclose(model.experts_[1][2].coef_, expert.coef_)
    assert model.gates_[1].n_labels_ == 3


@pytest.mark.parametrize("fusion", ["both", "neighbors", "learner"])
def test_order_of_labels_does_not_matter(fusion, data):
    X, D = data
    order = [2, 0, 1]
    P = DFLDL(fusion=fusion).fit(X, D).predict(X)
    assert_allclose(DFLDL(fusion=fusion).fit(X, D[:, order]).predict(X), P[:, order], atol=1e-5)


def test_small_groups_are_left_to_the_learner_of_all_rows(data):
    X, D = data
    model = DFLDL(min_samples=201).fit(X, D)
    assert all(e is model.estimator_ for experts in model.experts_ for e in experts.values())
    assert_allclose(model.predict(X), BFGSLDL().fit(X, D).predict(X), atol=1e-12)


@pytest.mark.parametrize("fusion", FUSIONS)
def test_a_pair_with_a_known_order_needs_no_gate(fusion, rng):
    X = rng.standard_normal((60, 2))
    D = np.column_stack([0.6 + 0.1 * (X[:, 0] > 0), np.zeros(60), 0.4 - 0.1 * (X[:, 0] > 0)])
    model = DFLDL(fusion=fusion).fit(X, D)
    assert model.gates_ == [None] * 3
    assert [list(experts) for experts in model.experts_] == [[0], [0], [1]]
    assert_allclose(model.predict(X), model.estimator_.predict(X), atol=1e-12)


@pytest.mark.parametrize("fusion", FUSIONS)
def test_rows_of_weight_zero_do_not_count(fusion, data):
    X, D = data
    weight = (np.arange(len(X)) % 4 > 0) * 1.5
    kept = weight > 0
    weighted = DFLDL(fusion=fusion).fit(X, D, sample_weight=weight.tolist()).predict(X)
    assert_allclose(weighted, DFLDL(fusion=fusion).fit(X[kept], D[kept]).predict(X), atol=1e-10)


def test_weights_act_in_learners_and_in_shares(data):
    X, D = data
    counts = 1 + np.arange(len(X)) % 3
    X2, D2 = np.repeat(X, counts, 0), np.repeat(D, counts, 0)
    learner = BFGSLDL(1e-2)
    model = DFLDL(learner, fusion="learner")
    weighted = model.fit(X, D, sample_weight=counts).predict(X)
    assert_allclose(model.fit(X2, D2).predict(X), weighted, atol=1e-5)

    everyone = {"estimator": learner, "fusion": "neighbors", "min_samples": 1}
    weighted = DFLDL(n_neighbors=len(X), **everyone).fit(X, D, sample_weight=counts).predict(X)
    repeated = DFLDL(n_neighbors=len(X2), **everyone).fit(X2, D2).predict(X)
    assert_allclose(repeated, weighted, atol=1e-5)


def test_a_learner_that_cannot_use_weights_says_so(data):
    X, D = data
    with pytest.raises(ValueError, match="KNeighborsLDL takes no sample_weight"):
        DFLDL(KNeighborsLDL()).fit(X, D, sample_weight=np.ones(len(X)))


def test_routing_of_weights(data):
    X, D = data
    weight = np.linspace(0.1, 2, len(X))
    plain = DFLDL().fit(X, D, sample_weight=weight).predict(X)
    with config_context(enable_metadata_routing=True):
        routed = DFLDL().fit(X, D, sample_weight=weight)
        assert_allclose(routed.predict(X), plain)
        learner = BFGSLDL().set_fit_request(sample_weight=True)
        assert_allclose(DFLDL(learner).fit(X, D, sample_weight=weight).predict(X), plain)


@pytest.mark.parametrize("fusion", FUSIONS)
def test_sparse_frames_and_jobs(fusion, data):
    X, D = data
    model = DFLDL(fusion=fusion).fit(X, D)
    sparse = DFLDL(fusion=fusion, n_jobs=2).fit(sp.csr_array(X), D)
    assert_allclose(sparse.predict(sp.csr_array(X)), model.predict(X), atol=1e-5)
    frame = pd.DataFrame(X, columns=[f"x{k}" for k in range(X.shape[1])])
    named = DFLDL(fusion=fusion).fit(frame, pd.DataFrame(D, columns=["a", "b", "c"]))
    assert_allclose(named.predict(frame), model.predict(X), atol=1e-12)
    assert list(named.label_names_) == ["a", "b", "c"]
    assert list(named.feature_names_in_) == list(frame.columns)


def test_other_learners_and_a_search(data):
    X, D = data
    trees = ExtraTreesRegressor(20, min_samples_leaf=5, random_state=0)
    assert_allclose(DFLDL(trees).fit(X, D).predict(X).sum(axis=1), 1, atol=1e-12)
    scaled = make_pipeline(StandardScaler(), BFGSLDL())
    grid = {"estimator__bfgsldl__alpha": [1e-3, 1e3], "fusion": ["learner", "both"]}
    search = GridSearchCV(DFLDL(scaled), grid, cv=3).fit(X, D)
    assert search.best_params_["estimator__bfgsldl__alpha"] == 1e-3


def test_follows_what_the_learner_alone_cannot(rng):
    X = rng.uniform(-2, 2, (600, 1))
    D = np.column_stack([np.abs(X[:, 0]), np.full(600, 1.0), np.maximum(0, 1.5 - X[:, 0] ** 2)])
    D /= D.sum(axis=1, keepdims=True)
    plain = kl_divergence(D[300:], BFGSLDL().fit(X[:300], D[:300]).predict(X[300:]))
    fused = kl_divergence(D[300:], DFLDL().fit(X[:300], D[:300]).predict(X[300:]))
    assert fused < 0.5 * plain


def test_beats_the_published_figures_on_a_real_file(load_real):
    X, D = load_real("SJAFFE")
    divergences = []
    for train, test in KFold(10, shuffle=True, random_state=0).split(X):
        model = DFLDL(BFGSLDL(alpha=3e-8)).fit(X[train], D[train])
        divergences.append(kl_divergence(D[test], model.predict(X[test])))
    assert np.mean(divergences) < 0.0376  # the best published row
