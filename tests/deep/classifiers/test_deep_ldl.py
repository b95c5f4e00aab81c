import copy

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.calibration import CalibratedClassifierCV, CalibrationDisplay
from sklearn.datasets import load_digits, load_iris
from sklearn.ensemble import StackingClassifier, VotingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, KFold, cross_val_predict, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

torch = pytest.importorskip("torch")
pytest.importorskip("skorch")

from torch import nn  # noqa: E402

from sklearn_ldl import (  # noqa: E402
    DeepLDLClassifier,
    DeepLDLRegressor,
    GaussianLabelDistributor,
    LabelSmoother,
)
from tests.deep import single_net  # noqa: E402

X, Y = load_iris(return_X_y=True)
X = StandardScaler().fit_transform(X)
NAMES = np.array(["setosa", "versicolor", "virginica"])


def model(module=None, **parameters):
    defaults = {"hidden_layer_sizes": (8,), "max_epochs": 10, "random_state": 0, "lr": 0.03}
    return single_net(DeepLDLClassifier, module, **(defaults | parameters))


@pytest.fixture(scope="module")
def expected():
    return model().fit(X, Y).predict_proba(X)


@pytest.mark.parametrize(
    "labels",
    [Y + 5, -Y, NAMES[Y], NAMES[Y].astype(object), Y.astype(float), Y == 1, Y.tolist()],
    ids=["shifted", "negative", "str", "object", "float", "bool", "list"],
)
def test_labels_of_any_type_come_back(labels):
    fitted = model().fit(X, labels)
    classes = np.unique(labels)
    assert_array_equal(fitted.classes_, classes)
    assert fitted.classes_.dtype == classes.dtype
    assert fitted.n_labels_ == len(classes)
    assert_array_equal(fitted.predict(X), classes[fitted.predict_proba(X).argmax(axis=1)])
    assert fitted.score(X, labels) > 0.8


@pytest.mark.parametrize("labels", [Y + 5, NAMES[Y], NAMES[Y].astype(object), Y.astype(float)])
def test_names_of_the_labels_do_not_matter(labels, expected):
    assert_array_equal(model().fit(X, labels).predict_proba(X), expected)


def test_labels_in_frames_and_columns(make_frame, expected):
    frame = make_frame(X, "abcd")
    fitted = model().fit(frame, make_frame(Y[:, None], ["species"])["species"])
    assert_array_equal(fitted.predict_proba(frame), expected)
    with pytest.warns(UserWarning, match="column-vector y"):
        assert_array_equal(model().fit(X, Y[:, None]).predict_proba(X), expected)


def test_distributions_as_targets(make_frame):
    D = LabelSmoother(0.2).fit(Y).transform(Y)
    from_labels = model(distributor=LabelSmoother(0.2)).fit(X, NAMES[Y])
    fitted = model().fit(X, D)
    assert_array_equal(fitted.classes_, [0, 1, 2])
    assert not hasattr(fitted, "distributor_")
    assert_array_equal(fitted.predict_proba(X), from_labels.predict_proba(X))
    assert_array_equal(NAMES[fitted.predict(X)], from_labels.predict(X))
    assert fitted.score(X, Y) == from_labels.score(X, NAMES[Y])
    assert fitted.score(X, D) == pytest.approx(0.2 / 3 + 0.8 * fitted.score(X, Y))
    named = model().fit(X, make_frame(D, "bca"))
    assert_array_equal(named.classes_, ["b", "c", "a"])
    assert_array_equal(named.predict(X), np.array(["b", "c", "a"])[fitted.predict(X)])
    setting = {"hidden_layer_sizes": (8,), "max_epochs": 10, "random_state": 0, "lr": 0.03}
    regressor = single_net(DeepLDLRegressor, **setting)
    assert_array_equal(regressor.fit(X, D).predict(X), fitted.predict_proba(X))


def test_the_distributor_is_fitted_as_a_copy():
    distributor = LabelSmoother(0.3)
    fitted = model(distributor=distributor, max_epochs=200).fit(X, Y)
    assert fitted.distributor_ is not distributor
    assert not hasattr(distributor, "classes_")
    assert fitted.predict_proba(X).max(axis=1).mean() == pytest.approx(0.8, abs=0.05)
    with pytest.raises(
        ValueError, match="y holds distributions already: leave out the distributor"
    ):
        fitted.fit(X, np.eye(3)[Y])


def test_refits_to_other_kinds_of_targets(expected):
    fitted = model().fit(X, NAMES[Y])
    fitted.fit(X, np.eye(3)[Y])
    assert not hasattr(fitted, "distributor_")
    fitted.fit(X, Y == 0)
    assert fitted.classes_.tolist() == [False, True]
    assert_array_equal(fitted.fit(X, Y).predict_proba(X), expected)


@pytest.mark.parametrize(
    ("y", "match"),
    [
        (None, "requires y to be passed"),
        (X[:, 0], "continuous"),
        (np.where(Y == 1, np.nan, Y), "missing"),
        (Y[::20], r"inconsistent numbers of samples: \[150, 8\]"),
        (np.eye(3)[Y] * 2, "row 0 sums to 2"),
        (np.eye(3)[Y][:9], r"inconsistent numbers of samples: \[150, 9\]"),
        (np.zeros((150, 2, 2)), r"got \(150, 2, 2\)"),
    ],
)
def test_targets_that_are_refused(y, match):
    with pytest.raises(ValueError, match=match):
        model().fit(X, y)


def test_decision_function_holds_logits_or_the_margin():
    fitted = model().fit(X, Y)
    Z = fitted.decision_function(X)
    assert Z.shape == (150, 3)
    E = np.exp(Z)
    assert_allclose(fitted.predict_proba(X), E / E.sum(axis=1, keepdims=True), rtol=1e-12)
    binary = model().fit(X, Y == 1)
    margin = binary.decision_function(X)
    assert margin.shape == (150,)
    assert_array_equal(binary.predict(X), margin > 0)
    assert_allclose(binary.predict_proba(X)[:, 1], 1 / (1 + np.exp(-margin)), rtol=1e-12)


def test_log_probabilities_are_finite_where_probabilities_underflow():
    fitted = model().fit(X, Y)
    assert_allclose(fitted.predict_log_proba(X), np.log(fitted.predict_proba(X)), atol=1e-12)
    far = 1e5 * X
    assert fitted.predict_proba(far).min() == 0
    assert np.isfinite(fitted.predict_log_proba(far)).all()


def test_one_hot_targets_are_ordinary_cross_entropy():
    linear = model(hidden_layer_sizes=(), max_epochs=300, batch_size="all", lr=0.1)
    alpha = 0.05
    fitted = linear.set_params(weight_decay=alpha, optimizer="adam").fit(X, Y)
    assert fitted.score(X, Y) > 0.9
    # The gradient of the penalised loss vanishes at the end: it is that of logistic regression.
    P, D = fitted.predict_proba(X), np.eye(3)[Y]
    W, b = (p.detach().numpy().astype(float) for p in fitted.net_.module_.parameters())
    assert_allclose((P - D).T @ X / 150, -alpha * W, atol=2e-3)
    assert_allclose((P - D).mean(axis=0), -alpha * b, atol=2e-3)


def test_warm_fits_refuse_other_classes():
    fitted = model(warm_start=True).fit(X, NAMES[Y])
    before = fitted.predict(X)
    for other in (Y, np.eye(3)[Y], NAMES[Y % 2], np.char.upper(NAMES)[Y]):
        with pytest.raises(ValueError, match="warm_start goes on with the same classes only"):
            fitted.fit(X, other)
        assert_array_equal(fitted.predict(X), before)
    assert fitted.fit(X[::-1], NAMES[Y[::-1]]).n_iter_ == 20


class ConvNet(nn.Sequential):
    def __init__(self, input_shape, n_labels):
        super().__init__()
        self.convolution = nn.Conv2d(input_shape[0], 6, 3, padding=1)
        self.body = nn.Sequential(nn.ReLU(), nn.MaxPool2d(2), nn.Flatten())
        self.head = nn.Linear(6 * 16, n_labels)


def test_images_whole_and_flat_in_a_pipeline():
    flat, digits = load_digits(n_class=3, return_X_y=True)
    images = flat.reshape(-1, 1, 8, 8) / 16
    whole = model(ConvNet, max_epochs=5).fit(images, digits)
    assert whole.input_shape_ == (1, 8, 8)
    assert whole.score(images, digits) > 0.97
    piped = make_pipeline(StandardScaler(), model(ConvNet, max_epochs=5, input_shape=(1, 8, 8)))
    assert cross_val_score(piped, flat, digits, cv=3).min() > 0.9


def test_cross_validation_of_probabilities():
    P = cross_val_predict(model(), X, NAMES[Y], method="predict_proba", cv=3)
    assert_allclose(P.sum(axis=1), 1, atol=1e-12)
    scores = cross_val_score(model(), X, NAMES[Y], scoring="neg_log_loss", cv=3)
    assert (scores > -0.8).all()
    # Distributions become rank codes on their way, which are refused.
    D = LabelSmoother(0.2).fit(Y).transform(Y) + np.linspace(0, 1e-4, 150)[:, None] * [1, -1, 0]
    with pytest.raises(ValueError, match="rank codes"):
        cross_val_predict(model(), X, D, method="predict_proba", cv=3)


def test_search_over_labels_and_over_distributions():
    grid = {"lr": [1e-5, 0.03], "distributor__smoothing": [0.0, 0.1]}
    search = GridSearchCV(model(distributor=LabelSmoother()), grid, cv=3).fit(X, NAMES[Y])
    assert search.best_params_["lr"] == 0.03
    assert search.best_score_ > 0.85
    D = LabelSmoother(0.1).fit(Y).transform(Y)
    folds = KFold(3, shuffle=True, random_state=0)
    search = GridSearchCV(model(), {"lr": [1e-5, 0.03]}, cv=folds).fit(X, D)
    assert search.best_score_ > 0.1 / 3 + 0.9 * 0.85  # of degrees, where one label has 0.93


def test_voting_and_stacking():
    members = [("net", model()), ("wide", model(hidden_layer_sizes=(30,)))]
    voting = VotingClassifier(members, voting="soft").fit(X, NAMES[Y])
    assert voting.score(X, NAMES[Y]) > 0.9
    assert_allclose(voting.predict_proba(X).sum(axis=1), 1, atol=1e-12)
    assert StackingClassifier(members, LogisticRegression(), cv=3).fit(X, Y).score(X, Y) > 0.9


def test_calibration():
    binary = Y == 1
    calibrated = CalibratedClassifierCV(model(), cv=3).fit(X, binary)
    assert calibrated.score(X, binary) > 0.8
    pytest.importorskip("matplotlib").use("Agg")
    fitted = model().fit(X, binary)
    assert CalibrationDisplay.from_estimator(fitted, X, binary).prob_pred.size > 0


def test_weights_of_samples_and_of_scores():
    weight = np.where(Y == 2, 0.0, 1.0)
    fitted = model().fit(X, Y, sample_weight=weight)
    assert 2 not in fitted.predict(X)
    assert fitted.classes_.tolist() == [0, 1, 2]
    plain = model(max_epochs=2).fit(X, Y)
    assert plain.score(X, Y, sample_weight=weight) == pytest.approx(plain.score(X[:100], Y[:100]))
    assert plain.score(X, np.eye(3)[Y], sample_weight=weight) == plain.score(X, Y, weight)


def test_a_trained_module_is_where_training_starts():
    trained = model(max_epochs=40).fit(X, Y)
    again = model(copy.deepcopy(trained.net_.module_), max_epochs=0).fit(X, Y)
    assert_array_equal(again.predict_proba(X), trained.predict_proba(X))


def test_other_distributors_are_refused_clearly():
    with pytest.raises(ValueError, match=r"The 'distributor' parameter .* must be an instance of"):
        model(distributor=LabelSmoother).fit(X, Y)
    with pytest.raises(ValueError, match=r"GaussianLabelDistributor has no classes_.*LDLRegressor"):
        model(distributor=GaussianLabelDistributor()).fit(X, Y)
