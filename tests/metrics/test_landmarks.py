import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from scipy.integrate import quad

from sklearn_ldl.metrics import (
    cumulative_error_auc_score,
    cumulative_score,
    failure_rate_loss,
    mean_euclidean_error,
    normalized_mean_error,
)

quick = settings(max_examples=50, deadline=None)
seeds = st.integers(0, 2**32 - 1)


def landmarks(seed=0, n_images=6):
    rng = np.random.default_rng(seed)
    y = rng.uniform(0, 100, (n_images, 5, 2))
    return y, y + rng.normal(size=y.shape), rng.uniform(50, 100, (n_images, 2))


def test_nme_follows_its_formula():
    y, p, boxes = landmarks()
    errors = [
        np.mean([np.hypot(*(p[i, k] - y[i, k])) for k in range(5)])
        / np.sqrt(boxes[i, 0] * boxes[i, 1])
        for i in range(6)
    ]
    assert_allclose(normalized_mean_error(y, p, boxes, per_row=True), errors, rtol=1e-12)
    assert normalized_mean_error(y, p, boxes) == pytest.approx(np.mean(errors))
    weights = np.arange(6)
    assert normalized_mean_error(y, p, boxes, sample_weight=weights) == pytest.approx(
        np.average(errors, weights=weights)
    )


@pytest.mark.parametrize(
    "boxes", [np.ones((5, 2)), np.ones((6, 3)), np.zeros((6, 2)), -np.ones((6, 2))]
)
def test_nme_needs_one_box_per_image(boxes):
    y, p, _ = landmarks()
    with pytest.raises(ValueError, match="positive length, or a positive width"):
        normalized_mean_error(y, p, boxes)


def test_nme_needs_plane_landmarks():
    with pytest.raises(ValueError, match=r"\(n_samples, n_landmarks, 2\)"):
        normalized_mean_error([[1.0, 2.0]], [[1.0, 2.0]], [[1.0, 1.0]])
    with pytest.raises(ValueError, match="different shapes"):
        normalized_mean_error(np.zeros((1, 2, 2)), np.zeros((1, 3, 2)), [[1.0, 1.0]])


def test_nme_weights_and_per_row_exclude_each_other():
    y, p, boxes = landmarks()
    with pytest.raises(ValueError, match="sample_weight has no effect with per_row=True"):
        normalized_mean_error(y, p, boxes, sample_weight=np.ones(6), per_row=True)


@pytest.mark.parametrize("tau", [0.03, 0.07, 0.5])
def test_auc_is_the_area_under_the_curve(tau):
    errors = np.random.default_rng(0).exponential(0.04, 15)
    breaks = errors[errors < tau]
    area, _ = quad(lambda t: np.mean(errors <= t), 0, tau, points=breaks, limit=200)
    assert cumulative_error_auc_score(errors, tau=tau) == pytest.approx(area / tau, abs=1e-9)


@quick
@given(seed=seeds)
def test_auc_is_at_least_one_minus_the_mean_error_over_tau(seed):
    rng = np.random.default_rng(seed)
    errors = rng.exponential(0.05, 10)
    area = cumulative_error_auc_score(errors)
    assert 0 <= area <= 1
    assert area >= 1 - errors.mean() / 0.07 - 1e-12
    weights = rng.integers(1, 4, 10)
    assert cumulative_error_auc_score(errors, sample_weight=weights) == pytest.approx(
        cumulative_error_auc_score(np.repeat(errors, weights)), abs=1e-14
    )


def test_a_length_an_image_or_none():
    y, p, boxes = landmarks()
    lengths = np.sqrt(boxes.prod(axis=1))
    assert_allclose(
        normalized_mean_error(y, p, lengths, per_row=True),
        normalized_mean_error(y, p, boxes, per_row=True),
        rtol=1e-14,
    )
    assert normalized_mean_error(y, p, None) == pytest.approx(mean_euclidean_error(y, p))


def test_only_visible_landmarks_count():
    y, p, boxes = landmarks()
    visible = np.random.default_rng(1).random((6, 5)) < 0.6
    visible[0] = True
    expected = [
        np.mean([np.hypot(*(p[i, k] - y[i, k])) for k in range(5) if visible[i, k]])
        / np.sqrt(boxes[i].prod())
        for i in range(6)
    ]
    errors = normalized_mean_error(y, p, boxes, visible=visible, per_row=True)
    assert_allclose(errors, expected, rtol=1e-12)
    unknown = np.where(visible[..., None], y, np.nan)
    found = normalized_mean_error(unknown, p, boxes, visible=visible, per_row=True)
    assert_array_equal(found, errors)
    everything = normalized_mean_error(y, p, boxes, visible=np.ones((6, 5)))
    assert everything == pytest.approx(normalized_mean_error(y, p, boxes), rel=1e-15)


def test_bad_visibility_is_refused():
    y, p, boxes = landmarks()
    visible = np.ones((6, 5), dtype=bool)
    visible[4] = False
    with pytest.raises(ValueError, match="No landmark of image 4 is visible"):
        normalized_mean_error(y, p, boxes, visible=visible)
    with pytest.raises(ValueError, match=r"visible has shape \(5, 5\)"):
        normalized_mean_error(y, p, boxes, visible=visible[1:])
    with pytest.raises(ValueError, match="y_true contains NaN"):
        normalized_mean_error(np.where(y > 50, np.nan, y), p, boxes)


def test_failures_are_errors_above_the_threshold():
    errors = [0.01, 0.08, 0.081, 0.5]
    assert failure_rate_loss(errors) == 0.5
    assert failure_rate_loss(errors, threshold=0.5) == 0
    assert failure_rate_loss(errors, threshold=0.001) == 1
    assert failure_rate_loss(errors, sample_weight=[1, 1, 2, 0]) == 0.5
    share = cumulative_score(np.zeros(4), errors, 0.08)
    assert failure_rate_loss(errors) == 1 - share


def test_failure_rate_refuses_bad_arguments():
    for threshold in (0, -1, np.nan, "0.1"):
        with pytest.raises(ValueError, match="threshold must be a positive number"):
            failure_rate_loss([0.1], threshold=threshold)
    with pytest.raises(ValueError, match="one non-negative number per image"):
        failure_rate_loss([-0.1])


def test_measures_worked_out_by_hand():
    # Two images: errors of 5 and 0 pixels, then of 1 and 3; faces of 10 and 20 pixels.
    y = np.array([[[0, 0], [9, 9]], [[2, 2], [7, 1]]])
    p = np.array([[[3, 4], [9, 9]], [[2, 3], [7, 4]]])
    errors = normalized_mean_error(y, p, [10, 20], per_row=True)
    assert_allclose(errors, [0.25, 0.1], rtol=1e-15)
    assert normalized_mean_error(y, p, [10, 20]) == pytest.approx(0.175, rel=1e-15)
    assert failure_rate_loss(errors, threshold=0.2) == 0.5
    # The curve is 0 up to 0.1, 1/2 up to 0.25 and 1 up to 0.5.
    area = (0.15 / 2 + 0.25) / 0.5
    assert cumulative_error_auc_score(errors, tau=0.5) == pytest.approx(area, rel=1e-14)


def test_auc_refuses_bad_arguments():
    for tau in (0, -1, np.nan, np.inf, "0.07"):
        with pytest.raises(ValueError, match="tau must be a positive number"):
            cumulative_error_auc_score([0.1], tau=tau)
    for errors in ([-0.1], [[0.1]]):
        with pytest.raises(ValueError, match="one non-negative number per image"):
            cumulative_error_auc_score(errors)
    with pytest.raises(ValueError, match="errors contains NaN"):
        cumulative_error_auc_score([np.nan])


@pytest.mark.parametrize("flag", [2, -1, 0.1, np.nan, "False"])
def test_visible_is_true_or_false(flag):
    y = np.zeros((2, 3, 2))
    visible = np.full((2, 3), flag)
    with pytest.raises(ValueError, match="visible"):
        normalized_mean_error(y, y, None, visible=visible)
