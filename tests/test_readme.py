"""What the README shows must run, and the figures and commands in it are those that were made."""

import re
import shlex

import numpy as np
import pytest

import sklearn_ldl
from sklearn_ldl.__main__ import main
from sklearn_ldl.datasets import make_ldl
from tests import ROOT

README = (ROOT / "README.md").read_text()
TABLES = ROOT / "doc" / "benchmarks"
BLOCKS = re.findall(r"```python\n(.*?)```", README, re.DOTALL)


@pytest.fixture
def votes(tmp_path, monkeypatch):
    """A folder with the table that the README reads, under the header that it shows."""
    monkeypatch.chdir(tmp_path)
    header = re.search(r"^length,.*$", README, re.MULTILINE).group()
    X, D = make_ldl(100, n_votes=20, random_state=0)
    table = np.hstack([X, np.rint(20 * D)])
    np.savetxt("votes.csv", table, "%g", delimiter=",", header=header, comments="")
    return tmp_path


@pytest.mark.parametrize("block", BLOCKS, ids=range(len(BLOCKS)))
def test_python_blocks_run(block, votes):
    pytest.importorskip("pandas")
    pyplot = pytest.importorskip("matplotlib.pyplot")
    pyplot.switch_backend("Agg")
    exec(compile(block, "README.md", "exec"), {})
    pyplot.close("all")
    [picture] = re.findall(r'savefig\("(\S+)"', block)
    assert (votes / picture).stat().st_size > 1000


def test_command_for_votes_runs(votes, capsys):
    [command] = re.findall(r"^python -m sklearn_ldl (compare votes.csv.*)$", README, re.MULTILINE)
    quick = ["--estimators", "knn", "--cv", "2", "--quiet", "--no-plot"]
    assert main([*command.split(), *quick]) == 0
    assert "votes: n = 100 rows, p = 3 features, C = 3 labels" in capsys.readouterr().out


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
