import numpy as np
import pandas as pd
import polars as pl
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from scipy.stats import entropy
from sklearn import metrics as sklearn_metrics

from sklearn_ldl.metrics import (
    brier_score_loss,
    expected_calibration_error,
    kl_divergence,
    log_loss,
    uncertainty_calibration_error,
)

MEASURES = (
    expected_calibration_error,
    uncertainty_calibration_error,
    log_loss,
    brier_score_loss,
)
HARD = [measure for measure in MEASURES if measure is not log_loss]
every_measure = pytest.mark.parametrize("measure", MEASURES, ids=lambda m: m.__name__)
quick = settings(max_examples=50, deadline=None)


def problem(seed, n_rows=30, n_labels=4):
    rng = np.random.default_rng(seed)
    return rng.integers(0, n_labels, n_rows), rng.dirichlet(np.full(n_labels, 0.5), n_rows)


def binary(confidences):
    confidences = np.asarray(confidences)
    return np.column_stack([confidences, 1 - confidences])


def literal_ece(score, outcome, n_bins):
    """The definition, one bin after the other, skipping the empty ones."""
    # Just above an edge, a score belongs to the bin below for all that float32 can tell.
    assume(np.abs(score - np.rint(score * n_bins) / n_bins).min() > 1e-6)
    error = 0.0
    for m in range(1, n_bins + 1):
        inside = ((m - 1) / n_bins < score) & (score <= m / n_bins)
        if inside.any():
            error += inside.mean() * abs(outcome[inside].mean() - score[inside].mean())
    return error


@quick
@given(seed=st.integers(0, 2**32 - 1), n_bins=st.integers(1, 20))
def test_ece_follows_its_definition(seed, n_bins):
    y, P = problem(seed)
    expected = literal_ece(P.max(axis=1), P.argmax(axis=1) == y, n_bins)
    assert expected_calibration_error(y, P, n_bins=n_bins) == pytest.approx(expected, abs=1e-14)


@quick
@given(seed=st.integers(0, 2**32 - 1), n_bins=st.integers(1, 20))
def test_uce_follows_its_definition(seed, n_bins):
    y, P = problem(seed)
    uncertainty = -(P * np.log(P)).sum(axis=1) / np.log(P.shape[1])
    expected = literal_ece(uncertainty, P.argmax(axis=1) != y, n_bins)
    assert uncertainty_calibration_error(y, P, n_bins=n_bins) == pytest.approx(expected, abs=1e-14)


def test_ece_by_hand():
    # Bin (0.5, 0.6]: confidences 0.6 and 0.55, one right. Bin (0.9, 1]: 1 and 0.95, both right.
    P = binary([0.6, 0.55, 1.0, 0.95])
    expected = (abs(1 - 1.15) + abs(2 - 1.95)) / 4
    assert expected_calibration_error([0, 1, 0, 0], P) == pytest.approx(expected)


def test_gaps_of_different_bins_do_not_cancel():
    P = binary([0.6, 0.9])
    y = [0, 1]  # under-confident by 0.4, over-confident by 0.9
    assert expected_calibration_error(y, P) == pytest.approx((0.4 + 0.9) / 2)
    assert expected_calibration_error(y, P, n_bins=1) == pytest.approx(abs(1 - 1.5) / 2)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("edge", [0.6, 0.7, 0.8, 0.9])
def test_bins_are_closed_on_the_right(dtype, edge):
    # The first row shares its bin with the second, not with the third.
    P = binary([edge, edge - 0.05, edge + 0.05]).astype(dtype)
    y = [0, 1, 0]
    expected = (abs(1 - edge - (edge - 0.05)) + abs(1 - (edge + 0.05))) / 3
    assert expected_calibration_error(y, P) == pytest.approx(expected, abs=1e-6)


def test_one_hot_predictions():
    P = np.eye(3)
    assert expected_calibration_error([0, 1, 2], P) == 0
    assert uncertainty_calibration_error([0, 1, 2], P) == 0
    assert expected_calibration_error([1, 1, 2], P) == pytest.approx(1 / 3)
    assert uncertainty_calibration_error([1, 1, 2], P) == pytest.approx(1 / 3)
    assert log_loss([1, 1, 2], P) == pytest.approx(-np.log(1e-14) / 3)
    assert brier_score_loss([1, 1, 2], P) == pytest.approx(2 / 3)
    assert brier_score_loss([1, 1, 2], P, kind="top_label") == pytest.approx(1 / 3)


def test_no_uncertainty_falls_into_the_first_bin():
    # A sure miss, an unsure hit and one that is sure make one bin that is right on average.
    P = [[1, 0, 0], [0.5, 0.5, 0], [1, 0, 0]]
    expected = (1 + 0.5 - np.log(2) / np.log(3)) / 3
    assert uncertainty_calibration_error([1, 0, 0], P, n_bins=1) == pytest.approx(expected)


def test_calibrated_uniform_predictions():
    P = np.full((4, 4), 0.25)
    for y in ([0, 1, 2, 3], [2, 2, 2, 2]):  # a guess among four is right once in four
        assert expected_calibration_error(y, P) == 0
        assert uncertainty_calibration_error(y, P) == pytest.approx(0.25)
        assert brier_score_loss(y, P, kind="top_label") == 0


def test_likelihood_and_brier_score_agree_with_scikit_learn():
    y, P = problem(0)
    assert log_loss(y, P) == pytest.approx(sklearn_metrics.log_loss(y, P))
    one_hot = np.eye(4)[y]
    expected = sum(sklearn_metrics.brier_score_loss(one_hot[:, j], P[:, j]) for j in range(4))
    assert brier_score_loss(y, P) == pytest.approx(expected)
    confidence, correct = P.max(axis=1), P.argmax(axis=1) == y
    assert brier_score_loss(y, P, kind="top_label") == pytest.approx(
        sklearn_metrics.brier_score_loss(correct, confidence)
    )


def test_likelihood_of_distributions_exceeds_their_entropy_by_the_divergence():
    rng = np.random.default_rng(0)
    D, P = rng.dirichlet(np.ones(4), 20), rng.dirichlet(np.ones(4), 20)
    least = entropy(D, axis=1).mean()
    assert log_loss(D, P) == pytest.approx(least + kl_divergence(D, P))
    assert log_loss(D, D) == pytest.approx(least)
    # One floor for both.
    D, P = [[0.5, 0.5]], [[1, 0]]
    assert log_loss(D, P) == pytest.approx(np.log(2) + kl_divergence(D, P))
    assert log_loss(D, P, floor=1e-6) == pytest.approx(np.log(2) + kl_divergence(D, P, floor=1e-6))


def test_brier_score_of_distributions_is_their_squared_distance():
    D, P = [[0.5, 0.3, 0.2]], [[0.2, 0.6, 0.2]]
    assert brier_score_loss(D, P) == pytest.approx(0.18)
    assert brier_score_loss(D, P, truth="mode") == pytest.approx(0.8**2 + 0.6**2 + 0.2**2)
    assert brier_score_loss(D, P, kind="top_label") == pytest.approx(0.3**2)
    assert brier_score_loss(D, P, kind="top_label", truth="mode") == pytest.approx(0.6**2)


@every_measure
@quick
@given(seed=st.integers(0, 2**32 - 1))
def test_range_and_weights(measure, seed):
    y, P = problem(seed)
    assert 0 <= measure(y, P) <= {log_loss: -np.log(1e-14), brier_score_loss: 2}.get(measure, 1)
    weights = np.random.default_rng(seed).integers(0, 3, len(y)) + np.eye(len(y), dtype=int)[0]
    repeated = measure(np.repeat(y, weights), np.repeat(P, weights, axis=0))
    assert measure(y, P, sample_weight=weights) == pytest.approx(repeated, abs=1e-13)


@every_measure
def test_labels_name_the_columns(measure):
    y, P = problem(1)
    expected = measure(y, P)
    names = np.array(["d", "b", "a", "c"])  # not sorted
    assert measure(names[y], P, labels=names) == expected
    assert measure(names[y].tolist(), P, labels=names.tolist()) == expected
    assert measure(pd.Series(names[y], dtype="category"), P, labels=names) == expected
    assert measure(pl.Series(names[y]), pl.DataFrame(P), labels=names) == expected
    assert measure(y * 10.0, P, labels=[0, 10, 20, 30]) == expected
    assert measure(y[:, None], P) == expected


@every_measure
def test_one_hot_distributions_count_like_labels(measure):
    y, P = problem(2)
    assert measure(np.eye(4)[y], P) == measure(y, P)


def test_the_true_degree_of_the_predicted_label_counts():
    P = [[0.7, 0.2, 0.1], [0.1, 0.8, 0.1]]
    D = [[0.4, 0.4, 0.2], [0.3, 0.3, 0.4]]
    gaps = abs(0.4 - 0.7) + abs(0.3 - 0.8)
    assert expected_calibration_error(D, P) == pytest.approx(gaps / 2)
    gaps = abs(0.5 - 0.7) + abs(0 - 0.8)  # by the mode: one of two that tie, and a miss
    assert expected_calibration_error(D, P, truth="mode") == pytest.approx(gaps / 2)
    u = [entropy(p) / np.log(3) for p in P]
    gaps = abs(0.6 + 0.7 - sum(u))  # both in one bin
    assert uncertainty_calibration_error(D, P, n_bins=1) == pytest.approx(gaps / 2)


@pytest.mark.parametrize("measure", HARD, ids=lambda m: m.__name__)
def test_the_mode_of_labels_is_the_label(measure):
    y, P = problem(4)
    assert measure(y, P, truth="mode") == measure(y, P)
    D = np.random.default_rng(5).dirichlet(np.ones(4), len(P))
    assert measure(D, P, truth="mode") == measure(D.argmax(axis=1), P)
    assert measure(D, P, truth="mode") != measure(D, P)
    with pytest.raises(ValueError, match="truth must be 'degree' or 'mode', got 'majority'"):
        measure(y, P, truth="majority")


@every_measure
def test_a_sample_may_lack_classes(measure):
    P = [[0.7, 0.2, 0.1]]
    assert np.isfinite(measure([2], P))


@every_measure
@pytest.mark.parametrize(
    ("y", "labels", "message"),
    [
        ([0, 3], None, "holds the label 3"),
        ([1, -1], None, "holds the label -1"),
        (["a", "b"], None, "holds the label 'a'"),
        (["a", "z"], ["a", "b", "c"], "holds the label 'z'"),
        ([0, 1], ["0", "1", "2"], "holds the label 0"),
        ([0, 1], [0, 1], r"labels has shape \(2,\), but D_pred has 3 columns"),
        ([0, 1], [0, 1, 1], "a label twice"),
        ([0], None, "y_true does not match D_pred"),
        ([[0.5, 0.5], [0.5, 0.5]], None, "y_true does not match D_pred"),
        ([[1, 0, 0], [1, 1, 0]], None, "y_true is not a label distribution: row 1"),
        ([0, np.nan], None, "NaN"),
    ],
)
def test_bad_truth_is_refused(measure, y, labels, message):
    with pytest.raises(ValueError, match=message):
        measure(y, [[0.7, 0.2, 0.1]] * 2, labels=labels)


@every_measure
def test_predictions_must_be_distributions(measure):
    with pytest.raises(ValueError, match="D_pred is not a label distribution"):
        measure([0, 1], [[0.7, 0.7], [0.5, 0.5]])
    with pytest.raises(ValueError, match="D_pred is not a label distribution"):
        measure([0, 1], [0.7, 0.7])


@pytest.mark.parametrize("measure", [expected_calibration_error, uncertainty_calibration_error])
@pytest.mark.parametrize("n_bins", [0, -1, 2.5, None])
def test_n_bins_must_be_a_positive_integer(measure, n_bins):
    with pytest.raises(ValueError, match="n_bins must be an integer >= 1"):
        measure([0], [[0.5, 0.5]], n_bins=n_bins)


def test_unknown_kind_and_floor_are_refused():
    with pytest.raises(ValueError, match="kind must be 'multiclass' or 'top_label'"):
        brier_score_loss([0], [[0.5, 0.5]], kind="binary")
    with pytest.raises(ValueError, match="floor must be a number between 0 and 1"):
        log_loss([0], [[0.5, 0.5]], floor=0)


@every_measure
def test_ten_thousand_labels(measure):
    y, P = problem(3, n_rows=20, n_labels=10_000)
    assert np.isfinite(measure(y, P))
