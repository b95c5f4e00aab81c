"""Every example of the gallery runs as a script and writes no files."""

import os
import subprocess
import sys

import pytest

from sklearn_ldl import _PUBLIC
from tests import ROOT

EXAMPLES = sorted((ROOT / "doc" / "examples").glob("*.py"))
# What an example mentions, and the package that it needs then.
NEEDS = {
    "matplotlib": "matplotlib",
    "torch": "torch",
    **{name.lower(): "skorch" for name, module in _PUBLIC.items() if module == "deep"},
    "pandas": "pandas",
    "mapie": "mapie",
    "skops": "skops",
    "safetensors": "safetensors",
    "optuna": "optuna",
    "shap_values": "shap",
}


def test_there_are_examples():
    assert EXAMPLES


@pytest.mark.slow  # building the documentation runs them, too
@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_example_runs(path, tmp_path):
    code = path.read_text().lower()
    for word, package in NEEDS.items():
        if word in code:
            pytest.importorskip(package)
    environment = os.environ | {"MPLBACKEND": "Agg", "OMP_NUM_THREADS": "1"}
    run = subprocess.run(
        [sys.executable, "-W", "error::RuntimeWarning:sklearn_ldl", path],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        timeout=600,  # ends what hangs; a minute at most is meant, on an ordinary machine
    )
    assert run.returncode == 0, run.stderr
    assert not list(tmp_path.iterdir())
