import numpy as np
import pytest
import torch
from scipy.special import log_softmax

from sklearn_ldl.deep.losses.contrastive import contrastive


def features(rng, n_samples=5, n_dimensions=3, dtype=torch.float64):
    return (
        torch.tensor(rng.standard_normal((n_samples, n_dimensions)), dtype=dtype) for _ in range(2)
    )


@pytest.mark.parametrize("temperature", [0.07, 2.0])
def test_the_loss_is_that_of_the_formula(temperature, rng):
    S, T = features(rng)
    unit = [part.numpy() / np.linalg.norm(part.numpy(), axis=1, keepdims=True) for part in (S, T)]
    cosines = unit[0] @ unit[1].T
    expected = -np.diag(log_softmax(cosines / temperature, axis=1))
    np.testing.assert_allclose(contrastive(S, T, temperature), expected, rtol=1e-12)


def test_gradients_are_those_of_finite_differences(rng):
    S, T = (part.requires_grad_() for part in features(rng))
    assert torch.autograd.gradcheck(lambda S, T: contrastive(S, T, 0.5), (S, T))


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_value_per_row_in_the_dtype_of_the_features(dtype, rng):
    S, T = features(rng, dtype=dtype)
    losses = contrastive(S, T)
    assert losses.shape == (5,)
    assert losses.dtype == dtype
    order = torch.tensor([3, 1, 4, 0, 2])
    torch.testing.assert_close(contrastive(S[order], T[order]), losses[order])


def test_lengths_of_features_do_not_matter(rng):
    S, T = features(rng)
    torch.testing.assert_close(contrastive(100 * S, T / 100), contrastive(S, T))


def test_one_row_has_nothing_to_be_told_from(rng):
    S, T = features(rng, n_samples=1)
    assert contrastive(S, T) == 0


@pytest.mark.parametrize("scale", [0.0, 1e-30, 1e15])
def test_extreme_features_have_finite_values_and_gradients(scale, rng):
    S, T = ((scale * part).requires_grad_() for part in features(rng, dtype=torch.float32))
    losses = contrastive(S, T)
    assert losses.isfinite().all()
    losses.sum().backward()
    assert S.grad.isfinite().all()
    assert T.grad.isfinite().all()


def test_features_of_another_size_are_an_error(rng):
    S, T = features(rng)
    with pytest.raises(ValueError, match="different shapes"):
        contrastive(S, T[:, :2])
