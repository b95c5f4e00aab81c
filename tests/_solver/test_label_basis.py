import numpy as np
import pytest
from numpy.testing import assert_allclose

from sklearn_ldl._solver.label_basis import basis_of, smooth_covariance
from sklearn_ldl._solver.penalties import l2, l2_in_basis
from sklearn_ldl._solver.problem import SoftmaxLinearProblem


def test_covariances_fall_with_the_distance():
    K = smooth_covariance(np.array([[0.0], [0.5], [1.0]]), 0.5)
    assert_allclose(np.diag(K), 1)
    assert_allclose(K[0, 1:], 0.999 * np.exp([-0.5, -2]))
    B = basis_of(K)
    assert_allclose(B @ B.T, K)


def test_the_penalty_in_a_basis_is_that_of_its_coordinates():
    rng = np.random.RandomState(0)
    B = basis_of(smooth_covariance(np.linspace(0, 1, 5)[:, None], 0.3))
    A = rng.normal(size=(5, 3))
    value, grad = l2_in_basis(0.7, np.linalg.inv(B @ B.T))(B @ A)
    expected, expected_grad = l2(0.7)(A)
    assert_allclose(value, expected)
    assert_allclose(B.T @ grad, expected_grad)


@pytest.mark.parametrize("shape", [(200, 8), (40, 90), (300, 200)])
def test_solves_in_a_basis_reach_the_minimum_in_a_few_steps(shape):
    rng = np.random.RandomState(1)
    X = rng.normal(size=shape)
    D = rng.dirichlet(np.ones(6), size=len(X))
    B = basis_of(smooth_covariance(np.linspace(0, 1, 6)[:, None], 0.4))
    problem = SoftmaxLinearProblem(X, D, np.ones(len(X)), fit_intercept=True, alphas=[0.1], basis=B)
    state = problem.solve(0.1, problem.start(), tol=1e-9)
    assert state.status == "gradient"
    assert state.n_iter < 40
    coef, intercept = problem.coefficients(state)
    Z = X @ coef.T + intercept
    P = np.exp(Z) / np.exp(Z).sum(axis=1, keepdims=True)
    gradient = (P - D).T @ X / len(X) + 0.1 * np.linalg.solve(B @ B.T, coef)
    assert np.abs(gradient).max() < 1e-8
