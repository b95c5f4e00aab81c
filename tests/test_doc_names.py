"""Every public name is explained on a page, not just listed in the reference."""

import re
from importlib import import_module

import pytest

import sklearn_ldl
from tests import ROOT

pytest.importorskip("skorch")

DOC = ROOT / "doc"


def explanations():
    """Text of the guide, the gallery and tutorials, without the links at the end of pages."""
    pages = [*DOC.glob("guide/*.rst"), *DOC.glob("examples/**/*.py"), *DOC.glob("tutorial*/**/*.*")]
    for page in sorted(pages):
        if page.suffix in {".rst", ".md", ".py"}:
            yield re.split(r"^(?:# |#+ )?Where to go next$", page.read_text("utf-8"), flags=re.M)[0]


TEXT = "\n".join(explanations())
NAMES = [*sklearn_ldl._PUBLIC] + [
    f"{room}.{name}"
    for room in sklearn_ldl._MODULES
    for name in import_module(f"sklearn_ldl.{room}").__all__
    if name not in sklearn_ldl._PUBLIC
]


def is_explained(name, text):
    """Whether a text has the name; of a room with its room, or in an import from there."""
    room, _, own = name.rpartition(".")
    if not room:
        return re.search(rf"\b{own}\b", text) is not None
    imported = rf"from sklearn_ldl\.{room}(?:\.\w+)* import (?:\([^)]*|[^\n(]*)\b{own}\b"
    return re.search(rf"\b{room}\.{own}\b|{imported}", text) is not None


@pytest.mark.parametrize("name", NAMES)
def test_a_page_explains_the_name(name):
    assert is_explained(name, TEXT), "tell what it is for in doc/guide"


def test_names_that_no_page_explains_are_found():
    text = "from sklearn_ldl.metrics import clark_distance, log_loss\nthe median of decoding.mode"
    assert is_explained("metrics.log_loss", text)
    assert is_explained("decoding.mode", text)
    assert not is_explained("decoding.median", text)
    assert not is_explained("BFGSLDL", "BFGSLDLCV")


def test_what_to_write_for_what_one_has_exists():
    page = (DOC / "guide" / "coming_from.rst").read_text("utf-8")
    glance = page[page.index("At a glance") : page.index("From copied rows\n---")]
    names = set(re.findall(r"``([A-Za-z]\w+)(?:\(|``)", glance))
    theirs = {"LogisticRegression", "Ridge", "KNeighborsRegressor", "RandomForestRegressor"}
    theirs |= {"ExtraTreesRegressor", "make_pipeline", "fmlogit", "predict_proba", "reliability_"}
    assert len(names - theirs) > 15
    for name in names - theirs:
        assert hasattr(sklearn_ldl, name) or hasattr(sklearn_ldl.metrics, name), name
