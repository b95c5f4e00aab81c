"""Speed of the classical methods against python-ldl, at an objective that is at least as low.

Usage: ``SKLEARN_LDL_DATA=... python benchmarks/bench_classical.py [--quick] [--methods NAME ...]
[--files NAME ...] [--limit SECONDS] [--raw FILE] [--out FILE]``.
"""

from __future__ import annotations

import argparse
import sys
import time
import warnings
from functools import lru_cache
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from _classical import COMPILED, ENHANCERS, LEARNERS, Duel
from _common import Table, load, machine
from _rivals import algorithm, seed_everything
from _worker import OverLimit, Worker
from sklearn.preprocessing import StandardScaler

from sklearn_ldl.enhancement import to_logical_labels

INTRODUCTION = """\
# The classical methods against python-ldl

Made by `{command}`.

Both packages solve the same problem, on all rows of a file, with the same published
hyper-parameters, ours converted from sums to means over rows. The objective is python-ldl's, in its
scaling, computed by one function from both solutions. Ours is fitted with rising precision until
its objective is as low as python-ldl's, up to one part in a million; the time is that of the last
fit, its precision (a tolerance, or a number of sweeps or epochs) is in the table, and the ratio has
a "!" where none was enough. Times are CPU seconds of one thread, without imports and compilation. A
fit of python-ldl that reached the limit of CPU time was ended there: its time, with a ">", is that
limit, and ours is that of the most precise fit within it.

Features are standardised (Movie's, which are sparse, are raw), and for the enhancers divided by a
constant that makes the mean squared distance one, for which the published widths were made. There
are no intercepts: LDLSF, which needs one, has a column of ones.

- IIS: maximum entropy without penalty.
- LDLSF: with python-ldl's signed correlations. Its row sums are brought to one before the objective
  is computed.
- LDL-LCLR: without the local term, with which nothing bounds the objective from below.
- CPNN: mean KL divergence on the training rows, which is what it minimises.
- LDL-SCL and LDSVR: the packages bound the codes in different ways, and have different losses.
  Shown is the mean KL divergence of predictions on the training rows, which neither minimises.
- FCM: the objective is that of the clusters, which have many local minima; with the published
  exponent the lowest is where all centres coincide. Enhancers get the fewest labels that
  have half of the mass.
- KM and LP are closed forms, without an objective.
- ML: on the graph that python-ldl builds. GLLE: without its stochastic term.
"""
FILES = ["SJAFFE", "SCUT_FBP", "emotion6", "Natural_Scene", "Yeast_alpha"]
#: Files on which a method is fitted, where these are others.
FILES_OF = {"IIS": ["SJAFFE"], "LDLSF": [*FILES, "Movie"], "LDL-LCLR": [*FILES, "Movie"]}
#: Fits are repeated until they have taken this long together, in seconds: clocks are coarse.
SHORTEST = 0.1
COLUMNS = ["method", "data", "their_s", "our_s", "their_objective", "our_objective", "precision"]


@lru_cache(maxsize=1)
def problem(method: str, data: str) -> Duel:
    """Both fits of a method on a file."""
    X, D = load(data)
    if data != "Movie":
        X = StandardScaler().fit_transform(X)
    D = np.ascontiguousarray(D)
    if method in ENHANCERS:
        return ENHANCERS[method](X / np.sqrt(2 * X.shape[1]), to_logical_labels(D))
    return LEARNERS[method](X, D)


def fit(method: str, data: str, precision: Any = None) -> tuple[float, float]:
    """CPU time and objective of python-ldl, or of ours with a precision."""
    duel = problem(method, data)
    if precision is None and method in COMPILED:
        algorithm(COMPILED[method])
    seconds, n_fits = 0.0, 0
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        while seconds < SHORTEST:
            seed_everything(0)
            start = time.process_time()
            solution = duel.their_fit() if precision is None else duel.our_fit(precision)
            seconds += time.process_time() - start
            n_fits += 1
    return seconds / n_fits, duel.objective(solution) if duel.objective else np.nan


def compare(worker: Worker, limit: float, method: str, data: str) -> dict[str, Any]:
    """Fit both, and return their times and objectives."""
    try:
        their_s, theirs = worker.call(limit, fit, method, data)
    except OverLimit:
        their_s, theirs = limit, None
    line = [method, data, their_s, limit, theirs, None, "over limit"]
    for precision in problem(method, data).precisions:
        try:
            our_s, ours = worker.call(limit, fit, method, data, precision)
        except OverLimit:
            break
        line = [method, data, their_s, our_s, theirs, ours, precision]
        if theirs is not None and (np.isnan(ours) or is_as_low(ours, theirs)):
            break
    return dict(zip(COLUMNS, line, strict=True))


def is_as_low(ours: float, theirs: float) -> bool:
    """Whether an objective is not above another, up to one part in a million."""
    return ours <= theirs + 1e-6 * abs(theirs)


def run(methods: list[str], files: list[str], limit: float, raw: Path | None) -> pd.DataFrame:
    """One line per method and file; those in `raw` are not repeated, and new ones are added."""
    known = pd.read_csv(raw) if raw and raw.exists() else pd.DataFrame(columns=COLUMNS)
    done = set(known[["method", "data"]].itertuples(index=False, name=None))
    worker, frames = Worker(), [known]
    for method in methods:
        for data in FILES_OF.get(method, FILES):
            if data in files and (method, data) not in done:
                frame = pd.DataFrame([compare(worker, limit, method, data)], columns=COLUMNS)
                print(*frame.iloc[0], file=sys.stderr, flush=True)
                frames.append(frame)
                if raw:
                    frame.to_csv(raw, mode="a", header=not raw.exists(), index=False)
    frame = pd.concat(frames, ignore_index=True)
    objectives = ["their_objective", "our_objective"]
    frame[objectives] = frame[objectives].astype(float)
    return frame[frame["method"].isin(methods) & frame["data"].isin(files)]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    everything = [*LEARNERS, *ENHANCERS]
    parser.add_argument("--methods", nargs="+", choices=everything, default=everything)
    parser.add_argument("--files", nargs="+", choices=[*FILES, "Movie"], default=[*FILES, "Movie"])
    parser.add_argument("--quick", action="store_true", help="two files, 20 s a fit")
    parser.add_argument("--limit", type=float, default=300.0, help="CPU seconds of one fit")
    parser.add_argument("--out", type=Path, help="also write the table to this file")
    parser.add_argument("--raw", type=Path, help="CSV file of all values, to resume a run from")
    options = parser.parse_args()
    files, limit = (FILES[:2], 20.0) if options.quick else (options.files, options.limit)

    command = "OMP_NUM_THREADS=1 python benchmarks/bench_classical.py"
    command += " --quick" if options.quick else ""
    command += f" --out {options.out}" if options.out else ""
    frame = run(options.methods, files, limit, options.raw)
    text = [
        INTRODUCTION.format(command=command),
        f"{machine()}, python-ldl {version('python-ldl')}, Keras {version('keras')} with torch "
        f"{version('torch')}",
        "",
    ]
    print("\n".join(text))
    table = Table(
        method="",
        data="",
        python_ldl_s="",
        ours_s=".3f",
        ratio="",
        python_ldl_objective=".6g",
        our_objective=".6g",
        precision="",
    )
    means = []
    for method in options.methods:
        lines = frame[frame["method"] == method]
        for line in sorted(
            lines.to_dict("records"), key=lambda x: [*FILES, "Movie"].index(x["data"])
        ):
            theirs, ours = line["their_objective"], line["our_objective"]
            ended = bool(np.isnan(theirs) and not np.isnan(ours))
            missed = not (ended or np.isnan(ours) or is_as_low(ours, theirs))
            table.row(
                method=method,
                data=line["data"],
                python_ldl_s=">" * ended + f"{line['their_s']:.3f}",
                ours_s=line["our_s"],
                ratio=">" * ended + f"{line['their_s'] / line['our_s']:.1f}" + " !" * missed,
                python_ldl_objective=None if np.isnan(theirs) else theirs,
                our_objective=None if np.isnan(ours) else ours,
                precision="" if pd.isna(line["precision"]) else f"{line['precision']}",
            )
        if len(lines):
            mean = np.exp(np.log(lines["their_s"] / lines["our_s"]).mean())
            means.append(f"- {method}: {mean:.1f} on {len(lines)} files")
    summary = ["", "Geometric means of the ratios:", "", *means]
    print("\n".join(summary))
    if options.out:
        options.out.write_text("\n".join([*text, *table.lines, *summary]) + "\n")


if __name__ == "__main__":
    main()
