"""Colours as colour-blind readers see them."""

from itertools import combinations

import numpy as np
import pytest

from sklearn_ldl.plotting.figures import BLUE, GREY, PALETTE, VERMILLION
from sklearn_ldl.plotting.simplex_colors import colors_of

matplotlib = pytest.importorskip("matplotlib")

# G. M. Machado, M. M. Oliveira, L. A. F. Fernandes, "A physiologically-based model for simulation
# of color vision deficiency", IEEE Transactions on Visualization and Computer Graphics, 2009.
SIMULATED = {
    "protanopia": [
        [0.152286, 1.052583, -0.204868],
        [0.114503, 0.786281, 0.099216],
        [-0.003882, -0.048116, 1.051998],
    ],
    "deuteranopia": [
        [0.367322, 0.860646, -0.227968],
        [0.280085, 0.672501, 0.047413],
        [-0.011820, 0.042940, 0.968881],
    ],
    "tritanopia": [
        [1.255528, -0.076749, -0.178779],
        [-0.078411, 0.930809, 0.147602],
        [0.004733, 0.691367, 0.303900],
    ],
}
TO_XYZ = [[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]]


@pytest.fixture(params=SIMULATED)
def seen(request):
    """Colours in CIE Lab, as somebody sees them who lacks one kind of cones."""

    def lab(rgb):
        rgb = np.asarray(rgb)
        linear = np.where(rgb > 0.04045, ((rgb + 0.055) / 1.055) ** 2.4, rgb / 12.92)
        linear = np.clip(linear @ np.transpose(SIMULATED[request.param]), 0, 1)
        x, y, z = (linear @ np.transpose(TO_XYZ) / [0.9505, 1, 1.089]).T
        x, y, z = (np.where(v > 0.008856, np.cbrt(v), 7.787 * v + 16 / 116) for v in (x, y, z))
        return np.stack([116 * y - 16, 500 * (x - y), 200 * (y - z)], axis=-1)

    return lab


def test_colours_of_the_palette_differ(seen):
    colors = seen([matplotlib.colors.to_rgb(color) for color in PALETTE])
    for a, b in combinations(colors, 2):
        assert np.linalg.norm(a - b) > 14  # about six just noticeable differences


def test_truth_prediction_and_rest_differ_much(seen):
    colors = seen([matplotlib.colors.to_rgb(color) for color in (BLUE, VERMILLION, GREY)])
    for a, b in combinations(colors, 2):
        assert np.linalg.norm(a - b) > 25


@pytest.mark.parametrize(("colors", "least"), [("colorblind", 14), ("rgb", 0)])
def test_different_distributions_have_different_colours(seen, colors, least, rng):
    D, E = rng.dirichlet(np.ones(3), (2, 3000))
    apart = np.abs(D - E).sum(axis=1) / 2 > 0.3
    difference = np.linalg.norm(seen(colors_of(D, colors)) - seen(colors_of(E, colors)), axis=1)
    assert difference[apart].min() > least
    if colors == "rgb":  # why there is another encoding
        assert difference[apart].min() < 5
