"""Compare the whitened solver with what people use today.

One softmax-linear objective, minimised by

* ``BFGSLDL``,
* scipy's L-BFGS-B on the raw variables, the textbook way,
* scikit-learn's ``LogisticRegression`` on one weighted copy of every row per label, with each
  of its suitable solvers, at the loosest tolerance that reaches the same objective to 1e-8,

on standardised (and, for Movie, sparse raw) features; and python-ldl's ``SA_BFGS`` as it comes,
with its five-fold test error. Times are CPU times, and ratios to ``BFGSLDL`` within one run.

    OMP_NUM_THREADS=1 SKLEARN_LDL_DATA=... python benchmarks/bench_solver.py [--quick] [--out FILE]

A whole run takes long. ``--parts`` and ``--files`` measure some sections and some files alone;
what the output file holds on the others stays, with the processor that every row names.
"""

from __future__ import annotations

import argparse
import os
import warnings
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
import scipy.sparse as sp
from _common import (
    Table,
    best_time,
    load,
    machine,
    peak_memory,
    processor,
    race,
)
from scipy.optimize import minimize
from scipy.special import log_softmax, xlogy
from scipy.stats import gmean
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import KFold, cross_val_score
from sklearn.preprocessing import StandardScaler

from sklearn_ldl import BFGSLDL, BFGSLDLCV
from sklearn_ldl._solver.design import Design
from sklearn_ldl._solver.losses import cross_entropy
from sklearn_ldl.metrics import get_ldl_scorer, kl_divergence

INTRODUCTION = """\
# BFGSLDL against other ways to the same minimum

Made by `OMP_NUM_THREADS=1 python benchmarks/bench_solver.py --out doc/benchmarks/solver.md`.
Times are CPU times of one thread.
"""
SOLVERS = """\
`evaluations` are those of `BFGSLDL` to a gradient max-norm of 1e-6, `plain` those of scipy's
L-BFGS-B on the raw variables to the same norm, at an objective higher by the factor
`1 + plain_excess`. The `time` columns are ratios to `BFGSLDL`: plain L-BFGS, and the fastest
scikit-learn `LogisticRegression`, on rows copied once per label, that reaches the objective to
1e-8. `MB` is the peak of what a fit allocates beside the data. What an empty cell stands for was
not run. All of it takes more than an hour, nearly all of that in scikit-learn on copied rows.

How long a product of few rows with a wide matrix takes, of which all solvers consist, depends on
the kernels that BLAS has for a processor; ratios from two processors differ by up to a factor of
two, and are comparable only within one.
"""
ALPHAS = [1e-1, 1e-2, 1e-3, 1e-4]
# name, standardised, CSR
CASES = [
    ("SCUT_FBP", True, False),
    ("emotion6", True, False),
    ("Natural_Scene", True, False),
    ("Yeast_alpha", True, False),
    ("Movie", True, False),
    ("Movie", False, False),
    ("Movie", False, True),
    ("synthetic", False, False),
    ("SJAFFE", True, False),
    ("FG-Net", True, False),
]
# Evaluations are counted, nothing is timed: the easy case.
COUNTED = [("synthetic", True, False)]
FILES = ["SCUT_FBP", "emotion6", "Natural_Scene", "Yeast_alpha", "SJAFFE", "Movie"]
# Operations beyond which a Hessian of scikit-learn's newton-cholesky is not formed.
MAX_HESSIAN = 5e10
# Copied rows beyond this many numbers are not tried.
MAX_COPIES = 3e8


def case_label(name, standardised, csr):
    return f"{name} {'standardised' if standardised else 'raw'}{', CSR' if csr else ''}"


def prepare(name, standardised, csr):
    X, D = load(name)
    X = StandardScaler().fit_transform(X) if standardised else X
    return (sp.csr_array(X) if csr else X), D


def objective(X, D, alpha, coef, intercept):
    L = log_softmax(X @ coef.T + intercept, axis=1)
    gradient = (np.exp(L) - D) / len(D)
    value = (xlogy(D, D) - D * L).sum() / len(D) + alpha / 2 * (coef**2).sum()
    norm = max(np.abs(gradient.T @ X + alpha * coef).max(), np.abs(gradient.sum(axis=0)).max())
    return value, norm


def plain(X, D, alpha, max_iter=20_000):
    """Minimise the same objective in raw variables, as a textbook writes it."""
    (n, p), n_labels = X.shape, D.shape[1]
    constant = xlogy(D, D).sum() / n

    def function(x):
        W, b = x[:-n_labels].reshape(p, n_labels), x[-n_labels:]
        L = log_softmax(X @ W + b, axis=1)
        E = (np.exp(L) - D) / n
        value = constant - (D * L).sum() / n + alpha / 2 * (W**2).sum()
        return value, np.concatenate([(X.T @ E + alpha * W).ravel(), E.sum(axis=0)])

    options = {"maxiter": max_iter, "maxfun": 2 * max_iter, "gtol": 1e-6, "ftol": 0}
    start = np.zeros((p + 1) * n_labels)
    found = minimize(function, start, jac=True, method="L-BFGS-B", options=options)
    return found.x[:-n_labels].reshape(p, n_labels).T, found.x[-n_labels:], found.nfev


def copied(X, D):
    """One weighted copy of every row for each of its labels."""
    rows, labels = np.nonzero(D)
    return X[rows], labels, D[rows, labels]


def best_scikit_learn(X, D, alpha, target):
    """Fastest solver of LogisticRegression that reaches the target; (time, name) or None."""
    n, p = X.shape
    if not sp.issparse(X) and np.count_nonzero(D) * p > MAX_COPIES:
        return None
    copies, labels, weight = copied(X, D)
    solvers = ["lbfgs", "newton-cg"]
    if copies.shape[0] * (p * D.shape[1]) ** 2 <= MAX_HESSIAN:
        solvers.append("newton-cholesky")
    best = None
    for solver in solvers:
        for tol in (1e-4, 1e-5, 1e-6, 1e-7, 1e-8):
            model = LogisticRegression(C=1 / (alpha * n), solver=solver, tol=tol, max_iter=5000)
            seconds, _ = best_time(1, model.fit, copies, labels, weight)
            value = objective(X, D, alpha, model.coef_, model.intercept_)[0]
            if value <= target * (1 + 1e-8):
                best = min(best or (np.inf, ""), (seconds, f"{solver}, tol {tol:g}"))
                break
            if best and seconds > best[0]:
                break  # a tighter tolerance takes longer still
    return best


def compare_solvers(cases, alphas, options, known):
    """Measure some cases; rows that are `known` from an earlier run stand for the others."""
    table = Table(
        data="", alpha="g", objective=".8f", gradient=".0e", evaluations="d", plain="d",
        plain_excess=".0e", plain_time=".1f", sklearn_time=".1f", sklearn_solver="", MB=".0f",
        plain_MB=".0f", processor="",
    )  # fmt: skip
    for case in cases:
        X, D = None, None
        for alpha in alphas:
            line = known.get((case_label(*case), format(alpha, "g")))
            if options.files and case[0] not in options.files:
                if line is None:
                    continue
                table.emit(line)
            else:
                if X is None:
                    X, D = prepare(*case)
                table.row(**measure(case, X, D, alpha, options))
    means = geometric_means(table)
    print("\n".join(means), "\n")
    return [SOLVERS, *table.lines, "", *means]


def geometric_means(table):
    """Means of the time ratios, a line for every processor."""
    ratios = {}
    for line in table.lines[2:]:
        cells = dict(zip(table.columns, cells_of(line), strict=True))
        for column, name in (("plain_time", "plain L-BFGS"), ("sklearn_time", "best scikit-learn")):
            if cells[column]:
                of_processor = ratios.setdefault(cells["processor"], {})
                of_processor.setdefault(name, []).append(float(cells[column]))
    return [
        f"Geometric mean of the time ratios on {processor}: "
        + ", ".join(f"{who} {gmean(v):.1f} ({len(v)} cases)" for who, v in of_processor.items())
        for processor, of_processor in ratios.items()
    ]


def measure(case, X, D, alpha, options):
    """Fill one row of the table of solvers."""
    ours = BFGSLDL(alpha=alpha)
    timed = case not in COUNTED
    rival = (lambda: plain(X, D, alpha)) if timed else (lambda: None)
    (seconds, plain_seconds), (_, found) = race(
        0 if options.quick or options.counts or not timed else 3, lambda: ours.fit(X, D), rival
    )
    value, norm = objective(X, D, alpha, ours.coef_, ours.intercept_)
    row = {
        "data": case_label(*case), "alpha": alpha, "objective": value, "gradient": norm,
        "evaluations": ours.n_evaluations_, "processor": processor(),
    }  # fmt: skip
    if not timed:
        return row
    coef, b, row["plain"] = found
    row["plain_excess"] = objective(X, D, alpha, coef, b)[0] / value - 1
    if options.counts:
        return row
    row["plain_time"] = plain_seconds / seconds
    if not options.without_sklearn:
        fastest = best_scikit_learn(X, D, alpha, value)
        if fastest:
            row["sklearn_time"], row["sklearn_solver"] = fastest[0] / seconds, fastest[1]
    if not options.quick:
        row["MB"] = peak_memory(ours.fit, X, D)
        row["plain_MB"] = peak_memory(plain, X, D, alpha, 20)
    return row


def evaluation_cost():
    """Cost of one evaluation against its two matrix products alone."""
    ratio = "time of an evaluation / its two matrix products"
    table = Table(**{"data": "", ratio: ".2f"})
    for name in ("Movie", "synthetic"):
        X, D = prepare(name, True, False)
        weight = np.full(len(X), 1 / len(X))
        design = Design(X, weight, center=True)
        D = np.asfortranarray(D)
        coef, b = np.zeros((D.shape[1], X.shape[1])), np.zeros(D.shape[1])
        E = np.ascontiguousarray(D.T)

        ratios = [
            best_time(3, evaluate, design, D, coef, b)[0] / best_time(3, products, X, coef, E)[0]
            for _ in range(5)
        ]
        table.row(**{"data": case_label(name, True, False), ratio: np.median(ratios)})
    return table.lines


def evaluate(design, D, coef, b):
    Z = design.logits(coef, b)
    return design.gradient(cross_entropy(Z, D, design.weight, out=Z)[1])


def products(X, coef, E):
    return coef @ X.T, E @ X


def sparse_against_dense():
    """Movie, raw features, default tolerances: CSR against the same numbers stored densely."""
    X, D = prepare("Movie", False, False)
    sparse = sp.csr_array(X)
    model, other = BFGSLDL(alpha=0.01), BFGSLDL(alpha=0.01)
    ratios = [
        best_time(2, model.fit, X, D)[0] / best_time(2, other.fit, sparse, D)[0] for _ in range(5)
    ]
    difference = np.abs(model.coef_ - other.coef_).max()
    line = (
        f"Movie raw, default tolerances, time of dense / CSR: {np.median(ratios):.1f}; "
        f"largest difference of a coefficient: {difference:.0e}"
    )
    print(line, "\n")
    return [line]


def fit_sa_bfgs(X, D):
    from pyldl.algorithms import SA_BFGS

    np.random.seed(0)  # noqa: NPY002 - its start is drawn from the global generator
    model = SA_BFGS()
    model.fit(X, D)
    return model


def against_python_ldl(names, repeats):
    """Run SA_BFGS as it comes (no penalty, 500 iterations), on the same standardised features."""
    table = Table(
        data="", their_time=".1f", our_KL=".4f", our_CV_KL=".4f", their_KL=".4f", mean_KL=".4f"
    )
    splits = KFold(5, shuffle=True, random_state=0)
    scorer = get_ldl_scorer("neg_kl_divergence")
    for name in names:
        X, D = prepare(name, True, False)
        ratios = [
            best_time(1, fit_sa_bfgs, X, D)[0] / best_time(1, BFGSLDL(alpha=0.01).fit, X, D)[0]
            for _ in range(repeats)
        ]
        theirs, mean = [], []
        for train, test in splits.split(X):
            model = fit_sa_bfgs(X[train], D[train])
            theirs.append(kl_divergence(D[test], model.predict(X[test])))
            mean.append(kl_divergence(D[test], np.tile(D[train].mean(axis=0), (len(test), 1))))
        table.row(
            data=name,
            their_time=np.median(ratios),
            our_KL=-cross_val_score(BFGSLDL(alpha=0.01), X, D, cv=splits, scoring=scorer).mean(),
            our_CV_KL=-cross_val_score(BFGSLDLCV(), X, D, cv=splits, scoring=scorer).mean(),
            their_KL=np.mean(theirs),
            mean_KL=np.mean(mean),
        )
    return table.lines


def cells_of(line):
    return [cell.strip() for cell in line[1:-1].split("|")] if line.startswith("|") else []


def sections_of(path):
    """Text of a file of tables by the heading of its sections."""
    sections, heading = {}, ""
    for line in path.read_text().splitlines() if path and path.exists() else []:
        if line.startswith("## "):
            heading = line[3:]
        sections.setdefault(heading, []).append(line)
    return sections


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="small sets, two penalties, minutes")
    parser.add_argument("--out", type=Path, help="also write the tables to this file")
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=list(PARTS))
    parser.add_argument("--files", nargs="+", help="files whose solvers are measured; default all")
    parser.add_argument("--counts", action="store_true", help="count evaluations, time nothing")
    parser.add_argument(
        "--without-sklearn", action="store_true", help="leave out the slowest rival"
    )
    options = parser.parse_args()
    warnings.simplefilter("ignore", ConvergenceWarning)
    written = sections_of(options.out)
    print(INTRODUCTION)
    for part in options.parts:
        heading, make = PARTS[part]
        if options.quick and part in ("evaluation", "sparse"):
            continue
        print(f"## {heading}\n\n{machine()}\n")
        lines = make(options, written.get(heading, []))
        written[heading] = [f"## {heading}", "", machine(), "", *lines, ""]
    written[""] = INTRODUCTION.splitlines()
    if options.out:
        order = ["", *(heading for heading, _ in PARTS.values())]
        order += [heading for heading in written if heading not in order]
        text = ["\n".join(written[heading]).strip() for heading in order if heading in written]
        options.out.write_text("\n\n".join(text) + "\n")


def _solvers(options, lines):
    rows = [cells for line in lines if len(cells := cells_of(line)) > 2]
    known = {tuple(cells[:2]): f"| {' | '.join(cells)} |" for cells in rows}
    if options.quick:
        return compare_solvers(CASES[:4] + COUNTED, [1e-1, 1e-3], options, known)
    return compare_solvers(CASES + COUNTED, ALPHAS, options, known)


def _python_ldl(options, _):
    names = FILES[:-1] if options.quick else FILES
    return against_python_ldl(names, 1 if options.quick else 3)


#: Name of a part -> its heading, and what makes it of the options and its lines of the last run.
PARTS = {
    "solvers": ("Solvers", _solvers),
    "evaluation": ("Cost of an evaluation", lambda *_: evaluation_cost()),
    "sparse": ("Sparse and dense features", lambda *_: sparse_against_dense()),
    "python-ldl": ("python-ldl, and the error on test rows", _python_ldl),
}


if __name__ == "__main__":
    main()
