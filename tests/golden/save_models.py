"""Write files of models that later versions have to read: ``python -m tests.golden.save_models``.

Every release writes them once, beside those of releases before: ``models-<version>/`` has a file
for each model and `predictions.json`, what it predicted when it was written. Files that are there
are not written again.
"""

import json

import numpy as np
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler, normalize

import sklearn_ldl
from sklearn_ldl import (
    BFGSLDL,
    DeepLDLClassifier,
    GaussianLabelDistributor,
    GradientBoostingLDL,
    KNeighborsLDL,
    LDLRegressor,
    StackingLDL,
    TemperatureCalibrator,
)
from sklearn_ldl.deploy import save
from tests import ROOT

#: The rows that predictions are of, to the last digit in every version.
ROWS = np.arange(15.0).reshape(5, 3) % 7 - 3


def models():
    """Small fitted models, one for each way in which a file keeps its parts."""
    rng = np.random.default_rng(0)
    X = rng.standard_normal((30, 3)).round(3)
    D = normalize(np.exp(X @ rng.standard_normal((3, 3))), norm="l1")
    y = np.array(["no", "perhaps", "yes"])[D.argmax(axis=1)]
    neighbors = make_pipeline(StandardScaler(), KNeighborsLDL())
    trees = GradientBoostingLDL(2, max_depth=2, random_state=0)
    grid = GaussianLabelDistributor(np.arange(-3.0, 4.0))
    yield "linear", make_pipeline(StandardScaler(), TemperatureCalibrator(BFGSLDL())).fit(X, D)
    yield "mixture", StackingLDL([("near", neighbors), ("trees", trees)], cv=2).fit(X, D)
    yield "values", LDLRegressor(BFGSLDL(), distributor=grid).fit(X, X[:, 0])
    network = DeepLDLClassifier(
        hidden_layer_sizes=(4,), standardize=True, max_epochs=3, random_state=0
    )
    yield "network", network.fit(X, y)


if __name__ == "__main__":
    folder = ROOT / "tests" / "golden" / f"models-{sklearn_ldl.__version__}"
    if folder.exists():
        raise SystemExit(f"{folder} is there: raise the version, or remove it if it is unreleased.")
    predictions = {}
    for name, model in models():
        save(model, folder / f"{name}.skops")
        predictions[name] = model.predict_proba(ROWS).tolist()
    (folder / "predictions.json").write_text(json.dumps(predictions, indent=1) + "\n")
