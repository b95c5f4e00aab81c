"""Proximal operators: their closed forms minimise what they claim to minimise."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose

from sklearn_ldl.linear.published.proximal import (
    nuclear_norm,
    shrink_groups,
    soft_threshold,
    split_columns,
    threshold_singular_values,
)

OPERATORS = {
    "l1": (soft_threshold, lambda B: np.abs(B).sum()),
    "columns": (
        lambda A, t: shrink_groups(A, t, axis=0),
        lambda B: np.linalg.norm(B, axis=0).sum(),
    ),
    "rows": (lambda A, t: shrink_groups(A, t, axis=1), lambda B: np.linalg.norm(B, axis=1).sum()),
    "nuclear": (lambda A, t: threshold_singular_values(A, t)[0], nuclear_norm),
}


@pytest.mark.parametrize("name", OPERATORS)
@pytest.mark.parametrize("threshold", [0.1, 1.0])
def test_no_neighbour_is_better(name, threshold, rng):
    operator, norm = OPERATORS[name]
    A = rng.standard_normal((7, 4))

    def objective(B):
        return threshold * norm(B) + ((B - A) ** 2).sum() / 2

    B = operator(A, threshold)
    lowest = objective(B)
    for scale in (1e-3, 1e-1):
        for _ in range(50):
            step = scale * rng.standard_normal(A.shape)
            # Strong convexity: moving away costs at least half the squared distance.
            assert objective(B + step) >= lowest + (step**2).sum() / 2 - 1e-12
    for t in (0.0, 0.5, 0.99):
        assert objective(t * B) >= lowest - 1e-12


@pytest.mark.parametrize("name", OPERATORS)
def test_threshold_zero_changes_nothing_and_a_large_one_leaves_zero(name, rng):
    operator, _ = OPERATORS[name]
    A = rng.standard_normal((3, 5))
    assert_allclose(operator(A, 0.0), A, atol=1e-14)
    assert not operator(A, 100.0).any()


@pytest.mark.parametrize("name", OPERATORS)
def test_zeros_stay_zeros(name):
    assert not OPERATORS[name][0](np.zeros((2, 3)), 0.1).any()


def test_norm_that_comes_with_thresholded_singular_values(rng):
    A = rng.standard_normal((20, 3))
    B, norm = threshold_singular_values(A, 0.5)
    assert_allclose(norm, nuclear_norm(B))
    assert_allclose(np.linalg.svd(B)[1], np.maximum(np.linalg.svd(A)[1] - 0.5, 0), atol=1e-12)


def test_low_rank_results_have_exactly_that_rank():
    A = np.outer([3.0, 4.0], [1.0, 0.0, 0.0]) + np.outer([-0.4, 0.3], [0.0, 1.0, 0.0])
    B, norm = threshold_singular_values(A, 1.0)
    assert_allclose(B, np.outer([3.0, 4.0], [0.8, 0, 0]), atol=1e-14)
    assert_allclose(norm, 4.0)


@settings(max_examples=50, deadline=None)
@given(
    st.integers(1, 8),
    st.floats(0.01, 2),
    st.floats(0.3, 4),
    st.integers(0, 2**32 - 1),
)
def test_split_minimises_its_objective(n_labels, l1, ratio, seed):
    T = np.random.default_rng(seed).standard_normal((n_labels, 5)).round(1)
    l21 = ratio * l1
    A, B = split_columns(T, l1, l21)
    V = T - A - B
    # V is a subgradient of both norms: inside of both dual balls, and aligned.
    assert np.abs(V).max() <= l1 + 1e-12
    assert np.linalg.norm(V, axis=0).max() <= l21 + 1e-12
    assert_allclose(np.vdot(V, A), l1 * np.abs(A).sum(), atol=1e-12)
    assert_allclose(np.vdot(V, B), l21 * np.linalg.norm(B, axis=0).sum(), atol=1e-12)
