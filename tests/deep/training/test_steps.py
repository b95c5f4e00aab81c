"""What counts steps, and what a step evaluates."""

import numpy as np
import pytest
import torch
from numpy.testing import assert_array_equal
from skorch.callbacks import Callback
from torch import nn

from sklearn_ldl import AuxGraphLDLClassifier, DeepLDLRegressor
from sklearn_ldl.datasets import make_ldl
from sklearn_ldl.deep.classifiers.graph_objective import GraphObjective
from sklearn_ldl.deep.losses.distributions import kl_divergence
from sklearn_ldl.deep.losses.registry import get_loss
from sklearn_ldl.deep.training.optimization import AdaptiveClipping
from tests.deep import single_net

X, D = make_ldl(60, random_state=0)
LBFGS = {"optimizer": torch.optim.LBFGS, "lr": 0.1, "max_epochs": 3, "batch_size": 20}


class Called(DeepLDLRegressor):
    """Notes every evaluation, by batch and output."""

    def _losses(self, data):
        self.calls_ = []

        def objective(forward, batch):
            Z = forward(batch.X)
            self.calls_.append((batch, batch.X + 0 * torch.rand(())))
            self.draws_ = [*getattr(self, "draws_", []), torch.rand(()).item()]
            return kl_divergence(Z, batch.target)

        return kl_divergence, objective


def test_all_evaluations_of_a_step_have_the_same_batch_and_random_numbers():
    model = single_net(Called, **LBFGS, random_state=0).fit(X, D)
    batches = [batch for batch, _ in model.calls_]
    steps = {id(batch) for batch in batches}
    assert len(steps) == 9
    assert len(batches) > 20
    drawn = {}
    for batch, draw in zip(batches, model.draws_, strict=True):
        drawn.setdefault(id(batch), set()).add(draw)
    assert all(len(draws) == 1 for draws in drawn.values())
    assert len({draw for draws in drawn.values() for draw in draws}) == 9


def test_a_ramp_counts_steps_and_not_evaluations(monkeypatch):
    objectives = []

    class Watching(GraphObjective):
        def __init__(self, *args):
            super().__init__(*args)
            objectives.append(self)

    monkeypatch.setattr("sklearn_ldl.deep.classifiers.aux_graph.GraphObjective", Watching)
    model = single_net(AuxGraphLDLClassifier, ramp=1.0, **LBFGS, random_state=0)
    model.fit(X, D.argmax(1), aux=X)
    assert objectives[0].n_steps == 9


def test_adaptive_clipping_counts_steps_and_not_evaluations():
    layer, clipping = nn.Linear(2, 2), AdaptiveClipping()

    class Net:
        device = "cpu"

    clipping.on_train_begin(Net)
    for step in range(3):
        batch = object()
        for norm in (9.0, 4.0, 0.5 + step / 10):
            for parameter in layer.parameters():
                parameter.grad = torch.zeros_like(parameter)
            layer.bias.grad[0] = norm
            clipping.on_grad_computed(Net, list(layer.named_parameters()), batch=batch)
    assert clipping.norms_.tolist() == [np.inf, np.inf, *np.float32([0.5, 0.6, 0.7]).tolist()]


class LossByName(DeepLDLRegressor):
    def _losses(self, data):
        def objective(forward, batch):
            rows = kl_divergence(forward(batch.X), batch.target)
            return {"loss": rows, "more": rows}

        return kl_divergence, objective


def test_a_term_called_loss_is_an_error():
    with pytest.raises(ValueError, match='calls a term "loss", which is the name of their sum'):
        single_net(LossByName, max_epochs=1).fit(X, D)


class Batches(Callback):
    def on_batch_begin(self, net, batch=None, **kwargs):
        features, targets = batch
        assert features is batch.X
        assert targets is batch.target


def test_batches_unpack_into_features_and_targets():
    single_net(DeepLDLRegressor, callbacks=[Batches()], max_epochs=1).fit(X, D)


class Shift(nn.Module):
    """Hands its features on."""

    def __init__(self):
        super().__init__()
        self.shift = nn.Parameter(torch.zeros(1))

    def forward(self, Z):
        return Z + self.shift


@pytest.mark.parametrize("loss", ["kl", "jeffreys", "jensen_shannon", "decoupled_kl"])
def test_divergences_of_a_perfect_fit_are_not_negative(loss):
    rng = np.random.default_rng(0)
    P = rng.dirichlet(np.ones(7), 500).astype(np.float32)
    logits = np.log(P)
    model = single_net(
        DeepLDLRegressor, Shift, loss=loss, max_epochs=1, optimizer="sgd", lr=1e-30
    ).fit(logits, P)
    assert model.history_["train_loss"][0] >= 0
    Z = torch.from_numpy(logits).requires_grad_()
    losses = get_loss(loss)(Z, torch.from_numpy(P))
    assert (losses >= 0).all()
    assert (losses == 0).any()
    losses.sum().backward()
    assert torch.isfinite(Z.grad).all()
    assert_array_equal(Z.grad.shape, P.shape)
