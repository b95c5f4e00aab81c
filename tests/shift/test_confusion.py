"""The soft confusion matrix."""

import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal

from sklearn_ldl.shift.confusion import soft_confusion


def problem(rng, n_rows=50, n_labels=4, concentration=1.0):
    P = rng.dirichlet(np.full(n_labels, concentration), n_rows)
    D = rng.dirichlet(np.full(n_labels, concentration), n_rows)
    return P, D, rng.dirichlet(np.ones(n_rows))


def test_small_example_by_hand():
    P = np.array([[0.9, 0.1], [0.3, 0.7], [0.5, 0.5]])
    D = np.array([[1.0, 0.0], [0.0, 1.0], [0.5, 0.5]])
    K, variance = soft_confusion(P, D, np.array([0.5, 0.25, 0.25]))
    assert_allclose(K[:, 0], (0.5 * P[0] + 0.125 * P[2]) / 0.625)
    assert_allclose(K[:, 1], (0.25 * P[1] + 0.125 * P[2]) / 0.375)
    assert variance.shape == (2,)


@settings(max_examples=50, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), n_rows=st.integers(2, 40), n_labels=st.integers(2, 9))
def test_formula(seed, n_rows, n_labels):
    P, D, weight = problem(np.random.default_rng(seed), n_rows, n_labels, concentration=0.5)
    K, variance = soft_confusion(P, D, weight)
    prior = weight @ D
    # Under the prior of training, predictions have the mean of training.
    assert_allclose(K @ prior, weight @ P, atol=1e-12)
    assert_allclose(K.sum(axis=0), 1, rtol=1e-12)
    moments = weight[:, None, None] * D[:, None, :] * P[:, :, None]
    off = moments - weight[:, None, None] * prior * K
    spread = np.square(off).sum(axis=(0, 1)) / (1 - np.square(weight).sum())
    assert_allclose(variance, spread / prior**2, rtol=1e-6, atol=1e-12)
    assert (variance >= 0).all()


def test_variance_is_that_of_repeated_samples(rng):
    population = problem(rng, n_rows=500)[:2]
    prior = population[1].mean(axis=0)
    n_rows, moments, variances = 60, [], []
    for _ in range(2000):
        rows = rng.integers(0, 500, n_rows)
        P, D = (array[rows] for array in population)
        moments.append(P.T @ D / n_rows)
        variances.append(soft_confusion(P, D, np.full(n_rows, 1 / n_rows)).variance)
    expected = np.var(moments, axis=0).sum(axis=0) / prior**2
    assert_allclose(np.mean(variances, axis=0), expected, rtol=0.1)


def test_rare_labels_are_known_less_well(rng):
    D = rng.dirichlet([20, 4, 0.5], 200)
    variance = soft_confusion(D, D, np.full(200, 1 / 200)).variance
    assert (np.diff(variance) > 0).all()
    more = soft_confusion(np.tile(D, (4, 1)), np.tile(D, (4, 1)), np.full(800, 1 / 800)).variance
    assert_allclose(more, variance / 4, rtol=0.01)


def test_rows_without_weight_do_not_count(rng):
    P, D, weight = problem(rng)
    weight[:20] = 0
    weight /= weight.sum()
    for all_rows, some in zip(
        soft_confusion(P, D, weight), soft_confusion(P[20:], D[20:], weight[20:]), strict=True
    ):
        assert_allclose(all_rows, some, rtol=1e-10)


def test_one_row():
    K, variance = soft_confusion(np.array([[0.2, 0.8]]), np.array([[0.5, 0.5]]), np.ones(1))
    assert_array_equal(K, [[0.2, 0.2], [0.8, 0.8]])
    # Nothing is known of it.
    assert np.isfinite(variance).all()
    assert (variance >= 0).all()


def test_labels_that_predictions_know_and_targets_lack(rng):
    P, D, weight = problem(rng)
    K, variance = soft_confusion(P, D[:, :2] / D[:, :2].sum(axis=1, keepdims=True), weight)
    assert K.shape == (4, 2)
    assert variance.shape == (2,)


def test_many_labels_need_no_array_of_rows_and_squared_labels(rng):
    P, D, weight = problem(rng, n_rows=1000, n_labels=300)
    tracemalloc.start()
    soft_confusion(P, D, weight)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    # A hundredth of what 1000 x 300 x 300 numbers take.
    assert peak < 20 * D.nbytes < 1000 * 300 * 300 * 8 / 10


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_inputs_are_not_modified(rng, dtype):
    P, D, weight = problem(rng)
    P = P.astype(dtype)
    for array in (P, D, weight):
        array.setflags(write=False)
    soft_confusion(P, D, weight)
