"""Correction of predictions for a changed label prior."""

import pickle
import warnings

import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from scipy.special import softmax
from sklearn import config_context
from sklearn.base import BaseEstimator, clone
from sklearn.dummy import DummyRegressor
from sklearn.ensemble import RandomForestRegressor
from sklearn.exceptions import NotFittedError
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import Ridge
from sklearn.model_selection import (
    GridSearchCV,
    GroupKFold,
    KFold,
    LeaveOneGroupOut,
    cross_val_predict,
    cross_validate,
)
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler

from sklearn_ldl import (
    BFGSLDL,
    KNeighborsLDL,
    LabelDistributionMixin,
    LabelShiftCorrector,
    LDLClassifier,
    TemperatureCalibrator,
)
from sklearn_ldl.datasets import make_label_shift
from sklearn_ldl.metrics import kl_divergence

SOURCE, TARGET = np.array([0.6, 0.3, 0.1]), np.array([0.15, 0.25, 0.6])
METHODS = ["bbse", "em"]

X, D = make_label_shift(120, prior=SOURCE, random_state=0)
X_new, D_new = make_label_shift(80, prior=TARGET, random_state=1)
X_same, _ = make_label_shift(80, prior=SOURCE, random_state=2)
for array in (X, D, X_new, D_new, X_same):
    array.setflags(write=False)


def corrector(estimator=None, **parameters):
    """One of the methods on its own; test_choice.py has the default."""
    settings = {"method": "bbse", "n_bootstrap": 20, **parameters}
    return LabelShiftCorrector(estimator, **settings)


def always(estimator=None, **parameters):
    return corrector(estimator, significance=1, **parameters)


def on_simplex(P, atol=1e-12):
    assert np.isfinite(P).all()
    assert P.min() >= 0
    assert_allclose(P.sum(axis=1), 1, rtol=0, atol=atol)


class Logits(LabelDistributionMixin, BaseEstimator):
    """Features, or functions of them, are the logits."""

    def __init__(self, function=None):
        self.function = function

    def fit(self, X, y):
        X, self.D_ = self._validate_fit(X, y)
        return self

    def decision_function(self, X):
        return np.asarray(X) if self.function is None else self.function(np.asarray(X))

    def predict(self, X):
        return softmax(self.decision_function(X), axis=1)


# --- the truth is found


@pytest.fixture(scope="module")
def true_model():
    rows = make_label_shift(20_000, prior=SOURCE, random_state=99)
    return FrozenEstimator(BFGSLDL(alpha=1e-8).fit(*rows))


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("frozen", [True, False], ids=["true model", "trained"])
def test_error_falls_with_the_root_of_the_rows(method, frozen, true_model):
    learner = true_model if frozen else BFGSLDL(alpha=1e-5)
    draws = {"bbse": 100, "em": 5}[method]  # the latter takes longer
    sizes, seeds = [200, 800, 3200], range(12)
    error, divergence = np.empty((2, len(sizes), len(seeds)))
    for k, n_rows in enumerate(sizes):
        for seed in seeds:
            train = make_label_shift(n_rows, prior=SOURCE, random_state=seed)
            X_target, D_target = make_label_shift(n_rows, prior=TARGET, random_state=100 + seed)
            model = always(learner, method=method, n_bootstrap=draws).fit(*train, X_target=X_target)
            error[k, seed] = ((model.target_prior_ - TARGET) ** 2).sum()
            divergence[k, seed] = kl_divergence(D_target, model.predict(X_target))
    rmse = np.sqrt(error.mean(axis=1))
    slope, _ = np.polyfit(np.log(sizes), np.log(rmse), deg=1)
    assert -0.65 < slope < -0.35
    assert rmse[-1] < 0.05
    # The divergence is quadratic in the error.
    assert divergence[-1].mean() < 0.25 * divergence[0].mean()
    assert divergence[-1].mean() < 0.02 * kl_divergence(D_target, true_model.predict(X_target))


@pytest.mark.filterwarnings("ignore:The estimated prior is in a corner:UserWarning")
@pytest.mark.parametrize("method", METHODS)
def test_reversed_labels_of_many(method):
    prior = np.arange(1.0, 9) ** 2 / 204
    rows = make_label_shift(2000, prior=prior, separation=3, random_state=0)
    X_target, D_target = make_label_shift(2000, prior=prior[::-1], separation=3, random_state=1)
    model = corrector(method=method).fit(*rows, X_target=X_target)
    shift = np.abs(prior - prior[::-1]).sum()
    assert np.abs(model.target_prior_ - prior[::-1]).sum() < 0.3 * shift
    raw = kl_divergence(D_target, model.estimator_.predict(X_target))
    assert kl_divergence(D_target, model.predict(X_target)) < 0.25 * raw


@pytest.mark.parametrize("method", METHODS)
def test_bootstrap_deviations_tell_the_spread_of_the_estimate(method, true_model):
    estimates, deviations = [], []
    for seed in range(25):
        rows = make_label_shift(400, prior=SOURCE, random_state=seed)
        X_target, _ = make_label_shift(400, prior=TARGET, random_state=100 + seed)
        model = always(true_model, method=method, strength=1e-6).fit(*rows, X_target=X_target)
        estimates.append(model.target_prior_)
        deviations.append(model.target_prior_std_)
    ratio = np.mean(deviations, axis=0) / np.std(estimates, axis=0)
    assert (ratio > 0.6).all()
    assert (ratio < 1.8).all()


@pytest.mark.filterwarnings("ignore:The estimated prior is in a corner:UserWarning")
@pytest.mark.parametrize("method", METHODS)
def test_the_chosen_strength_is_nearly_as_good_as_the_best(method, true_model, rng):
    strengths = [1, 16, 256, "auto"]
    error = np.zeros(len(strengths))
    for seed in range(20):
        prior = rng.dirichlet(np.ones(3))
        rows = make_label_shift(60, prior=SOURCE, random_state=seed)
        X_target, _ = make_label_shift(200, prior=prior, random_state=100 + seed)
        for k, strength in enumerate(strengths):
            model = always(true_model, method=method, strength=strength, n_bootstrap=10)
            found = model.fit(*rows, X_target=X_target).target_prior_
            error[k] += np.square(found - prior).sum()
    *fixed, chosen = np.sqrt(error)
    assert chosen < 1.3 * min(fixed)
    assert chosen < 0.7 * max(fixed)


# --- a given prior


def expected(P, target, tau=1.0, prior=None):
    corrected = P * (np.asarray(target) / (D.mean(axis=0) if prior is None else prior)) ** tau
    return corrected / corrected.sum(axis=1, keepdims=True)


@pytest.mark.parametrize(
    "learner",
    [BFGSLDL(), KNeighborsLDL(3), RandomForestRegressor(5, random_state=0)],
    ids=lambda learner: type(learner).__name__,
)
@pytest.mark.parametrize("tau", [0.0, 0.5, 1, 2.5])
def test_given_and_uniform_priors_follow_the_formula(learner, tau):
    for given_prior, prior in ((TARGET, TARGET), (list(TARGET), TARGET), ("uniform", np.ones(3))):
        model = corrector(learner, target_prior=given_prior, tau=tau).fit(X, D)
        raw = np.maximum(model.estimator_.predict(X_new), 1e-14)
        assert_allclose(model.predict(X_new), expected(raw, prior, tau), rtol=0, atol=1e-12)
        assert_allclose(model.prior_, D.mean(axis=0), rtol=1e-12)
        assert_allclose(model.target_prior_, prior / prior.sum(), rtol=1e-12)
        for name in ("p_value_", "shift_detected_", "strength_", "target_prior_std_"):
            assert not hasattr(model, name)


@settings(max_examples=50, deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1),
    n_labels=st.integers(2, 20),
    tau=st.floats(0, 4),
    scale=st.floats(0.1, 20),
)
def test_bayes_rule_for_any_logits_and_priors(seed, n_labels, tau, scale):
    rng = np.random.default_rng(seed)
    Z, target = scale * rng.standard_normal((9, n_labels)), rng.dirichlet(np.ones(n_labels))
    targets = rng.dirichlet(np.ones(n_labels), size=9)
    model = LabelShiftCorrector(Logits(), target_prior=target, tau=tau).fit(Z, targets)
    reference = expected(softmax(Z, axis=1), target, tau, targets.mean(axis=0))
    assert_allclose(model.predict(Z), reference, rtol=0, atol=1e-12)
    on_simplex(model.predict(Z))


def test_nothing_changes_without_tau_or_with_the_same_prior():
    model = corrector(target_prior="uniform", tau=0).fit(X, D)
    raw = model.estimator_.predict(X_new)
    assert_array_equal(model.predict(X_new), raw)
    model.set_params(tau=1.0, target_prior=model.prior_).adapt()
    assert_allclose(model.predict(X_new), raw, rtol=1e-13)


def test_a_given_prior_may_have_zeros():
    raw = BFGSLDL().fit(X, D).predict(X_new)
    for prior in ([0, 0.4, 0.6], [1, 0, 0], [0.0, 0.0, 1.0]):
        model = corrector(target_prior=prior).fit(X, D)
        assert_allclose(model.predict(X_new), expected(raw, prior), rtol=0, atol=1e-9)
        on_simplex(model.predict(X_new))
        assert np.isfinite(model.predict_log_proba(X_new)).all()
        half = model.set_params(tau=0.5).predict(X_new)
        assert_allclose(half, expected(raw, prior, 0.5), rtol=0, atol=1e-9)


@pytest.mark.parametrize(
    ("prior", "text"),
    [
        ([0.5, 0.5], r"shape \(2,\), but there are 3 labels"),
        ([[0.2, 0.3, 0.5]], r"shape \(1, 3\), but there are 3 labels"),
        ([0.5, 0.5, 0.5], "target_prior is not a label distribution: row 0 sums to 1.5"),
        ([-0.5, 0.5, 1], "target_prior is not a label distribution: .*negative degree"),
        ([np.nan, 0.5, 0.5], "target_prior is not a label distribution: .*NaN"),
        (["a", "b", "c"], "target_prior is not a label distribution: .*not numbers"),
        ("flat", "'target_prior' parameter of LabelShiftCorrector"),
        (0.5, "'target_prior' parameter of LabelShiftCorrector"),
    ],
)
def test_bad_priors(prior, text):
    with pytest.raises(ValueError, match=text):
        corrector(target_prior=prior).fit(X, D)
    fitted = corrector(target_prior="uniform").fit(X, D)
    P = fitted.predict(X_new)
    with pytest.raises(ValueError, match=text):
        fitted.set_params(target_prior=prior).adapt()
    assert_array_equal(fitted.predict(X_new), P)


def test_mass_on_a_label_that_training_lacks_is_ignored_with_a_warning():
    lacking = np.column_stack([D, np.zeros(len(D))])
    raw = BFGSLDL().fit(X, lacking).predict(X_new)
    with pytest.warns(UserWarning, match=r"a mass of 0.25 on labels that training lacks"):
        model = corrector(target_prior=np.full(4, 0.25)).fit(X, lacking)
    P = model.predict(X_new)
    on_simplex(P)
    assert_allclose(P[:, :3], expected(raw[:, :3], np.ones(3)), atol=1e-6)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        same = corrector(target_prior=[1 / 3, 1 / 3, 1 / 3, 0]).fit(X, lacking)
        uniform = corrector(target_prior="uniform").fit(X, lacking)
    # Scaled as a whole, a prior says the same.
    assert_allclose(same.predict(X_new)[:, :3], P[:, :3], atol=1e-6)
    assert_allclose(uniform.predict(X_new), P, rtol=1e-12)


# --- is there a shift?


@pytest.mark.parametrize("method", METHODS)
def test_predictions_stay_to_the_last_bit_where_no_shift_is_detected(method):
    model = corrector(method=method).fit(X, D, X_target=X_same)
    assert not model.shift_detected_
    assert 0.05 < model.p_value_ <= 1
    assert_array_equal(model.predict(X_new), model.estimator_.predict(X_new))
    assert_array_equal(model.decision_function(X_new), model.estimator_.decision_function(X_new))
    assert_array_equal(model.target_prior_, model.prior_)
    assert not hasattr(model, "strength_")
    assert not hasattr(model, "target_prior_std_")


@pytest.mark.parametrize("method", METHODS)
def test_a_strong_shift_is_detected_and_corrected(method):
    model = corrector(method=method).fit(X, D, X_target=X_new)
    assert model.shift_detected_
    assert model.p_value_ < 1e-4
    assert model.strength_ > 0
    assert model.target_prior_std_.shape == (3,)
    assert model.target_prior_.argmax() == 2
    assert model.score(X_new, D_new) > model.estimator_.score(X_new, D_new) + 0.1


def test_significance_is_the_level():
    p_value = corrector().fit(X, D, X_target=X_same).p_value_
    for significance, detected in ((p_value, True), (0.999 * p_value, False), (0, False)):
        model = corrector(significance=significance).fit(X, D, X_target=X_same)
        assert model.shift_detected_ is detected
        assert np.array_equal(model.target_prior_, model.prior_) is not detected


def test_a_learner_counts_by_the_weight_of_the_rows_that_it_has_not_seen():
    every_row = np.arange(len(X))
    first, second = every_row[:40], every_row[40:]
    weight = np.where(every_row < 40, 1, 1e-300)
    # The rows held out of other learners have next to no weight, whatever these say of the target.
    folds = [(second, first), (first[:9], second[:30]), (first[9:], second[30:])]
    found = []
    for splits in (folds[:1], folds):
        model = corrector(Neighbors(5), cv=splits)
        model.fit(X, D, sample_weight=weight, X_target=X_same)
        found.append(model.p_value_)
    assert found[0] == pytest.approx(found[1], rel=1e-9)


class Neighbors(KNeighborsLDL):
    """Takes weights, and ignores them."""

    def fit(self, X, y, sample_weight=None):
        return super().fit(X, y)


def rejections(learner, n_rows, n_target, prior, *, weighted=False):
    p_values = []
    for seed in range(200):
        train = make_label_shift(n_rows, prior=prior, random_state=seed)
        X_target, _ = make_label_shift(n_target, prior=prior, random_state=seed + 10**6)
        weight = np.random.default_rng(seed).uniform(0, 2, n_rows) if weighted else None
        # Without a shift to correct there is no estimate to wait for; the order of rows is chance.
        model = LabelShiftCorrector(learner, significance=0, cv=KFold(3))
        p_values.append(model.fit(*train, weight, X_target=X_target).p_value_)
    return np.mean(np.array(p_values) <= 0.05)


def test_level_with_a_frozen_estimator(true_model):
    assert 0.01 < rejections(true_model, 100, 100, SOURCE) < 0.09
    assert 0.01 < rejections(true_model, 150, 80, SOURCE, weighted=True) < 0.09


def test_level_with_cross_validation():
    few_rows_many_labels = np.random.default_rng(0).dirichlet(np.ones(15))
    assert rejections(KNeighborsLDL(5), 30, 30, few_rows_many_labels) < 0.09
    assert rejections(BFGSLDL(alpha=0.01, tol=1e-3), 80, 80, SOURCE) < 0.09
    # More target rows than training rows; rare labels.
    assert rejections(KNeighborsLDL(5), 60, 1000, few_rows_many_labels) < 0.09
    assert rejections(KNeighborsLDL(5), 100, 1000, [0.9, 0.04, 0.03, 0.03]) < 0.09
    # Ridge takes weights and is quick; what it predicts is projected onto the simplex.
    assert rejections(Ridge(), 100, 100, SOURCE, weighted=True) < 0.09


# --- unusual data

RNG = np.random.default_rng(0)
EDGE_CASES = {
    "one-hot rows": (X, np.eye(3)[D.argmax(axis=1)], X_new),
    "two labels": (X, np.column_stack([D[:, 0], 1 - D[:, 0]]), X_new),
    "ties": (X, np.full((120, 3), 1 / 3), X_new),
    "halves": (X, np.tile([[0.5, 0.5, 0], [0, 0.5, 0.5]], (60, 1)), X_new),
    "one label only": (X, np.eye(3)[np.zeros(120, dtype=int)], X_new),
    "label without mass": (X, np.insert(D, 1, 0, axis=1), X_new),
    "label with hardly any mass": (X, np.insert(D * (1 - 1e-12), 1, 1e-12, axis=1), X_new),
    "two target rows": (X, D, X_new[:2]),
    "the same row twice": (X, D, X_new[[0, 0]]),
    "constant feature": (np.ones((120, 1)), D, np.ones((7, 1))),
    "logits of 10,000": (2e4 * X, D, 2e4 * X_new),
    "more labels than rows": (X[:12], RNG.dirichlet(np.ones(40), 12), X_new),
    "sixty labels": (RNG.standard_normal((150, 3)), RNG.dirichlet(np.ones(60), 150), X_new),
}


@pytest.mark.filterwarnings("ignore:The estimated prior is in a corner:UserWarning")
@pytest.mark.filterwarnings("ignore:Other frequencies of the labels:UserWarning")
@pytest.mark.parametrize("method", ["auto", *METHODS])
@pytest.mark.parametrize("case", EDGE_CASES)
def test_unusual_data(method, case):
    rows, targets, X_target = EDGE_CASES[case]
    model = always(method=method).fit(rows, targets, X_target=X_target)
    on_simplex(model.predict(X_target))
    on_simplex(model.target_prior_[None])
    if model.method_ in METHODS:
        assert np.isfinite(model.target_prior_std_).all()
    assert np.isfinite(model.decision_function(X_target)).all()
    assert 0 <= model.p_value_ <= 1
    seen = targets.any(axis=0)
    assert (model.target_prior_[~seen] == 0).all()
    assert (model.target_prior_[seen] > 0).all()


@pytest.mark.parametrize("method", METHODS)
def test_logits_of_ten_thousand(method):
    steep = Logits(lambda X: 1e4 * np.sign(X - X.mean(axis=1, keepdims=True)) + X)
    model = always(steep, method=method).fit(X, D, X_target=X_new)
    on_simplex(model.predict(X_new))
    assert model.target_prior_.argmax() == 2
    assert np.isfinite(model.predict_log_proba(X_new)).all()


@pytest.mark.parametrize("method", METHODS)
def test_constant_predictions_show_no_shift(method):
    model = corrector(DummyRegressor(), method=method).fit(X, D, X_target=X_new)
    assert model.p_value_ == pytest.approx(1)
    assert_allclose(model.predict(X_new), np.tile(D.mean(axis=0), (80, 1)))
    # Told to estimate all the same, there is nothing to draw it away from the uniform prior.
    model = always(DummyRegressor(), method=method).fit(X, D, X_target=X_new)
    assert_allclose(model.target_prior_, 1 / 3, atol=0.05)


@pytest.mark.parametrize("method", METHODS)
def test_a_label_that_the_rows_held_out_lack_keeps_its_frequency(method):
    targets = np.eye(3)[np.r_[2, np.tile([0, 1], 59), 0]]
    splits = [(np.arange(60), np.arange(60, 120))]
    model = always(method=method, cv=splits).fit(X, targets, X_target=X_new)
    on_simplex(model.target_prior_[None])
    assert model.target_prior_[2] == pytest.approx(1 / 120)
    on_simplex(model.predict(X_new))


def test_rows_held_out_without_weight():
    splits, weight = [(np.arange(60), np.arange(60, 120))], np.zeros(120)
    weight[:61] = 1
    with pytest.raises(ValueError, match="Fewer than 2 rows held out have a weight"):
        always(cv=splits).fit(X, D, weight, X_target=X_new)
    frozen = FrozenEstimator(BFGSLDL().fit(X, D))
    with pytest.raises(ValueError, match="Fewer than 2 rows held out have a weight"):
        always(frozen).fit(X[:1], D[:1], X_target=X_new)


def test_many_labels_with_the_uniform_prior(rng):
    targets = rng.dirichlet(np.ones(300), 120)
    model = corrector(target_prior="uniform").fit(X, targets)
    on_simplex(model.predict(X_new))
    raw = model.estimator_.predict(X_new)
    reference = expected(raw, np.ones(300), prior=targets.mean(axis=0))
    assert_allclose(model.predict(X_new), reference, rtol=0, atol=1e-12)


def test_float32():
    rows, X_target = X.astype(np.float32), X_new.astype(np.float32)
    for model in (always(), corrector(target_prior="uniform")):
        P = clone(model).fit(X, D, X_target=X_new).predict(X_new)
        small = model.fit(rows, D, X_target=X_target).predict(X_target)
        assert small.dtype == np.float32
        on_simplex(small, atol=1e-6)
        assert_allclose(small, P, atol=2e-3)


def test_float32_predictions_stay_to_the_last_bit_where_no_shift_is_detected():
    model = corrector().fit(X.astype(np.float32), D, X_target=X_same.astype(np.float32))
    assert not model.shift_detected_
    X_test = X_new.astype(np.float32)
    assert_array_equal(model.predict(X_test), model.estimator_.predict(X_test), strict=True)


def test_integer_logits():
    rounded = Logits(lambda X: np.rint(X).astype(int))
    model = corrector(rounded, target_prior=TARGET).fit(X, D)
    assert_allclose(
        model.predict(X_new), expected(softmax(np.rint(X_new), axis=1), TARGET), atol=1e-12
    )


def test_frames(make_frame):
    FX, FD, F_new = make_frame(X, "abc"), make_frame(D, ["x", "y", "z"]), make_frame(X_new, "abc")
    model = corrector().fit(FX, FD, X_target=F_new)
    assert list(model.feature_names_in_) == ["a", "b", "c"]
    assert list(model.label_names_) == ["x", "y", "z"]
    plain = corrector().fit(X, D, X_target=X_new)
    assert model.shift_detected_
    assert_allclose(model.predict(F_new), plain.predict(X_new), rtol=1e-6)
    assert_array_equal(corrector().fit(FX, FD).adapt(F_new).predict(F_new), model.predict(F_new))


def test_sparse():
    model = always().fit(sp.csr_array(X), D, X_target=sp.csr_array(X_new))
    plain = always().fit(X, D, X_target=X_new)
    assert_allclose(model.predict(sp.csr_array(X_new)), plain.predict(X_new), rtol=1e-6)


@pytest.mark.parametrize("n_rows", [0, 1])
def test_too_few_target_rows(n_rows):
    with pytest.raises(ValueError, match=rf"{n_rows} sample"):
        corrector().fit(X, D, X_target=X_new[:n_rows])


def test_bad_target_rows():
    holes = X_new.copy()
    holes[3, 1] = np.nan
    model = corrector().fit(X, D, X_target=X_new)
    P = model.predict(X_new)
    for X_target, text in (
        (holes, "contains NaN"),
        (X_new[:, :2], "X has 2 features, but BFGSLDL is expecting 3"),
        (X_new[0], "Expected 2D array"),
        (None, 'target_prior="estimate" needs X_target'),
    ):
        with pytest.raises(ValueError, match=text):
            model.adapt(X_target)
        assert_array_equal(model.predict(X_new), P)


@pytest.mark.parametrize("parameters", [{}, {"target_prior": "uniform"}])
@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"y": D[:-1]}, "inconsistent numbers of samples"),
        ({"y": D.argmax(axis=1)}, "use LDLClassifier"),
        ({"y": 2 * D}, "row 0 sums to 2"),
        ({"y": None}, "requires y to be passed"),
        ({"X": np.full_like(X, np.nan)}, "contains NaN"),
        ({"sample_weight": np.ones(119)}, "sample_weight"),
        ({"sample_weight": np.zeros(120)}, "zero"),
        ({"sample_weight": -np.ones(120)}, "[Nn]egative"),
        ({"sample_weight": np.full(120, np.nan)}, "NaN"),
    ],
)
def test_bad_data(change, text, parameters):
    with pytest.raises(ValueError, match=text):
        corrector(**parameters).fit(**{"X": X, "y": D, "X_target": X_new} | change)


@pytest.mark.parametrize(
    ("parameter", "value"),
    [
        ("estimator", 3),
        ("method", "rlls"),
        ("tau", -0.1),
        ("tau", np.nan),
        ("significance", 1.5),
        ("strength", 0.0),
        ("strength", "none"),
        ("cv", 1.5),
        ("n_bootstrap", 1),
        ("random_state", "seed"),
    ],
)
def test_bad_parameters(parameter, value):
    with pytest.raises(ValueError, match=f"'{parameter}' parameter of LabelShiftCorrector"):
        corrector(**{parameter: value}).fit(X, D)
    if parameter == "estimator":
        return
    fitted = corrector().fit(X, D)
    with pytest.raises(ValueError, match=f"'{parameter}' parameter of LabelShiftCorrector"):
        fitted.set_params(**{parameter: value}).adapt(X_new)


def test_not_fitted():
    with pytest.raises(NotFittedError):
        corrector().predict(X)
    with pytest.raises(NotFittedError):
        corrector(target_prior="uniform").adapt()


def test_inputs_are_not_modified():
    weight, prior = np.arange(1.0, 121), TARGET.copy()
    weight.setflags(write=False)
    corrector().fit(X, D, weight, X_target=X_new).predict(X_new)
    model = corrector(target_prior=prior).fit(X, D, weight)
    assert model.target_prior is prior
    prior[:] = 0
    assert_allclose(model.target_prior_, TARGET)


# --- weights


@pytest.mark.parametrize("method", METHODS)
def test_weights_equal_repetition_with_the_same_splits(method):
    counts, fold = np.random.default_rng(0).integers(0, 4, len(X)), np.arange(len(X)) % 3
    rows = np.repeat(np.arange(len(X)), counts)
    learner = BFGSLDL(alpha=0.1, tol=1e-10)
    model = always(learner, method=method, cv=LeaveOneGroupOut(), n_bootstrap=200, strength=4)
    weighted = clone(model).fit(X, D, counts, X_target=X_new, groups=fold)
    repeated = clone(model).fit(X[rows], D[rows], X_target=X_new, groups=fold[rows])
    plain = clone(model).fit(X, D, X_target=X_new, groups=fold)
    assert_allclose(weighted.prior_, repeated.prior_, rtol=1e-12)
    assert np.abs(plain.prior_ - repeated.prior_).max() > 0.01
    # The estimate knows that a heavy row is one row, so it is less sure than with repeated ones.
    assert_allclose(weighted.target_prior_, repeated.target_prior_, atol=0.06)


def test_rows_without_weight_do_not_count():
    weight = np.ones(len(X))
    weight[100:] = 0
    noise = np.eye(3)[np.random.default_rng(0).integers(0, 3, 20)]
    splits = [(np.arange(60), np.arange(60, 120)), (np.arange(60, 120), np.arange(60))]
    targets = np.vstack([D[:100], noise])
    weighted = always(BFGSLDL(tol=1e-10), cv=splits).fit(X, targets, weight, X_target=X_new)
    shorter = [(np.arange(60), np.arange(60, 100)), (np.arange(60, 100), np.arange(60))]
    dropped = always(BFGSLDL(tol=1e-10), cv=shorter).fit(X[:100], D[:100], X_target=X_new)
    assert weighted.p_value_ == pytest.approx(dropped.p_value_, rel=1e-6)
    assert_allclose(weighted.prior_, dropped.prior_, rtol=1e-12)


def test_the_scale_of_the_weights_does_not_matter():
    weight = np.random.default_rng(0).uniform(size=len(X))
    first = always().fit(X, D, weight, X_target=X_new)
    for factor in (1e-200, 1e200):
        other = always().fit(X, D, factor * weight, X_target=X_new)
        assert_allclose(other.target_prior_, first.target_prior_, rtol=1e-3)
        assert_allclose(other.prior_, first.prior_, rtol=1e-12)


def test_the_prior_is_weighted():
    weight = np.arange(1.0, 121)
    model = corrector(BFGSLDL(), target_prior="uniform").fit(X, D, weight)
    assert_allclose(model.prior_, np.average(D, axis=0, weights=weight))


# --- adapt


def learned(model):
    """What a fit found out, as plain values."""
    state = {name: value for name, value in vars(model).items() if name.endswith("_")}
    return {name: value for name, value in state.items() if name != "estimator_"}


@pytest.mark.parametrize("method", METHODS)
def test_adapt_equals_fit_with_target_rows(method):
    at_once = corrector(method=method).fit(X, D, X_target=X_new)
    later = corrector(method=method).fit(X, D)
    assert_array_equal(later.predict(X_new), later.estimator_.predict(X_new))
    assert_array_equal(later.target_prior_, later.prior_)
    assert not hasattr(later, "p_value_")
    learner = later.estimator_
    for X_target in (X_same, X[:3], X_new):
        assert later.adapt(X_target) is later
    assert later.estimator_ is learner
    np.testing.assert_equal(learned(later), learned(at_once))
    assert_array_equal(later.predict(X_new), at_once.predict(X_new))


def test_adapt_forgets_how_the_last_prior_was_estimated():
    model = corrector().fit(X, D, X_target=X_new)
    assert {"p_value_", "shift_detected_", "strength_", "target_prior_std_"} <= vars(model).keys()
    model.adapt(X_same)
    assert model.p_value_ > 0.05
    assert not {"strength_", "target_prior_std_"} & vars(model).keys()
    model.adapt(X_new).set_params(target_prior="uniform").adapt()
    estimated = {"p_value_", "shift_detected_", "strength_", "target_prior_std_"}
    assert not estimated & vars(model).keys()
    assert_allclose(model.target_prior_, 1 / 3)
    model.set_params(target_prior="estimate").adapt(X_new)
    assert estimated <= vars(model).keys()
    assert not estimated & vars(model.fit(X, D)).keys()


def test_other_parameters_take_effect_in_adapt():
    model = corrector().fit(X, D, X_target=X_new)
    for change in (
        {"method": "em"},
        {"strength": 4.0},
        {"n_bootstrap": 5},
        {"significance": 0},
        {"target_prior": TARGET},
        {"target_prior": "uniform"},
        {"tau": 0.5},
    ):
        changed = corrector(**change).fit(X, D, X_target=X_new)
        adapted = pickle.loads(pickle.dumps(model)).set_params(**change).adapt(X_new)
        assert_array_equal(adapted.predict(X_new), changed.predict(X_new))
        assert not np.array_equal(adapted.predict(X_new), model.predict(X_new))
        np.testing.assert_equal(learned(adapted), learned(changed))


def test_adapt_estimates_only_where_rows_were_held_out():
    for prior in ("uniform", TARGET):
        model = corrector(target_prior=prior).fit(X, D).set_params(target_prior="estimate")
        with pytest.raises(ValueError, match='fit with target_prior="estimate" already'):
            model.adapt(X_new)


def test_repeated_fits():
    model = corrector().fit(X, D, X_target=X_new)
    two_labels = np.column_stack([D[:, 0], 1 - D[:, 0]])
    model.fit(X[:, :1], two_labels)
    assert model.predict(X[:, :1]).shape == (120, 2)
    assert model.n_features_in_ == 1
    assert not hasattr(model, "p_value_")
    again, once = model.fit(X, D, X_target=X_new), corrector().fit(X, D, X_target=X_new)
    np.testing.assert_equal(learned(again), learned(once))
    assert_array_equal(again.predict(X_new), once.predict(X_new))


@pytest.mark.parametrize("method", METHODS)
def test_seeds(method):
    def estimate(seed):
        return always(method=method, random_state=seed).fit(X, D, X_target=X_new).target_prior_

    before = np.random.get_state()  # noqa: NPY002
    first = estimate(3)
    assert_array_equal(estimate(3), first)
    assert_array_equal(estimate(np.random.RandomState(3)), first)
    assert not np.array_equal(estimate(4), first)
    np.testing.assert_equal(np.random.get_state(), before)  # noqa: NPY002


# --- what users of scikit-learn do


@pytest.mark.parametrize(
    "learner",
    [
        None,
        KNeighborsLDL(10),
        RandomForestRegressor(10, random_state=0),
        make_pipeline(StandardScaler(), BFGSLDL()),
        TemperatureCalibrator(BFGSLDL(alpha=1.0), cv=3),
    ],
    ids=lambda learner: type(learner).__name__,
)
def test_any_learner(learner):
    model = corrector(learner).fit(X, D, X_target=X_new)
    P = model.predict(X_new)
    on_simplex(P)
    assert model.shift_detected_
    assert model.score(X_new, D_new) > model.estimator_.score(X_new, D_new)
    assert_array_equal(model.predict_proba(X_new), P)
    assert_allclose(model.predict_log_proba(X_new), np.log(P))
    assert (model.n_labels_, model.n_features_in_) == (3, 3)
    assert isinstance(model.estimator_, type(learner if learner is not None else BFGSLDL()))


def test_a_network():
    pytest.importorskip("torch")
    pytest.importorskip("skorch")
    from sklearn_ldl import DeepLDLRegressor

    net = DeepLDLRegressor(hidden_layer_sizes=(), max_epochs=20, lr=0.05, random_state=0)
    model = corrector(net, cv=2).fit(X, D, X_target=X_new)
    on_simplex(model.predict(X_new))
    assert model.score(X_new, D_new) > model.estimator_.score(X_new, D_new)
    assert_array_equal(pickle.loads(pickle.dumps(model)).predict(X_new), model.predict(X_new))


def test_inside_a_temperature_scaler():
    model = TemperatureCalibrator(corrector(target_prior="uniform", tau=3.0)).fit(X, D)
    on_simplex(model.predict(X_new))
    # Three corrections too many make the corrector too sure of rare labels.
    assert model.temperature_ > 1.1
    estimated = TemperatureCalibrator(corrector()).fit(X, D, X_target=X_new)
    assert estimated.estimator_.shift_detected_


def test_inside_a_classifier():
    y = D.argmax(axis=1)
    model = LDLClassifier(corrector(target_prior="uniform")).fit(X, y)
    raw = LDLClassifier(BFGSLDL()).fit(X, y)
    assert (model.predict(X_new) == 2).sum() > (raw.predict(X_new) == 2).sum()


def test_frozen_estimator_is_never_fitted():
    fitted = BFGSLDL().fit(X[:60], D[:60])
    coef = fitted.coef_.copy()
    model = corrector(FrozenEstimator(fitted)).fit(X[60:], D[60:], X_target=X_new)
    assert model.estimator_.estimator is fitted
    assert_array_equal(fitted.coef_, coef)
    assert_allclose(model.prior_, D[60:].mean(axis=0))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        model.fit(X[60:], D[60:], np.ones(60), X_target=X_new)
    with pytest.raises(NotFittedError):
        corrector(FrozenEstimator(BFGSLDL())).fit(X, D, X_target=X_new)


def test_groups_reach_the_splitter():
    groups = np.arange(120) // 30
    model = always(cv=GroupKFold(4)).fit(X, D, X_target=X_new, groups=groups)
    same = always(cv=GroupKFold(4).split(X, D, groups)).fit(X, D, X_target=X_new)
    assert_array_equal(model.target_prior_, same.target_prior_)
    with pytest.raises(ValueError, match="'groups' parameter should not be None"):
        always(cv=GroupKFold(4)).fit(X, D, X_target=X_new)


def test_search_over_tau_and_the_penalty():
    grid = {"tau": [0.0, 1.0], "estimator__alpha": [1e-3, 1.0]}
    results = []
    for n_jobs in (1, 2):
        search = GridSearchCV(corrector(BFGSLDL(), cv=3), grid, cv=3, n_jobs=n_jobs)
        search.fit(X, D, X_target=X_new)
        results.append(search)
    # Test folds come from the source, where a correction for the target does harm.
    assert search.best_params_ == {"tau": 0.0, "estimator__alpha": 1e-3}
    assert len(set(search.cv_results_["mean_test_score"])) == 4
    one, two = (search.cv_results_["mean_test_score"] for search in results)
    assert_array_equal(one, two)
    assert search.best_estimator_.shift_detected_
    assert_array_equal(results[0].predict(X_new), results[1].predict(X_new))


def test_cross_validation():
    model = corrector(cv=3)
    outer = KFold(4)
    P = cross_val_predict(model, X, D, cv=outer, params={"X_target": X_new})
    train, test = next(outer.split(X))
    by_hand = clone(model).fit(X[train], D[train], X_target=X_new)
    assert_array_equal(P[test], by_hand.predict(X[test]))
    scores = cross_validate(model, X, D, cv=outer, params={"X_target": X_new})["test_score"]
    assert scores[0] == pytest.approx(by_hand.score(X[test], D[test]))


def test_pipeline_inside_and_around():
    scaled = make_pipeline(StandardScaler(), BFGSLDL())
    inside = corrector(scaled).fit(X, D, X_target=X_new)
    with config_context(enable_metadata_routing=True):
        step = corrector(BFGSLDL()).set_fit_request(X_target=True, sample_weight=False)
        around = Pipeline(
            [("scale", StandardScaler()), ("correct", step)], transform_input=["X_target"]
        ).fit(X, D, X_target=X_new)
        searched = GridSearchCV(clone(around), {"correct__tau": [0.0, 1.0]}, cv=2)
        assert_array_equal(
            searched.fit(X, D, X_target=X_new).best_estimator_[-1].target_prior_,
            around[-1].target_prior_,
        )
        # The pipeline that is inside takes no target rows: the corrector predicts them itself.
        routed = corrector(scaled).fit(X, D, X_target=X_new)
    assert around[-1].shift_detected_
    # Folds are scaled by themselves inside the corrector, all at once around it.
    assert_allclose(around[-1].target_prior_, inside.target_prior_, atol=0.02)
    assert_array_equal(routed.predict(X_new), inside.predict(X_new))
    adapted = inside.adapt(X_same)
    assert not adapted.shift_detected_


def test_metadata_is_routed():
    weight, groups = np.arange(1.0, 121), np.arange(120) % 4
    model = corrector(BFGSLDL(), cv=GroupKFold(4))
    plain = model.fit(X, D, weight, X_target=X_new, groups=groups).predict(X_new)
    with config_context(enable_metadata_routing=True):
        learner = make_pipeline(BFGSLDL().set_fit_request(sample_weight=True))
        model = corrector(learner, cv=GroupKFold(4))
        routed = clone(model).fit(X, D, weight, X_target=X_new, groups=groups)
        assert_allclose(routed.predict(X_new), plain, rtol=1e-12)
        default = corrector().fit(X, D, weight, X_target=X_new)
    unrouted = corrector().fit(X, D, weight, X_target=X_new)
    assert_array_equal(default.predict(X_new), unrouted.predict(X_new))


@pytest.mark.parametrize("parameters", [{}, {"method": "em"}, {"target_prior": "uniform"}])
def test_clone_and_pickle(parameters):
    model = corrector(make_pipeline(StandardScaler(), BFGSLDL()), **parameters)
    model.fit(X, D, X_target=X_new)
    P = model.predict(X_new)
    restored = pickle.loads(pickle.dumps(model))
    assert_array_equal(restored.predict(X_new), P)
    assert_array_equal(restored.adapt(X_new).predict(X_new), P)
    fresh = clone(model)
    assert not hasattr(fresh, "prior_")
    assert_array_equal(fresh.fit(X, D, X_target=X_new).predict(X_new), P)


def test_no_features_are_kept():
    rng = np.random.default_rng(0)
    rows, X_target = rng.standard_normal((1000, 100)), rng.standard_normal((900, 100))
    targets = rng.dirichlet(np.ones(3), 1000)
    model = always(BFGSLDL(tol=0.1)).fit(rows, targets, X_target=X_target)
    assert len(pickle.dumps(model)) < rows.nbytes / 4
    uniform = corrector(target_prior="uniform").fit(X, D)
    # Nor logits, where they are of no use.
    assert len(pickle.dumps(uniform)) < D.nbytes
