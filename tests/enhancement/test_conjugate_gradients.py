"""Conjugate gradients for many right-hand sides."""

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from sklearn.exceptions import ConvergenceWarning

from sklearn_ldl.enhancement.conjugate_gradients import conjugate_gradients


@pytest.fixture
def system(rng):
    """Positive definite matrix, and right-hand sides of very different size."""
    A = rng.normal(size=(30, 30))
    return A @ A.T + np.eye(30), rng.normal(size=(30, 4)) * [1, 1e6, 1e-6, 0]


def test_every_column_is_solved(system):
    A, B = system
    solution, n_iter = conjugate_gradients(lambda V: A @ V, B, max_iter=200, tol=1e-10)
    residual = np.linalg.norm(A @ solution - B, axis=0)
    assert (residual <= 1e-9 * np.linalg.norm(B, axis=0)).all()
    assert_array_equal(solution[:, 3], 0)
    assert 1 < n_iter < 200


def test_a_looser_tolerance_takes_fewer_steps(system):
    A, B = system
    steps = [conjugate_gradients(lambda V: A @ V, B, 200, tol)[1] for tol in (1e-2, 1e-10)]
    assert steps[0] < steps[1]


def test_too_few_steps(system):
    A, B = system
    with pytest.warns(ConvergenceWarning, match="after 2 steps with a relative residual of"):
        assert conjugate_gradients(lambda V: A @ V, B, max_iter=2, tol=1e-10)[1] == 2


def test_right_hand_side_is_not_changed(system):
    A, B = system
    before = B.copy()
    conjugate_gradients(lambda V: A @ V, B, max_iter=200, tol=1e-10)
    assert_array_equal(B, before)
