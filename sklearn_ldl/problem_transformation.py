"""Distribution learning by problem transformation: every row as weighted single-label examples.

A row with distribution ``d`` stands for one example of every label ``j`` with weight ``d_j``; a
probabilistic classifier is trained on these, and its class posterior is the prediction. The
published algorithms draw examples at random with those weights; passing the weights on is
deterministic and equal in expectation.

Reference: X. Geng, "Label distribution learning", IEEE Transactions on Knowledge and Data
Engineering, 2016 (PT-Bayes and PT-SVM).
"""

from __future__ import annotations

from numbers import Integral, Real
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn import config_context
from sklearn.base import BaseEstimator
from sklearn.calibration import CalibratedClassifierCV
from sklearn.model_selection import KFold
from sklearn.svm import SVC, LinearSVC
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted

from sklearn_ldl._core.samples import validate_samples
from sklearn_ldl._core.simplex import check_distribution, normalize
from sklearn_ldl._core.sklearn_compat import Interval, StrOptions, fit_context
from sklearn_ldl._core.weights import scaled_weight, training_weight
from sklearn_ldl.base import LabelDistributionMixin, SoftmaxPredictionMixin

# Costs, `C` times a weight, between which support vector machines find a solution.
_LEAST, _MOST = 1e-12, 1e12


def as_weighted_rows(
    D: ArrayLike, sample_weight: ArrayLike | None = None
) -> tuple[NDArray[np.intp], NDArray[np.intp], NDArray[np.float64]]:
    """Turn distributions into single labels with weights, for classifiers that take weights.

    Every row stands for one example of each of its labels with a positive degree. No features are
    copied: the examples are the rows ``X[rows]`` of an array, a CSR matrix or a Polars data frame,
    ``X.iloc[rows]`` of pandas, all at once or a part at a time.

    Parameters
    ----------
    D : array-like of shape (n_samples, n_labels)
        Label distributions; rows sum to one.
    sample_weight : array-like of shape (n_samples,), default=None
        Non-negative weights of the rows, not all zero.

    Returns
    -------
    rows : ndarray of shape (n_examples,)
        The row of each example, ascending. They are the groups that keep the examples of a row
        together when data are split, as in ``GroupKFold``.
    labels : ndarray of shape (n_examples,)
        Its label: the number of a column of `D`.
    weights : ndarray of shape (n_examples,)
        Its weight: the degree of the label times the weight of the row, positive. The sum is that
        of `sample_weight`, or ``n_samples``.

    Raises
    ------
    ValueError
        If `D` does not hold distributions (see :func:`~sklearn_ldl.check_distribution`), or if the
        weights are not one per row, negative or all zero.

    See Also
    --------
    BFGSLDL : Finds the minimum of :class:`sklearn.linear_model.LogisticRegression` on such
        examples without copying a row.

    References
    ----------
    X. Geng, "Label distribution learning", IEEE Transactions on Knowledge and Data Engineering,
    2016 (problem transformation).

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.tree import DecisionTreeClassifier
    >>> from sklearn_ldl import as_weighted_rows
    >>> X = np.array([[0.0], [1.0], [2.0]])
    >>> D = [[0.8, 0.2, 0.0], [0.0, 1.0, 0.0], [0.3, 0.3, 0.4]]
    >>> rows, labels, weights = as_weighted_rows(D)
    >>> rows, labels, weights
    (array([0, 0, 1, 2, 2, 2]), array([0, 1, 1, 0, 1, 2]), array([0.8, 0.2, 1. , 0.3, 0.3, 0.4]))
    >>> tree = DecisionTreeClassifier().fit(X[rows], labels, sample_weight=weights)
    >>> tree.predict_proba(X).round(2)
    array([[0.8, 0.2, 0. ],
           [0. , 1. , 0. ],
           [0.3, 0.3, 0.4]])
    """
    D = check_distribution(D, input_name="D")
    weight, unit = scaled_weight(sample_weight, D, dtype=np.float64)
    return _examples(D * (weight * unit)[:, None])


def _examples(weight: NDArray) -> tuple[NDArray[np.intp], NDArray[np.intp], NDArray]:
    """Row, label and weight of the examples that have a weight."""
    rows, labels = np.nonzero(weight)
    return rows, labels, weight[rows, labels]


class PTBayesLDL(SoftmaxPredictionMixin, BaseEstimator):
    r"""Gaussian naive Bayes on weighted single-label examples (PT-Bayes).

    .. math:: p_j(x) \propto \pi_j \prod_k N(x_k; \theta_{jk}, \sigma^2_{jk})

    with weighted moments: :math:`\pi_j` is the mean degree of label `j`, and
    :math:`\theta_{jk} = \sum_i d_{ij} x_{ik} / \sum_i d_{ij}`. They are matrix products; no row
    is ever copied. The published algorithm has a full covariance, which is singular with fewer
    rows than features. Since every row appears under all of its labels, the class means are
    close and the predictions flatter than hard labels would make them.

    Parameters
    ----------
    var_smoothing : float, default=0.1
        Share of the largest feature variance added to all variances. The 1e-9 of scikit-learn's
        ``GaussianNB`` tends to give one-hot predictions with many features.

    Attributes
    ----------
    prior_ : ndarray of shape (n_labels,)
        Mean degrees. A label without any mass is predicted with degree zero.
    theta_ : ndarray of shape (n_labels, n_features)
        Mean of every feature under every label.
    var_ : ndarray of shape (n_labels, n_features)
        Variances, smoothing included.
    n_labels_, label_names_, n_features_in_, feature_names_in_
        As in :class:`~sklearn_ldl.BFGSLDL`.

    References
    ----------
    X. Geng, "Label distribution learning", IEEE Transactions on Knowledge and Data Engineering,
    2016 (algorithm PT-Bayes).

    Examples
    --------
    >>> from sklearn_ldl import PTBayesLDL
    >>> X = [[0.0], [1.0], [4.0], [5.0]]
    >>> D = [[0.9, 0.1], [0.8, 0.2], [0.2, 0.8], [0.1, 0.9]]
    >>> PTBayesLDL().fit(X, D).predict([[0.0], [2.5]]).round(2)
    array([[0.94, 0.06],
           [0.5 , 0.5 ]])
    """

    _parameter_constraints: dict = {"var_smoothing": [Interval(Real, 0, None, closed="left")]}

    def __init__(self, var_smoothing: float = 0.1):
        self.var_smoothing = var_smoothing

    @fit_context(prefer_skip_nested_validation=True)
    def fit(self, X: Any, y: ArrayLike, sample_weight: ArrayLike | None = None) -> PTBayesLDL:
        """Compute the weighted moments.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Samples.
        y : array-like of shape (n_samples, n_labels)
            Label distributions; rows sum to one.
        sample_weight : array-like of shape (n_samples,), default=None
            Non-negative weights of the rows, not all zero.

        Returns
        -------
        self : PTBayesLDL
            The fitted estimator.

        Raises
        ------
        ValueError
            If `y` does not hold distributions (see :func:`sklearn_ldl.check_distribution`), or for
            data that scikit-learn rejects.
        """
        X, D = self._validate_fit(X, y, dtype=np.float64)
        weight = D * training_weight(sample_weight, X, dtype=np.float64)[:, None]
        mass = weight.sum(axis=0)
        row_weight = weight.sum(axis=1) / mass.sum()
        # Second moments are taken around the mean: around zero they would cancel.
        center = row_weight @ X
        X = X - center
        share = weight / np.where(mass > 0, mass, 1.0)
        theta = share.T @ X
        spread = float((row_weight @ X**2).max())
        floor = self.var_smoothing * spread
        self.prior_ = mass / mass.sum()
        self.theta_ = theta + center
        variance = np.maximum(share.T @ X**2 - theta**2, 0) + floor
        # Features that are constant under a label would decide alone; rounding must not.
        self.var_ = np.maximum(variance, 1e-12 * spread if spread > 0 else 1.0)
        return self

    def decision_function(self, X: Any) -> NDArray[np.float64]:
        """Joint log density of samples and labels.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Samples.

        Returns
        -------
        L : ndarray of shape (n_samples, n_labels)
            ``log(prior) + log(density)``; minus infinity for labels without mass.
        """
        check_is_fitted(self)
        X = validate_samples(self, X, dtype=np.float64, reset=False)
        center = self.prior_ @ self.theta_
        X, theta = X - center, self.theta_ - center
        precision = 1 / self.var_
        distance = X**2 @ precision.T - 2 * X @ (theta * precision).T
        constant = (theta**2 * precision + np.log(2 * np.pi * self.var_)).sum(axis=1)
        with np.errstate(divide="ignore"):
            return np.log(self.prior_) - 0.5 * (distance + constant)


class PTSVMLDL(LabelDistributionMixin, BaseEstimator):
    """Support vector machine on weighted single-label examples, calibrated (PT-SVM).

    Every row is copied once for each of its labels with a positive degree, so time and memory grow
    with ``n_samples * n_labels``; `max_samples` bounds them. The sigmoid calibration is fitted
    out of fold, with all copies of a row in the same fold.

    Parameters
    ----------
    kernel : {"linear", "rbf"}, default="linear"
        "linear" uses ``LinearSVC``; "rbf" uses ``SVC``, whose time grows with the square of the
        number of copies.
    C : float, default=1.0
        Inverse strength of the penalty.
    gamma : {"scale", "auto"} or float, default="scale"
        Width of the "rbf" kernel.
    cv : int, default=5
        Calibration folds; at most the number of rows are used.
    max_samples : int, default=None
        Most rows used, drawn without replacement; None uses all.
    random_state : int, RandomState instance or None, default=None
        Seed of the draw, of the fold assignment and of the solver.

    Attributes
    ----------
    estimator_ : CalibratedClassifierCV
        The fitted classifier of labels; None when only one label has any mass.
    classes_seen_ : ndarray of shape (n_seen,)
        Indices of labels with positive mass; the others are predicted with degree zero.
    n_labels_, label_names_, n_features_in_, feature_names_in_
        As in :class:`~sklearn_ldl.BFGSLDL`.

    References
    ----------
    X. Geng, "Label distribution learning", IEEE Transactions on Knowledge and Data Engineering,
    2016 (algorithm PT-SVM).

    Examples
    --------
    >>> from sklearn_ldl import PTSVMLDL
    >>> from sklearn_ldl.datasets import make_ldl
    >>> X, D = make_ldl(n_samples=100, random_state=0)
    >>> model = PTSVMLDL(random_state=0).fit(X, D)
    >>> model.score(X, D) > 0.5
    True
    """

    _parameter_constraints: dict = {
        "kernel": [StrOptions({"linear", "rbf"})],
        "C": [Interval(Real, 0, None, closed="neither")],
        "gamma": [StrOptions({"scale", "auto"}), Interval(Real, 0, None, closed="neither")],
        "cv": [Interval(Integral, 2, None, closed="left")],
        "max_samples": [Interval(Integral, 2, None, closed="left"), None],
        "random_state": ["random_state"],
    }

    def __init__(
        self,
        kernel: str = "linear",
        *,
        C: float = 1.0,
        gamma: str | float = "scale",
        cv: int = 5,
        max_samples: int | None = None,
        random_state: int | np.random.RandomState | None = None,
    ):
        self.kernel = kernel
        self.C = C
        self.gamma = gamma
        self.cv = cv
        self.max_samples = max_samples
        self.random_state = random_state

    @fit_context(prefer_skip_nested_validation=True)
    def fit(self, X: Any, y: ArrayLike, sample_weight: ArrayLike | None = None) -> PTSVMLDL:
        """Fit the machine and its calibration.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Samples.
        y : array-like of shape (n_samples, n_labels)
            Label distributions; rows sum to one.
        sample_weight : array-like of shape (n_samples,), default=None
            Non-negative weights of the rows, not all zero.

        Returns
        -------
        self : PTSVMLDL
            The fitted estimator.

        Raises
        ------
        ValueError
            If `y` does not hold distributions (see :func:`sklearn_ldl.check_distribution`), if
            fewer than 2 rows have weight, if weights times `C` are beyond what the machine can
            compute with, or for data that scikit-learn rejects.
        """
        X, D = self._validate_fit(X, y, accept_sparse="csr", dtype=np.float64)
        weight = D * self._costs(sample_weight, X)[:, None]
        random = check_random_state(self.random_state)
        used = np.flatnonzero(weight.any(axis=1))
        if self.max_samples is not None and len(used) > self.max_samples:
            used = np.sort(random.choice(used, self.max_samples, replace=False))
        rows, labels, weights = _examples(weight[used])
        self.classes_seen_ = np.unique(labels)
        self.estimator_ = None
        if len(self.classes_seen_) == 1:
            return self
        if len(used) < 2:
            raise ValueError(
                f"PTSVMLDL calibrates out of fold and needs at least 2 rows, got n_samples = "
                f"{len(used)}."
            )
        seed = random.randint(np.iinfo(np.int32).max)
        if self.kernel == "linear":
            machine = LinearSVC(C=self.C, random_state=seed)
        else:
            machine = SVC(C=self.C, gamma=self.gamma)
        folds = KFold(min(self.cv, len(used)), shuffle=True, random_state=seed)
        splits = [
            (np.flatnonzero(np.isin(rows, train)), np.flatnonzero(np.isin(rows, test)))
            for train, test in folds.split(used)
        ]
        self.estimator_ = CalibratedClassifierCV(machine, cv=splits, ensemble=False)
        # What is routed to this estimator has arrived: the machine inside makes no requests.
        with config_context(enable_metadata_routing=False):
            self.estimator_.fit(X[used[rows]], labels, sample_weight=weights)
        self.estimator_.cv = folds  # the splits list every row, and would be pickled
        return self

    def _costs(self, sample_weight: ArrayLike | None, X: Any) -> NDArray[np.floating]:
        """Weights of the rows; a ValueError where no machine is found with `C` times them."""
        weight, unit = scaled_weight(sample_weight, X, dtype=np.float64)
        if sample_weight is not None and not _LEAST <= self.C * unit <= _MOST:
            raise ValueError(
                f"C={self.C:g} times a sample_weight of up to {weight.max() * unit:g} is out of "
                f"the range of a support vector machine, {_LEAST:g} to {_MOST:g}: scale the "
                "weights, for example to a mean of 1."
            )
        return weight * unit

    def predict(self, X: Any) -> NDArray[np.float64]:
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
        check_is_fitted(self)
        X = validate_samples(self, X, accept_sparse="csr", dtype=np.float64, reset=False)
        D = np.zeros((X.shape[0], self.n_labels_))
        if self.estimator_ is None:
            D[:, self.classes_seen_] = 1
        else:
            D[:, self.classes_seen_] = normalize(self.estimator_.predict_proba(X))
        return D

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        return tags
