"""What corrections after the fact share; more of it is tested through TemperatureCalibrator."""

import numpy as np
import pytest
import scipy.sparse as sp
from numpy.testing import assert_allclose, assert_array_equal
from scipy.special import softmax
from sklearn.base import BaseEstimator
from sklearn.exceptions import NotFittedError
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.model_selection import KFold, LeaveOneOut, ShuffleSplit
from sklearn.neighbors import KNeighborsRegressor
from sklearn.utils import get_tags

from sklearn_ldl import BFGSLDL, LabelDistributionMixin, LDLClassifier
from sklearn_ldl.datasets import make_ldl
from sklearn_ldl.wrappers.posthoc import HeldOut, PostHocCorrection, logits_of

X, D = make_ldl(60, n_votes=30, random_state=0)


class Unchanged(PostHocCorrection):
    """The correction that does nothing."""

    def __init__(self, estimator=None, cv=5):
        self.estimator = estimator
        self.cv = cv

    def fit(self, X, y, sample_weight=None, hold_out=True, **fit_params):
        self.D_, self.weight_, self.held_out_ = self._fit_estimator(
            X, y, sample_weight, fit_params, hold_out=hold_out
        )
        return self

    def _correct(self, Z):
        return Z


class Remembering(LabelDistributionMixin, BaseEstimator):
    """Logits are the features; every fit is remembered."""

    fits = []

    def fit(self, X, y, sample_weight=None, **fit_params):
        X, D = self._validate_fit(X, y)
        self.fits.append((X, D, sample_weight, fit_params))
        return self

    def decision_function(self, X):
        return np.asarray(X)

    def predict(self, X):
        return softmax(X, axis=1)


@pytest.fixture
def fits():
    Remembering.fits.clear()
    return Remembering.fits


# --- logits


def test_logits_are_those_of_the_estimator_where_it_has_some():
    fitted = BFGSLDL().fit(X, D)
    assert_array_equal(logits_of(fitted, X), fitted.decision_function(X))


def test_one_margin_becomes_two_logits():
    y = D[:, :2].argmax(axis=1)
    classifier = LogisticRegression().fit(X, y)
    assert classifier.decision_function(X).ndim == 1
    Z = logits_of(classifier, X)
    assert_allclose(softmax(Z, axis=1), classifier.predict_proba(X), atol=1e-12)


def test_without_logits_logarithms_of_degrees():
    nearest = KNeighborsRegressor(1).fit(X, np.eye(3)[D.argmax(axis=1)])
    assert_allclose(logits_of(nearest, X), np.log(np.maximum(nearest.predict(X), 1e-14)))
    classifier = LDLClassifier(KNeighborsRegressor(5)).fit(X, D.argmax(axis=1))
    # Its `predict` returns labels.
    expected = np.log(np.maximum(classifier.predict_proba(X), 1e-14))
    assert_allclose(logits_of(classifier, X), expected)


def test_what_is_no_distribution_becomes_the_nearest_one():
    regressor = LinearRegression().fit(X, 3 * D)
    P = softmax(logits_of(regressor, X), axis=1)
    assert (np.abs(regressor.predict(X).sum(axis=1) - 1) > 0.1).all()
    assert_allclose(P.sum(axis=1), 1)
    assert_array_equal(P.argmax(axis=1), regressor.predict(X).argmax(axis=1))


# --- rows held out


def test_every_row_is_held_out_once():
    model = Unchanged(cv=KFold(4, shuffle=True, random_state=0)).fit(X, D, np.arange(1.0, 61))
    rows = model.held_out_
    assert isinstance(rows, HeldOut)
    order = np.concatenate([test for _, test in model.cv.split(X)])
    assert_array_equal(rows.rows, order)
    assert_allclose(rows.D, D[order])
    assert_allclose(rows.weight / rows.weight.sum(), (order + 1) / 1830)
    assert_allclose(model.D_, D)
    assert_allclose(model.weight_ / model.weight_.sum(), np.arange(1, 61) / 1830)


def test_learners_have_not_seen_the_rows_that_they_predict(rng):
    # The nearest neighbour of a row is the row itself, unless it is held out.
    points, targets = rng.uniform(size=(40, 1)), rng.dirichlet(np.ones(3), size=40)
    model = Unchanged(KNeighborsRegressor(1), cv=LeaveOneOut()).fit(points, targets)
    distance = np.abs(softmax(model.held_out_.Z, axis=1) - targets).sum(axis=1)
    assert distance.min() > 1e-6
    assert_allclose(model.predict(points), targets, atol=1e-9)


def test_rows_may_be_held_out_twice_or_never():
    cv = ShuffleSplit(3, test_size=0.2, random_state=0)
    rows = Unchanged(cv=cv).fit(X, D).held_out_
    order = np.concatenate([test for _, test in cv.split(X)])
    assert len(np.unique(order)) < len(order) == 36
    assert_allclose(rows.D, D[order])
    for fold, (train, test) in enumerate(cv.split(X)):
        expected = BFGSLDL().fit(X[train], D[train]).decision_function(X[test])
        assert_allclose(rows.Z[12 * fold : 12 * fold + 12], expected, rtol=1e-6)


def test_parameters_of_fit_follow_their_rows(fits):
    tags, weight = np.arange(60), np.arange(1.0, 61)
    Unchanged(Remembering(), cv=3).fit(X, D, weight, tags=tags, name="all")
    folds = KFold(3, shuffle=True, random_state=0)
    splits = [train for train, _ in folds.split(X)]
    for (seen, targets, weights, parameters), rows in zip(fits, [*splits, tags], strict=True):
        assert_array_equal(seen, X[rows])
        assert_allclose(targets, D[rows])
        assert_array_equal(weights, weight[rows])
        assert_array_equal(parameters["tags"], rows)
        assert parameters["name"] == "all"


def test_nothing_is_held_out_where_nothing_is_needed(fits):
    # Sixty-one folds of sixty rows would be an error.
    model = Unchanged(Remembering(), cv=61).fit(X, D, hold_out=False)
    assert model.held_out_ is None
    assert len(fits) == 1


@pytest.mark.parametrize(("cv", "n_fits"), [(0.5, 1), (2, 3)])
def test_the_learner_of_a_single_split_may_stay(fits, cv, n_fits):
    model = Unchanged(Remembering(), cv=cv)
    _, _, rows = model._fit_estimator(X, D, None, {}, keep_single=True)
    assert len(fits) == n_fits
    assert (model.estimator_ is rows.learners[0]) == (n_fits == 1)
    assert len(fits[0][0]) == 30
    assert len(fits[-1][0]) == (30 if n_fits == 1 else 60)


def test_a_frozen_estimator_holds_every_row_out(fits):
    model = Unchanged(FrozenEstimator(Remembering().fit(X[:9], D[:9])), cv=61).fit(X, D)
    assert len(fits) == 1
    assert_array_equal(model.held_out_.Z, X)
    assert_allclose(model.held_out_.D, D)


def test_an_estimator_of_other_labels():
    fitted = FrozenEstimator(BFGSLDL().fit(X, np.eye(2)[D.argmax(axis=1) % 2]))
    with pytest.raises(ValueError, match="estimator predicts 2 labels, but y has 3"):
        Unchanged(fitted).fit(X, D)


# --- predictions and descriptions


def test_predictions_are_those_of_the_estimator():
    model = Unchanged().fit(X, D)
    assert isinstance(model.estimator_, BFGSLDL)
    assert_array_equal(model.predict(X), model.estimator_.predict(X))
    assert_array_equal(model.predict_proba(X), model.predict(X))


def test_logarithms_are_exact_where_degrees_underflow():
    model = Unchanged(Remembering()).fit(X, D)
    far = np.array([[0.0, -800, -1000]])
    assert_array_equal(model.predict(far), [[1, 0, 0]])
    assert_array_equal(model.predict_log_proba(far), far)


def test_names_of_labels_and_features_follow_the_last_fit():
    pd = pytest.importorskip("pandas")
    FX, FD = pd.DataFrame(X, columns=list("abc")), pd.DataFrame(D, columns=list("xyz"))
    model = Unchanged()
    assert not hasattr(model, "n_features_in_")
    assert not hasattr(model, "feature_names_in_")
    model.fit(FX, FD)
    assert list(model.label_names_) == list("xyz")
    assert list(model.feature_names_in_) == list("abc")
    model.fit(X[:, :2], D)
    assert model.n_features_in_ == 2
    assert not hasattr(model, "label_names_")
    assert not hasattr(model, "feature_names_in_")


def test_input_tags_are_those_of_the_estimator():
    for estimator in (BFGSLDL(), Remembering(), KNeighborsRegressor(metric="precomputed")):
        assert get_tags(Unchanged(estimator)).input_tags == get_tags(estimator).input_tags
    assert get_tags(Unchanged()).input_tags.sparse
    model = Unchanged().fit(sp.csr_array(X), D)
    assert_allclose(model.predict(sp.csr_array(X)), Unchanged().fit(X, D).predict(X), rtol=1e-6)


def test_not_fitted():
    for method in ("predict", "decision_function", "predict_log_proba", "predict_proba"):
        with pytest.raises(NotFittedError):
            getattr(Unchanged(), method)(X)


@pytest.mark.parametrize("hold_out", [True, False])
def test_targets_and_weights_are_checked_before_any_fit(fits, hold_out):
    model = Unchanged(Remembering())
    for change, text in (
        ({"y": 2 * D}, "row 0 sums to 2"),
        ({"y": D[1:]}, "inconsistent numbers of samples"),
        ({"y": None}, "requires y to be passed"),
        ({"sample_weight": np.zeros(60)}, "zero"),
        ({"sample_weight": -np.ones(60)}, "[Nn]egative"),
    ):
        with pytest.raises(ValueError, match=text):
            model.fit(**{"X": X, "y": D, "hold_out": hold_out} | change)
    assert not fits
