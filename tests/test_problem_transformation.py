import numpy as np
import pytest
import scipy.sparse as sp
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.naive_bayes import GaussianNB

from sklearn_ldl import PTSVMLDL, PTBayesLDL
from sklearn_ldl.datasets import make_ldl


@pytest.fixture(scope="module")
def data():
    return make_ldl(80, n_votes=6, random_state=0)


# --- naive Bayes


def test_bayes_equals_gaussian_nb_on_copied_rows(data):
    X, D = data
    weight = np.linspace(0.5, 2, len(X))
    model = PTBayesLDL(var_smoothing=1e-9).fit(X, D, sample_weight=weight)
    rows, labels = np.nonzero(D)
    copies = GaussianNB(var_smoothing=1e-9).fit(
        X[rows], labels, sample_weight=D[rows, labels] * weight[rows]
    )
    assert_allclose(model.theta_, copies.theta_, rtol=1e-10, atol=1e-12)
    assert_allclose(model.priors_, copies.class_prior_, rtol=1e-12)
    assert_allclose(model.var_, copies.var_, rtol=1e-7)
    assert_allclose(model.predict(X), copies.predict_proba(X), rtol=1e-6)


def test_bayes_moments_do_not_cancel(data):
    X, D = data
    near, far = PTBayesLDL().fit(X, D), PTBayesLDL().fit(X + 1e7, D)
    assert_allclose(far.var_, near.var_, rtol=1e-6)
    assert_allclose(far.predict(X + 1e7), near.predict(X), atol=1e-5)


def test_bayes_predicts_zero_for_a_label_without_mass(data):
    X, _ = data
    D = np.tile([0.4, 0.6, 0.0], (len(X), 1))
    model = PTBayesLDL().fit(X, D)
    assert_allclose(model.predict(X), D, atol=1e-12)
    assert_array_equal(model.decision_function(X)[:, 2], -np.inf)
    assert_array_equal(model.predict(X)[:, 2], 0)


def test_bayes_constant_features_decide_nothing(data):
    X, D = data
    constant = PTBayesLDL().fit(np.full((len(X), 2), 3.0), D)
    assert_allclose(constant.predict([[3.0, 3.0]])[0], D.mean(axis=0))
    more = PTBayesLDL().fit(np.column_stack([X, np.full(len(X), 3.0)]), D)
    assert_allclose(
        more.predict(np.column_stack([X, np.full(len(X), 3.0)])),
        PTBayesLDL().fit(X, D).predict(X),
        atol=1e-9,
    )


def test_bayes_extreme_samples_stay_finite(data):
    X, D = data
    P = PTBayesLDL(var_smoothing=0).fit(X, D).predict(1e8 * X)
    assert np.isfinite(P).all()
    assert_allclose(P.sum(axis=1), 1, atol=1e-12)


@pytest.mark.parametrize("cls", [PTBayesLDL, PTSVMLDL])
def test_all_zero_weights_are_refused(cls, data):
    X, D = data
    with pytest.raises(ValueError, match=r"(?i)sample weights.*zero"):
        cls().fit(X, D, sample_weight=np.zeros(len(X)))


def test_bayes_parameters(data):
    with pytest.raises(ValueError, match="var_smoothing"):
        PTBayesLDL(var_smoothing=-1).fit(*data)


# --- support vector machine


@pytest.mark.parametrize("kernel", ["linear", "rbf"])
def test_svm_learns(kernel):
    X, D = make_ldl(80, random_state=0)
    model = PTSVMLDL(kernel, random_state=0).fit(X, D)
    P = model.predict(X)
    assert_allclose(P.sum(axis=1), 1, atol=1e-12)
    assert model.score(X, D) > 0.5
    assert_array_equal(PTSVMLDL(kernel, random_state=0).fit(X, D).predict(X), P)


def test_svm_calibrates_with_all_copies_of_a_row_in_one_fold(data):
    X, D = data
    model = PTSVMLDL(cv=4, random_state=0).fit(X, D)
    rows, _ = np.nonzero(D)
    for train, test in model.estimator_.cv:
        assert not set(rows[train]) & set(rows[test])
        assert len(train) + len(test) == len(rows)
    assert len(model.estimator_.cv) == 4


def test_svm_sparse_features(data):
    X, D = data
    X = np.where(X > 0, X, 0)
    dense, sparse = PTSVMLDL(random_state=0), PTSVMLDL(random_state=0)
    P = sparse.fit(sp.csr_array(X), D).predict(sp.csr_array(X))
    assert_allclose(P, dense.fit(X, D).predict(X), atol=1e-3)


def test_svm_labels_without_mass(data):
    X, _ = data
    D = np.zeros((len(X), 4))
    D[:, 1], D[:, 3] = 0.25, 0.75
    model = PTSVMLDL(random_state=0).fit(X, D)
    assert_array_equal(model.classes_seen_, [1, 3])
    assert_array_equal(model.predict(X)[:, [0, 2]], 0)
    only = PTSVMLDL().fit(X, np.tile([0.0, 1.0], (len(X), 1)))
    assert only.estimator_ is None
    assert_array_equal(only.predict(X), np.tile([0.0, 1.0], (len(X), 1)))


def test_svm_max_samples_bounds_the_copies(data):
    X, D = data
    model = PTSVMLDL(max_samples=20, random_state=0).fit(X, D)
    assert max(np.max(test) for _, test in model.estimator_.cv) < 20 * D.shape[1]
    weight = (np.arange(len(X)) < 10).astype(float)
    few = PTSVMLDL(max_samples=20, random_state=0).fit(X, D, sample_weight=weight)
    same = PTSVMLDL(random_state=0).fit(X[:10], D[:10])
    assert_allclose(few.predict(X), same.predict(X), atol=1e-12)


def test_svm_errors(data):
    X, D = data
    with pytest.raises(ValueError, match="n_samples = 1"):
        PTSVMLDL().fit(X[:1], D[:1])
    for parameters in ({"kernel": "poly"}, {"C": 0}, {"cv": 1}, {"max_samples": 1}, {"gamma": -1}):
        with pytest.raises(ValueError, match=next(iter(parameters))):
            PTSVMLDL(**parameters).fit(X, D)
