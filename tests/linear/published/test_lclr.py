"""LDLLCLR: stationarity from outside, boundedness, correlations, and the case without errors."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from scipy.special import softmax
from sklearn.preprocessing import StandardScaler

from sklearn_ldl import BFGSLDL
from sklearn_ldl.datasets import make_ldl
from sklearn_ldl.linear.published import lclr
from sklearn_ldl.linear.published.clusters import members
from sklearn_ldl.linear.published.lclr import LDLLCLR


@pytest.fixture(scope="module")
def data():
    X, D = make_ldl(90, random_state=0)
    rng = np.random.default_rng(0)
    D = 0.7 * D + 0.3 * rng.dirichlet(np.ones(D.shape[1]), len(D))
    return np.hstack([X, X[:, :2] ** 2]), D, rng.integers(0, 3, len(X)) / 2


def distances(model, D, s):
    total = np.zeros((D.shape[1], D.shape[1]))
    for group in range(model.cluster_labels_.max() + 1):
        rows = model.cluster_labels_ == group
        squares = (D[rows][:, :, None] - D[rows][:, None, :]) ** 2
        total += np.average(squares, axis=0, weights=s[rows])
    return total / (model.cluster_labels_.max() + 1)


def terms_of_correlation(model, P, S, D, s):
    errors = np.sqrt(s @ (D - P @ S) ** 2).sum()
    norm = np.linalg.svd(S, compute_uv=False).sum()
    local = model.local_sign * model.local_weight * np.sum(S * distances(model, D, s))
    return model.error_weight * errors + model.rank_weight * norm + local


def fit_terms(model, P, coef, D, s):
    return s @ (D * np.log(D / P)).sum(axis=1) + model.alpha / 2 * (coef**2).sum()


def differences(function, A, step=1e-5):
    gradient = np.empty_like(A)
    for index in np.ndindex(A.shape):
        delta = np.zeros_like(A)
        delta[index] = step
        gradient[index] = (function(A + delta) - function(A - delta)) / (2 * step)
    return gradient


@pytest.mark.parametrize("error_weight", [1e-2, 0.1])
@pytest.mark.parametrize("sign", [1, -1])
def test_no_small_step_lowers_the_objective(sign, error_weight, data, rng):
    X, D, weight = data
    model = LDLLCLR(
        1e-3, error_weight=error_weight, local_sign=sign, tol=1e-7, max_iter=2000, random_state=0
    ).fit(X, D, sample_weight=weight)
    s = weight / weight.sum()

    def objective(coef, intercept, S):
        P = softmax(X @ coef.T + intercept, axis=1)
        return fit_terms(model, P, coef, D, s) + terms_of_correlation(model, P, S, D, s)

    best = objective(model.coef_, model.intercept_, model.correlation_)
    assert_allclose(model.objective_curve_[-1], best, rtol=1e-9)
    for size in (1e-4, 1e-3):
        for _ in range(20):
            steps = [
                size * rng.standard_normal(A.shape)
                for A in (model.coef_, model.intercept_, model.correlation_)
            ]
            moved = (model.coef_, model.intercept_, model.correlation_)
            value = objective(*(A + step for A, step in zip(moved, steps, strict=True)))
            assert value >= best - 1e-9
    # Convex in the correlations: no other matrix is better, however far.
    P = model.predict(X)
    here = terms_of_correlation(model, P, model.correlation_, D, s)
    for other in (np.eye(3), np.zeros((3, 3)), model.correlation_ + rng.standard_normal((3, 3))):
        assert terms_of_correlation(model, P, other, D, s) > here


@pytest.mark.parametrize("error_weight", [1e-2, 0.1])
def test_multipliers_certify_stationarity(error_weight, data, monkeypatch):
    X, D, _ = data
    kept = []

    class Recorded(lclr._Correlations):
        def __init__(self, *args, **kwargs):
            super().__init__(*args, **kwargs)
            kept.append(self)

    monkeypatch.setattr(lclr, "_Correlations", Recorded)
    tol = 1e-6
    model = LDLLCLR(error_weight=error_weight, tol=tol, max_iter=2000, random_state=0).fit(X, D)
    s = np.full(len(X), 1 / len(X))
    blocks, P, S = kept[0], model.predict(X), model.correlation_
    G, H, E, Z = blocks.G, blocks.H, blocks.E, model.low_rank_correlation_
    # The constraints hold.
    assert np.sqrt(s @ (D - P @ S - E) ** 2).max() <= tol
    assert np.abs(S - Z).max() <= tol
    # Multipliers are subgradients of the norms at E and Z.
    norms = np.sqrt(s @ G**2)
    assert norms.max() <= error_weight * (1 + 1e-9)
    assert_allclose(s @ (G * E), error_weight * np.sqrt(s @ E**2), atol=1e-12)
    assert np.linalg.norm(H, 2) <= model.rank_weight * (1 + 1e-9)
    norm = np.linalg.svd(Z, compute_uv=False).sum()
    assert_allclose(np.sum(H * Z), model.rank_weight * norm, atol=1e-12)
    # The Lagrangian is stationary in the correlations and in the coefficients.
    C = model.local_weight * distances(model, D, s)
    assert np.abs(H + C - (s[:, None] * P).T @ G).max() <= tol

    def lagrangian(coef, intercept):
        P = softmax(X @ coef.T + intercept, axis=1)
        return fit_terms(model, P, coef, D, s) - s @ (G * (P @ S)).sum(axis=1)

    W, b = model.coef_, model.intercept_
    scale = 1 + np.sqrt(s @ X**2).max()  # how features pass on what the logits miss
    assert np.abs(differences(lambda A: lagrangian(A, b), W)).max() <= scale * tol
    assert np.abs(differences(lambda a: lagrangian(W, a), b)).max() <= 2 * tol


def test_gradient_of_the_attraction(rng):
    D, P = rng.dirichlet(np.ones(4), 7), rng.dirichlet(np.ones(4), 7)
    s = rng.uniform(0.5, 2, 7) / 7
    linear = 0.01 * rng.standard_normal((4, 4))
    blocks = lclr._Correlations(D, s, linear, error_weight=0.1, rank_weight=0.1)
    blocks.S, blocks.E, blocks.G = (rng.standard_normal(A.shape) for A in (linear, D, D))
    term = blocks.attraction(0.7)
    expected = differences(lambda A: term(A, s)[0], P)
    assert_allclose(term(P, s)[1], expected, atol=1e-9)
    # At the constraint only the multiplier is left.
    blocks.E = D - P @ blocks.S
    gradient = blocks.attraction(0.7)(P, np.ones(7))[1]
    assert_allclose(gradient, blocks.pull(P), atol=1e-12)


def test_error_weight_zero_is_maximum_entropy(data):
    X, D, weight = data
    model = LDLLCLR(1e-3, error_weight=0, tol=1e-9, random_state=0).fit(X, D, sample_weight=weight)
    reference = BFGSLDL(1e-3, tol=1e-9).fit(X, D, sample_weight=weight)
    assert_allclose(model.coef_, reference.coef_, atol=1e-6)
    assert_allclose(model.intercept_, reference.intercept_, atol=1e-6)
    assert_array_equal(model.correlation_, 0)
    assert model.correlation_.shape == model.low_rank_correlation_.shape == (3, 3)


def test_small_error_weight_is_close_to_none(data):
    X, D, _ = data
    model = LDLLCLR(error_weight=1e-7, rank_weight=1e-8, local_weight=0, random_state=0)
    expected = BFGSLDL(model.alpha, tol=1e-8).fit(X, D).predict(X)
    assert_allclose(model.fit(X, D).predict(X), expected, atol=1e-3)


def test_correlations_are_of_low_rank(load_real):
    X, D = load_real("SJAFFE")
    X = StandardScaler().fit_transform(X)
    ranks = []
    for rank_weight in (1e-4, 1e-3, 1e-2):
        model = LDLLCLR(rank_weight=rank_weight, random_state=0).fit(X, D)
        ranks.append(np.linalg.matrix_rank(model.low_rank_correlation_, tol=1e-9))
        assert_allclose(model.correlation_, model.low_rank_correlation_, atol=1e-5)
    assert ranks[0] > ranks[1] > ranks[2] == 0


def test_sign_of_the_distances(data):
    X, D, _ = data
    s = np.full(len(X), 1 / len(X))
    aligned = []
    for sign in (1, -1):
        model = LDLLCLR(
            error_weight=0.05, rank_weight=0.01, local_weight=0.01, local_sign=sign, random_state=0
        ).fit(X, D)
        aligned.append(np.sum(model.correlation_ * distances(model, D, s)))
    assert aligned[0] < aligned[1]


def test_distances_depend_on_the_clusters(data):
    _, D, weight = data
    s = weight / weight.sum()
    labels = (D[:, 0] > np.quantile(D[:, 0], 0.8)).astype(int)
    one = lclr._label_distances(D, s, members(np.zeros(len(D), int)))
    squares = (D[:, :, None] - D[:, None, :]) ** 2
    assert_allclose(one, np.average(squares, axis=0, weights=s), atol=1e-12)
    two = lclr._label_distances(D, s, members(labels))
    parts = [np.average(squares[labels == g], axis=0, weights=s[labels == g]) for g in (0, 1)]
    assert_allclose(two, (parts[0] + parts[1]) / 2, atol=1e-12)
    assert np.abs(one - two).max() > 0.01


@settings(max_examples=50, deadline=None)
@given(st.integers(2, 6), st.integers(1, 8), st.integers(0, 10_000), st.floats(0.01, 3))
def test_norm_of_the_distances_is_bounded(n_labels, n_rows, seed, concentration):
    rng = np.random.default_rng(seed)
    D = rng.dirichlet(np.full(n_labels, concentration), n_rows)
    weight = rng.uniform(0.1, 1, n_rows)
    labels = np.unique(rng.integers(0, 3, n_rows), return_inverse=True)[1]
    C = lclr._label_distances(D, weight / weight.sum(), members(labels))
    assert np.linalg.norm(C, 2) <= np.sqrt(n_labels - 1) * (1 + 1e-12)


@pytest.mark.parametrize("sign", [1, -1])
def test_unbounded_objectives_are_refused(sign):
    X, D = np.zeros((6, 1)), np.tile([[1.0, 0.0], [0.0, 1.0]], (3, 1))
    # The label distance is 1. Uniform predictions map to zero in this direction, and the
    # objective falls along it as soon as the distances outweigh the nuclear norm.
    S = -sign * np.array([[-1, 1], [1, -1]])
    model = LDLLCLR(rank_weight=1e-2, local_weight=2e-2, local_sign=sign, n_clusters=1)
    model.cluster_labels_ = np.zeros(6, int)
    P, s = np.full((6, 2), 0.5), np.full(6, 1 / 6)
    values = [terms_of_correlation(model, P, size * S, D, s) for size in (0, 10, 1000)]
    assert values[0] > values[1] > values[2]
    with pytest.raises(ValueError, match=r"local_weight=0.02 is too large for rank_weight=0.01"):
        model.fit(X, D)
    with pytest.raises(ValueError, match=r"at most 0.01"):
        model.fit(X, D)
    model.set_params(local_weight=1e-2).fit(X, D)


def test_published_weights_are_unbounded(load_real):
    X, D = load_real("SJAFFE")
    n = len(X)
    model = LDLLCLR(
        2e-3 / n, error_weight=1e-2 / np.sqrt(n), rank_weight=1e-2 / n, local_weight=1e-2
    )
    with pytest.raises(ValueError, match="too large"):
        model.fit(StandardScaler().fit_transform(X), D)


def test_default_weights_fit_the_most_unequal_labels():
    D = np.eye(100)[np.zeros(20, int)]
    LDLLCLR(random_state=0).fit(np.arange(20.0)[:, None], D)


@pytest.mark.parametrize(
    "parameters", [{"error_weight": -1}, {"local_weight": -1}, {"local_sign": 0}]
)
def test_bad_parameters(parameters, data):
    with pytest.raises(ValueError, match=next(iter(parameters))):
        LDLLCLR(**parameters).fit(*data[:2])
