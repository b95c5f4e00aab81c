"""Every benchmark runs with --quick, in some seconds, and prints tables without failures."""

import re
import subprocess
import sys

import pytest

from tests import ROOT
from tests.benchmarks.scripts import new_context, run_script

SCRIPTS = sorted((ROOT / "benchmarks").glob("bench_*.py"))
#: python-ldl takes longer to import than all else together.
SLOW = ("bench_classical", "bench_enhancement")
#: Packages of extras, without which a benchmark cannot run.
EXTRAS = (
    "torch|skorch|keras|pyldl|skfuzzy|catboost|lightgbm|xgboost|dask|distributed|pynndescent|mapie"
    "|pyarrow|skops|uvicorn"
)
MISSING = re.compile(rf"No module named '({EXTRAS})[.']|No package metadata was found for (\S+)")
#: What stands in a cell in the place of a result.
FAILED = re.compile(r"nan\b.*|NaN|\w+Error: .*|over (limit|\d+ s)")


@pytest.fixture(scope="module")
def context():
    return new_context()


@pytest.mark.parametrize(
    "script",
    [
        pytest.param(path, id=path.stem, marks=pytest.mark.slow if path.stem in SLOW else ())
        for path in SCRIPTS
    ],
)
def test_quick(script, context, tmp_path):
    files = tmp_path / "stdout", tmp_path / "stderr"
    process = context.Process(target=run_script, args=(script, ["--quick"], *files))
    process.start()
    process.join(timeout=600)
    process.kill()
    stdout, stderr = (path.read_text() for path in files)
    if process.exitcode and (missing := MISSING.search(stderr)):
        pytest.skip(f"{missing[1] or missing[2]} is not installed")
    if process.exitcode and "Set SKLEARN_LDL_DATA" in stderr:
        pytest.skip("real files are needed")
    assert process.exitcode == 0, stderr
    title, *lines = stdout.splitlines()
    assert title.startswith("# ")
    assert f"python benchmarks/{script.name} --quick`" in stdout
    rules = [i for i, line in enumerate(lines) if set(line) == {"|", "-"}]
    rows = [line for line in lines if line.startswith("|") and set(line) != {"|", "-"}]
    assert len(rows) > len(rules) > 0
    assert all(lines[i + 1].startswith("|") for i in rules)
    cells = [cell.strip() for row in rows for cell in row.strip("|").split("|")]
    assert not [cell for cell in cells if FAILED.fullmatch(cell)]


def test_quick_figures_are_not_kept(tmp_path):
    out = tmp_path / "deep.md"
    command = [sys.executable, ROOT / "benchmarks" / "bench_graphs.py", "--quick", "--out", out]
    run = subprocess.run(command, capture_output=True, text=True)
    assert run.returncode == 2
    assert "its figures are not to be kept" in run.stderr
    assert not out.exists()
