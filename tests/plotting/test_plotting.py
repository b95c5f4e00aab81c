"""The displays: what they compute, and what they hand to matplotlib."""

import subprocess
import sys
import warnings
from functools import partial

import numpy as np
import pandas as pd
import polars as pl
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LinearRegression
from sklearn.model_selection import GridSearchCV
from sklearn.neighbors import KNeighborsRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import LinearSVC

from sklearn_ldl import BFGSLDL, LDLClassifier, LDLRegressor
from sklearn_ldl.datasets import make_ldl
from sklearn_ldl.metrics import (
    chebyshev_distance,
    cumulative_score_curve,
    kl_divergence,
    normalized_mean_error,
    wasserstein_distance,
)
from sklearn_ldl.plotting import (
    CumulativeScoreDisplay,
    LabelDistributionDisplay,
    LabelErrorDisplay,
    ReliabilityDisplay,
    RGBSurfaceDisplay,
)
from tests.plotting import NAMES, heights, legend_texts, tick_texts

matplotlib = pytest.importorskip("matplotlib")


DISPLAYS = [
    LabelDistributionDisplay,
    LabelErrorDisplay,
    RGBSurfaceDisplay,
    ReliabilityDisplay,
    CumulativeScoreDisplay,
]
NUMBERS = {"scores", "mean_degree", "mean_absolute_error", "bias", "accuracy", "confidence", "ece"}


@pytest.fixture(params=DISPLAYS, ids=lambda cls: cls.__name__)
def case(request):
    """A display class, a fitted model for it, and data."""
    X, D = make_ldl(36, random_state=0)
    D.setflags(write=False)
    estimator = LinearRegression() if request.param is CumulativeScoreDisplay else BFGSLDL()
    return request.param, estimator.fit(X, D), X, D


def assert_same_numbers(display, other, atol=0.0):
    compared = NUMBERS & vars(display).keys()
    assert compared
    for name in compared:
        a, b = getattr(display, name), getattr(other, name)
        if isinstance(a, dict):
            a, b = [*a.values()], [*b.values()]
        assert_allclose(a, b, rtol=1e-12, atol=atol)


def test_estimator_and_predictions_show_the_same(case):
    cls, model, X, D = case
    display = cls.from_estimator(model, X, D)
    assert_same_numbers(display, cls.from_predictions(D, model.predict(X)))


def test_plot_draws_again_on_a_new_figure_or_on_given_axes(case, plt):
    cls, model, X, D = case
    display = cls.from_estimator(model, X, D)
    first = display.figure_
    assert display.plot() is display
    assert display.figure_ is not first
    figure, axes = plt.subplots(1, len(getattr(display, "axes_", [0])))
    display.plot(ax=axes)
    assert display.figure_ is figure
    assert all(ax.has_data() for ax in np.ravel(axes))


def test_one_row_with_all_mass_on_one_label(case):
    D = np.eye(3)[:1]
    case[0].from_predictions(D, D).figure_.canvas.draw()


def test_missing_matplotlib_is_one_clear_error(case, monkeypatch):
    cls, model, X, D = case
    display = cls.from_estimator(model, X, D)
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    for call in (
        partial(cls.from_estimator, model, X, D),
        partial(cls.from_predictions, D, D),
        display.plot,
    ):
        with pytest.raises(ImportError, match=r'needs matplotlib: pip install "sklearn-ldl\[plot'):
            call()


def test_unfitted_estimator(case):
    cls, model, X, D = case
    with pytest.raises(NotFittedError):
        cls.from_estimator(clone(model), X, D)


def test_nan_and_mismatched_lengths(case):
    cls, _, _, D = case
    with pytest.raises(ValueError, match=r"\(36, 3\) and \(25, 3\)"):
        cls.from_predictions(D, D[:25])
    with pytest.raises(ValueError, match="NaN"):
        cls.from_predictions(D, np.where(D > 0.5, np.nan, D))


def test_frames_and_float32(case):
    cls, _, _, D = case
    expected = cls.from_predictions(D, D[::-1])
    for frame in (pd.DataFrame(D), pl.DataFrame(D)):
        assert_same_numbers(cls.from_predictions(frame, D[::-1]), expected)
    if cls is not CumulativeScoreDisplay:  # whose steps rounding moves
        rounded = cls.from_predictions(D.astype(np.float32), D[::-1])
        assert_same_numbers(rounded, expected, atol=1e-6)


def test_import_needs_no_matplotlib():
    code = "import sys, sklearn_ldl.plotting; assert 'matplotlib' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)


# LabelDistributionDisplay


def test_rows_are_spread_evenly(pair):
    D, P = pair
    display = LabelDistributionDisplay.from_predictions(D, P, rows=3)
    assert_array_equal(display.rows, [0, 9, 19])
    assert_array_equal(LabelDistributionDisplay.from_predictions(D[:2], P[:2]).rows, [0, 1])
    assert len(display.axes_) == 3
    assert_allclose(display.D_true, D[[0, 9, 19]])
    assert_allclose(heights(display.true_artists_[1]), D[9])
    assert_allclose(heights(display.pred_artists_[1]), P[9])


def test_rows_may_be_chosen_and_titles_show_their_divergence(pair):
    D, P = pair
    display = LabelDistributionDisplay.from_predictions(D, P, rows=[7, 2])
    assert_allclose(display.scores, kl_divergence(D, P, per_row=True)[[7, 2]])
    assert display.axes_[0].get_title() == f"Row 7: KL divergence {display.scores[0]:.3g}"
    assert legend_texts(display.figure_.legends[0]) == ["true", "predicted"]


def test_titles_show_any_metric(pair):
    for name, metric in {
        "chebyshev distance": chebyshev_distance,
        "wasserstein distance": partial(wasserstein_distance, grid=[0, 1, 2, 9]),
    }.items():
        display = LabelDistributionDisplay.from_predictions(*pair, metric=metric, rows=1)
        assert_allclose(display.scores, metric(*pair, per_row=True)[:1])
        assert display.axes_[0].get_title().startswith(f"Row 0: {name} ")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"rows": 0}, "at least 1"),
        ({"rows": []}, "list of row numbers"),
        ({"rows": [0.5]}, "list of row numbers"),
        ({"rows": [-1]}, "between 0 and 19"),
        ({"rows": [20]}, "between 0 and 19"),
        ({"kind": "pie"}, "kind must be"),
        ({"labels": ["a", "b"]}, "4 columns"),
        ({"ax": [None, None]}, "ax must hold 6 matplotlib axes, got 2"),
    ],
)
def test_bad_options(pair, options, message):
    with pytest.raises(ValueError, match=message):
        LabelDistributionDisplay.from_predictions(*pair, **options)


def test_names_come_from_a_data_frame(make_frame):
    X, D = make_ldl(20, random_state=0)
    Y = make_frame(D, NAMES)
    model = make_pipeline(StandardScaler(), BFGSLDL()).fit(X, Y)
    search = GridSearchCV(model, {"bfgsldl__alpha": [0.1]}, cv=2).fit(X, Y)
    for display in (
        LabelDistributionDisplay.from_predictions(Y, D),
        LabelDistributionDisplay.from_estimator(KNeighborsRegressor().fit(X, D), X, Y),
        LabelDistributionDisplay.from_estimator(model, X, D),
        LabelDistributionDisplay.from_estimator(search, X, D),
    ):
        assert list(display.labels) == NAMES
        assert tick_texts(display.axes_[-1]) == NAMES


def test_classes_name_the_labels():
    X, D = make_ldl(30, random_state=0)
    y = np.array(NAMES)[D.argmax(axis=1)]
    model = LDLClassifier().fit(X, y)
    display = LabelDistributionDisplay.from_estimator(model, X, y, rows=[4])
    assert list(display.labels) == sorted(NAMES)
    assert_array_equal(display.D_true, [model.classes_ == y[4]])
    assert_allclose(display.D_pred, model.predict_proba(X[4:5]))


def test_values_of_a_grid_are_the_axis(rng):
    X = rng.normal(size=(30, 2))
    model = LDLRegressor(KNeighborsRegressor()).fit(X, X[:, 0])
    display = LabelDistributionDisplay.from_estimator(model, X, X[:, 0], rows=2)
    assert_array_equal(display.labels, model.grid_)
    assert_allclose(display.true_artists_[0].get_xdata(), model.grid_)
    assert_allclose(display.pred_artists_[1].get_ydata(), model.predict_proba(X)[-1])


def test_unsorted_and_joint_grids(pair):
    D, P = pair
    display = LabelDistributionDisplay.from_predictions(D, P, rows=1, labels=[3.0, 1.0, 2.0, 0.5])
    line = display.pred_artists_[0]
    assert_array_equal(line.get_xdata(), [0.5, 1, 2, 3])
    assert_allclose(line.get_ydata(), P[0, [3, 1, 2, 0]])
    points = [(-15, 0), (0, 0.5), (0, 30), (15, 30)]
    display = LabelDistributionDisplay.from_predictions(D, P, labels=points)
    assert list(display.labels) == ["(-15, 0)", "(0, 0.5)", "(0, 30)", "(15, 30)"]


@pytest.mark.parametrize(("n_labels", "is_line"), [(2, False), (20, False), (21, True)])
def test_bars_for_few_labels_lines_for_many(rng, n_labels, is_line):
    D = rng.dirichlet(np.ones(n_labels), 2)
    artist = LabelDistributionDisplay.from_predictions(D, D).true_artists_[0]
    assert isinstance(artist, matplotlib.lines.Line2D) == is_line
    kind = "bar" if is_line else "line"
    artist = LabelDistributionDisplay.from_predictions(D, D, kind=kind).true_artists_[0]
    assert isinstance(artist, matplotlib.lines.Line2D) != is_line


def test_ten_thousand_labels(rng):
    D = rng.dirichlet(np.ones(10_000), 2)
    names = [f"label {number}" for number in range(10_000)]
    display = LabelDistributionDisplay.from_predictions(D, D, labels=names)
    display.figure_.canvas.draw()
    assert len(tick_texts(display.axes_[0])) <= 15


@pytest.mark.parametrize("rows", [1, 3, 5])
@pytest.mark.parametrize("labels", [None, ["a" * 60, "b b", "c", ""]])
def test_layout_finds_room_for_everything(pair, rows, labels):
    display = LabelDistributionDisplay.from_predictions(*pair, rows=rows, labels=labels)
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # a layout that fails warns
        display.figure_.canvas.draw()
    assert all(axes.get_position().height > 0.15 for axes in display.axes_)
    # Also where the last line of panels has a hole.
    for axes in display.axes_[-3:]:
        assert all(label.get_visible() for label in axes.get_xticklabels())


def test_classifier_without_probabilities():
    X, y = [[0.0], [1.0]], [0, 1]
    with pytest.raises(AttributeError, match="predict_proba"):
        LabelDistributionDisplay.from_estimator(LinearSVC().fit(X, y), X, y)


# CumulativeScoreDisplay


def test_curve_of_landmarks_is_that_of_their_normalised_errors(rng):
    y, y_pred = rng.uniform(0, 9, (2, 30, 4, 2))
    sizes, visible = rng.uniform(5, 20, 30), rng.random((30, 4)) < 0.9
    visible[:, 0] = True
    options = {"normalizer": sizes, "visible": visible}
    errors = normalized_mean_error(y, y_pred, sizes, visible=visible, per_row=True)
    display = CumulativeScoreDisplay.from_predictions(y, y_pred, **options)
    assert_allclose(display.scores, [(errors <= t).mean() for t in display.thresholds])
    assert display.thresholds[-1] == errors.max()
    assert display.mean_error == pytest.approx(errors.mean())
    assert_array_equal(display.line_.get_ydata(), display.scores)

    class Predictor:
        def predict(self, X):
            return y_pred

    of_estimator = CumulativeScoreDisplay.from_estimator(Predictor(), None, y, **options)
    assert_array_equal(of_estimator.scores, display.scores)
    in_pixels = CumulativeScoreDisplay.from_predictions(y, y_pred)
    assert in_pixels.mean_error == pytest.approx(normalized_mean_error(y, y_pred, None))
    with pytest.raises(ValueError, match="Landmarks must have shape"):
        CumulativeScoreDisplay.from_predictions([1.0], [2.0], normalizer=[1.0])


def test_curve_is_the_cumulative_score():
    y, y_pred, w = [20, 30, 40, 50], [25, 30, 48, 49], [1, 2, 3, 4]
    display = CumulativeScoreDisplay.from_predictions(
        y, y_pred, thresholds=[10, 0, 5], sample_weight=w, name="ages"
    )
    assert_array_equal(display.thresholds, [0, 5, 10])
    expected = cumulative_score_curve(y, y_pred, [0, 5, 10], sample_weight=w)
    assert_allclose(display.line_.get_ydata(), expected)
    assert legend_texts(display.ax_.get_legend()) == ["ages (mean error 3.3)"]


def test_default_thresholds_reach_the_largest_error(rng):
    y, y_pred = rng.normal(size=(2, 30, 2))
    display = CumulativeScoreDisplay.from_predictions(y, y_pred)
    errors = np.linalg.norm(y - y_pred, axis=1)
    assert display.thresholds[-1] == errors.max()
    assert display.scores[-1] == 1
    perfect = CumulativeScoreDisplay.from_predictions(y, y)
    assert perfect.scores.min() == 1
    assert perfect.thresholds[-1] > 0
    assert display.mean_error == pytest.approx(errors.mean())


def test_several_cumulative_scores_share_axes(rng):
    X = rng.normal(size=(30, 2))
    y = pd.Series(X[:, 0] ** 2, name="age")
    one = CumulativeScoreDisplay.from_estimator(LDLRegressor().fit(X, y), X, y)
    model = make_pipeline(StandardScaler(), LinearRegression()).fit(X, y)
    two = CumulativeScoreDisplay.from_estimator(model, X, y, ax=one.ax_)
    assert one.ax_.lines[:] == [one.line_, two.line_]
    assert one.line_.get_color() != two.line_.get_color()
    names = [text.split(" (")[0] for text in legend_texts(two.ax_.get_legend())]
    assert names == ["LDLRegressor", "LinearRegression"]
