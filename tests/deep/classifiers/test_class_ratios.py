import numpy as np
import pytest

pytest.importorskip("skorch")

from sklearn_ldl.deep.classifiers.class_ratios import over_fitting_ratio


def test_ratio_of_over_fitting_to_generalisation():
    train = np.array([[9, 9, 9], [2, 2, 2], [9, 9, 9], [1, 1, 1]], dtype=float)
    valid = np.array([[9, 9, 9], [2, 2, 2], [9, 9, 9], [1, 1.5, 4]], dtype=float)
    # (growth of the gap)^2 / gain; the last class got worse, and its 9 / 2 is lowered.
    ratio = over_fitting_ratio(train, valid, gap=2)
    np.testing.assert_allclose(ratio[:2], [0, 0.5], atol=1e-6)
    np.testing.assert_allclose(ratio[2], 0.1 * 0.5 + 0.9 * 4.5, rtol=1e-6)


def test_a_class_that_stands_still_has_a_finite_ratio():
    ratio = over_fitting_ratio([[1, 1], [0, 0]], [[1, 1], [1, 1]], gap=1)
    assert np.isfinite(ratio).all()


def test_a_class_without_rows_is_like_the_mean():
    train, valid = [[1, 1, 1], [0, 0.5, 0]], [[1, 1, np.nan], [0.5, 0.5, np.nan]]
    ratio = over_fitting_ratio(train, valid, gap=1)
    assert ratio[2] == ratio[:2].mean() > 0
    np.testing.assert_array_equal(over_fitting_ratio([[1]] * 2, [[np.nan]] * 2, gap=1), [1])


@pytest.mark.parametrize(
    ("train", "valid", "match"),
    [
        (np.ones((11, 2)), np.ones((11, 3)), "same shape"),
        (np.ones(11), np.ones(11), "same shape"),
        (np.ones((10, 2)), np.ones((10, 2)), "more than 10 of them, got 10"),
    ],
)
def test_bad_losses_are_errors(train, valid, match):
    with pytest.raises(ValueError, match=match):
        over_fitting_ratio(train, valid)
