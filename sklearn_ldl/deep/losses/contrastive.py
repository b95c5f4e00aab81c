"""Contrast of two representations: which row of the one belongs to which of the other."""

from __future__ import annotations

from torch import Tensor
from torch.nn import functional as F

from sklearn_ldl.deep.losses.base import check_shapes


def contrastive(S: Tensor, T: Tensor, temperature: float = 0.07) -> Tensor:
    r"""Cross entropy of finding every row of `S` among the rows of `T` by its direction (InfoNCE).

    .. math:: \ell_i = -\ln \frac{\exp(\cos(s_i, t_i) / \tau)}
              {\sum_j \exp(\cos(s_i, t_j) / \tau)}

    Parameters
    ----------
    S, T : Tensor of shape (n_samples, n_dimensions)
        Two representations of the same rows. A row of zeros is similar to none.
    temperature : float, default=0.07
        The number :math:`\tau`, positive; the smaller, the more the most similar row counts.

    Returns
    -------
    losses : Tensor of shape (n_samples,)
        In nats: 0 for a batch of one row, and the logarithm of their number where no row is more
        similar than the others.

    References
    ----------
    A. van den Oord, Y. Li, O. Vinyals, "Representation learning with contrastive predictive
    coding", arXiv:1807.03748, 2018.

    Examples
    --------
    >>> import torch
    >>> from sklearn_ldl.deep.losses.contrastive import contrastive
    >>> T = torch.eye(3)
    >>> contrastive(5 * T, T).max() < 1e-5
    tensor(True)
    >>> contrastive(torch.zeros(3, 3), T).exp().round()
    tensor([3., 3., 3.])
    """
    check_shapes(S, T)
    similarities = F.normalize(S) @ F.normalize(T).T / temperature
    return -similarities.log_softmax(1).diagonal()
