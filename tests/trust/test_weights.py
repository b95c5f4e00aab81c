"""Weights of rows act as repeated rows do, whatever their size, or they are an error."""

import inspect

import numpy as np
import pytest
from numpy.testing import assert_allclose
from sklearn.model_selection import KFold

from sklearn_ldl import BFGSLDL, GaussianLabelDistributor, metrics
from sklearn_ldl.metrics import get_ldl_scorer
from tests.test_common import ESTIMATORS
from tests.trust.cases import (
    COUNTS,
    SCORERS,
    WEIGHTED,
    N,
    data,
    degrees,
    fitted,
    ids,
    make,
    options,
    target,
)

pytestmark = [
    pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning"),
    pytest.mark.filterwarnings("ignore:No auxiliary labels:UserWarning"),
]

UNWEIGHTED = [cls for cls in ESTIMATORS if cls not in WEIGHTED]
REPEATED = np.repeat(np.arange(N), COUNTS)
LINEAR = {"alpha": 1e-2, "tol": 1e-10}
COARSE = GaussianLabelDistributor(np.linspace(-4, 4, 5), sigma=2.0)
WIDE = GaussianLabelDistributor(np.linspace(-4, 4, 20), sigma=0.5)


def folds(rows):
    """The splits of cross-validation that leave copies of a row together."""
    return [(np.flatnonzero(rows % 3 != k), np.flatnonzero(rows % 3 == k)) for k in range(3)]


# --- weights are repeated rows

# What makes a fit deterministic to the last digits: full batches, fixed groups, tight tolerances.
DETERMINISTIC = {
    "tol": 1e-10,
    "max_iter": 10_000,
    "n_clusters": 1,
    "batch_size": "all",
    "early_stopping": False,
    "max_epochs": 20,
    "dropout": 0.0,
    # Of the features, where networks standardise them: every row counts once.
    "standardize": False,
    "random_state": 0,
    "min_samples_leaf": 1,
    "gap": 5,
    # Terms of pairs of rows, and of a draw for each.
    "similarity_weight": 0.0,
    "reconstruction_weight": 0.0,
}
OF_ONE = {
    "AutoLDL": {
        "candidates": [("a", BFGSLDL(**LINEAR)), ("b", BFGSLDL(alpha=1, tol=1e-10))],
        "time_limit": None,
    },
    "BFGSLDL": {"alpha": 1e-2},
    "BFGSLDLCV": {"alphas": [1e-3, 1e-1]},
    # Weights are no neighbours, and groups of pairs count rows.
    "DFLDL": {"fusion": "learner", "min_samples": 1},
    # In smaller leaves, chance decides between splits that do the same.
    "GradientBoostingLDL": {
        "n_estimators": 10,
        "max_depth": 3,
        "subsample": 1.0,
        "max_features": None,
    },
    # The grid is that of all values, of the rows without weight, too.
    "LDLRegressor": {"distributor": WIDE},
    "ProportionalOddsLDL": {"alpha": 1e-2},
    "SmoothBFGSLDL": {"alpha": 1e-2, "length_scale": 0.4},
    "StackingLDL": {"estimators": [("a", BFGSLDL(**LINEAR)), ("b", BFGSLDL(alpha=1, tol=1e-10))]},
}
# Why weights of an estimator are not repeated rows; where they are, it must not be listed.
NOT_REPEATED = {
    "LabelEnhancementClassifier": "the enhancer takes every row once",
    "OGRClassifier": "the validation rows, for the ratios of the classes, are drawn from the rows",
    "PTSVMLDL": "the folds of its calibration are drawn from the rows",
}
BOUND = 1e-6


def deterministic(cls, rows):
    model = cls()
    chosen = {**DETERMINISTIC, **OF_ONE.get(cls.__name__, {})}
    if "cv" in model.get_params() and cls.__name__ != "PTSVMLDL":
        chosen["cv"] = folds(rows)
    if "estimator" in model.get_params():
        chosen["estimator"] = BFGSLDL(**LINEAR)
    return model.set_params(**{name: chosen[name] for name in chosen if hasattr(model, name)})


@pytest.mark.parametrize("cls", WEIGHTED, ids=ids)
def test_weights_are_repeated_rows(cls):
    X, y = data()[0], target(cls)
    weighted = deterministic(cls, np.arange(N)).fit(X, y, sample_weight=COUNTS)
    repeated = deterministic(cls, REPEATED).fit(X[REPEATED], y[REPEATED])
    deviation = np.abs(degrees(weighted, X) - degrees(repeated, X)).max()
    if cls.__name__ in NOT_REPEATED:
        assert deviation > BOUND, f"{cls.__name__} needs no reason any more"
    else:
        assert deviation <= BOUND
        unweighted = deterministic(cls, np.arange(N)).fit(X, y)
        assert np.abs(degrees(unweighted, X) - degrees(weighted, X)).max() > 1000 * BOUND


# --- their size does not matter

# What has to grow with the weights, or shrink, where the objective is a sum over rows; and a
# penalty that is not chosen by data that rounding has changed.
OF_SIZES = {
    "LDLRegressor": lambda size: {"estimator": BFGSLDL(**LINEAR), "distributor": COARSE},
    "GradientBoostingLDL": lambda size: {"l2_regularization": size},
    "LDSVR": lambda size: {"C": 1 / size},
}


@pytest.mark.parametrize("size", [5e307, 1e-308])
@pytest.mark.parametrize("cls", WEIGHTED, ids=ids)
def test_size_of_weights(cls, size):
    X, y = data()[0], target(cls)
    if cls.__name__ == "PTSVMLDL":  # which its machine would not survive
        with pytest.raises(ValueError, match=r"times a sample_weight of up to .* is out of"):
            make(cls).fit(X, y, sample_weight=size * COUNTS)
        return
    settings = OF_SIZES.get(cls.__name__, lambda size: {})
    plain = make(cls).set_params(**settings(1.0)).fit(X, y, sample_weight=COUNTS)
    sized = make(cls).set_params(**settings(size)).fit(X, y, sample_weight=size * COUNTS)
    assert_allclose(degrees(sized, X), degrees(plain, X), rtol=1e-6, atol=1e-9)


WRONG = {
    "negative": (np.r_[-1.0, np.ones(N - 1)], "sample_weight must be non-negative"),
    "zero": (np.zeros(N), "sample_weight must be non-negative.*zero"),
    "nan": (np.r_[np.nan, np.ones(N - 1)], "sample_weight contains NaN"),
    "infinite": (np.r_[np.inf, np.ones(N - 1)], "sample_weight contains infinity"),
    "short": (np.ones(N - 1), "sample_weight"),
}


@pytest.mark.parametrize("kind", WRONG)
@pytest.mark.parametrize("cls", WEIGHTED, ids=ids)
def test_wrong_weights_are_errors(cls, kind):
    weight, message = WRONG[kind]
    with pytest.raises(ValueError, match=message):
        make(cls).fit(data()[0], target(cls), sample_weight=weight)


@pytest.mark.parametrize("cls", UNWEIGHTED, ids=ids)
def test_estimators_without_weights_say_so(cls):
    X, D = data()
    first = (D,) if list(inspect.signature(cls.fit).parameters)[1] == "y" else (X, D)
    names = "|".join(base.__name__ for base in cls.__mro__[:3])
    with pytest.raises(TypeError, match=rf"({names})\.fit.*'sample_weight'"):
        make(cls).fit(*first, sample_weight=COUNTS)


# --- folds without weight


def has_folds(cls):
    return "cv" in cls().get_params(deep=False)


@pytest.mark.parametrize("cls", [cls for cls in WEIGHTED if has_folds(cls)], ids=ids)
def test_folds_whose_rows_weigh_nothing(cls):
    X, y = data()[0], target(cls)
    one_fold = np.repeat([1.0, 0.0, 0.0], N // 3)
    two_folds = 1 - one_fold
    model = make(cls).set_params(**({} if cls.__name__ == "PTSVMLDL" else {"cv": KFold(3)}))
    assert np.isfinite(degrees(model.fit(X, y, sample_weight=two_folds), X)).all()
    if cls.__name__ == "BFGSLDLCV":
        assert np.isnan(model.scores_[0]).all()
        assert np.isfinite(model.scores_[1:]).all()
        assert model.best_score_ == model.scores_[1:].mean(axis=0).max()
    if cls.__name__ == "PTSVMLDL":  # its folds are those of the rows with a weight
        model.fit(X, y, sample_weight=one_fold)
        return
    with pytest.raises(ValueError, match="All rows with a weight are in one fold"):
        model.fit(X, y, sample_weight=one_fold)


# --- measures

rng = np.random.default_rng(1)
VALUES = rng.normal(size=N), rng.normal(size=N)
ARGUMENTS = {
    "accuracy_within_score": (*VALUES, 1.0),
    "average_precision_score": (rng.choice([-1, 0, 1], size=(N, 3)), rng.normal(size=(N, 3))),
    "cumulative_error_auc_score": (rng.uniform(0, 0.1, size=N),),
    "cumulative_score": (*VALUES, 1.0),
    "cumulative_score_curve": (*VALUES, [0.5, 1.0]),
    "epsilon_error": (*VALUES, rng.uniform(1, 2, size=N)),
    "failure_rate_loss": (rng.uniform(0, 0.2, size=N),),
    "mean_euclidean_error": VALUES,
    "normalized_mean_error": (
        rng.normal(size=(N, 3, 2)),
        rng.normal(size=(N, 3, 2)),
        np.ones((N, 2)),
    ),
}
MEASURES = [
    name
    for name in metrics.__all__
    if "sample_weight" in inspect.signature(getattr(metrics, name)).parameters
]


def measure(name, rows, sample_weight=None):
    default = data()[1], fitted(BFGSLDL).predict(data()[0])
    arguments = [
        np.asarray(part)[rows] if np.shape(part)[:1] == (N,) else part
        for part in ARGUMENTS.get(name, default)
    ]
    return getattr(metrics, name)(*arguments, sample_weight=sample_weight, **options(name))


def score(name, rows, sample_weight=None):
    X, D = data()
    scorer = get_ldl_scorer(name, **options(name))
    return scorer(fitted(BFGSLDL), X[rows], D[rows], sample_weight=sample_weight)


@pytest.mark.parametrize(
    ("value", "name"),
    [(measure, name) for name in MEASURES] + [(score, name) for name in SCORERS],
)
def test_measures(value, name):
    every_row = np.arange(N)
    weighted = value(name, every_row, COUNTS)
    assert_allclose(weighted, value(name, REPEATED), rtol=1e-12, atol=1e-12)
    for size in (5e307, 1e-308):
        assert_allclose(value(name, every_row, size * COUNTS), weighted, rtol=1e-12, atol=1e-12)
    for weight, message in WRONG.values():
        with pytest.raises(ValueError, match=message):
            value(name, every_row, weight)


@pytest.mark.parametrize("name", ["kl_divergence", "d2_kl_score"])
def test_measures_of_dask_arrays(name):
    da = pytest.importorskip("dask.array")
    metric = getattr(metrics, name)
    D, P = data()[1], fitted(BFGSLDL).predict(data()[0])
    lazy = da.from_array(D, chunks=(25, 3)), da.from_array(P, chunks=(25, 3))
    expected = metric(D, P, sample_weight=COUNTS)
    for size in (1, 5e307, 1e-308):
        for weight in (size * COUNTS, da.from_array(size * COUNTS, chunks=17)):
            assert_allclose(metric(*lazy, sample_weight=weight).compute(), expected, rtol=1e-12)
    if name == "kl_divergence":
        with pytest.raises(ValueError, match="no effect with per_row"):
            metric(*lazy, sample_weight=COUNTS, per_row=True)
    for weight, message in WRONG.values():
        for given in (weight, da.from_array(weight, chunks=17)):
            with pytest.raises(ValueError, match=message):
                metric(*lazy, sample_weight=given).compute()
