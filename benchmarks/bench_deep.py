"""Time of one epoch of training: the package against a hand-written loop, DataLoader and skorch."""

import time

import numpy as np
import torch
from _common import run
from skorch import NeuralNet
from torch import nn
from torch.nn.functional import kl_div, log_softmax
from torch.utils.data import DataLoader, TensorDataset

from sklearn_ldl import DeepLDLRegressor
from sklearn_ldl.deep import PRESETS

SIZES = {"Movie": (7755, 1869, 5), "SCUT-FBP": (1500, 300, 10)}
BATCH, LR = 50, 0.01


def network(n_features, n_labels):
    return nn.Sequential(nn.Linear(n_features, 100), nn.ReLU(), nn.Linear(100, n_labels))


class SoftCrossEntropy(nn.Module):
    """The loss, as users of skorch write it: mean divergence of the rows."""

    def forward(self, Z, D):
        return kl_div(log_softmax(Z, dim=1), D, reduction="batchmean")


def optimizer(net):
    return torch.optim.SGD(net.parameters(), lr=LR, momentum=0.9)


def step(net, opt, criterion, X, D):
    opt.zero_grad()
    criterion(net(X), D).backward()
    opt.step()


def by_hand(X, D, n_epochs, device):
    net = network(X.shape[1], D.shape[1]).to(device)
    opt, criterion = optimizer(net), SoftCrossEntropy()
    X, D = torch.from_numpy(X).to(device), torch.from_numpy(D).to(device)
    for _ in range(n_epochs):
        order = torch.randperm(len(X)).to(device)
        for start in range(0, len(X), BATCH):
            rows = order[start : start + BATCH]
            step(net, opt, criterion, X[rows], D[rows])


def data_loader(X, D, n_epochs, device):
    net = network(X.shape[1], D.shape[1]).to(device)
    opt, criterion = optimizer(net), SoftCrossEntropy()
    data = TensorDataset(torch.from_numpy(X), torch.from_numpy(D))
    for _ in range(n_epochs):
        for X_batch, D_batch in DataLoader(data, batch_size=BATCH, shuffle=True):
            step(net, opt, criterion, X_batch.to(device), D_batch.to(device))


def plain_skorch(X, D, n_epochs, device):
    options = {"optimizer": torch.optim.SGD, "optimizer__momentum": 0.9, "train_split": None}
    options |= {"criterion": SoftCrossEntropy, "lr": LR, "max_epochs": n_epochs, "verbose": 0}
    options |= {"batch_size": BATCH, "iterator_train__shuffle": True, "device": device}
    NeuralNet(network(X.shape[1], D.shape[1]), **options).fit(X, D)


def package(X, D, n_epochs, device):
    recipe = {**PRESETS["plain"], "optimizer": "sgd", "lr": LR, "max_epochs": n_epochs}
    DeepLDLRegressor(**recipe | {"batch_size": BATCH, "device": device}).fit(X, D)


NAMES = ("hand-written loop", "DataLoader", "skorch", "DeepLDLRegressor")
COMPETITORS = dict(zip(NAMES, (by_hand, data_loader, plain_skorch, package), strict=True))


def seconds(fit, X, D, n_epochs, device):
    # A shared machine takes the processor away at any time; a graphics card is waited for.
    clock = time.process_time if device == "cpu" else time.perf_counter
    start = clock()
    fit(X, D, n_epochs, device)
    if device != "cpu":
        torch.cuda.synchronize()
    return (clock() - start) / n_epochs


def main(report, options):
    table = report.table(
        **{"size": "", "trained by": "", "ms per epoch": ".2f"},
        **{"time / hand-written": ".2f", "skorch / time": ".2f"},
    )
    small = 1, 50, {"small": (500, 30, 5)}
    n_rounds, n_steps, sizes = small if options.quick else (9, 3000, SIZES)
    rng = np.random.default_rng(0)
    for size, (n, p, n_labels) in sizes.items():
        X = rng.standard_normal((n, p)).astype(np.float32)
        D = rng.dirichlet(np.ones(n_labels), size=n).astype(np.float32)
        n_epochs = max(1, round(n_steps * BATCH / n))
        for fit in COMPETITORS.values():
            fit(X, D, 1, options.device)
        times = [
            [seconds(fit, X, D, n_epochs, options.device) for fit in COMPETITORS.values()]
            for _ in range(n_rounds)
        ]
        hand, _, plain, _ = np.transpose(times)
        for name, own in zip(COMPETITORS, np.transpose(times), strict=True):
            cells = (np.median(own) * 1e3, np.median(own / hand), np.median(plain / own))
            table.row(**dict(zip(table.columns, (f"{size} {n} x {p}", name, *cells), strict=True)))


if __name__ == "__main__":
    device = {"default": "cpu", "help": "cpu (default) or cuda"}
    run(__doc__, main, "torch", "skorch", device=device)
