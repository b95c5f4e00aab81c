"""Searches whose fits run on a Dask cluster, through joblib: the results of one process."""

import os

import numpy as np
import pytest
from joblib import parallel_config
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone
from sklearn.experimental import enable_halving_search_cv  # noqa: F401
from sklearn.model_selection import GridSearchCV, HalvingGridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sklearn_ldl import BFGSLDL, BFGSLDLCV
from sklearn_ldl.datasets import make_ldl
from sklearn_ldl.metrics import get_ldl_scorer

distributed = pytest.importorskip("distributed")
PIPE = make_pipeline(StandardScaler(), BFGSLDL())
ALPHAS = {"bfgsldl__alpha": [1e-3, 1e-1, 10.0]}


@pytest.fixture(scope="module", autouse=True)
def cluster():
    with (
        distributed.LocalCluster(
            n_workers=2, threads_per_worker=1, dashboard_address=None, processes=True
        ) as cluster,
        distributed.Client(cluster) as client,
    ):
        yield client


@pytest.fixture(scope="module")
def data():
    return make_ldl(120, n_votes=30, random_state=0)


def fit_on_cluster(model, *data):
    with parallel_config("dask"):
        return clone(model).set_params(n_jobs=2).fit(*data)


@pytest.mark.parametrize(
    "search",
    [
        GridSearchCV(
            PIPE,
            ALPHAS,
            scoring={
                name: get_ldl_scorer(name) for name in ("neg_kl_divergence", "cosine_similarity")
            },
            refit="cosine_similarity",
            cv=3,
            error_score="raise",
        ),
        HalvingGridSearchCV(
            PIPE, ALPHAS, cv=3, min_resources=40, random_state=0, error_score="raise"
        ),
        # Its fits, on the workers, send out folds of their own.
        GridSearchCV(
            BFGSLDLCV(3, cv=3), {"fit_intercept": [True, False]}, cv=2, error_score="raise"
        ),
    ],
    ids=lambda search: type(search).__name__,
)
def test_search(search, data):
    expected = clone(search).fit(*data)
    found = fit_on_cluster(search, *data)
    assert found.best_params_ == expected.best_params_
    scores = [name for name in expected.cv_results_ if "_test_" in name]
    assert len(scores) >= 5
    for name in scores:
        assert_array_equal(found.cv_results_[name], expected.cv_results_[name], err_msg=name)
    assert_array_equal(found.predict(data[0]), expected.predict(data[0]))


def test_network(data):
    pytest.importorskip("skorch")
    from sklearn_ldl import DeepLDLRegressor

    net = DeepLDLRegressor(
        hidden_layer_sizes=(8,), dropout=0.2, batch_size=20, max_epochs=3, random_state=0
    )
    search = GridSearchCV(net, {"lr": [1e-3, 1e-2]}, cv=2, error_score="raise")
    expected = clone(search).fit(*data)
    found = fit_on_cluster(search, *data)
    name = "mean_test_score"
    assert_array_equal(found.cv_results_[name], expected.cv_results_[name])
    assert_array_equal(found.predict(data[0]), expected.predict(data[0]))


def test_penalty_by_cross_validation(data):
    model = BFGSLDLCV(4, cv=3)
    expected, found = clone(model).fit(*data), fit_on_cluster(model, *data)
    for name in ("alphas_", "scores_", "alpha_", "coef_", "intercept_"):
        assert_array_equal(getattr(found, name), getattr(expected, name), err_msg=name)


def test_fits_run_on_the_workers(data, cluster):
    def where(model, X, D):
        return float(os.getpid())

    model = fit_on_cluster(BFGSLDLCV(1, cv=4, scoring=where), *data)
    workers = cluster.run(os.getpid).values()
    assert set(model.scores_.ravel()) <= set(map(float, workers))


def test_blocks_of_rows_on_the_workers_as_well(data, cluster):
    """Every fold waits, on a worker, for sums that the same workers have to compute."""
    da = pytest.importorskip("dask.array")
    blocks = cluster.persist([da.from_array(array, chunks=(60, -1)) for array in data])
    model = BFGSLDLCV([1.0], cv=2, tol=1e-9)
    expected, found = clone(model).fit(*data), fit_on_cluster(model, *blocks)
    assert_allclose(found.scores_, expected.scores_, atol=1e-8)
    assert_allclose(found.coef_, expected.coef_, atol=1e-8)
    assert np.isfinite(found.predict(data[0])).all()
