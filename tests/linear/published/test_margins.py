"""Absolute errors and margins: against plain calculations and finite differences."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from sklearn_ldl._solver.losses import of_terms
from sklearn_ldl.linear.published.margins import (
    absolute_error,
    highest,
    margins,
    margins_of_all,
    runner_up,
)
from tests._solver.test_losses import finite_differences

D = np.array(
    [
        [0.5, 0.3, 0.2, 0.0],
        [0.1, 0.4, 0.1, 0.4],
        [0.25, 0.25, 0.25, 0.25],
        [0.0, 0.0, 1.0, 0.0],
        [0.2, 0.2, 0.1, 0.5],
    ]
)
BEST = np.array([[1, 0, 0, 0], [0, 0.5, 0, 0.5], [0.25] * 4, [0, 0, 1, 0], [0, 0, 0, 1]])
SECOND = np.array(
    [[0, 1, 0, 0], [0.5, 0, 0.5, 0], [0] * 4, [1 / 3, 1 / 3, 0, 1 / 3], [0.5, 0.5, 0, 0]]
)


def smooth(x, width):
    """Positive part of x, from its definition as a piecewise function."""
    if x <= 0:
        return 0.0
    return x**2 / (2 * width) if x < width else x - width / 2


def plain(P, weight, smoothing, margin=0.4):
    """Both kinds of margins and the absolute error, number by number."""
    two = every = error = 0.0
    for d, p, s, best, second in zip(D, P, weight, BEST, SECOND, strict=True):
        if second.any():
            two += s * smooth(margin - best @ p + second @ p, smoothing) / margin
        for k in np.flatnonzero(best == 0):
            every += s * smooth(margin - best @ p + p[k], smoothing) / margin
        for k in range(4):
            error += s * (k + 1) * smooth(abs(p[k] - d[k]), smoothing)
    return 0.7 * two, 0.7 * every, error


def terms(smoothing, margin=0.4):
    return [
        margins(highest(D), runner_up(D), margin, 0.7, smoothing),
        margins_of_all(highest(D), margin, 0.7, smoothing),
        absolute_error(D, np.arange(1, 5)[None, :], smoothing),
    ]


def test_ties_share_a_rank():
    assert_allclose(highest(D), BEST)
    assert_allclose(runner_up(D), SECOND)


def test_rounding_makes_no_rank():
    shaken = D * (1 + 1e-14 * np.array([1, -1, 2, -2]))
    assert_array_equal(highest(shaken), BEST)
    assert_array_equal(runner_up(shaken), SECOND)


@pytest.mark.parametrize("smoothing", [1e-6, 0.05, 0.5])
def test_values_are_the_documented_ones(smoothing, rng):
    P, weight = rng.dirichlet(np.ones(4), len(D)), rng.uniform(0, 2, len(D))
    values = [term(P, weight)[0] for term in terms(smoothing)]
    assert_allclose(values, plain(P, weight, smoothing), rtol=1e-12)


@pytest.mark.parametrize("smoothing", [0.05, 0.5])
def test_gradients(smoothing, rng):
    P, weight = rng.dirichlet(np.ones(4), len(D)), rng.uniform(0, 2, len(D))
    for term in terms(smoothing):
        _, G = term(P, weight)
        expected = finite_differences(lambda A, term=term: term(A, weight)[0], P)
        assert_allclose(G, expected, atol=1e-8)


@pytest.mark.parametrize("order", ["C", "F"])
def test_gradient_in_the_logits(order, rng):
    Z, weight = np.asarray(rng.standard_normal(D.shape), order=order), rng.uniform(0, 2, len(D))
    loss = of_terms(*terms(0.05))
    value, E = loss(Z, D, weight)
    assert_allclose(E, finite_differences(lambda A: loss(A, D, weight)[0], Z), atol=1e-8)
    same_value, same = loss(Z, D, weight, out=Z)
    assert same is Z
    assert same_value == value
    assert_allclose(same, E, rtol=0)


def test_margins_that_are_kept_cost_nothing():
    sure = 0.97 * BEST + 0.01
    value, G = margins(BEST, SECOND, 0.3, 1.0, 0.01)(sure, np.ones(len(D)))
    assert value == 0
    assert not G.any()
