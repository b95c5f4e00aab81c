"""Members of whatever has members."""

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose
from scipy.sparse import csr_matrix
from sklearn.ensemble import (
    BaggingClassifier,
    BaggingRegressor,
    ExtraTreesClassifier,
    ExtraTreesRegressor,
    RandomForestClassifier,
    RandomForestRegressor,
)
from sklearn.exceptions import NotFittedError
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sklearn_ldl import BFGSLDL, LDLClassifier, LDLRegressor, StackingLDL
from sklearn_ldl.datasets import make_ldl
from sklearn_ldl.uncertainty import predict_members


@pytest.fixture(scope="module")
def data():
    return make_ldl(80, random_state=0)


def bag(**options):
    return BaggingRegressor(BFGSLDL(), n_estimators=4, random_state=0, **options)


LEARNERS = {
    "bag": bag(),
    "bag of some features": bag(max_features=0.5),
    "forest": RandomForestRegressor(4, random_state=0),
    "extra trees": ExtraTreesRegressor(4, min_samples_leaf=5, random_state=0),
    "pipeline": make_pipeline(StandardScaler(), "passthrough", None, bag()),
    "search": GridSearchCV(bag(), {"max_samples": [0.5, 1.0]}, cv=2),
    "averages": StackingLDL([("a", BFGSLDL()), ("b", BFGSLDL(alpha=1.0))], weights=[1, 1]),
}


@pytest.mark.parametrize("learner", LEARNERS.values(), ids=LEARNERS)
def test_the_mean_of_the_members_is_the_prediction(learner, data):
    X, D = data
    model = learner.fit(X, D)
    P = predict_members(model, X[:7])
    assert P.shape[1:] == (7, 3)
    assert len(P) > 1
    assert_allclose(P.sum(axis=2), 1, rtol=1e-12)
    assert (P >= 0).all()
    assert_allclose(P.mean(axis=0), model.predict(X[:7]), atol=1e-12)
    assert np.ptp(P, axis=0).max() > 1e-3
    assert_allclose(predict_members(FrozenEstimator(model), X[:7]), P)


@pytest.mark.parametrize(
    "model",
    [
        RandomForestClassifier(5, random_state=0),
        ExtraTreesClassifier(5, random_state=0),
        # Most members see two or three of the four classes.
        BaggingClassifier(LogisticRegression(), n_estimators=5, max_samples=4, random_state=1),
    ],
    ids=lambda model: type(model).__name__,
)
def test_members_of_classifiers(model, rng):
    X = rng.standard_normal((60, 3))
    y = np.array(["w", "x", "y", "z"])[np.clip(np.digitize(X[:, 0], [-0.7, 0, 0.7]), 0, 3)]
    P = predict_members(model.fit(X, y), X)
    assert P.shape == (5, 60, 4)
    assert_allclose(P.mean(axis=0), model.predict_proba(X), atol=1e-12)


def test_learners_of_wrappers(rng):
    X = rng.standard_normal((60, 3))
    labels, values = np.array(["b", "a", "c"])[rng.integers(3, size=60)], rng.uniform(0, 9, 60)
    for model, y in (LDLClassifier(bag()), labels), (LDLRegressor(bag()), values):
        P = predict_members(model.fit(X, y), X)
        assert_allclose(P.mean(axis=0), model.predict_proba(X), atol=1e-12)
    names = np.array(["c", "a", "b"])
    D = pd.DataFrame(rng.dirichlet([1, 1, 1], 60), columns=names)
    frozen = FrozenEstimator(StackingLDL([("a", BFGSLDL())], weights=[1]).fit(X, D))
    model = LDLClassifier(frozen).fit(X, labels)
    assert_allclose(predict_members(model, X)[0], model.predict_proba(X), atol=1e-12)


def test_frames_and_sparse_features(data):
    X, D = data
    frame = pd.DataFrame(X).add_prefix("f")
    for learner in bag(), RandomForestRegressor(3, random_state=0):
        model = learner.fit(frame, D)
        P = predict_members(model, frame)  # members that know no names do not warn
        assert_allclose(P.mean(axis=0), model.predict(frame), atol=1e-12)
        with pytest.raises(ValueError, match="feature names"):
            predict_members(model, frame[frame.columns[::-1]])
    sparse = csr_matrix(np.where(np.abs(X) > 1, X, 0))
    for learner in bag(max_features=0.5), RandomForestRegressor(3, random_state=0):
        model = learner.fit(sparse, D)
        assert_allclose(predict_members(model, sparse).mean(axis=0), model.predict(sparse))


def test_networks_and_their_options(data):
    deep = pytest.importorskip("sklearn_ldl.deep")
    X, D = data
    model = deep.DeepLDLRegressor(n_members=3, max_epochs=2, random_state=0).fit(X, D)
    assert predict_members(model, X).shape == (3, 80, 3)
    P = predict_members(make_pipeline(StandardScaler(), model).fit(X, D), X, mc_samples=5)
    assert len(P) % 5 == 0


def test_what_has_no_members(data):
    X, D = data
    with pytest.raises(TypeError, match=r"BFGSLDL has no members.*BaggingRegressor\(BFGSLDL\(\)\)"):
        predict_members(BFGSLDL().fit(X, D), X)
    with pytest.raises(TypeError, match="single values"):
        predict_members(RandomForestRegressor(2).fit(X, D[:, 0]), X)
    with pytest.raises(TypeError, match="several labels"):
        predict_members(RandomForestClassifier(2).fit(X, D > 0.3), X)
    with pytest.raises(TypeError, match="takes no 'mc_samples'"):
        predict_members(bag().fit(X, D), X, mc_samples=3)
    with pytest.raises(NotFittedError):
        predict_members(bag(), X)


def test_forests_of_anything_but_distributions(rng):
    X, D = make_ldl(60, random_state=0)
    for y in (X, 5 * D):
        forest = RandomForestRegressor(2, random_state=0).fit(X, y)
        with pytest.raises(ValueError, match="The prediction of a member is not a label distr"):
            predict_members(forest, X)
    medians = RandomForestRegressor(2, criterion="absolute_error", random_state=0).fit(X, D)
    assert_allclose(predict_members(medians, X).sum(axis=2), 1)
