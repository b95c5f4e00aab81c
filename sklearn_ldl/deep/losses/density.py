"""Losses of heat maps and other weights of kernels, whose targets are values or points.

Kernel densities have the negative log-likelihood of the target. Their rivals make heights of the
kernels at the target first: label distributions, or maps for a plain regression.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional as F

from sklearn_ldl.deep.losses.base import at_least_zero, check_shapes, log_softmax


def kernel_density_nll(
    Z: Tensor,
    Y: Tensor,
    centres: Tensor,
    bandwidth: float = 1.0,
    kernel: str = "gaussian",
) -> Tensor:
    r"""Negative log-likelihood of a kernel density network.

    .. math:: -\ln \sum_j p_j \, \mathcal N(y; \mu_j, b^2 I)

    The network gives the weights :math:`p` of a mixture whose components are fixed. The gradient in
    the logits is :math:`p - r` with the posterior weights :math:`r_j \propto p_j \mathcal N_j`.
    The constant of the normal density is part of the value: values of different bandwidths compare.

    Parameters
    ----------
    Z : Tensor of shape (n_samples, n_centres)
        Logits of the weights.
    Y : Tensor of shape (n_samples, n_dims)
        Targets, not rounded; they may lie off the grid and far outside of it.
    centres : Tensor of shape (n_centres, n_dims)
        Means :math:`\mu` of the components, in the unit of `Y`.
    bandwidth : float, default=1.0
        Standard deviation :math:`b` of the components, in the unit of `Y`.
    kernel : {"gaussian", "uniform"}, default="gaussian"
        With "uniform" a target belongs to its nearest centre alone (the first of equally near
        ones), which is the cross entropy of rounded labels; `bandwidth` has no part in it.

    Returns
    -------
    nll : Tensor of shape (n_samples,)
        In nats.

    Raises
    ------
    ValueError
        If the kernel is unknown, or there is not one logit per centre.

    References
    ----------
    L. Chen, H. Su, Q. Ji, "Face alignment with kernel density deep neural network", ICCV 2019.

    Examples
    --------
    >>> import torch
    >>> from sklearn_ldl.deep.losses.density import kernel_density_nll
    >>> centres = torch.tensor([[0.0], [1.0], [2.0]])
    >>> Z, Y = torch.zeros(2, 3), torch.tensor([[0.7], [1e3]])
    >>> kernel_density_nll(Z, Y, centres)
    tensor([1.2436e+00, 4.9800e+05])
    >>> kernel_density_nll(Z, Y, centres, kernel="uniform")
    tensor([1.0986, 1.0986])
    """
    distances = _distances(Y, centres, kernel)
    log_P = log_softmax(Z, distances)
    if kernel == "uniform":
        return F.nll_loss(log_P, distances.argmin(1), reduction="none")
    constant = centres.shape[1] * math.log(math.sqrt(2 * math.pi) * bandwidth)
    log_density = -0.5 * (distances / bandwidth).square() - constant
    return -torch.logsumexp(log_P + log_density, 1)


def kernel_kl(
    Z: Tensor,
    Y: Tensor,
    centres: Tensor,
    bandwidth: float = 1.0,
    kernel: str = "gaussian",
) -> Tensor:
    r"""Divergence of the weights from a Gaussian label distribution around the target.

    .. math:: \sum_j d_j \ln \frac{d_j}{p_j}, \qquad
              d_j \propto \exp \frac{-\| y - \mu_j \|^2}{2 b^2}

    Parameters and shapes are those of :func:`kernel_density_nll`; with the uniform kernel, whose
    label distribution is that of the nearest centre alone, so is the value.

    Examples
    --------
    >>> import torch
    >>> from sklearn_ldl.deep.losses.density import kernel_kl
    >>> centres = torch.tensor([[0.0], [1.0], [2.0]])
    >>> kernel_kl(torch.tensor([[-0.5, 0.0, -0.5]]), torch.tensor([[1.0]]), centres) < 1e-6
    tensor([True])
    """
    distances = _distances(Y, centres, kernel)
    log_P = log_softmax(Z, distances)
    if kernel == "uniform":
        return F.nll_loss(log_P, distances.argmin(1), reduction="none")
    D = torch.softmax(-0.5 * (distances / bandwidth).square(), 1)
    return at_least_zero(F.kl_div(log_P, D, reduction="none").sum(1))


def heatmap_l2(
    Z: Tensor,
    Y: Tensor,
    centres: Tensor,
    bandwidth: float = 1.0,
    kernel: str = "gaussian",
) -> Tensor:
    r"""Half the squared error of plain outputs against the heights of a kernel around the target.

    .. math:: \tfrac12 \sum_j (z_j - h_j)^2, \qquad h_j = \exp \frac{-\| y - \mu_j \|^2}{2 b^2}

    Heights are 1 at the target, however many centres there are. Parameters and shapes are those of
    :func:`kernel_density_nll`; with the uniform kernel the height is 1 at the nearest centre alone.

    Examples
    --------
    >>> import torch
    >>> from sklearn_ldl.deep.losses.density import heatmap_l2
    >>> centres = torch.tensor([[0.0], [1.0], [2.0]])
    >>> heatmap_l2(torch.tensor([[0.0, 1.0, 0.0]]), torch.tensor([[1.0]]), centres)
    tensor([0.3679])
    """
    distances = _distances(Y, centres, kernel)
    check_shapes(Z, distances)
    if kernel == "uniform":
        heights = F.one_hot(distances.argmin(1), len(centres)).to(Z)
    else:
        heights = torch.exp(-0.5 * (distances / bandwidth).square())
    return (Z - heights).square().sum(1) / 2


#: Losses of weights of kernels by the name that :class:`~sklearn_ldl.KernelDensityRegressor` takes.
KERNEL_LOSSES: dict[str, Callable[..., Tensor]] = {
    "nll": kernel_density_nll,
    "kl": kernel_kl,
    "l2": heatmap_l2,
}


def _distances(Y: Tensor, centres: Tensor, kernel: str) -> Tensor:
    if kernel not in ("gaussian", "uniform"):
        raise ValueError(f"kernel must be 'gaussian' or 'uniform', got {kernel!r}.")
    # The faster way to distances, by a matrix product, cancels far from the origin.
    return torch.cdist(Y, centres, compute_mode="donot_use_mm_for_euclid_dist")
