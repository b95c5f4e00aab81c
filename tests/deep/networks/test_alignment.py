import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("skorch")

from torch.distributions import Normal, kl_divergence  # noqa: E402

from sklearn_ldl.deep.networks.alignment import (  # noqa: E402
    AlignmentNet,
    Gaussian,
    GaussianHead,
    gaussian_kl,
    gram_mismatch,
)


@pytest.fixture
def generator():
    return torch.Generator().manual_seed(0)


def gaussians(generator, *, shape=(6, 5), scale=1.0):
    draw = torch.randn((2, *shape), generator=generator, dtype=torch.float64)
    return Gaussian(*(scale * draw))


def test_gaussian_kl_is_that_of_torch(generator):
    first, second = gaussians(generator), gaussians(generator, scale=2)
    normals = (Normal(g.mean, (g.log_variance / 2).exp()) for g in (first, second))
    expected = kl_divergence(*normals).sum(1)
    torch.testing.assert_close(gaussian_kl(first, second), expected)
    assert not gaussian_kl(first, first).any()


def test_samples_have_mean_and_variance(generator):
    gaussian = Gaussian(torch.full((100_000, 1), 3.0), torch.full((100_000, 1), 0.5))
    with torch.random.fork_rng():
        torch.manual_seed(0)
        sample = gaussian.sample()
    assert sample.mean().item() == pytest.approx(3, abs=0.02)
    assert sample.var().log().item() == pytest.approx(0.5, abs=0.02)


def test_log_variances_are_clamped():
    head = GaussianHead(3)
    log_variance = head(torch.full((2, 3), 1e6)).log_variance
    assert log_variance.abs().max() == 10
    far, near = (head(torch.full((2, 3), value)) for value in (-1e4, 1e4))
    assert gaussian_kl(far, near).isfinite().all()


def test_gram_mismatch_of_rows_by_hand():
    R = torch.tensor([[1.0, 0.0], [0.0, 2.0], [3.0, 0.0]])
    S = torch.tensor([[1.0, 0.0], [-1.0, 0.0], [0.0, 5.0]])
    # Cosines of the pairs (0, 1), (0, 2), (1, 2): 0, 1, 0 against -1, 0, 0.
    torch.testing.assert_close(gram_mismatch(R, S), torch.tensor([2.0, 1.0, 1.0]) / 3)


def test_gram_mismatch_knows_neither_lengths_nor_rotations(generator):
    R = torch.randn((6, 4), generator=generator, dtype=torch.float64)
    rotation = torch.linalg.qr(torch.randn((4, 4), generator=generator).double()).Q
    mismatch = gram_mismatch(R, 7 * R @ rotation)
    torch.testing.assert_close(mismatch, torch.zeros(6, dtype=torch.float64))


def test_gram_mismatch_of_zeros_is_finite_with_its_gradient():
    R = torch.zeros(3, 4, requires_grad=True)
    S = torch.eye(3, 4)
    mismatch = gram_mismatch(R, S)
    torch.testing.assert_close(mismatch, torch.full((3,), 1 / 3))
    mismatch.sum().backward()
    assert R.grad.isfinite().all()


def test_gram_mismatch_of_one_row_is_zero(generator):
    R, S = torch.randn((2, 1, 4), generator=generator)
    torch.testing.assert_close(gram_mismatch(R, S), torch.zeros(1))


def test_net_predicts_by_encoder_and_head_alone(generator):
    net = AlignmentNet(4, 3, 8, ("whole",))
    X = torch.randn((5, 2, 2), generator=generator)
    expected = net.head(torch.relu(net.encoder(X.reshape(5, 4))))
    torch.testing.assert_close(net(X), expected)
    net(X).sum().backward()
    used = {name for name, weight in net.named_parameters() if weight.grad is not None}
    assert used == {"encoder.weight", "encoder.bias", "head.weight", "head.bias"}
    gaussian = net.label_gaussian["whole"](torch.eye(3))
    assert gaussian.mean.shape == gaussian.log_variance.shape == (3, 8)
