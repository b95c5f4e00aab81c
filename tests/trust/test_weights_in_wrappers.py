"""Wrappers hand weights to what is inside, in a pipeline to its last step, or say who has none."""

import numpy as np
import pytest
from numpy.testing import assert_allclose
from sklearn import config_context
from sklearn.compose import TransformedTargetRegressor
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, KFold
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler

from sklearn_ldl import (
    BFGSLDL,
    KNeighborsLDL,
    LabelEnhancementClassifier,
    LDLClassifier,
    LDLRegressor,
    MultiLabelLDLClassifier,
    StackingLDL,
)
from sklearn_ldl._core.sklearn_compat import routing_enabled
from sklearn_ldl.metrics import get_ldl_scorer
from tests.test_common import ESTIMATORS
from tests.trust.cases import COUNTS, WEIGHTED, data, degrees, fitted, ids, make, target

pytestmark = [
    pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning"),
    pytest.mark.filterwarnings("ignore:No auxiliary labels:UserWarning"),
]

INNER = {"estimator": BFGSLDL(), "estimators": BFGSLDL(), "teacher": LogisticRegression()}
WITHOUT = {
    "estimator": KNeighborsLDL(),
    "estimators": KNeighborsLDL(),
    "teacher": KNeighborsClassifier(),
}


def unweighted():
    """A scorer that says that it takes no weights, as older versions of scikit-learn ask for."""
    scorer = get_ldl_scorer("neg_kl_divergence")
    return scorer.set_score_request(sample_weight=False) if routing_enabled() else scorer


CONTAINERS = {
    "pipeline": lambda learner: make_pipeline(scaler(), learner),
    "nested": lambda learner: make_pipeline(scaler(), make_pipeline(scaler(), learner)),
    "search": lambda learner: GridSearchCV(
        make_pipeline(scaler(), learner),
        {"standardscaler__with_std": [True]},
        cv=KFold(3),
        scoring=unweighted(),
    ),
}


def slot(cls):
    """The parameter that takes a learner, if there is one."""
    return next((name for name in INNER if name in cls().get_params(deep=False)), None)


WRAPPERS = [cls for cls in ESTIMATORS if slot(cls)]


def scaler():
    # The requests are not seen where metadata routing is not enabled.
    with config_context(enable_metadata_routing=True):
        return StandardScaler().set_fit_request(sample_weight=False)


def requesting(learner):
    with config_context(enable_metadata_routing=True):
        learner.set_fit_request(sample_weight=True)
        return learner.set_score_request(sample_weight=True)


def around(cls, learner):
    name = slot(cls)
    return make(cls).set_params(**{name: [("a", learner)] if name == "estimators" else learner})


def inside(cls):
    """A new learner for a wrapper, which requests weights."""
    learner = INNER[slot(cls)]
    return requesting(type(learner)(**learner.get_params()))


@pytest.mark.parametrize("kind", CONTAINERS)
@pytest.mark.parametrize("cls", WRAPPERS, ids=ids)
def test_weights_reach_the_last_step(cls, kind):
    X, y = data()[0], target(cls)
    contain = CONTAINERS[kind]
    found = []
    for weight, enabled in ((COUNTS, False), (COUNTS, True), (None, False)):
        with config_context(enable_metadata_routing=enabled):
            model = around(cls, contain(inside(cls)))
            found.append(degrees(model.fit(X, y, sample_weight=weight), X))
    assert_allclose(found[1], found[0], atol=1e-9)
    assert np.abs(found[2] - found[0]).max() > 1e-3


@pytest.mark.parametrize("enabled", [False, True])
@pytest.mark.parametrize("cls", WRAPPERS, ids=ids)
def test_learners_without_weights_are_named(cls, enabled):
    X, y = data()[0], target(cls)
    learner = WITHOUT[slot(cls)]
    name = type(learner).__name__
    with config_context(enable_metadata_routing=enabled):
        for model in (learner, make_pipeline(scaler(), learner)):
            wrapper = around(cls, model)
            with pytest.raises(ValueError, match=f"{name} takes no sample_weight: leave"):
                wrapper.fit(X, y, sample_weight=COUNTS)
            assert not vars(wrapper).keys() & {"estimator_", "estimators_", "teachers_"}
            around(cls, model).fit(X, y)


# Teachers are no part of the metadata routing of a network.
@pytest.mark.parametrize("cls", [cls for cls in WRAPPERS if slot(cls) != "teacher"], ids=ids)
def test_weights_that_nobody_requests_are_errors(cls):
    with config_context(enable_metadata_routing=True):
        model = around(cls, make_pipeline(scaler(), BFGSLDL()))
        with pytest.raises(ValueError, match=r"sample_weight.* not explicitly set"):
            model.fit(data()[0], target(cls), sample_weight=COUNTS)


@pytest.mark.parametrize("cls", WRAPPERS, ids=ids)
def test_default_learners_take_weights(cls):
    X, y = data()[0], target(cls)
    expected = degrees(make(cls).set_params(**{slot(cls): None}).fit(X, y, COUNTS), X)
    with config_context(enable_metadata_routing=True):
        model = make(cls).set_params(**{slot(cls): None}).fit(X, y, COUNTS)
    assert_allclose(degrees(model, X), expected, atol=1e-12)


@pytest.mark.parametrize("cls", WEIGHTED, ids=ids)
def test_weights_are_routed_to_estimators(cls):
    X, y = data()[0], target(cls)
    inside = slot(cls) in ("estimator", "estimators")
    plain = around(cls, BFGSLDL()) if inside else make(cls)
    expected = degrees(plain.fit(X, y, sample_weight=COUNTS), X)
    with config_context(enable_metadata_routing=True):
        if inside:
            model = around(cls, requesting(BFGSLDL()))
        else:
            model = make(cls)
        if hasattr(model, "set_fit_request") and "sample_weight" in fit_requests(model):
            model.set_fit_request(sample_weight=True)
        outer = make_pipeline(FunctionTransformer(), model).fit(X, y, sample_weight=COUNTS)
    assert_allclose(degrees(outer, X), expected, atol=1e-12)


def fit_requests(model):
    router = model.get_metadata_routing()
    return getattr(router, "_self_request", router).fit.requests


@pytest.mark.parametrize("cls", [LDLClassifier, LDLRegressor])
def test_weights_in_a_pipeline_are_those_of_its_last_step(cls):
    X, y = data()[0], target(cls)
    scaled = StandardScaler().fit_transform(X)
    model = cls(make_pipeline(StandardScaler(), BFGSLDL())).fit(X, y, sample_weight=COUNTS)
    alone = cls(BFGSLDL()).fit(scaled, y, sample_weight=COUNTS)
    assert_allclose(degrees(model, X), degrees(alone, scaled), atol=1e-6)


def test_weights_reach_networks():
    deep = pytest.importorskip("sklearn_ldl.deep")
    X, y = data()[0], target(LDLClassifier)
    learner = make_pipeline(StandardScaler(), deep.DeepLDLRegressor(max_epochs=3, random_state=0))
    weighted = LDLClassifier(learner).fit(X, y, sample_weight=COUNTS)
    assert np.abs(degrees(weighted, X) - degrees(LDLClassifier(learner).fit(X, y), X)).max() > 1e-3


def test_teachers_get_the_weights_as_they_are():
    deep = pytest.importorskip("sklearn_ldl.deep")
    X, y = data()[0], target(LDLClassifier)
    weight = COUNTS / 7
    model = deep.OfflineLDLClassifier(LogisticRegression(), max_epochs=1, random_state=0)
    found = model.fit(X, y, sample_weight=weight).teachers_[0].coef_
    expected = LogisticRegression().fit(X.astype(np.float32), y, sample_weight=weight).coef_
    assert_allclose(found, expected, atol=1e-4)


@pytest.mark.parametrize(
    "cls", [LDLClassifier, LDLRegressor, LabelEnhancementClassifier, MultiLabelLDLClassifier]
)
def test_scores_are_weighted_where_that_is_requested(cls):
    X, y = data()[0], target(cls)
    grid = {"estimator__alpha": [0.1]}
    with config_context(enable_metadata_routing=True):
        model = cls(requesting(BFGSLDL()))
        search = GridSearchCV(model, grid, cv=KFold(3))
        with pytest.raises(ValueError, match=r"sample_weight.* not explicitly set"):
            search.fit(X, y, sample_weight=COUNTS)
        scores = []
        for request in (True, False):
            asked = GridSearchCV(model.set_score_request(sample_weight=request), grid, cv=KFold(3))
            scores.append(asked.fit(X, y, sample_weight=COUNTS).best_score_)
    assert abs(scores[0] - scores[1]) > 1e-3


def test_other_containers():
    X, D = data()
    learner = BFGSLDL()
    expected = degrees(around(StackingLDL, learner).fit(X, D, sample_weight=COUNTS), X)
    targets = TransformedTargetRegressor(learner, transformer=FunctionTransformer())
    for model in (targets, around(StackingLDL, targets)):
        found = degrees(around(StackingLDL, model).fit(X, D, sample_weight=COUNTS), X)
        assert_allclose(found, expected, atol=1e-6)


@pytest.mark.parametrize("cls", WRAPPERS, ids=ids)
def test_frozen_learners(cls):
    X, y = data()[0], target(cls)
    classes = slot(cls) == "teacher"
    frozen = FrozenEstimator(fitted(BFGSLDL) if not classes else LogisticRegression().fit(X, y))
    model = around(cls, frozen)
    weigh_the_learner_alone = (LDLClassifier, LDLRegressor, LabelEnhancementClassifier)
    if cls in (*weigh_the_learner_alone, MultiLabelLDLClassifier):
        with pytest.raises(ValueError, match="FrozenEstimator is not fitted again"):
            model.fit(X, y, sample_weight=COUNTS)
    else:
        model.fit(X, y, sample_weight=COUNTS)  # they count elsewhere


def test_weights_are_passed_once():
    X, D = data()
    model = around(StackingLDL, make_pipeline(StandardScaler(), BFGSLDL()))
    with pytest.raises(ValueError, match="either sample_weight or bfgsldl__sample_weight"):
        model.fit(X, D, sample_weight=COUNTS, bfgsldl__sample_weight=COUNTS)
