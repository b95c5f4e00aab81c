"""Time of one epoch of training: the package against a hand-written loop, DataLoader and skorch.

Usage: ``python benchmarks/bench_deep.py [--device cuda] [--quick] [--out FILE]``.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import skorch
import torch
from _common import Table, machine
from skorch import NeuralNet
from torch import nn
from torch.nn.functional import kl_div, log_softmax
from torch.utils.data import DataLoader, TensorDataset

from sklearn_ldl import DeepLDLRegressor
from sklearn_ldl.deep import PRESETS

INTRODUCTION = """\
# Time of one epoch

Made by `{command}`.

One hidden layer of 100 units, batches of 50, SGD with momentum, the same data and the same number
of epochs for all rows of a size; the time of a whole fit, with its set-up and validation of the
input, divided by the epochs. Every round runs all competitors one after another.
Cells are medians over the rounds, the ratios those of the ratios within a round: to the
hand-written loop, which slices tensors that stay on the device, and to skorch as it comes (its
validation split and printing turned off, nothing else).
"""
SIZES = {"Movie": (7755, 1869, 5), "SCUT-FBP": (1500, 300, 10)}
BATCH = 50
LR = 0.01


def network(n_features: int, n_labels: int) -> nn.Module:
    return nn.Sequential(nn.Linear(n_features, 100), nn.ReLU(), nn.Linear(100, n_labels))


class SoftCrossEntropy(nn.Module):
    """The loss, as users of skorch write it."""

    def forward(self, Z, D):
        """Mean divergence of the rows."""
        return kl_div(log_softmax(Z, dim=1), D, reduction="batchmean")


def optimizer(net: nn.Module) -> torch.optim.Optimizer:
    return torch.optim.SGD(net.parameters(), lr=LR, momentum=0.9)


def step(net, opt, criterion, X, D):
    opt.zero_grad()
    criterion(net(X), D).backward()
    opt.step()


def by_hand(X, D, n_epochs, device):
    """Slice tensors on the device by one permutation per epoch."""
    net = network(X.shape[1], D.shape[1]).to(device)
    opt, criterion = optimizer(net), SoftCrossEntropy()
    X, D = torch.from_numpy(X).to(device), torch.from_numpy(D).to(device)
    for _ in range(n_epochs):
        order = torch.randperm(len(X)).to(device)
        for start in range(0, len(X), BATCH):
            rows = order[start : start + BATCH]
            step(net, opt, criterion, X[rows], D[rows])


def data_loader(X, D, n_epochs, device):
    """Tensors behind torch's DataLoader."""
    net = network(X.shape[1], D.shape[1]).to(device)
    opt, criterion = optimizer(net), SoftCrossEntropy()
    data = TensorDataset(torch.from_numpy(X), torch.from_numpy(D))
    for _ in range(n_epochs):
        for X_batch, D_batch in DataLoader(data, batch_size=BATCH, shuffle=True):
            step(net, opt, criterion, X_batch.to(device), D_batch.to(device))


def plain_skorch(X, D, n_epochs, device):
    """Use skorch with its own batches and callbacks."""
    net = NeuralNet(
        network(X.shape[1], D.shape[1]),
        criterion=SoftCrossEntropy,
        optimizer=torch.optim.SGD,
        optimizer__momentum=0.9,
        lr=LR,
        max_epochs=n_epochs,
        batch_size=BATCH,
        iterator_train__shuffle=True,
        train_split=None,
        verbose=0,
        device=device,
    )
    net.fit(X, D)


def package(X, D, n_epochs, device, **options):
    """Fit the estimator of the package."""
    recipe = {**PRESETS["plain"], "optimizer": "sgd", "lr": LR, "max_epochs": n_epochs}
    DeepLDLRegressor(**{**recipe, "batch_size": BATCH, "device": device, **options}).fit(X, D)


COMPETITORS: dict[str, Callable] = {
    "hand-written loop": by_hand,
    "DataLoader": data_loader,
    "skorch": plain_skorch,
    "DeepLDLRegressor": package,
}


def seconds(run: Callable, X, D, n_epochs: int, device: str) -> float:
    """Time per epoch: of the processor on CPU, of the clock on CUDA."""
    # A shared machine takes the processor away at any time; a graphics card is waited for.
    clock = time.process_time if device == "cpu" else time.perf_counter
    start = clock()
    run(X, D, n_epochs, device)
    if device != "cpu":
        torch.cuda.synchronize()
    return (clock() - start) / n_epochs


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--device", default="cpu", help="cpu (default) or cuda")
    parser.add_argument("--quick", action="store_true", help="fewer rounds and epochs")
    parser.add_argument("--out", type=Path, help="also write the table to this file")
    options = parser.parse_args()
    command = "OMP_NUM_THREADS=1 python benchmarks/bench_deep.py"
    if options.device != "cpu":
        command += f" --device {options.device}"
    if options.out:
        command += f" --out {options.out}"
    versions = f"{machine()}, torch {torch.__version__}, skorch {skorch.__version__}"
    if options.device != "cpu":
        versions += f", {torch.cuda.get_device_name()}"
    text = [INTRODUCTION.format(command=command), versions, ""]
    print("\n".join(text))
    table = Table(
        **{"size": "", "trained by": "", "ms per epoch": ".2f"},
        **{"time / hand-written": ".2f", "skorch / time": ".2f"},
    )
    rounds, n_steps = (3, 500) if options.quick else (9, 3000)
    rng = np.random.default_rng(0)
    for size, (n, p, n_labels) in SIZES.items():
        X = rng.standard_normal((n, p)).astype(np.float32)
        D = rng.dirichlet(np.ones(n_labels), size=n).astype(np.float32)
        n_epochs = max(1, round(n_steps * BATCH / n))
        for run in COMPETITORS.values():
            run(X, D, 1, options.device)
        times = np.array(
            [
                [seconds(run, X, D, n_epochs, options.device) for run in COMPETITORS.values()]
                for _ in range(rounds)
            ]
        )
        names = list(COMPETITORS)
        hand, skorch_time = times[:, names.index("hand-written loop")], times[:, 2]
        for name, own in zip(names, times.T, strict=True):
            cells = (np.median(own) * 1e3, np.median(own / hand), np.median(skorch_time / own))
            table.row(**dict(zip(table.columns, (f"{size} {n} x {p}", name, *cells), strict=True)))
    if options.out:
        options.out.write_text("\n".join([*text, *table.lines]) + "\n")


if __name__ == "__main__":
    main()
