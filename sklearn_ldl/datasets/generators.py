"""Artificial label distributions."""

from __future__ import annotations

from numbers import Integral, Real

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import softmax
from sklearn.utils import check_random_state

from sklearn_ldl._core.simplex import check_distribution, safe_log


def make_ldl(
    n_samples: int = 1000,
    *,
    n_votes: int | None = None,
    random_state: int | np.random.RandomState | None = None,
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    r"""Generate Geng's artificial data: three features, three labels.

    The features are uniform on :math:`[-1, 1]^3`. With the elementwise polynomial
    :math:`t = x + x^2 / 2 + x^3 / 5 + 1`,

    .. math::

        \psi_1 = (w_1^T t)^2, \quad
        \psi_2 = (w_2^T t + \lambda \psi_1)^2, \quad
        \psi_3 = (w_3^T t + \lambda \psi_2)^2, \quad
        d = \psi / (\psi_1 + \psi_2 + \psi_3),

    where :math:`w_1 = (4, 2, 1)`, :math:`w_2 = (1, 2, 4)`, :math:`w_3 = (1, 4, 2)` and
    :math:`\lambda = 0.01`.

    Parameters
    ----------
    n_samples : int, default=1000
        Number of rows, at least 1.
    n_votes : int, default=None
        Replace every distribution by the shares of that many votes drawn from it, as a crowd of
        annotators would give them. None returns the distributions themselves.
    random_state : int, RandomState instance or None, default=None
        Seed. The features do not depend on `n_votes`, so the same seed without votes gives the
        distributions that the votes were drawn from.

    Returns
    -------
    X : ndarray of shape (n_samples, 3)
        Features in [-1, 1].
    D : ndarray of shape (n_samples, 3)
        Label distributions.

    Raises
    ------
    ValueError
        If `n_samples` or `n_votes` is not an integer of at least 1.

    See Also
    --------
    make_ldl_surface : The usual test set for models trained on these data.

    References
    ----------
    X. Geng, "Label Distribution Learning", IEEE Transactions on Knowledge and Data Engineering
    28(7), 2016.

    Examples
    --------
    >>> from sklearn_ldl.datasets import make_ldl
    >>> X, D = make_ldl(n_samples=2, random_state=0)
    >>> D.round(3)
    array([[0.264, 0.338, 0.398],
           [0.284, 0.39 , 0.326]])
    >>> make_ldl(n_samples=2, n_votes=5, random_state=0)[1]
    array([[0.2, 0.6, 0.2],
           [0.6, 0.2, 0.2]])
    """
    _check_count("n_samples", n_samples)
    rng = check_random_state(random_state)
    X = rng.uniform(-1, 1, size=(n_samples, 3))
    D = _description_degrees(X)
    if n_votes is not None:
        _check_count("n_votes", n_votes)
        D = np.array([rng.multinomial(n_votes, d) for d in D]) / n_votes
    return X, D


def make_ldl_surface(n_grid: int = 51) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    r"""Generate the surface on which models of Geng's artificial data are usually shown.

    The points are :math:`(x_1, x_2, \sin(\pi (x_1 + x_2)))` for :math:`(x_1, x_2)` on a regular
    grid over :math:`[-1, 1]^2`; the distributions are those of :func:`make_ldl`. With the three
    degrees as red, green and blue, ``D.reshape(n_grid, n_grid, 3)`` is the field's classic
    picture; its rows run along :math:`x_2`, its columns along :math:`x_1`.

    Parameters
    ----------
    n_grid : int, default=51
        Points along either axis, at least 2.

    Returns
    -------
    X : ndarray of shape (n_grid ** 2, 3)
        Points of the surface.
    D : ndarray of shape (n_grid ** 2, 3)
        Their label distributions.

    Raises
    ------
    ValueError
        If `n_grid` is not an integer of at least 2.

    References
    ----------
    X. Geng, "Label Distribution Learning", IEEE Transactions on Knowledge and Data Engineering
    28(7), 2016.

    Examples
    --------
    >>> from sklearn_ldl.datasets import make_ldl_surface
    >>> X, D = make_ldl_surface(n_grid=51)
    >>> X.shape
    (2601, 3)
    >>> picture = D.reshape(51, 51, 3)
    >>> picture[0, -1].round(3)  # at x1 = 1, x2 = -1
    array([0.556, 0.282, 0.161])
    """
    _check_count("n_grid", n_grid, at_least=2)
    axis = np.linspace(-1, 1, n_grid)
    x1, x2 = (x.ravel() for x in np.meshgrid(axis, axis))
    X = np.column_stack([x1, x2, np.sin(np.pi * (x1 + x2))])
    return X, _description_degrees(X)


def make_label_shift(
    n_samples: int = 1000,
    *,
    prior: ArrayLike = (0.6, 0.3, 0.1),
    separation: float = 2.0,
    random_state: int | np.random.RandomState | None = None,
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    r"""Generate class probabilities :math:`p(y \mid x)` under a given label prior.

    A class :math:`y` is drawn from the prior :math:`\pi`, then :math:`x \sim N(s\, e_y, I)` with
    one feature per label, and

    .. math:: d_j = p(y = j \mid x) \propto \pi_j \exp(s x_j).

    Two sets with different priors and the same separation :math:`s` are a label shift in the strict
    sense: :math:`p(x \mid y)` is the same in both.

    Parameters
    ----------
    n_samples : int, default=1000
        Number of rows, at least 1.
    prior : array-like of shape (n_labels,), default=(0.6, 0.3, 0.1)
        Distribution of the classes.
    separation : float, default=2.0
        Distance of the classes from the origin, in standard deviations; positive.
    random_state : int, RandomState instance or None, default=None
        Seed.

    Returns
    -------
    X : ndarray of shape (n_samples, n_labels)
        Features.
    D : ndarray of shape (n_samples, n_labels)
        Class probabilities. Their mean is the prior, but for sampling.

    Raises
    ------
    ValueError
        If `n_samples` is not an integer of at least 1, `prior` is not a distribution, or
        `separation` is not positive and finite.

    See Also
    --------
    sklearn_ldl.LabelShiftCorrector : Corrects predictions for such a shift.

    References
    ----------
    Z. Lipton, Y.-X. Wang, A. Smola, "Detecting and correcting for label shift with black box
    predictors", ICML 2018.

    Examples
    --------
    >>> from sklearn_ldl.datasets import make_label_shift
    >>> X, D = make_label_shift(5000, prior=[0.2, 0.8], random_state=0)
    >>> D.mean(axis=0).round(2)
    array([0.2, 0.8])
    """
    _check_count("n_samples", n_samples)
    prior = check_distribution(np.atleast_2d(np.asarray(prior)), input_name="prior")
    if len(prior) != 1:
        raise ValueError(f"prior must be one distribution, got {len(prior)} rows.")
    if not (isinstance(separation, Real) and 0 < separation < np.inf):
        raise ValueError(f"separation must be a positive number, got {separation!r}.")
    rng = check_random_state(random_state)
    n_labels = prior.shape[1]
    labels = rng.choice(n_labels, size=n_samples, p=prior[0])
    X = rng.standard_normal((n_samples, n_labels))
    X[np.arange(n_samples), labels] += separation
    return X, softmax(separation * X + safe_log(prior), axis=1)


def _description_degrees(X: NDArray[np.float64]) -> NDArray[np.float64]:
    coupling = 0.01
    t = X + 0.5 * X**2 + 0.2 * X**3 + 1
    psi1 = (t @ [4, 2, 1]) ** 2
    psi2 = (t @ [1, 2, 4] + coupling * psi1) ** 2
    psi3 = (t @ [1, 4, 2] + coupling * psi2) ** 2
    psi = np.column_stack([psi1, psi2, psi3])
    return psi / psi.sum(axis=1, keepdims=True)


def _check_count(name: str, value: int, at_least: int = 1) -> None:
    if isinstance(value, bool) or not isinstance(value, Integral) or value < at_least:
        raise ValueError(f"{name} must be an integer of at least {at_least}, got {value!r}.")
