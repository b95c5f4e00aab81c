"""Speed of the classical methods against python-ldl, at an objective that is at least as low."""

import time
import warnings
from functools import lru_cache

import numpy as np
from _classical import COMPILED, ENHANCERS, LEARNERS
from _common import ARTIFICIAL, CACHE, load, run
from _rivals import algorithm, seed_everything
from _worker import OverLimit, Worker
from scipy.stats import gmean
from sklearn.preprocessing import StandardScaler

from sklearn_ldl.compare.cache import ScoreCache
from sklearn_ldl.enhancement import to_logical_labels

LIMIT = 300.0
FILES = ["SJAFFE", "SCUT_FBP", "emotion6", "Natural_Scene", "Yeast_alpha"]
#: Files on which a method is fitted, where these are others.
FILES_OF = {"IIS": FILES[:1], "LDLSF": [*FILES, "Movie"], "LDL-LCLR": [*FILES, "Movie"]}
SHORTEST = 0.1  # seconds of repeated fits together: clocks are coarse


@lru_cache(maxsize=1)
def problem(method, data):
    X, D = load(data)
    if data != "Movie":
        X = StandardScaler().fit_transform(X)
    D = np.ascontiguousarray(D)
    if method in ENHANCERS:
        return ENHANCERS[method](X / np.sqrt(2 * X.shape[1]), to_logical_labels(D))
    return LEARNERS[method](X, D)


def fit(method, data, precision=None):
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


def race(worker, limit, method, data):
    """Find times and objectives of both; NaN for what was over the limit, or has no objective."""
    try:
        (their_s, theirs), ended = worker.call(limit, fit, method, data), False
    except OverLimit:
        their_s, theirs, ended = limit, np.nan, True
    line = {"their_s": their_s, "theirs": theirs, "ended": ended}
    line |= {"our_s": limit, "ours": np.nan, "precision": "over limit", "missed": False}
    for precision in problem(method, data).precisions:
        try:
            our_s, ours = worker.call(limit, fit, method, data, precision)
        except OverLimit:
            break
        # Up to one part in a million.
        missed = not (ended or np.isnan(ours) or ours <= theirs + 1e-6 * abs(theirs))
        line |= {"our_s": our_s, "ours": ours, "precision": precision, "missed": missed}
        if not (ended or missed):
            break
    return line


def cells(line):
    bound = ">" * line["ended"]
    return {
        "python_ldl_s": f"{bound}{line['their_s']:.3f}",
        "ours_s": line["our_s"],
        "ratio": f"{bound}{line['their_s'] / line['our_s']:.1f}" + " !" * line["missed"],
        "python_ldl_objective": None if np.isnan(line["theirs"]) else line["theirs"],
        "our_objective": None if np.isnan(line["ours"]) else line["ours"],
        "precision": f"{line['precision']}",
    }


def main(report, options):
    methods, limit = options.methods, LIMIT
    if options.quick:
        methods, limit = ["IIS", "LDLSF", "LDSVR", "FCM", "KM", "GLLE"], 1.0
    algorithm("KM")  # is imported before the worker begins
    kept, worker, means = ScoreCache(None if options.quick else options.cache), Worker(), []
    times = {"python_ldl_s": "", "ours_s": ".3f", "ratio": ""}
    objectives = {"python_ldl_objective": ".6g", "our_objective": ".6g"}
    table = report.table(method="", data="", **times, **objectives, precision="")
    for method in methods:
        ratios = []
        for data in [ARTIFICIAL] if options.quick else FILES_OF.get(method, FILES):
            key = f"{method} | {data} | {limit:g} s"
            line = kept.get(key)
            if line is None:
                line = race(worker, limit, method, data)
                kept.add(key, line)
            ratios.append(line["their_s"] / line["our_s"])
            table.row(method=method, data=data, **cells(line))
        means.append(f"- {method}: {gmean(ratios):.1f} on {len(ratios)} files")
    report.say("", "Geometric means of the ratios:", "", *means)


if __name__ == "__main__":
    every = [*LEARNERS, *ENHANCERS]
    methods = {"nargs": "+", "choices": every, "default": every, "help": "default: all"}
    run(__doc__, main, "python-ldl", "keras", "torch", cache=CACHE, methods=methods)
