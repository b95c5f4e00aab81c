"""Label distributions of the nearest neighbours."""

from __future__ import annotations

from numbers import Integral, Real
from typing import Any

from numpy.typing import ArrayLike, NDArray
from sklearn.neighbors import KNeighborsRegressor

from sklearn_ldl._core.dask_rows import refuse_dask
from sklearn_ldl._core.label_names import describe_labels
from sklearn_ldl._core.samples import check_scale
from sklearn_ldl._core.simplex import check_distribution
from sklearn_ldl._core.sklearn_compat import Interval
from sklearn_ldl.base import LabelDistributionMixin, require_y


class KNeighborsLDL(LabelDistributionMixin, KNeighborsRegressor):
    r"""Mean label distribution of the k nearest training samples (AA-kNN).

    .. math:: p(x) = \sum_{i \in N_k(x)} w_i d_i \Big/ \sum_{i \in N_k(x)} w_i

    This is scikit-learn's ``KNeighborsRegressor``, which keeps rows on the simplex for any
    non-negative weights, with the validation, `predict_proba` and `score` of a distribution
    learner. Distances decide everything: scale the features. A label that none of the neighbours
    has gets exactly zero, which costs much in KL divergence; more neighbours help.

    Parameters
    ----------
    n_neighbors : int, default=5
        Number of neighbours, at most the number of training samples.
    weights : {"uniform", "distance"}, callable or None, default="uniform"
        Weights of the neighbours, as in ``KNeighborsRegressor``.
    algorithm : {"auto", "ball_tree", "kd_tree", "brute"}, default="auto"
        How neighbours are searched.
    leaf_size : int, default=30
        Leaf size of the trees.
    p : float, default=2
        Power of the Minkowski metric.
    metric : str or callable, default="minkowski"
        Distance.
    metric_params : dict, default=None
        More arguments of the distance.
    n_jobs : int, default=None
        Jobs for the search.

    Attributes
    ----------
    n_labels_ : int
        Number of labels.
    label_names_ : ndarray of shape (n_labels,)
        Column names of `y`, when it was a data frame: strings, numbers or both.
    n_features_in_, n_samples_fit_, effective_metric_, effective_metric_params_
        As in ``KNeighborsRegressor``.

    References
    ----------
    X. Geng, "Label distribution learning", IEEE Transactions on Knowledge and Data Engineering,
    2016 (algorithm AA-kNN).

    Examples
    --------
    >>> from sklearn_ldl import KNeighborsLDL
    >>> X = [[0.0], [0.1], [5.0]]
    >>> D = [[1, 0], [0.5, 0.5], [0, 1]]
    >>> KNeighborsLDL(n_neighbors=2).fit(X, D).predict([[0.0]])
    array([[0.75, 0.25]])
    """

    _parameter_constraints: dict = {
        **KNeighborsRegressor._parameter_constraints,
        "n_neighbors": [Interval(Integral, 1, None, closed="left")],
        "leaf_size": [Interval(Integral, 1, None, closed="left")],
        "p": [Interval(Real, 0, None, closed="neither"), None],
        "n_jobs": [Interval(Integral, None, None, closed="neither"), None],
    }

    def fit(self, X: Any, y: ArrayLike) -> KNeighborsLDL:
        """Store the training samples and their distributions.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Samples.
        y : array-like of shape (n_samples, n_labels)
            Label distributions; rows sum to one.

        Returns
        -------
        self : KNeighborsLDL
            The fitted estimator.

        Raises
        ------
        ValueError
            If `y` does not hold distributions (see :func:`sklearn_ldl.check_distribution`), or for
            data that scikit-learn rejects.
        """
        require_y(self, y)
        refuse_dask(self, X, y)
        check_scale(X)
        D = check_distribution(y)
        super().fit(X, D)
        describe_labels(self, y, D.shape[1])
        return self

    def predict(self, X: Any) -> NDArray:
        """Predict label distributions.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Samples.

        Returns
        -------
        D : ndarray of shape (n_samples, n_labels)
            Rows on the simplex.
        """
        refuse_dask(self, X)
        if X is not None:
            check_scale(X, vanishing=False)
        return super().predict(X)
