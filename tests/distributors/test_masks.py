import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal

from sklearn_ldl.distributors import smooth_mask


def direct(mask, n_classes, kernel_size, sigma, padding, stride, ignore):
    """The definition, pixel by pixel."""
    offsets = np.arange(kernel_size) - (kernel_size - 1) / 2
    kernel = np.exp(-(offsets[:, None] ** 2 + offsets**2) / (2 * sigma**2))
    kernel /= kernel.sum()
    padded = np.pad(mask.astype(int), padding, constant_values=ignore)
    height, width = ((side - kernel_size) // stride + 1 for side in padded.shape)
    D = np.zeros((n_classes, height, width))
    for row in range(height):
        for column in range(width):
            window = padded[
                row * stride : row * stride + kernel_size,
                column * stride : column * stride + kernel_size,
            ]
            for label in range(n_classes):
                D[label, row, column] = kernel[window == label].sum()
    total = D.sum(axis=0)
    valid = total > 0
    return np.where(valid, D / np.where(valid, total, 1), 1 / n_classes), valid


@given(
    st.integers(0, 2**32 - 1),
    st.integers(1, 6),
    st.floats(0.3, 5),
    st.integers(0, 3),
    st.integers(1, 3),
)
@settings(max_examples=50, deadline=None)
def test_equals_the_definition(seed, kernel_size, sigma, padding, stride):
    rng = np.random.default_rng(seed)
    mask = rng.choice([0, 1, 2, 255], size=(7, 9), p=[0.3, 0.2, 0.1, 0.4])
    mask[:, 6:] = 255
    D, valid = smooth_mask(
        mask, 3, kernel_size=kernel_size, sigma=sigma, padding=padding, stride=stride
    )
    expected, expected_valid = direct(mask, 3, kernel_size, sigma, padding, stride, 255)
    assert_array_equal(valid, expected_valid)
    assert_allclose(D, expected, atol=1e-12)
    assert_allclose(D.sum(axis=0), 1, rtol=1e-12)


def test_defaults_keep_the_size():
    D, valid = smooth_mask(np.zeros((6, 8), dtype=np.uint8), 3)
    assert D.shape == (3, 6, 8)
    assert valid.shape == (6, 8)
    assert valid.all()
    assert_array_equal(D[0], np.ones((6, 8)))  # neither the frame nor the missing classes leak


def test_a_stack_of_masks_is_smoothed_image_by_image():
    masks = np.random.default_rng(0).integers(0, 4, (3, 6, 5))
    D, valid = smooth_mask(masks, 4)
    assert D.shape == (3, 4, 6, 5)
    assert valid.shape == (3, 6, 5)
    for image in range(3):
        single, single_valid = smooth_mask(masks[image], 4)
        assert_array_equal(D[image], single)
        assert_array_equal(valid[image], single_valid)


def test_weight_at_the_centre_of_the_kernel():
    mask = np.zeros((9, 9), dtype=int)
    mask[4, 4] = 1
    for sigma, weight in [(3.0, 0.05), (0.5, 0.62)]:
        assert smooth_mask(mask, 2, sigma=sigma)[0][1, 4, 4].round(2) == weight


def test_a_narrow_kernel_never_flips_a_pixel_and_a_wide_one_does():
    mask = np.random.default_rng(0).integers(0, 2, (20, 20))
    narrow, _ = smooth_mask(mask, 2, sigma=0.5)
    wide, _ = smooth_mask(mask, 2)
    assert_array_equal(narrow.argmax(axis=0), mask)
    assert (wide.argmax(axis=0) != mask).any()


def test_ignored_pixels_have_no_class_and_may_leave_a_pixel_invalid():
    mask = np.full((9, 9), 255, dtype=np.uint8)
    mask[0, 0] = 1
    D, valid = smooth_mask(mask, 2)
    near = np.zeros((9, 9), dtype=bool)
    near[:3, :3] = True
    assert_array_equal(valid, near)
    assert_array_equal(D[1], np.where(near, 1.0, 0.5))


def test_other_codes_for_ignored_pixels():
    mask = np.array([[0, 1, -1]])
    D, valid = smooth_mask(mask, 2, ignore=-1)
    expected, _ = smooth_mask([[0, 1, 255]], 2)
    assert_array_equal(D, expected)
    assert valid.all()
    assert_array_equal(mask, [[0, 1, -1]])


@pytest.mark.parametrize(
    ("mask", "n_classes", "kwargs", "message"),
    [
        ([[0, 3]], 3, {}, "mask holds 3, which is neither one of 3 classes nor ignored"),
        ([[0, -1]], 3, {}, "mask holds -1"),
        ([[0, 255]], 3, {"ignore": None}, "mask holds 255"),
        ([[0, 255]], 300, {}, "ignore=255 is one of the 300 classes"),
        ([[0.0, 1.0]], 2, {}, "integer array.*float64"),
        ([0, 1], 2, {}, r"shape \(2,\)"),
        (np.zeros((0, 4), int), 2, {}, "non-empty"),
        ([[0, 1]], 2, {"padding": 0}, "smaller than the kernel"),
        ([[0, 1]], 1, {}, "'n_classes' parameter"),
        ([[0, 1]], 2, {"sigma": 0}, "'sigma' parameter"),
        ([[0, 1]], 2, {"stride": 0}, "'stride' parameter"),
        ([[0, 1]], 2, {"kernel_size": 0}, "'kernel_size' parameter"),
        ([[0, 1]], 2, {"padding": -1}, "'padding' parameter"),
    ],
)
def test_bad_masks_and_settings(mask, n_classes, kwargs, message):
    with pytest.raises(ValueError, match=message):
        smooth_mask(mask, n_classes, **kwargs)
