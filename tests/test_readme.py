"""What the README shows must run, and the commands it gives are those that are tested."""

import re
from pathlib import Path

import pytest

import sklearn_ldl

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text()
BLOCKS = re.findall(r"```python\n(.*?)```", README, flags=re.DOTALL)


@pytest.mark.parametrize("block", BLOCKS, ids=range(len(BLOCKS)))
def test_python_blocks_run(block):
    exec(compile(block, "README.md", "exec"), {})


def test_names_in_the_tables_exist():
    names = set(re.findall(r"`([A-Z]\w+|votes\w+|vote_\w+)(?:\(|`)", README))
    foreign = {
        "Dataset",
        "ExtraTreesRegressor",
        "GridSearchCV",
        "KNeighborsRegressor",
        "LogisticRegression",
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


def test_ci_runs_the_command_of_the_readme():
    assert "<!-- tests -->" in README
    assert "readme_command tests" in (ROOT / ".ci" / "run").read_text()
