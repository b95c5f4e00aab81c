"""The mixture of learners."""

import pickle

import numpy as np
import pytest
import scipy.sparse as sp
from numpy.testing import assert_allclose, assert_array_equal
from scipy.special import softmax
from sklearn import config_context
from sklearn.base import clone
from sklearn.dummy import DummyRegressor
from sklearn.ensemble import ExtraTreesRegressor
from sklearn.model_selection import GridSearchCV, KFold, cross_val_predict
from sklearn.neural_network import MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sklearn_ldl import BFGSLDL, KNeighborsLDL, StackingLDL
from sklearn_ldl.datasets import make_ldl
from sklearn_ldl.metrics import kl_divergence


@pytest.fixture
def data():
    return make_ldl(150, n_votes=20, random_state=0)


def learners():
    return [("linear", BFGSLDL()), ("near", KNeighborsLDL(10)), ("mean", DummyRegressor())]


def test_prediction_is_the_mixture(data):
    X, D = data
    model = StackingLDL(learners()).fit(X, D)
    parts = [estimator.predict(X) for estimator in model.estimators_]
    assert_allclose(model.predict(X), np.tensordot(model.weights_, parts, axes=1), atol=1e-15)
    assert_allclose(model.weights_.sum(), 1)
    assert_allclose(model.predict(X).sum(axis=1), 1, atol=1e-12)
    assert model.named_estimators_["near"] is model.estimators_[1]


def test_weights_are_the_best_on_rows_held_out(data):
    X, D = data
    cv = KFold(4, shuffle=True, random_state=0)
    model = StackingLDL(learners(), cv=cv).fit(X, D)
    P = [cross_val_predict(estimator, X, D, cv=cv) for _, estimator in learners()]

    def loss(weights):
        return kl_divergence(D, np.tensordot(weights, P, axes=1))

    lowest = loss(model.weights_)
    corners = np.eye(3)
    for share in (1e-3, 1e-2, 0.3):
        for corner in corners:
            assert loss((1 - share) * model.weights_ + share * corner) >= lowest - 1e-9
    assert lowest <= min(loss(corner) for corner in corners) + 1e-9


def test_row_weights_decide(data):
    X, D = data
    left = X[:, 0] < 0
    D = np.where(left[:, None], [1, 0, 0], D)
    learners = [("linear", BFGSLDL(alpha=1e-3)), ("constant", DummyRegressor())]
    cv = KFold(3, shuffle=True, random_state=0)
    alone = StackingLDL(learners, cv=cv).fit(X, D, sample_weight=left.astype(float))
    assert alone.predict(X[left])[:, 0].min() > 0.9


def test_a_logarithmic_pool(data):
    X, D = data
    # Half of what a linear model says, and half of nothing: a mean cannot undo that.
    timid = StackingLDL([("a", BFGSLDL(1e-3)), ("b", DummyRegressor())], weights=[1, 1])
    linear, log = (
        StackingLDL([("timid", timid)], pool=pool).fit(X, D) for pool in ("linear", "log")
    )
    assert linear.intercept_ is None
    assert log.intercept_.shape == (3,)
    assert log.weights_[0] > 1.2
    assert log.score(X, D) > linear.score(X, D) + 0.02
    P = log.predict(X)
    assert_allclose(P.sum(axis=1), 1, atol=1e-12)
    assert P.min() >= 0


def test_fixed_weights_of_a_logarithmic_pool(data):
    X, D = data
    pair = [("a", BFGSLDL(1e-3)), ("b", BFGSLDL(10.0))]
    model = StackingLDL(pair, weights=[3, 1], pool="log").fit(X, D)
    a, b = (np.log(member.predict(X)) for member in model.estimators_)
    assert_allclose(model.predict(X), softmax(0.75 * a + 0.25 * b, axis=1), atol=1e-3)
    assert_array_equal(model.intercept_, 0)


def test_a_zero_weight_learner_is_not_asked(data):
    X, D = data
    model = StackingLDL(learners(), weights=[1, 0, 1]).fit(X, D)
    assert_allclose(model.weights_, [0.5, 0, 0.5])
    model.estimators_[1] = None
    assert model.predict(X[:3]).shape == (3, 3)


def test_predictions_off_the_simplex_are_projected(data):
    X, D = data
    off = MLPRegressor(max_iter=300, random_state=0)
    model = StackingLDL([("off", off)], weights=[1]).fit(X, D)
    assert model.predict(X).min() >= 0
    assert_allclose(model.predict(X).sum(axis=1), 1, atol=1e-12)


def test_search_over_learners_and_their_parameters(data):
    X, D = data
    grid = {"near__n_neighbors": [3, 30], "mean": [DummyRegressor(), BFGSLDL(alpha=1.0)]}
    search = GridSearchCV(StackingLDL(learners(), cv=2), grid, cv=2).fit(X, D)
    assert search.best_params_["near__n_neighbors"] in (3, 30)
    assert len(search.best_estimator_.estimators_) == 3


def test_learners_are_cloned(data):
    X, D = data
    mine = learners()
    StackingLDL(mine).fit(X, D)
    assert not hasattr(mine[0][1], "coef_")


def test_same_result_in_parallel_and_again(data):
    X, D = data
    model = StackingLDL(learners())
    expected = model.fit(X, D).predict(X)
    assert_array_equal(model.fit(X, D).predict(X), expected)
    assert_array_equal(clone(model).set_params(n_jobs=2).fit(X, D).predict(X), expected)
    assert_array_equal(pickle.loads(pickle.dumps(model)).predict(X), expected)


def test_sparse_and_pipelines(data):
    X, D = data
    scaled = make_pipeline(StandardScaler(with_mean=False), BFGSLDL())
    model = StackingLDL([("scaled", scaled), ("near", KNeighborsLDL(10))])
    dense = model.fit(X, D).predict(X)
    assert_allclose(model.fit(sp.csr_array(X), D).predict(sp.csr_array(X)), dense, atol=1e-5)


def test_weights_are_routed(data):
    X, D = data
    weight = np.linspace(0.1, 1, len(X))
    with config_context(enable_metadata_routing=True):
        linear = BFGSLDL().set_fit_request(sample_weight=True)
        trees = ExtraTreesRegressor(random_state=0).set_fit_request(sample_weight=False)
        model = StackingLDL([("linear", linear), ("trees", trees)]).fit(X, D, sample_weight=weight)
        assert_allclose(
            model.estimators_[0].coef_, BFGSLDL().fit(X, D, sample_weight=weight).coef_, atol=1e-12
        )


@pytest.mark.parametrize(
    ("parameters", "match"),
    [
        ({"estimators": []}, "at least one"),
        ({"estimators": [("a", BFGSLDL()), ("a", BFGSLDL())]}, "not unique"),
        ({"estimators": [("a__b", BFGSLDL())]}, "must not contain __"),
        ({"weights": [1.0]}, "must be 3 non-negative numbers"),
        ({"weights": [1.0, -1.0, 1.0]}, "must be 3 non-negative numbers"),
        ({"weights": [0.0, 0.0, 0.0]}, "must be 3 non-negative numbers"),
        ({"weights": [1.0, np.nan, 1.0]}, "must be 3 non-negative numbers"),
    ],
)
def test_bad_parameters(parameters, match, data):
    with pytest.raises(ValueError, match=match):
        StackingLDL(**{"estimators": learners(), **parameters}).fit(*data)


def test_bad_targets(data):
    X, D = data
    with pytest.raises(ValueError, match="row 0 sums to"):
        StackingLDL(learners()).fit(X, 2 * D)
    with pytest.raises(ValueError, match="inconsistent"):
        StackingLDL(learners()).fit(X, D[:-1])


def test_learners_that_are_dropped(data):
    X, D = data
    learners = [("linear", BFGSLDL()), ("neighbours", KNeighborsLDL()), ("other", BFGSLDL(alpha=1))]
    model = StackingLDL(learners, cv=2).set_params(other="drop").fit(X, D)
    expected = StackingLDL(learners[:2], cv=2).fit(X, D)
    assert_array_equal(model.predict(X), expected.predict(X))
    assert_array_equal(model.weights_, expected.weights_)
    assert len(model.estimators_) == 2
    assert model.named_estimators_["other"] == "drop"
    weighted = clone(model).set_params(weights=[1, 1, 5]).fit(X, D)
    assert_allclose(weighted.weights_, [0.5, 0.5])
    with pytest.raises(ValueError, match="All learners that have a weight are dropped"):
        clone(model).set_params(weights=[0, 0, 5]).fit(X, D)
    model.set_params(linear="drop", neighbours="drop")
    with pytest.raises(ValueError, match=r"at least one .* that is not dropped"):
        model.fit(X, D)
    assert_allclose(model.set_params(linear=BFGSLDL()).fit(X, D).weights_, [1.0])
