"""How far a degree may go within some distance of a distribution."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy.optimize import linprog

from sklearn_ldl.uncertainty.regions import DISTANCES

rng = np.random.default_rng(0)
P = np.vstack([rng.dirichlet(np.ones(5), size=20), [0.4, 0, 0.6, 0, 0], [1, 0, 0, 0, 0]])
RADII = np.tile([0.0, 0.05, 0.3, 1.1], 6)[: len(P)]


def work(name):
    """What it costs to move mass from one label to another."""
    way = np.abs(np.subtract.outer(np.arange(5), np.arange(5)))
    return np.minimum(way, 1) if name == "total_variation" else way


def extreme(p, radius, label, sign, name):
    """Degree of a label by a linear program over all ways to move mass."""
    flow = linprog(
        sign * np.tile(np.eye(5)[label], 5),
        A_ub=[work(name).ravel()],
        b_ub=[radius],
        A_eq=np.kron(np.eye(5), np.ones(5)),
        b_eq=p,
    )
    return sign * flow.fun


@pytest.mark.parametrize("name", ["total_variation", "wasserstein"])
def test_bounds_are_the_best_of_all_ways_to_move_mass(name):
    low, high = DISTANCES[name].bounds(P, RADII)
    for i, (p, radius) in enumerate(zip(P, RADII, strict=True)):
        for j in range(5):
            assert_allclose(low[i, j], extreme(p, radius, j, 1, name), atol=1e-9)
            assert_allclose(high[i, j], extreme(p, radius, j, -1, name), atol=1e-9)


def test_bounds_of_the_divergence_are_reached_and_not_exceeded():
    metric, bounds = DISTANCES["kl"]
    inner, radii = P[:20], np.maximum(RADII[:20], 1e-3)
    low, high = bounds(inner, radii)
    assert (low <= inner).all()
    assert (inner <= high).all()
    for bound in (low, high):
        for j in range(5):
            others = np.delete(inner, j, axis=1)
            others *= ((1 - bound[:, j]) / others.sum(axis=1))[:, None]
            reached = metric(np.insert(others, j, bound[:, j], axis=1), inner, per_row=True)
            at_the_end = np.isin(bound[:, j], [0, 1])
            assert_allclose(reached[~at_the_end], radii[~at_the_end], rtol=1e-6)
            assert (reached[at_the_end] <= radii[at_the_end]).all()
            # No other way to spread the rest is nearer.
            spread = rng.dirichlet(np.ones(4), size=20) * (1 - bound[:, [j]])
            other = metric(np.insert(spread, j, bound[:, j], axis=1), inner, per_row=True)
            assert (other >= reached - 1e-12).all()


@pytest.mark.parametrize("name", DISTANCES)
def test_distributions_in_a_region_are_within_its_bounds(name):
    metric, bounds = DISTANCES[name]
    for concentration in (0.2, 1, 5):
        D = rng.dirichlet(np.full(5, concentration), size=(50, len(P)))
        for d in D:
            distance = metric(d, P, per_row=True)
            low, high = bounds(P, distance)
            assert (low <= d + 1e-9).all()
            assert (d <= high + 1e-9).all()


@pytest.mark.parametrize("name", DISTANCES)
def test_ends(name):
    low, high = DISTANCES[name].bounds(P, np.full(len(P), np.inf))
    assert_array_equal(low, 0)
    assert_allclose(high, 1, rtol=1e-15)
    low, high = DISTANCES[name].bounds(P, np.zeros(len(P)))
    # A divergence is flat at zero: the root of the precision of floats is not told apart.
    bound = 1e-6 if name == "kl" else 1e-15
    assert_allclose(low, P, atol=bound)
    assert_allclose(high, P, atol=bound)
