r"""What a table of votes says of the distributions of its items: a mixture of Dirichlet priors.

The votes :math:`n_i` on an item are drawn from its distribution, and that from one of K Dirichlet
distributions, chosen with probabilities :math:`w`:

.. math::

    p(n_i) \propto \sum_k w_k \frac{\Gamma(A_k)}{\Gamma(N_i + A_k)}
    \prod_j \frac{\Gamma(n_{ij} + \alpha_{kj})}{\Gamma(\alpha_{kj})}, \qquad
    A_k = \sum_j \alpha_{kj}, \quad N_i = \sum_j n_{ij}.

One Dirichlet distribution cannot say that most items are clear and some are not.

References: T. P. Minka, "Estimating a Dirichlet distribution", technical report, MIT, 2000;
I. Holmes, K. Harris, C. Quince, "Dirichlet multinomial mixtures: generative models for microbial
metagenomics", PLoS ONE 7(2), 2012.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize
from scipy.sparse import csr_matrix
from scipy.special import digamma, gammaln, logsumexp, polygamma
from sklearn.cluster import KMeans

from sklearn_ldl._core.simplex import log_softmax, softmax
from sklearn_ldl._core.underflow import underflow_is_zero

# Range of the sums of a prior: as good as one-hot items, and as good as equal ones.
_LEAST, _MOST = 1e-3, 1e5
# Every label has so many votes besides, in the whole table: one that nobody named keeps a share.
_UNSEEN = 0.5
# More votes on an item say no more of the others, and their logarithms would cancel.
_MANY = 1e9
_MOST_COMPONENTS = 10
# Logits beyond it are steps of the search that went too far.
_FAR = 30.0


class VotePrior(NamedTuple):
    """A mixture of Dirichlet distributions.

    Parameters
    ----------
    weights : ndarray of shape (n_components,)
        Probabilities of the components.
    alpha : ndarray of shape (n_components, n_labels)
        Their parameters.
    """

    weights: NDArray[np.float64]
    alpha: NDArray[np.float64]

    @underflow_is_zero
    def responsibilities(self, counts: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the probabilities (n_samples, n_components) of the components, given votes."""
        log_weights = np.log(np.maximum(self.weights, np.finfo(float).tiny))
        return softmax(_Votes(counts).log_likelihoods(self.alpha) + log_weights, axis=1)

    @underflow_is_zero
    def mean(self, counts: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the expected distributions (n_samples, n_labels) of items with these votes."""
        sizes = counts.sum(axis=1)
        D = np.zeros_like(counts)
        for share, alpha in zip(self.responsibilities(counts).T, self.alpha, strict=True):
            D += (share / (sizes + alpha.sum()))[:, None] * (counts + alpha)
        return D


class _Votes:
    """Rows of counts, in which equal counts of a label are gathered."""

    def __init__(self, counts: NDArray[np.float64]) -> None:
        n_rows, self.n_labels = counts.shape
        sizes = counts.sum(axis=1)
        counts = counts * np.minimum(1, _MANY / np.maximum(sizes, 1))[:, None]
        parts = [np.unique(column, return_inverse=True) for column in counts.T]
        lengths = [len(values) for values, _ in parts]
        offsets = np.cumsum([0, *lengths[:-1]])
        self._count = np.concatenate([values for values, _ in parts])
        self._label = np.repeat(np.arange(self.n_labels), lengths)
        entries = np.stack([at + o for (_, at), o in zip(parts, offsets, strict=True)], axis=1)
        indptr = np.arange(n_rows + 1) * self.n_labels
        shape = (n_rows, len(self._count))
        self._rows = csr_matrix((np.ones(entries.size), entries.ravel(), indptr), shape)
        self._size = counts.sum(axis=1)

    def _differences(self, function: Callable, alpha: NDArray) -> tuple[NDArray, NDArray]:
        """Return f(n + a) - f(a) of gathered counts (., K), and of the sizes of rows (n, K)."""
        a, total = alpha.T[self._label], alpha.sum(axis=1)
        of_counts = function(self._count[:, None] + a) - function(a)
        return of_counts, function(self._size[:, None] + total) - function(total)

    def log_likelihoods(self, alpha: NDArray) -> NDArray:
        """Return the log-likelihoods (n_samples, n_components) of rows."""
        of_counts, of_sizes = self._differences(gammaln, alpha)
        return self._rows @ of_counts - of_sizes

    def sums(self, function: Callable, alpha: NDArray, weight: NDArray) -> tuple[NDArray, NDArray]:
        """Sum the differences of a function over weighted rows: of labels (K, C) and sizes (K,)."""
        of_counts, of_sizes = self._differences(function, alpha)
        gathered = (self._rows.T @ weight) * of_counts
        of_labels = [np.bincount(self._label, g, minlength=self.n_labels) for g in gathered.T]
        return np.array(of_labels), (weight * of_sizes).sum(axis=0)


@underflow_is_zero
def fit_vote_prior(
    counts: NDArray[np.float64], most_components: int = _MOST_COMPONENTS
) -> VotePrior:
    """Fit a mixture of Dirichlet distributions to votes.

    Parameters
    ----------
    counts : ndarray of shape (n_samples, n_labels)
        Votes, checked.
    most_components : int, default=10
        Components are added up to so many, as long as the Bayesian information criterion falls.

    Returns
    -------
    prior : VotePrior
        The mixture.

    Raises
    ------
    ValueError
        If fewer than two items have more than one vote.
    """
    sizes = counts.sum(axis=1)
    if np.count_nonzero(sizes > 1) < 2:
        raise ValueError(
            "How much the items differ is not known: at least two rows of counts need more than"
            " one vote. Give counts, not shares, or a number as prior."
        )
    # With few votes, many items have the same.
    rows, times = np.unique(counts[sizes > 0], axis=0, return_counts=True)
    single, log_likelihood = _fit(rows, times, _one_component(rows, times))
    best, least = single, _criterion(single, log_likelihood, times)
    for k in range(2, min(most_components, len(rows)) + 1):
        prior, log_likelihood = _fit(rows, times, _components(rows, times, k, single))
        criterion = _criterion(prior, log_likelihood, times)
        if criterion >= least:
            break
        best, least = prior, criterion
    return best


def _criterion(prior: VotePrior, log_likelihood: float, times: NDArray) -> float:
    """Return the Bayesian information criterion."""
    n_parameters = prior.alpha.size + prior.weights.size - 1
    return n_parameters * np.log(times.sum()) - 2 * log_likelihood


@underflow_is_zero
def dispersion(counts: NDArray[np.float64]) -> tuple[float, float, NDArray[np.float64]]:
    """Fit one Dirichlet distribution: its dispersion, the standard error of it, its parameters."""
    prior = fit_vote_prior(counts, most_components=1)
    alpha = prior.alpha[0]
    total, n_labels = alpha.sum(), alpha.size
    votes = _Votes(counts)
    of_labels, of_sizes = votes.sums(
        lambda x: polygamma(1, x), prior.alpha, np.ones((len(counts), 1))
    )
    # The negative second derivatives of the logarithm of the posterior.
    information = np.full((n_labels, n_labels), of_sizes[0] - _UNSEEN * n_labels / total**2)
    information[np.diag_indices(n_labels)] += _UNSEEN / alpha**2 - of_labels[0]
    slope = np.full(n_labels, -1 / (1 + total) ** 2)
    variance = float(slope @ np.linalg.solve(information, slope))
    return float(1 / (1 + total)), max(variance, 0.0) ** 0.5, alpha


def _one_component(rows: NDArray, times: NDArray) -> VotePrior:
    """Begin with the spread of the shares of items, of which half is taken for chance."""
    votes = times @ rows + _UNSEEN
    mean = votes / votes.sum()
    shares = rows / rows.sum(axis=1, keepdims=True)
    spread = (times @ (shares - mean) ** 2).sum() / times.sum() / 2
    total = (1 - (mean**2).sum()) / max(spread, 1e-12)
    return VotePrior(np.ones(1), (mean * np.clip(total, 0.5, 1e3))[None])


def _components(rows: NDArray, times: NDArray, k: int, single: VotePrior) -> VotePrior:
    """Begin with clusters of items, each about as wide as all items are."""
    clusters = KMeans(k, n_init=1, random_state=0).fit(single.mean(rows), sample_weight=times)
    weights = np.bincount(clusters.labels_, times, minlength=k) + 1
    total = single.alpha.sum()
    means = 0.9 * clusters.cluster_centers_ + 0.1 * single.alpha / total
    return VotePrior(weights / weights.sum(), means * np.clip(total, 1, 100))


def _fit(rows: NDArray, times: NDArray, start: VotePrior) -> tuple[VotePrior, float]:
    """Maximise the posterior of weights, means and sums; return the log-likelihood as well."""
    votes = _Votes(rows)
    k, n_labels = start.alpha.shape

    def unpacked(theta: NDArray) -> tuple[NDArray, NDArray, NDArray]:
        means = softmax(theta[: k * n_labels].reshape(k, n_labels), axis=1)
        return means, np.exp(theta[k * n_labels : -k]), log_softmax(theta[-k:])

    def log_likelihood(theta: NDArray) -> tuple[float, NDArray]:
        means, totals, log_weights = unpacked(theta)
        joint = votes.log_likelihoods(means * totals[:, None]) + log_weights
        rows_ = logsumexp(joint, axis=1)
        return times @ rows_, np.exp(joint - rows_[:, None]) * times[:, None]

    def negative(theta: NDArray) -> tuple[float, NDArray]:
        means, totals, log_weights = unpacked(theta)
        value, weight = log_likelihood(theta)
        value += _UNSEEN * np.log(means).sum()
        of_labels, of_sizes = votes.sums(digamma, means * totals[:, None], weight)
        by_alpha = of_labels - of_sizes[:, None]
        inner = (means * by_alpha).sum(axis=1)
        of_means = means * totals[:, None] * (by_alpha - inner[:, None])
        of_means += _UNSEEN * (1 - n_labels * means)
        of_weights = weight.sum(axis=0) - times.sum() * np.exp(log_weights)
        return -value, -np.concatenate([of_means.ravel(), totals * inner, of_weights])

    totals = start.alpha.sum(axis=1)
    theta = np.concatenate([np.log(start.alpha).ravel(), np.log(totals), np.log(start.weights)])
    bounds = [(-_FAR, _FAR)] * (k * n_labels) + [(np.log(_LEAST), np.log(_MOST))] * k
    bounds += [(-_FAR, _FAR)] * k
    options = {"maxiter": 500, "maxcor": 20, "ftol": 1e-10, "gtol": 1e-6}
    theta = minimize(negative, theta, jac=True, method="L-BFGS-B", bounds=bounds, options=options).x
    means, totals, log_weights = unpacked(theta)
    prior = VotePrior(np.exp(log_weights), means * totals[:, None])
    return prior, log_likelihood(theta)[0]
