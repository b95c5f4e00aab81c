from itertools import product

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from sklearn_ldl.distributors import head_pose_grid, product_grid


def test_products_are_all_combinations_the_last_changing_fastest():
    axes = [3.0, 1.0], [0.0], [2.0, 5.0, 4.0]
    assert_array_equal(product_grid(*axes), list(product(*axes)))
    assert_array_equal(product_grid(range(3)), [[0], [1], [2]])


def test_rows_over_a_product_have_one_dimension_per_axis():
    first, second = np.arange(3.0), np.arange(4.0)
    row = product_grid(first, second) @ [10, 1]
    assert_array_equal(row.reshape(3, 4), 10 * first[:, None] + second)


@pytest.mark.parametrize(
    ("axes", "message"),
    [
        ((), "at least one axis"),
        (([0, 1], []), "minimum of 1 is required"),
        (([0, 1], [0, np.nan]), "axis 1 contains NaN"),
        (([[0, 1]], [0, 1]), r"axis 0 must be a list of numbers, got shape \(1, 2\)"),
    ],
)
def test_bad_axes_are_refused(axes, message):
    with pytest.raises(ValueError, match=message):
        product_grid(*axes)


def test_head_poses():
    poses = head_pose_grid()
    assert poses.shape == np.unique(poses, axis=0).shape == (93, 2)
    assert_array_equal(poses, poses[np.lexsort(poses.T[::-1])])
    assert_array_equal(poses, -poses[::-1])
    pitch, count = np.unique(poses[:, 0], return_counts=True)
    assert_array_equal(pitch, [-90, -60, -30, -15, 0, 15, 30, 60, 90])
    assert_array_equal(count, [1, *[13] * 7, 1])
    assert_array_equal(np.unique(poses[:, 1]), np.arange(-90, 91, 15))
    assert not poses[abs(poses[:, 0]) == 90, 1].any()
