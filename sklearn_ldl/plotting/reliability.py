"""Reliability diagram: the accuracy of predictions against their confidence."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import ndtri
from sklearn.base import BaseEstimator

from sklearn_ldl.metrics import expected_calibration_error
from sklearn_ldl.metrics.calibration import bin_numbers, check_truth
from sklearn_ldl.metrics.checks import check_weights
from sklearn_ldl.metrics.labels import Truth, true_degree
from sklearn_ldl.plotting.figures import (
    curve_label,
    cycle_curves,
    line_options,
    name_axes,
    one_axes,
    pyplot,
)
from sklearn_ldl.plotting.responses import distributions, name_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_PERFECT = "perfectly calibrated"
# Areas of the points of an empty bin and of one that holds every row, in square points.
_POINT_AREAS = (12, 400)


class ReliabilityDisplay:
    r"""Reliability diagram of the predicted label (top-label calibration).

    Rows fall into the bins of :func:`~sklearn_ldl.metrics.expected_calibration_error`,
    :math:`((m-1)/M, m/M]`, by their confidence, the largest predicted degree. Every bin that is
    not empty is a point: its accuracy over its mean confidence, with an area in proportion to its
    share of the rows. The expected calibration error (ECE) is the mean vertical distance from the
    diagonal, weighted by these areas.

    The accuracy is the mean true degree of the predicted label, so that the true distributions lie
    on the diagonal. Bars show its Wilson interval at 95 %. For class labels the accuracy is a
    proportion, which that interval is made for; degrees scatter less than 0 and 1 do about the same
    mean, and the interval is too wide for them rather than too narrow. With weights :math:`w` a bin
    counts as :math:`(\sum w)^2 / \sum w^2` rows.

    Make one by `from_estimator` or `from_predictions`; the parameters are stored as attributes.

    Parameters
    ----------
    accuracy : ndarray of shape (n_filled_bins,)
        Accuracy of the bins that are not empty.
    confidence : ndarray of shape (n_filled_bins,)
        Their mean confidence.
    share : ndarray of shape (n_filled_bins,)
        Their share of the rows (of the sample weights); sums to 1.
    count : ndarray of shape (n_filled_bins,), dtype int
        Their number of rows, without those of weight zero.
    interval : ndarray of shape (n_filled_bins, 2)
        Lower and upper end of the interval of their accuracy.
    ece : float
        Expected calibration error.
    name : str, default=None
        Name for the legend.

    Attributes
    ----------
    ax_ : matplotlib Axes
        The axes.
    figure_ : matplotlib Figure
        Their figure.
    line_ : matplotlib Line2D
        The line through the points.
    points_ : matplotlib PathCollection
        One point per bin that is not empty.
    bars_ : matplotlib ErrorbarContainer
        The intervals of the points.

    See Also
    --------
    sklearn.calibration.CalibrationDisplay : For the degree of one label: of a binary classifier,
        or of one class against the others.

    References
    ----------
    M. H. DeGroot, S. E. Fienberg, "The comparison and evaluation of forecasters", The Statistician
    32, 1983.

    E. B. Wilson, "Probable inference, the law of succession, and statistical inference", Journal of
    the American Statistical Association 22(158), 1927.

    C. Guo, G. Pleiss, Y. Sun, K. Q. Weinberger, "On calibration of modern neural networks", ICML
    2017.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn_ldl import LDLClassifier
    >>> from sklearn_ldl.plotting import ReliabilityDisplay
    >>> X, y = load_iris(return_X_y=True)
    >>> model = LDLClassifier().fit(X[::2], y[::2])
    >>> display = ReliabilityDisplay.from_estimator(model, X[1::2], y[1::2], n_bins=5)
    >>> 0 <= display.ece <= 1
    True
    >>> int(display.count.sum())
    75

    The degree of one class is scikit-learn's business:

    >>> from sklearn.calibration import CalibrationDisplay
    >>> setosa = model.predict_proba(X[1::2])[:, 0]
    >>> CalibrationDisplay.from_predictions(y[1::2] == 0, setosa)
    <...>
    """

    def __init__(
        self,
        accuracy: NDArray,
        confidence: NDArray,
        *,
        share: NDArray,
        count: NDArray,
        interval: NDArray,
        ece: float,
        name: str | None = None,
    ):
        self.accuracy = accuracy
        self.confidence = confidence
        self.share = share
        self.count = count
        self.interval = interval
        self.ece = ece
        self.name = name

    @classmethod
    def from_estimator(
        cls,
        estimator: BaseEstimator,
        X: Any,
        y: ArrayLike,
        *,
        n_bins: int = 10,
        truth: Truth = "degree",
        sample_weight: ArrayLike | None = None,
        name: str | None = None,
        ref_line: bool = True,
        ax: Axes | None = None,
        **kwargs: Any,
    ) -> ReliabilityDisplay:
        """Predict and draw.

        Parameters
        ----------
        estimator : estimator
            Fitted to class labels or distributions, with `predict_proba` if it is a classifier.
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Samples.
        y : array-like of shape (n_samples,) or (n_samples, n_labels)
            Class labels or distributions.
        n_bins : int, default=10
            Number of bins of equal width.
        truth : {"degree", "mode"}, default="degree"
            What the predicted label meets in a true distribution: its degree, or whether it is the
            label of largest degree, as in
            :func:`~sklearn_ldl.metrics.expected_calibration_error`.
        sample_weight : array-like of shape (n_samples,), default=None
            Non-negative weights of the rows; None weighs them equally.
        name : str, default=None
            Name for the legend; None means the class of the estimator.
        ref_line : bool, default=True
            Whether to draw the diagonal.
        ax : Axes, default=None
            Axes to draw on, such as those of another estimator; None makes a figure.
        **kwargs
            Passed to ``matplotlib.axes.Axes.plot``.

        Returns
        -------
        display : ReliabilityDisplay
            The display.

        Raises
        ------
        ImportError
            If matplotlib is missing.
        ValueError
            If an argument is out of its range or shapes do not match.
        """
        pyplot(f"{cls.__name__}.from_estimator")
        return cls.from_predictions(
            *distributions(estimator, X, y),
            n_bins=n_bins,
            truth=truth,
            sample_weight=sample_weight,
            name=name_of(estimator, name),
            ref_line=ref_line,
            ax=ax,
            **kwargs,
        )

    @classmethod
    def from_predictions(
        cls,
        y_true: ArrayLike,
        D_pred: ArrayLike,
        *,
        labels: ArrayLike | None = None,
        n_bins: int = 10,
        truth: Truth = "degree",
        sample_weight: ArrayLike | None = None,
        name: str | None = None,
        ref_line: bool = True,
        ax: Axes | None = None,
        **kwargs: Any,
    ) -> ReliabilityDisplay:
        """Draw given predictions.

        Parameters
        ----------
        y_true : array-like of shape (n_samples,) or (n_samples, n_labels)
            Class labels or distributions.
        D_pred : array-like of shape (n_samples, n_labels)
            Predicted distributions.
        labels : array-like of shape (n_labels,), default=None
            The class of each column of `D_pred`. None stands for the names of its columns, of a
            data frame, or else for the numbers 0, 1, ... Distributions `y_true` are matched by
            name, where they are a data frame, and else by position.
        n_bins : int, default=10
            Number of bins of equal width.
        truth : {"degree", "mode"}, default="degree"
            What the predicted label meets in a true distribution: its degree, or whether it is the
            label of largest degree, as in
            :func:`~sklearn_ldl.metrics.expected_calibration_error`.
        sample_weight : array-like of shape (n_samples,), default=None
            Non-negative weights of the rows; None weighs them equally.
        name : str, default=None
            Name for the legend, which shows the ECE in any case.
        ref_line : bool, default=True
            Whether to draw the diagonal.
        ax : Axes, default=None
            Axes to draw on, such as those of another display; None makes a figure.
        **kwargs
            Passed to ``matplotlib.axes.Axes.plot``.

        Returns
        -------
        display : ReliabilityDisplay
            The display.

        Raises
        ------
        ImportError
            If matplotlib is missing.
        ValueError
            If an argument is out of its range, if shapes do not match, or if `y_true` holds a
            label without a column.
        """
        pyplot(f"{cls.__name__}.from_predictions")
        ece = expected_calibration_error(
            y_true, D_pred, labels=labels, n_bins=n_bins, truth=truth, sample_weight=sample_weight
        )
        D, P = check_truth(y_true, D_pred, labels, truth)
        weights = check_weights(sample_weight, len(P))
        confidence = P.max(axis=1)
        bins = bin_numbers(confidence, n_bins)
        mass = np.bincount(bins, weights)
        filled = mass > 0
        mass = mass[filled]
        accuracy = np.minimum(np.bincount(bins, weights * true_degree(D, P))[filled] / mass, 1)
        display = cls(
            accuracy,
            np.bincount(bins, weights * confidence)[filled] / mass,
            share=mass / mass.sum(),
            count=np.bincount(bins, weights > 0)[filled].astype(int),
            interval=_wilson(accuracy, mass**2 / np.bincount(bins, weights**2)[filled]),
            ece=ece,
            name=name,
        )
        return display.plot(ax=ax, ref_line=ref_line, **kwargs)

    def plot(
        self,
        *,
        ax: Axes | None = None,
        name: str | None = None,
        ref_line: bool = True,
        **kwargs: Any,
    ) -> ReliabilityDisplay:
        """Draw the diagram.

        Parameters
        ----------
        ax : Axes, default=None
            Axes to draw on; None makes a figure.
        name : str, default=None
            Name for the legend; None means the one that was given before.
        ref_line : bool, default=True
            Whether to draw the diagonal.
        **kwargs
            Passed to ``matplotlib.axes.Axes.plot``.

        Returns
        -------
        display : ReliabilityDisplay
            This display.
        """
        self.ax_ = one_axes(ax, f"{type(self).__name__}.plot", figsize=(5, 4.8))
        self.figure_ = self.ax_.figure
        cycle_curves(self.ax_)
        if ref_line and _PERFECT not in self.ax_.get_legend_handles_labels()[1]:
            self.ax_.plot([0, 1], [0, 1], "k:", label=_PERFECT)
        name = self.name if name is None else name
        label = curve_label(self.ax_, name, f"ECE = {self.ece:.3f}")
        options = line_options({"label": label}, kwargs)
        (self.line_,) = self.ax_.plot(self.confidence, self.accuracy, **options)
        self.bars_ = self.ax_.errorbar(
            self.confidence,
            self.accuracy,
            yerr=np.abs(self.interval.T - self.accuracy),
            fmt="none",
            ecolor=self.line_.get_color(),
            elinewidth=1,
            capsize=2,
            zorder=self.line_.get_zorder(),
        )
        self.points_ = self.ax_.scatter(
            self.confidence,
            self.accuracy,
            s=np.interp(self.share, [0, 1], _POINT_AREAS),
            color=self.line_.get_color(),
            edgecolors="white",
            zorder=self.line_.get_zorder() + 1,
            clip_on=False,
        )
        name_axes(self.ax_, "Confidence (largest predicted degree)", "Accuracy")
        self.ax_.set(xlim=(0, 1), ylim=(0, 1), aspect="equal")
        self.ax_.legend(
            loc="best",
            title="point area: share of rows\nbars: 95 % intervals",
            fontsize="small",
            title_fontsize="small",
        )
        return self


def _wilson(mean: NDArray, n_rows: NDArray) -> NDArray[np.float64]:
    """Lower and upper end of the Wilson interval of means of `n_rows` values between 0 and 1."""
    z2 = ndtri(0.975) ** 2 / n_rows
    centre = (mean + z2 / 2) / (1 + z2)
    half = np.sqrt(z2 * (mean * (1 - mean) + z2 / 4)) / (1 + z2)
    ends = np.stack([np.minimum(centre - half, mean), np.maximum(centre + half, mean)], axis=1)
    return ends.clip(0, 1)
