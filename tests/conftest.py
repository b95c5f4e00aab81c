import os
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from hypothesis import settings

from sklearn_ldl._core.sklearn_compat import get_feature_names
from sklearn_ldl.datasets import load_ldl

# The same examples on every machine, however slow; --hypothesis-profile=default looks for others.
settings.register_profile("same", derandomize=True, deadline=None)
settings.load_profile("same")

# Holds no doctests, and has the name of a module in doc/.
collect_ignore = ["conftest.py"]


@pytest.fixture(scope="session")
def ldl_data():
    """Folder of the real data files, which are not part of the project."""
    folder = os.environ.get("SKLEARN_LDL_DATA")
    if not folder:
        pytest.skip("set SKLEARN_LDL_DATA to the folder with the real data files")
    return Path(folder)


@pytest.fixture(scope="session")
def load_real(ldl_data):
    """``load_real(name)`` returns (X, D), read once per session and read-only."""

    @cache
    def load(name):
        X, D = load_ldl(ldl_data / f"{name}.mat", return_X_y=True)
        X.setflags(write=False)
        D.setflags(write=False)
        return X, D

    return load


@pytest.fixture
def rng():
    return np.random.default_rng(0)


@pytest.fixture(params=["pandas", "polars"])
def make_frame(request):
    """``make_frame(array, columns)`` makes a frame whose column names scikit-learn sees."""
    library = pytest.importorskip(request.param)

    def make(array, columns):
        frame = library.DataFrame({name: array[:, k] for k, name in enumerate(columns)})
        if get_feature_names(frame) is None:
            pytest.skip(f"this scikit-learn does not see the column names of {request.param}")
        return frame

    return make
