"""The recipe for tables: an ensemble that stops early, with features standardised inside."""

import pickle

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy import sparse
from sklearn.base import clone

torch = pytest.importorskip("torch")
pytest.importorskip("skorch")

from torch import nn  # noqa: E402
from torch.utils.data import Dataset  # noqa: E402

from sklearn_ldl import (  # noqa: E402
    DeepLDLClassifier,
    DeepLDLRegressor,
    DeepRegressor,
    KernelDensityRegressor,
    OnlineLDLClassifier,
)
from sklearn_ldl.datasets import make_ldl  # noqa: E402
from sklearn_ldl.deep import PRESETS, DeepDistributionRegressor  # noqa: E402
from sklearn_ldl.deep.networks.ensemble import MLPEnsemble  # noqa: E402
from sklearn_ldl.metrics import kl_divergence  # noqa: E402
from tests.deep import single_net  # noqa: E402

X, D = make_ldl(80, random_state=0)
Y = 100 + 10 * X[:, 0] + X[:, 1] ** 2
LABELS = D.argmax(axis=1)
FEW = {"n_members": 3, "hidden_layer_sizes": (8,), "max_epochs": 4, "random_state": 0}


def over_mean(model, X, D, X_test, D_test):
    """KL of a model by that of the mean of its training rows."""
    mean = np.tile(D.mean(axis=0), (len(X_test), 1))
    return kl_divergence(D_test, model.fit(X, D).predict(X_test)) / kl_divergence(D_test, mean)


# What it is good for


def test_defaults_beat_the_mean_and_the_single_network():
    features, truth = make_ldl(600, random_state=0)
    votes = np.random.default_rng(0).multinomial(5, truth) / 5
    parts = features[:100], votes[:100], features[100:], truth[100:]
    ensemble = over_mean(DeepLDLRegressor(random_state=0), *parts)
    assert ensemble < 0.6
    assert ensemble < 0.8 * over_mean(single_net(DeepLDLRegressor, random_state=0), *parts)


@pytest.mark.parametrize("n_rows", [60, 300])
def test_defaults_hardly_lose_to_the_mean_on_noise(n_rows, rng):
    features = rng.normal(size=(n_rows + 1000, 30))
    targets = rng.dirichlet(np.full(6, 2.0), len(features))
    parts = features[:n_rows], targets[:n_rows], features[n_rows:], targets[n_rows:]
    assert over_mean(DeepLDLRegressor(random_state=0), *parts) < 1.02


def test_raw_features_are_as_good_as_standardised_ones():
    features, truth = make_ldl(400, random_state=1)
    raw = 1000 + features * np.array([1e-3, 1.0, 1e3])
    fits = [
        DeepLDLRegressor(max_epochs=30, random_state=0).fit(x[:200], truth[:200])
        for x in (features, raw)
    ]
    scores = [fit.score(x[200:], truth[200:]) for fit, x in zip(fits, (features, raw), strict=True)]
    assert scores[0] > 0.5
    assert scores[1] == pytest.approx(scores[0], abs=0.02)


def test_one_outlying_value_ruins_nothing():
    features, truth = make_ldl(400, random_state=1)
    spoilt = features.copy()
    spoilt[17, 0] = 1e6
    spoilt[300, 1] = -1e6
    model = DeepLDLRegressor(max_epochs=30, random_state=0)
    expected = clone(model).fit(features[:200], truth[:200]).score(features[200:], truth[200:])
    fitted = model.fit(spoilt[:200], truth[:200])
    assert fitted.score(features[200:], truth[200:]) > expected - 0.03
    assert kl_divergence(truth[300:301], fitted.predict(spoilt[300:301])) < 3


# Members


@pytest.mark.parametrize("inference_dtype", ["float32", "float64"])
def test_members_of_distributions(inference_dtype):
    settings = {**FEW, "inference_dtype": inference_dtype}
    regressor = DeepLDLRegressor(**settings).fit(X, D)
    classifier = DeepLDLClassifier(**settings).fit(X, LABELS)
    density = KernelDensityRegressor(**settings).fit(X, Y)
    for model, mean in (
        (regressor, regressor.predict(X)),
        (classifier, classifier.predict_proba(X)),
        (density, density.predict_proba(X)),
    ):
        P = model.predict_members(X)
        assert P.shape == (3, *mean.shape)
        assert_allclose(P.sum(axis=2), 1, atol=1e-12)
        assert_allclose(P.mean(axis=0), mean, atol=1e-6 if "32" in inference_dtype else 1e-12)
        assert P.std(axis=0).max() > 1e-3


@pytest.mark.parametrize("loss", ["l2", "l1", "gaussian"])
@pytest.mark.parametrize("y", [Y, np.column_stack([Y, -Y])])
def test_members_of_values(loss, y):
    model = DeepRegressor(loss=loss, **FEW).fit(X, y)
    values = model.predict_members(X)
    assert values.shape == (3, *y.shape)
    assert_allclose(values.mean(axis=0), model.predict(X), rtol=1e-9)
    assert values.std(axis=0).max() > 1e-3


def test_deviations_hold_those_between_members():
    model = DeepRegressor(loss="gaussian", **FEW).fit(X, Y)
    _, std = model.predict(X, return_std=True)
    assert (std > model.predict_members(X).std(axis=0)).all()


def test_a_module_and_a_single_perceptron_are_one_member():
    for model in (
        DeepLDLRegressor(nn.Linear(3, 3), max_epochs=1).fit(X, D),
        DeepLDLRegressor(**{**FEW, "n_members": 1}).fit(X, D),
    ):
        assert not isinstance(model.net_.module_, MLPEnsemble)
        assert_allclose(model.predict_members(X)[0], model.predict(X), atol=1e-12)


def test_one_member_without_standardisation_is_the_plain_network():
    settings = {"max_epochs": 3, "random_state": 0}
    own = DeepLDLRegressor(**{**PRESETS["plain"], **settings}).fit(X, D)

    class Base(DeepDistributionRegressor):
        def _losses(self, data):
            return lambda Z, D: (D * (D.log() - Z.log_softmax(1))).sum(1)

    assert_allclose(own.predict(X), Base(**settings).fit(X, D).predict(X), atol=1e-5)


# Training


def test_it_starts_from_the_mean_distribution():
    train = np.random.RandomState(0).permutation(80)[12:]
    mean = D[train].mean(axis=0)
    for strength in (0.0, 1.0):
        model = DeepLDLRegressor(**{**FEW, "max_epochs": 0}, logit_adjustment=strength).fit(X, D)
        bias = model.net_.module_.head.bias.detach().numpy()
        expected = np.broadcast_to((1 - strength) * np.log(mean), bias.shape)
        assert_allclose(bias, expected, atol=1e-6)


def test_early_stopping_looks_at_the_mean_prediction():
    model = DeepLDLRegressor(**{**FEW, "max_epochs": 1, "dropout": 0.0}).fit(X, D)
    rows = np.random.RandomState(0).permutation(80)[:12]
    expected = kl_divergence(D[rows], model.predict(X[rows]))
    assert model.history_["valid_loss"][-1] == pytest.approx(expected, rel=1e-5)
    members = [kl_divergence(D[rows], P) for P in model.predict_members(X[rows])]
    assert np.mean(members) > expected * 1.0001


def test_the_best_epoch_is_kept():
    model = DeepLDLRegressor(**{**FEW, "max_epochs": 60, "n_iter_no_change": 3, "lr": 0.1})
    model.fit(X, D)
    rows = np.random.RandomState(0).permutation(80)[:12]
    kept = kl_divergence(D[rows], model.predict(X[rows]))
    assert model.n_iter_ < 60
    assert kept == pytest.approx(model.history_["valid_loss"].min(), rel=1e-5)


@pytest.mark.parametrize("n_rows", [1, 2, 3])
@pytest.mark.parametrize("cls", [DeepLDLRegressor, DeepLDLClassifier, DeepRegressor])
def test_few_rows_and_two_labels(cls, n_rows):
    targets = np.tile([0.25, 0.75], (n_rows, 1)) if cls is not DeepRegressor else Y[:n_rows]
    model = cls(random_state=0, max_epochs=5).fit(X[:n_rows], targets)
    assert np.isfinite(model.predict_members(X)).all()
    assert ("valid_loss" in model.history_) == (n_rows > 1)


def test_weights_count_in_training_and_validation(rng):
    weight = rng.integers(1, 4, 80).astype(float)
    model = DeepLDLRegressor(**{**FEW, "max_epochs": 1, "dropout": 0.0})
    model.fit(X, D, sample_weight=weight)
    order = np.random.RandomState(0).permutation(80)
    valid = order[:12]
    losses = [kl_divergence(D[[row]], model.predict(X[[row]])) for row in valid]
    expected = np.average(losses, weights=weight[valid])
    assert model.history_["valid_loss"][0] == pytest.approx(expected, rel=1e-4)
    assert_array_equal(
        clone(model).fit(X, D, sample_weight=2 * weight).predict(X), model.predict(X)
    )
    assert (clone(model).fit(X, D).predict(X) != model.predict(X)).any()


class Items(Dataset):
    def __len__(self):
        return len(X)

    def __getitem__(self, index):
        return X[index].astype(np.float32), D[index]


def test_sparse_rows_and_data_sets_train_like_arrays():
    expected = DeepLDLRegressor(**FEW).fit(X.astype(np.float32), D).predict(X)
    for data in (sparse.csr_matrix(X.astype(np.float32)), X.astype(np.float32)):
        assert_allclose(DeepLDLRegressor(**FEW).fit(data, D).predict(data), expected, atol=1e-12)
    assert_allclose(DeepLDLRegressor(**FEW).fit(Items()).predict(X), expected, atol=1e-6)


def test_members_share_mixed_batches():
    model = DeepLDLRegressor(augment="mixup", logit_adjustment=0.5, **FEW).fit(X, D)
    assert np.isfinite(model.predict_members(X)).all()
    assert (model.predict(X) != DeepLDLRegressor(**FEW).fit(X, D).predict(X)).any()


class FarItems(Dataset):
    def __init__(self, features):
        self.features = features

    def __len__(self):
        return len(X)

    def __getitem__(self, index):
        return self.features[index], D[index]


@pytest.mark.parametrize("offset", [1e6, -1e9])
@pytest.mark.parametrize(
    "options", [{}, {"n_members": 1}, {"inference_dtype": "float32"}, {"predict_mc_samples": 2}]
)
def test_features_far_from_zero_are_told_apart(offset, options):
    near = DeepLDLRegressor(**FEW | {"dropout": 0.2} | options).fit(X, D)
    expected, features = near.predict(X), X + offset
    far = clone(near).fit(features, D)
    assert_allclose(far.predict(features), expected, atol=1e-5)
    assert_allclose(far.predict_members(features), near.predict_members(X), atol=1e-5)
    assert_allclose(far.transform_features(features), near.transform_features(X), atol=1e-5)
    assert_allclose(far.fit(FarItems(features)).predict(features), expected, atol=1e-5)


def test_large_integers_are_told_apart():
    counts = np.round(1000 * X).astype(np.int64)
    expected = DeepLDLRegressor(**FEW).fit(counts, D).predict(counts)
    dates = counts + 1_700_000_000
    assert_allclose(DeepLDLRegressor(**FEW).fit(dates, D).predict(dates), expected, atol=1e-5)


def test_a_teacher_and_its_student_see_features_far_from_zero():
    network = OnlineLDLClassifier(standardize=True, max_epochs=3, random_state=0)
    expected = network.fit(X, LABELS).predict_proba(X)
    far = X + 1e9
    assert_allclose(network.fit(far, LABELS).predict_proba(far), expected, atol=1e-5)


# Going on


@pytest.mark.parametrize("pickled", [False, True])
def test_warm_start_goes_on_with_all_members(pickled):
    settings = {**FEW, "early_stopping": False}
    expected = DeepLDLRegressor(**{**settings, "max_epochs": 6}).fit(X, D)
    fitted = DeepLDLRegressor(**{**settings, "max_epochs": 3}, warm_start=True).fit(X, D)
    fitted = pickle.loads(pickle.dumps(fitted)) if pickled else fitted
    # The scale of the features stays that of the first data.
    assert_array_equal(fitted.fit(X, D).predict(X), expected.predict(X))


def test_checkpoints_hold_all_members(tmp_path):
    path = tmp_path / "state"
    settings = {**FEW, "max_epochs": 6}
    expected = DeepLDLRegressor(**settings).fit(X, D).predict(X)
    stopped = DeepLDLRegressor(**settings, checkpoint=path)
    assert_array_equal(stopped.fit(X, D).predict(X), expected)
    assert_array_equal(clone(stopped).fit(X, D).predict(X), expected)


def test_a_fitted_ensemble_is_a_module_to_start_from():
    first = DeepLDLRegressor(**FEW).fit(X, D)
    further = DeepLDLRegressor(first.net_.module_, max_epochs=0, random_state=0).fit(X, D)
    assert_array_equal(further.predict(X), first.predict(X))
    further.set_params(max_epochs=5).fit(X, D)
    assert (further.predict_members(X) != first.predict_members(X)).any(axis=(1, 2)).all()
