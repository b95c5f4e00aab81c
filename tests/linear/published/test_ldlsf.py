"""LDLSF: optimality of the split model, its sparsity, and inputs that users fear."""

import pickle
import warnings

import numpy as np
import pytest
import scipy.sparse as sp
from numpy.testing import assert_allclose, assert_array_equal
from scipy.optimize import minimize_scalar
from scipy.special import softmax
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning, NotFittedError
from sklearn.preprocessing import StandardScaler

from sklearn_ldl import project_simplex
from sklearn_ldl.linear.published import ldlsf
from sklearn_ldl.linear.published.ldlsf import LDLSF, label_correlation

EXACT = {"tol": 1e-11, "max_iter": 20_000}


@pytest.fixture(scope="module")
def data():
    rng = np.random.default_rng(0)
    X = rng.standard_normal((120, 9))
    D = softmax(X[:, :4] @ rng.standard_normal((4, 5)) * 0.7, axis=1)
    return X + 3, D


def laplacian(D, weight, affinity=lambda R: np.maximum(R, 0)):
    with np.errstate(divide="ignore", invalid="ignore"):
        C = np.cov(D.T, aweights=weight, bias=True)
        R = np.nan_to_num(C / np.sqrt(np.outer(np.diag(C), np.diag(C))))
    A = affinity(R)
    np.fill_diagonal(A, 0)
    return np.diag(A.sum(axis=1)) - A


def smooth_part(model, X, D, weight=None):
    """Value of the smooth terms, and their gradients in coefficients and intercept."""
    weight = np.ones(len(X)) if weight is None else weight
    s = weight / weight.sum()
    L = model.correlation_weight * laplacian(D, weight)
    P = X @ model.coef_.T + model.intercept_
    E = s[:, None] * (P - D + 2 * P @ L)
    value = 0.5 * s @ ((P - D) ** 2).sum(axis=1) + s @ ((P @ L) * P).sum(axis=1)
    return value, E.T @ X, E.sum(axis=0)


def objective(model, X, D, weight=None):
    W1, W2 = model.coef_specific_, model.coef_common_
    norms = model.l1 * np.abs(W1).sum() + model.l21 * np.linalg.norm(W2, axis=0).sum()
    return smooth_part(model, X, D, weight)[0] + norms


def subgradient_gap(model, g, k):
    """How far feature `k` is from optimal, with the best multiplier of its label sum."""
    w1, w2 = model.coef_specific_[:, k], model.coef_common_[:, k]

    def gap(t):
        v = -(g[:, k] + t)
        misses = [np.abs(v).max() - model.l1, np.linalg.norm(v) - model.l21]
        misses.extend(np.abs(v - model.l1 * np.sign(w1))[w1 != 0])
        if w2.any():
            misses.extend(np.abs(v - model.l21 * w2 / np.linalg.norm(w2)))
        return max(0, *misses)

    found = minimize_scalar(gap, bounds=(-0.1, 0.1), method="bounded", options={"xatol": 1e-13})
    return found.fun


@pytest.mark.parametrize(
    "parameters",
    [
        {},
        {"l1": 4e-3, "l21": 6e-3},
        {"l1": 4e-3, "l21": 1},
        {"l1": 1, "l21": 4e-3},
        {"l1": 2e-3, "l21": 3e-3, "correlation_weight": 1},
    ],
)
@pytest.mark.parametrize("weighted", [False, True])
def test_reaches_the_optimum(data, parameters, weighted, rng):
    X, D = data
    weight = rng.uniform(0, 2, len(X)) if weighted else None
    model = LDLSF(**parameters, **EXACT).fit(X, D, sample_weight=weight)
    value, g, in_intercept = smooth_part(model, X, D, weight)
    # The row-sum constraint has a multiplier that is the same for all labels.
    assert np.ptp(in_intercept) < 1e-9
    assert max(subgradient_gap(model, g, k) for k in range(X.shape[1])) < 1e-7
    assert_allclose(model.decision_function(X).sum(axis=1), 1, atol=1e-8)
    assert_allclose(model.coef_, model.coef_specific_ + model.coef_common_, atol=1e-15)
    assert_allclose(model.objective_curve_[-1], objective(model, X, D, weight), rtol=1e-7)
    assert model.objective_curve_.shape == (model.n_iter_ + 1,)
    assert model.residuals_.shape == (model.n_iter_, 2)
    assert model.residuals_[-1].max() <= 1e-11
    assert value > 0


def test_the_objective_starts_at_the_mean_distribution(data):
    X, D = data
    model = LDLSF(correlation_weight=0).fit(X, D)
    assert_allclose(model.objective_curve_[0], 0.5 * D.var(axis=0).sum())


def test_the_solution_does_not_depend_on_the_penalty_of_the_splitting(data):
    X, D = data
    reference = LDLSF(**EXACT).fit(X, D)
    for rho in (1e-3, 1):
        assert_allclose(LDLSF(rho=rho, **EXACT).fit(X, D).coef_, reference.coef_, atol=1e-8)


@pytest.mark.parametrize("free", ["l1", "l21"])
def test_without_penalties_it_is_least_squares_with_the_constraint(data, free):
    X, D = data
    model = LDLSF(**{free: 0}, correlation_weight=0).fit(X, D)
    X1 = np.column_stack([X, np.ones(len(X))])
    expected = np.linalg.lstsq(X1, D, rcond=None)[0].T
    assert_allclose(model.coef_, expected[:, :-1], atol=1e-10)
    assert_allclose(model.intercept_, expected[:, -1], atol=1e-10)
    assert_allclose(model.decision_function(X).sum(axis=1), 1, atol=1e-12)
    assert model.n_iter_ == 1


def test_without_intercept_it_is_least_squares_through_the_origin(data):
    X, D = data
    X = X - X.mean(axis=0) + np.eye(1, X.shape[1])
    model = LDLSF(0, correlation_weight=0, fit_intercept=False).fit(X, D)
    assert_allclose(model.coef_, np.linalg.lstsq(X, D, rcond=None)[0].T, atol=1e-10)
    assert_array_equal(model.intercept_, 0)
    # Features whose combinations contain the constant keep the sum of one, also with penalties.
    shares = np.exp(X[:, :4])
    shares /= shares.sum(axis=1, keepdims=True)
    model = LDLSF(fit_intercept=False, **EXACT).fit(shares, D)
    assert_allclose(model.decision_function(shares).sum(axis=1), 1, atol=1e-8)


def test_both_parts_are_sparse_in_their_own_way(data):
    X, D = data
    model = LDLSF(3e-3, l21=5e-3).fit(X, D)
    specific, common = model.coef_specific_ != 0, model.coef_common_ != 0
    assert 0 < specific.mean() < 0.5
    whole = common.any(axis=0)
    assert_array_equal(common.all(axis=0), whole)
    assert 0 < whole.mean() < 1
    assert_array_equal(model.coef_[:, ~whole & ~specific.any(axis=0)], 0)


@pytest.mark.parametrize(("l21", "specific", "common"), [(1e-3, 0, 1), (2.24e-3, 1, 0)])
def test_at_the_ends_of_the_range_only_one_part_is_left(data, l21, specific, common):
    model = LDLSF(1e-3, l21=l21).fit(*data)
    assert model.coef_specific_.any() == specific
    assert model.coef_common_.any() == common


def test_correlated_labels_are_drawn_together(rng):
    X = rng.standard_normal((200, 3))
    share = 1 / (1 + np.exp(-X[:, 0]))
    tilt = 0.1 * np.tanh(X[:, 1])
    D = np.column_stack([share * (0.5 + tilt), share * (0.5 - tilt), 1 - share])
    gaps = []
    for weight in (0, 1, 1e3):
        P = LDLSF(1e-5, l21=1e-5, correlation_weight=weight).fit(X, D).predict(X)
        gaps.append(np.abs(P[:, 0] - P[:, 1]).mean())
    assert gaps[0] > 0.03
    assert gaps[0] > 1.5 * gaps[1] > 100 * gaps[2]


def test_correlation_of_labels(rng):
    D = rng.dirichlet(np.ones(4), 50) * 0.7
    D = np.column_stack([D, np.full(50, 0.3)])
    R = label_correlation(D, np.full(50, 1 / 50))
    assert_allclose(R[:4, :4] + np.eye(4), np.corrcoef(D[:, :4].T), atol=1e-12)
    assert_array_equal(R[4], 0)
    assert_array_equal(np.diag(R), 0)
    weight = rng.uniform(0, 1, 50)
    expected = laplacian(D, weight, affinity=lambda R: R)
    R = label_correlation(D, weight / weight.sum())
    assert_allclose(np.diag(R.sum(axis=1)) - R, expected, atol=1e-12)


def test_signed_correlations_are_refused_when_the_problem_is_not_convex(data):
    X, D = data
    assert LDLSF(correlation="signed", correlation_weight=0.01).fit(X, D).score(X, D) > 0.5
    with pytest.raises(ValueError, match=r"not convex\. Use correlation_weight < 0") as error:
        LDLSF(correlation="signed", correlation_weight=10).fit(X, D)
    limit = float(str(error.value).split("< ")[1].split(",")[0])
    LDLSF(correlation="signed", correlation_weight=0.99 * limit).fit(X, D)
    with pytest.raises(ValueError, match="not convex"):
        LDLSF(correlation="signed", correlation_weight=1.01 * limit).fit(X, D)
    LDLSF(correlation="absolute", correlation_weight=10).fit(X, D)


@pytest.mark.parametrize("container", [np.asarray, sp.csr_array])
@pytest.mark.parametrize("fit_intercept", [True, False])
def test_more_features_than_rows(container, fit_intercept, rng):
    X, D = rng.standard_normal((20, 45)) + 1, rng.dirichlet(np.ones(4), 20)
    options = {"l1": 5e-3, "l21": 7e-3, "fit_intercept": fit_intercept, **EXACT}
    model = LDLSF(**options).fit(container(X), D)
    # Rows without weight turn to the covariance of the features, which has other eigenvectors.
    weight = np.repeat([1.0, 0.0], [20, 30])
    longer = np.vstack([X, rng.standard_normal((30, 45))])
    reference = LDLSF(**options).fit(
        container(longer), np.vstack([D, rng.dirichlet(np.ones(4), 30)]), sample_weight=weight
    )
    assert_allclose(model.coef_, reference.coef_, atol=1e-7)
    assert_allclose(model.intercept_, reference.intercept_, atol=1e-7)
    assert_allclose(model.decision_function(X).sum(axis=1), 1, atol=1e-7)
    assert 0 < (model.coef_ == 0).mean() < 1


def test_more_features_than_rows_without_penalties_interpolates(rng):
    X, D = rng.standard_normal((20, 45)), rng.dirichlet(np.ones(4), 20)
    model = LDLSF(0, correlation_weight=0, floor=0).fit(X, D)
    assert_allclose(model.predict(X), D, atol=1e-10)


@pytest.mark.parametrize("fit_intercept", [True, False])
def test_sample_weight_equals_repetition(data, fit_intercept, rng):
    X, D = data
    counts = rng.integers(0, 3, len(X))
    options = {"fit_intercept": fit_intercept, **EXACT}
    weighted = LDLSF(**options).fit(X, D, sample_weight=counts)
    repeated = LDLSF(**options).fit(np.repeat(X, counts, axis=0), np.repeat(D, counts, axis=0))
    assert_allclose(weighted.coef_, repeated.coef_, atol=1e-8)
    assert_allclose(weighted.intercept_, repeated.intercept_, atol=1e-8)


def test_sparse_equals_dense(data):
    X, D = data
    X = np.where(np.abs(X) < 2, 0, X)
    dense = LDLSF(**EXACT).fit(X, D)
    for container in (sp.csr_array, sp.csr_matrix, sp.csc_array):
        sparse = LDLSF(**EXACT).fit(container(X), D)
        assert_allclose(sparse.coef_, dense.coef_, atol=1e-8)
        assert_allclose(sparse.predict(container(X)), dense.predict(X), atol=1e-8)


def test_predictions_are_projected_and_mixed(data):
    X, D = data
    far = 100 * X
    model = LDLSF(floor=0).fit(X, D)
    P = model.predict(far)
    assert (P == 0).any()
    assert_allclose(P, project_simplex(model.decision_function(far)))
    for floor in (1e-6, 0.1, 1.0):
        mixed = LDLSF(floor=floor).fit(X, D).predict(far)
        assert_allclose(mixed, (1 - floor) * P + floor / 5, atol=1e-15)
        assert mixed.min() >= 0.999 * floor / 5
        assert_allclose(mixed.sum(axis=1), 1, atol=1e-12)
    assert_array_equal(model.predict_proba(X), model.predict(X))


def test_strong_penalties_leave_the_mean_distribution(data):
    X, D = data
    model = LDLSF(10, l21=15, correlation_weight=0).fit(X, D)
    assert_array_equal(model.coef_, 0)
    assert_allclose(model.predict(X), [D.mean(axis=0)] * len(X), atol=1e-5)


def test_two_labels(rng):
    X = rng.standard_normal((80, 3))
    q = 1 / (1 + np.exp(-X[:, 0]))
    model = LDLSF(1e-3, l21=1.2e-3, **EXACT).fit(X, np.column_stack([1 - q, q]))
    assert_allclose(model.coef_[0], -model.coef_[1], atol=1e-9)
    assert model.coef_[1, 0] > 10 * np.abs(model.coef_[1, 1:]).max()


@pytest.mark.parametrize("shape", [(1, 1), (1, 4), (3, 1), (6, 4), (997, 4)])
@pytest.mark.parametrize("l1", [0, 1e-3])
def test_features_without_information(shape, l1, rng):
    D = rng.dirichlet(np.ones(3), shape[0])
    # Whatever the rounding errors of the mean are, on this processor or another.
    X = np.full(shape, 0.1) + 1e-17 * rng.integers(-1, 2, shape)
    model = LDLSF(l1, correlation_weight=0).fit(X, D)
    assert_array_equal(model.coef_, 0)
    P = model.predict([[5.0] * shape[1]])
    assert_allclose(P[0], D.mean(axis=0), atol=1e-5)


def test_extreme_features_and_targets(rng):
    X = rng.standard_normal((40, 3)) * [1e-3, 1, 1e3]
    X = np.column_stack([X, np.full(40, 7.0), X[:, 1]])
    D = np.eye(3)[rng.integers(0, 2, 40)]  # one-hot, the last label never occurs
    model = LDLSF().fit(X, D)
    assert_array_equal(model.coef_[:, 3], 0)
    assert_allclose(model.coef_[:, 1], model.coef_[:, 4], atol=1e-12)
    assert model.predict(X)[:, 2].max() < 1e-6


def test_ten_thousand_labels(rng):
    X = rng.standard_normal((30, 2))
    L = -((np.arange(10_000) - 5000 - 1000 * X[:, :1]) ** 2) / (2 * 300**2)
    D = np.exp(L - L.max(axis=1, keepdims=True))
    D /= D.sum(axis=1, keepdims=True)
    model = LDLSF(1e-9, l21=1e-8, correlation_weight=0).fit(X, D)
    assert_allclose(model.predict(X).sum(axis=1), 1, atol=1e-12)
    assert model.score(X, D) > 0.2


def test_float32_stays_float32(data):
    X, D = data
    model = LDLSF().fit(X.astype(np.float32), D)
    assert model.coef_.dtype == model.intercept_.dtype == model.coef_common_.dtype == np.float32
    P = model.predict(X.astype(np.float32))
    assert P.dtype == np.float32
    assert_allclose(P.sum(axis=1), 1, atol=1e-6)
    assert_allclose(P, LDLSF().fit(X, D).predict(X), atol=1e-4)


def test_repeated_fits_clones_and_pickles_are_identical(data):
    X, D = data
    model = LDLSF().fit(X, D)
    first = model.coef_.copy()
    assert_array_equal(model.fit(X, D).coef_, first)
    assert_array_equal(clone(model).fit(X, D).coef_, first)
    assert_array_equal(pickle.loads(pickle.dumps(model)).predict(X), model.predict(X))


def test_frames_give_names(data, make_frame):
    X, D = data
    columns, labels = list("abcdefghi"), list("vwxyz")
    model = LDLSF().fit(make_frame(X, columns), make_frame(D, labels))
    assert list(model.feature_names_in_) == columns
    assert list(model.label_names_) == labels
    assert_allclose(model.predict(make_frame(X, columns)), LDLSF().fit(X, D).predict(X))


def test_inputs_are_not_modified(data):
    X, D = data
    X32, D_before, weight = X.astype(np.float32), D.copy(), np.full(len(D), 2.0)
    before = X32.copy()
    LDLSF().fit(X32, D, sample_weight=weight).predict(X32)
    assert_array_equal(X32, before)
    assert_array_equal(D, D_before)
    assert_array_equal(weight, 2)


def test_non_convergence_warns_with_advice(data):
    with pytest.warns(ConvergenceWarning, match="after 3 iterations.*Increase max_iter"):
        model = LDLSF(max_iter=3).fit(*data)
    assert model.n_iter_ == 3


def test_verbose_prints_progress(data, capsys):
    LDLSF(verbose=2, tol=1e-4).fit(*data)
    assert capsys.readouterr().out.startswith("LDLSF iteration    2: objective 0.")
    LDLSF().fit(*data)
    assert capsys.readouterr().out == ""


def test_interrupt_keeps_what_was_fitted(data, monkeypatch):
    def interrupt(line):
        if "iteration   10" in line:
            raise KeyboardInterrupt

    monkeypatch.setattr("builtins.print", interrupt)
    model = LDLSF(verbose=1, tol=1e-9)
    with pytest.raises(KeyboardInterrupt):
        model.fit(*data)
    assert model.n_iter_ == 10
    assert 0 < model.score(*data) < 1


@pytest.mark.parametrize(
    "parameters",
    [
        {"l1": -1},
        {"l21": -1},
        {"l21": np.inf},
        {"correlation_weight": np.nan},
        {"correlation": "negative"},
        {"rho": 0},
        {"fit_intercept": 2},
        {"floor": 1.5},
        {"max_iter": 0},
        {"tol": -1},
    ],
)
def test_bad_parameters(parameters):
    with pytest.raises(ValueError, match=next(iter(parameters))):
        LDLSF(**parameters).fit([[0.0], [1.0]], [[0.5, 0.5], [1, 0]])


def test_bad_data(monkeypatch):
    with pytest.raises(ValueError, match="inconsistent numbers of samples"):
        LDLSF().fit([[0.0], [1.0]], [[0.5, 0.5]] * 3)
    with pytest.raises(ValueError, match="NaN"):
        LDLSF().fit([[0.0], [np.nan]], [[0.5, 0.5]] * 2)
    with pytest.raises(ValueError, match="row 1 sums to"):
        LDLSF().fit([[0.0], [1.0]], [[0.5, 0.5], [1, 1]])
    with pytest.raises(ValueError, match=r"(?i)weights.*zero"):
        LDLSF().fit([[0.0], [1.0]], [[0.5, 0.5]] * 2, sample_weight=[0, 0])
    monkeypatch.setattr(ldlsf, "_MAX_SIDE", 2)
    with pytest.raises(ValueError, match=r"at most 2; X has shape \(3, 4\)"):
        LDLSF().fit(np.zeros((3, 4)), [[0.5, 0.5]] * 3)


def test_not_fitted_and_wrong_width(data):
    X, D = data
    with pytest.raises(NotFittedError):
        LDLSF().predict(X)
    with pytest.raises(ValueError, match="features"):
        LDLSF().fit(X, D).predict(X[:, :2])


@pytest.mark.parametrize("name", ["SJAFFE", "SCUT_FBP", "Natural_Scene", "Yeast_alpha"])
def test_real_data_converge_with_the_defaults(name, load_real):
    X, D = load_real(name)
    X = StandardScaler().fit_transform(X)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        model = LDLSF().fit(X, D)
    assert model.n_iter_ < 500
    assert model.score(X, D) > 0


def test_movie(load_real):
    X, D = load_real("Movie")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        model = LDLSF().fit(StandardScaler().fit_transform(X), D)
        raw = LDLSF().fit(sp.csr_array(X), D)
    assert max(model.n_iter_, raw.n_iter_) < 100
    assert model.score(StandardScaler().fit_transform(X), D) > 0.2
    assert raw.score(X, D) > 0.1
