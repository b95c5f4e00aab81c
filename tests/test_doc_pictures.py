"""The chart and the picture of the idea: what they lead to and say, and that they are current."""

import importlib.util

import pytest

import sklearn_ldl
from tests import ROOT

FOLDER = ROOT / "doc" / "_ext"


def load(name):
    if not FOLDER.exists():
        pytest.skip("documentation is not at hand")
    spec = importlib.util.spec_from_file_location(name, FOLDER / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def chart():
    return load("decision_chart")


def test_the_chart_leads_to_public_names_and_begins_with_the_automatic_one(chart):
    names = [name for _, name in chart.links()]
    assert set(names) <= set(sklearn_ldl.__all__)
    assert names[0] == "AutoLDL"


def test_the_forms_of_the_chart_hold_the_same(chart):
    for label, name in chart.links():
        label = chart.escape(label)
        assert f'sklearn_ldl.{name}.html">{label}</a>' in chart.html()
        assert f">{label}</text>" in chart.svg()


def test_the_picture_of_the_chart_is_current(chart):
    assert chart.PICTURE.read_text() == chart.svg()


def test_the_picture_of_the_idea_says_what_is_computed(tmp_path):
    pytest.importorskip("matplotlib").use("Agg")
    pytest.importorskip("skrub")
    glance = load("glance")
    glance.save(tmp_path)
    drawn = {path.name for path in tmp_path.iterdir()}
    assert drawn == {path.name for path in glance.STATIC.glob("glance*.svg")}
    votes, predicted, in_set = (values[glance.ROW] for values in glance.example())
    # What the alternative text and the remark about a class label say.
    text = (ROOT / "doc" / "index.rst").read_text()
    assert f"votes of {votes.sum()} people" in text
    assert votes.argmax() == predicted.argmax() == 3
    assert in_set.tolist() == [False, False, True, True, True]
