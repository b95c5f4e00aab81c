"""Imbalanced training sets; published figures in the tables are those that the page has."""

from functools import partial

import numpy as np
import pandas as pd
from _common import ARTIFICIAL, CACHE, SIMILARITIES, SIX, compared, load, run
from sklearn.base import BaseEstimator, RegressorMixin, clone
from sklearn.dummy import DummyRegressor
from sklearn.model_selection import KFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler, StandardScaler

import sklearn_ldl as ldl
from sklearn_ldl import metrics
from sklearn_ldl.compare.ranks import signed_rank
from sklearn_ldl.datasets import IMBALANCED_PROTOCOLS, ImbalancedKFold
from sklearn_ldl.deep import PRESETS

FILES = ["Movie", "emotion6", "SCUT_FBP", "Natural_Scene"]
KL = "kl_divergence"
MEASURES = [*SIX, "euclidean", "tail_euclidean", "head_euclidean"]
NONE, UNIFORM_PRIOR, TRUE_PRIOR = "none", "uniform prior", "true prior"
UNIFORM, MEAN, ORACLE = "uniform", "training mean", "mean of the test fold"
ESTIMATE = {"target_prior": "estimate", "method": "bbse", "significance": 1.0}
#: Corrections after the fit, as parameters of LabelShiftCorrector.
FORMS = {
    UNIFORM_PRIOR: {"target_prior": "uniform"},
    "estimated": ESTIMATE,
    "automatic": ESTIMATE | {"significance": 0.01},
    "EM": ESTIMATE | {"method": "em"},
    TRUE_PRIOR: {},  # that of the fold
}
SHUFFLED = KFold(5, shuffle=True, random_state=0)


class Row(RegressorMixin, BaseEstimator):
    """A learner, and its corrections after one cross-fit; None is the mean of the test fold.

    Some networks have single fits, without the cross-fit that an estimate needs, to save time.
    """

    def __init__(self, learner, *, corrected=True, cross_fit=True):
        self.learner = learner
        self.corrected = corrected
        self.cross_fit = cross_fit

    def fit(self, X, D):
        self.head_, self.found_ = metrics.head_labels(D), {}
        if self.corrected:
            prior = {} if self.cross_fit else {"target_prior": "uniform"}
            model = ldl.LabelShiftCorrector(self.learner, cv=SHUFFLED, random_state=0, **prior)
            self.model_ = model.fit(X, D)
        elif self.learner is not None:
            self.model_ = clone(self.learner).fit(X, D)
        return self

    def predictions(self, form, X, D):
        """Predict with a correction; None where the row has none of this form."""
        if form not in self.found_:
            self.found_[form] = self._predict(form, X, D)
        return self.found_[form]

    def _predict(self, form, X, D):
        if form == NONE:
            if self.learner is None:
                return np.tile(D.mean(axis=0), (len(D), 1))
            return getattr(self.model_, "estimator_", self.model_).predict(X)
        if not self.corrected or not (self.cross_fit or form in (UNIFORM_PRIOR, TRUE_PRIOR)):
            return None
        parameters = FORMS[form] or {"target_prior": D.mean(axis=0)}
        return self.model_.set_params(**parameters).adapt(X).predict(X)


def value(form, measure, model, X, D):
    P, head = model.predictions(form, X, D), model.head_
    if P is None or ("_" in measure.removesuffix("_divergence") and head.all() | ~head.any()):
        return np.nan
    if measure in SIX:
        return getattr(metrics, SIX[measure])(D, P)
    options = {"head": head} if "_" in measure else {}
    return getattr(metrics, f"{measure}_distance")(D, P, **options)


SCORERS = {f"{form} | {m}": partial(value, form, m) for form in (NONE, *FORMS) for m in MEASURES}


def rows(n_labels, max_epochs):
    constant = DummyRegressor(strategy="constant", constant=np.full(n_labels, 1 / n_labels))
    neighbours = make_pipeline(StandardScaler(), ldl.KNeighborsLDL(n_neighbors=10))
    cv, options = ldl.BFGSLDLCV(cv=SHUFFLED), {"max_epochs": max_epochs, "random_state": 0}
    mlp = {**PRESETS["plain"], **PRESETS["imbalanced"], **options}
    balanced, last = PRESETS["dildl_rebalanced"], {"early_stopping": False, **options}
    models = {
        "BFGSLDLCV": cv,
        "BFGSLDLCV, min-max": cv,
        "BFGSLDL, alpha 1": ldl.BFGSLDL(alpha=1.0),
        "MLP + KL": ldl.DeepLDLRegressor(**mlp),
        "MLP + KL, adjusted in the loss": ldl.DeepLDLRegressor(logit_adjustment=1.0, **mlp),
        **{f"OFR-{kind.upper()}": ldl.OFRRegressor(kind, **options) for kind in ("fl", "cb", "db")},
        "RDA": ldl.RDARegressor(**options),
        "DILDL": ldl.DILDLRegressor(**options),
        "DILDL literal": ldl.DILDLRegressor(**PRESETS["dildl_literal"], **options),
        "DILDL re-balanced": ldl.DILDLRegressor(**balanced, **options),
        "OFR-DB, all epochs": ldl.OFRRegressor("db", **last),
        "RDA, all epochs": ldl.RDARegressor(**last),
        "DILDL re-balanced, all epochs": ldl.DILDLRegressor(**balanced, **last),
    }
    single = ("DILDL literal", *list(models)[-3:])
    found = {
        UNIFORM: Row(constant, corrected=False),
        MEAN: Row(DummyRegressor(), corrected=False),
        ORACLE: Row(None, corrected=False),
        "10 nearest neighbours": Row(neighbours, corrected=False),
    }
    for name, model in models.items():
        # Trained to the last epoch, networks overfit standardised features.
        min_max = "min-max" in name or not getattr(model, "early_stopping", True)
        scaler = MinMaxScaler() if min_max else StandardScaler()
        found[name] = Row(make_pipeline(scaler, model), cross_fit=name not in single)
    return found


def by_row(frame):
    """(learner, correction) -> measures by fold."""
    return {
        (learner, form): part
        for learner, group in frame.groupby("estimator", sort=False)
        for form in (NONE, *FORMS)
        if (part := group.filter(like=f"{form} | ").set_axis(MEASURES, axis=1))[KL].notna().all()
    }


def spread(values, star):
    """Mean ± deviation over the folds that have a value, and their number if some have not."""
    known = values.dropna()
    if known.empty:
        return None
    count = f" ({len(known)})" if len(known) < len(values) else ""
    return f"{known.mean():.4f} ± {known.std(ddof=0):.4f}{count}" + "*" * int(star)


def test(values, reference):
    difference = values.to_numpy() - reference.to_numpy()
    if not difference.any():
        return None
    direction = "lower" if np.median(difference) < 0 else "higher"
    return f"{signed_rank(difference):.3f} {direction}"


def tables(report, name, scores):
    sign = np.array([-1 if measure in SIMILARITIES else 1 for measure in MEASURES])
    losses = pd.DataFrame({row: sign * part.mean() for row, part in scores.items()})
    # Among rows that know nothing of the labels of the test.
    fair = losses * [np.nan if ORACLE in row or TRUE_PRIOR in row else 1 for row in losses]
    best = fair.eq(fair.min(axis=1), axis=0)
    overview = {learner: {} for learner, _ in scores}
    for (learner, form), part in scores.items():
        star = "*" * int(best[learner, form][KL])
        overview[learner][form] = f"{part[KL].mean():.4f}{star}"
    table = report.table(KL="", none="", **dict.fromkeys(FORMS, ""))
    for learner, cells in overview.items():
        table.row(KL=learner, **cells)
    published = [line for line in report.rows(f"### {name}") if ", published |" in line]
    for line in published[: len(published) // 2]:
        table.emit(line)
    report.say("")
    p_values = {"p, uniform constant": "", "p, no correction": ""}
    measures = dict.fromkeys(MEASURES, "")
    table = report.table(learner="", correction="", **measures, better="", **p_values)
    for (learner, form), part in scores.items():
        better = (losses[learner, form] < losses[UNIFORM, NONE])[list(SIX)]
        p = (test(part[KL], scores[row][KL]) for row in ((UNIFORM, NONE), (learner, NONE)))
        cells = {m: spread(part[m], best[learner, form][m]) for m in MEASURES}
        cells |= dict(zip(p_values, p, strict=True))
        table.row(learner=learner, correction=form, **cells, better=int(better.sum()))
    for line in published[len(published) // 2 :]:
        table.emit(line)
    report.say("")


def main(report, options):
    report.section("## The imbalanced protocol")
    how = {"scoring": SCORERS, "cache": options.cache, "n_jobs": options.n_jobs}
    for name in [ARTIFICIAL] if options.quick else options.data:
        X, D = load(name)
        found, folds = rows(D.shape[1], 2 if options.quick else 300), KFold(2)
        if options.quick:
            few = (UNIFORM, ORACLE, "BFGSLDL, alpha 1", "OFR-DB, all epochs")
            found = {row: found[row] for row in few}
        else:
            folds = ImbalancedKFold(**IMBALANCED_PROTOCOLS[name])
        report.say(f"### {name}", "")
        tables(report, name, by_row(compared(found, {name: (X, D)}, cv=folds, **how)))


if __name__ == "__main__":
    data = {"nargs": "+", "choices": FILES, "default": FILES, "help": "default: all"}
    jobs = {"type": int, "default": 1, "help": "folds side by side"}
    run(__doc__, main, "torch", cache=CACHE, data=data, n_jobs=jobs)
