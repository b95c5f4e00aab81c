"""Five-fold accuracy of the package's estimators, of baselines and of python-ldl, on real files.

Usage: ``SKLEARN_LDL_DATA=... python benchmarks/bench_accuracy.py [--quick] [--out FILE]``.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import scipy.sparse as sp
from _common import Table, load, machine
from _rivals import PythonLDL
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sklearn_ldl._compare.estimators import ESTIMATORS
from sklearn_ldl._compare.evaluate import SIX, best, evaluate
from sklearn_ldl._compare.problem import Problem

INTRODUCTION = """\
# Five-fold accuracy on real files

Made by `OMP_NUM_THREADS=1 python benchmarks/bench_accuracy.py --out doc/benchmarks/accuracy.md`.
Folds are shuffled with seed 0; rows are fitted with their defaults, on features standardised on the
training folds, but for Movie, whose sparse features are raw. `nystroem` is
`StandardScaler -> Nystroem -> BFGSLDLCV`. The best mean of a column has a star.
"""
FILES = ["SCUT_FBP", "emotion6", "Natural_Scene", "SJAFFE", "Yeast_alpha", "Movie"]
ROWS = ["uniform", "mean", "bfgs", "nystroem", "knn", "pt-bayes", "forest"]


def compare(name, rows):
    X, D = load(name)
    if name == "Movie":
        X = sp.csr_array(X)
    problem = Problem(name, X, D, labels=None, n_folds=5, seed=0)
    results = []
    for row in rows:
        if row == "python-ldl SA_BFGS":
            steps = [] if problem.sparse else [StandardScaler()]
            estimator = make_pipeline(*steps, PythonLDL())
        elif problem.sparse and not ESTIMATORS[row].takes_sparse:
            continue
        else:
            estimator = ESTIMATORS[row].build(problem)
        results.append(evaluate(row, estimator, problem, SIX))
    winners = {measure: best(results, measure) for measure in SIX}
    for result in results:
        cells = {
            m: f"{result.mean(m):.4f} ± {result.std(m):.4f}" + "*" * (winners[m] is result)
            for m in SIX
        }
        yield {"data": name, "estimator": result.estimator, **cells, "fit_s": result.fit_seconds}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="three files, no forest or python-ldl")
    parser.add_argument("--out", type=Path, help="also write the table to this file")
    options = parser.parse_args()
    files, rows = (FILES[:2] + FILES[3:4], ROWS[:-1]) if options.quick else (FILES, ROWS)
    if not options.quick:
        rows = [*rows, "python-ldl SA_BFGS"]
    text = [INTRODUCTION, machine(), ""]
    print("\n".join(text))
    table = Table(data="", estimator="", **dict.fromkeys(SIX, ""), fit_s=".2f")
    for name in files:
        for row in compare(name, rows):
            table.row(**row)
    if options.out:
        options.out.write_text("\n".join([*text, *table.lines]) + "\n")


if __name__ == "__main__":
    main()
