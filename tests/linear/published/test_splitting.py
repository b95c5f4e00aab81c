"""What EDLLRL and LDLLCLR share: inputs that users fear, and the promises of their docstrings."""

import pickle

import numpy as np
import pytest
import scipy.sparse as sp
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning, NotFittedError
from sklearn.preprocessing import StandardScaler

from sklearn_ldl import BFGSLDL
from sklearn_ldl.datasets import make_ldl
from sklearn_ldl.linear.published.lclr import LDLLCLR
from sklearn_ldl.linear.published.lrl import EDLLRL

ESTIMATORS = [
    EDLLRL(random_state=0),
    EDLLRL(loss="kl", cluster_on="labels", random_state=0),
    LDLLCLR(error_weight=0.1, random_state=0),
    LDLLCLR(error_weight=0.1, local_sign=-1, cluster_on="labels", random_state=0),
]


@pytest.fixture(params=ESTIMATORS, ids=lambda e: f"{type(e).__name__}-{e.cluster_on}")
def estimator(request):
    return clone(request.param)


@pytest.fixture(scope="module")
def data():
    X, D = make_ldl(150, random_state=0)
    rng = np.random.default_rng(0)
    return np.hstack([X, X[:, :2] ** 2, rng.standard_normal((150, 2))]), D


@pytest.mark.parametrize("name", ["SJAFFE", "SCUT_FBP", "Natural_Scene", "Yeast_alpha"])
def test_converges_on_real_data_without_much_work(estimator, name, load_real):
    X, D = load_real(name)
    X = StandardScaler().fit_transform(X)
    if isinstance(estimator, LDLLCLR):
        estimator.set_params(error_weight=1e-2)
    estimator.fit(X, D)
    assert estimator.residuals_.shape == (estimator.n_iter_, 2)
    assert estimator.residuals_[-1].max() <= 1e-5
    assert estimator.objective_curve_[-1] < estimator.objective_curve_[0]
    assert estimator.n_evaluations_ <= 25 * BFGSLDL().fit(X, D).n_evaluations_


def test_sample_weight_equals_repetition(estimator, data, rng):
    X, D = data
    counts = rng.integers(0, 3, len(X))
    estimator.set_params(n_clusters=1, tol=1e-7)
    weighted = clone(estimator).fit(X, D, sample_weight=counts)
    repeated = clone(estimator).fit(np.repeat(X, counts, axis=0), np.repeat(D, counts, axis=0))
    assert_allclose(weighted.coef_, repeated.coef_, atol=1e-5)
    assert_allclose(weighted.objective_curve_[-1], repeated.objective_curve_[-1], rtol=1e-9)
    assert_array_equal(weighted.cluster_labels_, np.where(counts > 0, 0, -1))


def test_rows_without_weight_are_ignored(estimator, data, rng):
    X, D = data
    weight = rng.integers(0, 3, len(X)).astype(float)
    used = weight > 0
    estimator.fit(X, D, sample_weight=weight)
    other = clone(estimator).fit(X[used], D[used], sample_weight=weight[used])
    assert_array_equal(estimator.coef_, other.coef_)
    assert_array_equal(estimator.cluster_labels_[used], other.cluster_labels_)
    assert (estimator.cluster_labels_[~used] == -1).all()


def test_scale_of_the_weights_is_irrelevant(estimator, data):
    X, D = data
    coef = clone(estimator).fit(X, D).coef_
    assert_allclose(estimator.fit(X, D, sample_weight=np.full(len(X), 7.0)).coef_, coef, atol=1e-9)


@pytest.mark.parametrize("container", [sp.csr_array, sp.csr_matrix, sp.csc_array])
def test_sparse_equals_dense(container, estimator, data):
    X, D = data
    X = np.where(np.abs(X) < 0.5, 0, X)
    estimator.set_params(cluster_on="labels", tol=1e-6)
    dense = clone(estimator).fit(X, D)
    assert_allclose(estimator.fit(container(X), D).coef_, dense.coef_, atol=1e-4)
    assert_allclose(estimator.predict(container(X)), dense.predict(X), atol=1e-4)


def test_float32_stays_float32(estimator, data):
    X, D = data
    double = clone(estimator).fit(X, D)
    estimator.fit(X.astype(np.float32), D)
    assert estimator.coef_.dtype == estimator.intercept_.dtype == np.float32
    P = estimator.predict(X.astype(np.float32))
    assert P.dtype == np.float32
    assert_allclose(P.sum(axis=1), 1, atol=1e-6)
    assert_allclose(P, double.predict(X), atol=1e-3)


def test_more_features_than_rows(estimator, rng):
    X, D = rng.standard_normal((20, 60)), rng.dirichlet(np.ones(4), 20)
    estimator.fit(X, D)
    assert estimator.coef_.shape == (4, 60)
    assert estimator.score(X, D) > 0


def test_two_labels(estimator, rng):
    X = rng.standard_normal((80, 3))
    q = 1 / (1 + np.exp(-X[:, 0]))
    D = np.column_stack([1 - q, q])
    estimator.fit(X, D)
    assert_allclose(estimator.coef_[0], -estimator.coef_[1], atol=1e-6)
    assert estimator.score(X, D) > 0.5


def test_constant_column_one_hot_rows_and_absent_label(estimator, rng):
    X = np.column_stack([rng.standard_normal((40, 2)), np.full(40, 7.0)])
    D = np.eye(4)[rng.integers(0, 3, 40)]
    P = estimator.fit(X, D).predict(X)
    assert_allclose(estimator.coef_[:, 2], 0, atol=1e-8)
    assert_allclose(P.sum(axis=1), 1, atol=1e-12)
    assert P[:, 3].max() < 1e-3


def test_one_row_and_one_feature(estimator):
    estimator.fit([[3.0]], [[0.2, 0.8]])
    assert_array_equal(estimator.cluster_labels_, [0])
    assert_allclose(estimator.predict([[3.0]]).sum(), 1, atol=1e-12)


def test_fewer_distinct_rows_than_clusters(estimator):
    X, D = np.repeat([[0.0], [1.0]], 5, axis=0), np.repeat([[0.2, 0.8], [0.6, 0.4]], 5, axis=0)
    estimator.set_params(n_clusters=8).fit(X, D)
    assert_array_equal(np.unique(estimator.cluster_labels_), [0, 1])


@pytest.mark.parametrize("fit_intercept", [True, False])
def test_intercept(estimator, fit_intercept, data):
    X, D = data
    estimator.set_params(fit_intercept=fit_intercept).fit(X - X.mean(axis=0), D)
    assert np.any(estimator.intercept_) == fit_intercept


def test_repeated_fits_and_clones_are_identical(estimator, data):
    X, D = data
    first = estimator.fit(X, D).coef_.copy()
    assert_array_equal(estimator.fit(X, D).coef_, first)
    assert_array_equal(clone(estimator).fit(X, D).coef_, first)


def test_inputs_are_not_modified(estimator, data):
    X, D = data
    weight = np.arange(len(X)) % 3.0
    copies = X.copy(), D.copy(), weight.copy()
    estimator.fit(X, D, sample_weight=weight)
    for kept, copy in zip((X, D, weight), copies, strict=True):
        assert_array_equal(kept, copy)


def test_pickle_is_small_and_exact(estimator, data):
    X, D = data
    stored = pickle.dumps(estimator.fit(X, D))
    assert len(stored) < 12_000
    assert_array_equal(pickle.loads(stored).predict(X), estimator.predict(X))


def test_frames_give_names(estimator, data, make_frame):
    X, D = data
    columns, labels = list("abcdefg"), ["sad", "glad", "mad"]
    estimator.fit(make_frame(X, columns), make_frame(D, labels))
    assert list(estimator.feature_names_in_) == columns
    assert list(estimator.label_names_) == labels


@pytest.mark.parametrize("max_iter", [0, 1])
def test_non_convergence_warns_with_advice(estimator, max_iter, data):
    X, D = data
    estimator.set_params(max_iter=max_iter, inner_max_iter=1, alpha=1e-5)
    with pytest.warns(ConvergenceWarning, match=f"after {max_iter} iterations.*Increase max_iter"):
        estimator.fit(X, D)
    assert estimator.n_iter_ == max_iter
    assert len(estimator.objective_curve_) == max_iter + 1
    assert estimator.residuals_.shape == (max_iter, 2)


def test_an_impossible_tolerance_gives_finite_predictions(estimator, data):
    X, D = data
    with pytest.warns(ConvergenceWarning):
        estimator.set_params(tol=0, max_iter=200).fit(X[:30], D[:30])
    assert np.isfinite(estimator.predict(X)).all()


def test_verbose_prints_progress(estimator, data, capsys):
    estimator.set_params(verbose=2).fit(*data)
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith(f"{type(estimator).__name__} iteration    2: objective")
    clone(estimator).set_params(verbose=0).fit(*data)
    assert capsys.readouterr().out == ""


def test_interrupt_keeps_what_was_fitted(estimator, data, monkeypatch):
    X, D = data

    def interrupt(line):
        if "iteration    3" in line:
            raise KeyboardInterrupt

    monkeypatch.setattr("builtins.print", interrupt)
    with pytest.raises(KeyboardInterrupt):
        estimator.set_params(alpha=1e-4, tol=1e-9, verbose=1).fit(X, D)
    assert estimator.n_iter_ == 3
    assert 0 < estimator.score(X, D) < 1


@pytest.mark.parametrize(
    ("y", "text"),
    [
        ([0, 1, 2, 1], "use LDLClassifier"),
        ([[0.5, 0.5], [0.4, 0.6], [0.9, 0.2], [1, 0]], "row 2 sums to 1.1"),
        ([[0.5, 0.5], [1, 0], [np.nan, 1], [1, 0]], "row 2 contains NaN"),
        ([[0.5, 0.5]] * 3, "inconsistent numbers of samples"),
        (None, "requires y to be passed"),
    ],
)
def test_bad_targets(estimator, y, text):
    with pytest.raises(ValueError, match=text):
        estimator.fit([[0.0], [1.0], [2.0], [3.0]], y)


def test_bad_features_and_weights(estimator):
    D = [[0.5, 0.5], [1, 0]]
    with pytest.raises(ValueError, match="NaN"):
        estimator.fit([[np.nan], [1.0]], D)
    with pytest.raises(ValueError, match=r"(?i)sample weights.*zero"):
        estimator.fit([[0.0], [1.0]], D, sample_weight=[0.0, 0.0])
    with pytest.raises(ValueError, match=r"[Nn]egative"):
        estimator.fit([[0.0], [1.0]], D, sample_weight=[-1.0, 2.0])


@pytest.mark.parametrize(
    "parameters",
    [
        {"alpha": -1},
        {"rank_weight": -1},
        {"n_clusters": 0},
        {"cluster_on": "rows"},
        {"rho": 0},
        {"inner_max_iter": 0},
        {"tol": -1},
    ],
)
def test_bad_parameters(estimator, parameters):
    with pytest.raises(ValueError, match=next(iter(parameters))):
        estimator.set_params(**parameters).fit([[0.0], [1.0]], [[0.5, 0.5], [1, 0]])


def test_not_fitted_and_wrong_width(estimator, data):
    X, D = data
    with pytest.raises(NotFittedError):
        estimator.predict(X)
    with pytest.raises(ValueError, match="features"):
        estimator.fit(X, D).predict(X[:, :2])
