"""Members and features of every deep estimator, under one name each."""

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose, assert_array_equal
from torch import nn

from sklearn_ldl import DeepLDLClassifier, DeepLDLRegressor, DeepRegressor, KernelDensityRegressor
from sklearn_ldl._core.simplex import softmax
from tests.deep import single_net
from tests.deep.test_common_deep import DEEP, build, problem

WITH_DROPOUT = [cls for cls in DEEP if "predict_mc_samples" in cls().get_params()]


def names(classes):
    return {"params": classes, "ids": lambda cls: cls.__name__}


@pytest.fixture(**names(DEEP))
def fitted(request):
    estimator = build(request.param, max_epochs=2)
    X, y, params = problem(estimator)
    return estimator.fit(X, y, **params), X


@pytest.fixture(**names(WITH_DROPOUT))
def dropping(request):
    estimator = build(request.param, dropout=0.4, n_members=1, max_epochs=2, predict_mc_samples=6)
    X, y, params = problem(estimator)
    return estimator.fit(X, y, **params), X


def whole(estimator, X):
    """The prediction that is the mean of the members."""
    return (estimator.predict_proba if hasattr(estimator, "predict_proba") else estimator.predict)(
        X
    )


def test_networks_with_dropout_layers_are_found():
    assert {cls.__name__ for cls in DEEP} - {cls.__name__ for cls in WITH_DROPOUT} == {
        "CPNN",
        "DILDLRegressor",
        "RDARegressor",
    }


def test_members_are_passes_with_dropout_whose_mean_is_predicted(dropping):
    estimator, X = dropping
    members = estimator.predict_members(X)
    P = whole(estimator, X)
    assert members.shape == (6, *P.shape)
    assert (members.std(axis=0) > 0).mean() > 0.9
    assert_allclose(members.mean(axis=0), P, atol=1e-9)


def test_members_can_be_asked_for_without_a_change_of_predictions(dropping):
    estimator, X = dropping
    estimator.set_params(predict_mc_samples=0)
    before, state = whole(estimator, X), torch.get_rng_state()
    assert_array_equal(estimator.predict_members(X)[0], before)
    few = estimator.predict_members(X, mc_samples=3)
    assert few.shape == (3, *before.shape)
    assert_array_equal(estimator.predict_members(X, mc_samples=3), few)
    other = estimator.predict_members(X, mc_samples=3, random_state=1)
    assert_array_equal(estimator.predict_members(X, mc_samples=3, random_state=1), other)
    assert np.abs(other - few).max() > 1e-6
    assert_array_equal(whole(estimator, X), before)
    assert torch.equal(torch.get_rng_state(), state)


def test_more_passes_come_closer_to_their_mean(dropping):
    estimator, X = dropping
    first, second = (
        [
            estimator.predict_members(X, mc_samples=n, random_state=seed).mean(axis=0)
            for n in (4, 400)
        ]
        for seed in (0, 1)
    )
    few, many = (np.abs(a - b).mean() for a, b in zip(first, second, strict=True))
    assert many < few / 3


def test_the_members_of_an_ensemble_all_count_in_every_pass():
    X, D, _ = problem(DeepLDLRegressor())
    model = DeepLDLRegressor(n_members=3, dropout=0.3, max_epochs=2, random_state=0).fit(X, D)
    assert model.predict_members(X).shape == (3, *D.shape)
    model.set_params(predict_mc_samples=4)
    assert model.predict_members(X).shape == (12, *D.shape)
    assert_allclose(model.predict_members(X).mean(axis=0), model.predict(X), atol=1e-12)


def test_members_without_dropout_are_an_error():
    X, y, _ = problem(DeepLDLClassifier())
    model = single_net(DeepLDLClassifier, max_epochs=1, random_state=0).fit(X, y)
    with pytest.raises(ValueError, match="needs dropout layers"):
        model.predict_members(X, mc_samples=2)
    for wrong in (-1, 2.5):
        with pytest.raises(ValueError, match="mc_samples must be an integer"):
            model.predict_members(X, mc_samples=wrong)
    with pytest.raises(ValueError, match="needs dropout layers"):
        model.set_params(predict_mc_samples=2).fit(X, y)


def test_members_of_means_and_deviations():
    X, y, _ = problem(DeepRegressor())
    model = single_net(DeepRegressor, loss="gaussian", dropout=0.4, max_epochs=3, random_state=0)
    model.set_params(predict_mc_samples=50).fit(X, y)
    mean, std = model.predict(X, return_std=True)
    assert_allclose(model.predict_members(X).mean(axis=0), mean)
    # They disagree, and the deviation knows.
    assert (std > model.predict_members(X).std(axis=0)).all()


class Heatmaps(nn.Sequential):
    def __init__(self):
        super().__init__(
            nn.Linear(4, 8), nn.Dropout(0.5), nn.Linear(8, 24), nn.Unflatten(1, (2, 3, 4))
        )


def test_members_of_heat_maps():
    X = np.random.default_rng(0).normal(size=(30, 4))
    y = np.random.default_rng(1).uniform(0, 3, size=(30, 2, 2))
    model = KernelDensityRegressor(
        module=Heatmaps, heatmap_shape=(3, 4), max_epochs=2, random_state=0, predict_mc_samples=5
    ).fit(X, y)
    members = model.predict_members(X)
    assert members.shape == (5, 30, 2, 3, 4)
    assert_allclose(members.mean(axis=0), model.predict_proba(X), atol=1e-12)
    assert_allclose(members.sum(axis=(3, 4)), 1)


def test_features_are_what_the_last_layer_is_given(fitted):
    estimator, X = fitted
    F = estimator.transform_features(X)
    assert F.shape[0] == len(X)
    assert F.ndim == 2
    assert_array_equal(estimator.transform_features(X), F)
    assert_allclose(estimator.transform_features(X[:7]), F[:7], atol=1e-12)
    module = estimator.net_.module_
    head = module.head
    if isinstance(head, nn.Linear) and head.out_features > 1:
        with torch.no_grad():
            Z = head.double()(torch.from_numpy(F)).numpy()
        assert_allclose(Z, estimator._outputs(X), atol=1e-6)
    assert not head._forward_pre_hooks


def test_features_serve_other_learners():
    X, D, _ = problem(DeepLDLRegressor())
    model = single_net(DeepLDLRegressor, hidden_layer_sizes=(20, 5), random_state=0).fit(X, D)
    F = model.transform_features(X)
    assert F.shape == (60, 5)
    W, b = (p.detach().numpy() for p in model.net_.module_.head.parameters())
    assert_allclose(softmax(F @ W.T + b, axis=1), model.predict(X), atol=1e-6)
    assert model.transform_features(X, layer="hidden2").shape == (60, 20)
    assert_allclose(model.transform_features(X, layer="hidden1"), X, rtol=1e-6)


def test_features_of_an_ensemble_are_those_of_all_members():
    X, D, _ = problem(DeepLDLRegressor())
    model = DeepLDLRegressor(hidden_layer_sizes=(7,), n_members=3, max_epochs=2).fit(X, D)
    assert model.transform_features(X).shape == (60, 21)


class Twice(nn.Module):
    """Uses its head for two things."""

    def __init__(self, n_features, n_labels):
        super().__init__()
        self.body = nn.Linear(n_features, 6)
        self.head = nn.Linear(6, n_labels)

    def forward(self, X):
        H = self.body(X)
        return self.head(H) + self.head(-H.relu())


@pytest.mark.parametrize(
    ("module", "layer", "message"),
    [
        (Twice, None, r"'head' is given \[\(60, 6\), \(60, 6\)\] for 60 samples"),
        (Twice, "tail", "no layer 'tail': name one of body, head"),
        (nn.Sequential(nn.Bilinear(2, 2, 3)), None, "no linear layer: name one of 0"),
    ],
)
def test_features_that_nobody_can_tell_are_an_error(module, layer, message):
    X, D, _ = problem(DeepLDLRegressor())
    model = single_net(DeepLDLRegressor, Twice, max_epochs=1, random_state=0).fit(X, D)
    if module is not Twice:
        model.net_.module_ = module
    with pytest.raises(ValueError, match=message):
        model.transform_features(X, layer=layer)
    body = single_net(DeepLDLRegressor, Twice, max_epochs=1, random_state=0).fit(X, D)
    assert_allclose(body.transform_features(X, layer="body"), X, rtol=1e-6)
