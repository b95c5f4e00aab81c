"""Label smoothing: from class labels, or distributions, to softer distributions."""

from __future__ import annotations

from collections.abc import Sequence
from numbers import Real
from typing import Any, Literal, overload

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.utils.metadata_routing import UNUSED
from sklearn.utils.validation import check_is_fitted, column_or_1d

from sklearn_ldl._core.dask_rows import refuse_dask
from sklearn_ldl._core.label_names import columns_in_order, like_frame
from sklearn_ldl._core.simplex import check_distribution, check_prediction
from sklearn_ldl._core.sklearn_compat import Interval, StrOptions, fit_context, validate_params
from sklearn_ldl.distributors.base import TargetTransformer
from sklearn_ldl.distributors.encoding import check_labels, columns_of, encode

Kind = Literal["uniform", "exclusive"]

_CONSTRAINTS: dict = {
    "smoothing": [Interval(Real, 0, 1, closed="both")],
    "kind": [StrOptions({"uniform", "exclusive"})],
}


# Type checkers take a data frame for an array-like, and it comes back as a data frame.
@overload
def smooth_labels(
    D: NDArray | Sequence[Sequence[float]], smoothing: float = 0.1, *, kind: Kind = "uniform"
) -> NDArray[np.float64]: ...
@overload
def smooth_labels(D: Any, smoothing: float = 0.1, *, kind: Kind = "uniform") -> Any: ...
@validate_params(_CONSTRAINTS, prefer_skip_nested_validation=True)
def smooth_labels(D: ArrayLike, smoothing: float = 0.1, *, kind: Kind = "uniform") -> Any:
    r"""Move a part of the mass of every distribution to the other labels.

    With `C` labels, ``kind="uniform"`` mixes in the uniform distribution,

    .. math:: d_j \leftarrow (1 - \alpha) d_j + \alpha / C,

    and ``kind="exclusive"`` takes `smoothing` from every label and shares it among the others only,

    .. math:: d_j \leftarrow (1 - \alpha) d_j + \alpha (1 - d_j) / (C - 1),

    so that a one-hot row keeps exactly :math:`1 - \alpha` on its label. The two agree if the
    exclusive `smoothing` is :math:`(C - 1) / C` of the uniform one.

    Parameters
    ----------
    D : array-like of shape (n_samples, n_labels)
        Label distributions, for instance one-hot rows.
    smoothing : float, default=0.1
        Strength in [0, 1]; 0 changes nothing.
    kind : {"uniform", "exclusive"}, default="uniform"
        Whether a label keeps its share of the mass that it gives away.

    Returns
    -------
    D : ndarray or DataFrame of shape (n_samples, n_labels), dtype float64
        Smoothed label distributions: of a data frame of pandas or Polars one with the same names.

    Raises
    ------
    ValueError
        If `D` is not a label distribution or a parameter is out of range.

    References
    ----------
    C. Szegedy, V. Vanhoucke, S. Ioffe, J. Shlens, Z. Wojna, "Rethinking the Inception architecture
    for computer vision", CVPR 2016.

    Examples
    --------
    >>> from sklearn_ldl.distributors import smooth_labels
    >>> smooth_labels([[1, 0, 0, 0]])
    array([[0.925, 0.025, 0.025, 0.025]])
    >>> smooth_labels([[1, 0, 0]], kind="exclusive")
    array([[0.9 , 0.05, 0.05]])
    """
    given, D = D, check_distribution(D, input_name="D")
    n_labels = D.shape[1]
    if kind == "exclusive":
        smoothing = smoothing * n_labels / (n_labels - 1)
    return like_frame((1 - smoothing) * D + smoothing / n_labels, given)


class LabelSmoother(TargetTransformer):
    r"""Turn class labels into smoothed one-hot distributions.

    The label of a sample gets the degree :math:`1 - \alpha + \alpha / C` (``kind="uniform"``) or
    :math:`1 - \alpha` (``kind="exclusive"``); the other labels share the rest equally. This is
    a transformer of targets, like :class:`~sklearn.preprocessing.LabelBinarizer`.

    Parameters
    ----------
    smoothing : float, default=0.1
        Strength in [0, 1]; 0 gives one-hot rows.
    kind : {"uniform", "exclusive"}, default="uniform"
        See :func:`smooth_labels`.

    Attributes
    ----------
    classes_ : ndarray of shape (n_labels,)
        The class labels in sorted order: the columns of the distributions.
    n_labels_ : int
        Number of classes.

    See Also
    --------
    smooth_labels : Smooth distributions.

    Notes
    -----
    The inverse is the arg-max label. It gives back the labels as long as these keep the largest
    degree: ``smoothing < 1`` (uniform) or ``smoothing < (C - 1) / C`` (exclusive).

    References
    ----------
    C. Szegedy, V. Vanhoucke, S. Ioffe, J. Shlens, Z. Wojna, "Rethinking the Inception architecture
    for computer vision", CVPR 2016.

    Examples
    --------
    >>> from sklearn_ldl.distributors import LabelSmoother
    >>> smoother = LabelSmoother(smoothing=0.2)
    >>> smoother.fit_transform(["cat", "dog", "cat"])
    array([[0.9, 0.1],
           [0.1, 0.9],
           [0.9, 0.1]])
    >>> smoother.inverse_transform([[0.3, 0.7]])
    array(['dog'], dtype='<U3')
    """

    targets = "class labels"

    _parameter_constraints: dict = _CONSTRAINTS
    __metadata_request__inverse_transform = {"D": UNUSED}

    def __init__(self, smoothing: float = 0.1, *, kind: Kind = "uniform"):
        self.smoothing = smoothing
        self.kind = kind

    @fit_context(prefer_skip_nested_validation=True)
    def fit(self, y: ArrayLike, X: object = None) -> LabelSmoother:
        """Find the classes.

        Parameters
        ----------
        y : array-like of shape (n_samples,) or (n_samples, 1)
            Class labels of any sortable type; :meth:`inverse_transform` returns the same number
            of dimensions.
        X : None
            Ignored.

        Returns
        -------
        self : LabelSmoother
            Fitted smoother.

        Raises
        ------
        ValueError
            If `y` is continuous, has missing entries, several columns or fewer than 2 classes.
        """
        refuse_dask(self, y)
        classes, _ = encode(y, "y")
        check_labels(column_or_1d(y))
        if len(classes) < 2:
            raise ValueError(f"LabelSmoother needs at least 2 classes, got one class: {classes}.")
        self.classes_ = classes
        self.n_labels_ = len(classes)
        self._sample_shape = np.shape(y)[1:]
        return self

    def transform(self, y: ArrayLike) -> NDArray[np.float64]:
        """Distribute class labels.

        Parameters
        ----------
        y : array-like of shape (n_samples,) or (n_samples, 1)
            Class labels, all of them among `classes_`.

        Returns
        -------
        D : ndarray of shape (n_samples, n_labels)
            Smoothed one-hot rows.

        Raises
        ------
        ValueError
            If a label was not seen by :meth:`fit`.
        """
        refuse_dask(self, y)
        check_is_fitted(self)
        labels, codes = encode(y, "y")
        columns = columns_of(labels.tolist(), self.classes_.tolist(), "y")[codes]
        one_hot = np.zeros((len(columns), self.n_labels_))
        one_hot[np.arange(len(columns)), columns] = 1
        return smooth_labels(one_hot, self.smoothing, kind=self.kind)

    def inverse_transform(self, D: ArrayLike) -> NDArray:
        """Pick the label with the largest degree.

        Parameters
        ----------
        D : array-like of shape (n_samples, n_labels)
            Predicted distributions. Columns of a data frame are matched by name with `classes_`.

        Returns
        -------
        y : ndarray of shape (n_samples,) or (n_samples, 1)
            Class labels, the first one on ties; one column if :meth:`fit` was given a column.

        Raises
        ------
        ValueError
            If `D` is not finite or has another number of columns.
        """
        check_is_fitted(self)
        D = columns_in_order(D, self.classes_, of_y="D", of_names=type(self).__name__)
        D = check_prediction(D, self.n_labels_)
        return self.classes_[D.argmax(axis=1)].reshape(len(D), *self._sample_shape)
