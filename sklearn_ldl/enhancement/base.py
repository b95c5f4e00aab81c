"""What every label enhancer shares: the checks before its algorithm, the simplex after it."""

from __future__ import annotations

from abc import ABCMeta, abstractmethod
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator
from sklearn.utils import TransformerTags
from sklearn.utils.validation import (
    check_consistent_length,
    check_is_fitted,
    column_or_1d,
)

from sklearn_ldl._core.fitted import forget
from sklearn_ldl._core.label_names import describe_labels
from sklearn_ldl._core.plain_state import PlainState
from sklearn_ldl._core.samples import validate_samples
from sklearn_ldl._core.simplex import check_logical_labels, normalize, softmax
from sklearn_ldl._core.sklearn_compat import StrOptions, fit_context
from sklearn_ldl.base import require_y
from sklearn_ldl.distributors import LabelSmoother
from sklearn_ldl.distributors.encoding import check_labels

Normalization = Literal["softmax", "sum"]

#: Most samples of which a full matrix of similarities is made: 3.2 GB in float64.
MAX_DENSE = 20_000


class LabelEnhancer(PlainState, BaseEstimator, metaclass=ABCMeta):
    """Base of the algorithms that recover label distributions from logical labels.

    A subclass implements `_scores`; validation and normalisation are done here. An algorithm that
    can score new samples derives from :class:`InductiveLabelEnhancer` instead.
    """

    _parameter_constraints: dict = {
        "normalization": [StrOptions({"softmax", "sum"})],
        "allow_empty": ["boolean"],
    }
    #: Sparse format that `_scores` takes, if any.
    _accept_sparse: str | bool = False

    @fit_context(prefer_skip_nested_validation=True)
    def fit(self, X: Any, y: ArrayLike) -> LabelEnhancer:
        """Recover the label distributions of the samples.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Samples.
        y : array-like of shape (n_samples, n_labels) or (n_samples,)
            Logical labels, 1 where a label describes the sample and 0 elsewhere; or class labels
            of at least two classes, one per sample.

        Returns
        -------
        self : LabelEnhancer
            The fitted enhancer; the result is `label_distributions_`.

        Raises
        ------
        ValueError
            If `y` is neither, if a row of it has no label and `allow_empty` is False, or for data
            that scikit-learn rejects.
        """
        require_y(self, y)
        X = validate_samples(self, X, accept_sparse=self._accept_sparse, dtype=np.float64)
        L = self._validate_labels(y)
        check_consistent_length(X, L)
        empty = ~L.any(axis=1)
        if empty.any() and not self.allow_empty:
            raise ValueError(
                f"y: row {np.argmax(empty)} has no label. Remove such rows, or let them become"
                " uniform by allow_empty=True."
            )
        D = self._normalize(self._scores(X, L), L)
        D[empty] = 1 / L.shape[1]
        self.label_distributions_ = D
        return self

    def fit_transform(self, X: Any, y: ArrayLike) -> NDArray[np.float64]:
        """Recover the label distributions of the samples and return them.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Samples.
        y : array-like of shape (n_samples, n_labels) or (n_samples,)
            Logical labels or class labels, as in `fit`.

        Returns
        -------
        D : ndarray of shape (n_samples, n_labels)
            The recovered distributions, `label_distributions_`.
        """
        return self.fit(X, y).label_distributions_

    @abstractmethod
    def _scores(self, X: NDArray[np.float64], L: NDArray[np.int8]) -> NDArray[np.float64]:
        """Finite raw scores, larger for labels that describe a sample better.

        Parameters
        ----------
        X : ndarray of shape (n_samples, n_features)
            Validated samples; CSR only if `_accept_sparse` says so.
        L : ndarray of shape (n_samples, n_labels)
            Logical labels. A label may have no sample, or all; with `allow_empty` a sample may
            have no label. Not to be modified.

        Returns
        -------
        scores : ndarray of shape (n_samples, n_labels)
            Need not be normalised, nor positive.
        """

    def _normalize(self, scores: NDArray, L: NDArray | None = None) -> NDArray[np.float64]:
        """Turn scores into distributions; where none is positive "sum" falls back to `L`."""
        if self.normalization == "softmax":
            return softmax(scores, axis=1)
        scores = np.maximum(scores, 0.0)
        if L is not None:
            none = ~scores.any(axis=1)
            scores[none] = L[none]
        return normalize(scores)

    def _validate_labels(self, y: Any) -> NDArray[np.int8]:
        """Return logical labels, and set the attributes that describe them."""
        L, classes = encode_labels(y)
        # Only the columns of logical labels have names.
        describe_labels(self, y if classes is None else classes, L.shape[1])
        if classes is None:
            forget(self, "classes_")
        else:
            self.classes_ = classes
        return L

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.target_tags.required = True
        tags.target_tags.two_d_labels = True
        tags.input_tags.sparse = bool(self._accept_sparse)
        return tags


class InductiveLabelEnhancer(LabelEnhancer):
    """Base of the enhancers that score new samples, of which the labels are not known.

    A subclass implements `_new_scores` besides `_scores`.
    """

    def transform(self, X: Any) -> NDArray[np.float64]:
        """Label distributions of samples whose labels are not known.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Samples.

        Returns
        -------
        D : ndarray of shape (n_samples, n_labels)
            Rows on the simplex.
        """
        check_is_fitted(self)
        X = validate_samples(
            self, X, accept_sparse=self._accept_sparse, dtype=np.float64, reset=False
        )
        return self._normalize(self._new_scores(X))

    @abstractmethod
    def _new_scores(self, X: NDArray[np.float64]) -> NDArray[np.float64]:
        """Scores of new samples, like those of `_scores`."""

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.transformer_tags = TransformerTags()
        return tags


def encode_labels(y: ArrayLike) -> tuple[NDArray[np.int8], NDArray | None]:
    """Logical labels of any target that an enhancer takes.

    Parameters
    ----------
    y : array-like of shape (n_samples, n_labels) or (n_samples,)
        Logical labels, or class labels.

    Returns
    -------
    L : ndarray of shape (n_samples, n_labels), dtype int8
        Zeros and ones; a single one per row for class labels.
    classes : ndarray of shape (n_labels,) or None
        Class labels in the order of the columns; None for logical labels.

    Raises
    ------
    ValueError
        If `y` has entries other than 0 and 1, or is continuous, or has fewer than two classes.

    Examples
    --------
    >>> from sklearn_ldl.enhancement.base import encode_labels
    >>> encode_labels(["b", "a"])
    (array([[0, 1],
           [1, 0]], dtype=int8), array(['a', 'b'], dtype='<U1'))
    """
    shape = y.shape if hasattr(y, "shape") else np.asarray(y).shape
    if len(shape) == 2 and shape[1] > 1:
        return check_logical_labels(y), None
    y = column_or_1d(y, warn=True)
    if y.dtype.kind == "f":
        check_labels(y)
    encoder = LabelSmoother(smoothing=0)
    return encoder.fit_transform(y).astype(np.int8), encoder.classes_


def check_dense(n_samples: int, instead: str) -> None:
    """Refuse to make a matrix of n_samples x n_samples that would not fit into memory.

    Parameters
    ----------
    n_samples : int
        Number of samples.
    instead : str
        What to do instead, the end of the message.

    Raises
    ------
    ValueError
        If there are more than 20,000 samples.
    """
    if n_samples > MAX_DENSE:
        raise ValueError(
            f"A dense matrix of {n_samples} x {n_samples} similarities is refused, the limit is"
            f" {MAX_DENSE} samples: {instead}"
        )
