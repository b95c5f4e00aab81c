"""The test for a shift of the mean predictions."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_array_equal
from scipy.stats import kstest, ttest_ind

from sklearn_ldl.shift.detection import shift_p_value


def equal(n_rows):
    return np.full(n_rows, 1 / n_rows)


def p_values(n_rows, n_target, n_labels, concentration=1.0, *, weighted=False, n_sets=400):
    found = []
    for seed in range(n_sets):
        rng = np.random.default_rng(seed)
        alpha = np.full(n_labels, concentration)
        P, P_target = rng.dirichlet(alpha, n_rows), rng.dirichlet(alpha, n_target)
        weight = rng.dirichlet(np.full(n_rows, 2)) if weighted else equal(n_rows)
        found.append(shift_p_value(P, weight, P_target))
    return np.array(found)


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize(("n_rows", "n_target"), [(100, 100), (150, 60)])
def test_p_values_are_uniform_without_a_shift(n_rows, n_target, weighted):
    assert kstest(p_values(n_rows, n_target, 3, weighted=weighted), "uniform").pvalue > 0.01


@pytest.mark.parametrize("concentration", [0.1, 1, 10])
@pytest.mark.parametrize(
    ("n_rows", "n_target", "n_labels"),
    [
        (30, 30, 20),
        (40, 40, 68),
        (500, 500, 30),
        (20, 500, 10),
        (60, 2, 5),
        (2, 60, 5),
        (2, 2, 2),
    ],
)
def test_level(n_rows, n_target, n_labels, concentration):
    for weighted in (False, True):
        found = p_values(n_rows, n_target, n_labels, concentration, weighted=weighted, n_sets=200)
        assert np.mean(found <= 0.05) < 0.09


def test_two_labels_make_a_t_test(rng):
    P, P_target = rng.dirichlet([2, 1], 30), rng.dirichlet([1, 1], 50)
    expected = ttest_ind(P[:, 0], P_target[:, 0]).pvalue
    # The pooled covariance is weighted by rows, not by degrees of freedom.
    assert shift_p_value(P, equal(30), P_target) == pytest.approx(expected, rel=0.1)


def test_a_label_that_hardly_varies_does_not_count(rng):
    P, P_target = rng.dirichlet([2, 1], 400), rng.dirichlet([2, 1.3], 400)
    expected = shift_p_value(P, equal(400), P_target)
    assert 1e-12 < expected < 0.05

    def with_noise(D, mean):
        third = mean + 1e-9 * rng.standard_normal((len(D), 1))
        return np.hstack([D * (1 - third), third])

    # Shifted by many of its own deviations, and by nothing beside those of the others.
    found = shift_p_value(with_noise(P, 1e-7), equal(400), with_noise(P_target, 2e-7))
    assert found == pytest.approx(expected, rel=1e-4)


def test_power_grows_with_the_rows_and_the_shift(rng):
    def detected(n_rows, change):
        found = [
            shift_p_value(
                rng.dirichlet([3, 2, 1], n_rows),
                equal(n_rows),
                rng.dirichlet([3, 2, 1 + change], n_rows),
            )
            for _ in range(100)
        ]
        return np.mean(np.array(found) <= 0.05)

    assert detected(50, 0.2) < detected(50, 0.8) < detected(300, 0.8)
    assert detected(300, 0.8) == 1


def test_strong_shifts_among_many_labels(rng):
    prior = np.geomspace(1, 100, 40)
    P, P_target = rng.dirichlet(prior / 10, 80), rng.dirichlet(prior[::-1] / 10, 80)
    assert shift_p_value(P, equal(80), P_target) < 1e-6


@settings(max_examples=50, deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1),
    n_rows=st.integers(2, 40),
    n_target=st.integers(2, 40),
    n_labels=st.integers(2, 12),
)
def test_invariances(seed, n_rows, n_target, n_labels):
    rng = np.random.default_rng(seed)
    P, P_target = (rng.dirichlet(np.ones(n_labels), n) for n in (n_rows, n_target))
    weight = rng.dirichlet(np.ones(n_rows))
    found = shift_p_value(P, weight, P_target)
    assert isinstance(found, float)
    assert 0 <= found <= 1
    labels, rows = rng.permutation(n_labels), rng.permutation(n_rows)
    assert shift_p_value(P[:, labels], weight, P_target[:, labels]) == pytest.approx(found)
    assert shift_p_value(P[rows], weight[rows], P_target) == pytest.approx(found)
    padded = np.vstack([P, rng.dirichlet(np.ones(n_labels), 3)]), np.append(weight, np.zeros(3))
    assert shift_p_value(*padded, P_target) == pytest.approx(found)


def test_equal_samples_show_no_shift(rng):
    P = rng.dirichlet(np.ones(5), 50)
    assert shift_p_value(P, equal(50), P) == pytest.approx(1)


def test_predictions_that_do_not_vary_show_no_shift(rng):
    P = np.full((20, 3), 1 / 3)
    assert shift_p_value(P, equal(20), P[:7]) == 1
    # Nor do those that are equal but for rounding.
    noise = 1e-17 * rng.standard_normal((20, 3))
    assert shift_p_value(P + noise, equal(20), P[:7]) == 1


def test_unusual_predictions(rng):
    one_hot = np.eye(3)[rng.integers(0, 3, 40)]
    assert 0 <= shift_p_value(one_hot, equal(40), one_hot[:2]) <= 1
    # All the target rows alike, far away.
    assert shift_p_value(one_hot, equal(40), np.tile([1.0, 0, 0], (30, 1))) < 0.01
    # Each row of the source the same, and each of the target.
    P, P_target = np.tile([0.5, 0.5], (9, 1)), np.tile([0.2, 0.8], (9, 1))
    assert 0 <= shift_p_value(P, equal(9), P_target) <= 1


def test_inputs_are_not_modified(rng):
    P, P_target, weight = rng.dirichlet(np.ones(3), 9), rng.dirichlet(np.ones(3), 5), equal(9)
    before = [array.copy() for array in (P, weight, P_target)]
    shift_p_value(P, weight, P_target)
    for array, copy in zip((P, weight, P_target), before, strict=True):
        assert_array_equal(array, copy)
