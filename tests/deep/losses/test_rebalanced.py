import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy.special import expit, softmax, xlogy

torch = pytest.importorskip("torch")
pytest.importorskip("skorch")

from torch.overrides import TorchFunctionMode  # noqa: E402

from sklearn_ldl.deep.losses.distributions import kl_divergence  # noqa: E402
from sklearn_ldl.deep.losses.priors import label_frequency  # noqa: E402
from sklearn_ldl.deep.losses.rebalanced import (  # noqa: E402
    DistributionBalance,
    balanced_kl,
    class_balanced_weights,
    focal_kl,
    reshaped_kl,
)

SUMS = np.array([20.0, 9.5, 0.5, 0.0])
FREQUENCY = label_frequency(SUMS)
BALANCE = DistributionBalance(FREQUENCY, 30)


LOSSES = {
    "fl": focal_kl,
    "fl_without_factor": reshaped_kl("fl", FREQUENCY, 30, gamma=0.0),
    "fl_root": reshaped_kl("fl", FREQUENCY, 30, gamma=0.5),
    "cb_average": reshaped_kl("cb", FREQUENCY, 30),
    "cb_by_class": reshaped_kl("cb", FREQUENCY, 30, cb_mode="by_class"),
    "db": reshaped_kl("db", FREQUENCY, 30),
    "db_all_in_one_label": reshaped_kl("db", [6, 1, 1, 1], 6),
}
every_loss = pytest.mark.parametrize("loss", LOSSES.values(), ids=LOSSES.keys())
DTYPES = [torch.float32, torch.float64]


def distributions(rng, n_samples=6, dtype=torch.float64):
    D = rng.dirichlet(np.ones(4), n_samples)
    D[0] = [1, 0, 0, 0]
    D[1] = [0, 0, 0, 1]
    D[2] = [0, 0.5, 0.5, 0]
    return torch.tensor(D, dtype=dtype)


def logits(rng, n_samples=6, dtype=torch.float64):
    return torch.tensor(rng.standard_normal((n_samples, 4)), dtype=dtype)


@every_loss
def test_gradient_is_that_of_finite_differences(loss, rng):
    D = distributions(rng)
    assert torch.autograd.gradcheck(lambda Z: loss(Z, D), logits(rng).requires_grad_())


@every_loss
@pytest.mark.parametrize("dtype", DTYPES)
def test_values_per_row_do_not_depend_on_the_other_rows(loss, dtype, rng):
    Z, D = logits(rng, dtype=dtype), distributions(rng, dtype=dtype)
    values = loss(Z, D)
    assert values.shape == (6,)
    assert values.dtype == dtype
    for row in range(6):
        torch.testing.assert_close(loss(Z[row : row + 1], D[row : row + 1]), values[row : row + 1])


@every_loss
@pytest.mark.parametrize("dtype", DTYPES)
def test_extreme_logits_have_finite_values_and_gradients(loss, dtype):
    signs = torch.tensor(np.array(list(np.ndindex((2,) * 4))), dtype=dtype)
    rows = [*torch.eye(4, dtype=dtype), torch.full((4,), 0.25, dtype=dtype)]
    for Z in (1e4 * (2 * signs - 1), 1e4 * signs):
        for D in rows:
            Z = Z.detach().requires_grad_()
            values = loss(Z, D.expand_as(Z))
            assert values.isfinite().all()
            assert torch.autograd.grad(values.sum(), Z)[0].isfinite().all()


@every_loss
def test_inputs_stay_as_they_are(loss, rng):
    Z, D = logits(rng).requires_grad_(), distributions(rng)
    copies = Z.detach().clone(), D.clone()
    loss(Z, D).sum().backward()
    assert torch.equal(Z, copies[0])
    assert torch.equal(D, copies[1])


def test_focal_loss_is_its_formula(rng):
    Z, D = logits(rng), distributions(rng)
    P, d = softmax(Z.numpy(), axis=1), D.numpy()
    elements = xlogy(d, d) - d * np.log(P)
    assert_allclose(focal_kl(Z, D), ((1 - P) ** 2 * elements).mean(axis=1), rtol=1e-12)
    weight = rng.uniform(size=(6, 4))
    values = focal_kl(Z, D, torch.tensor(weight), gamma=1.5)
    assert_allclose(values, (weight * (1 - P) ** 1.5 * elements).mean(axis=1), rtol=1e-12)


def test_focal_loss_without_factor_is_the_mean_divergence(rng):
    Z, D = logits(rng), distributions(rng)
    torch.testing.assert_close(focal_kl(Z, D, gamma=0.0), kl_divergence(Z, D) / 4)


def test_class_balanced_weights_are_effective_numbers(rng):
    D = distributions(rng)
    v = 0.1 / (1 - 0.9**FREQUENCY)
    assert_allclose(class_balanced_weights(D, FREQUENCY, 0.9, "by_class"), v, rtol=1e-12)
    weight = class_balanced_weights(D, FREQUENCY, 0.9)
    assert_allclose(weight, (D.numpy() @ v)[:, None], rtol=1e-12)
    assert weight[1] == pytest.approx(1)  # all of this row is a label that is absent in training


def test_class_balance_goes_from_equal_weights_to_inverse_frequencies(rng):
    D = distributions(rng)
    assert torch.equal(
        class_balanced_weights(D, FREQUENCY, 0.0, "by_class"), torch.ones(4).double()
    )
    almost = class_balanced_weights(D, FREQUENCY, 1 - 1e-9, "by_class")
    assert_allclose(almost, 1 / FREQUENCY, rtol=1e-6)


def test_balanced_weights_are_their_formula(rng):
    balance = DistributionBalance(FREQUENCY, 30, floor=0.3, slope=4.0, centre=0.5)
    D = distributions(rng)
    r = (1 / FREQUENCY) / (D.numpy() @ (1 / FREQUENCY))[:, None]
    weights = balance.weights(D)
    assert_allclose(weights, 0.3 + expit(4 * (r - 0.5)), rtol=1e-12)
    targets = balance.targets(D).numpy()
    assert_allclose(targets.sum(axis=1), 1, rtol=1e-12)
    expected = weights.numpy() * D.numpy()
    assert_allclose(targets, expected / expected.sum(axis=1, keepdims=True), rtol=1e-12)


def test_equal_frequencies_weigh_all_labels_alike(rng):
    D = distributions(rng)
    balance = DistributionBalance([8, 8, 8, 8], 32)
    assert_allclose(balance.weights(D), 0.1 + expit(1.0), rtol=1e-12)
    torch.testing.assert_close(balance.targets(D), D)


def test_balance_moves_targets_towards_rare_labels():
    D = torch.tensor([[0.7, 0.2, 0.1, 0.0]])
    moved = BALANCE.targets(D) / D
    assert moved[0, 0] < moved[0, 1] < moved[0, 2]
    assert BALANCE.targets(D)[0, 3] == 0
    assert_allclose(BALANCE.targets(torch.eye(4)), np.eye(4))


def test_balanced_logits_are_their_formula(rng):
    Z, D = logits(rng), distributions(rng)
    balance = DistributionBalance(FREQUENCY, 30, init_bias=0.2, neg_scale=3.0)
    shift = -0.2 * np.log(30 / FREQUENCY - 1)
    expected = (Z.numpy() + shift) * (3 - 2 * D.numpy())
    assert_allclose(balance.logits(Z, D), expected, rtol=1e-12)
    plain = DistributionBalance(FREQUENCY, 30, init_bias=0.0, neg_scale=1.0)
    torch.testing.assert_close(plain.logits(Z, D), Z)


def test_a_label_that_takes_everything_shifts_by_a_finite_amount():
    balance = DistributionBalance([6, 1], 6)
    shift = balance.logits(torch.zeros(1, 2).double(), torch.ones(1, 2).double())
    assert_allclose(shift, [[-0.05 * np.log(1e-6), -0.05 * np.log(5)]], rtol=1e-12)


def test_balanced_loss_is_its_formula(rng):
    Z, D = logits(rng), distributions(rng)
    weight = BALANCE.weights(D) * ((1 - D) / 2 + D)
    expected = focal_kl(BALANCE.logits(Z, D), D, weight)
    torch.testing.assert_close(balanced_kl(Z, D, BALANCE), expected)


def test_reshaped_losses_by_name(rng):
    Z, D = logits(rng), distributions(rng)
    settings = {"floor": 0.2, "slope": 5.0, "centre": 0.7, "init_bias": 0.1, "neg_scale": 3.0}
    balance = DistributionBalance(FREQUENCY, 30, **settings)
    weight = class_balanced_weights(D, FREQUENCY, 0.5, "by_class")
    for name, expected in {
        "fl": focal_kl(Z, D, gamma=1.0),
        "cb": focal_kl(Z, D, weight, gamma=1.0),
        "db": balanced_kl(Z, D, balance, gamma=1.0),
    }.items():
        loss = reshaped_kl(
            name, FREQUENCY, 30, gamma=1.0, cb_beta=0.5, cb_mode="by_class", **settings
        )
        assert torch.equal(loss(Z, D), expected)


def test_balanced_loss_can_be_negative_and_prefers_a_flatter_distribution():
    balance = DistributionBalance([24, 6], 30)
    D = torch.tensor([[0.8, 0.2]], dtype=torch.float64)
    share = torch.linspace(0.01, 0.99, 99).double()
    Z = torch.stack([share.log(), (1 - share).log()], dim=1)
    values = balanced_kl(Z, D.expand_as(Z), balance)
    assert values.min() < 0
    assert 0.2 < share[values.argmin()] < 0.7


@pytest.mark.parametrize("dtype", DTYPES)
def test_results_have_the_precision_of_the_batch(dtype, rng):
    Z, D = logits(rng, dtype=dtype), distributions(rng, dtype=dtype)
    for result in (
        BALANCE.weights(D),
        BALANCE.targets(D),
        BALANCE.logits(Z, D),
        class_balanced_weights(D, FREQUENCY),
    ):
        assert result.dtype == dtype


def test_ten_thousand_labels_and_one_row(rng):
    D = torch.tensor(rng.dirichlet(np.ones(10_000), 1))
    Z = torch.tensor(rng.standard_normal((1, 10_000)))
    balance = DistributionBalance(label_frequency(D.numpy()[0]), 1)
    assert balanced_kl(Z, D, balance).isfinite().all()
    assert_allclose(balance.targets(D).sum(), 1, rtol=1e-12)


class Copies(TorchFunctionMode):
    """Counts what is brought to a device or a precision."""

    def __init__(self):
        super().__init__()
        self.count = 0

    def __torch_function__(self, function, types, args=(), kwargs=None):
        self.count += function in (torch.Tensor.to, torch.from_numpy, torch.tensor, torch.as_tensor)
        return function(*args, **(kwargs or {}))


@pytest.mark.parametrize("kind", ["db", "cb", "fl"])
def test_frequencies_are_brought_to_the_device_once(kind, rng):
    loss = reshaped_kl(kind, FREQUENCY, 30)
    Z, D = logits(rng, dtype=torch.float32), distributions(rng, dtype=torch.float32)
    with Copies() as copies:
        first = loss(Z, D)
        assert copies.count == {"db": 2, "cb": 1, "fl": 0}[kind]
        again = loss(Z, D)
    assert copies.count == {"db": 2, "cb": 1, "fl": 0}[kind]
    assert torch.equal(first, again)
    # Another precision has numbers of its own.
    assert_allclose(loss(Z.double(), D.double()), first, rtol=1e-4)
