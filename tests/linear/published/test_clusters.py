"""Groups of similar rows."""

import warnings

import numpy as np
import scipy.sparse as sp
from numpy.testing import assert_array_equal

from sklearn_ldl.linear.published.clusters import cluster_rows, members

TWO = np.array([[0.0, 0.1], [5.0, 5.1], [0.1, 0.0], [5.1, 5.0], [0.0, 0.0]])


def clusters(A, n_clusters, seed=0, weight=None):
    return cluster_rows(A, n_clusters, np.ones(A.shape[0]) if weight is None else weight, seed)


def test_finds_the_groups():
    labels = clusters(TWO, 2)
    assert labels[0] == labels[2] == labels[4] != labels[1] == labels[3]


def test_reproducible_and_leaves_the_global_state_alone(rng):
    A = rng.standard_normal((50, 3))
    before = np.random.get_state()[1].copy()  # noqa: NPY002
    assert_array_equal(clusters(A, 6), clusters(A, 6))
    assert_array_equal(np.random.get_state()[1], before)  # noqa: NPY002


def test_fewer_rows_or_distinct_rows_than_clusters():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert sorted(clusters(TWO, 9)) == [0, 1, 2, 3, 4]
        repeated = np.repeat(TWO[:2], 10, axis=0)
        assert sorted(set(clusters(repeated, 5))) == [0, 1]
        assert_array_equal(clusters(TWO[:1], 3), [0])


def test_sparse_rows():
    labels = clusters(sp.csr_array(TWO), 2)
    assert labels[0] == labels[2] == labels[4] != labels[1] == labels[3]


def test_members_are_the_rows_of_every_cluster():
    labels = np.array([1, 0, 2, 1, 1])
    groups = members(labels)
    assert [list(rows) for rows in groups] == [[1], [0, 3, 4], [2]]
