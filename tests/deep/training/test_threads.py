"""Fits in several threads: at the same time, with the results of one after the other."""

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import joblib
import numpy as np
import pytest
import torch
from numpy.testing import assert_array_equal
from sklearn.model_selection import GridSearchCV
from skorch.callbacks import Callback
from torch import nn
from torch.nn import functional as F
from torch.utils.data import Dataset

from sklearn_ldl import (
    CPNN,
    DeepLDLClassifier,
    DeepLDLRegressor,
    OnlineLDLClassifier,
    RDARegressor,
)
from sklearn_ldl.datasets import make_ldl
from sklearn_ldl.deep.networks.dropout import Dropout, UniformDropout
from sklearn_ldl.deep.networks.ensemble import MLPEnsemble
from sklearn_ldl.deep.training.build import is_own
from sklearn_ldl.deep.training.net import LDLNet
from sklearn_ldl.deep.training.seeds import _CuDNN, fitting, random_bits, seeded
from tests.deep import single_net

CPU = torch.device("cpu")
X, D = make_ldl(60, random_state=0)
# Long enough for a machine that is busy; where fits wait for each other, it is an error.
PATIENCE = 60


class Net(nn.Module):
    """Draws by itself, in two ways."""

    def __init__(self, n_features, n_labels):
        super().__init__()
        self.body = nn.Linear(n_features, 8)
        self.head = nn.Linear(8, n_labels)

    def forward(self, X):
        H = F.dropout(self.body(X).relu(), 0.3, training=self.training)
        return self.head(H + 0.1 * torch.randn_like(H) if self.training else H)


def layers():
    return nn.Sequential(nn.Dropout(0.3), nn.Linear(3, 3))


class Noisy(Dataset):
    """Items that draw from everything there is."""

    def __len__(self):
        return len(X)

    def __getitem__(self, row):
        noise = torch.randn(3).numpy() + np.random.normal(size=3)  # noqa: NPY002
        return (X[row] + 0.1 * noise).astype(np.float32), D[row]


SMALL = {"hidden_layer_sizes": (8,), "max_epochs": 4, "batch_size": 20, "random_state": 0}
FITS = {
    "ensemble": lambda: DeepLDLRegressor(n_members=3, dropout=0.3, **SMALL),
    "perceptron": lambda: single_net(DeepLDLRegressor, dropout=0.3, **SMALL),
    "mixup": lambda: DeepLDLRegressor(n_members=2, augment="mixup", **SMALL),
    "alignment": lambda: RDARegressor(hidden_dim=8, max_epochs=4, random_state=0),
    "conditional": lambda: CPNN(max_epochs=4, random_state=0),
    "module": lambda: single_net(DeepLDLRegressor, Net, **SMALL),
    "layers": lambda: single_net(DeepLDLRegressor, layers, **SMALL),
    "loss": lambda: single_net(
        DeepLDLRegressor, loss=lambda Z, D: (Z + torch.randn_like(Z) - D).square().sum(1), **SMALL
    ),
}


def at_once(*fits):
    """Results of functions that run in threads."""
    with ThreadPoolExecutor(len(fits)) as pool:
        return [future.result(PATIENCE) for future in [pool.submit(fit) for fit in fits]]


@pytest.fixture
def meeting(monkeypatch):
    """Let every epoch of two fits wait for the other one, while it is wanted."""
    barrier, wanted = Barrier(2), []

    def wait(net, *args, **kwargs):
        if wanted:
            barrier.wait(PATIENCE)

    monkeypatch.setattr(LDLNet, "on_epoch_end", wait)
    return wanted


@pytest.mark.parametrize("other", ["ensemble", "module"])
@pytest.mark.parametrize("name", FITS)
def test_two_fits_overlap_and_give_the_results_of_one_after_the_other(name, other, meeting):
    def fit(name):
        model = FITS[name]().set_params(early_stopping=False)
        return model.fit(X, D).predict(X)

    alone = [fit(name), fit(other)]
    state = torch.get_rng_state()
    meeting.append(True)
    together = at_once(lambda: fit(name), lambda: fit(other))
    for P, expected in zip(together, alone, strict=True):
        assert_array_equal(P, expected)
    assert torch.equal(torch.get_rng_state(), state)


def test_passes_of_our_own_code_overlap(monkeypatch):
    barrier, forward = Barrier(2), MLPEnsemble.forward

    def meet(module, X):
        if module.training:
            barrier.wait(PATIENCE)
        return forward(module, X)

    monkeypatch.setattr(MLPEnsemble, "forward", meet)
    model = FITS["ensemble"]
    first, second = at_once(lambda: model().fit(X, D), lambda: model().fit(X, D))
    assert_array_equal(first.predict(X), second.predict(X))


def test_a_fit_of_our_own_code_leaves_the_generator_of_torch_alone(monkeypatch):
    states = []
    monkeypatch.setattr(
        LDLNet, "on_epoch_end", lambda *args, **kwargs: states.append(torch.get_rng_state())
    )
    for name in ("ensemble", "perceptron", "mixup", "alignment", "conditional"):
        state = torch.get_rng_state()
        FITS[name]().fit(X, D)
        assert len(states) >= 4
        assert all(torch.equal(other, state) for other in states)
        states.clear()


class Meeting(Callback):
    def __init__(self, barrier):
        self.barrier = barrier

    def on_batch_end(self, net, **kwargs):
        self.barrier.wait(PATIENCE)


def test_callbacks_of_fits_may_wait_for_each_other():
    barrier = Barrier(2)
    fits = [FITS[name]().set_params(callbacks=[Meeting(barrier)]) for name in ("layers", "module")]
    together = at_once(*(lambda model=model: model.fit(X, D).predict(X) for model in fits))
    for name, P in zip(("layers", "module"), together, strict=True):
        assert_array_equal(P, FITS[name]().fit(X, D).predict(X))


class GradientNoise(Callback):
    """Draws, where no pass is."""

    def on_grad_computed(self, net, named_parameters=(), **kwargs):
        for _, parameter in named_parameters:
            parameter.grad.add_(0.1 * torch.randn_like(parameter))


def test_what_callbacks_of_a_lonely_fit_draw_follows_the_seed():
    model = FITS["perceptron"]().set_params(callbacks=[GradientNoise()])
    state = torch.get_rng_state()
    P = model.fit(X, D).predict(X)
    torch.manual_seed(7)
    assert_array_equal(model.fit(X, D).predict(X), P)
    assert not torch.equal(torch.get_rng_state(), state)
    assert np.abs(FITS["perceptron"]().fit(X, D).predict(X) - P).max() > 1e-3


class Fitting(Callback):
    """Fits another net in the middle of an epoch."""

    def on_batch_end(self, net, **kwargs):
        FITS["module"]().set_params(max_epochs=1, batch_size=60).fit(X, D)


@pytest.mark.parametrize("name", ["layers", "module"])
def test_a_fit_inside_a_fit_changes_nothing(name):
    state = torch.get_rng_state()
    P = FITS[name]().set_params(callbacks=[Fitting()]).fit(X, D).predict(X)
    assert_array_equal(P, FITS[name]().fit(X, D).predict(X))
    assert torch.equal(torch.get_rng_state(), state)


def test_random_items_in_threads(meeting):
    def fit():
        return FITS["ensemble"]().set_params(early_stopping=False).fit(Noisy()).predict(X)

    alone = fit()
    meeting.append(True)
    first, second = at_once(fit, fit)
    assert_array_equal(first, alone)
    assert_array_equal(second, alone)


def test_predictions_with_dropout_during_a_fit(meeting):
    model = FITS["ensemble"]().set_params(predict_mc_samples=3).fit(X, D)
    P = model.predict(X)
    alone = FITS["module"]().fit(X, D).predict(X)

    class Predicting(Callback):
        def on_batch_end(self, net, **kwargs):
            assert_array_equal(at_once(lambda: model.predict(X))[0], P)

    other = FITS["module"]().set_params(callbacks=[Predicting()])
    assert_array_equal(other.fit(X, D).predict(X), alone)


def test_a_search_in_threads():
    search = GridSearchCV(
        FITS["module"](), {"lr": [1e-3, 1e-2], "module": [Net, None]}, cv=2, error_score="raise"
    )
    alone = search.fit(X, D).cv_results_["mean_test_score"]
    with joblib.parallel_backend("threading"):
        search.set_params(n_jobs=4).fit(X, D)
    assert_array_equal(search.cv_results_["mean_test_score"], alone)


@pytest.mark.parametrize("layer", [Dropout, UniformDropout])
def test_dropout_draws_the_same_from_any_generator(layer):
    layer, rows = layer(0.3), torch.ones(1000, 3).T
    with fitting(5, CPU, own=False) as draws, draws.building():
        expected = layer(rows)
    with fitting(5, CPU, own=True):
        drawn = layer(rows)
        bits = random_bits(CPU)
    assert torch.equal(drawn, expected)
    with seeded(5, CPU):
        assert torch.equal(layer(rows), expected)
        assert torch.equal(bits[0], torch.get_rng_state())
    if layer is Dropout:
        with seeded(5, CPU):
            assert torch.equal(nn.Dropout(0.3)(rows), expected)
    assert torch.equal(layer.eval()(rows), rows)


def test_code_of_others_is_told_apart():
    ours = [
        DeepLDLClassifier(),
        OnlineLDLClassifier(augment="mixup", mc_samples=2),
        DeepLDLRegressor(loss="kl", random_state=np.random.RandomState(0)),
        CPNN(label_values=[1, 2, 4]),
    ]
    theirs = [
        DeepLDLClassifier(Net),
        DeepLDLClassifier(Net(3, 3)),
        DeepLDLRegressor(loss=lambda Z, D: (Z - D).sum(1)),
        DeepLDLRegressor(callbacks=[GradientNoise()]),
        DeepLDLRegressor(param_groups=[("head.*", {"lr": lambda: 1})]),
        OnlineLDLClassifier(DeepLDLClassifier(Net)),
        OnlineLDLClassifier([DeepLDLClassifier(Net)]),
        type("Own", (DeepLDLRegressor,), {"__module__": "theirs"})(),
    ]
    assert [is_own(model) for model in ours] == [True] * len(ours)
    assert [is_own(model) for model in theirs] == [False] * len(theirs)


def test_settings_of_cudnn_come_back_from_blocks_that_overlap():
    cudnn = torch.backends.cudnn
    before = cudnn.benchmark, cudnn.deterministic
    first, second = _CuDNN(False), _CuDNN(True)
    first.__enter__()
    assert (cudnn.benchmark, cudnn.deterministic) == (False, True)
    second.__enter__()
    assert (cudnn.benchmark, cudnn.deterministic) == (True, False)
    first.__exit__()
    second.__exit__()
    assert (cudnn.benchmark, cudnn.deterministic) == before
