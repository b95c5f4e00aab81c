import os
import pickle
import zipfile
from collections import OrderedDict, deque

import numpy as np
import pytest
from numpy.testing import assert_array_equal

torch = pytest.importorskip("torch")
pytest.importorskip("skorch")

from torch import nn  # noqa: E402

from sklearn_ldl.deep import CheckpointError  # noqa: E402
from sklearn_ldl.deep.training import checkpoint_file  # noqa: E402
from sklearn_ldl.deep.training.checkpoint_file import (  # noqa: E402
    MAGIC,
    decode,
    encode,
    read,
    write,
)
from tests.deep.training.test_checkpoint import D, X, model  # noqa: E402


@pytest.fixture
def path(tmp_path):
    return tmp_path / "fit.pt"


def fit(path):
    return model(checkpoint=path, callbacks=[], max_epochs=2).fit(X, D)


N_DAMAGES = 300


@pytest.mark.parametrize("kind", ["cut off", "one bit", "one byte", "a block of zeros"])
def test_no_damage_goes_unseen_and_nothing_is_lost(kind, path, rng):
    fit(path)
    whole = path.read_bytes()
    # The ends of all parts of the file, and places anywhere.
    places = [0, 1, len(MAGIC) - 1, len(MAGIC), len(MAGIC) + 8, len(MAGIC) + 24, len(whole) - 1]
    places += rng.choice(len(whole), N_DAMAGES // 2 - len(places), replace=False).tolist()
    for place in places:
        data = bytearray(whole)
        if kind == "cut off":
            del data[place:]
        elif kind == "one bit":
            data[place] ^= 1 << rng.integers(8)
        elif kind == "one byte":
            data[place] = (data[place] + rng.integers(1, 256)) % 256
        else:
            data[place : place + 64] = bytes(len(data[place : place + 64]))
            if data == whole:
                continue
        path.write_bytes(data)
        with pytest.raises(CheckpointError, match=f"checkpoint {path} "):
            fit(path)
        assert path.read_bytes() == data
    path.write_bytes(whole)
    assert fit(path).n_iter_ == 2
    assert os.listdir(path.parent) == ["fit.pt"]


def test_more_than_was_written_is_an_error(path):
    fit(path)
    path.write_bytes(path.read_bytes() + b"\0")
    with pytest.raises(CheckpointError, match="is damaged: its checksum"):
        fit(path)


CAUSES = {
    b"": "is cut off after 0 bytes",
    b"no checkpoint": "is not a checkpoint of a deep estimator",
    MAGIC[:-1]: "is cut off after 24 bytes",
    MAGIC: "is cut off after 25 bytes",
    MAGIC.replace(b"2", b"3") + bytes(99): "is that of another version of sklearn_ldl, or of ano",
}


@pytest.mark.parametrize("content", CAUSES)
def test_other_files_are_an_error_and_stay(content, path):
    path.write_bytes(content)
    with pytest.raises(CheckpointError, match=f"{path} {CAUSES[content]}.*Remove it to start anew"):
        fit(path)
    assert path.read_bytes() == content


def test_files_of_torch_are_those_of_another_version(path):
    torch.save({"description": {}}, path)
    with pytest.raises(CheckpointError, match="is that of another version of sklearn_ldl"):
        fit(path)


def test_files_of_others_in_our_form_are_an_error(path):
    for state in ([1, 2], {"description": {}}, {"description": [], "history": []}):
        write(path, state)
        with pytest.raises(CheckpointError, match="is not one of a deep estimator"):
            fit(path)


class Code:
    """Makes a file when it is unpickled."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return os.mkdir, (str(self.path),)


def in_our_form(content):
    digest = checkpoint_file._digest(content)
    return MAGIC + len(content).to_bytes(8, "little") + digest + content


def of_torch(value, path, **settings):
    torch.save(value, path, **settings)
    return path.read_bytes()


def legacy(value, path):
    return of_torch(value, path, _use_new_zipfile_serialization=False)


def stored_twice(value, path):
    """Our magic number for the zip, and another pickle in it."""
    of_torch({}, path)
    with zipfile.ZipFile(path) as file:
        parts = {name: file.read(name) for name in file.namelist()}
    with zipfile.ZipFile(path, "w") as file:
        for name, part in parts.items():
            file.writestr(name, pickle.dumps(value) if name.endswith("data.pkl") else part)
    return path.read_bytes()


CRAFTED = {
    "a pickle": lambda value, path: pickle.dumps(value),
    "a file of torch": of_torch,
    "a file of an old torch": legacy,
    "in our form": lambda value, path: in_our_form(of_torch(value, path)),
    "in our form, as an old torch would": lambda value, path: in_our_form(legacy(value, path)),
    "in our form, a pickle": lambda value, path: in_our_form(pickle.dumps(value)),
    "in our form, a pickle in a zip": lambda value, path: in_our_form(stored_twice(value, path)),
}


@pytest.mark.filterwarnings("ignore:Detected pickle protocol")
@pytest.mark.parametrize("kind", CRAFTED)
def test_no_code_of_a_file_runs(kind, path, tmp_path):
    made = tmp_path / "made"
    path.write_bytes(CRAFTED[kind]({"description": Code(made), "history": []}, path))
    with pytest.raises(CheckpointError, match=f"checkpoint {path} "):
        fit(path)
    assert not made.exists()


@pytest.mark.filterwarnings("ignore:Detected pickle protocol")
def test_damages_with_a_new_checksum_run_nothing_and_are_the_same_error(path, rng, tmp_path):
    made = tmp_path / "made"
    content = of_torch({"description": Code(made), "history": [1.0] * 20}, path)
    for place in rng.choice(len(content), N_DAMAGES, replace=False):
        data = bytearray(content)
        data[place] ^= 1 << rng.integers(8)
        path.write_bytes(in_our_form(bytes(data)))
        with pytest.raises(CheckpointError, match=f"checkpoint {path} "):
            read(path)
    assert not made.exists()


VALUES = {
    "nothing": None,
    "numbers": [True, 3, 2**80, -0.5, float("inf"), "text"],
    "numbers of NumPy": [np.float64(0.1), np.float32(0.5), np.int64(3), np.bool_(True)],
    "arrays": [np.arange(6.0).reshape(2, 3), np.zeros((0, 3)), np.array(3), np.arange(4)[::2]],
    "tensors": {"a": torch.arange(3), "b": nn.Parameter(torch.ones(2)), 3: torch.tensor(1.5)},
    "containers": ((1, [2, {3}], ()), {"a": {"b": (np.arange(2),)}}, torch.Size([2])),
}


def assert_equal(one, other):
    if isinstance(other, dict):
        assert list(one) == list(other)
        one, other = list(one.values()), list(other.values())
    if isinstance(other, (list, tuple)):
        assert len(one) == len(other)
        for pair in zip(one, other, strict=True):
            assert_equal(*pair)
    elif isinstance(other, (np.ndarray, torch.Tensor)):
        assert type(one) is type(other)
        assert one.dtype == other.dtype
        arrays = [a.detach().numpy() if isinstance(a, torch.Tensor) else a for a in (one, other)]
        assert_array_equal(*arrays)
    else:
        assert one == other


@pytest.mark.parametrize("name", VALUES)
def test_values_come_back(name, path):
    write(path, encode(VALUES[name]))
    assert_equal(decode(read(path)), VALUES[name])


def test_states_of_modules_come_back_with_their_versions(path):
    state = nn.BatchNorm1d(2).state_dict()
    write(path, encode(state))
    loaded = decode(read(path))
    assert type(loaded) is OrderedDict
    assert_equal(loaded, state)
    assert loaded._metadata == state._metadata != {}


@pytest.mark.parametrize(
    "value", [object(), deque([1]), b"bytes", 1j, np.array([None]), {"a": print}]
)
def test_what_would_need_code_is_not_kept(value):
    with pytest.raises(TypeError, match=r"is not kept, but numbers, texts, arrays, tensors, and"):
        encode([value])


def test_nothing_is_left_of_a_file_that_is_not_written(path, monkeypatch):
    write(path, 1)

    def full(file):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(CheckpointError, match=f"checkpoint {path} is not written: No space left"):
        write(path, 2)
    assert os.listdir(path.parent) == ["fit.pt"]
    assert read(path) == 1
