"""Speed of the classical methods against python-ldl, at an objective at least as low.

Usage: ``SKLEARN_LDL_DATA=... python benchmarks/bench_classical.py [--quick] [--methods NAME ...]
[--raw FILE] [--out FILE]``.
"""

from __future__ import annotations

import argparse
import sys
import time
import warnings
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from _classical import DUELS, Duel
from _common import Table, load, machine
from _rivals import seed_everything
from _worker import OverLimit, Worker
from sklearn.preprocessing import StandardScaler

INTRODUCTION = """\
# The classical methods against python-ldl

Made by `{command}`.

Both packages minimise the same function of the same data (all rows of a file, features
standardised, but for Movie, whose sparse features are raw; a column of ones where there are no
intercepts) with the same published hyper-parameters, ours converted from sums to means over rows.
The objective is python-ldl's, in its scaling, evaluated by one function at both solutions. Times
are CPU seconds; imports and compilation do not count. A fit of more than {limit:g} s is *over
limit*, and the ratio at least that limit over our time.

{notes}
"""
FILES = ["SJAFFE", "SCUT_FBP", "emotion6", "Natural_Scene", "Yeast_alpha"]
COLUMNS = ["method", "data", "their_s", "our_s", "their_objective", "our_objective", "failure"]


def features(data: str) -> tuple[np.ndarray, np.ndarray]:
    """Features as both packages get them, and distributions."""
    X, D = load(data)
    return (X if data == "Movie" else StandardScaler().fit_transform(X)), D


def timed(function) -> tuple[float, Any]:
    """CPU time and result."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        start = time.process_time()
        result = function()
        return time.process_time() - start, result


def fit(side: str, method: str, data: str) -> dict[str, float]:
    """Time and objective of one side."""
    duel: Duel = DUELS[method](*features(data))
    seed_everything(0)
    seconds, solution = timed(getattr(duel, f"{side}_fit"))
    return {f"{side}_s": seconds, f"{side}_objective": duel.objective(solution)}


def record(worker: Worker, limit: float, method: str, data: str) -> dict[str, Any]:
    """Both sides of a comparison."""
    line: dict[str, Any] = {"method": method, "data": data}
    line.update(worker.call(limit, fit, "our", method, data))
    try:
        line.update(worker.call(limit, fit, "their", method, data))
    except OverLimit as error:
        line.update(their_s=limit, failure=str(error))
    return line
