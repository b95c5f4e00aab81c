"""What the project's files say of versions, in several places, is the same."""

import re
import subprocess
import sys
import tomllib

import pytest
from packaging.requirements import Requirement
from packaging.version import Version

import sklearn_ldl
from tests import ROOT

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))


def oldest(*arguments):
    command = [sys.executable, ROOT / ".ci" / "oldest_versions.py", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def declared(extra):
    """Requirements of an extra, and of the extras that it names."""
    for requirement in map(Requirement, PROJECT["optional-dependencies"][extra]):
        if requirement.name == PROJECT["name"]:
            for other in requirement.extras:
                yield from declared(other)
        else:
            yield requirement


@pytest.mark.parametrize("extra", [None, *PROJECT["optional-dependencies"]])
def test_oldest_versions_are_the_least_that_are_allowed(extra):
    run = oldest(*([extra] if extra else []))
    assert run.returncode == 0, run.stderr
    found = {line.name: line for line in map(Requirement, run.stdout.splitlines())}
    requirements = [Requirement(line) for line in PROJECT["dependencies"]]
    requirements += declared(extra) if extra else []
    assert found.keys() == {requirement.name for requirement in requirements}
    for requirement in requirements:
        [pin] = found[requirement.name].specifier
        assert pin.operator == "=="
        assert requirement.specifier.contains(pin.version)
        assert found[requirement.name].extras == requirement.extras
        bounds = [
            bound.version
            for other in requirements
            if other.name == requirement.name
            for bound in other.specifier
        ]
        assert Version(pin.version) == max(map(Version, bounds))


def test_packages_can_be_left_out_of_the_oldest_versions():
    lines = oldest("--without", "torch", "deep").stdout.splitlines()
    assert [Requirement(line).name for line in lines][-1] == "skorch"


def test_oldest_versions_of_an_unknown_extra_are_an_error():
    assert oldest("nonsense").returncode != 0


def test_classifiers_are_the_versions_of_python_that_workflows_test():
    classified = re.findall(r"Python :: (3\.\d+)", "\n".join(PROJECT["classifiers"]))
    matrix = re.search(r"python: \[(.*)\]", (ROOT / ".github/workflows/tests.yml").read_text())
    assert re.findall(r"3\.\d+", matrix.group(1)) == classified
    assert PROJECT["requires-python"] == f">={classified[0]}"
    assert f"python{classified[0]}" in (ROOT / ".ci" / "run").read_text()


def test_every_version_of_the_package_is_the_same():
    citation = (ROOT / "CITATION.cff").read_text()
    assert f"\nversion: {sklearn_ldl.__version__}\n" in citation


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.stem)
def test_actions_are_pinned(path):
    uses = re.findall(r"uses: (.*)", path.read_text())
    assert uses
    for action in uses:
        assert re.fullmatch(r"[\w-]+/[\w-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+", action), action
