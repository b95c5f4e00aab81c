"""Measure whether rows that members disagree about are those that are predicted badly."""

import pandas as pd
from _common import ARTIFICIAL, load, run, spread
from scipy.stats import spearmanr
from sklearn.base import clone
from sklearn.ensemble import BaggingRegressor, RandomForestRegressor
from sklearn.model_selection import KFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sklearn_ldl import BFGSLDL
from sklearn_ldl.deep import DeepLDLRegressor
from sklearn_ldl.metrics import kl_divergence
from sklearn_ldl.uncertainty import decompose_uncertainty, predict_members

FILES = [
    "SJAFFE", "M2B", "SCUT_FBP", "Natural_Scene", "emotion6", "FG-Net",
    "Yeast_alpha", "Yeast_cold", "Yeast_heat", "Yeast_spo",
]  # fmt: skip
MODELS = {
    "bag of 20 BFGSLDL": make_pipeline(
        StandardScaler(), BaggingRegressor(BFGSLDL(), n_estimators=20, random_state=0)
    ),
    "random forest": RandomForestRegressor(100, min_samples_leaf=5, max_features=1 / 3),
    "DeepLDLRegressor": DeepLDLRegressor(n_members=8, random_state=0),
}


def correlations(model, X, D, train, test):
    """Rank correlations of the error of test rows with each part of the uncertainty."""
    P = predict_members(clone(model).fit(X[train], D[train]), X[test])
    error = kl_divergence(D[test], P.mean(axis=0), per_row=True)
    parts = decompose_uncertainty(P)._asdict()
    found = {part: float(spearmanr(error, values)[0]) for part, values in parts.items()}
    return found | {"KL": float(error.mean())}


def main(report, options):
    names, n_folds = ([ARTIFICIAL], 1) if options.quick else (FILES, 3)
    table = report.table(
        data="", model="", KL="", **dict.fromkeys(["epistemic", "aleatoric", "total"], "")
    )
    for name in names:
        X, D = load(name)
        folds = list(KFold(5, shuffle=True, random_state=0).split(X))[:n_folds]
        for label, model in MODELS.items():
            frame = pd.DataFrame([correlations(model, X, D, *fold) for fold in folds])
            cells = {part: spread(frame[part], 3 if part == "KL" else 2) for part in frame}
            table.row(data=name, model=label, **cells)


if __name__ == "__main__":
    run(__doc__, main, "torch", "skorch")
