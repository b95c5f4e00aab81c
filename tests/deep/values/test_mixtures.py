import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.testing import assert_allclose, assert_array_equal
from scipy.integrate import quad
from scipy.optimize import brentq
from scipy.special import log_softmax, ndtr, softmax
from scipy.stats import norm, uniform

pytest.importorskip("torch")
pytest.importorskip("skorch")

from sklearn_ldl.deep.values.kernel_grid import kernel_grid
from sklearn_ldl.deep.values.mixtures import KernelMixture

both_kernels = pytest.mark.parametrize("kernel", ["gaussian", "uniform"])
LEVELS = np.array([1e-12, 0.001, 0.05, 0.5, 0.9, 1 - 1e-9])
# Units with an offset: three centres, two units apart.
CENTRES, UNIT = np.array([100.0, 104.0, 102.0]), np.array([2.0])


def line(kernel):
    return KernelMixture(CENTRES, UNIT, kernel)


def plane(kernel):
    grid = np.stack(np.meshgrid([0.0, 1, 2], [10.0, 15.0], indexing="ij"), -1).reshape(-1, 2)
    return KernelMixture(grid, np.array([1.0, 5.0]), kernel)


def sample(mixture, p, size, rng):
    centres = mixture.grid.reshape(len(p), -1)[rng.choice(len(p), size, p=p)]
    if mixture.kernel == "gaussian":
        return centres + mixture.unit * rng.standard_normal(centres.shape)
    return centres + mixture.unit * rng.uniform(-0.5, 0.5, centres.shape)


@both_kernels
@pytest.mark.parametrize("make", [line, plane])
def test_moments_are_those_of_a_sample(make, kernel, rng):
    mixture = make(kernel)
    P = rng.dirichlet(np.ones(len(mixture.grid)), 2)
    covariance = mixture.covariance(P)
    assert_array_equal(covariance, covariance.transpose(0, 2, 1))
    for p, mean, expected in zip(P, mixture.decode(P, "expectation"), covariance, strict=True):
        drawn = sample(mixture, p, 400_000, rng)
        scale = np.sqrt(np.diag(expected))
        assert_allclose(drawn.mean(axis=0), mean, rtol=0, atol=0.01 * scale.min())
        error = np.cov(drawn.T).reshape(expected.shape) - expected
        assert np.abs(error / np.outer(scale, scale)).max() < 0.01


@both_kernels
def test_density_integrates_to_one(kernel, rng):
    Z = rng.standard_normal((1, 3))
    mixture = line(kernel)
    edges = [99.0, 101.0, 103.0, 105.0]

    def density(y):
        return np.exp(mixture.log_density(Z, np.array([[y]]))[0])

    assert quad(density, 75, 130, points=edges, limit=200)[0] == pytest.approx(1, abs=1e-8)


@both_kernels
def test_density_of_points_is_that_of_the_product_kernel(kernel, rng):
    mixture = plane(kernel)
    Z = rng.standard_normal((4, 6))
    points = rng.uniform([-0.5, 7.5], [2.5, 17.5], (4, 2))
    distance = (points[:, None] - mixture.grid) / mixture.unit
    pdf = norm.pdf if kernel == "gaussian" else uniform(-0.5, 1).pdf
    expected = (softmax(Z, axis=1) * (pdf(distance) / mixture.unit).prod(axis=2)).sum(axis=1)
    assert_allclose(mixture.log_density(Z, points), np.log(expected), rtol=1e-10)


def test_density_beyond_uniform_kernels_is_zero():
    Z = np.zeros((4, 3))
    at = np.array([[99.0], [98.9], [105.0], [1e308]])
    log_density = line("uniform").log_density(Z, at)
    assert_array_equal(np.isfinite(log_density), [True, False, True, False])
    assert_allclose(log_density[0], np.log(1 / 6))
    assert not np.isnan(line("gaussian").log_density(Z, at)).any()


@both_kernels
def test_quantiles_invert_the_distribution_function(kernel, rng):
    mixture = line(kernel)
    P = rng.dirichlet(0.3 * np.ones(3), 20)

    def cdf(y, p):
        t = (y - CENTRES) / UNIT
        return p @ (ndtr(t) if kernel == "gaussian" else np.clip(t + 0.5, 0, 1))

    for p, row in zip(P, mixture.quantile(P, LEVELS), strict=True):
        for q, y in zip(LEVELS, row, strict=True):
            expected = brentq(lambda y, p=p, q=q: cdf(y, p) - q, 50, 150, xtol=1e-13)
            assert y == pytest.approx(expected, abs=1e-6)


@settings(max_examples=50, deadline=None)
@given(
    logits=arrays(float, (3, 8), elements=st.floats(-300, 300)),
    q=st.lists(st.floats(1e-300, 1 - 1e-15), min_size=2, max_size=5),
    spread=st.floats(0.01, 100),
    kernel=st.sampled_from(["gaussian", "uniform"]),
)
def test_quantiles_are_finite_and_ordered(logits, q, spread, kernel):
    unit = np.array([1.0]) if kernel == "uniform" else np.array([1 / spread])
    mixture = KernelMixture(np.arange(8.0), unit, kernel)
    y = mixture.quantile(softmax(logits, axis=1), np.sort(q))
    assert np.isfinite(y).all()
    assert (np.diff(y, axis=1) >= -1e-9 * np.abs(y[:, 1:])).all()


def test_quantiles_of_a_single_component_are_its_own():
    expected = CENTRES[:, None] + UNIT * norm.ppf(LEVELS)
    # Near one, the levels themselves are this coarse.
    assert_allclose(line("gaussian").quantile(np.eye(3), LEVELS), expected, rtol=1e-9)
    assert_allclose(
        line("uniform").quantile(np.eye(3), LEVELS), CENTRES[:, None] + 2 * (LEVELS - 0.5)
    )


def test_quantiles_in_an_empty_valley_between_two_peaks():
    mixture = KernelMixture(np.array([0.0, 1e4]), np.array([1.0]), "gaussian")
    y = mixture.quantile(np.array([[0.5, 0.5]]), np.array([0.25, 0.5, 0.75]))
    assert_allclose(y[0, [0, 2]], [0, 1e4], atol=1e-8)
    assert norm.sf(y[0, 1]) < 1e-16


def test_many_labels_are_no_burden(rng):
    grid = np.linspace(-1e6, 1e6, 10_000)
    mixture = KernelMixture(grid, grid[1:2] - grid[:1], "gaussian")
    P = rng.dirichlet(np.ones(10_000), 50)
    y = mixture.quantile(P, np.array([0.1, 0.5, 0.9]))
    # Weights that are uniform but for noise.
    assert_allclose(y, np.tile([-0.8e6, 0, 0.8e6], (50, 1)), atol=5e4)


@pytest.mark.parametrize(("unit", "expected"), [(1.0, [[0.5]]), (0.2, [[0.0], [1.0]])])
def test_mode_of_two_equal_cells_is_the_middle_or_one_of_them(unit, expected):
    mixture = KernelMixture(np.array([0.0, 1.0]), np.array([unit]), "gaussian")
    peak = mixture.decode(np.array([[0.5, 0.5]]), "mode")
    assert min(abs(peak[0] - np.array(expected)).ravel()) < 1e-4


def test_mode_is_the_highest_peak_not_that_of_the_best_centre():
    P = np.zeros((1, 10))
    P[0, [2, 6, 7]] = 0.42, 0.29, 0.29
    mixture = KernelMixture(np.arange(10.0), np.array([0.7]), "gaussian")
    assert_allclose(mixture.decode(P, "mode"), [[6.5]], atol=1e-6)


def test_decoding_to_a_centre_is_exact():
    grid = np.array([0.1, 0.2, 0.3]) + 1e6
    P = np.array([[0.2, 0.5, 0.3]])
    for kernel, rule in [("gaussian", "argmax"), ("uniform", "argmax"), ("uniform", "mode")]:
        assert KernelMixture(grid, np.array([0.1]), kernel).decode(P, rule) == grid[1]


@both_kernels
@pytest.mark.parametrize(("scale", "offset"), [(1e-9, 0.0), (1.0, 1e9), (1e250, -1e250)])
def test_scale_and_offset_of_the_data_cost_no_digits(kernel, scale, offset, rng):
    Z = rng.standard_normal((5, 3))
    P = softmax(Z, axis=1)
    grid, at = np.array([0.0, 1.0, 2.0]), rng.integers(0, 3, (5, 1)) + 0.25
    near = KernelMixture(grid, np.ones(1), kernel)
    far = KernelMixture(offset + scale * grid, np.array([scale]), kernel)
    levels = np.array([0.05, 0.5])
    for rule in ("expectation", "mode", "argmax"):
        assert_allclose(far.decode(P, rule), offset + scale * near.decode(P, rule), rtol=1e-13)
    assert_allclose(far.quantile(P, levels), offset + scale * near.quantile(P, levels), rtol=1e-13)
    assert_allclose(
        far.log_density(Z, offset + scale * at), near.log_density(Z, at) - np.log(scale), rtol=1e-8
    )
    if scale < 1e100:
        assert_allclose(far.covariance(P), scale**2 * near.covariance(P), rtol=1e-12)


@both_kernels
def test_weights_that_underflow_do_no_harm(kernel):
    Z = np.array([[0.0, -1e4, -1e4]])
    mixture = line(kernel)
    expected = log_softmax(Z, axis=1)[0, 1] - np.log(2)
    if kernel == "uniform":
        assert_allclose(mixture.log_density(Z, CENTRES[1:2, None]), expected)
    assert np.isfinite(mixture.quantile(softmax(Z, axis=1), LEVELS)).all()
    assert_allclose(mixture.decode(softmax(Z, axis=1), "mode"), [[100.0]])


def test_grid_built_from_data_covers_their_range_in_steps_of_a_bandwidth():
    values = np.array([[3.0, -1.0], [8.0, 1.0]])
    grid, unit = kernel_grid(values, None, None, "gaussian")
    assert_allclose(unit, [5 / 50, 2 / 50])
    assert grid.shape == (51 * 51, 2)
    assert_allclose([grid.min(axis=0), grid.max(axis=0)], values)
    assert len(kernel_grid(np.full((4, 3), [1.0, 2, 3]), None, None, "gaussian")[0]) == 8
    assert len(kernel_grid(np.arange(9.0)[:, None] ** [1, 2, 3], None, None, "gaussian")[0]) < 3000


@pytest.mark.parametrize(("offset", "spread"), [(0.0, 1.0), (1e15, 1e7)])
def test_grid_of_constant_data_has_two_centres(offset, spread):
    # As if the data had a range, of one or of what float64 tells apart by far.
    grid, unit = kernel_grid(np.full((5, 1), offset), None, None, "gaussian")
    assert_allclose(grid, [offset, offset + spread / 50], rtol=1e-15)
    assert_allclose(unit, [spread / 50])


def test_bandwidth_of_a_given_grid_is_its_spacing():
    values = np.zeros((1, 1))
    assert kernel_grid(values, [0, 1, 3, 5], None, "gaussian")[1] == 1.5
    assert kernel_grid(values, [0, 1, 3, 5], 0.3, "gaussian")[1] == 0.3
    # Cells of uniform kernels fill the space between the centres.
    assert kernel_grid(values, [4, 0, 2], 0.3, "uniform")[1] == 2
    poses = [[0, 0], [0, 5], [2, 5], [4, 0]]
    assert_array_equal(kernel_grid(np.zeros((1, 2)), poses, None, "uniform")[1], [2, 5])


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"grid": [0, 1]}, "y has 2 dimensions but grid has 1"),
        ({"grid": [[0, 0], [0, 0]]}, "repeats a label"),
        ({"grid": [[0, 0], [np.nan, 1]]}, "NaN"),
        ({"bandwidth": [1.0, 2.0, 3.0]}, "bandwidth has shape"),
        ({"bandwidth": [1.0, 0.0]}, "must be positive and finite"),
        ({"bandwidth": np.inf}, "must be positive and finite"),
        ({"bandwidth": 1e-9}, "too small to build a grid"),
        ({"grid": [[0, 0], [1, 0], [3, 0]], "kernel": "uniform"}, "evenly spaced"),
        ({"grid": [[0, 0], [1, 0], [2, 0]], "kernel": "uniform"}, "evenly spaced"),
    ],
)
def test_bad_grids_and_bandwidths(parameters, message):
    values = np.array([[0.0, 0.0], [1.0, 1.0]])
    with pytest.raises(ValueError, match=message):
        kernel_grid(
            values, **({"grid": None, "bandwidth": None, "kernel": "gaussian"} | parameters)
        )
