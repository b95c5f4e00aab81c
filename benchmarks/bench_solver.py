"""The whitened solver of BFGSLDL against what people use today."""

import time
import tracemalloc
import warnings
from functools import partial

import numpy as np
import pandas as pd
import scipy.sparse as sp
from _common import ARTIFICIAL, best_time, compared, load, processor, run
from _rivals import PythonLDL
from scipy.optimize import minimize
from scipy.special import log_softmax, softmax, xlogy
from scipy.stats import gmean
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import KFold
from sklearn.preprocessing import StandardScaler

from sklearn_ldl import BFGSLDL, BFGSLDLCV

ALPHAS = [1e-1, 1e-2, 1e-3, 1e-4]
FILES = ["SCUT_FBP", "emotion6", "Natural_Scene", "Yeast_alpha", "SJAFFE", "Movie"]
RAW, STANDARDISED, CSR = "raw", "standardised", "raw, CSR"
CASES = [(name, STANDARDISED) for name in [*FILES, "FG-Net", "synthetic"]]
CASES += [("Movie", RAW), ("Movie", CSR), ("synthetic", RAW)]
# Operations for a Hessian, and numbers in copied rows, beyond which scikit-learn is not tried.
MAX_HESSIAN, MAX_COPIES = 5e10, 3e8


def synthetic(n=100_000, p=200, n_labels=10):
    """Ten votes a row from a softmax-linear truth; scales spread over two orders of magnitude."""
    rng = np.random.default_rng(0)
    scale = np.logspace(-1, 1, p)
    X = rng.standard_normal((n, p)) * scale
    W = rng.standard_normal((n_labels, p)) / scale / np.sqrt(p)
    return X, rng.multinomial(10, softmax(X @ W.T, axis=1)) / 10


def prepare(name, form=STANDARDISED):
    X, D = synthetic() if name == "synthetic" else load(name)
    if form == STANDARDISED:
        return StandardScaler().fit_transform(X), D
    return (sp.csr_array(X) if form == CSR else X), D


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


def best_scikit_learn(X, D, alpha, target):
    """Fastest solver of LogisticRegression that reaches the target; (time, name) or None."""
    n, p = X.shape
    if not sp.issparse(X) and np.count_nonzero(D) * p > MAX_COPIES:
        return None
    rows, labels = np.nonzero(D)
    copies = X[rows], labels, D[rows, labels]
    solvers = ["lbfgs", "newton-cg"]
    if len(rows) * (p * D.shape[1]) ** 2 <= MAX_HESSIAN:
        solvers.append("newton-cholesky")
    best = None
    for solver in solvers:
        for tol in (1e-4, 1e-5, 1e-6, 1e-7, 1e-8):
            model = LogisticRegression(C=1 / (alpha * n), solver=solver, tol=tol, max_iter=5000)
            seconds, _ = best_time(1, model.fit, *copies)
            value = objective(X, D, alpha, model.coef_, model.intercept_)[0]
            if value <= target * (1 + 1e-8):
                best = min(best or (np.inf, ""), (seconds, f"{solver}, tol {tol:g}"))
                break
            if best and seconds > best[0]:
                break  # a tighter tolerance takes longer still
    return best


def race(seconds, *calls):
    """Shortest CPU seconds of calls that take turns for some time, and what they returned last."""
    times, stop = [], time.process_time() + seconds
    while not times or (len(times) < 1000 and time.process_time() < stop):
        timed = [best_time(1, call) for call in calls]
        times.append([spent for spent, _ in timed])
    return np.min(times, axis=0), [result for _, result in timed]


def peak_memory(function, *args):
    tracemalloc.start()
    function(*args)
    peak = tracemalloc.get_traced_memory()[1] / 1e6
    tracemalloc.stop()
    return peak


def keep_others(report, heading, table, options):
    """Take over rows of the page on files that are not measured now."""
    for line in report.rows(heading)[1:]:
        if not options.quick and line[2:].partition(" ")[0] not in options.files:
            table.emit(line)


def solvers(report, options):
    table = report.table(
        data="", alpha="g", objective=".8f", gradient=".0e", evaluations="d", plain="d",
        plain_excess=".0e", plain_time=".1f", sklearn_time=".1f", sklearn_solver="", MB=".0f",
        plain_MB=".0f", processor="",
    )  # fmt: skip
    cases = [case for case in CASES if case[0] in options.files]
    keep_others(report, "## Solvers", table, options)
    for name, form in [(ARTIFICIAL, RAW)] if options.quick else cases:
        X, D = prepare(name, form)
        for alpha in ALPHAS[:1] if options.quick else ALPHAS:
            ours = BFGSLDL(alpha=alpha)
            (seconds, plain_seconds), (_, (coef, b, evaluations)) = race(
                0 if options.quick else 3, partial(ours.fit, X, D), partial(plain, X, D, alpha)
            )
            value, norm = objective(X, D, alpha, ours.coef_, ours.intercept_)
            row = {
                "plain_excess": objective(X, D, alpha, coef, b)[0] / value - 1,
                "plain_time": plain_seconds / seconds,
                "MB": peak_memory(ours.fit, X, D),
                "plain_MB": peak_memory(plain, X, D, alpha, 20),
            }
            fastest = None if options.without_sklearn else best_scikit_learn(X, D, alpha, value)
            if fastest:
                row["sklearn_time"], row["sklearn_solver"] = fastest[0] / seconds, fastest[1]
            row |= {"evaluations": ours.n_evaluations_, "plain": evaluations}
            row |= {"data": f"{name} {form}", "processor": processor()}
            table.row(alpha=alpha, objective=value, gradient=norm, **row)
    cells = [[cell.strip() for cell in line[1:-1].split("|")] for line in table.lines[2:]]
    frame = pd.DataFrame(cells, columns=list(table.columns)).replace("", np.nan)
    means = frame.astype({"plain_time": float, "sklearn_time": float}).groupby("processor")
    for name, group in means:
        plains, copies = (group[c].dropna() for c in ("plain_time", "sklearn_time"))
        mean = f"plain L-BFGS {gmean(plains):.1f} ({len(plains)} cases)"
        mean += f", best scikit-learn {gmean(copies):.1f} ({len(copies)} cases)" * (len(copies) > 0)
        report.say("", f"Geometric mean of the time ratios on {name}: {mean}")
    report.say("")


def against_python_ldl(report, options):
    """Run SA_BFGS as it comes (no penalty, 500 iterations), on the same standardised features."""
    our, their = BFGSLDL(alpha=0.01), PythonLDL("SA_BFGS")
    models = {"our_KL": our, "our_CV_KL": BFGSLDLCV(), "their_KL": their, "mean": "mean"}
    digits = dict.fromkeys([*models][:3], ".4f")
    table = report.table(data="", their_time=".1f", **digits, mean_KL=".4f")
    keep_others(report, "## python-ldl, and the error on test rows", table, options)
    folds = KFold(5, shuffle=True, random_state=0)
    for name in [ARTIFICIAL] if options.quick else [f for f in FILES if f in options.files]:
        X, D = prepare(name)
        times = [[best_time(1, m.fit, X, D)[0] for m in (their, our)] for _ in range(3)]
        scores = compared(models, {name: (X, D)}, cv=folds, scoring="kl_divergence")
        kl = scores.groupby("estimator")["kl_divergence"].mean()
        ratio = np.median([t / o for t, o in times])
        table.row(data=name, their_time=ratio, **kl, mean_KL=kl["mean"])


def main(report, options):
    warnings.simplefilter("ignore", ConvergenceWarning)
    report.section("## Solvers")
    solvers(report, options)
    report.section("## python-ldl, and the error on test rows")
    against_python_ldl(report, options)


if __name__ == "__main__":
    every = list(dict.fromkeys(name for name, _ in CASES))
    files = {"nargs": "+", "choices": every, "default": every, "help": "others are not measured"}
    sklearn = {"action": "store_true", "help": "leave out the slowest rival"}
    run(__doc__, main, "python-ldl", files=files, without_sklearn=sklearn)
