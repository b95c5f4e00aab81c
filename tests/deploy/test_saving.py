"""Files of models: the same predictions, and clear words about those that do not load."""

import json
import shutil
import sys
from zipfile import ZipFile

import numpy as np
import pandas as pd
import pytest
import skops.io
from numpy.testing import assert_array_equal
from sklearn.impute import SimpleImputer
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import (
    FunctionTransformer,
    KBinsDiscretizer,
    OneHotEncoder,
    StandardScaler,
)

from sklearn_ldl import BFGSLDL, GradientBoostingLDL, LDLClassifier
from sklearn_ldl.datasets import make_ldl
from sklearn_ldl.deploy import describe, load, save, skops_types

X, D = make_ldl(50, random_state=0)
FRAME = pd.DataFrame(X, columns=["a", "b", "c"])
NAMED = pd.DataFrame(D, columns=["like", 3, "dislike"])


@pytest.fixture
def path(tmp_path):
    return tmp_path / "folder" / "model.skops"


def change(path, **header):
    """Write a file anew with another header."""
    about = describe(path) | header
    other = path.with_suffix(".other")
    with ZipFile(path) as old, ZipFile(other, "w") as new:
        for name in old.namelist():
            text = json.dumps(about) if name == "sklearn_ldl.json" else old.read(name)
            new.writestr(name, text)
    shutil.move(other, path)


@pytest.mark.parametrize(
    "model",
    [BFGSLDL(), make_pipeline(StandardScaler(), GradientBoostingLDL(3, random_state=0))],
    ids=["linear", "pipeline"],
)
def test_predictions_and_names(model, path):
    model.fit(FRAME, NAMED)
    save(model, path)
    loaded = load(path)
    assert_array_equal(loaded.predict(FRAME), model.predict(FRAME))
    about = describe(path)
    assert about["features"] == ["a", "b", "c"]
    assert about["labels"] == ["like", 3, "dislike"]
    assert about["n_features"] == 3
    assert about["model"] == type(getattr(model, "steps", [("", model)])[-1][1]).__name__
    assert about["packages"]["skops"] == skops.__version__
    assert [file.name for file in path.parent.iterdir()] == [path.name]


def test_it_is_a_file_of_skops(path):
    model = LDLClassifier().fit(X, D.argmax(axis=1))
    save(model, path)
    loaded = skops.io.load(path, trusted=skops_types())
    assert_array_equal(loaded.predict(X), model.predict(X))
    assert describe(path)["labels"] == [0, 1, 2]


def test_labels_of_another_model_have_no_names(path):
    save(StandardScaler().fit(X), path)
    assert_array_equal(load(path).transform(X), StandardScaler().fit_transform(X))
    assert describe(path)["labels"] is None


def test_another_major_version_is_refused(path):
    save(BFGSLDL().fit(X, D), path)
    change(path, version="7.1.0")
    with pytest.raises(ValueError, match=r"written by sklearn_ldl 7\.1\.0, and this is"):
        load(path)
    change(path, version="0.99.0")
    assert_array_equal(load(path).predict(X), BFGSLDL().fit(X, D).predict(X))


def test_damaged_files_are_refused(path):
    model = GradientBoostingLDL(2, random_state=0).fit(X, D)
    save(model, path)
    whole, expected = path.read_bytes(), model.predict(X)
    for end in (0, 1, 50, len(whole) // 2, len(whole) - 1):
        path.write_bytes(whole[:end])
        with pytest.raises(ValueError, match="is damaged, or no file of a model"):
            load(path)
    refused = 0
    for position in np.random.default_rng(0).integers(0, len(whole), 40):
        changed = bytearray(whole)
        changed[position] ^= 16
        path.write_bytes(changed)
        try:
            loaded = load(path)
        except ValueError:
            refused += 1
        else:  # the time of an entry, for example
            assert_array_equal(loaded.predict(X), expected)
    assert refused > 20


def test_other_files(path):
    with pytest.raises(FileNotFoundError):
        load(path)
    save(BFGSLDL().fit(X, D), path)
    with ZipFile(path) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    with ZipFile(path, "w") as archive:
        for name, part in (parts | {"sklearn_ldl.json": b"{}"}).items():
            archive.writestr(name, part)
    with pytest.raises(ValueError, match="is damaged, or no file of a model"):
        load(path)
    skops.io.dump(BFGSLDL().fit(X, D), path)
    with pytest.raises(ValueError, match=r"not written by sklearn_ldl\.deploy\.save"):
        load(path)


def replace(path, **parts):
    """Write a file anew with other texts in it, by their names without a suffix."""
    with ZipFile(path) as archive:
        kept = {name: archive.read(name) for name in archive.namelist()}
    with ZipFile(path, "w") as archive:
        for name, part in (kept | {f"{name}.json": text for name, text in parts.items()}).items():
            archive.writestr(name, part)


@pytest.mark.parametrize("header", ["[]", "3", "null", "{}", '{"version": 3}', "[" * 100_000])
def test_a_header_that_is_none(header, path):
    save(BFGSLDL().fit(X, D), path)
    replace(path, sklearn_ldl=header)
    for read in (load, describe):
        with pytest.raises(ValueError, match=r"model\.skops is damaged, or no file of a model"):
            read(path)


@pytest.mark.parametrize(
    "change",
    [{"__loader__": "Nope"}, {"__module__": None}, {"content": {}}],
    ids=lambda change: next(iter(change)),
)
def test_a_description_that_makes_no_model(change, path):
    save(make_pipeline(StandardScaler(), BFGSLDL()).fit(X, D), path)
    with ZipFile(path) as archive:
        schema = json.loads(archive.read("schema.json"))
    replace(path, schema=json.dumps(schema | change))
    with pytest.raises(ValueError, match=r"model\.skops is damaged, or no file of a model"):
        load(path)


def test_what_cannot_be_written_is_named(path):
    model = make_pipeline(FunctionTransformer(lambda X: X), BFGSLDL()).fit(X, D)
    with pytest.raises(TypeError, match="because of functiontransformer__func=<function"):
        save(model, path)
    assert not path.parent.exists()


def double(X):
    return 2 * X


def test_types_of_others_are_named_and_can_be_trusted(path):
    model = make_pipeline(FunctionTransformer(double), BFGSLDL()).fit(X, D)
    save(model, path)
    name = f"{__name__}.double"
    with pytest.raises(TypeError, match=f"trusted=\\['{name}'\\]"):
        load(path)
    for trusted in ([name], name, [double]):
        assert_array_equal(load(path, trusted=trusted).predict(X), model.predict(X))


@pytest.mark.parametrize("step", [SimpleImputer(), KBinsDiscretizer(3), OneHotEncoder()], ids=repr)
@pytest.mark.filterwarnings("ignore:Bins whose width:UserWarning")
@pytest.mark.filterwarnings("ignore:The current default behavior, quantile_method:FutureWarning")
def test_steps_that_keep_types_of_numbers(path, step):
    X, D = make_ldl(60, random_state=0)
    model = make_pipeline(step, BFGSLDL()).fit(X.round(), D)
    save(model, path)
    assert_array_equal(load(path).predict(X.round()), model.predict(X.round()))


def test_a_search_names_what_it_needs(path):
    search = GridSearchCV(BFGSLDL(), {"alpha": [0.1, 0.01]}, cv=2).fit(X, D)
    save(search, path)
    with pytest.raises(TypeError, match=r"trusted=\[.*_PassthroughScorer"):
        load(path)
    # What skops knows by itself differs between its versions.
    needed = [
        name for name in skops.io.get_untrusted_types(file=path) if name.startswith("sklearn.")
    ]
    assert_array_equal(load(path, trusted=needed).predict(X), search.predict(X))


def test_a_program_in_a_file_is_not_run(path, tmp_path):
    class Evil:
        def __reduce__(self):
            return (open, (str(tmp_path / "run"), "w"))

    model = BFGSLDL().fit(X, D)
    model.extra_ = Evil()
    with pytest.raises(TypeError, match="because of extra_="):
        save(model, path)
    assert not (tmp_path / "run").exists()


def test_without_skops(path, monkeypatch):
    monkeypatch.setitem(sys.modules, "skops.io", None)
    monkeypatch.setitem(sys.modules, "skops", None)
    with pytest.raises(ImportError, match=r'needs skops: pip install "sklearn-ldl\[save\]"'):
        save(BFGSLDL().fit(X, D), path)
