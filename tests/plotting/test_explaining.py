"""Displays of contributions, importances and dependence."""

import sys

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.inspection import permutation_importance

from sklearn_ldl import BFGSLDL, LDLClassifier, LDLRegressor
from sklearn_ldl.datasets import make_ldl
from sklearn_ldl.inspection import ShapValues, distribution_dependence, shap_values
from sklearn_ldl.metrics import get_ldl_scorer

matplotlib = pytest.importorskip("matplotlib")
matplotlib.use("Agg")

from sklearn_ldl.plotting import (  # noqa: E402
    DistributionDependenceDisplay,
    ImportanceDisplay,
    ShapLabelDisplay,
    ShapRowDisplay,
)

X, D = make_ldl(60, random_state=0)
LONG = "a feature with a name that is too long to be read 1"
FRAME = pd.DataFrame(X, columns=["age", LONG, "child"])
SHARES = pd.DataFrame(D, columns=["work", "care", "rest"])
LOGITS = {"output": "logits", "random_state": 0}


@pytest.fixture(autouse=True)
def close_figures():
    yield
    matplotlib.pyplot.close("all")


@pytest.fixture(scope="module")
def model():
    return BFGSLDL().fit(FRAME, SHARES)


@pytest.fixture(scope="module")
def regressor():
    return LDLRegressor(BFGSLDL(alpha=0.1)).fit(X, X[:, 0])


def ticks(ax):
    return [text.get_text() for text in ax.get_yticklabels()]


# --- contributions to the labels of a row


def test_row_has_a_panel_for_each_label(model):
    display = ShapRowDisplay.from_estimator(model, FRAME, 3, max_features=2, **LOGITS)
    found = shap_values(model, FRAME, rows=[3], **LOGITS)
    assert_array_equal(display.values, found.values[0])
    order = np.argsort(-np.abs(found.values[0]).sum(axis=1))
    for k, (bars, axes) in enumerate(zip(display.artists_, display.axes_, strict=True)):
        widths = [bar.get_width() for bar in bars]
        assert_allclose(widths[:2], found.values[0, order[:2], k])
        assert_allclose(widths[2], found.values[0, order[2], k])  # one other
        title = axes.get_title()
        assert title.startswith(SHARES.columns[k])
        assert title.endswith(f"→ {found.predictions[0, k]:.2f}")
    names = ticks(display.axes_[0])
    assert names[-1] == "1 other"
    assert names[0].endswith(f" = {FRAME.iloc[3, order[0]]:.3g}")
    (cut,) = (name for name in ticks(display.plot().axes_[0]) if name.startswith("a feature"))
    assert cut.endswith(f"o be read 1 = {X[3, 1]:.3g}")
    assert len(cut.partition(" =")[0]) == 36


def test_row_of_many_labels_is_an_image(regressor):
    display = ShapRowDisplay.from_estimator(regressor, X, **LOGITS)
    (image,) = display.artists_
    order = np.argsort(-np.abs(display.values).sum(axis=1))
    assert_allclose(image.get_array(), display.values[order])
    assert image.norm.vmin == -image.norm.vmax
    low, high = display.axes_[0].get_xlim()
    assert low < regressor.grid_[0] < regressor.grid_[-1] < high
    few = ShapRowDisplay.from_estimator(regressor, X, kind="image", max_features=1, **LOGITS)
    assert ticks(few.axes_[0])[1] == "2 others"
    assert_allclose(few.artists_[0].get_array().sum(axis=0), display.values.sum(axis=0))


def test_row_on_given_axes(model):
    _, axes = matplotlib.pyplot.subplots(3)
    found = shap_values(model, FRAME, **LOGITS)
    display = ShapRowDisplay.from_shap_values(found, 5, ax=axes)
    assert list(display.axes_) == list(axes)
    assert axes[0].get_xlabel() == "Contribution to the logit"
    for options, message in (
        ({"row": 60}, "between 0 and 59"),
        ({"kind": "line"}, "kind must be"),
        ({"max_features": 0}, "max_features must be at least 1"),
        ({"ax": axes[0]}, "must hold 3"),
    ):
        with pytest.raises(ValueError, match=message):
            ShapRowDisplay.from_shap_values(found, **options)


# --- contributions to a label


def test_label_has_a_point_for_each_row(model):
    display = ShapLabelDisplay.from_estimator(model, FRAME, label="care", max_features=2, **LOGITS)
    found = shap_values(model, FRAME, **LOGITS).values[:, :, 1]
    assert_array_equal(display.features_, np.argsort(-np.abs(found).mean(axis=0))[:2])
    for line, (points, j) in enumerate(zip(display.points_, display.features_, strict=True)):
        offsets = np.asarray(points.get_offsets())
        assert_allclose(offsets[:, 0], found[:, j])
        assert np.abs(offsets[:, 1] - line).max() <= 0.4
        colors = points.get_array()
        assert_allclose(np.argsort(colors), np.argsort(X[:, j]))
        assert colors.min() == 0
        assert colors.max() == 1
    assert display.ax_.get_xlabel() == "Contribution to the logit of care"
    with pytest.raises(ValueError, match="no label 'play'"):
        ShapLabelDisplay.from_estimator(model, FRAME, label="play", **LOGITS)


def test_points_in_the_same_place_lie_side_by_side():
    values = np.zeros((5, 1, 2))
    found = ShapValues(values, np.zeros(2), np.ones((5, 1)), ["a"], np.arange(2), "logits")
    display = ShapLabelDisplay.from_shap_values(found, label=1)
    heights = np.asarray(display.points_[0].get_offsets())[:, 1]
    assert len(np.unique(heights)) == 5
    assert_allclose(heights.mean(), 0, atol=1e-12)


def test_categories_are_grey_and_gaps_are_in_the_middle():
    data = np.array([["Rome", 1.0], ["Oslo", np.nan], ["Rome", 3.0]], dtype=object)
    values = np.arange(6.0).reshape(3, 2, 1)
    found = ShapValues(values, np.zeros(1), data, ["town", "age"], np.array(["work"]))
    display = ShapLabelDisplay.from_shap_values(found, label="work")
    age, town = display.points_
    assert_allclose(age.get_array(), [0, 0.5, 1])
    assert town.get_array() is None
    assert display.colorbar_ is not None
    grey = ShapLabelDisplay.from_shap_values(
        found._replace(values=values[:, :1], data=data[:, :1], feature_names=["town"]),
        label="work",
    )
    assert grey.colorbar_ is None


# --- importances


def test_importances_are_those_of_scikit_learn(model):
    display = ImportanceDisplay.from_estimator(
        model, FRAME, SHARES, n_repeats=3, random_state=0, max_features=2
    )
    found = permutation_importance(
        model,
        FRAME,
        SHARES,
        scoring=get_ldl_scorer("neg_kl_divergence"),
        n_repeats=3,
        random_state=0,
    )
    assert_array_equal(display.importances, found["importances"])
    order = np.argsort(-found["importances_mean"])[:2]
    assert_array_equal(display.features_, order)
    assert_allclose([bar.get_width() for bar in display.bars_], found["importances_mean"][order])
    assert display.ax_.get_xlabel() == "Increase of the KL divergence"


def test_importances_for_labels_and_given_ones():
    classifier = LDLClassifier(BFGSLDL()).fit(X, D.argmax(axis=1))
    display = ImportanceDisplay.from_estimator(
        classifier, X, D.argmax(axis=1), scoring="cosine_similarity", n_repeats=2, random_state=0
    )
    assert display.ax_.get_xlabel() == "Decrease of the cosine similarity"
    again = ImportanceDisplay.from_importances(
        display.importances, feature_names=FRAME.columns, color="k", ax=display.ax_
    )
    assert again.ax_ is display.ax_
    assert again.ax_.get_xlabel() == "Decrease of the score"
    assert again.bars_[0].get_facecolor() == (0, 0, 0, 1)
    with pytest.raises(ValueError, match="2 feature names for 3 features"):
        ImportanceDisplay.from_importances(display.importances, feature_names=["a", "b"])
    with pytest.raises(ValueError, match="importances contains NaN"):
        ImportanceDisplay.from_importances([[np.nan]])


# --- dependence


def test_areas_over_a_number(model):
    display = DistributionDependenceDisplay.from_estimator(model, FRAME, "age", grid_resolution=5)
    found = distribution_dependence(model, FRAME, "age", grid_resolution=5)
    assert_array_equal(display.distributions, found.distributions)
    for artist, top in zip(display.artists_, found.distributions.cumsum(axis=1).T, strict=True):
        vertices = artist.get_paths()[0].vertices
        for value, height in zip(found.values, top, strict=True):
            heights = vertices[vertices[:, 0] == value, 1]
            assert np.isclose(heights, height).any()
    names = [text.get_text() for text in display.legend_.get_texts()]
    assert names == ["rest", "care", "work"]
    assert display.ax_.get_xlabel() == "age"


def test_bars_for_categories():
    D3 = np.array([[0.2, 0.3, 0.5], [0.1, 0.1, 0.8]])
    display = DistributionDependenceDisplay(
        np.array(["Rome", "Oslo"]), D3, "town", np.array(["a", "b", "c"]), True
    ).plot()
    bottoms = [[bar.get_y() for bar in bars] for bars in display.artists_]
    assert_allclose(bottoms, np.column_stack([[0, 0], D3.cumsum(axis=1)[:, :2]]).T)
    assert [text.get_text() for text in display.ax_.get_xticklabels()] == ["Rome", "Oslo"]


def brightness(artist):
    return np.ravel(artist.get_facecolor())[:3].sum()


def test_ordered_labels_go_from_dark_to_light(model, regressor):
    numbers = BFGSLDL().fit(X, pd.DataFrame(D, columns=[1, 2, 5]))
    lights = {
        ordered: [
            brightness(artist)
            for artist in DistributionDependenceDisplay.from_estimator(
                fitted, rows, 0, ordered=ordered
            ).artists_
        ]
        for ordered, fitted, rows in ((None, numbers, X), (True, model, FRAME), (False, numbers, X))
    }
    assert lights[None] == lights[True] == sorted(lights[None])
    assert lights[False] != lights[None]
    many = DistributionDependenceDisplay.from_estimator(regressor, X, 0, grid_resolution=3)
    grid = regressor.grid_
    shown = [float(text.get_text()) for text in many.legend_.ax.get_yticklabels()]
    assert_allclose(shown, np.linspace(grid[0], grid[-1], 6), atol=2 * (grid[1] - grid[0]))


@pytest.mark.parametrize(
    ("cls", "arguments"),
    [
        (ShapRowDisplay, {}),
        (ShapLabelDisplay, {"label": "work"}),
        (ImportanceDisplay, {"y": SHARES}),
        (DistributionDependenceDisplay, {"feature": 0}),
    ],
)
def test_without_matplotlib_nothing_is_computed(cls, arguments, monkeypatch, model):
    monkeypatch.setitem(sys.modules, "matplotlib.pyplot", None)
    with pytest.raises(ImportError, match=r"sklearn-ldl\[plot\]"):
        cls.from_estimator(None, FRAME, **arguments)


def test_dependence_on_a_feature_that_is_constant_is_seen():
    display = DistributionDependenceDisplay(
        np.array([3.0]), np.array([[0.2, 0.8]]), "age", np.array(["no", "yes"]), False
    ).plot()
    assert all(np.ptp(area.get_paths()[0].vertices, axis=0).min() > 0 for area in display.artists_)
    assert display.ax_.get_xticks().tolist() == [3.0]
