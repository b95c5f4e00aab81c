"""Validation of samples: containers, shapes, and values that are no features."""

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from scipy import sparse

torch = pytest.importorskip("torch")
pytest.importorskip("skorch")

from torch import nn  # noqa: E402

from sklearn_ldl import DeepLDLRegressor  # noqa: E402
from sklearn_ldl.datasets import make_ldl  # noqa: E402

X, D = make_ldl(60, random_state=0)
# Exact in float32, so that all containers hold the same numbers.
X = X.astype(np.float32).astype(np.float64)
IMAGES = np.random.default_rng(0).standard_normal((60, 2, 4, 5))


def model(module=None, **parameters):
    defaults = {"hidden_layer_sizes": (8,), "max_epochs": 3, "random_state": 0}
    return DeepLDLRegressor(module, **(defaults | parameters))


@pytest.fixture(scope="module")
def expected():
    return model().fit(X, D).predict(X)


class ConvNet(nn.Sequential):
    def __init__(self, input_shape, n_labels):
        channels, height, width = input_shape
        super().__init__(
            nn.Conv2d(channels, 4, 3, padding=1),
            nn.BatchNorm2d(4),
            nn.ReLU(),
            nn.Flatten(),
            nn.Linear(4 * height * width, n_labels),
        )


CONTAINERS = {
    "float32": lambda X: X.astype(np.float32),
    "big endian": lambda X: X.astype(">f8"),
    "Fortran order": np.asfortranarray,
    "strided": lambda X: np.repeat(X, 2, axis=0)[::2],
    "list": lambda X: X.tolist(),
    "csr_matrix": sparse.csr_matrix,
    "csr_array": sparse.csr_array,
    "csc_matrix": sparse.csc_matrix,
    "dok_array": sparse.dok_array,
    "float32 csr": lambda X: sparse.csr_array(X.astype(np.float32)),
}


@pytest.mark.parametrize("container", CONTAINERS)
def test_containers_of_features_give_the_same_result(container, expected):
    X_other = CONTAINERS[container](X)
    assert_array_equal(model().fit(X_other, D).predict(X_other), expected)


def test_data_frames_give_the_same_result_and_names(make_frame, expected):
    frame = make_frame(X, ["a", "b", "c"])
    targets = make_frame(D, ["joy", "fear", "rage"])
    fitted = model().fit(frame, targets)
    assert_array_equal(fitted.predict(frame), expected)
    assert list(fitted.feature_names_in_) == ["a", "b", "c"]
    assert list(fitted.label_names_) == ["joy", "fear", "rage"]
    with pytest.raises(ValueError, match="feature names should match"):
        fitted.predict(make_frame(X, ["a", "b", "d"]))


def test_integers_and_booleans_are_features():
    ones = X > 0
    assert_array_equal(
        model().fit(ones, D).predict(ones),
        model().fit(ones.astype(np.int8), D).predict(ones.astype(float)),
    )


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_read_only_memory_maps_are_fine_and_stay_as_they_are(dtype, tmp_path, expected, recwarn):
    np.save(tmp_path / "X.npy", X.astype(dtype))
    np.save(tmp_path / "D.npy", D)
    maps = [np.load(tmp_path / name, mmap_mode="r") for name in ("X.npy", "D.npy")]
    assert_array_equal(model().fit(*maps).predict(maps[0]), expected)
    assert not recwarn.list


@pytest.mark.parametrize("value", [np.nan, np.inf])
@pytest.mark.parametrize("container", [np.asarray, sparse.csr_array])
def test_features_that_are_not_finite_are_refused(value, container):
    bad = X.copy()
    bad[3, 1] = value
    with pytest.raises(ValueError, match="Input X contains"):
        model().fit(container(bad), D)
    with pytest.raises(ValueError, match="Input X contains"):
        model().fit(X, D).predict(container(bad))


@pytest.mark.parametrize("container", [np.asarray, sparse.csr_array])
def test_features_beyond_float32_are_refused_without_a_warning(container, recwarn):
    bad = X.copy()
    bad[3, 1] = 1e300
    with pytest.raises(ValueError, match="too large for float32: scale the features"):
        model().fit(container(bad), D)
    with pytest.raises(ValueError, match="too large for float32: scale the features"):
        model().fit(X, D).predict(container(bad))
    assert not recwarn.list


def test_wrong_number_of_features_at_predict():
    with pytest.raises(ValueError, match="X has 2 features, but DeepLDLRegressor is expecting 3"):
        model().fit(X, D).predict(X[:, :2])


@pytest.mark.parametrize("module", [None, ConvNet])
def test_images_may_be_given_flat_with_their_shape(module):
    flat = IMAGES.reshape(60, -1)
    whole = model(module).fit(IMAGES, D)
    folded = model(module, input_shape=[2, 4, 5]).fit(flat, D)
    assert whole.input_shape_ == folded.input_shape_ == (2, 4, 5)
    assert_array_equal(whole.predict(IMAGES), folded.predict(flat))
    assert_array_equal(folded.predict(sparse.csr_array(flat)), folded.predict(flat))


def test_wrong_shapes_of_images_at_fit():
    with pytest.raises(ValueError, match=r"input_shape=\(2, 4, 4\) has 32 entries, .* 40 features"):
        model(input_shape=(2, 4, 4)).fit(IMAGES.reshape(60, -1), D)
    with pytest.raises(ValueError, match=r"input_shape=\(4, 5, 2\), .* samples of shape \(2, 4, 5"):
        model(input_shape=(4, 5, 2)).fit(IMAGES, D)
    with pytest.raises(ValueError, match=r"samples of shape \(2, 0, 5\), which are empty"):
        model().fit(IMAGES[:, :, :0], D)
    with pytest.raises(ValueError, match=r"module does not take samples of shape \(3,\)"):
        model(nn.Conv2d(3, 3, 1)).fit(X, D)
    nan = IMAGES.copy()
    nan[0, 0, 0, 0] = np.nan
    with pytest.raises(ValueError, match="Input X contains NaN"):
        model().fit(nan, D)


def test_wrong_shapes_of_images_at_predict():
    fitted = model(ConvNet).fit(IMAGES, D)
    with pytest.raises(ValueError, match=r"shape \(2, 5, 4\), but .* of shape \(2, 4, 5\)"):
        fitted.predict(IMAGES.swapaxes(2, 3))
    with pytest.raises(ValueError, match="X has 40 features"):
        fitted.predict(IMAGES.reshape(60, -1))
