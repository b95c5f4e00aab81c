"""Networks as ONNX models, alone and inside of other estimators."""

import sys

import numpy as np
import pytest
import torch
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from torch import nn

from sklearn_ldl import StackingLDL, TemperatureCalibrator
from sklearn_ldl.deep import (
    DeepDistributionRegressor,
    DeepLDLClassifier,
    DeepLDLRegressor,
    DeepRegressor,
    KernelDensityRegressor,
)
from sklearn_ldl.deploy import NotConvertibleError, to_onnx
from tests.deploy.sessions import TOLERANCE, assert_same
from tests.trust.cases import data

pytest.importorskip("onnxscript")
pytestmark = pytest.mark.skipif(
    not hasattr(torch.compiler, "is_exporting"), reason="torch is older than 2.7"
)
X, D = data()
FAST = {"max_epochs": 2, "random_state": 0}


def test_inside_of_others():
    network = make_pipeline(StandardScaler(), DeepLDLRegressor(n_members=3, **FAST))
    calibrated = TemperatureCalibrator(network, cv=2)
    model = StackingLDL([("a", calibrated), ("b", network)], weights=[1, 1]).fit(X, D)
    assert_same(to_onnx(model, X), model, X, TOLERANCE["float64"])


def test_features_far_from_zero():
    far = X + 1e6
    model = DeepLDLRegressor(**FAST).fit(far, D)
    assert model.net_.conversion.keeps_doubles
    assert_same(to_onnx(model, far), model, far, TOLERANCE["float64"])


def test_images():
    images = np.random.default_rng(0).normal(size=(20, 1, 6, 6)).astype(np.float32)
    model = DeepLDLClassifier(**FAST).fit(images, np.array(["a", "b"])[np.arange(20) % 2])
    assert_same(to_onnx(model, images), model, images, TOLERANCE["float32"])


def test_rows_that_are_images():
    model = DeepLDLRegressor(input_shape=(1, 1, X.shape[1]), **FAST).fit(X, D)
    assert_same(to_onnx(model, X), model, X, TOLERANCE["float64"])


def test_whole_numbers():
    rows = (X > 0).astype(np.int64)
    model = DeepLDLRegressor(**FAST).fit(rows, D)
    assert_same(to_onnx(model, rows), model, rows, TOLERANCE["float64"])


class TwoInputs(nn.Module):
    def __init__(self, input_shape, n_labels):
        super().__init__()
        self.numbers = nn.Linear(3, n_labels)
        self.words = nn.Embedding(5, n_labels)

    def forward(self, numbers, words):
        return self.numbers(numbers) + self.words(words).mean(1)


def test_several_inputs():
    rng = np.random.default_rng(0)
    inputs = {
        "words": rng.integers(0, 5, size=(60, 4)),
        "numbers": rng.normal(size=(60, 3)).astype(np.float32),
    }
    model = DeepLDLRegressor(TwoInputs, **FAST).fit(inputs, D)
    assert_same(to_onnx(model, inputs), model, inputs, TOLERANCE["float32"])


def test_normal_distributions():
    model = DeepRegressor(loss="gaussian", n_members=2, **FAST).fit(X, 50 + X[:, :2])
    assert_same(to_onnx(model, X), model, X, TOLERANCE["float64"])


def test_densities():
    model = KernelDensityRegressor(decode="median", **FAST).fit(X, X[:, 0])
    assert_same(to_onnx(model, X), model, X, TOLERANCE["float64"])


class SquaresLDL(DeepDistributionRegressor, omit=["loss"]):
    def _losses(self, data):
        return lambda Z, D: (Z.softmax(1) - D).square().sum(1)


def test_networks_of_others():
    model = SquaresLDL(**FAST).fit(X, D)
    assert_same(to_onnx(model, X), model, X, TOLERANCE["float64"])


def test_what_does_not_convert():
    with pytest.raises(NotConvertibleError, match=r"DeepLDLRegressor .*predict_mc_samples"):
        to_onnx(DeepLDLRegressor(dropout=0.1, predict_mc_samples=2, **FAST).fit(X, D), X)
    with pytest.raises(NotConvertibleError, match=r'KernelDensityRegressor .*"mode"'):
        to_onnx(KernelDensityRegressor(decode="mode", **FAST).fit(X, X[:, 0]), X)
    with pytest.raises(ValueError, match="target_opset=18"):
        to_onnx(DeepLDLRegressor(**FAST).fit(X, D), X, target_opset=17)


def test_missing_extra_is_named(monkeypatch):
    model = DeepLDLRegressor(**FAST).fit(X, D)
    monkeypatch.setitem(sys.modules, "onnxscript", None)
    with pytest.raises(ImportError, match=r'needs onnxscript: pip install "sklearn-ldl\[onnx\]"'):
        to_onnx(model, X)
