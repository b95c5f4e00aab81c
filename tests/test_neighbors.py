import pytest
import scipy.sparse as sp
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.neighbors import KNeighborsRegressor

from sklearn_ldl import KNeighborsLDL
from sklearn_ldl.datasets import make_ldl


@pytest.fixture(scope="module")
def data():
    return make_ldl(60, n_votes=8, random_state=0)


@pytest.mark.parametrize(
    "options",
    [{}, {"n_neighbors": 3, "weights": "distance"}, {"metric": "manhattan", "algorithm": "brute"}],
)
def test_is_the_regressor_of_scikit_learn(data, options):
    X, D = data
    ours = KNeighborsLDL(**options).fit(X, D)
    theirs = KNeighborsRegressor(**options).fit(X, D)
    assert_allclose(ours.predict(X), theirs.predict(X), rtol=1e-12)
    assert_array_equal(ours.predict_proba(X), ours.predict(X))
    assert_allclose(ours.predict(X).sum(axis=1), 1, atol=1e-12)


def test_one_neighbour_returns_the_training_distribution(data):
    X, D = data
    assert_allclose(KNeighborsLDL(1).fit(X, D).predict(X), D, atol=1e-15)
    assert_allclose(KNeighborsLDL(5, weights="distance").fit(X, D).predict(X), D, atol=1e-12)


def test_sparse_features(data):
    X, D = data
    X = X * [1, 0, 1]
    sparse = KNeighborsLDL().fit(sp.csr_array(X), D).predict(sp.csr_array(X))
    assert_allclose(sparse, KNeighborsLDL(algorithm="brute").fit(X, D).predict(X), atol=1e-12)


def test_score_is_the_d2_of_kl_and_not_r2(data):
    X, D = data
    model = KNeighborsLDL(20).fit(X, D)
    assert model.score(X, D) != KNeighborsRegressor(20).fit(X, D).score(X, D)
    assert 0 < model.score(X, D) < 1


def test_errors(data):
    X, D = data
    with pytest.raises(ValueError, match="n_neighbors <= n_samples_fit"):
        KNeighborsLDL(7).fit(X[:5], D[:5]).predict(X)
    with pytest.raises(ValueError, match="n_neighbors"):
        KNeighborsLDL(0).fit(X, D)
