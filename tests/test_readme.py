"""What the README shows must run, and the figures and commands in it are those that were made."""

import re
import shlex
import sys

import numpy as np
import pandas as pd
import pytest
from scipy.io import savemat

import sklearn_ldl
from sklearn_ldl.__main__ import main
from sklearn_ldl.datasets import make_ldl
from tests import ROOT

README = (ROOT / "README.md").read_text()
TABLES = ROOT / "doc" / "benchmarks"
*BLOCKS, OWN = re.findall(r"```python\n(.*?)```", README, re.DOTALL)


@pytest.fixture
def reviews(tmp_path, monkeypatch):
    """A folder with the table that the README reads, under the header that it shows."""
    pytest.importorskip("skrub")
    monkeypatch.chdir(tmp_path)
    [command] = re.findall(r"`(make_reviews\(.*?\))` of `sklearn_ldl.datasets`", README)
    exec(f"from sklearn_ldl.datasets import make_reviews; {command}")
    header = re.search(r"^,sku.*$", README, re.MULTILINE).group()
    table = (tmp_path / "reviews.csv").read_text()
    assert table.splitlines()[0] == header
    # What makes it a table of the world: 2,000 rows, gaps, rows with one vote or none.
    assert table.count("\n") == 2001
    assert ",," in table
    assert re.search(r"\"(,0){5}\n", table)
    assert re.search(r"\"(,0)*,1(,0)*\n", table)
    return tmp_path


@pytest.mark.parametrize("block", BLOCKS, ids=range(len(BLOCKS)))
def test_python_blocks_run(block, reviews):
    pyplot = pytest.importorskip("matplotlib.pyplot")
    pyplot.switch_backend("Agg")
    names = {}
    exec(compile(block, "README.md", "exec"), names)
    pyplot.close("all")
    [picture] = re.findall(r'savefig\("(\S+)"', block)
    assert (reviews / picture).stat().st_size > 1000
    if "ours" in names:
        # Weighted, and 0 is the mean.
        assert names["ours"] > max(names["theirs"], 0)
        told = re.search(r"no better than the mean: (\S+) and (\S+) here", block)
        np.testing.assert_allclose(
            [names["ours"], names["theirs"]], [*map(float, told.groups())], atol=0.05
        )


def test_command_for_votes_runs(reviews, capsys):
    [command] = re.findall(r"^python -m sklearn_ldl (compare reviews.csv.*)$", README, re.MULTILINE)
    quick = ["--estimators", "bfgs-alpha", "boosting", "--cv", "2", "--quiet", "--no-plot"]
    assert main([*command.split(), *quick]) == 0
    said = capsys.readouterr()
    assert re.search(r"^reviews: n = \d+ rows, p = 6 features, C = 5 labels", said.out)
    assert "column A has no name and numbers the rows: left out" in said.err
    assert "column B (sku) is an identifier" in said.err
    assert "rows have no votes: left out" in said.err
    means = pd.read_csv("ldl_results/reviews.csv").set_index("estimator").kl_divergence_mean
    assert means["bfgs-alpha"] < means["mean"]
    assert means["boosting"] < means["mean"]


def test_command_for_a_paper_runs(tmp_path, monkeypatch, capsys):
    pytest.importorskip("matplotlib")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", ["", *sys.path])
    (tmp_path / "my_ldl.py").write_text(OWN)
    for seed, name in enumerate("abc"):
        X, D = make_ldl(40, n_votes=10, random_state=seed)
        savemat(f"{name}.mat", {"features": X, "labels": D})
    [command] = re.findall(
        r"^python -m sklearn_ldl (compare a.mat.*) > tables.tex$", README, re.MULTILINE
    )
    assert main([*command.split(), "--cv", "2", "--quiet"]) == 0
    tables = capsys.readouterr().out
    assert tables.count(r"\begin{tabular}") == 4
    assert r"a$\downarrow$ & b$\downarrow$ & c$\downarrow$ & rank \\" in tables
    means = pd.read_csv("ldl_results/a.csv").set_index("estimator").kl_divergence_mean
    assert len(means) == 2 + 10
    assert means["my_ldl:ridge"] < means["mean"]
    for result in ("scores_tests.csv", "scores_ranks.png"):
        assert (tmp_path / "ldl_results" / result).stat().st_size > 1000


def test_the_first_example_is_short():
    assert len([line for line in BLOCKS[0].splitlines() if line.strip()]) <= 16


def test_features_are_those_of_the_probes():
    probes = (TABLES / "features.md").read_text()
    assert probes[probes.index("| feature") :] in README


@pytest.mark.parametrize(
    ("table", "pattern"),
    [
        ("solver.md", r"plain L-BFGS ([\d.]+) "),
        ("solver.md", r"best scikit-learn ([\d.]+) "),
        ("classical.md", r"^- (\S+: [\d.]+) on "),
        ("deep.md", r"DeepLDLRegressor \| [\d.]+ \| ([\d.]+) \|"),
        ("deep.md", r"DeepLDLRegressor \| [\d.]+ \| [\d.]+ \| ([\d.]+) \|"),
    ],
)
def test_ratios_are_those_of_the_tables(table, pattern):
    found = re.findall(pattern, (TABLES / table).read_text(), re.MULTILINE)
    assert found
    section = README[README.index("## Measured") :]
    for ratio in found:
        name, _, value = ratio.rpartition(": ")
        # "2861.7" may be written as "2862", but "1.03" not as "1".
        spellings = {value, f"{float(value):.0f}"} if float(value) > 100 else {value}
        assert any(f"{name} {spelling}".strip() in section for spelling in spellings), ratio


def test_names_in_the_tables_exist():
    names = set(re.findall(r"`([A-Z]\w+|votes\w+|vote_\w+)(?:\(|`)", README))
    foreign = {
        "Dataset",
        "ExtraTreesRegressor",
        "GridSearchCV",
        "KNeighborsRegressor",
        "LogisticRegression",
        "NeuralNetClassifier",
        "Nystroem",
        "Pipeline",
        "RandomForestRegressor",
        "Ridge",
        "SKLEARN_LDL_DATA",
        "StandardScaler",
    }
    assert {"BFGSLDL", "LDLClassifier", "votes_to_distribution"} <= names
    for name in names - foreign:
        assert hasattr(sklearn_ldl, name), name


def test_linked_files_exist():
    for target in re.findall(r"\]\((?!http)([^)#]+)\)", README):
        assert (ROOT / target).exists(), target


def test_ci_runs_every_command_of_the_readme():
    marked = re.findall(r"^<!-- (.*) -->\n```sh\n", README, re.MULTILINE)
    loop = re.search(r"^for what in (.*); do$", (ROOT / ".ci" / "run").read_text(), re.MULTILINE)
    assert marked == ["main job", "tests", "documentation"] == shlex.split(loop.group(1))


def test_the_release_of_pytorch_is_that_of_the_constraints():
    [pinned] = re.findall(r"^torch==.*$", (ROOT / "constraints.txt").read_text(), re.MULTILINE)
    assert f"pip install {pinned} --index-url" in README
