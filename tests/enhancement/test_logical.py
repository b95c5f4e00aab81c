"""Binarisation of label distributions."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_array_equal

from sklearn_ldl.enhancement import to_logical_labels


def test_largest_degrees_until_the_threshold():
    D = [[0.5, 0.3, 0.2], [0.2, 0.45, 0.35], [0.4, 0.2, 0.4]]
    assert_array_equal(to_logical_labels(D), [[1, 0, 0], [0, 1, 1], [1, 0, 1]])
    assert_array_equal(to_logical_labels(D, threshold=0.4), [[1, 0, 0], [0, 1, 0], [1, 0, 0]])
    assert to_logical_labels(D).dtype == np.int8


def test_lower_index_first_on_ties():
    assert_array_equal(to_logical_labels(np.full((1, 4), 0.25)), [[1, 1, 0, 0]])


def test_rounding_does_not_add_a_label():
    # 0.1 + 0.1 + ... + 0.1, ten times, is a hair below one.
    D = np.full((1, 10), 0.1)
    assert_array_equal(to_logical_labels(D, threshold=0.3).sum(), 3)
    assert_array_equal(to_logical_labels(D, threshold=0.8).sum(), 8)


def test_all_positive_degrees():
    assert_array_equal(to_logical_labels([[0.3, 0, 0.7]], threshold=1), [[1, 0, 1]])


def test_one_hot_rows_stay():
    assert_array_equal(to_logical_labels(np.eye(3), threshold=1), np.eye(3))


@settings(max_examples=50, deadline=None)
@given(
    n_labels=st.integers(2, 50),
    concentration=st.sampled_from([0.05, 1.0, 20.0]),
    threshold=st.floats(0.01, 1),
    seed=st.integers(0, 1000),
)
def test_fewest_labels_that_suffice(n_labels, concentration, threshold, seed):
    D = np.random.default_rng(seed).dirichlet(np.full(n_labels, concentration), size=20)
    L = to_logical_labels(D, threshold=threshold).astype(bool)
    count = L.sum(axis=1)
    assert (count >= 1).all()
    # As many of the largest degrees reach the threshold, one less do not.
    totals = np.cumsum(-np.sort(-D, axis=1), axis=1)
    assert (totals[np.arange(20), count - 1] >= threshold - 1e-11).all()
    several = count > 1
    assert (totals[several, count[several] - 2] < threshold).all()
    assert (np.where(L, D, 1).min(axis=1) >= np.where(L, 0, D).max(axis=1)).all()


@pytest.mark.parametrize("threshold", [0, -0.1, 1.1, np.nan])
def test_threshold_out_of_range(threshold):
    with pytest.raises(ValueError, match="threshold must lie in"):
        to_logical_labels([[0.5, 0.5]], threshold=threshold)


def test_not_a_distribution():
    with pytest.raises(ValueError, match="D is not a label distribution"):
        to_logical_labels([[1, 1]])


def test_input_is_not_changed():
    D = np.array([[0.2, 0.8]])
    to_logical_labels(D)
    assert_array_equal(D, [[0.2, 0.8]])


def test_many_labels():
    D = np.random.default_rng(0).dirichlet(np.ones(10_000), size=3)
    L = to_logical_labels(D)
    assert ((D * L).sum(axis=1) >= 0.5).all()
