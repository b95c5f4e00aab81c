import pickle
import sys
from types import SimpleNamespace

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone
from sklearn.datasets import load_digits
from sklearn.model_selection import GridSearchCV

torch = pytest.importorskip("torch")
pytest.importorskip("skorch")

from torch import nn  # noqa: E402

from sklearn_ldl import DeepLDLClassifier  # noqa: E402
from sklearn_ldl.deep import PRESETS  # noqa: E402
from sklearn_ldl.deep.networks.backbones import Backbone, backbone  # noqa: E402
from sklearn_ldl.deep.networks.residual import ResidualBlock, ResidualNetwork  # noqa: E402

RNG = np.random.default_rng(0)
IMAGES = RNG.standard_normal((40, 3, 8, 8)).astype(np.float32)
LABELS = RNG.choice(list("abcd"), 40)
IMAGES[LABELS == "a"] += 1


class Tiny(nn.Module):
    """A residual network in its outlines: convolutions, then ``fc``."""

    def __init__(self, num_classes=1000, width=6):
        super().__init__()
        self.conv1 = nn.Conv2d(3, width, 3, stride=2, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.fc = nn.Linear(width, num_classes)

    def forward(self, X):
        return self.fc(self.bn1(self.conv1(X)).relu().mean(dim=(2, 3)))


class Nested(nn.Module):
    """As in VGG: the last layer sits in a Sequential behind other linear layers."""

    def __init__(self, num_classes=1000):
        super().__init__()
        self.features = nn.Sequential(nn.Conv2d(3, 4, 3), nn.AdaptiveAvgPool2d(2), nn.Flatten())
        self.classifier = nn.Sequential(nn.Linear(16, 10), nn.ReLU(), nn.Linear(10, num_classes))

    def forward(self, X):
        return self.classifier(self.features(X))


class Convolutional(nn.Sequential):
    def __init__(self, num_classes=1000):
        super().__init__(nn.Conv2d(3, num_classes, 1), nn.AdaptiveAvgPool2d(1), nn.Flatten())


MODELS = {"tiny": Tiny, "nested": Nested, "convolutional": Convolutional}
PRETRAINED = 0.125


def make(name, pretrained, **options):
    model = MODELS[name](**options)
    if pretrained:
        nn.init.constant_(next(model.parameters()), PRETRAINED)
    return model


class TorchVision:
    """The part of torchvision that is used."""

    def __init__(self):
        self.models = self
        self.weights = []

    def get_model(self, name, weights=None):
        self.weights.append(weights)
        return make(name, weights)


class Timm:
    """The part of timm that is used."""

    def __init__(self):
        self.calls = []

    def create_model(self, name, pretrained=False, num_classes=1000):
        self.calls.append((pretrained, num_classes))
        return make(name, pretrained, num_classes=num_classes)


@pytest.fixture(autouse=True)
def packages(monkeypatch):
    packages = SimpleNamespace(torchvision=TorchVision(), timm=Timm())
    for name, package in vars(packages).items():
        monkeypatch.setitem(sys.modules, name, package)
    return packages


def model(module, **parameters):
    return DeepLDLClassifier(module, **({"max_epochs": 2, "random_state": 0} | parameters))


@pytest.mark.parametrize("source", ["torchvision", "timm"])
@pytest.mark.parametrize("name", ["tiny", "nested"])
def test_the_last_layer_gives_way_to_a_head(name, source):
    fitted = model(backbone(name, source=source)).fit(IMAGES, LABELS)
    net = fitted.net_.module_
    assert isinstance(net, Backbone)
    assert (net.head.in_features, net.head.out_features) == ({"tiny": 6, "nested": 10}[name], 4)
    names = [key for key, _ in net.named_parameters()]
    assert names[0] == {"tiny": "body.conv1.weight", "nested": "body.features.0.weight"}[name]
    assert names[-2:] == ["head.weight", "head.bias"]
    assert not {"body.fc.weight", "body.classifier.2.weight"} & set(names)
    assert_allclose(fitted.predict_proba(IMAGES).sum(axis=1), 1, atol=1e-12)
    assert set(fitted.predict(IMAGES)) <= set("abcd")


@pytest.mark.parametrize("source", ["torchvision", "timm"])
def test_backbones_finetune_and_freeze(source):
    preset = {**PRESETS["finetune"], "max_epochs": 2}
    assert model(backbone("tiny", source=source), **preset).fit(IMAGES, LABELS).n_iter_ == 2
    start = model(backbone("nested", source=source), **{**preset, "max_epochs": 0})
    net = start.fit(IMAGES, LABELS).net_.module_
    assert net.head.weight.std() < 0.02 < net.body.classifier[0].weight.std()
    frozen = [("body.*", {"lr": 0.0})]
    fitted = model(backbone("tiny", weights=True, source=source), param_groups=frozen)
    weight = fitted.fit(IMAGES, LABELS).net_.module_.body.conv1.weight
    assert (weight == PRETRAINED).all()


def test_weights_by_name_and_by_default(packages):
    for weights in (None, False, True, "IMAGENET1K_V2"):
        model(backbone("tiny", weights=weights), max_epochs=0).fit(IMAGES, LABELS)
    assert packages.torchvision.weights == [None, None, "DEFAULT", "IMAGENET1K_V2"]
    for weights in (None, True):
        model(backbone("tiny", source="timm", weights=weights), max_epochs=0).fit(IMAGES, LABELS)
    assert packages.timm.calls == [(False, 4), (True, 4)]


@pytest.mark.parametrize("source", ["torchvision", "timm"])
def test_weights_from_a_file_whatever_the_size_of_its_last_layer(source, tmp_path):
    trained = Tiny(num_classes=7)
    torch.save(trained.state_dict(), tmp_path / "weights.pt")
    module = backbone("tiny", source=source, weights=tmp_path / "weights.pt")
    net = model(module, max_epochs=0).fit(IMAGES, LABELS).net_.module_
    assert_array_equal(net.body.conv1.weight.detach(), trained.conv1.weight.detach())
    assert net.head.out_features == 4
    torch.save(Nested().state_dict(), tmp_path / "weights.pt")
    with pytest.raises(RuntimeError, match="Missing key"):
        model(module).fit(IMAGES, LABELS)


@pytest.mark.parametrize("in_channels", [1, 5])
def test_other_numbers_of_channels(in_channels):
    gray = np.repeat(IMAGES[:, :1], in_channels, axis=1)
    outputs = []
    for module, images in (
        (backbone("tiny", weights=True, in_channels=in_channels), gray),
        (backbone("tiny", weights=True), np.repeat(IMAGES[:, :1], 3, axis=1)),
    ):
        net = model(module, max_epochs=0).fit(images, LABELS).net_.module_.body
        outputs.append(net(torch.from_numpy(images)).detach())
    assert net.conv1.stride == (2, 2)
    # All channels alike, the pretrained layer answers as it did to three.
    assert_allclose(outputs[0], outputs[1], atol=1e-5)
    fresh = model(backbone("nested", in_channels=in_channels), max_epochs=0).fit(gray, LABELS)
    assert fresh.net_.module_.body.features[0].weight.unique().numel() == 4 * in_channels * 9
    with pytest.raises(
        ValueError, match=rf"in_channels=3, but X has samples of shape \({in_channels}"
    ):
        model(backbone("tiny")).fit(gray, LABELS)


def test_backbones_are_pickled_cloned_and_searched():
    module = backbone("tiny", source="timm", weights=True)
    estimator = model(module)
    expected = estimator.fit(IMAGES, LABELS).predict_proba(IMAGES)
    for copied in (clone(estimator), pickle.loads(pickle.dumps(model(module)))):
        assert_array_equal(copied.fit(IMAGES, LABELS).predict_proba(IMAGES), expected)
    loaded = pickle.loads(pickle.dumps(estimator))
    assert_array_equal(loaded.predict_proba(IMAGES), expected)
    grid = {"module": [backbone("tiny"), backbone("nested")]}
    search = GridSearchCV(model(None, max_epochs=1), grid, cv=2).fit(IMAGES, LABELS)
    assert search.best_params_["module"] in grid["module"]


def test_flat_images_with_their_shape():
    flat = IMAGES.reshape(40, -1)
    fitted = model(backbone("tiny"), input_shape=(3, 8, 8)).fit(flat, LABELS)
    whole = model(backbone("tiny")).fit(IMAGES, LABELS)
    assert_array_equal(fitted.predict_proba(flat), whole.predict_proba(IMAGES))
    with pytest.raises(ValueError, match=r"in_channels=3, but X has samples of shape \(192,\)"):
        model(backbone("tiny")).fit(flat, LABELS)


@pytest.mark.parametrize("source", ["torchvision", "timm"])
def test_a_missing_package_is_named(source, monkeypatch):
    monkeypatch.setitem(sys.modules, source, None)
    module = backbone("resnet18", source=source)
    with pytest.raises(ImportError, match=rf"needs the package {source} .*: pip install {source}$"):
        model(module).fit(IMAGES, LABELS)


def test_what_cannot_be_built_is_refused():
    with pytest.raises(
        ValueError, match=r"source must be one of \('torchvision', 'timm', 'sklearn_ldl'\)"
    ):
        backbone("resnet18", source="keras")
    with pytest.raises(
        ValueError, match=r"backbone\('resnet50.a1_in1k', source='timm', weights=Tr"
    ):
        backbone("resnet50", source="timm", weights="a1_in1k")
    with pytest.raises(ValueError, match="Convolutional has no Linear layer to replace"):
        model(backbone("convolutional")).fit(IMAGES, LABELS)


def test_inputs_that_the_model_does_not_take_are_an_error_before_training():
    class Demanding(Tiny):
        def forward(self, X):
            torch._assert(X.shape[-1] == 224, "Wrong image height! Expected 224")
            return super().forward(X)

    with pytest.raises(
        ValueError, match=r"does not take samples of shape \(3, 8, 8\): Wrong image"
    ):
        model(Backbone(Demanding(), 4)).fit(IMAGES, LABELS)


def residual(name="resnet20", **options):
    return backbone(name, source="sklearn_ldl", **options)


@pytest.mark.parametrize(("name", "n_weights"), [("resnet20", 20), ("resnet32", 32)])
def test_residual_networks_have_as_many_layers_as_their_name_says(name, n_weights):
    net = model(residual(name), max_epochs=0).fit(IMAGES, LABELS).net_.module_
    layers = [layer for layer in net.modules() if isinstance(layer, nn.Conv2d | nn.Linear)]
    assert len(layers) == n_weights
    assert [(layer.in_channels, layer.out_channels) for layer in layers[:2]] == [(3, 16), (16, 16)]
    assert (net.head.in_features, net.head.out_features) == (64, 4)


def test_a_residual_network_of_20_layers_has_the_published_number_of_weights():
    net = model(residual(), max_epochs=0).fit(IMAGES, LABELS).net_.module_
    # 0.27 million with the ten classes of CIFAR; here there are four.
    assert sum(weight.numel() for weight in net.parameters()) == 269722 - 6 * 65


def test_a_block_without_weights_is_its_input_thinned_out():
    block = ResidualBlock(3, 6)
    nn.init.zeros_(block.bn2.weight)
    X = torch.from_numpy(IMAGES)
    out = block(X).detach()
    assert_array_equal(out[:, :3], X[:, :, ::2, ::2].relu())
    assert (out[:, 3:] == 0).all()
    assert out.shape == (40, 6, 4, 4)


@pytest.mark.parametrize("size", [7, 8, 33])
def test_residual_networks_of_a_width_for_images_of_any_size(size):
    images = RNG.standard_normal((10, 1, size, size)).astype(np.float32)
    fitted = model(residual(in_channels=1, width=4), max_epochs=1).fit(images, LABELS[:10])
    net = fitted.net_.module_
    assert (net.body.conv1.in_channels, net.body.conv1.out_channels) == (1, 4)
    assert net.head.in_features == 16
    assert fitted.transform_features(images).shape == (10, 16)


def test_a_residual_network_learns_digits():
    X, y = load_digits(return_X_y=True)
    net = residual(in_channels=1, width=4)
    settings = {"input_shape": (1, 8, 8), "max_epochs": 15, "batch_size": 30, "lr": 0.03}
    fitted = model(net, **settings).fit(X[:300] / 16, y[:300])
    assert fitted.score(X[300:] / 16, y[300:]) > 0.8


def test_weights_of_a_residual_network_from_a_file(tmp_path):
    trained = ResidualNetwork(20, num_classes=7, width=4)
    torch.save(trained.state_dict(), tmp_path / "weights.pt")
    module = residual(weights=tmp_path / "weights.pt", width=4)
    net = model(module, max_epochs=0).fit(IMAGES, LABELS).net_.module_
    assert_array_equal(net.body.conv1.weight.detach(), trained.conv1.weight.detach())
    assert pickle.loads(pickle.dumps(module)).keywords == module.keywords


def test_residual_networks_that_do_not_exist():
    for name, match in ("vgg16", "'resnet20'; got 'vgg16'"), ("resnet18", r"6 n \+ 2 .*: got 18"):
        with pytest.raises(ValueError, match=match):
            model(residual(name)).fit(IMAGES, LABELS)
    for weights in (True, "DEFAULT"):
        with pytest.raises(ValueError, match="no pretrained weights but from a file"):
            residual(weights=weights)
    with pytest.raises(ValueError, match="width is for models of sklearn_ldl"):
        backbone("resnet18", width=8)
