"""What README and guide show must run, and the commands they give are those that are tested."""

import re
from pathlib import Path

import pytest

import sklearn_ldl

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text()
PAGES = [ROOT / "README.md", *sorted((ROOT / "doc" / "guide").glob("*.md"))]
BLOCKS = [
    pytest.param(block, page, id=f"{page.stem}-{number}")
    for page in PAGES
    for number, block in enumerate(re.findall(r"```python\n(.*?)```", page.read_text(), re.DOTALL))
]


@pytest.mark.parametrize(("block", "page"), BLOCKS)
def test_python_blocks_run(block, page):
    exec(compile(block, page.name, "exec"), {})


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


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_linked_files_exist(page):
    for target in re.findall(r"\]\((?!http)([^)#]+)\)", page.read_text()):
        assert (page.parent / target).exists(), target


def test_ci_runs_the_command_of_the_readme():
    assert "<!-- tests -->" in README
    assert "readme_command tests" in (ROOT / ".ci" / "run").read_text()
