"""scikit-learn's estimator checks for estimators of label distributions.

scikit-learn's suite feeds arbitrary real targets, which an honest distribution learner rejects.
:func:`as_regressor` wraps such an estimator so that the **whole** suite runs through it.
:data:`EXPECTED_FAILURES` names, with reasons, the checks that an estimator of the package fails by
design, on any machine; :data:`SKIPPED_CHECKS` those whose outcome is chance. Use all of them to
test your own estimators.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import softmax
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.compose import TransformedTargetRegressor

from sklearn_ldl._core.simplex import safe_log

__all__ = ["as_regressor", "expected_failures", "skipped_checks"]

# Degrees below this are not told apart when they become real numbers again.
_FLOOR = 1e-300


class _AdditiveLogRatio(TransformerMixin, BaseEstimator):
    """Real numbers to distributions: a softmax with one more logit, zero; and back."""

    def fit(self, y: NDArray, X: Any = None) -> _AdditiveLogRatio:
        self.n_features_in_ = y.shape[1]
        return self

    def transform(self, y: NDArray) -> NDArray[np.float64]:
        return softmax(np.column_stack([y, np.zeros(len(y))]), axis=1)

    def inverse_transform(self, D: NDArray) -> NDArray[np.float64]:
        logs = safe_log(D, floor=_FLOOR)
        return logs[:, :-1] - logs[:, -1:]


def as_regressor(estimator: BaseEstimator) -> TransformedTargetRegressor:
    """Wrap a distribution learner as a regressor of arbitrary real targets.

    Parameters
    ----------
    estimator : estimator
        Fitted to distributions of shape (n_samples, n_labels).

    Returns
    -------
    regressor : TransformedTargetRegressor
        For ``check_estimator`` and ``parametrize_with_checks``. Its targets become distributions
        by a softmax with one more logit, zero, and predictions return by log-ratios.

    Examples
    --------
    >>> from sklearn.utils.estimator_checks import parametrize_with_checks
    >>> from sklearn_ldl import KNeighborsLDL
    >>> from sklearn_ldl.testing import as_regressor, expected_failures
    >>> @parametrize_with_checks(
    ...     [as_regressor(KNeighborsLDL())], expected_failed_checks=expected_failures
    ... )
    ... def test_scikit_learn_compatible(estimator, check):
    ...     check(estimator)
    """
    return TransformedTargetRegressor(
        estimator, transformer=_AdditiveLogRatio(), check_inverse=False
    )


_NOT_CLASSES = (
    "the check takes the columns of predict_proba for classes; here they are the values of a grid"
)

_ROWS = (
    "the default learner chooses its penalty by the number of rows: a weight of two, as of a row "
    "with twice the votes, does not make two of it"
)
_CHOSEN = {
    "check_sample_weight_equivalence_on_dense_data": _ROWS,
    "check_sample_weight_equivalence_on_sparse_data": _ROWS,
}

_GRID = {
    "check_regressors_no_decision_function": (
        "predict_proba returns the distribution behind the value; pipelines and searches "
        "forward no other name"
    ),
    "check_estimator_sparse_matrix": _NOT_CLASSES,
    "check_estimator_sparse_array": _NOT_CLASSES,
}

#: Checks that a class fails by design, on any machine: name of the class -> {check: reason}.
EXPECTED_FAILURES: dict[str, dict[str, str]] = {
    "GradientBoostingLDL": {
        "check_estimators_nan_inf": (
            "NaN is a missing value, which TransformedTargetRegressor does not say of its regressor"
        ),
    },
    "KernelDensityRegressor": _GRID,
    "LDLClassifier": _CHOSEN,
    "LDLRegressor": _GRID | _CHOSEN,
    "LabelEnhancementClassifier": {
        "check_sample_weight_equivalence_on_dense_data": (
            "the enhancer takes every sample once, whatever its weight"
        ),
    },
}

_IN_EXPECTATION = (
    "batches are drawn at random, in single precision: weighting is equivalent to repeating in "
    "expectation, and to the last digit on some machines only"
)
_BATCHES = {
    "check_sample_weight_equivalence_on_dense_data": _IN_EXPECTATION,
    "check_sample_weight_equivalence_on_sparse_data": _IN_EXPECTATION,
}

#: Checks that a class passes or fails by chance: name of the class -> {check: reason}.
SKIPPED_CHECKS: dict[str, dict[str, str]] = {
    "AuxGraphLDLClassifier": _BATCHES,
    "DeepLDLClassifier": _BATCHES,
    "DeepRegressor": _BATCHES,
    "DistillationClassifier": _BATCHES,
    "KernelDensityRegressor": _BATCHES,
    "NoiseAdaptationClassifier": _BATCHES,
    "OGRClassifier": _BATCHES,
    "OfflineLDLClassifier": _BATCHES,
    "OnlineLDLClassifier": _BATCHES,
}


def expected_failures(estimator: BaseEstimator) -> dict[str, str]:
    """Look up the checks that `estimator` fails by design, on any machine.

    Parameters
    ----------
    estimator : estimator
        Any estimator, wrapped by :func:`as_regressor` or not.

    Returns
    -------
    failures : dict
        Check name -> reason; empty for most.

    See Also
    --------
    skipped_checks : Those whose outcome is chance.

    Examples
    --------
    >>> from sklearn_ldl import KernelDensityRegressor
    >>> from sklearn_ldl.testing import expected_failures
    >>> for check in expected_failures(KernelDensityRegressor()):
    ...     print(check)
    check_regressors_no_decision_function
    check_estimator_sparse_matrix
    check_estimator_sparse_array
    """
    return _look_up(EXPECTED_FAILURES, estimator)


def skipped_checks(estimator: BaseEstimator) -> dict[str, str]:
    """Look up the checks that `estimator` passes or fails by chance, which tell nothing.

    Parameters
    ----------
    estimator : estimator
        Any estimator, wrapped by :func:`as_regressor` or not.

    Returns
    -------
    checks : dict
        Check name -> reason; empty for most.

    See Also
    --------
    expected_failures : Those that fail on any machine.

    Examples
    --------
    >>> from sklearn_ldl import LDLRegressor
    >>> from sklearn_ldl.testing import SKIPPED_CHECKS, skipped_checks
    >>> skipped_checks(LDLRegressor())
    {}
    >>> for check in SKIPPED_CHECKS["DeepRegressor"]:
    ...     print(check)
    check_sample_weight_equivalence_on_dense_data
    check_sample_weight_equivalence_on_sparse_data
    """
    return _look_up(SKIPPED_CHECKS, estimator)


def _look_up(table: dict[str, dict[str, str]], estimator: BaseEstimator) -> dict[str, str]:
    """Entry of the class or of the nearest base that has one, through the wrapper."""
    inner: Any = getattr(estimator, "regressor", None) or estimator
    names = [cls.__name__ for cls in type(inner).__mro__]
    return next((table[name] for name in names if name in table), {})
