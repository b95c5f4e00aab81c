"""Two processes train as one does.

Run as a program, this file is one of the processes: it fits all that `FITS` lists.
"""

import os
import pickle
import socket
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy import sparse

torch = pytest.importorskip("torch")
pytest.importorskip("skorch")
pytest.importorskip("accelerate")

from hypothesis import given  # noqa: E402
from hypothesis import strategies as st  # noqa: E402
from skorch.callbacks import Callback  # noqa: E402
from torch import nn  # noqa: E402
from torch.utils.data import TensorDataset  # noqa: E402

from sklearn_ldl import AuxGraphLDLClassifier, DeepLDLClassifier, DeepLDLRegressor  # noqa: E402
from sklearn_ldl.datasets import make_ldl  # noqa: E402
from sklearn_ldl.deep import (  # noqa: E402
    DILDLRegressor,
    KernelDensityRegressor,
    OfflineLDLClassifier,
    OGRClassifier,
)
from sklearn_ldl.deep.training import processes  # noqa: E402
from sklearn_ldl.deep.training.processes import Processes  # noqa: E402
from tests import ROOT  # noqa: E402
from tests.deep import single_net  # noqa: E402

N_PROCESSES = 2
# Batches of ten leave a last one of three.
X, D = make_ldl(53, random_state=0)
X = X.astype(np.float32)
Y = D.argmax(axis=1)
WEIGHT = np.random.default_rng(0).uniform(0.0, 2.0, len(X)).round(1)


def setting(device, **parameters):
    defaults = {
        "hidden_layer_sizes": (6,),
        "batch_size": 10,
        "max_epochs": 3,
        "optimizer": "sgd",
        "lr": 0.1,
        "random_state": 0,
        "device": device,
    }
    return defaults | parameters


def regressor(device, **parameters):
    return single_net(DeepLDLRegressor, **setting(device, **parameters))


# Fits whose result is the same for one process and for several.
FITS = {
    "one epoch": lambda device: regressor(device, max_epochs=1).fit(X, D),
    "adam": lambda device: regressor(device, optimizer="adam", lr=0.01).fit(X, D),
    "batches of one": lambda device: regressor(device, batch_size=1, lr=0.01).fit(X, D),
    "an epoch of one row": lambda device: regressor(device).fit(X[:1], D[:1]),
    "all rows": lambda device: regressor(device, batch_size="all").fit(X, D),
    "a long last batch": lambda device: regressor(device).fit(X[:51], D[:51]),
    "members": lambda device: regressor(device, n_members=3, standardize=True).fit(X, D),
    "weights": lambda device: regressor(device).fit(X, D, sample_weight=WEIGHT),
    "clipping": lambda device: regressor(device, clip_norm=0.01).fit(X, D),
    "adaptive clipping": lambda device: regressor(device, clip_norm="adaptive").fit(X, D),
    "schedule": lambda device: regressor(device, lr_schedule="cosine").fit(X, D),
    "lbfgs": lambda device: regressor(
        device,
        optimizer=torch.optim.LBFGS,
        net_params={"optimizer__max_iter": 4},
        batch_size="all",
    ).fit(X, D),
    "early stopping": lambda device: regressor(
        device, early_stopping=True, n_iter_no_change=2, max_epochs=200, lr=0.7
    ).fit(X, D, sample_weight=WEIGHT),
    "csr": lambda device: regressor(device).fit(sparse.csr_array(X), D),
    "dataset": lambda device: regressor(device).fit(
        TensorDataset(torch.from_numpy(X), torch.from_numpy(D))
    ),
    "warm start": lambda device: regressor(device, warm_start=True).fit(X, D).fit(X, D),
    "labels": lambda device: single_net(DeepLDLClassifier, **setting(device)).fit(X, Y),
    "graph": lambda device: AuxGraphLDLClassifier(**setting(device)).fit(X, Y, aux=X[:, :2]),
    "ratios": lambda device: OGRClassifier(**setting(device), gap=1).fit(X, Y),
    "teachers": lambda device: OfflineLDLClassifier(**setting(device)).fit(X, Y),
    "densities": lambda device: KernelDensityRegressor(**setting(device, lr=0.01)).fit(X, X[:, 0]),
}
# Not seeded: the processes begin with different weights.
NORM = nn.Sequential(nn.Linear(3, 6), nn.BatchNorm1d(6), nn.Linear(6, 3))
# Fits that round, draw or compare within a part of a batch: the processes agree with each other.
OWN_FITS = {
    "bfloat16": lambda device: regressor(device, amp=True).fit(X, D),
    "dropout": lambda device: regressor(device, dropout=0.5).fit(X, D),
    "batch normalisation": lambda device: regressor(device, module=NORM).fit(X[:51], D[:51]),
    "mixing": lambda device: regressor(device, augment="mixup").fit(X, D),
    "alignment": lambda device: DILDLRegressor(
        max_epochs=2, batch_size=10, random_state=0, device=device
    ).fit(X, D),
}


def rank():
    return int(os.environ["RANK"])


ERRORS = {
    "the seed drawn from random_state": lambda: regressor("accelerate", random_state=rank()),
    "lr": lambda: regressor("accelerate", lr=0.1 + rank()),
    "X": lambda: regressor("accelerate"),
}


class Interruption(Callback):
    """Ends training before an epoch, as Ctrl-C does; not a parameter of the fit."""

    epoch = None

    def on_epoch_begin(self, net, **kwargs):
        if len(net.history) == self.epoch:
            raise KeyboardInterrupt


class Masks(nn.Sequential):
    """Records what dropout lets through."""

    def forward(self, X):
        self.seen = self[1](torch.ones(len(X), 50))
        return super().forward(X)


def summary(fitted):
    state = fitted.net_.module_.state_dict()
    return {
        "weights": {name: value.numpy(force=True) for name, value in state.items()},
        "history": fitted.history_,
        "predictions": fitted.predict(X),
    }


def work(folder):
    """Fit as one of several processes."""
    results = {name: summary(fit("accelerate")) for name, fit in (FITS | OWN_FITS).items()}

    for name, make in ERRORS.items():
        others = slice(rank() if name == "X" else 0, None)
        with pytest.raises(ValueError, match="The processes differ in") as error:
            make().fit(X[others], D[others])
        results[name] = str(error.value)

    module = Masks(nn.Linear(3, 50), nn.Dropout(0.5), nn.Linear(50, 3))
    fitted = regressor("accelerate", module=module, batch_size="all", max_epochs=1).fit(X, D)
    results["mask"] = fitted.net_.module_.seen[:20].numpy(force=True)

    options = {"dropout": 0.5, "optimizer": "adam", "callbacks": [Interruption()]}
    results["uninterrupted"] = summary(regressor("accelerate", **options).fit(X, D))
    options["checkpoint"] = folder / "checkpoint.pt"
    Interruption.epoch = 2
    stopped = regressor("accelerate", **options)
    with pytest.raises(KeyboardInterrupt):
        stopped.fit(X, D)
    assert stopped.n_iter_ == 1
    Interruption.epoch = None
    results["resumed"] = summary(regressor("accelerate", **options).fit(X, D))

    regressor("accelerate", verbose=1, early_stopping=True).fit(X, D)
    (folder / f"{rank()}.pkl").write_bytes(pickle.dumps(results))


def launch(folder, *, on_cpu=True):
    """Start the processes as torchrun would; return what they found and printed."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    shared = {
        "WORLD_SIZE": N_PROCESSES,
        "MASTER_ADDR": "127.0.0.1",
        "MASTER_PORT": port,
        "OMP_NUM_THREADS": 1,
        "ACCELERATE_USE_CPU": str(on_cpu).lower(),
        "PYTHONPATH": os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")]),
    }
    workers = []
    for number in range(N_PROCESSES):
        own = shared | {"RANK": number, "LOCAL_RANK": number}
        workers.append(
            subprocess.Popen(
                [sys.executable, __file__, str(folder)],
                env=os.environ | {name: str(value) for name, value in own.items()},
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
            )
        )
    try:
        outputs = [worker.communicate(timeout=200) for worker in workers]
    finally:
        for worker in workers:
            worker.kill()
    for worker, (_, errors) in zip(workers, outputs, strict=True):
        assert worker.returncode == 0, errors
    results = [pickle.loads((folder / f"{k}.pkl").read_bytes()) for k in range(N_PROCESSES)]
    return results, [printed for printed, _ in outputs]


@pytest.fixture(scope="module")
def launched(tmp_path_factory):
    return launch(tmp_path_factory.mktemp("processes"))


@pytest.fixture(scope="module")
def results(launched):
    return launched[0]


def assert_close(one, other, atol):
    for key in ("weights", "history"):
        assert one[key].keys() == other[key].keys()
        for name, value in one[key].items():
            assert_allclose(value, other[key][name], rtol=0, atol=atol, err_msg=f"{key}: {name}")
    assert_allclose(one["predictions"], other["predictions"], rtol=0, atol=atol)


@pytest.mark.parametrize("name", FITS)
def test_two_processes_end_with_the_net_of_one(name, results):
    assert_close(results[0][name], summary(FITS[name]("cpu")), atol=1e-5)


@pytest.mark.parametrize("name", FITS | OWN_FITS)
def test_the_processes_end_with_the_same_net_and_predict_all_rows(name, results):
    assert len(results[0][name]["predictions"]) == len(X)
    assert_close(results[0][name], results[1][name], atol=0)


def test_early_stopping_ends_early_for_the_comparison_to_be_one(results):
    assert 3 < len(results[0]["early stopping"]["history"]["valid_loss"]) < 200


@pytest.mark.parametrize("name", OWN_FITS)
def test_the_loss_falls_where_one_process_sees_other_batches(name, results):
    loss = results[0][name]["history"]["train_loss"]
    assert loss[-1] < loss[0]


@pytest.mark.parametrize("name", ERRORS)
def test_what_the_processes_do_not_share_is_an_error_in_all_of_them(name, results):
    for result in results:
        assert name in result[name].partition(". Each")[0]


def test_dropout_differs_between_the_parts_of_a_batch(results):
    masks = [result["mask"] for result in results]
    assert 0.4 < np.mean(masks[0] == masks[1]) < 0.6


def test_interrupted_processes_go_on_from_a_checkpoint(results):
    for result in results:
        assert_close(result["resumed"], result["uninterrupted"], atol=0)


def test_only_the_first_process_prints(launched):
    _, (first, second) = launched
    assert first.count("train_loss") == 1
    assert second == ""


@pytest.mark.cuda
@pytest.mark.skipif(torch.cuda.device_count() < N_PROCESSES, reason="needs two CUDA devices")
@pytest.mark.filterwarnings("ignore")
def test_two_graphics_cards_end_with_the_net_of_one(tmp_path):
    results, _ = launch(tmp_path, on_cpu=False)
    for name in FITS:
        assert_close(results[0][name], results[1][name], atol=0)
        assert_close(results[0][name], summary(FITS[name]("cuda")), atol=1e-4)


@given(n_rows=st.integers(1, 40), count=st.integers(1, 9))
def test_parts_make_up_the_batch_and_are_large_enough(n_rows, count):
    processes, rows, own = Processes(), torch.arange(100, 100 + n_rows), []
    processes.count = count
    for processes.rank in range(count):
        part = processes.part(rows)
        own += part.rows[: part.n_own].tolist()
        assert part.n_rows == n_rows
        assert len(part.rows) == max(part.n_own, min(2, n_rows))
        assert len(set(part.rows.tolist())) == len(part.rows)
        assert set(part.rows.tolist()) <= set(rows.tolist())
    assert own == rows.tolist()


@pytest.fixture
def started(monkeypatch):
    """``started(**environment)`` sets what accelerate is started with."""
    from accelerate.state import AcceleratorState

    def start(**environment):
        AcceleratorState._reset_state(True)
        for name, value in ({"ACCELERATE_USE_CPU": "true"} | environment).items():
            monkeypatch.setenv(name, value)

    yield start
    AcceleratorState._reset_state(True)


def test_one_process_under_accelerate_is_one_process(started):
    started()
    fitted = regressor("accelerate", dropout=0.5).fit(X, D)
    assert_close(summary(fitted), summary(regressor("cpu", dropout=0.5).fit(X, D)), atol=0)
    copied = pickle.loads(pickle.dumps(fitted))
    assert_array_equal(copied.predict(X), fitted.predict(X))


@pytest.mark.parametrize(("precision", "amp"), [("bf16", False), ("fp16", False), ("fp16", True)])
def test_another_mixed_precision_than_that_of_amp_is_refused(precision, amp, monkeypatch):
    accelerator = SimpleNamespace(
        process_index=0,
        num_processes=1,
        mixed_precision=precision,
        device=torch.device("cpu"),
    )
    monkeypatch.setattr(processes, "get_accelerator", lambda: accelerator)
    with pytest.raises(ValueError, match=f"mixed_precision='{precision}', .* amp={amp}"):
        Processes("accelerate", amp=amp)


def test_bfloat16_of_accelerate_goes_with_amp(started):
    started(ACCELERATE_MIXED_PRECISION="bf16")
    with pytest.raises(ValueError, match="set amp=True"):
        regressor("accelerate").fit(X, D)
    assert_array_equal(
        regressor("accelerate", amp=True).fit(X, D).predict(X),
        regressor("cpu", amp=True).fit(X, D).predict(X),
    )


def test_a_net_split_over_processes_is_refused(monkeypatch):
    kind = SimpleNamespace(value="FSDP")
    monkeypatch.setattr("accelerate.Accelerator", lambda: SimpleNamespace(distributed_type=kind))
    with pytest.raises(ValueError, match="started for FSDP: only several processes that hold"):
        regressor("accelerate").fit(X, D)


def test_without_accelerate_the_error_names_the_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "accelerate", None)
    with pytest.raises(ImportError, match=r'pip install "sklearn-ldl\[distributed\]"'):
        regressor("accelerate").fit(X, D)


def test_processes_need_a_seed():
    with pytest.raises(ValueError, match="device='accelerate' needs a random_state"):
        regressor("accelerate", random_state=None).fit(X, D)


if __name__ == "__main__":
    work(Path(sys.argv[1]))
    # On a busy machine, a process that ends while its group still talks is aborted now and then.
    torch.distributed.destroy_process_group()
