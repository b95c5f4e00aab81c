r"""Losses for networks: pure functions of outputs and targets, in torch.

There is one convention: ``loss(Z, D)`` returns a tensor of shape (n_samples,), one value per row;
whoever trains weighs the rows and averages them.

**Distributions** (:data:`LOSSES`). `Z` holds logits and `D` target distributions (rows on the
simplex, exact zeros allowed), both of shape (n_samples, n_labels); :math:`p` stands for the softmax
of a row of `Z` and :math:`d` for a row of `D`. Everything is computed from ``log_softmax(Z)``, so
that values and gradients stay finite however large the logits are.

**Values** (:data:`REGRESSION_LOSSES`). `T` holds outputs :math:`t` and `Y` real targets :math:`y`,
both of shape (n_samples, n_dims).
"""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable, Mapping
from typing import Any, Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from sklearn_ldl.deep.losses.decoupled import decouple, decoupled_terms
from sklearn_ldl.metrics.divergences import FLOOR

Loss = Callable[[Tensor, Tensor], Tensor]


def kl_divergence(Z: Tensor, D: Tensor) -> Tensor:
    r"""Kullback-Leibler divergence from the prediction to the target.

    .. math:: \sum_j d_j \ln \frac{d_j}{p_j}, \qquad 0 \ln 0 = 0

    Its gradient in the logits is :math:`p - d`, that of :func:`soft_cross_entropy`; its value is
    zero for a perfect prediction.

    Examples
    --------
    >>> import torch
    >>> from sklearn_ldl.deep.losses.distributions import kl_divergence
    >>> kl_divergence(torch.zeros(2, 2), torch.tensor([[1.0, 0.0], [0.5, 0.5]]))
    tensor([0.6931, 0.0000])
    """
    return F.kl_div(_log_softmax(Z, D), D, reduction="none").sum(1)


def soft_cross_entropy(Z: Tensor, D: Tensor) -> Tensor:
    r"""Cross entropy with a distribution as target.

    .. math:: -\sum_j d_j \ln p_j

    Examples
    --------
    >>> import torch
    >>> from sklearn_ldl.deep.losses.distributions import soft_cross_entropy
    >>> soft_cross_entropy(torch.zeros(2, 2), torch.tensor([[1.0, 0.0], [0.5, 0.5]]))
    tensor([0.6931, 0.6931])
    """
    return -(D * _log_softmax(Z, D)).sum(1)


def decoupled_kl(
    Z: Tensor,
    D: Tensor,
    alpha: float = 0.6,
    nondominant_target: Literal["renormalize", "softmax"] = "renormalize",
    dominant_target: Literal["degree", "onehot"] = "degree",
) -> Tensor:
    r"""Kullback-Leibler divergence with a fixed weight for the labels that are not dominant.

    With the dominant label :math:`k`, its degree :math:`q = d_k`, and
    :math:`t_j = d_j / (1 - q)`, :math:`\tilde p_j = p_j / (1 - p_k)` for the others,

    .. math::

        \alpha \Big(q \ln \frac{q}{p_k} + (1 - q) \ln \frac{1 - q}{1 - p_k}\Big)
        + (1 - \alpha) \sum_{j \ne k} t_j \ln \frac{t_j}{\tilde p_j}.

    The plain divergence is the sum of the first bracket and :math:`1 - q` times the second sum:
    there the others count little where the dominant label takes much. Both have their minimum at
    :math:`p = d`. The dominant label is the first of those with the largest degree. In a one-hot
    row the second sum, and with two labels that of every row, is zero.

    Parameters
    ----------
    Z : Tensor of shape (n_samples, n_labels)
        Logits.
    D : Tensor of shape (n_samples, n_labels)
        Label distributions.
    alpha : float, default=0.6
        Weight of the dominant label against the others, between 0 and 1.
    nondominant_target : {"renormalize", "softmax"}, default="renormalize"
        "softmax" replaces :math:`t` by the softmax of the degrees of the others, as it is printed
        in the paper. Its largest entry is at most `e` times its smallest; the minimum is not at
        :math:`p = d`.
    dominant_target : {"degree", "onehot"}, default="degree"
        "onehot" replaces :math:`q` by 1, as it is printed in the paper; nor is this minimum.

    Returns
    -------
    loss : Tensor of shape (n_samples,)
        In nats.

    Raises
    ------
    ValueError
        If a kind of target is unknown, or the shapes differ.

    References
    ----------
    Y. Gao, X. Sun, M. Ling, C. Tan, Y. Zhai, G. Lv, "Decoupled imbalanced label distribution
    learning", IJCAI 2025.

    B. Zhao, Q. Cui, R. Song, Y. Qiu, J. Liang, "Decoupled knowledge distillation", CVPR 2022.

    Examples
    --------
    >>> import torch
    >>> from sklearn_ldl.deep.losses.distributions import decoupled_kl
    >>> Z, D = torch.zeros(1, 3), torch.tensor([[0.8, 0.2, 0.0]])
    >>> decoupled_kl(Z, D), decoupled_kl(Z, D, alpha=0.9)
    (tensor([0.5530]), tensor([0.4829]))
    """
    _check_shapes(Z, D)
    parts = decouple(D, nondominant_target=nondominant_target, dominant_target=dominant_target)
    dominant, nondominant = decoupled_terms(Z, parts)
    return alpha * dominant + (1 - alpha) * nondominant


def mean_squared_error(Z: Tensor, D: Tensor) -> Tensor:
    r"""Squared error of the probabilities, the loss of AA-BP.

    .. math:: \sum_j (p_j - d_j)^2

    A sum over the labels, so that a learning rate means the same for any number of labels; the mean
    is the one over rows. The gradient vanishes for a confident error.

    References
    ----------
    X. Geng, "Label distribution learning", IEEE TKDE 28(7), 2016.

    Examples
    --------
    >>> import torch
    >>> from sklearn_ldl.deep.losses.distributions import mean_squared_error
    >>> mean_squared_error(torch.zeros(1, 2), torch.tensor([[1.0, 0.0]]))
    tensor([0.5000])
    """
    return (_log_softmax(Z, D).exp() - D).square().sum(1)


def alpha_divergence(Z: Tensor, D: Tensor) -> Tensor:
    r"""Alpha-divergence with :math:`\alpha = 0`, four times the squared Hellinger distance.

    .. math:: 2 \sum_j \big(\sqrt{d_j} - \sqrt{p_j}\big)^2 = 4 \Big(1 - \sum_j \sqrt{d_j p_j}\Big)

    Its gradient in the logits is :math:`2 (p_j \sum_k \sqrt{d_k p_k} - \sqrt{d_j p_j})`.

    References
    ----------
    B.-B. Gao, C. Xing, C.-W. Xie, J. Wu, X. Geng, "Deep label distribution learning with label
    ambiguity", IEEE Transactions on Image Processing, 2017 (with the sign that makes it a
    distance).

    Examples
    --------
    >>> import torch
    >>> from sklearn_ldl.deep.losses.distributions import alpha_divergence
    >>> alpha_divergence(torch.zeros(1, 2), torch.tensor([[1.0, 0.0]]))
    tensor([1.1716])
    """
    # The square root of a softmax has an infinite slope at zero; half of its logarithm has not.
    roots = (0.5 * _log_softmax(Z, D)).exp()
    return 2 * (roots - D.sqrt()).square().sum(1)


def jeffreys(Z: Tensor, D: Tensor, floor: float = FLOOR) -> Tensor:
    r"""Jeffreys divergence: the sum of both Kullback-Leibler divergences.

    .. math:: \sum_j (p_j - d_j) \big(\ln p_j - \ln \max(d_j, \text{floor})\big)

    Mass on a label whose target is zero would cost an infinite amount: inside the logarithm,
    targets below `floor` (1e-14, as in :func:`sklearn_ldl.metrics.jeffreys`) are raised to it.

    Examples
    --------
    >>> import torch
    >>> from sklearn_ldl.deep.losses.distributions import jeffreys
    >>> jeffreys(torch.tensor([[0.25, 0.75]]).log(), torch.tensor([[0.75, 0.25]]))
    tensor([1.0986])
    """
    log_P = _log_softmax(Z, D)
    return ((log_P.exp() - D) * (log_P - D.clamp(min=floor).log())).sum(1)


def jensen_shannon(Z: Tensor, D: Tensor) -> Tensor:
    r"""Jensen-Shannon divergence, between 0 and :math:`\ln 2`.

    .. math::

        \tfrac12 \mathrm{KL}(d \,\|\, m) + \tfrac12 \mathrm{KL}(p \,\|\, m),
        \qquad m = \tfrac12 (d + p)

    References
    ----------
    J. Lin, "Divergence measures based on the Shannon entropy", IEEE Transactions on Information
    Theory 37(1), 1991.

    Examples
    --------
    >>> import torch
    >>> from sklearn_ldl.deep.losses.distributions import jensen_shannon
    >>> jensen_shannon(torch.tensor([[-1e4, 1e4]]), torch.tensor([[1.0, 0.0]]))
    tensor([0.6931])
    """
    log_P = _log_softmax(Z, D)
    # Unlike the mean itself, its logarithm is finite where both distributions underflow.
    log_M = torch.logaddexp(log_P, D.log()) - math.log(2)
    return (torch.xlogy(D, D) - D * log_M + log_P.exp() * (log_P - log_M)).sum(1) / 2


def cumulative_absolute(Z: Tensor, D: Tensor) -> Tensor:
    r"""Cumulative absolute distance (CAD), for ordered labels.

    .. math:: \sum_{k=1}^{C} \Big| \sum_{j \le k} (p_j - d_j) \Big|

    This is the earth mover's distance, counted in label steps. Where a term is zero, so is the
    subgradient that is taken.

    References
    ----------
    C. Wen, X. Zhang, X. Yao, J. Yang, "Ordinal label distribution learning", ICCV 2023.

    Examples
    --------
    >>> import torch
    >>> from sklearn_ldl.deep.losses.distributions import cumulative_absolute
    >>> cumulative_absolute(torch.tensor([[0.0, 1e4, 0.0]]), torch.tensor([[0.5, 0.0, 0.5]]))
    tensor([1.])
    """
    return _cumulative_error(Z, D).abs().sum(1)


def earth_mover_squared(Z: Tensor, D: Tensor) -> Tensor:
    r"""Squared earth mover's distance, for ordered labels: a smooth relative of CAD.

    .. math:: \sum_{k=1}^{C} \Big( \sum_{j \le k} (p_j - d_j) \Big)^2

    References
    ----------
    L. Hou, C.-P. Yu, D. Samaras, "Squared earth mover's distance-based loss for training deep
    neural networks", arXiv:1611.05916, 2016.

    Examples
    --------
    >>> import torch
    >>> from sklearn_ldl.deep.losses.distributions import earth_mover_squared
    >>> earth_mover_squared(torch.tensor([[0.0, 1e4, 0.0]]), torch.tensor([[0.5, 0.0, 0.5]]))
    tensor([0.5000])
    """
    return _cumulative_error(Z, D).square().sum(1)


def l1(T: Tensor, Y: Tensor) -> Tensor:
    r"""Absolute error, :math:`\sum_k |t_k - y_k|`.

    Examples
    --------
    >>> import torch
    >>> from sklearn_ldl.deep.losses.distributions import l1
    >>> l1(torch.tensor([[0.5, 1.0]]), torch.tensor([[0.0, -1.0]]))
    tensor([2.5000])
    """
    return _error(T, Y).abs().sum(1)


def l2(T: Tensor, Y: Tensor) -> Tensor:
    r"""Half the squared error, :math:`\tfrac12 \sum_k (t_k - y_k)^2`.

    Examples
    --------
    >>> import torch
    >>> from sklearn_ldl.deep.losses.distributions import l2
    >>> l2(torch.tensor([[0.5, 1.0]]), torch.tensor([[0.0, -1.0]]))
    tensor([2.1250])
    """
    return _error(T, Y).square().sum(1) / 2


def epsilon_insensitive(T: Tensor, Y: Tensor, epsilon: float = 2 / 180) -> Tensor:
    r"""Absolute error beyond a tolerance, :math:`\sum_k \max(0, |t_k - y_k| - \epsilon)`.

    The default tolerance is one degree for angles from -90 to 90 that were scaled to [-1, 1].

    Examples
    --------
    >>> import torch
    >>> from sklearn_ldl.deep.losses.distributions import epsilon_insensitive
    >>> epsilon_insensitive(torch.tensor([[0.5, 1.0]]), torch.tensor([[0.5, 0.0]]), epsilon=0.25)
    tensor([0.7500])
    """
    return F.relu(_error(T, Y).abs() - epsilon).sum(1)


def gaussian_nll(T: Tensor, Y: Tensor, min_variance: float = 1e-6) -> Tensor:
    r"""Negative log-likelihood of independent normal distributions.

    .. math:: \tfrac12 \sum_k \big( s_k + (y_k - m_k)^2 e^{-s_k} + \ln 2\pi \big)

    `T` has shape (n_samples, 2 * n_dims): the means :math:`m`, then the log-variances :math:`s`.
    A variance below `min_variance` counts as this value, and its gradient is the one taken there,
    so that training can come back; standardise `Y` first.

    Examples
    --------
    >>> import torch
    >>> from sklearn_ldl.deep.losses.distributions import gaussian_nll
    >>> gaussian_nll(torch.tensor([[1.0, 0.0]]), torch.tensor([[1.0]]))
    tensor([0.9189])
    """
    if T.shape[1] != 2 * Y.shape[1]:
        raise ValueError(
            f"T has {T.shape[1]} columns, expected {2 * Y.shape[1]}: a mean and a log-variance for"
            " every column of Y."
        )
    mean, log_variance = T.chunk(2, dim=1)
    raised = log_variance.clamp(min=math.log(min_variance))
    log_variance = log_variance + (raised - log_variance).detach()
    squares = _error(mean, Y).square() * (-log_variance).exp()
    return (log_variance + squares + math.log(2 * math.pi)).sum(1) / 2


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
    >>> from sklearn_ldl.deep.losses.distributions import kernel_density_nll
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
    log_P = _log_softmax(Z, distances)
    if kernel == "uniform":
        return F.nll_loss(log_P, distances.argmin(1), reduction="none")
    constant = centres.shape[1] * math.log(math.sqrt(2 * math.pi) * bandwidth)
    log_density = -0.5 * (distances / bandwidth).square() - constant
    return -torch.logsumexp(log_P + log_density, 1)


#: Losses of distributions, by the name that estimators take.
LOSSES: dict[str, Loss] = {
    "kl": kl_divergence,
    "cross_entropy": soft_cross_entropy,
    "decoupled_kl": decoupled_kl,
    "mse": mean_squared_error,
    "alpha": alpha_divergence,
    "jeffreys": jeffreys,
    "jensen_shannon": jensen_shannon,
    "cad": cumulative_absolute,
    "emd": earth_mover_squared,
}

#: Losses of real values, by the name that estimators take.
REGRESSION_LOSSES: dict[str, Loss] = {
    "l1": l1,
    "l2": l2,
    "epsilon_insensitive": epsilon_insensitive,
    "gaussian": gaussian_nll,
}


def get_loss(
    loss: str | Loss | nn.Module | type[nn.Module], losses: Mapping[str, Loss] = LOSSES
) -> Loss:
    """Turn what a user passes as `loss` into a function ``(Z, D) -> (n_samples,)``.

    Parameters
    ----------
    loss : str, callable or torch.nn.Module
        A name in `losses`; a function of outputs and targets that returns one value per row; or a
        module (class or instance) that does. A class is instantiated, with ``reduction="none"`` if
        it knows that argument.
    losses : mapping from str to callable, default=LOSSES
        The names to choose from.

    Returns
    -------
    loss : callable
        A registered function, `loss` itself, or an instance of it.

    Raises
    ------
    ValueError
        If the name is unknown, or a module averages or sums the rows.
    TypeError
        If `loss` is neither a name nor callable.

    Examples
    --------
    >>> import torch
    >>> from sklearn_ldl.deep.losses.distributions import get_loss
    >>> get_loss("kl").__name__
    'kl_divergence'
    >>> get_loss(torch.nn.CrossEntropyLoss).reduction
    'none'
    """
    if isinstance(loss, str):
        if loss not in losses:
            raise ValueError(f"Unknown loss {loss!r}; known losses are {sorted(losses)}.")
        return losses[loss]
    row_loss: Any = loss
    if isinstance(loss, type) and issubclass(loss, nn.Module):
        known = inspect.signature(loss).parameters
        row_loss = loss(reduction="none") if "reduction" in known else loss()
    if not callable(row_loss):
        raise TypeError(f"loss must be a name, a callable or a torch module, got {loss!r}.")
    reduction = getattr(row_loss, "reduction", "none")
    if reduction != "none":
        raise ValueError(
            f"{row_loss!r} has reduction={reduction!r}, but sample weights need one value per row:"
            " pass reduction='none'."
        )
    return row_loss


def _log_softmax(Z: Tensor, D: Tensor) -> Tensor:
    _check_shapes(Z, D)
    return F.log_softmax(Z, dim=1)


def _cumulative_error(Z: Tensor, D: Tensor) -> Tensor:
    return (_log_softmax(Z, D).exp() - D).cumsum(1)


def _error(T: Tensor, Y: Tensor) -> Tensor:
    _check_shapes(T, Y)
    return T - Y


def _check_shapes(output: Tensor, target: Tensor) -> None:
    """Refuse what would broadcast in silence."""
    if output.shape != target.shape:
        raise ValueError(
            f"Outputs and targets have different shapes: {tuple(output.shape)} and"
            f" {tuple(target.shape)}."
        )
