"""The blocks of the guide run as doctests, without a window for their figures."""

from importlib.util import find_spec

import pytest

# Their extra is not part of every set-up that runs the other pages.
collect_ignore = [] if find_spec("skrub") else ["guide/production.rst", "guide/tables.rst"]


@pytest.fixture(autouse=True)
def _figures():
    pyplot = pytest.importorskip("matplotlib.pyplot")
    pyplot.switch_backend("Agg")
    yield
    pyplot.close("all")
