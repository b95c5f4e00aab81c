from pathlib import Path

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from scipy.io import savemat
from scipy.sparse import csc_matrix

from sklearn_ldl.datasets import read_csv, read_mat, read_npz

FEATURES = np.array([[0.5, 1.5, 2.5], [1.0, 2.0, 3.0]], dtype=np.float32)
VOTES = np.array([[3, 1], [0, 4]])
WRITERS = {
    "mat": lambda path, **variables: savemat(path, variables),
    "npz": lambda path, **variables: np.savez(path, **variables),
}
READERS = {"mat": read_mat, "npz": read_npz}


@pytest.fixture(params=["mat", "npz"])
def suffix(request):
    return request.param


@pytest.fixture
def table(tmp_path):
    def write(text, encoding="utf-8"):
        path = tmp_path / "table.csv"
        path.write_text(text, encoding=encoding)
        return path

    return write


def test_everything_comes_back_as_stored(tmp_path, suffix):
    path = tmp_path / f"votes.{suffix}"
    WRITERS[suffix](path, features=FEATURES, labels=VOTES, weight=np.array([[1.0, 2.0]]))
    variables = READERS[suffix](path)
    assert sorted(variables) == ["features", "labels", "weight"]
    assert variables["features"].dtype == np.float32
    assert_array_equal(variables["features"], FEATURES)
    assert_array_equal(variables["labels"], VOTES)


def test_path_may_be_a_string(tmp_path, suffix):
    path = tmp_path / f"votes.{suffix}"
    WRITERS[suffix](path, features=FEATURES, labels=VOTES)
    assert_array_equal(READERS[suffix](str(path))["labels"], VOTES)


@pytest.mark.parametrize("read", [read_mat, read_npz, lambda path: read_csv(path, ["a"])])
def test_missing_file(tmp_path, read):
    with pytest.raises(FileNotFoundError, match=r"No such file: .*absent"):
        read(tmp_path / "absent")


def test_a_folder_is_not_a_file(tmp_path):
    with pytest.raises(FileNotFoundError, match="No such file"):
        read_mat(tmp_path)


def test_missing_variables_are_named_with_those_that_exist(tmp_path, suffix):
    path = tmp_path / f"odd.{suffix}"
    WRITERS[suffix](path, X=FEATURES, labels=VOTES)
    with pytest.raises(ValueError, match=r"lacks features; it holds \['X', 'labels'\]"):
        READERS[suffix](path)
    WRITERS[suffix](path, X=FEATURES)
    with pytest.raises(ValueError, match="lacks features and labels"):
        READERS[suffix](path)


@pytest.mark.parametrize("content", [b"", b"no such format", b"PK\x03\x04 torn"])
def test_foreign_bytes(tmp_path, suffix, content):
    path = tmp_path / f"torn.{suffix}"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=rf"torn.{suffix} is not a readable .{suffix} file"):
        READERS[suffix](path)


def test_a_truncated_mat_file(tmp_path):
    path = tmp_path / "cut.mat"
    savemat(path, {"features": FEATURES, "labels": VOTES})
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(ValueError, match=r"not a readable \.mat file"):
        read_mat(path)


def test_hdf5_mat_file_says_how_to_save_it(tmp_path):
    path = tmp_path / "new.mat"
    text = b"MATLAB 7.3 MAT-file".ljust(124)
    path.write_bytes(text + b"\x00\x02IM" + bytes(64))
    with pytest.raises(ValueError, match="save it again with"):
        read_mat(path)


def test_pickled_objects_are_refused(tmp_path):
    path = tmp_path / "objects.npz"
    np.savez(path, features=FEATURES, labels=np.array([{}, None], dtype=object))
    with pytest.raises(ValueError, match="allow_pickle=False"):
        read_npz(path)


def test_csv_splits_columns_by_name_in_the_order_asked_for(table):
    path = table("up,height,down,width\n3,1.5,1,7\n0,2.5,4,8\n")
    variables = read_csv(path, ["down", "up"])
    assert variables["feature_names"] == ["height", "width"]
    assert variables["target_names"] == ["down", "up"]
    assert_array_equal(variables["features"], [[1.5, 7], [2.5, 8]])
    assert_array_equal(variables["labels"], [[1, 3], [4, 0]])


def test_csv_with_byte_order_mark_quotes_spaces_and_blank_lines(table):
    path = table('"up, fast", x\n\n"0.5",1e-3\n 1 , -2\n\n', encoding="utf-8-sig")
    variables = read_csv(path, ["up, fast"])
    assert_array_equal(variables["labels"], [[0.5], [1]])
    assert_array_equal(variables["features"], [[0.001], [-2]])


def test_csv_with_one_row(table):
    assert read_csv(table("a,b,x\n1,0,5"), ["a", "b"])["features"].shape == (1, 1)


def test_csv_label_columns_must_be_a_list(table):
    with pytest.raises(TypeError, match="must be a list of names, got 'ab'"):
        read_csv(table("a,b,x\n1,0,5\n"), "ab")


@pytest.mark.parametrize(
    ("text", "labels", "message"),
    [
        ("a,b,x\n1,0,5\n", ["a", "c", "d"], r"no label columns \['c', 'd'\].*\['a', 'b', 'x'\]"),
        ("a,b\n1,0\n", ["a", "b"], "has no feature column"),
        ("a,b,x,x\n1,0,5,6\n", ["a", "b"], "occurs twice"),
        ("a,b,x\n1,0,5\n", ["a", "a"], "occurs twice"),
        ("a,b,x\n", ["a", "b"], "no rows below its header"),
        ("", ["a", "b"], "no label columns"),
        ("a,b,kind\n1,0,red\n", ["a", "b"], "numbers only.*'red'.*The column is 'kind'"),
        ("a,b,x\n1,0,\n", ["a", "b"], "numbers only.*row 0, column 3"),
        ("a,b,x\n1,0,red\n", ["a", "b"], "numbers only.*'red'"),
        ("a,b,x\n1,0,5\n1,0\n", ["a", "b"], "number of columns changed"),
        ("a,b,x\n1,0\n", ["a", "b"], "3 column names but 2 columns"),
    ],
)
def test_bad_tables(table, text, labels, message):
    with pytest.raises(ValueError, match=message):
        read_csv(table(text), labels)


def test_labels_are_divided_by_their_sums_on_request(tmp_path):
    votes, path = np.array([[3, 1], [0, 5]]), tmp_path / "votes"
    savemat(f"{path}.mat", {"features": np.eye(2), "labels": csc_matrix(votes)})
    np.savez(f"{path}.npz", features=np.eye(2), labels=votes)
    Path(f"{path}.csv").write_text("x,like,dislike\n1,3,1\n2,0,5\n")
    for variables in (
        read_mat(f"{path}.mat", normalize=True),
        read_npz(f"{path}.npz", normalize=True),
        read_csv(f"{path}.csv", ["like", "dislike"], normalize=True),
    ):
        assert_array_equal(variables["labels"], [[0.75, 0.25], [0, 1]])
