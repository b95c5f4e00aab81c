"""`partial_fit`: networks that learn from a stream of batches."""

import copy
import pickle

import numpy as np
import pandas as pd
import pytest

pytest.importorskip("torch")
pytest.importorskip("skorch")

import torch
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import Ridge
from sklearn.neural_network import MLPRegressor
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import (
    check_dataframe_column_names_consistency,
    check_estimators_partial_fit_n_features,
    check_n_features_in_after_fitting,
)
from skorch.callbacks import Callback
from torch import nn
from torch.utils.data import TensorDataset

from sklearn_ldl import (
    BFGSLDL,
    CPNN,
    DeepLDLClassifier,
    DeepLDLRegressor,
    DeepRegressor,
    GaussianLabelDistributor,
    KernelDensityRegressor,
    LabelSmoother,
    LDLClassifier,
    LDLRegressor,
)
from sklearn_ldl.datasets import make_ldl
from sklearn_ldl.deep import DeepClassifier, DeepValueRegressor
from sklearn_ldl.deep.losses import kl_divergence
from sklearn_ldl.deep.networks.inputs import StandardizedInputs
from tests.deep import single_net
from tests.deep.test_common_deep import DEEP

X, D = make_ldl(120, random_state=0)
Y = np.array(["a", "b", "c"])[D.argmax(axis=1)]
VALUES = D @ np.arange(3.0)
BATCHES = [slice(0, 50), slice(50, 90), slice(90, 120)]
SMALL = {"hidden_layer_sizes": (8,), "random_state": 0}

#: Those without `partial_fit`, and a part of the reason that they give.
WITHOUT = {
    "AuxGraphLDLClassifier": "graph joins all training rows",
    "CPNN": "Rprop",
    "DILDLRegressor": "frequencies of the labels in all rows",
    "DistillationClassifier": "teachers are fitted to all rows first",
    "NoiseAdaptationClassifier": "mistakes of annotators are estimated on all rows",
    "OFRRegressor": "frequencies of the labels in all rows",
    "OGRClassifier": "compares epochs on the same rows",
    "OfflineLDLClassifier": "teachers are fitted to all rows first",
    "OnlineLDLClassifier": "teachers are fitted to all rows first",
    "RDARegressor": "frequencies of the labels in all rows",
}
#: Parameters that rule it out for an estimator that otherwise has it.
RULED_OUT = {
    "Rprop": {"optimizer": "rprop"},
    "of all rows": {"optimizer": torch.optim.Rprop},
    "a stream does not have": {"lr_schedule": "cosine"},
    "a single fit": {"checkpoint": "state.pt"},
    "logit_adjustment goes by": {"logit_adjustment": 1.0},
}

STREAMS = {
    "DeepLDLRegressor": DeepLDLRegressor(n_members=2, dropout=0.2, **SMALL),
    "DeepLDLClassifier": DeepLDLClassifier(
        n_members=2, distributor=LabelSmoother(0.1), augment="mixup", **SMALL
    ),
    "DeepRegressor": DeepRegressor(**SMALL),
    "KernelDensityRegressor": KernelDensityRegressor(**SMALL),
    "CPNN": CPNN(optimizer="adam", batch_size=20, random_state=0),
    "LDLClassifier": LDLClassifier(single_net(DeepLDLRegressor, **SMALL), LabelSmoother(0.1)),
    "LDLRegressor": LDLRegressor(
        single_net(DeepLDLRegressor, **SMALL), GaussianLabelDistributor(np.linspace(0, 2, 9))
    ),
}


def model(**settings):
    return single_net(DeepLDLRegressor, **SMALL | settings)


def targets(estimator):
    if isinstance(estimator, (DeepClassifier, LDLClassifier)):
        return Y
    return VALUES if isinstance(estimator, (DeepValueRegressor, LDLRegressor)) else D


def stream(estimator, batches=BATCHES):
    """Let an estimator learn from batches, the first of which names classes if there are any."""
    y = targets(estimator)
    for rows in batches:
        is_first = not hasattr(estimator, "net_") and not hasattr(estimator, "estimator_")
        more = {"classes": ["c", "a", "b"]} if y is Y and is_first else {}
        estimator.partial_fit(X[rows], y[rows], **more)
    return estimator


def weights(estimator):
    return [weight.numpy() for weight in estimator.net_.module_.state_dict().values()]


@pytest.fixture(params=STREAMS)
def estimator(request):
    return clone(STREAMS[request.param])


# Who has it


@pytest.mark.parametrize("cls", DEEP, ids=lambda cls: cls.__name__)
def test_estimators_have_it_or_say_why_not(cls):
    reason = WITHOUT.get(cls.__name__)
    assert hasattr(cls(), "partial_fit") == (reason is None)
    if reason is not None:
        with pytest.raises(AttributeError) as error:
            cls().partial_fit(X, D)
        assert reason in str(error.value.__cause__)


@pytest.mark.parametrize("reason", RULED_OUT)
def test_parameters_that_rule_it_out_are_named(reason):
    settings = RULED_OUT[reason]
    assert hasattr(DeepLDLRegressor(), "partial_fit")
    with pytest.raises(AttributeError) as error:
        DeepLDLRegressor(**settings).partial_fit(X, D)
    assert reason in str(error.value.__cause__)


def test_wrappers_have_it_where_their_learner_has():
    assert hasattr(LDLClassifier(MLPRegressor()), "partial_fit")
    for learner in (None, BFGSLDL(), Ridge(), FrozenEstimator(model().fit(X, D))):
        assert not hasattr(LDLClassifier(learner), "partial_fit")
        assert not hasattr(LDLRegressor(learner), "partial_fit")
    with pytest.raises(AttributeError) as error:
        LDLRegressor(model(lr_schedule="log")).partial_fit(X, VALUES)
    assert "no attribute 'partial_fit'" in str(error.value.__cause__)


class FromAnyTarget(DeepLDLRegressor):
    """Takes whatever targets scikit-learn's checks bring."""

    def fit(self, X, y):
        return super().fit(X, softened(y))

    def partial_fit(self, X, y):
        return super().partial_fit(X, softened(y))

    def score(self, X, y):
        return super().score(X, softened(y))


def softened(y):
    odds = np.exp(-np.abs(np.asarray(y, dtype=float)))
    return np.column_stack([odds, 2 - odds]) / 2


@pytest.mark.parametrize(
    "check",
    [
        check_dataframe_column_names_consistency,
        check_estimators_partial_fit_n_features,
        check_n_features_in_after_fitting,
    ],
    ids=lambda check: check.__name__,
)
def test_scikit_learns_checks(check):
    # Those of classifiers and of regressors of values are among the common tests.
    check("FromAnyTarget", FromAnyTarget(**SMALL, n_members=1, early_stopping=False, max_epochs=2))


# What a call does


def test_the_loss_falls_and_the_seed_decides(estimator):
    first = stream(clone(estimator), BATCHES * 5)
    again = stream(clone(estimator), BATCHES * 5)
    assert_array_equal(first.predict(X), again.predict(X))
    network = getattr(first, "estimator_", first)
    assert network.n_iter_ == 15
    losses = network.history_["train_loss"].reshape(5, 3).mean(axis=1)
    assert losses[-1] < losses[0]
    assert set(network.history_) == {"train_loss"}  # without any rows for validation


def test_a_pickle_goes_on_and_a_clone_knows_nothing(estimator):
    stream(estimator)
    loaded = pickle.loads(pickle.dumps(estimator))
    assert_array_equal(stream(loaded).predict(X), stream(estimator).predict(X))
    with pytest.raises(NotFittedError):
        clone(estimator).predict(X)


def test_a_fit_starts_anew(estimator):
    y = targets(estimator)
    estimator.set_params(
        **{name: 2 for name in estimator.get_params() if name.endswith("max_epochs")}
    )
    expected = clone(estimator).fit(X, y).predict(X)
    assert_array_equal(stream(estimator).fit(X, y).predict(X), expected)


def test_it_is_a_pass_of_a_fit_that_goes_on():
    expected = model(warm_start=True, max_epochs=1)
    for rows in BATCHES * 2:
        expected.fit(X[rows], D[rows])
    found = stream(model(max_epochs=70), BATCHES * 2)
    for one, other in zip(weights(found), weights(expected), strict=True):
        assert_array_equal(one, other)
    # Either of them leaves what the other one goes on from.
    rows = BATCHES[1]
    assert_array_equal(
        expected.partial_fit(X[rows], D[rows]).predict(X),
        found.set_params(warm_start=True, max_epochs=1).fit(X[rows], D[rows]).predict(X),
    )


def test_it_equals_a_loop_by_hand():
    network = nn.Sequential(nn.Linear(X.shape[1], 8), nn.Tanh(), nn.Linear(8, 3))
    by_hand = copy.deepcopy(network)
    optimizer = torch.optim.Adam(by_hand.parameters(), lr=0.02)
    found = DeepLDLRegressor(network, optimizer="adam", lr=0.02, batch_size="all", weight_decay=0)
    for rows in BATCHES * 4:
        found.partial_fit(X[rows], D[rows])
        optimizer.zero_grad()
        x, d = (torch.from_numpy(array[rows]).float() for array in (X, D))
        kl_divergence(by_hand(x), d).mean().backward()
        optimizer.step()
    for one, other in zip(weights(found), by_hand.state_dict().values(), strict=True):
        assert_allclose(one, other.numpy(), atol=1e-6)


def test_a_stream_reaches_about_the_loss_of_a_fit():
    settings = {**SMALL, "n_members": 1, "standardize": True, "early_stopping": False}
    settings |= {"batch_size": 10, "dropout": 0}
    fitted = DeepLDLRegressor(max_epochs=40, **settings).fit(X, D)
    streamed = stream(DeepLDLRegressor(**settings), BATCHES * 40)
    start = streamed.history_["train_loss"][:3].mean()
    reached = [m.history_["train_loss"][-3:].mean() for m in (fitted, streamed)]
    assert reached[0] < 0.2 * start
    assert reached[1] < 1.5 * reached[0]


def test_it_goes_on_from_a_fit():
    fitted = model(max_epochs=20, early_stopping=True).fit(X, D)
    before = [weight.copy() for weight in weights(fitted)]
    assert fitted.net_.optimizer_ is None
    fitted.set_params(lr=1e-30).partial_fit(X, D)
    for one, other in zip(weights(fitted), before, strict=True):
        assert_allclose(one, other, atol=1e-20)
    state = fitted.net_.optimizer_.state_dict()["state"]
    assert [int(group["step"]) for group in state.values()] == [3] * len(state)
    fitted.set_params(lr=0.01).partial_fit(X, D)
    assert np.abs(weights(fitted)[0] - before[0]).max() > 1e-3
    assert fitted.n_iter_ == 2


def test_weights_tell_the_rows_of_a_call_apart():
    settings = {"batch_size": "all", "optimizer": "sgd"}
    weight = np.repeat([1.0, 0.0], 60)
    expected = model(**settings).partial_fit(X[:60], D[:60]).partial_fit(X[:60], D[:60])
    found = model(**settings).partial_fit(X, D, weight).partial_fit(X, D, 7 * weight)
    assert_allclose(found.predict(X), expected.predict(X), atol=1e-6)
    with pytest.raises(ValueError, match="zero"):
        found.partial_fit(X, D, np.zeros(120))


def test_what_belongs_to_the_scale_comes_from_the_first_call():
    streamed = DeepRegressor(standardize=True, **SMALL)
    streamed.partial_fit(X[:50], VALUES[:50])
    (layer,) = (m for m in streamed.net_.module_.modules() if isinstance(m, StandardizedInputs))
    assert_allclose(layer.center, X[:50].mean(axis=0), rtol=1e-4)
    units = streamed.center_, streamed.scale_
    streamed.partial_fit(X + 100, VALUES + 100)
    assert_allclose(layer.center, X[:50].mean(axis=0), rtol=1e-4)
    assert (streamed.center_, streamed.scale_) == units
    grid = KernelDensityRegressor(**SMALL).partial_fit(X[:50], VALUES[:50])
    before = grid.grid_
    assert_array_equal(grid.partial_fit(X, VALUES + 100).grid_, before)


def test_a_dataset_of_pairs():
    batches = [TensorDataset(*map(torch.from_numpy, (X[rows], D[rows]))) for rows in BATCHES]
    found, expected = model(), stream(model())
    for batch in batches:
        found.partial_fit(batch)
    assert_allclose(found.predict(X), expected.predict(X), atol=1e-6)


def test_steps_before_it_learn_in_the_loop_of_the_user():
    scaler, network = StandardScaler(), model()
    for rows in BATCHES * 20:
        network.partial_fit(scaler.partial_fit(X[rows]).transform(X[rows]), D[rows])
    assert network.score(scaler.transform(X), D) > 0.8


def steps_of(network):
    return int(network.net_.optimizer_.state_dict()["state"][0]["step"])


class Interrupt(Callback):
    def on_batch_end(self, net, **kwargs):
        raise KeyboardInterrupt


@pytest.mark.parametrize("n_before", [0, 2])
def test_ctrl_c_keeps_what_was_reached(n_before):
    network = model(batch_size=20)
    stream(network, BATCHES[:n_before]).set_params(callbacks=[Interrupt])
    with pytest.raises(KeyboardInterrupt):
        network.partial_fit(X, D)
    assert network.n_iter_ == n_before
    assert not network._streaming
    assert network.predict(X).shape == D.shape
    steps = steps_of(network)
    assert network.set_params(callbacks=()).partial_fit(X, D).n_iter_ == n_before + 1
    assert steps_of(network) == steps + 6


# What later calls may bring

BAD = {
    "another number of features": (lambda X, y: (X[:, :2], y), "features"),
    "missing entries": (lambda X, y: (np.where(X > 0.9, np.nan, X), y), "NaN"),
    "other lengths": (lambda X, y: (X, y[:-1]), "inconsistent"),
    "other targets": (lambda X, y: (X, _other(y)), "same shape|unknown labels"),
    "no targets": (lambda X, y: (X, None), "requires y"),
}


def _other(y):
    """Targets with another label, another number of labels or of dimensions."""
    return np.where(y == "a", "d", y) if y is Y else np.column_stack([y, y]) / 2


@pytest.mark.parametrize("name", ["DeepLDLRegressor", "DeepLDLClassifier", "DeepRegressor"])
def test_a_bad_batch_leaves_the_model_as_it_was(name):
    good, tried = (stream(clone(STREAMS[name])) for _ in range(2))
    y = targets(good)
    for change, message in BAD.values():
        with pytest.raises(ValueError, match=message):
            tried.partial_fit(*change(X, y))
    assert_array_equal(tried.predict(X), good.predict(X))
    assert_array_equal(stream(tried).predict(X), stream(good).predict(X))


def test_a_bad_first_batch_is_none(estimator):
    expected = stream(clone(estimator)).predict(X)
    more = {"classes": ["a", "b", "c", "d"]} if targets(estimator) is Y else {}
    with pytest.raises(ValueError, match="NaN"):
        estimator.partial_fit(np.full((120, 2), np.nan), targets(estimator), **more)
    with pytest.raises(NotFittedError):
        estimator.predict(X)
    assert_array_equal(stream(estimator).predict(X), expected)


@pytest.mark.parametrize("name", ["DeepLDLClassifier", "LDLClassifier"])
def test_classes_come_with_the_first_call(name):
    classifier = clone(STREAMS[name])
    only_two = Y != "c"
    with pytest.raises(ValueError, match="first call of partial_fit needs classes"):
        classifier.partial_fit(X, Y)
    with pytest.raises(ValueError, match="'c'"):
        classifier.partial_fit(X, Y, classes=["a", "b"])
    classifier.partial_fit(X[only_two], Y[only_two], classes=["c", "b", "a"])
    assert_array_equal(classifier.classes_, ["a", "b", "c"])
    assert classifier.predict_proba(X).shape == (120, 3)
    classifier.partial_fit(X, Y, classes=["b", "a", "c"]).partial_fit(X[:9], Y[:9])
    with pytest.raises(ValueError, match="are not those of the targets so far"):
        classifier.partial_fit(X, Y, classes=["a", "b"])


def test_a_classifier_may_learn_from_distributions():
    classifier = single_net(DeepLDLClassifier, **SMALL)
    with pytest.raises(ValueError, match="are not those of the targets so far"):
        classifier.partial_fit(X, D, classes=[0, 1])
    classifier.partial_fit(X, D).partial_fit(X, D, classes=[0, 1, 2])
    with pytest.raises(ValueError, match="distributions in every one"):
        classifier.partial_fit(X, D.argmax(axis=1))
    other = single_net(DeepLDLClassifier, **SMALL).partial_fit(X, D.argmax(axis=1), [0, 1, 2])
    with pytest.raises(ValueError, match="labels in every call"):
        other.partial_fit(X, D)


def test_names_are_matched():
    features = pd.DataFrame(X).add_prefix("x")
    frame = pd.DataFrame(D, columns=["a", "b", "c"])
    named = model().partial_fit(features, frame)
    named.partial_fit(features, frame[["c", "a", "b"]])
    expected = model().partial_fit(X, D).partial_fit(X, D)
    assert_array_equal(named.predict(features), expected.predict(X))
    assert list(named.partial_fit(features, D).label_names_) == ["a", "b", "c"]
    with pytest.raises(ValueError, match="feature names"):
        named.partial_fit(features.iloc[:, ::-1], frame)
    with pytest.raises(ValueError, match="'d'"):
        named.partial_fit(features, frame.rename(columns={"c": "d"}))
