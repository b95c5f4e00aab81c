"""The design matrix, the metrics and the search, apart from any estimator."""

import numpy as np
import pytest
import scipy.sparse as sp
from numpy.testing import assert_allclose
from scipy.optimize import minimize as scipy_minimize
from scipy.special import softmax

from sklearn_ldl._solver.design import Design
from sklearn_ldl._solver.lbfgs import State, minimize
from sklearn_ldl._solver.losses import cross_entropy
from sklearn_ldl._solver.penalties import l2
from sklearn_ldl._solver.problem import SoftmaxLinearProblem
from sklearn_ldl._solver.rows import RowsInMemory
from sklearn_ldl._solver.whitening import (
    BlockMetric,
    KroneckerMetric,
    RowSpaceDesign,
    choose_metric,
    label_curvature,
    label_moments,
)

N, P, C = 60, 7, 4


@pytest.fixture
def data(rng):
    # Offsets and scales that spread over orders of magnitude, and some sparsity.
    X = rng.standard_normal((N, P)) * np.logspace(-1, 2, P) + np.logspace(1, 0, P)
    X[rng.random((N, P)) < 0.4] = 0
    D = rng.dirichlet(np.full(C, 0.7), N)
    weight = rng.uniform(0.1, 2, N)
    return X, D, weight / weight.sum()


@pytest.fixture(params=["dense", "csr"])
def design(request, data):
    X, _, weight = data
    return Design(X if request.param == "dense" else sp.csr_array(X), weight, center=True)


@pytest.mark.parametrize("n_labels", [C, 7, 8])  # a product of seven rows takes an eighth along
def test_design_products(design, data, n_labels, rng):
    X, _, weight = data
    centred = X - weight @ X
    coef, intercept = rng.random((n_labels, P)), rng.random(n_labels)
    E = rng.random((N, n_labels))
    assert_allclose(design.mean, weight @ X)
    Z = design.logits(coef, intercept)
    assert_allclose(Z, centred @ coef.T + intercept, rtol=1e-10)
    assert Z.flags.f_contiguous
    G, total = design.gradient(E)
    assert_allclose(G, E.T @ centred, rtol=1e-9, atol=1e-9)
    assert_allclose(total, E.sum(axis=0))
    assert_allclose(design.gradient_norm(G, total), max(np.abs(E.T @ X).max(), total.max()))


def test_design_moments(design, data):
    X, _, weight = data
    centred = X - weight @ X
    covariance = (centred * weight[:, None]).T @ centred
    assert_allclose(design.covariance(slice(None)), covariance, rtol=1e-9, atol=1e-9)
    columns = np.array([1, 4])
    assert_allclose(
        design.covariance(columns), covariance[np.ix_(columns, columns)], rtol=1e-9, atol=1e-9
    )
    assert_allclose(design.variance(), np.diag(covariance), rtol=1e-9)
    assert_allclose(design.gram(), centred @ centred.T, rtol=1e-8, atol=1e-8)


def search(design, D, alpha, metric, state, **options):
    rows = RowsInMemory(design, np.asfortranarray(D), cross_entropy)
    return minimize(rows, l2(alpha), metric, state, **options)


def choose(design, D, alphas):
    return choose_metric(
        design,
        D.shape[1],
        lambda: label_curvature(*label_moments(D, design.weight)),
        alphas,
    )


def metrics(design, D, alpha):
    gamma = label_curvature(*label_moments(D, design.weight))
    yield KroneckerMetric(design, gamma, alpha).with_alpha(alpha)
    yield BlockMetric(design, C, alpha).with_alpha(alpha)
    few = BlockMetric(design, C, 100.0)
    assert 0 < len(few.S) < P
    yield few.with_alpha(alpha)
    none = BlockMetric(design, C, 1e9)
    assert len(none.S) == 0
    yield none.with_alpha(alpha)


def reference(X, D, weight, alpha):
    """The same objective by the book: raw variables, scipy's L-BFGS."""

    def function(x):
        coef, b = x[: C * P].reshape(C, P), x[C * P :]
        Z = X @ coef.T + b
        value, E = cross_entropy(Z, D, weight)
        penalty, gradient = l2(alpha)(coef)
        return value + penalty, np.concatenate([(E.T @ X + gradient).ravel(), E.sum(axis=0)])

    options = {"maxiter": 20000, "maxfun": 40000, "gtol": 1e-9, "ftol": 0}
    start = np.zeros((P + 1) * C)
    return scipy_minimize(function, start, jac=True, method="L-BFGS-B", options=options)


@pytest.mark.parametrize("alpha", [1e-3, 1.0])
def test_every_metric_pushes_the_transpose_of_its_pull(design, data, alpha, rng):
    for metric in metrics(design, data[1], alpha):
        G, total, V, v = rng.random((C, P)), rng.random(C), rng.random((C, P)), rng.random(C)
        W, b = metric.push(V, v)
        pulled, pulled_total = metric.pull(G, total)
        left = np.vdot(G, W) + total @ b
        right = np.vdot(pulled, V) + pulled_total @ v
        assert_allclose(left, right, rtol=1e-4 if isinstance(metric, BlockMetric) else 1e-10)


@pytest.mark.parametrize("alpha", [1e-3, 1.0])
def test_every_metric_finds_the_same_minimum(design, data, alpha):
    X, D, weight = data
    expected = reference(X, D, weight, alpha)
    for metric in metrics(design, D, alpha):
        state = State(np.zeros((C, P)), np.zeros(C))
        search(design, D, alpha, metric, state, max_iter=5000)
        assert state.status == "gradient"
        assert state.gradient_norm <= 1e-6
        assert_allclose(state.value, expected.fun, rtol=1e-9)


@pytest.mark.parametrize("kind", [KroneckerMetric, BlockMetric])
def test_many_features_are_whitened_exactly_where_the_penalty_is_small(kind, rng):
    # Variances from 1e6 to 1e-2: of the small ones, single precision would leave nothing.
    alpha = 1e-2
    rotation, _ = np.linalg.qr(rng.standard_normal((140, 140)))
    X = rng.standard_normal((300, 140)) * np.logspace(3, -1, 140) @ rotation
    D = rng.dirichlet(np.ones(C), 300)
    design = Design(X, np.full(300, 1 / 300), center=True)
    S = design.covariance(slice(None))
    if kind is KroneckerMetric:
        curvature = label_curvature(*label_moments(D, design.weight))
        metric = kind(design, curvature, alpha).with_alpha(alpha)
    else:
        metric = kind(design, C, alpha).with_alpha(alpha)
        curvature = metric.v * np.eye(C)
    G = rng.standard_normal((C, 140))
    G -= G.mean(axis=0)  # as every gradient of a softmax
    W, _ = metric.push(*metric.pull(G, np.zeros(C)))
    assert_allclose(curvature @ W @ S + alpha * W, G, atol=1e-5)


def test_whitening_does_not_see_the_scale_of_the_features(data):
    X, D, weight = data
    needed = []
    for scale in (1.0, np.logspace(1, -1, P)):
        design = Design(X * scale, weight, center=True)
        metric = choose(design, D, [0.0]).with_alpha(0.0)
        state = State(np.zeros((C, P)), np.zeros(C))
        values = []
        search(
            design,
            D,
            0.0,
            metric,
            state,
            tol=0.0,
            callback=lambda s, values=values: values.append(s.value),
        )
        needed.append(int(np.argmax(np.array(values) < values[-1] + 1e-10)))
    assert max(needed) < 20
    assert abs(needed[1] - needed[0]) <= 1


@pytest.mark.parametrize("make", [np.asarray, sp.csr_array])
def test_row_space_of_a_wide_problem(make, rng):
    X = rng.standard_normal((10, 40)) + 3
    X[7] = X[2]  # a repeated row lowers the rank
    weight = np.full(10, 0.1)
    wide = Design(make(X), weight, center=True)
    assert RowSpaceDesign.suits(wide, 3)
    narrow = RowSpaceDesign(wide)
    assert narrow.shape == (10, 8)
    coef = rng.standard_normal((3, 8))
    original = narrow.expand(coef)
    assert_allclose(np.linalg.norm(original), np.linalg.norm(coef))
    assert_allclose(narrow.restrict(original), coef, atol=1e-10)
    zero = np.zeros(3)
    assert_allclose(wide.logits(original, zero), narrow.logits(coef, zero), atol=1e-10)
    G, total = rng.standard_normal((3, 8)), rng.standard_normal(3)
    bound = wide.gradient_norm(narrow.expand(G), total)
    assert bound <= narrow.gradient_norm(G, total) * (1 + 1e-10)


def test_gradient_bound_in_the_row_space_knows_the_offset_of_the_features(rng):
    wide = Design(rng.standard_normal((10, 40)) + 100, np.full(10, 0.1), center=True)
    narrow = RowSpaceDesign(wide)
    G, total = 1e-3 * rng.standard_normal((3, 9)), np.array([1.0, -0.4, -0.6])
    original = wide.gradient_norm(narrow.expand(G), total)
    assert original > 90
    assert original <= narrow.gradient_norm(G, total) * (1 + 1e-10)


def test_only_short_problems_are_rotated_into_their_row_space(rng):
    def suits(X, n_labels=5):
        n = X.shape[0]
        return RowSpaceDesign.suits(Design(X, np.full(n, 1 / n), center=True), n_labels)

    assert suits(np.ones((130, 1869)))
    assert not suits(np.ones((1869, 130)))
    assert suits(sp.random_array((20, 3000), density=0.01, format="csr", rng=rng))
    # Few numbers are stored: a factorisation would cost more than the whole search.
    assert not suits(sp.random_array((800, 3000), density=0.01, format="csr", rng=rng))
    # Rotated, the problem would be as large as it is.
    assert not suits(np.ones((213, 243)))


@pytest.mark.parametrize("constant", [0.0, 0.1])
def test_a_wide_problem_of_constant_features_has_no_row_space(constant, rng):
    X, D = np.full((5, 20), constant), rng.dirichlet(np.ones(3), 5)
    weight = np.full(5, 0.2)
    wide = Design(X, weight, center=True)
    wide.mean = X[0].copy()  # exact, whatever the sum of the weights rounds to
    narrow = RowSpaceDesign(wide)
    assert narrow.shape == (5, 1)
    ones = np.ones((3, 1))
    assert not narrow.logits(ones, np.zeros(3)).any()
    assert not narrow.expand(ones).any()
    problem = SoftmaxLinearProblem(X, D, np.ones(5), fit_intercept=True, alphas=[0.1])
    state = problem.solve(0.1, problem.start())
    coef, intercept = problem.coefficients(state)
    assert state.converged
    assert_allclose(softmax(X @ coef.T + intercept, axis=1), np.tile(D.mean(axis=0), (5, 1)))


def test_a_factor_is_no_larger_than_what_an_evaluation_reads(rng):
    X = sp.random_array((400, 300), density=0.02, format="csr", rng=rng)
    sparse = Design(X, np.full(400, 1 / 400), center=True)
    dense = Design(X.toarray(), sparse.weight, center=True)
    assert len(BlockMetric(dense, 3, 1e-6).S) > 250
    metric = BlockMetric(sparse, 3, 1e-6)
    assert len(metric.S) == int(2 * np.sqrt(X.nnz)) < 100
    # They are those that vary most.
    variance = dense.variance()
    assert variance[metric.block].min() >= np.delete(variance, metric.block).max()


def test_choice_of_metric(rng):
    def chosen(n, p, c, n_alphas=1):
        design = Design(rng.standard_normal((n, p)), np.full(n, 1 / n), center=True)
        return type(choose(design, rng.dirichlet(np.ones(c), n), [1.0] * n_alphas))

    assert chosen(500, 40, 3) is KroneckerMetric
    assert chosen(300, 200, 3) is BlockMetric
    assert chosen(300, 200, 3, n_alphas=15) is KroneckerMetric


def test_precision_is_reported_where_the_tolerance_cannot_be_reached(data):
    X, D, weight = data
    design = Design(X, weight, center=True)
    state = State(np.zeros((C, P)), np.zeros(C))
    metric = choose(design, D, [1e-2]).with_alpha(1e-2)
    search(design, D, 1e-2, metric, state, tol=0.0)
    assert state.status == "precision"
    assert state.gradient_norm < 1e-9


def test_a_failed_line_search_is_no_convergence(data):
    X, D, weight = data
    design = Design(X, weight, center=True)

    def misled(Z, D, weight, out=None):
        value, E = cross_entropy(Z, D, weight, out=out)
        E *= -1  # what then looks like descent goes uphill, in steps of any length
        return value, E

    rows = RowsInMemory(design, np.asfortranarray(D), misled)
    metric = choose(design, D, [1e-3]).with_alpha(1e-3)
    state = State(np.zeros((C, P)), np.zeros(C))
    minimize(rows, l2(1e-3), metric, state)
    assert state.status == "line_search"
    assert not state.converged


def test_rounding_errors_of_many_steps_do_not_add_up(data, rng):
    X, D, weight = data
    design = Design(X.astype(np.float32), weight, center=True)
    D = np.asfortranarray(D, dtype=np.float32)
    coef, intercept = rng.standard_normal((C, P)), np.zeros(C)
    rows = RowsInMemory(design, D, cross_entropy)
    rows.start(coef, intercept)
    # There and back in long steps, each of which rounds the logits, until they are refreshed.
    for turn in range(50):
        far = 1e5 * (turn % 2 == 0)
        rows.aim(1e5 * np.ones((C, P)) * (1 if far else -1), intercept)
        rows.at(1.0)
        rows.go(1.0, coef + far, intercept)
    # A step to where we are shows the gradient there.
    rows.aim(np.zeros((C, P)), intercept)
    rows.at(1.0)
    G, total = rows.go(1.0, coef, intercept)
    _, expected, expected_total = RowsInMemory(design, D, cross_entropy).start(coef, intercept)
    assert_allclose(G, expected, atol=1e-5)
    assert_allclose(total, expected_total, atol=1e-6)


def test_callback_sees_every_iteration_and_values_never_rise(data):
    X, D, weight = data
    design = Design(X, weight, center=True)
    state = State(np.zeros((C, P)), np.zeros(C))
    metric = choose(design, D, [1e-3]).with_alpha(1e-3)
    seen = []
    search(
        design,
        D,
        1e-3,
        metric,
        state,
        callback=lambda s: seen.append((s.n_iter, s.value)),
    )
    assert [n_iter for n_iter, _ in seen] == list(range(state.n_iter + 1))
    values = np.array([value for _, value in seen])
    assert (np.diff(values) <= 1e-14).all()
    assert state.n_evaluations == state.n_iter + 1


def test_an_interrupt_keeps_what_was_reached(data):
    X, D, weight = data
    design = Design(X, weight, center=True)
    state = State(np.zeros((C, P)), np.zeros(C))
    metric = choose(design, D, [1e-3]).with_alpha(1e-3)

    def interrupt(state):
        if state.n_iter == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        search(design, D, 1e-3, metric, state, callback=interrupt)
    assert state.n_iter == 3
    assert np.any(state.coef)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("fit_intercept", [True, False])
def test_large_features_that_are_mostly_zeros_are_solved_as_csr(dtype, fit_intercept, rng):
    X = np.zeros((2_000, 600), dtype=dtype)
    filled = rng.random(X.shape) < 0.02
    X[filled] = rng.standard_normal(filled.sum())
    X[:, 0] += 3  # one feature without zeros
    D = rng.dirichlet(np.ones(C), len(X))
    settings = {"fit_intercept": fit_intercept, "alphas": [1e-3]}

    def coefficients(kept):
        problem = SoftmaxLinearProblem(kept, D, np.ones(len(X)), **settings)
        assert problem.wide.sparse
        state = problem.solve(1e-3, problem.start(), tol=1e-6)
        return np.column_stack(problem.coefficients(state))

    given = X.copy()
    found = coefficients(X)
    assert_allclose(found, coefficients(sp.csr_array(X)), atol=1e-12)
    assert found.dtype == dtype
    np.testing.assert_array_equal(X, given)
    X[rng.random(X.shape) < 0.05] = 1
    dense = SoftmaxLinearProblem(X, D, np.ones(len(X)), **settings)
    assert not dense.wide.sparse


def test_dense_and_csr_agree_where_features_are_mostly_zeros(rng, monkeypatch):
    X = np.zeros((2_000, 600))
    filled = rng.random(X.shape) < 0.02
    X[filled] = rng.standard_normal(filled.sum())
    D = rng.dirichlet(np.ones(C), len(X))

    alpha, tol = 1e-2, 1e-9

    def coefficients():
        problem = SoftmaxLinearProblem(X, D, np.ones(len(X)), fit_intercept=True, alphas=[alpha])
        return problem.coefficients(problem.solve(alpha, problem.start(), tol=tol))[0]

    found = coefficients()
    monkeypatch.setattr("sklearn_ldl._solver.problem.without_zeros", lambda X: X)
    # The penalty's share of the curvature bounds how far both are from the minimum.
    assert np.linalg.norm(coefficients() - found) < 2 * np.sqrt(found.size) * tol / alpha
