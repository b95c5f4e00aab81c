"""Ctrl-C, as a signal of the system, in every deep estimator: one process runs them all."""

import json
import os
import signal
import subprocess
import sys
import threading
from inspect import isclass
from pathlib import Path

import numpy as np
import pytest
from numpy.testing import assert_array_equal

pytest.importorskip("torch")
pytest.importorskip("skorch")

from sklearn.base import clone
from sklearn.ensemble import BaggingRegressor
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.tree import DecisionTreeClassifier
from skorch.callbacks import Callback, EarlyStopping

import sklearn_ldl.deep
from sklearn_ldl import AutoLDL, DeepLDLRegressor, LDLClassifier
from sklearn_ldl.datasets import make_ldl
from sklearn_ldl.deep.estimator import DeepEstimator
from sklearn_ldl.deep.training.checkpoint_file import read
from tests import ROOT
from tests.deep import single_net

X, D = make_ldl(40, random_state=0)
Y = D.argmax(axis=1)
VALUES = D @ np.arange(D.shape[1])
FOREVER = 1_000_000
AT_EPOCH = 3


def estimators():
    """Public deep estimators that say what they minimise, by name."""
    members = (getattr(sklearn_ldl.deep, name) for name in sklearn_ldl.deep.__all__)
    return {
        member.__name__: member
        for member in members
        if isclass(member)
        and issubclass(member, DeepEstimator)
        and member._losses is not DeepEstimator._losses
    }


NAMES = sorted(estimators())


class Announcement(Callback):
    """Says when an epoch has begun, and counts what the callbacks of the fit are told."""

    said = ""
    told: dict = {}

    def on_train_begin(self, net, **kwargs):
        self.told["begin"] = self.told.get("begin", 0) + 1

    def on_epoch_begin(self, net, **kwargs):
        if self.said and len(net.history) == AT_EPOCH + 1:
            print(self.said, flush=True)

    def on_train_end(self, net, **kwargs):
        self.told["end"] = self.told.get("end", 0) + 1


def build(name):
    estimator = estimators()[name](max_epochs=FOREVER, random_state=0, callbacks=[Announcement()])
    names = estimator.get_params(deep=False)
    own = {
        # Teachers are fitted by then; and the first epochs are the same however many there are.
        "teacher": DecisionTreeClassifier(max_depth=2),
        "ramp": 0,
        "warmup": 0,
        "gap": 1,
        "lr_schedule": None,
        "early_stopping": False,
    }
    return estimator.set_params(**{key: value for key, value in own.items() if key in names})


def targets(estimator):
    if isinstance(estimator, sklearn_ldl.deep.DeepClassifier):
        return Y
    return VALUES if isinstance(estimator, sklearn_ldl.deep.DeepValueRegressor) else D


def arguments(name):
    return {"aux": D[:, :2]} if name == "AuxGraphLDLClassifier" else {}


def weights(estimator):
    return [w.numpy() for w in estimator.net_.module_.state_dict().values()]


def interrupted_fit(name, folder):
    estimator = build(name).set_params(checkpoint=Path(folder) / name)
    y, more = targets(estimator), arguments(name)
    Announcement.told.clear()
    try:
        estimator.fit(X, y, **more)
        raised = False
    except KeyboardInterrupt:
        raised = True
    n_iter = estimator.n_iter_
    lengths = {len(losses) for losses in estimator.history_.values()}
    n_kept = len(read(estimator.checkpoint)["history"])
    told, Announcement.said = dict(Announcement.told), ""
    whole = clone(estimator).set_params(max_epochs=n_kept + 2, checkpoint=None).fit(X, y, **more)
    further = clone(estimator).set_params(max_epochs=n_kept + 2).fit(X, y, **more)
    return {
        "raised": raised,
        "told": told,
        "n_iter": n_iter,
        "lengths": list(lengths),
        "n_kept": n_kept,
        "finite": bool(np.isfinite(estimator.predict(X).astype(float)).all()),
        "resumed": further.n_iter_ == n_kept + 2
        and all(map(np.array_equal, weights(whole), weights(further))),
    }


def interrupted_search(name):
    estimator = build(name)
    search = GridSearchCV(estimator, {"lr": [0.01, 0.02, 0.03]}, cv=2)
    Announcement.told.clear()
    try:
        search.fit(X, targets(estimator), **arguments(name))
        raised = False
    except KeyboardInterrupt:
        raised = True
    return {
        "raised": raised,
        "told": dict(Announcement.told),
        "best": hasattr(search, "best_params_"),
    }


def main(folder):
    for name in NAMES:
        for work, args in ((interrupted_fit, (folder,)), (interrupted_search, ())):
            Announcement.said = "now"
            print(json.dumps([name, work.__name__, work(name, *args)]), flush=True)


@pytest.fixture(scope="module")
def found(tmp_path_factory):
    """What a process tells that gets the signal whenever it says so."""
    command = [sys.executable, "-W", "ignore", "-m", "tests.deep.test_interrupts"]
    command.append(str(tmp_path_factory.mktemp("checkpoints")))
    found = {}
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT) as process:
        watchdog = threading.Timer(240, process.kill)
        watchdog.start()
        for line in process.stdout:
            if line.startswith("now"):
                process.send_signal(signal.SIGINT)
            elif line.startswith("["):
                name, work, result = json.loads(line)
                found[name, work] = result
        watchdog.cancel()
    assert process.returncode == 0
    return found


needs_signals = pytest.mark.skipif(os.name == "nt", reason="signals of Unix")


@needs_signals
@pytest.mark.parametrize("name", NAMES)
def test_ctrl_c_keeps_the_state_and_its_checkpoint_and_goes_on(name, found):
    result = found[name, "interrupted_fit"]
    assert result["raised"]
    assert result["told"] == {"begin": 1, "end": 1}
    assert AT_EPOCH <= result["n_iter"] < FOREVER
    assert result["lengths"] == [result["n_iter"]]
    # The signal may come between the end of an epoch and the file.
    assert result["n_iter"] - 1 <= result["n_kept"] <= result["n_iter"]
    assert result["finite"]
    assert result["resumed"]


@needs_signals
@pytest.mark.parametrize("name", NAMES)
def test_ctrl_c_ends_a_search(name, found):
    assert found[name, "interrupted_search"] == {
        "raised": True,
        "told": {"begin": 1, "end": 1},
        "best": False,
    }


class Interrupt(Callback):
    """Ends the third epoch as Ctrl-C does."""

    def on_batch_end(self, net, **kwargs):
        if len(net.history) == 3:
            raise KeyboardInterrupt


def interrupting(**settings):
    return single_net(DeepLDLRegressor, callbacks=[Interrupt()], random_state=0, **settings)


def test_wrappers_and_pipelines_keep_what_the_network_has_reached():
    network = make_pipeline(StandardScaler(), interrupting())
    for model, y in ((network, D), (LDLClassifier(network), Y)):
        with pytest.raises(KeyboardInterrupt):
            model.fit(X, y)
    assert network[-1].n_iter_ == 2
    assert network.predict(X).shape == D.shape
    assert model.estimator_[-1].n_iter_ == 2
    assert set(model.predict(X)) <= set(Y)


def test_the_automatic_choice_keeps_the_candidates_before_the_network():
    model = AutoLDL(candidates=["linear", ("net", interrupting())], random_state=0)
    with pytest.raises(KeyboardInterrupt):
        model.fit(X, D)
    assert "linear" in model.names_
    assert model.predict(X).shape == D.shape


def test_ensembles_stop():
    model = BaggingRegressor(interrupting(), n_estimators=3)
    with pytest.raises(KeyboardInterrupt):
        model.fit(X, D)
    assert len(model.estimators_) == 0


class Failing(Callback):
    def on_train_end(self, net, **kwargs):
        raise RuntimeError("while it is torn down")


def test_a_teardown_that_fails_does_not_hide_ctrl_c():
    model = interrupting().set_params(callbacks=[Interrupt(), Failing()])
    with pytest.raises(KeyboardInterrupt) as error:
        GridSearchCV(model, {"lr": [0.1, 0.2]}, error_score=0).fit(X, D)
    assert "while it is torn down" in str(error.value.__cause__)
    with pytest.raises(KeyboardInterrupt):
        model.fit(X, D)
    assert model.n_iter_ == 2
    with pytest.raises(RuntimeError, match="while it is torn down"):
        model.set_params(callbacks=[Failing()]).fit(X, D)


class Impatient(Callback):
    def on_train_end(self, net, **kwargs):
        raise KeyboardInterrupt


@pytest.mark.parametrize(("callbacks", "n_iter"), [([Interrupt()], 2), ([], 4)])
def test_ctrl_c_while_callbacks_are_told_of_the_end(callbacks, n_iter):
    model = interrupting().set_params(callbacks=[*callbacks, Impatient()], max_epochs=4)
    with pytest.raises(KeyboardInterrupt):
        model.fit(X, D)
    assert model.n_iter_ == n_iter
    assert model.predict(X).shape == D.shape


class Diverging(Callback):
    def on_batch_end(self, net, **kwargs):
        net.module_.head.weight.data.fill_(np.nan)
        raise KeyboardInterrupt


def test_weights_that_are_not_finite_do_not_hide_ctrl_c():
    with pytest.raises(KeyboardInterrupt):
        interrupting().set_params(callbacks=[Diverging()]).fit(X, D)


def test_early_stopping_of_skorch_is_no_ctrl_c():
    stopping = EarlyStopping("train_loss", patience=2, threshold=1e9)
    model = interrupting().set_params(callbacks=[stopping], max_epochs=50).fit(X, D)
    assert model.n_iter_ == 3
    expected = interrupting().set_params(callbacks=[], max_epochs=3).fit(X, D)
    assert_array_equal(model.predict(X), expected.predict(X))


if __name__ == "__main__":
    main(sys.argv[1])
