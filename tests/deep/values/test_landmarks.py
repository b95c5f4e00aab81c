import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

torch = pytest.importorskip("torch")
pytest.importorskip("skorch")

from torch import nn  # noqa: E402
from torch.utils.data import TensorDataset  # noqa: E402

from sklearn_ldl import decoding  # noqa: E402
from sklearn_ldl.deep.losses.density import KERNEL_LOSSES  # noqa: E402
from sklearn_ldl.deep.values.kdn import KernelDensityRegressor  # noqa: E402
from sklearn_ldl.deep.values.landmarks import (  # noqa: E402
    from_heatmap_coordinates,
    to_heatmap_coordinates,
)
from sklearn_ldl.metrics import mean_euclidean_error  # noqa: E402

SHAPE = (6, 8)


def make_faces(n, rng):
    """Images with a bright and a dark blob, and the (row, column) of both, in pixels."""
    points = rng.uniform([[3, 3], [3, 3]], [[8, 12], [8, 12]], (n, 2, 2))
    pixels = np.stack(np.meshgrid(np.arange(12), np.arange(16), indexing="ij"), -1)
    squares = np.square(points[:, :, None, None] - pixels).sum(axis=-1)
    blobs = np.exp(-squares / 4)
    return (blobs[:, :1] - blobs[:, 1:]).astype(np.float32), points


def network():
    return nn.Sequential(nn.Conv2d(1, 8, 5, stride=2, padding=2), nn.ReLU(), nn.Conv2d(8, 2, 1))


def model(**parameters):
    defaults = {"module": network, "heatmap_shape": SHAPE, "max_epochs": 3, "random_state": 0}
    return KernelDensityRegressor(**(defaults | parameters))


@pytest.fixture(scope="module")
def faces():
    X, points = make_faces(300, np.random.default_rng(0))
    return X, to_heatmap_coordinates(points, stride=2)


DECODE = ["expectation", "median", "mode", "argmax"]


@pytest.mark.parametrize(
    ("loss", "decode"),
    [*(("nll", rule) for rule in DECODE), ("kl", "expectation"), ("l2", "mode")],
)
def test_landmarks_of_synthetic_images(faces, loss, decode):
    X, y = faces
    fitted = model(loss=loss, max_epochs=40, lr=0.03, decode=decode).fit(X[:200], y[:200])
    predicted = fitted.predict(X[200:])
    assert predicted.shape == (100, 2, 2)
    # In cells; the centre of the maps is off by more than two.
    errors = mean_euclidean_error(y[200:].reshape(-1, 2), predicted.reshape(-1, 2))
    assert errors < 0.7
    assert fitted.score(X[200:], y[200:]) > 0.7


def test_rows_come_before_columns(faces):
    X, y = faces
    fitted = model().fit(X, y)
    P = fitted.predict_proba(X)
    assert P.shape == (300, 2, *SHAPE)
    assert_allclose(P.sum(axis=(2, 3)), 1)
    rows, columns = np.indices(SHAPE)
    expected = np.stack([(P * rows).sum(axis=(2, 3)), (P * columns).sum(axis=(2, 3))], axis=-1)
    assert_allclose(fitted.predict(X), expected, rtol=1e-12)
    fitted.decode = "argmax"
    best = P.reshape(300, 2, -1).argmax(axis=2)
    assert_array_equal(fitted.predict(X), np.stack(np.unravel_index(best, SHAPE), axis=-1))


@pytest.mark.parametrize("loss", ["nll", "kl", "l2"])
def test_every_rule_decodes_the_same_maps(faces, loss):
    X, y = faces
    fitted = model(loss=loss).fit(X, y)
    P = fitted.predict_proba(X).reshape(600, -1)
    for rule in DECODE:
        fitted.decode = rule
        expected = decoding.decode(P, fitted.grid_, rule).reshape(300, 2, 2)
        assert_allclose(fitted.predict(X), expected, atol=1e-6)


def test_weights_of_heat_maps_are_the_positive_parts_of_the_outputs(faces):
    X, y = faces
    fitted = model(loss="l2", max_epochs=20).fit(X, y)
    maps = np.maximum(fitted._outputs(X), 1e-12)
    assert (fitted._outputs(X) < 0).any()
    P = maps / maps.sum(axis=(2, 3), keepdims=True)
    assert_allclose(fitted.predict_proba(X), P, atol=1e-12)
    assert_allclose(fitted.predict_members(X)[0], P, atol=1e-12)
    assert_allclose(fitted.predict_log_proba(X), np.log(P), atol=1e-9)
    assert_allclose(fitted.uncertainty(X).shape, (300, 2))


@pytest.mark.parametrize("loss", ["kl", "l2"])
def test_losses_of_rivals_are_those_of_the_maps(faces, loss):
    X, y = faces
    fitted = model(loss=loss, lr=1e-30, max_epochs=1).fit(X, y)
    Z = torch.tensor(fitted._outputs(X).reshape(600, -1))
    grid, targets = torch.tensor(fitted.grid_), torch.tensor(y.reshape(600, 2))
    values = KERNEL_LOSSES[loss](Z, targets, grid.double())
    assert fitted.history_["train_loss"][0] == pytest.approx(values.mean().item(), abs=1e-5)


def test_loss_is_the_mean_over_landmarks_and_the_density_their_product(faces):
    X, y = faces
    fitted = model(lr=1e-30, max_epochs=1).fit(X, y)
    log_density = fitted.log_density(X, y)
    assert log_density.shape == (300,)
    assert fitted.history_["train_loss"][0] == pytest.approx(-log_density.mean() / 2, abs=1e-5)


def test_uncertainty_of_every_landmark(faces):
    X, y = faces
    fitted = model().fit(X, y)
    mean, covariance = fitted.predict(X, return_cov=True)
    assert covariance.shape == (300, 2, 2, 2)
    assert_allclose(fitted.uncertainty(X), np.sqrt(np.linalg.det(covariance)))
    std = fitted.predict(X, return_std=True)[1]
    assert std.shape == mean.shape
    assert_allclose(std**2, np.diagonal(covariance, axis1=2, axis2=3))
    assert (std >= 1).all()


def test_flat_targets_and_datasets_give_the_same(faces):
    X, y = faces
    expected = model().fit(X, y).predict(X)
    flat = model().fit(X, y.reshape(300, 4))
    assert_array_equal(flat.predict(X), expected.reshape(300, 4))
    assert flat.predict(X, return_std=True)[1].shape == (300, 4)
    assert_array_equal(flat.score(X, y.reshape(300, 4)), model().fit(X, y).score(X, y))
    data = TensorDataset(torch.tensor(X), torch.tensor(y))
    assert_allclose(model().fit(data).predict(data), expected, atol=1e-4)


def test_uniform_kernel(faces):
    X, y = faces
    fitted = model(kernel="uniform").fit(X, y)
    assert_allclose(fitted.bandwidth_, 1 / np.sqrt(12))
    assert np.isfinite(fitted.log_density(X, y)).all()


def test_heatmap_coordinates():
    # Cell 1 of stride 4 covers the pixels 4 to 7.
    assert to_heatmap_coordinates(5.5 * np.ones((1, 1, 2)), stride=4)[0, 0, 0] == 1
    points = np.random.default_rng(0).uniform(0, 64, (3, 5, 2))
    assert_array_equal(to_heatmap_coordinates(points, stride=1), points)
    for stride in (2, 3, 4):
        there = to_heatmap_coordinates(points, stride)
        assert_allclose(from_heatmap_coordinates(there, stride), points)
    for function in (to_heatmap_coordinates, from_heatmap_coordinates):
        with pytest.raises(ValueError, match="stride must be at least 1"):
            function(points, 0)
        with pytest.raises(ValueError, match="NaN"):
            function([[np.nan, 0.0]], 2)


@pytest.mark.parametrize(
    ("parameters", "change", "message"),
    [
        ({}, lambda y: np.where(y > 5, np.nan, y), "NaN"),
        ({}, lambda y: y[:, :, :1], "landmarks have"),
        ({}, lambda y: y[:, 0, 0], "landmarks have"),
        ({}, lambda y: y.reshape(300, 4)[:, :3], "landmarks have"),
        ({}, lambda y: y[:, :1], "output of shape"),
        ({"grid": [[0, 0], [1, 1]]}, lambda y: y, "leave out grid"),
        ({"heatmap_shape": (6,)}, lambda y: y, "heatmap_shape must be"),
        ({"heatmap_shape": (6.0, 8.0)}, lambda y: y, "heatmap_shape must be"),
        ({"heatmap_shape": (1, 1)}, lambda y: y, "heatmap_shape must be"),
        ({"heatmap_shape": (5, 8)}, lambda y: y, "output of shape"),
        ({"module": None}, lambda y: y, "heatmap_shape needs a module"),
    ],
)
def test_bad_landmarks(faces, parameters, change, message):
    X, y = faces
    with pytest.raises(ValueError, match=message):
        model(**parameters).fit(X, change(y))


def test_landmarks_have_no_quantiles(faces):
    fitted = model().fit(*faces)
    with pytest.raises(ValueError, match="fitted to points"):
        fitted.quantile(faces[0], 0.5)
