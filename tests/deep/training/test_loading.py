"""Items of Datasets: who loads them, how often workers begin, and what random items draw."""

import multiprocessing
import os
import random
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.testing import assert_array_equal, assert_equal
from skorch.callbacks import Callback
from torch.utils.data import Dataset

from sklearn_ldl import AuxGraphLDLClassifier, DeepLDLRegressor
from sklearn_ldl.datasets import make_ldl
from sklearn_ldl.deep.training.loading import ItemLoader
from tests.deep import single_net

X, D = make_ldl(60, random_state=0)
X = X.astype(np.float32)


class Random(Dataset):
    """Items that draw from torch, NumPy and Python."""

    def __len__(self):
        return len(X)

    def __getitem__(self, row):
        noise = torch.randn(3).numpy() + np.random.normal(size=3) + random.random()  # noqa: NPY002
        return (X[row] + 0.1 * noise).astype(np.float32), D[row]


class Named(Dataset):
    """Items that note, in a folder, which process loads them."""

    def __init__(self, folder, y=D):
        self.folder = Path(folder)
        self.targets = y

    def __len__(self):
        return len(X)

    def __getitem__(self, row):
        with open(self.folder / str(os.getpid()), "a") as file:
            file.write(f"{row}\n")
        return X[row], self.targets[row]

    def loaded(self):
        """Rows by process: those of this one, and those of the others."""
        rows = {int(p.name): p.read_text().split() for p in self.folder.iterdir()}
        own = rows.pop(os.getpid(), [])
        return own, rows


def model(cls=DeepLDLRegressor, **parameters):
    defaults = {"hidden_layer_sizes": (6,), "batch_size": 10, "max_epochs": 3, "random_state": 0}
    return single_net(cls, **(defaults | parameters))


class Watch(Callback):
    """Ends a fit after two epochs, or does not."""

    n_epochs = 2  # of the class: no setting of the callback

    def on_epoch_begin(self, net, **kwargs):
        if len(net.history) > self.n_epochs:
            raise RuntimeError("stop")


def states():
    return np.random.get_state(), random.getstate(), torch.get_rng_state().numpy()  # noqa: NPY002


@pytest.mark.parametrize("early_stopping", [False, True])
def test_random_items_follow_the_seed_and_not_the_number_of_workers(early_stopping):
    before = states()
    fits = [
        model(num_workers=n, early_stopping=early_stopping, random_state=seed).fit(Random())
        for n, seed in [(0, 0), (0, 0), (1, 0), (2, 0), (0, 1)]
    ]
    predictions = [fitted.predict(X) for fitted in fits]
    for P in predictions[1:4]:
        assert_array_equal(P, predictions[0])
    assert np.abs(predictions[4] - predictions[0]).max() > 1e-3
    # Validation rows are random, too, and anew in every epoch.
    if early_stopping:
        assert_array_equal(fits[2].history_["valid_loss"], fits[0].history_["valid_loss"])
    assert_equal(states(), before)


def test_predictions_of_random_items_are_the_same_every_time():
    fitted = model().fit(X, D)
    before = states()
    P = fitted.predict(Random())
    for num_workers in (0, 2):
        assert_array_equal(fitted.set_params(num_workers=num_workers).predict(Random()), P)
    assert np.abs(P - fitted.predict(X)).max() > 1e-4
    assert_equal(states(), before)


def test_random_items_of_an_epoch_are_not_those_of_another():
    seen = []

    class Seeing(Random):
        def __getitem__(self, row):
            x, d = super().__getitem__(row)
            seen.append(x)
            return x, d

    model(max_epochs=2).fit(Seeing())
    epochs = np.array(seen[-120:])
    # Every row and every epoch has noise of its own.
    assert len(np.unique(epochs, axis=0)) == 120


def test_a_checkpoint_goes_on_with_random_items(tmp_path, monkeypatch):
    settings = {"early_stopping": True, "num_workers": 1, "n_iter_no_change": 50}
    whole = model(max_epochs=4, **settings).fit(Random())
    path = tmp_path / "fit.pt"
    kept = {"checkpoint": path, "checkpoint_key": "random items", "callbacks": [Watch()]}
    again = model(max_epochs=4, **kept, **settings)
    with pytest.raises(RuntimeError, match="stop"):
        again.fit(Random())
    monkeypatch.setattr(Watch, "n_epochs", 4)
    again.fit(Random())
    assert_array_equal(again.predict(X), whole.predict(X))
    assert_array_equal(again.history_["valid_loss"], whole.history_["valid_loss"])


def test_workers_stay_over_epochs_and_go_with_the_fit(tmp_path):
    dataset = Named(tmp_path)
    children = multiprocessing.active_children()
    fitted = model(num_workers=2, max_epochs=4).fit(dataset)
    _, others = dataset.loaded()
    assert len(others) == 2
    assert sum(len(rows) for rows in others.values()) == 4 * 60
    assert fitted.n_iter_ == 4
    assert multiprocessing.active_children() == children


def test_neighbours_come_through_the_workers(tmp_path):
    y = D.argmax(1)
    settings = {"batch_size": 20, "num_workers": 2}
    own = []
    for max_epochs in (1, 3):
        folder = tmp_path / str(max_epochs)
        folder.mkdir()
        dataset = Named(folder, y)
        fitted = model(AuxGraphLDLClassifier, max_epochs=max_epochs, **settings)
        fitted.fit(dataset, aux=X)
        mine, others = dataset.loaded()
        own.append(len(mine))
        # Batches with their neighbours: more than the rows.
        assert sum(len(rows) for rows in others.values()) > max_epochs * 60
    assert own[0] == own[1]
    arrays = model(AuxGraphLDLClassifier, max_epochs=3, batch_size=20).fit(X, y, aux=X)
    assert_array_equal(fitted.predict_proba(X), arrays.predict_proba(X))


class Batched(Dataset):
    """Loads several items at a time."""

    def __len__(self):
        return len(X)

    def __getitem__(self, row):
        raise AssertionError("one by one")

    def __getitems__(self, rows):
        return [(X[row], D[row]) for row in rows]


@pytest.mark.parametrize("num_workers", [0, 1])
def test_items_may_be_loaded_several_at_a_time(num_workers):
    loader = ItemLoader(Batched(), len, num_workers)
    assert list(loader.load([[0, 1], [2], [3, 4, 5]], 0)) == [2, 1, 3]
    assert list(loader.load([[7]], 0)) == [1]
    loader.close()
    with pytest.raises(RuntimeError, match="closed"):
        list(loader.load([[0]], 0))
