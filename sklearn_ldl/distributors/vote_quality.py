"""How much a table of votes says: how items differ beyond chance, how far shares are from truth."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import betainc, betaln
from sklearn.utils import check_array

from sklearn_ldl._core.sklearn_compat import StrOptions, validate_params
from sklearn_ldl._core.underflow import underflow_is_zero
from sklearn_ldl.decoding import in_order_of_grid
from sklearn_ldl.distributors.vote_prior import dispersion, fit_vote_prior
from sklearn_ldl.distributors.votes import PRIORS, Prior, check_counts, with_pseudo_votes


class VoteDispersion(NamedTuple):
    """How much items differ beyond the chance of the draw of their votes.

    Parameters
    ----------
    dispersion : float
        Correlation of two votes on one item, between 0 (all items have one distribution) and 1
        (all votes on an item agree).
    standard_error : float
        Its standard error.
    prior : ndarray of shape (n_labels,)
        Parameters of the Dirichlet distribution of the items.

    See Also
    --------
    sklearn_ldl.vote_dispersion : Makes one.

    Examples
    --------
    >>> from sklearn_ldl import vote_dispersion
    >>> vote_dispersion([[4, 0], [0, 4], [3, 1]])._fields
    ('dispersion', 'standard_error', 'prior')
    """

    dispersion: float
    standard_error: float
    prior: NDArray[np.float64]


class VoteError(NamedTuple):
    """How far distributions that were made of votes are from those of many more votes.

    Parameters
    ----------
    total_variation : ndarray of shape (n_samples,)
        Expected total variation distance of each item, in [0, 1].
    more_votes : ndarray of shape (n_samples,)
        How many more votes would halve the error of an item like this one.

    See Also
    --------
    sklearn_ldl.expected_vote_error : Makes one.

    Examples
    --------
    >>> from sklearn_ldl import expected_vote_error
    >>> expected_vote_error([[4, 0], [0, 4], [3, 1]]).more_votes
    array([15., 14., 13.])
    """

    total_variation: NDArray[np.float64]
    more_votes: NDArray[np.float64]


def vote_dispersion(counts: ArrayLike) -> VoteDispersion:
    r"""Estimate how much items differ beyond the chance of the draw of their votes.

    The votes on item i are drawn from its distribution, and those distributions from a Dirichlet
    distribution with parameters :math:`\alpha`: the votes are Dirichlet-multinomial. The dispersion

    .. math:: \rho = \frac{1}{1 + \sum_j \alpha_j}

    is the correlation of two votes on one item. At 0 all votes might be on one and the same item,
    so that no feature can predict anything; at 1 nobody disagrees with others, and labels would do
    as well as distributions. Items with one vote say nothing of it.

    Parameters
    ----------
    counts : array-like of shape (n_samples, n_labels)
        Votes: finite and at least 0, for at least two labels.

    Returns
    -------
    dispersion : VoteDispersion
        Named tuple of the `dispersion`, its `standard_error` (from the second derivatives of the
        likelihood; too small where the dispersion is close to 0) and the `prior`.

    Raises
    ------
    ValueError
        If a count is negative or not finite, or fewer than two items have more than one vote.

    See Also
    --------
    expected_vote_error : What the number of votes means for each item.
    votes_to_distribution : ``prior="empirical"`` mixes several such distributions.

    Notes
    -----
    A label that nobody named counts as half a vote in the whole table; so do all others.

    References
    ----------
    J. E. Mosimann, "On the compound multinomial distribution, the multivariate
    beta-distribution, and correlations among proportions", Biometrika 49, 1962.

    Examples
    --------
    Ten votes on each of 1,000 items, whose distributions have a dispersion of 1 / (1 + 2 + 3):

    >>> import numpy as np
    >>> from sklearn_ldl import vote_dispersion
    >>> rng = np.random.default_rng(0)
    >>> counts = rng.multinomial(10, rng.dirichlet([2.0, 3.0], size=1000))
    >>> found = vote_dispersion(counts)
    >>> round(found.dispersion, 2), round(found.standard_error, 2)
    (0.16, 0.01)
    """
    return VoteDispersion(*dispersion(check_counts(counts)))


@underflow_is_zero
@validate_params({"prior": PRIORS}, prefer_skip_nested_validation=True)
def expected_vote_error(counts: ArrayLike, *, prior: Prior = 0.0) -> VoteError:
    r"""Estimate how far distributions of few votes are from those that many votes would give.

    What is believed of the distribution :math:`p_i` of an item is its posterior, given its votes,
    under the prior that ``votes_to_distribution(counts, prior="empirical")`` finds. The error is
    the expectation of the total variation distance,

    .. math:: \tfrac12 \sum_j \operatorname{E} |d_{ij} - p_{ij}|,

    which has a closed form, as every :math:`p_{ij}` has a mixture of beta distributions.

    Parameters
    ----------
    counts : array-like of shape (n_samples, n_labels)
        Votes: finite and at least 0, for at least two labels; no row without votes if `prior` is 0.
    prior : float or "empirical", default=0.0
        How the distributions :math:`d_i` are made, as in :func:`votes_to_distribution`: 0.0 for the
        plain shares.

    Returns
    -------
    error : VoteError
        Named tuple of the expected `total_variation`, and of the numbers of `more_votes` with
        which the plain shares of all votes would be half as far off. The error of the shares of N
        votes is close to
        :math:`\sum_j \operatorname{E} \sqrt{p_{ij} (1 - p_{ij}) / (2 \pi N)}`.

    Raises
    ------
    ValueError
        If a count is negative or not finite, a row has no votes and `prior` is 0, or fewer than
        two items have more than one vote.

    See Also
    --------
    vote_dispersion : How much the items differ.

    References
    ----------
    I. Holmes, K. Harris, C. Quince, "Dirichlet multinomial mixtures: generative models for
    microbial metagenomics", PLoS ONE 7(2), 2012.

    Examples
    --------
    Three votes on each of 500 items. The empirical prior makes more of them:

    >>> import numpy as np
    >>> from sklearn_ldl import expected_vote_error
    >>> rng = np.random.default_rng(0)
    >>> truth = rng.dirichlet([2.0, 3.0, 1.0], size=500)
    >>> counts = rng.multinomial(3, truth)
    >>> round(float(expected_vote_error(counts).total_variation.mean()), 2)
    0.29
    >>> round(float(np.abs(counts / 3 - truth).sum(axis=1).mean() / 2), 2)
    0.29
    >>> error = expected_vote_error(counts, prior="empirical")
    >>> round(float(error.total_variation.mean()), 2)
    0.17
    """
    votes = check_counts(counts)
    belief = fit_vote_prior(votes)
    D = belief.mean(votes) if prior == "empirical" else with_pseudo_votes(votes, prior)
    error, spread = np.zeros(len(votes)), np.zeros(len(votes))
    for share, alpha in zip(belief.responsibilities(votes).T, belief.alpha, strict=True):
        a = votes + alpha
        b = a.sum(axis=1, keepdims=True) - a
        error += share * _distance_to(D, a, b).sum(axis=1) / 2
        spread += share * np.exp(betaln(a + 0.5, b + 0.5) - betaln(a, b)).sum(axis=1) / 2
    needed = 2 / np.pi * (2 * spread / np.maximum(error, np.finfo(float).tiny)) ** 2
    more = np.ceil(np.maximum(needed - votes.sum(axis=1), 0.0))
    return VoteError(np.clip(error, 0.0, 1.0), more)


def _distance_to(d: NDArray, a: NDArray, b: NDArray) -> NDArray:
    """Return E|x - d| of beta variables x, by their distribution and its size-biased form."""
    mean = a / (a + b)
    below = d * betainc(a, b, d) - mean * betainc(a + 1, b, d)
    return 2 * below + mean - d


@validate_params(
    {"level": [StrOptions({"nominal", "ordinal", "interval"})]}, prefer_skip_nested_validation=True
)
def krippendorff_alpha(
    counts: ArrayLike, *, level: str = "nominal", values: ArrayLike | None = None
) -> float:
    r"""Krippendorff's alpha: how far the votes on items agree, beyond chance.

    .. math:: \alpha = 1 - \frac{\text{disagreement of pairs of votes on one item}}
        {\text{disagreement of pairs of votes drawn from all}}

    Items with one vote say nothing of it.

    Parameters
    ----------
    counts : array-like of shape (n_samples, n_labels)
        Votes, of whatever number per item: finite and at least 0, for at least two labels.
    level : {"nominal", "ordinal", "interval"}, default="nominal"
        Disagreement of two labels: 1; the squared number of votes between them in the order of the
        columns; or the squared difference of their `values`.
    values : array-like of shape (n_labels,), default=None
        Values of the labels for "interval"; None means 0, 1, 2, ... Columns of a data frame that
        have these values as names are matched by name.

    Returns
    -------
    alpha : float
        1 if votes on one item always agree, 0 if they agree as often as by chance, below 0 if less
        often; 1 where all votes name one label.

    Raises
    ------
    ValueError
        If a count is negative or not finite, no item has two votes, or `values` are not finite or
        not as many as the labels.

    See Also
    --------
    sklearn_ldl.vote_dispersion : How much items differ, as a parameter of a model.

    References
    ----------
    K. Krippendorff, "Computing Krippendorff's alpha-reliability", University of Pennsylvania, 2011.

    Examples
    --------
    >>> from sklearn_ldl.distributors import krippendorff_alpha
    >>> round(krippendorff_alpha([[3, 0], [0, 3], [2, 1]]), 3)
    0.6
    """
    if values is not None:
        values = check_array(values, dtype=np.float64, ensure_2d=False, input_name="values")
        counts = in_order_of_grid(counts, values)
    votes = check_counts(counts)
    votes = votes[votes.sum(axis=1) >= 2]
    if not len(votes):
        raise ValueError("No row of counts has two votes.")
    labels = np.arange(votes.shape[1]) if values is None else values
    if labels.shape != votes.shape[1:]:
        raise ValueError(f"values has shape {labels.shape}: expected one per label.")
    sizes = votes.sum(axis=1)
    partners = votes / (sizes - 1)[:, None]
    pairs = partners.T @ votes - np.diag(partners.sum(axis=0))
    total = votes.sum(axis=0)
    if level == "nominal":
        distance = 1.0 - np.eye(len(total))
    else:
        place = np.cumsum(total) - total / 2 if level == "ordinal" else labels
        distance = np.subtract.outer(place, place) ** 2
    by_chance = total @ distance @ total / (total.sum() - 1)
    return float(1 - (pairs * distance).sum() / by_chance) if by_chance > 0 else 1.0
