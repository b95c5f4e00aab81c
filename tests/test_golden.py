"""Frozen results of BFGSLDL: ``python tests/test_golden.py`` writes them anew.

The minimiser is unique, so any correct solver must reproduce these figures on any machine; a change
here is a change of the objective.
"""

import json
import os
from pathlib import Path

import numpy as np
import pytest
from numpy.testing import assert_allclose
from sklearn.preprocessing import StandardScaler

from sklearn_ldl import BFGSLDL
from sklearn_ldl.datasets import load_ldl, make_ldl
from tests import ROOT

FILE = ROOT / "tests" / "golden" / "bfgsldl.json"
REAL = ["SCUT_FBP", "emotion6", "SJAFFE", "Natural_Scene", "Yeast_alpha"]
ALPHAS = [1e-1, 1e-3]


def summary(X, D, alpha):
    X = StandardScaler().fit_transform(X.astype(np.float64))
    model = BFGSLDL(alpha=alpha, tol=1e-9).fit(X, D)
    return {
        "loss": model.loss_,
        "coef_norm": float(np.linalg.norm(model.coef_)),
        "intercept": model.intercept_.tolist(),
        "first_row": model.predict(X[:1])[0].tolist(),
    }


def artificial():
    return make_ldl(500, random_state=0)


def compare(name, X, D):
    expected = json.loads(FILE.read_text())[name]
    for alpha in ALPHAS:
        found = summary(X, D, alpha)
        for key, value in expected[str(alpha)].items():
            assert_allclose(found[key], value, rtol=1e-6, atol=1e-7, err_msg=key)


def test_artificial_data():
    compare("artificial", *artificial())


@pytest.mark.parametrize("name", REAL)
def test_real_data(name, load_real):
    compare(name, *load_real(name))


if __name__ == "__main__":
    folder = Path(os.environ["SKLEARN_LDL_DATA"])
    sets = {"artificial": artificial()}
    for name in REAL:
        sets[name] = load_ldl(folder / f"{name}.mat", return_X_y=True)
    golden = {
        name: {str(alpha): summary(X, D, alpha) for alpha in ALPHAS}
        for name, (X, D) in sets.items()
    }
    FILE.write_text(json.dumps(golden, indent=1) + "\n")
