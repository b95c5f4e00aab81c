"""Which distributors the wrappers take, who decodes, and the default grids."""

import warnings

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import BaseEstimator, TransformerMixin, clone
from sklearn.exceptions import NotFittedError
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.model_selection import GridSearchCV
from sklearn.neighbors import KNeighborsRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sklearn_ldl import (
    BFGSLDL,
    DFLDL,
    DecoupledLabelSplitter,
    GaussianLabelDistributor,
    LabelEnhancementClassifier,
    LabelSmoother,
    LDLClassifier,
    LDLRegressor,
    MultiLabelDistributor,
    MultiLabelLDLClassifier,
    SmoothBFGSLDL,
)
from sklearn_ldl.datasets import make_ldl
from sklearn_ldl.decoding import RULES, expectation, median

RNG = np.random.default_rng(0)
X = RNG.normal(size=(60, 3))
VALUES = X[:, 0]
LABELS = (VALUES > 0).astype(int)
STATES = np.where(X > 0, 1, -1)


class NeverFitted(BaseEstimator):
    """A learner that must not be reached."""

    def fit(self, X, D):
        raise AssertionError("The learner was fitted.")


class Stars(TransformerMixin, BaseEstimator):
    """A distributor of another package: values between 0 and 4, and a plain inverse."""

    def fit(self, y):
        return self

    def transform(self, y):
        D = np.maximum(0, 1 - np.abs(np.asarray(y)[:, None] - np.arange(5)))
        return D / D.sum(axis=1, keepdims=True)

    def inverse_transform(self, D):
        return median(D, np.arange(5))


class Letters(Stars):
    def fit(self, y):
        self.classes_ = np.array(list("abcde"))
        return self


class NoInverse(TransformerMixin, BaseEstimator):
    def transform(self, y):
        raise AssertionError("The distributor was used.")


# --- who decodes


@pytest.mark.parametrize("rule", RULES)
def test_the_distributor_decodes_by_its_own_rule(rule):
    distributor = GaussianLabelDistributor(decode=rule)
    own = LDLRegressor(KNeighborsRegressor(5), distributor).fit(X, VALUES)
    said = LDLRegressor(KNeighborsRegressor(5), GaussianLabelDistributor(), decode=rule)
    assert_array_equal(own.predict(X), said.fit(X, VALUES).predict(X))
    assert_array_equal(own.predict(X), own.distributor_.inverse_transform(own.predict_proba(X)))


def test_a_rule_of_the_regressor_comes_first():
    model = LDLRegressor(
        KNeighborsRegressor(5), GaussianLabelDistributor(decode="argmax"), decode="expectation"
    ).fit(X, VALUES)
    grid = model.distributor_.grid_
    assert_allclose(model.predict(X), expectation(model.predict_proba(X), grid))


def test_a_plain_inverse_transform_is_enough():
    y = np.clip(VALUES + 2, 0, 4)
    model = LDLRegressor(KNeighborsRegressor(1), Stars()).fit(X, y)
    assert_array_equal(model.predict(X), median(Stars().transform(y), np.arange(5)))
    assert model.predict_proba(X).shape == (60, 5)
    assert not hasattr(model, "grid_")
    # A grid of a former fit is not kept.
    model.set_params(distributor=GaussianLabelDistributor()).fit(X, y)
    assert len(model.grid_) == model.predict_proba(X).shape[1]
    assert not hasattr(model.set_params(distributor=Stars()).fit(X, y), "grid_")


def test_a_rule_that_the_distributor_does_not_know():
    model = LDLRegressor(NeverFitted(), Stars(), decode="median")
    with pytest.raises(
        ValueError, match="Stars has no parameter decode: leave decode='median' out"
    ):
        model.fit(X, VALUES)


# --- the wrong kind of distributor


@pytest.mark.parametrize(
    ("model", "y", "message"),
    [
        (LDLClassifier, LABELS, "values.*class labels. Use LDLRegressor.*LabelSmoother"),
        (LDLRegressor, LABELS, "class labels.*values. Use LDLClassifier.*GaussianLabel"),
        (LDLClassifier, LABELS, "label sets.*Use MultiLabelLDLClassifier"),
        (LDLRegressor, VALUES, "label sets.*Use MultiLabelLDLClassifier"),
        (LDLRegressor, STATES, "label sets.*Use MultiLabelLDLClassifier"),
        (LDLRegressor, VALUES, "distributions.*Use TransformedTargetRegressor.*Decoupled"),
        (LDLClassifier, LABELS, "distributions.*Use TransformedTargetRegressor.*Decoupled"),
        (LDLRegressor, VALUES, "Letters distributes class labels.*Use LDLClassifier"),
        (LDLRegressor, VALUES, "NoInverse has no inverse_transform"),
        (LDLClassifier, LABELS, "Stars has no classes_.*such as LabelSmoother"),
    ],
)
def test_the_wrong_distributor_fails_before_the_fit(model, y, message):
    distributors = {
        "values": GaussianLabelDistributor(),
        "class": LabelSmoother(),
        "label": MultiLabelDistributor(),
        "distributions": DecoupledLabelSplitter(),
        "Letters": Letters(),
        "NoInverse": NoInverse(),
        "Stars": Stars(),
    }
    distributor = distributors[message.split(".")[0].split()[0]]
    with pytest.raises(ValueError, match=message):
        model(NeverFitted(), distributor).fit(X, y)


def test_a_deep_classifier_says_so_too():
    deep = pytest.importorskip("sklearn_ldl.deep")
    pytest.importorskip("skorch")
    D = np.full((60, 3), 1 / 3)
    for distributor, wanted in (
        (MultiLabelDistributor(), "distributes label sets.*Use MultiLabelLDLClassifier"),
        (GaussianLabelDistributor(), "distributes values.*Use LDLRegressor"),
    ):
        for y in (STATES, LABELS, D):
            with pytest.raises(ValueError, match=wanted):
                deep.DeepLDLClassifier(distributor=distributor).fit(X, y)


def test_what_the_messages_recommend_works():
    sets = MultiLabelLDLClassifier(KNeighborsRegressor(1), MultiLabelDistributor())
    assert set(np.unique(sets.fit(X, STATES).predict(X))) <= {0, 1}


# --- default grids


def points(n_dims, n_rows=1000):
    rng = np.random.default_rng(1)
    X = rng.normal(size=(n_rows, 10))
    return X, X @ rng.normal(size=(10, n_dims)) + rng.normal(size=(n_rows, n_dims))


@pytest.mark.parametrize(("n_dims", "n_labels"), [(1, 79), (2, 289), (3, 216)])
def test_default_grids_are_small_and_fit_as_well_as_a_plain_regression(n_dims, n_labels):
    X, Y = points(n_dims)
    model = LDLRegressor().fit(X, Y if n_dims > 1 else Y.ravel())
    assert len(model.grid_) == n_labels
    if n_dims > 1:
        assert model.score(X, Y) > Ridge().fit(X, Y).score(X, Y) - 0.05
        assert (model.predict(X) >= Y.min(axis=0)).all()
        assert (model.predict(X) <= Y.max(axis=0)).all()


def test_default_grids_follow_the_range_in_every_dimension():
    X, Y = points(2, 200)
    expected = LDLRegressor(KNeighborsRegressor(5)).fit(X, Y)
    scaled = LDLRegressor(KNeighborsRegressor(5)).fit(X, Y * [1e-6, 1e6])
    assert_allclose(scaled.grid_, expected.grid_ * [1e-6, 1e6])
    assert_allclose(scaled.predict(X), expected.predict(X) * [1e-6, 1e6], rtol=1e-6)


def test_the_default_learner_is_smooth_over_the_grid():
    X, Y = points(2)
    for y in (Y, Y[:, 0]):
        model = LDLRegressor().fit(X, y)
        assert isinstance(model.estimator_, SmoothBFGSLDL)
        assert_array_equal(model.estimator_.grid, model.grid_)
    given = LDLRegressor(BFGSLDL(alpha=0.5)).fit(X, Y)
    assert given.estimator_.alpha == 0.5
    stars = LDLRegressor(distributor=Stars()).fit(X, np.arange(1000.0) % 5)
    assert type(stars.estimator_) is BFGSLDL


SKEWED = np.clip(np.exp(2 * VALUES + 1), 1, 100)
UNEVEN = GaussianLabelDistributor(np.geomspace(1, 100, 20), sigma=8)
SMOOTH = SmoothBFGSLDL(alpha=0.1, length_scale=0.4)


@pytest.mark.parametrize(
    ("learner", "inner"),
    [
        (SMOOTH, lambda fitted: fitted),
        (make_pipeline(StandardScaler(), SMOOTH), lambda fitted: fitted[-1]),
        (GridSearchCV(SMOOTH, {"alpha": [0.1]}, cv=2), lambda fitted: fitted.best_estimator_),
    ],
    ids=["plain", "pipeline", "search"],
)
def test_a_smooth_learner_that_is_given_learns_the_grid(learner, inner):
    model = LDLRegressor(learner, UNEVEN).fit(X, SKEWED)
    assert_array_equal(inner(model.estimator_).grid, model.grid_)
    assert SMOOTH.grid is None


def test_a_smooth_learner_keeps_a_grid_of_its_own():
    even = clone(SMOOTH).fit(X, UNEVEN.fit_transform(SKEWED)).predict(X)
    own = LDLRegressor(clone(SMOOTH).set_params(grid=range(20)), UNEVEN).fit(X, SKEWED)
    assert_allclose(own.predict_proba(X), even)
    assert np.abs(LDLRegressor(SMOOTH, UNEVEN).fit(X, SKEWED).predict_proba(X) - even).max() > 0.01


def test_points_of_four_dimensions_want_a_grid():
    X, Y = points(4, 50)
    with pytest.raises(ValueError, match=r"y has 4 dimensions.*grid of your own"):
        LDLRegressor(NeverFitted()).fit(X, Y)
    model = LDLRegressor(KNeighborsRegressor(5), GaussianLabelDistributor(Y[:20], sigma=2))
    assert model.fit(X[:20], Y[:20]).predict(X).shape == (50, 4)


def test_parameters_of_a_part_that_is_left_out():
    with pytest.raises(ValueError, match=r"cannot be set while estimator is None: .*BFGSLDL\(\)\)"):
        LDLRegressor().set_params(estimator__alpha=1)
    model = LDLClassifier().set_params(estimator=BFGSLDL(), estimator__alpha=0.5)
    assert model.estimator.alpha == 0.5
    with pytest.raises(ValueError, match="Invalid parameter 'alpha'"):
        model.set_params(alpha=1)


def test_a_classifier_of_labels_says_what_fits_distributions():
    with pytest.raises(ValueError, match=r"1d array.*\(2, 2\).*BFGSLDL"):
        LDLClassifier().fit([[0.0], [1.0]], [[0.5, 0.5], [1, 0]])


@pytest.mark.parametrize(
    "classifier", [LogisticRegression(), make_pipeline(StandardScaler(), LogisticRegression())]
)
@pytest.mark.parametrize(("wrapper", "y"), [(LDLClassifier, LABELS), (LDLRegressor, VALUES)])
def test_a_classifier_inside_is_refused(wrapper, y, classifier):
    with pytest.raises(ValueError, match="LogisticRegression predicts classes, but LDL"):
        wrapper(classifier).fit(X, y)


# --- mistakes and Ctrl-C


@pytest.mark.parametrize("n_dims", [1, 2])
def test_a_value_that_stretches_the_range_is_told(n_dims):
    y = np.column_stack([VALUES, X[:, 1]])[:, :n_dims].copy()
    y[0, 0] = 1e9
    with pytest.warns(UserWarning, match="A few values stretch the range of y"):
        LDLRegressor(KNeighborsRegressor()).fit(X, y.squeeze())
    # Zeros with a few other values, and values at the two ends, are as they are.
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for usual in (VALUES, np.exp(VALUES), np.where(VALUES > 1, 1e9, 0), LABELS):
            LDLRegressor(KNeighborsRegressor()).fit(X, usual)


class Interrupted(BFGSLDL):
    def fit(self, X, y):
        super().fit(X, y)
        raise KeyboardInterrupt


@pytest.mark.parametrize(
    ("wrapper", "y"),
    [
        (LDLClassifier, LABELS),
        (LDLRegressor, VALUES),
        (LabelEnhancementClassifier, LABELS),
        (LabelEnhancementClassifier, (X > 0).astype(int)),
        (MultiLabelLDLClassifier, (X > 0).astype(int)),
    ],
    ids=str,
)
def test_an_interrupt_keeps_what_the_learner_has_reached(wrapper, y):
    model = wrapper(Interrupted(alpha=0.01))
    with pytest.raises(KeyboardInterrupt):
        model.fit(X, y)
    assert_array_equal(model.predict(X), wrapper(BFGSLDL(alpha=0.01)).fit(X, y).predict(X))


@pytest.mark.parametrize(
    "wrapper", [LDLClassifier, LDLRegressor, LabelEnhancementClassifier, MultiLabelLDLClassifier]
)
def test_a_classifier_is_no_learner(wrapper):
    for learner in (LogisticRegression(), make_pipeline(LogisticRegression())):
        with pytest.raises(ValueError, match=r"predicts classes, .* such as BFGSLDL"):
            wrapper(learner).fit(X, LABELS)


@pytest.mark.parametrize("wrapper", [LDLClassifier, LDLRegressor, MultiLabelLDLClassifier])
def test_arguments_in_the_wrong_order(wrapper):
    with pytest.raises(ValueError, match=r"BFGSLDL has no transform.* the estimator comes first"):
        wrapper(LabelSmoother(), BFGSLDL()).fit(X, LABELS)


def test_distributions_are_no_class_labels():
    D = RNG.dirichlet(np.ones(3), size=60)
    with pytest.raises(ValueError, match="Fit the estimator itself, such as BFGSLDL"):
        LDLClassifier().fit(X, D)


def test_members_and_features_of_a_network_inside():
    pytest.importorskip("sklearn_ldl.deep")
    pytest.importorskip("skorch")
    from sklearn_ldl import DeepLDLRegressor

    rng = np.random.default_rng(0)
    X = rng.standard_normal((60, 3))
    network = DeepLDLRegressor(hidden_layer_sizes=(8,), n_members=3, max_epochs=2, random_state=0)
    for model, y in [(LDLRegressor(network), X[:, 0]), (LDLClassifier(network), X[:, 0] > 0)]:
        with pytest.raises(NotFittedError):
            model.predict_members(X)
        P = model.fit(X, y).predict_members(X)
        assert P.shape == (3, *model.predict_proba(X).shape)
        assert_allclose(P.mean(axis=0), model.predict_proba(X), atol=1e-6)
        assert model.transform_features(X).shape == (60, 3 * 8)


@pytest.mark.parametrize("method", ["predict_members", "transform_features"])
def test_learners_without_members_offer_none(method):
    for model in (LDLRegressor(), LDLClassifier(BFGSLDL())):
        assert not hasattr(model, method)


def test_members_come_in_the_order_of_the_labels():
    X, D = make_ldl(60, random_state=0)
    names = ["b", "c", "a"]
    frozen = FrozenEstimator(DFLDL(BFGSLDL()).fit(X, pd.DataFrame(D, columns=names)))
    model = LDLClassifier(frozen).fit(X, np.array(names)[D.argmax(axis=1)])
    mean = model.predict_members(X).mean(axis=0)
    assert np.corrcoef(mean[:, 0], D[:, 2])[0, 1] > 0.5


@pytest.mark.filterwarnings("error")
def test_the_default_learner_of_points_converges():
    rng = np.random.default_rng(0)
    X = rng.standard_normal((200, 4))
    Y = X[:, :2] + 0.3 * rng.standard_normal((200, 2))
    model = LDLRegressor().fit(X, Y)
    assert model.score(X, Y) > 0.8
    finer = LDLRegressor(SmoothBFGSLDL(grid=model.grid_, tol=1e-6, max_iter=20_000)).fit(X, Y)
    assert np.abs(finer.predict(X) - model.predict(X)).max() < 0.01 * Y.std()
