"""The mixin and the two wrappers."""

import pickle

import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp
from numpy.testing import assert_allclose, assert_array_equal
from sklearn import config_context
from sklearn.base import BaseEstimator, clone
from sklearn.calibration import CalibratedClassifierCV, CalibrationDisplay
from sklearn.datasets import load_breast_cancer, load_diabetes, load_iris
from sklearn.ensemble import (
    AdaBoostClassifier,
    StackingClassifier,
    StackingRegressor,
    VotingClassifier,
    VotingRegressor,
)
from sklearn.exceptions import DataConversionWarning, NotFittedError, UnsetMetadataPassedError
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.model_selection import GridSearchCV, cross_val_predict, cross_val_score
from sklearn.neighbors import KNeighborsRegressor
from sklearn.neural_network import MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sklearn_ldl import (
    BFGSLDL,
    GaussianLabelDistributor,
    LabelDistributionMixin,
    LabelSmoother,
    LDLClassifier,
    LDLRegressor,
)
from sklearn_ldl.metrics import d2_kl_score


@pytest.fixture(scope="module")
def iris():
    X, y = load_iris(return_X_y=True)
    return StandardScaler().fit_transform(X), y


@pytest.fixture(scope="module")
def diabetes():
    X, y = load_diabetes(return_X_y=True)
    return StandardScaler().fit_transform(X), y


class Echo(LabelDistributionMixin, BaseEstimator):
    """Predicts the mean; remembers the weights it was given."""

    def fit(self, X, y, sample_weight=None):
        X, D = self._validate_fit(X, y)
        self.weight_ = sample_weight
        self.mean_ = np.average(D, axis=0, weights=sample_weight)
        return self

    def predict(self, X):
        return np.tile(self.mean_, (len(X), 1))


def test_mixin_scores_with_the_d2_of_kl(rng):
    X, D = rng.standard_normal((20, 2)), rng.dirichlet(np.ones(3), 20)
    weight = rng.uniform(0, 1, 20)
    model = Echo().fit(X, D)
    assert model.score(X, D) == pytest.approx(0, abs=1e-12)
    expected = d2_kl_score(D, model.predict(X), sample_weight=weight)
    assert model.score(X, D, sample_weight=weight) == expected < 0
    assert_array_equal(model.predict_proba(X), model.predict(X))


# --- classifier


def test_classifier_replaces_logistic_regression(iris):
    X, y = iris
    names = np.array(["setosa", "versicolor", "virginica"])[y]
    ours = LDLClassifier(BFGSLDL(alpha=1e-2, tol=1e-9)).fit(X, names)
    theirs = LogisticRegression(C=1 / (1e-2 * len(X)), tol=1e-9, max_iter=1000).fit(X, names)
    assert_array_equal(ours.classes_, theirs.classes_)
    assert_array_equal(ours.predict(X), theirs.predict(X))
    assert_allclose(ours.predict_proba(X), theirs.predict_proba(X), atol=1e-5)
    assert_allclose(ours.predict_log_proba(X), theirs.predict_log_proba(X), atol=1e-4)
    assert ours.score(X, names) == theirs.score(X, names)


def test_binary_decision_function_is_the_margin():
    X, y = load_breast_cancer(return_X_y=True)
    X = StandardScaler().fit_transform(X)
    model = LDLClassifier().fit(X, y)
    margin = model.decision_function(X)
    assert margin.shape == (len(X),)
    assert_allclose(1 / (1 + np.exp(-margin)), model.predict_proba(X)[:, 1], atol=1e-12)
    assert_array_equal(margin > 0, model.predict(X) == 1)


def test_decision_function_only_where_the_estimator_has_one(iris):
    assert not hasattr(LDLClassifier(KNeighborsRegressor()), "decision_function")
    assert hasattr(LDLClassifier(make_pipeline(StandardScaler(), BFGSLDL())), "decision_function")


def test_smoothing_is_searchable(iris):
    X, y = iris
    model = LDLClassifier(BFGSLDL(alpha=1e-4), LabelSmoother())
    search = GridSearchCV(
        model,
        {"distributor__smoothing": [0, 0.6], "estimator__alpha": [1e-3, 1]},
        scoring="neg_log_loss",
        n_jobs=2,
    ).fit(X, y)
    assert search.best_params_ == {"distributor__smoothing": 0, "estimator__alpha": 1e-3}
    confidence = [
        model.set_params(distributor__smoothing=alpha).fit(X, y).predict_proba(X).max(axis=1).mean()
        for alpha in (0, 0.3)
    ]
    assert confidence[1] < confidence[0] - 0.1


def test_meta_classifiers_accept_it(iris):
    X, y = iris
    model = LDLClassifier(BFGSLDL(alpha=1e-3))
    for meta in (
        VotingClassifier([("ldl", model), ("lr", LogisticRegression())], voting="soft"),
        StackingClassifier([("ldl", model), ("lr", LogisticRegression())], cv=3),
        AdaBoostClassifier(model, n_estimators=3, random_state=0),
        CalibratedClassifierCV(model, cv=3),
    ):
        assert meta.fit(X, y).score(X, y) > 0.9


def test_temperature_calibration_and_reliability_diagram():
    pytest.importorskip("matplotlib").use("Agg")
    X, y = load_breast_cancer(return_X_y=True)
    X = StandardScaler().fit_transform(X)
    model = LDLClassifier(BFGSLDL(alpha=1e-6))
    if "temperature" in str(CalibratedClassifierCV._parameter_constraints["method"]):
        calibrated = CalibratedClassifierCV(model, method="temperature", cv=3).fit(X, y)
        raw = cross_val_score(model, X, y, scoring="neg_log_loss", cv=3).mean()
        assert cross_val_score(calibrated, X, y, scoring="neg_log_loss", cv=3).mean() > raw
    display = CalibrationDisplay.from_estimator(model.fit(X, y), X, y)
    assert len(display.prob_true) > 1


def test_classifier_passes_weights_on(iris):
    X, y = iris
    weight = np.arange(len(y), dtype=float)
    assert_array_equal(
        LDLClassifier(Echo()).fit(X, y, sample_weight=weight).estimator_.weight_, weight
    )
    with pytest.raises(ValueError, match="KNeighborsRegressor takes no sample_weight"):
        LDLClassifier(KNeighborsRegressor()).fit(X, y, sample_weight=weight)
    with config_context(enable_metadata_routing=True):
        scaler = StandardScaler().set_fit_request(sample_weight=False)
        asked = LDLClassifier(Echo().set_fit_request(sample_weight=True))
        assert_array_equal(asked.fit(X, y, sample_weight=weight).estimator_.weight_, weight)
        piped = make_pipeline(scaler, asked).fit(X, y, sample_weight=weight)
        assert_array_equal(piped[-1].estimator_.weight_, weight)
        with pytest.raises(UnsetMetadataPassedError):
            LDLClassifier(Echo()).fit(X, y, sample_weight=weight)


@pytest.mark.parametrize(
    ("y", "error", "text"),
    [
        ([0.5, 1.5, 2.5], ValueError, "[Uu]nknown label type"),
        ([1, 1, 1], ValueError, "class"),
        ([[0.5, 0.5], [0.2, 0.8], [1, 0]], ValueError, "1d array"),
        (["a", None, "b"], ValueError, "missing entries"),
        ([0, 1], ValueError, "inconsistent numbers of samples"),
        (None, ValueError, "requires y to be passed"),
    ],
)
def test_bad_labels(y, error, text):
    with pytest.raises(error, match=text):
        LDLClassifier().fit([[0.0], [1.0], [2.0]], y)


def test_not_fitted(iris):
    X, _ = iris
    for model in (LDLClassifier(), LDLRegressor()):
        for method in ("predict", "predict_proba"):
            with pytest.raises(NotFittedError):
                getattr(model, method)(X)


def test_predictions_off_the_simplex_are_replaced_by_the_nearest(iris):
    X, y = iris
    model = LDLClassifier(MLPRegressor(hidden_layer_sizes=(5,), max_iter=3000, random_state=0)).fit(
        X, y
    )
    raw = model.estimator_.predict(X)
    P = model.predict_proba(X)
    assert raw.min() < 0
    assert P.min() >= 0
    assert_allclose(P.sum(axis=1), 1, atol=1e-12)


def test_frames_and_sparse_features_pass_through(iris):
    X, y = iris
    frame = pd.DataFrame(X, columns=list("abcd"))
    model = LDLClassifier(BFGSLDL(alpha=1e-2)).fit(frame, y)
    assert list(model.feature_names_in_) == list("abcd")
    assert model.n_features_in_ == 4
    sparse = LDLClassifier(BFGSLDL(alpha=1e-2)).fit(sp.csr_array(X), y)
    assert not hasattr(sparse, "feature_names_in_")
    assert_allclose(sparse.predict_proba(sp.csr_array(X)), model.predict_proba(frame), atol=1e-6)
    model.fit(X, y)
    assert not hasattr(model, "feature_names_in_")


# --- regressor


def test_regressor_replaces_ridge(diabetes):
    X, y = diabetes
    model = LDLRegressor(BFGSLDL(), GaussianLabelDistributor(sigma=20))
    ours = cross_val_score(model, X, y, cv=5).mean()
    assert ours > 0.9 * cross_val_score(Ridge(), X, y, cv=5).mean()
    fitted = pickle.loads(pickle.dumps(clone(model).fit(X, y)))
    P = fitted.predict_proba(X)
    assert P.shape == (len(X), len(fitted.grid_))
    assert_allclose(P.sum(axis=1), 1, atol=1e-12)
    inside = (fitted.predict(X) >= y.min()) & (fitted.predict(X) <= y.max())
    assert inside.all()


@pytest.mark.parametrize("decode", ["expectation", "argmax", "median", "mode"])
def test_decoding_rules(diabetes, decode):
    X, y = diabetes
    model = LDLRegressor(KNeighborsRegressor(20), GaussianLabelDistributor(sigma=20), decode=decode)
    model.fit(X, y)
    expected = model.distributor_.inverse_transform(model.predict_proba(X), decode=decode)
    assert_array_equal(model.predict(X), expected)
    assert model.score(X, y) > 0


def test_sigma_is_searchable(diabetes):
    X, y = diabetes
    model = LDLRegressor(BFGSLDL(), GaussianLabelDistributor())
    search = GridSearchCV(model, {"distributor__sigma": [10, 40]}, n_jobs=2).fit(X, y)
    assert search.best_score_ > 0.4


def test_joint_values(diabetes):
    X, y = diabetes
    Y = np.column_stack([y, -y / 2])
    model = LDLRegressor(KNeighborsRegressor(20), GaussianLabelDistributor(sigma=[30, 15]))
    model.fit(X, Y)
    assert model.predict(X).shape == Y.shape
    assert model.grid_.shape[1] == 2
    assert model.score(X, Y) > 0.3
    default = LDLRegressor(KNeighborsRegressor(20)).fit(X, Y)
    assert default.score(X, Y) > 0.3


def test_default_distributor_follows_the_range(diabetes):
    X, y = diabetes
    for scale in (1e-6, 1e6):
        model = LDLRegressor().fit(X, scale * y)
        assert len(model.grid_) < 90
        assert model.score(X, scale * y) > 0.4
    constant = LDLRegressor().fit(X, np.full(len(y), 3.0))
    assert_allclose(constant.predict(X), 3.0, atol=1e-9)


def test_a_column_of_values_warns_and_is_ravelled(diabetes):
    X, y = diabetes
    with pytest.warns(DataConversionWarning):
        column = LDLRegressor().fit(X, y[:, None])
    assert_array_equal(column.predict(X), LDLRegressor().fit(X, y).predict(X))


def test_meta_regressors_accept_it(diabetes):
    X, y = diabetes
    model = LDLRegressor(BFGSLDL(), GaussianLabelDistributor(sigma=30))
    for meta in (
        VotingRegressor([("ldl", model), ("ridge", Ridge())]),
        StackingRegressor([("ldl", model), ("ridge", Ridge())], cv=3),
    ):
        assert meta.fit(X, y).score(X, y) > 0.4
    assert cross_val_predict(model, X, y, cv=3).shape == y.shape
    # scikit-learn would hand fit the ranks of y here; at least it does not do so silently.
    with pytest.raises(AttributeError, match="classes_"):
        cross_val_predict(model, X, y, cv=3, method="predict_proba")


def test_one_sigma_per_sample_is_routed_to_the_distributor(diabetes):
    X, y = diabetes
    sigma = np.linspace(5, 60, len(y))
    with config_context(enable_metadata_routing=True):
        distributor = GaussianLabelDistributor(sigma=20).set_transform_request(sigma=True)
        model = LDLRegressor(KNeighborsRegressor(1), distributor).fit(X, y, sigma=sigma)
        search = GridSearchCV(model, {"estimator__n_neighbors": [5, 20]}).fit(X, y, sigma=sigma)
    D = model.distributor_.transform(y, sigma=sigma)
    assert_allclose(model.predict_proba(X), D, atol=1e-12)
    assert search.best_params_ == {"estimator__n_neighbors": 20}


def test_one_sigma_per_sample_reaches_the_distributor_without_routing(diabetes):
    X, y = diabetes
    sigma = np.linspace(5, 60, len(y))
    model = LDLRegressor(KNeighborsRegressor(1), GaussianLabelDistributor(sigma=20))
    model.fit(X, y, distributor__sigma=sigma)
    D = model.distributor_.transform(y, sigma=sigma)
    assert_allclose(model.predict_proba(X), D, atol=1e-12)
    # A search hands every fold its part.
    search = GridSearchCV(model, {"estimator__n_neighbors": [1, 5]}, cv=3, error_score="raise")
    search.fit(X, y, distributor__sigma=sigma)
    with pytest.raises(TypeError, match="unexpected keyword argument 'nonsense'"):
        model.fit(X, y, distributor__nonsense=1)


@pytest.mark.parametrize("wrapper", [LDLClassifier, LDLRegressor])
def test_default_estimator_takes_weights_also_with_routing(wrapper, rng):
    X = rng.standard_normal((40, 3))
    y = (X[:, 0] > 0).astype(int)
    weight = rng.uniform(0.1, 3, 40)
    expected = wrapper().fit(X, y, sample_weight=weight).predict_proba(X)
    with config_context(enable_metadata_routing=True):
        weighted = wrapper().fit(X, y, sample_weight=weight)
    assert_array_equal(weighted.predict_proba(X), expected)
    assert (wrapper().fit(X, y).predict_proba(X) != expected).any()


@pytest.mark.parametrize(
    ("y", "text"),
    [
        ([0.0, np.nan, 1.0], "NaN"),
        (["a", "b", "c"], "could not convert"),
        ([0.0, 1.0], "inconsistent numbers of samples"),
        (None, "requires y to be passed"),
    ],
)
def test_bad_values(y, text):
    with pytest.raises(ValueError, match=text):
        LDLRegressor().fit([[0.0], [1.0], [2.0]], y)
    with pytest.raises(ValueError, match="decode"):
        LDLRegressor(decode="nonsense").fit([[0.0], [1.0]], [0.0, 1.0])
