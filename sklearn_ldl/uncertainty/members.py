"""Predictions of the members of whatever has members."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator
from sklearn.ensemble import (
    BaggingClassifier,
    BaggingRegressor,
    ExtraTreesClassifier,
    ExtraTreesRegressor,
    RandomForestClassifier,
    RandomForestRegressor,
)
from sklearn.frozen import FrozenEstimator
from sklearn.pipeline import Pipeline
from sklearn.utils.validation import check_is_fitted, validate_data

from sklearn_ldl._core.label_names import fitted_names
from sklearn_ldl._core.simplex import check_distribution, check_prediction
from sklearn_ldl.wrappers.base import TargetWrapper, in_order_of_labels

_FORESTS = (
    RandomForestRegressor,
    ExtraTreesRegressor,
    RandomForestClassifier,
    ExtraTreesClassifier,
)
_BAGS = (BaggingRegressor, BaggingClassifier)


def predict_members(estimator: BaseEstimator, X: Any, **options: Any) -> NDArray[np.float64]:
    """Predict label distributions by every member of a fitted estimator.

    Parameters
    ----------
    estimator : estimator
        Whatever has a method `predict_members` (networks, :class:`~sklearn_ldl.StackingLDL`,
        :class:`~sklearn_ldl.AutoLDL`, :class:`~sklearn_ldl.DFLDL`); scikit-learn's bagging,
        random forests and extra trees, fitted to distributions or to labels; these as the learner
        of :class:`~sklearn_ldl.LDLClassifier` or :class:`~sklearn_ldl.LDLRegressor`, at the end of
        a Pipeline, or chosen by a search. A model without members gets some in a bag:
        ``BaggingRegressor(BFGSLDL())``.
    X : {array-like, sparse matrix} of shape (n_samples, n_features)
        Samples.
    **options : dict
        Further parameters of the method, such as `mc_samples` of networks.

    Returns
    -------
    P : ndarray of shape (n_members, n_samples, n_labels)
        Rows on the simplex.

    Raises
    ------
    TypeError
        If the estimator has no members, or takes no options.
    sklearn.exceptions.NotFittedError
        If it is not fitted.
    ValueError
        If a forest was fitted to anything but distributions.

    See Also
    --------
    decompose_uncertainty : What the members tell of the uncertainty of a prediction.

    References
    ----------
    L. Breiman, "Bagging predictors", Machine Learning 24, 1996.

    Examples
    --------
    >>> from sklearn.ensemble import BaggingRegressor
    >>> from sklearn_ldl import BFGSLDL
    >>> from sklearn_ldl.datasets import make_ldl
    >>> from sklearn_ldl.uncertainty import predict_members
    >>> X, D = make_ldl(100, random_state=0)
    >>> bag = BaggingRegressor(BFGSLDL(), n_estimators=5, random_state=0).fit(X, D)
    >>> predict_members(bag, X).shape
    (5, 100, 3)
    """
    check_is_fitted(estimator)
    if isinstance(estimator, Pipeline):
        for _, step in estimator.steps[:-1]:
            X = X if step is None or isinstance(step, str) else step.transform(X)
        return predict_members(estimator.steps[-1][1], X, **options)
    inner = _stands_for(estimator)
    if inner is not None:
        return predict_members(inner, X, **options)
    if hasattr(estimator, "predict_members"):
        return estimator.predict_members(X, **options)
    if isinstance(estimator, TargetWrapper):
        P = predict_members(estimator.estimator_, X, **options)
        names = fitted_names(estimator)
        return np.array([in_order_of_labels(estimator.estimator_, part, names) for part in P])
    if isinstance(estimator, (*_FORESTS, *_BAGS)):
        if options:
            raise TypeError(f"{type(estimator).__name__} takes no {sorted(options)[0]!r}.")
        return _of_ensemble(estimator, X)
    raise TypeError(
        f"{type(estimator).__name__} has no members. Put it into a bag,"
        f" BaggingRegressor({type(estimator).__name__}()), or take a forest or a network."
    )


def _stands_for(estimator: BaseEstimator) -> BaseEstimator | None:
    """Return the model that a search has chosen, or one that is frozen."""
    if isinstance(estimator, FrozenEstimator):
        return estimator.estimator
    return getattr(estimator, "best_estimator_", None)


def _of_ensemble(ensemble: Any, X: Any) -> NDArray[np.float64]:
    """Ask the members of scikit-learn's ensembles, which were fitted to arrays without names."""
    X = validate_data(
        ensemble, X, reset=False, accept_sparse="csr", dtype=None, ensure_all_finite=False
    )
    if isinstance(getattr(ensemble, "classes_", None), list):
        raise TypeError(f"{type(ensemble).__name__} predicts several labels of each row.")
    of_members = getattr(ensemble, "estimators_features_", None)
    P = []
    for k, member in enumerate(ensemble.estimators_):
        part = X if of_members is None or _takes_all(of_members[k], X) else X[:, of_members[k]]
        if hasattr(ensemble, "classes_"):
            P.append(_of_classes(member, part, len(ensemble.classes_)))
        else:
            P.append(_distributions(member.predict(part), _is_mean(ensemble)))
    return np.array(P)


def _takes_all(features: NDArray, X: Any) -> bool:
    return np.array_equal(features, np.arange(X.shape[1]))


def _of_classes(member: Any, X: Any, n_classes: int) -> NDArray[np.float64]:
    """Probabilities of all classes, of which a member may have seen a few; it knows their codes."""
    P = np.zeros((X.shape[0], n_classes))
    P[:, np.asarray(member.classes_, dtype=int)] = member.predict_proba(X)
    return P


def _is_mean(ensemble: Any) -> bool:
    """Whether members predict means of targets, which are distributions where those are."""
    return isinstance(ensemble, _FORESTS) and ensemble.criterion != "absolute_error"


def _distributions(P: ArrayLike, exact: bool) -> NDArray[np.float64]:
    P = np.asarray(P, dtype=np.float64)
    if P.ndim != 2:
        raise TypeError("The members predict single values: fit the ensemble to distributions.")
    if exact:
        return check_distribution(P, input_name="The prediction of a member")
    return check_prediction(P, P.shape[1])
