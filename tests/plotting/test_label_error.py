"""Errors of every label, and the order in which they stand."""

import numpy as np
import pandas as pd
import polars as pl
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from sklearn_ldl import LDLClassifier
from sklearn_ldl.datasets import make_ldl
from sklearn_ldl.plotting import LabelErrorDisplay
from tests.plotting import NAMES, heights, legend_texts, tick_texts


def test_errors_of_every_label(pair, rng):
    D, P = pair
    w = rng.uniform(size=len(D))
    display = LabelErrorDisplay.from_predictions(D, P, sample_weight=w, sort=False)
    w = w / w.sum()
    assert_allclose(display.mean_degree, w @ D)
    assert_allclose(display.mean_absolute_error, w @ np.abs(P - D))
    assert_allclose(display.bias, w @ P - w @ D, atol=1e-15)
    assert display.bias.sum() == pytest.approx(0, abs=1e-15)
    assert_allclose(heights(display.degree_), display.mean_degree)
    assert_allclose(heights(display.error_), display.mean_absolute_error)
    assert_allclose(display.bias_.get_ydata(), display.bias)
    assert legend_texts(display.axes_[1].get_legend()) == ["mean absolute error", "bias"]


def test_bars_run_from_head_to_tail():
    D = pd.DataFrame([[0.1, 0.6, 0.3], [0.1, 0.7, 0.2]], columns=NAMES)
    P = [[0.2, 0.5, 0.3], [0.2, 0.6, 0.2]]
    display = LabelErrorDisplay.from_predictions(D, P)
    assert tick_texts(display.axes_[1]) == ["joy", "fear", "anger"]
    assert_allclose(heights(display.degree_), [0.65, 0.25, 0.1])
    assert_allclose(heights(display.error_), [0.1, 0, 0.1], atol=1e-15)
    assert_allclose(display.bias_.get_ydata(), [-0.1, 0, 0.1], atol=1e-15)
    display.plot(sort=False)
    assert tick_texts(display.axes_[1]) == NAMES


STARS = [f"{stars} stars" for stars in (1, 2, 3, 4)]
ORDERED = pd.CategoricalIndex(STARS, categories=STARS, ordered=True)


@pytest.mark.parametrize(
    "labels",
    [[1, 2, 3, 4], list("1234"), [(0, 1), (0, 2), (1, 1), (1, 2)], ORDERED],
    ids=["numbers", "text", "points", "Categorical"],
)
def test_ordered_labels_keep_their_order(pair, labels):
    D, P = pair
    display = LabelErrorDisplay.from_predictions(D, P, labels=labels)
    assert_allclose(heights(display.degree_), D.mean(axis=0))
    assert_allclose(heights(display.plot().degree_), D.mean(axis=0))
    assert_allclose(heights(display.plot(sort=True).degree_), sorted(D.mean(axis=0))[::-1])


@pytest.mark.parametrize("columns", [[1, 2, 3, 4], ORDERED], ids=["numbers", "Categorical"])
def test_ordered_columns_keep_their_order(pair, columns):
    D, P = pair
    display = LabelErrorDisplay.from_predictions(pd.DataFrame(D, columns=columns), P)
    assert_allclose(heights(display.degree_), D.mean(axis=0))


@pytest.mark.parametrize(
    "labels", [None, STARS, ORDERED.as_unordered()], ids=["none", "names", "Categorical"]
)
def test_other_labels_run_from_head_to_tail(pair, labels):
    D, P = pair
    display = LabelErrorDisplay.from_predictions(D, P, labels=labels)
    assert_allclose(heights(display.degree_), sorted(D.mean(axis=0))[::-1])
    assert_allclose(heights(display.plot(sort=False).degree_), D.mean(axis=0))


def test_panels_that_share_an_axis_show_all_of_both(pair, plt):
    D, P = pair
    _, axes = plt.subplots(2, 2, sharey="row")
    LabelErrorDisplay.from_predictions(D, D, ax=axes[:, 0])
    display = LabelErrorDisplay.from_predictions(D, P, ax=axes[:, 1])
    low, high = axes[1, 0].get_ylim()
    assert low < display.bias.min()
    assert high > display.mean_absolute_error.max()


def test_the_upper_panel_repeats_no_names(pair, plt):
    _, axes = plt.subplots(2)
    LabelErrorDisplay.from_predictions(*pair, labels=STARS, ax=axes)
    assert not any(text.get_visible() for text in axes[0].get_xticklabels())
    assert_array_equal(axes[0].get_xticks(), axes[1].get_xticks())


@pytest.mark.parametrize("library", ["pandas", "polars"])
def test_classes_keep_the_order_of_an_ordered_column(library):
    X, D = make_ldl(30, random_state=0)
    levels = ["low", "middle", "high"]
    y = np.array(levels)[D.argmax(axis=1)]
    if library == "pandas":
        y = pd.Series(pd.Categorical(y, categories=levels, ordered=True))
    else:
        y = pl.Series(y, dtype=pl.Enum(levels))
    model = LDLClassifier().fit(X, y)
    display = LabelErrorDisplay.from_estimator(model, X, y)
    assert tick_texts(display.axes_[1]) == levels
    assert tick_texts(display.plot().axes_[1]) == levels


def test_grids_stay_in_order_unless_sorted(pair):
    D, P = pair
    grid = [2.5, 0.5, 1.5, 3.5]
    display = LabelErrorDisplay.from_predictions(D, P, labels=grid)
    assert_array_equal(display.degree_.get_xdata(), [0.5, 1.5, 2.5, 3.5])
    assert_allclose(display.degree_.get_ydata(), D.mean(axis=0)[[1, 2, 0, 3]])
    display.plot(sort=True)
    order = np.argsort(-D.mean(axis=0))
    assert_array_equal(display.degree_.get_xdata(), range(4))
    assert tick_texts(display.axes_[1]) == [str(grid[label]) for label in order]
    display.plot(kind="bar", sort=False)
    assert tick_texts(display.axes_[1]) == [str(value) for value in grid]
