import pickle

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn import config_context
from sklearn.base import clone
from sklearn.compose import TransformedTargetRegressor
from sklearn.datasets import load_diabetes
from sklearn.ensemble import BaggingRegressor
from sklearn.experimental import enable_halving_search_cv  # noqa: F401
from sklearn.inspection import permutation_importance
from sklearn.model_selection import (
    GridSearchCV,
    HalvingGridSearchCV,
    cross_val_predict,
    cross_validate,
)
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

torch = pytest.importorskip("torch")
pytest.importorskip("skorch")

from torch import nn  # noqa: E402

from sklearn_ldl import (  # noqa: E402
    DeepLDLRegressor,
    GaussianLabelDistributor,
    LDLRegressor,
    MultiLabelDistributor,
)
from sklearn_ldl.datasets import make_ldl  # noqa: E402
from sklearn_ldl.deep.losses.registry import LOSSES  # noqa: E402
from sklearn_ldl.metrics import get_ldl_scorer, kl_divergence  # noqa: E402
from tests.deep import single_net  # noqa: E402

X, D = make_ldl(60, n_votes=10, random_state=0)


def model(**parameters):
    defaults = {"hidden_layer_sizes": (8,), "max_epochs": 4, "batch_size": 16, "random_state": 0}
    return single_net(DeepLDLRegressor, **(defaults | parameters))


def on_simplex(P):
    assert P.dtype == np.float64
    assert P.min() >= 0
    assert_allclose(P.sum(axis=1), 1, rtol=0, atol=1e-12)


def mean_loss(fitted, loss, rows=slice(None)):
    Z = torch.from_numpy(fitted.decision_function(X[rows]))
    return loss(Z, torch.from_numpy(D[rows])).mean().item()


def squared_roots(Z, D):
    return (Z.softmax(1).sqrt() - D.sqrt()).square().sum(1)


@pytest.mark.parametrize("loss", [*LOSSES, squared_roots])
def test_every_loss_trains_and_falls(loss):
    before, after = (model(loss=loss, max_epochs=n, lr=0.02).fit(X, D) for n in (0, 40))
    function = LOSSES.get(loss, loss)
    assert mean_loss(after, function) < 0.95 * mean_loss(before, function)
    assert after.history_["train_loss"][-1] < after.history_["train_loss"][0]
    on_simplex(after.predict(X))


@pytest.mark.parametrize("loss", LOSSES)
def test_one_hot_targets_train_under_every_loss(loss):
    targets = np.eye(4)[D.argmax(axis=1)]
    fitted = model(loss=loss, lr=0.5, max_epochs=30).fit(X, targets)
    on_simplex(fitted.predict(X))
    on_simplex(fitted.predict(1e4 * X))


def test_label_smoothing_pulls_towards_the_uniform_distribution():
    one_hot = np.tile([1.0, 0.0, 0.0], (60, 1))
    P = model(label_smoothing=0.3, max_epochs=200).fit(X, one_hot).predict(X)
    assert_allclose(P, np.tile([0.8, 0.1, 0.1], (60, 1)), atol=0.01)


def test_dropout_regularises_training_only():
    fitted = model(dropout=0.5).fit(X, D)
    assert_array_equal(fitted.predict(X), fitted.predict(X))
    assert np.abs(fitted.predict(X) - model().fit(X, D).predict(X)).max() > 1e-3


def test_predict_proba_and_decision_function_are_predict_and_its_logits():
    fitted = model().fit(X, D)
    P = fitted.predict(X)
    assert_array_equal(fitted.predict_proba(X), P)
    E = np.exp(fitted.decision_function(X))
    assert_allclose(P, E / E.sum(axis=1, keepdims=True), rtol=1e-12)


# Weights of samples


def test_predict_log_proba_is_exact_where_degrees_underflow():
    fitted = model(max_epochs=3).fit(X, D)
    assert_allclose(np.exp(fitted.predict_log_proba(X)), fitted.predict(X), rtol=1e-12)
    far = fitted.predict_log_proba(1e6 * X)
    assert np.isfinite(far).all()
    assert far.min() < -1000


def test_rows_of_weight_zero_are_not_there(rng):
    kept = rng.uniform(size=60) < 0.6
    expected = model().fit(X[kept], D[kept])
    fitted = model().fit(X, D, sample_weight=kept)
    assert_array_equal(fitted.predict(X), expected.predict(X))
    assert_array_equal(fitted.history_["train_loss"], expected.history_["train_loss"])


def test_only_ratios_of_weights_matter(rng):
    weight = rng.uniform(0.1, 2, 60)
    expected = model().fit(X, D, sample_weight=weight).predict(X)
    for factor in (4, 1e-200, 1e200):
        P = model().fit(X, D, sample_weight=factor * weight).predict(X)
        assert_allclose(P, expected, atol=1e-6)
    assert_array_equal(
        model().fit(X, D, sample_weight=np.full(60, 0.25)).predict(X), model().fit(X, D).predict(X)
    )


def test_weights_pull_towards_the_rows_that_have_them():
    rows = np.zeros((40, 1))
    targets = np.tile([[1.0, 0.0], [0.0, 1.0]], (20, 1))
    weight = np.tile([3.0, 1.0], 20)
    fitted = model(max_epochs=300, batch_size="all").fit(rows, targets, sample_weight=weight)
    assert_allclose(fitted.predict(rows[:1]), [[0.75, 0.25]], atol=1e-3)


@pytest.mark.parametrize(
    ("weight", "match"),
    [
        (np.zeros(60), "zero"),
        (np.ones(59), r"sample_weight has shape \(59,\)"),
        (np.ones((60, 2)), r"sample_weight has shape \(60, 2\)"),
        (np.r_[-1.0, np.ones(59)], "[Nn]egative"),
        (np.r_[np.nan, np.ones(59)], "NaN"),
    ],
)
def test_weights_that_make_no_sense(weight, match):
    with pytest.raises(ValueError, match=match):
        model().fit(X, D, sample_weight=weight)


def test_rows_without_a_weight_are_on_neither_side_of_early_stopping():
    rows = np.sort(np.random.RandomState(0).permutation(60)[:6])
    weight = np.zeros(60)
    weight[rows] = 1
    fitted = model(early_stopping=True).fit(X, D, sample_weight=weight)
    assert_array_equal(fitted.predict(X), clone(fitted).fit(X[rows], D[rows]).predict(X))


# Going on from the last fit


@pytest.mark.parametrize("optimizer", ["adam", "adamw", "sgd"])
@pytest.mark.parametrize("pickled", [False, True])
def test_two_warm_fits_equal_one_of_twice_the_epochs(optimizer, pickled):
    parameters = {"optimizer": optimizer, "dropout": 0.3, "weight_decay": 0.01}
    expected = model(max_epochs=10, **parameters).fit(X, D)
    fitted = model(max_epochs=5, warm_start=True, **parameters).fit(X, D)
    assert fitted.n_iter_ == 5
    if pickled:
        fitted = pickle.loads(pickle.dumps(fitted))
    fitted.fit(X, D)
    assert fitted.n_iter_ == 10
    assert_array_equal(fitted.predict(X), expected.predict(X))
    assert_array_equal(fitted.history_["train_loss"], expected.history_["train_loss"])


def test_cold_fits_start_anew():
    fitted = model()
    first = fitted.fit(X, D).predict(X)
    assert_array_equal(fitted.fit(X, D).predict(X), first)
    assert fitted.n_iter_ == 4


def test_warm_fits_take_other_rows_and_another_batch_size():
    fitted = model(warm_start=True).fit(X, D)
    before = fitted.predict(X)
    fitted.set_params(batch_size=7).fit(X[:20], D[:20])
    assert fitted.n_iter_ == 8
    assert np.abs(fitted.predict(X) - before).max() > 1e-4


def test_warm_fits_take_a_new_learning_rate_but_not_for_groups_with_their_own():
    groups = [("head.bias", {"lr": 0.5}), ("head.weight", {"weight_decay": 0.1})]
    fitted = model(warm_start=True, lr=0.1, param_groups=groups).fit(X, D)
    assert [group["lr"] for group in fitted.net_.optimizer_.param_groups] == [0.5, 0.1, 0.1]
    fitted.set_params(lr=0.01).fit(X, D)
    assert [group["lr"] for group in fitted.net_.optimizer_.param_groups] == [0.5, 0.01, 0.01]


def test_warm_fits_refuse_other_shapes():
    fitted = model(warm_start=True).fit(X, D)
    before = fitted.predict(X)
    with pytest.raises(ValueError, match="warm_start goes on with the same shape"):
        fitted.fit(X, np.full((60, 4), 0.25))
    with pytest.raises(ValueError, match="warm_start goes on with the same shape"):
        fitted.fit(X[:, :2], D)
    assert_array_equal(clone(fitted).fit(X, D).predict(X), before)


# Early stopping


def test_early_stopping_keeps_the_best_epoch():
    fitted = model(early_stopping=True, validation_fraction=0.3, n_iter_no_change=7, lr=0.1)
    fitted.set_params(max_epochs=300).fit(X, D)
    valid = fitted.history_["valid_loss"]
    best = valid.argmin()
    assert 0 < best < 290
    assert fitted.n_iter_ == len(valid) == best + 1 + 7
    rows = np.random.RandomState(0).permutation(60)[:18]
    assert mean_loss(fitted, LOSSES["kl"], rows) == pytest.approx(valid[best], rel=1e-5)


def test_validation_rows_are_not_trained_on():
    rows = np.random.RandomState(0).permutation(60)[:6]
    spoilt = D.copy()
    spoilt[rows] = spoilt[rows][:, ::-1]
    parameters = {"early_stopping": True, "max_epochs": 1}
    clean, other = (model(**parameters).fit(X, targets) for targets in (D, spoilt))
    assert_array_equal(clean.predict(X), other.predict(X))
    assert clean.history_["valid_loss"] != other.history_["valid_loss"]
    assert model().fit(X, D).history_.keys() == {"train_loss"}


def test_warm_fits_stop_early_too():
    fitted = model(early_stopping=True, warm_start=True, n_iter_no_change=2, max_epochs=100, lr=0.1)
    first = fitted.fit(X, D).n_iter_
    second = fitted.fit(X, D).n_iter_
    assert first < 100
    assert first < second < first + 100


# In the company of scikit-learn


def test_pipeline_search_and_cross_validation_do_not_depend_on_the_number_of_jobs():
    learner = make_pipeline(StandardScaler(), model())
    grid = {
        "deepldlregressor__lr": [1e-4, 0.05],
        "deepldlregressor__hidden_layer_sizes": [(), (4,)],
    }
    searches = [GridSearchCV(learner, grid, cv=3, n_jobs=n).fit(X, D) for n in (1, 2)]
    scores = [search.cv_results_["mean_test_score"] for search in searches]
    assert_array_equal(*scores)
    assert searches[0].best_params_["deepldlregressor__lr"] == 0.05
    assert_array_equal(searches[0].predict(X), searches[1].predict(X))
    on_simplex(searches[0].predict_proba(X))


def test_halving_search():
    grid = {"lr": [1e-4, 0.05]}
    search = HalvingGridSearchCV(model(), grid, cv=2, random_state=0).fit(X, D)
    assert search.best_params_ == {"lr": 0.05}


def test_cross_validation_with_measures_of_distributions():
    scoring = {name: get_ldl_scorer(name) for name in ("neg_kl_divergence", "cosine_similarity")}
    scores = cross_validate(model(), X, D, scoring=scoring, cv=3)
    assert (scores["test_neg_kl_divergence"] < 0).all()
    assert (scores["test_cosine_similarity"] > 0.5).all()
    on_simplex(cross_val_predict(model(), X, D, cv=3))
    with pytest.raises(ValueError, match="rank codes"):
        cross_val_predict(model(), X, D, cv=3, method="predict_proba")


def test_bagging_and_permutation_importance():
    on_simplex(BaggingRegressor(model(), 3, random_state=0).fit(X, D).predict(X))
    useless = np.column_stack([X, np.zeros(60)])
    fitted = model(max_epochs=40).fit(useless, D)
    importance = permutation_importance(fitted, useless, D, n_repeats=3, random_state=0)
    assert importance.importances_mean[3] == 0
    assert importance.importances_mean.max() > 0.05


def test_metadata_routing_of_weights(rng):
    weight = rng.integers(0, 3, 60)
    with config_context(enable_metadata_routing=True):
        learner = model().set_fit_request(sample_weight=True)
        scaler = StandardScaler().set_fit_request(sample_weight=False)
        piped = make_pipeline(scaler, learner).fit(X, D, sample_weight=weight)
        routed = learner.set_score_request(sample_weight=True)
        scores = cross_validate(routed, X, D, params={"sample_weight": weight}, cv=3)
    expected = model().fit(StandardScaler().fit_transform(X), D, sample_weight=weight)
    assert_array_equal(piped[-1].predict(X), expected.predict(X))
    assert (
        np.abs(scores["test_score"] - cross_validate(model(), X, D, cv=3)["test_score"]).min() > 0
    )


def test_values_through_gaussian_distributions():
    data, y = load_diabetes(return_X_y=True)
    data, y = StandardScaler().fit_transform(data)[:200], y[:200]
    learner = model(max_epochs=30, hidden_layer_sizes=(20,))
    wrapped = LDLRegressor(learner, GaussianLabelDistributor(sigma=25)).fit(data, y)
    assert wrapped.score(data, y) > 0.4
    on_simplex(wrapped.predict_proba(data))


def test_points_through_joint_gaussian_distributions():
    points = X[:, :2] @ [[1.0, 0.5], [0.0, 1.0]]
    distributor = GaussianLabelDistributor(sigma=0.3)
    wrapped = LDLRegressor(model(max_epochs=60, lr=0.05), distributor).fit(X, points)
    assert wrapped.predict(X).shape == (60, 2)
    assert wrapped.score(X, points) > 0.5


def test_label_sets_with_difficult_labels(rng):
    states = rng.choice([-1, 0, 1], size=(60, 4))
    states[:, 0] = np.where(X[:, 0] > 0, 1, -1)
    states[:, 1] = 1  # a distribution needs a label that applies
    learner = model(max_epochs=60, lr=0.05)
    wrapped = TransformedTargetRegressor(
        learner, transformer=MultiLabelDistributor(), check_inverse=False
    ).fit(X, states)
    on_simplex(wrapped.regressor_.predict(X))
    predicted = wrapped.predict(X)
    assert predicted.shape == states.shape
    assert np.mean(predicted[:, 0] == states[:, 0]) > 0.8


# scikit-learn's own callbacks


class Reports:
    def __init__(self):
        self.events, self.scores = [], []

    def setup(self, estimator, context):
        self.events.append("setup")

    def teardown(self, estimator, context):
        self.events.append("teardown")

    def on_fit_task_begin(self, estimator, context, **kwargs):
        self.events.append(f"begin {context.task_name}")

    def on_fit_task_end(
        self, estimator, context, *, X=None, y=None, fitted_estimator=None, **kwargs
    ):
        self.events.append(f"end {context.task_name}")
        if fitted_estimator is not None and context.task_name == "epoch":
            self.scores.append(fitted_estimator.score(X, y))


@pytest.mark.parametrize("early_stopping", [False, True])
def test_every_epoch_is_reported(early_stopping):
    pytest.importorskip("sklearn.callback")
    reports, parameters = Reports(), {"early_stopping": early_stopping, "dropout": 0.2}
    fitted = model(**parameters).set_callbacks(reports).fit(X, D)
    assert reports.events[:2] == ["setup", "begin fit"]
    assert reports.events[-2:] == ["end fit", "teardown"]
    assert reports.events.count("begin epoch") == reports.events.count("end epoch") == 5
    assert len(reports.scores) == fitted.n_iter_ == 4
    assert len(set(reports.scores)) == 4
    # To score in between changes nothing.
    assert_array_equal(fitted.predict(X), model(**parameters).fit(X, D).predict(X))


def test_teardown_follows_a_failed_fit():
    pytest.importorskip("sklearn.callback")
    reports = Reports()
    with pytest.raises(ValueError, match="expected"):
        model(module=nn.Linear(3, 2)).set_callbacks(reports).fit(X, D)
    assert reports.events[-1] == "teardown"


def test_progress_bar_of_scikit_learn():
    callback = pytest.importorskip("sklearn.callback")
    pytest.importorskip("rich")
    assert model().set_callbacks(callback.ProgressBar()).fit(X, D).n_iter_ == 4


# Logit adjustment

CENTRES = np.array([[0.0, 0.0], [1.5, 0.0], [0.0, 1.5]])


def mixture(n_samples, prior, rng):
    """Points drawn from normal distributions of the labels, and what the labels are there."""
    rows = rng.normal(CENTRES[rng.choice(3, n_samples, p=prior)])
    density = np.exp(-np.square(rows[:, None] - CENTRES).sum(axis=2) / 2)
    return rows, *(density * p / (density @ p)[:, None] for p in (prior, np.full(3, 1 / 3)))


def test_logit_adjustment_predicts_for_equally_frequent_labels(rng):
    rows, shifted, equal = mixture(1000, np.array([0.8, 0.15, 0.05]), rng)
    parameters = {"hidden_layer_sizes": (), "lr": 0.05, "max_epochs": 30, "batch_size": 100}
    plain = model(**parameters).fit(rows, shifted)
    adjusted = model(**parameters, logit_adjustment=1.0).fit(rows, shifted)
    assert_allclose(adjusted.prior_, shifted.mean(axis=0), rtol=1e-6)
    assert_allclose(plain.predict(rows), shifted, atol=0.02)
    assert_allclose(adjusted.predict(rows), equal, atol=0.1)
    assert kl_divergence(equal, adjusted.predict(rows)) < 0.02 * kl_divergence(
        equal, plain.predict(rows)
    )
    on_simplex(adjusted.predict(rows))


def test_logit_adjustment_moves_the_prior_out_of_the_logits():
    shift = 0.7 * np.log(D.mean(axis=0))
    start = nn.Linear(3, 3)
    moved = nn.Linear(3, 3)
    moved.load_state_dict(start.state_dict())
    with torch.no_grad():
        moved.bias += torch.from_numpy(shift)
    adjusted = model(module=start, logit_adjustment=0.7).fit(X, D)
    plain = model(module=moved).fit(X, D)
    Z = adjusted.decision_function(X)
    assert_allclose(Z + shift, plain.decision_function(X), atol=1e-5)
    history = plain.history_["train_loss"]
    assert_allclose(adjusted.history_["train_loss"], history, rtol=1e-4)


def test_prior_is_that_of_the_training_rows(rng):
    order = np.random.RandomState(0).permutation(60)
    train, valid = order[18:], order[:18]
    weight = rng.integers(1, 4, 60)
    fitted = model(logit_adjustment=2, early_stopping=True, validation_fraction=0.3, max_epochs=1)
    fitted.fit(X, D, sample_weight=weight)
    prior = np.average(D[train], axis=0, weights=weight[train])
    assert_allclose(fitted.prior_, prior, rtol=1e-6)
    fitted.fit(X, D)
    prior = D[train].mean(axis=0)
    assert_allclose(fitted.prior_, prior, rtol=1e-6)
    # Validation compares what training does.
    Z = torch.from_numpy(fitted.decision_function(X[valid]) + 2 * np.log(prior))
    expected = LOSSES["kl"](Z, torch.from_numpy(D[valid])).mean().item()
    assert fitted.history_["valid_loss"] == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("augment", [None, "mixup"])
@pytest.mark.parametrize("loss", LOSSES)
def test_every_loss_takes_adjusted_logits_and_labels_without_mass(loss, augment):
    targets = np.column_stack([D[:, :2] / D[:, :2].sum(axis=1, keepdims=True), np.zeros(60)])
    fitted = model(loss=loss, logit_adjustment=1.0, augment=augment).fit(X, targets)
    assert fitted.prior_[2] == 1e-6
    on_simplex(fitted.predict(X))
    if loss == "kl":
        fitted.set_params(max_epochs=100).fit(X, targets)
        assert fitted.predict(X)[:, 2].mean() < 0.02


def test_datasets_are_read_for_their_prior_only_if_it_is_wanted():
    class Items(torch.utils.data.Dataset):
        def __init__(self):
            self.loaded = 0

        def __len__(self):
            return 60

        def __getitem__(self, index):
            self.loaded += 1
            return X[index].astype(np.float32), D[index]

    loaded = {}
    for strength in (0.0, 1.0):
        items = Items()
        parameters = {"logit_adjustment": strength, "max_epochs": 1, "early_stopping": True}
        fitted = model(**parameters).fit(items)
        assert_array_equal(fitted.predict(X), model(**parameters).fit(X, D).predict(X))
        assert hasattr(fitted, "prior_") == (strength > 0)
        loaded[strength] = items.loaded
    assert loaded[1.0] - loaded[0.0] == 54
    assert not hasattr(fitted.set_params(logit_adjustment=0).fit(X, D), "prior_")


def test_search_for_the_strength_of_logit_adjustment():
    grid = {"logit_adjustment": [0.0, 0.5, 1.0]}
    search = GridSearchCV(model(max_epochs=20), grid, cv=3, error_score="raise").fit(X, D)
    assert np.isfinite(search.cv_results_["mean_test_score"]).all()
    with pytest.raises(ValueError, match="'logit_adjustment' parameter"):
        model(logit_adjustment=-1.0).fit(X, D)
