"""What the tests of displays share."""

import numpy as np
import pytest


@pytest.fixture(autouse=True)
def plt():
    matplotlib = pytest.importorskip("matplotlib")
    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    yield plt
    plt.close("all")


@pytest.fixture
def pair(rng):
    return rng.dirichlet(np.ones(4), 20), rng.dirichlet(np.ones(4), 20)
