"""Mean distributions over the values of a feature."""

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.compose import make_column_transformer
from sklearn.impute import SimpleImputer
from sklearn.inspection import partial_dependence
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder

from sklearn_ldl import BFGSLDL, LDLClassifier, LDLRegressor
from sklearn_ldl.datasets import make_ldl
from sklearn_ldl.inspection import distribution_dependence

X, D = make_ldl(80, random_state=0)
FRAME = pd.DataFrame(
    {
        "age": X[:, 0],
        "town": np.where(X[:, 1] > 0, "Rome", "Oslo"),
        "children": np.round(3 * X[:, 2] ** 2).astype(int),
    }
)
SHARES = pd.DataFrame(D, columns=["work", "care", "rest"])


@pytest.fixture(scope="module")
def model():
    steps = make_column_transformer((OneHotEncoder(), ["town"]), remainder="passthrough")
    return make_pipeline(steps, BFGSLDL()).fit(FRAME, SHARES)


def mean_with(model, name, value):
    return model.predict(FRAME.assign(**{name: value})).mean(axis=0)


def test_it_is_that_of_scikit_learn():
    model = BFGSLDL().fit(X, D)
    found = distribution_dependence(model, X, 1, grid_resolution=7, sample_weight=np.arange(80))
    other = partial_dependence(
        model, X, [1], grid_resolution=7, sample_weight=np.arange(80), kind="average"
    )
    assert_allclose(found.distributions, other["average"].T)
    assert_allclose(found.values, other["grid_values"][0])
    assert found.feature == "x1"
    assert not found.is_categorical


@pytest.mark.parametrize(
    ("name", "options", "is_categorical"),
    [
        ("age", {"grid_resolution": 4}, False),
        ("town", {}, True),
        ("children", {}, False),
        ("children", {"categorical": True}, True),
    ],
)
def test_features_of_a_frame(model, name, options, is_categorical):
    found = distribution_dependence(model, FRAME, name, **options)
    assert found.is_categorical == is_categorical
    assert found.label_names.tolist() == ["work", "care", "rest"]
    expected = [mean_with(model, name, value) for value in found.values]
    assert_allclose(found.distributions, expected)
    if name != "age":
        assert_array_equal(found.values, np.unique(FRAME[name]))
    by_position = distribution_dependence(model, FRAME, list(FRAME).index(name), **options)
    assert_array_equal(by_position.distributions, found.distributions)


@pytest.mark.parametrize("as_frame", [True, False])
def test_gaps_are_no_values(as_frame):
    gaps = X.copy()
    gaps[::9, 1] = np.nan
    model = make_pipeline(SimpleImputer(), BFGSLDL()).fit(gaps, D)
    rows = pd.DataFrame(gaps).add_prefix("x") if as_frame else gaps
    before = rows.copy()
    found = distribution_dependence(model.fit(rows, D), rows, 1, grid_resolution=5)
    assert_array_equal(rows, before)
    middle = np.nanpercentile(gaps[:, 1], [5, 95])
    assert_allclose(found.values[[0, -1]], middle, atol=0.1)
    assert_allclose(found.distributions.sum(axis=1), 1)
    gaps[:, 1] = found.values[2]
    filled = pd.DataFrame(gaps).add_prefix("x") if as_frame else gaps
    assert_allclose(found.distributions[2], model.predict(filled).mean(axis=0))


def test_a_feature_of_gaps_alone():
    with pytest.raises(ValueError, match="no values"):
        distribution_dependence(BFGSLDL().fit(X, D), X * [1, np.nan, *[1] * (X.shape[1] - 2)], 1)


def test_given_labels(model):
    assert distribution_dependence(model, FRAME, 0, labels=[1, 2, 3]).label_names.tolist() == [
        1,
        2,
        3,
    ]


def test_whole_numbers_of_an_array():
    whole = np.round(3 * X).astype(int)
    model = BFGSLDL().fit(whole, D)
    found = distribution_dependence(model, whole, 0)
    assert_array_equal(found.values, np.unique(whole[:, 0]))
    changed = whole.copy()
    changed[:, 0] = found.values[-1]
    assert_allclose(found.distributions[-1], model.predict(changed).mean(axis=0))


@pytest.mark.parametrize("wrapper", [LDLClassifier, LDLRegressor])
def test_distributions_of_wrappers(wrapper):
    target = D.argmax(axis=1) if wrapper is LDLClassifier else X[:, 0]
    model = wrapper(BFGSLDL()).fit(X, target)
    found = distribution_dependence(model, X, 2, grid_resolution=3)
    names = model.classes_ if wrapper is LDLClassifier else model.grid_
    assert_array_equal(found.label_names, names)
    changed = X.copy()
    changed[:, 2] = found.values[0]
    assert_allclose(found.distributions[0], model.predict_proba(changed).mean(axis=0))


@pytest.mark.parametrize(
    ("feature", "options", "message"),
    [
        ("income", {}, "no feature 'income'"),
        (3, {}, "no feature 3"),
        (-1, {}, "'feature' parameter"),
        ("town", {"categorical": False}, "'town' are no numbers"),
        ("age", {"grid_resolution": 1}, "'grid_resolution' parameter"),
    ],
)
def test_bad_input(model, feature, options, message):
    with pytest.raises(ValueError, match=message):
        distribution_dependence(model, FRAME, feature, **options)
