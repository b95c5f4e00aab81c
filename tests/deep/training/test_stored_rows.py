import os
import subprocess
import sys

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from scipy import sparse

torch = pytest.importorskip("torch")
pytest.importorskip("skorch")

from sklearn_ldl import DeepLDLClassifier, DeepLDLRegressor, OnlineLDLClassifier  # noqa: E402
from sklearn_ldl._core.samples import to_float32  # noqa: E402
from sklearn_ldl.datasets import make_ldl  # noqa: E402
from sklearn_ldl.deep.training import stored_rows  # noqa: E402
from sklearn_ldl.deep.training.stored_rows import (  # noqa: E402
    FeatureStore,
    Rows,
    check_numbers,
    fits,
    is_stored,
)
from tests.deep import single_net  # noqa: E402

X, D = make_ldl(60, random_state=0)
X = X.astype(np.float32).astype(np.float64)
IMAGES = np.random.default_rng(0).integers(0, 255, (60, 2, 3, 3), dtype=np.uint8)


@pytest.fixture
def on_disk(tmp_path):
    """``on_disk(X, mode)`` puts an array into a file and maps it."""

    def save(X, mode="r"):
        np.save(tmp_path / "X.npy", X)
        return np.load(tmp_path / "X.npy", mmap_mode=mode)

    return save


def model(**parameters):
    defaults = {"hidden_layer_sizes": (8,), "max_epochs": 3, "random_state": 0}
    return single_net(DeepLDLRegressor, **(defaults | parameters))


@pytest.mark.parametrize("mode", ["r", "r+", "c"])
@pytest.mark.parametrize("dtype", [np.float64, np.float32, ">f8", np.float16])
def test_maps_give_the_result_of_arrays(dtype, mode, on_disk, monkeypatch):
    monkeypatch.setattr(stored_rows, "_LARGEST", 10 * stored_rows._NEIGHBOURHOOD)
    monkeypatch.setattr(stored_rows, "_NUMBERS", 20)
    array = X.astype(dtype)
    mapped = on_disk(array, mode)
    fitted = model().fit(mapped, D)
    expected = model().fit(array, D)
    assert_array_equal(fitted.predict(mapped), expected.predict(array))
    assert_array_equal(fitted.predict(array), expected.predict(array))
    assert_array_equal(mapped, array)


@pytest.mark.parametrize("order", ["C", "F"])
def test_images_may_be_mapped_and_folded(order, on_disk):
    flat = np.asarray(IMAGES.reshape(60, -1), order=order)
    expected = model(lr=1e-4).fit(IMAGES.astype(np.float32), D).predict(IMAGES)
    mapped = on_disk(flat)
    folded = model(lr=1e-4, input_shape=(2, 3, 3)).fit(mapped, D)
    assert_array_equal(folded.predict(mapped), expected)
    mapped = on_disk(IMAGES)
    assert_array_equal(model(lr=1e-4).fit(mapped, D).predict(mapped), expected)


def test_parts_of_maps_are_maps(on_disk):
    mapped = on_disk(np.repeat(X, 2, axis=0))
    assert is_stored(mapped[::2])
    assert_array_equal(model().fit(mapped[::2], D).predict(X), model().fit(X, D).predict(X))


def test_changes_of_a_private_map_are_not_lost(on_disk):
    mapped = on_disk(np.zeros_like(X), "c")
    mapped[:] = X
    assert_array_equal(model().fit(mapped, D).predict(X), model().fit(X, D).predict(X))
    assert_array_equal(mapped, X)


@pytest.mark.parametrize("make", [DeepLDLClassifier, OnlineLDLClassifier])
def test_classifiers_and_their_teachers_take_maps(make, on_disk):
    mapped, y = on_disk(X), D.argmax(axis=1)
    fitted = make(max_epochs=2, random_state=0).fit(mapped, y)
    expected = make(max_epochs=2, random_state=0).fit(X, y)
    assert_array_equal(fitted.predict_proba(mapped), expected.predict_proba(X))


@pytest.mark.parametrize(
    ("value", "match"),
    [
        (np.nan, "Input X contains NaN"),
        (np.inf, "Input X contains infinity"),
        (1e300, "too large for float32: scale the features"),
    ],
)
def test_entries_that_are_not_finite_are_refused(value, match, on_disk, recwarn):
    bad = X.copy()
    bad[-1, -1] = value
    mapped = on_disk(bad)
    with pytest.raises(ValueError, match=match):
        model().fit(mapped, D)
    with pytest.raises(ValueError, match=match):
        model().fit(X, D).predict(mapped)
    assert not recwarn.list


def test_every_part_is_checked(on_disk, monkeypatch):
    monkeypatch.setattr(stored_rows, "_NUMBERS", 7)
    for row in (0, 1, 2, 31, 59):
        bad = X.copy()
        bad[row, 1] = np.nan
        with pytest.raises(ValueError, match="NaN"):
            check_numbers(on_disk(bad), "Estimator", finite=False)
    check_numbers(on_disk(X), "Estimator", finite=False)


def test_wrong_shapes_of_maps_are_refused(on_disk):
    with pytest.raises(ValueError, match="Expected 2D array, got 1D array"):
        model().fit(on_disk(X[:, 0]), D)
    with pytest.raises(ValueError, match=r"inconsistent numbers of samples: \[5, 60\]"):
        model().fit(on_disk(X[:5]), D)
    with pytest.raises(ValueError, match="Complex data not supported"):
        model().fit(on_disk(X + 0j), D)
    with pytest.raises(ValueError, match="X has 2 features, but DeepLDLRegressor is expecting 3"):
        model().fit(X, D).predict(on_disk(X[:, :2].copy()))


def test_rows_are_copies(on_disk):
    for data in (on_disk(X, "r+"), sparse.csr_array(X), X, np.asfortranarray(X), X[:, ::-1]):
        expected = data.toarray() if sparse.issparse(data) else data.copy()
        for rows in (np.array([5, 0, 5]), slice(2, 4), slice(50, 99)):
            taken = Rows(data)(rows)
            assert taken.dtype == data.dtype
            assert taken.flags.c_contiguous
            assert_array_equal(taken, expected[rows])
            taken[:] = 0
        assert_array_equal(data.toarray() if sparse.issparse(data) else data, expected)


def test_rows_are_folded(on_disk):
    for data in (on_disk(X), sparse.csr_array(X), X):
        assert_array_equal(Rows(data, (1, 3, 1))(slice(2)), X[:2].reshape(2, 1, 3, 1))
        store = FeatureStore(data, torch.device("cpu"), (3, 1))
        taken = store.take(torch.tensor([4, 2]), torch.float32)
        assert_array_equal(taken, X[[4, 2]].reshape(2, 3, 1))


def test_a_store_shares_the_memory_of_arrays(recwarn):
    cpu, rows = torch.device("cpu"), torch.tensor([3, 0, 3])
    backwards, read_only = X[::-1], X.copy()
    read_only.setflags(write=False)
    for data in (X, np.asfortranarray(X), X[::2], backwards, read_only, X.astype(">f8")):
        store = FeatureStore(data, cpu)
        taken = store.take(rows, torch.float32)
        assert taken.dtype == torch.float64
        assert_array_equal(taken, data[rows.numpy()])
        held = store._tensor.numpy() if store._tensor is not None else store.rows.X
        assert np.shares_memory(held, data)
    assert not recwarn.list


def test_everything_fits_into_the_memory_of_the_host():
    assert fits(10**15, torch.device("cpu"))


def test_float32_stays_as_it_is():
    array = X.astype(np.float32)
    assert to_float32(array) is array
    assert to_float32(sparse.csr_array(X)).dtype == np.float32


MEMORY = """
import sys
from resource import RUSAGE_SELF, getrusage

import numpy as np
import torch
from torch.utils.data import Dataset

from sklearn_ldl import DeepLDLRegressor

n_rows, n_features = 200_000, 500
settings = {"hidden_layer_sizes": (4,), "n_members": 2, "batch_size": 200}
model = DeepLDLRegressor(max_epochs=1, random_state=0, **settings)
D = np.tile([0.2, 0.8], (n_rows, 1))


class Items(Dataset):
    def __len__(self):
        return n_rows // 8

    def __getitem__(self, row):
        return torch.full((n_features * 8,), row / n_rows)


def peak():
    return getrusage(RUSAGE_SELF).ru_maxrss / 1024


data = {
    "map": lambda: np.load(sys.argv[2], mmap_mode="r"),
    "array": lambda: np.load(sys.argv[2]),
    "dataset": Items,
}
small = np.zeros((1000, n_features), dtype=np.float32)
model.fit(small, D[:1000]).predict(small)
before = peak()
X = data[sys.argv[1]]()
model.fit(X, D[: len(X)])
fitted = peak()
assert model.predict(X).shape == (len(X), 2)
print(fitted - before, peak() - before)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="counts memory as Linux does")
@pytest.mark.parametrize("kind", ["map", "dataset"])
def test_data_larger_than_memory_are_not_loaded(kind, tmp_path):
    path = tmp_path / "X.npy"
    # A file of 400 MB, most of which takes no room on the disk.
    mapped = np.lib.format.open_memmap(path, "w+", np.float32, (200_000, 500))
    mapped[::1000] = 1.0
    del mapped
    command = [sys.executable, "-c", MEMORY, kind, str(path)]
    printed = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    fit, predict = map(float, printed.split())
    # Half of the file: how much of a map is resident at a time is up to the system.
    assert fit < 200
    assert predict < 200


IMAGES_IN_MEMORY = """
import sys
from pathlib import Path

import numpy as np
from torch import nn

from sklearn_ldl import DeepLDLRegressor


def small_net(n_labels):
    return nn.Sequential(nn.AvgPool2d(16), nn.Flatten(), nn.Linear(48, n_labels))


def peak():
    status = Path("/proc/self/status").read_text()
    return int(status.split("VmHWM:")[1].split()[0]) / 1024


kind, path = sys.argv[1:]
model = DeepLDLRegressor(small_net, max_epochs=1, batch_size=100, random_state=0)
images = np.random.default_rng(0).integers(0, 255, (200, 3, 64, 64), dtype=np.uint8)
n_rows = 5_000 if "float" in kind else 10_000
D = np.tile([0.2, 0.8], (n_rows, 1))
model.fit(images, D[:200]).predict(images)
if kind == "map":
    X = np.load(path, mmap_mode="r")
else:
    dtype, _, flag = kind.partition(" ")
    X = np.empty((n_rows, 3, 64, 64), dtype=dtype)
    for start in range(0, n_rows, 200):
        X[start : start + 200] = images
    X.setflags(write=flag != "read-only")
    if flag == "channels-last":
        X = X.reshape(n_rows, 64, 64, 3).transpose(0, 3, 1, 2)
before = peak()
model.fit(X, D).predict(X)
print(peak() - before, X.nbytes / 2**20)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="counts memory as Linux does")
@pytest.mark.parametrize(
    "kind",
    [
        "uint8",
        "map",
        *(
            pytest.param(kind, marks=pytest.mark.slow)
            for kind in ("float32 read-only", "float16", "uint8 channels-last")
        ),
    ],
)
def test_images_are_converted_batch_by_batch(kind, tmp_path):
    path = tmp_path / "X.npy"
    if kind == "map":
        images = np.random.default_rng(0).integers(0, 255, (200, 3, 64, 64), dtype=np.uint8)
        np.save(path, np.tile(images, (50, 1, 1, 1)))
    command = [sys.executable, "-c", IMAGES_IN_MEMORY, kind, str(path)]
    # What is freed goes back to the system at once: leftovers that the allocator keeps, which vary
    # from run to run, are not to count.
    environment = {**os.environ, "MALLOC_MMAP_THRESHOLD_": str(2**20)}
    printed = subprocess.run(
        command, check=True, capture_output=True, text=True, env=environment
    ).stdout
    grown, size = map(float, printed.split())
    assert grown < size / 2
