"""Compare corrections for label shift: do they help, does the default ever harm.

Usage: ``python benchmarks/bench_label_shift.py [--quick] [--out FILE]``, and with
``SKLEARN_LDL_DATA=... --real`` on the folds of bench_imbalanced.py instead.
"""

from __future__ import annotations

import argparse
import warnings
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
from _common import Table, load, machine
from joblib import Parallel, delayed
from numpy.typing import NDArray
from scipy.special import softmax
from sklearn.model_selection import KFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sklearn_ldl import BFGSLDL, BFGSLDLCV, LabelShiftCorrector
from sklearn_ldl.datasets import (
    IMBALANCED_PROTOCOLS,
    ImbalancedKFold,
    make_imbalanced_ldl,
    make_label_shift,
    make_ldl,
)
from sklearn_ldl.metrics import kl_divergence

N_ROWS = 400
USUAL = (0.6, 0.3, 0.1)
#: Shift -> priors of training and target.
PRIORS = {
    "none": (USUAL, USUAL),
    "mild": (USUAL, (0.5, 0.3, 0.2)),
    "strong": (USUAL, (0.1, 0.3, 0.6)),
    "rare label": ((0.6, 0.375, 0.025), (0.3, 0.3, 0.4)),
    "labels alike": (USUAL, (0.3, 0.2, 0.5)),
}
SELECTED = "rows selected"
SHIFTS = [*PRIORS, SELECTED]
#: Corrections, as parameters of LabelShiftCorrector; the first is its default.
FORMS: dict[str, dict[str, Any]] = {
    "auto": {"target_prior": "estimate", "method": "auto", "significance": 0.01},
    "bbse if a shift is found": {
        "target_prior": "estimate",
        "method": "bbse",
        "significance": 0.01,
    },
    "uniform": {"target_prior": "uniform"},
    "bbse": {"target_prior": "estimate", "method": "bbse", "significance": 1.0},
    "em": {"target_prior": "estimate", "method": "em", "significance": 1.0},
}
NONE = "no correction"
FILES = ["Movie", "emotion6", "SCUT_FBP", "Natural_Scene"]

INTRODUCTION = """\
# Label shift

Made by `{command}`.

Mean KL divergence from the true distributions over {n_seeds} seeds, and in parentheses its ratio to
that without a correction. `BFGSLDL(alpha=0.01)` is trained on {n_rows} rows of three labels, and
corrected by `LabelShiftCorrector` with the features of the target, of which there are {sizes}
rows. "auto" is its default. It and "bbse if a shift is found" leave predictions as they are where a
test at 1 % finds no shift; the others correct always.

- *none*, *mild*, *strong*: `make_label_shift` with priors of (.6, .3, .1) in training, and the
  same, (.5, .3, .2) and (.1, .3, .6) in the target.
- *rare label*: about ten of the training rows are of the third label, priors (.6, .375, .025), then
  (.3, .3, .4).
- *labels alike*: the features of the second and the third label differ by 0.4 deviations; priors
  (.6, .3, .1), then (.3, .2, .5).
- *rows selected*: no label shift. Of 3,000 rows of `make_ldl` with ten votes each, training keeps
  those with few votes for the third label and many for the first one; nothing is selected in the
  target.
"""

REAL = """\
## Real data

Made by `{command}`.

Mean KL divergence over the folds of {{doc}}`the imbalanced protocol <imbalanced>`, and in
parentheses its ratio to that without a correction. Features are standardised, the learner is
`BFGSLDLCV`; rows are selected by their degrees for training, and not for the test.
"""


def look_alike(n_rows: int, prior: tuple[float, ...], seed: int) -> tuple[NDArray, NDArray]:
    """Draw classes of which two are hard to tell apart, and compute their probabilities."""
    centre = np.array([[2, 0, 0], [0, 2, 0], [0, 2, 0.4]])
    rng = np.random.default_rng(seed)
    X = rng.standard_normal((n_rows, 3)) + centre[rng.choice(3, n_rows, p=prior)]
    return X, softmax(X @ centre.T - np.square(centre).sum(axis=1) / 2 + np.log(prior), axis=1)


def draw(shift: str, seed: int, n_target: int) -> tuple[NDArray, NDArray, NDArray, NDArray]:
    """Training rows, and those of a target, with their distributions."""
    if shift == SELECTED:
        rows = make_ldl(3000, n_votes=10, random_state=seed)
        train = make_imbalanced_ldl(*rows, head=2, tail=0, head_max=0.8, tail_min=1.1)
        return *train, *make_ldl(n_target, random_state=seed + 1000)
    source, target = PRIORS[shift]
    if shift == "labels alike":
        return *look_alike(N_ROWS, source, seed), *look_alike(n_target, target, seed + 1000)
    return (
        *make_label_shift(N_ROWS, prior=source, random_state=seed),
        *make_label_shift(n_target, prior=target, random_state=seed + 1000),
    )


def divergences(shift: str, seed: int, n_target: int, forms: list[str]) -> dict[str, float]:
    """KL divergence of each correction from the truth, after one fit."""
    X, D, X_target, D_target = draw(shift, seed, n_target)
    return corrected(LabelShiftCorrector(BFGSLDL(alpha=0.01)).fit(X, D), X_target, D_target, forms)


def corrected(
    model: LabelShiftCorrector, X_target: NDArray, D_target: NDArray, forms: list[str]
) -> dict[str, float]:
    """KL divergences of a fitted model with each correction."""
    found = {NONE: kl_divergence(D_target, model.estimator_.predict(X_target))}
    for form in forms:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "Other frequencies|The estimated prior", UserWarning)
            model.set_params(**FORMS[form]).adapt(X_target)
        found[form] = kl_divergence(D_target, model.predict(X_target))
    return found


def real_divergences(name: str, fold: int, forms: list[str]) -> dict[str, float]:
    """KL divergence of each correction on one fold of the imbalanced protocol."""
    X, D = load(name)
    folds = ImbalancedKFold(**IMBALANCED_PROTOCOLS[name]).split(X, D)
    train, test = next(islice(folds, fold, None))
    shuffled = KFold(5, shuffle=True, random_state=0)
    learner = make_pipeline(StandardScaler(), BFGSLDLCV(cv=shuffled))
    model = LabelShiftCorrector(learner, cv=shuffled).fit(X[train], D[train])
    return corrected(model, X[test], D[test], forms)


def means(runs: list[dict[str, float]]) -> dict[str, float]:
    """Mean divergences by correction."""
    return {form: float(np.mean([run[form] for run in runs])) for form in runs[0]}


def cells(kl: dict[str, float]) -> dict[str, str]:
    """Divergences, and their ratios to that without a correction."""
    ratios = {form: f"{kl[form]:.4f} ({kl[form] / kl[NONE]:.2f})" for form in FORMS}
    return {NONE: f"{kl[NONE]:.4f}", **ratios}


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="two seeds, 100 target rows")
    parser.add_argument("--real", action="store_true", help="real data in place of simulated")
    parser.add_argument("--n-jobs", type=int, default=2, help="seeds side by side")
    parser.add_argument("--out", type=Path, help="also write the report to this file")
    options = parser.parse_args()
    n_seeds, sizes = (2, [100]) if options.quick else (20, [100, 1000])
    n_folds = 1 if options.quick else 10

    command = "OMP_NUM_THREADS=1 python benchmarks/bench_label_shift.py"
    command += " --real" if options.real else ""
    command += " --quick" if options.quick else ""
    command += f" --out {options.out}" if options.out else ""
    text = (REAL if options.real else INTRODUCTION).format(
        command=command,
        n_seeds=n_seeds,
        n_rows=N_ROWS,
        sizes=" or ".join(f"{size:,}" for size in sizes),
    )
    text += f"\n{machine()}\n"
    print(text)
    parallel, forms = Parallel(options.n_jobs), list(FORMS)
    if options.real:
        table = Table(data="", **{NONE: ""}, **dict.fromkeys(FORMS, ""))
        for name in FILES:
            one = delayed(real_divergences)
            kl = means(parallel(one(name, fold, forms) for fold in range(n_folds)))
            table.row(data=name, **cells(kl))
    else:
        table = Table(shift="", rows="d", **{NONE: ""}, **dict.fromkeys(FORMS, ""))
        for shift in SHIFTS:
            for size in sizes:
                one = delayed(divergences)
                kl = means(parallel(one(shift, seed, size, forms) for seed in range(n_seeds)))
                table.row(shift=shift, rows=size, **cells(kl))
    if options.out:
        options.out.write_text("\n".join([text, *table.lines]) + "\n", "utf-8")


if __name__ == "__main__":
    main()
