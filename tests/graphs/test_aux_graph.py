import pickle
import re
import sys
import textwrap
from types import SimpleNamespace

import numpy as np
import pytest
import sklearn
from scipy.sparse import coo_array, csr_array, csr_matrix, issparse
from scipy.spatial.distance import cdist
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.neighbors import (
    KNeighborsTransformer,
    RadiusNeighborsTransformer,
    sort_graph_by_row_values,
)
from sklearn.preprocessing import FunctionTransformer
from sklearn.utils import get_tags

from sklearn_ldl._core.sklearn_compat import safe_split
from sklearn_ldl.graphs import AuxGraphNeighbors, aux_graph
from sklearn_ldl.graphs.table import neighbor_table
from tests import ROOT


def brute_force(A, n_neighbors, sigma="median", metric="euclidean"):
    """Dense graph and sigma, one sample at a time."""
    distances = cdist(A, A, metric)
    nearest = [
        [j for j in np.argsort(row, kind="stable") if j != i][:n_neighbors]
        for i, row in enumerate(distances)
    ]
    if sigma == "median":
        sigma = np.median([distances[i, j] for i, row in enumerate(nearest) for j in row])
    graph = np.zeros_like(distances)
    for i, row in enumerate(nearest):
        for j in row:
            graph[i, j] = np.exp(-(distances[i, j] ** 2) / (2 * sigma**2))
    return graph, sigma


@pytest.fixture
def A(rng):
    return rng.normal(size=(40, 6)) * [1, 1, 1, 5, 5, 5]


# The graph of the training samples


@pytest.mark.parametrize("sigma", ["median", 0.7, 2])
@pytest.mark.parametrize("n_neighbors", [1, 4, 39])
def test_equals_brute_force(A, n_neighbors, sigma):
    neighbors = AuxGraphNeighbors(n_neighbors, sigma=sigma).fit(A)
    graph, used = brute_force(A, n_neighbors, sigma)
    assert isinstance(neighbors.graph_, csr_array)
    np.testing.assert_allclose(neighbors.graph_.toarray(), graph, rtol=1e-12, atol=1e-300)
    np.testing.assert_allclose(neighbors.sigmas_, [used], rtol=1e-12)
    assert neighbors.n_neighbors_ == n_neighbors


def test_many_columns_equal_brute_force(rng):
    A = 200 + rng.normal(size=(30, 136))
    graph, _ = brute_force(A, 3)
    np.testing.assert_allclose(AuxGraphNeighbors(3).fit(A).graph_.toarray(), graph, rtol=1e-9)


def test_edges_are_directed():
    graph = AuxGraphNeighbors(1, sigma=1.0).fit([[0.0], [1.0], [1.5]]).graph_.toarray()
    assert graph[0, 1] > 0
    assert graph[1, 0] == 0


def test_more_neighbors_than_other_samples():
    neighbors = AuxGraphNeighbors(n_neighbors=10).fit([[0.0], [1.0], [3.0]])
    assert neighbors.n_neighbors_ == 2
    np.testing.assert_array_equal(np.diff(neighbors.graph_.indptr), [2, 2, 2])


def test_two_samples():
    graph = AuxGraphNeighbors().fit([[0.0], [1.0]]).graph_
    np.testing.assert_allclose(graph.toarray(), np.exp(-0.5) * (1 - np.eye(2)))


def test_targets_play_no_part(A, rng):
    graph = AuxGraphNeighbors().fit(A, rng.integers(3, size=40)).graph_
    np.testing.assert_array_equal(graph.toarray(), AuxGraphNeighbors().fit(A).graph_.toarray())


def test_labels_are_not_standardised(A):
    scaled = AuxGraphNeighbors().fit(A * [1, 1, 1, 1, 1, 1000]).graph_.toarray()
    np.testing.assert_array_equal(scaled > 0, brute_force(A[:, 5:], 4)[0] > 0)


def test_repeated_fits_agree_and_nothing_is_modified(A):
    before, state = A.copy(), np.random.get_state()[1].copy()  # noqa: NPY002
    neighbors = AuxGraphNeighbors(n_jobs=2)
    first = neighbors.fit(A).graph_
    np.testing.assert_array_equal(first.toarray(), neighbors.fit(A).graph_.toarray())
    np.testing.assert_array_equal(A, before)
    np.testing.assert_array_equal(np.random.get_state()[1], state)  # noqa: NPY002


# Tasks


def test_graph_is_the_sum_over_tasks(A):
    groups = [slice(0, 3), [3, 5], np.array([True, False, True, False, True, False])]
    neighbors = AuxGraphNeighbors(3, aux_groups=groups).fit(A)
    expected = [brute_force(A[:, columns], 3) for columns in groups]
    for graph, sigma, (dense, scale) in zip(
        neighbors.graphs_, neighbors.sigmas_, expected, strict=True
    ):
        np.testing.assert_allclose(graph.toarray(), dense, rtol=1e-12)
        np.testing.assert_allclose(sigma, scale)
    np.testing.assert_allclose(neighbors.graph_.toarray(), sum(dense for dense, _ in expected))
    assert [list(columns) for columns in neighbors.aux_groups_] == [[0, 1, 2], [3, 5], [0, 2, 4]]


def test_one_sigma_per_task(A):
    groups = [slice(0, 3), slice(3, None)]
    neighbors = AuxGraphNeighbors(aux_groups=groups, sigma=[0.5, "median"]).fit(A)
    np.testing.assert_allclose(neighbors.graphs_[0].toarray(), brute_force(A[:, :3], 4, 0.5)[0])
    np.testing.assert_allclose(neighbors.graphs_[1].toarray(), brute_force(A[:, 3:], 4)[0])
    assert neighbors.sigmas_[0] == 0.5
    by_array = AuxGraphNeighbors(aux_groups=groups, sigma=np.array([1, 2])).fit(A)
    np.testing.assert_array_equal(by_array.sigmas_, [1, 2])


def test_one_number_of_neighbours_per_task(A, rng):
    groups = [slice(0, 3), slice(3, None)]
    neighbors = AuxGraphNeighbors([2, 50], aux_groups=groups).fit(A)
    np.testing.assert_allclose(neighbors.graphs_[0].toarray(), brute_force(A[:, :3], 2)[0])
    np.testing.assert_allclose(neighbors.graphs_[1].toarray(), brute_force(A[:, 3:], 39)[0])
    np.testing.assert_array_equal(neighbors.n_neighbors_, [2, 39])
    queries = rng.normal(size=(5, 6))
    alone = [AuxGraphNeighbors(n).fit(A[:, part]) for n, part in zip([2, 50], groups, strict=True)]
    expected = sum(
        task.transform(queries[:, part]) for task, part in zip(alone, groups, strict=True)
    )
    np.testing.assert_allclose(neighbors.transform(queries).toarray(), expected.toarray())
    same = AuxGraphNeighbors(np.array([4, 4]), aux_groups=groups).fit(A).graph_
    one = AuxGraphNeighbors(4, aux_groups=groups).fit(A).graph_
    np.testing.assert_array_equal(same.toarray(), one.toarray())


@pytest.mark.parametrize(
    ("counts", "message"),
    [
        ([4], "n_neighbors has 1 entries for 2 tasks"),
        ([4, 0], "n_neighbors must be integers of at least 1, got 0"),
        ([4, 1.5], "got 1.5"),
        ([4, True], "got True"),
    ],
)
def test_bad_numbers_of_neighbours(A, counts, message):
    with pytest.raises(ValueError, match=message):
        AuxGraphNeighbors(counts, aux_groups=[slice(0, 3), slice(3, None)]).fit(A)


@pytest.mark.parametrize(
    ("groups", "message"),
    [
        ([], "aux_groups is empty"),
        ([[0], []], r"aux_groups\[1\]"),
        ([slice(3, 3)], r"aux_groups\[0\] selects no column"),
        ([np.zeros(6, dtype=bool)], "selects no column"),
        ([[0, 6]], "does not select from 6 columns"),
        ([slice(0, 7)], "does not select from 6 columns"),
        ([[True, False]], "does not select from 6 columns"),
        ([[0.0, 1.0]], "does not select from 6 columns"),
        ([["landmark"]], "does not select from 6 columns"),
        ([[0, 1, 0]], "repeats a column"),
        ([[5, -1]], "repeats a column"),
        ([0, 1, 2], "must be a slice, an array of column indices or a mask"),
    ],
)
def test_bad_groups(A, groups, message):
    with pytest.raises(ValueError, match=message):
        AuxGraphNeighbors(aux_groups=groups).fit(A)


@pytest.mark.parametrize("sigma", [0, -1.0, "mean", np.inf, np.nan, None])
def test_bad_sigma(A, sigma):
    with pytest.raises(ValueError, match="'sigma' parameter"):
        AuxGraphNeighbors(sigma=sigma).fit(A)


@pytest.mark.parametrize("sigma", [[1.0, 0.0], [1, -2], [1, np.nan], [1, np.inf], ["mean", 1]])
def test_bad_sigma_of_a_task(A, sigma):
    with pytest.raises(ValueError, match="positive numbers or 'median'"):
        AuxGraphNeighbors(sigma=sigma, aux_groups=[[0], [1]]).fit(A)


@pytest.mark.parametrize("groups", [None, [[0], [1], [2]]])
def test_wrong_number_of_sigmas(A, groups):
    with pytest.raises(ValueError, match="sigma has 2 entries"):
        AuxGraphNeighbors(sigma=[1, 2], aux_groups=groups).fit(A)


# New samples


def test_transform_finds_the_nearest_training_samples(A, rng):
    queries = rng.normal(size=(7, 6))
    neighbors = AuxGraphNeighbors(3, sigma=4.0).fit(A)
    distances = cdist(queries, A)
    expected = np.exp(-(distances**2) / 32)
    expected[distances > np.sort(distances)[:, [2]]] = 0
    np.testing.assert_allclose(neighbors.transform(queries).toarray(), expected)


def test_transform_sums_over_tasks_with_the_fitted_sigmas(A, rng):
    queries, groups = rng.normal(size=(7, 6)), [slice(0, 3), slice(3, 6)]
    both = AuxGraphNeighbors(aux_groups=groups).fit(A)
    parts = [AuxGraphNeighbors().fit(A[:, g]).transform(queries[:, g]) for g in groups]
    np.testing.assert_allclose(both.transform(queries).toarray(), (parts[0] + parts[1]).toarray())


def test_transform_excludes_nothing(A):
    neighbors = AuxGraphNeighbors(3).fit(A)
    graph = neighbors.transform(A).toarray()
    assert (graph.diagonal() == 1).all()
    np.testing.assert_array_equal(np.count_nonzero(graph, axis=1), 3)
    np.testing.assert_array_equal(AuxGraphNeighbors(3).fit_transform(A).toarray(), graph)
    assert (neighbors.graph_.diagonal() == 0).all()


def test_transform_before_fit():
    with pytest.raises(NotFittedError):
        AuxGraphNeighbors().transform([[0.0]])


def test_transform_wants_the_fitted_columns(A):
    with pytest.raises(ValueError, match="expecting 6 features"):
        AuxGraphNeighbors().fit(A).transform(A[:, :4])


# Input


def test_frames(A, make_frame):
    names = [f"AU{k}" for k in range(6)]
    neighbors = AuxGraphNeighbors(aux_groups=[[0, 1], [2]]).fit(make_frame(A, names))
    plain = AuxGraphNeighbors(aux_groups=[[0, 1], [2]]).fit(A)
    np.testing.assert_array_equal(neighbors.graph_.toarray(), plain.graph_.toarray())
    np.testing.assert_array_equal(neighbors.feature_names_in_, names)


def test_single_precision(A):
    single = AuxGraphNeighbors().fit(A.astype(np.float32))
    assert single.graph_.dtype == np.float64
    expected = AuxGraphNeighbors().fit(A).graph_.toarray()
    np.testing.assert_allclose(single.graph_.toarray(), expected, rtol=1e-4)


def test_a_preference_for_frames_does_not_reach_the_search(A):
    pytest.importorskip("pandas")
    for neighbors in (None, KNeighborsTransformer(n_neighbors=4)):
        with sklearn.config_context(transform_output="pandas"):
            fitted = AuxGraphNeighbors(neighbors=neighbors).fit(A)
            assert issparse(fitted.transform(A))


def test_pickling(A, rng):
    neighbors = AuxGraphNeighbors(aux_groups=[slice(0, 3), slice(3, 6)]).fit(A)
    again, queries = pickle.loads(pickle.dumps(neighbors)), rng.normal(size=(5, 6))
    np.testing.assert_array_equal(again.graph_.toarray(), neighbors.graph_.toarray())
    expected = neighbors.transform(queries).toarray()
    np.testing.assert_array_equal(again.transform(queries).toarray(), expected)


@pytest.mark.parametrize(
    ("A", "message"),
    [
        ([np.zeros((5, 2)), np.zeros((5, 2))], "one 2-D array"),
        ([np.zeros((5, 2)), np.zeros((5, 3))], "one 2-D array"),
        ({"landmarks": np.zeros((5, 2))}, "one 2-D array"),
        (np.zeros((5, 68, 2)), "dim 3"),
        ([[1.0, 2.0], [3.0]], "inhomogeneous"),
        (np.zeros(5), "Expected 2D array"),
        (np.array([[0.0], [np.nan]]), "NaN"),
        (np.array([[0.0], [np.inf]]), "infinity"),
        (np.zeros((1, 3)), "minimum of 2"),
        (np.zeros((0, 3)), "0 sample"),
        (np.zeros((3, 0)), "0 feature"),
    ],
)
def test_bad_auxiliary_labels(A, message):
    with pytest.raises(ValueError, match=message):
        AuxGraphNeighbors().fit(A)


@pytest.mark.parametrize(
    ("bad", "message"),
    [(np.full((5, 6), np.nan), "NaN"), ([np.zeros((5, 3))] * 2, "one 2-D array")],
)
def test_bad_auxiliary_labels_of_new_samples(A, bad, message):
    with pytest.raises(ValueError, match=message):
        AuxGraphNeighbors().fit(A).transform(bad)


def test_sparse_labels_are_refused(A):
    with pytest.raises(TypeError, match=r"[Ss]parse"):
        AuxGraphNeighbors().fit(csr_array(A))


@pytest.mark.parametrize(
    ("name", "value"),
    [("n_neighbors", 0), ("n_neighbors", 2.5), ("algorithm", "fast"), ("neighbors", "knn")],
)
def test_bad_parameters(A, name, value):
    with pytest.raises(ValueError, match=f"'{name}' parameter"):
        AuxGraphNeighbors(**{name: value}).fit(A)


# Other searches


def test_a_foreign_transformer_brings_its_metric(A, rng):
    search = KNeighborsTransformer(n_neighbors=5, metric="manhattan")
    neighbors = AuxGraphNeighbors(3, neighbors=search, aux_groups=[[0, 1], [3, 4]]).fit(A)
    for columns, graph in zip(neighbors.aux_groups_, neighbors.graphs_, strict=True):
        expected = brute_force(A[:, columns], 3, metric="cityblock")[0]
        np.testing.assert_allclose(graph.toarray(), expected)
    np.testing.assert_array_equal(np.diff(neighbors.transform(A[:6]).indptr) >= 3, True)
    assert not hasattr(search, "n_features_in_")
    assert clone(neighbors).set_params(neighbors__p=1).neighbors.p == 1


def test_a_foreign_transformer_may_find_few(A):
    search = RadiusNeighborsTransformer(radius=3.0)
    distances = cdist(A, A)
    within = (distances <= 3) & ~np.eye(40, dtype=bool)
    assert 0 < within.sum(axis=1).max() < 20
    with pytest.warns(UserWarning, match="n_neighbors asks for 20"):
        neighbors = AuxGraphNeighbors(20, sigma=1.0, neighbors=search).fit(A)
    np.testing.assert_allclose(
        neighbors.graph_.toarray(), np.where(within, np.exp(-(distances**2) / 2), 0)
    )


def test_a_foreign_transformer_that_finds_nobody(A):
    with pytest.raises(ValueError, match="no neighbour of any sample in task 0"):
        AuxGraphNeighbors(neighbors=RadiusNeighborsTransformer(radius=1e-9)).fit(A)


def test_ones_for_distances_are_refused(A):
    with pytest.raises(ValueError, match="mode to 'distance'"):
        AuxGraphNeighbors(neighbors=KNeighborsTransformer(mode="connectivity")).fit(A)


@pytest.mark.parametrize(
    ("search", "error", "message"),
    [
        (lambda X: X, TypeError, "must return a sparse graph, got ndarray"),
        (csr_matrix, ValueError, r"shape \(40, 6\), expected \(40, 40\)"),
        (lambda X: csr_array(-cdist(X, X)), ValueError, "negative, infinite or NaN"),
        (lambda X: csr_array(np.full((40, 40), np.nan)), ValueError, "negative, infinite or NaN"),
        (lambda X: csr_array(np.full((40, 40), np.inf)), ValueError, "negative, infinite or NaN"),
    ],
)
def test_foreign_transformers_that_are_no_search(A, search, error, message):
    with pytest.raises(error, match=message):
        AuxGraphNeighbors(neighbors=FunctionTransformer(search)).fit(A)


class Forgetful(KNeighborsTransformer):
    """Stands for an approximate search: sample 0 is never found, index -1 says so."""

    def transform(self, X):
        graph = super().transform(X)
        missing = graph.indices == 0
        graph.indices[missing], graph.data[missing] = -1, np.inf
        return graph


def test_index_minus_one_is_no_edge(A):
    neighbors = AuxGraphNeighbors(3, sigma=2.0, neighbors=Forgetful(n_neighbors=4)).fit(A)
    graph = neighbors.graph_.toarray()
    complete = brute_force(A, 4, 2.0)[0]
    assert complete[:, 0].any()
    for i in range(40):
        expected = complete[i] * (np.arange(40) != 0)
        expected[expected < np.sort(expected)[-3]] = 0
        np.testing.assert_allclose(graph[i], expected)
    assert neighbors.transform(A[:1]).toarray()[0, 0] == 0


def doc_class(name):
    """A class that the guide shows, so that what is printed there is what is tested."""
    text = (ROOT / "doc" / "guide" / "scaling.rst").read_text("utf-8")
    blocks = re.findall(r"^\.\. code-block:: python\n\n((?: .*\n|\n)+)", text, re.MULTILINE)
    [block] = [block for block in blocks if f"class {name}" in block]
    namespace = {"__name__": "guide"}
    exec(compile(textwrap.dedent(block), "scaling.rst", "exec"), namespace)
    return namespace[name]


@pytest.mark.parametrize("groups", [None, [slice(0, 3), slice(3, 6)]])
def test_faiss(A, rng, groups):
    pytest.importorskip("faiss")
    search = doc_class("FaissTransformer")(n_neighbors=5)
    exact = AuxGraphNeighbors(aux_groups=groups).fit(A)
    found = AuxGraphNeighbors(aux_groups=groups, neighbors=search).fit(A)
    np.testing.assert_allclose(found.graph_.toarray(), exact.graph_.toarray(), rtol=1e-4)
    queries = rng.normal(size=(7, 6))
    expected = exact.transform(queries).toarray()
    np.testing.assert_allclose(found.transform(queries).toarray(), expected, rtol=1e-4)
    cells = clone(found).set_params(neighbors__index="IVF8,Flat").fit(A)
    # Most cells have fewer than five samples: the index fills up with -1.
    assert 0 < np.diff(cells.graphs_[0].indptr).min() < 4
    assert cells.graph_.multiply(exact.graph_ > 0).nnz > exact.graph_.nnz / 4


# Precomputed distances


def distances_of(A, n_neighbors=4):
    return KNeighborsTransformer(n_neighbors=n_neighbors).fit_transform(A)


@pytest.mark.parametrize("kind", [csr_matrix, csr_array, coo_array])
def test_precomputed_distances(A, rng, kind):
    queries = rng.normal(size=(7, 6))
    search = KNeighborsTransformer(n_neighbors=4).fit(A)
    expected = AuxGraphNeighbors().fit(A)
    given = kind(search.transform(A))
    before = given.copy()
    found = AuxGraphNeighbors(neighbors="precomputed").fit(given)
    np.testing.assert_allclose(found.graph_.toarray(), expected.graph_.toarray(), rtol=1e-6)
    np.testing.assert_allclose(found.sigmas_, expected.sigmas_)
    assert found.n_features_in_ == 40
    np.testing.assert_allclose(
        found.transform(kind(search.transform(queries))).toarray(),
        expected.transform(queries).toarray(),
        rtol=1e-6,
    )
    np.testing.assert_array_equal(given.toarray(), before.toarray())
    again = pickle.loads(pickle.dumps(clone(found).fit(given)))
    np.testing.assert_array_equal(again.graph_.toarray(), found.graph_.toarray())


def test_precomputed_distances_may_be_more_and_in_order(A):
    expected = AuxGraphNeighbors(3).fit(A).graph_.toarray()
    given = sort_graph_by_row_values(distances_of(A, 12), warn_when_not_sorted=False)
    for distances in (given, given.astype(np.float32)):
        found = AuxGraphNeighbors(3, neighbors="precomputed").fit(distances)
        np.testing.assert_allclose(found.graph_.toarray(), expected, rtol=1e-4)


def test_of_equally_near_samples_those_of_lower_index_are_neighbours():
    given = csr_array(np.ones((4, 4)) - np.eye(4))
    given[0, 3] = 0.5
    graph = AuxGraphNeighbors(2, neighbors="precomputed", sigma=1.0).fit(given).graph_.toarray()
    expected = [[0, 1, 0, 1], [1, 0, 1, 0], [1, 1, 0, 0], [1, 1, 0, 0]]
    np.testing.assert_array_equal(graph > 0, np.array(expected, dtype=bool))


def test_cross_validation_slices_precomputed_distances_on_both_sides(A):
    neighbors = AuxGraphNeighbors(3, neighbors="precomputed", sigma=3.0)
    tags = get_tags(neighbors).input_tags
    assert tags.pairwise
    assert tags.sparse
    assert not get_tags(AuxGraphNeighbors()).input_tags.pairwise
    given, train, test = distances_of(A, 39), np.arange(0, 30), np.arange(30, 40)
    inner, _ = safe_split(neighbors, given, None, train)
    outer, _ = safe_split(neighbors, given, None, test, train)
    expected = AuxGraphNeighbors(3, sigma=3.0).fit(A[train])
    found = neighbors.fit(inner)
    np.testing.assert_allclose(found.graph_.toarray(), expected.graph_.toarray(), rtol=1e-6)
    np.testing.assert_allclose(
        found.transform(outer).toarray(), expected.transform(A[test]).toarray(), rtol=1e-6
    )


@pytest.mark.parametrize(
    ("make", "parameters", "error", "message"),
    [
        (lambda G: G.toarray(), {}, TypeError, "graph must be sparse, got ndarray"),
        (lambda G: G[:, :30], {}, ValueError, r"graph must be square, got shape \(40, 30\)"),
        (lambda G: G * np.nan, {}, ValueError, "NaN"),
        (lambda G: -G, {}, ValueError, "negative, infinite or NaN"),
        (lambda G: csr_array((40, 40)), {}, ValueError, "no neighbour of any sample"),
        (lambda G: G, {"aux_groups": [[0], [1]]}, ValueError, "leave aux_groups at None"),
    ],
)
def test_bad_precomputed_distances(A, make, parameters, error, message):
    with pytest.raises(error, match=message):
        AuxGraphNeighbors(neighbors="precomputed", **parameters).fit(make(distances_of(A)))


def test_precomputed_distances_of_new_samples_are_to_the_fitted_ones(A):
    found = AuxGraphNeighbors(neighbors="precomputed").fit(distances_of(A))
    with pytest.raises(ValueError, match="expecting 40 features"):
        found.transform(csr_array((3, 30)))
    with pytest.raises(TypeError, match="sparse graph, got ndarray"):
        found.transform(np.zeros((3, 40)))


# The approximate search


class FakeTransformer(KNeighborsTransformer):
    """pynndescent's interface: single precision, and index -1 at the end of each row."""

    def __init__(self, n_neighbors=30, n_jobs=None, random_state=None):
        super().__init__(n_neighbors=n_neighbors, n_jobs=n_jobs)
        self.random_state = random_state

    def transform(self, X):
        graph = super().transform(X)
        rows = np.repeat(np.arange(len(X)), np.diff(graph.indptr) + 1)
        columns = np.insert(graph.indices, graph.indptr[1:], -1)
        data = np.insert(graph.data.astype(np.float32), graph.indptr[1:], np.inf)
        found = coo_array(graph.shape, dtype=np.float32)
        found.row, found.col, found.data = rows.astype(np.int32), columns, data
        return found.tocsr()


@pytest.fixture
def fake_pynndescent(monkeypatch):
    module = SimpleNamespace(PyNNDescentTransformer=FakeTransformer)
    monkeypatch.setitem(sys.modules, "pynndescent", module)


@pytest.mark.usefixtures("fake_pynndescent")
def test_approximate_search_is_cut_and_its_distances_refined(A, rng):
    exact = AuxGraphNeighbors(3).fit(A)
    approximate = AuxGraphNeighbors(3, algorithm="approximate", random_state=7).fit(A)
    np.testing.assert_allclose(approximate.graph_.toarray(), exact.graph_.toarray(), rtol=1e-12)
    queries = rng.normal(size=(5, 6))
    expected = exact.transform(queries).toarray()
    np.testing.assert_allclose(approximate.transform(queries).toarray(), expected, rtol=1e-12)
    search = approximate._searches[0].search
    assert (search.n_neighbors, search.n_jobs, search.random_state) == (14, 1, 7)


@pytest.mark.usefixtures("fake_pynndescent")
@pytest.mark.parametrize(("n_neighbors", "asked"), [(3, 14), (20, 20), (60, 39)])
def test_approximate_search_asks_for_enough(A, n_neighbors, asked):
    fitted = AuxGraphNeighbors(n_neighbors, algorithm="approximate").fit(A)
    assert fitted._searches[0].search.n_neighbors == asked


@pytest.mark.usefixtures("fake_pynndescent")
@pytest.mark.parametrize(
    ("algorithm", "n_samples", "expected"),
    [
        ("auto", 20, KNeighborsTransformer),
        ("auto", 21, FakeTransformer),
        ("exact", 21, KNeighborsTransformer),
        ("approximate", 20, FakeTransformer),
    ],
)
def test_algorithm_follows_the_number_of_samples(A, monkeypatch, algorithm, n_samples, expected):
    monkeypatch.setattr(aux_graph, "EXACT_MAX_ROWS", 20)
    fitted = AuxGraphNeighbors(algorithm=algorithm).fit(A[:n_samples])
    assert type(fitted._searches[0].search) is expected


def test_missing_extra(A, monkeypatch):
    monkeypatch.setitem(sys.modules, "pynndescent", None)
    with pytest.raises(ImportError, match=r'pip install "sklearn-ldl\[graph\]"'):
        AuxGraphNeighbors(algorithm="approximate").fit(A)


@pytest.mark.slow
def test_pynndescent(rng):
    pynndescent = pytest.importorskip("pynndescent")
    A = rng.normal(size=(2000, 8))
    A[100:110] = A[0]
    exact = AuxGraphNeighbors().fit(A)
    approximate = AuxGraphNeighbors(algorithm="approximate", random_state=0).fit(A)
    graph = approximate.graph_
    assert (graph.diagonal() == 0).all()
    # Eleven equal rows have as many copies as they have neighbours.
    assert (np.diff(graph.indptr) <= 4 + 4 * (A[0] == A).all(axis=1)).all()
    recall = graph.multiply(exact.graph_ > 0).nnz / exact.graph_.nnz
    assert recall > 0.95
    np.testing.assert_allclose(approximate.sigmas_, exact.sigmas_, rtol=0.01)
    assert (graph[[0], :].data == 1).sum() == 4

    # pynndescent finds others with other numbers of threads.
    for parallel in (approximate, clone(approximate).set_params(n_jobs=2).fit(A)):
        again = clone(parallel).fit(A)
        np.testing.assert_array_equal(again.graph_.toarray(), parallel.graph_.toarray())
    queries = rng.normal(size=(50, 8))
    found = approximate.transform(queries)
    restored = pickle.loads(pickle.dumps(approximate))
    np.testing.assert_array_equal(restored.transform(queries).toarray(), found.toarray())
    expected = exact.transform(queries)
    assert found.multiply(expected > 0).nnz / expected.nnz > 0.9

    search = pynndescent.PyNNDescentTransformer(n_neighbors=14, random_state=0)
    foreign = AuxGraphNeighbors(neighbors=search.set_params(n_jobs=1)).fit(A).graph_
    np.testing.assert_allclose(foreign.toarray(), graph.toarray(), rtol=1e-3)
    tiny = AuxGraphNeighbors(algorithm="approximate", random_state=0).fit(A[:3]).graph_
    np.testing.assert_array_equal(np.diff(tiny.indptr), [2, 2, 2])


# Dense tables


def test_neighbor_table_holds_the_graph(A):
    graph = AuxGraphNeighbors(3, aux_groups=[slice(0, 3), slice(3, 6)]).fit(A).graph_
    indices, weights = neighbor_table(graph)
    counts = np.diff(graph.indptr)
    assert indices.shape == weights.shape == (40, counts.max())
    assert counts.min() < counts.max()
    dense = np.zeros((40, 40))
    np.add.at(dense, (np.arange(40)[:, None], indices), weights)
    np.testing.assert_array_equal(dense, graph.toarray())
    own = np.broadcast_to(np.arange(40)[:, None], indices.shape)
    np.testing.assert_array_equal(indices[weights == 0], own[weights == 0])


def test_neighbor_table_without_edges():
    indices, weights = neighbor_table(csr_array((3, 3)))
    assert indices.shape == weights.shape == (3, 0)


def test_neighbor_table_takes_any_sparse_format_and_leaves_it_alone():
    graph = coo_array(([0.2, 0.3], ([0, 0], [1, 1])), shape=(2, 2))
    indices, weights = neighbor_table(graph)
    np.testing.assert_array_equal(indices, [[1], [1]])
    np.testing.assert_allclose(weights, [[0.5], [0]])
    assert graph.nnz == 2


def test_neighbor_table_refuses_other_graphs(A):
    with pytest.raises(TypeError, match="must be sparse, got ndarray"):
        neighbor_table(np.eye(3))
    with pytest.raises(ValueError, match="must be square"):
        neighbor_table(AuxGraphNeighbors().fit(A).transform(A[:3]))
