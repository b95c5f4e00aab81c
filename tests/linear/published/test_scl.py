"""LDLSCL: stationarity with free codes, its limits, and inputs that users fear."""

import pickle
import warnings

import numpy as np
import pytest
import scipy.sparse as sp
from numpy.testing import assert_allclose, assert_array_equal
from scipy.special import log_softmax, softmax, xlogy
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning, NotFittedError
from sklearn.linear_model import Ridge
from sklearn.model_selection import KFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sklearn_ldl import BFGSLDL
from sklearn_ldl._solver.problem import SoftmaxLinearProblem
from sklearn_ldl.linear.published.codes import CodedObjective
from sklearn_ldl.linear.published.scl import LDLSCL
from sklearn_ldl.metrics import kl_divergence

# Codes that are alive on the data below.
ALIVE = {"code_alpha": 0.02, "n_clusters": 3, "random_state": 0}


@pytest.fixture(scope="module")
def data():
    rng = np.random.default_rng(0)
    X = rng.standard_normal((90, 6)) + 1
    group = rng.integers(0, 3, 90)
    Z = X[:, :3] @ rng.standard_normal((3, 4)) * 0.5 + 1.5 * np.eye(3, 4)[group]
    return X, softmax(Z + 0.2 * rng.standard_normal((90, 4)), axis=1)


def parameters_of(model):
    return [model.coef_, model.intercept_, model.code_coef_, model.codes_]


def objective(model, parameters, X, D, weight=None):
    W, b, V, codes = parameters
    s = np.ones(len(X)) if weight is None else weight
    s = s / s.sum()
    L = log_softmax(X @ W.T + codes @ V.T + b, axis=1)
    kl = (xlogy(D, D) - D * L).sum(axis=1)
    distance = ((np.exp(L)[:, None] - model.cluster_centers_) ** 2).sum(axis=2)
    rows = kl + model.correlation_weight * (codes * distance).sum(axis=1)
    rows += model.code_alpha / 2 * (codes**2).sum(axis=1)
    return s @ rows + model.alpha / 2 * (W**2).sum() + model.code_alpha / 2 * (V**2).sum()


def slopes(model, which, X, D, weight=None, h=1e-6):
    """Finite differences in every entry of one group of parameters."""
    values = np.empty(parameters_of(model)[which].shape)
    for index in np.ndindex(values.shape):
        ends = []
        for sign in (1, -1):
            moved = [A.copy() for A in parameters_of(model)]
            moved[which][index] += sign * h
            ends.append(objective(model, moved, X, D, weight))
        values[index] = (ends[0] - ends[1]) / (2 * h)
    return values


@pytest.mark.parametrize("correlation_weight", [0, 0.01, 0.3])
@pytest.mark.parametrize("weighted", [False, True])
def test_reaches_a_stationary_point(data, correlation_weight, weighted, rng):
    X, D = data
    weight = rng.uniform(0.5, 2, len(X)) if weighted else None
    model = LDLSCL(**ALIVE, correlation_weight=correlation_weight, tol=1e-6)
    model.fit(X, D, sample_weight=weight)
    assert model.gradient_norm_ <= 1e-6
    for which in range(3):
        assert np.abs(slopes(model, which, X, D, weight)).max() < 2e-6
    s = np.ones(len(X)) if weight is None else weight
    in_codes = slopes(model, 3, X, D, weight) / np.sqrt(s / s.sum())[:, None]
    free = model.codes_ > 0
    assert np.abs(in_codes[free]).max() < 2e-6
    assert in_codes[~free].min() > -2e-6
    # The test is of codes that do something, on both sides of the bound.
    assert 0.1 < free.mean() < 0.9
    assert np.abs(model.code_coef_).max() > 0.3
    final = objective(model, parameters_of(model), X, D, weight)
    assert_allclose(model.objective_curve_[-1], final, rtol=1e-12)
    assert model.objective_curve_.shape == (model.n_iter_ + 1,)
    assert (np.diff(model.objective_curve_) < 1e-12).all()


@pytest.mark.parametrize("shape", [(25, 4), (10, 30)])
@pytest.mark.parametrize("fit_intercept", [True, False])
def test_gradient_agrees_with_finite_differences(shape, fit_intercept, rng):
    X, D = rng.standard_normal(shape), rng.dirichlet(np.ones(4), shape[0])
    weight = rng.uniform(0.5, 2, shape[0])
    problem = SoftmaxLinearProblem(X, D, weight, fit_intercept=fit_intercept, alphas=[0.1])
    strengths = {"alpha": 0.1, "code_alpha": 0.2, "correlation_weight": 0.3}
    f = CodedObjective(problem, rng.dirichlet(np.ones(4), 3), **strengths)
    x = f.start(rng.uniform(0, 1, (shape[0], 3)))
    x = x + 0.3 * rng.standard_normal(x.shape)
    gradient = f(x)[1]
    h = 1e-5
    steps = h * np.eye(len(x))
    slopes = np.array([(f(x + step)[0] - f(x - step)[0]) / (2 * h) for step in steps])
    intercept = slice(problem.start().coef.size, problem.start().coef.size + 4)
    if not fit_intercept:
        slopes[intercept] = 0
    assert_allclose(gradient, slopes, atol=1e-8)


def test_starts_at_the_mean_distribution_with_the_clusters_as_codes(data):
    X, D = data
    with pytest.warns(ConvergenceWarning, match="after 0 iterations"):
        model = LDLSCL(max_iter=0, n_clusters=3, random_state=0).fit(X, D)
    assert_array_equal(model.coef_, 0)
    assert_array_equal(model.code_coef_, 0)
    assert_allclose(softmax(model.intercept_), D.mean(axis=0), atol=1e-12)
    assert_allclose(model.codes_.sum(axis=1), 1)
    nearest = ((D[:, None] - model.cluster_centers_) ** 2).sum(axis=2).argmin(axis=1)
    assert_array_equal(model.codes_.argmax(axis=1), nearest)
    for g in range(3):
        assert_allclose(model.cluster_centers_[g], D[nearest == g].mean(axis=0))


@pytest.mark.parametrize("code_alpha", [1, 1e3])
@pytest.mark.parametrize("correlation_weight", [0, 0.1])
def test_a_strong_penalty_on_codes_leaves_the_maximum_entropy_model(
    data, code_alpha, correlation_weight
):
    X, D = data
    options = {"code_alpha": code_alpha, "correlation_weight": correlation_weight, "tol": 1e-8}
    model = LDLSCL(**options, random_state=0).fit(X, D)
    reference = BFGSLDL(model.alpha, tol=1e-9).fit(X, D)
    assert_allclose(model.predict(X), reference.predict(X), atol=1e-6)
    assert_allclose(model.coef_, reference.coef_, atol=1e-6)
    assert_allclose(model.intercept_, reference.intercept_, atol=1e-6)
    assert_allclose(model.objective_curve_[-1], reference.loss_, atol=1e-9)


def test_the_solution_does_not_depend_on_the_start(data):
    X, D = data
    options = {**ALIVE, "correlation_weight": 0, "n_clusters": 4, "tol": 1e-7}
    models = [LDLSCL(**{**options, "random_state": seed}).fit(X, D) for seed in range(4)]
    values = [model.objective_curve_[-1] for model in models]
    assert np.ptp(values) < 1e-8
    assert_allclose(models[1].coef_, models[0].coef_, atol=1e-4)


def test_codes_explain_what_the_features_cannot(data):
    X, D = data
    model = LDLSCL(**ALIVE).fit(X, D)
    Z = X @ model.coef_.T + model.codes_ @ model.code_coef_.T + model.intercept_
    without = BFGSLDL().fit(X, D).predict(X)
    assert kl_divergence(D, softmax(Z, axis=1)) < 0.3 * kl_divergence(D, without)


def test_correlation_weight_makes_codes_sparse_and_pulls_to_the_centers(data):
    X, D = data
    zeros = []
    for weight in (0, 0.1, 1):
        model = LDLSCL(**ALIVE, correlation_weight=weight).fit(X, D)
        zeros.append((model.codes_ == 0).mean())
    assert zeros[0] < zeros[1] < zeros[2]


def test_codes_of_new_rows_are_a_clipped_ridge_regression(data, rng):
    X, D = data
    weight = rng.uniform(0.5, 2, len(X))
    model = LDLSCL(**ALIVE, code_model_alpha=0.3).fit(X, D, sample_weight=weight)
    s = weight / weight.sum()
    Xc, C = X - s @ X, model.codes_
    R = np.linalg.solve((Xc.T * s) @ Xc + 0.3 * np.eye(6), (Xc.T * s) @ (C - s @ C))
    far = 10 * X
    raw = (far - s @ X) @ R + s @ C
    expected = np.clip(raw, 0, C.max(axis=0))
    assert (raw < 0).any()
    assert (raw > C.max(axis=0)).any()
    assert_allclose(model.predict_codes(far), expected, atol=1e-8)
    logits = far @ model.coef_.T + expected @ model.code_coef_.T + model.intercept_
    assert_allclose(model.decision_function(far), logits, atol=1e-7)
    assert_allclose(model.predict(far), softmax(logits, axis=1), atol=1e-7)
    assert isinstance(model.code_model_, Ridge)


@pytest.mark.parametrize("container", [np.asarray, sp.csr_array])
@pytest.mark.parametrize("fit_intercept", [True, False])
def test_more_features_than_rows(container, fit_intercept, rng):
    X, D = rng.standard_normal((15, 40)), rng.dirichlet(np.ones(4), 15)
    options = {**ALIVE, "fit_intercept": fit_intercept}
    model = LDLSCL(**options).fit(container(X), D)
    assert model.gradient_norm_ <= 1e-5
    groups = (0, 1, 2) if fit_intercept else (0, 2)
    assert max(np.abs(slopes(model, which, X, D)).max() for which in groups) < 2e-5
    assert fit_intercept or not model.intercept_.any()
    assert_allclose(model.predict(container(X)).sum(axis=1), 1, atol=1e-12)


def test_sparse_equals_dense(data):
    X, D = data
    X = np.where(np.abs(X) < 0.5, 0, X)
    dense = LDLSCL(**ALIVE, tol=1e-7).fit(X, D)
    for container in (sp.csr_array, sp.csr_matrix, sp.csc_array):
        sparse = LDLSCL(**ALIVE, tol=1e-7).fit(container(X), D)
        assert_allclose(sparse.coef_, dense.coef_, atol=1e-5)
        assert_allclose(sparse.predict(container(X)), dense.predict(X), atol=1e-5)


@pytest.mark.parametrize("fit_intercept", [True, False])
def test_sample_weight_equals_repetition(fit_intercept, rng):
    # Clusters so far apart that every start finds them.
    X, group = rng.standard_normal((40, 3)), np.repeat([0, 1], 20)
    D = np.array([[0.8, 0.1, 0.1], [0.1, 0.2, 0.7]])[group] + 0.05 * rng.dirichlet(np.ones(3), 40)
    D /= D.sum(axis=1, keepdims=True)
    counts = rng.integers(0, 4, 40)
    options = {**ALIVE, "n_clusters": 2, "tol": 1e-8, "fit_intercept": fit_intercept}
    weighted = LDLSCL(**options).fit(X, D, sample_weight=counts)
    repeated = LDLSCL(**options).fit(np.repeat(X, counts, axis=0), np.repeat(D, counts, axis=0))
    assert_allclose(weighted.predict(X), repeated.predict(X), atol=1e-6)
    assert_allclose(weighted.coef_, repeated.coef_, atol=1e-6)
    assert_allclose(weighted.objective_curve_[-1], repeated.objective_curve_[-1], atol=1e-12)


def test_rows_without_weight_have_no_influence(data):
    X, D = data
    weight = np.arange(len(X)) % 3 > 0
    model = LDLSCL(**ALIVE).fit(X, D, sample_weight=weight)
    removed = LDLSCL(**ALIVE).fit(X[weight], D[weight])
    assert_array_equal(model.coef_, removed.coef_)
    assert_array_equal(model.codes_[weight], removed.codes_)
    assert_allclose(model.codes_[~weight], removed.predict_codes(X[~weight]), atol=1e-12)


def test_two_labels_and_one_hot_rows(rng):
    X = rng.standard_normal((60, 3))
    D = np.eye(2)[(X[:, 0] + rng.standard_normal(60) > 0).astype(int)]
    model = LDLSCL(random_state=0).fit(X, D)
    assert len(model.cluster_centers_) == 2  # no more distinct rows
    assert_allclose(model.coef_[0], -model.coef_[1], atol=1e-4)
    P = model.predict(X)
    assert np.isfinite(P).all()
    assert model.score(X, D) > 0.1


@pytest.mark.parametrize("shape", [(1, 1), (1, 4), (3, 1), (6, 4)])
def test_features_without_information(shape, rng):
    D = rng.dirichlet(np.ones(3), shape[0])
    model = LDLSCL(code_alpha=10, random_state=0, tol=1e-7).fit(np.ones(shape), D)
    assert_allclose(model.predict(np.ones((1, shape[1])))[0], D.mean(axis=0), atol=1e-5)
    assert_allclose(model.coef_, 0, atol=1e-9)


def test_extreme_features_and_targets(rng):
    X = rng.standard_normal((40, 3)) * [1e-6, 1, 1e4]
    X = np.column_stack([X, np.full(40, 7.0), X[:, 1]])
    D = np.eye(3)[rng.integers(0, 2, 40)]  # the last label never occurs
    model = LDLSCL(random_state=0).fit(X, D)
    P = model.predict(1e3 * X)
    assert np.isfinite(P).all()
    assert_allclose(P.sum(axis=1), 1, atol=1e-12)
    assert model.predict(X)[:, 2].max() < 1e-6


def test_ten_thousand_labels(rng):
    X = rng.standard_normal((30, 2))
    L = -((np.arange(10_000) - 5000 - 1000 * X[:, :1]) ** 2) / (2 * 300**2)
    D = np.exp(L - L.max(axis=1, keepdims=True))
    D /= D.sum(axis=1, keepdims=True)
    model = LDLSCL(1e-6, random_state=0, max_iter=50, tol=1e-4).fit(X, D)
    assert_allclose(model.predict(X).sum(axis=1), 1, atol=1e-12)
    assert model.score(X, D) > 0.3


def test_float32_stays_float32(data):
    X, D = data
    X32 = X.astype(np.float32)
    model = LDLSCL(**ALIVE).fit(X32, D)
    fitted = [*parameters_of(model), model.cluster_centers_, model.predict(X32)]
    assert {A.dtype for A in fitted} == {np.dtype(np.float32)}
    assert_allclose(model.predict(X32).sum(axis=1), 1, atol=1e-6)
    assert_allclose(model.predict(X32), LDLSCL(**ALIVE).fit(X, D).predict(X), atol=1e-3)


def test_repeated_fits_clones_and_pickles_are_identical(data):
    X, D = data
    model = LDLSCL(**ALIVE).fit(X, D)
    first = model.coef_.copy()
    assert_array_equal(model.fit(X, D).coef_, first)
    assert_array_equal(clone(model).fit(X, D).coef_, first)
    assert_array_equal(pickle.loads(pickle.dumps(model)).predict(X), model.predict(X))


def test_global_random_state_is_not_touched(data):
    before = np.random.get_state()[1].copy()  # noqa: NPY002
    LDLSCL(**ALIVE).fit(*data)
    assert_array_equal(np.random.get_state()[1], before)  # noqa: NPY002


def test_frames_give_names(data, make_frame):
    X, D = data
    columns, labels = list("abcdef"), list("wxyz")
    model = LDLSCL(**ALIVE).fit(make_frame(X, columns), make_frame(D, labels))
    assert list(model.feature_names_in_) == columns
    assert list(model.label_names_) == labels
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        P = model.predict(make_frame(X, columns))
    assert_allclose(P, LDLSCL(**ALIVE).fit(X, D).predict(X))


def test_inputs_are_not_modified(data):
    X, D = data
    X_before, D_before, weight = X.copy(), D.copy(), np.full(len(D), 2.0)
    LDLSCL(**ALIVE).fit(X, D, sample_weight=weight).predict(X)
    assert_array_equal(X, X_before)
    assert_array_equal(D, D_before)
    assert_array_equal(weight, 2)


def test_non_convergence_warns_with_advice(data):
    with pytest.warns(ConvergenceWarning, match=r"after 3 iterations.*Increase max_iter"):
        model = LDLSCL(max_iter=3).fit(*data)
    assert model.n_iter_ == 3
    assert model.gradient_norm_ > 1e-5


def test_verbose_prints_progress(data, capsys):
    curve = LDLSCL(**ALIVE, verbose=5).fit(*data).objective_curve_
    lines = capsys.readouterr().out.splitlines()
    printed = [float(line.split()[4].rstrip(",")) for line in lines]
    assert_allclose(printed, curve[::5], atol=1e-8)
    assert lines[0].startswith("LDLSCL iteration    0: objective 0.")
    assert lines[1].startswith("LDLSCL iteration    5:")
    LDLSCL(**ALIVE).fit(*data)
    assert capsys.readouterr().out == ""


def test_interrupt_keeps_what_was_fitted(data, monkeypatch):
    def interrupt(line):
        if "iteration   10" in line:
            raise KeyboardInterrupt

    monkeypatch.setattr("builtins.print", interrupt)
    model = LDLSCL(**ALIVE, verbose=1)
    with pytest.raises(KeyboardInterrupt):
        model.fit(*data)
    assert model.n_iter_ == 10
    assert 0 < model.score(*data) < 1


@pytest.mark.parametrize(
    "parameters",
    [
        {"alpha": -1},
        {"n_clusters": 0},
        {"n_clusters": 2.5},
        {"code_alpha": 0},
        {"correlation_weight": np.nan},
        {"code_model_alpha": 0},
        {"fit_intercept": 2},
        {"max_iter": -1},
        {"tol": -1},
        {"random_state": "a"},
    ],
)
def test_bad_parameters(parameters):
    with pytest.raises(ValueError, match=next(iter(parameters))):
        LDLSCL(**parameters).fit([[0.0], [1.0]], [[0.5, 0.5], [1, 0]])


def test_bad_data():
    with pytest.raises(ValueError, match="inconsistent numbers of samples"):
        LDLSCL().fit([[0.0], [1.0]], [[0.5, 0.5]] * 3)
    with pytest.raises(ValueError, match="NaN"):
        LDLSCL().fit([[0.0], [np.nan]], [[0.5, 0.5]] * 2)
    with pytest.raises(ValueError, match="row 1 sums to"):
        LDLSCL().fit([[0.0], [1.0]], [[0.5, 0.5], [1, 1]])
    with pytest.raises(ValueError, match=r"(?i)weights.*zero"):
        LDLSCL().fit([[0.0], [1.0]], [[0.5, 0.5]] * 2, sample_weight=[0, 0])


def test_not_fitted_and_wrong_width(data):
    X, D = data
    for method in ("predict", "predict_codes"):
        with pytest.raises(NotFittedError):
            getattr(LDLSCL(), method)(X)
    with pytest.raises(ValueError, match="features"):
        LDLSCL(**ALIVE).fit(X, D).predict(X[:, :2])


@pytest.mark.parametrize("name", ["SJAFFE", "SCUT_FBP", "Natural_Scene", "Yeast_alpha"])
def test_on_real_data_it_converges_and_does_not_lose_to_the_model_without_codes(name, load_real):
    X, D = load_real(name)
    divergences = []
    for learner in (LDLSCL(random_state=0), BFGSLDL(LDLSCL().alpha)):
        model = make_pipeline(StandardScaler(), learner)
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            folds = KFold(5, shuffle=True, random_state=0).split(X)
            parts = [
                kl_divergence(D[te], model.fit(X[tr], D[tr]).predict(X[te])) for tr, te in folds
            ]
        divergences.append(np.mean([np.mean(part) for part in parts]))
    assert divergences[0] < 1.02 * divergences[1]
