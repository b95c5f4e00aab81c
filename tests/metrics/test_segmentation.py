import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose
from sklearn.metrics import confusion_matrix, jaccard_score

from sklearn_ldl.metrics import mean_iou_score


@given(st.integers(0, 2**32 - 1), st.integers(2, 8))
@settings(max_examples=50, deadline=None)
def test_is_the_macro_average_of_the_jaccard_scores(seed, n_classes):
    rng = np.random.default_rng(seed)
    # The shift leaves classes out.
    y_true, y_pred = rng.integers(0, n_classes, (2, 4, 5)) + rng.integers(0, 3)
    expected = jaccard_score(y_true.ravel(), y_pred.ravel(), average="macro")
    assert_allclose(mean_iou_score(y_true, y_pred), expected)
    assert_allclose(mean_iou_score(y_true, y_pred, n_classes=20), expected)


def test_is_read_off_the_confusion_matrix(rng):
    y_true, y_pred = rng.integers(0, 3, (2, 100))
    matrix = confusion_matrix(y_true, y_pred)
    hits = np.diag(matrix)
    expected = np.mean(hits / (matrix.sum(axis=0) + matrix.sum(axis=1) - hits))
    assert_allclose(mean_iou_score(y_true, y_pred), expected)


def test_ignored_pixels_do_not_count(rng):
    y_true, y_pred = rng.integers(0, 3, (2, 8, 8)).astype(np.uint8)
    kept = mean_iou_score(y_true[:, :5], y_pred[:, :5])
    y_true[:, 5:] = 255
    y_pred[:, 5:] = 255
    assert mean_iou_score(y_true, y_pred) == kept
    y_pred[:, 5:] = 1
    assert mean_iou_score(y_true, y_pred) == kept
    y_true[:, 5:] = 7
    assert mean_iou_score(y_true, y_pred, ignore=7, n_classes=3) == kept


def test_classes_that_occur_on_one_side_count_as_zero_and_absent_ones_not_at_all():
    assert mean_iou_score([0, 0, 0, 0], [0, 0, 0, 3]) == 0.75 / 2
    assert mean_iou_score([0, 0, 0, 3], [0, 0, 0, 0]) == 0.75 / 2
    assert mean_iou_score([3, 3], [3, 3], n_classes=10) == 1


def test_images_of_one_call_are_counted_together():
    y_true, y_pred = np.array([[[0, 1]], [[0, 0]]]), np.array([[[0, 0]], [[0, 0]]])
    assert mean_iou_score(y_true, y_pred) == (3 / 4 + 0) / 2
    assert (
        np.mean([mean_iou_score(*pair) for pair in zip(y_true, y_pred, strict=True)])
        == (0.25 + 1) / 2
    )


def test_boolean_masks_and_lists():
    assert mean_iou_score([True, False], [True, True]) == 0.25
    assert mean_iou_score([[1]], [[1]], ignore=None) == 1


def test_without_an_ignored_code_255_is_a_class():
    assert mean_iou_score([0, 255], [0, 255], ignore=None) == 1


@pytest.mark.parametrize(
    ("y_true", "y_pred", "options", "message"),
    [
        ([0, 1], [0], {}, r"different shapes: \(2,\) and \(1,\)"),
        ([], [], {}, "No pixel counts"),
        ([255, 255], [0, 1], {}, "No pixel counts"),
        ([0.0, 1.0], [0, 1], {}, "y_true must hold integer class codes, got float64"),
        ([0, 1], [0.2, 0.8], {}, "y_pred must hold integer"),
        ([0, -1], [0, 1], {}, "y_true holds -1"),
        ([0, 1], [0, 255], {}, "y_pred holds 255"),
        ([0, 1], [0, 2], {"n_classes": 2}, "y_pred holds 2"),
        ([0, 1], [0, 1], {"n_classes": 0}, "n_classes"),
        ([0, 1], [0, 1], {"ignore": 0.5}, "ignore"),
    ],
)
def test_errors(y_true, y_pred, options, message):
    with pytest.raises(ValueError, match=message):
        mean_iou_score(y_true, y_pred, **options)
