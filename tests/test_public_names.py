"""The table of public names, what is made of it, and the names without their extras."""

import importlib.util
import subprocess
import sys

import pytest

import sklearn_ldl
from tests import ROOT

SCRIPT = ROOT / "doc" / "public_names.py"


@pytest.fixture(scope="module")
def public_names():
    if not SCRIPT.exists():
        pytest.skip("documentation is not at hand")
    spec = importlib.util.spec_from_file_location("public_names", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_stub_is_made_of_the_table(public_names):
    assert public_names.STUB.read_text() == public_names.stub()


def test_the_api_page_is_made_of_the_table(public_names):
    pytest.importorskip("skorch")
    text = public_names.INDEX.read_text()
    assert public_names.index(text) == text


def test_a_home_without_a_list_is_an_error(public_names):
    pytest.importorskip("skorch")
    text = public_names.INDEX.read_text().replace(".. names: plotting\n", ".. names: nowhere\n")
    with pytest.raises(ValueError, match=r"No list of .* is for the home of plotting"):
        public_names.index(text)


def test_every_public_name_resolves():
    for name in sklearn_ldl.__all__:
        assert getattr(sklearn_ldl, name) is not None
    assert set(sklearn_ldl.__all__) <= set(dir(sklearn_ldl))
    with pytest.raises(AttributeError, match="no attribute 'nonsense'"):
        sklearn_ldl.nonsense  # noqa: B018


WITHOUT_TORCH = """
import copy, inspect, pickle, pydoc, sys

class Blocked:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in ("skorch", "torch"):
            raise ModuleNotFoundError(f"No module named {name!r}")

sys.meta_path.insert(0, Blocked())
import sklearn_ldl

assert hasattr(sklearn_ldl, "CPNN") and hasattr(sklearn_ldl, "deep")
members = dict(inspect.getmembers(sklearn_ldl))
assert set(sklearn_ldl.__all__) <= set(members)
assert inspect.isclass(members["BFGSLDL"]) and not inspect.isclass(members["CPNN"])
assert 'pip install "sklearn-ldl[deep]"' in repr(sklearn_ldl.CPNN)
pydoc.render_doc(sklearn_ldl.CPNN)

from sklearn_ldl import CPNN, deep

assert CPNN is sklearn_ldl.CPNN

def annotated(model: CPNN | None, other: None | CPNN = None):
    pass

def subclass():
    class Own(CPNN):
        pass

uses = [
    lambda: CPNN(max_epochs=3),
    lambda: CPNN.fit,
    lambda: deep.backbone,
    lambda: isinstance(0, CPNN),
    lambda: pickle.dumps(CPNN),
    lambda: copy.deepcopy(CPNN),
    subclass,
    lambda: __import__("sklearn_ldl.deep"),
]
for use in uses:
    try:
        use()
    except ImportError as error:
        assert 'torch and skorch: pip install "sklearn-ldl[deep]"' in str(error), error
        assert str(pickle.loads(pickle.dumps(error))) == str(error)
    else:
        raise AssertionError(use)
"""


def test_a_name_without_its_extra_is_there_and_says_so_when_used():
    subprocess.run([sys.executable, "-c", WITHOUT_TORCH], check=True)


def test_other_import_errors_are_not_hidden():
    code = (
        "import sys; sys.modules['sklearn.svm'] = None; import sklearn_ldl\n"
        "try: sklearn_ldl.PTSVMLDL\n"
        "except ImportError as error: assert 'sklearn.svm' in str(error)\n"
        "else: raise AssertionError"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
