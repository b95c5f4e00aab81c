"""Print the oldest versions that pyproject.toml allows, one requirement a line.

    python .ci/oldest_versions.py [--without NAME ...] [EXTRA ...] > oldest.txt
    pip install -r oldest.txt && pip install --no-deps -e .

They are those of the package itself and of the extras that are named.
"""

import argparse
import re
import tomllib
from pathlib import Path

PYPROJECT = Path(__file__).parents[1] / "pyproject.toml"


def oldest_versions(project, extras=()):
    """Map every package, with the extras it is asked for, to its oldest version."""
    requirements = list(project["dependencies"])
    for extra in extras:
        requirements += project["optional-dependencies"][extra]
    oldest = {}
    for requirement in requirements:
        if own := re.fullmatch(rf"{project['name']}\[(.+)\]", requirement):
            found = oldest_versions(project, own[1].split(","))
        elif bound := re.fullmatch(r"([\w.-]+(?:\[.+\])?)[>=]=([\d.]+)", requirement):
            found = {bound[1]: bound[2]}
        else:
            raise SystemExit(f"{requirement} has no oldest version.")
        for name, version in found.items():
            oldest[name] = max(version, oldest.get(name, "0"), key=_numbers)
    return oldest


def _numbers(version):
    return [int(part) for part in version.split(".")]


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("extras", metavar="EXTRA", nargs="*")
    parser.add_argument("--without", metavar="NAME", action="append", default=[])
    options = parser.parse_args()
    project = tomllib.loads(PYPROJECT.read_text())["project"]
    for name, version in oldest_versions(project, options.extras).items():
        if name not in options.without:
            print(f"{name}=={version}")
