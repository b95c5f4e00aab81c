"""Quantiles and intervals of the predicted distributions."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy.stats import norm
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.exceptions import NotFittedError
from sklearn.neighbors import KNeighborsRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sklearn_ldl import BFGSLDL, GaussianLabelDistributor, LDLRegressor
from sklearn_ldl.decoding import quantile

LEVELS = [0.05, 0.25, 0.5, 0.75, 0.95]
rng = np.random.default_rng(0)
X = rng.uniform(-1, 1, (400, 2))
y = 40 + 20 * X[:, 0] + 4 * rng.standard_normal(400)


class Stars(TransformerMixin, BaseEstimator):
    """A distributor that does not say what its labels are."""

    def fit(self, y):
        return self

    def transform(self, y):
        return np.eye(2)[(np.asarray(y) > 40).astype(int)]

    def inverse_transform(self, D):
        return D[:, 1]


def ages(**settings):
    return LDLRegressor(BFGSLDL(alpha=1e-4), GaussianLabelDistributor(range(101), **settings))


def test_quantiles_are_those_of_predict_proba():
    model = ages(sigma=2).fit(X, y)
    Q = model.quantile(X, LEVELS)
    assert Q.shape == (400, 5)
    assert_allclose(Q, quantile(model.predict_proba(X), model.grid_, LEVELS))
    assert_array_equal(model.quantile(X, 0.25), Q[:, 1])
    assert_array_equal(model.interval(X, 0.9), model.quantile(X, [(1 - 0.9) / 2, (1 + 0.9) / 2]))
    assert_array_equal(model.interval(X), model.interval(X, coverage=0.9))


@pytest.mark.parametrize("sigma", [0.5, 8])
def test_intervals_are_as_wide_as_values_and_targets_scatter(sigma):
    X = rng.uniform(-1, 1, (2000, 2))
    y = 40 + 20 * X[:, 0] + 4 * rng.standard_normal(2000)
    model = LDLRegressor(BFGSLDL(alpha=1e-6), GaussianLabelDistributor(range(101), sigma=sigma))
    low, high = model.fit(X[:1000], y[:1000]).interval(X[1000:], coverage=0.8).T
    width = 2 * norm.ppf(0.9) * np.hypot(4, sigma)
    assert np.mean(high - low) == pytest.approx(width, rel=0.03)
    if sigma < 1:
        inside = (low <= y[1000:]) & (y[1000:] <= high)
        assert inside.mean() == pytest.approx(0.8, abs=0.04)


def test_quantiles_leave_out_the_padding_as_predictions_do():
    newborn = np.clip(y - 40, 0, None)
    model = ages(sigma=4, pad=4).fit(X, newborn)
    assert model.grid_[0] < 0
    Q = model.quantile(X, LEVELS)
    assert Q.min() == 0
    assert (np.diff(Q, axis=1) >= 0).all()


def test_the_default_model_and_a_pipeline():
    for model in (LDLRegressor(), LDLRegressor(make_pipeline(StandardScaler(), BFGSLDL()))):
        Q = model.fit(X, y).quantile(X, LEVELS)
        assert (np.diff(Q, axis=1) >= 0).all()
        assert y.min() <= Q.min() <= Q.max() <= y.max()
        assert np.abs(Q[:, 2] - model.predict(X)).max() < 3


def test_points_have_no_quantiles():
    model = LDLRegressor(KNeighborsRegressor(), GaussianLabelDistributor(sigma=0.3)).fit(X, X)
    for method in (model.quantile, model.interval):
        with pytest.raises(ValueError, match="but the model was fitted to points"):
            method(X, 0.5)


def test_a_distributor_without_a_grid_has_no_quantiles():
    model = LDLRegressor(KNeighborsRegressor(), Stars()).fit(X, y)
    with pytest.raises(ValueError, match="Stars has no grid_"):
        model.interval(X)


@pytest.mark.parametrize("coverage", [0, 1, -1, np.nan])
def test_coverage_out_of_range(coverage):
    with pytest.raises(ValueError, match="coverage must lie in"):
        ages().fit(X, y).interval(X, coverage)


def test_levels_out_of_range_and_not_fitted():
    with pytest.raises(ValueError, match="q must be"):
        ages().quantile(X, 1.0)
    with pytest.raises(NotFittedError):
        ages().quantile(X, 0.5)
