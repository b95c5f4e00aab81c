"""The page that translates PyLDL names all that it has, and nothing that it has not."""

import re

import pytest

from tests import ROOT

algorithms = pytest.importorskip("pyldl.algorithms")

PAGE = (ROOT / "doc" / "guide" / "coming_from.rst").read_text("utf-8")
TABLE = PAGE[PAGE.index("* - ``pyldl.algorithms``") : PAGE.index("Where both have a method")]


def test_every_algorithm_is_named_once():
    first_cells = re.findall(r"^   \* - (.*(?:\n {7}.*)*)", TABLE, flags=re.M)
    named = [name for cell in first_cells for name in re.findall(r"``(\w+)", cell)]
    assert sorted(named) == sorted(name for name in algorithms.__all__ if name[0] != "_")
