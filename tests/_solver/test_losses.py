"""Every loss and every penalty against finite differences."""

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy.special import softmax

from sklearn_ldl._solver import losses, penalties

# The same target for all rows, so that pieces of the rows add up.
TERM = losses.quadratic(np.array([0.1, 0.2, 0.3, 0.4]), 0.7)


LOSSES = {
    "cross_entropy": losses.cross_entropy,
    "squared_error": losses.squared_error,
    "cross_entropy with terms": losses.with_terms(losses.cross_entropy, TERM, TERM),
    "squared_error with a term": losses.with_terms(losses.squared_error, TERM),
    "terms alone": losses.of_terms(TERM, TERM),
}
PENALTIES = {"l2": penalties.l2(0.3)}


def finite_differences(function, A, step=1e-6):
    gradient = np.empty_like(A)
    for index in np.ndindex(A.shape):
        delta = np.zeros_like(A)
        delta[index] = step
        gradient[index] = (function(A + delta) - function(A - delta)) / (2 * step)
    return gradient


@pytest.fixture
def problem(rng):
    Z = 3 * rng.standard_normal((6, 4))
    D = rng.dirichlet(np.ones(4), 6)
    D[0] = [1, 0, 0, 0]
    D[1] = [0, 0.5, 0.5, 0]
    return Z, D, rng.uniform(0, 2, 6)


@pytest.mark.parametrize("name", LOSSES)
@pytest.mark.parametrize("order", ["C", "F"])
def test_loss_gradient(name, order, problem):
    Z, D, weight = problem
    value, gradient = LOSSES[name](np.asarray(Z, order=order), np.asarray(D, order=order), weight)
    expected = finite_differences(lambda A: LOSSES[name](A, D, weight)[0], Z)
    assert_allclose(gradient, expected, atol=1e-8)
    assert isinstance(value, float)


@pytest.mark.parametrize("name", LOSSES)
def test_loss_is_a_sum_over_rows(name, problem):
    Z, D, weight = problem
    value, gradient = LOSSES[name](Z, D, weight)
    parts = [LOSSES[name](Z[rows], D[rows], weight[rows]) for rows in (slice(0, 2), slice(2, 6))]
    assert_allclose(value, sum(part for part, _ in parts), rtol=1e-13)
    assert_allclose(gradient, np.vstack([part for _, part in parts]), rtol=1e-13)


@pytest.mark.parametrize("name", LOSSES)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_loss_survives_extreme_logits(name, dtype, problem):
    Z, D, weight = problem
    value, gradient = LOSSES[name]((1e4 * Z).astype(dtype), D.astype(dtype), weight.astype(dtype))
    assert np.isfinite(value)
    assert np.isfinite(gradient).all()
    assert gradient.dtype == dtype


@pytest.mark.parametrize("name", LOSSES)
def test_loss_works_in_place_and_leaves_its_input_alone_otherwise(name, problem):
    Z, D, weight = problem
    before = Z.copy()
    value, gradient = LOSSES[name](Z, D, weight)
    assert_allclose(Z, before, rtol=0)
    same_value, same_gradient = LOSSES[name](Z, D, weight, out=Z)
    assert same_gradient is Z
    assert same_value == value
    assert_allclose(Z, gradient, rtol=0)


def test_cross_entropy_is_kl_plus_entropy(problem):
    Z, D, weight = problem
    P = softmax(Z, axis=1)
    with np.errstate(divide="ignore", invalid="ignore"):
        kl = np.nansum(D * np.log(D / P), axis=1) @ weight
    value = losses.cross_entropy(Z, D, weight)[0] - losses.entropy(D, weight)
    assert_allclose(value, kl, rtol=1e-12)


def test_gradient_is_p_minus_d(problem):
    Z, D, weight = problem
    _, gradient = losses.cross_entropy(Z, D, weight)
    assert_allclose(gradient, weight[:, None] * (softmax(Z, axis=1) - D), atol=1e-15)


@pytest.mark.parametrize("name", PENALTIES)
def test_penalty_gradient(name, rng):
    coef = rng.standard_normal((3, 5))
    value, gradient = PENALTIES[name](coef)
    expected = finite_differences(lambda A: PENALTIES[name](A)[0], coef)
    assert_allclose(gradient, expected, atol=1e-8)
    assert value > 0


def test_term_gradient(problem):
    Z, D, weight = problem
    P = softmax(Z, axis=1)
    term = losses.quadratic(D, 0.7)
    value, gradient = term(P, weight)
    assert_allclose(gradient, finite_differences(lambda A: term(A, weight)[0], P), atol=1e-8)
    assert_allclose(value, 0.35 * weight @ ((P - D) ** 2).sum(axis=1))


def test_a_loss_without_terms_is_itself():
    assert losses.with_terms(losses.cross_entropy) is losses.cross_entropy


@pytest.mark.parametrize("order", ["C", "F"])
def test_probabilities_are_the_softmax_in_the_order_of_the_logits(order, problem):
    Z = np.asarray(problem[0], order=order)
    P = losses.probabilities(Z)
    assert_allclose(P, softmax(Z, axis=1), rtol=1e-14)
    assert P.flags[f"{order}_CONTIGUOUS"]


def test_pull_back_is_the_whole_jacobian(problem, rng):
    Z = problem[0]
    A = rng.standard_normal(Z.shape)
    expected = finite_differences(lambda B: float((A * softmax(B, axis=1)).sum()), Z)
    assert_allclose(losses.pull_back(softmax(Z, axis=1), A), expected, atol=1e-8)
