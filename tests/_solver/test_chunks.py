"""Fits to Dask collections: the same coefficients, lazy predictions, and workers that die."""

import os
import signal
import sys
import tracemalloc

import numpy as np
import pytest
import scipy.sparse as sp
from numpy.testing import assert_allclose, assert_array_equal
from scipy.special import softmax
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import KFold

from sklearn_ldl import BFGSLDL, BFGSLDLCV
from sklearn_ldl.metrics import cosine_similarity, d2_kl_score, get_ldl_scorer, kl_divergence

dask = pytest.importorskip("dask")
da = pytest.importorskip("dask.array")

N, P, C = 1000, 6, 4


@pytest.fixture(scope="module")
def data():
    rng = np.random.default_rng(0)
    X = rng.standard_normal((N, P)) * np.logspace(-1, 1, P) + 2
    W = rng.standard_normal((C, P)) / np.logspace(-1, 1, P)
    return X, rng.multinomial(10, softmax((X - 2) @ W.T, axis=1)) / 10, rng.uniform(0, 2, N)


def blocks(array, size=170):
    return da.from_array(array, chunks=(size, *array.shape[1:]))


def csr_blocks(X, size=170):
    parts = [X[start : start + size] for start in range(0, X.shape[0], size)]
    delayed = [
        da.from_delayed(dask.delayed(part), shape=part.shape, dtype=X.dtype, meta=X[:0])
        for part in parts
    ]
    return da.concatenate(delayed, axis=0)


@pytest.mark.parametrize("fit_intercept", [True, False])
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("kind", ["dense", "csr"])
def test_coefficients_are_those_of_memory(data, kind, weighted, fit_intercept):
    X, D, weight = data
    weight = weight if weighted else None
    if kind == "csr":
        X = sp.csr_array(np.where(X > 2.5, 0, X))
    options = {"alpha": 1e-2, "tol": 1e-11, "fit_intercept": fit_intercept}
    expected = BFGSLDL(**options).fit(X, D, sample_weight=weight)
    X_blocks = csr_blocks(X) if kind == "csr" else blocks(X)
    model = BFGSLDL(**options).fit(X_blocks, blocks(D, 300), sample_weight=weight)
    assert_allclose(model.coef_, expected.coef_, atol=1e-8)
    assert_allclose(model.intercept_, expected.intercept_, atol=1e-8)
    assert_allclose([model.loss_, model.n_labels_], [expected.loss_, C], rtol=1e-10)
    assert model.n_features_in_ == P
    assert model.n_evaluations_ >= model.n_iter_


def test_single_precision_stays(data):
    X, D, _ = data
    model = BFGSLDL(tol=1e-4).fit(blocks(X.astype(np.float32)), blocks(D))
    assert model.coef_.dtype == np.float32
    assert model.predict(blocks(X.astype(np.float32))).dtype == np.float32
    assert_allclose(model.coef_, BFGSLDL(tol=1e-4).fit(X, D).coef_, atol=1e-2)


def test_offsets_do_not_matter_in_single_precision(data):
    X, D, _ = data
    X = np.rint(X * 8)
    shifted = (X + 1e5).astype(np.float32)
    # The tolerance is for features as they are, and a hundred thousand times that of the intercept.
    model = BFGSLDL(alpha=1.0, tol=1e-4).fit(blocks(shifted), blocks(D))
    P = model.predict(blocks(shifted))
    assert P.dtype == np.float32
    assert_allclose(P, BFGSLDL(alpha=1.0).fit(X, D).predict(X), atol=1e-6)


def test_features_that_do_not_matter_are_not_whitened(data, rng):
    """More features than the eigendecomposition pays for: the other metric of the search."""
    X = np.hstack([data[0], rng.standard_normal((N, 300)) * 1e-3])
    model = BFGSLDL(alpha=1e-2, tol=1e-11)
    expected = model.fit(X, data[1]).coef_
    assert_allclose(model.fit(blocks(X), blocks(data[1])).coef_, expected, atol=1e-8)


@pytest.mark.parametrize("cv", [3, KFold(3, shuffle=True, random_state=0)])
@pytest.mark.parametrize("weighted", [False, True])
def test_cross_validation_is_that_of_memory(data, weighted, cv):
    X, D, weight = data
    weight = weight if weighted else None
    options = {"alphas": 4, "cv": cv, "tol": 1e-10, "scoring": "neg_chebyshev_distance"}
    expected = BFGSLDLCV(**options).fit(X, D, sample_weight=weight)
    model = BFGSLDLCV(**options).fit(blocks(X), blocks(D), sample_weight=weight)
    assert_allclose(model.alphas_, expected.alphas_)
    assert_allclose(model.scores_, expected.scores_, atol=1e-8)
    assert model.alpha_ == model.alphas_[np.argmin(np.abs(expected.alphas_ - expected.alpha_))]
    assert_allclose(model.coef_, expected.coef_, atol=1e-8)


def test_frames_name_features_and_labels(data):
    pd, dd = pytest.importorskip("pandas"), pytest.importorskip("dask.dataframe")
    X, D, _ = data
    features = pd.DataFrame(X, columns=list("abcdef"))
    labels = pd.DataFrame(D, columns=list("wxyz"))
    frame = dd.from_pandas(features, npartitions=4)
    model = BFGSLDL().fit(frame, dd.from_pandas(labels, npartitions=3))
    assert_array_equal(model.feature_names_in_, list("abcdef"))
    assert_array_equal(model.label_names_, list("wxyz"))
    assert_allclose(model.predict(frame).compute(), model.predict(features), atol=1e-12)
    with pytest.raises(ValueError, match="feature names"):
        model.predict(frame[list("fedcba")])


def test_parquet_is_read_in_pieces(data, tmp_path):
    pd, dd = pytest.importorskip("pandas"), pytest.importorskip("dask.dataframe")
    pytest.importorskip("pyarrow")
    X, D, _ = data
    table = pd.DataFrame(np.hstack([X, D]), columns=list("abcdefwxyz"))
    dd.from_pandas(table, npartitions=5).to_parquet(tmp_path / "votes")
    table = dd.read_parquet(tmp_path / "votes")
    model = BFGSLDL(tol=1e-11).fit(table[list("abcdef")], table[list("wxyz")])
    assert_allclose(model.coef_, BFGSLDL(tol=1e-11).fit(X, D).coef_, atol=1e-8)


def test_memory_is_bounded_by_the_blocks(tmp_path):
    rng = np.random.default_rng(0)
    n, p, size = 40_000, 25, 1000
    files = {"X": rng.standard_normal((n, p)), "D": rng.dirichlet(np.ones(3), n)}
    for name, array in files.items():
        np.save(tmp_path / f"{name}.npy", array)
    n_bytes = files["X"].nbytes
    del files
    X, D = (
        da.from_array(np.load(tmp_path / f"{name}.npy", mmap_mode="r"), chunks=(size, -1))
        for name in "XD"
    )
    BFGSLDL(max_iter=0, tol=1).fit(X[:size], D[:size])  # imports
    tracemalloc.start()
    with dask.config.set(scheduler="synchronous"):
        BFGSLDL().fit(X, D)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < n_bytes / 3


class Counter:
    """Counts how often a block is asked for."""

    def __init__(self, array):
        self.array, self.n_reads = array, 0
        self.shape, self.dtype, self.ndim = array.shape, array.dtype, array.ndim

    def __getitem__(self, key):
        self.n_reads += 1
        return self.array[key]


def predictions_and_metrics(model, X, D, predicted, weight):
    return {
        "logits": model.decision_function(X),
        "logarithms": model.predict_log_proba(X),
        "rows": kl_divergence(D, predicted, per_row=True),
        "kl": kl_divergence(D, predicted),
        "weighted": cosine_similarity(D, predicted, sample_weight=weight),
        "d2": d2_kl_score(D, predicted, sample_weight=weight),
        "scorer": get_ldl_scorer("neg_chebyshev_distance")(model, X, D),
    }


def test_predictions_and_metrics_are_lazy(data):
    X, D, weight = data
    model = BFGSLDL().fit(X, D)
    source = Counter(X)
    X_blocks = da.from_array(source, chunks=(170, P), meta=np.empty((0, 0)))
    D_blocks = blocks(D)
    before = source.n_reads
    P_blocks = model.predict_proba(X_blocks)
    lazy = predictions_and_metrics(model, X_blocks, D_blocks, P_blocks, weight)
    assert source.n_reads == before
    assert all(isinstance(value, da.Array) for value in lazy.values())
    predicted = model.predict(X)
    assert_allclose(P_blocks.compute(), predicted, atol=1e-14)
    expected = predictions_and_metrics(model, X, D, predicted, weight)
    for name, value in dask.compute(lazy)[0].items():
        assert_allclose(value, expected[name], atol=1e-12, err_msg=name)
    assert_allclose(float(kl_divergence(D, P_blocks)), expected["kl"])
    assert model.score(X_blocks, D_blocks) == pytest.approx(model.score(X, D))


def test_d2_of_equal_rows_as_in_memory():
    D = np.full((6, 2), 0.5)
    assert float(d2_kl_score(blocks(D, 2), blocks(D, 2))) == 1
    assert float(d2_kl_score(blocks(D, 2), np.full((6, 2), [0.4, 0.6]))) == 0
    assert float(d2_kl_score(D, blocks(D, 2))) == 1


def test_unknown_and_empty_blocks(data):
    X, D, _ = data
    X_blocks, D_blocks = blocks(X), blocks(D)
    unknown = X_blocks[X_blocks[:, 0] > -np.inf]
    assert np.isnan(unknown.shape[0])
    empty = da.concatenate([X_blocks, da.zeros((0, P))])
    expected = BFGSLDL().fit(X_blocks, D_blocks)
    for rows in (unknown, empty, X_blocks.rechunk((400, 2))):
        assert_allclose(BFGSLDL().fit(rows, D_blocks).coef_, expected.coef_, atol=1e-5)
    assert np.isnan(unknown.shape[0])  # the caller's array is as it was


def bad_row(D):
    D = D.copy()
    D[500] *= 2
    return D


def with_nan(X):
    X = X.copy()
    X[700, 1] = np.nan
    return X


@pytest.mark.parametrize(
    ("change", "error", "match"),
    [
        (lambda X, D: (X, blocks(D)), TypeError, "y is a Dask collection, X is not"),
        (lambda X, D: (blocks(X), D[:-1]), ValueError, "X has 1000 rows, y has shape"),
        (lambda X, D: (blocks(X), dask.delayed(D)), TypeError, "y must be a Dask array or Data"),
        (lambda X, D: (blocks(X), blocks(D[:-1])), ValueError, "X has 1000 rows, y has shape"),
        (lambda X, D: (blocks(X), blocks(bad_row(D))), ValueError, "begins with row 340: .* sums"),
        (lambda X, D: (blocks(with_nan(X)), blocks(D)), ValueError, "row 680: Input X .* NaN"),
        (lambda X, D: (blocks(X), blocks(D[:, :1])), ValueError, "n_labels >= 2"),
        (lambda X, D: (blocks(X), blocks(D)[:, 0]), ValueError, "n_labels >= 2"),
        (lambda X, D: (blocks(X)[:0], blocks(D)[:0]), ValueError, "no rows"),
    ],
)
def test_bad_collections(data, change, error, match):
    with pytest.raises(error, match=match):
        BFGSLDL().fit(*change(*data[:2]))


@pytest.mark.parametrize(
    ("weight", "match"), [(-np.ones(N), "negative"), (np.zeros(N), "All sample weights are zero")]
)
def test_bad_weights(data, weight, match):
    for given in (weight, blocks(weight)):
        with pytest.raises(ValueError, match=match):
            BFGSLDL().fit(blocks(data[0]), blocks(data[1]), sample_weight=given)


@pytest.mark.parametrize("size", [1.7e308, 1e-308])
def test_size_of_weights(data, size):
    X, D = blocks(data[0]), blocks(data[1])
    weight = np.linspace(0.1, 1, N)
    expected = BFGSLDL().fit(X, D, sample_weight=weight).coef_
    for given in (size * weight, blocks(size * weight)):
        assert_allclose(BFGSLDL().fit(X, D, sample_weight=given).coef_, expected, rtol=1e-9)


def test_not_fitted(data):
    with pytest.raises(NotFittedError):
        BFGSLDL().predict(blocks(data[0]))


@pytest.fixture(scope="module")
def cluster():
    distributed = pytest.importorskip("distributed")
    with (
        dask.config.set({"distributed.worker.daemon": False}),
        distributed.LocalCluster(
            n_workers=2, threads_per_worker=1, dashboard_address=":0", processes=True
        ) as cluster,
        distributed.Client(cluster) as client,
    ):
        yield client


class Killer(BFGSLDL):
    """Kills a worker in the middle of the fit."""

    def _report(self, n_iter, *progress):
        if n_iter == 3:
            os.kill(self.victim, signal.SIGKILL)


@pytest.mark.skipif(sys.platform == "win32", reason="there is no SIGKILL")
def test_two_processes_and_a_worker_that_dies(data, cluster):
    X, D, weight = data
    expected = BFGSLDL(tol=1e-11).fit(X, D, sample_weight=weight)
    X_blocks, D_blocks = cluster.persist([blocks(X, 100), blocks(D, 100)])
    model = BFGSLDL(tol=1e-11).fit(X_blocks, D_blocks, sample_weight=blocks(weight))
    assert_allclose(model.coef_, expected.coef_, atol=1e-8)

    victim = next(iter(cluster.run(os.getpid).values()))
    killer = Killer(tol=1e-11)
    killer.victim = victim
    killer.fit(X_blocks, D_blocks, sample_weight=blocks(weight))
    assert killer.n_iter_ > 3
    assert victim not in cluster.run(os.getpid).values()
    assert_allclose(killer.coef_, expected.coef_, atol=1e-8)
    assert_allclose(model.predict(X_blocks).compute(), expected.predict(X), atol=1e-8)
