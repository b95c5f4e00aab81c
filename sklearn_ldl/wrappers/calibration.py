"""Temperature scaling: predicted distributions become sharper or flatter, by one number."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import minimize_scalar
from sklearn.base import BaseEstimator
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils import check_array

from sklearn_ldl._core.label_names import columns_in_order, columns_of_frame
from sklearn_ldl._core.simplex import check_distribution
from sklearn_ldl._core.sklearn_compat import fit_context
from sklearn_ldl.metrics.checks import check_weights
from sklearn_ldl.wrappers.posthoc import PostHocCorrection

_BOUNDS = (0.05, 20.0)


def fit_temperature(
    Z: ArrayLike,
    D: ArrayLike,
    *,
    sample_weight: ArrayLike | None = None,
    bounds: tuple[float, float] = _BOUNDS,
) -> float:
    r"""Find the temperature at which logits predict distributions best.

    .. math::

        \hat T = \arg\min_T \sum_i s_i \, \mathrm{KL}(d_i \,\|\, \mathrm{softmax}(z_i / T))

    The sum is convex in :math:`1 / T`, so there is one minimum; bounded scalar minimisation over
    :math:`\log T` finds it. The KL divergence and the cross entropy have the same minimiser.

    Parameters
    ----------
    Z : array-like of shape (n_samples, n_labels)
        Finite logits, of rows that the model was not trained on. Logarithms of predicted degrees
        are logits, too.
    D : array-like of shape (n_samples, n_labels)
        True distributions; one-hot rows for class labels. Columns of two data frames are matched
        by name.
    sample_weight : array-like of shape (n_samples,), default=None
        Non-negative weights :math:`s` of the rows; None weighs them equally.
    bounds : tuple of two floats, default=(0.05, 20.0)
        Least and greatest temperature, both positive.

    Returns
    -------
    temperature : float
        Above 1 where the logits are over-confident, below 1 where they are under-confident.

    Raises
    ------
    ValueError
        If `D` does not hold distributions, if `Z` is not finite or has another shape, or if
        `sample_weight` or `bounds` is out of its range.

    Warns
    -----
    ConvergenceWarning
        When the best temperature is one of the bounds.

    See Also
    --------
    sklearn_ldl.TemperatureCalibrator : Also makes logits of rows that were not trained on.

    References
    ----------
    C. Guo, G. Pleiss, Y. Sun, K. Q. Weinberger, "On calibration of modern neural networks", ICML
    2017.

    Examples
    --------
    >>> import numpy as np
    >>> from scipy.special import softmax
    >>> from sklearn_ldl.wrappers.calibration import fit_temperature
    >>> Z = np.array([[2.0, 0.0, -1.0], [0.0, 3.0, 1.0]])
    >>> round(fit_temperature(Z, softmax(Z / 2.5, axis=1)), 4)
    2.5
    """
    low, high = _check_bounds(bounds)
    D = columns_in_order(D, columns_of_frame(Z), of_y="D", of_names="Z")
    Z = check_array(Z, dtype=np.float64, input_name="Z")
    D = check_distribution(D, input_name="D")
    if Z.shape != D.shape:
        raise ValueError(f"Z and D have different shapes: {Z.shape} and {D.shape}.")
    weight = check_weights(sample_weight, len(D))
    weight /= weight.sum()
    Z = Z - Z.max(axis=1, keepdims=True)
    target_logit = np.einsum("ij,ij->i", D, Z)

    def loss(temperature):
        log_mass = np.log(np.exp(Z / temperature).sum(axis=1))
        return weight @ (log_mass - target_logit / temperature)

    inside = minimize_scalar(
        lambda log_temperature: loss(np.exp(log_temperature)),
        bounds=np.log([low, high]),
        method="bounded",
        options={"xatol": 1e-9},
    )
    # The search never quite reaches a bound; and where nothing is better than 1, 1 it is.
    candidates = min(max(1.0, low), high), float(np.exp(inside.x)), low, high
    temperature = min(candidates, key=loss)
    if temperature in (low, high):
        cause = "say little about y" if temperature == high else "are hardly ever wrong"
        warnings.warn(
            f"The best temperature is at the bound {temperature:g}: the logits {cause}, or their "
            "scale is out of the ordinary. Widen bounds if that is intended.",
            ConvergenceWarning,
        )
    return temperature


class TemperatureCalibrator(PostHocCorrection):
    r"""Calibrate a learner of distributions by a temperature, found on held-out rows.

    Predictions are :math:`\mathrm{softmax}(z(x) / T)` with the logits :math:`z` of `estimator`. A
    temperature above 1 flattens the predictions of an over-confident learner, one below 1 sharpens
    those of an under-confident one; the order of the labels stays. The temperature is found by
    :func:`~sklearn_ldl.wrappers.fit_temperature` from logits of rows which the learner that made
    them has not seen.

    For class labels use scikit-learn's ``CalibratedClassifierCV(method="temperature")``.

    Parameters
    ----------
    estimator : estimator, default=None
        Any estimator that is fitted to distributions, such as a pipeline; None means
        :class:`~sklearn_ldl.BFGSLDL`. Its `decision_function` gives the logits; without one they
        are the logarithms of the predicted degrees, of which those below 1e-14 count as 1e-14.

        A fitted estimator inside a :class:`~sklearn.frozen.FrozenEstimator` stays as it is, and
        all the given data serve to find the temperature. They should not be its training data.
    cv : int, cross-validation generator or iterable, default=5
        The splits. On each, a clone of `estimator` is fitted to the training rows and predicts the
        others. They are ignored for a frozen estimator. An integer makes folds of rows
        shuffled with a fixed seed, ``KFold(cv, shuffle=True, random_state=0)``;
        None means 5.
    bounds : tuple of two floats, default=(0.05, 20.0)
        Least and greatest temperature.

    Attributes
    ----------
    temperature_ : float
        The temperature :math:`T`.
    estimator_ : estimator
        The estimator, fitted to all rows (or frozen).
    n_labels_ : int
        Number of labels.
    label_names_ : ndarray of shape (n_labels,)
        Names of the labels in the order of the predictions: column names of `y`, when it was a data
        frame, in the order of a frozen estimator that has the same names.
    n_features_in_, feature_names_in_
        Those of `estimator_`, where it has them.

    See Also
    --------
    sklearn.calibration.CalibratedClassifierCV : The same for class labels.

    Notes
    -----
    The learners that the temperature is found for see fewer rows than the one that predicts, and
    so may be more over-confident. Where a weak penalty meets hardly more rows than features, five
    folds can double the temperature; use more folds, or set rows aside with a frozen estimator.

    References
    ----------
    C. Guo, G. Pleiss, Y. Sun, K. Q. Weinberger, "On calibration of modern neural networks", ICML
    2017.

    Examples
    --------
    >>> from sklearn_ldl import BFGSLDL
    >>> from sklearn_ldl.wrappers.calibration import TemperatureCalibrator
    >>> from sklearn_ldl.datasets import make_ldl
    >>> X, D = make_ldl(n_samples=200, random_state=0)
    >>> shy = BFGSLDL(alpha=1.0)
    >>> model = TemperatureCalibrator(shy).fit(X, D)
    >>> model.temperature_ < 1
    True
    >>> model.score(X, D) > shy.fit(X, D).score(X, D)
    True

    A model that is already fitted, with other rows for the temperature:

    >>> from sklearn.frozen import FrozenEstimator
    >>> fitted = BFGSLDL(alpha=1.0).fit(X[:100], D[:100])
    >>> TemperatureCalibrator(FrozenEstimator(fitted)).fit(
    ...     X[100:], D[100:]
    ... ).estimator_.estimator is fitted
    True
    """

    _parameter_constraints: dict = {
        **PostHocCorrection._parameter_constraints,
        "bounds": ["array-like"],
    }

    def __init__(
        self,
        estimator: BaseEstimator | None = None,
        *,
        cv: Any = 5,
        bounds: tuple[float, float] = _BOUNDS,
    ):
        self.estimator = estimator
        self.cv = cv
        self.bounds = bounds

    @fit_context(prefer_skip_nested_validation=False)
    def fit(
        self, X: Any, y: ArrayLike, sample_weight: ArrayLike | None = None, **fit_params: Any
    ) -> TemperatureCalibrator:
        """Find the temperature and fit the estimator to all rows.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Samples, handed to the estimator as they are.
        y : array-like of shape (n_samples, n_labels)
            Label distributions; rows sum to one.
        sample_weight : array-like of shape (n_samples,), default=None
            Non-negative weights of the rows, not all zero: for the temperature, and for the fit of
            the estimator; in a pipeline the last step gets them.
        **fit_params : dict
            ``groups`` for the splitter and parameters of `fit` of the estimator, of which each
            split gets its rows; or metadata to route when that is enabled.

        Returns
        -------
        self : TemperatureCalibrator
            The fitted estimator.

        Raises
        ------
        ValueError
            If `y` does not hold distributions (see :func:`sklearn_ldl.check_distribution`), if
            `bounds` are not two positive numbers in ascending order, if a frozen estimator
            predicts another number of labels, or if `estimator` takes no weights and there are
            some, or if no weight is left to train a fold.

        Warns
        -----
        ConvergenceWarning
            When the best temperature is one of the bounds.
        """
        _check_bounds(self.bounds)
        _, _, held_out = self._fit_estimator(X, y, sample_weight, fit_params)
        self.temperature_ = fit_temperature(
            held_out.Z, held_out.D, sample_weight=held_out.weight, bounds=self.bounds
        )
        return self

    def _correct(self, Z: NDArray) -> NDArray:
        return Z / self.temperature_


def _check_bounds(bounds: Any) -> tuple[float, float]:
    try:
        low, high = (float(bound) for bound in bounds)
    except (TypeError, ValueError):
        low = high = np.nan
    if not 0 < low < high < np.inf:
        raise ValueError(f"bounds must be two positive numbers in ascending order, got {bounds!r}.")
    return low, high
