"""The classifier that learns from enhanced labels."""

import pickle

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn import config_context
from sklearn.base import BaseEstimator, clone
from sklearn.datasets import load_iris, make_multilabel_classification
from sklearn.dummy import DummyRegressor
from sklearn.exceptions import NotFittedError
from sklearn.metrics import accuracy_score
from sklearn.model_selection import GridSearchCV, cross_val_predict
from sklearn.neighbors import KNeighborsRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sklearn_ldl import BFGSLDL, KNeighborsLDL
from sklearn_ldl.enhancement import GLLEEnhancer, KMEnhancer, LabelEnhancementClassifier, LPEnhancer

X, y = load_iris(return_X_y=True)
X = StandardScaler().fit_transform(X)
names = load_iris().target_names[y]
X_sets, L = make_multilabel_classification(n_samples=120, n_classes=4, random_state=0)
X_sets = StandardScaler().fit_transform(X_sets)
for array in (X, y, X_sets, L):
    array.setflags(write=False)


class LogicalLabels(BaseEstimator):
    """Enhancer that only divides the labels by their number."""

    def fit_transform(self, X, L):
        return L / L.sum(axis=1, keepdims=True)


class Constant(BaseEstimator):
    """Regressor that always predicts one distribution."""

    def __init__(self, D):
        self.D = D

    def fit(self, X, y):
        return self

    def predict(self, X):
        return np.tile(self.D, (len(X), 1))


def lp_classifier(**parameters):
    return LabelEnhancementClassifier(enhancer=LPEnhancer(allow_empty=True), **parameters)


# Class labels


def test_predicts_class_labels():
    model = lp_classifier().fit(X, names)
    assert_array_equal(model.classes_, ["setosa", "versicolor", "virginica"])
    D = model.predict_proba(X)
    assert_array_equal(model.predict(X), model.classes_[D.argmax(axis=1)])
    assert_allclose(model.predict_log_proba(X), np.log(D))
    assert model.score(X, names) == accuracy_score(names, model.predict(X)) > 0.8


def test_is_the_enhancer_followed_by_the_estimator():
    model = lp_classifier(estimator=KNeighborsLDL()).fit(X, names)
    D = LPEnhancer().fit_transform(X, y)
    assert_allclose(model.label_distributions_, D)
    assert_allclose(model.predict_proba(X), KNeighborsLDL().fit(X, D).predict(X))


def test_without_enhancement_it_is_softmax_regression():
    model = LabelEnhancementClassifier(enhancer=LogicalLabels()).fit(X, y)
    assert_allclose(model.predict_proba(X), BFGSLDL().fit(X, np.eye(3)[y]).predict(X))


def test_default_enhancer_and_estimator():
    model = LabelEnhancementClassifier().fit(X_sets, L)
    assert isinstance(model.enhancer_, GLLEEnhancer)
    assert isinstance(model.estimator_, BFGSLDL)
    D = GLLEEnhancer(allow_empty=True).fit_transform(X_sets, L)
    assert_array_equal(model.label_distributions_, D)


# Label sets


def test_predicts_label_sets():
    model = lp_classifier().fit(X_sets, L)
    assert_array_equal(model.classes_, np.arange(4))
    sets = model.predict(X_sets)
    assert_array_equal(sets, model.predict_proba(X_sets) > 0.25)
    assert sets.dtype == L.dtype
    subset_accuracy = (sets == L).all(axis=1).mean()
    assert_allclose(model.score(X_sets, L), subset_accuracy)
    assert subset_accuracy > 0.2


@pytest.mark.parametrize(
    ("threshold", "sets"), [(None, [1, 1, 0, 0]), (0.3, [1, 0, 0, 0]), (0.1, [1, 1, 1, 0])]
)
def test_threshold(threshold, sets):
    constant = Constant([0.4, 0.3, 0.2, 0.1])
    model = lp_classifier(estimator=constant, threshold=threshold).fit(X_sets, L)
    assert_array_equal(model.predict(X_sets[:2]), [sets, sets])


def test_uniform_distribution_is_the_empty_set():
    model = lp_classifier(estimator=Constant(np.full(3, 1 / 3))).fit(X_sets, L[:, :3])
    assert_array_equal(model.predict(X_sets[:1]), [[0, 0, 0]])


def test_samples_without_labels():
    empty = ~L.any(axis=1)
    assert empty.any()
    model = lp_classifier().fit(X_sets, L)
    assert_array_equal(model.label_distributions_[empty], 0.25)
    with pytest.raises(ValueError, match="allow_empty=True"):
        LabelEnhancementClassifier(enhancer=LPEnhancer()).fit(X_sets, L)


def test_the_other_kind_of_target_on_a_second_fit():
    model = lp_classifier().fit(X_sets, L).fit(X, y)
    assert model.predict(X).shape == (150,)
    assert model.fit(X_sets, L).predict(X_sets).shape == L.shape


# Composition


@pytest.mark.parametrize(("X", "y"), [(X, y), (X_sets, L)], ids=["classes", "sets"])
def test_enhancer_is_searchable(X, y):
    pipeline = make_pipeline(StandardScaler(), lp_classifier())
    grid = {
        "labelenhancementclassifier__enhancer__propagation": [0.1, 0.5],
        "labelenhancementclassifier__enhancer": [LPEnhancer(allow_empty=True)],
        "labelenhancementclassifier__estimator": [BFGSLDL(), KNeighborsLDL()],
    }
    search = GridSearchCV(pipeline, grid, cv=2, error_score="raise").fit(X, y)
    assert search.best_score_ > 0.1
    assert search.predict(X).shape == y.shape


def test_pipelines_inside():
    model = LabelEnhancementClassifier(
        make_pipeline(StandardScaler(), KNeighborsRegressor()),
        make_pipeline(StandardScaler(), KMEnhancer()),
    )
    raw = 100 * X
    D = KMEnhancer().fit_transform(StandardScaler().fit_transform(raw), y)
    assert_allclose(model.fit(raw, y).label_distributions_, D)
    assert model.score(raw, y) > 0.8


def test_weights_reach_the_estimator_only(rng):
    weight = rng.uniform(size=len(X))
    model = lp_classifier(estimator=DummyRegressor()).fit(X, y, sample_weight=weight)
    D = LPEnhancer().fit_transform(X, y)
    assert_allclose(model.label_distributions_, D)
    assert_allclose(model.predict_proba(X[:1])[0], weight @ D / weight.sum())


@pytest.mark.parametrize("estimator", [None, BFGSLDL()])
def test_weights_with_metadata_routing(rng, estimator):
    weight = rng.uniform(size=len(X))
    D = lp_classifier().fit(X, y, sample_weight=weight).predict_proba(X)
    with config_context(enable_metadata_routing=True):
        if estimator is not None:
            estimator.set_fit_request(sample_weight=True)
        model = lp_classifier(estimator=estimator).fit(X, y, sample_weight=weight)
    assert_array_equal(model.predict_proba(X), D)


def test_cross_validated_distributions():
    D = cross_val_predict(lp_classifier(), X, y, cv=3, method="predict_proba")
    assert D.shape == (150, 3)
    assert_allclose(D.sum(axis=1), 1)


def test_predictions_off_the_simplex_are_replaced_by_the_nearest():
    model = lp_classifier(estimator=Constant([0.6, 0.6, -1.0])).fit(X, y)
    assert_allclose(model.predict_proba(X[:1]), [[0.5, 0.5, 0]])


def test_frames(make_frame):
    frame = make_frame(X, "abcd")
    model = lp_classifier().fit(frame, names)
    assert_array_equal(model.feature_names_in_, list("abcd"))
    assert model.n_features_in_ == 4
    assert_allclose(model.predict_proba(frame), lp_classifier().fit(X, y).predict_proba(X))


def test_clones_and_pickles():
    model = clone(lp_classifier(threshold=0.2)).fit(X_sets, L)
    again = pickle.loads(pickle.dumps(model))
    assert_array_equal(again.predict(X_sets), model.predict(X_sets))
    assert model.enhancer is not model.enhancer_
    assert not hasattr(model.enhancer, "label_distributions_")


# Errors


@pytest.mark.parametrize(
    ("y", "text"),
    [
        (None, "requires y"),
        (np.zeros(150), "one class"),
        (np.linspace(0, 1, 150), "continuous"),
        (np.full((150, 3), 2), "entries other than 0 and 1"),
        (y[::10], "inconsistent numbers of samples"),
    ],
)
def test_bad_targets(y, text):
    with pytest.raises(ValueError, match=text):
        lp_classifier().fit(X, y)


@pytest.mark.parametrize("parameters", [{"threshold": 1.5}, {"estimator": 3}])
def test_bad_parameters(parameters):
    with pytest.raises(ValueError, match="parameter of LabelEnhancementClassifier"):
        lp_classifier(**parameters).fit(X, y)


def test_not_fitted():
    with pytest.raises(NotFittedError):
        lp_classifier().predict(X)
