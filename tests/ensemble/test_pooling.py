"""Pools of distributions, linear and logarithmic."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy.optimize import approx_fprime
from scipy.special import softmax

from sklearn_ldl.ensemble.pooling import Pool, linear_pool, log_pool
from sklearn_ldl.metrics import kl_divergence

N = 4000


def uniform(n):
    return np.full(n, 1 / n)


def test_linear_weights_find_a_known_mixture(rng):
    P = rng.dirichlet(np.ones(4), (3, 400))
    D = np.tensordot([0.6, 0.0, 0.4], P, axes=1)
    weights = linear_pool(P, D, np.full(400, 1 / 400)).weights
    assert_allclose(weights, [0.6, 0, 0.4], atol=1e-5)


def test_linear_weights_survive_zeros():
    P = np.array([[[1.0, 0.0], [0.0, 1.0]], [[0.5, 0.5], [0.5, 0.5]]])
    D = np.array([[0.0, 1.0], [0.0, 1.0]])
    weights = linear_pool(P, D, np.array([0.5, 0.5])).weights
    # One row is certain of the wrong label, the other of the right one: w/2 + 1/2 there.
    assert_allclose(weights, [0, 1], atol=1e-4)


def test_linear_weights_survive_a_label_that_nobody_expects(rng):
    P = rng.dirichlet(np.ones(3), (2, 100))
    D = np.tensordot([0.7, 0.3], P, axes=1)
    P[:, :5], D[:5] = [1, 0, 0], [0, 0, 1]
    with np.errstate(all="raise"):
        weights = linear_pool(P, D, np.full(100, 0.01)).weights
    # What no mixture can mend does not keep the other rows from deciding.
    assert_allclose(weights, [0.7, 0.3], atol=1e-3)


@pytest.fixture
def sharper(rng):
    """Truth of which every member is a flattened, shifted part."""
    logits = rng.normal(size=(2, N, 4))
    D = softmax(1.5 * logits[0] + 0.5 * logits[1] + [0.5, 0, 0, -0.5], axis=1)
    return softmax(logits, axis=2), D


def test_logarithmic_weights_find_a_known_pool(sharper):
    P, D = sharper
    pool = log_pool(P, D, uniform(N))
    # The penalty costs less than three hundredths.
    assert_allclose(pool.weights, [1.5, 0.5], rtol=0.03)
    assert_allclose(pool.intercept, [0.5, 0, 0, -0.5], atol=0.015)
    assert kl_divergence(D, pool(P)) < 1e-4
    assert kl_divergence(D, linear_pool(P, D, uniform(N))(P)) > 0.02


def test_logarithmic_weights_are_a_minimum(rng):
    P = rng.dirichlet(np.ones(3), (2, 80))
    D = rng.dirichlet(np.ones(3), 80)
    weight = rng.dirichlet(np.ones(80))
    found = log_pool(P, D, weight)
    linear = linear_pool(P, D, weight).weights
    left = min(kl_divergence(D, p, sample_weight=weight) for p in P)

    def mean_logits(weights, intercept):
        L = np.log((P + 1e-4 / 3) / (1 + 1e-4))
        L -= L.mean(axis=2, keepdims=True)
        return weight @ np.tensordot(weights, L, axes=1) + intercept

    def objective(x):
        pool = Pool(x[:2], x[2:])
        off = mean_logits(*pool) - mean_logits(linear, 0)
        size = 10 * ((x[:2] - linear) ** 2).sum() + 100 * (off**2).sum()
        return kl_divergence(D, pool(P), sample_weight=weight) + size * left * (weight**2).sum() / 2

    gradient = approx_fprime(np.concatenate(found), objective, 1e-6)
    assert_allclose(gradient, 0, atol=1e-4)


def test_members_of_no_use_stay_out_of_a_logarithmic_pool(sharper):
    P, D = sharper
    constant = np.broadcast_to([0.7, 0.1, 0.1, 0.1], D.shape)
    pool = log_pool(np.array([*P, constant]), D, uniform(N))
    # It has next to no more than in a linear pool.
    assert abs(pool.weights[2]) < 0.03
    assert_allclose(pool.weights[:2], [1.5, 0.5], rtol=0.03)


def test_rows_without_weight_are_no_rows_of_a_logarithmic_pool(rng):
    P, D = rng.dirichlet(np.ones(3), (2, 80)), rng.dirichlet(np.ones(3), 80)
    weight = np.where(np.arange(80) < 50, 1 / 50, 0)
    one, other = log_pool(P, D, weight), log_pool(P[:, :50], D[:50], uniform(50))
    assert_allclose(one.weights, other.weights, atol=1e-5)
    assert_allclose(one.intercept, other.intercept, atol=1e-5)


@pytest.mark.parametrize("find", [linear_pool, log_pool])
def test_pools_of_extremes_lie_on_the_simplex(find):
    P = np.array([[[1.0, 0.0], [0.0, 1.0]], [[1.0, 0.0], [0.5, 0.5]]])
    D = np.array([[1.0, 0.0], [0.0, 1.0]])
    with np.errstate(all="raise"):
        pool = find(P, D, uniform(2))
        found = pool(np.array([[[0.0, 1.0]], [[1.0, 0.0]]]))
    assert_allclose(found.sum(axis=1), 1, atol=1e-12)
    assert found.min() >= 0
    assert_array_equal(np.argmax(pool(P), axis=1), [0, 1])
