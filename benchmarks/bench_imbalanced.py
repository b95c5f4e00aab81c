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

WEIGHTS = ["align_weight", "similarity_weight", "reconstruction_weight"]
FILES = ["Movie", "emotion6", "SCUT_FBP", "Natural_Scene"]
KL = "kl_divergence"
MEASURES = [*SIX, "euclidean", "tail_euclidean", "head_euclidean"]
NONE, UNIFORM_PRIOR, TRUE_PRIOR = "none", "uniform prior", "true prior"
PARTS = ["protocol", "automatic", "ablations", "sensitivity", "rivals"]
AUTOMATIC = "automatic"
PARTS_OF = "Natural_Scene"  # comparable with published figures, and small
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
PLAIN = {m: partial(value, NONE, m) for m in SIX}


class Adapted(Row):
    """The automatic estimator, adapted to the features that it predicts for."""

    def _predict(self, form, X, D):
        self.model_.named_estimators_["corrected"].adapt(X)
        return self.model_.predict(X)


def automatic(n_labels, max_epochs=300):
    """Pool learners, correct them by EM, and mix in a network that is re-balanced in the loss."""
    options = {"max_epochs": max_epochs, "random_state": 0}
    mlp = {**PRESETS["plain"], **PRESETS["imbalanced"], **options}
    learners = [
        ("linear", make_pipeline(StandardScaler(), ldl.BFGSLDL(alpha=1.0))),
        ("automatic", ldl.BFGSLDL()),
        (
            "network",
            make_pipeline(StandardScaler(), ldl.DeepLDLRegressor(logit_adjustment=1.0, **mlp)),
        ),
    ]
    corrected = ldl.LabelShiftCorrector(
        ldl.StackingLDL(learners, weights=[1 / 3] * 3, pool="log"),
        method="em",
        strength=(n_labels / 5) ** 3,
        significance=1.0,
        cv=SHUFFLED,
        n_bootstrap=20,
        random_state=0,
    )
    balanced = make_pipeline(
        MinMaxScaler(), ldl.OFRRegressor("db", early_stopping=False, **options)
    )
    members = [("corrected", corrected), ("balanced", balanced)]
    return ldl.StackingLDL(members, weights=[2 / 3, 1 / 3])


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


def constants(n_labels):
    constant = DummyRegressor(strategy="constant", constant=np.full(n_labels, 1 / n_labels))
    return {UNIFORM: Row(constant, corrected=False), ORACLE: Row(None, corrected=False)}


def min_max(models):
    """Make rows of models as the published experiments train them: on features in [0, 1]."""
    return {
        name: Row(make_pipeline(MinMaxScaler(), model), corrected=False)
        for name, model in models.items()
    }


def ablations(max_epochs):
    """RDA has neither part of DILDL; parts are shown with re-balanced losses and without."""
    last = {"early_stopping": False, "max_epochs": max_epochs, "random_state": 0}
    balanced = PRESETS["dildl_rebalanced"]
    return min_max(
        {
            "neither (RDA)": ldl.RDARegressor(**last),
            "decoupled alignment": ldl.DILDLRegressor(base_loss="db", **last),
            "decoupled loss": ldl.DILDLRegressor(align_weight=0.0, **balanced, **last),
            "both (DILDL re-balanced)": ldl.DILDLRegressor(**balanced, **last),
            "neither, not re-balanced": ldl.RDARegressor(base_loss="kl", **last),
            "decoupled alignment, not re-balanced": ldl.DILDLRegressor(base_loss="kl", **last),
            "decoupled loss, not re-balanced": ldl.DILDLRegressor(align_weight=0.0, **last),
            "both, not re-balanced": ldl.DILDLRegressor(**last),
        }
    )


def sensitivities(max_epochs):
    """DILDL, re-balanced, with one parameter other than by default."""
    last = {"early_stopping": False, "max_epochs": max_epochs, "random_state": 0}
    last |= PRESETS["dildl_rebalanced"]
    grids = {"alpha": [0.2, 0.8]} | {name: [0.0, 1.0] for name in WEIGHTS}
    others = {
        f"{name} = {setting:g}": ldl.DILDLRegressor(**{name: setting}, **last)
        for name, grid in grids.items()
        for setting in grid
    }
    return min_max({"defaults": ldl.DILDLRegressor(**last)} | others)


def rivals():
    """Make rows of published methods that know nothing of imbalance, with their defaults."""
    models = [ldl.EDLLRL(), ldl.LDLSF(), ldl.LDLLCLR(), ldl.LDLSCL(), ldl.LDLLDM()]
    return min_max({type(model).__name__: model for model in models})


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


def six(report, first, found, reference):
    """Print means ± deviations, and how many of the six are better than the uniform constant."""
    sign = np.array([-1 if measure in SIMILARITIES else 1 for measure in SIX])
    table = report.table(**dict.fromkeys([*first, *SIX, "better"], ""))
    for key, part in found:
        better = int((sign * part[list(SIX)].mean() < sign * reference(key)).sum())
        cells = {m: spread(part[m], False) for m in SIX}
        table.row(**dict(zip(first, key, strict=True)), **cells, better=better)
    report.say("")


def plain(report, name, found, folds, how):
    X, D = load(name)
    found = constants(D.shape[1]) | found
    scores = compared(found, {name: (X, D)}, cv=folds, **how)
    uniform = scores[scores["estimator"] == UNIFORM][list(SIX)].mean()
    parts = (((row,), scores[scores["estimator"] == row]) for row in found)
    six(report, ["learner"], parts, lambda _: uniform)


def few_folds(name, n_folds):
    return list(ImbalancedKFold(**IMBALANCED_PROTOCOLS[name]).split(*load(name)))[:n_folds]


def part_automatic(report, options, how):
    report.section("## One automatic estimator")
    pieces = []
    for name in options.data:
        X, D = load(name)
        found = constants(D.shape[1]) | {AUTOMATIC: Adapted(automatic(D.shape[1]), corrected=False)}
        folds = ImbalancedKFold(**IMBALANCED_PROTOCOLS[name])
        scores = compared(found, {name: (X, D)}, cv=folds, **how)
        half = np.where(scores["fold"] < 5, "folds 0 to 4", "folds 5 to 9")
        for folds_of, part in scores.groupby(half):
            for row, group in part.groupby("estimator", sort=False):
                pieces.append(((f"{name}, {folds_of}", row), group))
    uniform = {key[0]: part[list(SIX)].mean() for key, part in pieces if key[1] == UNIFORM}
    six(report, ["rows", "learner"], pieces, lambda key: uniform[key[0]])


def part_ablations(report, options, how):
    report.section("## Parts of DILDL")
    plain(report, PARTS_OF, ablations(300), few_folds(PARTS_OF, 3), how)


def part_sensitivity(report, options, how):
    report.section("## Parameters of DILDL")
    plain(report, PARTS_OF, sensitivities(300), few_folds(PARTS_OF, 3), how)


def part_rivals(report, options, how):
    report.section("## Methods that know nothing of imbalance")
    for name in options.data:
        report.say(f"### Methods on {name}", "")
        plain(report, name, rivals(), ImbalancedKFold(**IMBALANCED_PROTOCOLS[name]), how)


def main(report, options):
    how = {"scoring": PLAIN, "cache": options.cache, "n_jobs": options.n_jobs}
    if options.quick:
        _, D = load(ARTIFICIAL)
        brief = ablations(2)
        found = {AUTOMATIC: Adapted(automatic(D.shape[1], 2), corrected=False)}
        found |= {name: brief[name] for name in list(brief)[:3]} | {"EDLLRL": rivals()["EDLLRL"]}
        plain(report, ARTIFICIAL, found, KFold(2), how)
    parts = {
        "protocol": part_protocol,
        "automatic": part_automatic,
        "ablations": part_ablations,
        "sensitivity": part_sensitivity,
        "rivals": part_rivals,
    }
    for part in ["protocol"] if options.quick else options.parts:
        parts[part](report, options, how)


def part_protocol(report, options, how):
    report.section("## The imbalanced protocol")
    how = how | {"scoring": SCORERS}
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
    parts = {"nargs": "+", "choices": PARTS, "default": PARTS, "help": "default: all"}
    run(__doc__, main, "torch", cache=CACHE, data=data, n_jobs=jobs, parts=parts)
