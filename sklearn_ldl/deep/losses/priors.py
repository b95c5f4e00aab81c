"""How frequent the labels are in training, and logits without it.

Both are known by the column sums of the training distributions.
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray

from sklearn_ldl.deep.losses.base import Loss

_MIN_PRIOR = 1e-6


def label_frequency(label_sums: ArrayLike) -> NDArray[np.float64]:
    """Frequencies of the labels: column sums of the training distributions, at least one row.

    Examples
    --------
    >>> from sklearn_ldl.deep.losses.priors import label_frequency
    >>> label_frequency([7.5, 2.5, 0.0])
    array([7.5, 2.5, 1. ])
    """
    return np.maximum(np.asarray(label_sums, dtype=np.float64), 1.0)


def label_prior(label_sums: ArrayLike) -> NDArray[np.float64]:
    """Mean of the training distributions, at least 1e-6.

    The floor is what a label without any mass counts as: it keeps the logarithm finite, and leaves
    a gradient that is large enough for Adam to lower its logit.

    Examples
    --------
    >>> from sklearn_ldl.deep.losses.priors import label_prior
    >>> label_prior([7.5, 2.5, 0.0])
    array([7.5e-01, 2.5e-01, 1.0e-06])
    """
    label_sums = np.asarray(label_sums, dtype=np.float64)
    return np.maximum(label_sums / label_sums.sum(), _MIN_PRIOR)


def adjust_logits(loss: Loss, prior: ArrayLike, strength: float) -> Loss:
    r"""Loss of logits to which a multiple of the logarithm of a prior is added.

    Parameters
    ----------
    loss : callable
        ``(Z, D) -> (n_samples,)``.
    prior : array-like of shape (n_labels,)
        Positive degrees.
    strength : float
        The multiple.

    Returns
    -------
    loss : callable
        ``(Z, D) -> (n_samples,)``, for logits from which the prior is left out.

    References
    ----------
    A. K. Menon, S. Jayasumana, A. S. Rawat, H. Jain, A. Veit, S. Kumar, "Long-tail learning via
    logit adjustment", ICLR 2021, for classes.

    Examples
    --------
    >>> import torch
    >>> from sklearn_ldl.deep.losses.priors import adjust_logits
    >>> from sklearn_ldl.deep.losses.distributions import kl_divergence
    >>> loss = adjust_logits(kl_divergence, [0.8, 0.2], strength=1.0)
    >>> loss(torch.zeros(1, 2), torch.tensor([[0.8, 0.2]])).abs().round(decimals=4)
    tensor([0.])
    """
    shift = torch.from_numpy(strength * np.log(prior))
    return lambda Z, D: loss(Z + shift.to(Z), D)
