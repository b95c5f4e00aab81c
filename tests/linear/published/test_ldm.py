"""LDLLDM: the manifolds, the objective, and inputs that users fear."""

import pickle
import warnings

import numpy as np
import pytest
import scipy.sparse as sp
from numpy.testing import assert_allclose, assert_array_equal
from scipy.special import log_softmax, xlogy
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning, NotFittedError

from sklearn_ldl import BFGSLDL
from sklearn_ldl.datasets import make_ldl
from sklearn_ldl.linear.published.ldm import LDLLDM


@pytest.fixture(scope="module")
def data():
    rng = np.random.default_rng(0)
    X = rng.normal([0, 1, -2], size=(90, 3))
    Z = X @ rng.standard_normal((3, 5)) + 0.3 * rng.standard_normal((90, 5))
    return X, np.exp(log_softmax(Z, axis=1))


def fit(X, D, sample_weight=None, **options):
    options = {"n_clusters": 3, "random_state": 0} | options
    return LDLLDM(**options).fit(X, D, sample_weight=sample_weight)


def objective(model, coef, intercept, X, D, sample_weight=None):
    """Straight from the docstring, row by row."""
    weight = np.ones(len(D)) if sample_weight is None else sample_weight
    L = log_softmax(X @ coef.T + intercept, axis=1)
    total = model.alpha / 2 * (coef**2).sum()
    for d, log_p, s, g in zip(D, L, weight / weight.sum(), model.cluster_labels_, strict=True):
        p = np.exp(log_p)
        total += s * (xlogy(d, d) - d * log_p).sum()
        total += s * model.global_weight * ((p - model.manifold_ @ p) ** 2).sum()
        total += s * model.local_weight * ((p - model.local_manifolds_[g] @ p) ** 2).sum()
    return total


def finite_differences(model, X, D, sample_weight=None, step=1e-5):
    """Largest entry of the numerical gradient in coefficients and intercept."""
    largest = 0.0
    for A in (model.coef_, model.intercept_):
        for index in np.ndindex(A.shape):
            values = []
            for sign in (1, -1):
                moved = A.copy()
                moved[index] += sign * step
                at = (moved, model.intercept_) if A is model.coef_ else (model.coef_, moved)
                values.append(objective(model, *at, X, D, sample_weight))
            largest = max(largest, abs(values[0] - values[1]) / (2 * step))
    return largest


OPTIONS = [
    {},
    {"global_weight": 0},
    {"local_weight": 0},
    {"cluster_on": "features", "global_weight": 3, "local_weight": 0.5},
]


@pytest.mark.parametrize("options", OPTIONS)
def test_reaches_a_stationary_point_of_the_documented_objective(options, data, rng):
    X, D = data
    weight = rng.uniform(0.5, 2, len(D))
    model = fit(X, D, weight, **options)
    final = objective(model, model.coef_, model.intercept_, X, D, weight)
    assert_allclose(model.objective_curve_[-1], final, rtol=1e-9)
    assert model.gradient_norm_ <= 1e-6
    assert finite_differences(model, X, D, weight) <= 2e-6


@pytest.mark.parametrize("options", OPTIONS)
@pytest.mark.parametrize("max_iter", [0, 1])
def test_gradient_of_the_whole_objective(options, max_iter, data):
    X, D = data
    with pytest.warns(ConvergenceWarning, match=f"after {max_iter} iterations.*Increase max_iter"):
        model = fit(X, D, max_iter=max_iter, **options)
    assert model.n_iter_ == max_iter
    assert_allclose(model.gradient_norm_, finite_differences(model, X, D), rtol=1e-6)


@pytest.mark.parametrize("options", OPTIONS)
def test_objective_never_rises(options, data):
    model = fit(*data, alpha=1e-5, tol=1e-8, **options)
    assert len(model.objective_curve_) == model.n_iter_ + 1 > 5
    assert np.diff(model.objective_curve_).max() <= 1e-14


def test_without_terms_it_is_the_maximum_entropy_model(data):
    X, D = data
    model = fit(X, D, global_weight=0, local_weight=0)
    plain = BFGSLDL(model.alpha).fit(X, D)
    assert_allclose(model.coef_, plain.coef_, atol=1e-6)
    assert_allclose(model.intercept_, plain.intercept_, atol=1e-6)
    assert_array_equal(model.manifold_, np.eye(5))
    assert_array_equal(model.local_manifolds_, np.eye(5)[None])


def test_reconstruction_weights(data):
    model = fit(*data)
    for M in (model.manifold_, *model.local_manifolds_):
        assert_allclose(M.sum(axis=1), 1, atol=1e-12)
        assert_array_equal(np.diag(M), 0)
    assert model.local_manifolds_.shape == (3, 5, 5)
    assert_array_equal(np.unique(model.cluster_labels_), [0, 1, 2])


def test_finds_an_exact_relation(rng):
    # The third label is the mean of the first two; the fourth takes what is left.
    A = rng.uniform(0, 1 / 3, (60, 2))
    D = np.column_stack([A, A.mean(axis=1), 1 - 1.5 * A.sum(axis=1)])
    model = fit(rng.standard_normal((60, 2)), D, barycenter_alpha=1e-10)
    assert_allclose(model.manifold_[2], [0.5, 0.5, 0, 0], atol=1e-6)


def test_larger_weights_keep_predictions_closer_to_the_manifold(data):
    X, D = data
    misfits = []
    for weight in (0, 1, 10):
        P = fit(X, D, global_weight=weight, local_weight=0).predict(X)
        misfits.append(((P - P @ fit(X, D).manifold_.T) ** 2).sum())
    assert misfits[0] > 2 * misfits[1] > 4 * misfits[2]


def test_two_labels_give_the_maximum_entropy_model(rng):
    X, D = rng.standard_normal((40, 3)), rng.dirichlet([1, 1], 40)
    model = fit(X, D, global_weight=5, local_weight=5)
    assert_array_equal(model.coef_, BFGSLDL(model.alpha).fit(X, D).coef_)
    assert_array_equal(model.manifold_, np.eye(2))
    assert_array_equal(model.local_manifolds_, np.eye(2)[None])


def test_clusters_with_few_rows_have_no_local_term(rng):
    D = rng.dirichlet(np.full(4, 200.0), 33)
    D[:3] = [0.97, 0.01, 0.01, 0.01]
    X = rng.standard_normal((33, 2))
    model = fit(X, D, n_clusters=2)
    small = model.cluster_labels_[0]
    assert np.bincount(model.cluster_labels_)[small] == 3
    assert_array_equal(model.local_manifolds_[small], np.eye(4))
    assert_array_equal(np.diag(model.local_manifolds_[1 - small]), 0)
    assert finite_differences(model, X, D) <= 2e-6
    # Four rows would do, but not when one of them has no weight.
    D[3] = D[0]
    weight = np.ones(33)
    assert not (fit(X, D, n_clusters=2).local_manifolds_ == np.eye(4)).all((1, 2)).any()
    weight[3] = 0
    model = fit(X, D, weight, n_clusters=2)
    assert (model.local_manifolds_ == np.eye(4)).all((1, 2)).any()


def test_one_cluster_leaves_out_the_local_part(data):
    one, none = fit(*data, n_clusters=1), fit(*data, local_weight=0)
    assert_array_equal(one.coef_, none.coef_)
    assert_array_equal(one.cluster_labels_, 0)


def test_fewer_distinct_rows_than_clusters(rng):
    D = np.eye(3)[np.arange(30) % 3]
    model = fit(rng.standard_normal((30, 2)), D, n_clusters=10)
    assert len(model.local_manifolds_) == 3
    assert model.gradient_norm_ <= 1e-6


def test_sparse_equals_dense(data):
    X, D = data
    X = np.where(np.abs(X) < 0.5, 0, X)
    options = {"cluster_on": "features", "tol": 1e-9}
    dense = fit(X, D, **options)
    for container in (sp.csr_array, sp.csr_matrix, sp.csc_array):
        sparse = fit(container(X), D, **options)
        assert_array_equal(sparse.cluster_labels_, dense.cluster_labels_)
        assert_allclose(sparse.coef_, dense.coef_, atol=1e-7)
        assert_allclose(sparse.predict(container(X)), dense.predict(X), atol=1e-7)


def test_sample_weight_equals_repetition_in_the_global_part(data, rng):
    X, D = data
    counts = rng.integers(0, 3, len(X))
    options = {"local_weight": 0, "tol": 1e-9}
    weighted = fit(X, D, counts, **options)
    repeated = fit(np.repeat(X, counts, axis=0), np.repeat(D, counts, axis=0), **options)
    assert_allclose(weighted.manifold_, repeated.manifold_, atol=1e-9)
    assert_allclose(weighted.coef_, repeated.coef_, atol=1e-7)


def test_sample_weight_equals_repetition_in_clusters_that_are_found_anyway(rng):
    D = rng.dirichlet(np.ones(3), 40) * 0.1 + 0.9 * np.repeat(np.eye(3)[:2], 20, axis=0)
    X = rng.standard_normal((40, 3))
    counts = rng.integers(1, 4, 40)
    options = {"n_clusters": 2, "tol": 1e-9}
    weighted = fit(X, D, counts, **options)
    repeated = fit(np.repeat(X, counts, axis=0), np.repeat(D, counts, axis=0), **options)
    assert_allclose(weighted.coef_, repeated.coef_, atol=1e-7)


@pytest.mark.parametrize("cluster_on", ["labels", "features"])
def test_float32_stays_float32(cluster_on, data):
    X, D = data
    model = fit(X.astype(np.float32), D, cluster_on=cluster_on)
    assert model.coef_.dtype == model.intercept_.dtype == np.float32
    P = model.predict(X.astype(np.float32))
    assert_allclose(P.sum(axis=1), 1, atol=1e-6)
    assert_allclose(P, fit(X, D, cluster_on=cluster_on).predict(X), atol=1e-4)


def test_more_features_than_rows(rng):
    X, D = rng.standard_normal((20, 50)) + 1, rng.dirichlet(np.ones(4), 20)
    model = fit(X, D, n_clusters=2)
    assert finite_differences(model, X, D) <= 2e-6


def test_without_intercept(data):
    X, D = data
    model = fit(X, D, fit_intercept=False)
    assert_array_equal(model.intercept_, 0)
    assert model.gradient_norm_ <= 1e-6


def test_one_row_and_one_feature():
    model = LDLLDM().fit([[3.0]], [[0.2, 0.3, 0.5]])
    P = model.predict([[3.0], [-1.0]])
    assert_allclose(P.sum(axis=1), 1, atol=1e-12)
    assert model.gradient_norm_ <= 1e-6


def test_constant_columns_absent_labels_and_one_hot_rows(rng):
    X = np.column_stack([rng.standard_normal((40, 2)), np.full(40, 7.0), np.zeros(40)])
    D = np.eye(4)[rng.integers(0, 3, 40)]  # the last label never occurs
    P = fit(X, D).predict(X)
    assert np.isfinite(P).all()
    assert_allclose(P.sum(axis=1), 1, atol=1e-12)


def test_identical_labels_share_their_weights(rng):
    D = np.full((30, 4), 0.25)
    model = fit(rng.standard_normal((30, 2)), D)
    assert_allclose(model.manifold_[0], [0, 1 / 3, 1 / 3, 1 / 3])
    assert_allclose(model.predict([[0.0, 0.0]]), [[0.25] * 4])


def test_repeated_fits_clones_and_pickles_are_identical(data):
    X, D = data
    model = fit(X, D)
    first = model.coef_.copy()
    assert_array_equal(model.fit(X, D).coef_, first)
    assert_array_equal(clone(model).fit(X, D).coef_, first)
    assert_array_equal(pickle.loads(pickle.dumps(model)).predict(X), model.predict(X))


def test_inputs_are_not_modified(data, rng):
    X, D = (A.copy() for A in data)
    weight = rng.uniform(size=len(X))
    before = X.copy(), D.copy(), weight.copy()
    fit(X, D, weight)
    for A, A_before in zip((X, D, weight), before, strict=True):
        assert_array_equal(A, A_before)


def test_frames_give_names(data, make_frame):
    X, D = data
    model = fit(make_frame(X, ["a", "b", "c"]), make_frame(D, list("vwxyz")))
    assert list(model.feature_names_in_) == ["a", "b", "c"]
    assert list(model.label_names_) == list("vwxyz")


def test_convergence_does_not_warn_with_the_defaults():
    X, D = make_ldl(200, random_state=0)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        LDLLDM(random_state=0).fit(X, D)


def test_verbose_prints_progress(data, capsys):
    curve = fit(*data, verbose=2).objective_curve_
    lines = capsys.readouterr().out.splitlines()
    assert_allclose([float(line.split()[4].rstrip(",")) for line in lines], curve[::2], atol=1e-8)
    assert lines[0].startswith("LDLLDM iteration    0: objective ")
    assert lines[1].startswith("LDLLDM iteration    2:")


def test_interrupt_keeps_what_was_fitted(data, monkeypatch):
    X, D = data
    model = LDLLDM(global_weight=0.1, local_weight=0.1, verbose=1, random_state=0)

    def interrupt(line):
        if "iteration    3" in line:
            raise KeyboardInterrupt

    monkeypatch.setattr("builtins.print", interrupt)
    with pytest.raises(KeyboardInterrupt):
        model.fit(X, D)
    assert model.n_iter_ == 3
    assert len(model.objective_curve_) == 4
    assert 0 < model.score(X, D) < 1


@pytest.mark.parametrize(
    "parameters",
    [
        {"alpha": -1},
        {"global_weight": -0.1},
        {"local_weight": np.nan},
        {"n_clusters": 0},
        {"cluster_on": "rows"},
        {"barycenter_alpha": 0},
        {"max_iter": -1},
        {"tol": -1e-3},
    ],
)
def test_bad_parameters(parameters, data):
    with pytest.raises(ValueError, match=next(iter(parameters))):
        LDLLDM(**parameters).fit(*data)


def test_bad_data(data):
    X, D = data
    with pytest.raises(ValueError, match="inconsistent numbers of samples"):
        LDLLDM().fit(X, D[:-1])
    with pytest.raises(ValueError, match="row 1 sums to"):
        LDLLDM().fit(X, np.vstack([D[:1], 2 * D[1:]]))
    with pytest.raises(ValueError, match="NaN"):
        LDLLDM().fit(np.full_like(X, np.nan), D)
    with pytest.raises(NotFittedError):
        LDLLDM().predict(X)


def test_real_data(load_real):
    X, D = load_real("SJAFFE")
    X = (X - X.mean(axis=0)) / X.std(axis=0)
    model = LDLLDM(random_state=0).fit(X, D)
    assert model.gradient_norm_ <= 1e-6
    assert np.diff(model.objective_curve_).max() <= 1e-14
    assert model.score(X, D) > 0.8


@pytest.mark.parametrize("weight", [1e3, 1e5])
def test_weights_that_swamp_the_loss_do_not_stall_the_search(weight, rng):
    # Far along the first direction the objective has a hump, beyond which secants creep.
    X, D = rng.standard_normal((100, 5)), rng.dirichlet(np.full(5, 0.3), 100)
    model = LDLLDM(global_weight=weight, local_weight=0, tol=1e-5).fit(X, D)
    assert model.n_iter_ > 0
    assert model.gradient_norm_ <= 1e-5
