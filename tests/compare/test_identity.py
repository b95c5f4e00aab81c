"""What makes a fit the same as another, and what does not."""

import functools
import hashlib
import json
import subprocess
import sys
from types import ModuleType

import numpy as np
import pandas as pd
import pytest
from scipy.sparse import csr_matrix
from scipy.stats import loguniform
from sklearn.compose import make_column_selector
from sklearn.dummy import DummyRegressor
from sklearn.metrics import make_scorer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

from sklearn_ldl.compare.identity import describe, update
from sklearn_ldl.compare.sources import code


def power(p):
    def raised(X):
        return X**p

    return raised


def shifted(X, by=0):
    return X + by


class Callable:
    def __init__(self, by):
        self.by = by

    def method(self, X):
        return X + self.by

    def __call__(self, X):
        return X + self.by


class Loop:
    def __init__(self):
        self.itself = self


# fmt: off
PAIRS = [
    (lambda X: X, lambda X: 2 * X),
    (power(1), power(2)),
    (functools.partial(shifted, by=1), functools.partial(shifted, by=2)),
    (functools.partial(lambda X, by: X, 1), functools.partial(lambda X, by: X + by, 1)),
    (Callable(1).method, Callable(2).method),
    (Callable(1), Callable(2)),
    (make_scorer(lambda y, p: 0), make_scorer(lambda y, p: 1)),
    (loguniform(1, 2), loguniform(1, 3)),
    (make_column_selector(pattern="a"), make_column_selector(pattern="b")),
    (str.split, str.lower),
    (np.log, np.exp),
    (csr_matrix(np.eye(2)), csr_matrix(np.eye(2, 3))),
]
# fmt: on


@pytest.mark.parametrize(("one", "other"), PAIRS)
def test_what_differs_is_told_apart(one, other):
    one, other = describe(FunctionTransformer(one)), describe(FunctionTransformer(other))
    assert json.dumps(one) != json.dumps(other)


def test_what_holds_itself_has_an_end():
    assert json.dumps(describe(Loop()))


def test_what_cannot_be_described_is_never_the_same():
    lock = (part for part in [])
    assert describe(lock) != describe(lock)


def _digest(value):
    found = hashlib.sha256()
    update(found, value)
    return found.hexdigest()


def test_frames_stay_the_same_when_they_are_used():
    frame = pd.DataFrame({"a": ["x", "y"], "b": pd.Categorical(["u", "v"]), "c": [1.5, 2]})
    before = _digest(frame)
    frame.groupby("a").size()
    assert frame.index.is_unique
    assert frame.columns.get_loc("c") == 2
    assert _digest(frame) == _digest(frame.copy()) == before
    assert _digest(frame.assign(b=pd.Categorical(["u", "v"], ["v", "u"]))) != before
    assert _digest(frame.rename(columns={"a": "d"})) != before


def test_dates_have_a_digest():
    days = np.arange(3).astype("M8[D]")
    assert _digest(days) != _digest(days + 1)


_SCRIPT = """
import json, sys
from scipy.stats import loguniform
from sklearn.preprocessing import FunctionTransformer
import sklearn_ldl
from sklearn_ldl import AutoLDL, BFGSLDL
from sklearn_ldl.compare.identity import describe
from sklearn_ldl.compare.sources import code
if len(sys.argv) > 1:
    sklearn_ldl.GradientBoostingLDL, sklearn_ldl.LDLClassifier
class Own(BFGSLDL):
    names = {"a", "b", "c"}
    def fit(self, X, y):
        return super().fit(X, y) if self.alpha in {"a", "b", "c"} else sklearn_ldl
found = [AutoLDL(), Own(), FunctionTransformer(lambda x: x in {"a", "b", "c"})]
print(json.dumps([describe([*found, loguniform(1, 2)]), code(found)]))
"""


def test_processes_agree():
    def found(seed, *arguments):
        command = [sys.executable, "-c", _SCRIPT, *arguments]
        environment = {"PYTHONHASHSEED": seed, "PYTHONPATH": ":".join(sys.path)}
        return subprocess.run(command, env=environment, capture_output=True, check=True).stdout

    assert found("1") == found("2", "more")


def _notebook(text):
    """Run what stands in no file."""
    module = ModuleType("notebook_of_mine")
    sys.modules[module.__name__] = module
    exec(compile(text, "<cell>", "exec"), vars(module))
    try:
        return code(module.Mine())
    finally:
        del sys.modules[module.__name__]


def test_cells_of_notebooks_count():
    text = (
        "from sklearn.dummy import DummyRegressor\nRATE = [1, 2]\ndef helper(X):\n    return RATE\n"
        "class Mine(DummyRegressor):\n    def fit(self, X, y):\n        return helper(X)\n"
    )
    first = _notebook(text)
    assert _notebook(text + "# a comment\n") == first
    assert _notebook(text.replace("RATE = [1", "RATE = [2")) != first
    assert _notebook(text.replace("return RATE", "return -RATE")) != first
    assert _notebook(text.replace("helper(X)\n", "helper(y)\n")) != first


@pytest.mark.parametrize("how", ["import helper_a", "from helper_a import NAME"])
@pytest.mark.parametrize("where", ["class", "function", "grid"])
def test_modules_beside_count(tmp_path, monkeypatch, how, where):
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "helper_a.py").write_text("from helper_b import NAME\n")
    last = tmp_path / "helper_b.py"
    last.write_text("NAME = 1\n")
    (tmp_path / "own_a.py").write_text(
        f"from sklearn.dummy import DummyRegressor\n{how}\nclass Mine(DummyRegressor):\n    pass\n"
        "def function(X):\n    return X\n"
    )
    import own_a

    values = {
        "class": make_pipeline(own_a.Mine()),
        "function": FunctionTransformer(functools.partial(own_a.function)),
        "grid": [DummyRegressor(), {"estimator": [own_a.Mine()]}],
    }
    first = code(values[where])
    assert code(values[where]) == first
    last.write_text("NAME = 2\n")
    assert code(values[where]) != first
    for name in ("own_a", "helper_a", "helper_b"):
        del sys.modules[name]


def test_functions_of_no_module():
    found = {}
    for share in (1, 2):
        space = {"__builtins__": __builtins__}
        exec(f"def corrupt(X, y, random_state):\n    return {share} * X, y", space)
        assert space["corrupt"].__module__ is None
        found[share] = code([DummyRegressor(), space["corrupt"]])
    assert found[1] != found[2]
