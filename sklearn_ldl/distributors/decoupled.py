"""Dominant label and the rest: a distribution split in two, and put together again."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.utils import check_array
from sklearn.utils.metadata_routing import UNUSED
from sklearn.utils.validation import check_is_fitted

from sklearn_ldl._core.dask_rows import refuse_dask
from sklearn_ldl._core.label_names import columns_in_order, describe_labels, fitted_names
from sklearn_ldl._core.simplex import check_distribution, check_prediction
from sklearn_ldl.distributors.base import TargetTransformer


class DominantSplit(NamedTuple):
    """The parts of label distributions that :func:`~sklearn_ldl.split_dominant` makes.

    Parameters
    ----------
    dominant : ndarray of shape (n_samples,), dtype int
        Index of the label with the largest degree, the first one on ties.
    degree : ndarray of shape (n_samples,)
        Its degree, at least ``1 / n_labels``.
    complement : ndarray of shape (n_samples,)
        The mass of the other labels, ``1 - degree`` summed without cancellation.
    nondominant : ndarray of shape (n_samples, n_labels)
        How the others share it: rows on the simplex, zero at the dominant label.

    See Also
    --------
    sklearn_ldl.split_dominant : Makes one, and says where it comes from.

    Examples
    --------
    >>> from sklearn_ldl import split_dominant
    >>> dominant, degree, complement, nondominant = split_dominant([[0.5, 0.2, 0.3]])
    >>> degree, nondominant
    (array([0.5]), array([[0. , 0.4, 0.6]]))
    """

    dominant: NDArray[np.intp]
    degree: NDArray[np.float64]
    complement: NDArray[np.float64]
    nondominant: NDArray[np.float64]


def split_dominant(D: ArrayLike) -> DominantSplit:
    r"""Split distributions into the dominant label and the distribution of the others.

    With the dominant label :math:`k = \arg\max_j d_j` and its degree :math:`q = d_k`, the others
    are renormalised to :math:`t_j = d_j / (1 - q)` for :math:`j \ne k` and :math:`t_k = 0`. The
    Kullback-Leibler divergence from a prediction `p` decouples along this split,

    .. math:: KL(d \| p) = KL([q, 1 - q] \| [p_k, 1 - p_k])
              + (1 - q) \, KL(t \| p_{\ne k} / (1 - p_k)).

    Parameters
    ----------
    D : array-like of shape (n_samples, n_labels)
        Label distributions.

    Returns
    -------
    split : DominantSplit
        Named tuple of `dominant`, `degree`, `complement` and `nondominant`. In a one-hot row the
        complement is zero and the others, about which nothing is known, share equally.

    Raises
    ------
    ValueError
        If `D` is not a label distribution.

    References
    ----------
    B. Zhao, Q. Cui, R. Song, Y. Qiu, J. Liang, "Decoupled knowledge distillation", CVPR 2022.

    Examples
    --------
    >>> from sklearn_ldl.distributors import split_dominant
    >>> split = split_dominant([[0.3, 0.6, 0.1], [0, 0, 1]])
    >>> split.dominant, split.degree, split.complement
    (array([1, 2]), array([0.6, 1. ]), array([0.4, 0. ]))
    >>> split.nondominant
    array([[0.75, 0.  , 0.25],
           [0.5 , 0.5 , 0.  ]])
    """
    D = check_distribution(D, input_name="D")
    rows = np.arange(len(D))
    dominant = D.argmax(axis=1)
    degree = D[rows, dominant]
    nondominant = D.copy()
    nondominant[rows, dominant] = 0
    complement = nondominant.sum(axis=1)
    nondominant[complement == 0] = 1
    nondominant[rows, dominant] = 0
    nondominant /= nondominant.sum(axis=1, keepdims=True)
    return DominantSplit(dominant, degree, complement, nondominant)


class DecoupledLabelSplitter(TargetTransformer):
    r"""Write distributions as a dominant and a non-dominant distribution side by side.

    The columns of a transformed row are two distributions, for `C` labels:

    ================ ==================================================================
    columns          content
    ================ ==================================================================
    0 to C - 1       the degree :math:`q` of the dominant label in its column, else 0
    C                the complement :math:`1 - q`
    C + 1 to 2C      the others renormalised, 0 in the column of the dominant label
    ================ ==================================================================

    Their sum, each weighted by what it stands for, is the original row. As a target this block
    gives the shape of the tail its own columns, however little mass the tail has.

    Attributes
    ----------
    n_labels_ : int
        Number of labels.
    label_names_ : ndarray of shape (n_labels,)
        Column names of `y`, when it was a data frame: others are matched with them by name.

    See Also
    --------
    split_dominant : The same parts, by name.

    References
    ----------
    B. Zhao, Q. Cui, R. Song, Y. Qiu, J. Liang, "Decoupled knowledge distillation", CVPR 2022.

    Examples
    --------
    >>> from sklearn_ldl.distributors import DecoupledLabelSplitter
    >>> splitter = DecoupledLabelSplitter()
    >>> parts = splitter.fit_transform([[0.3, 0.6, 0.1]])
    >>> parts
    array([[0.  , 0.6 , 0.  , 0.4 , 0.75, 0.  , 0.25]])
    >>> splitter.inverse_transform(parts)
    array([[0.3, 0.6, 0.1]])
    """

    targets = "distributions"

    __metadata_request__inverse_transform = {"parts": UNUSED}

    def fit(self, y: ArrayLike, X: object = None) -> DecoupledLabelSplitter:
        """Count the labels.

        Parameters
        ----------
        y : array-like of shape (n_samples, n_labels)
            Label distributions.
        X : None
            Ignored.

        Returns
        -------
        self : DecoupledLabelSplitter
            Fitted splitter.

        Raises
        ------
        ValueError
            If `y` is not a label distribution.
        """
        refuse_dask(self, y)
        describe_labels(self, y, check_distribution(y).shape[1])
        return self

    def transform(self, y: ArrayLike) -> NDArray[np.float64]:
        """Split distributions.

        Parameters
        ----------
        y : array-like of shape (n_samples, n_labels)
            Label distributions.

        Returns
        -------
        parts : ndarray of shape (n_samples, 2 * n_labels + 1)
            The two distributions of every row.

        Raises
        ------
        ValueError
            If `y` is not a label distribution or has another number of columns.
        """
        refuse_dask(self, y)
        check_is_fitted(self)
        y = columns_in_order(y, fitted_names(self), of_y="y", of_names=type(self).__name__)
        D = check_distribution(y)
        if D.shape[1] != self.n_labels_:
            raise ValueError(f"y has {D.shape[1]} columns, but fit saw {self.n_labels_}.")
        split = split_dominant(D)
        parts = np.zeros((len(D), 2 * self.n_labels_ + 1))
        parts[np.arange(len(D)), split.dominant] = split.degree
        parts[:, self.n_labels_] = split.complement
        parts[:, self.n_labels_ + 1 :] = split.nondominant
        return parts

    def inverse_transform(self, parts: ArrayLike) -> NDArray[np.float64]:
        """Put distributions together again.

        Parameters
        ----------
        parts : array-like of shape (n_samples, 2 * n_labels + 1)
            As :meth:`transform` makes them, or a prediction of them: a part that is not
            a distribution is replaced by the nearest one.

        Returns
        -------
        y : ndarray of shape (n_samples, n_labels)
            Label distributions.

        Raises
        ------
        ValueError
            If `parts` is not finite or has another number of columns.
        """
        check_is_fitted(self)
        n_labels = self.n_labels_
        parts = check_array(parts, dtype=np.float64, input_name="parts")
        if parts.shape[1] != 2 * n_labels + 1:
            raise ValueError(f"parts has {parts.shape[1]} columns, expected {2 * n_labels + 1}.")
        first = check_prediction(parts[:, : n_labels + 1], n_labels + 1)
        nondominant = check_prediction(parts[:, n_labels + 1 :], n_labels)
        return first[:, :n_labels] + first[:, n_labels:] * nondominant
