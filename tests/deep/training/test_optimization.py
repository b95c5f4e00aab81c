import math
from types import SimpleNamespace

import numpy as np
import pytest
from numpy.testing import assert_allclose

torch = pytest.importorskip("torch")
pytest.importorskip("skorch")

from skorch.callbacks import Callback  # noqa: E402

from sklearn_ldl import DeepLDLRegressor  # noqa: E402
from sklearn_ldl.datasets import make_ldl  # noqa: E402
from sklearn_ldl.deep.training.optimization import (  # noqa: E402
    OPTIMIZERS,
    SCHEDULES,
    AdaptiveClipping,
    check_patterns,
    set_rates,
)
from tests.deep import single_net  # noqa: E402

N_STEPS = 40  # 8 epochs of 5 batches
# Factors at the middle of every step, from their definitions.
PROGRESS = (np.arange(N_STEPS) + 0.5) / N_STEPS
RISING = np.clip(PROGRESS / 0.1, 0, 1)
FACTORS = {
    "cosine": 0.5 * (1 + np.cos(np.pi * PROGRESS)),
    "warmup_cosine": np.where(
        PROGRESS < 0.1, RISING, 0.5 * (1 + np.cos(np.pi * (PROGRESS - 0.1) / 0.9))
    ),
    "log": 10 ** (-2 * PROGRESS),
    "multistep": np.repeat([1, 0.1, 0.01, 0.001], [25, 5, 5, 5]),
}


class Rates(Callback):
    """Learning rates of all groups, at every step and after training."""

    seen: list = []

    def on_train_begin(self, net, **kwargs):
        self.seen.clear()

    def on_batch_end(self, net, training=None, **kwargs):
        if training:
            self.seen.append([group["lr"] for group in net.optimizer_.param_groups])


@pytest.fixture
def problem():
    return make_ldl(50, random_state=0)


def model(**parameters):
    defaults = {"hidden_layer_sizes": (4,), "batch_size": 10, "max_epochs": 8, "random_state": 0}
    return single_net(DeepLDLRegressor, **(defaults | parameters))


def test_every_schedule_has_its_factors_here():
    assert FACTORS.keys() == SCHEDULES.keys()


@pytest.mark.parametrize("name", SCHEDULES)
def test_schedules_scale_the_rates_of_all_groups(name, problem):
    groups = [("head.bias", {"lr": 0.4}), ("head.*", {"lr": 0.2})]
    fitted = model(
        lr_schedule=name, lr=0.1, param_groups=groups, callbacks=[Rates()], optimizer="sgd"
    )
    fitted.set_params(warm_start=True).fit(*problem)
    assert_allclose(Rates.seen, FACTORS[name][:, None] * [0.4, 0.2, 0.1], rtol=1e-12)
    # A fit that goes on starts the schedule anew.
    assert [group["lr"] for group in fitted.net_.optimizer_.param_groups] == [0.4, 0.2, 0.1]
    fitted.fit(*problem)
    assert_allclose(Rates.seen, FACTORS[name][:, None] * [0.4, 0.2, 0.1], rtol=1e-12)


def test_a_callable_schedule_maps_progress_to_a_factor(problem):
    model(lr_schedule=lambda progress: 1 - progress, lr=0.5, callbacks=[Rates()]).fit(*problem)
    assert_allclose(np.ravel(Rates.seen), 0.5 * (1 - PROGRESS), rtol=1e-12)


def test_without_a_schedule_the_rate_is_constant(problem):
    model(lr=0.03, callbacks=[Rates()]).fit(*problem)
    assert np.ravel(Rates.seen).tolist() == [0.03] * N_STEPS


def test_steps_count_a_merged_last_batch_once():
    X, D = make_ldl(51, random_state=0)
    model(lr_schedule="cosine", lr=1.0, callbacks=[Rates()]).fit(X, D)
    assert_allclose(np.ravel(Rates.seen), FACTORS["cosine"], rtol=1e-12)


def test_a_pattern_that_matches_nothing_is_an_error(problem):
    with pytest.raises(ValueError, match=r"'heads.\*' matches no parameter of the module\. They"):
        model(param_groups=[("heads.*", {"lr": 1.0})]).fit(*problem)
    taken = [("*.bias", {}), ("head.bias", {"lr": 1.0})]
    with pytest.raises(ValueError, match=r"'head.bias' matches no .* that an earlier pattern left"):
        model(param_groups=taken).fit(*problem)


def test_patterns_name_the_parameters_in_the_error():
    with pytest.raises(ValueError, match=r"They are: a.weight, a.bias\."):
        check_patterns([("b", {})], ["a.weight", "a.bias"])
    check_patterns([("a.bias", {}), ("a.*", {})], ["a.weight", "a.bias"])


def test_groups_can_freeze_a_layer(problem):
    X, D = problem
    start = model(max_epochs=0).fit(X, D).net_.module_.state_dict()
    options = {"lr": 0.0, "weight_decay": 0.0}
    fitted = model(param_groups=[("hidden1.*", options)], weight_decay=0.1).fit(X, D)
    end = fitted.net_.module_.state_dict()
    moved = {name for name in start if not start[name].equal(end[name])}
    assert moved == {"head.weight", "head.bias"}


def test_set_rates_leaves_the_groups_with_their_own():
    layer = torch.nn.Linear(2, 2)
    groups = [{"params": [layer.weight], "lr": 0.3}, {"params": [layer.bias]}]
    optimizer = torch.optim.SGD(groups, lr=0.1)
    set_rates(optimizer, 0.01, [("weight", {"lr": 0.3})])
    assert [group["lr"] for group in optimizer.param_groups] == [0.3, 0.01]
    set_rates(optimizer, 0.02, [("weight", {"weight_decay": 0.0}), ("bias", {"lr": 0.5})])
    assert [group["lr"] for group in optimizer.param_groups] == [0.02, 0.5]


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_weight_decay_is_what_was_asked_for(name, problem):
    for weight_decay in (0.0, 0.25):
        fitted = model(optimizer=name, weight_decay=weight_decay, warm_start=True, max_epochs=1)
        groups = fitted.fit(*problem).net_.optimizer_.param_groups
        assert [group["weight_decay"] for group in groups] == [weight_decay]


def test_sgd_has_momentum_and_net_params_change_it(problem):
    fitted = model(optimizer="sgd", warm_start=True).fit(*problem)
    assert fitted.net_.optimizer_.param_groups[0]["momentum"] == 0.9
    fitted = model(optimizer="sgd", warm_start=True, net_params={"optimizer__momentum": 0.5})
    assert fitted.fit(*problem).net_.optimizer_.param_groups[0]["momentum"] == 0.5


def test_optimizer_classes_and_those_that_call_back(problem):
    X, D = problem
    fitted = model(optimizer=torch.optim.LBFGS, batch_size="all", lr=0.5, max_epochs=3).fit(X, D)
    assert fitted.score(X, D) > 0.9
    with pytest.raises(TypeError, match="unexpected keyword argument 'speed'"):
        model(net_params={"optimizer__speed": 3}).fit(X, D)


def test_clip_norm_bounds_every_step(problem):
    X, D = problem
    rate, norm = 0.1, 1e-3
    parameters = {"optimizer": torch.optim.SGD, "lr": rate, "batch_size": "all", "max_epochs": 1}

    def step(**more):
        start, end = (
            model(**parameters, **more).set_params(**stop).fit(X, D).net_.module_.parameters()
            for stop in ({"max_epochs": 0}, {})
        )
        return math.sqrt(
            sum((b - a).square().sum().item() for a, b in zip(start, end, strict=True))
        )

    assert step() > 10 * rate * norm
    assert step(clip_norm=norm) == pytest.approx(rate * norm, rel=1e-2)


def clip_adaptively(norms):
    """Norms of the gradients of two parameters, clipped one after the other."""
    layer, clipping = torch.nn.Linear(2, 2), AdaptiveClipping()
    net, clipped = SimpleNamespace(device="cpu"), []
    clipping.on_train_begin(net)
    for norm in norms:
        layer.weight.grad = torch.full((2, 2), norm / math.sqrt(6))
        layer.bias.grad = torch.full((2,), norm / math.sqrt(6))
        clipping.on_grad_computed(net, named_parameters=layer.named_parameters())
        gradients = (layer.weight.grad, layer.bias.grad)
        clipped.append(math.sqrt(sum(g.square().sum().item() for g in gradients)))
    return clipped


@pytest.mark.parametrize(
    ("norms", "expected"),
    [
        # No limit before five norms are known; then five times the largest of them.
        ([0.1, 0.2, 0.1, 0.1, 50.0, 0.1, 7.0], [0.1, 0.2, 0.1, 0.1, 50.0, 0.1, 5.0]),
        # A norm counts for 1 at most.
        ([9.0] * 7, [9.0] * 5 + [5.0] * 2),
        # ... and for twice the largest that counts: the limit doubles, also over several steps.
        ([0.01] * 5 + [9.0] * 5, [0.01] * 5 + [0.05, 0.1, 0.2, 0.4, 0.8]),
        # The largest leaves after five steps.
        ([0.3] + [0.1] * 4 + [9.0], [0.3] + [0.1] * 4 + [1.5]),
        ([0.3] + [0.1] * 5 + [9.0], [0.3] + [0.1] * 5 + [0.5]),
        # Gradients of zero do not count: all later ones would be zero.
        ([0.1] * 5 + [0.0] * 6 + [9.0], [0.1] * 5 + [0.0] * 6 + [0.5]),
    ],
)
def test_adaptive_clipping_follows_the_last_five_norms(norms, expected):
    assert clip_adaptively(norms) == pytest.approx(expected, rel=1e-5)


class Norms(Callback):
    """Norms of the gradients at every step, as the optimiser gets them."""

    seen: list = []

    def on_train_begin(self, net, **kwargs):
        self.seen.clear()

    def on_grad_computed(self, net, named_parameters, **kwargs):
        self.seen.append(math.sqrt(sum(p.grad.square().sum().item() for _, p in named_parameters)))


def test_estimators_clip_adaptively(problem):
    def steep(Z, D):
        return 1e3 * (Z.softmax(1) - D).square().sum(1)

    parameters = {"loss": steep, "lr": 1e-6, "callbacks": [Norms()]}
    model(**parameters).fit(*problem)
    free = list(Norms.seen)
    assert min(free) > 10
    model(**parameters, clip_norm="adaptive").fit(*problem)
    assert Norms.seen[:5] == free[:5]
    assert_allclose(Norms.seen[5:], 5, rtol=1e-5)
