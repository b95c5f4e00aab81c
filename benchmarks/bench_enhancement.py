"""Label enhancement: how well distributions are recovered from logical labels."""

import time
import warnings
from functools import cache
from itertools import product

import numpy as np
import pandas as pd
from _common import ARTIFICIAL, CACHE, SIMILARITIES, SIX, load, run
from _rivals import algorithm, seed_everything
from _worker import OverLimit, Worker
from sklearn.preprocessing import StandardScaler

from sklearn_ldl import enhancement, metrics
from sklearn_ldl.compare.cache import ScoreCache
from sklearn_ldl.datasets import make_ldl
from sklearn_ldl.enhancement import to_logical_labels

LIMIT = 60.0
DATA = ["SJAFFE", "Movie", "Natural_Scene", "Yeast_alpha", ARTIFICIAL]
UNIFORM, LOGICAL = "uniform", "normalised logical labels"
PREFIX = "python-ldl "
#: Enhancer -> values that are tried.
GRIDS = {
    "FCMEnhancer": {"n_clusters": [50, 10, 100]},
    "KMEnhancer": {"gamma": ["median", "scale"]},
    "LPEnhancer": {"propagation": [0.5, 0.9], "n_neighbors": [None, 20]},
    "MLEnhancer": {"margin": [1.0, 0.3, 0.1]},
    "GLLEEnhancer": {"graph_weight": [1e-2, 1.0, 10.0, 100.0]},
}
NORMALIZATIONS, TUNED = ("softmax", "sum"), "tuned"
ROWS = [
    *((UNIFORM, ""), (LOGICAL, "")),
    *((kind, setting) for kind in GRIDS for setting in (*NORMALIZATIONS, TUNED)),
    *((PREFIX + name, "") for name in ("FCM", "KM", "LP", "ML", "GLLE")),
]


@cache
def problem(data):
    """Features, distributions, and which rows may be used to choose parameters."""
    X, D = make_ldl(1000, random_state=0) if data == ARTIFICIAL else load(data)
    rng = np.random.default_rng(0)
    if data == "Movie":
        rows = rng.choice(len(D), 1000, replace=False)
        X, D = X[rows], D[rows]
    known = rng.permutation(len(D)) < len(D) // 5
    return StandardScaler().fit_transform(X), np.ascontiguousarray(D), known


def recover(row, setting, data):
    X, D, known = problem(data)
    L = to_logical_labels(D)
    chosen = ""
    if row.startswith(PREFIX):
        kind = algorithm(row.removeprefix(PREFIX))
        seed_everything(0)
    start = time.process_time()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        if row == UNIFORM:
            P = np.full(D.shape, 1 / D.shape[1])
        elif row == LOGICAL:
            P = L / L.sum(axis=1, keepdims=True)
        elif row.startswith(PREFIX):
            # GLLE recomputes its kernel from X if it is given any.
            P = np.asarray(kind().fit(X, L.astype(float)).transform(), dtype=float)
            P = P / P.sum(axis=1, keepdims=True)
        else:
            P, chosen = enhance(row, setting, X, L, D, known)
    line = {"seconds": time.process_time() - start, "chosen": chosen, "failure": "NaN"}
    if np.isfinite(P).all():
        line["failure"] = None
        line |= {name: getattr(metrics, SIX[name])(D[~known], P[~known]) for name in SIX}
    return line


def enhance(kind, setting, X, L, D, known):
    grid = {"normalization": NORMALIZATIONS, **GRIDS[kind]}
    candidates = [dict(zip(grid, values, strict=True)) for values in product(*grid.values())]
    if setting != TUNED:
        candidates = [{"normalization": setting}]
    seed = {"random_state": 0} if kind == "FCMEnhancer" else {}
    enhancers = [getattr(enhancement, kind)(**candidate, **seed) for candidate in candidates]
    found = [enhancer.fit_transform(X, L) for enhancer in enhancers]
    best = int(np.argmin([metrics.kl_divergence(D[known], P[known]) for P in found]))
    text = ", ".join(f"{name}={value}" for name, value in candidates[best].items())
    return found[best], text if setting == TUNED else ""


def outcomes(rows, names, kept):
    worker = Worker()
    for data, (row, setting) in product(names, rows):
        key = f"{data} | {row} | {setting}"
        line = kept.get(key)
        if line is None:
            try:
                line = worker.call(LIMIT, recover, row, setting, data)
            except (OverLimit, RuntimeError) as error:
                line = {"failure": str(error)}
            kept.add(key, line)
        yield {"data": data, "enhancer": row, "setting": setting, **line}


def main(report, options):
    names, rows = DATA, ROWS
    if options.quick:  # without the slowest
        names, rows = DATA[-1:], [row for row in ROWS if "ML" not in row[0]]
    empty = {"failure": None, **dict.fromkeys(SIX, np.nan)}
    kept = ScoreCache(None if options.quick else options.cache)
    frame = pd.DataFrame([empty | line for line in outcomes(rows, names, kept)])
    losses = frame[list(SIX)] * [-1 if name in SIMILARITIES else 1 for name in SIX]
    best = losses == losses.groupby(frame["data"]).transform("min")
    columns = ("data", "enhancer", "setting", *SIX, "seconds", "chosen")
    table = report.table(**dict.fromkeys(columns, ""))
    for i, line in frame.iterrows():
        cells = {m: line["failure"] or f"{line[m]:.4f}" + "*" * int(best.loc[i, m]) for m in SIX}
        seconds = None if np.isnan(line["seconds"]) else f"{line['seconds']:.2f}"
        table.row(**{**line, **cells, "seconds": seconds, "chosen": line["chosen"] or ""})
    report.say("", "Average ranks over the data sets, of those that have a figure on each:", "")
    losses["name"] = (frame["enhancer"] + " " + frame["setting"]).str.strip()
    complete = losses.groupby("name").filter(lambda group: group[list(SIX)].notna().all(axis=None))
    ranks = complete.groupby(frame["data"])[list(SIX)].rank().groupby(complete["name"]).mean()
    table = report.table(enhancer="", **dict.fromkeys(SIX, ".1f"))
    for name, values in ranks.sort_values("kl_divergence").iterrows():
        table.row(enhancer=name, **values)


if __name__ == "__main__":
    run(__doc__, main, "python-ldl", "keras", "torch", cache=CACHE)
