"""Compare corrections for label shift: do they help, does the default ever harm."""

import warnings
from itertools import islice

import numpy as np
from _common import load, run
from joblib import Parallel, delayed
from scipy.special import softmax
from sklearn.model_selection import KFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sklearn_ldl import BFGSLDL, BFGSLDLCV, LabelShiftCorrector, datasets
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
FILES = ["Movie", "emotion6", "SCUT_FBP", "Natural_Scene"]


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


def corrected(model, X_target, D_target, forms):
    """KL divergences of a fitted model with each correction."""
    found = {NONE: kl_divergence(D_target, model.estimator_.predict(X_target))}
    for form in forms:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "Other frequencies|The estimated prior", UserWarning)
            model.set_params(**FORMS[form]).adapt(X_target)
        found[form] = kl_divergence(D_target, model.predict(X_target))
    return found


def divergences(shift, seed, n_target, forms=tuple(FORMS)):
    """KL divergence of each correction from the truth, after one fit."""
    X, D, X_target, D_target = draw(shift, seed, n_target)
    return corrected(LabelShiftCorrector(BFGSLDL(alpha=0.01)).fit(X, D), X_target, D_target, forms)


def real_divergences(name, fold):
    """KL divergence of each correction on one fold of the imbalanced protocol."""
    X, D = load(name)
    folds = datasets.ImbalancedKFold(**datasets.IMBALANCED_PROTOCOLS[name]).split(X, D)
    train, test = next(islice(folds, fold, None))
    shuffled = KFold(5, shuffle=True, random_state=0)
    learner = make_pipeline(StandardScaler(), BFGSLDLCV(cv=shuffled))
    model = LabelShiftCorrector(learner, cv=shuffled).fit(X[train], D[train])
    return corrected(model, X[test], D[test], FORMS)


def means(runs):
    """Mean divergences by correction."""
    return {form: float(np.mean([run[form] for run in runs])) for form in runs[0]}


def cells(kl):
    """Divergences, and their ratios to that without a correction."""
    return {NONE: f"{kl[NONE]:.4f}"} | {f: f"{kl[f]:.4f} ({kl[f] / kl[NONE]:.2f})" for f in FORMS}


def main(report, options):
    parallel = Parallel(1 if options.quick else 2)
    n_seeds, sizes = (1, [100]) if options.quick else (20, [100, 1000])
    if not options.real:
        table = report.table(shift="", rows="d", **{NONE: ""}, **dict.fromkeys(FORMS, ""))
        for shift in SHIFTS:
            for size in sizes:
                runs = (delayed(divergences)(shift, seed, size) for seed in range(n_seeds))
                table.row(shift=shift, rows=size, **cells(means(parallel(runs))))
        return
    report.section("## Real data")
    table = report.table(data="", **{NONE: ""}, **dict.fromkeys(FORMS, ""))
    for name in FILES:
        runs = (delayed(real_divergences)(name, fold) for fold in range(10))
        table.row(data=name, **cells(means(parallel(runs))))


if __name__ == "__main__":
    run(__doc__, main, real={"action": "store_true", "help": "real data in place of simulated"})
