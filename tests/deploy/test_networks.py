"""Networks in files: weights as safetensors, everything else as plain values."""

import sys
import warnings
from zipfile import ZipFile

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sklearn_ldl.datasets import make_ldl
from sklearn_ldl.deploy import describe, load, save
from tests.test_common import ESTIMATORS
from tests.test_pickles import build, training_data

torch = pytest.importorskip("torch")
pytest.importorskip("skorch")
safetensors = pytest.importorskip("safetensors.torch")

from sklearn_ldl import DeepLDLClassifier, DeepLDLRegressor, LDLClassifier, StackingLDL  # noqa: E402

DEEP = [cls for cls in ESTIMATORS if ".deep" in cls.__module__]
X, D = make_ldl(40, random_state=0)


class Net(torch.nn.Module):
    def __init__(self, n_features, n_labels, width=4):
        super().__init__()
        self.body = torch.nn.Linear(n_features, width)
        self.head = torch.nn.Linear(width, n_labels)

    def forward(self, X):
        return self.head(torch.tanh(self.body(X)))


def small(cls=DeepLDLRegressor, **parameters):
    return cls(**{"hidden_layer_sizes": (4,), "max_epochs": 2, "random_state": 0, **parameters})


@pytest.fixture
def path(tmp_path):
    return tmp_path / "network.skops"


@pytest.mark.parametrize("cls", DEEP, ids=lambda cls: cls.__name__)
def test_every_network_predicts_the_same(cls, path):
    model = build(cls)
    arguments = training_data(model, 40)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model.fit(*arguments)
    state = torch.random.get_rng_state()
    save(model, path)
    loaded = load(path)
    assert_array_equal(torch.random.get_rng_state(), state)
    assert type(loaded) is cls
    for method in ("predict", "predict_proba"):
        if not hasattr(model, method):
            continue
        found = getattr(loaded, method)(arguments[0])
        assert_array_equal(found, getattr(model, method)(arguments[0]))
    assert vars(loaded).keys() == vars(model).keys()
    shown = {name: repr(value) for name, value in model.get_params().items()}
    assert {name: repr(value) for name, value in loaded.get_params().items()} == shown
    # Weights can be read by others.
    with ZipFile(path) as archive:
        part = min(name for name in archive.namelist() if name.endswith(".safetensors"))
        weights = safetensors.load(archive.read(part))
    assert all(weight.isfinite().all() for weight in weights.values())


@pytest.mark.parametrize(
    "parameters",
    [
        {"standardize": True, "dropout": 0.5, "predict_mc_samples": 3},
        {"inference_dtype": "float32", "device": torch.device("cpu"), "warm_start": True},
        {"early_stopping": True, "optimizer": "sgd", "init": "kaiming"},
    ],
    ids=["dropout", "float32", "stopping"],
)
def test_options(parameters, path):
    model = small(**parameters).fit(1000 + X, D)
    save(model, path)
    loaded = load(path)
    assert_array_equal(loaded.predict(1000 + X), model.predict(1000 + X))
    assert_array_equal(loaded.predict_members(1000 + X), model.predict_members(1000 + X))
    assert_array_equal(loaded.history_["train_loss"], model.history_["train_loss"])
    if model.warm_start:
        with pytest.raises(ValueError, match="warm_start goes on only from a fit"):
            loaded.fit(1000 + X, D)


def test_a_stream_goes_on_from_the_weights(path):
    model = small().partial_fit(X, D)
    save(model, path)
    after = load(path).partial_fit(X, D).predict(X)
    from_weights = np.abs(after - model.predict(X)).max()
    from_scratch = np.abs(after - small(random_state=1).partial_fit(X, D).predict(X)).max()
    assert 0 < from_weights < from_scratch / 2
    assert_array_equal(load(path).partial_fit(X, D).predict(X), after)


def test_inside_pipelines_and_wrappers(path):
    y = D.argmax(axis=1)
    for model, target in [
        (make_pipeline(StandardScaler(), small(n_members=2)), D),
        (LDLClassifier(small()), y),
        (StackingLDL([("one", small()), ("two", small(hidden_layer_sizes=()))], cv=2), D),
    ]:
        model.fit(X, target)
        save(model, path)
        assert_array_equal(
            load(path).predict_proba(X) if target is y else load(path).predict(X),
            model.predict_proba(X) if target is y else model.predict(X),
        )


def test_names_of_classes(path):
    y = np.array(["a", "b", "c"])[D.argmax(axis=1)]
    model = small(DeepLDLClassifier).fit(X, y)
    save(model, path)
    assert describe(path)["labels"] == ["a", "b", "c"]
    assert_array_equal(load(path).predict(X), model.predict(X))


@pytest.mark.parametrize("module", [Net, Net(3, 3, width=5)], ids=["class", "instance"])
def test_a_module_is_given_by_who_loads(module, path):
    model = make_pipeline(StandardScaler(), DeepLDLRegressor(module, max_epochs=1, random_state=0))
    model.fit(X, D)
    save(model, path)
    [name] = describe(path)["modules"]
    assert name == f"{__name__}.Net"
    with pytest.raises(TypeError, match=f"module of its own, {name}"):
        load(path)
    for given in (module, {name: module}):
        loaded = load(path, module=given)
        assert_array_equal(loaded.predict(X), model.predict(X))
    assert loaded[-1].module is module
    with pytest.raises(ValueError, match="not those of the module Linear"):
        load(path, module=torch.nn.Linear(3, 3))


def test_double_precision_and_ties(path):
    class Tied(Net):
        def __init__(self, n_features, n_labels):
            super().__init__(n_features, n_labels, width=n_features)
            self.head.weight = self.body.weight
            self.double()

    model = DeepLDLRegressor(Tied, max_epochs=2, random_state=0).fit(X, D)
    save(model, path)
    assert_array_equal(load(path, module=Tied).predict(X), model.predict(X))


def test_device(path):
    model = small(device="auto").fit(X, D)
    save(model, path)
    assert load(path, device="cpu").device == "cpu"
    with pytest.raises(ValueError, match="device='nonsense'"):
        load(path, device="nonsense")


def test_a_loss_that_has_no_name_is_named(path):
    model = small(loss=lambda Z, D: (Z.softmax(1) - D).square().sum(1)).fit(X, D)
    with pytest.raises(TypeError, match="DeepLDLRegressor cannot be written, because of loss="):
        save(model, path)
    save(model.set_params(loss="mse"), path)
    assert_array_equal(load(path).predict(X), model.predict(X))


def test_state_besides_tensors_is_refused(path):
    class Stateful(Net):
        def get_extra_state(self):
            return {"any": "thing"}

        def set_extra_state(self, state):
            raise AssertionError

    model = DeepLDLRegressor(Stateful, max_epochs=1, random_state=0).fit(X, D)
    with pytest.raises(TypeError, match="Stateful has a state besides its tensors, _extra_state"):
        save(model, path)
    assert not path.exists()


def test_without_safetensors(path, monkeypatch):
    monkeypatch.setitem(sys.modules, "safetensors.torch", None)
    with pytest.raises(ImportError, match=r'needs safetensors: pip install "sklearn-ldl\[save\]"'):
        save(small().fit(X, D), path)
