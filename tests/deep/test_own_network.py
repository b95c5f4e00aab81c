"""Estimators of one's own: what the hook is told, what it may return, and features of modules."""

import pickle

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn import config_context
from sklearn.datasets import load_iris, make_blobs
from sklearn.model_selection import cross_validate

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
from sklearn_ldl._core.sklearn_compat import InvalidParameterError  # noqa: E402
from sklearn_ldl.datasets import make_ldl  # noqa: E402
from sklearn_ldl.deep import (  # noqa: E402
    DeepClassifier,
    DeepDistributionRegressor,
    DeepValueRegressor,
)
from sklearn_ldl.deep.losses import kl_divergence, l2  # noqa: E402
from sklearn_ldl.deep.networks.dropout import MCDropout  # noqa: E402
from tests.deep import single_net  # noqa: E402

X, D = make_ldl(60, random_state=0)
Y = X[:, 0] + 0.1 * D[:, 0]
LABELS = np.array(["c", "a", "b"])[D.argmax(axis=1)]
SMALL = {"hidden_layer_sizes": (4,), "max_epochs": 3, "batch_size": 16, "random_state": 0}


class Net(nn.Module):
    """The built-in perceptron, which returns features besides."""

    def __init__(self, n_features, n_labels, dropout=0.0):
        super().__init__()
        self.hidden1 = nn.Linear(n_features, 4)
        self.dropout = nn.Dropout(dropout)
        self.head = nn.Linear(4, n_labels)

    def forward(self, X):
        H = self.hidden1(X).relu()
        return self.head(self.dropout(H)), H


class NetInTraining(Net):
    """The same, with features in training alone."""

    def forward(self, X):
        Z, H = super().forward(X)
        return (Z, H) if self.training else Z


class Hooked:
    """Keeps what the hook is told, and minimises `loss_of`."""

    def _losses(self, data):
        self.told = data
        return self.loss_of


class HookedDistributions(Hooked, DeepDistributionRegressor):
    loss_of = staticmethod(kl_divergence)


class HookedClasses(Hooked, DeepClassifier):
    loss_of = staticmethod(kl_divergence)


class HookedValues(Hooked, DeepValueRegressor):
    loss_of = staticmethod(l2)


HOOKED = [(HookedDistributions, D), (HookedClasses, LABELS), (HookedValues, Y)]


class Items(Dataset):
    def __init__(self, y):
        self.y = y

    def __len__(self):
        return len(X)

    def __getitem__(self, index):
        return X[index].astype(np.float32), self.y[index]


# What the hook is told


@pytest.mark.parametrize(("cls", "y"), HOOKED)
def test_the_hook_gets_samples_targets_and_weights(cls, y):
    weight = np.arange(60.0)
    fitted = cls(**SMALL).fit(X.tolist(), y, sample_weight=weight.tolist())
    told = fitted.told
    assert X.tolist() == told.X
    assert told.y is y
    assert_array_equal(told.features, X)  # they are converted by the batch
    assert told.targets.dtype == np.float32
    assert len(told.targets) == told.n_samples == 60
    assert_array_equal(told.sample_weight, weight)
    assert_array_equal(told.rows[0], np.arange(1, 60))
    assert told.rows[1].size == 0
    assert_allclose(told.weight, weight / weight[1:].mean())
    assert told.metadata == {}


@pytest.mark.parametrize(("cls", "y"), HOOKED)
def test_targets_of_data_sets_are_encoded_batch_by_batch(cls, y):
    from_items = cls(**SMALL).fit(Items(y))
    assert from_items.told.targets is None
    assert from_items.told.y is None
    from_arrays = cls(**SMALL).fit(X.astype(np.float32), y)
    assert_array_equal(from_items.predict(X), from_arrays.predict(X))
    assert_array_equal(from_items.told.encode(y), from_arrays.told.targets)


def test_targets_of_each_kind():
    assert_allclose(HookedDistributions(**SMALL).fit(X, D).told.targets, D, rtol=1e-6)
    smooth = HookedClasses(label_smoothing=0.3, **SMALL).fit(X, LABELS)
    one_hot = smooth.classes_ == LABELS[:, None]
    assert_allclose(smooth.told.targets, 0.7 * one_hot + 0.1, rtol=1e-6)
    points = np.column_stack([Y, 3 + 10 * X[:, 1]])
    values = HookedValues(**SMALL).fit(X, points)
    assert_allclose(values.told.targets.mean(axis=0), 0, atol=1e-6)
    assert_allclose(values.told.targets.std(axis=0), 1, rtol=1e-5)
    assert_allclose(values.center_, points.mean(axis=0))
    assert_allclose(values.scale_, points.std(axis=0))


def test_rows_set_aside_are_drawn_once():
    settings = SMALL | {"early_stopping": True, "validation_fraction": 0.3}
    told = HookedDistributions(**settings).fit(X, D).told
    train, valid = told.rows
    assert told.rows is told.rows
    assert sorted([*train, *valid]) == list(range(60))
    assert_array_equal(valid, np.sort(np.random.RandomState(0).permutation(60)[:18]))


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("items", [False, True])
def test_label_sums_are_those_of_the_training_rows(weighted, items):
    weight = np.arange(60.0) if weighted else None
    settings = SMALL | {"early_stopping": True, "validation_fraction": 0.3}
    model = HookedDistributions(**settings)
    model.fit(Items(D) if items else X, None if items else D, sample_weight=weight)
    train, _ = model.told.rows
    assert len(train) == 42 - (weighted and 0 not in model.told.rows[1])
    weights = np.ones(len(train)) if weight is None else weight[train] / weight[train].mean()
    assert_allclose(model.told.label_sums(), weights @ D[train], rtol=1e-5)
    assert model.told.label_sums().sum() == pytest.approx(len(train), rel=1e-5)


class Trusting(DeepDistributionRegressor):
    """Has a further argument of `fit`."""

    def fit(self, X, y, trust=None, sample_weight=None):
        return self._fit(X, y, sample_weight, trust=trust)

    def _losses(self, data):
        self.n_trusted_ = len(data.metadata["trust"])
        trust = torch.as_tensor(data.metadata["trust"], dtype=torch.float32)

        def objective(forward, batch):
            return trust[batch.rows] * kl_divergence(forward(batch.X), batch.target)

        return kl_divergence, objective


def test_further_arguments_of_fit_are_sliced_and_reach_the_hook(rng):
    trust = rng.uniform(size=60)
    scores = cross_validate(
        Trusting(**SMALL), X, D, params={"trust": trust}, cv=3, return_estimator=True
    )
    assert [model.n_trusted_ for model in scores["estimator"]] == [40, 40, 40]
    with config_context(enable_metadata_routing=True):
        routed = Trusting(**SMALL).set_fit_request(trust=True)
        again = cross_validate(routed, X, D, params={"trust": trust}, cv=3)
    assert_array_equal(again["test_score"], scores["test_score"])
    # A factor of the loss is what a weight is.
    weighted = HookedDistributions(**SMALL).fit(X, D, sample_weight=trust)
    trusted = Trusting(**SMALL).fit(X, D, trust=trust / trust.mean())
    assert_allclose(trusted.predict(X), weighted.predict(X), atol=1e-6)


def test_a_fit_of_ones_own_validates_parameters():
    with pytest.raises(InvalidParameterError, match="'lr' parameter of Trusting"):
        Trusting(lr=-1).fit(X, D, trust=np.ones(60))


# What the hook returns


def test_a_loss_alone_is_that_of_training_and_validation():
    settings = SMALL | {"early_stopping": True}
    fitted = HookedDistributions(**settings).fit(X, D)
    expected = single_net(DeepLDLRegressor, **settings).fit(X, D)
    for name, losses in expected.history_.items():
        assert_array_equal(fitted.history_[name], losses)
    assert_array_equal(fitted.predict(X), expected.predict(X))


def test_validation_rows_are_judged_by_the_loss_beside_the_objective():
    class Doubled(DeepDistributionRegressor):
        def _losses(self, data):
            return (
                kl_divergence,
                lambda forward, batch: 2 * kl_divergence(forward(batch.X), batch.target),
            )

    # Without a step that counts, both losses are those of one net.
    settings = SMALL | {"early_stopping": True, "lr": 1e-30, "max_epochs": 1}
    plain, doubled = (cls(**settings).fit(X, D) for cls in (HookedDistributions, Doubled))
    assert_allclose(doubled.history_["train_loss"], 2 * plain.history_["train_loss"], rtol=1e-6)
    assert_array_equal(doubled.history_["valid_loss"], plain.history_["valid_loss"])


def test_a_loss_that_is_not_one_number_per_row_is_refused():
    class Mean(DeepDistributionRegressor):
        def _losses(self, data):
            return lambda Z, D: kl_divergence(Z, D).mean()

    with pytest.raises(ValueError, match=r"one number per row: expected shape \(16,\), got \(\)"):
        Mean(**SMALL).fit(X, D)


def test_own_classifier_and_regressor_predict_in_the_units_of_their_targets():
    flowers, species = load_iris(return_X_y=True)
    classes = HookedClasses(random_state=0).fit(flowers, np.array(["x", "y", "z"])[species])
    assert set(classes.predict(flowers)) <= {"x", "y", "z"}
    assert classes.score(flowers, np.array(["x", "y", "z"])[species]) > 0.9
    assert_allclose(classes.predict_proba(flowers).sum(axis=1), 1)
    far = 1e3 + 50 * Y
    values = HookedValues(random_state=0).fit(X, far)
    assert values.predict(X).shape == (60,)
    assert values.score(X, far) > 0.9
    points = np.column_stack([far, -Y])
    assert HookedValues(random_state=0).fit(X, points).score(X, points) > 0.9
    constant = HookedValues(**SMALL).fit(X, np.full(60, 7.0))
    assert constant.scale_ == 1
    with pytest.raises(ValueError, match=r"shape \(60, 2, 2, 2\), expected \(n_samples,\)"):
        HookedValues(**SMALL).fit(X, np.ones((60, 2, 2, 2)))


# Features of the network


class Similar(DeepDistributionRegressor):
    """Its features are to be as similar as its targets."""

    def __init__(self, module=Net, *, strength=1.0, **net):
        super().__init__(module, **net)
        self.strength = strength

    def _losses(self, data):
        def objective(forward, batch):
            Z, H = forward.everything(batch.X)
            H, T = nn.functional.normalize(H), nn.functional.normalize(batch.target)
            mismatch = (H @ H.T - T @ T.T).square().mean(1)
            return {"kl": kl_divergence(Z, batch.target), "mismatch": self.strength * mismatch}

        return kl_divergence, objective


@pytest.mark.parametrize("module", [Net, NetInTraining])
@pytest.mark.parametrize("early_stopping", [False, True])
def test_features_are_there_for_the_objective(module, early_stopping):
    settings = {"early_stopping": early_stopping, "n_iter_no_change": 30, "max_epochs": 30}
    settings |= {"lr": 0.05, "random_state": 0}
    fitted = Similar(module, **settings).fit(X, D)
    mismatch = fitted.history_["train_mismatch"]
    assert mismatch[-1] < 0.3 * mismatch[0]
    assert fitted.score(X, D) > 0.5
    assert_array_equal(pickle.loads(pickle.dumps(fitted)).predict(X), fitted.predict(X))
    other = Similar(module, strength=0.0, **settings).fit(X, D)
    assert np.abs(other.predict(X) - fitted.predict(X)).max() > 1e-3


@pytest.mark.parametrize("module", [Net, NetInTraining])
@pytest.mark.parametrize("settings", [{}, {"early_stopping": True}, {"augment": "mixup"}])
def test_features_that_nobody_asks_for_change_nothing(module, settings):
    settings = SMALL | settings
    expected = single_net(DeepLDLRegressor, **settings).fit(X, D)
    fitted = single_net(DeepLDLRegressor, module, **settings).fit(X, D)
    assert_array_equal(fitted.predict(X), expected.predict(X))
    for name, losses in expected.history_.items():
        assert_array_equal(fitted.history_[name], losses)


@pytest.mark.parametrize("cls", [DeepLDLClassifier, DeepRegressor, KernelDensityRegressor])
def test_all_kinds_of_estimators_take_modules_with_features(cls):
    y = LABELS if cls is DeepLDLClassifier else Y
    expected = single_net(cls, **SMALL).fit(X, y).predict(X)
    assert_array_equal(single_net(cls, module=Net, **SMALL).fit(X, y).predict(X), expected)


def test_teachers_may_have_features():
    settings = SMALL | {"max_epochs": 2}
    data, y = make_blobs(60, centers=3, n_features=3, random_state=0)
    teachers = [
        single_net(DeepLDLClassifier, **settings, dropout=0.3),
        single_net(DeepLDLClassifier, Net, net_params={"module__dropout": 0.3}, **settings),
    ]
    for mc_samples in (0, 2):
        options = {"mc_samples": mc_samples, **settings}
        first, second = (OnlineLDLClassifier(t, **options).fit(data, y) for t in teachers)
        assert_array_equal(first.predict_proba(data), second.predict_proba(data))


def test_passes_with_dropout_average_the_outputs():
    module = Net(3, 2, dropout=0.5)
    rows = torch.zeros(4, 3)
    assert MCDropout(module, n_samples=5)(rows).shape == (4, 2)


def test_low_precision_ends_at_the_network():
    dtypes = []

    class Watching(Similar):
        def _losses(self, data):
            loss, objective = super()._losses(data)

            def watched(forward, batch):
                dtypes.extend(part.dtype for part in forward.everything(batch.X))
                return objective(forward, batch)

            return loss, watched

    Watching(amp=True, **(SMALL | {"max_epochs": 1})).fit(X, D)
    assert set(dtypes) == {torch.float32}


@pytest.mark.parametrize("losses", [None, "kl", (None, None)])
def test_a_hook_without_a_loss_is_an_error(losses):
    class Own(DeepDistributionRegressor):
        def _losses(self, data):
            return losses

    X, D = make_ldl(20, random_state=0)
    with pytest.raises(TypeError, match=r"Own\._losses must return a loss"):
        Own().fit(X, D)
