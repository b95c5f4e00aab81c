"""Temperature scaling of distributions."""

import pickle
import warnings

import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from scipy.special import log_softmax, softmax
from sklearn import config_context
from sklearn.base import BaseEstimator, clone
from sklearn.calibration import CalibratedClassifierCV
from sklearn.ensemble import RandomForestRegressor
from sklearn.exceptions import ConvergenceWarning, NotFittedError, UnsetMetadataPassedError
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import (
    GridSearchCV,
    GroupKFold,
    KFold,
    LeaveOneGroupOut,
    ShuffleSplit,
    cross_val_predict,
)
from sklearn.neighbors import KNeighborsRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import parametrize_with_checks

from sklearn_ldl import BFGSLDL, KNeighborsLDL, LabelDistributionMixin, LDLClassifier, PTBayesLDL
from sklearn_ldl.datasets import make_ldl
from sklearn_ldl.metrics import get_ldl_scorer, kl_divergence, log_loss
from sklearn_ldl.testing import as_regressor
from sklearn_ldl.wrappers.calibration import TemperatureCalibrator, fit_temperature


@pytest.fixture(scope="module")
def data():
    return make_ldl(120, n_votes=30, random_state=0)


@pytest.fixture
def logits(rng):
    return 3 * rng.standard_normal((200, 4))


class Steep(LabelDistributionMixin, BaseEstimator):
    """Logits `factor` times too large; remembers what it was fitted to."""

    n_fits = 0

    def __init__(self, factor=3.0):
        self.factor = factor

    def fit(self, X, y, sample_weight=None):
        type(self).n_fits += 1
        X, self.D_ = self._validate_fit(X, y)
        self.weight_ = sample_weight
        return self

    def decision_function(self, X):
        return self.factor * np.asarray(X)

    def predict(self, X):
        return softmax(self.decision_function(X), axis=1)


def steep_data(rng, n_samples=60, n_labels=3):
    X = rng.standard_normal((n_samples, n_labels))
    return X, softmax(X, axis=1)


# --- fit_temperature


@pytest.mark.parametrize("temperature", [0.06, 0.29, 1.0, 1.38, 3.09, 19.0])
def test_known_temperature_is_recovered(logits, temperature):
    D = softmax(logits / temperature, axis=1)
    assert fit_temperature(logits, D) == pytest.approx(temperature, rel=1e-5)


@settings(max_examples=50, deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1),
    scale=st.floats(0.1, 30),
    sharpness=st.floats(0.05, 10),
    n_labels=st.integers(2, 8),
)
def test_optimum_agrees_with_a_fine_grid(seed, scale, sharpness, n_labels):
    rng = np.random.default_rng(seed)
    Z = scale * rng.standard_normal((20, n_labels))
    D = softmax(Z / scale + sharpness * rng.standard_normal(Z.shape), axis=1)
    weight = rng.uniform(0, 1, 20)

    def loss(temperature):
        return -weight @ (D * log_softmax(Z / temperature, axis=1)).sum(axis=1)

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        found = fit_temperature(Z, D, sample_weight=weight)
    grid = np.geomspace(0.05, 20, 1000)
    best = grid[np.argmin([loss(temperature) for temperature in grid])]
    assert loss(found) <= loss(best) * (1 + 1e-12)
    assert abs(np.log(found / best)) <= 1.01 * np.log(grid[1] / grid[0])


def test_one_hot_rows_stand_for_class_labels(rng):
    Z = rng.standard_normal((500, 3))
    labels = [rng.choice(3, p=p) for p in softmax(Z, axis=1)]
    temperature = fit_temperature(4 * Z, np.eye(3)[labels])
    assert temperature == pytest.approx(4, rel=0.2)
    losses = [
        log_loss(labels, softmax(4 * Z / t, axis=1))
        for t in (temperature, 0.98 * temperature, 1.02 * temperature)
    ]
    assert np.argmin(losses) == 0


def test_temperature_moves_with_the_scale_and_not_with_the_offset(logits, rng):
    D = softmax(logits / 2 + rng.standard_normal((200, 4)), axis=1)
    temperature = fit_temperature(logits, D)
    assert fit_temperature(2 * logits, D) == pytest.approx(2 * temperature)
    shifted = logits + 50 * rng.standard_normal((200, 1))
    assert fit_temperature(shifted, D) == pytest.approx(temperature)


def test_weights_equal_repetition(logits, rng):
    D = softmax(logits / 2 + rng.standard_normal((200, 4)), axis=1)
    counts = rng.integers(0, 4, 200)
    weighted = fit_temperature(logits, D, sample_weight=counts)
    repeated = fit_temperature(np.repeat(logits, counts, axis=0), np.repeat(D, counts, axis=0))
    assert weighted == pytest.approx(repeated, rel=1e-6)
    assert weighted != pytest.approx(fit_temperature(logits, D), rel=1e-3)
    assert fit_temperature(logits, D, sample_weight=1e300 * counts) == pytest.approx(weighted)


def test_bounds_are_reached_with_a_warning():
    right, wrong = np.eye(3), -np.eye(3)
    with pytest.warns(ConvergenceWarning, match=r"bound 0.05: the logits are hardly ever wrong"):
        assert fit_temperature(right, np.eye(3)) == 0.05
    with pytest.warns(ConvergenceWarning, match=r"bound 20: the logits say little about y"):
        assert fit_temperature(wrong, np.eye(3)) == 20
    with pytest.warns(ConvergenceWarning, match="Widen bounds"):
        assert fit_temperature(right, softmax(right / 5, axis=1), bounds=(0.5, 2)) == 2


def test_unusual_logits_and_targets(logits):
    one_row = fit_temperature([[2.0, 0.0]], [[0.7, 0.3]])
    assert_allclose(softmax([2 / one_row, 0]), [0.7, 0.3])
    assert fit_temperature(np.zeros((4, 3)), np.eye(3)[[0, 1, 2, 0]]) == 1
    D = softmax(logits / 2, axis=1)
    assert fit_temperature(logits.astype(np.float32), D) == pytest.approx(2, rel=1e-5)
    assert fit_temperature(pd.DataFrame(logits), pd.DataFrame(D)) == pytest.approx(2, rel=1e-5)
    with pytest.warns(ConvergenceWarning):
        assert fit_temperature(1e6 * np.eye(2), np.eye(2)[::-1]) == 20


def test_ten_thousand_labels(rng):
    Z = rng.standard_normal((5, 10_000))
    assert fit_temperature(Z, softmax(Z / 3, axis=1)) == pytest.approx(3, rel=1e-5)


def test_inputs_are_not_modified(logits):
    D = softmax(logits, axis=1)
    weight = np.arange(1.0, 201)
    for array in (logits, D, weight):
        array.setflags(write=False)
    fit_temperature(logits, D, sample_weight=weight)


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"Z": np.zeros((3, 2))}, r"different shapes: \(3, 2\) and \(4, 2\)"),
        ({"Z": np.zeros((4, 3))}, r"different shapes: \(4, 3\) and \(4, 2\)"),
        ({"Z": np.full((4, 2), np.nan)}, "Input Z contains NaN"),
        ({"Z": np.full((4, 2), -np.inf)}, "Input Z contains infinity"),
        ({"Z": np.zeros(4)}, "Expected 2D array"),
        ({"D": [0, 1, 1, 0]}, "D is not a label distribution: expected shape"),
        ({"D": np.ones((4, 2))}, "row 0 sums to 2"),
        ({"sample_weight": np.ones(3)}, r"sample_weight has shape \(3,\)"),
        ({"sample_weight": -np.ones(4)}, "non-negative"),
    ],
)
def test_bad_input(change, text):
    good = {"Z": np.zeros((4, 2)), "D": np.full((4, 2), 0.5)}
    with pytest.raises(ValueError, match=text):
        fit_temperature(**good | change)


@pytest.mark.parametrize(
    "bounds", [(0, 1), (-1, 1), (2, 1), (1, 1), (1, np.inf), (np.nan, 1), (1, 2, 3), ["a", "b"]]
)
def test_bad_bounds(bounds, data):
    with pytest.raises(ValueError, match="two positive numbers in ascending order"):
        fit_temperature(np.zeros((1, 2)), [[0.5, 0.5]], bounds=bounds)
    Steep.n_fits = 0
    with pytest.raises(ValueError, match="two positive numbers in ascending order"):
        TemperatureCalibrator(Steep(), bounds=bounds).fit(*data)
    assert Steep.n_fits == 0


# --- TemperatureCalibrator


@pytest.mark.filterwarnings("ignore:The best temperature is at the bound")  # its data are noise
@parametrize_with_checks(
    [as_regressor(TemperatureCalibrator(inner, cv=2)) for inner in (None, KNeighborsLDL(3))]
)
def test_scikit_learn_suite(estimator, check):
    check(estimator)


@pytest.mark.parametrize("factor", [0.29, 3.09])
def test_confidence_is_corrected(rng, factor):
    X, D = steep_data(rng)
    model = TemperatureCalibrator(Steep(factor)).fit(X, D)
    assert model.temperature_ == pytest.approx(factor, rel=1e-5)
    assert_allclose(model.predict(X), D, atol=1e-5)
    assert_allclose(model.decision_function(X), factor * X / model.temperature_)
    assert_array_equal(model.predict_proba(X), model.predict(X))
    assert_allclose(model.predict_log_proba(X), np.log(model.predict(X)))
    assert model.score(X, D) == pytest.approx(1, abs=1e-8)


def test_temperature_comes_from_held_out_rows(data):
    X, D = data
    cv = KFold(4, shuffle=True, random_state=0)
    learner = BFGSLDL(alpha=1.0)
    model = TemperatureCalibrator(learner, cv=cv).fit(X, D)
    P = cross_val_predict(learner, X, D, cv=cv)
    assert model.temperature_ == pytest.approx(fit_temperature(np.log(P), D), rel=1e-6)
    assert_allclose(model.estimator_.coef_, clone(learner).fit(X, D).coef_)


def test_splits_need_not_partition_the_rows(data):
    X, D = data
    cv = ShuffleSplit(3, test_size=0.5, random_state=0)
    logits, held_out = [], []
    for train, test in cv.split(X):
        logits.append(BFGSLDL().fit(X[train], D[train]).decision_function(X[test]))
        held_out.append(D[test])
    expected = fit_temperature(np.vstack(logits), np.vstack(held_out))
    for splits in (cv, list(cv.split(X)), cv.split(X)):
        model = TemperatureCalibrator(cv=splits).fit(X, D)
        assert isinstance(model.estimator_, BFGSLDL)  # the default
        # A minimum is found to the square root of the rounding, which depends on the processor.
        assert_allclose(model.temperature_, expected, rtol=1e-6)


def test_an_overfitting_learner_is_flattened(rng):
    X, D = make_ldl(200, n_votes=3, random_state=0)
    X = np.column_stack([X, rng.standard_normal((200, 30))])
    learner = BFGSLDL(alpha=1e-6)
    model = TemperatureCalibrator(learner).fit(X[:80], D[:80])
    assert model.temperature_ > 1.3
    raw = clone(learner).fit(X[:80], D[:80]).predict(X[80:])
    scaled = model.predict(X[80:])
    assert kl_divergence(D[80:], scaled) < 0.8 * kl_divergence(D[80:], raw)
    assert_array_equal(scaled.argmax(axis=1), raw.argmax(axis=1))


@pytest.mark.parametrize(
    "learner",
    [
        BFGSLDL(),
        PTBayesLDL(),
        KNeighborsLDL(n_neighbors=3),
        KNeighborsRegressor(3),
        RandomForestRegressor(5, random_state=0),
        make_pipeline(StandardScaler(), BFGSLDL()),
    ],
    ids=lambda learner: type(learner).__name__,
)
def test_any_learner(learner, data):
    X, D = data
    model = TemperatureCalibrator(learner).fit(X, D)
    P = model.predict(X)
    assert P.min() >= 0
    assert_allclose(P.sum(axis=1), 1, atol=1e-12)
    raw = model.estimator_.predict(X)
    assert (raw[np.arange(len(X)), P.argmax(axis=1)] == raw.max(axis=1)).all()
    assert model.n_labels_ == 3
    assert model.n_features_in_ == 3


def test_degrees_of_zero_are_logits_of_their_own(rng):
    X, D = rng.uniform(size=(40, 1)), np.eye(3)[rng.integers(0, 3, 40)]
    # One neighbour is wrong two times out of three, at the price of 1e-14 each time.
    with pytest.warns(ConvergenceWarning, match="best temperature is at the bound 20"):
        model = TemperatureCalibrator(KNeighborsRegressor(1)).fit(X, D)
    P = model.predict(X)
    assert model.temperature_ > 10
    assert np.isfinite(model.decision_function(X)).all()
    assert P.min() > 1e-2


def test_frozen_estimator_is_never_fitted(rng):
    X, D = steep_data(rng)
    fitted = Steep(2.0).fit(X, D)
    Steep.n_fits = 0
    for cv in (5, 1000):
        model = TemperatureCalibrator(FrozenEstimator(fitted), cv=cv).fit(X[:9], D[:9])
        assert model.estimator_.estimator is fitted
        assert model.temperature_ == pytest.approx(2, rel=1e-5)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        model.fit(X, D, sample_weight=np.ones(60))
    piped = make_pipeline(FrozenEstimator(StandardScaler().fit(X)), FrozenEstimator(fitted))
    TemperatureCalibrator(piped, bounds=(0.01, 100)).fit(X, D)
    assert Steep.n_fits == 0
    with pytest.raises(NotFittedError):
        TemperatureCalibrator(FrozenEstimator(BFGSLDL())).fit(X, D)


def test_frozen_classifier_learns_from_soft_labels(data):
    X, D = data
    y = D[:, :2].argmax(axis=1)
    soft = D[:, :2] / D[:, :2].sum(axis=1, keepdims=True)
    for classifier in (
        LogisticRegression(),
        LDLClassifier(),
        LDLClassifier(KNeighborsRegressor(30)),
    ):
        classifier.fit(X, y)
        model = TemperatureCalibrator(FrozenEstimator(classifier)).fit(X, soft)
        raw = classifier.predict_proba(X)
        assert kl_divergence(soft, model.predict(X)) < kl_divergence(soft, raw)
        assert_array_equal(model.predict(X).argmax(axis=1), raw.argmax(axis=1))


def test_class_labels_agree_with_scikit_learn(data):
    if "temperature" not in str(CalibratedClassifierCV._parameter_constraints["method"]):
        pytest.skip("this scikit-learn has no temperature scaling")
    X, D = data
    y = D.argmax(axis=1)
    classifier = FrozenEstimator(LDLClassifier(BFGSLDL(alpha=1.0)).fit(X, y))
    theirs = CalibratedClassifierCV(classifier, method="temperature").fit(X, y)
    ours = TemperatureCalibrator(classifier).fit(X, np.eye(3)[y])
    assert_allclose(ours.predict(X), theirs.predict_proba(X), rtol=1e-5)


def test_inside_a_classifier(data):
    X, D = data
    y = D.argmax(axis=1)
    model = LDLClassifier(TemperatureCalibrator(BFGSLDL(alpha=1.0))).fit(X, y)
    raw = LDLClassifier(BFGSLDL(alpha=1.0)).fit(X, y)
    assert_array_equal(model.predict(X), raw.predict(X))
    one_hot = np.eye(3)[y]
    assert kl_divergence(one_hot, model.predict_proba(X)) < kl_divergence(
        one_hot, raw.predict_proba(X)
    )


# --- what users of scikit-learn do


def test_pipeline_search_pickle_and_clone(data):
    X, D = data
    model = make_pipeline(StandardScaler(), TemperatureCalibrator(BFGSLDL(), cv=3))
    search = GridSearchCV(
        model,
        {"temperaturecalibrator__estimator__alpha": [1e-3, 1.0]},
        scoring=get_ldl_scorer("neg_kl_divergence"),
        cv=3,
        n_jobs=2,
    ).fit(X, D)
    best = search.best_estimator_
    assert search.best_params_ == {"temperaturecalibrator__estimator__alpha": 1e-3}
    assert_allclose(best.predict_proba(X), search.predict(X))
    assert_array_equal(pickle.loads(pickle.dumps(best)).predict(X), best.predict(X))
    again = clone(best).fit(X, D)
    assert_array_equal(again.predict(X), best.predict(X))
    assert_array_equal(again.fit(X, D).predict(X), best.predict(X))


def test_frames(data, make_frame):
    X, D = data
    FX, FD = make_frame(X, "abc"), make_frame(D, ["sad", "glad", "mad"])
    model = TemperatureCalibrator().fit(FX, FD)
    assert list(model.feature_names_in_) == ["a", "b", "c"]
    assert list(model.label_names_) == ["sad", "glad", "mad"]
    assert_allclose(model.predict(FX), TemperatureCalibrator().fit(X, D).predict(X), rtol=1e-6)


def test_sparse_and_float32(data):
    X, D = data
    P = TemperatureCalibrator().fit(X, D).predict(X)
    assert_allclose(TemperatureCalibrator().fit(sp.coo_array(X), D).predict(sp.csr_array(X)), P)
    small = TemperatureCalibrator().fit(X.astype(np.float32), D).predict(X.astype(np.float32))
    assert small.dtype == np.float32
    assert_allclose(small, P, atol=1e-4)
    assert_allclose(small.sum(axis=1), 1, atol=1e-6)


def test_precomputed_distances(data):
    X, D = data
    distances = np.linalg.norm(X[:, None] - X, axis=2)
    model = TemperatureCalibrator(KNeighborsRegressor(metric="precomputed")).fit(distances, D)
    expected = TemperatureCalibrator(KNeighborsRegressor()).fit(X, D)
    assert model.temperature_ == pytest.approx(expected.temperature_)


# --- weights and groups


def test_weights_equal_repetition_with_the_same_splits(data, rng):
    X, D = data
    counts = rng.integers(0, 4, len(X))
    fold = np.arange(len(X)) % 3
    rows = np.repeat(np.arange(len(X)), counts)
    learner = BFGSLDL(alpha=0.1, tol=1e-10)
    weighted = TemperatureCalibrator(learner, cv=LeaveOneGroupOut()).fit(
        X, D, sample_weight=counts, groups=fold
    )
    repeated = TemperatureCalibrator(learner, cv=LeaveOneGroupOut()).fit(
        X[rows], D[rows], groups=fold[rows]
    )
    assert weighted.temperature_ == pytest.approx(repeated.temperature_, rel=1e-6)
    assert_allclose(weighted.predict(X), repeated.predict(X), atol=1e-6)
    plain = TemperatureCalibrator(learner, cv=LeaveOneGroupOut()).fit(X, D, groups=fold)
    assert plain.temperature_ != pytest.approx(weighted.temperature_, rel=1e-3)


def test_weights_reach_the_estimator(rng):
    X, D = steep_data(rng)
    weight = np.arange(1.0, 61)
    model = TemperatureCalibrator(Steep()).fit(X, D, sample_weight=weight)
    assert_array_equal(model.estimator_.weight_, weight)
    assert TemperatureCalibrator(Steep()).fit(X, D).estimator_.weight_ is None
    last = TemperatureCalibrator(make_pipeline(Steep())).fit(X, D, sample_weight=weight)
    assert_array_equal(last.estimator_[-1].weight_, weight)
    step = TemperatureCalibrator(make_pipeline(Steep())).fit(X, D, steep__sample_weight=weight)
    assert_array_equal(step.estimator_[-1].weight_, weight)


def test_metadata_is_routed(rng):
    X, D = steep_data(rng)
    weight, groups = np.arange(1.0, 61), np.arange(60) % 4
    with config_context(enable_metadata_routing=True):
        learner = make_pipeline(Steep().set_fit_request(sample_weight=True))
        model = TemperatureCalibrator(learner, cv=GroupKFold(4))
        fitted = model.fit(X, D, sample_weight=weight, groups=groups)
        assert_array_equal(fitted.estimator_[-1].weight_, weight)
        outer = make_pipeline(clone(model).set_fit_request(sample_weight=True))
        outer.fit(X, D, sample_weight=weight, groups=groups)
        assert_array_equal(outer[-1].estimator_[-1].weight_, weight)
        with pytest.raises(UnsetMetadataPassedError, match="sample_weight"):
            TemperatureCalibrator(Steep()).fit(X, D, sample_weight=weight)
        assert TemperatureCalibrator(Steep()).fit(X, D).estimator_.weight_ is None
    with pytest.raises(ValueError, match="'groups' parameter should not be None"):
        model.fit(X, D)


# --- errors


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"y": np.full((5, 2), 0.5)}, "inconsistent numbers of samples"),
        ({"y": np.zeros(6, dtype=int)}, "use LDLClassifier"),
        ({"y": np.eye(2, dtype=int)[[0, 1] * 3] * 3}, "row 0 sums to 3"),
        ({"y": None}, "requires y to be passed"),
        ({"X": np.full((6, 1), np.nan)}, "contains NaN"),
        ({"X": np.zeros((4, 1)), "y": np.full((4, 2), 0.5)}, "n_splits=5 greater than"),
        ({"sample_weight": np.ones(5)}, "sample_weight"),
        ({"sample_weight": np.zeros(6)}, "zero"),
        ({"sample_weight": -np.ones(6)}, "[Nn]egative"),
    ],
)
def test_bad_data(change, text):
    good = {"X": np.zeros((6, 1)), "y": np.full((6, 2), 0.5)}
    with pytest.raises(ValueError, match=text):
        TemperatureCalibrator().fit(**good | change)


def test_bad_parameters(data):
    X, D = data
    for parameter, value in {"estimator": 3, "cv": 1.5, "bounds": 2.0}.items():
        with pytest.raises(ValueError, match=f"'{parameter}' parameter of TemperatureCalibrator"):
            TemperatureCalibrator(**{parameter: value}).fit(X, D)
    two_labels = BFGSLDL().fit(X, D[:, :2] / D[:, :2].sum(axis=1, keepdims=True))
    with pytest.raises(ValueError, match="estimator predicts 2 labels, but y has 3"):
        TemperatureCalibrator(FrozenEstimator(two_labels)).fit(X, D)
    with pytest.raises(NotFittedError):
        TemperatureCalibrator().predict(X)
    assert not hasattr(TemperatureCalibrator(), "n_features_in_")
    with pytest.raises(ValueError, match="use method='predict'"):
        cross_val_predict(TemperatureCalibrator(), X, D, method="predict_proba", cv=3)


def test_the_bound_is_reported_from_fit(rng):
    X = np.eye(3)[np.arange(12) % 3]
    with pytest.warns(ConvergenceWarning, match="bound 2"):
        model = TemperatureCalibrator(Steep(), bounds=(0.5, 2)).fit(X, softmax(X, axis=1))
    assert model.temperature_ == 2
