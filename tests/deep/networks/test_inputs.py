import numpy as np
import pytest
from numpy.testing import assert_allclose
from sklearn.preprocessing import StandardScaler

torch = pytest.importorskip("torch")

from sklearn_ldl.deep.networks import inputs  # noqa: E402
from sklearn_ldl.deep.networks.inputs import StandardizedInputs  # noqa: E402


def through(X, X_new=None):
    layer = StandardizedInputs(X.shape[1])
    layer.adapt(X)
    X_new = X if X_new is None else X_new
    return layer.double()(torch.from_numpy(np.asarray(X_new, dtype=float))).numpy()


def test_ordinary_features_are_standardised(rng):
    X = rng.normal([3, -500, 0], [1, 20, 1e-3], (300, 3))
    assert_allclose(through(X), StandardScaler().fit_transform(X), atol=1e-4)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_features_far_from_zero_are_told_apart(rng, dtype):
    X = rng.normal([1e9, -1e6, 2], [1, 20, 1e-4], (300, 3))
    layer = StandardizedInputs(3).to(dtype)
    layer.adapt(X)
    found = layer(torch.from_numpy(X))
    assert found.dtype == dtype
    assert_allclose(found, StandardScaler().fit_transform(X), atol=1e-4)


def test_one_value_does_not_count_for_the_scale(rng):
    X = rng.normal(size=(300, 1))
    outlying = np.vstack([X, [[1e6]]])
    Z = through(outlying)
    assert Z[-1, 0] == 5
    assert 0.5 < Z[:-1].std() < 1.1


def test_nothing_gets_far():
    X = np.linspace(-1, 1, 50)[:, None]
    assert_allclose(through(X, [[1e30], [-1e30], [np.finfo(np.float32).max]]).ravel(), [5, -5, 5])


def test_constant_features_are_centred():
    X = np.full((20, 1), 7.0)
    assert_allclose(through(X, [[7], [8]]), [[0], [1]])


def test_rare_values_count_where_the_quartiles_are_equal(rng):
    X = (rng.random((1000, 1)) < 0.1).astype(float)
    assert_allclose(through(X), StandardScaler().fit_transform(X), atol=1e-4)


def test_one_row():
    assert_allclose(through(np.array([[3.0, -2.0]])), [[0, 0]])


def test_tiny_and_huge_scales_stay_finite():
    X = np.array([[0, -3e38], [1e-45, 3e38], [2e-45, 0]], dtype=np.float32)
    layer = StandardizedInputs(2)
    layer.adapt(X)
    assert layer(torch.from_numpy(X)).isfinite().all()


def test_columns_do_not_depend_on_their_block(rng, monkeypatch):
    X = rng.normal(size=(50, 7)) * 10.0 ** np.arange(7)
    expected = through(X)
    monkeypatch.setattr(inputs, "_NUMBERS", 100)
    assert_allclose(through(X), expected, rtol=1e-12)
