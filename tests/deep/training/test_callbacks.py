"""Callbacks of users: as they are, those of skorch included."""

import threading

import numpy as np
import pytest
import torch
from numpy.testing import assert_array_equal
from sklearn.base import clone
from sklearn.metrics import make_scorer, mean_squared_error
from sklearn.model_selection import GridSearchCV
from skorch.callbacks import (
    BatchScoring,
    Callback,
    Checkpoint,
    EarlyStopping,
    EpochScoring,
    LRScheduler,
    MlflowLogger,
    PassthroughScoring,
    ProgressBar,
    TensorBoard,
    WandbLogger,
)
from torch import nn
from torch.optim.lr_scheduler import ReduceLROnPlateau

from sklearn_ldl import (
    DeepLDLClassifier,
    DeepLDLRegressor,
    DeepRegressor,
    OnlineLDLClassifier,
)
from sklearn_ldl.datasets import make_ldl
from sklearn_ldl.metrics import get_ldl_scorer
from tests.deep import single_net

X, D = make_ldl(53, random_state=0)


def model(cls=DeepLDLRegressor, **parameters):
    defaults = {"hidden_layer_sizes": (6,), "batch_size": 10, "max_epochs": 4, "random_state": 0}
    return single_net(cls, **(defaults | parameters))


class Counter(Callback):
    def __init__(self, start=0):
        self.start = start

    def initialize(self):
        self.epochs_ = self.start
        return self

    def on_epoch_end(self, net, **kwargs):
        self.epochs_ += 1
        net.history.record("train_epochs", self.epochs_)


def test_callbacks_are_those_of_the_user_and_begin_anew_at_every_fit():
    counter = Counter()
    fitted = model(callbacks=[counter])
    for _ in range(2):
        fitted.fit(X, D)
        assert fitted.history_["train_epochs"].tolist() == [1, 2, 3, 4]
    assert counter.epochs_ == 4


def test_clones_have_callbacks_of_their_own():
    counter = Counter(start=2)
    fitted = model(callbacks=[counter, ("other", Counter(start=5))])
    copied = clone(fitted).fit(X, D)
    assert not hasattr(counter, "epochs_")
    # The last one has the say.
    assert copied.history_["train_epochs"].tolist() == [6, 7, 8, 9]
    assert copied.callbacks[0].epochs_ == 6


@pytest.mark.parametrize("given", [Counter, lambda: Counter(), ("counter", Counter)])
def test_what_makes_callbacks_makes_one_for_every_fit(given):
    fitted = model(callbacks=[given]).fit(X, D)
    assert fitted.history_["train_epochs"].tolist() == [1, 2, 3, 4]
    assert clone(fitted).fit(X, D).history_["train_epochs"].tolist() == [1, 2, 3, 4]


class Writer:
    """Stands for the writers and runs of loggers, which cannot be copied."""

    def __init__(self):
        self.lock = threading.Lock()
        self.logged = []
        self.closed = False

    def add_scalar(self, tag, scalar_value, global_step):
        with self.lock:
            self.logged.append((tag, global_step, scalar_value))

    def watch(self, module):
        assert isinstance(module, nn.Module)

    def log(self, values):
        with self.lock:
            self.logged.append(values)

    def close(self):
        self.closed = True


@pytest.mark.parametrize("warm_start", [False, True])
def test_tensorboard_gets_all_losses(warm_start):
    writer = Writer()
    fitted = model(callbacks=[TensorBoard(writer)], early_stopping=True, warm_start=warm_start)
    fitted.fit(X, D)
    assert writer.closed
    for name in ("train_loss", "valid_loss"):
        logged = [value for tag, _, value in writer.logged if tag == f"Loss/{name}"]
        assert_array_equal(logged, fitted.history_[name])
    fitted.fit(X, D)
    assert len([tag for tag, *_ in writer.logged if tag == "Loss/train_loss"]) == 8


def test_callbacks_of_a_student_do_not_watch_its_teacher():
    writer = Writer()
    settings = {"max_epochs": 4, "n_members": 2, "dropout": 0.2, "predict_mc_samples": 3}
    student = OnlineLDLClassifier(callbacks=[TensorBoard(writer)], mc_samples=2, **settings)
    student.fit(X, D.argmax(axis=1))
    assert len([tag for tag, *_ in writer.logged if tag == "Loss/train_loss"]) == 4
    # Nor does it predict as the student is to predict.
    assert student.teachers_[0].predict_mc_samples == 0


def test_wandb_gets_all_losses():
    run = Writer()
    fitted = model(callbacks=[WandbLogger(run, save_model=False)], early_stopping=True).fit(X, D)
    assert_array_equal([row["valid_loss"] for row in run.logged], fitted.history_["valid_loss"])


def test_mlflow_gets_all_losses():
    class Client(Writer):
        def log_metric(self, run_id, key, value, step=None):
            with self.lock:
                self.logged.append((key, step, value))

    class Info:
        run_id = "run"

    client = Client()
    client.info = Info()
    callback = MlflowLogger(client, client, terminate_after_train=False, create_artifact=False)
    fitted = model(callbacks=[callback], early_stopping=True).fit(X, D)
    logged = [value for name, _, value in client.logged if name == "train_loss"]
    assert_array_equal(logged, fitted.history_["train_loss"])


def test_a_search_logs_through_writers_of_its_own():
    writers = []

    def tensorboard():
        writers.append(Writer())
        return TensorBoard(writers[-1])

    search = GridSearchCV(model(callbacks=[tensorboard]), {"lr": [1e-3, 1e-2]}, cv=2)
    search.fit(X, D)
    assert len(writers) == 5
    assert all(writer.closed and writer.logged for writer in writers)
    with pytest.raises(TypeError, match=r"callbacks: .*cannot be copied.*give a function"):
        clone(model(callbacks=[TensorBoard(Writer())]))


def test_checkpoint_keeps_the_best_epoch(tmp_path):
    callback = Checkpoint(dirname=str(tmp_path))
    fitted = model(callbacks=[callback], early_stopping=True, lr=0.3, max_epochs=12).fit(X, D)
    assert (tmp_path / "params.pt").exists()
    assert (tmp_path / "optimizer.pt").exists()
    losses = fitted.history_["valid_loss"]
    assert losses.argmin() not in (0, 11)
    # Ours goes back to the best one too.
    saved = torch.load(tmp_path / "params.pt", weights_only=True)
    for name, weight in fitted.net_.module_.state_dict().items():
        assert torch.equal(saved[name], weight)


def test_best_epochs_are_noted_but_no_history():
    seen = []

    class Seeing(Callback):
        def on_epoch_end(self, net, **kwargs):
            seen.append([net.history[-1, f"{name}_loss_best"] for name in ("train", "valid")])

    fitted = model(callbacks=[Seeing], early_stopping=True, lr=0.3, max_epochs=12).fit(X, D)
    for k, name in enumerate(("train_loss", "valid_loss")):
        losses = fitted.history_[name]
        best = [loss < min([*losses[:epoch], np.inf]) for epoch, loss in enumerate(losses)]
        assert [bests[k] for bests in seen] == best
        assert not all(best)
    assert fitted.history_.keys() == {"train_loss", "valid_loss"}


@pytest.mark.parametrize(
    ("callback", "message"),
    [
        (
            Checkpoint(),
            r"'Checkpoint' monitors 'valid_loss_best'.*early_stopping=True.*'train_loss_b",
        ),
        (
            EarlyStopping(),
            r"'EarlyStopping' monitors 'valid_loss'.*early_stopping=True.*'train_loss'",
        ),
        (
            LRScheduler(ReduceLROnPlateau, monitor="valid_loss"),
            r"'LRScheduler' monitors 'valid_loss'.*set early_stopping=True",
        ),
        (EpochScoring("r2"), r"'EpochScoring' scores validation rows.*set early_stopping=True"),
    ],
)
def test_callbacks_that_miss_validation_rows_name_the_parameter(callback, message):
    with pytest.raises(ValueError, match=message):
        model(callbacks=[callback]).fit(X, D)
    fitted = model(callbacks=[callback], early_stopping=True)
    if not isinstance(callback, Checkpoint):
        assert fitted.fit(X, D).n_iter_ == 4


@pytest.mark.parametrize(
    ("callback", "message"),
    [
        (EpochScoring("r2", on_train=True), "outputs are not kept"),
        (EpochScoring("r2", use_caching=False), "needs use_caching=True"),
        (BatchScoring("r2"), "take EpochScoring"),
        (PassthroughScoring("valid_loss"), "take EpochScoring"),
    ],
)
def test_scores_that_cannot_be_are_an_error(callback, message):
    with pytest.raises(ValueError, match=message):
        model(callbacks=[callback], early_stopping=True).fit(X, D)


@pytest.mark.parametrize("given", ["tensorboard", ("log", "tensorboard"), lambda: "tensorboard"])
def test_what_is_no_callback_is_refused_by_name(given):
    with pytest.raises(TypeError, match=r"callbacks: .* is neither a callback of skorch nor makes"):
        DeepLDLRegressor(callbacks=[given], max_epochs=1).fit(X, D)


def test_early_stopping_by_training_rows():
    callback = EarlyStopping(monitor="train_loss", patience=2, threshold=0.5)
    fitted = model(callbacks=[callback], max_epochs=30).fit(X, D)
    assert fitted.n_iter_ < 30


def test_scheduler_lowers_the_rate_on_a_plateau():
    rates = []

    class Rates(Callback):
        def on_epoch_end(self, net, **kwargs):
            rates.append(net.optimizer_.param_groups[0]["lr"])

    callback = LRScheduler(ReduceLROnPlateau, monitor="train_loss", patience=0, threshold=10)
    model(callbacks=[callback, Rates()], lr=0.1).fit(X, D)
    assert rates == pytest.approx([0.01, 0.001, 0.0001, 0.00001])


@pytest.mark.parametrize("cls", [DeepLDLRegressor, DeepLDLClassifier, DeepRegressor])
def test_scores_of_every_epoch_are_those_of_predictions(cls):
    y = X[:, 0] if cls is DeepRegressor else D
    scorer = {
        DeepLDLRegressor: "neg_mean_squared_error",
        DeepLDLClassifier: get_ldl_scorer("neg_kl_divergence"),
        DeepRegressor: make_scorer(lambda Y, T: -mean_squared_error(Y, T)),
    }[cls]
    callback = EpochScoring(scorer, name="valid_score", lower_is_better=False)
    fitted = model(cls, callbacks=[callback], early_stopping=True, n_iter_no_change=50).fit(X, y)
    scores = fitted.history_["valid_score"]
    assert len(scores) == 4
    order = np.random.RandomState(0).permutation(53)
    valid = np.sort(order[:5])
    last = model(cls, callbacks=[Counter()], max_epochs=1, early_stopping=True).fit(X, y)
    if cls is DeepLDLRegressor:
        expected = -mean_squared_error(D[valid], last.predict(X[valid]))
        assert scores[0] == pytest.approx(expected, rel=1e-5)
    if cls is DeepLDLClassifier:
        expected = scorer(last, X[valid], D[valid])
        assert scores[0] == pytest.approx(expected, rel=1e-5)


def test_early_stopping_by_a_score():
    callbacks = [
        EpochScoring("neg_mean_squared_error", name="valid_mse", lower_is_better=False),
        EarlyStopping(
            "valid_mse", lower_is_better=False, patience=2, threshold=9, threshold_mode="abs"
        ),
    ]
    fitted = model(callbacks=callbacks, early_stopping=True, max_epochs=30).fit(X, D)
    assert fitted.n_iter_ < 10


@pytest.mark.parametrize("batch_size", [10, "all"])
def test_progress_bars_of_skorch_know_their_length(batch_size, capsys):
    fitted = model(callbacks=[ProgressBar(detect_notebook=False)], batch_size=batch_size)
    fitted.fit(X, D)
    total = 6 if batch_size == 10 else 1
    assert f"/{total} [" in capsys.readouterr().err


def test_verbose_prints_every_epoch_or_every_nth(capsys):
    model(max_epochs=6).fit(X, D)
    assert capsys.readouterr().out == ""
    lines = {}
    for verbose in (True, 1, 3):
        model(max_epochs=6, verbose=verbose, early_stopping=True).fit(X, D)
        lines[verbose] = capsys.readouterr().out.splitlines()
    assert "train_loss" in lines[1][0]
    assert "valid_loss" in lines[1][0]
    assert [line.split()[0] for line in lines[1][2:8]] == ["1", "2", "3", "4", "5", "6"]
    assert [line.split()[0] for line in lines[3][2:4]] == ["3", "6"]


def test_verbose_shows_a_bar_of_all_steps(capsys, tmp_path):
    model().fit(X, D)
    assert capsys.readouterr().err == ""
    model(verbose=1).fit(X, D)
    bar = capsys.readouterr().err
    assert "Training: 100%" in bar
    assert "24/24" in bar
    assert "train_loss=" in bar
    # One that goes on begins where the other one ended.
    path = tmp_path / "fit.pt"
    for _ in range(2):
        model(verbose=1, checkpoint=path).fit(X, D)
        assert "24/24" in capsys.readouterr().err
    fitted = model(verbose=1, warm_start=True).fit(X, D).fit(X, D)
    assert fitted.n_iter_ == 8
    assert "/48" not in capsys.readouterr().err


@pytest.mark.parametrize(
    "name", ["nonsense", "iterator_train", "iterator_train__shuffle", "dataset", "criterion__x"]
)
def test_net_params_that_nothing_uses_are_refused_by_name(name):
    with pytest.raises(
        ValueError, match=f"net_params: '{name}' is not used. Names begin with 'mod"
    ):
        model(net_params={name: None}).fit(X, D)


def test_net_params_that_are_parameters_are_refused_by_name():
    for name in ("lr", "callbacks", "verbose"):
        with pytest.raises(ValueError, match=f"'{name}' is the parameter {name} of the estimator"):
            model(net_params={name: None}).fit(X, D)
    with pytest.raises(ValueError, match="'optimizer__lr' is the parameter lr of the estimator"):
        model(net_params={"optimizer__lr": 0.1}).fit(X, D)
    options = {"optimizer__weight_decay": 0.1}
    with pytest.raises(ValueError, match="is the parameter weight_decay of the estimator"):
        model(net_params=options, weight_decay=0.2).fit(X, D)
    fitted = model(net_params=options, max_epochs=1, warm_start=True).fit(X, D)
    assert fitted.net_.optimizer_.param_groups[0]["weight_decay"] == 0.1


def test_net_params_reach_callbacks():
    options = {"callbacks__counter__start": 10}
    fitted = model(callbacks=[("counter", Counter())], net_params=options).fit(X, D)
    assert fitted.history_["train_epochs"].tolist() == [11, 12, 13, 14]
