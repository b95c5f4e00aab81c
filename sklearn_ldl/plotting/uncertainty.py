"""Whether predictions that are unsure are those that are wrong."""

from __future__ import annotations

from numbers import Integral
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.stats import spearmanr
from sklearn.base import BaseEstimator
from sklearn.utils import check_array
from sklearn.utils.validation import check_consistent_length, column_or_1d

from sklearn_ldl._core.sklearn_compat import Interval, StrOptions, validate_params
from sklearn_ldl.metrics import kl_divergence
from sklearn_ldl.metrics.scorers import matched_truth
from sklearn_ldl.plotting.figures import (
    curve_label,
    cycle_curves,
    line_options,
    name_axes,
    one_axes,
    pyplot,
)
from sklearn_ldl.plotting.responses import name_of
from sklearn_ldl.uncertainty import decompose_uncertainty, predict_members

if TYPE_CHECKING:
    from matplotlib.axes import Axes


class UncertaintyDisplay:
    """Mean error of rows, from those that a model is sure of to those that it is not.

    Rows are put into bins of equal size by their uncertainty. Make one by `from_estimator` or
    `from_predictions`; the parameters are stored as attributes.

    Parameters
    ----------
    uncertainty : ndarray of shape (n_bins,)
        Mean uncertainty in each bin.
    error : ndarray of shape (n_bins,)
        Mean error.
    standard_error : ndarray of shape (n_bins,)
        Standard error of that mean.
    correlation : float
        Spearman's rank correlation of uncertainty and error over the rows; NaN where one is
        constant.
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
    bars_ : matplotlib LineCollection
        Two standard errors to both sides.

    See Also
    --------
    sklearn_ldl.uncertainty.decompose_uncertainty : The parts of the uncertainty.

    References
    ----------
    A. Kendall, Y. Gal, "What uncertainties do we need in Bayesian deep learning for computer
    vision?", NeurIPS 2017.

    Examples
    --------
    >>> from sklearn.ensemble import RandomForestRegressor
    >>> from sklearn_ldl.datasets import make_ldl
    >>> from sklearn_ldl.plotting import UncertaintyDisplay
    >>> X, D = make_ldl(300, random_state=0)
    >>> forest = RandomForestRegressor(random_state=0).fit(X[:200], D[:200])
    >>> UncertaintyDisplay.from_estimator(forest, X[200:], D[200:], n_bins=5)
    <...>
    """

    def __init__(
        self,
        uncertainty: NDArray,
        error: NDArray,
        standard_error: NDArray,
        *,
        correlation: float,
        name: str | None = None,
    ):
        self.uncertainty = uncertainty
        self.error = error
        self.standard_error = standard_error
        self.correlation = correlation
        self.name = name

    @classmethod
    @validate_params(
        {"part": [StrOptions({"total", "aleatoric", "epistemic"})]},
        prefer_skip_nested_validation=True,
    )
    def from_estimator(
        cls,
        estimator: BaseEstimator,
        X: Any,
        D: ArrayLike,
        *,
        part: str = "epistemic",
        n_bins: int = 10,
        name: str | None = None,
        ax: Axes | None = None,
        **kwargs: Any,
    ) -> UncertaintyDisplay:
        """Predict by the members of an estimator, and draw.

        The error is the KL divergence of the true distribution from the mean of the members.

        Parameters
        ----------
        estimator : estimator
            Fitted estimator that :func:`~sklearn_ldl.uncertainty.predict_members` takes.
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Samples.
        D : array-like of shape (n_samples, n_labels)
            True distributions; the columns of a data frame are matched by name with the labels of
            the estimator, where both have names. A classifier takes labels as well.
        part : {"total", "aleatoric", "epistemic"}, default="epistemic"
            Part of the uncertainty, in the entropy form.
        n_bins : int, default=10
            Number of bins, at least 1; fewer where there are fewer rows.
        name : str, default=None
            Name for the legend; None means the class of the estimator.
        ax : Axes, default=None
            Axes to draw on; None makes a figure.
        **kwargs
            Passed to ``matplotlib.axes.Axes.plot``.

        Returns
        -------
        display : UncertaintyDisplay
            The display.

        Raises
        ------
        ImportError
            If matplotlib is missing.
        TypeError
            If the estimator has no members.
        """
        pyplot(f"{cls.__name__}.from_estimator")
        members = predict_members(estimator, X)
        D, order = matched_truth(estimator, D)
        members = members if order is None else members[:, :, order]
        return cls.from_predictions(
            kl_divergence(D, members.mean(axis=0), per_row=True),
            getattr(decompose_uncertainty(members), part),
            n_bins=n_bins,
            name=name_of(estimator, name),
            ax=ax,
            **kwargs,
        )

    @classmethod
    @validate_params(
        {"n_bins": [Interval(Integral, 1, None, closed="left")]}, prefer_skip_nested_validation=True
    )
    def from_predictions(
        cls,
        error: ArrayLike,
        uncertainty: ArrayLike,
        *,
        n_bins: int = 10,
        name: str | None = None,
        ax: Axes | None = None,
        **kwargs: Any,
    ) -> UncertaintyDisplay:
        """Draw given errors.

        Parameters
        ----------
        error : array-like of shape (n_samples,)
            Errors of the rows, of any measure with `per_row`.
        uncertainty : array-like of shape (n_samples,)
            Their uncertainty.
        n_bins : int, default=10
            Number of bins, at least 1; fewer where there are fewer rows.
        name : str, default=None
            Name for the legend, which shows the correlation in any case.
        ax : Axes, default=None
            Axes to draw on; None makes a figure.
        **kwargs
            Passed to ``matplotlib.axes.Axes.plot``.

        Returns
        -------
        display : UncertaintyDisplay
            The display.

        Raises
        ------
        ImportError
            If matplotlib is missing.
        ValueError
            If there is not one value for each row, or one is not finite.
        """
        pyplot(f"{cls.__name__}.from_predictions")
        error, uncertainty = (
            check_array(column_or_1d(given), ensure_2d=False, dtype=np.float64, input_name=of)
            for given, of in ((error, "error"), (uncertainty, "uncertainty"))
        )
        check_consistent_length(error, uncertainty)
        order = np.argsort(uncertainty, kind="stable")
        bins = np.array_split(order, min(n_bins, len(order)))
        varied = np.ptp(error) > 0 and np.ptp(uncertainty) > 0
        display = cls(
            np.array([uncertainty[rows].mean() for rows in bins]),
            np.array([error[rows].mean() for rows in bins]),
            np.array([error[rows].std() / np.sqrt(len(rows)) for rows in bins]),
            correlation=float(spearmanr(error, uncertainty)[0]) if varied else np.nan,
            name=name,
        )
        return display.plot(ax=ax, **kwargs)

    def plot(
        self, *, ax: Axes | None = None, name: str | None = None, **kwargs: Any
    ) -> UncertaintyDisplay:
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
        display : UncertaintyDisplay
            This display.
        """
        self.ax_ = one_axes(ax, f"{type(self).__name__}.plot", figsize=(6, 4))
        self.figure_ = self.ax_.figure
        cycle_curves(self.ax_)
        name = self.name if name is None else name
        label = curve_label(self.ax_, name, f"rank correlation {self.correlation:.2f}")
        options = line_options({"label": label, "marker": "o"}, kwargs)
        (self.line_,) = self.ax_.plot(self.uncertainty, self.error, **options)
        low, high = (self.error + sign * 2 * self.standard_error for sign in (-1, 1))
        self.bars_ = self.ax_.vlines(self.uncertainty, low, high, colors=self.line_.get_color())
        name_axes(self.ax_, "Uncertainty (mean of a bin)", "Error (mean of a bin)")
        self.ax_.set_ylim(bottom=0)
        self.ax_.legend(loc="best")
        return self
