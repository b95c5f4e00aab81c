"""Distributions over three labels as colours."""

import numpy as np
import pytest
from numpy.testing import assert_allclose

from sklearn_ldl import BFGSLDL, KNeighborsLDL
from sklearn_ldl.datasets import make_ldl, make_ldl_surface
from sklearn_ldl.metrics import chebyshev_distance, kl_divergence
from sklearn_ldl.plotting import RGBSurfaceDisplay
from tests.plotting import NAMES


def test_surface_of_several_models():
    X, D = make_ldl(100, random_state=0)
    models = {"maxent": BFGSLDL().fit(X, D), "neighbours": KNeighborsLDL().fit(X, D)}
    S, D_surface = make_ldl_surface(9)
    display = RGBSurfaceDisplay.from_estimator(models, S, D_surface)
    assert len(display.images_) == len(display.axes_) == 3
    pictures = [D_surface, *(model.predict(S) for model in models.values())]
    for image, P in zip(display.images_, pictures, strict=True):
        expected = (P / P.max(axis=1, keepdims=True)).reshape(9, 9, 3)
        assert_allclose(image.get_array(), expected)
        assert image.origin == "lower"
    divergence = kl_divergence(D_surface, models["maxent"].predict(S))
    assert display.scores["maxent"] == pytest.approx(divergence)
    titles = [axes.get_title() for axes in display.axes_]
    assert titles[0] == "true"
    assert titles[2] == f"neighbours\nKL divergence {display.scores['neighbours']:.3g}"


def test_pure_labels_have_pure_colours_and_uniform_is_white():
    D = np.vstack([np.eye(3), np.full(3, 1 / 3)])
    display = RGBSurfaceDisplay.from_predictions(D, D)
    assert display.grid_shape == (2, 2)
    assert_allclose(
        display.images_[0].get_array(), [[[1, 0, 0], [0, 1, 0]], [[0, 0, 1], [1, 1, 1]]]
    )


def test_points_lie_in_the_middle_of_their_pixels(rng):
    D = rng.dirichlet(np.ones(3), 6)
    display = RGBSurfaceDisplay.from_predictions(
        D, D, grid_shape=(2, 3), extent=(0, 4, 10, 11), labels=NAMES
    )
    assert_allclose(display.images_[1].get_extent(), [-1, 5, 9.5, 11.5])
    assert [text.get_text() for text in display.key_.texts] == NAMES


def test_surface_weighs_points_and_draws_no_key_on_given_axes(rng, plt):
    D, P = rng.dirichlet(np.ones(3), (2, 4))
    w = [1, 0, 2, 1]
    display = RGBSurfaceDisplay.from_predictions(
        D, P, metric=chebyshev_distance, sample_weight=w, ax=plt.subplots(1, 2)[1]
    )
    assert display.scores == {"predicted": pytest.approx(chebyshev_distance(D, P, sample_weight=w))}
    assert display.key_ is None


def test_surface_asks_for_three_labels_and_a_full_grid(rng):
    D = rng.dirichlet(np.ones(3), 6)
    with pytest.raises(ValueError, match="6 points do not fill"):
        RGBSurfaceDisplay.from_predictions(D, D)
    with pytest.raises(ValueError, match=r"shape \(2, 2\)"):
        RGBSurfaceDisplay.from_predictions(D, D, grid_shape=(2, 2))
    four = rng.dirichlet(np.ones(4), 4)
    with pytest.raises(ValueError, match="D_true has 4 columns"):
        RGBSurfaceDisplay.from_predictions(four, four)
    with pytest.raises(ValueError, match="nothing to compare"):
        RGBSurfaceDisplay.from_estimator({}, D, D)


def test_colours_for_colour_blind_readers():
    corners = np.eye(3)
    middle = np.full(3, 1 / 3)
    display = RGBSurfaceDisplay.from_predictions(
        np.vstack([corners, middle]), np.vstack([corners, middle]), colors="colorblind"
    )
    blue, orange, white, grey = display.images_[0].get_array().reshape(4, 3)
    assert blue.argmax() == 2
    assert orange[0] == 1
    assert orange[2] == 0
    assert_allclose(white, 1)
    assert_allclose(grey, (blue + orange + white) / 3)
    assert_allclose(display.plot().images_[0].get_array().reshape(4, 3)[:3], corners)
    with pytest.raises(ValueError, match="colors must be 'rgb' or 'colorblind', got 'cmyk'"):
        display.plot(colors="cmyk")
