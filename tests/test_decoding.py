import numpy as np
import pandas as pd
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.testing import assert_allclose, assert_array_equal
from scipy.spatial.distance import cdist
from scipy.stats import norm

from sklearn_ldl._core.simplex import normalize
from sklearn_ldl.decoding import (
    RULES,
    argmax,
    check_grid,
    decode,
    expectation,
    in_order_of_names,
    label_spacing,
    median,
    mode,
    quantile,
    threshold_sets,
)
from sklearn_ldl.metrics import wasserstein_distance

AGES = np.array([10.0, 20.0, 30.0, 40.0])
POSES = np.array([[0.0, 0.0], [0.0, 15.0], [15.0, 0.0], [90.0, 0.0]])


def gaussian_rows(centres, grid, sigma):
    return normalize(np.exp(-0.5 * ((grid - np.reshape(centres, (-1, 1))) / sigma) ** 2))


distributions = st.integers(2, 8).flatmap(
    lambda n_labels: arrays(
        float, (3, n_labels), elements=st.floats(0, 1).map(lambda degree: round(degree, 3))
    ).map(normalize)
)


def test_argmax_takes_the_first_label_on_ties():
    D = [[0.1, 0.4, 0.1, 0.4], [0.25, 0.25, 0.25, 0.25]]
    assert_array_equal(argmax(D, AGES), [20, 10])


def test_argmax_of_points_is_the_joint_label_not_the_marginals():
    # The marginal of the first coordinate favours 0, the joint arg-max is (90, 0).
    assert_array_equal(argmax([[0.3, 0.3, 0.0, 0.4]], POSES), [[90, 0]])


def test_expectation_is_the_matrix_product():
    D = np.array([[0.1, 0.2, 0.3, 0.4], [1, 0, 0, 0]])
    assert_allclose(expectation(D, AGES), [30, 10])
    assert_allclose(expectation(D, POSES), D @ POSES)


def test_median_is_the_smallest_value_with_half_of_the_mass():
    D = [[0.5, 0, 0, 0.5], [0.49, 0.02, 0, 0.49], [0, 0, 0, 1]]
    assert_array_equal(median(D, AGES), [10, 20, 40])


def test_median_sorts_the_grid():
    D = np.array([[0.1, 0.2, 0.3, 0.4], [0.7, 0.1, 0.1, 0.1]])
    order = [2, 0, 3, 1]
    assert_array_equal(median(D[:, order], AGES[order]), median(D, AGES))


def test_median_is_not_moved_by_rounding():
    # Ten times 0.1 cumulates to 0.49999999999999994 or 0.5 depending on the order of summation.
    for n_labels in range(4, 60, 2):
        D = np.full((1, n_labels), 1 / n_labels)
        assert median(D, np.arange(n_labels)) == n_labels // 2 - 1


def test_median_of_points_is_the_median_of_every_coordinate():
    D = [[0.2, 0.2, 0.2, 0.4]]
    # First coordinate: 0 (.4), 15 (.2), 90 (.4); second: 0 (.8), 15 (.2).
    assert_array_equal(median(D, POSES), [[15, 0]])


@given(distributions)
@settings(max_examples=50, deadline=None)
def test_median_minimises_the_expected_absolute_error(D):
    grid = np.cumsum(np.arange(1.0, D.shape[1] + 1))
    cost = np.abs(grid[:, None] - grid) @ D.T  # (candidates, rows)
    chosen = np.abs(median(D, grid)[:, None] - grid)
    assert_allclose((chosen * D).sum(axis=1), cost.min(axis=0), atol=1e-9)


def test_mode_lies_between_labels_where_argmax_cannot():
    grid = np.arange(0.0, 50)
    centres = np.array([20.3, 31.7])
    D = gaussian_rows(centres, grid, sigma=4)
    assert_allclose(mode(D, grid), centres, atol=1e-5)
    assert_array_equal(argmax(D, grid), [20, 32])


def test_mode_prefers_a_bump_to_a_spike():
    D = np.zeros((1, 30))
    D[0, 2] = 0.2
    D[0, 20:26] = [0.1, 0.13, 0.17, 0.17, 0.13, 0.1]
    assert argmax(D, np.arange(30)) == 2
    assert_allclose(mode(D, np.arange(30)), 22.5, atol=1e-6)


def test_mode_of_two_equal_cells_is_the_midpoint_or_the_first_cell():
    D = [[0.5, 0.5]]
    assert_allclose(mode(D, [0, 1], bandwidth=2), 0.5, atol=1e-8)
    assert_allclose(mode(D, [0, 1], bandwidth=0.1), 0, atol=1e-8)


def test_mode_of_points_in_any_list():
    axis = np.arange(-60.0, 61, 5)
    points = np.stack(np.meshgrid(axis, axis), axis=-1).reshape(-1, 2)
    points = np.vstack([points, [[90, 0], [-90, 0]]])
    centre = np.array([12.2, -31.9])
    D = normalize(np.exp(-0.5 * ((points - centre) ** 2).sum(axis=1) / 15**2)[None])
    assert_allclose(mode(D, points), [centre], atol=1e-3)


@pytest.mark.parametrize(("n_labels", "n_dims"), [(3, 1), (40, 1), (10, 2)])
def test_mode_is_a_peak_above_every_label(n_labels, n_dims):
    rng = np.random.default_rng(0)
    grid = rng.uniform(0, 10, (n_labels, n_dims))
    D = rng.dirichlet(np.full(n_labels, 2.0), 1000)
    bandwidth = np.median(label_spacing(grid))

    def density(at):
        return (D * np.exp(-0.5 * cdist(at, grid, "sqeuclidean") / bandwidth**2)).sum(axis=1)

    peak = mode(D, grid).reshape(-1, n_dims)
    at_labels = np.max([density(np.tile(label, (1000, 1))) for label in grid], axis=0)
    assert (density(peak) >= at_labels * (1 - 1e-9)).all()
    for direction in np.vstack([np.eye(n_dims), -np.eye(n_dims)]):
        assert (density(peak + 0.01 * bandwidth * direction) <= density(peak)).all()


def test_mode_is_the_highest_peak_not_that_of_the_best_label():
    D = np.zeros((1, 10))
    D[0, [2, 6, 7]] = 0.42, 0.29, 0.29
    assert_allclose(mode(D, np.arange(10), bandwidth=0.7), 6.5, atol=1e-6)
    plane = np.stack(np.meshgrid(np.arange(10.0), [0.0, 1.0], indexing="ij"), axis=-1)
    both = np.repeat(D, 2, axis=1) * np.tile([0.9, 0.1], 10)
    peak = mode(both, plane.reshape(-1, 2), bandwidth=0.7)
    assert_allclose(peak[:, 0], 6.5, atol=1e-6)


def test_mode_of_heat_maps_is_that_of_any_list_of_points():
    rng = np.random.default_rng(0)
    pixels = np.indices((64, 64)).reshape(2, -1).T
    centres = rng.uniform(5, 58, (4, 2))
    D = np.exp(-0.5 * cdist(centres, pixels, "sqeuclidean") / 3**2) + 0.01 * rng.random((4, 4096))
    D = normalize(D)
    # One pixel more, and the points fill no rectangle.
    more, outside = np.hstack([D, np.zeros((4, 1))]), np.vstack([pixels, [[-9, -9]]])
    assert_allclose(mode(D, pixels), mode(more, outside), atol=1e-6)
    assert np.abs(mode(D, pixels) - centres).max() < 0.2


def test_mode_takes_the_first_of_two_equal_peaks():
    rng = np.random.default_rng(0)
    bumps = rng.dirichlet(np.ones(6), 500) / 2
    D = np.hstack([bumps, np.zeros((500, 20)), bumps[:, ::-1]])
    assert (mode(D, np.arange(32)) < 16).all()


def test_mode_takes_no_newton_step_far_off_the_grid():
    # On the climb the curvature almost vanishes, where a full Newton step underflows to NaN.
    assert mode([[0.406, 0.444, 0.15]], [9.44, 1.57, 4.78]).round(2) == 3.01


def test_mode_where_two_peaks_merge():
    # Two cells at twice the bandwidth: the density is flat to third order at the midpoint.
    assert_allclose(mode([[0.5, 0.5]], [0, 2], bandwidth=1), 1, atol=1e-3)


def test_mode_does_not_depend_on_units():
    rng = np.random.default_rng(1)
    D = rng.dirichlet(np.ones(20), 5)
    grid = np.arange(20.0)
    assert_allclose(mode(D, 1e-6 * grid + 1e-3), 1e-6 * mode(D, grid) + 1e-3, rtol=1e-9)


def test_mode_rejects_a_bad_bandwidth():
    for bandwidth in (0, -1.0, np.nan, np.inf):
        with pytest.raises(ValueError, match="bandwidth must be positive"):
            mode([[0.5, 0.5]], [0, 1], bandwidth=bandwidth)


def test_threshold_is_strict():
    sets = threshold_sets([[0.5, 0.25, 0.25], [0.2, 0.6, 0.2]], 0.25)
    assert sets.dtype == bool
    assert_array_equal(sets, [[True, False, False], [False, True, False]])


def test_empty_sets_may_stay_empty_or_get_the_first_largest_label():
    D = [[0.4, 0.4, 0.2], [0.9, 0.1, 0.0]]
    assert_array_equal(threshold_sets(D, 0.5).sum(axis=1), [0, 1])
    assert_array_equal(
        threshold_sets(D, 0.5, empty="top1"), [[True, False, False], [True, False, False]]
    )
    assert not threshold_sets([[0, 1.0]], 1).any()
    assert_array_equal(threshold_sets([[0, 1.0]], 0), [[False, True]])


@pytest.mark.parametrize("threshold", [-0.1, 1.1, np.nan])
def test_threshold_must_lie_in_the_unit_interval(threshold):
    with pytest.raises(ValueError, match=r"threshold must lie in \[0, 1\]"):
        threshold_sets([[0.5, 0.5]], threshold)


def test_unknown_treatment_of_empty_sets_is_rejected():
    with pytest.raises(ValueError, match="'allow' or 'top1'"):
        threshold_sets([[0.5, 0.5]], 0.5, empty="argmax")


@pytest.mark.parametrize("rule", RULES)
@given(D=distributions)
@settings(max_examples=50, deadline=None)
def test_rules_commute_with_the_order_of_labels_and_stay_in_range(rule, D):
    grid = np.linspace(-1, 1, D.shape[1])
    # Distinct degrees: ties are broken by the order of labels.
    D = normalize(D + 1e-3 * np.arange(D.shape[1]) ** 1.5)
    decoded = decode(D, grid, rule)
    assert decoded.shape == (3,)
    assert np.isfinite(decoded).all()
    assert (np.abs(decoded) <= 1 + 1e-12).all()
    if rule != "mode":  # near-equal peaks of the smoothed density are legitimate ties
        order = np.random.default_rng(0).permutation(D.shape[1])
        assert_allclose(decode(D[:, order], grid[order], rule), decoded, atol=1e-12)


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("grid", [AGES, POSES], ids=["ages", "poses"])
def test_every_rule_returns_the_label_of_a_one_hot_row(rule, grid):
    assert_allclose(decode(np.eye(4), grid, rule), grid, atol=1e-3)


@pytest.mark.parametrize("rule", RULES)
def test_one_column_of_points_is_a_scalar_grid(rule):
    D = [[0.1, 0.5, 0.3, 0.1]]
    assert_array_equal(decode(D, AGES[:, None], rule), decode(D, AGES, rule))


@pytest.mark.parametrize("rule", RULES)
def test_ten_thousand_labels(rule):
    grid = np.arange(10_000.0)
    centres = np.array([17.0, 5000.0, 9876.0])
    assert_allclose(decode(gaussian_rows(centres, grid, 5), grid, rule), centres, atol=1e-2)


@pytest.mark.parametrize("rule", RULES)
def test_float32_and_data_frames(rule):
    D = np.array([[0.1, 0.2, 0.4, 0.3]])
    expected = decode(D, AGES, rule)
    assert_allclose(decode(D.astype(np.float32), AGES.astype(np.float32), rule), expected, 1e-6)
    assert_allclose(decode(pd.DataFrame(D), pd.Series(AGES), rule), expected)


def test_inputs_are_not_modified():
    D, grid = np.array([[0.2, 0.3, 0.5 + 1e-4, 0.0]]), AGES.copy()
    before = D.copy()
    for rule in RULES:
        decode(D, grid, rule)
    threshold_sets(D, 0.3)
    assert_array_equal(D, before)
    assert_array_equal(grid, AGES)


def test_decode_defaults_to_expectation_and_names_the_rules():
    D = [[0.1, 0.2, 0.3, 0.4]]
    assert_array_equal(decode(D, AGES), expectation(D, AGES))
    with pytest.raises(ValueError, match=r"rule must be one of.*'mode'.*'mean'"):
        decode(D, AGES, "mean")


@pytest.mark.parametrize(
    ("grid", "message"),
    [
        ([1, 2, 3], "grid has 3 labels but the distributions have 4"),
        ([1, 2, 2, 3], "repeats a label"),
        ([[0, 1], [0, 2], [0, 1], [1, 1]], "repeats a label"),
        ([1, 2, np.nan, 4], "grid contains NaN"),
        ([1, 2, np.inf, 4], "infinity"),
        (["a", "b", "c", "d"], "could not convert"),
        ([1], "minimum of 2"),
    ],
)
@pytest.mark.parametrize("rule", RULES)
def test_bad_grids_are_rejected(rule, grid, message):
    with pytest.raises(ValueError, match=message):
        decode(np.full((2, 4), 0.25), grid, rule)


@pytest.mark.parametrize("rule", RULES)
def test_rows_off_the_simplex_are_rejected(rule):
    with pytest.raises(ValueError, match="D is not a label distribution: row 1 sums to 2"):
        decode([[0.5, 0.5], [1, 1]], [0, 1], rule)
    with pytest.raises(ValueError, match="row 0 contains NaN"):
        decode([[np.nan, 0.5]], [0, 1], rule)


def test_check_grid_returns_float64_and_drops_a_lone_axis():
    assert check_grid([3, 1]).dtype == np.float64
    assert check_grid([[3], [1]]).shape == (2,)
    assert check_grid([[3, 0], [1, 0]]).shape == (2, 2)


def test_label_spacing_of_points():
    assert_allclose(label_spacing(POSES), [15, 15, 15, 75])
    # All combinations of some coordinates, in any order.
    assert_allclose(label_spacing(np.array([[0.0, 9], [4, 1], [0, 1], [4, 9]])), [4, 4, 4, 4])
    assert_allclose(label_spacing(np.array([5.0, 0.0, 4.0])), [1, 4, 1])


# --- quantiles


def test_quantiles_spread_a_degree_over_its_cell_and_stop_at_the_ends():
    D = [[0.25, 0.5, 0.25, 0], [0, 0, 0, 1]]
    expected = [[10, 15, 20, 25, 32], [36, 37.5, 40, 40, 40]]
    assert_allclose(quantile(D, AGES, [0.1, 0.25, 0.5, 0.75, 0.925]), expected)
    assert_allclose(quantile(D, AGES, 0.5), [20, 40])


def test_quantiles_of_an_uneven_grid_in_any_order():
    grid = np.array([0.0, 1.0, 4.0, 5.0])
    D = np.array([[0.1, 0.3, 0.4, 0.2]])
    # Cells from -0.5 to 0.5, to 2.5, to 4.5, to 5.5.
    levels = np.array([0.1, 0.25, 0.4, 0.6, 0.9])
    expected = [[0.5, 1.5, 2.5, 3.5, 5.0]]
    assert_allclose(quantile(D, grid, levels), expected)
    order = [2, 0, 3, 1]
    assert_allclose(quantile(D[:, order], grid[order], levels), expected)


def test_a_quantile_on_a_gap_is_its_lower_end():
    assert_allclose(quantile([[0.5, 0, 0, 0.5]], AGES, [0.5, 0.5 + 1e-9]), [[15, 35]], atol=1e-6)


@settings(max_examples=50, deadline=None)
@given(D=distributions, q=st.lists(st.floats(1e-300, 1 - 1e-16), min_size=2, max_size=5))
def test_quantiles_rise_inside_the_grid(D, q):
    grid = np.arange(D.shape[1]) ** 2.0
    y = quantile(D, grid, np.sort(q))
    assert (np.diff(y, axis=1) >= 0).all()
    assert ((grid[0] <= y) & (y <= grid[-1])).all()
    # Not more than half a cell from the label that the median picks.
    assert (np.abs(quantile(D, grid, 0.5) - median(D, grid)) <= np.diff(grid).max() / 2).all()


def test_quantiles_of_a_fine_normal_distribution():
    grid = np.linspace(0, 100, 401)
    levels = np.array([0.01, 0.2, 0.5, 0.9])
    y = quantile(gaussian_rows([40.1], grid, 3.0), grid, levels)
    assert_allclose(y, [norm.ppf(levels, 40.1, 3)], atol=0.005)


def test_points_have_no_quantiles():
    with pytest.raises(ValueError, match="those of values, but grid has 2 dimensions"):
        quantile([[0.25, 0.25, 0.25, 0.25]], POSES, 0.5)


@pytest.mark.parametrize("q", [0, 1, -0.1, np.nan, [[0.5]]])
def test_levels_out_of_range(q):
    with pytest.raises(ValueError, match=r"q must be a number or a vector of numbers in \(0, 1\)"):
        quantile([[0.5, 0.5]], [0, 1], q)


def test_quantiles_match_columns_by_name():
    D = pd.DataFrame([[0.25, 0.5, 0.25]], columns=[30, 20, 10])
    assert_allclose(quantile(D, [10, 20, 30], [0.25, 0.75]), [[15, 25]])


@pytest.mark.parametrize("library", [pd.DataFrame, pl.DataFrame])
def test_names_that_are_numbers_as_text_are_values_of_a_grid(library):
    """Files and Polars know no other names than text."""
    grid = [1, 2, 7]
    D, P = np.array([[0.1, 0.7, 0.2], [0.5, 0.2, 0.3]]), np.array([[0.3, 0.3, 0.4], [0.6, 0.4, 0]])
    wanted = expectation(D, grid), wasserstein_distance(D, P, grid=grid)
    D, P = (library(dict(zip(["7", "1.0", "2"], A.T[[2, 0, 1]], strict=True))) for A in (D, P))
    assert_allclose(expectation(D, grid), wanted[0])
    assert_allclose(wasserstein_distance(D, P, grid=grid), wanted[1])
    assert_array_equal(
        in_order_of_names(np.array([1.0, 2, 7]), np.array(["7", "1", "2"])), [7, 1, 2]
    )
