"""The display of errors by uncertainty."""

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose
from scipy.stats import spearmanr
from sklearn.ensemble import RandomForestRegressor

from sklearn_ldl import BFGSLDL, StackingLDL
from sklearn_ldl.datasets import make_ldl
from sklearn_ldl.metrics import kl_divergence
from sklearn_ldl.uncertainty import decompose_uncertainty, predict_members

matplotlib = pytest.importorskip("matplotlib")
matplotlib.use("Agg")

from sklearn_ldl.plotting import UncertaintyDisplay  # noqa: E402


@pytest.fixture(autouse=True)
def close_figures():
    yield
    matplotlib.pyplot.close("all")


def test_bins_of_given_errors():
    display = UncertaintyDisplay.from_predictions(
        [1, 3, 5, 7, 9, 9], [0.5, 0.4, 0.3, 0.2, 0.1, 0.0], n_bins=3, name="model"
    )
    assert_allclose(display.uncertainty, [0.05, 0.25, 0.45])
    assert_allclose(display.error, [9, 6, 2])
    assert_allclose(display.standard_error, np.array([0, 1, 1]) / np.sqrt(2))
    assert_allclose(display.correlation, spearmanr([1, 3, 5, 7, 9, 9], [6, 5, 4, 3, 2, 1])[0])
    assert_allclose(display.line_.get_ydata(), display.error)
    label = display.ax_.get_legend().get_texts()[0].get_text()
    assert label == f"model (rank correlation {display.correlation:.2f})"


@pytest.mark.parametrize("part", ["total", "aleatoric", "epistemic"])
def test_parts_of_an_estimator(part):
    X, D = make_ldl(100, random_state=0)
    forest = RandomForestRegressor(10, random_state=0).fit(X, D)
    display = UncertaintyDisplay.from_estimator(forest, X, D, part=part, n_bins=1)
    members = predict_members(forest, X)
    assert_allclose(display.uncertainty, getattr(decompose_uncertainty(members), part).mean())
    assert_allclose(display.error, kl_divergence(D, forest.predict(X)))
    again = UncertaintyDisplay.from_estimator(forest, X, D, ax=display.ax_, name="b", color="k")
    assert again.ax_ is display.ax_
    assert again.line_.get_color() == "k"


def test_columns_are_matched_by_name():
    X, D = make_ldl(60, random_state=0)
    D = pd.DataFrame(D, columns=["a", "b", "c"])
    model = StackingLDL([("x", BFGSLDL()), ("y", BFGSLDL(alpha=1.0))], weights=[1, 1]).fit(X, D)
    display = UncertaintyDisplay.from_estimator(model, X, D)
    shuffled = UncertaintyDisplay.from_estimator(model, X, D[["c", "a", "b"]])
    assert_allclose(shuffled.error, display.error)
    with pytest.raises(ValueError, match="labels do not match"):
        UncertaintyDisplay.from_estimator(model, X, D.rename(columns={"a": "z"}))


def test_constant_uncertainty_and_few_rows():
    display = UncertaintyDisplay.from_predictions([1, 2], [3, 3])
    assert len(display.error) == 2
    assert np.isnan(display.correlation)


@pytest.mark.parametrize(
    ("arguments", "options", "message"),
    [
        (([1, 2], [1]), {}, "inconsistent numbers of samples"),
        (([1, np.nan], [1, 2]), {}, "error contains NaN"),
        (([1, 2], [1, 2]), {"n_bins": 0}, "'n_bins' parameter"),
    ],
)
def test_bad_input(arguments, options, message):
    with pytest.raises(ValueError, match=message):
        UncertaintyDisplay.from_predictions(*arguments, **options)


def test_one_value_for_each_row():
    with pytest.raises(ValueError, match="1d array"):
        UncertaintyDisplay.from_predictions(np.ones((4, 2)), np.ones((4, 2)))
