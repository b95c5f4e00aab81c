"""What estimators do at their defaults: against what they replace, and against each other.

Usage: ``SKLEARN_LDL_DATA=... python benchmarks/bench_defaults.py [--quick] [--out FILE]``.

Scores of folds are kept in ``benchmarks/defaults_cache``, one file a row; what is there is not
fitted again.
"""

from __future__ import annotations

import argparse
import csv
import time
import warnings
from collections.abc import Callable
from functools import partial
from itertools import islice
from pathlib import Path

import numpy as np
from _automatic import LIMIT, autogluon_scores, fold_scores
from _common import Table, best_time, load, machine
from _named_sets import classifications, regressions
from numpy.typing import NDArray
from scipy.stats import gmean
from sklearn.base import BaseEstimator
from sklearn.dummy import DummyRegressor
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.metrics import log_loss, mean_absolute_error, r2_score
from sklearn.model_selection import KFold, StratifiedKFold, cross_val_predict
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import sklearn_ldl
from sklearn_ldl import BFGSLDL, BFGSLDLCV, LDLClassifier, LDLRegressor, SmoothBFGSLDL
from sklearn_ldl.metrics import kl_divergence

#: KL divergence and CPU seconds.
Score = tuple[float, float]

FILES = [
    "SJAFFE",
    "SCUT_FBP",
    "emotion6",
    "Natural_Scene",
    "Yeast_alpha",
    "Yeast_cold",
    "Yeast_heat",
    "Yeast_spo",
    "M2B",
    "Movie",
    "FG-Net",
]
CACHE = Path(__file__).parent / "defaults_cache"
#: Row -> estimator at its defaults.
ROWS: dict[str, Callable[[], BaseEstimator]] = {
    "mean": DummyRegressor,
    "BFGSLDL": BFGSLDL,
    "BFGSLDLCV": BFGSLDLCV,
    "SmoothBFGSLDL": SmoothBFGSLDL,
    "DFLDL": lambda: sklearn_ldl.DFLDL(),
    "GradientBoostingLDL": lambda: sklearn_ldl.GradientBoostingLDL(random_state=0),
    "DeepLDLRegressor": lambda: sklearn_ldl.DeepLDLRegressor(random_state=0),
    "AutoLDL": lambda: sklearn_ldl.AutoLDL(LIMIT, random_state=0),
}
#: Rows that a file is too large for, within reason.
SKIPPED = {("DFLDL", "FG-Net"), ("DFLDL", "Movie")}

INTRODUCTION = """\
# Defaults

Made by `{command}`.

{machine}
"""
DROP_IN = """\
## {title}

{measure} over five folds at defaults, divided by that of `{rival}`: features as they are, and
standardised before both. Below one is better than what is replaced.
"""
FILES_TEXT = """\
## On the files

KL divergence on held-out rows, divided by that of the mean distribution on the same folds:
`KFold(10, shuffle=True, random_state=0)`, features as they are in the files, every estimator at its
defaults. FG-Net has Gaussian distributions of deviation 2 around the ages 0 to 69. The number of
folds is in parentheses where it is not ten; DFLDL was left out where a fit takes minutes. The last
column is the geometric mean over the files.
"""
CANDIDATES_TEXT = f"""\
## AutoLDL and its candidates

As above, for `AutoLDL(time_limit={LIMIT})`, whose clock was CPU time of one process, and for the
candidate that is best on these folds when it is fitted alone to all training rows, with the scaling
that was chosen for it. Only candidates that were tried in each of the folds count.
"""
AUTOGLUON_TEXT = f"""\
## AutoLDL and AutoGluon

KL divergence on the first fold. AutoGluon learns distributions in its soft-class mode, without
bagging, which takes none; both had {LIMIT} CPU seconds of one process.
"""
#: Files on whose first fold it was run.
AUTOGLUON_FILES = ["SJAFFE", "SCUT_FBP", "emotion6", "Natural_Scene"]
COST_TEXT = """\
## The cost of an automatic penalty

Time of `BFGSLDL()` over that of `BFGSLDL(alpha=a, standardize=s)` with the penalty and the scaling
that it chose, and that with the penalty of old defaults, 0.01.
"""


def drop_in(
    title: str,
    measure: Callable[[NDArray, NDArray], float],
    rival: BaseEstimator,
    ours: BaseEstimator,
    sets: list[tuple[str, NDArray, NDArray]],
    method: str,
) -> list[str]:
    """Compare with what is replaced, on named data sets."""
    name = "mean absolute error" if method == "predict" else "log loss"
    text = DROP_IN.format(title=title, measure=name.capitalize(), rival=rival)
    print(text)
    table = Table(data="", rows="d", features="d", rival=".3f", raw=".3f", standardised=".3f")
    every = []
    for data, X, y in sets:
        kind = KFold if method == "predict" else StratifiedKFold
        folds = kind(5, shuffle=True, random_state=0)
        ratios, skill = [], 0.0
        for steps in ([], [StandardScaler()]):
            predictions = [
                cross_val_predict(make_pipeline(*steps, model), X, y, cv=folds, method=method)
                for model in (rival, ours)
            ]
            losses = [measure(y, P) for P in predictions]
            ratios.append(losses[1] / losses[0])
            skill = max(skill, r2_score(y, predictions[0]) if method == "predict" else losses[0])
        every += ratios
        table.row(
            data=data,
            rows=len(X),
            features=X.shape[1],
            rival=skill,
            raw=ratios[0],
            standardised=ratios[1],
        )
    last = f"Median {np.median(every):.3f}, largest {max(every):.3f}. The column *rival* is its "
    last += "R2, the better of both." if method == "predict" else "log loss, the worse of both."
    print(f"\n{last}\n")
    return [text, *table.lines, "", last, ""]


def score(row: str, data: str, fold: int) -> dict[str, Score]:
    """KL divergence on a held-out fold and CPU seconds, of a row and of what comes with it."""
    X, D = load(data)
    folds = KFold(10, shuffle=True, random_state=0).split(X)
    train, test = next(islice(folds, fold, None))
    if row == "AutoLDL":
        return fold_scores(X, D, train, test)
    start = time.process_time()
    model = ROWS[row]().fit(X[train], D[train])
    seconds = time.process_time() - start
    return {row: (kl_divergence(D[test], model.predict(X[test])), seconds)}


def scores(row: str, n_folds: int, again: bool) -> dict[tuple[str, int], Score]:
    """Read what is in the cache, and compute the rest."""
    if again:
        (CACHE / f"{row}.csv").unlink(missing_ok=True)
    kept = _read(row)
    for data in FILES:
        for fold in range(n_folds):
            if (row, data) in SKIPPED or (data, fold) in kept:
                continue
            for name, value in score(row, data, fold).items():
                _write(name, _read(name) | {(data, fold): value})
            kept = _read(row)
    return kept


def _read(row: str) -> dict[tuple[str, int], Score]:
    path = CACHE / f"{row}.csv"
    if not path.exists():
        return {}
    with path.open(encoding="utf-8", newline="") as file:
        return {
            (line["data"], int(line["fold"])): (float(line["kl"]), float(line["seconds"]))
            for line in csv.DictReader(file)
        }


def _write(row: str, kept: dict[tuple[str, int], Score]) -> None:
    path = CACHE / f"{row}.csv"
    path.parent.mkdir(exist_ok=True, parents=True)
    lines = [
        f"{data},{fold},{kl:.8g},{seconds:.3g}"
        for (data, fold), (kl, seconds) in sorted(
            kept.items(), key=lambda item: (FILES.index(item[0][0]), item[0][1])
        )
    ]
    path.write_text("\n".join(["data,fold,kl,seconds", *lines]) + "\n", "utf-8")


def on_files(rows: list[str], n_folds: int, again: bool) -> list[str]:
    """Print the table of all files from the cache."""
    print(FILES_TEXT)
    found = {row: scores(row, n_folds, again and row != "mean") for row in ["mean", *rows]}
    table = Table(estimator="", **dict.fromkeys(FILES, ""), mean="")
    for row in rows:
        cells, ratios = {}, []
        for data in FILES:
            folds = _folds_of(found[row], data)
            if not folds:
                cells[data] = ""
                continue
            ratios.append(_share(found[row], found["mean"], data, folds))
            cells[data] = f"{ratios[-1]:.3f}" + (f" ({len(folds)})" if len(folds) < 10 else "")
        whole = f"{gmean(ratios):.4f}" if len(ratios) == len(FILES) else ""
        table.row(estimator=row, **cells, mean=whole)
    print()
    text = [FILES_TEXT, *table.lines, ""]
    return text + (against_candidates() + against_autogluon() if "AutoLDL" in rows else [])


def against_candidates() -> list[str]:
    """Compare AutoLDL with its best candidate in hindsight."""
    print(CANDIDATES_TEXT)
    mean, automatic = _read("mean"), _read("AutoLDL")
    paths = sorted((CACHE / "candidates").glob("*.csv"))
    candidates = {path.stem: _read(f"candidates/{path.stem}") for path in paths}
    table = Table(data="", folds="d", AutoLDL=".3f", best="", best_alone=".3f", ratio=".3f")
    for data in FILES:
        folds = _folds_of(automatic, data)
        if not folds:
            continue
        shares = {
            name: _share(found, mean, data, folds)
            for name, found in candidates.items()
            if set(folds) <= set(_folds_of(found, data))
        }
        best, ours = (
            min(shares, key=lambda name: shares[name]),
            _share(automatic, mean, data, folds),
        )
        table.row(
            data=data,
            folds=len(folds),
            AutoLDL=ours,
            best=best,
            best_alone=shares[best],
            ratio=ours / shares[best],
        )
    print()
    return [CANDIDATES_TEXT, *table.lines, ""]


def run_autogluon(python: str) -> None:
    """Fill the cache with what AutoGluon does."""
    for data in AUTOGLUON_FILES:
        X, D = load(data)
        train, test = next(KFold(10, shuffle=True, random_state=0).split(X))
        if (data, 0) not in _read("AutoGluon"):
            for row, value in autogluon_scores(python, X, D, train, test).items():
                _write(row, _read(row) | {(data, 0): value})


def against_autogluon() -> list[str]:
    """Compare with what is in the cache."""
    print(AUTOGLUON_TEXT)
    found = {row: _read(row) for row in ("mean", "AutoLDL", "AutoGluon")}
    table = Table(data="", mean=".4f", AutoLDL=".4f", AutoGluon=".4f")
    for data in AUTOGLUON_FILES:
        if all((data, 0) in kept for kept in found.values()):
            table.row(data=data, **{row: kept[data, 0][0] for row, kept in found.items()})
    print()
    return [AUTOGLUON_TEXT, *table.lines, ""]


def _folds_of(found: dict[tuple[str, int], Score], data: str) -> list[int]:
    return [fold for fold in range(10) if (data, fold) in found]


def _share(
    found: dict[tuple[str, int], Score],
    mean: dict[tuple[str, int], Score],
    data: str,
    folds: list[int],
) -> float:
    """Mean divergence on some folds, divided by that of the mean distribution."""
    ours, base = (sum(kept[data, fold][0] for fold in folds) for kept in (found, mean))
    return ours / base


def cost(quick: bool) -> list[str]:
    """Time the choice of a penalty."""
    print(COST_TEXT)
    table = Table(data="", chosen=".2g", standardised="", given=".2f", old_default=".2f")
    sizes = [(2_000, 50, 10)] if quick else [(2_000, 250, 6), (100_000, 100, 10)]
    sets = [(f"{n:,} x {p} x {c}", *simulated(n, p, c)) for n, p, c in sizes]
    for data, X, D in sets:
        automatic = BFGSLDL()
        ratios = []
        for _ in range(3):
            ours, _ = best_time(1, automatic.fit, X, D)
            given = BFGSLDL(automatic.alpha_, standardize=automatic.standardized_)
            ratios.append([ours / best_time(1, m.fit, X, D)[0] for m in (given, BFGSLDL(0.01))])
        given_ratio, old_ratio = np.median(ratios, axis=0)
        table.row(
            data=data,
            chosen=automatic.alpha_,
            standardised=str(automatic.standardized_),
            given=given_ratio,
            old_default=old_ratio,
        )
    print()
    return [COST_TEXT, *table.lines, ""]


def simulated(n: int, p: int, n_labels: int) -> tuple[NDArray, NDArray]:
    """Ten votes a row from a softmax-linear truth with standard features."""
    rng = np.random.default_rng(0)
    X = rng.standard_normal((n, p))
    Z = X @ rng.standard_normal((p, n_labels)) / np.sqrt(p)
    P = np.exp(Z) / np.exp(Z).sum(axis=1, keepdims=True)
    return X, rng.multinomial(10, P) / 10


def main() -> None:
    """Print all tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="six sets, one fold, linear rows")
    parser.add_argument("--rows", nargs="+", choices=ROWS, help="rows of the table of files")
    parser.add_argument("--folds", type=int, default=10, help="folds of every file, at least")
    parser.add_argument("--again", action="store_true", help="fit the rows given afresh")
    parser.add_argument("--cached", action="store_true", help="only folds that are in the cache")
    parser.add_argument("--files-only", action="store_true", help="fill the cache of the files")
    parser.add_argument(
        "--autogluon", metavar="PYTHON", help="interpreter of an environment that has AutoGluon"
    )
    parser.add_argument("--out", type=Path, help="also write the tables to this file")
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    if options.autogluon:
        run_autogluon(options.autogluon)
    rows = options.rows or [row for row in ROWS if row != "mean"]
    n_folds, few = options.folds, None
    if options.quick:
        rows, n_folds, few = options.rows or ["BFGSLDL", "SmoothBFGSLDL"], 1, 6

    command = "OMP_NUM_THREADS=1 python benchmarks/bench_defaults.py"
    command += f" --rows {' '.join(options.rows)}" if options.rows else ""
    command += " --cached" if options.cached else ""
    command += f" --out {options.out}" if options.out else ""
    text = [INTRODUCTION.format(command=command, machine=machine())]
    print(text[0])
    if not options.files_only:
        compare = partial(drop_in, sets=list(islice(regressions(), few)), method="predict")
        text += compare("LDLRegressor for Ridge", mean_absolute_error, Ridge(), LDLRegressor())
        compare = partial(
            drop_in, sets=list(islice(classifications(), few)), method="predict_proba"
        )
        text += compare(
            "LDLClassifier for LogisticRegression", log_loss, LogisticRegression(), LDLClassifier()
        )
        text += cost(options.quick)
    text += on_files(rows, 0 if options.cached else n_folds, options.again)
    if options.out:
        options.out.write_text("\n".join(text).rstrip() + "\n", "utf-8")


if __name__ == "__main__":
    main()
