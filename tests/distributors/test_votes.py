import numpy as np
import pandas as pd
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.testing import assert_allclose, assert_array_equal

from sklearn_ldl.distributors import vote_table_to_distribution, votes_to_distribution


def test_shares_of_the_votes():
    assert_allclose(votes_to_distribution([[1, 2, 1], [0, 0, 5]]), [[0.25, 0.5, 0.25], [0, 0, 1]])


def test_prior_is_a_number_of_pseudo_votes_per_label():
    D = votes_to_distribution([[3, 0], [0, 0]], prior=0.5)
    assert_allclose(D, [[3.5 / 4, 0.5 / 4], [0.5, 0.5]])


@given(
    arrays(float, (3, 4), elements=st.floats(0, 1e300).filter(lambda x: x == 0 or x > 1e-300)),
    st.floats(1e-6, 1e6),
)
@settings(max_examples=50, deadline=None)
def test_rows_always_lie_on_the_simplex(counts, prior):
    D = votes_to_distribution(counts, prior=prior)
    assert (D >= 0).all()
    assert_allclose(D.sum(axis=1), 1, rtol=1e-12)


def test_data_frames_and_small_integers_do_not_overflow():
    counts = np.array([[200, 100], [0, 250]], dtype=np.uint8)
    expected = [[2 / 3, 1 / 3], [0, 1]]
    assert_allclose(votes_to_distribution(counts), expected)
    assert_allclose(votes_to_distribution(pd.DataFrame(counts, columns=["a", "b"])), expected)
    assert_array_equal(counts, [[200, 100], [0, 250]])


@pytest.mark.parametrize(
    ("counts", "kwargs", "message"),
    [
        ([[1, 2], [0, 0]], {}, "Row 1 of counts has no votes: drop it or set prior > 0"),
        ([[1, 2], [3, -1]], {"prior": 2}, "Row 1 of counts has a negative count"),
        ([[1, 2], [1, np.nan]], {}, "Row 1 of counts contains NaN or infinity: put 0"),
        ([[1], [2]], {}, r"counts has shape \(2, 1\): .* at least two labels"),
        ([1, 2], {}, r"shape \(2,\).*vote_table_to_distribution"),
        ([[1, 2]], {"prior": -1}, "'prior' parameter"),
    ],
)
def test_bad_counts(counts, kwargs, message):
    with pytest.raises(ValueError, match=message):
        votes_to_distribution(counts, **kwargs)


def test_table_of_single_votes():
    table = vote_table_to_distribution([7, 3, 7, 7, 3], ["b", "a", "a", "b", "a"])
    D, items, labels = table
    assert_array_equal(items, [3, 7])
    assert_array_equal(labels, ["a", "b"])
    assert_allclose(D, [[1, 0], [1 / 3, 2 / 3]])
    assert table.D is D


def test_weights_and_prior_of_a_table():
    D, _, _ = vote_table_to_distribution([0, 0, 1], ["a", "b", "b"], [3, 1, 2], prior=1)
    assert_allclose(D, [[4 / 6, 2 / 6], [1 / 4, 3 / 4]])


def test_label_names_fix_the_columns():
    table = vote_table_to_distribution([0, 1], [4, 2], label_names=[5, 4, 3, 2, 1])
    assert_array_equal(table.labels, [5, 4, 3, 2, 1])
    assert_array_equal(table.D, [[0, 1, 0, 0, 0], [0, 0, 0, 1, 0]])


def test_columns_of_a_data_frame():
    votes = pd.DataFrame(
        {"photo": ["p2", "p1", "p2"], "mood": ["sad", "sad", "glad"], "w": [1, 1, 3]}
    )
    table = vote_table_to_distribution(votes["photo"], votes["mood"], votes["w"])
    assert_array_equal(table.items, ["p1", "p2"])
    assert_array_equal(table.labels, ["glad", "sad"])
    assert_allclose(table.D, [[0, 1], [0.75, 0.25]])
    categories = vote_table_to_distribution(votes["photo"], votes["mood"].astype("category"))
    assert_array_equal(categories.labels, ["glad", "sad"])
    polars = pytest.importorskip("polars")
    frame = polars.from_dict(votes.to_dict("list"))
    again = vote_table_to_distribution(frame["photo"], frame["mood"], frame["w"])
    assert_array_equal(again.D, table.D)


LEVELS = ["none", "low", "medium", "high"]


def ordered(values):
    return pd.Categorical(values, categories=LEVELS, ordered=True)


@pytest.mark.parametrize(
    "column",
    [
        ordered,
        lambda values: pd.Series(ordered(values)),
        lambda values: pd.Categorical(values, categories=LEVELS),
        lambda values: pl.Series(values, dtype=pl.Enum(LEVELS)),
    ],
    ids=["Categorical", "Series", "unordered", "Enum"],
)
def test_declared_levels_are_the_columns_in_their_order(column):
    items = ["a", "a", "b"]
    D, _, labels = vote_table_to_distribution(items, column(["low", "high", "medium"]))
    assert_array_equal(labels, LEVELS)
    assert_array_equal(D, [[0, 0.5, 0, 0.5], [0, 0, 1, 0]])
    other = vote_table_to_distribution(["c"], column(["none"]))
    assert_array_equal(other.labels, labels)
    again = vote_table_to_distribution(items, column(["low"] * 3), label_names=["high", "low"])
    assert_array_equal(again.labels, ["high", "low"])


def test_numbers_and_strings_are_labels_side_by_side():
    sizes = [1, 2, "3+"]
    for labels, options in (
        (["3+", 1, 2, 1], {"label_names": sizes}),
        (pd.Categorical(["3+", 1, 2, 1], categories=sizes), {}),
    ):
        table = vote_table_to_distribution(["a", "a", "b", "b"], labels, **options)
        assert table.labels.tolist() == sizes
        assert_array_equal(table.D, [[0.5, 0, 0.5], [0.5, 0.5, 0]])


@pytest.mark.parametrize("missing", [None, np.nan, pd.NA])
def test_missing_entries_of_a_categorical(missing):
    with pytest.raises(ValueError, match="labels has missing entries"):
        vote_table_to_distribution([1, 2], ordered(["low", missing]))
    with pytest.raises(ValueError, match="labels has missing entries"):
        vote_table_to_distribution(
            [1, 2], pd.Series(["low", missing], dtype=object), label_names=LEVELS
        )


@pytest.mark.parametrize("names", [["like", "dislike"], [1, "2+"], [5, 4]])
def test_names_of_labels_stay(names):
    counts = pd.DataFrame([[3, 1], [0, 2]], columns=names, index=["x", "y"])
    D = votes_to_distribution(counts)
    assert D.columns.tolist() == names
    assert D.index.tolist() == ["x", "y"]
    assert_array_equal(D, [[0.75, 0.25], [0, 1]])
    P = votes_to_distribution(pl.DataFrame({"like": [3, 0], "dislike": [1, 2]}))
    assert isinstance(P, pl.DataFrame)
    assert P.columns == ["like", "dislike"]
    assert_array_equal(P, D)
    with pytest.raises(ValueError, match=r"different names.*repeat \['like'\]"):
        votes_to_distribution(counts.set_axis(["like", "like"], axis=1))


@given(st.lists(st.tuples(st.integers(0, 4), st.integers(0, 3)), min_size=1, max_size=30))
@settings(max_examples=50, deadline=None)
def test_a_table_is_the_same_as_its_counts(votes):
    items, labels = map(list, zip(*votes, strict=True))
    table = vote_table_to_distribution(items, labels, label_names=range(4))
    counts = pd.crosstab(np.array(items), np.array(labels)).reindex(columns=range(4), fill_value=0)
    assert_array_equal(table.items, counts.index)
    assert_allclose(table.D, votes_to_distribution(counts), atol=1e-15)


@pytest.mark.parametrize(
    ("args", "kwargs", "message"),
    [
        (([1, 2], ["a"]), {}, "inconsistent numbers of samples"),
        (([1, 2], ["a", "b"], [1]), {}, "inconsistent numbers of samples"),
        (([1, 2], ["a", None]), {}, "labels has missing entries"),
        (([1, np.nan], ["a", "b"]), {}, "items has missing entries"),
        (([1, 2], ["a", "b"], [1, -1]), {}, "weights has a negative entry in row 1"),
        (([1, 2], ["a", "b"], [1, np.nan]), {}, "weights contains NaN"),
        ((["x", "y"], ["a", "b"], [1, 0]), {}, "votes on item 'y' weigh nothing"),
        (([1, 2], ["a", "z"]), {"label_names": ["a", "b"]}, r"labels contains unknown.*\['z'\]"),
        (([1, 2], ["a", "b"]), {"label_names": ["a", "b", "a"]}, "label_names repeats"),
        (([1, 2], ["a", "a"]), {}, "All votes name one label, ..a..: list all"),
        (([1, 2], ["a", "b"]), {"prior": -1}, "'prior' parameter"),
    ],
)
def test_bad_tables(args, kwargs, message):
    with pytest.raises(ValueError, match=message):
        vote_table_to_distribution(*args, **kwargs)
