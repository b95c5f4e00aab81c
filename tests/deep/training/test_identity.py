import copy
import json
import subprocess
import sys
from functools import partial
from threading import RLock

import numpy as np
import pytest
from scipy import sparse
from sklearn.base import clone

torch = pytest.importorskip("torch")
pytest.importorskip("skorch")

from sklearn.ensemble import RandomForestClassifier  # noqa: E402
from sklearn.frozen import FrozenEstimator  # noqa: E402
from sklearn.linear_model import Ridge  # noqa: E402
from skorch.callbacks import Callback, LRScheduler  # noqa: E402
from torch import nn  # noqa: E402
from torch.nn.utils.parametrizations import weight_norm  # noqa: E402
from torch.utils.data import TensorDataset  # noqa: E402

from sklearn_ldl.deep import DeepLDLClassifier, MixUp, pixel_loss  # noqa: E402
from sklearn_ldl.deep.training.identity import Unidentified, digest  # noqa: E402
from tests import ROOT  # noqa: E402
from tests.deep import single_net  # noqa: E402

A = np.random.default_rng(0).standard_normal((50, 3))
Y = (A[:, 0] > 0).astype(int)


class Scaled(nn.Module):
    def __init__(self, scale=1.0, p=0.5):
        super().__init__()
        self.scale = scale
        self.tags = {"some", "names", "whose", "order", "is", "random"}
        self.inner = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4), nn.Dropout(p))
        with torch.no_grad():
            for number, weight in enumerate(self.inner.parameters()):
                weight.fill_(number)

    def forward(self, X):
        return self.scale * self.inner(X)


def first(Z, D):
    return (Z - D).abs().sum(1)


def second(Z, D):
    return (Z - D).abs().sum(1) / 2


def third(Z, D, factor=2.0):
    return factor * (Z - D).abs().sum(1)


def times(factor):
    def loss(Z, D):
        return factor * (Z - D)

    return loss


def changed(array, place, value):
    array = array.copy()
    array.reshape(-1)[place] = value
    return array


def with_weight(value):
    module = Scaled()
    module.inner[0].weight.data[1, 1] = value
    return module


def frozen_part():
    module = Scaled()
    module.inner[0].weight.requires_grad_(False)
    return module


def recurrent(n_layers):
    """A module that holds weak references."""
    return filled(nn.LSTM(3, 2, n_layers), 1.0)


def parametrized(value):
    """A module that cannot be pickled."""
    return weight_norm(filled(nn.Linear(3, 3), value))


def filled(module, value):
    for weight in module.parameters():
        nn.init.constant_(weight, value)
    return module


class Step(Callback):
    def __init__(self, size):
        self.size = size
        self.seen_ = 0


class Itself:
    def __init__(self, value):
        self.value = value
        self.me = self


def seen(step):
    step.seen_ = 3
    return step


def forest(seed, frozen=True):
    fitted = RandomForestClassifier(3, random_state=seed).fit(A, Y)
    return FrozenEstimator(fitted) if frozen else fitted


def network(seed):
    fitted = single_net(DeepLDLClassifier, max_epochs=1, random_state=seed).fit(A, Y)
    return FrozenEstimator(fitted.set_params(random_state=0))


#: Functions that make an object; those of a row make different ones.
DIFFERENT = {
    "numbers": [lambda v=v: v for v in (1, 1.0, True, "1", None, 2, np.float64(1), (1,), [1])],
    "containers": [lambda v=v: v for v in ([1, [2]], [[1], 2], [1, 2, []], {1: 2}, {1, 2}, {2: 1})],
    "arrays": [
        lambda: A,
        lambda: A.astype(np.float32),
        lambda: A.T,
        lambda: A.reshape(3, 50),
        lambda: changed(A, 77, 0.0),
        lambda: changed(A, -1, 0.0),
        lambda: A[:0],
        lambda: torch.from_numpy(A),
    ],
    "sparse": [lambda v=v: sparse.csr_array(v) for v in (A, changed(A, 77, 0.0), A[:49])],
    "texts": [lambda: np.array(["a", "bc"]), lambda: np.array(["ab", "c"])],
    "objects": [lambda: np.array(["a", None]), lambda: np.array([None, "a"])],
    "tensors": [
        lambda: torch.ones(3),
        lambda: torch.ones(3, dtype=torch.bfloat16),
        lambda: torch.ones(3, requires_grad=True),
        lambda: torch.ones(3, 1),
        lambda: torch.tensor(1.0),
    ],
    "modules": [
        lambda: Scaled(),
        lambda: Scaled(2.0),
        lambda: Scaled(p=0.4),
        lambda: Scaled().eval(),
        lambda: with_weight(0.1),
        frozen_part,
        lambda: nn.LazyLinear(3),
        lambda: Scaled,
        lambda: recurrent(1),
        lambda: recurrent(2),
        lambda: parametrized(1.0),
        lambda: parametrized(2.0),
    ],
    "functions": [
        lambda: first,
        lambda: second,
        lambda: third,
        lambda: partial(third, factor=3.0),
        lambda: partial(third, factor=4.0),
        lambda: pixel_loss,
        lambda: torch.relu,
        lambda: Scaled().forward,
        lambda: np.exp,
    ],
    "estimators": [lambda: Ridge(), lambda: Ridge(2.0), lambda: MixUp(), lambda: MixUp(0.5)],
    "fitted estimators": [lambda: forest(0), lambda: forest(1), lambda: forest(0, frozen=False)],
    "fitted networks": [lambda: network(0), lambda: network(1)],
    "callbacks": [
        lambda: Step(1),
        lambda: Step(2),
        lambda: LRScheduler("StepLR", step_size=2),
        lambda: LRScheduler("StepLR", step_size=3),
    ],
    "random numbers": [
        lambda: np.random.RandomState(0),
        lambda: np.random.RandomState(1),
        lambda: np.random.default_rng(0),
        lambda: np.random.default_rng(1),
        lambda: torch.Generator().manual_seed(0),
        lambda: torch.Generator().manual_seed(1),
    ],
    "objects that hold themselves": [lambda: Itself(1), lambda: Itself(2)],
}


@pytest.mark.parametrize("name", DIFFERENT)
def test_others_have_other_digests_and_equals_the_same(name):
    digests = [digest(make()) for make in DIFFERENT[name]]
    assert len(set(digests)) == len(digests)
    assert [digest(make()) for make in DIFFERENT[name]] == digests


PROGRAM = """
import json
from tests.deep.training.test_identity import DIFFERENT, digest
print(json.dumps([[digest(make()) for make in makers] for makers in DIFFERENT.values()]))
"""


def test_digests_are_those_of_another_process():
    command = [sys.executable, "-c", PROGRAM]
    printed = subprocess.check_output(command, text=True, cwd=ROOT)
    expected = [[digest(make()) for make in makers] for makers in DIFFERENT.values()]
    assert json.loads(printed) == expected


SAME = {
    "copies of arrays": (A, np.asfortranarray(A)),
    "parts of arrays": (A[::2], A[::2].copy()),
    "formats": (sparse.csr_array(A), sparse.csc_array(A)),
    "sets": ({"a", "b", "c"}, {"c", "b", "a"}),
    "fitted and not": (Ridge(), Ridge().fit(A, Y)),
    "copies of modules": (Scaled(), copy.deepcopy(Scaled())),
    "clones": (RandomForestClassifier(3, random_state=0), clone(forest(0, frozen=False))),
    "what a callback has counted": (Step(1), seen(Step(1))),
}


@pytest.mark.parametrize("name", SAME)
def test_what_makes_no_difference(name):
    one, other = SAME[name]
    assert digest(one) == digest(other)


def test_memory_maps_are_read_in_parts(tmp_path, monkeypatch):
    np.save(tmp_path / "A.npy", A)
    mapped = np.load(tmp_path / "A.npy", mmap_mode="r")
    monkeypatch.setattr("sklearn_ldl.deep.training.identity._CHUNK", 100)
    assert digest(mapped) == digest(A)
    np.save(tmp_path / "A.npy", changed(A, 100, 0.0))
    assert digest(np.load(tmp_path / "A.npy", mmap_mode="r")) != digest(A)


def test_what_lies_between_fields_does_not_count():
    kind = np.dtype([("a", np.int8), ("b", np.float64)], align=True)
    one, other = np.frombuffer(bytes(16), kind), np.frombuffer(b"\0" + b"x" * 7 + bytes(8), kind)
    assert digest(one) == digest(other) != digest(np.frombuffer(b"\1" + bytes(15), kind))


def halved(D):
    return D * HALF


def countdown(n):
    LOG.append(n)
    return [third(n, n), Scaled] if n == 0 else countdown(n - 1)


HALF = 0.5
LOG: list = []


def test_what_functions_and_classes_use_counts(monkeypatch):
    def use(Z, D):
        return halved(Z - D)

    use.__qualname__ = "use"
    uses, recursive = digest(use), digest(countdown)
    LOG.append(1)
    assert (digest(use), digest(countdown)) == (uses, recursive)
    with monkeypatch.context() as patch:
        patch.setitem(globals(), "HALF", 2.0)
        assert digest(use) != uses
    with monkeypatch.context() as patch:
        patch.setitem(globals(), "third", second)
        assert digest(countdown) != recursive
    with monkeypatch.context() as patch:
        patch.setattr(Scaled, "forward", lambda self, X: X)
        assert digest(countdown) != recursive
    assert (digest(use), digest(countdown)) == (uses, recursive)


def test_the_code_of_classes_and_functions_counts_by_what_it_does():
    first_code, second_code = digest(first), digest(second)
    kept = second.__code__
    try:
        second.__code__ = first.__code__
        assert digest(second) not in (first_code, second_code)
        before, forward = digest(Scaled), Scaled.forward
        Scaled.forward = lambda self, X: self.inner(X)
        assert digest(Scaled) != before
        Scaled.forward = forward
        assert digest(Scaled) == before
    finally:
        second.__code__ = kept
    assert digest(second) == second_code


UNKNOWN = {
    "a lambda": lambda Z, D: Z,
    "times.loss, defined inside a function": times(2.0),
    "a Dataset (TensorDataset)": TensorDataset(torch.ones(3)),
    "a RLock": RLock(),
    "a generator": (number for number in range(3)),
}


@pytest.mark.parametrize("what", UNKNOWN)
def test_what_cannot_be_told_apart_is_named(what):
    holder = Scaled()
    holder.inner.more = UNKNOWN[what]
    unknown = UNKNOWN[what]
    for value in (unknown, [1, {"a": unknown}], holder, partial(first, D=unknown)):
        with pytest.raises(Unidentified) as error:
            digest(value)
        assert str(error.value) == what


def test_what_has_no_end_is_named():
    value = []
    for _ in range(100_000):
        value = [value]
    with pytest.raises(Unidentified, match="a list with too many levels"):
        digest(value)
