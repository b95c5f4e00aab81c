"""Dask collections: used block by block and lazily, or refused before anything is loaded."""

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose
from sklearn.ensemble import ExtraTreesRegressor
from sklearn.frozen import FrozenEstimator
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import sklearn_ldl
from sklearn_ldl import (
    BFGSLDL,
    BFGSLDLCV,
    ConformalLDL,
    KNeighborsLDL,
    LabelShiftCorrector,
    SmoothBFGSLDL,
    StackingLDL,
    TemperatureCalibrator,
    metrics,
)
from tests.trust.cases import METRICS, NAMES, data, frame, ids, make, options, predicted
from tests.trust.fits import DISTRIBUTORS, OF_SAMPLES, fit, target

dask = pytest.importorskip("dask")
da = pytest.importorskip("dask.array")
dd = pytest.importorskip("dask.dataframe")

pytestmark = [
    pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning"),
    pytest.mark.filterwarnings("error:X has feature names:UserWarning"),
]
REFUSED = "does not take Dask collections here"


def blocks(A, size=17):
    A = np.asarray(A)
    return da.from_array(A, chunks=(size, *A.shape[1:]))


def never_loaded(A):
    """Rows that fail when they are computed."""

    def load():
        raise AssertionError("a collection was loaded")

    A = np.asarray(A)
    return da.from_delayed(dask.delayed(load)(), shape=A.shape, dtype=A.dtype)


def takes_dask(cls):
    return getattr(make(cls), "_takes_dask", False)


BY_BLOCKS = list(filter(takes_dask, OF_SAMPLES))
IN_MEMORY = [cls for cls in OF_SAMPLES if cls not in BY_BLOCKS]


def test_estimators_by_blocks_are_found():
    linear = {BFGSLDL, BFGSLDLCV, SmoothBFGSLDL}
    wrappers = {ConformalLDL, LabelShiftCorrector, StackingLDL, TemperatureCalibrator}
    assert set(BY_BLOCKS) == linear | wrappers


@pytest.mark.parametrize("cls", IN_MEMORY, ids=ids)
def test_collections_are_refused_before_they_are_loaded(cls):
    X, _ = data()
    arguments = target(cls)
    with pytest.raises(TypeError, match=REFUSED):
        make(cls).fit(never_loaded(X), **arguments)
    for name in arguments:
        with pytest.raises(TypeError, match=REFUSED):
            make(cls).fit(X, **{**arguments, name: never_loaded(arguments[name])})
    model = fit(cls, X)
    for name in ("predict", "predict_proba", "predict_log_proba", "transform"):
        if not hasattr(model, name):
            continue
        try:
            found = getattr(model, name)(never_loaded(X))
        except TypeError as exc:
            found = str(exc)
        if isinstance(found, str):
            assert REFUSED in found
            continue
        assert isinstance(found, da.Array)  # lazy
        assert_allclose(getattr(model, name)(blocks(X)).compute(), getattr(model, name)(X))


@pytest.mark.parametrize("cls", BY_BLOCKS, ids=ids)
@pytest.mark.parametrize("lazy_targets", [True, False])
def test_fits_and_predictions_by_blocks(cls, lazy_targets, monkeypatch):
    X, D = data()
    X = np.column_stack([X, X[:, 0] ** 2])  # not as wide as D
    loaded = []
    to_numpy = da.Array.__array__
    monkeypatch.setattr(
        da.Array,
        "__array__",
        lambda A, *args, **kwargs: loaded.append(A.shape) or to_numpy(A, *args, **kwargs),
    )
    model = make(cls).fit(blocks(X), blocks(D, 25) if lazy_targets else D)
    assert (len(X), X.shape[1]) not in loaded
    expected = make(cls).fit(X, D)
    for name in ("predict", "predict_proba", "predict_log_proba"):
        found = getattr(model, name)(blocks(X))
        assert isinstance(found, da.Array)
        assert_allclose(found.compute(), getattr(expected, name)(X), atol=1e-5)
    assert_allclose(model.score(X, D), expected.score(X, D), atol=1e-5)
    assert_allclose(float(model.score(blocks(X), blocks(D))), expected.score(X, D), atol=1e-5)
    with pytest.raises(TypeError, match="y is a Dask collection, X is not"):
        make(cls).fit(X, blocks(D))


@pytest.mark.parametrize("cls", BY_BLOCKS, ids=ids)
def test_frames_by_blocks(cls):
    X = pd.DataFrame(data()[0], columns=list("abc"))
    lazy = dd.from_pandas(X, npartitions=3)
    model = make(cls).fit(lazy, dd.from_pandas(frame(), npartitions=2))
    assert model.label_names_.tolist() == NAMES
    assert model.feature_names_in_.tolist() == list("abc")
    expected = make(cls).fit(X, frame())
    assert_allclose(model.predict(lazy).compute(), expected.predict(X), atol=1e-5)
    with pytest.raises(ValueError, match="feature names"):
        model.predict(lazy.rename(columns={"a": "z"}))


LEARNERS = [
    KNeighborsLDL(),
    ExtraTreesRegressor(n_estimators=2),
    make_pipeline(StandardScaler(), BFGSLDL()),
    FrozenEstimator(KNeighborsLDL()),
]


@pytest.mark.parametrize("learner", LEARNERS, ids=lambda learner: type(learner).__name__)
def test_wrappers_of_learners_in_memory(learner):
    X, D = map(never_loaded, data())
    mixture = StackingLDL([("linear", BFGSLDL()), ("other", learner)])
    for model in (TemperatureCalibrator(learner), LabelShiftCorrector(learner), mixture):
        assert not model._takes_dask
        with pytest.raises(TypeError, match=REFUSED):
            model.fit(X, D)
        with pytest.raises(TypeError, match=REFUSED):
            model.fit(X, data()[1])


def test_wrappers_of_frozen_learners():
    X, D = data()
    frozen = FrozenEstimator(BFGSLDL().fit(X, D))
    expected = TemperatureCalibrator(frozen).fit(X, D)
    model = TemperatureCalibrator(frozen).fit(blocks(X), blocks(D))
    assert_allclose(model.temperature_, expected.temperature_, rtol=1e-6)


def test_targets_of_a_shift():
    X, D = data()
    expected = LabelShiftCorrector(cv=2, random_state=0).fit(X, D).adapt(X[:30])
    model = LabelShiftCorrector(cv=2, random_state=0).fit(X, D).adapt(blocks(X[:30]))
    assert_allclose(model.target_prior_, expected.target_prior_)
    trees = LabelShiftCorrector(ExtraTreesRegressor(n_estimators=2), cv=2).fit(X, D)
    with pytest.raises(TypeError, match=REFUSED):
        trees.adapt(never_loaded(X))


def test_extreme_blocks_are_refused_with_advice():
    X, D = data()
    with pytest.raises(ValueError, match=r"begins with row 17: X holds .*scale the features"):
        BFGSLDL().fit(blocks(np.where(np.arange(len(X))[:, None] == 20, 1e300, X)), D)
    expected = BFGSLDL(alpha=1e58).fit(1e30 * X, D).predict(1e30 * X)
    model = BFGSLDL(alpha=1e58).fit(blocks((1e30 * X).astype(np.float32)), D)
    assert_allclose(model.predict(1e30 * X), expected, atol=1e-5)


# --- targets alone


@pytest.mark.parametrize("cls", DISTRIBUTORS, ids=ids)
def test_distributors_refuse_collections(cls):
    for y in (np.arange(10) % 3, data()[1]):
        with pytest.raises(TypeError, match=REFUSED):
            cls().fit(never_loaded(y))
    fitted_to = {
        "MultiLabelDistributor": np.eye(3, dtype=bool),
        "DecoupledLabelSplitter": data()[1],
    }
    y = fitted_to.get(cls.__name__, np.arange(10) % 3)
    with pytest.raises(TypeError, match=REFUSED):
        cls().fit(y).transform(never_loaded(y))


@pytest.mark.parametrize("metric", METRICS, ids=ids)
def test_measures_are_lazy_or_refused(metric):
    D, P = data()[1], predicted().to_numpy()
    more = options(metric.__name__)
    try:
        found = metric(never_loaded(D), never_loaded(P), **more)
    except TypeError as exc:
        found = str(exc)
    if isinstance(found, str):
        assert "is a Dask collection, which would be loaded into memory" in found
        return
    assert_allclose(metric(blocks(D), blocks(P), **more).compute(), metric(D, P, **more))


@pytest.mark.parametrize(
    "function",
    [
        sklearn_ldl.check_distribution,
        sklearn_ldl.project_simplex,
        sklearn_ldl.smooth_labels,
        sklearn_ldl.split_dominant,
        sklearn_ldl.as_weighted_rows,
        sklearn_ldl.to_logical_labels,
        sklearn_ldl.votes_to_distribution,
        lambda y: sklearn_ldl.vote_table_to_distribution(np.arange(len(y)), y),
        lambda y: sklearn_ldl.gaussian_label_distribution(y, [0, 1]),
        lambda y: sklearn_ldl.smooth_mask(y, 3),
        lambda y: sklearn_ldl.decoding.argmax(y, [0, 1, 2]),
        lambda y: metrics.mean_euclidean_error(data()[1], y),
        lambda y: metrics.accuracy_within_score(y, y),
        lambda y: metrics.cumulative_score(y, y, threshold=1),
        lambda y: metrics.mean_iou_score(y, y),
    ],
)
def test_functions_refuse_collections(function):
    with pytest.raises(TypeError, match=r"is a Dask collection, .*by its method compute"):
        function(never_loaded(data()[1]))


@pytest.mark.parametrize("cls", [BFGSLDL, SmoothBFGSLDL])
@pytest.mark.parametrize("options", [{}, {"alpha": 0.01, "standardize": True}], ids=str)
def test_offsets_do_not_matter_in_single_precision(cls, options):
    X, D = data()
    X = (X + 1e5).astype(np.float32)
    model = cls(**options).fit(blocks(X), D)
    assert_allclose(model.predict(X), cls(**options).fit(X, D).predict(X), atol=1e-6)
