"""IISLDL: roots, bounds, the optimum, and inputs that users fear."""

import pickle
import tracemalloc
import warnings

import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import example, given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from scipy.optimize import brentq
from scipy.special import softmax
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning, NotFittedError
from sklearn.linear_model import LogisticRegression

from sklearn_ldl import BFGSLDL
from sklearn_ldl.datasets import make_ldl
from sklearn_ldl.linear.published.iis import _KAPPA, _LIMIT, IISLDL, _root_of_cubic


@pytest.fixture(scope="module")
def data():
    rng = np.random.default_rng(0)
    X, D = make_ldl(120, random_state=0)
    X = np.hstack([X, rng.standard_normal((120, 2)) + 0.5])
    return X, D


def unfinished(X, D, sample_weight=None, **options):
    with pytest.warns(ConvergenceWarning, match="standardise the features, increase alpha, or use"):
        return IISLDL(**options).fit(X, D, sample_weight=sample_weight)


def gradient(model, X, D):
    E = (model.predict(X) - D) / len(X)
    in_coef = np.abs(E.T @ X + model.alpha * model.coef_).max()
    return max(in_coef, np.abs(E.sum(axis=0)).max() if model.fit_intercept else 0)


def exact_roots(P, X, D, alpha, coef):
    """The equation of the docstring, one root finder for each coefficient."""
    sums = np.abs(X).sum(axis=1)
    roots = np.empty_like(coef)
    for j, k in np.ndindex(coef.shape):
        x = X[:, k]

        def slope(delta, j=j, k=k, x=x):
            expected = P[:, j] @ (x * np.exp(delta * np.sign(x) * sums)) / len(X)
            return expected - D[:, j] @ x / len(X) + alpha * (coef[j, k] + delta)

        limit = 30 / sums.max()
        roots[j, k] = brentq(slope, -limit, limit, xtol=1e-14)
    return roots


@pytest.mark.parametrize("alpha", [1e-3, 1e-2, 1])
@pytest.mark.parametrize("fit_intercept", [True, False])
def test_reaches_the_optimum(alpha, fit_intercept, data):
    X, D = data
    options = {"alpha": alpha, "fit_intercept": fit_intercept}
    model, plain = IISLDL(**options).fit(X, D), BFGSLDL(**options, tol=1e-9).fit(X, D)
    assert gradient(model, X, D) <= 1e-6
    assert_allclose(model.gradient_norm_, gradient(model, X, D), rtol=1e-6)
    assert_allclose(model.objective_curve_[-1], plain.loss_, atol=1e-6 * plain.loss_)
    assert_allclose(model.coef_, plain.coef_, atol=5e-6 / alpha)
    assert_allclose(model.intercept_, plain.intercept_, atol=5e-6 / alpha)
    assert_allclose(model.predict(X), plain.predict(X), atol=1e-4)


def test_reaches_the_optimum_without_penalty(rng):
    X = rng.standard_normal((100, 3))
    D = 0.7 * softmax(X @ rng.standard_normal((3, 4)), axis=1) + 0.3 * rng.dirichlet(
        np.ones(4), 100
    )
    model = IISLDL(alpha=0, tol=1e-8).fit(X, D)
    plain = BFGSLDL(alpha=0, tol=1e-10).fit(X, D)
    assert_allclose(model.coef_, plain.coef_, atol=1e-5)
    assert_allclose(model.intercept_, plain.intercept_, atol=1e-5)
    assert_allclose(model.objective_curve_[-1], plain.loss_, rtol=1e-6)


def test_one_hot_rows_give_logistic_regression(rng):
    X = rng.standard_normal((150, 3))
    y = (X + rng.standard_normal((150, 3))).argmax(axis=1)
    ours = IISLDL(alpha=0.1, tol=1e-8).fit(X, np.eye(3)[y])
    theirs = LogisticRegression(C=1 / (0.1 * 150), tol=1e-10, max_iter=10_000).fit(X, y)
    assert_allclose(ours.coef_, theirs.coef_, atol=1e-6)


@pytest.mark.parametrize("sharpness", [0.05, 1])
def test_a_sweep_finds_the_roots(sharpness, rng):
    X = rng.normal([0, 0, 1], size=(50, 3))
    D = softmax(sharpness * rng.standard_normal((50, 4)), axis=1)
    expected = exact_roots(np.full(D.shape, 0.25), X, D, 0.01, np.zeros((4, 3)))
    model = unfinished(X, D, max_iter=1, alpha=0.01, fit_intercept=False)
    largest = np.abs(expected).max() * np.abs(X).sum(axis=1).max()
    assert sharpness / 10 < largest < 1.2
    error = np.abs(model.coef_ - (expected - expected.mean(axis=0))).max()
    assert error <= 0.03 * largest * np.abs(expected).max()


def test_intercept_takes_one_sweep_of_its_own(rng):
    D = rng.dirichlet([1, 2, 3], 40)
    model = IISLDL().fit(np.zeros((40, 2)), D)
    assert model.n_iter_ == 0
    assert_allclose(model.predict([[0.0, 0.0]])[0], D.mean(axis=0), atol=1e-12)


def test_polynomial_bounds_the_exponential():
    t = np.concatenate([np.linspace(-50, _LIMIT, 10_001), np.geomspace(1e-2, _LIMIT, 100)])
    bound = 1 + t + t**2 / 2 + t**3 / 6 + _KAPPA * t**4 / 24
    assert (bound >= np.exp(t) * (1 - 1e-14)).all()
    assert_allclose(bound[-1], np.exp(_LIMIT))


@given(
    st.floats(-5, 5),
    st.floats(1e-3, 10),
    st.floats(-1, 1),
    st.floats(1e-3, 10),
)
@example(0.0, 7.5, 1.0, 0.001)
@settings(max_examples=50, deadline=None)
def test_root_of_cubic(g, slope, bend, twist):
    bend *= np.sqrt(slope * twist)  # what sums over rows satisfy
    u = float(_root_of_cubic(*map(np.array, (g, slope, bend, twist))))
    terms = np.array([g, slope * u, bend * u**2 / 2, twist * u**3 / 6])
    if abs(u) < _LIMIT:
        assert abs(terms.sum()) <= 1e-10 * np.abs(terms).sum() + 1e-13
    else:  # the root lies beyond
        assert terms.sum() * u <= 1e-13


@given(
    seed=st.integers(0, 2**16),
    scale=st.sampled_from([1e-3, 1, 30]),
    n_features=st.integers(1, 8),
    n_labels=st.integers(2, 6),
    alpha=st.sampled_from([0, 1e-3, 1]),
    kind=st.sampled_from(["dense", "positive", "sparse", "heavy"]),
    one_hot=st.booleans(),
)
@settings(max_examples=50, deadline=None)
def test_objective_never_rises(seed, scale, n_features, n_labels, alpha, kind, one_hot):
    rng = np.random.default_rng(seed)
    X = scale * rng.standard_normal((25, n_features))
    if kind == "positive":
        X = np.abs(X)
    elif kind == "sparse":
        X = sp.csr_array(np.where(rng.random(X.shape) < 0.7, 0, X))
    elif kind == "heavy":
        X = X**3
    D = rng.dirichlet(np.full(n_labels, 0.3), 25)
    if one_hot:
        D = np.eye(n_labels)[D.argmax(axis=1)]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        model = IISLDL(alpha=alpha, max_iter=30).fit(X, D, sample_weight=rng.uniform(0, 1, 25))
    assert len(model.objective_curve_) == model.n_iter_ + 1
    assert np.diff(model.objective_curve_).max(initial=-1) <= 1e-14
    assert np.isfinite(model.predict(X)).all()


def test_sparse_equals_dense(data):
    X, D = data
    X = np.where(np.abs(X) < 0.5, 0, X)
    dense = IISLDL().fit(X, D)
    for container in (sp.csr_array, sp.csr_matrix, sp.csc_array):
        sparse = IISLDL().fit(container(X), D)
        assert_allclose(sparse.objective_curve_, dense.objective_curve_, rtol=1e-10)
        assert_allclose(sparse.coef_, dense.coef_, atol=1e-10)
        assert_allclose(sparse.predict(container(X)), dense.predict(X), atol=1e-10)


def test_sparse_features_are_never_densified(rng):
    X = sp.random_array((500, 20_000), density=1e-3, rng=rng, format="csr")
    D = rng.dirichlet(np.ones(3), 500)
    tracemalloc.start()
    unfinished(X, D, max_iter=3)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 20e6  # dense features would take 80 MB


def test_ten_thousand_labels(rng):
    X = rng.standard_normal((30, 2))
    L = -((np.arange(10_000) - 5000 - 1000 * X[:, :1]) ** 2) / (2 * 300**2)
    tracemalloc.start()
    model = unfinished(X, softmax(L, axis=1), alpha=1e-6, max_iter=20, tol=1e-9)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert_allclose(model.predict(X).sum(axis=1), 1, atol=1e-12)
    assert peak < 100e6


def test_sample_weight_equals_repetition(data, rng):
    X, D = data
    counts = rng.integers(0, 3, len(X))
    weighted = IISLDL().fit(X, D, sample_weight=counts)
    repeated = IISLDL().fit(np.repeat(X, counts, axis=0), np.repeat(D, counts, axis=0))
    assert weighted.n_iter_ == repeated.n_iter_
    assert_allclose(weighted.coef_, repeated.coef_, atol=1e-10)
    assert_allclose(weighted.intercept_, repeated.intercept_, atol=1e-10)


def test_rows_without_weight_do_not_slow_the_sweeps(data):
    X, D = data
    weight = np.ones(len(X))
    weight[0] = 0
    outlier = X.copy()
    outlier[0] = 1e6
    model = IISLDL().fit(outlier, D, sample_weight=weight)
    assert_array_equal(model.coef_, IISLDL().fit(X[1:], D[1:]).coef_)


def test_float32_stays_float32(data):
    X, D = data
    model = IISLDL().fit(X.astype(np.float32), D)
    assert model.coef_.dtype == model.intercept_.dtype == np.float32
    P = model.predict(X.astype(np.float32))
    assert_allclose(P.sum(axis=1), 1, atol=1e-6)
    assert_allclose(P, IISLDL().fit(X, D).predict(X), atol=1e-5)


def test_more_features_than_rows(rng):
    X, D = rng.standard_normal((15, 20)), rng.dirichlet(np.ones(4), 15)
    model = IISLDL(alpha=1).fit(X, D)
    assert gradient(model, X, D) <= 1e-6


@pytest.mark.parametrize("alpha", [0, 1e-2])
def test_constant_columns_absent_labels_and_one_hot_rows(alpha, rng):
    X = np.column_stack([rng.standard_normal((40, 2)), np.full(40, 7.0), np.zeros(40)])
    D = np.eye(4)[rng.integers(0, 3, 40)]  # the last label never occurs
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        model = IISLDL(alpha=alpha).fit(X, D)
    P = model.predict(X)
    assert P[:, 3].max() < 1e-6
    assert_allclose(P.sum(axis=1), 1, atol=1e-12)
    assert_array_equal(model.coef_[:, 3], 0)


def test_separable_data_without_penalty_stay_finite():
    X, D = np.array([[-1.0], [1.0]]), np.eye(2)
    model = unfinished(X, D, alpha=0, max_iter=300, tol=1e-12)
    assert_allclose(model.predict(X), D, atol=0.01)


@pytest.mark.parametrize("scale", [1e-200, 1e-12, 1e12, 1e200])
def test_extreme_scales(scale, data):
    X, D = data
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        model = IISLDL(max_iter=50).fit(scale * X, D)
    assert np.isfinite(model.predict(scale * X)).all()
    assert np.diff(model.objective_curve_).max(initial=-1) <= 1e-14


def test_one_row_and_one_feature():
    model = IISLDL().fit([[3.0]], [[0.2, 0.8]])
    assert_allclose(model.predict([[3.0], [-1.0]]), [[0.2, 0.8]] * 2)


def test_repeated_fits_clones_and_pickles_are_identical(data):
    X, D = data
    model = IISLDL().fit(X, D)
    first = model.coef_.copy()
    assert_array_equal(model.fit(X, D).coef_, first)
    assert_array_equal(clone(model).fit(X, D).coef_, first)
    stored = pickle.dumps(model)
    assert len(stored) < 4000
    assert_array_equal(pickle.loads(stored).predict(X), model.predict(X))


def test_inputs_are_not_modified(data, rng):
    X, D = (A.copy() for A in data)
    weight = rng.uniform(size=len(X))
    before = X.copy(), D.copy(), weight.copy()
    IISLDL().fit(X, D, sample_weight=weight)
    for A, A_before in zip((X, D, weight), before, strict=True):
        assert_array_equal(A, A_before)


def test_frames_give_names(data, make_frame):
    X, D = data
    columns = list("abcdefgh")[: X.shape[1]]
    model = IISLDL().fit(make_frame(X, columns), make_frame(D, ["sad", "glad", "mad"]))
    assert list(model.feature_names_in_) == columns
    assert list(model.label_names_) == ["sad", "glad", "mad"]


def test_non_convergence_warns_with_the_number_of_sweeps(data):
    with pytest.warns(ConvergenceWarning, match="after 2 sweeps with a gradient of .*max_iter"):
        model = IISLDL(max_iter=2).fit(*data)
    assert model.n_iter_ == 2
    with pytest.warns(ConvergenceWarning, match="after 0 sweeps"):
        model = IISLDL(max_iter=0).fit(*data)
    assert_allclose(model.predict(data[0])[0], data[1].mean(axis=0))


def test_convergence_does_not_warn(data):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        IISLDL().fit(*data)


def test_verbose_prints_progress(data, capsys):
    curve = IISLDL(verbose=2).fit(*data).objective_curve_
    lines = capsys.readouterr().out.splitlines()
    assert_allclose([float(line.split()[4].rstrip(",")) for line in lines], curve[::2], atol=1e-8)
    assert lines[0].startswith("IISLDL sweep    0: objective 0.")
    assert lines[1].startswith("IISLDL sweep    2:")


def test_interrupt_keeps_what_was_fitted(data, monkeypatch):
    model = IISLDL(verbose=1)

    def interrupt(line):
        if "sweep    3" in line:
            raise KeyboardInterrupt

    monkeypatch.setattr("builtins.print", interrupt)
    with pytest.raises(KeyboardInterrupt):
        model.fit(*data)
    assert model.n_iter_ == 3
    assert 0 < model.score(*data) < 1


@pytest.mark.parametrize(
    "parameters",
    [{"alpha": -1}, {"alpha": np.nan}, {"max_iter": -1}, {"tol": -1e-3}, {"fit_intercept": 2}],
)
def test_bad_parameters(parameters, data):
    with pytest.raises(ValueError, match=next(iter(parameters))):
        IISLDL(**parameters).fit(*data)


def test_bad_data(data):
    X, D = data
    with pytest.raises(ValueError, match="inconsistent numbers of samples"):
        IISLDL().fit(X, D[:-1])
    with pytest.raises(ValueError, match="row 1 sums to"):
        IISLDL().fit(X, np.vstack([D[:1], 2 * D[1:]]))
    with pytest.raises(ValueError, match="NaN"):
        IISLDL().fit(np.full_like(X, np.nan), D)
    with pytest.raises(NotFittedError):
        IISLDL().predict(X)


def test_real_data(load_real):
    X, D = load_real("Yeast_alpha")
    X = (X - X.mean(axis=0)) / X.std(axis=0)
    model, plain = IISLDL().fit(X, D), BFGSLDL(IISLDL().alpha, tol=1e-9).fit(X, D)
    assert np.argmax(model.objective_curve_ <= 1.001 * plain.loss_) < 50
    assert_allclose(model.objective_curve_[-1], plain.loss_, rtol=1e-6)
