import numpy as np
import pytest
import scipy.sparse as sp
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV

from sklearn_ldl import BFGSLDL, GaussianLabelDistributor, SmoothBFGSLDL
from sklearn_ldl.metrics import kl_divergence


@pytest.fixture(scope="module")
def ages():
    rng = np.random.RandomState(0)
    X = rng.normal(size=(240, 15))
    age = np.clip(40 + 8 * X[:, 0] + 5 * X[:, 1] + 5 * rng.normal(size=240), 0, 80)
    return X, GaussianLabelDistributor(np.arange(0, 81, 4), sigma=4).fit_transform(age)


def test_no_length_scale_is_the_model_without_order(ages):
    X, D = ages
    for alpha in ("auto", 0.01):
        model = SmoothBFGSLDL(alpha, length_scale=0).fit(X, D)
        plain = BFGSLDL(alpha).fit(X, D)
        assert model.length_scale_ == 0
        assert model.alpha_ == plain.alpha_
        assert_array_equal(model.coef_, plain.coef_)


def test_it_minimises_its_objective(ages):
    X, D = ages
    model = SmoothBFGSLDL(0.01, length_scale=0.3, tol=1e-9).fit(X, D)
    g = np.linspace(0, 1, D.shape[1])
    K = 0.999 * np.exp(-((g[:, None] - g) ** 2) / (2 * 0.3**2)) + 1e-3 * np.eye(len(g))
    penalty = 0.005 * np.trace(model.coef_.T @ np.linalg.solve(K, model.coef_))
    P = model.predict(X)
    assert_allclose(model.loss_, kl_divergence(D, P) + penalty)
    gradient = (P - D).T @ X / len(X) + 0.01 * np.linalg.solve(K, model.coef_)
    assert np.abs(gradient).max() < 1e-8


def test_coefficients_are_smooth_and_predictions_better(ages):
    X, D = ages
    model, plain = SmoothBFGSLDL().fit(X[:120], D[:120]), BFGSLDL().fit(X[:120], D[:120])
    assert model.length_scale_ > 0
    roughness = [np.square(np.diff(m.coef_, 2, axis=0)).sum() for m in (model, plain)]
    assert roughness[0] < 0.1 * roughness[1]
    assert model.score(X[120:], D[120:]) > plain.score(X[120:], D[120:]) + 0.05


def test_labels_in_another_order_need_their_grid(ages):
    X, D = ages
    order = np.random.RandomState(1).permutation(D.shape[1])
    grid = np.arange(D.shape[1])
    expected = SmoothBFGSLDL(tol=1e-9).fit(X, D)
    model = SmoothBFGSLDL(grid=3 + 7.0 * grid[order], tol=1e-9).fit(X, D[:, order])
    assert model.length_scale_ == expected.length_scale_
    assert_allclose(model.predict(X), expected.predict(X)[:, order], atol=1e-6)


def test_grids_of_points(ages):
    X, _ = ages
    rng = np.random.RandomState(2)
    grid = np.array([(a, b) for a in range(4) for b in range(3)])
    Y = np.column_stack([1.5 + 0.4 * X[:, 0], 1 + 0.2 * X[:, 1]]) + 0.3 * rng.normal(size=(240, 2))
    D = GaussianLabelDistributor(grid, sigma=0.5).fit_transform(Y)
    model = SmoothBFGSLDL(grid=grid).fit(X, D)
    assert model.length_scale_ > 0
    assert_allclose(model.predict(X).sum(axis=1), 1)


def test_grids_that_do_not_fit(ages):
    X, D = ages
    with pytest.raises(ValueError, match="grid has 3 labels, y has 21 columns"):
        SmoothBFGSLDL(grid=[1, 2, 3]).fit(X, D)
    with pytest.raises(ValueError, match="grid repeats a label"):
        SmoothBFGSLDL(grid=np.ones(21)).fit(X, D)
    with pytest.raises(ValueError, match="grid contains NaN"):
        SmoothBFGSLDL(grid=np.full(21, np.nan)).fit(X, D)


def test_sparse_wide_and_single_precision_features(ages):
    X, D = ages
    model = SmoothBFGSLDL(0.01, length_scale=0.4, tol=1e-8)
    expected = clone(model).fit(X, D).predict(X)
    assert_allclose(clone(model).fit(sp.csr_array(X), D).predict(X), expected, atol=1e-6)
    single = clone(model).fit(X.astype(np.float32), D)
    assert single.coef_.dtype == np.float32
    assert_allclose(single.predict(X.astype(np.float32)), expected, atol=1e-4)
    wide = np.hstack([X, np.zeros((240, 300))])
    assert_allclose(clone(model).fit(wide, D).predict(wide), expected, atol=1e-6)


def test_warm_start_and_standardised_features(ages):
    X, D = ages
    X = X * np.logspace(-3, 3, 15)
    model = SmoothBFGSLDL(warm_start=True).fit(X, D)
    assert model.standardized_
    P, n_iter = model.predict(X), model.n_iter_
    model.fit(X, D)
    assert model.n_iter_ < n_iter / 4
    assert_allclose(model.predict(X), P, atol=1e-4)


def test_searches_over_length_scales(ages):
    X, D = ages
    search = GridSearchCV(SmoothBFGSLDL(), {"length_scale": [0, 0.4]}, cv=3).fit(X, D)
    assert search.best_params_ == {"length_scale": 0.4}


def test_blocks_of_rows(ages):
    da = pytest.importorskip("dask.array")
    X, D = ages
    lazy = SmoothBFGSLDL(tol=1e-8).fit(da.from_array(X, (100, 15)), da.from_array(D, (100, 21)))
    model = SmoothBFGSLDL(tol=1e-8).fit(X, D)
    assert lazy.length_scale_ == model.length_scale_
    assert_allclose(lazy.alpha_, model.alpha_)
    assert_allclose(lazy.predict(X), model.predict(X), atol=1e-5)
