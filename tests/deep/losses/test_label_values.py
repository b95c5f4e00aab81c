"""Losses that look at the mean of the labels' values, against their formulas."""

import functools

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy.special import softmax

torch = pytest.importorskip("torch")

from sklearn_ldl.deep import losses  # noqa: E402
from sklearn_ldl.deep.losses.registry import with_label_values  # noqa: E402

BOTH = [losses.kl_expectation, losses.mean_variance]
GRID = np.array([0.0, 1.0, 4.0, 10.0])
both_losses = pytest.mark.parametrize("loss", BOTH)


@pytest.fixture
def pair(rng):
    Z, D = rng.standard_normal((5, 4)), rng.dirichlet(np.ones(4), 5)
    D[0] = [0, 1, 0, 0]
    return torch.tensor(Z), torch.tensor(D)


def by_numpy(Z, D):
    P, D = softmax(Z.numpy(), axis=1), D.numpy()
    mean, cross_entropy = P @ GRID, -(D * np.log(P)).sum(axis=1)
    return mean - D @ GRID, (P * (GRID - mean[:, None]) ** 2).sum(axis=1), cross_entropy


def test_kl_expectation_is_kl_plus_the_absolute_error_of_the_mean(pair):
    error, _, _ = by_numpy(*pair)
    loss = losses.kl_expectation(*pair, label_values=GRID, expectation_weight=3.0)
    assert_allclose(loss, losses.kl_divergence(*pair).numpy() + 3 * np.abs(error))


def test_mean_variance_is_the_sum_of_its_three_terms(pair):
    error, variance, cross_entropy = by_numpy(*pair)
    expected = cross_entropy + 0.2 / 2 * error**2 + 0.05 * variance
    assert_allclose(losses.mean_variance(*pair, label_values=GRID), expected)
    only = losses.mean_variance(*pair, label_values=GRID, mean_weight=0, variance_weight=2)
    assert_allclose(only, cross_entropy + 2 * variance)


@both_losses
def test_labels_are_counted_where_they_have_no_values(loss, pair):
    assert_allclose(loss(*pair), loss(*pair, label_values=[5, 6, 7, 8]))


@both_losses
def test_points_add_up_over_their_coordinates(loss, pair):
    plain = loss(*pair, label_values=0 * GRID)
    first, second = (loss(*pair, label_values=values) - plain for values in (GRID, GRID[::-1]))
    points = np.column_stack([GRID, GRID[::-1]])
    assert_allclose(loss(*pair, label_values=points), plain + first + second)


@both_losses
def test_values_far_from_zero_cost_no_digits(loss, pair):
    Z, D = (array.float() for array in pair)
    assert_allclose(loss(Z, D, label_values=GRID + 2e6), loss(*pair, label_values=GRID), rtol=1e-5)


@both_losses
def test_another_number_of_values_is_an_error(loss, pair):
    with pytest.raises(ValueError, match=r"label_values has shape \(3,\), but there are 4 labels"):
        loss(*pair, label_values=[1, 2, 3])


def test_the_variance_asks_for_narrower_distributions_than_the_targets():
    D = torch.tensor([[0.1, 0.4, 0.4, 0.1]], dtype=torch.float64)
    Z, narrower = D.log(), 1.2 * D.log()
    assert_allclose(losses.kl_expectation(Z, D), [0], atol=1e-14)
    assert losses.kl_expectation(narrower, D) > 0.001
    narrowing = functools.partial(losses.mean_variance, variance_weight=1.0)
    assert narrowing(narrower, D) < narrowing(Z, D)


@both_losses
def test_values_are_handed_to_a_loss_that_asks_for_them(loss, pair):
    class Module(torch.nn.Module):
        def forward(self, Z, D, label_values=None):
            return loss(Z, D, label_values)

    expected = loss(*pair, label_values=GRID)
    for asking in (loss, Module()):
        assert_allclose(with_label_values(asking, GRID)(*pair), expected)
    own = functools.partial(loss, label_values=[3, 2, 1, 0])
    # Neither values of one's own are replaced, nor other losses touched, nor those without names.
    for other in (own, losses.kl_divergence, torch.nn.CrossEntropyLoss(reduction="none"), max):
        assert with_label_values(other, GRID) is other
