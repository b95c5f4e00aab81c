"""The page on the papers: what it names exists, and takes the parameters that it shows."""

import ast
import importlib
import inspect
import re

import pytest

import sklearn_ldl
from tests import ROOT

pytest.importorskip("skorch")

DOC = ROOT / "doc"
PAGE = (DOC / "guide" / "papers.md").read_text("utf-8")
ROWS = [line for line in PAGE.splitlines() if line.startswith("| ")]
# {class}`DeepRegressor(loss="l1") <sklearn_ldl.DeepRegressor>`, or with the path alone
ROLE = re.compile(r"\{(class|func|meth|data)\}`(?:([^`<]*) <([\w.]+)>|~?([\w.]+))`")
NAMED = {(target or path, title) for _, title, target, path in ROLE.findall(PAGE)}


def public_names():
    modules = [sklearn_ldl, *(getattr(sklearn_ldl, name) for name in sklearn_ldl._MODULES)]
    names = {name for module in modules for name in getattr(module, "__all__", ())}
    return names - set(sklearn_ldl._MODULES)


def found(path):
    parts = path.split(".")
    for length in range(len(parts), 0, -1):
        try:
            value = importlib.import_module(".".join(parts[:length]))
        except ImportError:
            continue
        for name in parts[length:]:
            value = getattr(value, name)
        return value
    raise ImportError(path)


def plain(text):
    """Leave out roles, code and what is no text of ours."""
    return re.sub(r"\{\w+\}`[^`]*`|`[^`]*`", "", text)


@pytest.mark.parametrize(("path", "title"), sorted(NAMED), ids=lambda value: value or "-")
def test_what_is_named_exists_and_has_the_parameters(path, title):
    named = found(path)
    if "(" not in title:
        return
    call = ast.parse(title, mode="eval").body
    assert ast.unparse(call.func) == path.rpartition(".")[2]
    given = {keyword.arg: ast.literal_eval(keyword.value) for keyword in call.keywords}
    assert given.keys() <= inspect.signature(named).parameters.keys()
    if hasattr(named, "_validate_params"):
        named(**given)._validate_params()


def test_scripts_examples_and_pages_exist():
    folders = ROOT / "benchmarks", DOC / "examples"
    scripts = {path.name for folder in folders for path in folder.rglob("*_*.py")}
    said = set(re.findall(r"(?:\b|examples_[a-z]+_)((?:bench|plot)_\w+\.py)", PAGE))
    assert said - scripts == set()
    pages = [path for kind in ("rst", "md") for path in DOC.glob(f"[gr]*/*.{kind}")]
    label = re.compile(r"^(?:\(([\w-]+)\)=|\.\. _([\w-]+):)", re.M)
    labels = {a or b for path in pages for a, b in label.findall(path.read_text("utf-8"))}
    refs = set(re.findall(r"\{ref\}`([\w-]+)`", PAGE))
    assert refs
    assert refs <= labels


def test_what_can_be_linked_is():
    # Behind the first column, where methods have the names of the papers.
    cells = [plain(row.partition(" | ")[2]) for row in ROWS]
    words = {word for cell in cells for word in re.findall(r"\w+", cell)}
    assert words & public_names() == set()


def test_every_row_says_where_it_is_or_why_it_is_not():
    for row in ROWS:
        paper, here, by = (cell.strip() for cell in row.strip().removesuffix("|").split("|")[1:])
        if paper.startswith("**") or paper == "in the paper":
            continue
        assert here, row
        assert by != "-" or "missing" in here or "no class" in here or "not published" in here, row
