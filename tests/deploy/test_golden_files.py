"""Files of this version and of those before: see ``tests/golden/save_models.py``."""

import json

import pytest
import sklearn
import skops
from numpy.testing import assert_allclose
from packaging.version import Version

import sklearn_ldl
from sklearn_ldl.deploy import describe, load
from tests import ROOT
from tests.golden.save_models import ROWS

FOLDERS = sorted((ROOT / "tests" / "golden").glob("models-*"))
FILES = [path for folder in FOLDERS for path in sorted(folder.glob("*.skops"))]
MAJOR = sklearn_ldl.__version__.split(".")[0]
SAME = [path for path in FILES if describe(path)["version"].split(".")[0] == MAJOR]


def test_this_version_has_files():
    released = sklearn_ldl.__version__.partition(".dev")[0]
    assert f"models-{released}" in {folder.name for folder in FOLDERS}
    assert all(path.stat().st_size < 20_000 for path in FILES)


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.InconsistentVersionWarning")
@pytest.mark.parametrize("path", SAME, ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_predictions_are_those_of_the_version_that_wrote_it(path):
    written = describe(path)["packages"]
    for library in (sklearn, skops):
        name = {"sklearn": "scikit-learn"}.get(library.__name__, library.__name__)
        if Version(library.__version__) < Version(written[name]):
            pytest.skip(f"written with {name} {written[name]}, and this is an older one")
    if path.stem == "network":
        pytest.importorskip("skorch")
    expected = json.loads((path.parent / "predictions.json").read_text())[path.stem]
    assert_allclose(load(path).predict_proba(ROWS), expected, rtol=0, atol=1e-9)
