import os
import subprocess
import sys
import time
from contextlib import nullcontext
from pathlib import Path
from threading import RLock

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from scipy import sparse
from sklearn.base import clone

try:
    import resource
except ImportError:  # Windows
    resource = None

torch = pytest.importorskip("torch")
pytest.importorskip("skorch")

from skorch.callbacks import Callback, LRScheduler  # noqa: E402
from torch import nn  # noqa: E402
from torch.utils.data import Dataset  # noqa: E402

from sklearn_ldl import (  # noqa: E402
    AuxGraphLDLClassifier,
    DeepLDLClassifier,
    DeepLDLRegressor,
    OnlineLDLClassifier,
)
from sklearn_ldl.datasets import make_ldl  # noqa: E402
from sklearn_ldl.deep import CheckpointError, OGRClassifier  # noqa: E402
from sklearn_ldl.deep.training.checkpoint_file import read  # noqa: E402
from tests import ROOT  # noqa: E402
from tests.deep import single_net  # noqa: E402

X, D = make_ldl(53, random_state=0)
Y = D.argmax(axis=1)


class Interruption(Callback):
    """Ends training before an epoch, as Ctrl-C does; not a parameter of the fit."""

    epoch = None

    def on_epoch_begin(self, net, **kwargs):
        if len(net.history) - 1 == self.epoch:
            raise KeyboardInterrupt


@pytest.fixture
def interrupt(monkeypatch):
    return lambda epoch: monkeypatch.setattr(Interruption, "epoch", epoch)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "runs" / "fit.pt"


def settings(**parameters):
    defaults = {
        "hidden_layer_sizes": (6,),
        "batch_size": 10,
        "max_epochs": 6,
        "dropout": 0.3,
        "random_state": 0,
        "callbacks": [Interruption()],
    }
    return defaults | parameters


def model(**parameters):
    return single_net(DeepLDLRegressor, **settings(**parameters))


class Noisy(Dataset):
    """Draws random numbers for its items, in this process or in workers."""

    def __len__(self):
        return len(X)

    def __getitem__(self, row):
        return X[row] + 0.1 * torch.randn(3).numpy(), D[row]


NORM = nn.Sequential(nn.Linear(3, 6), nn.BatchNorm1d(6), nn.Dropout(), nn.Linear(6, 3))
SCHEDULER = LRScheduler("StepLR", step_size=2, gamma=0.5)
FITS = {
    "adam": (model(), X, D),
    "momentum": (model(optimizer="sgd", lr=0.1), X, D),
    "a schedule": (model(lr_schedule="warmup_cosine"), X, D),
    "a scheduler": (model(callbacks=[Interruption(), SCHEDULER]), X, D),
    "adaptive clipping": (model(clip_norm="adaptive"), X, D),
    "early stopping": (model(early_stopping=True, n_iter_no_change=2, lr=0.5), X, D),
    "early stopping in time": (model(early_stopping=True, n_iter_no_change=1, lr=3.0), X, D),
    "batch normalisation": (model(module=NORM, batch_size=17), X, D),
    "mixing": (model(augment="mixup"), X, D),
    "a seed of NumPy": (model(random_state=np.random.RandomState(3)), X, D),
    "a dataset": (model(), Noisy(), None),
    "workers": (model(num_workers=1, max_epochs=3), Noisy(), None),
    "csr": (model(), sparse.csr_array(X), D),
    "labels": (DeepLDLClassifier(**settings()), X, Y),
    "a ramp of the graph": (AuxGraphLDLClassifier(**settings(ramp=1.0)), X, Y),
    "ratios": (OGRClassifier(**settings(gap=1)), X, Y),
    "teachers": (OnlineLDLClassifier(DeepLDLClassifier(max_epochs=1), **settings()), X, Y),
}


def fit(name, **parameters):
    estimator, features, targets = FITS[name]
    extra = {"aux": X[:, :2]} if isinstance(estimator, AuxGraphLDLClassifier) else {}
    if isinstance(features, Dataset):
        parameters = {"checkpoint_key": "noisy", **parameters}
    fitted = clone(estimator).set_params(**parameters)
    # After Ctrl-C with what it has reached.
    with nullcontext() if Interruption.epoch is None else pytest.raises(KeyboardInterrupt):
        fitted.fit(features, targets, **extra)
    return fitted


def assert_same(one, other):
    states = [fitted.net_.module_.state_dict() for fitted in (one, other)]
    assert states[0].keys() == states[1].keys()
    for key, value in states[0].items():
        assert_array_equal(value, states[1][key])
    assert one.history_.keys() == other.history_.keys()
    for key, value in one.history_.items():
        assert_array_equal(value, other.history_[key])


@pytest.mark.parametrize("name", [name for name in FITS if name != "early stopping in time"])
def test_an_interrupted_fit_goes_on_to_the_same_weights(name, path, interrupt):
    whole = fit(name)
    interrupt(2)
    partial = fit(name, checkpoint=path)
    assert partial.n_iter_ == 2
    interrupt(None)
    resumed = fit(name, checkpoint=path)
    assert_same(resumed, whole)
    assert_array_equal(resumed.predict(X), whole.predict(X))
    if name == "ratios":
        assert_array_equal(resumed.ratio_, whole.ratio_)


def test_early_stopping_in_time_is_that():
    assert fit("early stopping in time").n_iter_ < 6


@pytest.mark.parametrize("name", ["adam", "early stopping", "early stopping in time"])
def test_a_finished_fit_is_not_repeated(name, path, interrupt):
    first = fit(name, checkpoint=path)
    assert_same(first, fit(name))
    assert_same(fit(name, checkpoint=path), first)


def test_writing_a_checkpoint_changes_nothing(path):
    assert_same(model(checkpoint=str(path)).fit(X, D), model().fit(X, D))
    assert [file.name for file in path.parent.iterdir()] == ["fit.pt"]


class Watch(Callback):
    """Looks into the file."""

    path = None
    seen: list = []

    def on_epoch_begin(self, net, **kwargs):
        state = read(self.path)
        self.seen.append(0 if state is None else len(state["history"]))


def test_it_is_written_after_every_epoch_and_holds_no_data(path, monkeypatch):
    monkeypatch.setattr(Watch, "path", path)
    many = np.tile(X, (200, 1)), np.tile(D, (200, 1))
    model(checkpoint=path, callbacks=[Watch()], max_epochs=3, batch_size="all").fit(*many)
    assert Watch.seen == [0, 1, 2]
    assert path.stat().st_size < 20_000 < many[0].nbytes


class Disk(Callback):
    """Lets files be no larger than some hundred bytes from an epoch on."""

    epoch = None

    def on_epoch_end(self, net, **kwargs):
        if len(net.history) == self.epoch:
            _, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
            resource.setrlimit(resource.RLIMIT_FSIZE, (500, hard))


@pytest.mark.skipif(resource is None, reason="no limits on files")
def test_a_full_disk_ends_a_fit_that_keeps_what_was_reached(path, monkeypatch):
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    monkeypatch.setattr(Disk, "epoch", 3)
    fitted = model(checkpoint=path, callbacks=[Disk()])
    try:
        with pytest.raises(CheckpointError, match=f"{path} is not written: File too large"):
            fitted.fit(X, D)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert fitted.n_iter_ == 3
    assert fitted.predict(X).shape == D.shape
    monkeypatch.undo()
    assert len(read(path)["history"]) == 2
    whole = model(checkpoint=path, callbacks=[Disk()]).fit(X, D)
    assert_same(whole, model(callbacks=[Disk()]).fit(X, D))
    assert [file.name for file in path.parent.iterdir()] == ["fit.pt"]


def test_ctrl_c_while_it_writes_does_not_lose_the_epoch(path, monkeypatch):
    fsync, calls = os.fsync, []

    def interrupted(file):
        calls.append(file)
        if len(calls) == 3:
            raise KeyboardInterrupt
        fsync(file)

    monkeypatch.setattr(os, "fsync", interrupted)
    fitted = model(checkpoint=path)
    with pytest.raises(KeyboardInterrupt):
        fitted.fit(X, D)
    assert fitted.n_iter_ == len(read(path)["history"]) == 3
    assert [file.name for file in path.parent.iterdir()] == ["fit.pt"]


@pytest.mark.parametrize(
    "name", ["adam", "a scheduler", "early stopping", "early stopping in time", "labels", "ratios"]
)
def test_a_fit_goes_on_for_more_epochs(name, path):
    fit(name, checkpoint=path, max_epochs=3)
    assert_same(fit(name, checkpoint=path, max_epochs=6), fit(name))


@pytest.mark.parametrize("name", ["a schedule", "a ramp of the graph"])
def test_what_depends_on_the_number_of_epochs_does_not_go_on_for_more(name, path):
    fit(name, checkpoint=path, max_epochs=3)
    with pytest.raises(CheckpointError, match="max_epochs was 3 and is 6"):
        fit(name, checkpoint=path, max_epochs=6)


class Halved(DeepLDLRegressor):
    def _losses(self, data):
        loss, _ = super()._losses(data)
        return loss, HalfLoss(loss, self.max_epochs)


class HalfLoss:
    def __init__(self, loss, max_epochs):
        self.loss = loss
        self.max_epochs = max_epochs

    def __call__(self, forward, batch):
        return self.loss(forward(batch.X), batch.target) / self.max_epochs


def test_estimators_of_ones_own_may_depend_on_the_number_of_epochs(path):
    estimator = single_net(Halved, **settings(checkpoint=path, max_epochs=3)).fit(X, D)
    with pytest.raises(CheckpointError, match="max_epochs was 3 and is 6"):
        estimator.set_params(max_epochs=6).fit(X, D)


def test_a_folder_is_an_error(tmp_path):
    with pytest.raises(CheckpointError, match=f"{tmp_path} is not read: "):
        model(checkpoint=tmp_path).fit(X, D)
    with pytest.raises(CheckpointError, match="is not read: Not a directory"):
        model(checkpoint=Path(__file__) / "fit.pt").fit(X, D)


def test_it_needs_a_seed_and_no_warm_start(path):
    with pytest.raises(ValueError, match=r"checkpoint=.* needs a random_state"):
        model(checkpoint=path, random_state=None).fit(X, D)
    with pytest.raises(ValueError, match="warm_start goes on from the estimator, not from a check"):
        model(checkpoint=path, warm_start=True).fit(X, D)
    assert not path.parent.exists()


class Unpicklable(Callback):
    def on_train_begin(self, net, **kwargs):
        self.lock_ = RLock()


def test_callbacks_whose_state_is_lost_are_an_error(path):
    match = "checkpoint: of the state of callbacks or objective, a RLock is not kept"
    with pytest.raises(TypeError, match=match):
        model(checkpoint=path, callbacks=[Unpicklable()]).fit(X, D)
    assert not path.exists()


class Epochs(Callback):
    """Prints and records the epochs; waits in the middle of one to be killed."""

    fatal = None
    started: list = []

    def on_epoch_begin(self, net, **kwargs):
        self.started.append(len(net.history))

    def on_batch_end(self, net, **kwargs):
        if len(net.history) == self.fatal:
            print("in epoch", self.fatal, flush=True)
            time.sleep(600)


PROGRAM = """
import sys
from tests.deep.training.test_checkpoint import D, Epochs, X, model

assert "accelerate" not in sys.modules
Epochs.fatal = 5
model(checkpoint=sys.argv[1], max_epochs=8, callbacks=[Epochs()]).fit(X, D)
"""


def test_a_killed_process_loses_the_epoch_that_it_was_in(path):
    command = [sys.executable, "-c", PROGRAM, str(path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT) as process:
        line = process.stdout.readline()
        process.kill()
    assert line == "in epoch 5\n"
    assert process.returncode != 0
    Epochs.started.clear()
    resumed = model(checkpoint=path, max_epochs=8, callbacks=[Epochs()]).fit(X, D)
    assert Epochs.started == [5, 6, 7, 8]
    assert_same(resumed, model(max_epochs=8, callbacks=[]).fit(X, D))
