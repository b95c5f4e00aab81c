"""Compare corrections for label shift: do they help, does the default ever harm."""

import warnings

import numpy as np
import pandas as pd
from _common import run
from joblib import Parallel, delayed
from scipy.special import softmax

from sklearn_ldl import BFGSLDL, LabelShiftCorrector, datasets
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
NONE = "no correction"
ESTIMATE = {"target_prior": "estimate", "significance": 1.0}
#: Corrections, as parameters of LabelShiftCorrector; the first is its default.
FORMS = {
    "auto": ESTIMATE | {"method": "auto", "significance": 0.01},
    "bbse if a shift is found": ESTIMATE | {"method": "bbse", "significance": 0.01},
    "uniform": {"target_prior": "uniform"},
    "bbse": ESTIMATE | {"method": "bbse"},
    "em": ESTIMATE | {"method": "em"},
}


def look_alike(n_rows, prior, seed):
    """Draw classes of which two are hard to tell apart, and compute their probabilities."""
    centre = np.array([[2, 0, 0], [0, 2, 0], [0, 2, 0.4]])
    rng = np.random.default_rng(seed)
    X = rng.standard_normal((n_rows, 3)) + centre[rng.choice(3, n_rows, p=prior)]
    return X, softmax(X @ centre.T - np.square(centre).sum(axis=1) / 2 + np.log(prior), axis=1)


def draw(shift, seed, n_target):
    """Training rows, and those of a target, with their distributions."""
    if shift == SELECTED:
        rows = datasets.make_ldl(3000, n_votes=10, random_state=seed)
        train = datasets.make_imbalanced_ldl(*rows, head=2, tail=0, head_max=0.8, tail_min=1.1)
        return *train, *datasets.make_ldl(n_target, random_state=seed + 1000)
    source, target = PRIORS[shift]
    if shift == "labels alike":
        return *look_alike(N_ROWS, source, seed), *look_alike(n_target, target, seed + 1000)
    return (
        *datasets.make_label_shift(N_ROWS, prior=source, random_state=seed),
        *datasets.make_label_shift(n_target, prior=target, random_state=seed + 1000),
    )


def divergences(shift, seed, n_target, forms=tuple(FORMS)):
    """KL divergence of each correction from the truth, after one fit."""
    X, D, X_target, D_target = draw(shift, seed, n_target)
    model = LabelShiftCorrector(BFGSLDL(alpha=0.01)).fit(X, D)
    found = {NONE: kl_divergence(D_target, model.estimator_.predict(X_target))}
    for form in forms:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "Other frequencies|The estimated prior", UserWarning)
            model.set_params(**FORMS[form]).adapt(X_target)
        found[form] = kl_divergence(D_target, model.predict(X_target))
    return found


def main(report, options):
    n_seeds, sizes = (1, [100]) if options.quick else (20, [100, 1000])
    table = report.table(shift="", rows="d", **{NONE: ""}, **dict.fromkeys(FORMS, ""))
    for shift in ["strong", SELECTED] if options.quick else [*PRIORS, SELECTED]:
        for size in sizes:
            runs = (delayed(divergences)(shift, seed, size) for seed in range(n_seeds))
            kl = pd.DataFrame(Parallel(min(n_seeds, 2))(runs)).mean()
            cells = {form: f"{kl[form]:.4f} ({kl[form] / kl[NONE]:.2f})" for form in FORMS}
            table.row(shift=shift, rows=size, **{NONE: f"{kl[NONE]:.4f}"}, **cells)


if __name__ == "__main__":
    run(__doc__, main)
