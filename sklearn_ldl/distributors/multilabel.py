"""The distributor of multi-label states: positive, difficult, negative."""

from __future__ import annotations

from numbers import Real
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.utils.metadata_routing import UNUSED
from sklearn.utils.validation import check_is_fitted

from sklearn_ldl._core.dask_rows import refuse_dask
from sklearn_ldl._core.label_names import columns_in_order, describe_labels, fitted_names
from sklearn_ldl._core.simplex import above_uniform, check_prediction, normalize
from sklearn_ldl._core.sklearn_compat import Interval, StrOptions, fit_context
from sklearn_ldl._core.states import check_states
from sklearn_ldl.decoding import threshold_sets
from sklearn_ldl.distributors.base import TargetTransformer
from sklearn_ldl.distributors.smoothing import smooth_labels


class MultiLabelDistributor(TargetTransformer):
    r"""Turn label sets with difficult labels into label distributions.

    The states +1 (positive), 0 (difficult: hard to see, or the annotators disagree) and -1
    (negative) of a sample become the weights `p_pos`, `p_dif` and `p_neg`, which are normalised
    and mixed with the uniform distribution:

    .. math:: d_j = (1 - \varepsilon) \, q_j / \sum_k q_k + \varepsilon / C.

    Parameters
    ----------
    p_pos, p_dif, p_neg : float, default=1.0, 0.3, 0.0
        Weights with ``p_pos > p_dif > p_neg >= 0``.
    eps : float, default=0.01
        Share of the uniform distribution, in [0, 1).
    empty : {"uniform", "error"}, default="uniform"
        Whether a sample without positive and difficult labels becomes the uniform distribution or
        a ValueError.
    threshold : float, default=None
        Degree in [0, 1] above which :meth:`inverse_transform` calls a label positive. None means
        ``1 / n_labels``.

    Attributes
    ----------
    n_labels_ : int
        Number of labels.
    label_names_ : ndarray of shape (n_labels,)
        Column names of `y`, when it was a data frame: others are matched with them by name.

    See Also
    --------
    MultiLabelLDLClassifier : Learn the distributions, and predict sets.
    sklearn_ldl.decoding.threshold_sets : Decode to boolean sets.

    Notes
    -----
    A distribution does not tell difficult labels from positive ones, nor a sample that has all
    labels from one that has none: its inverse knows positive and negative labels only, and the
    uniform distribution has none that exceeds the default threshold.

    References
    ----------
    B.-B. Gao, C. Xing, C.-W. Xie, J. Wu, X. Geng, "Deep label distribution learning with label
    ambiguity", IEEE Transactions on Image Processing, 2017.

    Examples
    --------
    >>> from sklearn_ldl.distributors import MultiLabelDistributor
    >>> distributor = MultiLabelDistributor()
    >>> D = distributor.fit_transform([[1, 0, -1, -1]])
    >>> D.round(4)
    array([[0.764 , 0.231 , 0.0025, 0.0025]])
    >>> distributor.inverse_transform(D)
    array([[ 1, -1, -1, -1]], dtype=int8)
    """

    targets = "label sets"

    _parameter_constraints: dict = {
        "p_pos": [Interval(Real, 0, None, closed="neither")],
        "p_dif": [Interval(Real, 0, None, closed="neither")],
        "p_neg": [Interval(Real, 0, None, closed="left")],
        "eps": [Interval(Real, 0, 1, closed="left")],
        "empty": [StrOptions({"uniform", "error"})],
        "threshold": [Interval(Real, 0, 1, closed="both"), None],
    }
    __metadata_request__inverse_transform = {"D": UNUSED}

    def __init__(
        self,
        p_pos: float = 1.0,
        p_dif: float = 0.3,
        p_neg: float = 0.0,
        eps: float = 0.01,
        *,
        empty: Literal["uniform", "error"] = "uniform",
        threshold: float | None = None,
    ):
        self.p_pos = p_pos
        self.p_dif = p_dif
        self.p_neg = p_neg
        self.eps = eps
        self.empty = empty
        self.threshold = threshold

    @fit_context(prefer_skip_nested_validation=True)
    def fit(self, y: ArrayLike, X: object = None) -> MultiLabelDistributor:
        """Count the labels and check the states.

        Parameters
        ----------
        y : array-like of shape (n_samples, n_labels)
            States +1, 0 and -1; or booleans, of which False is negative.
        X : None
            Ignored.

        Returns
        -------
        self : MultiLabelDistributor
            Fitted distributor.

        Raises
        ------
        ValueError
            If `y` has other entries, fewer than two columns or zeros but no -1 (a matrix of zeros
            and ones, in which a zero would mean "difficult"), or if the weights are not ordered.
        """
        refuse_dask(self, y)
        if not self.p_pos > self.p_dif > self.p_neg:
            raise ValueError(
                "The weights must satisfy p_pos > p_dif > p_neg, got"
                f" {self.p_pos}, {self.p_dif}, {self.p_neg}."
            )
        states = check_states(y)
        if states.min() == 0:
            raise ValueError(
                "y has zeros, which mean difficult labels, but no -1. If zeros mean absent labels,"
                " pass booleans."
            )
        describe_labels(self, y, states.shape[1])
        return self

    def transform(self, y: ArrayLike) -> NDArray[np.float64]:
        """Distribute states.

        Parameters
        ----------
        y : array-like of shape (n_samples, n_labels)
            States +1, 0 and -1; or booleans.

        Returns
        -------
        D : ndarray of shape (n_samples, n_labels)
            Label distributions.

        Raises
        ------
        ValueError
            If `y` has other entries or another number of columns, or, with ``empty="error"``, if
            a sample has neither positive nor difficult labels; the message names the row.
        """
        refuse_dask(self, y)
        check_is_fitted(self)
        y = columns_in_order(y, fitted_names(self), of_y="y", of_names=type(self).__name__)
        states = check_states(y)
        if states.shape[1] != self.n_labels_:
            raise ValueError(f"y has {states.shape[1]} columns, but fit saw {self.n_labels_}.")
        no_label = (states < 0).all(axis=1)
        if self.empty == "error" and no_label.any():
            raise ValueError(f"Row {np.argmax(no_label)} of y has no positive or difficult label.")
        # Indexing by state: 0 is first, 1 second and -1 last.
        weights = np.array([self.p_dif, self.p_pos, self.p_neg], dtype=np.float64)[states]
        return smooth_labels(normalize(weights), self.eps)

    def inverse_transform(self, D: ArrayLike) -> NDArray[np.int8]:
        """Find the positive labels.

        Parameters
        ----------
        D : array-like of shape (n_samples, n_labels)
            Predicted distributions. Columns of a data frame are matched by name with those of
            `fit`.

        Returns
        -------
        y : ndarray of shape (n_samples, n_labels), dtype int8
            States: +1 where the degree exceeds the threshold, -1 elsewhere.

        Raises
        ------
        ValueError
            If `D` is not finite or has another number of columns.
        """
        check_is_fitted(self)
        D = columns_in_order(D, fitted_names(self), of_y="D", of_names=type(self).__name__)
        D = check_prediction(D, self.n_labels_)
        threshold = self.threshold
        if threshold is None:
            threshold = above_uniform(self.n_labels_)
        return np.where(threshold_sets(D, threshold), np.int8(1), np.int8(-1))
