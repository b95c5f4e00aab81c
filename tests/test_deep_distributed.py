"""Two processes train as one does.

Run as a program, this file is one of the processes: it fits all that `FITS` lists.
"""

import os
import pickle
import socket
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy import sparse

torch = pytest.importorskip("torch")
pytest.importorskip("skorch")
pytest.importorskip("accelerate")

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
from sklearn_ldl.deep._distributed import Processes  # noqa: E402

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
    return DeepLDLRegressor(**setting(device, **parameters))


def graph(device):
    return AuxGraphLDLClassifier(**setting(device)).fit(X, Y, aux=X[:, :2])


def offline(device):
    return OfflineLDLClassifier(**setting(device)).fit(X, Y)


# Fits whose result is the same for one process and for several.
FITS = {
    "one epoch": lambda device: regressor(device, max_epochs=1).fit(X, D),
    "adam": lambda device: regressor(device, optimizer="adam", lr=0.01).fit(X, D),
    "batches of one": lambda device: regressor(device, batch_size=1, lr=0.01).fit(X, D),
    "an epoch of one row": lambda device: regressor(device).fit(X[:1], D[:1]),
    "all rows": lambda device: regressor(device, batch_size="all").fit(X, D),
    "a long last batch": lambda device: regressor(device).fit(X[:51], D[:51]),
    "weights": lambda device: regressor(device).fit(X, D, sample_weight=WEIGHT),
    "clipping": lambda device: regressor(device, clip_norm=0.01).fit(X, D),
    "adaptive clipping": lambda device: regressor(device, clip_norm="adaptive").fit(X, D),
    "schedule": lambda device: regressor(device, lr_schedule="cosine").fit(X, D),
    "lbfgs": lambda device: regressor(
        device, optimizer=torch.optim.LBFGS, lr=1, batch_size="all"
    ).fit(X, D),
    "early stopping": lambda device: regressor(
        device, early_stopping=True, n_iter_no_change=2, max_epochs=200, lr=2.0
    ).fit(X, D, sample_weight=WEIGHT),
    "csr": lambda device: regressor(device).fit(sparse.csr_array(X), D),
    "dataset": lambda device: regressor(device).fit(
        TensorDataset(torch.from_numpy(X), torch.from_numpy(D))
    ),
    "amp": lambda device: regressor(device, amp=True).fit(X, D),
    "warm start": lambda device: regressor(device, warm_start=True).fit(X, D).fit(X, D),
    "labels": lambda device: DeepLDLClassifier(**setting(device)).fit(X, Y),
    "graph": graph,
    "ratios": lambda device: OGRClassifier(**setting(device), gap=1).fit(X, Y),
    "teachers": offline,
    "densities": lambda device: KernelDensityRegressor(**setting(device, lr=0.01)).fit(X, X[:, 0]),
}
NORM = nn.Sequential(nn.Linear(3, 6), nn.BatchNorm1d(6), nn.Linear(6, 3))
# Fits that see the rows of a part apart: processes agree with each other.
OWN_FITS = {
    "dropout": lambda device: regressor(device, dropout=0.5).fit(X, D),
    "batch normalisation": lambda device: regressor(device, module=NORM).fit(X[:51], D[:51]),
    "mixing": lambda device: regressor(device, augment="mixup").fit(X, D),
    "alignment": lambda device: DILDLRegressor(
        max_epochs=2, batch_size=10, random_state=0, device=device
    ).fit(X, D),
}


def rank():
    return int(os.environ["RANK"])


def masks(device):
    """Fit a module that records what dropout does to its samples."""
    seen = []

    class Recorder(nn.Sequential):
        def forward(self, X):
            out = self[1](self[0](X).detach() * 0 + 1)
            seen.append(out.numpy(force=True))
            return super().forward(X)

    recorder = Recorder(nn.Linear(3, 50), nn.Dropout(0.5), nn.Linear(50, 3))
    regressor(device, module=lambda: recorder, max_epochs=1, batch_size=20).fit(X[:40], D[:40])
    return seen[-1][:4]


ERRORS = {
    "seeds": lambda device: regressor(device, random_state=rank()).fit(X, D),
    "data": lambda device: regressor(device).fit(X[rank() :: 2], D[rank() :: 2]),
    "parameters": lambda device: regressor(device, lr=0.1 + rank()).fit(X, D),
    "start": lambda device: regressor(
        device, module=lambda: nn.init.constant_(nn.Linear(3, 3).weight, rank()) and NORM
    ).fit(X, D),
}


def summary(fitted):
    state = fitted.net_.module_.state_dict()
    return {
        "weights": {name: value.numpy() for name, value in state.items()},
        "history": fitted.history_,
        "predictions": fitted.predict(X),
    }


def work(folder):
    """Fit as one of several processes."""
    results = {}
    for name, fit in (FITS | OWN_FITS).items():
        results[name] = summary(fit("accelerate"))
    for name, fit in ERRORS.items():
        try:
            fit("accelerate")
        except ValueError as error:
            results[name] = str(error)
    results["masks"] = masks("accelerate")
    path = Path(folder) / "checkpoint.pt"
    kept = {"checkpoint": path, "dropout": 0.5, "optimizer": "adam"}
    regressor("accelerate", **kept, callbacks=[Killer()]).fit(X, D)
    results["interrupted"] = torch.load(path, weights_only=False)["history"]
    results["resumed"] = summary(regressor("accelerate", **kept, callbacks=[Killer(0)]).fit(X, D))
    whole = regressor("accelerate", **kept | {"checkpoint": None}, callbacks=[Killer(0)])
    results["whole"] = summary(whole.fit(X, D))
    print("now", rank(), flush=True)
    regressor("accelerate", verbose=1, max_epochs=2).fit(X, D)
    (Path(folder) / f"{rank()}.pkl").write_bytes(pickle.dumps(results))


class Killer:
    pass


def launch(folder, backend):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    common = {"WORLD_SIZE": N_PROCESSES, "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port}
    common |= {"OMP_NUM_THREADS": 1, "ACCELERATE_USE_CPU": str(backend == "cpu").lower()}
    workers = []
    for number in range(N_PROCESSES):
        own = {name: str(value) for name, value in common.items()}
        own |= {"RANK": str(number), "LOCAL_RANK": str(number)}
        workers.append(
            subprocess.Popen(
                [sys.executable, __file__, str(folder)],
                env=os.environ | own,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
            )
        )
    outputs = []
    for worker in workers:
        out, err = worker.communicate(timeout=300)
        assert worker.returncode == 0, err
        outputs.append(out)
    results = [pickle.loads((folder / f"{k}.pkl").read_bytes()) for k in range(N_PROCESSES)]
    return results, outputs
