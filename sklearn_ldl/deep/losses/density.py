"""Loss of kernel densities: the negative log-likelihood of a target under a mixture."""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn import functional as F

from sklearn_ldl.deep.losses.base import log_softmax


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
    if kernel not in ("gaussian", "uniform"):
        raise ValueError(f"kernel must be 'gaussian' or 'uniform', got {kernel!r}.")
    # The faster way to distances, by a matrix product, cancels far from the origin.
    distances = torch.cdist(Y, centres, compute_mode="donot_use_mm_for_euclid_dist")
    log_P = log_softmax(Z, distances)
    if kernel == "uniform":
        return F.nll_loss(log_P, distances.argmin(1), reduction="none")
    constant = centres.shape[1] * math.log(math.sqrt(2 * math.pi) * bandwidth)
    log_density = -0.5 * (distances / bandwidth).square() - constant
    return -torch.logsumexp(log_P + log_density, 1)
