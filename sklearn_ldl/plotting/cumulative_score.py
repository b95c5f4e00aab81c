"""Cumulative score over the largest tolerated error."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator

from sklearn_ldl.metrics.checks import weighted_mean
from sklearn_ldl.metrics.landmarks import landmark_errors
from sklearn_ldl.metrics.values import euclidean_errors, shares_within
from sklearn_ldl.plotting.figures import (
    curve_label,
    cycle_curves,
    line_options,
    name_axes,
    one_axes,
    pyplot,
)
from sklearn_ldl.plotting.responses import name_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_N_THRESHOLDS = 201


class CumulativeScoreDisplay:
    r"""Cumulative score (CS) of a regressor of values: the share of samples within an error.

    .. math:: CS(t) = \frac1n \sum_i [\, \| \hat y_i - y_i \|_2 \le t \,]

    The error of an image with several landmarks is their mean, relative to the size of the face
    where a `normalizer` says it: that of :func:`~sklearn_ldl.metrics.normalized_mean_error`. Then
    this is the curve of cumulative errors.

    Make one by `from_estimator` or `from_predictions`; the parameters are stored as attributes.

    Parameters
    ----------
    thresholds : ndarray of shape (n_thresholds,)
        Largest tolerated errors, increasing.
    scores : ndarray of shape (n_thresholds,)
        Cumulative scores, between 0 and 1.
    mean_error : float
        Mean error: for single values the mean absolute error, for landmarks the normalised mean
        error.
    name : str, default=None
        Name for the legend.

    Attributes
    ----------
    ax_ : matplotlib Axes
        The axes.
    figure_ : matplotlib Figure
        Their figure.
    line_ : matplotlib Line2D
        The curve.

    See Also
    --------
    sklearn_ldl.metrics.cumulative_score_curve : The curve as numbers.
    sklearn_ldl.metrics.cumulative_error_auc_score : The area under the curve of landmarks.

    References
    ----------
    X. Geng, Z.-H. Zhou, K. Smith-Miles, "Automatic age estimation based on facial aging patterns",
    IEEE TPAMI 29(12), 2007.

    Examples
    --------
    >>> from sklearn.datasets import load_diabetes
    >>> from sklearn.dummy import DummyRegressor
    >>> from sklearn_ldl import LDLRegressor
    >>> from sklearn_ldl.plotting import CumulativeScoreDisplay
    >>> X, y = load_diabetes(return_X_y=True)
    >>> train, test = slice(300), slice(300, None)
    >>> model = LDLRegressor().fit(X[train], y[train])
    >>> baseline = DummyRegressor().fit(X[train], y[train])
    >>> display = CumulativeScoreDisplay.from_estimator(model, X[test], y[test])
    >>> CumulativeScoreDisplay.from_estimator(baseline, X[test], y[test], ax=display.ax_)
    <...>
    """

    def __init__(
        self,
        thresholds: NDArray,
        scores: NDArray,
        *,
        mean_error: float,
        name: str | None = None,
    ):
        self.thresholds = thresholds
        self.scores = scores
        self.mean_error = mean_error
        self.name = name

    @classmethod
    def from_estimator(
        cls,
        estimator: BaseEstimator,
        X: Any,
        y: ArrayLike,
        *,
        thresholds: ArrayLike | None = None,
        normalizer: ArrayLike | None = None,
        visible: ArrayLike | None = None,
        sample_weight: ArrayLike | None = None,
        name: str | None = None,
        ax: Axes | None = None,
        **kwargs: Any,
    ) -> CumulativeScoreDisplay:
        """Predict and draw.

        Parameters
        ----------
        estimator : estimator
            Fitted regressor of values or points.
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Samples.
        y : array-like of shape (n_samples,), (n_samples, n_dims) or (n_samples, n_landmarks, 2)
            True values, points or landmarks.
        thresholds : array-like of shape (n_thresholds,), default=None
            Largest tolerated errors, in the unit of `y`, such as ``range(11)`` years, or
            relative to `normalizer`. None means 201 values from 0 to the largest error.
        normalizer : array-like of shape (n_samples,) or (n_samples, 2), default=None
            Lengths that the errors of landmarks are relative to, or widths and heights of boxes;
            None leaves them in pixels.
        visible : array-like of shape (n_samples, n_landmarks), default=None
            Which landmarks count; None means all of them.
        sample_weight : array-like of shape (n_samples,), default=None
            Non-negative weights of the samples; None weighs them equally.
        name : str, default=None
            Name for the legend; None means the class of the estimator.
        ax : Axes, default=None
            Axes to draw on, such as those of another estimator; None makes a figure.
        **kwargs
            Passed to ``matplotlib.axes.Axes.plot``.

        Returns
        -------
        display : CumulativeScoreDisplay
            The display.

        Raises
        ------
        ImportError
            If matplotlib is missing.
        ValueError
            If shapes do not match, a value is not finite, a threshold is negative, a normaliser is
            not positive, or `normalizer` or `visible` is given for other than landmarks.
        """
        pyplot(f"{cls.__name__}.from_estimator")
        return cls.from_predictions(
            y,
            estimator.predict(X),
            thresholds=thresholds,
            normalizer=normalizer,
            visible=visible,
            sample_weight=sample_weight,
            name=name_of(estimator, name),
            ax=ax,
            **kwargs,
        )

    @classmethod
    def from_predictions(
        cls,
        y_true: ArrayLike,
        y_pred: ArrayLike,
        *,
        thresholds: ArrayLike | None = None,
        normalizer: ArrayLike | None = None,
        visible: ArrayLike | None = None,
        sample_weight: ArrayLike | None = None,
        name: str | None = None,
        ax: Axes | None = None,
        **kwargs: Any,
    ) -> CumulativeScoreDisplay:
        """Draw given predictions.

        Parameters
        ----------
        y_true, y_pred : array-like of shape (n_samples,) or (n_samples, ..., n_dims)
            True and predicted values, points, or landmarks of shape (n_samples, n_landmarks, 2).
        thresholds : array-like of shape (n_thresholds,), default=None
            Largest tolerated errors, in the unit of `y_true` or relative to `normalizer`. None
            means 201 values from 0 to the largest error.
        normalizer : array-like of shape (n_samples,) or (n_samples, 2), default=None
            Lengths that the errors of landmarks are relative to, or widths and heights of boxes;
            None leaves them in pixels.
        visible : array-like of shape (n_samples, n_landmarks), default=None
            Which landmarks count; None means all of them.
        sample_weight : array-like of shape (n_samples,), default=None
            Non-negative weights of the samples; None weighs them equally.
        name : str, default=None
            Name for the legend, which shows the mean error in any case.
        ax : Axes, default=None
            Axes to draw on, such as those of another display; None makes a figure.
        **kwargs
            Passed to ``matplotlib.axes.Axes.plot``.

        Returns
        -------
        display : CumulativeScoreDisplay
            The display.

        Raises
        ------
        ImportError
            If matplotlib is missing.
        ValueError
            If shapes do not match, a value is not finite, a threshold is negative, a normaliser is
            not positive, or `normalizer` or `visible` is given for other than landmarks.
        """
        pyplot(f"{cls.__name__}.from_predictions")
        if normalizer is None and visible is None:
            errors = euclidean_errors(y_true, y_pred)
        else:
            errors = landmark_errors(y_true, y_pred, normalizer, visible)
        if thresholds is None:
            largest = errors.max()
            thresholds = np.linspace(0, largest if largest > 0 else 1, _N_THRESHOLDS)
        thresholds = np.sort(thresholds)
        display = cls(
            thresholds,
            shares_within(errors, thresholds, sample_weight),
            mean_error=weighted_mean(errors, sample_weight),
            name=name,
        )
        return display.plot(ax=ax, **kwargs)

    def plot(
        self, *, ax: Axes | None = None, name: str | None = None, **kwargs: Any
    ) -> CumulativeScoreDisplay:
        """Draw the curve.

        Parameters
        ----------
        ax : Axes, default=None
            Axes to draw on; None makes a figure.
        name : str, default=None
            Name for the legend; None means the one that was given before.
        **kwargs
            Passed to ``matplotlib.axes.Axes.plot``.

        Returns
        -------
        display : CumulativeScoreDisplay
            This display.
        """
        self.ax_ = one_axes(ax, f"{type(self).__name__}.plot", figsize=(6, 4))
        self.figure_ = self.ax_.figure
        cycle_curves(self.ax_)
        name = self.name if name is None else name
        label = curve_label(self.ax_, name, f"mean error {self.mean_error:.3g}")
        options = line_options({"label": label}, kwargs)
        (self.line_,) = self.ax_.plot(self.thresholds, self.scores, **options)
        name_axes(self.ax_, "Largest tolerated error", "Cumulative score (share of samples)")
        self.ax_.set_xlim(left=0)
        self.ax_.set_ylim(0, 1.02)
        self.ax_.legend(loc="lower right")
        return self
