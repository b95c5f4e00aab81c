"""What the README shows must run, and the figures and commands in it are those that were made."""

import contextlib
import io
import os
import re
import runpy
import shlex
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import sklearn_ldl
from tests import ROOT

README = (ROOT / "README.md").read_text("utf-8")
TABLES = ROOT / "doc" / "benchmarks"
PATHS = runpy.run_path(str(ROOT / ".ci" / "paths.py"))


@pytest.fixture
def run_path(tmp_path):
    """Run one of the ways in as the script that holds its commands, in an empty folder."""

    def run(path, more=""):
        script = PATHS["script"](path)
        # The folder comes first for a module beside the data, as everywhere else.
        for command in set(re.findall(r"^python -m sklearn_ldl compare .*?(?= >|$)", script, re.M)):
            script = script.replace(command, f"{command} --quiet {more}")
        known = os.environ | {"MPLBACKEND": "Agg", "PYTHONPATH": str(ROOT)}
        known["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
        done = subprocess.run(
            ["bash", "-c", script], cwd=tmp_path, env=known, capture_output=True, text=True
        )
        assert done.returncode == 0, done.stderr
        return done

    return run


@pytest.mark.parametrize("number", [0, 1], ids=["first", "numbers"])
def test_short_examples_print_what_the_page_says(number):
    blocks = re.findall(r"(?<!-->\n)```python\n(.*?)```", README, re.DOTALL)
    assert len(blocks) == 2
    out = io.StringIO()
    with contextlib.redirect_stdout(out):
        exec(compile(blocks[number], "README.md", "exec"), {})
    told = [r"It prints (\S+) and (\S+): ", r"# (\S+), then (\S+)$"][number]
    [expected] = re.findall(told, README, re.MULTILINE)
    np.testing.assert_allclose(
        [float(line) for line in out.getvalue().splitlines()[:2]],
        [float(value) for value in expected],
        atol=0.1,
    )


def test_votes_in_a_csv(run_path, tmp_path):
    pytest.importorskip("skrub")
    pytest.importorskip("matplotlib")
    done = run_path("votes", "--estimators bfgs-alpha boosting --cv 2 --no-plot")
    # What makes it a table of the world: 2,000 rows, gaps, rows with one vote or none.
    table = (tmp_path / "reviews.csv").read_text()
    assert table.splitlines()[0] == re.search(r"^,sku.*$", README, re.MULTILINE).group()
    assert table.count("\n") == 2001
    assert ",," in table
    assert re.search(r"\"(,0){5}\n", table)
    assert re.search(r"\"(,0)*,1(,0)*\n", table)
    assert "column B (sku) is an identifier" in done.stdout + done.stderr
    assert "rows have no votes: left out" in done.stdout + done.stderr
    [(ours, theirs)] = re.findall(r"^(0\.\d\d) (-?\d\.\d\d)$", done.stdout, re.MULTILINE)
    told = re.search(r"no better than the mean: (\S+) and (\S+)$", README, re.MULTILINE).groups()
    # Weighted, and 0 is the mean.
    assert float(ours) > max(float(theirs), 0)
    np.testing.assert_allclose([float(ours), float(theirs)], [*map(float, told)], atol=0.05)
    assert (tmp_path / "reviews.png").stat().st_size > 1000
    assert re.search(r"^reviews: n = \d+ rows, p = 6 features, C = 5 labels", done.stdout, re.M)
    means = pd.read_csv(tmp_path / "ldl_results/reviews.csv").set_index("estimator")
    means = means.kl_divergence_mean
    assert means["bfgs-alpha"] < means["mean"]
    assert means["boosting"] < means["mean"]


def test_a_folder_of_images(run_path, tmp_path):
    pytest.importorskip("torch")
    done = run_path("images")
    assert len(list((tmp_path / "faces").glob("*.png"))) == 800
    mean_age, network = map(int, re.findall(r"wrong by (\d+) years", done.stdout))
    told = re.search(r"# (\d+) the mean age, (\d+) the network", README).groups()
    assert mean_age == int(told[0])
    assert abs(network - int(told[1])) <= 2
    [inside] = re.findall(r"^(\d+)% of the ages in intervals", done.stdout, re.MULTILINE)
    assert 65 < int(inside) < 95


def test_a_table_for_a_paper(run_path, tmp_path):
    pytest.importorskip("matplotlib")
    subprocess.run([sys.executable, "-c", PATHS["EXAMPLES"]], cwd=tmp_path, check=True)
    run_path("paper", "--cv 2")
    tables = (tmp_path / "tables.tex").read_text()
    assert tables.count(r"\begin{tabular}") == 4
    assert r"a$\downarrow$ & b$\downarrow$ & c$\downarrow$ & rank \\" in tables
    means = pd.read_csv(tmp_path / "ldl_results/a.csv").set_index("estimator").kl_divergence_mean
    assert len(means) == 2 + 10
    assert means["my_ldl:ridge"] < means["mean"]
    for result in ("scores_tests.csv", "scores_ranks.png"):
        assert (tmp_path / "ldl_results" / result).stat().st_size > 1000


def test_checks_are_those_of_the_probes():
    probes = (TABLES / "features.md").read_text()
    ours, theirs = re.search(r"checks that fail \| 0 of (\d+) \| (\d+ of \d+) ", probes).groups()
    told = " ".join(README.split())
    assert f"None of the {ours} estimator checks" in told
    assert f"and {theirs} do for python-ldl" in told


@pytest.mark.parametrize(
    ("table", "pattern", "told"),
    [
        (
            "solver.md",
            r"best scikit-learn ([\d.]+) \((\d+) cases",
            r"takes (\S+) times as long as `BFGSLDL`.*? mean of (\d+) small cases",
        ),
        (
            "defaults.md",
            r"Median ([\d.]+), largest (\d.\d+).*?Median ([\d.]+), largest (\d.\d+)",
            r"has (\S+) times .*? `Ridge.*? (\S+) times .* at worst (\S+) and (\S+) times",
        ),
    ],
)
def test_figures_are_those_of_the_tables(table, pattern, told):
    measured = re.findall(pattern, (TABLES / table).read_text("utf-8"), re.DOTALL)[0]
    [figures] = re.findall(told, " ".join(README.split()))
    assert sorted(figures) == sorted(measured)


def test_names_in_the_text_exist():
    names = set(re.findall(r"`([A-Z]\w+|votes\w+|vote_\w+)(?:\(|`)", README))
    foreign = {"Dataset", "LogisticRegression", "Ridge", "SKLEARN_LDL_DATA"}
    assert {"AutoLDL", "BFGSLDL", "LDLClassifier", "LDLRegressor"} <= names
    for name in names - foreign:
        assert hasattr(sklearn_ldl, name), name


def test_linked_files_exist():
    for target in re.findall(r"\]\((?!http)([^)#]+)\)", README):
        assert (ROOT / target).exists(), target


def test_ci_runs_every_command_of_the_readme():
    marked = re.findall(r"^<!-- (.*) -->\n```sh\n", README, re.MULTILINE)
    loop = re.search(r"^for what in (.*); do$", (ROOT / ".ci" / "run").read_text(), re.MULTILINE)
    commands = set(marked) - {"votes", "images", "paper"}
    assert commands == {"main job", "tests", "documentation"} == {*shlex.split(loop.group(1))}


def test_the_release_of_pytorch_is_that_of_the_constraints():
    [pinned] = re.findall(r"^torch==.*$", (ROOT / "constraints.txt").read_text(), re.MULTILINE)
    assert f"pip install {pinned} --index-url" in README
