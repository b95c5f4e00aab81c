from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone

torch = pytest.importorskip("torch")
pytest.importorskip("skorch")

from skorch.callbacks import Callback  # noqa: E402
from torch import nn  # noqa: E402

from sklearn_ldl import DeepLDLRegressor  # noqa: E402
from sklearn_ldl.datasets import make_ldl  # noqa: E402
from sklearn_ldl.deep.losses.distributions import kl_divergence, mean_squared_error  # noqa: E402
from sklearn_ldl.deep.training.device import resolve_device  # noqa: E402
from sklearn_ldl.deep.training.inference import forward_batches  # noqa: E402
from sklearn_ldl.deep.training.seeds import seeded  # noqa: E402
from tests.deep import single_net  # noqa: E402

CPU = torch.device("cpu")
X, D = make_ldl(53, random_state=0)


def model(**parameters):
    defaults = {"hidden_layer_sizes": (6,), "batch_size": 10, "max_epochs": 4, "random_state": 0}
    return single_net(DeepLDLRegressor, **(defaults | parameters))


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("weight_decay", [0.0, 0.1])
def test_training_equals_a_loop_written_by_hand(weighted, weight_decay, rng):
    fitted = model(dropout=0.2, weight_decay=weight_decay, optimizer="sgd", lr=0.1)
    weight = rng.uniform(0.5, 2, len(X)) if weighted else None
    fitted.fit(X, D, sample_weight=weight)

    seed = np.random.RandomState(0).randint(np.iinfo(np.int32).max)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        net = nn.Sequential(nn.Linear(3, 6), nn.ReLU(), nn.Dropout(0.2), nn.Linear(6, 3))
        optimizer = torch.optim.SGD(
            net.parameters(), lr=0.1, momentum=0.9, weight_decay=weight_decay
        )
        W = np.ones(len(X)) if weight is None else weight / weight.mean()
        tensors = [torch.tensor(values, dtype=torch.float32) for values in (X, D, W)]
        history = []
        for _ in range(4):
            total = 0.0
            for rows in torch.randperm(len(X)).split(10):
                x, d, w = (tensor[rows] for tensor in tensors)
                loss = (w * kl_divergence(net(x), d)).mean()
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
                total += len(rows) * loss.item()
            history.append(total / len(X))
        net.eval().double()
        P = net(torch.from_numpy(X)).softmax(1).detach().numpy()

    assert_allclose(fitted.predict(X), P, atol=1e-6)
    assert_allclose(fitted.history_["train_loss"], history, rtol=1e-5)


def test_losses_are_weighted_means(rng):
    order = np.random.RandomState(0).permutation(len(X))
    valid, train = order[:21], order[21:]
    weight = rng.uniform(0.5, 2, len(X))
    weight[valid] *= 3
    # Without a training step the losses are those of the network at hand.
    fitted = model(early_stopping=True, validation_fraction=0.4, lr=1e-30, max_epochs=1)
    losses = fitted.fit(X, D, sample_weight=weight).history_
    Z = torch.from_numpy(fitted.decision_function(X))
    # Rows that are held out weigh three times as much here, which is all the same.
    loss = kl_divergence(Z, torch.from_numpy(D)).numpy()
    for name, rows in (("train_loss", train), ("valid_loss", valid)):
        mean = np.average(loss[rows], weights=weight[rows])
        assert losses[name] == pytest.approx(mean, rel=1e-5)
    again = clone(fitted).fit(X, D, sample_weight=1000 * weight).history_
    assert again["valid_loss"] == pytest.approx(losses["valid_loss"], rel=1e-5)


class TwoTerms(DeepLDLRegressor):
    """Fits by the mean of two losses, given by name."""

    def _losses(self, data):
        def objective(forward, batch):
            Z = forward(batch.X)
            losses = {"kl": kl_divergence, "mse": mean_squared_error}
            return {name: loss(Z, batch.target) / 2 for name, loss in losses.items()}

        return kl_divergence, objective


def test_terms_of_an_objective_are_added_and_recorded():
    fitted = TwoTerms(max_epochs=5, early_stopping=True, batch_size=10, lr=1e-3).fit(X, D)
    history = fitted.history_
    assert history.keys() == {"train_loss", "train_kl", "train_mse", "valid_loss"}
    assert_allclose(history["train_loss"], history["train_kl"] + history["train_mse"], rtol=1e-6)
    assert history["train_kl"][-1] < history["train_kl"][0]
    assert not np.isclose(history["train_kl"], history["train_mse"]).any()


def test_nothing_of_the_data_or_the_objective_outlives_the_fit():
    for warm_start in (False, True):
        net = model(warm_start=warm_start).fit(X, D).net_
        assert net.objective is None
        assert net.row_loss is None
        assert net.callbacks_ == []
        assert (net.optimizer_ is None) is not warm_start


@pytest.mark.parametrize("warm_start", [False, True])
def test_divergence_is_an_error_that_says_what_to_do(warm_start):
    diverging = model(optimizer="sgd", lr=1e6, loss="mse", max_epochs=20, warm_start=warm_start)
    diverging.set_params(module=nn.Linear(3, 3), loss=lambda Z, D: (Z - D).square().sum(1))
    with pytest.raises(ValueError, match=r"diverged: the loss is (inf|nan) in epoch .* Lower lr"):
        diverging.fit(X, D)
    with pytest.raises(ValueError, match="not fitted yet"):
        diverging.predict(X)


def test_a_last_step_to_infinity_is_divergence_too():
    diverging = model(optimizer="sgd", lr=1e38, max_epochs=1, batch_size="all")
    with pytest.raises(ValueError, match="weights are not finite"):
        diverging.set_params(loss=lambda Z, D: 10 * (Z - D).square().sum(1)).fit(10 * X, D)


def test_a_warm_start_that_diverges_never_predicts_nan():
    fitted = model(warm_start=True, loss=lambda Z, D: (Z - D).square().sum(1)).fit(X, D)
    fitted.set_params(lr=1e30, optimizer="sgd", max_epochs=20)
    with pytest.raises(ValueError, match="diverged"):
        fitted.fit(X, D)
    with pytest.raises(ValueError, match="NaN or infinity"):
        fitted.predict(X)
    # Neither data nor objective stay behind in the net.
    assert fitted.net_.objective is None
    assert fitted.net_.callbacks_ == []


class Recorder(Callback):
    """Events of a fit."""

    def on_train_begin(self, net, X=None, y=None, **kwargs):
        self.events = ["train begin"]

    def on_epoch_begin(self, net, dataset_train=None, dataset_valid=None, **kwargs):
        self.events.append("epoch begin")

    def on_batch_end(self, net, batch=None, training=None, loss=None, **kwargs):
        assert torch.isfinite(loss)
        self.events.append(("train" if training else "valid", len(batch.X)))

    def on_epoch_end(self, net, **kwargs):
        self.events.append(("epoch end", net.history[-1, "train_loss"]))

    def on_train_end(self, net, X=None, y=None, **kwargs):
        self.events.append("train end")


def test_callbacks_see_epochs_and_batches():
    recorder = Recorder()
    fitted = model(callbacks=[recorder], early_stopping=True, max_epochs=2).fit(X, D)
    events = recorder.events
    assert events[0] == "train begin"
    assert events[-1] == "train end"
    assert events.count("epoch begin") == 2
    losses = [event[1] for event in events if event[0] == "epoch end"]
    assert_array_equal(losses, fitted.history_["train_loss"])
    batches = [event for event in events if event[0] in ("train", "valid")]
    assert batches == [("train", 10)] * 4 + [("train", 8), ("valid", 5)] + batches[6:]
    assert len(batches) == 12


def test_callbacks_see_the_epoch_that_stops_early():
    recorder = Recorder()
    fitted = model(callbacks=[recorder], early_stopping=True, n_iter_no_change=1, lr=0.5)
    fitted.set_params(max_epochs=50).fit(X, D)
    assert fitted.n_iter_ < 50
    ended = [event for event in recorder.events if event[0] == "epoch end"]
    assert len(ended) == fitted.n_iter_


class Interrupt(Callback):
    def __init__(self, epoch, event):
        self.epoch = epoch
        setattr(self, event, self.stop)

    def stop(self, net, **kwargs):
        if len(net.history) == self.epoch:
            raise KeyboardInterrupt


@pytest.mark.parametrize(
    ("event", "n_iter"), [("on_epoch_end", 3), ("on_batch_end", 2), ("on_epoch_begin", 2)]
)
@pytest.mark.parametrize("early_stopping", [False, True])
def test_ctrl_c_keeps_what_was_reached(event, n_iter, early_stopping):
    parameters = {"early_stopping": early_stopping, "lr_schedule": "cosine", "warm_start": True}
    fitted = model(callbacks=[Interrupt(3, event)], max_epochs=9, **parameters)
    with pytest.raises(KeyboardInterrupt):
        fitted.fit(X, D)
    assert fitted.n_iter_ == n_iter
    assert all(len(values) == n_iter for values in fitted.history_.values())
    assert_allclose(fitted.predict(X).sum(axis=1), 1, atol=1e-12)
    assert [group["lr"] for group in fitted.net_.optimizer_.param_groups] == [fitted.lr]
    fitted.set_params(callbacks=(), max_epochs=2).fit(X, D)
    assert fitted.n_iter_ == n_iter + 2


def test_ctrl_c_in_the_first_epoch_leaves_a_fitted_model():
    fitted = model(callbacks=[Interrupt(1, "on_batch_end")], early_stopping=True)
    with pytest.raises(KeyboardInterrupt):
        fitted.fit(X, D)
    assert fitted.n_iter_ == 0
    assert fitted.history_ == {}
    assert fitted.predict(X).shape == D.shape


def test_amp_trains_in_bfloat16_and_keeps_float32_weights():
    plain, mixed = (model(amp=amp).fit(X, D) for amp in (False, True))
    assert all(p.dtype == torch.float32 for p in mixed.net_.module_.parameters())
    difference = np.abs(plain.predict(X) - mixed.predict(X)).max()
    assert 1e-8 < difference < 0.02


def test_compile_trains_through_torch_compile(monkeypatch):
    compiled = []

    def compile_(module):
        compiled.append(module)
        return lambda x: module(x)

    monkeypatch.setattr(torch, "compile", compile_)
    fitted = model(compile=True).fit(X, D)
    assert compiled == [fitted.net_.module_]
    assert_array_equal(fitted.predict(X), model().fit(X, D).predict(X))


@pytest.mark.slow
def test_compiled_training_gives_the_same_result():
    pytest.importorskip("torch._inductor")
    compiled, plain = (model(compile=compile_).fit(X, D) for compile_ in (True, False))
    assert_allclose(compiled.predict(X), plain.predict(X), atol=1e-5)


def test_resolve_device_knows_what_exists():
    assert resolve_device("cpu") == CPU
    assert resolve_device("auto").type == ("cuda" if torch.cuda.is_available() else "cpu")


@pytest.mark.parametrize("device", ["nonsense", "", "cpu:x", "mps:99", "xla"])
def test_resolve_device_refuses_what_does_not(device):
    with pytest.raises(ValueError, match=f"device='{device}' is not available: "):
        resolve_device(device)


def test_absent_cuda_devices_are_an_error(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(ValueError, match=r"'cuda', but torch sees 0 CUDA devices.*'auto'"):
        model(device="cuda").fit(X, D)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    assert resolve_device("cuda:1").index == 1
    with pytest.raises(ValueError, match="'cuda:2', but torch sees 2 CUDA devices"):
        resolve_device("cuda:2")


def test_seeded_blocks_repeat_and_leave_the_state_of_the_caller():
    before, tf32 = torch.get_rng_state(), torch.backends.cudnn.allow_tf32
    torch.backends.cudnn.allow_tf32 = False
    try:
        draws = []
        for seed in (1, 1, 2):
            with seeded(seed, CPU):
                draws.append(torch.rand(3).tolist())
                assert torch.backends.cudnn.allow_tf32 is False
                assert torch.backends.cudnn.deterministic
    finally:
        torch.backends.cudnn.allow_tf32 = tf32
    assert draws[0] == draws[1] != draws[2]
    assert torch.equal(before, torch.get_rng_state())


def test_fits_in_threads_do_not_disturb_each_other():
    state = torch.get_rng_state()
    rates = [0.001, 0.003, 0.01, 0.03]
    models = [model(lr=rate, dropout=0.3, max_epochs=20) for rate in rates]
    with ThreadPoolExecutor(4) as pool:
        together = list(pool.map(lambda estimator: estimator.fit(X, D).predict(X), models))
    for estimator, P in zip(models, together, strict=True):
        assert_array_equal(estimator.fit(X, D).predict(X), P)
    assert torch.equal(torch.get_rng_state(), state)


def test_forward_batches_leaves_the_features_alone():
    features = torch.randn(4, 3)
    kept = features.clone()
    outputs = forward_batches(nn.ReLU(inplace=True), [features], 4, CPU, torch.float32)
    assert_array_equal(outputs, kept.clamp(min=0))
    assert torch.equal(features, kept)
