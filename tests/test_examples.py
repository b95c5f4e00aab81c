"""Every example of the gallery runs as a script and writes no files."""

import os
import re
import subprocess
import sys
import tokenize

import pytest

from sklearn_ldl import _PUBLIC
from tests import ROOT

FOLDER = ROOT / "doc" / "examples"
EXAMPLES = sorted(FOLDER.rglob("*.py"))
# What fits beside the navigation of a page of 1280 pixels.
COLUMNS = 79
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


def code_lines(path):
    """Yield lines as the page shows them: without the text above, and without its comments."""
    lines = path.read_text(encoding="utf-8").splitlines()
    with path.open("rb") as file:
        end_of_text = next(t.end[0] for t in tokenize.tokenize(file.readline) if t.type == 3)
    in_text = False
    for number, line in enumerate(lines, start=1):
        in_text = line.startswith("# %%") or (in_text and line.startswith("#"))
        if number > end_of_text and not in_text:
            yield number, line


def test_every_example_has_a_place_in_its_section(monkeypatch):
    pytest.importorskip("matplotlib")
    monkeypatch.syspath_prepend(ROOT / "doc" / "_ext")
    import gallery

    assert EXAMPLES
    for path in EXAMPLES:
        assert path.stem.removeprefix("plot_") in gallery.SECTIONS[path.parent.name], path
    for section in gallery.SECTIONS:
        assert (FOLDER / section / "GALLERY_HEADER.rst").exists()


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_code_does_not_scroll(path):
    assert [(n, line) for n, line in code_lines(path) if len(line) > COLUMNS] == []


def test_references_name_the_section():
    known = {f"{path.parent.name}_{path.name}" for path in EXAMPLES}
    pages = [ROOT / "README.md", *FOLDER.parent.rglob("*.rst"), *FOLDER.parent.rglob("*.md")]
    pages += [*EXAMPLES, *(ROOT / "sklearn_ldl").rglob("*.py")]
    built = {"_build", "auto_examples", "generated", "backreferences"}
    said = {
        name
        for page in pages
        if not built & set(page.parts)
        for name in re.findall(r"auto_examples_(\w+\.py)", page.read_text(encoding="utf-8"))
    }
    assert said
    assert said - known == set()


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
    assert [line for line in run.stdout.splitlines() if len(line) > COLUMNS] == []
