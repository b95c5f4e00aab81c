"""What users of scikit-learn do with a regressor, done with distribution learners."""

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose
from sklearn import config_context
from sklearn.compose import TransformedTargetRegressor, make_column_transformer
from sklearn.datasets import load_diabetes
from sklearn.dummy import DummyRegressor
from sklearn.ensemble import BaggingRegressor, ExtraTreesRegressor, RandomForestRegressor
from sklearn.experimental import enable_halving_search_cv  # noqa: F401
from sklearn.feature_selection import RFE, SelectFromModel
from sklearn.inspection import partial_dependence, permutation_importance
from sklearn.kernel_approximation import Nystroem
from sklearn.model_selection import (
    GridSearchCV,
    HalvingGridSearchCV,
    KFold,
    cross_val_predict,
    cross_validate,
    learning_curve,
)
from sklearn.neighbors import KNeighborsRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from sklearn_ldl import (
    BFGSLDL,
    BFGSLDLCV,
    PTSVMLDL,
    GaussianLabelDistributor,
    KNeighborsLDL,
    ProportionalOddsLDL,
    PTBayesLDL,
)
from sklearn_ldl.datasets import make_ldl
from sklearn_ldl.metrics import get_ldl_scorer

LEARNERS = [
    BFGSLDL(alpha=1e-3),
    BFGSLDLCV(4, cv=3),
    ProportionalOddsLDL(),
    KNeighborsLDL(),
    PTBayesLDL(),
    PTSVMLDL(cv=2, random_state=0),
]


@pytest.fixture(scope="module")
def data():
    return make_ldl(120, n_votes=30, random_state=0)


def on_simplex(P, atol=1e-12):
    assert P.min() >= 0
    assert_allclose(P.sum(axis=1), 1, atol=atol)


@pytest.mark.parametrize("learner", LEARNERS, ids=lambda learner: type(learner).__name__)
def test_every_learner_in_a_pipeline_and_cross_validation(learner, data):
    X, D = data
    model = make_pipeline(StandardScaler(), learner).fit(X, D)
    P = model.predict(X)
    on_simplex(P)
    assert_allclose(model.predict_proba(X), P)
    assert 0.1 < model.score(X, D) <= 1
    scoring = {name: get_ldl_scorer(name) for name in ("neg_kl_divergence", "cosine_similarity")}
    scores = cross_validate(model, X, D, scoring=scoring)
    assert (scores["test_neg_kl_divergence"] <= 0).all()
    assert np.isfinite(scores["test_cosine_similarity"]).all()
    on_simplex(cross_val_predict(model, X, D))


@pytest.mark.parametrize("learner", LEARNERS, ids=lambda learner: type(learner).__name__)
def test_every_learner_handles_what_users_fear(learner, data):
    X, D = data
    on_simplex(learner.fit(X.astype(np.float32), D).predict(X.astype(np.float32)), atol=1e-6)
    on_simplex(learner.fit(X[:, :1], D).predict(X[:, :1]))
    on_simplex(learner.fit(X, D[:, :2] / D[:, :2].sum(axis=1, keepdims=True)).predict(X))
    on_simplex(learner.fit(np.column_stack([X, np.ones(len(X))]), D).predict(np.ones((3, 4))))
    one_hot = np.eye(3)[D.argmax(axis=1)]
    one_hot[one_hot[:, 2] == 1] = [1, 0, 0]  # a label that never occurs
    P = learner.fit(X, one_hot).predict(X)
    on_simplex(P)
    assert P[:, 2].max() < 1e-5
    on_simplex(learner.fit(X, np.tile([0.0, 1.0, 0.0], (len(X), 1))).predict(X))
    wide = np.hstack([X[:12]] * 10)
    on_simplex(learner.fit(wide, D[:12]).predict(wide))
    first = learner.fit(X, D).predict(X)
    assert_allclose(learner.fit(X, D).predict(X), first, rtol=0)
    for bad, text in (
        (D[:-1], "inconsistent numbers of samples"),
        (2 * D, "row 0 sums to 2"),
        (D.argmax(axis=1), "use LDLClassifier"),
        (None, "requires y to be passed"),
    ):
        with pytest.raises(ValueError, match=text):
            learner.fit(X, bad)
    with pytest.raises(ValueError, match="NaN"):
        learner.fit(np.where(X > 0.9, np.nan, X), D)


def test_frames(data, make_frame):
    X, D = data
    FX, FD = make_frame(X, "abc"), make_frame(D, ["sad", "glad", "mad"])
    for learner in LEARNERS:
        model = learner.fit(FX, FD)
        assert list(model.feature_names_in_) == ["a", "b", "c"]
        assert list(model.label_names_) == ["sad", "glad", "mad"]
        on_simplex(model.predict(FX))


def test_columns_are_transformed_before_learning(data):
    X, D = data
    FX = pd.DataFrame(X, columns=list("abc")).assign(kind=np.where(X[:, 0] > 0, "up", "down"))
    columns = make_column_transformer(
        (OneHotEncoder(sparse_output=False), ["kind"]),
        remainder=StandardScaler(),
        verbose_feature_names_out=False,
    )
    model = make_pipeline(columns.set_output(transform="pandas"), BFGSLDL()).fit(FX, D)
    assert "kind_up" in model[-1].feature_names_in_


def test_grid_search(data):
    X, D = data
    model = make_pipeline(StandardScaler(), BFGSLDL())
    grid = {"bfgsldl__alpha": [1e-3, 1.0]}
    plain = GridSearchCV(model, grid, n_jobs=2).fit(X, D)
    assert plain.best_params_ == {"bfgsldl__alpha": 1e-3}
    assert plain.best_score_ > 0.3
    on_simplex(plain.predict(X))
    several = GridSearchCV(
        model,
        grid,
        scoring={
            "kl": get_ldl_scorer("neg_kl_divergence"),
            "cos": get_ldl_scorer("cosine_similarity"),
        },
        refit="kl",
        n_jobs=2,
    ).fit(X, D)
    assert several.best_params_ == plain.best_params_
    assert several.cv_results_["mean_test_cos"].max() > 0.9


def test_halving_search_and_learning_curve(data):
    X, D = data
    search = HalvingGridSearchCV(
        BFGSLDL(), {"alpha": [1e-3, 1e-1, 10.0]}, min_resources=40, random_state=0
    ).fit(X, D)
    assert search.best_params_["alpha"] < 10
    _, _, test = learning_curve(BFGSLDL(alpha=1e-3), X, D, cv=3, train_sizes=[20, 80])
    assert test[1].mean() > test[0].mean()


def test_bagging(data):
    X, D = data
    for learner in (BFGSLDL(alpha=1e-3), KNeighborsLDL()):
        model = BaggingRegressor(learner, n_estimators=4, random_state=0).fit(X, D)
        on_simplex(model.predict(X))
        assert get_ldl_scorer("d2_kl_score")(model, X, D) > 0.3


def test_inspection(data, rng):
    X, D = data
    X = np.column_stack([X, rng.standard_normal(len(X))])
    model = BFGSLDL(alpha=1e-3).fit(X, D)
    result = permutation_importance(model, X, D, random_state=0)
    assert result.importances_mean[3] < 0.05 < result.importances_mean[0]
    named = permutation_importance(
        model, X, D, scoring=get_ldl_scorer("neg_chebyshev_distance"), random_state=0
    )
    assert named.importances_mean[3] < named.importances_mean[0]
    curve = partial_dependence(model, X, features=[0], grid_resolution=9)["average"]
    assert curve.shape == (3, 9)
    assert_allclose(curve.sum(axis=0), 1, atol=1e-12)


def test_feature_selection(data, rng):
    X, D = data
    noisy = np.column_stack([rng.standard_normal((len(X), 2)), X])
    for selector in (
        RFE(BFGSLDL(), n_features_to_select=3),
        SelectFromModel(BFGSLDL(), max_features=3, threshold=-np.inf),
    ):
        assert list(selector.fit(noisy, D).get_support(indices=True)) == [2, 3, 4]


def test_sample_weight_is_routed_to_fit_and_scorer(data):
    X, D = data
    weight = np.where(X[:, 0] > 0, 1.0, 0.0)
    with config_context(enable_metadata_routing=True):
        model = make_pipeline(
            StandardScaler().set_fit_request(sample_weight=False),
            BFGSLDL(tol=1e-9).set_fit_request(sample_weight=True),
        )
        scorer = get_ldl_scorer("neg_kl_divergence").set_score_request(sample_weight=True)
        search = GridSearchCV(
            model, {"bfgsldl__alpha": [1e-3, 1.0]}, cv=KFold(3), scoring=scorer
        ).fit(X, D, sample_weight=weight)
        scores = cross_validate(
            model, X, D, cv=KFold(3), scoring=scorer, params={"sample_weight": weight}
        )
    scorer = get_ldl_scorer("neg_kl_divergence")
    for fold, (train, test) in enumerate(KFold(3).split(X)):
        scaler = StandardScaler().fit(X[train])
        model = BFGSLDL(tol=1e-9).fit(
            scaler.transform(X[train]), D[train], sample_weight=weight[train]
        )
        score = scorer(model, scaler.transform(X[test]), D[test], sample_weight=weight[test])
        assert_allclose(scores["test_score"][fold], score, rtol=1e-6)
        one = model.set_params(alpha=1e-3).fit(
            scaler.transform(X[train]), D[train], sample_weight=weight[train]
        )
        score = scorer(one, scaler.transform(X[test]), D[test], sample_weight=weight[test])
        assert_allclose(search.cv_results_[f"split{fold}_test_score"][0], score, rtol=1e-6)


def test_predict_proba_in_cross_val_predict_is_refused_with_advice(data):
    X, D = data
    with pytest.raises(ValueError, match="use method='predict'"):
        cross_val_predict(BFGSLDL(), X, D, method="predict_proba", cv=3)


@pytest.mark.parametrize("joint", [False, True])
def test_target_transformer_as_it_is(joint):
    X, y = load_diabetes(return_X_y=True)
    if joint:
        y = np.column_stack([y, 2 * y])
    model = TransformedTargetRegressor(
        make_pipeline(StandardScaler(), KNeighborsRegressor(20) if joint else BFGSLDL()),
        transformer=GaussianLabelDistributor(sigma=[30.0, 60.0] if joint else 30.0),
    )
    assert model.fit(X, y).predict(X).shape == y.shape
    assert model.score(X, y) > 0.4
    if not joint:
        search = GridSearchCV(model, {"transformer__sigma": [10, 30]}, cv=3).fit(X, y)
        assert search.best_score_ > 0.3


@pytest.mark.parametrize(
    "estimator",
    [
        DummyRegressor(),
        KNeighborsRegressor(),
        RandomForestRegressor(10, random_state=0),
        ExtraTreesRegressor(10, random_state=0),
    ],
    ids=lambda estimator: type(estimator).__name__,
)
def test_regressors_that_already_predict_distributions(estimator, data):
    X, D = data
    model = estimator.fit(X, D)
    on_simplex(model.predict(X))
    assert np.isfinite(get_ldl_scorer("neg_kl_divergence")(model, X, D))


def test_kernel_approximation_helps_on_a_curved_problem():
    X, D = make_ldl(400, random_state=0)
    linear = make_pipeline(StandardScaler(), BFGSLDLCV())
    curved = make_pipeline(StandardScaler(), Nystroem(random_state=0), BFGSLDLCV())
    kl = get_ldl_scorer("neg_kl_divergence")
    results = [
        cross_validate(model, X, D, scoring=kl, cv=3)["test_score"].mean()
        for model in (linear, curved)
    ]
    assert results[1] > 0.5 * results[0]
