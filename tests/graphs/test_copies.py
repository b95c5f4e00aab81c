"""Repeated rows of auxiliary labels: several annotators of one face."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from scipy.sparse import csr_array
from scipy.spatial.distance import cdist
from sklearn.neighbors import KNeighborsTransformer

from sklearn_ldl.graphs import AuxGraphNeighbors

NOTHING = "No two different rows of task 0 are similar"


def weights_between_faces(graph, faces):
    """Sum of the weights from every row to every face, its own left out."""
    sums = graph.toarray() @ np.eye(faces.max() + 1)[faces]
    sums[np.arange(len(faces)), faces] = 0
    return sums


@pytest.fixture
def A(rng):
    return 200 + 50 * rng.normal(size=(40, 6))


SEARCHES = {
    "exact": {},
    "wide": {"aux_groups": [[0, 1, 2], [3, 4, 5], [0, 5]]},
    "given sigma": {"sigma": 30.0},
    "manhattan": {"neighbors": KNeighborsTransformer(n_neighbors=5, metric="manhattan")},
}


@pytest.mark.parametrize("parameters", SEARCHES.values(), ids=SEARCHES)
@pytest.mark.parametrize("n_copies", [2, 3, 4, 10, None])
def test_sigma_and_weights_to_other_faces_do_not_depend_on_copies(A, rng, parameters, n_copies):
    once = AuxGraphNeighbors(**parameters).fit(A)
    # None: some faces have one annotator, some have many, in any order.
    counts = rng.integers(1, 6, 40) if n_copies is None else n_copies
    faces = rng.permutation(np.repeat(np.arange(40), counts))
    copied = AuxGraphNeighbors(**parameters).fit(A[faces])
    assert_array_equal(copied.sigmas_, once.sigmas_)
    for graph, expected in zip(copied.graphs_, once.graphs_, strict=True):
        assert_allclose(weights_between_faces(graph, faces), expected.toarray()[faces], rtol=1e-12)
        assert (graph.diagonal() == 0).all()
    new = A[:7] + rng.normal(size=(7, 6))
    found = copied.transform(new).toarray() @ np.eye(40)[faces]
    assert_allclose(found, once.transform(new).toarray(), rtol=1e-12)


def test_precomputed_distances_of_copies_are_merged(A, rng):
    faces = rng.permutation(np.repeat(np.arange(40), 3))
    expected = AuxGraphNeighbors().fit(A[faces])
    distances = csr_array(cdist(A[faces], A[faces]) + 1)
    distances.data -= 1  # zeros are stored
    found = AuxGraphNeighbors(neighbors="precomputed").fit(distances)
    assert_allclose(found.sigmas_, expected.sigmas_)
    assert_allclose(found.graph_.toarray(), expected.graph_.toarray(), rtol=1e-6)
    new = cdist(A[:5] + 1, A[faces])
    assert_allclose(
        found.transform(csr_array(new)).toarray(), expected.transform(A[:5] + 1).toarray(), 1e-6
    )


def test_precomputed_distances_of_zero_are_copies():
    distances = csr_array(([0.0, 2.0, 0.0, 2.0], ([0, 1, 1, 2], [1, 2, 0, 0])), shape=(3, 3))
    graph = AuxGraphNeighbors(2, neighbors="precomputed", sigma=2.0).fit(distances).graph_
    near = np.exp(-0.5)
    assert_allclose(graph.toarray(), [[0, 1, near], [1, 0, near], [near, 0, 0]])


def test_different_rows_at_distance_zero_are_one_place():
    # Of other metrics than the Euclidean one: rows of one direction.
    A = np.array([[1.0, 0.0], [2.0, 0.0], [0.0, 1.0], [0.0, 3.0]])
    search = KNeighborsTransformer(n_neighbors=3, metric="cosine")
    neighbors = AuxGraphNeighbors(neighbors=search).fit(A)
    assert_allclose(neighbors.sigmas_, 1)
    near = np.exp(-0.5)
    expected = [[0, 1, near, 0], [1, 0, 0, near], [near, 0, 0, 1], [0, near, 1, 0]]
    assert_allclose(neighbors.graph_.toarray(), expected)


@pytest.mark.parametrize("n_columns", [2, 136], ids=["tree", "brute"])
def test_copies_are_neighbours_besides(rng, n_columns):
    A = np.repeat(200 + 50 * rng.normal(size=(5, n_columns)), 8, axis=0)
    graph = AuxGraphNeighbors(n_neighbors=3).fit(A).graph_.toarray()
    faces = np.arange(40) // 8
    same = faces[:, None] == faces
    assert (graph.diagonal() == 0).all()
    # At most as many copies as neighbours, so that rows stay short.
    assert_array_equal(np.count_nonzero(graph * same, axis=1), 3)
    assert (graph[same & (graph > 0)] == 1).all()
    assert_array_equal(np.count_nonzero(graph * ~same, axis=1), 3)
    # The copies take turns, so that none is left out.
    assert (np.count_nonzero(graph * ~same, axis=0) > 0).sum() % 8 == 0


def test_rows_that_differ_in_the_sign_of_zero_are_copies():
    graph = AuxGraphNeighbors(1).fit([[0.0], [-0.0], [5.0]]).graph_.toarray()
    near = np.exp(-0.5)
    assert_allclose(graph, [[0, 1, near], [1, 0, near], [near, 0, 0]])


def test_where_nothing_but_copies_is_left_there_is_a_warning(A):
    with pytest.warns(UserWarning, match=f"{NOTHING}: all are equal"):
        neighbors = AuxGraphNeighbors(2).fit(np.full((4, 3), 0.1))
    assert neighbors.sigmas_ == [0]
    assert set(neighbors.graph_.data) == {1.0}
    assert neighbors.graph_.nnz == 8
    assert_array_equal(neighbors.transform(np.full((1, 3), 0.1)).toarray(), [[1, 0, 0, 0]])

    with pytest.warns(UserWarning, match=f"{NOTHING}: sigma is too small"):
        graph = AuxGraphNeighbors(2, sigma=1e-200).fit([[0.0], [1.0], [1.0]]).graph_
    assert_array_equal(graph.toarray(), [[0, 0, 0], [0, 0, 1], [0, 1, 0]])
    assert graph.nnz == 2

    distances = KNeighborsTransformer(n_neighbors=3).fit_transform(np.repeat(A, 5, axis=0))
    with pytest.warns(UserWarning, match=f"{NOTHING}: neighbors found copies alone"):
        AuxGraphNeighbors(neighbors="precomputed").fit(distances)


@given(
    st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3)), min_size=2, max_size=12),
    st.integers(1, 5),
)
@settings(max_examples=50, deadline=None)
@pytest.mark.filterwarnings(f"ignore:{NOTHING}")
def test_neighbours_are_the_nearest_of_the_distinct_rows(rows, n_neighbors):
    A = np.array(rows, dtype=float)
    distinct, faces = np.unique(A, axis=0, return_inverse=True)
    graph, distances = AuxGraphNeighbors(n_neighbors, sigma=1.0).fit(A).graph_, cdist(A, distinct)
    counts = np.bincount(faces)[faces]
    graph = graph.toarray()
    for i in range(len(A)):
        same = faces == faces[i]
        assert np.count_nonzero(graph[i, same]) == min(n_neighbors, counts[i] - 1)
        chosen = np.flatnonzero((graph[i] > 0) & ~same)
        assert len(chosen) == min(n_neighbors, len(distinct) - 1)
        assert len(set(faces[chosen])) == len(chosen)
        others = np.setdiff1d(np.arange(len(distinct)), [*faces[chosen], faces[i]])
        nearest = distances[i, faces[chosen]]
        assert nearest.max(initial=0) <= distances[i, others].min(initial=np.inf)
        assert_allclose(graph[i, chosen], np.exp(-(nearest**2) / 2))
