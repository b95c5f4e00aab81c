import pickle
from functools import partial

import numpy as np
import pandas as pd
import pytest
from sklearn import config_context
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin, clone
from sklearn.dummy import DummyRegressor
from sklearn.ensemble import RandomForestClassifier, RandomForestRegressor
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.metrics import check_scoring, get_scorer, make_scorer
from sklearn.model_selection import GridSearchCV, KFold, cross_val_score, cross_validate
from sklearn.neighbors import KNeighborsRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import LinearSVC

from sklearn_ldl import (
    GaussianLabelDistributor,
    LabelSmoother,
    LDLClassifier,
    LDLRegressor,
    MultiLabelLDLClassifier,
    metrics,
)
from sklearn_ldl._core.sklearn_compat import Scorer
from sklearn_ldl.metrics import (
    cosine_similarity,
    get_ldl_scorer,
    get_ldl_scorer_names,
    kl_divergence,
)

OPTIONS = {
    "neg_head_euclidean_distance": {"head": [True, False, False]},
    "neg_tail_euclidean_distance": {"head": [True, False, False]},
    "cumulative_score": {"threshold": 0.5},
    "neg_epsilon_error": {"sigma": 1.0},
}
VALUE_SIMILARITIES = ("accuracy_within_score", "cumulative_score")
VALUE_SCORERS = ("neg_mean_euclidean_error", "neg_epsilon_error", *VALUE_SIMILARITIES)
SIMILARITIES = (
    "cosine_similarity",
    "intersection_similarity",
    "fidelity_similarity",
    "d2_kl_score",
    "rank_calibration_score",
)
SET_SCORERS = ("average_precision_score",)
DISTRIBUTION_SCORERS = [
    name for name in get_ldl_scorer_names() if name not in (*VALUE_SCORERS, *SET_SCORERS)
]

rng = np.random.default_rng(0)
X = rng.normal(size=(60, 3))
D = np.exp(X @ rng.normal(size=(3, 3)))
D /= D.sum(axis=1, keepdims=True)
Y = np.array(["low", "mid", "top"])[(D + rng.normal(size=D.shape) / 5).argmax(axis=1)]
WEIGHTS = rng.integers(1, 5, size=60).astype(float)
STATES = np.select([D > 0.4, D > 0.3], [1, 0], -1)
LABEL_SETS = MultiLabelLDLClassifier().fit(X, STATES), STATES
NEG_KL = get_ldl_scorer("neg_kl_divergence")


def scorer_of(name):
    return get_ldl_scorer(name, **OPTIONS.get(name, {}))


def one_hot(y, classes):
    return (np.asarray(y)[:, None] == classes).astype(float)


# Names


def test_names_follow_from_the_metric_and_its_direction():
    for name in get_ldl_scorer_names():
        scorer = scorer_of(name)
        assert getattr(metrics, name.removeprefix("neg_")) is scorer._score_func
        greater_is_better = name in (*SIMILARITIES, *SET_SCORERS, *VALUE_SIMILARITIES)
        assert (scorer._sign == 1) == greater_is_better == (not name.startswith("neg_"))


BETTER_WHEN_HIGH = {
    "distance": False,
    "divergence": False,
    "loss": False,
    "error": False,
    "similarity": True,
    "score": True,
}
NO_METRICS = {"get_ldl_scorer", "get_ldl_scorer_names", "head_labels", "cumulative_score_curve"}


def test_the_last_word_of_a_metric_is_one_of_six():
    last_words = {name.rpartition("_")[2] for name in set(metrics.__all__) - NO_METRICS}
    assert last_words == BETTER_WHEN_HIGH.keys()


@pytest.mark.parametrize("name", get_ldl_scorer_names())
def test_the_last_word_says_which_way_is_better(name):
    scorer = scorer_of(name)
    if name in VALUE_SCORERS:
        truth, guess = np.array([1.0, 2.0]), np.array([1.0, 7.0])
    else:
        truth, guess = np.eye(3), np.full((3, 3), 1 / 6) + np.eye(3)[[1, 2, 0]] / 2
    right, wrong = (scorer._score_func(truth, P, **scorer._kwargs) for P in (truth, guess))
    assert right != wrong
    assert (right > wrong) == BETTER_WHEN_HIGH[name.rpartition("_")[2]]


def test_repr_is_the_call_that_makes_the_scorer():
    for name in get_ldl_scorer_names():
        if name not in OPTIONS:
            assert repr(get_ldl_scorer(name)) == f"get_ldl_scorer({name!r})"


@pytest.mark.parametrize("name", ["kl", "kl_divergence"])
def test_an_unknown_name_lists_the_valid_ones(name):
    with pytest.raises(ValueError, match=f"'{name}' is no scorer: choose from .*neg_kl_divergence"):
        get_ldl_scorer(name)


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("kl_divergence", "neg_kl_divergence"),
        ("neg_brier_score", "neg_brier_score_loss"),
        ("neg_cosine_similarity", "cosine_similarity"),
    ],
)
def test_an_unknown_name_may_be_meant_for_another(name, meant):
    with pytest.raises(ValueError, match=f"Did you mean '{meant}'"):
        get_ldl_scorer(name)


def test_options_reach_the_metric():
    model = KNeighborsRegressor(1).fit(np.zeros((1, 1)), [[1.0, 0.0]])
    scorer = get_ldl_scorer("neg_kl_divergence", floor=1e-3)
    assert scorer(model, [[0.0]], [[0.0, 1.0]]) == pytest.approx(-np.log(1000))
    assert repr(scorer) == "get_ldl_scorer('neg_kl_divergence', floor=0.001)"
    assert NEG_KL(model, [[0.0]], [[0.0, 1.0]]) == pytest.approx(np.log(1e-14))


@pytest.mark.parametrize("option", ["grid", "sample_weight", "per_row", "D_true"])
def test_an_option_that_the_metric_does_not_have_is_refused(option):
    with pytest.raises(TypeError, match=f"neg_kl_divergence does not take {option}"):
        get_ldl_scorer("neg_kl_divergence", **{option: 1})


@pytest.mark.parametrize("name", OPTIONS)
def test_a_missing_required_option_is_reported_at_once(name):
    (option,) = OPTIONS[name]
    with pytest.raises(TypeError, match=f"{name} needs {option}"):
        get_ldl_scorer(name)


def test_every_call_returns_a_new_scorer():
    first = get_ldl_scorer("neg_chebyshev_distance")
    assert first is not get_ldl_scorer("neg_chebyshev_distance")
    with config_context(enable_metadata_routing=True):
        first.set_score_request(sample_weight=True)
    assert not hasattr(get_ldl_scorer("neg_chebyshev_distance"), "_metadata_request")


@pytest.mark.parametrize("name", get_ldl_scorer_names())
def test_scorers_survive_pickling(name):
    scorer = scorer_of(name)
    copy = pickle.loads(pickle.dumps(scorer))
    model, y = (KNeighborsRegressor(3).fit(X, D), D) if name not in SET_SCORERS else LABEL_SETS
    assert copy(model, X, y) == scorer(model, X, y)
    assert repr(copy) == repr(scorer)


# Distributions as targets


def signed_metric(name):
    metric = partial(getattr(metrics, name.removeprefix("neg_")), **OPTIONS.get(name, {}))
    sign = -1 if name.startswith("neg_") else 1
    return lambda *args, **kwargs: sign * metric(*args, **kwargs)


@pytest.mark.parametrize("name", DISTRIBUTION_SCORERS)
@pytest.mark.parametrize("weights", [{}, {"sample_weight": WEIGHTS[40:]}], ids=["", "weighted"])
def test_scores_of_distributions(name, weights):
    model = KNeighborsRegressor(5).fit(X[:40], D[:40])
    scorer = scorer_of(name)
    expected = signed_metric(name)(D[40:], model.predict(X[40:]), **weights)
    assert scorer(model, X[40:], D[40:], **weights) == pytest.approx(expected, rel=1e-14)
    assert scorer(model, X[40:], pd.DataFrame(D[40:]), **weights) == pytest.approx(expected)


class DistributionRegressor(RegressorMixin, BaseEstimator):
    """Predicts D from predict_proba and something else from predict."""

    def fit(self, X, y):
        self.mean_ = np.mean(y, axis=0)
        return self

    def predict_proba(self, X):
        return np.tile(self.mean_, (len(X), 1))

    def predict(self, X):
        return np.zeros(len(X))


def test_predict_proba_comes_first():
    model = DistributionRegressor().fit(X, D)
    assert get_ldl_scorer("d2_kl_score")(model, X, D) == pytest.approx(0, abs=1e-14)


@pytest.mark.parametrize(
    "name", ["neg_kl_divergence", "neg_wasserstein_distance", "cosine_similarity", "d2_kl_score"]
)
def test_perfect_predictions_get_the_best_score(name):
    best = 1.0 if name in SIMILARITIES else 0.0
    score = get_ldl_scorer(name)(KNeighborsRegressor(1).fit(X, D), X, D)
    assert score == pytest.approx(best, abs=1e-14)


def test_grid_search_with_one_scorer():
    grid = {"n_neighbors": [1, 5, 30]}
    search = GridSearchCV(KNeighborsRegressor(), grid, scoring=NEG_KL, cv=3)
    search.fit(X, D)
    for k, score in zip([1, 5, 30], search.cv_results_["mean_test_score"], strict=True):
        losses = [
            kl_divergence(D[test], KNeighborsRegressor(k).fit(X[train], D[train]).predict(X[test]))
            for train, test in KFold(3).split(X)
        ]
        assert score == pytest.approx(-np.mean(losses))
    assert search.score(X, D) == NEG_KL(search, X, D)


def test_grid_search_with_several_scorers():
    names = [
        "neg_chebyshev_distance",
        "neg_kl_divergence",
        "cosine_similarity",
        "neg_expected_calibration_error",
    ]
    search = GridSearchCV(
        make_pipeline(StandardScaler(), KNeighborsRegressor()),
        {"kneighborsregressor__n_neighbors": [1, 5, 30]},
        scoring={name: get_ldl_scorer(name) for name in names},
        refit="neg_kl_divergence",
        cv=3,
        n_jobs=2,
    ).fit(X, D)
    results = search.cv_results_
    assert search.best_index_ == results["mean_test_neg_kl_divergence"].argmax()
    for name in names:
        alone = cross_val_score(search.best_estimator_, X, D, cv=3, scoring=get_ldl_scorer(name))
        assert results[f"mean_test_{name}"][search.best_index_] == pytest.approx(alone.mean())


def test_all_scorers_together_equal_each_alone():
    model = RandomForestRegressor(5, random_state=0).fit(X[:40], D[:40])
    names = [*DISTRIBUTION_SCORERS, *VALUE_SCORERS]
    scoring = {name: scorer_of(name) for name in names}
    together = check_scoring(model, scoring)(model, X[40:], D[40:])
    for name, scorer in scoring.items():
        assert together[name] == scorer(model, X[40:], D[40:])


class Counting:
    n_predictions = 0

    def predict_proba(self, X):
        self.n_predictions += 1
        return super().predict_proba(X)


CountingRegressor = type("CountingRegressor", (Counting, DistributionRegressor), {})
CountingClassifier = type("CountingClassifier", (Counting, LogisticRegression), {})


@pytest.mark.parametrize(
    ("model", "y"),
    [(CountingRegressor(), D), (CountingClassifier(), Y), (CountingClassifier(), Y == "top")],
    ids=["distributions", "multiclass", "binary"],
)
def test_several_scorers_predict_once(model, y):
    model = clone(model).fit(X, y)
    names = ["neg_chebyshev_distance", "neg_clark_distance", "cosine_similarity"]
    check_scoring(model, {name: get_ldl_scorer(name) for name in names})(model, X, y)
    assert model.n_predictions == 1


# Class labels as targets


@pytest.mark.parametrize("name", DISTRIBUTION_SCORERS)
def test_scores_of_a_multiclass_classifier(name):
    model = make_pipeline(StandardScaler(), LogisticRegression()).fit(X, Y)
    expected = signed_metric(name)(one_hot(Y, model.classes_), model.predict_proba(X))
    assert scorer_of(name)(model, X, Y) == pytest.approx(expected, rel=1e-14)


@pytest.mark.parametrize("labels", [[0, 1], ["no", "yes"], [False, True], [1, 2], [-1, 1]], ids=str)
@pytest.mark.parametrize("several", [False, True])
def test_scores_of_a_binary_classifier(labels, several):
    y = np.array(labels)[(Y == "top").astype(int)]
    model = LogisticRegression().fit(X, y)
    D_true, P = one_hot(y, model.classes_), model.predict_proba(X)
    expected = {
        "neg_kl_divergence": -kl_divergence(D_true, P),
        "cosine_similarity": cosine_similarity(D_true, P),
    }
    scoring = {name: get_ldl_scorer(name) for name in expected}
    scores = {name: scorer(model, X, y) for name, scorer in scoring.items()}
    if several:
        scores = check_scoring(model, scoring)(model, X, y)
    assert scores == pytest.approx(expected, rel=1e-14)


def test_a_binary_classifier_next_to_a_scorer_of_the_other_class():
    # scikit-learn caches the column of the positive class of whichever scorer asks first.
    y = np.where(Y == "top", 1, 2)
    model = RandomForestClassifier(5, max_depth=2, random_state=0).fit(X, y)
    first = make_scorer(lambda y_true, p, pos_label=1: np.mean(p), response_method="predict_proba")
    second = get_ldl_scorer("neg_kl_divergence")
    P = model.predict_proba(X)
    expected = {"first": P[:, 0].mean(), "second": -kl_divergence(one_hot(y, [1, 2]), P)}
    assert check_scoring(model, {"first": first, "second": second})(model, X, y) == expected
    assert check_scoring(model, {"second": second, "first": first})(model, X, y) == expected


def test_likelihood_of_labels_equals_log_loss():
    model = LogisticRegression().fit(X, Y)
    ours = get_ldl_scorer("neg_log_loss")(model, X, Y)
    assert ours == pytest.approx(get_scorer("neg_log_loss")(model, X, Y))
    # The divergence from a one-hot distribution is the same.
    assert NEG_KL(model, X, Y) == pytest.approx(ours)


@pytest.mark.parametrize("y", [Y, (Y == "top").astype(int)], ids=["multiclass", "binary"])
def test_grid_search_over_a_classifier(y):
    names = ["neg_chebyshev_distance", "neg_kl_divergence", "neg_brier_score_loss"]
    search = GridSearchCV(
        LogisticRegression(),
        {"C": [0.01, 1.0]},
        scoring={"accuracy": "accuracy", **{name: get_ldl_scorer(name) for name in names}},
        refit="neg_kl_divergence",
        cv=3,
    ).fit(X, y)
    for i, C in enumerate([0.01, 1.0]):
        for name in names:
            alone = cross_val_score(
                LogisticRegression(C=C), X, y, cv=3, scoring=get_ldl_scorer(name)
            )
            assert search.cv_results_[f"mean_test_{name}"][i] == pytest.approx(alone.mean())
    assert search.score(X, y) == pytest.approx(
        -kl_divergence(one_hot(y, search.classes_), search.predict_proba(X))
    )


def test_a_class_unseen_in_training_is_refused():
    model = LogisticRegression().fit(X[Y != "top"], Y[Y != "top"])
    message = r"label 'top', for which the prediction has no column.*\['low', 'mid'\]"
    with pytest.raises(ValueError, match=message):
        NEG_KL(model, X, Y)


class DistributionClassifier(ClassifierMixin, BaseEstimator):
    """A classifier that was fitted to distributions."""

    def fit(self, X, y):
        self.mean_ = np.mean(y, axis=0)
        self.classes_ = np.arange(np.shape(y)[1])
        return self

    def predict_proba(self, X):
        return np.tile(self.mean_, (len(X), 1))


@pytest.mark.parametrize("n_labels", [2, 3])
def test_a_classifier_fitted_to_distributions(n_labels):
    targets = D[:, :n_labels] / D[:, :n_labels].sum(axis=1, keepdims=True)
    model = DistributionClassifier().fit(X, targets)
    P = model.predict_proba(X)
    assert NEG_KL(model, X, targets) == -kl_divergence(targets, P)
    labels = targets.argmax(axis=1)
    assert NEG_KL(model, X, labels) == -kl_divergence(np.eye(n_labels)[labels], P)


def test_a_classifier_without_probabilities_is_refused():
    y = Y == "top"  # predict returns 0 or 1, which must not pass for a probability
    with pytest.raises(ValueError, match="LinearSVC has no predict_proba"):
        NEG_KL(LinearSVC().fit(X, y), X, y)


@pytest.mark.parametrize("labels", [Y, Y == "top"], ids=["multiclass", "binary"])
def test_labels_of_a_smoothing_classifier_count_unsmoothed(labels):
    model = LDLClassifier(KNeighborsRegressor(), LabelSmoother(smoothing=0.2)).fit(X, labels)
    expected = -kl_divergence(one_hot(labels, model.classes_), model.predict_proba(X))
    assert NEG_KL(model, X, labels) == pytest.approx(expected, rel=1e-12)


# Real values as targets


VALUES = X.sum(axis=1)
DISTRIBUTOR = GaussianLabelDistributor(np.linspace(-6, 6, 25), sigma=0.5)


def search_neighbors(model):
    return GridSearchCV(model, {"estimator__n_neighbors": [3, 5]}, cv=3)


WRAPPERS = {
    "alone": lambda model: model,
    "pipeline": lambda model: make_pipeline(StandardScaler(), model),
    "search": search_neighbors,
    "search in pipeline": lambda model: make_pipeline(StandardScaler(), search_neighbors(model)),
}


@pytest.mark.parametrize("wrap", WRAPPERS.values(), ids=WRAPPERS)
def test_values_become_distributions_by_the_fitted_distributor(wrap):
    model = wrap(LDLRegressor(KNeighborsRegressor(), DISTRIBUTOR)).fit(X, VALUES)
    truth = clone(DISTRIBUTOR).fit(VALUES).transform(VALUES)
    expected = -kl_divergence(truth, model.predict_proba(X))
    assert NEG_KL(model, X, VALUES) == pytest.approx(expected, rel=1e-12)
    scores = cross_val_score(model, X, VALUES, cv=3, scoring=NEG_KL)
    assert np.isfinite(scores).all()


def test_points_become_distributions_by_the_fitted_distributor():
    grid = [[a, b] for a in (-2, 0, 2) for b in (-2, 0, 2)]
    distributor = GaussianLabelDistributor(grid, sigma=1.0)
    model = LDLRegressor(KNeighborsRegressor(), distributor).fit(X, X[:, :2])
    truth = model.distributor_.transform(X[:, :2])
    expected = -kl_divergence(truth, model.predict_proba(X))
    assert NEG_KL(model, X, X[:, :2]) == pytest.approx(expected, rel=1e-12)


def test_value_scorers_use_predict():
    model = LDLRegressor(KNeighborsRegressor(), DISTRIBUTOR).fit(X, VALUES)
    errors = np.abs(VALUES - model.predict(X))
    score = get_ldl_scorer("neg_mean_euclidean_error")(model, X, VALUES)
    assert score == pytest.approx(-errors.mean())
    score = get_ldl_scorer("cumulative_score", threshold=0.5)(model, X, VALUES)
    assert score == pytest.approx(np.mean(errors <= 0.5))
    assert get_ldl_scorer("accuracy_within_score", tolerance=0.5)(model, X, VALUES) == score
    score = get_ldl_scorer("neg_epsilon_error", sigma=2.0)(model, X, VALUES)
    assert score == pytest.approx(-np.mean(1 - np.exp(-(errors**2) / 8)))


def test_values_without_a_distributor_are_refused():
    with pytest.raises(ValueError, match="LinearRegression has no fitted distributor"):
        NEG_KL(LinearRegression().fit(X, VALUES), X, VALUES)


def test_predictions_off_the_simplex_are_refused():
    with pytest.raises(ValueError, match="D_pred is not a label distribution"):
        NEG_KL(LinearRegression().fit(X, 100 * X @ X.T), X, np.eye(60))


# Weights


FOREST = partial(RandomForestRegressor, 5, random_state=0)


def weighted_folds(score, *, weigh):
    """Scores of folds of a forest fitted with weights; the score weighted or not."""
    scores = []
    for train, test in KFold(3).split(X):
        forest = FOREST().fit(X[train], D[train], sample_weight=WEIGHTS[train])
        weights = WEIGHTS[test] if weigh else None
        scores.append(score(D[test], forest.predict(X[test]), sample_weight=weights))
    return np.array(scores)


def fold_scores(search, name):
    return [search.cv_results_[f"split{i}_test_{name}"][0] for i in range(3)]


@pytest.mark.skipif(
    not hasattr(Scorer, "_accept_sample_weight"),
    reason="this scikit-learn hands sample_weight to scorers by routing only",
)
@pytest.mark.parametrize("several", [False, True])
def test_search_weighs_the_score_without_routing(several):
    scoring, refit = NEG_KL, True
    if several:
        scoring, refit = {"kl": scoring, "cosine": get_ldl_scorer("cosine_similarity")}, "kl"
    search = GridSearchCV(FOREST(), {"n_estimators": [5]}, cv=3, scoring=scoring, refit=refit)
    search.fit(X, D, sample_weight=WEIGHTS)
    expected = -weighted_folds(kl_divergence, weigh=True)
    assert fold_scores(search, "kl" if several else "score") == pytest.approx(expected)
    if several:
        assert fold_scores(search, "cosine") == pytest.approx(
            weighted_folds(cosine_similarity, weigh=True)
        )


def test_several_scorers_take_weights_without_routing():
    model = KNeighborsRegressor().fit(X, D)
    scoring = {"kl": NEG_KL, "cosine": get_ldl_scorer("cosine_similarity")}
    scores = check_scoring(model, scoring)(model, X, D, sample_weight=WEIGHTS)
    P = model.predict(X)
    assert scores["kl"] == pytest.approx(-kl_divergence(D, P, sample_weight=WEIGHTS))
    assert scores["cosine"] == pytest.approx(cosine_similarity(D, P, sample_weight=WEIGHTS))


@pytest.mark.parametrize("weigh", [False, True])
def test_routing_decides_whether_the_score_is_weighted(weigh):
    with config_context(enable_metadata_routing=True):
        forest = FOREST().set_fit_request(sample_weight=True)
        scoring = {
            name: get_ldl_scorer(name).set_score_request(sample_weight=weigh)
            for name in ("neg_kl_divergence", "cosine_similarity")
        }
        params = {"sample_weight": WEIGHTS}
        results = cross_validate(forest, X, D, cv=3, scoring=scoring, params=params)
        alone = cross_val_score(
            forest, X, D, cv=3, scoring=scoring["cosine_similarity"], params=params
        )
        search = GridSearchCV(
            forest, {"n_estimators": [5]}, cv=3, scoring=scoring, refit="cosine_similarity"
        ).fit(X, D, sample_weight=WEIGHTS)
    expected = -weighted_folds(kl_divergence, weigh=weigh)
    assert results["test_neg_kl_divergence"] == pytest.approx(expected)
    assert fold_scores(search, "neg_kl_divergence") == pytest.approx(expected)
    assert results["test_cosine_similarity"] == pytest.approx(
        weighted_folds(cosine_similarity, weigh=weigh)
    )
    assert alone == pytest.approx(results["test_cosine_similarity"])


def test_routing_of_weights_to_a_classifier():
    y = Y == "top"
    with config_context(enable_metadata_routing=True):
        model = LogisticRegression().set_fit_request(sample_weight=False)
        scorer = get_ldl_scorer("neg_brier_score_loss").set_score_request(
            sample_weight="importance"
        )
        params = {"importance": WEIGHTS}
        scores = cross_val_score(model, X, y, cv=KFold(3), scoring=scorer, params=params)
    for (train, test), score in zip(KFold(3).split(X), scores, strict=True):
        P = model.fit(X[train], y[train]).predict_proba(X[test])
        expected = metrics.brier_score_loss(y[test].astype(int), P, sample_weight=WEIGHTS[test])
        assert score == pytest.approx(-expected)


def test_routing_delivers_a_sigma_per_sample():
    y, sigma = VALUES, rng.uniform(0.1, 2, 60)
    with config_context(enable_metadata_routing=True):
        scorer = get_ldl_scorer("neg_epsilon_error").set_score_request(sigma=True)
        params = {"sigma": sigma}
        scores = cross_val_score(DummyRegressor(), X, y, cv=3, scoring=scorer, params=params)
    expected = [
        -metrics.epsilon_error(y[test], np.full(20, y[train].mean()), sigma[test])
        for train, test in KFold(3).split(X)
    ]
    assert scores == pytest.approx(expected)


def test_an_option_that_routing_delivers_too_is_reported():
    with (
        config_context(enable_metadata_routing=True),
        pytest.warns(UserWarning, match="Overlapping parameters are: {'floor'}"),
    ):
        get_ldl_scorer("neg_kl_divergence", floor=1e-3).set_score_request(floor=True)
