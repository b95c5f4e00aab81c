"""The house rules: how long a file is, how full a folder, and what importing the package costs.

What a module may import is in the contracts of pyproject.toml, which `lint-imports` checks.
"""

import subprocess
import sys
from pathlib import Path
from statistics import median

import pytest

import sklearn_ldl

PACKAGE = Path(sklearn_ldl.__file__).parent
FILES = sorted(PACKAGE.rglob("*.py"))
FOLDERS = sorted({file.parent for file in FILES})


def name(path):
    return str(path.relative_to(PACKAGE.parent))


def n_lines(path):
    return len(path.read_text(encoding="utf-8").splitlines())


@pytest.mark.parametrize("path", FILES, ids=name)
def test_files_stay_short(path):
    assert n_lines(path) <= 500


def test_most_files_are_shorter_still():
    assert median(map(n_lines, FILES)) <= 200


@pytest.mark.parametrize("folder", FOLDERS, ids=name)
def test_folders_can_be_read_at_a_glance(folder):
    unread = "__pycache__", "py.typed", "__init__.pyi"  # the others are for type checkers alone
    assert len([entry for entry in folder.iterdir() if entry.name not in unread]) <= 25


def test_import_loads_nothing_heavy():
    code = (
        "import sys, sklearn.model_selection, sklearn.neighbors; before = set(sys.modules); "
        "import sklearn_ldl; sklearn_ldl.BFGSLDL, sklearn_ldl.LDLRegressor; "
        "bad = {'torch', 'skorch', 'numba', 'matplotlib', 'pynndescent', 'pooch', 'rich', 'dask', "
        "'lightgbm'}; "
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
