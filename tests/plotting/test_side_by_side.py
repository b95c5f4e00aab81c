"""Several displays in one figure: as drawn, no text lies on another."""

from itertools import combinations

import numpy as np
import pytest

from sklearn_ldl import BFGSLDL, RaterModel
from sklearn_ldl.datasets import make_ldl, make_ldl_surface
from sklearn_ldl.plotting import (
    CumulativeScoreDisplay,
    LabelDistributionDisplay,
    LabelErrorDisplay,
    RaterDisplay,
    ReliabilityDisplay,
    RGBSurfaceDisplay,
    UncertaintyDisplay,
)

EMOTIONS = ["happiness", "surprise", "a sad surprise"]


@pytest.fixture(scope="module")
def data():
    X, D = make_ldl(200, random_state=0)
    return D, BFGSLDL().fit(X, D).predict(X)


@pytest.fixture(scope="module")
def raters():
    rng = np.random.default_rng(0)
    items, raters = (index.ravel() for index in np.indices((50, 6)))
    labels = np.where(raters == 5, "a", rng.choice(["a", "b"], size=50)[items])
    return RaterModel().fit(items, raters, labels)


def overlaps(figure):
    """Pairs of texts, as drawn, of which the boxes meet in more than a pixel."""
    figure.canvas.draw()
    renderer = figure.canvas.get_renderer()
    boxes = []
    for ax in figure.axes:
        legend = ax.get_legend()
        if legend is not None:
            words = " / ".join(text.get_text() for text in legend.get_texts())
            boxes.append((f"legend {words}", legend.get_window_extent(renderer)))
        texts = [ax.title, ax.xaxis.label, ax.yaxis.label, *ax.texts]
        for axis in (ax.xaxis, ax.yaxis):
            low, high = sorted(axis.get_view_interval())
            texts += [
                tick.label1 for tick in axis.get_major_ticks() if low <= tick.get_loc() <= high
            ]
        boxes += [
            (text.get_text(), text.get_window_extent(renderer))
            for text in texts
            if text.get_text() and text.get_visible()
        ]
    assert boxes
    found = []
    for (a, box), (b, other) in combinations(boxes, 2):
        width = min(box.x1, other.x1) - max(box.x0, other.x0)
        height = min(box.y1, other.y1) - max(box.y0, other.y0)
        if width > 1 and height > 1:
            found.append((a, b))
    return found


def error(D, P, axes, labels):
    return LabelErrorDisplay.from_predictions(D, P, labels=labels, ax=axes)


DISPLAYS = {
    "errors of bars": (2, lambda D, P, ax: error(D, P, ax, EMOTIONS)),
    "errors of lines": (2, lambda D, P, ax: error(D, P, ax, [0.5, 1.0, 12.5])),
    "distributions": (
        2,
        lambda D, P, ax: LabelDistributionDisplay.from_predictions(
            D, P, rows=[17, 123], labels=EMOTIONS, ax=ax
        ),
    ),
    "reliability": (
        1,
        lambda D, P, ax: ReliabilityDisplay.from_predictions(D, P, name="a network", ax=ax[0]),
    ),
    "cumulative score": (
        1,
        lambda D, P, ax: CumulativeScoreDisplay.from_predictions(
            D[:, 0], P[:, 0], name="LDLRegressor", ax=ax[0]
        ),
    ),
    "uncertainty": (
        1,
        lambda D, P, ax: UncertaintyDisplay.from_predictions(
            D[:, 0], P[:, 0], name="an ensemble", ax=ax[0]
        ),
    ),
}


@pytest.mark.parametrize("n_columns", [1, 2, 3])
@pytest.mark.parametrize("kind", DISPLAYS)
def test_no_text_lies_on_another(kind, n_columns, data, plt):
    n_lines, draw = DISPLAYS[kind]
    figure, axes = plt.subplots(
        n_lines, n_columns, figsize=(9, 3.2 * n_lines), squeeze=False, layout="constrained"
    )
    for column in axes.T:
        draw(*data, column)
    assert overlaps(figure) == []


@pytest.mark.parametrize("n_columns", [1, 2])
@pytest.mark.parametrize("kind", ["errors of bars", "errors of lines"])
def test_errors_need_no_layout(kind, n_columns, data, plt):
    figure, axes = plt.subplots(2, n_columns, figsize=(9, 6.4), squeeze=False)
    for column in axes.T:
        DISPLAYS[kind][1](*data, column)
    assert overlaps(figure) == []


def test_displays_of_several_kinds(data, raters, plt):
    figure, axes = plt.subplots(2, 3, figsize=(10, 6), layout="constrained")
    error(*data, axes[:, 0], EMOTIONS)
    ReliabilityDisplay.from_predictions(*data, ax=axes[0, 1])
    RaterDisplay.from_model(raters, ax=axes[1, 1])
    LabelDistributionDisplay.from_predictions(*data, rows=2, ax=axes[:, 2])
    assert overlaps(figure) == []


@pytest.mark.parametrize("n_models", [1, 4, 8])
def test_surfaces(n_models, plt):
    _, D = make_ldl_surface(9)
    predictions = {f"a model of kind {number}": D for number in range(n_models)}
    assert overlaps(RGBSurfaceDisplay.from_predictions(D, predictions).figure_) == []


@pytest.mark.parametrize("cls", [LabelErrorDisplay, LabelDistributionDisplay, ReliabilityDisplay])
def test_figures_of_their_own(cls, data, plt):
    assert overlaps(cls.from_predictions(*data).figure_) == []


def test_overlaps_are_found(plt):
    figure, axes = plt.subplots(1, 2, figsize=(4, 2))
    for ax in axes:
        ax.set_title("a title that is longer than the axes are wide")
    # Ticks that touch a title depend on the version.
    titles = [pair for pair in overlaps(figure) if all(text.startswith("a title") for text in pair)]
    assert len(titles) == 1
