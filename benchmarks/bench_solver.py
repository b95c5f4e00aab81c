"""Compare the whitened solver with what people use today.

One softmax-linear objective, minimised by

* ``BFGSLDL``,
* scipy's L-BFGS-B on the raw variables, the textbook way,
* scikit-learn's ``LogisticRegression`` on one weighted copy of every row per label, with each
  of its suitable solvers, at the loosest tolerance that reaches the same objective to 1e-8,

on standardised (and, for Movie, sparse raw) features; and python-ldl's ``SA_BFGS`` as it comes,
with its five-fold test error. Times are ratios to ``BFGSLDL`` within one run.

    OMP_NUM_THREADS=1 SKLEARN_LDL_DATA=... python benchmarks/bench_solver.py [--quick] [--out FILE]
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

`evaluations` are those of `BFGSLDL` to a gradient max-norm of 1e-6, `plain` those of scipy's
L-BFGS-B on the raw variables to the same norm, at an objective higher by the factor
`1 + plain_excess`. The `time` columns are ratios to `BFGSLDL`: plain L-BFGS, and the fastest
scikit-learn `LogisticRegression`, on rows copied once per label, that reaches the objective to
1e-8. `MB` is the peak of what a fit allocates beside the data. What an empty cell stands for was
not run. All of it takes more than an hour, nearly all of that in scikit-learn on copied rows.
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


def plain(X, D, alpha):
    """Minimise the same objective in raw variables, as a textbook writes it."""
    (n, p), n_labels = X.shape, D.shape[1]
    constant = xlogy(D, D).sum() / n

    def function(x):
        W, b = x[:-n_labels].reshape(p, n_labels), x[-n_labels:]
        L = log_softmax(X @ W + b, axis=1)
        E = (np.exp(L) - D) / n
        value = constant - (D * L).sum() / n + alpha / 2 * (W**2).sum()
        return value, np.concatenate([(X.T @ E + alpha * W).ravel(), E.sum(axis=0)])

    options = {"maxiter": 20_000, "maxfun": 40_000, "gtol": 1e-6, "ftol": 0}
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


def compare_solvers(cases, alphas, repeats, with_memory):
    table = Table(
        data="", alpha="g", objective=".8f", gradient=".0e", evaluations="d", plain="d",
        plain_excess=".0e", plain_time=".1f", sklearn_time=".1f", sklearn_solver="", MB=".0f",
        plain_MB=".0f",
    )  # fmt: skip
    plain_ratios, sklearn_ratios = [], []
    for case in cases:
        X, D = prepare(*case)
        for alpha in alphas:
            ours = BFGSLDL(alpha=alpha)
            seconds, _ = best_time(repeats, ours.fit, X, D)
            value, norm = objective(X, D, alpha, ours.coef_, ours.intercept_)
            row = {
                "data": case_label(*case), "alpha": alpha, "objective": value, "gradient": norm,
                "evaluations": ours.n_evaluations_,
            }  # fmt: skip
            if case not in COUNTED:
                plain_seconds, (coef, b, row["plain"]) = best_time(
                    max(1, repeats // 2), plain, X, D, alpha
                )
                row["plain_excess"] = objective(X, D, alpha, coef, b)[0] / value - 1
                row["plain_time"] = plain_seconds / seconds
                plain_ratios.append(row["plain_time"])
                fastest = best_scikit_learn(X, D, alpha, value)
                if fastest:
                    row["sklearn_time"], row["sklearn_solver"] = fastest[0] / seconds, fastest[1]
                    sklearn_ratios.append(row["sklearn_time"])
                if with_memory:
                    row["MB"] = peak_memory(ours.fit, X, D)
                    row["plain_MB"] = peak_memory(plain, X, D, alpha)
            table.row(**row)
    means = (
        f"\nGeometric mean of the time ratios: plain L-BFGS {gmean(plain_ratios):.1f} "
        f"({len(plain_ratios)} cases), best scikit-learn {gmean(sklearn_ratios):.1f} "
        f"({len(sklearn_ratios)} cases)\n"
    )
    print(means)
    return [*table.lines, means]


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


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="small sets, two penalties, minutes")
    parser.add_argument("--out", type=Path, help="also write the tables to this file")
    options = parser.parse_args()
    warnings.simplefilter("ignore", ConvergenceWarning)
    cases, alphas, names = CASES + COUNTED, ALPHAS, FILES
    if options.quick:
        cases, alphas, names = CASES[:4] + COUNTED[:1], [1e-1, 1e-3], FILES[:-1]
    text = [INTRODUCTION, machine(), ""]
    print("\n".join(text))
    text += compare_solvers(cases, alphas, 1 if options.quick else 3, not options.quick)
    if not options.quick:
        text += ["", *evaluation_cost(), "", *sparse_against_dense(), ""]
    text += against_python_ldl(names, 1 if options.quick else 3)
    if options.out:
        options.out.write_text("\n".join(text) + "\n")


if __name__ == "__main__":
    main()
