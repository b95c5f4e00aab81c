"""Splits inside of estimators: shuffled with a fixed seed, and never empty."""

import numpy as np
import pytest
from joblib import parallel_config
from numpy.testing import assert_array_equal
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import KFold, StratifiedKFold

from sklearn_ldl import BFGSLDL, BFGSLDLCV, GradientBoostingLDL, KNeighborsLDL, StackingLDL
from tests.trust.cases import data, ids, make
from tests.trust.fits import OF_SAMPLES, fit, outputs

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


def name_of_splits(cls):
    constraints = getattr(cls, "_parameter_constraints", {})
    return next((name for name in constraints if "cv_object" in constraints[name]), None)


SPLITTING = list(filter(name_of_splits, OF_SAMPLES))


def settings(cls, cv):
    """A learner of class labels for those that are taught."""
    teacher = {"teacher": LogisticRegression()} if "teacher" in cls().get_params() else {}
    return {name_of_splits(cls): cv, **teacher}


def test_estimators_with_splits_are_found():
    assert {"BFGSLDLCV", "StackingLDL", "TemperatureCalibrator", "LabelShiftCorrector"} <= {
        cls.__name__ for cls in SPLITTING
    }


@pytest.mark.parametrize("cls", SPLITTING, ids=ids)
def test_numbers_of_folds_shuffle_with_a_fixed_seed(cls):
    X, _ = data()
    kind = StratifiedKFold if name_of_splits(cls) == "teacher_cv" else KFold
    given = kind(3, shuffle=True, random_state=0)
    expected = fit(cls, X, **settings(cls, given))
    for _ in range(2):
        model = fit(cls, X, **settings(cls, 3))
        for A, B in zip(outputs(model, X), outputs(expected, X), strict=True):
            assert_array_equal(A, B)


@pytest.mark.parametrize("cls", [BFGSLDLCV, StackingLDL], ids=ids)
def test_jobs_do_not_change_the_folds(cls):
    X, _ = data()
    learners = [("linear", BFGSLDL()), ("neighbours", KNeighborsLDL())]
    more = {"estimators": learners} if cls is StackingLDL else {}
    with parallel_config(backend="threading"):
        one, two = (fit(cls, X, cv=3, n_jobs=n_jobs, **more) for n_jobs in (1, 2))
    assert_array_equal(one.predict(X), two.predict(X))


@pytest.mark.parametrize("cls", SPLITTING, ids=ids)
def test_no_splits_are_an_error(cls):
    X, _ = data()
    rows = np.arange(len(X))
    for cv in ([], iter([])):
        with pytest.raises(ValueError, match="has no splits: give a number of folds"):
            fit(cls, X, **settings(cls, cv))
    for train, test in ((rows, []), ([], rows)):
        with pytest.raises(ValueError, match=r"Split 0 of .*cv has no rows to train on, or none"):
            fit(cls, X, **settings(cls, [(train, test)]))


def test_a_sorted_file():
    """Folds of consecutive rows would never have seen the labels that they are to predict."""
    X, D = data()
    order = np.argsort(D @ [0, 1, 2], kind="stable")
    X, D = X[order], D[order]
    held_out = BFGSLDLCV(scoring="d2_kl_score").fit(X, D).best_score_
    consecutive = BFGSLDLCV(scoring="d2_kl_score", cv=KFold(5)).fit(X, D).best_score_
    assert held_out > 0.1
    assert consecutive < 0


def test_rows_set_aside_by_a_fraction_are_drawn():
    X, D = data()
    stops = {"n_iter_no_change": 3, "validation_fraction": 0.2}
    models = [
        make(GradientBoostingLDL).set_params(random_state=seed, **stops).fit(X, D)
        for seed in (0, 0, 1)
    ]
    first, same, other = (model.predict(X) for model in models)
    assert_array_equal(first, same)
    assert np.abs(first - other).max() > 1e-6
