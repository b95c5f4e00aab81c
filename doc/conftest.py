"""The blocks of the guide run as doctests, without a window for their figures."""

from importlib.util import find_spec

import pytest

# Their extras are not part of every set-up that runs the other pages.
_NEEDS = {
    "guide/explaining.rst": "shap",
    "guide/onnx.rst": "skl2onnx",
    "guide/production.rst": "skrub",
    "guide/tables.rst": "skrub",
    "guide/tutorial.rst": "skrub",
}
collect_ignore = [page for page, package in _NEEDS.items() if not find_spec(package)]


@pytest.fixture(autouse=True)
def _figures():
    pyplot = pytest.importorskip("matplotlib.pyplot")
    pyplot.switch_backend("Agg")
    yield
    pyplot.close("all")
