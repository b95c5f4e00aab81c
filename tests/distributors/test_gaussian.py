import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from scipy.stats import multivariate_normal, norm

from sklearn_ldl.decoding import decode
from sklearn_ldl.distributors import (
    gaussian_label_distribution,
    head_pose_grid,
    product_grid,
)

RNG = np.random.default_rng(0)


def test_values_agree_with_the_normalised_density():
    grid = np.array([3.0, 0.0, 1.5, 7.0])
    y, sigma = np.array([1.0, 6.2, -3.0]), np.array([0.5, 1.0, 2.0])
    density = norm.pdf(grid, y[:, None], sigma[:, None])
    expected = density / density.sum(axis=1, keepdims=True)
    assert_allclose(gaussian_label_distribution(y, grid, sigma), expected, rtol=1e-10)


@pytest.mark.parametrize(
    ("kwargs", "covariance"),
    [
        ({"sigma": 2.0}, np.diag([4.0, 4.0])),
        ({"sigma": [2.0, 0.5]}, np.diag([4.0, 0.25])),
        ({"sigma": [[2.0], [2.0], [2.0]]}, np.diag([4.0, 4.0])),
        ({"covariance": [[2.0, -0.9], [-0.9, 0.5]]}, np.array([[2.0, -0.9], [-0.9, 0.5]])),
    ],
)
def test_points_agree_with_the_normalised_density(kwargs, covariance):
    grid = product_grid(np.arange(-3.0, 4), np.arange(0.0, 5))
    y = np.array([[0.3, 1.2], [-2.0, 3.9], [2.5, 0.0]])
    density = np.stack([multivariate_normal(row, covariance).pdf(grid) for row in y])
    expected = density / density.sum(axis=1, keepdims=True)
    assert_allclose(gaussian_label_distribution(y, grid, **kwargs), expected, rtol=1e-8)


def test_the_pose_list_needs_no_rectangle():
    poses = head_pose_grid()
    D = gaussian_label_distribution([[15, -30], [90, 0]], poses, 15)
    assert D.shape == (2, 93)
    assert_array_equal(decode(D, poses, "argmax"), [[15, -30], [90, 0]])


@pytest.mark.parametrize(("sigma", "mean"), [(1, 0.52), (2, 1.30), (3, 2.09), (5, 3.68)])
def test_truncation_pulls_the_mean_inwards(sigma, mean):
    grid = np.arange(70)
    assert decode(gaussian_label_distribution([0], grid, sigma), grid).round(2) == mean


def test_a_small_sigma_snaps_to_the_grid():
    grid = np.arange(61)
    assert decode(gaussian_label_distribution([30.4], grid, 0.2), grid).round(2) == 30.08
    y = np.linspace(30, 31, 101)
    for sigma, bias in [(0.5, 0.023), (1.0, 1e-7)]:
        decoded = decode(gaussian_label_distribution(y, grid, sigma), grid)
        assert 0 < np.abs(decoded - y).max() < bias


def test_rows_far_from_every_label_do_not_underflow():
    grid = np.arange(5.0)
    D = gaussian_label_distribution([2.4, 2.5, -300.0, 1e6], grid, 1e-2)
    assert_allclose(D, [[0, 0, 1, 0, 0], [0, 0, 0.5, 0.5, 0], [1, 0, 0, 0, 0], [0, 0, 0, 0, 1]])


def test_zero_and_tiny_sigma_give_the_nearest_label_and_the_lower_on_ties():
    grid = [3.0, 1.0, 2.0]
    for sigma in (0.0, 1e-300, 1e-5, [0.0, 1e-5, 0.0, 0.0]):
        D = gaussian_label_distribution([1.5, 2.5, 2.6, 9.0], grid, sigma)
        assert_array_equal(decode(D, grid, "argmax"), [1, 2, 3, 3])
        assert_array_equal(np.sort(D, axis=1), np.tile([0, 0, 1], (4, 1)))


def test_sharp_points_go_to_the_lexicographically_lower_point_on_ties():
    grid = [[1.0, 1.0], [1.0, 0.0], [0.0, 1.0], [0.0, 0.0]]
    D = gaussian_label_distribution([[0.5, 0.5], [0.5, 1.0], [0.9, 0.2]], grid, 0)
    assert_array_equal(decode(D, grid, "argmax"), [[0, 0], [0, 1], [1, 0]])


def test_sharpness_is_relative_to_the_spacing():
    # 1e-9 would be tiny on a unit grid; here it is one spacing.
    grid = 1e-9 * np.arange(5)
    scaled = gaussian_label_distribution(grid, grid, 1e-9)
    assert_allclose(scaled, gaussian_label_distribution(np.arange(5), np.arange(5), 1.0))
    assert_array_equal(gaussian_label_distribution(grid, grid, 0), np.eye(5))


def test_mixed_samples_sharp_and_wide():
    grid = np.arange(4.0)
    D = gaussian_label_distribution([1.2, 1.2], grid, [0, 2])
    assert_array_equal(D[0], [0, 1, 0, 0])
    assert_array_equal(D[1], gaussian_label_distribution([1.2], grid, 2)[0])


def test_a_dimension_without_spread_is_rejected():
    with pytest.raises(ValueError, match="zero in some dimensions of row 1"):
        gaussian_label_distribution(np.zeros((2, 2)), np.eye(2), [[1, 1], [0, 1]])


@given(
    st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=5),
    st.lists(st.integers(-1000, 1000), min_size=2, max_size=20, unique=True),
    st.floats(0, 1e8),
)
@settings(max_examples=50, deadline=None)
def test_rows_always_lie_on_the_simplex(y, grid, sigma):
    D = gaussian_label_distribution(y, grid, sigma)
    assert (D >= 0).all()
    assert_allclose(D.sum(axis=1), 1, rtol=1e-12)


def test_ten_thousand_labels_in_two_dimensions():
    grid = product_grid(np.arange(100.0), np.arange(100.0))
    y = RNG.uniform(20, 80, (20, 2))
    D = gaussian_label_distribution(y, grid, 3.0)
    assert_allclose(D.sum(axis=1), 1, rtol=1e-12)
    assert_allclose(decode(D, grid), y, atol=1e-8)


@pytest.mark.parametrize(
    ("args", "kwargs", "message"),
    [
        (([1.0, np.nan], [0, 1]), {}, "y contains NaN"),
        (([1.0], [0, np.inf]), {}, "grid contains infinity"),
        (([1.0], [0, 0]), {}, "repeats a label"),
        (([1.0], [0]), {}, "minimum of 2"),
        (([[1.0, 2.0]], [0, 1]), {}, "y has 2 dimensions but grid has 1"),
        (([1.0], [0, 1], -1), {}, "sigma must be finite and at least 0"),
        (([1.0], [0, 1], np.nan), {}, "sigma must be finite"),
        (([1.0], [0, 1], [1, 2]), {}, r"sigma of shape \(2,\) does not broadcast"),
        ((np.ones((3, 2)), np.eye(2), [1, 2, 3]), {}, "a column with one per sample"),
        (([[1.0, 2]], np.eye(2)), {"covariance": [[1, 2], [2, 1]]}, "not positive definite"),
        (([[1.0, 2]], np.eye(2)), {"covariance": [[1, 0.5], [0, 1]]}, "not symmetric"),
        (([[1.0, 2]], np.eye(2)), {"covariance": [[1]]}, r"covariance must be \(2, 2\)"),
        (([0, 1e200], [0, 1]), {}, "Row 1 of y is too far"),
    ],
)
def test_bad_arguments(args, kwargs, message):
    with pytest.raises(ValueError, match=message):
        gaussian_label_distribution(*args, **kwargs)


def test_inputs_stay_as_they_are():
    y, grid, sigma = np.array([0.5, 1.0]), np.arange(3.0), np.array([0.0, 1.0])
    gaussian_label_distribution(y, grid, sigma)
    assert_array_equal(y, [0.5, 1.0])
    assert_array_equal(grid, [0, 1, 2])
    assert_array_equal(sigma, [0.0, 1.0])
