"""Label enhancement by label propagation."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from scipy.spatial.distance import cdist
from scipy.special import softmax
from sklearn.exceptions import ConvergenceWarning

from sklearn_ldl.enhancement import LPEnhancer, base, lp


def problem(n_samples=40, seed=0):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n_samples, 3))
    L = np.c_[X[:, 0] > 0, X[:, 0] <= 0, X[:, 1] > X[:, 2]].astype(int)
    return X, L


def propagate(A, L, propagation, rounds=500):
    """The published iteration."""
    degree = A.sum(axis=1)
    P = A / np.sqrt(np.outer(degree, degree))
    F = L.astype(float)
    for _ in range(rounds):
        F = propagation * P @ F + (1 - propagation) * L
    return F


def affinity(X, gamma):
    A = np.exp(-gamma * cdist(X, X, "sqeuclidean"))
    np.fill_diagonal(A, 0)
    return A


@pytest.mark.parametrize("propagation", [0.1, 0.5, 0.9])
@pytest.mark.parametrize("gamma", ["median", "scale", 0.5])
def test_solution_is_the_limit_of_the_iteration(propagation, gamma):
    X, L = problem()
    enhancer = LPEnhancer(propagation, gamma=gamma).fit(X, L)
    F = propagate(affinity(X, enhancer.gamma_), L, propagation)
    assert_allclose(enhancer.label_distributions_, softmax(F, axis=1), atol=1e-10)
    assert enhancer.n_iter_ == 0


def test_conjugate_gradients_give_the_same(monkeypatch):
    X, L = problem()
    direct = LPEnhancer(0.9).fit_transform(X, L)
    monkeypatch.setattr(lp, "_DIRECT_ROWS", 10)
    enhancer = LPEnhancer(0.9, tol=1e-13)
    assert_allclose(enhancer.fit_transform(X, L), direct, atol=1e-11)
    assert 0 < enhancer.n_iter_ <= 40


@settings(max_examples=20, deadline=None)
@given(propagation=st.floats(0, 0.95), n_neighbors=st.integers(1, 39), seed=st.integers(0, 100))
def test_neighbours_only(propagation, n_neighbors, seed):
    X, L = problem(seed=seed)
    enhancer = LPEnhancer(propagation, n_neighbors=n_neighbors, tol=1e-12).fit(X, L)
    A = affinity(X, enhancer.gamma_)
    near = np.argsort(np.argsort(-A, axis=1), axis=1) < n_neighbors
    A = np.where(near, A, 0)
    F = propagate((A + A.T) / 2, L, propagation, rounds=1000)
    assert_allclose(enhancer.label_distributions_, softmax(F, axis=1), atol=1e-9)


def test_all_neighbours_are_the_full_matrix():
    X, L = problem()
    full = LPEnhancer(gamma=0.3).fit_transform(X, L)
    assert_allclose(LPEnhancer(gamma=0.3, n_neighbors=39).fit_transform(X, L), full, atol=1e-8)


def test_hand_computed_example():
    # Two samples: P swaps them, so F = (1 - a) (L + a P L) / (1 - a^2) = (2 / 3, 1 / 3).
    D = LPEnhancer(normalization="sum").fit_transform([[0.0], [1.0]], [[1, 0], [0, 1]])
    assert_allclose(D, [[2 / 3, 1 / 3], [1 / 3, 2 / 3]])


@pytest.mark.parametrize("n_neighbors", [None, 1])
def test_isolated_samples_keep_their_labels(n_neighbors):
    X, L = [[0.0], [0.1], [1e3]], [[1, 0], [1, 1], [0, 1]]
    D = LPEnhancer(gamma=1.0, n_neighbors=n_neighbors, normalization="sum").fit_transform(X, L)
    assert_array_equal(D[2], [0, 1])
    assert D[0, 1] > 0.1


@pytest.mark.parametrize("n_neighbors", [None, 2])
def test_no_propagation(n_neighbors):
    X, L = problem()
    enhancer = LPEnhancer(0.0, n_neighbors=n_neighbors, normalization="sum")
    assert_allclose(enhancer.fit_transform(X, L), L / L.sum(axis=1, keepdims=True), atol=1e-8)


def test_default_width_fits_any_scale():
    X, L = problem()
    D = LPEnhancer().fit_transform(X, L)
    assert_allclose(LPEnhancer().fit_transform(1e4 * X, L), D, atol=1e-10)
    # The published width propagates nothing there.
    lost = LPEnhancer(gamma=0.5, normalization="sum").fit_transform(1e4 * X, L)
    assert_array_equal(lost, L / L.sum(axis=1, keepdims=True))


def test_too_many_samples_for_a_full_matrix(monkeypatch):
    monkeypatch.setattr(base, "MAX_DENSE", 30)
    X, L = problem()
    with pytest.raises(ValueError, match=r"40 x 40.*limit is 30 samples: set n_neighbors"):
        LPEnhancer().fit(X, L)
    assert LPEnhancer(n_neighbors=3).fit(X, L).n_iter_ > 0


def test_equal_samples_share_their_labels():
    X, L = np.zeros((4, 2)), np.eye(4)
    D = LPEnhancer(normalization="sum", n_neighbors=3).fit_transform(X, L)
    assert_allclose(np.diag(D), D[0, 0])
    assert (D > 0).all()


def test_not_converged():
    X, L = problem()
    with pytest.warns(ConvergenceWarning, match=r"after 1 steps with a relative .* > tol=.* Inc"):
        enhancer = LPEnhancer(n_neighbors=3, max_iter=1).fit(X, L)
    assert enhancer.n_iter_ == 1
    assert_allclose(enhancer.label_distributions_.sum(axis=1), 1)


@pytest.mark.parametrize(
    ("name", "value"),
    [("propagation", 1.0), ("propagation", -0.1), ("gamma", -1.0), ("n_neighbors", 0),
     ("max_iter", 0), ("tol", 0.0)],
)  # fmt: skip
def test_bad_parameters(name, value):
    with pytest.raises(ValueError, match=f"'{name}' parameter"):
        LPEnhancer(**{name: value}).fit(*problem())
