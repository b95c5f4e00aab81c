import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.metrics import mean_absolute_error

from sklearn_ldl.distributors import head_pose_grid
from sklearn_ldl.metrics import (
    accuracy_within_score,
    cumulative_score,
    cumulative_score_curve,
    epsilon_error,
    mean_euclidean_error,
)

quick = settings(max_examples=50, deadline=None)
seeds = st.integers(0, 2**32 - 1)

# Each as f(y_true, y_pred), for what they have in common.
MEASURES = {
    "mean_euclidean_error": mean_euclidean_error,
    "accuracy_within_score": lambda *y, **kw: accuracy_within_score(*y, 2, **kw),
    "cumulative_score": lambda *y, **kw: cumulative_score(*y, 2, **kw),
    "cumulative_score_curve": lambda *y, **kw: cumulative_score_curve(*y, [0, 2, 4], **kw),
    "epsilon_error": lambda *y, **kw: epsilon_error(*y, 1.5, **kw),
}
MEASURES_OF_DISTANCES = [MEASURES[name] for name in MEASURES if name != "accuracy_within_score"]
every_measure = pytest.mark.parametrize("measure", MEASURES.values(), ids=MEASURES)


def test_mean_euclidean_error_of_values_is_the_mean_absolute_error():
    rng = np.random.default_rng(0)
    y, p, w = rng.normal(size=(3, 20))
    w = abs(w)
    assert mean_euclidean_error(y, p) == pytest.approx(mean_absolute_error(y, p))
    assert mean_euclidean_error(y, p, sample_weight=w) == pytest.approx(
        mean_absolute_error(y, p, sample_weight=w)
    )


def test_mean_euclidean_error_of_pairs():
    assert mean_euclidean_error([[0, 0], [1, 1]], [[3, 4], [1, 1]]) == 2.5


def test_cumulative_score_includes_the_threshold():
    y, p = [20, 30, 40, 50], [25, 30, 48, 49]
    assert cumulative_score(y, p, 5) == 0.75
    assert cumulative_score(y, p, 4.999) == 0.5
    assert cumulative_score(y, p, 0) == 0.25
    assert cumulative_score(y, p, 8) == 1
    assert cumulative_score(y, p, 5, sample_weight=[0, 0, 3, 1]) == 0.25


PITCH_AND_YAW = [[0, 0], [15, 30], [30, -45], [-15, 15], [90, 0]]
PREDICTED = [[0, 0], [15, 50], [15, -45], [-13, 10], [60, 15]]


@pytest.mark.parametrize(
    ("tolerance", "both", "pitch", "yaw"),
    [(0, 0.2, 0.4, 0.4), (15, 0.6, 0.8, 0.8), (14.999, 0.4, 0.6, 0.6), (30, 1, 1, 1)],
)
def test_accuracy_within_a_tolerance(tolerance, both, pitch, yaw):
    score = accuracy_within_score(PITCH_AND_YAW, PREDICTED, tolerance)
    assert isinstance(score, float)
    assert score == both
    assert accuracy_within_score(PITCH_AND_YAW, PREDICTED, tolerance, dim=0) == pitch
    assert accuracy_within_score(PITCH_AND_YAW, PREDICTED, tolerance, dim=1) == yaw


def test_accuracy_within_a_tolerance_of_each_coordinate():
    assert accuracy_within_score(PITCH_AND_YAW, PREDICTED, [2, 20]) == 0.6
    assert accuracy_within_score(PITCH_AND_YAW, PREDICTED, [2, 20], dim=1) == 1
    weights = [0, 2, 1, 1, 0]
    assert accuracy_within_score(PITCH_AND_YAW, PREDICTED, 5, sample_weight=weights) == 0.25


def test_accuracy_of_the_nearest_class():
    poses = head_pose_grid()
    # (15, 50) is nearest to (15, 45), (-13, 10) to (-15, 15).
    assert accuracy_within_score(PITCH_AND_YAW, PREDICTED, grid=poses) == 0.4
    assert accuracy_within_score(PITCH_AND_YAW, PREDICTED, 15, grid=poses) == 0.8
    assert accuracy_within_score(PITCH_AND_YAW, PREDICTED, grid=poses, dim=1) == 0.6
    assert accuracy_within_score([20.4, 39.0], [19.6, 37.4], grid=range(60)) == 0.5


def test_accuracy_of_angles_is_that_of_the_joint_class():
    # Straight up there is one class, whatever the yaw is.
    assert accuracy_within_score([[90, 0]], [[88, 40]], grid=head_pose_grid()) == 0
    assert accuracy_within_score([[90, 0]], [[88, 20]], grid=head_pose_grid(), dim=1) == 1


@pytest.mark.parametrize("tolerance", [-1, [0, -1], np.nan, [1, 1, 1], [[1, 1]]])
def test_bad_tolerances_are_refused(tolerance):
    with pytest.raises(ValueError, match="tolerance must be a non-negative number"):
        accuracy_within_score(PITCH_AND_YAW, PREDICTED, tolerance)


@pytest.mark.parametrize("dim", [2, -1])
def test_a_coordinate_that_is_not_there_is_refused(dim):
    with pytest.raises(ValueError, match=f"dim must be None or from 0 to 1, got {dim}"):
        accuracy_within_score(PITCH_AND_YAW, PREDICTED, dim=dim)


def test_a_grid_of_other_dimensions_is_refused():
    with pytest.raises(ValueError, match="y_true has 2 dimensions but grid has 1"):
        accuracy_within_score(PITCH_AND_YAW, PREDICTED, grid=range(90))


@quick
@given(seed=seeds)
def test_curve_holds_the_score_at_every_threshold(seed):
    rng = np.random.default_rng(seed)
    y, p = rng.integers(0, 10, (2, 15))
    weights = rng.random(15)
    thresholds = rng.permutation(12)
    curve = cumulative_score_curve(y, p, thresholds, sample_weight=weights)
    literal = [weights[abs(y - p) <= t].sum() / weights.sum() for t in thresholds]
    assert_allclose(curve, literal, rtol=1e-12, atol=1e-15)
    assert_array_equal(
        curve, [cumulative_score(y, p, t, sample_weight=weights) for t in thresholds]
    )
    assert (np.diff(curve[np.argsort(thresholds)]) >= 0).all()
    assert curve[thresholds.argmax()] == 1


def test_epsilon_error_follows_its_formula():
    rng = np.random.default_rng(1)
    y, p = rng.normal(size=(2, 20))
    sigma = rng.uniform(0.5, 2, 20)
    expected = np.mean(1 - np.exp(-((y - p) ** 2) / (2 * sigma**2)))
    assert epsilon_error(y, p, sigma) == pytest.approx(expected)
    assert epsilon_error(y, p, 1.0) == epsilon_error(y, p, np.ones(20))


def test_epsilon_error_without_disagreement_is_the_zero_one_loss():
    assert epsilon_error([1.0, 2.0, 3.0], [1.0, 2.5, 3.0], 0) == pytest.approx(1 / 3)
    assert epsilon_error([1.0, 2.0], [1.0, 2.5], 1e-300) == 0.5


def test_epsilon_error_of_points_uses_their_distance():
    assert epsilon_error([[0.0, 0.0]], [[3.0, 4.0]], 5) == pytest.approx(1 - np.exp(-0.5))


@pytest.mark.parametrize("sigma", [-1, [1.0, -1.0], [1.0], [[1.0, 1.0]]])
def test_bad_sigma_is_refused(sigma):
    with pytest.raises(ValueError, match="sigma must be a non-negative number"):
        epsilon_error([1.0, 2.0], [1.0, 2.0], sigma)


@pytest.mark.parametrize("sigma", [np.nan, [1.0, np.nan]])
def test_nan_sigma_is_refused(sigma):
    with pytest.raises(ValueError, match="sigma contains NaN"):
        epsilon_error([1.0, 2.0], [1.0, 2.0], sigma)


@pytest.mark.parametrize("thresholds", [[-1], [[1, 2]], [0, -0.5]])
def test_bad_thresholds_are_refused(thresholds):
    with pytest.raises(ValueError, match="non-negative numbers"):
        cumulative_score_curve([1.0], [1.0], thresholds)


@every_measure
@quick
@given(seed=seeds)
def test_weights_repeat_samples(measure, seed):
    rng = np.random.default_rng(seed)
    y, p = rng.integers(0, 6, (2, 8, 2))
    weights = rng.integers(0, 4, 8) + np.eye(8, dtype=int)[0]
    repeated = measure(np.repeat(y, weights, axis=0), np.repeat(p, weights, axis=0))
    assert measure(y, p, sample_weight=weights) == pytest.approx(repeated, rel=1e-12)


@every_measure
def test_a_column_counts_as_values_and_pandas_is_accepted(measure):
    y, p = np.array([1.0, 5.0, 3.0]), np.array([1.0, 2.0, 5.0])
    expected = measure(y, p)
    assert_array_equal(measure(y[:, None], p), expected)
    assert_array_equal(measure(pd.Series(y, index=[3, 2, 1]), p.tolist()), expected)


@every_measure
@pytest.mark.parametrize(
    ("y", "p", "message"),
    [
        ([1.0, 2.0], [1.0], "different shapes"),
        ([[1.0, 2.0]], [1.0], "different shapes"),
        ([1.0, np.nan], [1.0, 2.0], "y_true contains NaN"),
        ([1.0, 2.0], [1.0, np.inf], "y_pred contains infinity"),
        ([[[[1.0]]]], [[[[1.0]]]], "Expected values or points"),
        ([], [], "minimum of 1 is required"),
    ],
)
def test_bad_values_are_refused(measure, y, p, message):
    with pytest.raises(ValueError, match=message):
        measure(y, p)


@every_measure
def test_bad_weights_are_refused(measure):
    with pytest.raises(ValueError, match="at least one positive"):
        measure([1.0, 2.0], [1.0, 2.0], sample_weight=[0, 0])


@pytest.mark.parametrize("measure", MEASURES_OF_DISTANCES)
def test_several_points_count_by_their_mean_distance(measure):
    rng = np.random.default_rng(0)
    y, p = rng.uniform(0, 3, (2, 9, 4, 2))
    errors = [np.mean([np.hypot(*(p[i, k] - y[i, k])) for k in range(4)]) for i in range(9)]
    assert_allclose(measure(y, p), measure(np.zeros(9), errors), rtol=1e-12)
