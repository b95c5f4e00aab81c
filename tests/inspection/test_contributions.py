"""Contributions of features add up to predictions, whatever the model."""

import sys

import numpy as np
import pandas as pd
import polars as pl
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy.sparse import csr_array
from sklearn.base import is_classifier
from sklearn.compose import make_column_transformer
from sklearn.ensemble import (
    ExtraTreesRegressor,
    RandomForestClassifier,
    RandomForestRegressor,
)
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from sklearn.tree import DecisionTreeRegressor

from sklearn_ldl import (
    BFGSLDL,
    LDLSCL,
    DeepLDLRegressor,
    GradientBoostingLDL,
    LDLClassifier,
    LDLRegressor,
)
from sklearn_ldl.datasets import make_ldl
from sklearn_ldl.inspection import ShapValues, shap_values

X, D = make_ldl(120, random_state=0)
y = D.argmax(axis=1)
GAPS = np.where(np.arange(X.size).reshape(X.shape) % 7 == 0, np.nan, X)
FRAME = pd.DataFrame(
    {
        "age": X[:, 0],
        "town": pd.Categorical(np.where(X[:, 1] > 0, "Rome", "Oslo")),
        "child": (X[:, 2] > 0).astype(int),
    }
)
SHARES = pd.DataFrame(D, columns=["work", "care", "rest"])
TO_NUMBERS = make_column_transformer(
    (OneHotEncoder(sparse_output=False), ["town"]), remainder="passthrough"
)


def predictions(model, X, output):
    if output == "distribution":
        return model.predict_proba(X) if hasattr(model, "predict_proba") else model.predict(X)
    L = model.predict_log_proba(X)
    return L - L.mean(axis=1, keepdims=True)


def assert_adds_up(model, rows, output, **options):
    found = shap_values(model, rows[:5], output=output, random_state=0, **options)
    n_labels = len(found.base_values)
    assert found.values.shape == (5, rows.shape[1], n_labels)
    assert_allclose(found.predictions, predictions(model, rows[:5], output), rtol=0, atol=1e-6)
    assert_allclose(found.values.sum(axis=2), 0, atol=1e-6)
    assert_allclose(found.base_values.sum(), float(output == "distribution"), atol=1e-6)
    return found


def test_linear_logits_are_exact():
    model = BFGSLDL().fit(X, D)
    found = assert_adds_up(model, X, "logits", background=X)
    slopes = model.coef_ - model.coef_.mean(axis=0)
    assert_allclose(found.values, (X[:5] - X.mean(axis=0))[:, :, None] * slopes.T)
    Z = model.decision_function(X).mean(axis=0)
    assert_allclose(found.base_values, Z - Z.mean())
    sparse = shap_values(model, csr_array(X[:5]), background=csr_array(X), output="logits")
    assert_allclose(sparse.values, found.values)


@pytest.mark.parametrize(
    "model",
    [
        GridSearchCV(BFGSLDL(), {"alpha": [0.1]}, cv=2),
        LDLClassifier(BFGSLDL()),
        LDLRegressor(BFGSLDL()),
    ],
    ids=lambda model: type(model).__name__,
)
def test_linear_logits_are_found_inside_of_others(model):
    target = {"LDLClassifier": y, "LDLRegressor": X[:, 0]}.get(type(model).__name__, D)
    model.fit(X, target)
    found = shap_values(model, X[:5], background=X, output="logits", method="linear")
    assert_allclose(found.predictions, predictions(model, X[:5], "logits"), atol=1e-6)


def test_of_what_is_linear_in_more_than_the_features_none_is_linear():
    model = LDLSCL(max_iter=20, tol=1.0).fit(X, D)
    with pytest.raises(ValueError, match="method='linear' does not suit the logits of LDLSCL"):
        shap_values(model, X, output="logits", method="linear")


@pytest.mark.parametrize("background", [None, GAPS[:30]], ids=["path", "background"])
@pytest.mark.parametrize(
    ("model", "output"),
    [
        (RandomForestRegressor(5, random_state=0), "distribution"),
        (ExtraTreesRegressor(5, random_state=0), "distribution"),
        (RandomForestClassifier(5, random_state=0), "distribution"),
        (GradientBoostingLDL(10, engine="sklearn", random_state=0), "logits"),
    ],
    ids=lambda value: type(value).__name__,
)
def test_trees(model, output, background):
    pytest.importorskip("shap")
    model.fit(GAPS, y if is_classifier(model) else D)
    assert_adds_up(model, GAPS, output, background=background, method="trees")


def test_trees_of_lightgbm_with_categories():
    pytest.importorskip("lightgbm")
    model = GradientBoostingLDL(10, engine="lightgbm", random_state=0).fit(FRAME, SHARES)
    found = assert_adds_up(model, FRAME, "logits", method="trees")
    assert found.feature_names == ["age", "town", "child"]
    with pytest.raises(ValueError, match=r"'trees' does not suit .* with a background"):
        shap_values(model, FRAME, background=FRAME, output="logits", method="trees")
    nothing = GradientBoostingLDL(1, engine="lightgbm").fit(X[:3], D[:3])
    assert_array_equal(shap_values(nothing, X[:3], output="logits").values, 0)


def test_network():
    pytest.importorskip("shap")
    pytest.importorskip("skorch")
    model = DeepLDLRegressor(max_epochs=2, random_state=0, n_members=2).fit(X, D)
    for output in ("distribution", "logits"):
        assert_adds_up(model, X, output, background=X[:10])


@pytest.mark.parametrize("library", [pd, pl], ids=["pandas", "polars"])
def test_pipeline_in_features_of_any_kind(library):
    pytest.importorskip("shap")
    rows = FRAME if library is pd else pl.from_pandas(FRAME)
    model = make_pipeline(TO_NUMBERS, BFGSLDL()).fit(rows, SHARES)
    found = assert_adds_up(model, rows, "distribution")
    assert found.feature_names == ["age", "town", "child"]
    assert found.label_names.tolist() == ["work", "care", "rest"]
    assert found.data[0].tolist() == [X[0, 0], FRAME["town"][0], FRAME["child"][0]]
    # Columns count by name.
    swapped = rows[["child", "age", "town"]]
    other = shap_values(model, rows[:5], background=swapped[:5])
    assert_allclose(other.values, shap_values(model, rows[:5], background=rows[:5]).values)
    with pytest.raises(TypeError, match="rows of the same kind"):
        shap_values(model, rows[:5], background=X)


def test_an_array_of_objects():
    pytest.importorskip("shap")
    rows = FRAME.to_numpy(dtype=object)
    steps = make_column_transformer((OneHotEncoder(), [1]), remainder="passthrough")
    assert_adds_up(make_pipeline(steps, BFGSLDL()).fit(rows, D), rows, "distribution")


def test_both_ways_find_the_same_where_features_act_on_their_own():
    pytest.importorskip("shap")
    model = make_pipeline(StandardScaler(), BFGSLDL()).fit(X, D)
    inside = BFGSLDL().fit(model[:-1].transform(X), D)
    exact = shap_values(inside, model[:-1].transform(X), output="logits", method="linear")
    for max_evals in (8, 7):  # all sets of three features, and orders
        found = shap_values(
            model, X, rows=[3, 8], background=X, output="logits", max_evals=max_evals
        )
        with_all = exact.values[[3, 8]]
        # The base of `exact` is the mean of other rows.
        assert_allclose(np.diff(found.values, axis=0), np.diff(with_all, axis=0), atol=1e-8)


def test_many_features_are_seeded_and_leave_the_global_state_alone():
    pytest.importorskip("shap")
    rng = np.random.default_rng(0)
    many = rng.normal(size=(150, 12))
    model = BFGSLDL().fit(many, np.tile(D[:30], (5, 1)))
    before = np.random.get_state()[1].copy()  # noqa: NPY002
    first, again, other = (
        shap_values(model, many, rows=[0, 1], max_evals=1, random_state=seed).values
        for seed in (0, 0, 1)
    )
    assert_array_equal(first, again)
    assert np.abs(first - other).max() > 1e-6
    assert_array_equal(np.random.get_state()[1], before)  # noqa: NPY002


def test_names_of_labels_that_an_estimator_does_not_keep():
    model = BFGSLDL().fit(X, D)
    for given in (["a", "b", "c"], np.array([[0, 1], [1, 0], [1, 1]])):
        found = shap_values(model, X, output="logits", labels=given)
        assert_array_equal(found.label_names, given)
    with pytest.raises(ValueError, match="2 labels, but 3 are predicted"):
        shap_values(model, X, labels=["a", "b"])


def test_plots_of_shap_take_them():
    shap = pytest.importorskip("shap")
    values = np.array([[[0.1, -0.1], [0.2, -0.2]]])
    found = ShapValues(values, np.array([0.5, 0.5]), X[:1, :2], ["a", "b"], np.array([1, 2]))
    explanation = found.to_explanation()
    assert isinstance(explanation, shap.Explanation)
    assert_allclose(explanation[0, :, 0].values, [0.1, 0.2])
    assert explanation.output_names == ["1", "2"]


@pytest.mark.parametrize(
    ("rows", "options", "message"),
    [
        (X[0], {}, "Only tables"),
        (X[:0], {}, "Only tables"),
        (X, {"rows": [0.5]}, "list of row numbers"),
        (X, {"rows": [120]}, "between 0 and 119"),
        (X, {"output": "odds"}, "'output' parameter"),
        (X, {"method": "trees"}, "does not suit the distribution of BFGSLDL"),
        (X[:, :2], {}, "expecting 3 features"),
    ],
)
def test_bad_input(rows, options, message):
    model = BFGSLDL().fit(X, D)
    with pytest.raises(ValueError, match=message):
        shap_values(model, rows, **options)


def test_rows_that_are_alike():
    model = BFGSLDL().fit(X, D)
    alike = np.repeat(X[:1], 3, axis=0)
    found = shap_values(model, alike)
    assert not found.values.any()
    assert_allclose(found.base_values, model.predict(X[:1])[0])


@pytest.mark.parametrize("rows", [np.round(2 * X[:5]).astype(int), X[:5] > 0])
def test_a_background_between_whole_numbers(rows):
    model = BFGSLDL().fit(X, D)
    found = shap_values(model, rows, background=X)
    assert_allclose(found.base_values, model.predict(X).mean(axis=0))
    assert_allclose(found.predictions, model.predict(rows.astype(float)))


def test_trees_too_large_for_a_background(rng):
    points = rng.standard_normal((33_000, 1))
    model = DecisionTreeRegressor().fit(points, rng.dirichlet([1, 1], len(points)))
    assert model.tree_.node_count > 2**15
    rows = points[:2]
    for background in (None, points[:3]):
        found = shap_values(model, rows, background=background)
        assert_allclose(found.predictions, model.predict(rows))
    with pytest.raises(ValueError, match="with a background"):
        shap_values(model, rows, background=points[:3], method="trees")


@pytest.mark.parametrize("output", ["distribution", "logits"])
def test_columns_of_a_background_are_found_by_name(output):
    frame = pd.DataFrame(X, columns=["a", "b", "c"])
    model = BFGSLDL().fit(frame, D)
    found = shap_values(model, frame[:2], background=frame[["c", "a", "b"]], output=output)
    expected = shap_values(model, frame[:2], background=frame, output=output)
    assert_allclose(found.values, expected.values)
    with pytest.raises(ValueError, match="background lacks columns of X"):
        shap_values(model, frame, background=frame[["b", "a"]], output=output)
    with pytest.raises(ValueError, match="background has 2 features, but X 3"):
        shap_values(model, X, background=X[:, :2], output=output)


def test_frames_of_two_libraries():
    frame = pd.DataFrame(X, columns=["a", "b", "c"])
    model = BFGSLDL().fit(frame, D)
    with pytest.raises(TypeError, match="a DataFrame of polars, but X a DataFrame of pandas"):
        shap_values(model, frame, background=pl.from_pandas(frame))


def test_values_are_no_distributions():
    model = RandomForestRegressor(2).fit(X, X[:, 0])
    with pytest.raises(ValueError, match="only one distribution for each row"):
        shap_values(model, X)


def test_linear_logits_do_without_shap_and_others_say_what_they_need(monkeypatch):
    monkeypatch.setitem(sys.modules, "shap", None)
    model = BFGSLDL().fit(X, D)
    assert shap_values(model, X, output="logits").values.shape == (120, 3, 3)
    with pytest.raises(ImportError, match=r'shap: pip install "sklearn-ldl\[explain\]"'):
        shap_values(model, X)


def test_one_row_is_no_background_of_its_own():
    model = BFGSLDL().fit(X, D)
    for output in ("distribution", "logits"):
        with pytest.raises(ValueError, match="One row differs in nothing"):
            shap_values(model, X[:1], output=output)
        found = shap_values(model, X, rows=[0], output=output, random_state=0)
        assert np.abs(found.values).max() > 0.01
    forest = RandomForestRegressor(5, random_state=0).fit(X, D)
    assert np.abs(shap_values(forest, X[:1]).values).max() > 0.01
