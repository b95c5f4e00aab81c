import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy.spatial.distance import cdist

from sklearn_ldl._core import peaks
from sklearn_ldl._core.peaks import PointKernels, ProductKernels, highest_peaks, product_axes
from sklearn_ldl.distributors import product_grid


def density(D, centres, at):
    """Density of every row at its own point."""
    return (D * np.exp(-0.5 * cdist(at, centres, "sqeuclidean"))).sum(axis=1)


def best_of_grid(D, centres, step):
    axes = [np.arange(low, high + step, step) for low, high in zip(*ends(centres), strict=True)]
    points, best = product_grid(*axes), np.zeros(len(D))
    for part in np.array_split(points, len(points) // 4000 + 1):
        best = np.maximum(best, (D @ np.exp(-0.5 * cdist(centres, part, "sqeuclidean"))).max(1))
    return best


def ends(centres):
    return centres.min(axis=0), centres.max(axis=0)


RNG = np.random.default_rng(0)
CENTRES = {
    "line": (np.arange(10.0)[:, None] / 0.7, 0.02),
    "line, far apart": (np.arange(10.0)[:, None] * 2.1, 0.02),
    "uneven line": (np.cumsum(RNG.uniform(0.2, 4, 12))[:, None], 0.02),
    "plane": (product_grid(np.arange(6.0) / 0.7, np.arange(7.0) / 0.7), 0.1),
    "uneven plane": (product_grid(np.cumsum([0, 0.5, 3, 1]), np.cumsum([0, 1.5, 1, 1, 2])), 0.1),
    "any points of the plane": (RNG.uniform(0, 8, (15, 2)), 0.1),
    "cube": (product_grid(*[np.arange(4.0)] * 3), 0.25),
    "any points of space": (RNG.uniform(0, 5, (10, 3)), 0.25),
}


@pytest.mark.parametrize("name", CENTRES)
@pytest.mark.parametrize("concentration", [0.2, 1.0])
def test_no_point_of_a_fine_grid_is_higher(name, concentration):
    centres, step = CENTRES[name]
    rng = np.random.default_rng(1)
    D = rng.dirichlet(np.full(len(centres), concentration), 1000)
    found = density(D, centres, highest_peaks(D, centres))
    assert (found >= best_of_grid(D, centres, step) * (1 - 1e-9)).all()


def test_a_triangle_has_its_peak_where_no_centre_leads():
    # Besides the three peaks near the corners there is one in the middle, for sizes in between.
    corners = np.array([[0, 0], [1, 0], [0.5, np.sqrt(0.75)]])
    D = np.full((1, 3), 1 / 3)
    for size in np.linspace(1.9, 2.1, 21):
        found = density(D, size * corners, highest_peaks(D, size * corners))
        assert found >= best_of_grid(D, size * corners, 0.02) * (1 - 1e-9)


@pytest.mark.parametrize("n_dims", [1, 2, 3])
def test_kernels_of_a_product_separate(n_dims, rng):
    axes = [np.cumsum(rng.uniform(0.2, 2, 4 + place)) for place in range(n_dims)]
    centres = product_grid(*axes)
    product, points = ProductKernels(axes), PointKernels(centres)
    D = rng.dirichlet(np.ones(len(centres)), 3)
    lattice = product.locate(np.arange(product.n_points))
    assert_allclose(product.density(D), D @ np.exp(-0.5 * cdist(centres, lattice, "sqeuclidean")))
    expected = D @ np.exp(-0.5 * cdist(centres, points.lattice, "sqeuclidean"))
    assert_allclose(points.density(D), expected)
    y = rng.uniform(0, 4, (3, n_dims))
    for one, other in zip(product.moments(D, y), points.moments(D, y), strict=True):
        assert_allclose(one, other, rtol=1e-10, atol=1e-14)
    around = product.locate(product.around(np.array([0, product.n_points - 1])).ravel())
    assert np.abs(around.reshape(2, -1, n_dims) - lattice[[0, -1], None]).sum(axis=2).max() <= 0.5


@pytest.mark.parametrize("n_dims", [1, 2])
def test_long_axes_leave_out_what_vanishes(monkeypatch, n_dims, rng):
    axes = [np.arange(40.0), np.arange(50.0)][:n_dims]
    D = rng.dirichlet(np.ones(len(product_grid(*axes))), 4)
    expected = ProductKernels(axes).density(D)
    monkeypatch.setattr(peaks, "LONG_AXIS", 10)
    assert_allclose(ProductKernels(axes).density(D), expected, rtol=1e-12)


def test_the_order_of_the_centres_plays_no_part(rng):
    centres = product_grid(np.arange(7.0), np.arange(5.0))
    D = rng.dirichlet(np.ones(35), 20)
    order = rng.permutation(35)
    assert_allclose(highest_peaks(D[:, order], centres[order]), highest_peaks(D, centres))


def test_batches_play_no_part(monkeypatch, rng):
    centres = product_grid(np.arange(7.0), np.arange(5.0))
    D = rng.dirichlet(np.ones(35), 20)
    expected = highest_peaks(D, centres)
    monkeypatch.setattr(peaks, "CHUNK", 300)
    assert_allclose(highest_peaks(D, centres), expected, atol=1e-9)


def test_flat_rows_are_no_burden():
    centres = product_grid(np.arange(64.0), np.arange(64.0))
    peak = highest_peaks(np.full((3, 4096), 1 / 4096), centres)
    assert ((peak > 5) & (peak < 58)).all()


def test_product_axes():
    assert product_axes(np.array([[0.0, 1.0], [1.0, 0.0]])) is None
    shuffled = product_grid([3.0, 1.0], [2.0, 0.0, 5.0])
    for axis, expected in zip(product_axes(shuffled), [[1, 3], [0, 2, 5]], strict=True):
        assert_allclose(axis, expected)
