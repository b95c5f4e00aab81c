import numpy as np
import pytest
from numpy.testing import assert_allclose

torch = pytest.importorskip("torch")
pytest.importorskip("skorch")

from torch import nn  # noqa: E402

from sklearn_ldl.deep.losses.distributions import kl_divergence  # noqa: E402
from sklearn_ldl.deep.networks.dropout import UniformDropout  # noqa: E402
from sklearn_ldl.deep.networks.ensemble import MLPEnsemble  # noqa: E402
from sklearn_ldl.deep.networks.member_layers import MemberLinear, SharedLinear  # noqa: E402
from sklearn_ldl.deep.networks.members import (  # noqa: E402
    Members,
    mean_distribution,
    mean_normal,
    mean_output,
    mean_tanh,
)
from sklearn_ldl.deep.networks.perceptron import INITIALIZERS, MLP  # noqa: E402
from sklearn_ldl.deep.training.batches import Batch  # noqa: E402


@pytest.fixture(autouse=True)
def seed():
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        yield


def module(n_members=4, **settings):
    return MLPEnsemble(5, 3, n_members, (8, 6), **settings)


def draw(*shape):
    return torch.randn(*shape)


# Shapes and members


def test_shapes_in_training_and_evaluation():
    ensemble, X = module(), draw(7, 5)
    assert ensemble.eval()(X).shape == (7, 3)
    assert ensemble.members(X).shape == (4, 7, 3)
    assert Members(ensemble)(X).shape == (7, 4, 3)
    assert ensemble.train()(X.repeat(4, 1)).shape == (28, 3)
    assert ensemble.train()(draw(8, 1, 5)).shape == (8, 3)


@pytest.mark.parametrize("sizes", [(), (8,), (8, 6)])
def test_members_differ_from_the_start(sizes):
    Z = MLPEnsemble(5, 3, 4, sizes).members(draw(7, 5))
    for first in range(4):
        for second in range(first):
            assert (Z[first] - Z[second]).abs().max() > 1e-2


def test_rows_of_training_are_those_of_the_members_in_turn():
    ensemble, X = module(), draw(7, 5)
    Z = ensemble.train()(X.repeat(4, 1))
    torch.testing.assert_close(Z.reshape(4, 7, 3), ensemble.members(X))


def test_scales_and_biases_are_those_of_the_formula():
    layer, X = SharedLinear(4, 5, 3, random_signs=True), draw(4, 7, 5)
    assert set(layer.input_scale.flatten().tolist()) == {-1.0, 1.0}
    assert SharedLinear(4, 5, 3).input_scale.unique().tolist() == [1.0]
    with torch.no_grad():
        layer.input_scale.normal_()
        layer.output_scale.normal_()
    Z = layer(X)
    for m in range(4):
        expected = layer.output_scale[m] * ((X[m] * layer.input_scale[m]) @ layer.weight.T)
        torch.testing.assert_close(Z[m], expected + layer.bias[m])


def test_one_member_without_signs_is_a_perceptron():
    single, ensemble = MLP(5, 3, (8, 6)), module(1)
    with torch.no_grad():
        ensemble.hidden[0].input_scale.fill_(1)
        for layer, own in (
            (single.hidden1, ensemble.hidden[0]),
            (single.hidden2, ensemble.hidden[2]),
        ):
            own.weight.copy_(layer.weight)
            own.bias.copy_(layer.bias[None, None])
        ensemble.head.weight.copy_(single.head.weight.T[None])
        ensemble.head.bias.copy_(single.head.bias[None, None])
    X = draw(7, 5)
    torch.testing.assert_close(ensemble.eval()(X), single(X))
    torch.testing.assert_close(ensemble.train()(X), single(X))


def test_the_loss_of_a_batch_is_the_mean_of_the_losses_of_the_members():
    ensemble, X, D = module(), draw(7, 5), draw(7, 3).softmax(1)
    weight = torch.rand(7)
    batch = Batch(X, D, weight, torch.arange(7), None).repeated(4)
    rows = kl_divergence(ensemble.train()(batch.X), batch.target)
    alone = [kl_divergence(Z, D) for Z in ensemble.members(X)]
    torch.testing.assert_close(rows.mean(), torch.stack(alone).mean())
    weighted = torch.stack([(loss * weight).mean() for loss in alone]).mean()
    torch.testing.assert_close((rows * batch.weight).mean(), weighted)
    assert batch.rows.tolist() == [*range(7)] * 4


def test_gradients_reach_every_parameter():
    ensemble = module()
    ensemble.train()(draw(28, 5)).square().sum().backward()
    assert all(p.grad.abs().sum() > 0 for p in ensemble.parameters())


def test_dropout_keeps_the_mean_and_evaluation_as_they_are():
    layer, X = UniformDropout(0.3), torch.ones(100_000)
    dropped = layer(X)
    assert dropped.unique().tolist() == [0.0, pytest.approx(1 / 0.7)]
    assert dropped.mean().item() == pytest.approx(1, abs=0.01)
    assert layer.eval()(X) is X


@pytest.mark.parametrize("size", [0, 2.5, "8"])
def test_widths_are_checked(size):
    with pytest.raises(ValueError, match="hidden_layer_sizes must be positive integers"):
        MLPEnsemble(5, 3, 4, (size,))


# Combinations


def test_distributions_are_averaged_in_logarithms():
    Z = 300 * draw(4, 7, 3).double()
    P = mean_distribution(Z).exp()
    torch.testing.assert_close(P, Z.softmax(-1).mean(0))
    assert mean_distribution(Z).isfinite().all()


def test_values_are_averaged():
    Z = draw(4, 7, 3).double()
    torch.testing.assert_close(mean_output(Z), Z.mean(0))
    torch.testing.assert_close(mean_tanh(Z).tanh(), Z.tanh().mean(0))
    assert mean_tanh(1000 * Z).isfinite().all()


def test_moments_of_mixtures_of_normal_distributions(rng):
    Z = torch.from_numpy(rng.normal(size=(4, 1, 2)))
    mean, log_variance = mean_normal(Z)[0].tolist()
    members = rng.integers(4, size=400_000)
    draws = rng.normal(Z[members, 0, 0].numpy(), np.exp(Z[members, 0, 1].numpy() / 2))
    assert mean == pytest.approx(draws.mean(), abs=0.01)
    assert np.exp(log_variance) == pytest.approx(draws.var(), rel=0.01)
    same = Z[:1].expand(4, -1, -1)
    torch.testing.assert_close(mean_normal(same), Z[0])


# Initialisation


@pytest.mark.parametrize("name", INITIALIZERS)
def test_weights_are_drawn_matrix_by_matrix(name):
    ensemble = MLPEnsemble(400, 50, 4, (300,))
    INITIALIZERS[name](ensemble)
    head = ensemble.head.weight
    expected = np.sqrt(2 / 300) if name == "kaiming" else 0.01
    for member in head:
        assert member.std().item() == pytest.approx(expected, rel=0.05)
    assert not ensemble.head.bias.any()
    body = ensemble.hidden[0]
    # What torch draws evenly up to 1 / sqrt(400) is left by one of them.
    scales = {"normal": 0.01, "normal_head": 0.05 / np.sqrt(3)}
    expected = scales.get(name, np.sqrt(2 / 400))
    assert body.weight.std().item() == pytest.approx(expected, rel=0.05)
    assert set(body.input_scale.flatten().tolist()) == {-1.0, 1.0}


def test_layers_of_members_start_as_those_of_torch():
    torch_bound = nn.Linear(100, 50).weight.abs().max().item()
    for layer in (MemberLinear(4, 100, 50), SharedLinear(4, 100, 50)):
        assert_allclose(layer.weight.abs().max().item(), torch_bound, rtol=0.01)
