"""Labels with names are matched by name, wherever two sides have them."""

import inspect
from functools import partial

import numpy as np
import pandas as pd
import polars as pl
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import sklearn_ldl
from sklearn_ldl import BFGSLDL, KNeighborsLDL, decoding, metrics
from sklearn_ldl.metrics import get_ldl_scorer
from tests.trust.cases import (
    CLASSIFIERS,
    ENHANCERS,
    LEARNERS,
    METRICS,
    MISMATCH,
    NAMES,
    OTHERS,
    REPEATED,
    SCORERS,
    SHUFFLED,
    data,
    fitted,
    frame,
    goes_on,
    ids,
    make,
    options,
    predicted,
    renamed,
)

pytestmark = [
    pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning"),
    pytest.mark.filterwarnings("ignore:No auxiliary labels:UserWarning"),
]


# --- estimators


@pytest.mark.parametrize("cls", LEARNERS, ids=ids)
def test_scores_match_labels_by_name(cls):
    X, D = data()
    model = fitted(cls)
    expected = model.score(X, D)
    assert model.label_names_.tolist() == NAMES
    shuffled = frame(SHUFFLED)
    for y in (frame(), shuffled, pl.from_pandas(shuffled), pd.DataFrame(D)):
        assert_allclose(model.score(X, y), expected, rtol=1e-12)
    with pytest.raises(ValueError, match=MISMATCH):
        model.score(X, renamed(OTHERS))
    with pytest.raises(ValueError, match=REPEATED):
        model.score(X, renamed(["like", "like", "dislike"]))
    with pytest.raises(ValueError, match=REPEATED):
        make(cls).fit(X, renamed(["like", "like", "dislike"]))


@pytest.mark.parametrize("cls", LEARNERS, ids=ids)
def test_numbers_and_strings_are_names(cls):
    X, D = data()
    model = make(cls).fit(X, renamed([1, 2, "3+"]))
    assert model.label_names_.tolist() == [1, 2, "3+"]
    expected = model.score(X, D)
    assert_allclose(model.score(X, renamed([1, 2, "3+"]).iloc[:, [2, 0, 1]]), expected, rtol=1e-12)
    # Polars, and files, know strings alone.
    strings = pl.DataFrame(D[:, [2, 0, 1]], schema=["3+", "1", "2"], orient="row")
    assert_allclose(model.score(X, strings), expected, rtol=1e-12)
    with pytest.raises(ValueError, match=r"labels do not match: .*\[1, 2, 3\].*\[1, 2, '3\+'\]"):
        model.score(X, renamed([1, 2, 3]))


def test_columns_without_names_count_by_position():
    X, D = data()
    for y in (D, pd.DataFrame(D), pl.DataFrame(D, orient="row")):
        model = BFGSLDL().fit(X, frame())
        expected = model.score(X, D)
        assert not hasattr(model.fit(X, y), "label_names_")
        assert_allclose(
            model.score(X, frame(SHUFFLED).set_axis(NAMES, axis=1)), model.score(X, D[:, [2, 0, 1]])
        )
        # Numbers of columns tell where they were.
        assert_allclose(model.score(X, pd.DataFrame(D)[[2, 0, 1]]), expected)
    ratings = BFGSLDL().fit(X, renamed([5, 3, 1]))
    assert ratings.label_names_.tolist() == [5, 3, 1]


def test_names_of_frames_of_arrow_and_dask():
    arrow = pytest.importorskip("pyarrow")
    dask = pytest.importorskip("dask.dataframe")
    X, D = data()
    shuffled = frame(SHUFFLED)
    model = fitted(BFGSLDL)
    table = arrow.table({name: shuffled[name].to_numpy() for name in SHUFFLED})
    assert_allclose(model.score(X, table), model.score(X, D))
    blocks = dask.from_pandas(shuffled, npartitions=2)
    assert_allclose(model.score(X, blocks), model.score(X, D))
    for metric in (metrics.kl_divergence, metrics.wasserstein_distance, metrics.d2_kl_score):
        lazy = metric(blocks, dask.from_pandas(predicted(), npartitions=3))
        assert_allclose(float(lazy), metric(D, predicted().to_numpy()))
        with pytest.raises(ValueError, match=MISMATCH):
            metric(blocks, renamed(OTHERS, predicted().to_numpy()))
    lazy = dask.from_pandas(pd.DataFrame(X, columns=list("abc")), npartitions=2)
    lazy_model = BFGSLDL(warm_start=True).fit(lazy, blocks)
    assert lazy_model.label_names_.tolist() == SHUFFLED
    coef = lazy_model.coef_
    lazy_model.set_params(max_iter=0).fit(lazy, dask.from_pandas(frame(), npartitions=2))
    assert lazy_model.label_names_.tolist() == SHUFFLED
    assert_allclose(lazy_model.coef_, coef)


# --- going on


@pytest.mark.parametrize("cls", list(filter(goes_on, LEARNERS)), ids=ids)
def test_warm_start_matches_labels_by_name(cls):
    X, D = data()

    def first():
        return make(cls).set_params(warm_start=True).fit(X, frame())

    expected = first().fit(X, D).predict(X)
    model = first().fit(X, frame(SHUFFLED))
    assert model.label_names_.tolist() == NAMES
    assert_allclose(model.predict(X), expected, rtol=1e-12)
    assert model.fit(X, D).label_names_.tolist() == NAMES
    with pytest.raises(ValueError, match=MISMATCH):
        model.fit(X, renamed(OTHERS))
    assert model.set_params(warm_start=False).fit(X, renamed(OTHERS)).label_names_[-1] == "hate"


# --- classifiers that take distributions


@pytest.mark.parametrize("cls", CLASSIFIERS, ids=ids)
@pytest.mark.parametrize("names", [NAMES, [1, 2, "3+"], [5, 3, 1]], ids=str)
def test_classes_are_the_names_of_the_labels(cls, names):
    X, D = data()
    model = make(cls).fit(X, renamed(names))
    assert model.classes_.tolist() == names
    assert set(model.predict(X).tolist()) <= set(names)
    bare = make(cls).fit(X, D)
    assert_array_equal(bare.classes_, [0, 1, 2])
    assert_array_equal(bare.predict_proba(X), model.predict_proba(X))
    shuffled = renamed(names).iloc[:, [2, 0, 1]]
    assert_allclose(model.score(X, shuffled), bare.score(X, D))
    for name in ("neg_kl_divergence", "neg_wasserstein_distance"):
        scorer = get_ldl_scorer(name)
        assert_allclose(scorer(model, X, shuffled), scorer(bare, X, D))
    labels = np.array(names, dtype=object)[D.argmax(axis=1)]
    assert np.isfinite(get_ldl_scorer("neg_log_loss")(model, X, labels))
    with pytest.raises(ValueError, match="labels do not match"):
        model.score(X, renamed(["a", "b", "c"]))


@pytest.mark.parametrize("cls", list(filter(goes_on, CLASSIFIERS)), ids=ids)
def test_warm_start_of_classifiers_matches_labels_by_name(cls):
    X, D = data()

    def first():
        return make(cls).set_params(warm_start=True).fit(X, frame())

    expected = first().fit(X, D)
    assert expected.classes_.tolist() == NAMES
    model = first().fit(X, frame(SHUFFLED))
    assert model.classes_.tolist() == NAMES
    assert_allclose(model.predict_proba(X), expected.predict_proba(X), rtol=1e-12)
    with pytest.raises(ValueError, match=MISMATCH):
        model.fit(X, renamed(OTHERS))


# --- metrics and scorers


def test_all_metrics_are_found():
    assert len(METRICS) == 26


@pytest.mark.parametrize("metric", METRICS, ids=ids)
@pytest.mark.parametrize("convert", [lambda y: y, pl.from_pandas], ids=["pandas", "polars"])
def test_metrics_match_labels_by_name(metric, convert):
    D, P, more = data()[1], predicted(), options(metric.__name__)
    expected = metric(D, P.to_numpy(), **more)
    for y in (frame(), frame(SHUFFLED), renamed([0, 1, 2])):
        assert_allclose(metric(convert(y), convert(P), **more), expected, rtol=1e-12)
    assert_allclose(metric(convert(frame()), P.to_numpy(), **more), expected, rtol=1e-12)
    with pytest.raises(ValueError, match=MISMATCH):
        metric(convert(renamed(OTHERS)), convert(P), **more)
    with pytest.raises(ValueError, match=REPEATED):
        metric(D, renamed(["like", "like", "dislike"], P.to_numpy()), **more)


@pytest.mark.parametrize(
    "metric", [m for m in METRICS if "labels" in inspect.signature(m).parameters], ids=ids
)
def test_labels_of_a_metric_are_names(metric):
    D, P = data()[1], predicted()
    y = np.array(NAMES)[D.argmax(axis=1)]
    expected = metric(y, P.to_numpy(), labels=NAMES)
    assert_allclose(metric(y, P), expected)
    assert_allclose(metric(y, P[SHUFFLED], labels=NAMES), expected)
    truth = metric(D, P.to_numpy())
    assert_allclose(metric(frame(SHUFFLED), P.to_numpy(), labels=NAMES), truth)
    with pytest.raises(ValueError, match=MISMATCH):
        metric(renamed(OTHERS), P.to_numpy(), labels=NAMES)


@pytest.mark.parametrize("name", SCORERS)
def test_scorers_match_labels_by_name(name):
    X, D = data()
    scorer = get_ldl_scorer(name, **options(name))
    expected = scorer(fitted(BFGSLDL), X, D)
    pipeline = make_pipeline(StandardScaler(), KNeighborsLDL()).fit(X, frame())
    search = GridSearchCV(pipeline, {"kneighborsldl__n_neighbors": [5]}).fit(X, frame())
    frozen = FrozenEstimator(pipeline)
    for model in (pipeline, search, frozen):
        assert_allclose(scorer(model, X, frame(SHUFFLED)), scorer(pipeline, X, D), rtol=1e-12)
    for model in (fitted(BFGSLDL), pipeline, search, frozen):
        with pytest.raises(ValueError, match=MISMATCH):
            scorer(model, X, renamed(OTHERS))
    assert_allclose(scorer(fitted(BFGSLDL), X, frame(SHUFFLED)), expected, rtol=1e-12)


@pytest.mark.parametrize("name", SCORERS)
@pytest.mark.parametrize("names", [NAMES, [3, 2, 1], [False, True, None]], ids=str)
def test_scorers_match_classes_of_classifiers(name, names):
    """Numbers have an order; that of strings, which classifiers sort, is the one of the frame."""
    X, D = data()
    if names[-1] is None:
        names, D = [False, True], D[:, :2] / D[:, :2].sum(axis=1, keepdims=True)
    more = {"head": [True, *[False] * (len(names) - 1)]} if options(name) else {}
    y = np.array(names)[D.argmax(axis=1)]
    model = LogisticRegression().fit(X, y)
    truth = pd.DataFrame(D, columns=names)
    if isinstance(names[0], int):
        truth = truth.iloc[:, np.argsort(names)]
        names = sorted(names)
    position = [list(model.classes_).index(label) for label in names]
    P = model.predict_proba(X)[:, position]
    metric = getattr(metrics, name.removeprefix("neg_"))
    expected = (-1 if name.startswith("neg_") else 1) * metric(truth.to_numpy(), P, **more)
    scorer = get_ldl_scorer(name, **more)
    assert_allclose(scorer(model, X, truth), expected)
    if isinstance(names[0], int):
        assert_allclose(scorer(model, X, truth.iloc[:, ::-1]), expected)
    with pytest.raises(ValueError, match="labels do not match"):
        scorer(model, X, truth.add_prefix("no "))


def test_a_classifier_of_codes_is_matched_by_position():
    X, D = data()
    model = LogisticRegression().fit(X, D.argmax(axis=1))
    scorer = get_ldl_scorer("neg_kl_divergence")
    assert_allclose(scorer(model, X, frame()), scorer(model, X, D))


# --- displays


def displays():
    plotting = pytest.importorskip("sklearn_ldl.plotting")
    pytest.importorskip("matplotlib").use("agg")
    return [
        getattr(plotting, name)
        for name in plotting.__all__
        if hasattr(getattr(plotting, name), "from_predictions")
        and "D_pred" in inspect.signature(getattr(plotting, name).from_predictions).parameters
    ]


def contents(display):
    return {
        name: value
        for name, value in vars(display).items()
        if not name.endswith("_") and name != "name"
    }


def assert_same(display, other):
    for name, value in contents(display).items():
        new = contents(other)[name]
        if isinstance(value, dict):
            value, new = list(value.values()), list(new.values())
        if isinstance(value, np.ndarray) and value.dtype.kind != "f":
            assert_array_equal(new, value, err_msg=name)
        elif isinstance(value, (list, float, np.ndarray)):
            assert_allclose(new, value, rtol=1e-9, err_msg=name)


@pytest.mark.parametrize("cls", displays(), ids=ids)
def test_displays_match_labels_by_name(cls):
    import matplotlib.pyplot as plt

    X, D = data()
    X, P = X[:49], predicted()[:49]  # a square
    shuffled = frame(SHUFFLED)[:49]
    model = fitted(BFGSLDL)
    expected = cls.from_estimator(model, X, D[:49])
    assert list(getattr(expected, "labels", NAMES)) == NAMES
    assert_same(expected, cls.from_estimator(model, X, shuffled))
    assert_same(expected, cls.from_predictions(shuffled, P))
    if hasattr(expected, "D_true"):
        assert_allclose(np.sort(expected.D_true.sum(axis=0)).sum(), len(expected.D_true))
    labels = np.array(NAMES)[D.argmax(axis=1)]
    classifier = LogisticRegression().fit(data()[0], labels)
    by_frame = cls.from_estimator(classifier, X, frame()[:49])
    assert list(getattr(by_frame, "labels", NAMES)) == NAMES
    probabilities = classifier.predict_proba(X)[:, [1, 2, 0]]
    assert_same(by_frame, cls.from_predictions(frame()[:49], probabilities))
    for call in (cls.from_predictions, lambda y, P: cls.from_estimator(model, X, y)):
        with pytest.raises(ValueError, match=MISMATCH):
            call(renamed(OTHERS)[:49], P)
        with pytest.raises(ValueError, match=REPEATED):
            call(renamed(["like", "like", "dislike"])[:49], P)
    plt.close("all")


def test_surfaces_of_models_with_other_orders():
    plotting = pytest.importorskip("sklearn_ldl.plotting")
    import matplotlib.pyplot as plt

    X, D = data()
    models = {
        "one": BFGSLDL().fit(X, frame()),
        "other": BFGSLDL().fit(X, frame(SHUFFLED)),
    }
    for y in (D[:49], frame(SHUFFLED)[:49]):
        display = plotting.RGBSurfaceDisplay.from_estimator(models, X[:49], y)
        assert_allclose(display.D_true, D[:49])
        assert_allclose(display.D_pred["one"], display.D_pred["other"], atol=1e-4)
    plt.close("all")


# --- frozen estimators inside of others


@pytest.mark.parametrize("freeze", [lambda model: model, lambda model: make_pipeline(model)])
def test_corrections_of_frozen_estimators(freeze):
    X, D = data()
    frozen = FrozenEstimator(freeze(fitted(BFGSLDL)))
    for cls in (sklearn_ldl.TemperatureCalibrator, sklearn_ldl.LabelShiftCorrector):
        expected = cls(frozen).fit(X, D)
        assert expected.label_names_.tolist() == NAMES
        model = cls(frozen).fit(X, frame(SHUFFLED))
        assert model.label_names_.tolist() == NAMES
        assert_allclose(model.predict(X), expected.predict(X))
        assert_allclose(model.score(X, frame(SHUFFLED)), expected.score(X, D))
        with pytest.raises(ValueError, match=MISMATCH):
            cls(frozen).fit(X, renamed(OTHERS))


def test_mixtures_of_frozen_estimators():
    X, D = data()
    learners = [
        ("one", FrozenEstimator(BFGSLDL(alpha=1.0).fit(X, frame()))),
        ("two", FrozenEstimator(fitted(KNeighborsLDL))),
        ("three", KNeighborsLDL(15)),
    ]
    expected = sklearn_ldl.StackingLDL(learners, cv=3).fit(X, D)
    assert expected.label_names_.tolist() == NAMES
    other = ("one", FrozenEstimator(BFGSLDL(alpha=1.0).fit(X, frame(SHUFFLED))))
    model = sklearn_ldl.StackingLDL([*learners[1:], other], cv=3).fit(X, frame(SHUFFLED))
    assert model.label_names_.tolist() == SHUFFLED
    assert_allclose(np.roll(model.weights_, 1), expected.weights_, atol=1e-3)
    assert_allclose(model.predict(X)[:, [1, 2, 0]], expected.predict(X), atol=1e-3)
    with pytest.raises(ValueError, match=MISMATCH):
        sklearn_ldl.StackingLDL(learners, cv=3).fit(X, renamed(OTHERS))


def test_classifiers_around_frozen_estimators():
    X, D = data()
    frozen = FrozenEstimator(fitted(BFGSLDL))
    y = np.array(NAMES)[D.argmax(axis=1)]
    model = sklearn_ldl.LDLClassifier(frozen).fit(X, y)
    assert model.classes_.tolist() == ["dislike", "like", "neutral"]
    assert_allclose(model.predict_proba(X)[:, [1, 2, 0]], fitted(BFGSLDL).predict(X))
    assert_allclose(model.decision_function(X)[:, [1, 2, 0]], fitted(BFGSLDL).decision_function(X))
    sets = sklearn_ldl.LabelEnhancementClassifier(
        frozen, sklearn_ldl.LPEnhancer(allow_empty=True)
    ).fit(X, (frame(SHUFFLED) > 0.3).astype(int))
    assert_allclose(sets.predict_proba(X), fitted(BFGSLDL).predict(X)[:, [2, 0, 1]])
    with pytest.raises(ValueError, match=MISMATCH):
        sklearn_ldl.LDLClassifier(frozen).fit(X, np.where(y == "dislike", "hate", y)).predict(X)


def test_fit_temperature_matches_labels_by_name():
    from sklearn_ldl.wrappers import fit_temperature

    Z = renamed(NAMES, fitted(BFGSLDL).decision_function(data()[0]))
    assert fit_temperature(Z, frame(SHUFFLED)) == fit_temperature(Z.to_numpy(), data()[1])
    with pytest.raises(ValueError, match=MISMATCH):
        fit_temperature(Z, renamed(OTHERS))


def test_a_named_prior():
    X, _ = data()
    prior = pd.Series([0.2, 0.3, 0.5], index=NAMES)
    model = sklearn_ldl.LabelShiftCorrector(target_prior=prior[SHUFFLED]).fit(X, frame())
    assert_allclose(model.target_prior_, prior)
    with pytest.raises(ValueError, match=MISMATCH):
        clone(model).set_params(target_prior=prior.set_axis(OTHERS)).fit(X, frame())


# --- transformers of targets, and teachers


def test_distributors_match_labels_by_name():
    D = frame()
    splitter = sklearn_ldl.DecoupledLabelSplitter().fit(D)
    assert_array_equal(splitter.transform(frame(SHUFFLED)), splitter.transform(D))
    states = (D > 0.3).astype(bool)
    several = sklearn_ldl.MultiLabelDistributor().fit(states)
    assert_array_equal(several.transform(states[SHUFFLED]), several.transform(states))
    for distributor, y in ((splitter, renamed(OTHERS)), (several, states.set_axis(OTHERS, axis=1))):
        with pytest.raises(ValueError, match=MISMATCH):
            distributor.transform(y)


def test_distributors_decode_labels_by_name():
    P, shuffled = predicted(), predicted()[SHUFFLED]
    several = sklearn_ldl.MultiLabelDistributor().fit((frame() > 0.3).astype(bool))
    assert_array_equal(several.inverse_transform(shuffled), several.inverse_transform(P.to_numpy()))
    smoother = sklearn_ldl.LabelSmoother().fit(NAMES)
    expected = np.array(NAMES)[P.to_numpy().argmax(axis=1)]
    assert_array_equal(smoother.inverse_transform(P), expected)
    assert_array_equal(smoother.inverse_transform(pl.from_pandas(shuffled)), expected)
    for distributor in (several, smoother):
        with pytest.raises(ValueError, match=MISMATCH):
            distributor.inverse_transform(renamed(OTHERS, P.to_numpy()))


@pytest.mark.parametrize("rule", decoding.RULES)
def test_values_are_decoded_by_the_names_of_columns(rule):
    grid = [20, 30, 50]
    P = predicted().to_numpy()
    expected = decoding.decode(P, grid, rule)
    named = renamed(grid, P)
    distributor = sklearn_ldl.GaussianLabelDistributor(grid).fit(grid)
    for D in (named, named[[50, 20, 30]]):
        assert_allclose(decoding.decode(D, grid, rule), expected)
        assert_allclose(distributor.inverse_transform(D, decode=rule), expected)
    # Other names, and mere numbers of columns, say nothing of values.
    for D in (renamed(NAMES, P), pd.DataFrame(P)):
        assert_allclose(decoding.decode(D, grid, rule), expected)
    assert_allclose(
        decoding.decode(pd.DataFrame(P), [2, 0, 1], rule), decoding.decode(P, [2, 0, 1], rule)
    )


def test_sets_of_labels_are_scored_by_name():
    X, _ = data()
    sets = sklearn_ldl.to_logical_labels(frame())
    model = sklearn_ldl.LabelEnhancementClassifier().fit(X, sets)
    expected = model.score(X, sets.to_numpy())
    assert expected > model.score(X, sets[SHUFFLED].to_numpy())
    assert model.score(X, sets[SHUFFLED]) == expected
    with pytest.raises(ValueError, match=MISMATCH):
        model.score(X, sets.set_axis(OTHERS, axis=1))


@pytest.mark.parametrize("function", [sklearn_ldl.smooth_labels, sklearn_ldl.to_logical_labels])
def test_functions_of_frames_keep_names(function):
    found = function(frame(SHUFFLED))
    assert found.columns.tolist() == SHUFFLED
    assert_array_equal(found, function(frame(SHUFFLED).to_numpy()))
    assert function(pl.from_pandas(frame())).columns == NAMES


def test_coordinates_are_compared_by_name():
    rng = np.random.default_rng(0)
    places = pd.DataFrame(rng.normal(size=(5, 2)), columns=["north", "east"])
    found = places + 1
    for metric in (
        metrics.mean_euclidean_error,
        partial(metrics.accuracy_within_score, tolerance=1.0),
        partial(metrics.cumulative_score, threshold=1.5),
        partial(metrics.epsilon_error, sigma=1),
    ):
        expected = metric(places.to_numpy(), found.to_numpy())
        assert metric(places[["east", "north"]], found) == expected
        with pytest.raises(ValueError, match="do not match"):
            metric(places.set_axis(["x", "y"], axis=1), found)


@pytest.mark.parametrize("cls", ENHANCERS, ids=ids)
def test_enhancers_keep_names(cls):
    L = (renamed([1, 2, "3+"]) > 0.25).astype(int)
    enhancer = make(cls).set_params(allow_empty=True).fit(data()[0], L)
    assert enhancer.label_names_.tolist() == [1, 2, "3+"]
    with pytest.raises(ValueError, match=REPEATED):
        enhancer.fit(data()[0], L.set_axis(["like", "like", "dislike"], axis=1))


def test_teachers_are_asked_for_labels_by_name():
    pytest.importorskip("skorch")
    X, _ = data()
    teacher = FrozenEstimator(fitted(BFGSLDL))
    settings = {"max_epochs": 3, "random_state": 0}
    for cls in (sklearn_ldl.OfflineLDLClassifier, sklearn_ldl.OnlineLDLClassifier):
        expected = cls(teacher, **settings).fit(X, frame()).predict_proba(X)
        model = cls(FrozenEstimator(BFGSLDL().fit(X, frame(SHUFFLED))), **settings)
        assert_allclose(model.fit(X, frame()).predict_proba(X), expected, atol=1e-4)


# --- points


@pytest.mark.parametrize("name", ["LDLRegressor", "DeepRegressor", "KernelDensityRegressor"])
def test_coordinates_are_matched_by_name(name):
    if name != "LDLRegressor":
        pytest.importorskip("skorch")
    X, _ = data()
    places = pd.DataFrame(X[:, :2] * [1, 5], columns=["north", "east"])
    turned = places[["east", "north"]]
    settings = {} if name == "LDLRegressor" else {"max_epochs": 2, "random_state": 0}
    model = getattr(sklearn_ldl, name)(**settings).fit(X, places)
    expected = model.score(X, places.to_numpy())
    assert_allclose(model.score(X, turned), expected)
    error = get_ldl_scorer("neg_mean_euclidean_error")
    assert_allclose(error(model, X, turned), error(model, X, places.to_numpy()))
    if hasattr(model, "distributor_"):
        loss = get_ldl_scorer("neg_kl_divergence")
        assert_allclose(loss(model, X, turned), loss(model, X, places.to_numpy()))
    if hasattr(model, "log_density"):
        assert_allclose(model.log_density(X, turned), model.log_density(X, places.to_numpy()))
    with pytest.raises(ValueError, match="do not match"):
        model.score(X, places.set_axis(["x", "y"], axis=1))
    if settings:
        again = clone(model).set_params(warm_start=True).fit(X, places)
        assert_allclose(
            again.fit(X, turned).predict(X),
            clone(again).fit(X, places).fit(X, places).predict(X),
        )
    assert_allclose(model.fit(X, turned).score(X, places), model.score(X, turned.to_numpy()))


# --- grids and names


@pytest.mark.parametrize("metric", ["wasserstein_distance", "quadratic_form_distance"])
def test_grids_of_measures_are_matched_by_name(metric):
    metric, grid = getattr(metrics, metric), [20, 30, 50]
    D, P = data()[1], predicted().to_numpy()
    expected = metric(D, P, grid=grid)
    named, turned = renamed(grid), [50, 20, 30]
    assert_allclose(metric(named, renamed(grid, P), grid=grid), expected)
    assert_allclose(metric(named[turned], renamed(grid, P)[turned], grid=grid), expected)
    assert_allclose(metric(named, renamed(grid, P)[turned], grid=grid), expected)
    # An array next to a frame counts by position.
    assert_allclose(metric(named, P, grid=grid), expected)
    assert_allclose(metric(D, renamed(NAMES, P), grid=grid), expected)


def test_the_grid_of_a_smooth_model_is_matched_by_name():
    X, _ = data()
    grid, turned = [20, 30, 90], [90, 20, 30]
    model = sklearn_ldl.SmoothBFGSLDL(0.1, grid=grid, length_scale=0.5)
    expected = clone(model).fit(X, renamed(grid)).predict(X)
    found = model.fit(X, renamed(grid)[turned]).predict(X)
    assert_allclose(found, expected[:, [2, 0, 1]], atol=1e-5)
    # Names that are not the values of the grid say nothing of it.
    assert_allclose(model.fit(X, frame()).predict(X), expected, atol=1e-12)
    with pytest.raises(ValueError, match="grid repeats a label"):
        model.set_params(grid=[1, 1, 2]).fit(X, frame())
