"""Mean distributions over the values of a feature."""

import numpy as np
import pandas as pd
import polars as pl
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy.sparse import csr_array
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.compose import make_column_transformer
from sklearn.ensemble import RandomForestRegressor
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
        ("age", {"sample_weight": np.r_[-1, np.ones(79)]}, "must be non-negative"),
    ],
)
def test_bad_input(model, feature, options, message):
    with pytest.raises(ValueError, match=message):
        distribution_dependence(model, FRAME, feature, **options)


@pytest.mark.parametrize("share", [0.1, 0.9])
def test_missing_numbers_are_no_values(rng, share):
    missing = rng.uniform(size=len(X)) < share
    gaps = X.copy()
    gaps[missing, 1] = np.nan
    forest = RandomForestRegressor(3, random_state=0).fit(gaps, D)
    found = distribution_dependence(forest, gaps, 1, grid_resolution=5, percentiles=(0, 0.99))
    known = gaps[~missing, 1]
    assert_allclose(found.values[0], known.min())
    assert abs((known < found.values[-1]).mean() - 0.99) < 0.1
    changed = gaps.copy()
    changed[:, 1] = found.values[2]
    assert_allclose(found.distributions[2], forest.predict(changed).mean(axis=0))
    assert np.isnan(gaps[missing, 1]).all()


@pytest.mark.parametrize(
    ("column", "values"),
    [
        (np.resize(np.array(["b", None, "a"], dtype=object), 80), ["a", "b"]),
        (pd.Categorical(np.resize(np.array(["b", None, "a"], dtype=object), 80)), ["a", "b"]),
        (pd.array(np.resize([2, None, 5], 80), dtype="Int64"), [2.0, 5.0]),
    ],
)
def test_gaps_in_columns_of_a_frame(column, values):
    frame = pd.DataFrame({7: column, 8: X[:, 0]}, index=np.arange(80)[::-1])

    class Model(RegressorMixin, BaseEstimator):
        def __sklearn_is_fitted__(self):
            return True

        def predict(self, rows):
            share = 1 / (1 + np.exp(-rows[8].to_numpy() - (rows[7] == values[0])))
            return np.column_stack([share, 1 - share])

    found = distribution_dependence(Model(), frame, 0)
    assert_array_equal(found.values, values)
    assert_allclose(found.distributions[:, 0].argmax(), 0)
    assert frame[7].isna().sum() == 27
    frame[7] = np.nan
    with pytest.raises(ValueError, match="All values of 'x0' are missing"):
        distribution_dependence(Model(), frame, 0)


def test_tables_of_other_kinds():
    model = BFGSLDL().fit(X, D)
    expected = distribution_dependence(model, X, 0)
    found = distribution_dependence(model, csr_array(X), 0)
    assert_array_equal(found.distributions, expected.distributions)
    with pytest.raises(ValueError, match="Only tables"):
        distribution_dependence(model, X[0], 0)
    with pytest.raises(TypeError, match=r"give X.to_pandas\(\)"):
        distribution_dependence(model, pl.DataFrame(X), 0)
