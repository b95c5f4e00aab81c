import re
import shutil
import subprocess
import sys
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from scipy.io import savemat

from sklearn_ldl.datasets import fetch_ldl, fetchers, list_datasets, load_ldl
from sklearn_ldl.datasets.registry import DATASETS, DatasetInfo

X = np.array([[0.5, 0.0], [1.0, 2.0], [0.0, 0.0]])
D = np.array([[0.75, 0.25], [0.0, 1.0], [0.5, 0.5]])
NAMES = [
    "FG-Net",
    "Flickr",
    "Human_Gene",
    "M2B",
    "MOR-PH",
    "Movie",
    "Music",
    "Natural_Scene",
    "Painting",
    "RAF_ML",
    "SBU_3DFE",
    "SCUT_FBP",
    "SJAFFE",
    "Twitter",
    "Yeast_alpha",
    "Yeast_cdc",
    "Yeast_cold",
    "Yeast_diau",
    "Yeast_dtt",
    "Yeast_elu",
    "Yeast_heat",
    "Yeast_spo",
    "Yeast_spo5",
    "Yeast_spoem",
    "emotion6",
    "fbp5500",
]


class Handler(SimpleHTTPRequestHandler):
    def log_message(self, *args):
        self.server.requests.append(self.path)


@pytest.fixture
def server(tmp_path, monkeypatch):
    """Serve the data set "Tiny" and take the place of the public source."""
    folder = tmp_path / "public"
    folder.mkdir()
    savemat(folder / "Tiny.mat", {"features": X, "labels": D})
    blob_id = fetchers._git_blob_id((folder / "Tiny.mat").read_bytes())
    monkeypatch.setitem(DATASETS, "Tiny", DatasetInfo(blob_id, "A. Author, 2020"))

    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Handler, directory=str(folder)))
    server.requests, server.folder = [], folder
    monkeypatch.setattr(fetchers, "BASE_URL", f"http://127.0.0.1:{server.server_port}")
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def home(tmp_path):
    return tmp_path / "home"


@pytest.fixture
def offline(monkeypatch):
    """Make any use of pooch fail like a missing installation."""
    monkeypatch.setitem(sys.modules, "pooch", None)


def cached_files(home):
    return sorted(path.name for path in (home / "sklearn_ldl").glob("**/*"))


def test_registry():
    assert list(list_datasets()) == NAMES
    assert all(re.fullmatch("[0-9a-f]{40}", info.blob_id) for info in DATASETS.values())
    assert len({info.blob_id for info in DATASETS.values()}) == len(DATASETS)
    assert all(list_datasets().values())


def test_blob_id_is_the_one_of_git():
    # The well-known ids of an empty file and of "hello world\n".
    assert fetchers._git_blob_id(b"") == "e69de29bb2d1d6434b8b29ae775ad8c2e48c5391"
    assert fetchers._git_blob_id(b"hello world\n") == "3b18e512dba79e4c8300dd08aeb37f8e728b8dad"


def test_download_once_then_read_from_disk(server, home, monkeypatch):
    bunch = fetch_ldl("Tiny", data_home=home)
    assert_array_equal(bunch.data, X)
    assert_array_equal(bunch.target, D)
    assert "Publication: A. Author, 2020" in bunch.DESCR
    assert f"Source: {fetchers.BASE_URL}/Tiny.mat" in bunch.DESCR
    assert bunch.filename == str(home / "sklearn_ldl" / "Tiny.mat")
    assert cached_files(home) == ["Tiny.mat"]

    monkeypatch.setitem(sys.modules, "pooch", None)
    data, target = fetch_ldl("Tiny", data_home=home, return_X_y=True, download_if_missing=False)
    assert_array_equal(data, X)
    assert_array_equal(target, D)
    assert len(server.requests) == 1


def test_options_reach_the_reader(server, home):
    assert fetch_ldl("Tiny", data_home=home, sparse=True).data.nnz == 3
    assert list(fetch_ldl("Tiny", data_home=home, as_frame=True).frame) == [
        *("x0", "x1"),
        *("label0", "label1"),
    ]


def test_default_data_home(server, home, monkeypatch):
    monkeypatch.setenv("SCIKIT_LEARN_DATA", str(home))
    fetch_ldl("Tiny")
    assert cached_files(home) == ["Tiny.mat"]


def test_unexpected_download_is_refused_and_not_kept(server, home):
    (server.folder / "Tiny.mat").write_bytes(b"hello world\n")
    expected = (
        rf"expected git blob id {DATASETS['Tiny'].blob_id}, found 3b18e512d.*nothing was kept"
    )
    with pytest.raises(ValueError, match=expected):
        fetch_ldl("Tiny", data_home=home)
    assert cached_files(home) == []


def test_corrupt_cache_is_refused(server, home):
    fetch_ldl("Tiny", data_home=home)
    path = home / "sklearn_ldl" / "Tiny.mat"
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(ValueError, match=r"is not the public Tiny file.*Delete it to download it"):
        fetch_ldl("Tiny", data_home=home)
    path.unlink()
    assert_array_equal(fetch_ldl("Tiny", data_home=home).target, D)


def test_failed_download_names_the_url_and_the_folder(server, home):
    (server.folder / "Tiny.mat").unlink()
    message = rf"Could not download http://127.*/Tiny\.mat \(404.*{re.escape(str(home))}.*by hand"
    with pytest.raises(OSError, match=message):
        fetch_ldl("Tiny", data_home=home)
    assert cached_files(home) == []


def test_no_server_at_all(server, home, monkeypatch):
    monkeypatch.setattr(fetchers, "BASE_URL", "http://127.0.0.1:9")
    with pytest.raises(OSError, match=r"Could not download http://127\.0\.0\.1:9/Tiny\.mat"):
        fetch_ldl("Tiny", data_home=home)


def test_download_not_wanted(home):
    with pytest.raises(OSError, match=r"SJAFFE\.mat does not exist.*PyLDL/[0-9a-f]{40}/datasets"):
        fetch_ldl("SJAFFE", data_home=home, download_if_missing=False)


def test_without_pooch_the_error_names_the_extra(home, offline):
    with pytest.raises(ImportError, match=r'pip install "sklearn-ldl\[data\]"'):
        fetch_ldl("SJAFFE", data_home=home)


@pytest.mark.parametrize("name", ["jaffe", "sjaffe", "../SJAFFE", ""])
def test_unknown_name(home, name):
    with pytest.raises(ValueError, match=rf"Unknown data set '{re.escape(name)}'.*SJAFFE"):
        fetch_ldl(name, data_home=home)
    assert not home.exists()


def test_pooch_is_imported_for_downloads_only():
    code = "import sys, sklearn_ldl.datasets; sys.exit('pooch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0


@pytest.mark.parametrize(
    "name", ["FG-Net", "Movie", "SCUT_FBP", "SJAFFE", "Yeast_alpha", "emotion6"]
)
def test_public_files_put_there_by_hand_are_accepted(ldl_data, home, offline, name):
    (home / "sklearn_ldl").mkdir(parents=True)
    shutil.copy(ldl_data / f"{name}.mat", home / "sklearn_ldl")
    _, target = fetch_ldl(name, data_home=home, return_X_y=True)
    assert_array_equal(target, load_ldl(ldl_data / f"{name}.mat").target)


def test_a_re_saved_file_is_refused_but_can_be_loaded(ldl_data, home, offline):
    (home / "sklearn_ldl").mkdir(parents=True)
    path = shutil.copy(ldl_data / "Natural_Scene.mat", home / "sklearn_ldl")
    with pytest.raises(ValueError, match=r"not the public Natural_Scene file.*load_ldl\(path\)"):
        fetch_ldl("Natural_Scene", data_home=home)
    assert load_ldl(path).target.shape == (2000, 9)
