"""Losses of distributions over labels that have values, such as ages: they look at the mean."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import ArrayLike
from torch import Tensor

from sklearn_ldl.deep.losses.base import log_softmax
from sklearn_ldl.deep.losses.distributions import kl_divergence, soft_cross_entropy


def kl_expectation(
    Z: Tensor, D: Tensor, label_values: ArrayLike | None = None, expectation_weight: float = 1.0
) -> Tensor:
    r"""Kullback-Leibler divergence plus the absolute error of the expectation, as in DLDL-v2.

    .. math::

        \sum_j d_j \ln \frac{d_j}{p_j} + \lambda \Big| \sum_j (p_j - d_j)\, l_j \Big|

    What is decoded by expectation is so a part of what is learned. The mean of the target stands
    for the value that it was made from, which it is but for what the ends of the grid cut off. The
    minimum is at :math:`p = d`.

    Parameters
    ----------
    Z : Tensor of shape (n_samples, n_labels)
        Logits.
    D : Tensor of shape (n_samples, n_labels)
        Label distributions.
    label_values : array-like of shape (n_labels,) or (n_labels, n_dims), default=None
        Values :math:`l` of the labels; None counts them. For points, errors of the coordinates are
        added.
    expectation_weight : float, default=1.0
        Weight :math:`\lambda \ge 0`, in nats per unit of the values.

    Returns
    -------
    loss : Tensor of shape (n_samples,)
        In nats.

    Raises
    ------
    ValueError
        If the shapes differ.

    References
    ----------
    B.-B. Gao, H.-Y. Zhou, J. Wu, X. Geng, "Age estimation using expectation of label distribution
    learning", IJCAI 2018.

    Examples
    --------
    >>> import torch
    >>> from sklearn_ldl.deep.losses.label_values import kl_expectation
    >>> Z, D = torch.zeros(1, 3), torch.tensor([[1.0, 0.0, 0.0]])
    >>> kl_expectation(Z, D), kl_expectation(Z, D, label_values=[0, 10, 20])
    (tensor([2.0986]), tensor([11.0986]))
    """
    P, values = _distributions(Z, D, label_values)
    return kl_divergence(Z, D) + expectation_weight * ((P - D) @ values).abs().sum(1)


def mean_variance(
    Z: Tensor,
    D: Tensor,
    label_values: ArrayLike | None = None,
    mean_weight: float = 0.2,
    variance_weight: float = 0.05,
) -> Tensor:
    r"""Cross entropy plus the squared error of the mean and the variance of the prediction.

    .. math::

        -\sum_j d_j \ln p_j + \frac{\lambda_1}{2} (m - y)^2 + \lambda_2 \sum_j p_j (l_j - m)^2,
        \qquad m = \sum_j p_j l_j, \quad y = \sum_j d_j l_j

    The paper's targets are single labels, which ``GaussianLabelDistributor(grid, sigma=0)`` makes
    of values. The variance keeps distributions narrow: the minimum is not at :math:`p = d`, and
    predicted distributions are surer than they should be.

    Parameters
    ----------
    Z : Tensor of shape (n_samples, n_labels)
        Logits.
    D : Tensor of shape (n_samples, n_labels)
        Label distributions.
    label_values : array-like of shape (n_labels,) or (n_labels, n_dims), default=None
        Values :math:`l` of the labels; None counts them. For points, errors and variances of the
        coordinates are added.
    mean_weight, variance_weight : float, default=0.2, 0.05
        Weights :math:`\lambda_1, \lambda_2 \ge 0`, in nats per squared unit of the values.

    Returns
    -------
    loss : Tensor of shape (n_samples,)
        In nats.

    Raises
    ------
    ValueError
        If the shapes differ.

    References
    ----------
    H. Pan, H. Han, S. Shan, X. Chen, "Mean-variance loss for deep age estimation from a face",
    CVPR 2018.

    Examples
    --------
    >>> import torch
    >>> from sklearn_ldl.deep.losses.label_values import mean_variance
    >>> Z, D = torch.zeros(1, 3), torch.tensor([[1.0, 0.0, 0.0]])
    >>> mean_variance(Z, D)  # ln 3 + 0.2 / 2 + 0.05 * 2 / 3
    tensor([1.2319])
    """
    P, values = _distributions(Z, D, label_values)
    error = ((P - D) @ values).square().sum(1)
    mean = P @ values
    # Not the mean of the squares less the square of the mean, which would cancel.
    squares = (values - mean[:, None]).square().sum(2)
    variance = (P * squares).sum(1)
    return soft_cross_entropy(Z, D) + mean_weight / 2 * error + variance_weight * variance


def _distributions(Z: Tensor, D: Tensor, label_values: ArrayLike | None) -> tuple[Tensor, Tensor]:
    """Predicted degrees, and the values of the labels of shape (n_labels, n_dims)."""
    P = log_softmax(Z, D).exp()
    given = np.arange(Z.shape[1]) if label_values is None else label_values
    # A copy, as torch has no negative strides.
    values = given if isinstance(given, Tensor) else torch.from_numpy(np.array(given))
    if len(values) != Z.shape[1]:
        raise ValueError(
            f"label_values has shape {tuple(values.shape)}, but there are {Z.shape[1]} labels."
        )
    values = values.double()  # far from zero, single precision would lose digits
    return P, (values - values.mean(0)).to(P).reshape(len(values), -1)
