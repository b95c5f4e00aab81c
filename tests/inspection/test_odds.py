"""Coefficients as odds ratios."""

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose
from sklearn.ensemble import RandomForestRegressor
from sklearn.exceptions import NotFittedError
from sklearn.frozen import FrozenEstimator
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sklearn_ldl import (
    BFGSLDL,
    LDLClassifier,
    LDLRegressor,
    MultinomialInference,
    ProportionalOddsLDL,
)
from sklearn_ldl.datasets import make_ldl
from sklearn_ldl.inspection import odds_ratios

X, D = make_ldl(100, random_state=0)
FRAME = pd.DataFrame(X, columns=["age", "income", "child"])
SHARES = pd.DataFrame(D, columns=["work", "care", "rest"])


def odds(model, rows, base):
    P = model.predict(rows)
    return P / (np.exp(np.log(P).mean(axis=1)) if base is None else P[:, base])[:, None]


@pytest.mark.parametrize("base", [None, 2])
def test_they_are_what_a_unit_more_multiplies_the_odds_by(base):
    model = BFGSLDL().fit(FRAME, SHARES)
    table = odds_ratios(model, base=None if base is None else "rest")["odds_ratio"].unstack()
    assert sorted(table.index) == (["care", "rest", "work"] if base is None else ["care", "work"])
    for name in FRAME:
        more = FRAME.assign(**{name: FRAME[name] + 1})
        ratio = (odds(model, more, base) / odds(model, FRAME, base))[0]
        for label, expected in zip(SHARES, ratio, strict=True):
            if base is None or label != "rest":
                assert_allclose(table.loc[label, name], expected)


def test_inference_adds_intervals():
    model = BFGSLDL(alpha=0).fit(FRAME, SHARES)
    inference = MultinomialInference(model, FRAME, SHARES, base="care")
    table = odds_ratios(inference, coverage=0.9)
    assert table.index.tolist() == [(c, j) for c in ("work", "rest") for j in FRAME]
    assert list(table.columns) == ["odds_ratio", "lower", "upper", "p_value"]
    assert_allclose(table["odds_ratio"], odds_ratios(model, base="care")["odds_ratio"])
    summary = inference.summary(0.9).loc[table.index]
    assert_allclose(table["upper"], np.exp(summary["upper"]))
    assert_allclose(table["p_value"], summary["p_value"])
    with pytest.raises(ValueError, match="has the base 'care' already"):
        odds_ratios(inference, base="rest")


def test_inference_without_intercept():
    model = BFGSLDL(alpha=0, fit_intercept=False).fit(FRAME, SHARES)
    assert len(odds_ratios(MultinomialInference(model, FRAME, SHARES))) == 2 * 3


def test_proportional_odds_have_one_for_each_feature():
    model = ProportionalOddsLDL().fit(FRAME, SHARES)
    table = odds_ratios(model)
    above = model.predict(FRAME)[:, 2]
    more = model.predict(FRAME.assign(age=FRAME["age"] + 1))[:, 2]
    ratio = more / (1 - more) / (above / (1 - above))
    assert_allclose(ratio, table.loc["age", "odds_ratio"])
    with pytest.raises(ValueError, match="no base"):
        odds_ratios(model, base="rest")


def test_models_inside_of_others():
    plain = BFGSLDL(alpha=0.1)
    scaled = make_pipeline(StandardScaler(), plain).fit(FRAME, SHARES)
    table = odds_ratios(scaled)
    assert table.loc["work", "odds_ratio"].index.tolist() == list(FRAME)
    W = scaled[-1].coef_
    assert_allclose(table["odds_ratio"], np.exp(W - W.mean(axis=0)).ravel())
    search = GridSearchCV(make_pipeline(StandardScaler(), plain), {}, cv=2).fit(FRAME, SHARES)
    pd.testing.assert_frame_equal(odds_ratios(search), table)
    pd.testing.assert_frame_equal(odds_ratios(FrozenEstimator(scaled)), table)
    classes = np.array(SHARES.columns)[D.argmax(axis=1)]
    classifier = LDLClassifier(plain).fit(X, classes)
    assert odds_ratios(classifier).index[0] == ("care", "x0")
    regressor = LDLRegressor(plain).fit(X, X[:, 0])
    assert len(odds_ratios(regressor)) == 3 * len(regressor.grid_)


def test_others_have_none():
    with pytest.raises(TypeError, match="got RandomForestRegressor"):
        odds_ratios(RandomForestRegressor())
    with pytest.raises(NotFittedError):
        odds_ratios(BFGSLDL())
    with pytest.raises(ValueError, match="base='play' is no label"):
        odds_ratios(BFGSLDL().fit(FRAME, SHARES), base="play")
