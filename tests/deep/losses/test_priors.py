import numpy as np
import pytest
from numpy.testing import assert_allclose

torch = pytest.importorskip("torch")
pytest.importorskip("skorch")

from sklearn_ldl.deep.losses.distributions import kl_divergence  # noqa: E402
from sklearn_ldl.deep.losses.priors import (  # noqa: E402
    adjust_logits,
    label_frequency,
    label_prior,
)

SUMS = np.array([20.0, 9.5, 0.5, 0.0])


def test_frequencies_are_at_least_one_row():
    assert label_frequency(SUMS).tolist() == [20, 9.5, 1, 1]


def test_prior_is_the_mean_with_a_floor():
    assert_allclose(label_prior(SUMS), [2 / 3, 9.5 / 30, 0.5 / 30, 1e-6], rtol=1e-12)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_adjusted_logits_are_those_with_the_prior_in_them(rng, dtype):
    prior = np.array([0.7, 0.2, 0.1])
    Z = torch.from_numpy(rng.normal(size=(5, 3))).to(dtype)
    D = torch.from_numpy(rng.dirichlet(np.ones(3), size=5)).to(dtype)
    adjusted = adjust_logits(kl_divergence, prior, strength=0.5)(Z, D)
    shift = torch.from_numpy(0.5 * np.log(prior)).to(dtype)
    assert adjusted.dtype == dtype
    assert_allclose(adjusted, kl_divergence(Z + shift, D), rtol=1e-6)
