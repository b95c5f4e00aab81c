"""State in plain values: it comes back as it was, and forged trees do not."""

import copy
import pickle

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from scipy.sparse import csc_matrix, csr_array, csr_matrix
from sklearn.datasets import make_classification
from sklearn.ensemble import RandomForestRegressor
from sklearn.neighbors import NearestNeighbors
from sklearn.tree import DecisionTreeRegressor

from sklearn_ldl import KNeighborsLDL
from sklearn_ldl._core.plain_state import KIND, PlainState
from sklearn_ldl._core.sklearn_compat import STATEFUL_PARTS, stateful_part
from sklearn_ldl.datasets import make_ldl

X, D = make_ldl(80, random_state=0)


class Holder(PlainState):
    def __init__(self, **attributes):
        vars(self).update(attributes)


def test_every_part_of_scikit_learn_is_there():
    for name in STATEFUL_PARTS:
        assert stateful_part(name).__name__ == name
    with pytest.raises(ValueError, match="'system' is no part"):
        stateful_part("system")


@pytest.mark.parametrize("kind", [csr_array, csr_matrix, csc_matrix])
def test_sparse_arrays(kind):
    whole = kind(np.where(X > 0.5, X, 0))
    holder = Holder(inside=[{"whole": (whole,)}])
    assert KIND in str(holder.__getstate__())
    found = copy.deepcopy(holder).inside[0]["whole"][0]
    assert type(found) is kind
    assert_array_equal(found.toarray(), whole.toarray())


@pytest.mark.parametrize("algorithm", ["kd_tree", "ball_tree", "brute"])
def test_neighbours_are_found_again(algorithm):
    model = KNeighborsLDL(algorithm=algorithm, metric="minkowski", p=3).fit(X, D)
    state = model.__getstate__()
    assert state["_tree"] is None
    again = pickle.loads(pickle.dumps(model))
    assert type(again._tree) is type(model._tree)
    assert_array_equal(again.predict(X), model.predict(X))
    search = NearestNeighbors(algorithm=algorithm).fit(X)
    for expected, found in zip(
        search.kneighbors(X), copy.deepcopy(Holder(search=search)).search.kneighbors(X), strict=True
    ):
        assert_array_equal(found, expected)


def test_forests_with_missing_values():
    holes = np.where(X > 1, np.nan, X)
    forest = RandomForestRegressor(3, random_state=0).fit(holes, D)
    again = copy.deepcopy(Holder(forest=forest)).forest
    assert_array_equal(again.predict(holes), forest.predict(holes))
    assert_array_equal(again.feature_importances_, forest.feature_importances_)
    assert again.get_params() == forest.get_params()


def test_one_object_stays_one():
    tree = DecisionTreeRegressor().fit(X, D)
    again = copy.deepcopy(Holder(first=tree, second=[tree]))
    assert again.first is again.second[0]
    assert again.first is not tree


def forged(change):
    """State of a holder of a tree, in which nodes are changed."""
    tree = DecisionTreeRegressor(max_depth=2, random_state=0).fit(
        *make_classification(random_state=0)
    )
    state = copy.deepcopy(Holder(tree=tree).__getstate__())
    arrays = state["tree"]["content"]["tree_"]["content"]["arrays"]
    arrays["nodes"] = arrays["nodes"].copy()
    change(arrays)
    return state


@pytest.mark.parametrize(
    ("field", "node", "value"),
    [
        ("left_child", 0, 10**6),
        ("left_child", 0, -5),
        ("right_child", 0, 0),  # for ever
        ("right_child", 1, -1),
        ("feature", 0, 20),
        ("feature", 0, -3),
    ],
)
def test_trees_that_lead_nowhere_are_refused(field, node, value):
    def change(arrays):
        arrays["nodes"][field][node] = value

    with pytest.raises(ValueError, match="nodes that lead nowhere"):
        Holder.__new__(Holder).__setstate__(forged(change))


def test_trees_of_other_sizes_are_refused():
    def shorten(arrays):
        arrays["values"] = arrays["values"][:-1]

    with pytest.raises(ValueError, match="other numbers of nodes"):
        Holder.__new__(Holder).__setstate__(forged(shorten))
    unchanged = Holder.__new__(Holder)
    unchanged.__setstate__(forged(lambda arrays: None))
    assert unchanged.tree.tree_.node_count == 7


@pytest.mark.parametrize("kind", ["KDTree", "BallTree"])
def test_trees_of_neighbours_are_never_taken_as_they_are(kind):
    state = {"search": {KIND: kind, "content": {0: X, 1: np.arange(10**6)}}}
    with pytest.raises(ValueError, match="built of its points"):
        Holder.__new__(Holder).__setstate__(state)
