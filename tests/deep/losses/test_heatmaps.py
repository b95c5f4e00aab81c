"""Losses of heat maps, the rivals of kernel densities."""

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy.special import log_softmax, softmax

torch = pytest.importorskip("torch")

from sklearn_ldl.deep.losses.density import (  # noqa: E402
    KERNEL_LOSSES,
    heatmap_l2,
    kernel_density_nll,
    kernel_kl,
)

CELLS = torch.tensor(np.indices((4, 5)).reshape(2, -1).T.astype(float))


@pytest.fixture
def pair():
    rng = np.random.default_rng(0)
    Z = torch.tensor(rng.standard_normal((6, 20)), requires_grad=True)
    return Z, torch.tensor(rng.uniform(-1, 5, (6, 2)))


def squares(Y):
    return ((Y.numpy()[:, None, :] - CELLS.numpy()) ** 2).sum(axis=2)


def test_kernel_kl_is_that_of_a_label_distribution(pair):
    Z, Y = pair
    D = softmax(-squares(Y) / (2 * 1.3**2), axis=1)
    logits = Z.detach().numpy()
    expected = (D * (np.log(D) - log_softmax(logits, axis=1))).sum(axis=1)
    values = kernel_kl(Z, Y, CELLS, bandwidth=1.3)
    assert_allclose(values.detach(), expected)
    values.sum().backward()
    assert_allclose(Z.grad, softmax(logits, axis=1) - D, atol=1e-14)


def test_heatmap_l2_is_that_of_maps_with_a_peak_of_one(pair):
    Z, Y = pair
    heights = np.exp(-squares(Y) / (2 * 1.3**2))
    expected = ((Z.detach().numpy() - heights) ** 2).sum(axis=1) / 2
    values = heatmap_l2(Z, Y, CELLS, bandwidth=1.3)
    assert_allclose(values.detach(), expected)
    peak = torch.zeros(1, 20, dtype=torch.float64)
    peak[0, 7] = 1
    on_cell = heatmap_l2(peak, CELLS[7:8], CELLS, bandwidth=1e-3)
    assert_allclose(on_cell, 0, atol=1e-15)


def test_uniform_kernels_take_the_nearest_cell(pair):
    Z, Y = pair
    nearest = squares(Y).argmin(axis=1)
    uniform = {"centres": CELLS, "kernel": "uniform"}
    assert_allclose(
        kernel_kl(Z, Y, **uniform).detach(), kernel_density_nll(Z, Y, **uniform).detach()
    )
    expected = ((Z.detach().numpy() - np.eye(20)[nearest]) ** 2).sum(axis=1) / 2
    assert_allclose(heatmap_l2(Z, Y, **uniform).detach(), expected)


@pytest.mark.parametrize("loss", KERNEL_LOSSES.values(), ids=KERNEL_LOSSES)
def test_far_targets_and_bad_arguments(loss):
    Z = torch.zeros(2, 20, requires_grad=True)
    values = loss(Z, torch.tensor([[1e6, 0.0], [0.0, -1e6]]), CELLS.float())
    values.sum().backward()
    assert values.isfinite().all()
    assert Z.grad.isfinite().all()
    with pytest.raises(ValueError, match="got 'box'"):
        loss(Z, torch.zeros(2, 2), CELLS.float(), kernel="box")
    with pytest.raises(ValueError, match="different shapes"):
        loss(Z[:, :1], torch.zeros(2, 2), CELLS.float())
