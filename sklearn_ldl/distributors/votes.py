"""Votes: from what several people said to label distributions."""

from __future__ import annotations

from collections.abc import Sequence
from numbers import Real
from typing import Any, Literal, NamedTuple, overload

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.utils import check_array
from sklearn.utils.validation import check_consistent_length

from sklearn_ldl._core.dask_rows import refuse_to_load
from sklearn_ldl._core.label_names import (
    columns_of_frame,
    declared_levels,
    like_frame,
    name_array,
    names_as_numbers,
)
from sklearn_ldl._core.simplex import normalize
from sklearn_ldl._core.sklearn_compat import Interval, StrOptions, validate_params
from sklearn_ldl.distributors.encoding import columns_of, encode, entries_of
from sklearn_ldl.distributors.vote_prior import fit_vote_prior

Prior = float | Literal["empirical"]
#: What may be given as prior.
PRIORS: list = [Interval(Real, 0, None, closed="left"), StrOptions({"empirical"})]


# Type checkers take a data frame for an array-like, and it comes back as a data frame.
@overload
def votes_to_distribution(
    counts: NDArray | Sequence[Sequence[float]], *, prior: Prior = 0.0
) -> NDArray[np.float64]: ...
@overload
def votes_to_distribution(counts: Any, *, prior: Prior = 0.0) -> Any: ...
@validate_params({"prior": PRIORS}, prefer_skip_nested_validation=True)
def votes_to_distribution(counts: ArrayLike, *, prior: Prior = 0.0) -> Any:
    r"""Turn vote counts into label distributions.

    .. math:: d_{ij} = (n_{ij} + a) / (\sum_k n_{ik} + C a)

    is the share of the votes for `a = 0`, and for `a > 0` the posterior mean under a symmetric
    Dirichlet prior with `a` pseudo-votes per label. The empirical prior is a mixture of Dirichlet
    distributions, with other pseudo-votes for every label.

    Parameters
    ----------
    counts : array-like of shape (n_samples, n_labels)
        Votes, or sums of vote weights: finite and at least 0, for at least two labels. The columns
        of a data frame have the names of the labels.
    prior : float or "empirical", default=0.0
        Pseudo-votes `a` per label, at least 0. "empirical" is the prior under which these counts
        are most likely, of up to ten components, as many as the Bayesian information criterion
        allows: items with few votes are drawn towards those that are like them. It learns from all
        rows that are given, so give it training rows alone to compare models.

    Returns
    -------
    D : ndarray or DataFrame of shape (n_samples, n_labels), dtype float64
        Label distributions: of a data frame of pandas or Polars one with the same names of
        columns, and of rows.

    Raises
    ------
    ValueError
        If a count is negative or not finite, or if a row has no votes and `prior` is 0; the
        message names the first such row. If two columns of a data frame have the same name. If
        `prior` is "empirical", and fewer than two rows have more than one vote.

    See Also
    --------
    vote_dispersion : How much the items differ.
    expected_vote_error : How far the distributions are from those of many votes.

    References
    ----------
    X. Geng, P. Hou, "Pre-release prediction of crowd opinion on movies by label distribution
    learning", IJCAI 2015.

    Examples
    --------
    >>> from sklearn_ldl.distributors import votes_to_distribution
    >>> votes_to_distribution([[3, 1], [0, 2]])
    array([[0.75, 0.25],
           [0.  , 1.  ]])
    >>> votes_to_distribution([[3, 1], [0, 2]], prior=1).round(3)
    array([[0.667, 0.333],
           [0.25 , 0.75 ]])

    One vote is moved towards what the other items have:

    >>> counts = [[3, 0, 0], [0, 3, 0], [2, 1, 0], [1, 2, 0], [2, 0, 1], [1, 0, 0]]
    >>> votes_to_distribution(counts, prior="empirical").round(2)[[0, -1]]
    array([[0.79, 0.16, 0.05],
           [0.68, 0.25, 0.08]])
    """
    votes = check_counts(counts)
    if prior == "empirical":
        return like_frame(fit_vote_prior(votes).mean(votes), counts)
    return like_frame(with_pseudo_votes(votes, prior), counts)


def check_counts(given: Any) -> NDArray[np.float64]:
    """Return votes as an array, or say what is wrong with them."""
    refuse_to_load("counts", given)
    columns_of_frame(given)
    counts = check_array(
        given,
        dtype=np.float64,
        ensure_2d=False,
        allow_nd=True,
        ensure_all_finite=False,
        input_name="counts",
    )
    if counts.ndim != 2 or counts.shape[1] < 2:
        raise ValueError(
            f"counts has shape {counts.shape}: expected one row per item and one column per label,"
            " with at least two labels. For a long table with one vote per row, use"
            " vote_table_to_distribution."
        )
    finite = np.isfinite(counts).all(axis=1)
    if not finite.all():
        raise ValueError(
            f"Row {np.argmin(finite)} of counts contains NaN or infinity: put 0 where nobody voted."
        )
    negative = (counts < 0).any(axis=1)
    if negative.any():
        raise ValueError(f"Row {np.argmax(negative)} of counts has a negative count.")
    return counts


def with_pseudo_votes(counts: NDArray[np.float64], prior: float) -> NDArray[np.float64]:
    """Return the shares of votes, after so many more for every label."""
    no_vote = ~counts.any(axis=1)
    if no_vote.any() and prior == 0:
        raise ValueError(
            f"Row {np.argmax(no_vote)} of counts has no votes: drop it or set prior > 0."
        )
    return normalize(counts + prior)


class VoteTable(NamedTuple):
    """Label distributions made of a table of votes, with what their rows and columns stand for.

    Parameters
    ----------
    D : ndarray of shape (n_items, n_labels)
        Label distributions.
    items : ndarray of shape (n_items,)
        What the rows stand for, in sorted order.
    labels : ndarray of shape (n_labels,)
        What the columns stand for.

    See Also
    --------
    sklearn_ldl.vote_table_to_distribution : Makes one.

    Examples
    --------
    >>> from sklearn_ldl import vote_table_to_distribution
    >>> table = vote_table_to_distribution(["b", "a", "a"], ["yes", "no", "yes"])
    >>> table.items, table.labels
    (array(['a', 'b'], dtype='<U1'), array(['no', 'yes'], dtype='<U3'))
    """

    D: NDArray[np.float64]
    items: NDArray
    labels: NDArray


@validate_params({"prior": PRIORS}, prefer_skip_nested_validation=True)
def vote_table_to_distribution(
    items: ArrayLike,
    labels: ArrayLike,
    weights: ArrayLike | None = None,
    *,
    label_names: ArrayLike | None = None,
    prior: Prior = 0.0,
) -> VoteTable:
    """Turn a long table with one vote per row into label distributions.

    Parameters
    ----------
    items : array-like of shape (n_votes,)
        What was voted on: identifiers of any sortable type, such as a column of a data frame.
    labels : array-like of shape (n_votes,)
        The label that the vote names. The levels of a Categorical of pandas, or an Enum of Polars,
        are the labels in the order of the columns, those without votes included.
    weights : array-like of shape (n_votes,), default=None
        Weight of each vote, finite and at least 0. None counts every vote once.
    label_names : array-like of shape (n_labels,), default=None
        The labels in the order of the columns, those without votes included. None takes the
        declared levels of `labels`, or else the labels that occur, sorted: as numbers where all of
        them are numbers, also as text.
    prior : float or "empirical", default=0.0
        Pseudo-votes per label; see :func:`votes_to_distribution`.

    Returns
    -------
    table : VoteTable
        Named tuple of the distributions `D`, the `items` of its rows and the `labels` of its
        columns.

    Raises
    ------
    ValueError
        If the columns differ in length or have missing entries, there are fewer than two labels,
        one is not among `label_names`, a weight is negative, or the votes on an item weigh nothing
        and `prior` is 0.

    References
    ----------
    X. Geng, P. Hou, "Pre-release prediction of crowd opinion on movies by label distribution
    learning", IJCAI 2015.

    Examples
    --------
    >>> from sklearn_ldl.distributors import vote_table_to_distribution
    >>> table = vote_table_to_distribution(
    ...     items=["img7", "img2", "img7", "img7"], labels=["cat", "dog", "dog", "cat"]
    ... )
    >>> table.items, table.labels
    (array(['img2', 'img7'], dtype='<U4'), array(['cat', 'dog'], dtype='<U3'))
    >>> table.D.round(3)
    array([[0.   , 1.   ],
           [0.667, 0.333]])

    Levels that are declared keep their order, also those without votes:

    >>> import pandas as pd
    >>> sizes = pd.Categorical(["low", "high"], categories=["low", "medium", "high"])
    >>> vote_table_to_distribution(["img1", "img2"], sizes).D
    array([[1., 0., 0.],
           [0., 0., 1.]])
    """
    check_columns(items=items, labels=labels, weights=weights)
    items, rows = encode(items, "items")
    names, columns = encode_labels(labels, label_names)
    if weights is not None:
        weights = check_array(weights, dtype=np.float64, ensure_2d=False, input_name="weights")
        if (weights < 0).any():
            raise ValueError(f"weights has a negative entry in row {np.argmax(weights < 0)}.")
    counts = count_votes(rows, columns, (len(items), len(names)), weights)
    empty = ~counts.any(axis=1)
    if empty.any() and prior == 0:  # named by the item, not by the row
        item = items[empty].tolist()[0]
        raise ValueError(f"The votes on item {item!r} weigh nothing: drop it or set prior > 0.")
    return VoteTable(votes_to_distribution(counts, prior=prior), items, names)


def encode_labels(labels: Any, label_names: Any = None) -> tuple[NDArray, NDArray[np.intp]]:
    """Return the labels in the order of the columns, and the column of every vote."""
    known = declared_levels(labels)
    if label_names is not None:
        known = entries_of(label_names, "label_names")
    if known is None:
        names, columns = _in_order_of_numbers(*encode(labels, "labels"))
    else:
        names = name_array(known)
        if len(set(known)) < len(known):
            raise ValueError("label_names repeats a label.")
        columns = columns_of(entries_of(labels, "labels"), known, "labels")
    if len(names) < 2:
        raise ValueError(f"All votes name one label, {names.tolist()}: list all in label_names.")
    return names, columns


def _in_order_of_numbers(names: NDArray, columns: NDArray) -> tuple[NDArray, NDArray]:
    """Sort names that are numbers as text: files say "9" and "10", and the alphabet "10" first."""
    numbers = names_as_numbers(names)
    if not numbers:  # other names stay in the order of the alphabet
        return names, columns
    order = np.argsort(numbers, kind="stable")
    return names[order], np.argsort(order)[columns]


def check_columns(**columns: Any) -> None:
    """Raise an error for columns of a long table that differ in length, or are not in memory."""
    for name, column in columns.items():
        refuse_to_load(name, column)
    check_consistent_length(*columns.values())


def count_votes(
    rows: NDArray, columns: NDArray, shape: tuple[int, int], weights: NDArray | None = None
) -> NDArray[np.float64]:
    """Sum votes, or their weights, into a table.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_ldl.distributors.votes import count_votes
    >>> count_votes(np.array([0, 1, 1]), np.array([1, 0, 0]), (2, 2))
    array([[0., 1.],
           [2., 0.]])
    """
    cells = np.ravel_multi_index((rows, columns), shape)
    counts = np.bincount(cells, weights, minlength=shape[0] * shape[1])
    return counts.reshape(shape).astype(np.float64)
