"""Label enhancement by distances to the centres of the labels."""

import tracemalloc

import numpy as np
import pytest
import scipy.sparse as sp
from numpy.testing import assert_allclose, assert_array_equal
from scipy.special import softmax
from sklearn.metrics.pairwise import rbf_kernel

from sklearn_ldl.enhancement import KMEnhancer, km


def scores(X, L, **parameters):
    """Scores before normalisation, from their softmax: the smallest of a row is zero."""
    Z = np.log(KMEnhancer(**parameters).fit_transform(X, L))
    return Z - Z.min(axis=1, keepdims=True)


def test_hand_computed_example():
    # Label 0 has the samples 0, 1, 2 with centre 1; distances 1, 0, 1 and radius 1.
    # Label 1 has the samples 2, 4 with centre 3; both are at the radius.
    X, L = [[0.0], [1.0], [2.0], [4.0]], [[1, 0], [1, 0], [1, 1], [0, 1]]
    expected = [[0, 0], [1, 0], [0, 0], [0, 0]]
    assert_allclose(scores(X, L, kernel="linear"), expected, atol=1e-6)
    # With delta = 3 the members at distance 1 of radius 1 score 1 - sqrt(1 / 4).
    D = KMEnhancer(kernel="linear", delta=3.0, normalization="sum").fit_transform(X, L)
    assert_allclose(D, [[1, 0], [1, 0], [0.5, 0.5], [0, 1]])
    D = KMEnhancer(kernel="linear", delta=3.0).fit_transform(X, L)
    assert_allclose(D, softmax([[0.5, 0], [1, 0], [0.5, 0.5], [0, 0.5]], axis=1))


def test_radius_is_that_of_the_members():
    # A far sample without the label must not widen it.
    X, L = [[-1.0], [0.0], [1.0], [1e3]], [[1, 0], [1, 0], [1, 0], [0, 1]]
    Z = scores(X, L, kernel="linear", delta=1e-9)
    assert_allclose(Z[:3, 0], [0, 1, 0], atol=1e-6)


def test_definition_with_a_gaussian_kernel(rng):
    X, L = rng.normal(size=(20, 3)), np.eye(4, dtype=int)[rng.integers(4, size=20)]
    L[:5, 0] = 1
    enhancer = KMEnhancer().fit(X, L)
    K = rbf_kernel(X, gamma=enhancer.gamma_)
    Z = np.zeros(L.shape)
    for j in range(4):
        members = np.flatnonzero(L[:, j])
        d = 1 - 2 * K[:, members].mean(axis=1) + K[np.ix_(members, members)].mean()
        Z[members, j] = 1 - np.sqrt(d[members] / (d[members].max() + 1e-7))
    assert_allclose(enhancer.label_distributions_, softmax(Z, axis=1))


@pytest.mark.parametrize("kernel", ["rbf", "linear", "cosine"])
def test_relevant_labels_are_not_below_irrelevant_ones(rng, kernel):
    X, L = rng.normal(size=(40, 3)), rng.integers(2, size=(40, 5))
    L[:, 0] = 1
    D = KMEnhancer(kernel=kernel).fit_transform(X, L)
    assert (np.where(L, D, 1).min(axis=1) >= np.where(L, 0, D).max(axis=1)).all()
    D = KMEnhancer(kernel=kernel, normalization="sum").fit_transform(X, L)
    assert (D[L == 0] == 0).all()


def test_label_of_one_sample_and_of_none():
    X, L = [[0.0], [1.0], [3.0]], [[1, 0, 0], [1, 1, 0], [1, 0, 0]]
    Z = scores(X, L)
    assert_allclose(Z[1, 1], 1, atol=1e-3)
    assert_array_equal(Z[:, 2], 0)


def test_chunks_do_not_change_the_result(rng, monkeypatch):
    X, L = rng.normal(size=(50, 3)), np.eye(3)[rng.integers(3, size=50)]
    D = KMEnhancer().fit_transform(X, L)
    monkeypatch.setattr(km, "_ENTRIES", 7 * 50)
    assert_allclose(KMEnhancer().fit_transform(X, L), D, rtol=1e-12)


@pytest.mark.parametrize("kernel", ["rbf", "linear", "cosine"])
@pytest.mark.parametrize("container", [sp.csr_matrix, sp.csr_array, sp.coo_array])
def test_sparse_features(rng, kernel, container):
    X, L = rng.integers(3, size=(20, 5)).astype(float), np.eye(3)[rng.integers(3, size=20)]
    enhancer = KMEnhancer(kernel=kernel)
    assert_allclose(enhancer.fit_transform(container(X), L), enhancer.fit_transform(X, L))


def test_no_square_matrix_is_made(rng):
    X = rng.normal(size=(10_000, 2))
    L = np.c_[X[:, 0] > 0, X[:, 0] <= 0]
    tracemalloc.start()
    try:
        KMEnhancer().fit(X, L)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 0.25 * 8 * len(X) ** 2


@pytest.mark.parametrize(
    ("name", "value"), [("kernel", "poly"), ("gamma", 0.0), ("gamma", "auto"), ("delta", 0.0)]
)
def test_bad_parameters(name, value):
    with pytest.raises(ValueError, match=f"'{name}' parameter"):
        KMEnhancer(**{name: value}).fit([[0.0], [1.0]], [[1, 0], [0, 1]])
