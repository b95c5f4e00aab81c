"""Losses that know the values of the labels: how the grid reaches them."""

import functools

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.frozen import FrozenEstimator
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

torch = pytest.importorskip("torch")

from sklearn_ldl import (  # noqa: E402
    BFGSLDL,
    DeepLDLRegressor,
    GaussianLabelDistributor,
    LDLRegressor,
)
from sklearn_ldl.deep import PRESETS  # noqa: E402
from sklearn_ldl.deep.losses import kl_expectation  # noqa: E402

LOSSES = ["kl_expectation", "mean_variance"]
GRID = np.array([0.0, 10.0, 20.0, 60.0])
rng = np.random.default_rng(0)
X = rng.standard_normal((80, 3))
D = rng.dirichlet(np.ones(4), 80)
AGES = 40 + 10 * X[:, 0]

every_loss = pytest.mark.parametrize("loss", LOSSES)


def net(**settings):
    plain = {**PRESETS["plain"], "max_epochs": 5, "random_state": 0}
    return DeepLDLRegressor(**{**plain, **settings})


@every_loss
def test_a_grid_of_even_steps_is_the_same_as_none(loss):
    expected = net(loss=loss).fit(X, D).predict(X)
    for grid in (np.arange(4), 1e5 + 0.25 * np.arange(4)):
        assert_allclose(net(loss=loss, grid=grid).fit(X, D).predict(X), expected, atol=1e-5)
    uneven = net(loss=loss, grid=GRID).fit(X, D).predict(X)
    assert np.abs(uneven - expected).max() > 1e-3


def test_the_grid_is_in_units_of_its_median_step():
    loss = functools.partial(kl_expectation, label_values=GRID / 10)
    expected = net(loss=loss).fit(X, D).predict(X)
    assert_array_equal(net(loss="kl_expectation", grid=GRID).fit(X, D).predict(X), expected)
    # Values of one's own come first.
    assert_array_equal(net(loss=loss, grid=np.arange(4)).fit(X, D).predict(X), expected)


def test_other_losses_do_not_look_at_the_grid():
    assert_array_equal(net(grid=GRID).fit(X, D).predict(X), net().fit(X, D).predict(X))


def test_columns_are_matched_by_name():
    model = net(loss="kl_expectation", grid=GRID)
    order = [2, 0, 3, 1]
    frame = pd.DataFrame(D, columns=GRID).iloc[:, order]
    expected = net(loss="kl_expectation", grid=GRID[order]).fit(X, D[:, order])
    assert_array_equal(model.fit(X, frame).predict(X), expected.predict(X))


@pytest.mark.parametrize("grid", [[1, 2, 3], [1, 2, 3, 3]])
def test_a_grid_that_does_not_fit(grid):
    with pytest.raises(ValueError, match="grid"):
        net(loss="kl_expectation", grid=grid).fit(X, D)


@every_loss
def test_the_wrapper_hands_over_its_grid(loss):
    distributor = GaussianLabelDistributor([0, 10, 20, 30, 40, 50, 80], sigma=5)
    model = LDLRegressor(net(loss=loss), distributor).fit(X, AGES)
    by_hand = net(loss=loss, grid=model.grid_).fit(X, distributor.fit_transform(AGES))
    assert_allclose(model.predict_proba(X), by_hand.predict(X), rtol=1e-12)
    assert model.estimator.grid is None
    scaled = LDLRegressor(make_pipeline(StandardScaler(), net(loss=loss)), distributor)
    assert_array_equal(scaled.fit(X, AGES).estimator_[-1].grid, model.grid_)
    search = GridSearchCV(net(max_epochs=1), {"loss": ["kl", loss]}, cv=2)
    chosen = LDLRegressor(search, distributor).fit(X, AGES).estimator_.best_estimator_
    assert_array_equal(chosen.grid, model.grid_)
    own = np.arange(7)
    kept = LDLRegressor(net(loss=loss, grid=own), distributor).fit(X, AGES)
    assert_array_equal(kept.estimator_.grid, own)


def test_points_have_grids_too():
    model = LDLRegressor(net(loss="kl_expectation", max_epochs=60)).fit(X, X[:, :2])
    assert model.estimator_.grid.shape == (model.grid_.shape[0], 2)
    assert model.score(X, X[:, :2]) > 0.7


def test_a_frozen_learner_stays_as_it_is():
    distributor = GaussianLabelDistributor(range(0, 90, 5), sigma=5)
    fitted = net().fit(X, distributor.fit_transform(AGES))
    LDLRegressor(FrozenEstimator(fitted), distributor).fit(X, AGES)
    assert fitted.grid is None
    assert not hasattr(LDLRegressor(BFGSLDL(), distributor).fit(X, AGES).estimator_, "grid")
