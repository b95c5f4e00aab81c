import numpy as np
import pytest
from scipy.optimize import minimize

from sklearn_ldl._core import barycentric
from sklearn_ldl._core.barycentric import barycentric_weights


def others(n_points):
    """Everyone else as neighbours."""
    return np.array([[j for j in range(n_points) if j != i] for i in range(n_points)])


def random_neighbors(rng, n_points, n_neighbors):
    return np.array([rng.choice(row, n_neighbors, replace=False) for row in others(n_points)])


def one_by_one(points, neighbors, reg):
    weights = np.empty(neighbors.shape)
    for i, row in enumerate(neighbors):
        Z = points[row] - points[i]
        G = Z @ Z.T
        G += (reg * np.trace(G) or reg) * np.eye(len(row))
        weights[i] = np.linalg.solve(G, np.ones(len(row)))
        weights[i] /= weights[i].sum()
    return weights


def test_a_point_between_two_neighbors():
    weights = barycentric_weights([[0.0], [1.0], [4.0]], [[1, 2], [0, 2], [1, 0]], alpha=1e-12)
    np.testing.assert_allclose(weights, [[4 / 3, -1 / 3], [3 / 4, 1 / 4], [4, -3]])


def test_ridge_by_hand():
    # At 0 with neighbours 1 and 3: G = [[1, 3], [3, 9]], trace 10, ridge 1 of the 10.
    weights = barycentric_weights([[0.0], [1.0], [3.0]], others(3), alpha=0.1)
    expected = np.linalg.solve([[2.0, 3.0], [3.0, 10.0]], [1, 1])
    np.testing.assert_allclose(weights[0], expected / expected.sum())


def test_weights_minimise_the_regularised_error(rng):
    points = rng.normal(size=(6, 3))
    neighbors = others(6)[:, :4]
    weights = barycentric_weights(points, neighbors, alpha=0.05)
    for x, row, w in zip(points, neighbors, weights, strict=True):
        ridge = 0.05 * ((points[row] - x) ** 2).sum()

        def error(v, x=x, row=row, ridge=ridge):
            return ((x - v @ points[row]) ** 2).sum() + ridge * (v**2).sum()

        found = minimize(
            error,
            np.full(4, 0.25),
            constraints={"type": "eq", "fun": lambda v: v.sum() - 1},
            options={"ftol": 1e-14},
        )
        np.testing.assert_allclose(w, found.x, atol=1e-5)
        assert error(w) <= found.fun + 1e-12


@pytest.mark.parametrize("n_dimensions", [1, 3, 50])
@pytest.mark.parametrize("n_neighbors", [1, 5, 19], ids=["one", "some", "everyone"])
def test_equals_one_point_at_a_time(rng, n_dimensions, n_neighbors):
    points = rng.normal(size=(20, n_dimensions))
    neighbors = random_neighbors(rng, 20, n_neighbors)
    weights = barycentric_weights(points, neighbors)
    np.testing.assert_allclose(weights, one_by_one(points, neighbors, 1e-3), rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("n_neighbors", [5, 19])
def test_batches_change_nothing(rng, monkeypatch, n_neighbors):
    points = rng.normal(size=(20, 4))
    neighbors = random_neighbors(rng, 20, n_neighbors)
    whole = barycentric_weights(points, neighbors)
    monkeypatch.setattr(barycentric, "NUMBERS_PER_BATCH", 3 * n_neighbors**2)
    np.testing.assert_allclose(barycentric_weights(points, neighbors), whole, rtol=1e-12)


@pytest.mark.parametrize("n_neighbors", [3, 9])
def test_shift_rotation_and_scale_change_nothing(rng, n_neighbors):
    points = rng.normal(size=(10, 4))
    rotation = np.linalg.qr(rng.normal(size=(4, 4)))[0]
    neighbors = random_neighbors(rng, 10, n_neighbors)
    weights = barycentric_weights(points, neighbors)
    for moved in (points + 1000, points @ rotation, 1e-300 * points, 1e300 * points):
        np.testing.assert_allclose(barycentric_weights(moved, neighbors), weights, rtol=1e-8)


def test_coinciding_points_get_equal_weights():
    weights = barycentric_weights(np.ones((5, 2)), others(5))
    np.testing.assert_allclose(weights, 0.25)
    weights = barycentric_weights(np.ones((5, 2)), others(5)[:, :2])
    np.testing.assert_allclose(weights, 0.5)


@pytest.mark.parametrize("n_neighbors", [4, 9], ids=["some", "everyone"])
def test_a_tight_group_far_from_the_origin(n_neighbors):
    # The neighbours within the group reconstruct; the others are a million widths away.
    grid = np.arange(5.0)[:, None]
    points = 1e9 + np.vstack([grid, 1e6 + grid])
    neighbors = others(10)[:, :n_neighbors]
    weights = barycentric_weights(points, neighbors)
    np.testing.assert_allclose(weights, one_by_one(points - 1e9, neighbors, 1e-3), rtol=1e-6)


def test_many_dimensions_few_points(rng):
    points = rng.normal(size=(8, 20_000))
    weights = barycentric_weights(points, others(8))
    np.testing.assert_allclose(weights, one_by_one(points, others(8), 1e-3), rtol=1e-9)


def test_one_neighbor_has_all_the_weight(rng):
    weights = barycentric_weights(rng.normal(size=(5, 2)), others(5)[:, :1])
    np.testing.assert_array_equal(weights, np.ones((5, 1)))


def test_no_neighbors_no_weights():
    assert barycentric_weights([[1.0, 2.0]], np.empty((1, 0), dtype=int)).shape == (1, 0)


def test_rows_sum_to_one_and_input_is_untouched(rng):
    points = rng.normal(size=(30, 3)).astype(np.float32)
    before = points.copy()
    weights = barycentric_weights(points, random_neighbors(rng, 30, 7).tolist())
    assert weights.dtype == np.float64
    np.testing.assert_allclose(weights.sum(axis=1), 1, atol=1e-12)
    np.testing.assert_array_equal(points, before)
