"""Raters of uneven reliability, and what they said of each item."""

from __future__ import annotations

from numbers import Integral, Real
from typing import Any, ClassVar

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator
from sklearn.utils.validation import check_is_fitted

from sklearn_ldl._core.convergence import warn_not_converged
from sklearn_ldl._core.plain_state import PlainState
from sklearn_ldl._core.simplex import softmax
from sklearn_ldl._core.sklearn_compat import Interval, StrOptions, fit_context
from sklearn_ldl._core.underflow import underflow_is_zero
from sklearn_ldl.distributors.crowd import fit_dawid_skene
from sklearn_ldl.distributors.encoding import encode
from sklearn_ldl.distributors.vote_prior import fit_vote_prior
from sklearn_ldl.distributors.votes import VoteTable, check_columns, count_votes, encode_labels

# Votes of every rater besides their own: little spam, so that most have none, spread over labels.
_SPAM, _GENUINE, _SPREAD = 0.5, 2.5, 0.5
# Iterations between two fits of the prior of the items, whose changes are small.
_PRIOR_EVERY = 10
# Where Chernoff's bound is tried: the best of these is close to the best of all.
_TILTS = 1.5 ** np.arange(-12, 13)


class RaterModel(PlainState, BaseEstimator):
    r"""What people of uneven reliability say of items, as distributions.

    `fit` learns from a long table, one vote per row, whom to believe; `transform` makes
    distributions of votes, of the same items or of others. Fitted to the votes on training items
    alone, it tells raters nothing of the test items.

    With ``method="spam"`` the truth of an item is a distribution :math:`p_i`, since people differ
    about it. A vote of rater r is drawn from it, or, with probability :math:`s_r`, is spam, drawn
    from a distribution :math:`q_r` that has nothing to do with the item (MACE, whose truth is one
    label, with a distribution in its place):

    .. math:: P(\text{r says } j \text{ of } i) = (1 - s_r) \, p_{ij} + s_r \, q_{rj} .

    The items have an empirical prior (:func:`votes_to_distribution`), and each rater has 2.5
    genuine votes and half a vote of spam besides their own. With ``method="dawid-skene"`` the truth
    of an item is *one* label, of which its distribution says how sure the model is, and every rater
    has a matrix of confusion. Where people honestly differ, that is too sure of the majority.

    Parameters
    ----------
    method : {"spam", "dawid-skene"}, default="spam"
        The model of the raters. "dawid-skene" is that of crowd-kit (extra ``crowd``).
    flag : float, default=0.01
        Raters are flagged where agreement as low as theirs with others has a smaller probability
        for a rater without spam, in [0, 1]; divided by the number of raters (Bonferroni). Of the
        probability Chernoff's bound is taken, so that few votes flag nobody by chance.
    max_iter : int, default=1000
        Iterations at most.
    tol : float, default=1e-4
        The spam method stops when no rate of spam changes by more; for "dawid-skene", crowd-kit's
        tolerance.

    Attributes
    ----------
    raters_ : ndarray of shape (n_raters,)
        Who is meant, sorted.
    labels_ : ndarray of shape (n_labels,)
        What the columns of distributions stand for.
    n_votes_ : ndarray of shape (n_raters,)
        Number of votes of each rater.
    reliability_ : ndarray of shape (n_raters,)
        Share of votes that are genuine, :math:`1 - s_r`; for "dawid-skene" the mean of the diagonal
        of the confusion, weighted by the frequencies of the labels.
    confusion_ : ndarray of shape (n_raters, n_labels, n_labels)
        Probability of every vote (last axis), given the label that the item draws.
    agreement_, expected_agreement_ : ndarray of shape (n_raters,)
        Mean probability of the votes of a rater by the votes of others, and what it would be if
        they drew from these as well; NaN for raters on whose items nobody else has voted, and the
        second where nowhere two others have.
    flagged_ : ndarray of shape (n_raters,), dtype bool
        Whose agreement is too low to be chance.
    n_iter_ : int
        Number of iterations.

    See Also
    --------
    vote_table_to_distribution : Believes everybody alike.
    sklearn_ldl.distributors.krippendorff_alpha : How far raters agree on the whole.

    References
    ----------
    A. P. Dawid, A. M. Skene, "Maximum likelihood estimation of observer error-rates using the EM
    algorithm", Applied Statistics 28, 1979; D. Hovy, T. Berg-Kirkpatrick, A. Vaswani, E. Hovy,
    "Learning whom to trust with MACE", NAACL 2013.

    Examples
    --------
    Eight raters draw from the truth of 300 items, the last one always says "a":

    >>> import numpy as np
    >>> from sklearn_ldl import RaterModel
    >>> rng = np.random.default_rng(0)
    >>> truth = rng.dirichlet([1, 1, 1], size=300)
    >>> votes = np.array([rng.choice(list("abc"), size=9, p=p) for p in truth])
    >>> votes[:, 8] = "a"
    >>> items, raters = np.indices(votes.shape)
    >>> model = RaterModel().fit(items.ravel(), raters.ravel(), votes.ravel())
    >>> model.raters_[model.flagged_]
    array([8])
    >>> table = model.transform(items.ravel(), raters.ravel(), votes.ravel())
    >>> table.D.shape
    (300, 3)
    """

    _parameter_constraints: ClassVar[dict] = {
        "method": [StrOptions({"spam", "dawid-skene"})],
        "flag": [Interval(Real, 0, 1, closed="both")],
        "max_iter": [Interval(Integral, 1, None, closed="left")],
        "tol": [Interval(Real, 0, None, closed="left")],
    }

    def __init__(
        self,
        method: str = "spam",
        *,
        flag: float = 0.01,
        max_iter: int = 1000,
        tol: float = 1e-4,
    ):
        self.method = method
        self.flag = flag
        self.max_iter = max_iter
        self.tol = tol

    @underflow_is_zero
    @fit_context(prefer_skip_nested_validation=True)
    def fit(
        self, items: ArrayLike, raters: ArrayLike, labels: ArrayLike, *, label_names: Any = None
    ) -> RaterModel:
        """Learn whom to believe.

        Parameters
        ----------
        items, raters, labels : array-like of shape (n_votes,)
            What was voted on, by whom, and the label that was named: columns of a data frame, say.
            The levels of a Categorical are the labels in the order of the columns.
        label_names : array-like of shape (n_labels,), default=None
            The labels in the order of the columns, as in :func:`vote_table_to_distribution`.

        Returns
        -------
        self : RaterModel
            The fitted model.

        Raises
        ------
        ValueError
            If columns differ in length or have missing entries, there are fewer than two labels,
            one is not among `label_names`, or fewer than two items have more than one vote.
        ImportError
            If crowd-kit is needed and missing.
        """
        _check_votes(items, raters, labels)
        _, item = encode(items, "items")
        self.raters_, rater = encode(raters, "raters")
        self.labels_, label = encode_labels(labels, label_names)
        self.n_votes_ = np.bincount(rater)
        counts = count_votes(item, label, (item.max() + 1, len(self.labels_)))
        if self.method == "spam":
            self._fit_spam(item, rater, label, counts)
        else:
            self._fit_dawid_skene(item, rater, label)
        self._describe_agreement(item, rater, label, counts)
        return self

    def _fit_spam(self, item: NDArray, rater: NDArray, label: NDArray, counts: NDArray) -> None:
        n_raters, n_labels = len(self.raters_), len(self.labels_)
        spam, change = np.full(n_raters, _SPAM / (_SPAM + _GENUINE)), np.inf
        habit = np.full((n_raters, n_labels), 1 / n_labels)
        believed = counts
        for n_iter in range(1, self.max_iter + 1):
            if n_iter % _PRIOR_EVERY == 1:
                prior = fit_vote_prior(believed)
            D = prior.mean(believed)
            genuine = _genuine(D[item, label], spam[rater], habit[rater, label])
            before = spam
            spam = (np.bincount(rater, 1 - genuine) + _SPAM) / (self.n_votes_ + _SPAM + _GENUINE)
            habit = count_votes(rater, label, habit.shape, 1 - genuine) + _SPREAD
            habit /= habit.sum(axis=1, keepdims=True)
            believed = count_votes(item, label, counts.shape, genuine)
            change = np.abs(spam - before).max()
            if change <= self.tol:
                break
        else:
            warn_not_converged(
                type(self).__name__,
                f"{n_iter} iterations",
                f"a rate of spam that changed by {change:.2g}",
                self.tol,
                "or tol",
            )
        self.n_iter_ = n_iter
        self._prior, self._habit, self.reliability_ = prior, habit, 1 - spam
        mixed = spam[:, None, None] * habit[:, None, :]
        self.confusion_ = mixed + self.reliability_[:, None, None] * np.eye(n_labels)

    def _fit_dawid_skene(self, item: NDArray, rater: NDArray, label: NDArray) -> None:
        fitted = fit_dawid_skene(item, rater, label, len(self.labels_), self.max_iter, self.tol)
        self._frequencies, self.confusion_, self.n_iter_ = fitted
        self.reliability_ = np.einsum("rkk,k->r", self.confusion_, self._frequencies)

    @underflow_is_zero
    def transform(self, items: ArrayLike, raters: ArrayLike, labels: ArrayLike) -> VoteTable:
        """Make distributions of votes.

        Raters that were not there in `fit` are taken for the mean of those that were. The spam
        method draws items towards their mean, which is right for looking at them; as targets of a
        fit use :func:`vote_table_to_distribution` with the reliabilities as weights.

        Parameters
        ----------
        items, raters, labels : array-like of shape (n_votes,)
            Votes, on the same items or on others.

        Returns
        -------
        table : VoteTable
            Named tuple of the distributions `D`, the `items` of its rows, sorted, and the `labels`
            of its columns.

        Raises
        ------
        ValueError
            If columns differ in length or have missing entries, for a label that `fit` was not
            told of, or if raters are text that were numbers in `fit`, or the other way round.
        """
        check_is_fitted(self)
        _check_votes(items, raters, labels)
        items, item = encode(items, "items")
        names, rater = encode(raters, "raters")
        if isinstance(names[0], str) != isinstance(self.raters_[0], str):
            raise ValueError(
                "raters are text here or were in fit, and numbers in the other, so that none is "
                "known: convert one of them."
            )
        _, label = encode_labels(labels, self.labels_)
        where = np.searchsorted(self.raters_, names).clip(max=len(self.raters_) - 1)
        known = np.array(self.raters_[where] == names)
        rater = np.where(known, where, len(self.raters_))[rater]
        if self.method == "spam":
            D = self._believe(item, rater, label, len(items))
        else:
            mean = np.average(self.confusion_, axis=0, weights=self.n_votes_)
            confusion = np.concatenate([self.confusion_, mean[None]])
            logs = np.log(np.maximum(confusion, np.finfo(float).tiny))
            scores = np.tile(np.log(self._frequencies), (len(items), 1))
            np.add.at(scores, item, logs[rater, :, label])
            D = softmax(scores, axis=1)
        return VoteTable(D, items, self.labels_)

    def _believe(
        self, item: NDArray, rater: NDArray, label: NDArray, n_items: int
    ) -> NDArray[np.float64]:
        """Weigh votes, given what is known of the raters."""
        weight = self.n_votes_ / self.n_votes_.sum()
        spam = np.append(1 - self.reliability_, weight @ (1 - self.reliability_))[rater]
        habit = np.vstack([self._habit, weight @ self._habit])[rater, label]
        shape = n_items, len(self.labels_)
        D = self._prior.mean(count_votes(item, label, shape))
        for _ in range(self.max_iter):
            before = D
            D = self._prior.mean(
                count_votes(item, label, shape, _genuine(D[item, label], spam, habit))
            )
            if np.abs(D - before).max() <= self.tol:
                break
        return D

    def _describe_agreement(
        self, item: NDArray, rater: NDArray, label: NDArray, counts: NDArray
    ) -> None:
        """Compare every vote with those of the others on its item, and flag raters."""
        n_raters, rows = len(self.raters_), np.arange(len(item))
        pairs, mine = np.unique(item * n_raters + rater, return_inverse=True)
        # Several votes of one rater on one item count as one of them.
        weight = 1 / np.bincount(mine)[mine]
        own = count_votes(mine, label, (len(pairs), counts.shape[1]), weight)
        others = count_votes(item, label, counts.shape, weight)[item] - own[mine]
        others = np.maximum(others, 0)
        size = np.bincount(pairs // n_raters)[item] - 1.0
        # The mean of the votes of two who draw from one distribution, by the pairs of others.
        both = (others * np.maximum(others - 1, 0)).sum(axis=1) / np.maximum(size * (size - 1), 1)
        of_others = others[rows, label] / np.maximum(size, 1)

        def mean(values: NDArray, known: NDArray) -> NDArray[np.float64]:
            return np.bincount(rater, values * known * weight) / np.bincount(rater, known * weight)

        with np.errstate(invalid="ignore"):
            self.agreement_ = mean(of_others, size > 0)
            self.expected_agreement_ = mean(both, size > 1)
        others[rows, label] += 1
        chance = _chance_of_agreement(others, label, rater, weight, n_raters)
        self.flagged_ = chance < self.flag / n_raters


def _chance_of_agreement(
    votes: NDArray, label: NDArray, rater: NDArray, weight: NDArray, n_raters: int
) -> NDArray[np.float64]:
    """Bound the probabilities that raters would agree as little if votes changed hands.

    Any vote on an item is as likely to be that of a rater who draws as others do, so that the
    agreement of each of their votes has a known distribution. The sum of them has Chernoff's bound,
    which holds for few votes, too; by Hoelder's inequality also for weights of votes on one item
    that sum to one, whatever they have to do with each other.
    """
    size = votes.sum(axis=1, keepdims=True)
    share, score = votes / size, np.maximum(votes - 1, 0) / np.maximum(size - 1, 1)
    found = score[np.arange(len(label)), label]
    bound = np.zeros(n_raters)
    for t in _TILTS:
        of_votes = np.log((share * np.exp(-t * score)).sum(axis=1)) + t * found
        bound = np.minimum(bound, np.bincount(rater, of_votes * weight, minlength=n_raters))
    return np.exp(bound)


def _check_votes(items: Any, raters: Any, labels: Any) -> None:
    check_columns(items=items, raters=raters, labels=labels)
    if not len(items):
        raise ValueError("There are no votes.")


def _genuine(of_item: NDArray, spam: NDArray, habit: NDArray) -> NDArray[np.float64]:
    """Probability that votes are no spam."""
    genuine = (1 - spam) * of_item
    return genuine / (genuine + spam * habit)
