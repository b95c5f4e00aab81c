"""Fitted modules in plain PyTorch, and exported."""

import io

import pytest
import torch
from numpy.testing import assert_allclose
from torch import nn

from sklearn_ldl import (
    CPNN,
    DeepLDLClassifier,
    DeepLDLRegressor,
    DeepRegressor,
    DILDLRegressor,
    RDARegressor,
)
from sklearn_ldl.datasets import make_ldl
from tests.deep import single_net
from tests.deep.test_common_deep import DEEP, build, problem

X, D = make_ldl(40, random_state=0)
ROWS = torch.from_numpy(X).float()
EXPORTED = [
    DeepLDLRegressor(max_epochs=2),
    DeepLDLClassifier(n_members=3, max_epochs=2),
    single_net(DeepLDLRegressor, dropout=0.2, max_epochs=2),
    DeepRegressor(max_epochs=2),
    CPNN(max_epochs=2),
    RDARegressor(max_epochs=2),
    DILDLRegressor(max_epochs=2),
    single_net(DeepLDLRegressor, nn.Sequential(nn.Linear(3, 5), nn.ReLU(), nn.Linear(5, 3))),
]


@pytest.mark.parametrize("cls", DEEP, ids=lambda cls: cls.__name__)
def test_modules_in_plain_torch_give_the_outputs_of_predictions(cls):
    estimator = build(cls, max_epochs=2, dropout=0.2)
    features, y, params = problem(estimator)
    estimator.fit(features, y, **params)
    with torch.no_grad():
        Z = estimator.net_.module_.eval()(torch.from_numpy(features).float())
    if hasattr(estimator, "decision_function"):
        predict = getattr(estimator, "predict_proba", estimator.predict)
        assert_allclose(Z.softmax(1), predict(features), atol=1e-5)
    else:
        assert_allclose(Z, estimator._outputs(features), atol=1e-4)


@pytest.mark.parametrize("model", EXPORTED, ids=lambda model: type(model).__name__)
def test_modules_are_exported_with_any_number_of_rows(model):
    model.fit(X, X[:, 0] if isinstance(model, DeepRegressor) else D)
    module = model.net_.module_.eval()
    rows = torch.export.Dim("rows", max=4096)
    program = torch.export.export(module, (ROWS[:3],), dynamic_shapes=({0: rows},))
    file = io.BytesIO()
    torch.export.save(program, file)
    file.seek(0)
    loaded = torch.export.load(file).module()
    with torch.no_grad():
        for n_rows in (2, 40):
            assert_allclose(loaded(ROWS[:n_rows]), module(ROWS[:n_rows]), atol=1e-6)
            assert torch.isfinite(loaded(ROWS[:n_rows])).all()
