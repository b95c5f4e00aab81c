import numpy as np
import pytest
import scipy.sparse as sp
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.calibration import CalibratedClassifierCV
from sklearn.linear_model import LogisticRegression
from sklearn.naive_bayes import GaussianNB
from sklearn.utils import gen_batches

from sklearn_ldl import BFGSLDL, PTSVMLDL, PTBayesLDL, as_weighted_rows
from sklearn_ldl.datasets import make_ldl


@pytest.fixture(scope="module")
def data():
    return make_ldl(80, n_votes=6, random_state=0)


# --- single labels with weights


@pytest.mark.parametrize("weight", [None, np.linspace(0, 2, 80)])
def test_examples_hold_the_distributions(data, weight):
    _, D = data
    assert (D == 0).any()
    rows, labels, weights = as_weighted_rows(D, weight)
    expected = D if weight is None else D * weight[:, None]
    found = sp.coo_array((weights, (rows, labels)), shape=D.shape).toarray()
    assert_allclose(found, expected, rtol=1e-14)
    assert len(rows) == np.count_nonzero(expected)
    assert (np.diff(rows) >= 0).all()
    assert (weights > 0).all()


def test_examples_give_a_classifier_the_objective_of_the_linear_model(data):
    X, D = data
    s = np.linspace(0, 2, len(X))
    rows, labels, weights = as_weighted_rows(D, sample_weight=s)
    classifier = LogisticRegression(C=1 / (0.1 * s.sum()), tol=1e-9, max_iter=1000)
    model = BFGSLDL(0.1, tol=1e-9).fit(X, D, sample_weight=s)
    for features in (X[rows], sp.csr_array(X)[rows]):
        classifier.fit(features, labels, sample_weight=weights)
        assert_allclose(classifier.coef_, model.coef_, atol=1e-6)
        assert_allclose(classifier.predict_proba(X), model.predict(X), atol=1e-6)


def test_examples_a_part_at_a_time(data):
    X, D = data
    rows, labels, weights = as_weighted_rows(D)
    classifier = GaussianNB(var_smoothing=0)
    for part in gen_batches(len(rows), 50):
        classifier.partial_fit(X[rows[part]], labels[part], range(D.shape[1]), weights[part])
    expected = PTBayesLDL(var_smoothing=0).fit(X, D)
    assert_allclose(classifier.theta_, expected.theta_, rtol=1e-9, atol=1e-12)


def test_examples_of_data_frames(data, make_frame):
    X, D = data
    expected = as_weighted_rows(D)
    rows, labels, weights = as_weighted_rows(make_frame(D, [f"label {k}" for k in range(3)]))
    for found, wanted in zip((rows, labels, weights), expected, strict=True):
        assert_array_equal(found, wanted)
    frame = make_frame(X, ["a", "b", "c"])
    assert_array_equal(getattr(frame, "iloc", frame)[rows], X[rows])


def test_examples_of_single_labels_are_the_labels():
    rows, labels, weights = as_weighted_rows(np.eye(3, dtype=np.float32)[[2, 0, 2]])
    assert_array_equal(rows, [0, 1, 2])
    assert_array_equal(labels, [2, 0, 2])
    assert_array_equal(weights, [1, 1, 1])
    assert weights.dtype == np.float64


@pytest.mark.parametrize(
    ("D", "weight", "error", "message"),
    [
        ([[0.5, 0.6]], None, ValueError, "D is not a label distribution: row 0"),
        ([[np.nan, 1.0]], None, ValueError, "NaN"),
        (sp.csr_array(np.eye(2)), None, TypeError, "[Ss]parse"),
        (np.eye(2), [1.0], ValueError, "sample_weight has shape"),
        (np.eye(2), [-1.0, 1.0], ValueError, "[Nn]egative"),
        (np.eye(2), [0.0, 0.0], ValueError, "(?i)sample weights.*zero"),
    ],
)
def test_examples_of_bad_distributions_or_weights(D, weight, error, message):
    with pytest.raises(error, match=message):
        as_weighted_rows(D, weight)


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
    assert_allclose(model.prior_, copies.class_prior_, rtol=1e-12)
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


@pytest.fixture
def splits(monkeypatch):
    """Splits of the last calibration, which a fitted model does not keep."""
    last = []

    class Recorder(CalibratedClassifierCV):
        def fit(self, *data, **weight):
            last[:] = self.cv
            return super().fit(*data, **weight)

    monkeypatch.setattr("sklearn_ldl.problem_transformation.CalibratedClassifierCV", Recorder)
    return last


def test_svm_calibrates_with_all_copies_of_a_row_in_one_fold(data, splits):
    X, D = data
    PTSVMLDL(cv=4, random_state=0).fit(X, D)
    rows, _ = np.nonzero(D)
    for train, test in splits:
        assert not set(rows[train]) & set(rows[test])
        assert len(train) + len(test) == len(rows)
    assert len(splits) == 4


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


def test_svm_max_samples_bounds_the_copies(data, splits):
    X, D = data
    PTSVMLDL(max_samples=20, random_state=0).fit(X, D)
    assert max(np.max(test) for _, test in splits) < 20 * D.shape[1]
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
