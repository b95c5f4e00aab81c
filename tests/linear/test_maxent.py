"""BFGSLDL: results, inputs that users fear, and the promises of its docstring."""

import pickle
import tracemalloc
import warnings

import numpy as np
import pytest
import scipy.sparse as sp
from numpy.testing import assert_allclose, assert_array_equal
from scipy.special import softmax
from sklearn.base import clone
from sklearn.datasets import load_iris
from sklearn.exceptions import ConvergenceWarning, NotFittedError
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler

from sklearn_ldl import BFGSLDL, BFGSLDLCV
from sklearn_ldl.datasets import make_ldl


@pytest.fixture(scope="module")
def data():
    X, D = make_ldl(150, random_state=0)
    rng = np.random.default_rng(0)
    X = np.hstack([X, X[:, :2] ** 2, rng.standard_normal((150, 2))])
    return X, D


def objective(model, X, D, alpha, sample_weight=None):
    L = model.predict_log_proba(X)
    with np.errstate(divide="ignore", invalid="ignore"):
        kl = np.where(D > 0, D * (np.log(D) - L), 0).sum(axis=1)
    return np.average(kl, weights=sample_weight) + alpha / 2 * (model.coef_**2).sum()


def gradient(model, X, D, alpha):
    E = (model.predict(X) - D) / len(X)
    return np.abs(E.T @ X + alpha * model.coef_).max(), np.abs(E.sum(axis=0)).max()


@pytest.mark.parametrize("alpha", [0, 1e-4, 1e-2, 1])
def test_reaches_a_stationary_point(data, alpha):
    X, D = data
    model = BFGSLDL(alpha=alpha).fit(X, D)
    assert max(gradient(model, X, D, alpha)) <= 1e-6
    assert_allclose(model.loss_, objective(model, X, D, alpha), rtol=1e-9)
    assert_allclose(model.coef_.sum(axis=0), 0, atol=1e-7)
    assert model.gradient_norm_ <= 1e-6
    assert model.n_evaluations_ == model.n_iter_ + 1


def test_one_hot_rows_give_logistic_regression():
    X, y = load_iris(return_X_y=True)
    X = StandardScaler().fit_transform(X)
    alpha = 1e-2
    ours = BFGSLDL(alpha=alpha, tol=1e-9).fit(X, np.eye(3)[y])
    theirs = LogisticRegression(C=1 / (alpha * len(X)), tol=1e-10, max_iter=10_000).fit(X, y)
    assert_allclose(ours.coef_, theirs.coef_, atol=1e-6)
    assert_allclose(ours.predict(X), theirs.predict_proba(X), atol=1e-6)


def test_two_labels_give_binary_logistic_regression(rng):
    X = rng.standard_normal((80, 3))
    q = 1 / (1 + np.exp(-X[:, 0]))
    D = np.column_stack([1 - q, q])
    model = BFGSLDL(alpha=1e-6, tol=1e-9).fit(X, D)
    margin = model.coef_[1] - model.coef_[0]
    assert_allclose(margin, [1, 0, 0], atol=1e-3)


def test_sparse_equals_dense(data):
    X, D = data
    X = np.where(np.abs(X) < 0.5, 0, X)
    dense = BFGSLDL(tol=1e-9).fit(X, D)
    for container in (sp.csr_array, sp.csr_matrix, sp.csc_array):
        sparse = BFGSLDL(tol=1e-9).fit(container(X), D)
        assert_allclose(sparse.coef_, dense.coef_, atol=1e-7)
        assert_allclose(sparse.predict(container(X)), dense.predict(X), atol=1e-7)


@pytest.mark.parametrize("container", [np.asarray, sp.csr_array])
def test_more_features_than_rows(container, rng):
    X = rng.standard_normal((20, 90)) + 1
    D = rng.dirichlet(np.ones(4), 20)
    for fit_intercept in (True, False):
        model = BFGSLDL(alpha=1e-3, fit_intercept=fit_intercept).fit(container(X), D)
        in_coef, in_intercept = gradient(model, X, D, 1e-3)
        assert in_coef <= 1e-6
        assert not fit_intercept or in_intercept <= 1e-6


def test_an_offset_of_more_features_than_rows_counts_in_the_gradient(rng):
    X = rng.standard_normal((20, 90)) + 1000
    D = rng.dirichlet(np.ones(4), 20)
    model = BFGSLDL(alpha=1e-3).fit(X, D)
    assert gradient(model, X, D, 1e-3)[0] <= model.gradient_norm_ * (1 + 1e-6) <= 1e-6


def test_features_of_any_scales_take_few_iterations(rng):
    # Scales of the principal axes spread over five orders of magnitude, and a penalty so small
    # that rounding errors in single precision would hide it.
    rotation, _ = np.linalg.qr(rng.standard_normal((140, 140)))
    X = rng.standard_normal((900, 140))
    D = softmax(X @ rng.standard_normal((140, 3)) / 6, axis=1)
    X = X * np.logspace(3, -2, 140) @ rotation
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        model = BFGSLDL(alpha=1e-9, max_iter=200).fit(X, D)
    assert model.score(X, D) > 0.99


@pytest.mark.parametrize("container", [np.asarray, sp.csr_array])
def test_very_many_features(container, rng):
    X = sp.random_array((3200, 4500), density=2e-3, rng=rng).toarray()
    D = rng.dirichlet(np.ones(3), len(X))
    model = BFGSLDL(alpha=1e-3).fit(container(X), D)
    assert max(gradient(model, X, D, 1e-3)) <= 1e-6


@pytest.mark.parametrize("fit_intercept", [True, False])
def test_sample_weight_equals_repetition(data, fit_intercept, rng):
    X, D = data
    counts = rng.integers(0, 3, len(X))
    options = {"alpha": 1e-2, "tol": 1e-9, "fit_intercept": fit_intercept}
    weighted = BFGSLDL(**options).fit(X, D, sample_weight=counts)
    repeated = BFGSLDL(**options).fit(np.repeat(X, counts, axis=0), np.repeat(D, counts, axis=0))
    assert_allclose(weighted.coef_, repeated.coef_, atol=1e-7)
    assert_allclose(weighted.intercept_, repeated.intercept_, atol=1e-7)
    assert_allclose(weighted.loss_, repeated.loss_, rtol=1e-9)


def test_without_features_to_learn_from_it_predicts_the_mean(rng):
    D = rng.dirichlet(np.ones(4), 30)
    weight = rng.uniform(0, 1, 30)
    model = BFGSLDL().fit(np.ones((30, 2)), D, sample_weight=weight)
    assert_allclose(model.predict([[1.0, 1.0]])[0], np.average(D, axis=0, weights=weight))
    assert model.n_iter_ == 0


def test_intercept_is_not_penalised(data):
    X, D = data
    model = BFGSLDL(alpha=1e6).fit(X, D)
    assert_allclose(model.predict(X).mean(axis=0), D.mean(axis=0), atol=1e-5)
    without = BFGSLDL(alpha=1e6, fit_intercept=False).fit(X, D)
    assert_allclose(without.predict(X), 1 / 3, atol=1e-4)
    assert_array_equal(without.intercept_, 0)


def test_float32_stays_float32(data):
    X, D = data
    model = BFGSLDL().fit(X.astype(np.float32), D)
    assert model.coef_.dtype == model.intercept_.dtype == np.float32
    P = model.predict(X.astype(np.float32))
    assert P.dtype == np.float32
    assert_allclose(P.sum(axis=1), 1, atol=1e-6)
    assert_allclose(P, BFGSLDL().fit(X, D).predict(X), atol=1e-4)


@pytest.mark.parametrize("container", [np.asarray, sp.csr_array])
@pytest.mark.parametrize("offset", [1e5, 2.0**30])
def test_offsets_do_not_matter_in_single_precision(container, offset, data):
    X, D = data
    # Whole numbers, which single precision holds with the offset: both fits see the same rows.
    X = np.rint(X * 8) * (1 if offset < 2**24 else 256)
    scale = np.abs(X).max()
    plain = BFGSLDL(alpha=scale**2 / 100).fit(X, D)
    shifted = container((X + offset).astype(np.float32))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # of an absolute tolerance
        model = BFGSLDL(alpha=scale**2 / 100).fit(shifted, D)
    P = model.predict(shifted)
    assert P.dtype == np.float32
    assert_allclose(P, plain.predict(X), atol=1e-6)


def test_a_search_that_rounding_ends_far_from_its_tolerance_says_so(data):
    X, D = data
    stamps = 1.6e9 + 1e7 * X[:, :1]
    with pytest.warns(ConvergenceWarning, match=r"\(precision\).*standardise the features"):
        BFGSLDL(alpha=1e-2).fit(np.hstack([X, stamps]).astype(np.float32), D)


def test_predictions_lie_on_the_simplex(data):
    X, D = data
    model = BFGSLDL(alpha=1e-4).fit(X, D)
    P = model.predict(1e4 * X)
    assert_allclose(P.sum(axis=1), 1, atol=1e-12)
    assert P.min() >= 0
    assert np.isfinite(model.predict_log_proba(1e4 * X)).all()
    assert_array_equal(model.predict_proba(X), model.predict(X))
    assert_allclose(np.exp(model.predict_log_proba(X)), model.predict(X), atol=1e-14)


def test_extreme_features_and_targets(rng):
    X = rng.standard_normal((40, 3)) * [1e-6, 1, 1e4]
    X = np.column_stack([X, np.full(40, 7.0), X[:, 1]])
    D = np.eye(3)[rng.integers(0, 2, 40)]  # one-hot, the last label never occurs
    model = BFGSLDL(alpha=1e-3).fit(X, D)
    P = model.predict(X)
    assert np.isfinite(P).all()
    assert P[:, 2].max() < 1e-6
    assert_allclose(model.coef_[:, 3], 0, atol=1e-9)
    assert_allclose(model.coef_[:, 1], model.coef_[:, 4], atol=1e-6)


def test_one_row_and_one_feature():
    model = BFGSLDL().fit([[3.0]], [[0.2, 0.8]])
    assert_allclose(model.predict([[3.0], [-1.0]]), [[0.2, 0.8]] * 2)


def test_ten_thousand_labels(rng):
    X = rng.standard_normal((30, 2))
    centers = 5000 + 1000 * X[:, :1]
    L = -((np.arange(10_000) - centers) ** 2) / (2 * 300**2)
    D = np.exp(L - L.max(axis=1, keepdims=True))
    D /= D.sum(axis=1, keepdims=True)
    tracemalloc.start()
    model = BFGSLDL(alpha=1e-6).fit(X, D)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert_allclose(model.predict(X).sum(axis=1), 1, atol=1e-12)
    assert model.score(X, D) > 0.5
    assert peak < 100e6  # a matrix of labels by labels would take 800 MB


def test_warm_start_continues(data):
    X, D = data
    model = BFGSLDL(alpha=1e-4, warm_start=True).fit(X, D)
    first = model.coef_.copy()
    model.fit(X, D)
    assert model.n_iter_ <= 1
    assert_allclose(model.coef_, first, atol=1e-6)
    with pytest.raises(ValueError, match="warm_start needs data of the same shape"):
        model.fit(X[:, :2], D)


def test_warm_start_with_more_features_than_rows(rng):
    X, D = rng.standard_normal((15, 40)), rng.dirichlet(np.ones(3), 15)
    model = BFGSLDL(alpha=1e-3, warm_start=True).fit(X, D)
    model.fit(X, D)
    assert model.n_iter_ <= 1


def test_repeated_fits_and_clones_are_identical(data):
    X, D = data
    model = BFGSLDL().fit(X, D)
    first = model.coef_.copy()
    assert_array_equal(model.fit(X, D).coef_, first)
    assert_array_equal(clone(model).fit(X, D).coef_, first)


def test_inputs_are_not_modified(data):
    X, D = data
    X32, D_before = sp.csr_array(X.astype(np.float32)), D.copy()
    weight = np.full(len(D), 2.0)
    before = X32.copy()
    BFGSLDL().fit(X32, D, sample_weight=weight)
    assert (before != X32).nnz == 0
    assert_array_equal(D, D_before)
    assert_array_equal(weight, 2)


def test_pickle_is_small_and_exact(data):
    X, D = data
    model = BFGSLDL().fit(X, D)
    stored = pickle.dumps(model)
    assert len(stored) < 4000
    assert_array_equal(pickle.loads(stored).predict(X), model.predict(X))


def test_frames_give_names(data, make_frame):
    X, D = data
    columns, labels = list("abcdefg"), ["sad", "glad", "mad"]
    FX, FD = make_frame(X, columns), make_frame(D, labels)
    model = BFGSLDL().fit(FX, FD)
    assert list(model.feature_names_in_) == columns
    assert list(model.label_names_) == labels
    assert_allclose(model.predict(FX), BFGSLDL().fit(X, D).predict(X))
    model.fit(X, D)
    assert not hasattr(model, "label_names_")


def test_non_convergence_warns_with_advice(data):
    X, D = data
    with pytest.warns(ConvergenceWarning, match="after 2 iterations.*Increase max_iter"):
        model = BFGSLDL(alpha=0, max_iter=2).fit(X, D)
    assert model.n_iter_ == 2
    with pytest.warns(ConvergenceWarning, match="no finite minimiser"):
        BFGSLDL(alpha=0).fit(X[:5], D[:5])


def test_convergence_does_not_warn(data):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        BFGSLDL().fit(*data)


def test_verbose_prints_progress(data, capsys):
    model = BFGSLDL(verbose=1).fit(*data)
    last = capsys.readouterr().out.splitlines()[-1]
    assert f"{model.n_iter_}: objective {model.loss_:.8f}, gradient" in last
    assert last.endswith(f"gradient {model.gradient_norm_:.2e}")
    BFGSLDL(verbose=2).fit(*data)
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("BFGSLDL iteration    0: objective 0.")
    assert lines[1].startswith("BFGSLDL iteration    2:")
    BFGSLDL().fit(*data)
    assert capsys.readouterr().out == ""


def test_interrupt_keeps_what_was_fitted(data, monkeypatch):
    X, D = data
    model = BFGSLDL(alpha=1e-4, verbose=1)

    def interrupt(line):
        if "iteration    3" in line:
            raise KeyboardInterrupt

    monkeypatch.setattr("builtins.print", interrupt)
    with pytest.raises(KeyboardInterrupt):
        model.fit(X, D)
    assert model.n_iter_ == 3
    assert 0 < model.score(X, D) < 1


@pytest.mark.parametrize(
    ("y", "error", "text"),
    [
        ([0, 1, 2, 1], ValueError, "use LDLClassifier"),
        ([0.1, 2.5, 3.0, 1.0], ValueError, "LDLRegressor"),
        ([[1.0], [2.0], [3.0], [4.0]], ValueError, r"got \(4, 1\)"),
        ([[0.5, 0.5], [0.4, 0.6], [0.9, 0.2], [1, 0]], ValueError, "row 2 sums to 1.1"),
        ([[0.5, 0.5], [1.2, -0.2], [1, 0], [1, 0]], ValueError, "row 1 has a negative"),
        ([[0.5, 0.5], [1, 0], [np.nan, 1], [1, 0]], ValueError, "row 2 contains NaN"),
        ([[0.5, 0.5], [np.inf, 0], [1, 0], [1, 0]], ValueError, "row 1 contains NaN or inf"),
        ([[2, 1], [0, 1], [1, 0], [1, 0]], ValueError, "votes_to_distribution"),
        ([[0, 0], [0, 1], [1, 0], [1, 0]], ValueError, "row 0 sums to 0"),
        ([["a", "b"]] * 4, ValueError, "not numbers"),
        ([[0.5, 0.5]] * 3, ValueError, "inconsistent numbers of samples"),
        (None, ValueError, "requires y to be passed"),
        (sp.csr_array(np.eye(4)), TypeError, "[Ss]parse"),
    ],
)
def test_bad_targets(y, error, text):
    with pytest.raises(error, match=text):
        BFGSLDL().fit([[0.0], [1.0], [2.0], [3.0]], y)


@pytest.mark.parametrize(
    ("X", "text"),
    [
        ([[np.nan], [1.0]], "NaN"),
        ([[np.inf], [1.0]], "infinity"),
        ([1.0, 2.0], "2D array"),
        (np.empty((0, 2)), "0 sample"),
        (np.empty((2, 0)), "0 feature"),
        ([["a"], ["b"]], "could not convert string"),
    ],
)
def test_bad_features(X, text):
    with pytest.raises(ValueError, match=text):
        BFGSLDL().fit(X, [[0.5, 0.5], [1, 0]])


@pytest.mark.parametrize(
    ("weight", "text"),
    [
        ([0.0, 0.0], "(?i)sample weights.*zero"),
        ([-1.0, 2.0], "[Nn]egative"),
        ([1.0], "sample_weight has shape"),
        ([np.nan, 1.0], "NaN"),
    ],
)
def test_bad_weights(weight, text):
    with pytest.raises(ValueError, match=text):
        BFGSLDL().fit([[0.0], [1.0]], [[0.5, 0.5], [1, 0]], sample_weight=weight)


@pytest.mark.parametrize(
    "parameters",
    [
        {"alpha": -1},
        {"alpha": "big"},
        {"alpha": np.nan},
        {"max_iter": -1},
        {"tol": -1e-3},
        {"fit_intercept": 2},
    ],
)
def test_bad_parameters(parameters):
    with pytest.raises(ValueError, match=next(iter(parameters))):
        BFGSLDL(**parameters).fit([[0.0], [1.0]], [[0.5, 0.5], [1, 0]])


def test_not_fitted_and_wrong_width(data):
    X, D = data
    with pytest.raises(NotFittedError):
        BFGSLDL().predict(X)
    with pytest.raises(ValueError, match="features"):
        BFGSLDL().fit(X, D).predict(X[:, :2])


# Coefficients from elsewhere


def test_coefficients_predict_as_the_model_that_found_them(data):
    X, D = data
    fitted = BFGSLDL(1e-3).fit(X, D)
    model = BFGSLDL.from_coefficients(fitted.coef_.tolist(), fitted.intercept_.tolist())
    assert_array_equal(model.predict(X), fitted.predict(X))
    assert_array_equal(model.predict(sp.csr_array(X)), fitted.predict(sp.csr_array(X)))
    assert model.score(X, D) == fitted.score(X, D)
    assert (model.n_labels_, model.n_features_in_) == (3, X.shape[1])
    assert_array_equal(pickle.loads(pickle.dumps(model)).predict(X), fitted.predict(X))
    with pytest.raises(ValueError, match="expecting 7 features"):
        model.predict(X[:, :2])


def test_coefficients_come_with_parameters():
    model = BFGSLDL.from_coefficients(np.eye(2), alpha=0.5, max_iter=7)
    assert (model.alpha, model.max_iter) == (0.5, 7)
    assert_array_equal(model.intercept_, [0, 0])
    again = clone(model)
    assert again.alpha == 0.5
    with pytest.raises(NotFittedError):
        again.predict(np.eye(2))
    assert type(BFGSLDLCV.from_coefficients(np.eye(2))) is BFGSLDLCV


def test_a_fit_goes_on_from_given_coefficients(data):
    X, D = data
    fitted = BFGSLDL(1e-3).fit(X, D)
    model = BFGSLDL.from_coefficients(
        fitted.coef_, fitted.intercept_, alpha=1e-3, tol=1e-5, warm_start=True
    )
    assert model.fit(X, D).n_iter_ == 0
    assert_allclose(model.coef_, fitted.coef_, atol=1e-12)


def test_given_coefficients_are_copied_in_their_precision():
    W, b = np.eye(3, dtype=np.float32), np.zeros(3)
    model = BFGSLDL.from_coefficients(W, b)
    assert model.coef_.dtype == model.intercept_.dtype == np.float32
    assert model.predict(np.eye(3, dtype=np.float32)).dtype == np.float32
    model.coef_[:] = model.intercept_[:] = 7
    assert_array_equal(W, np.eye(3))
    assert_array_equal(b, 0)


@pytest.mark.parametrize(
    ("coef", "intercept", "message"),
    [
        ([1.0, 2.0], None, "2D array"),
        ([[1.0, 2.0]], None, "minimum of 2"),
        ([[1.0], [np.nan]], None, "coef contains NaN"),
        ([[1.0], [0.0]], [0.0, np.inf], "intercept contains infinity"),
        ([[1.0], [0.0]], [0.0], r"needs an intercept of shape \(2,\), got \(1,\)"),
        ([[1.0], [0.0]], [[0.0], [0.0]], r"needs an intercept of shape \(2,\)"),
    ],
)
def test_bad_coefficients(coef, intercept, message):
    with pytest.raises(ValueError, match=message):
        BFGSLDL.from_coefficients(coef, intercept)
