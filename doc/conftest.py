"""The blocks of the guide run as doctests, without a window for their figures."""

import pytest


@pytest.fixture(autouse=True)
def _figures():
    pyplot = pytest.importorskip("matplotlib.pyplot")
    pyplot.switch_backend("Agg")
    yield
    pyplot.close("all")
