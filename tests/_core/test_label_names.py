import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from numpy.testing import assert_array_equal
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline

from sklearn_ldl import BFGSLDL
from sklearn_ldl._core.label_names import (
    columns_in_order,
    fitted_names,
    frozen_names,
    label_order,
    like_frame,
    name_array,
    names_of,
)

D = np.array([[0.5, 0.3, 0.2], [0.0, 0.0, 1.0]])
SIDES = {"of_have": "y", "of_want": "the fit"}


@pytest.mark.parametrize(
    "names", [["b", "a", "c"], [1, 2, 3], [2, 1, 0], [1, 2, "3+"], [("a", 1), ("a", 2), ("b", 1)]]
)
def test_names_of_pandas(names):
    frame = pd.DataFrame(D)
    frame.columns = pd.Index(names, tupleize_cols=False)
    assert names_of(frame).tolist() == names
    assert names_of(frame).dtype == object


@pytest.mark.parametrize(
    "y",
    [
        D,
        D.tolist(),
        None,
        pd.Series([1, 2]),
        pd.DataFrame(D),
        pd.DataFrame(D, columns=[0, 1, 2]),
        pl.DataFrame(D, orient="row"),
        pl.from_pandas(pd.DataFrame(D)),
    ],
    ids=["array", "list", "None", "Series", "pandas", "integers", "polars", "from pandas"],
)
def test_no_names(y):
    assert names_of(y) is None


def test_booleans_are_names():
    assert names_of(pd.DataFrame(D[:, :2], columns=[False, True])).tolist() == [False, True]


def test_names_are_equal_as_text():
    assert_array_equal(label_order(["3", "1"], [1, 3], **SIDES), [1, 0])
    assert_array_equal(label_order([1, "1"], ["1", 1], **SIDES), [1, 0])
    with pytest.raises(ValueError, match=r"those of y are \['1', 'x'\], those of the fit \[1, 2\]"):
        label_order(["1", "x"], [1, 2], **SIDES)


def test_position_counts_where_one_side_has_no_names():
    for have, want in ((None, ["a", "b"]), (["a", "b"], None), (["a", "b"], [0, 1])):
        assert label_order(have, want, **SIDES) is None
    assert_array_equal(label_order([1, 0], [0, 1], **SIDES), [1, 0])


def test_long_lists_are_cut():
    have = [f"label {k}" for k in range(30)]
    with pytest.raises(ValueError, match=r"'label 8', \.\.\., 'label 29'\] \(30 labels\), those"):
        label_order(have, have[:-1], **SIDES)


@pytest.mark.parametrize(
    "make",
    [
        lambda: pd.DataFrame(D, columns=list("abc")),
        lambda: pl.DataFrame(D, schema=list("abc"), orient="row"),
        lambda: pa.table(dict(zip("abc", D.T, strict=True))),
    ],
    ids=["pandas", "polars", "arrow"],
)
def test_columns_in_order(make):
    sides = {"of_y": "y", "of_names": "the fit"}
    ordered = columns_in_order(make(), ["c", "a", "b"], **sides)
    assert isinstance(ordered, type(make()))
    assert names_of(ordered).tolist() == ["c", "a", "b"]
    assert_array_equal(np.asarray(ordered), D[:, [2, 0, 1]])


def test_columns_of_booleans_in_order():
    frame = pd.DataFrame(D[:, :2], columns=[True, False])
    ordered = columns_in_order(frame, np.array([False, True]), of_y="y", of_names="the fit")
    assert_array_equal(ordered, D[:, [1, 0]])


def test_frames_like_others():
    frame = pd.DataFrame(D, columns=list("abc"), index=[3, 4])
    pd.testing.assert_frame_equal(like_frame(D / 2, frame), frame / 2)
    square = np.array([[1.0, 2.0], [3.0, 4.0]])
    for values in (square, np.asfortranarray(square)):
        assert_array_equal(like_frame(values, pl.DataFrame({"a": [1, 2], "b": [3, 4]})), square)
    assert like_frame(D, D) is D


def test_arrays_of_names():
    assert name_array([1, 2]).dtype.kind == "i"
    assert name_array(["a", "bc"]).dtype == "<U2"
    assert name_array(np.array(["a", "bc"], dtype=object)).dtype == "<U2"
    assert name_array([1, "2"]).tolist() == [1, "2"]
    assert name_array([("a", 1), ("b", 2)]).shape == (2,)


def test_names_of_estimators():
    X = [[0.0], [1.0]]
    frame = pd.DataFrame(D, columns=list("abc"))
    named, bare = BFGSLDL().fit(X, frame), BFGSLDL().fit(X, D)
    assert fitted_names(make_pipeline(FrozenEstimator(named))).tolist() == list("abc")
    assert frozen_names(make_pipeline(FrozenEstimator(named))).tolist() == list("abc")
    assert frozen_names(named) is None
    assert fitted_names(bare).tolist() == [0, 1, 2]
    assert fitted_names(BFGSLDL()) is None
    assert fitted_names(LogisticRegression().fit(X, ["x", "y"])).tolist() == ["x", "y"]
