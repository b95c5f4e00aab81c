import copy
import pickle

import numpy as np
import pandas as pd
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_array_equal
from scipy.sparse import csr_array
from sklearn import config_context
from sklearn.dummy import DummyRegressor
from sklearn.model_selection import GridSearchCV, KFold, cross_validate
from sklearn.neighbors import KNeighborsRegressor

from sklearn_ldl.datasets import (
    IMBALANCED_PROTOCOLS,
    ImbalancedKFold,
    make_imbalanced_ldl,
    make_ldl,
    read_mat,
)

BOUNDS = {"head_max": 0.9, "tail_min": 1}


@pytest.fixture(scope="module")
def data():
    return make_ldl(300, random_state=0)


@pytest.fixture
def cv():
    return ImbalancedKFold(head=2, tail=0, n_splits=5, **BOUNDS)


def test_selection_by_hand():
    D = np.array(
        [
            [0.500, 0.250, 0.125, 0.125],  # head low, tail high: kept
            [0.375, 0.250, 0.125, 0.250],  # head on its bound
            [0.250, 0.500, 0.125, 0.125],  # tail on its bound, but the most of label 1: kept
            [0.750, 0.000, 0.000, 0.250],  # head on its bound, but the most of label 0: kept
            [0.000, 0.250, 0.000, 0.750],  # the most of label 3: kept
            [0.000, 0.250, 0.000, 0.750],  # as much of it, but later
            [0.250, 0.125, 0.500, 0.125],  # tail on its bound, but the most of label 2: kept
            [0.250, 0.375, 0.250, 0.125],  # tail on its bound
            [0.500, 0.125, 0.250, 0.125],  # head low, tail high: kept
        ]
    )
    X = np.arange(9)[:, None]
    rows, selected = make_imbalanced_ldl(X, D, 3, 0, head_max=1, tail_min=1)
    assert_array_equal(rows.ravel(), [0, 2, 3, 4, 6, 8])
    assert_array_equal(selected, D[rows.ravel()])


@settings(max_examples=50, deadline=None)
@given(
    n_labels=st.integers(2, 6),
    n_samples=st.integers(4, 40),
    head_max=st.floats(0.1, 6),
    tail_min=st.floats(0, 3),
    seed=st.integers(0, 2**16),
)
def test_every_training_row_is_selected_for_a_reason(n_labels, n_samples, head_max, tail_min, seed):
    D = np.random.default_rng(seed).dirichlet(np.full(n_labels, 0.5), size=n_samples)
    cv = ImbalancedKFold(head=0, tail=1, head_max=head_max, tail_min=tail_min, n_splits=2)
    plain = KFold(2, shuffle=True, random_state=0)
    try:
        folds = list(cv.split(D, D))
    except ValueError as error:
        assert "leave no row" in str(error)  # noqa: PT017
        return
    for (train, test), (full_train, full_test) in zip(folds, plain.split(D), strict=True):
        assert_array_equal(test, full_test)
        expected = {int(full_train[j]) for j in D[full_train].argmax(axis=0)}
        expected |= {
            int(i)
            for i in full_train
            if D[i, 0] < head_max / n_labels and D[i, 1] > tail_min / n_labels
        }
        assert train.tolist() == sorted(expected)


def test_test_folds_are_those_of_a_shuffled_k_fold(data, cv):
    plain = KFold(5, shuffle=True, random_state=0)
    for (train, test), (full_train, full_test) in zip(
        cv.split(*data), plain.split(*data), strict=True
    ):
        assert_array_equal(test, full_test)
        assert set(train) < set(full_train)


def test_training_is_imbalanced(data, cv):
    X, D = data
    mean = D.mean(axis=0)
    for train, _ in cv.split(X, D):
        assert D[train, 2].mean() < mean[2]
        assert D[train, 0].mean() > mean[0]


def test_defaults_and_representation():
    cv = ImbalancedKFold(head=2, tail=0, head_max=1, tail_min=2)
    assert cv.get_n_splits() == 10
    assert " ".join(repr(cv).split()) == (
        "ImbalancedKFold(head=2, head_max=1, n_splits=10, random_state=0, shuffle=True, "
        "tail=0, tail_min=2)"
    )


def test_without_shuffling_the_seed_does_not_matter(data):
    cv = ImbalancedKFold(head=2, tail=0, **BOUNDS, shuffle=False)
    _, test = next(cv.split(*data))
    assert_array_equal(test, np.arange(30))


def test_repeated_splits_copies_and_pickles_agree(data, cv):
    first = [train.tolist() for train, _ in cv.split(*data)]
    for other in (cv, copy.deepcopy(cv), pickle.loads(pickle.dumps(cv))):
        assert [train.tolist() for train, _ in other.split(*data)] == first


def test_other_seeds_give_other_folds(data, cv):
    other = ImbalancedKFold(head=2, tail=0, n_splits=5, random_state=1, **BOUNDS)
    assert next(cv.split(*data))[1].tolist() != next(other.split(*data))[1].tolist()


@pytest.mark.parametrize("frame", [pd.DataFrame, pl.DataFrame, np.ndarray.tolist])
def test_containers(data, cv, frame):
    X, D = data
    expected = [train.tolist() for train, _ in cv.split(X, D)]
    assert [train.tolist() for train, _ in cv.split(frame(X), frame(D))] == expected


def test_grid_search(data, cv):
    search = GridSearchCV(KNeighborsRegressor(), {"n_neighbors": [1, 3]}, cv=cv, n_jobs=2)
    search.fit(*data)
    assert np.isfinite(search.cv_results_["mean_test_score"]).all()
    assert search.n_splits_ == 5


def test_cross_validation_trains_on_the_selected_rows(data, cv):
    X, D = data
    fitted = cross_validate(DummyRegressor(), X, D, cv=cv, return_estimator=True)["estimator"]
    for dummy, (train, _) in zip(fitted, cv.split(X, D), strict=True):
        np.testing.assert_allclose(dummy.constant_.ravel(), D[train].mean(axis=0))


def test_metadata_routing_leaves_the_splitter_alone(data, cv):
    with config_context(enable_metadata_routing=True):
        assert len(cross_validate(DummyRegressor(), *data, cv=cv, params={})["test_score"]) == 5


def test_groups_are_ignored_with_a_warning(data, cv):
    with pytest.warns(UserWarning, match="groups parameter is ignored by ImbalancedKFold"):
        next(cv.split(*data, groups=np.zeros(300)))


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"head": -1}, "head must be a column number"),
        ({"head": 1.0}, "head must be a column number"),
        ({"tail": True}, "tail must be a column number"),
        ({"tail": None}, "tail must be a column number"),
        ({"head": 0}, "head and tail must be different labels, got 0"),
        ({"head_max": 0}, "head_max must be a positive number, got 0"),
        ({"head_max": np.nan}, "head_max must be a positive number"),
        ({"head_max": "1"}, "head_max must be a positive number"),
        ({"tail_min": -0.1}, "tail_min must be a non-negative number, got -0.1"),
        ({"tail_min": np.inf}, "tail_min must be a non-negative number"),
    ],
)
def test_bad_bounds(data, parameters, message):
    parameters = {"head": 2, "tail": 0, **BOUNDS, **parameters}
    with pytest.raises(ValueError, match=message):
        ImbalancedKFold(**parameters)
    with pytest.raises(ValueError, match=message):
        make_imbalanced_ldl(*data, **parameters)


def test_bad_number_of_folds(data):
    with pytest.raises(ValueError, match="n_splits=1"):
        ImbalancedKFold(head=2, tail=0, n_splits=1, **BOUNDS)
    with pytest.raises(ValueError, match="n_splits=301 greater"):
        next(ImbalancedKFold(head=2, tail=0, n_splits=301, **BOUNDS).split(*data))


def test_labels_by_name(data):
    X, D = data
    frame = pd.DataFrame(D, columns=["low", "middle", "high"])
    by_number = list(ImbalancedKFold(head=2, tail=0, **BOUNDS).split(X, D))
    for columns in (["low", "middle", "high"], ["high", "low", "middle"]):
        by_name = ImbalancedKFold(head="high", tail="low", **BOUNDS).split(X, frame[columns])
        for one, other in zip(by_number, by_name, strict=True):
            assert_array_equal(one[0], other[0])
    selected = make_imbalanced_ldl(X, frame, "high", "low", **BOUNDS)[1]
    assert_array_equal(selected, make_imbalanced_ldl(X, D, 2, 0, **BOUNDS)[1])
    with pytest.raises(ValueError, match=r"no label 'a'; the names of the columns are \['low'"):
        make_imbalanced_ldl(X, frame, "a", 2, **BOUNDS)
    with pytest.raises(ValueError, match="different labels, got 'high' and 2"):
        make_imbalanced_ldl(X, frame, "high", 2, **BOUNDS)


def test_label_out_of_range(data):
    with pytest.raises(ValueError, match="head=3 is out of range: there are 3 labels"):
        next(ImbalancedKFold(head=3, tail=0, **BOUNDS).split(*data))
    with pytest.raises(ValueError, match="tail=9 is out of range"):
        make_imbalanced_ldl(*data, 0, 9, **BOUNDS)


def test_bounds_that_leave_nothing(data):
    with pytest.raises(ValueError, match="tail_min=3 leave no row of 300: raise head_max"):
        make_imbalanced_ldl(*data, 2, 0, head_max=0.9, tail_min=3)


def test_y_must_be_label_distributions(data, cv):
    X, D = data
    with pytest.raises(ValueError, match="needs y, the label distributions"):
        next(cv.split(X))
    with pytest.raises(ValueError, match="y is not a label distribution"):
        next(cv.split(X, D.argmax(axis=1)))
    with pytest.raises(ValueError, match="row 7 contains NaN"):
        next(cv.split(X, np.where(np.arange(300)[:, None] == 7, np.nan, D)))
    with pytest.raises(ValueError, match="D is not a label distribution: row 0 sums to 2"):
        make_imbalanced_ldl(X, 2 * D, 2, 0, **BOUNDS)


def test_mismatched_lengths(data, cv):
    X, D = data
    with pytest.raises(ValueError, match="inconsistent numbers of samples"):
        next(cv.split(X[:-1], D))
    with pytest.raises(ValueError, match="inconsistent numbers of samples"):
        make_imbalanced_ldl(X[:-1], D, 2, 0, **BOUNDS)


def test_subset_keeps_types_and_rows_together(data):
    X, D = data
    X0, D0 = make_imbalanced_ldl(X, D, 2, 0, **BOUNDS)
    for convert in (pd.DataFrame, csr_array):
        X1, D1 = make_imbalanced_ldl(convert(X), pd.DataFrame(D), 2, 0, **BOUNDS)
        assert isinstance(X1, convert)
        assert isinstance(D1, pd.DataFrame)
        assert_array_equal(X1.toarray() if convert is csr_array else X1, X0)
        assert_array_equal(D1, D0)


def test_inputs_stay_as_they_are(data):
    X, D = data
    before = D.copy()
    _, selected = make_imbalanced_ldl(X, D, 2, 0, **BOUNDS)
    selected[:] = -1
    assert_array_equal(D, before)


# Training rows per fold, and the largest over the smallest column sum of the training rows of all
# folds together, on the labels as the files store them.
PUBLISHED = {
    "Movie": (122, 132, 11.0),
    "SCUT_FBP": (158, 170, 53.2),
    "emotion6": (99, 110, 10.5),
    "Natural_Scene": (97, 107, 10.7),
}


@pytest.mark.parametrize("name", PUBLISHED)
def test_published_protocol_on_real_labels(ldl_data, name):
    D = read_mat(ldl_data / f"{name}.mat")["labels"]
    cv = ImbalancedKFold(**IMBALANCED_PROTOCOLS[name])
    trains = [train for train, _ in cv.split(D, D)]
    fewest, most, imbalance = PUBLISHED[name]
    assert len(trains) == 10
    assert min(map(len, trains)) == fewest
    assert max(map(len, trains)) == most
    sums = D[np.concatenate(trains)].sum(axis=0)
    assert sums.max() / sums.min() == pytest.approx(imbalance, abs=0.05)


def test_renormalising_moves_a_degree_across_its_bound(load_real):
    # One row of SCUT_FBP has exactly the bound as its degree and a sum of 1.000001.
    X, D = load_real("SCUT_FBP")
    sizes = [
        len(train) for train, _ in ImbalancedKFold(**IMBALANCED_PROTOCOLS["SCUT_FBP"]).split(X, D)
    ]
    assert (min(sizes), max(sizes)) == (159, 171)
