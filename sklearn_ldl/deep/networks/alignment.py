"""Alignment of features with labels: both become Gaussian distributions in one latent space."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from sklearn_ldl.deep.generators import own_generator

# Untrained heads of high-dimensional input easily leave what the exponential of float32 can hold.
_LARGEST_LOG_VARIANCE = 10.0


class Gaussian(NamedTuple):
    """Normal distributions with diagonal covariances; both shapes are (n_samples, hidden_dim)."""

    mean: Tensor
    log_variance: Tensor

    def sample(self) -> Tensor:
        """Draw once from every distribution, with gradients in its parameters."""
        noise = torch.empty_like(self.mean).normal_(generator=own_generator())
        return self.mean + (self.log_variance / 2).exp() * noise

    def detach(self) -> Gaussian:
        """Let go of the gradients."""
        return Gaussian(self.mean.detach(), self.log_variance.detach())


def gaussian_kl(first: Gaussian, second: Gaussian) -> Tensor:
    r"""Kullback-Leibler divergence of `first` from `second`, summed over the dimensions.

    .. math:: \tfrac12 \sum_i \big( e^{\rho_i - \rho'_i} + (\mu_i - \mu'_i)^2 e^{-\rho'_i}
              - 1 - \rho_i + \rho'_i \big)

    Parameters
    ----------
    first, second : Gaussian
        With means :math:`\mu, \mu'` and log-variances :math:`\rho, \rho'`.

    Returns
    -------
    divergence : Tensor of shape (n_samples,)
        In nats.
    """
    difference = first.log_variance - second.log_variance
    squares = (first.mean - second.mean).square() * (-second.log_variance).exp()
    return (difference.expm1() - difference + squares).sum(1) / 2


def gram_mismatch(R: Tensor, S: Tensor) -> Tensor:
    """Mean squared difference of the cosine similarities of every row to all rows.

    Parameters
    ----------
    R, S : Tensor of shape (n_samples, hidden_dim)
        Two representations of the same rows. A row of zeros is similar to none.

    Returns
    -------
    mismatch : Tensor of shape (n_samples,)
        Between 0 and 4; 0 for a batch of one row.
    """
    R, S = F.normalize(R), F.normalize(S)
    return (R @ R.T - S @ S.T).square().mean(1)


class GaussianHead(nn.Module):
    """Two affine maps of a representation: the mean and the log-variance of a normal distribution.

    Parameters
    ----------
    hidden_dim : int
        Number of inputs and of latent dimensions.
    """

    def __init__(self, hidden_dim: int):
        super().__init__()
        self.mean = nn.Linear(hidden_dim, hidden_dim)
        self.log_variance = nn.Linear(hidden_dim, hidden_dim)

    def forward(self, H: Tensor) -> Gaussian:
        """Log-variances lie between -10 and 10."""
        bound = _LARGEST_LOG_VARIANCE
        return Gaussian(self.mean(H), self.log_variance(H).clamp(-bound, bound))


class AlignmentNet(nn.Module):
    """Perceptron with one hidden layer, and what training needs to align it with labels.

    Predictions go through `encoder`, ReLU and `head` alone.

    Parameters
    ----------
    n_features, n_labels : int
        Sizes of input (all dimensions but the first together) and output.
    hidden_dim : int
        Width of the hidden layer, and dimension of the latent space.
    encoders : iterable of str
        Names of the label encoders. Each maps vectors of `n_labels` entries to a normal
        distribution.
    """

    def __init__(self, n_features: int, n_labels: int, hidden_dim: int, encoders: Iterable[str]):
        super().__init__()
        self.encoder = nn.Linear(n_features, hidden_dim)
        self.feature_gaussian = GaussianHead(hidden_dim)
        self.label_gaussian = nn.ModuleDict(
            {
                name: nn.Sequential(nn.Linear(n_labels, hidden_dim), GaussianHead(hidden_dim))
                for name in encoders
            }
        )
        # The last of all layers, as it is in other networks.
        self.head = nn.Linear(hidden_dim, n_labels)

    def encode(self, X: Tensor) -> Tensor:
        """Map features to the hidden layer, before its ReLU."""
        return self.encoder(X.flatten(1))

    def decode(self, H: Tensor) -> Tensor:
        """Map the hidden layer to logits."""
        return self.head(F.relu(H))

    def forward(self, X: Tensor) -> Tensor:
        """Map features to logits."""
        return self.decode(self.encode(X))


class Branch(NamedTuple):
    """Something about the labels that features are drawn to."""

    #: Name of the label encoder.
    encoder: str
    #: What it encodes; shape (n_samples, n_labels).
    labels: Tensor
    #: Factor of the divergence, besides that of all branches.
    share: float = 1.0
