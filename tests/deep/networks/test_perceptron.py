import numpy as np
import pytest
from sklearn.datasets import load_iris

torch = pytest.importorskip("torch")
pytest.importorskip("skorch")

from torch import nn  # noqa: E402

from sklearn_ldl import DeepLDLClassifier  # noqa: E402
from sklearn_ldl.deep.networks.perceptron import INITIALIZERS, MLP, make_module  # noqa: E402

SIZES = {"n_features": 4, "input_shape": (4,), "n_labels": 3}


def test_perceptron_has_the_layers_that_were_asked_for():
    net = MLP(4, 3, (8, 5), dropout=0.5)
    names = [name for name, _ in net.named_children()]
    hidden = ["hidden1", "relu1", "dropout1", "hidden2", "relu2", "dropout2"]
    assert names == ["flatten", *hidden, "head"]
    assert [tuple(p.shape) for p in net.parameters()] == [(8, 4), (8,), (5, 8), (5,), (3, 5), (3,)]
    assert net.dropout2.p == 0.5
    assert not any(isinstance(layer, nn.Dropout) for layer in MLP(4, 3, (8,)).modules())


def test_perceptron_without_hidden_layers_is_linear():
    net = MLP(4, 3, ())
    x = torch.randn(2, 4)
    assert torch.equal(net(x), x @ net.head.weight.T + net.head.bias)


def test_perceptron_takes_sizes_from_arrays_and_flattens_images():
    assert MLP(12, 3, np.array([6, 2]))(torch.zeros(2, 3, 2, 2)).shape == (2, 3)


@pytest.mark.parametrize("sizes", [(0,), (8, -5), (2.5,), ("8",), (None,)])
def test_perceptron_refuses_widths_that_are_no_positive_integers(sizes):
    with pytest.raises(ValueError, match="hidden_layer_sizes must be positive integers"):
        MLP(4, 3, sizes)


def by_size(n_features, n_labels, bias=True):
    return nn.Linear(n_features, n_labels, bias=bias)


class ByLabels(nn.Linear):
    def __init__(self, n_labels):
        super().__init__(4, n_labels)


class ByKeywords(nn.Linear):
    def __init__(self, **sizes):
        self.sizes = sizes
        super().__init__(sizes["n_features"], sizes["n_labels"])


@pytest.mark.parametrize("module", [by_size, ByLabels, ByKeywords, lambda: nn.Linear(4, 3)])
def test_callables_get_the_sizes_that_they_name(module):
    net = make_module(module, SIZES)
    assert (net.in_features, net.out_features) == (4, 3)
    if module is ByKeywords:
        assert net.sizes == SIZES


def test_options_reach_the_callable():
    assert make_module(by_size, SIZES, bias=False).bias is None
    with pytest.raises(TypeError, match="unexpected keyword argument 'width'"):
        make_module(by_size, SIZES, width=3)
    with pytest.raises(TypeError, match="multiple values for keyword argument 'n_labels'"):
        make_module(by_size, SIZES, n_labels=5)


def test_instances_are_copied_with_their_weights():
    module = nn.Linear(4, 3)
    copied = make_module(module, SIZES)
    assert copied is not module
    assert copied.weight is not module.weight
    assert torch.equal(copied.weight, module.weight)
    with pytest.raises(TypeError, match=r"instance of a module takes no options, got \['bias'\]"):
        make_module(module, SIZES, bias=False)


def test_what_is_no_module_is_refused():
    with pytest.raises(TypeError, match=r"must build a torch.nn.Module, got type"):
        make_module(lambda: nn.Linear, SIZES)
    with pytest.raises(TypeError, match="got int"):
        make_module(lambda n_labels: n_labels, SIZES)


class Mixed(nn.Module):
    def __init__(self, n_labels):
        super().__init__()
        self.convolution = nn.Conv2d(1, 50, 3, padding=1)
        self.norm = nn.BatchNorm2d(50)
        self.slope = nn.PReLU()
        self.hidden = nn.Linear(50 * 4, 60, bias=False)
        self.head = nn.Linear(60, n_labels)

    def forward(self, X):
        return self.head(self.hidden(self.slope(self.norm(self.convolution(X))).flatten(1)))


def test_normal_draws_all_weights_with_a_standard_deviation_of_a_hundredth():
    torch.manual_seed(0)
    net = Mixed(20)
    nn.init.constant_(net.slope.weight, 7.0)
    INITIALIZERS["normal"](net)
    for layer in (net.convolution, net.hidden, net.head):
        assert layer.weight.std().item() == pytest.approx(0.01, rel=0.15)
        assert layer.bias is None or not layer.bias.any()
    assert net.slope.weight.item() == 0.25
    assert (net.norm.weight == 1).all()
    assert net.head.weight.requires_grad


def test_kaiming_keeps_the_scale_of_what_passes_rectifiers():
    torch.manual_seed(0)
    net = Mixed(20)
    INITIALIZERS["kaiming"](net)
    for layer, inputs in ((net.convolution, 9), (net.hidden, 200), (net.head, 60)):
        assert layer.weight.std().item() == pytest.approx((2 / inputs) ** 0.5, rel=0.15)
        assert layer.bias is None or not layer.bias.any()
    assert net.slope.weight.item() == 0.25


def test_kaiming_with_a_small_head_starts_from_uniform_predictions():
    torch.manual_seed(0)
    net = Mixed(20)
    INITIALIZERS["kaiming_small_head"](net)
    assert net.hidden.weight.std().item() == pytest.approx((2 / 200) ** 0.5, rel=0.15)
    assert net.head.weight.std().item() == pytest.approx(0.01, rel=0.15)
    assert not net.head.bias.any()


def test_normal_head_draws_the_last_linear_layer_only():
    torch.manual_seed(0)
    net = Mixed(20)
    before = {name: value.clone() for name, value in net.state_dict().items()}
    INITIALIZERS["normal_head"](net)
    changed = {name for name, value in net.state_dict().items() if not value.equal(before[name])}
    assert changed == {"head.weight", "head.bias"}
    assert net.head.weight.std().item() == pytest.approx(0.01, rel=0.15)
    with pytest.raises(ValueError, match="needs a module with a linear layer"):
        INITIALIZERS["normal_head"](nn.Conv2d(1, 1, 1))


@pytest.mark.parametrize("init", [*INITIALIZERS, nn.Module.zero_grad, None])
def test_estimators_apply_init_to_what_was_built(init):
    X, y = load_iris(return_X_y=True)
    module = nn.Sequential(nn.Linear(4, 50), nn.ReLU(), nn.Linear(50, 3))
    model = DeepLDLClassifier(module, init=init, max_epochs=0, random_state=0).fit(X, y)
    first, last = (model.net_.module_[index].weight for index in (0, 2))
    assert torch.equal(first, module[0].weight) == (
        init in ("normal_head", nn.Module.zero_grad, None)
    )
    assert torch.equal(last, module[2].weight) == (init not in INITIALIZERS)


def test_a_callable_init_gets_the_module():
    def ones(module):
        nn.init.constant_(module.head.weight, 1.0)

    X, y = load_iris(return_X_y=True)
    model = DeepLDLClassifier(init=ones, max_epochs=0, random_state=0).fit(X, y)
    assert (model.net_.module_.head.weight == 1).all()
