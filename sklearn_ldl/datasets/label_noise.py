"""Labels of annotators who mistake some classes for others."""

from __future__ import annotations

from numbers import Integral, Real

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_consistent_length, column_or_1d

from sklearn_ldl._core.label_names import name_array, names_of
from sklearn_ldl._core.simplex import check_distribution
from sklearn_ldl._core.sklearn_compat import Interval, validate_params
from sklearn_ldl.distributors.encoding import encode


@validate_params(
    {
        "n_annotators": [Interval(Integral, 1, None, closed="left")],
        "n_classes": [Interval(Integral, 2, None, closed="left")],
        "error": [Interval(Real, 0, 1, closed="both")],
        "concentration": [Interval(Real, 0, None, closed="neither")],
        "random_state": ["random_state"],
    },
    prefer_skip_nested_validation=True,
)
def make_annotators(
    n_annotators: int = 3,
    n_classes: int = 5,
    *,
    error: float = 0.3,
    concentration: float = 0.5,
    random_state: int | np.random.RandomState | None = None,
) -> NDArray[np.float64]:
    r"""Generate annotators who mistake classes for others, each in a way of their own.

    Every annotator gives a sample of class j its own label with the probability :math:`1 - e`; the
    other labels share :math:`e` by a draw from the symmetric Dirichlet distribution,

    .. math:: T^a_{jk} = e\, p^a_{jk} \quad (k \ne j), \qquad
              p^a_j \sim \mathrm{Dir}(\kappa, \dots, \kappa).

    Parameters
    ----------
    n_annotators : int, default=3
        Number of annotators, at least 1.
    n_classes : int, default=5
        Number of classes, at least 2.
    error : float, default=0.3
        Probability :math:`e` of a wrong label, in [0, 1].
    concentration : float, default=0.5
        Parameter :math:`\kappa`, positive. A small one means that an annotator takes a class for
        one other, a large one that all others are as likely.
    random_state : int, RandomState instance or None, default=None
        Seed.

    Returns
    -------
    transitions : ndarray of shape (n_annotators, n_classes, n_classes)
        The distribution of labels for every true class, in the rows of the matrix of every
        annotator.

    Raises
    ------
    ValueError
        If a parameter is out of its range.

    See Also
    --------
    make_noisy_labels : Draws the labels that they give.

    References
    ----------
    A. P. Dawid, A. M. Skene, "Maximum likelihood estimation of observer error-rates using the EM
    algorithm", Applied Statistics 28(1), 1979 (the matrices).

    Examples
    --------
    >>> from sklearn_ldl.datasets import make_annotators
    >>> make_annotators(1, 3, error=0.4, random_state=0).round(2)
    array([[[0.6 , 0.18, 0.22],
            [0.19, 0.6 , 0.21],
            [0.29, 0.11, 0.6 ]]])
    """
    rng = check_random_state(random_state)
    shape = (n_annotators, n_classes, n_classes)
    others = ~np.broadcast_to(np.eye(n_classes, dtype=bool), shape)
    transitions = np.zeros(shape)
    with np.errstate(all="ignore"):
        shares = rng.dirichlet([concentration] * (n_classes - 1), size=(n_annotators, n_classes))
    lost = ~np.isfinite(shares).all(axis=-1)  # all of them underflow, and one label has all
    shares[lost] = np.eye(n_classes - 1)[rng.randint(n_classes - 1, size=lost.sum())]
    transitions[others] = error * shares.ravel()
    transitions[~others] = 1 - error
    return transitions


def make_noisy_labels(
    y: ArrayLike,
    noise: float | ArrayLike,
    *,
    annotators: ArrayLike | None = None,
    random_state: int | np.random.RandomState | None = None,
) -> NDArray:
    r"""Draw labels that annotators would give to samples whose true classes are known.

    The probabilities are the row of the true class in the matrix of the annotator; if the truth is
    a distribution, the mean of the rows by it.

    Parameters
    ----------
    y : array-like of shape (n_samples,) or (n_samples, n_classes)
        True classes, or true distributions of classes, which are the names of columns of a data
        frame, or else 0, 1, ...
    noise : float or array-like of shape (n_classes, n_classes)
        The probability of a wrong label, the same for all other labels (symmetric noise); or a
        matrix with the distribution of labels for every true class, sorted, in its rows; or such
        matrices of all annotators, of shape (n_annotators, n_classes, n_classes). See
        :func:`make_annotators`.
    annotators : array-like of shape (n_samples,), default=None
        The number of the one annotator who labels each sample. None means that everyone labels all.
    random_state : int, RandomState instance or None, default=None
        Seed. Each label takes one draw: with more symmetric noise of the same seed, further labels
        are wrong, and none is right again.

    Returns
    -------
    labels : ndarray of shape (n_samples,) or (n_samples, n_annotators)
        Labels; without `annotators` a column for each if `noise` has several matrices.

    Raises
    ------
    ValueError
        If `y` has missing entries, if `noise` is no probability and no matrix of distributions over
        the classes, or if `annotators` are not numbers of its matrices, one for each sample.

    See Also
    --------
    make_annotators : Matrices of annotators with mistakes of their own.
    sklearn_ldl.votes_to_distribution : From labels of several annotators to distributions.

    References
    ----------
    D. Angluin, P. Laird, "Learning from noisy examples", Machine Learning 2(4), 1988 (symmetric
    noise).

    Examples
    --------
    >>> from sklearn_ldl.datasets import make_annotators, make_noisy_labels
    >>> y = ["calm", "calm", "glad", "glad", "sad", "sad"]
    >>> print(make_noisy_labels(y, 0.5, random_state=0))
    ['sad' 'calm' 'glad' 'calm' 'sad' 'sad']
    >>> transitions = make_annotators(2, 3, error=0.5, random_state=0)
    >>> print(make_noisy_labels(y, transitions, annotators=[0, 1, 0, 1, 0, 1], random_state=0))
    ['sad' 'calm' 'glad' 'calm' 'sad' 'sad']
    >>> make_noisy_labels(y, transitions).shape
    (6, 2)
    """
    names, y = names_of(y), np.asarray(y)
    if y.ndim == 2 and y.shape[1] > 1:
        D = check_distribution(y)
        classes = np.arange(D.shape[1]) if names is None else name_array(names)
    else:
        classes, codes = encode(y, "y")
        D = np.eye(len(classes))[codes]
    transitions = _transitions(noise, len(classes))
    stacked = transitions.reshape(-1, *transitions.shape[-2:])
    n_samples = len(D)
    if annotators is None:
        askers = np.broadcast_to(np.arange(len(stacked)), (n_samples, len(stacked)))
    else:
        askers = column_or_1d(annotators)
        check_consistent_length(D, askers)
        known = np.isin(askers, np.arange(len(stacked)))
        if not known.all():
            raise ValueError(
                f"annotators must be numbers from 0 to {len(stacked) - 1}, got "
                f"{askers[~known].tolist()[0]!r}."
            )
        askers = askers.astype(np.intp)[:, None]
    seen, wrong, which = check_random_state(random_state).random_sample((3, *askers.shape, 1))
    truth = _draw(D[:, None], seen)
    rows = stacked[askers, truth]
    own = np.arange(len(classes)) == truth[..., None]
    mistaken = _draw(np.where(own, 0, rows), which)
    labels = np.where(wrong[..., 0] < 1 - rows[own].reshape(truth.shape), mistaken, truth)
    return classes[labels if annotators is None and transitions.ndim == 3 else labels[:, 0]]


def _transitions(noise: float | ArrayLike, n_classes: int) -> NDArray[np.float64]:
    """Matrices of distributions of labels, from a probability of wrong labels or as they are."""
    if isinstance(noise, Real):
        if not 0 <= noise <= 1:
            raise ValueError(f"noise must be a probability or matrices, got {noise!r}.")
        return np.where(np.eye(n_classes, dtype=bool), 1 - noise, noise / max(1, n_classes - 1))
    transitions = np.asarray(noise, dtype=np.float64)
    if transitions.ndim not in (2, 3) or transitions.shape[-2:] != (n_classes, n_classes):
        raise ValueError(
            f"noise must be matrices of shape {(n_classes, n_classes)}, as y has {n_classes} "
            f"classes; got shape {transitions.shape}."
        )
    if not ((transitions >= 0).all() and np.allclose(transitions.sum(axis=-1), 1)):
        raise ValueError("Every row of the matrices in noise must be a distribution of labels.")
    return transitions


def _draw(shares: NDArray, at: NDArray) -> NDArray[np.intp]:
    """Draw indices along the last axis by shares, which need not sum to one."""
    reached = shares.cumsum(axis=-1)
    return (reached > at * reached[..., -1:]).argmax(axis=-1)
