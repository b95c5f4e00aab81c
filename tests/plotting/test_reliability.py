import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from scipy.stats import binomtest
from sklearn.calibration import CalibrationDisplay

from sklearn_ldl import BFGSLDL, LDLClassifier
from sklearn_ldl.datasets import make_ldl
from sklearn_ldl.metrics import expected_calibration_error as ece
from sklearn_ldl.plotting import ReliabilityDisplay

matplotlib = pytest.importorskip("matplotlib")

NAMES = ["anger", "joy", "fear"]


@pytest.fixture(autouse=True)
def plt():
    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    yield plt
    plt.close("all")


def legend_texts(legend):
    return [text.get_text() for text in legend.get_texts()]


@given(size=st.tuples(st.integers(1, 60), st.integers(2, 5)), n_bins=st.integers(1, 20))
@settings(max_examples=50, deadline=None)
def test_points_average_to_the_expected_calibration_error(size, n_bins):
    rng = np.random.default_rng(size)
    # Rounded degrees put many confidences on the edges of bins.
    P = rng.multinomial(20, rng.dirichlet(np.ones(size[1])), size[0]) / 20
    y = rng.integers(size[1], size=size[0])
    w = rng.integers(1, 4, size=size[0])
    display = ReliabilityDisplay.from_predictions(y, P, n_bins=n_bins, sample_weight=w)
    matplotlib.pyplot.close(display.figure_)
    gaps = display.share @ np.abs(display.accuracy - display.confidence)
    assert gaps == pytest.approx(display.ece, abs=1e-12)
    assert display.ece == ece(y, P, n_bins=n_bins, sample_weight=w)
    assert display.share.sum() == pytest.approx(1)


def test_bins_are_closed_on_the_right():
    P = [[0.5, 0.5], [0.6, 0.4], [0.75, 0.25], [0.76, 0.24]]
    display = ReliabilityDisplay.from_predictions([0, 1, 0, 0], P, n_bins=4)
    assert_allclose(display.confidence, [0.5, 0.675, 0.76])
    assert_allclose(display.accuracy, [0.5, 0.5, 1])  # two labels tie in the first row
    assert_allclose(display.share, [0.25, 0.5, 0.25])
    assert_allclose(display.line_.get_xydata(), np.c_[display.confidence, display.accuracy])
    assert_allclose(display.points_.get_offsets(), display.line_.get_xydata())
    assert_array_equal(display.count, [1, 2, 1])
    weighted = ReliabilityDisplay.from_predictions([0] * 4, P, sample_weight=[0, 0, 0, 1])
    assert_allclose(weighted.confidence, [0.76])  # a bin without weight makes no point
    assert_array_equal(weighted.count, [1])


def wilson(mean, n_rows):
    """Where a test of the mean, by a normal distribution, is at its limit."""
    z2 = 1.959963984540054**2
    return np.sort(np.roots([n_rows + z2, -2 * n_rows * mean - z2, n_rows * mean**2]).real)


def test_intervals_are_those_of_proportions():
    P = np.repeat([[0.7, 0.3], [0.9, 0.1]], [40, 25], axis=0)
    y = np.random.default_rng(0).integers(2, size=65)
    display = ReliabilityDisplay.from_predictions(y, P)
    assert_array_equal(display.count, [40, 25])
    for n_rows, accuracy, interval in zip(
        display.count, display.accuracy, display.interval, strict=True
    ):
        test = binomtest(round(accuracy * n_rows), int(n_rows))
        assert_allclose(interval, test.proportion_ci(method="wilson"))
    _, caps, (lines,) = display.bars_
    assert len(caps) == 2
    drawn = [segment[:, 1] for segment in lines.get_segments()]
    assert_allclose(drawn, display.interval)
    sure = ReliabilityDisplay.from_predictions([0] * 3, [[1.0, 0.0]] * 3)
    assert_allclose(sure.interval, [wilson(1, 3)])
    assert sure.interval[0, 1] == 1


def test_weights_count_in_intervals():
    P = np.tile([0.7, 0.3], (65, 1))
    y = np.random.default_rng(0).integers(2, size=65)
    display = ReliabilityDisplay.from_predictions(y, P)
    equal = ReliabilityDisplay.from_predictions(y, P, sample_weight=np.full(65, 7.0))
    assert_allclose(equal.interval, display.interval)
    weights = np.where(np.arange(65) < 20, 1.0, 3.0)
    unequal = ReliabilityDisplay.from_predictions(y, P, sample_weight=weights)
    n_rows = weights.sum() ** 2 / (weights**2).sum()
    assert_allclose(unequal.interval, [wilson(unequal.accuracy[0], n_rows)])


def test_several_reliability_curves_share_axes():
    X, D = make_ldl(60, random_state=0)
    y = np.array(NAMES)[D.argmax(axis=1)]
    one = ReliabilityDisplay.from_estimator(LDLClassifier().fit(X, y), X, y)
    two = ReliabilityDisplay.from_estimator(BFGSLDL().fit(X, D), X, D, ax=one.ax_, name="maxent")
    assert one.line_.get_color() != two.line_.get_color()
    assert legend_texts(two.ax_.get_legend()) == [
        "perfectly calibrated",
        f"LDLClassifier (ECE = {one.ece:.3f})",
        f"maxent (ECE = {two.ece:.3f})",
    ]


def test_reliability_options_and_labels():
    display = ReliabilityDisplay.from_predictions(
        ["no", "yes"], [[0.8, 0.2], [0.7, 0.3]], labels=["no", "yes"], ref_line=False, c="k", lw=3
    )
    assert_allclose(display.accuracy, [0, 1])
    assert (display.line_.get_color(), display.line_.get_linewidth()) == ("k", 3)
    assert legend_texts(display.ax_.get_legend()) == ["ECE = 0.450"]
    with pytest.raises(ValueError, match="n_bins"):
        ReliabilityDisplay.from_predictions([0], [[1, 0]], n_bins=0)


def test_scikit_learn_shows_the_degree_of_one_label():
    X, D = make_ldl(80, random_state=0)
    y = D.argmax(axis=1) == 0
    model = LDLClassifier().fit(X, y)
    display = CalibrationDisplay.from_estimator(model, X, y)
    assert_array_equal(display.y_prob, model.predict_proba(X)[:, 1])
