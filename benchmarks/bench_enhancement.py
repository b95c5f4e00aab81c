"""Label enhancement: how well distributions are recovered from logical labels.

Usage: ``SKLEARN_LDL_DATA=... python benchmarks/bench_enhancement.py [--quick] [--raw FILE]
[--out FILE]``.
"""

from __future__ import annotations

import argparse
import sys
import time
import warnings
from functools import lru_cache
from importlib.metadata import version
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from _common import SIMILARITIES, SIX, Table, load, machine
from _ranks import average_ranks
from _rivals import algorithm, seed_everything
from _worker import OverLimit, Worker
from numpy.typing import NDArray
from sklearn.base import BaseEstimator
from sklearn.preprocessing import StandardScaler

from sklearn_ldl import enhancement, metrics
from sklearn_ldl.datasets import make_ldl
from sklearn_ldl.enhancement import to_logical_labels

INTRODUCTION = """\
# Recovery of distributions from logical labels

Made by `{command}`.

Logical labels are the fewest labels of a sample that have half of its mass (`to_logical_labels`).
Features are standardised; `artificial` is `make_ldl({n_artificial}, random_state=0)`, and of Movie
{n_movie} rows, drawn at random, are taken. Enhancers are given features and logical labels of all
rows. Scored are four fifths of the rows, the same for all. *Tuned* is the one of the candidates
below, both normalisations included, with the lowest KL divergence on the other fifth, whose
distributions are thus taken to be known:

{candidates}

"softmax" and "sum" are the normalisations, with all else at the defaults. python-ldl, which knows
the softmax only, has its own defaults. The best of a column has a star. `sum` gives exact zeros to
irrelevant labels, each of which costs 32 nats times its mass in KL divergence where it is wrong.
Times are CPU seconds; a tuned row has that of all its fits. *Over limit*: more than {limit:g} s.
"""
N_ARTIFICIAL, N_MOVIE = 1000, 1000
DATA = ["SJAFFE", "Movie", "Natural_Scene", "Yeast_alpha", "artificial"]
UNIFORM, LOGICAL = "uniform", "normalised logical labels"
PREFIX = "python-ldl "
RIVALS = ("FCM", "KM", "LP", "ML", "GLLE")
#: Enhancer -> values that are tried.
GRIDS: dict[type[BaseEstimator], dict[str, list]] = {
    enhancement.FCMEnhancer: {"n_clusters": [50, 10, 100]},
    enhancement.KMEnhancer: {"gamma": ["median", "scale"]},
    enhancement.LPEnhancer: {"propagation": [0.5, 0.9], "n_neighbors": [None, 20]},
    enhancement.MLEnhancer: {"margin": [1.0, 0.3, 0.1]},
    enhancement.GLLEEnhancer: {"graph_weight": [1e-2, 1.0, 10.0, 100.0]},
}
NORMALIZATIONS, TUNED = ("softmax", "sum"), "tuned"
COLUMNS = ["data", "row", "setting", *SIX, "seconds", "chosen", "failure"]


@lru_cache(maxsize=1)
def problem(data: str) -> tuple[NDArray, NDArray, NDArray]:
    """Features, distributions, and which rows may be used to choose parameters."""
    if data == "artificial":
        X, D = make_ldl(N_ARTIFICIAL, random_state=0)
    else:
        X, D = load(data)
    rng = np.random.default_rng(0)
    if data == "Movie":
        rows = rng.choice(len(D), N_MOVIE, replace=False)
        X, D = X[rows], D[rows]
    known = rng.permutation(len(D)) < len(D) // 5
    return StandardScaler().fit_transform(X), np.ascontiguousarray(D), known


def combinations() -> list[tuple[str, str]]:
    """All pairs of row and setting."""
    own = [(kind.__name__, s) for kind in GRIDS for s in (*NORMALIZATIONS, TUNED)]
    return [(UNIFORM, ""), (LOGICAL, ""), *own, *((PREFIX + name, "") for name in RIVALS)]


def recover(row: str, setting: str, data: str) -> dict[str, Any]:
    """Recover the distributions of one data set, and score them."""
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
            P, chosen = enhance(getattr(enhancement, row), setting, X, L, D, known)
    seconds = time.process_time() - start
    line = {"data": data, "row": row, "setting": setting, "seconds": seconds, "chosen": chosen}
    if not np.isfinite(P).all():
        return {**line, "failure": "NaN"}
    return {**line, **{name: getattr(metrics, SIX[name])(D[~known], P[~known]) for name in SIX}}


def enhance(
    kind: type[BaseEstimator], setting: str, X: NDArray, L: NDArray, D: NDArray, known: NDArray
) -> tuple[NDArray, str]:
    """Distributions of one setting, and the parameters that were chosen."""
    names = ["normalization", *GRIDS[kind]]
    values = product(NORMALIZATIONS, *GRIDS[kind].values())
    candidates = [dict(zip(names, v, strict=True)) for v in values]
    if setting != TUNED:
        candidates = [{"normalization": setting}]
    best, result = np.inf, None
    for candidate in candidates:
        enhancer = kind(**candidate)
        if "random_state" in enhancer.get_params():
            enhancer.set_params(random_state=0)
        P = enhancer.fit_transform(X, L)
        score = metrics.kl_divergence(D[known], P[known])
        if score < best:
            text = ", ".join(f"{name}={value}" for name, value in candidate.items())
            best, result = score, (P, text if setting == TUNED else "")
    return result


def run(names: list[str], limit: float, raw: Path | None) -> pd.DataFrame:
    """One line per data set, row and setting; those in `raw` are not repeated."""
    known = pd.DataFrame(columns=COLUMNS)
    if raw and raw.exists():
        known = pd.read_csv(raw, keep_default_na=False, na_values={"kl_divergence": ""})
    done = set(known[["data", "row", "setting"]].itertuples(index=False, name=None))
    worker, frames = Worker(), [known]
    for data in names:
        for row, setting in combinations():
            if (data, row, setting) in done:
                continue
            try:
                line = worker.call(limit, recover, row, setting, data)
            except (OverLimit, RuntimeError) as error:
                line = {"data": data, "row": row, "setting": setting, "failure": str(error)}
            frame = pd.DataFrame([line], columns=COLUMNS)
            print(*frame.loc[0, ["data", "row", "setting", "kl_divergence"]], file=sys.stderr)
            frames.append(frame)
            if raw:
                frame.to_csv(raw, mode="a", header=not raw.exists(), index=False)
    frame = pd.concat(frames, ignore_index=True)
    frame[list(SIX)] = frame[list(SIX)].apply(pd.to_numeric)
    return frame[frame["data"].isin(names)]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="two data sets, 10 s a fit")
    parser.add_argument("--limit", type=float, default=300.0, help="CPU seconds of one row")
    parser.add_argument("--out", type=Path, help="also write the table to this file")
    parser.add_argument("--raw", type=Path, help="CSV file of all values, to resume a run from")
    options = parser.parse_args()
    names, limit = ([DATA[0], DATA[-1]], 10.0) if options.quick else (DATA, options.limit)
    frame = run(names, limit, options.raw)

    command = "OMP_NUM_THREADS=1 python benchmarks/bench_enhancement.py"
    command += " --quick" if options.quick else ""
    command += f" --out {options.out}" if options.out else ""
    candidates = [
        f"- {kind.__name__}: "
        + "; ".join(f"{name} {', '.join(map(str, values))}" for name, values in grid.items())
        for kind, grid in GRIDS.items()
    ]
    text = [
        INTRODUCTION.format(
            command=command,
            n_artificial=N_ARTIFICIAL,
            n_movie=N_MOVIE,
            limit=limit,
            candidates="\n".join(candidates),
        ),
        f"{machine()}, python-ldl {version('python-ldl')}, Keras {version('keras')} with torch "
        f"{version('torch')}",
        "",
    ]
    print("\n".join(text))
    table = Table(data="", enhancer="", setting="", **dict.fromkeys(SIX, ""), seconds="", chosen="")
    for data in names:
        lines = frame[frame["data"] == data]
        best = {m: lines[m].max() if m in SIMILARITIES else lines[m].min() for m in SIX}
        order = combinations().index
        for line in sorted(lines.to_dict("records"), key=lambda x: order((x["row"], x["setting"]))):
            cells = {m: f"{line[m]:.4f}" + "*" * bool(line[m] == best[m]) for m in SIX}
            if np.isnan(line["kl_divergence"]):
                cells = dict.fromkeys(SIX, line["failure"])
            seconds = pd.to_numeric(line["seconds"])
            table.row(
                data=data,
                enhancer=line["row"],
                setting=line["setting"],
                **cells,
                seconds="" if np.isnan(seconds) else f"{seconds:.2f}",
                chosen=line["chosen"],
            )
    frame["name"] = (frame["row"] + " " + frame["setting"]).str.strip()
    ranks = {}
    for measure in SIX:
        losses = frame.pivot(index="name", columns="data", values=measure).dropna()
        ranks[measure] = average_ranks(-losses if measure in SIMILARITIES else losses)
    ranks = pd.DataFrame(ranks).sort_values("kl_divergence")
    summary = ["", "Average ranks over the data sets, of those that have a figure on each:", ""]
    print("\n".join(summary))
    rank_table = Table(enhancer="", **dict.fromkeys(SIX, ".1f"))
    for name, values in ranks.iterrows():
        rank_table.row(enhancer=name, **values)
    if options.out:
        lines = [*text, *table.lines, *summary, *rank_table.lines]
        options.out.write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
