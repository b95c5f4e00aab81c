"""The house rules: what a module may import, and what importing the package costs."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import sklearn_ldl

ROOT = Path(sklearn_ldl.__file__).parent
# A module imports only from a lower number; modules of one package may import each other.
LAYERS = {
    "_simplex": -1,
    "_decorators": -1,
    "_settings": -1,
    "_callbacks": 0,
    "_dask": 0,
    "_barycentric": 0,
    "decoding": 0,
    "_wrapper": 1,
    "metrics": 1,
    "distributors": 1,
    "graphs": 1,
    "base": 2,
    "_posthoc": 2.5,
    "linear": 3,
    "neighbors": 3,
    "problem_transformation": 3,
    "enhancement": 3,
    "shift": 3,
    "calibration": 3,
    "ensemble": 3,
    "svm": 3.5,
    "stacking": 3.5,
    "deep": 4,
    "datasets": 5,
    "plotting": 5,
    "testing": 5,
    "_compare": 6,
    "__init__": 7,
    "__main__": 7,
}
# Third-party packages that one place alone may import.
ONLY_IN = {
    "torch": {"deep"},
    "skorch": {"deep"},
    "pynndescent": {"graphs"},
    "matplotlib": {"plotting"},
    "pooch": {"datasets"},
    "rich": {"__main__"},
    "dask": {"_dask"},
    "distributed": set(),
    "accelerate": {"deep"},
}
# (importer, imported): why the rule does not hold.
EXCEPTIONS = {
    ("_wrapper", "linear"): "the default estimator, imported when it is needed",
}
FILES = sorted(ROOT.rglob("*.py"))


def unit(path):
    """Top-level module or package that a file belongs to."""
    return path.relative_to(ROOT).parts[0].removesuffix(".py")


def imported(path):
    """Dotted names of all modules that a file imports, also inside functions."""
    package = ["sklearn_ldl", *path.relative_to(ROOT).parts[:-1]]
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = ".".join(package[: len(package) - node.level + 1]) if node.level else ""
            module = ".".join(part for part in (base, node.module) if part)
            if module == "sklearn_ldl":
                yield from (f"{module}.{alias.name}" for alias in node.names)
            else:
                yield module


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_imports_come_from_lower_layers(path):
    here = unit(path)
    for name in imported(path):
        parts = name.split(".")
        if parts[0] in ONLY_IN:
            assert here in ONLY_IN[parts[0]], f"{here} must not import {parts[0]}"
        if parts[0] != "sklearn_ldl" or len(parts) == 1:
            continue
        there = parts[1]
        if there in LAYERS and there != here and (here, there) not in EXCEPTIONS:
            assert LAYERS[there] < LAYERS[here], f"{here} must not import {there}"


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_files_stay_short(path):
    assert len(path.read_text().splitlines()) <= 500


def test_import_loads_nothing_heavy():
    code = (
        "import sys, sklearn.model_selection, sklearn.neighbors; before = set(sys.modules); "
        "import sklearn_ldl; sklearn_ldl.BFGSLDL, sklearn_ldl.LDLRegressor; "
        "bad = {'torch', 'skorch', 'numba', 'matplotlib', 'pynndescent', 'pooch', 'rich', 'dask'}; "
        "bad &= set(sys.modules) - before; assert not bad, bad"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_importing_the_package_alone_loads_no_submodule():
    code = (
        "import sys, sklearn_ldl; "
        "bad = {m for m in sys.modules if m.startswith(('sklearn.', 'numpy', 'sklearn_ldl.'))}; "
        "assert not bad, bad"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_every_public_name_resolves():
    for name in sklearn_ldl.__all__:
        assert getattr(sklearn_ldl, name) is not None
    assert set(sklearn_ldl.__all__) <= set(dir(sklearn_ldl))
    with pytest.raises(AttributeError, match="no attribute 'nonsense'"):
        sklearn_ldl.nonsense  # noqa: B018
