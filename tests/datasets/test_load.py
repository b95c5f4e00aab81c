import sys

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy.io import savemat
from scipy.sparse import csc_matrix, csr_array, issparse
from scipy.stats import norm
from sklearn.preprocessing import StandardScaler, normalize
from sklearn.utils import Bunch

from sklearn_ldl.datasets import load_ldl
from sklearn_ldl.datasets.load import _to_frames

X = np.array([[0.5, 0.0, 2.5], [1.0, 0.0, 0.0]])
D = np.array([[0.75, 0.25], [0.0, 1.0]])


@pytest.fixture(params=["mat", "npz"])
def write(request, tmp_path):
    def write(**variables):
        path = tmp_path / f"file.{request.param}"
        savemat(path, variables) if request.param == "mat" else np.savez(path, **variables)
        return path

    return write


@pytest.fixture
def write_mat(tmp_path):
    def write(**variables):
        savemat(tmp_path / "file.mat", variables)
        return tmp_path / "file.mat"

    return write


def test_bunch(write):
    path = write(features=X, labels=D)
    bunch = load_ldl(path)
    assert_array_equal(bunch.data, X)
    assert_array_equal(bunch.target, D)
    assert bunch.feature_names == ["x0", "x1", "x2"]
    assert bunch.target_names == ["label0", "label1"]
    assert bunch.filename == str(path)
    assert "2 samples, 3 features, 2 labels" in bunch.DESCR
    assert "age" not in bunch
    assert "frame" not in bunch


def test_return_X_y_and_string_path(write):
    data, target = load_ldl(str(write(features=X, labels=D)), return_X_y=True)
    assert_array_equal(data, X)
    assert_array_equal(target, D)


def test_csv(tmp_path):
    path = tmp_path / "votes.CSV"
    path.write_text("like,height,dislike\n0.75,1.5,0.25\n0.5,2.5,0.5\n")
    bunch = load_ldl(path, label_columns=["dislike", "like"])
    assert_array_equal(bunch.target, [[0.25, 0.75], [0.5, 0.5]])
    assert bunch.feature_names == ["height"]
    assert bunch.target_names == ["dislike", "like"]


def test_votes_are_normalized_on_request(write):
    path = write(features=X, labels=[[3, 1], [0, 5]])
    with pytest.raises(ValueError, match=r"row 0 sums to 4.*normalize=True divides every row"):
        load_ldl(path)
    assert_array_equal(load_ldl(path, normalize=True).target, D)
    for bad in ([[3, 1], [0, 0]], [[3, 1], [2, -1]]):
        path = write(features=X, labels=bad)
        with pytest.raises(
            ValueError, match=r"file\.\w+: row 1 of the labels cannot be normalized"
        ):
            load_ldl(path, normalize=True)


def test_one_row(write):
    data, target = load_ldl(write(features=X[:1], labels=D[:1]), return_X_y=True)
    assert data.shape == (1, 3)
    assert target.shape == (1, 2)


def test_names_stored_in_the_file(write):
    names = {"feature_names": ["a", "bb", "c"], "target_names": ["yes", "no"]}
    bunch = load_ldl(write(features=X, labels=D, **names))
    assert bunch.feature_names == ["a", "bb", "c"]
    assert bunch.target_names == ["yes", "no"]


def test_names_stored_as_a_matlab_cell_array(write_mat):
    cells = np.array(["yes", "not at all"], dtype=object)
    assert load_ldl(write_mat(features=X, labels=D, target_names=cells)).target_names == [
        "yes",
        "not at all",
    ]


def test_wrong_number_of_names(write):
    with pytest.raises(ValueError, match="target_names has 1 entries for 2 columns"):
        load_ldl(write(features=X, labels=D, target_names=["yes"]))


@pytest.mark.parametrize(
    ("stored", "loaded"),
    [("f4", "f4"), ("f8", "f8"), ("u1", "f8"), ("i4", "f8"), ("f2", "f8")],
)
def test_feature_dtypes(tmp_path, stored, loaded):
    np.savez(tmp_path / "file.npz", features=X.astype(stored), labels=D)
    bunch = load_ldl(tmp_path / "file.npz")
    assert bunch.data.dtype == loaded
    assert bunch.target.dtype == np.float64


def test_features_are_in_row_order(write):
    data = load_ldl(write(features=np.asfortranarray(X), labels=D)).data
    assert data.flags.c_contiguous


def test_missing_features_pass(write):
    holes = np.where(X == 0, np.nan, X)
    assert_array_equal(load_ldl(write(features=holes, labels=D)).data, holes)


def test_sparse_returns_csr(write):
    data = load_ldl(write(features=X.astype(np.float32), labels=D), sparse=True).data
    assert isinstance(data, csr_array)
    assert data.dtype == np.float32
    assert data.nnz == 3
    assert_array_equal(data.toarray(), X)


@pytest.mark.parametrize("sparse", [True, False])
def test_sparse_matrices_in_the_file(write_mat, sparse):
    path = write_mat(features=csc_matrix(X), labels=csc_matrix(D))
    bunch = load_ldl(path, sparse=sparse)
    assert issparse(bunch.data) == sparse
    assert_array_equal(bunch.data.toarray() if sparse else bunch.data, X)
    assert_array_equal(bunch.target, D)


def test_frames(write):
    bunch = load_ldl(write(features=X, labels=D, target_names=["yes", "no"]), as_frame=True)
    assert isinstance(bunch.data, pd.DataFrame)
    assert list(bunch.target) == ["yes", "no"]
    assert_array_equal(bunch.target, D)
    assert list(bunch.frame) == ["x0", "x1", "x2", "yes", "no"]
    data, target = load_ldl(bunch.filename, as_frame=True, return_X_y=True)
    pd.testing.assert_frame_equal(data, bunch.data)
    pd.testing.assert_frame_equal(target, bunch.target)


def test_frames_without_pandas(monkeypatch):
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(ImportError, match="as_frame=True needs pandas"):
        _to_frames(Bunch())


def test_frames_are_not_sparse(write):
    with pytest.raises(ValueError, match="exclude each other"):
        load_ldl(write(features=X, labels=D), as_frame=True, sparse=True)


def test_rounded_degrees_are_renormalised_exactly(write):
    rounded = np.array([[0.333, 0.333, 0.333], [0.2, 0.3, 0.5000004]])
    D = load_ldl(write(features=X, labels=rounded)).target
    assert_allclose(D.sum(axis=1), 1, rtol=0, atol=1e-15)
    assert_allclose(D, rounded / rounded.sum(axis=1, keepdims=True))


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        ([[0.5, 0.5], [0.4, 0.2]], r"row 1 sums to 0\.6"),
        ([[3, 1], [0, 4]], "row 0 sums to 4"),
        ([[0.5, 0.5], [0.5, np.nan]], "row 1 contains NaN"),
        ([[0.5, 0.5], [1.5, -0.5]], "row 1 has a negative degree"),
        ([[1.0], [1.0]], "expected shape"),
    ],
)
def test_labels_that_are_no_distributions_are_refused(write, labels, message):
    path = write(features=X, labels=np.array(labels))
    with pytest.raises(ValueError, match=message) as error:
        load_ldl(path)
    assert str(path) in str(error.value)
    assert f"read_{path.suffix[1:]} returns the labels as stored" in str(error.value)


def test_different_numbers_of_rows(write):
    with pytest.raises(ValueError, match=r"features \(2, 3\) and labels \(3, 2\) differ"):
        load_ldl(write(features=X, labels=np.full((3, 2), 0.5)))


def test_unknown_suffix(tmp_path):
    with pytest.raises(ValueError, match=r"must be \.mat, \.npz or \.csv"):
        load_ldl(tmp_path / "data.arff")


def test_label_columns_are_for_csv_only(write, tmp_path):
    with pytest.raises(ValueError, match=r"label_columns is for \.csv files only"):
        load_ldl(write(features=X, labels=D), label_columns=["a", "b"])
    with pytest.raises(ValueError, match="label_columns must name"):
        load_ldl(tmp_path / "data.csv")


@pytest.mark.parametrize("name", ["absent.mat", "absent.npz"])
def test_missing_file(tmp_path, name):
    with pytest.raises(FileNotFoundError, match=name):
        load_ldl(tmp_path / name)


class TestAges:
    age = np.array([[0, 17, 69]])
    grid = np.arange(70)
    features = np.ones((3, 2))
    densities = norm.pdf(grid, age.T, 3)

    @pytest.mark.parametrize("stored", [np.uint8, np.float32, np.int64])
    def test_truncated_densities_become_distributions(self, write, stored):
        age, grid = self.age.astype(stored), self.grid.astype(stored)
        bunch = load_ldl(write(features=self.features, labels=self.densities, age=age, x=grid))
        assert_allclose(bunch.target.sum(axis=1), 1, rtol=0, atol=1e-15)
        assert_array_equal(bunch.target.argmax(axis=1), self.age.ravel())
        kernel = np.exp(-((self.grid - self.age.T) ** 2) / 18)
        assert_allclose(bunch.target, kernel / kernel.sum(axis=1, keepdims=True), rtol=1e-10)
        assert_array_equal(bunch.age, self.age.ravel())
        assert_array_equal(bunch.grid, self.grid)
        assert bunch.age.dtype == bunch.grid.dtype == np.float64

    @pytest.mark.parametrize(
        "other",
        [
            {"age": age, "x": grid, "labels": norm.pdf(grid, age.T, 4)},
            {"age": age[:, ::-1], "x": grid, "labels": densities},
            {"age": age, "labels": densities},
        ],
        ids=["other width", "other ages", "no grid"],
    )
    def test_anything_else_with_ages_is_refused(self, write, other):
        with pytest.raises(ValueError, match="not a label distribution: row 0 sums to"):
            load_ldl(write(features=self.features, **other))

    def test_proper_distributions_with_ages_stay_as_they_are(self, write):
        D = np.array([[0.75, 0.25], [0.0, 1.0]])
        path = write(features=self.features[:2], labels=D, age=[[20, 30]], x=[[1, 2]])
        bunch = load_ldl(path)
        assert_array_equal(bunch.target, D)
        assert "age" not in bunch


REAL = {
    "FG-Net": (1002, 251, 70, "f8"),
    "Movie": (7755, 1869, 5, "f8"),
    "Natural_Scene": (2000, 294, 9, "f4"),
    "SCUT_FBP": (1500, 300, 5, "f4"),
    "SJAFFE": (213, 243, 6, "f8"),
    "Yeast_alpha": (2465, 24, 18, "f8"),
    "emotion6": (1980, 168, 7, "f4"),
}


@pytest.mark.parametrize("name", REAL)
def test_real_files(load_real, name):
    n, p, C, dtype = REAL[name]
    X, D = load_real(name)
    assert X.shape == (n, p)
    assert X.dtype == dtype
    assert D.shape == (n, C)
    assert D.min() >= 0
    assert_allclose(D.sum(axis=1), 1, rtol=0, atol=1e-14)


def test_real_ages(ldl_data):
    bunch = load_ldl(ldl_data / "FG-Net.mat")
    assert_array_equal(bunch.grid, np.arange(70))
    assert_array_equal(bunch.target.argmax(axis=1), bunch.age)


def test_ages_rise_person_by_person(ldl_data):
    bunch = load_ldl(ldl_data / "FG-Net.mat")
    person = np.cumsum(np.diff(bunch.age, prepend=bunch.age[0]) < 0)
    # FG-NET has 6 to 18 photographs each of 82 people.
    assert len(np.unique(person)) == 82
    assert (np.bincount(person).min(), np.bincount(person).max()) == (6, 18)
    Z = normalize(StandardScaler().fit_transform(bunch.data))
    similarity = Z @ Z.T
    np.fill_diagonal(similarity, -1)
    # By chance, the face that is most alike would be of the same person in 1.2 % of the rows.
    assert np.mean(person[similarity.argmax(axis=1)] == person) > 0.6


def test_movie_is_sparse(ldl_data):
    X = load_ldl(ldl_data / "Movie.mat", sparse=True).data
    assert X.nnz / np.prod(X.shape) == pytest.approx(0.011, abs=1e-4)
