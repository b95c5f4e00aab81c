"""Errors of every label, beside how common the label is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator

from sklearn_ldl.metrics.checks import check_pair, check_weights
from sklearn_ldl.plotting.figures import (
    BLUE,
    GREY,
    VERMILLION,
    all_axes,
    characters,
    name_axes,
    pyplot,
)
from sklearn_ldl.plotting.label_axis import (
    Kind,
    check_labels,
    names_of,
    positions,
    resolve_kind,
    write_labels,
)
from sklearn_ldl.plotting.responses import are_numbers, declares_order, distributions, labels_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_MAX_BARS = 40
# Share of the lower panel that is kept free for the legend, and its length in one line.
_LEGEND_ROOM = 0.3
_LEGEND_CHARACTERS = 40


class LabelErrorDisplay:
    r"""Mean absolute error and bias of every label, below its mean degree.

    .. math::

        \bar d_j = \frac1n \sum_i d_{ij}, \qquad
        \mathrm{MAE}_j = \frac1n \sum_i |p_{ij} - d_{ij}|, \qquad
        \mathrm{bias}_j = \frac1n \sum_i (p_{ij} - d_{ij})

    The upper panel shows which labels are common (the head) and which are rare (the tail), the
    lower one how far predictions are off on average, and whether too high (bias above zero) or too
    low. The biases of all labels sum to zero.

    Make one by `from_estimator` or `from_predictions`; the parameters are stored as attributes.

    Parameters
    ----------
    mean_degree : ndarray of shape (n_labels,)
        Mean true degree of every label.
    mean_absolute_error : ndarray of shape (n_labels,)
        Mean absolute error of the predicted degree.
    bias : ndarray of shape (n_labels,)
        Mean of prediction minus truth.
    labels : array-like of shape (n_labels,) or (n_labels, n_dims), default=None
        Names or values of the labels; None stands for the column numbers.
    ordered : bool, default=False
        Whether the labels have an order, in which they stay unless asked otherwise.

    Attributes
    ----------
    figure_ : matplotlib Figure
        The figure.
    axes_ : ndarray of shape (2,) of matplotlib Axes
        Mean degrees above, errors below.
    degree_, error_ : matplotlib BarContainer or Line2D
        Mean degrees and mean absolute errors.
    bias_ : matplotlib Line2D
        Biases.

    See Also
    --------
    sklearn_ldl.metrics.head_euclidean_distance, sklearn_ldl.metrics.tail_euclidean_distance :
        Errors on head and tail as one number.

    References
    ----------
    X. Zhao, Y. An, N. Xu, J. Wang, X. Geng, "Imbalanced label distribution learning", AAAI 2023.

    Examples
    --------
    >>> from sklearn_ldl import BFGSLDL
    >>> from sklearn_ldl.datasets import make_ldl
    >>> from sklearn_ldl.plotting import LabelErrorDisplay
    >>> X, D = make_ldl(n_samples=200, random_state=0)
    >>> model = BFGSLDL(alpha=1e-3).fit(X, D)
    >>> display = LabelErrorDisplay.from_estimator(model, X, D)
    >>> display.mean_degree.round(2)
    array([0.29, 0.35, 0.36])
    """

    def __init__(
        self,
        mean_degree: NDArray,
        mean_absolute_error: NDArray,
        bias: NDArray,
        *,
        labels: ArrayLike | None = None,
        ordered: bool = False,
    ):
        self.mean_degree = mean_degree
        self.mean_absolute_error = mean_absolute_error
        self.bias = bias
        self.labels = labels
        self.ordered = ordered

    @classmethod
    def from_estimator(
        cls,
        estimator: BaseEstimator,
        X: Any,
        y: ArrayLike,
        *,
        sample_weight: ArrayLike | None = None,
        labels: ArrayLike | None = None,
        sort: bool | None = None,
        kind: Kind = "auto",
        ax: ArrayLike | None = None,
    ) -> LabelErrorDisplay:
        """Predict and draw.

        Parameters
        ----------
        estimator : estimator
            Fitted to distributions, or to labels or values that it makes distributions of, as
            :class:`~sklearn_ldl.LDLClassifier` and :class:`~sklearn_ldl.LDLRegressor` do. May be a
            pipeline or a search.
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Samples.
        y : array-like of shape (n_samples, n_labels) or (n_samples,)
            True targets, of the kind that `estimator` was fitted to.
        sample_weight : array-like of shape (n_samples,), default=None
            Non-negative weights of the rows in all means; None weighs them equally.
        labels : array-like of shape (n_labels,) or (n_labels, n_dims), default=None
            Names or values of the labels. None takes them from the columns of a data frame `y`, or
            from `label_names_`, `grid_` or `classes_` of the estimator, or numbers them.
        sort : bool, default=None
            Whether to order labels by falling mean degree. None does so for bars, but keeps the
            order of labels that have one: numbers, and levels of an ordered Categorical.
        kind : {"auto", "bar", "line"}, default="auto"
            "auto" means bars, but lines for more than 40 labels and for the values of a grid.
        ax : array-like of two Axes, default=None
            For the mean degrees and for the errors; None makes a figure.

        Returns
        -------
        display : LabelErrorDisplay
            The display.

        Raises
        ------
        ImportError
            If matplotlib is missing.
        ValueError
            If an argument is out of its range or shapes do not match.
        """
        pyplot(f"{cls.__name__}.from_estimator")
        D_true, D_pred = distributions(estimator, X, y)
        ordered = declares_order(y if labels is None else labels)
        labels = labels_of(D_true, y, estimator=estimator) if labels is None else labels
        display = cls.from_predictions(
            D_true,
            D_pred,
            sample_weight=sample_weight,
            labels=labels,
            sort=False if sort is None and ordered else sort,
            kind=kind,
            ax=ax,
        )
        display.ordered = display.ordered or ordered
        return display

    @classmethod
    def from_predictions(
        cls,
        D_true: ArrayLike,
        D_pred: ArrayLike,
        *,
        sample_weight: ArrayLike | None = None,
        labels: ArrayLike | None = None,
        sort: bool | None = None,
        kind: Kind = "auto",
        ax: ArrayLike | None = None,
    ) -> LabelErrorDisplay:
        """Draw the errors of given predictions.

        Parameters
        ----------
        D_true, D_pred : array-like of shape (n_samples, n_labels)
            True and predicted distributions; columns of two data frames are matched by name.
        sample_weight : array-like of shape (n_samples,), default=None
            Non-negative weights of the rows in all means; None weighs them equally.
        labels : array-like of shape (n_labels,) or (n_labels, n_dims), default=None
            Names or values of the labels. None takes the columns of a data frame `D_pred` or
            `D_true`, or numbers them.
        sort : bool, default=None
            Whether to order labels by falling mean degree. None does so for bars, but keeps the
            order of labels that have one: numbers, and levels of an ordered Categorical.
        kind : {"auto", "bar", "line"}, default="auto"
            "auto" means bars, but lines for more than 40 labels and for the values of a grid.
        ax : array-like of two Axes, default=None
            For the mean degrees and for the errors; None makes a figure.

        Returns
        -------
        display : LabelErrorDisplay
            The display.

        Raises
        ------
        ImportError
            If matplotlib is missing.
        ValueError
            If an argument is out of its range or shapes do not match.
        """
        pyplot(f"{cls.__name__}.from_predictions")
        ordered = any(map(declares_order, [D_pred, D_true] if labels is None else [labels]))
        labels = labels_of(D_pred, D_true) if labels is None else labels
        D, P = check_pair(D_true, D_pred)
        weights = check_weights(sample_weight, len(D))
        display = cls(
            np.average(D, axis=0, weights=weights),
            np.average(np.abs(P - D), axis=0, weights=weights),
            np.average(P - D, axis=0, weights=weights),
            labels=None if labels is None else check_labels(labels, D.shape[1]),
            ordered=ordered or are_numbers(labels),
        )
        return display.plot(ax=ax, sort=sort, kind=kind)

    def plot(
        self, *, ax: ArrayLike | None = None, sort: bool | None = None, kind: Kind = "auto"
    ) -> LabelErrorDisplay:
        """Draw mean degrees and errors.

        Parameters
        ----------
        ax : array-like of two Axes, default=None
            For the mean degrees and for the errors; None makes a figure.
        sort : bool, default=None
            Whether to order labels by falling mean degree. None does so for bars, but keeps the
            order of labels that have one: numbers, and levels of an ordered Categorical.
        kind : {"auto", "bar", "line"}, default="auto"
            "auto" means bars, but lines for more than 40 labels and for the values of a grid.

        Returns
        -------
        display : LabelErrorDisplay
            This display.
        """
        labels = check_labels(self.labels, len(self.mean_degree))
        kind = resolve_kind(kind, labels, _MAX_BARS)
        sort = kind == "bar" and not self.ordered if sort is None else sort
        order = np.argsort(-self.mean_degree if sort else positions(labels, kind), kind="stable")
        labels = names_of(labels[order]) if sort else labels[order]
        x = positions(labels, kind)

        self.axes_ = all_axes(
            ax,
            2,
            f"{type(self).__name__}.plot",
            nrows=2,
            figsize=(np.clip(2 + 0.3 * len(x), 5, 12) if kind == "bar" else 7, 4.5),
            sharex=True,
            height_ratios=[2, 3],
        )
        self.figure_ = self.axes_[0].figure
        upper, lower = self.axes_
        draw = _draw_bars if kind == "bar" else _draw_line
        self.degree_ = draw(upper, x, self.mean_degree[order], GREY)
        self.error_ = draw(lower, x, self.mean_absolute_error[order], BLUE)
        lower.axhline(0, color="black", linewidth=0.8)
        (self.bias_,) = lower.plot(
            x,
            self.bias[order],
            color=VERMILLION,
            linestyle="none" if kind == "bar" else "--",
            marker="D" if kind == "bar" else None,
            markeredgecolor="white",
        )
        for axes in self.axes_:
            axes.margins(x=0.02)
        upper.set_ylim(bottom=0)
        name_axes(upper, "", "Mean degree")
        upper.tick_params(labelbottom=False)  # also where the panels do not share their axis
        name_axes(lower, "Label", "Error of the degree")
        name_height = write_labels(lower, labels, kind)
        if kind == "bar":
            upper.set_xticks(x)
        if ax is None:
            self.figure_.set_figheight(self.figure_.get_figheight() + name_height)
        # Room for the legend that scales with the data, of other panels on the same axis as well.
        ends = np.concatenate([[0.0], self.mean_absolute_error, self.bias])
        lower.update_datalim([(x[0], ends.max() + _LEGEND_ROOM * np.ptp(ends))])
        lower.autoscale_view(scalex=False)
        lower.legend(
            [self.error_, self.bias_],
            ["mean absolute error", "bias"],
            loc="upper right",
            fontsize="small",
            frameon=False,
            ncols=1 if characters(lower, "legend.fontsize") < _LEGEND_CHARACTERS else 2,
        )
        return self


def _draw_bars(axes: Axes, x: NDArray, height: NDArray, color: str) -> Any:
    return axes.bar(x, height, color=color)


def _draw_line(axes: Axes, x: NDArray, height: NDArray, color: str) -> Any:
    axes.fill_between(x, height, color=color, alpha=0.2, linewidth=0)
    return axes.plot(x, height, color=color)[0]
