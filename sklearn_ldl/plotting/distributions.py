"""True against predicted distributions, one panel per row."""

from __future__ import annotations

from numbers import Integral
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator

from sklearn_ldl.metrics import kl_divergence
from sklearn_ldl.metrics.checks import check_pair
from sklearn_ldl.metrics.rows import RowMetric
from sklearn_ldl.plotting.figures import (
    BLUE,
    VERMILLION,
    all_axes,
    fitted_text,
    label_panels,
    panel_grid,
    pyplot,
)
from sklearn_ldl.plotting.label_axis import (
    Kind,
    check_labels,
    positions,
    resolve_kind,
    write_labels,
)
from sklearn_ldl.plotting.responses import distributions, labels_of, title_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes

# Bars of more labels would be too thin for a small panel.
_MAX_BARS = 20
_MAX_COLUMNS = 3


class LabelDistributionDisplay:
    """True and predicted label distributions of some rows, side by side.

    Make one by `from_estimator` or `from_predictions`; the parameters are stored as attributes.

    Parameters
    ----------
    D_true, D_pred : ndarray of shape (n_rows, n_labels)
        True and predicted distributions of the rows that are shown.
    rows : ndarray of shape (n_rows,)
        Their row numbers, for the titles.
    scores : ndarray of shape (n_rows,)
        The value of the metric for each of them.
    metric_name : str
        What the titles call the metric.
    labels : array-like of shape (n_labels,) or (n_labels, n_dims), default=None
        Names or values of the labels; None stands for the column numbers.

    Attributes
    ----------
    figure_ : matplotlib Figure
        The figure.
    axes_ : ndarray of shape (n_rows,) of matplotlib Axes
        One panel per row.
    true_artists_, pred_artists_ : list of matplotlib BarContainer or Line2D
        What was drawn, one artist per row.

    See Also
    --------
    LabelErrorDisplay : Errors of every label over all rows.

    Examples
    --------
    >>> from sklearn_ldl import BFGSLDL
    >>> from sklearn_ldl.datasets import make_ldl
    >>> from sklearn_ldl.plotting import LabelDistributionDisplay
    >>> X, D = make_ldl(n_samples=200, random_state=0)
    >>> model = BFGSLDL(alpha=1e-3).fit(X, D)
    >>> display = LabelDistributionDisplay.from_estimator(model, X, D, rows=4)
    >>> display.rows
    array([  0,  66, 132, 199])
    """

    def __init__(
        self,
        D_true: NDArray,
        D_pred: NDArray,
        *,
        rows: NDArray,
        scores: NDArray,
        metric_name: str,
        labels: ArrayLike | None = None,
    ):
        self.D_true = D_true
        self.D_pred = D_pred
        self.rows = rows
        self.scores = scores
        self.metric_name = metric_name
        self.labels = labels

    @classmethod
    def from_estimator(
        cls,
        estimator: BaseEstimator,
        X: Any,
        y: ArrayLike,
        *,
        rows: int | ArrayLike = 6,
        metric: RowMetric = kl_divergence,
        labels: ArrayLike | None = None,
        kind: Kind = "auto",
        ax: ArrayLike | Axes | None = None,
    ) -> LabelDistributionDisplay:
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
        rows : int or array-like of int, default=6
            Row numbers, or how many rows to take at even distances.
        metric : callable, default=kl_divergence
            A metric of :mod:`sklearn_ldl.metrics` that takes ``per_row=True``; its values stand in
            the titles.
        labels : array-like of shape (n_labels,) or (n_labels, n_dims), default=None
            Names or values of the labels. None takes them from the columns of a data frame `y`, or
            from `label_names_`, `grid_` or `classes_` of the estimator, or numbers them.
        kind : {"auto", "bar", "line"}, default="auto"
            "auto" means bars, but lines for more than 20 labels and for the values of a grid.
        ax : Axes or array-like of Axes, default=None
            One per row; None makes a figure.

        Returns
        -------
        display : LabelDistributionDisplay
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
        labels = labels_of(D_true, y, estimator=estimator) if labels is None else labels
        return cls.from_predictions(
            D_true, D_pred, rows=rows, metric=metric, labels=labels, kind=kind, ax=ax
        )

    @classmethod
    def from_predictions(
        cls,
        D_true: ArrayLike,
        D_pred: ArrayLike,
        *,
        rows: int | ArrayLike = 6,
        metric: RowMetric = kl_divergence,
        labels: ArrayLike | None = None,
        kind: Kind = "auto",
        ax: ArrayLike | Axes | None = None,
    ) -> LabelDistributionDisplay:
        """Draw given distributions.

        Parameters
        ----------
        D_true, D_pred : array-like of shape (n_samples, n_labels)
            True and predicted distributions; columns of two data frames are matched by name.
        rows : int or array-like of int, default=6
            Row numbers, or how many rows to take at even distances.
        metric : callable, default=kl_divergence
            A metric of :mod:`sklearn_ldl.metrics` that takes ``per_row=True``; its values stand in
            the titles.
        labels : array-like of shape (n_labels,) or (n_labels, n_dims), default=None
            Names or values of the labels. None takes the columns of a data frame `D_pred` or
            `D_true`, or numbers them.
        kind : {"auto", "bar", "line"}, default="auto"
            "auto" means bars, but lines for more than 20 labels and for the values of a grid.
        ax : Axes or array-like of Axes, default=None
            One per row; None makes a figure.

        Returns
        -------
        display : LabelDistributionDisplay
            The display.

        Raises
        ------
        ImportError
            If matplotlib is missing.
        ValueError
            If an argument is out of its range or shapes do not match.
        """
        pyplot(f"{cls.__name__}.from_predictions")
        labels = labels_of(D_pred, D_true) if labels is None else labels
        D, P = check_pair(D_true, D_pred)
        rows = _check_rows(rows, len(D))
        D, P = D[rows], P[rows]
        display = cls(
            D,
            P,
            rows=rows,
            scores=metric(D, P, per_row=True),
            metric_name=title_of(metric),
            labels=check_labels(labels, D.shape[1]),
        )
        return display.plot(ax=ax, kind=kind)

    def plot(
        self, *, ax: ArrayLike | Axes | None = None, kind: Kind = "auto"
    ) -> LabelDistributionDisplay:
        """Draw one panel per row.

        Parameters
        ----------
        ax : Axes or array-like of Axes, default=None
            One per row; None makes a figure.
        kind : {"auto", "bar", "line"}, default="auto"
            "auto" means bars, but lines for more than 20 labels and for the values of a grid.

        Returns
        -------
        display : LabelDistributionDisplay
            This display.
        """
        n_panels = len(self.rows)
        n_lines, n_columns = panel_grid(n_panels, _MAX_COLUMNS)
        self.axes_ = all_axes(
            ax,
            n_panels,
            f"{type(self).__name__}.plot",
            nrows=n_lines,
            ncols=n_columns,
            figsize=(2.0 + 3.0 * n_columns, 0.8 + 2.1 * n_lines),
            sharex=True,
            sharey=True,
        )
        self.figure_ = self.axes_[0].figure
        labels = check_labels(self.labels, self.D_true.shape[1])
        kind = resolve_kind(kind, labels, _MAX_BARS)
        draw = _draw_bars if kind == "bar" else _draw_lines
        x = positions(labels, kind)
        pairs = [
            draw(axes, x, d, p)
            for axes, d, p in zip(self.axes_, self.D_true, self.D_pred, strict=True)
        ]
        self.true_artists_, self.pred_artists_ = map(list, zip(*pairs, strict=True))
        for axes, row, score in zip(self.axes_, self.rows, self.scores, strict=True):
            title = f"Row {row}: {self.metric_name} {score:.3g}"
            axes.set_title(fitted_text(axes, title, "font.size"), fontsize="medium")
            axes.set_ylim(bottom=0)
            name_height = write_labels(axes, labels, kind)
        if ax is None:
            label_panels(self.axes_, n_columns, "Label", "Degree")
            n_label_lines = 1 if n_panels % n_columns == 0 else 2
            self.figure_.set_figheight(self.figure_.get_figheight() + n_label_lines * name_height)
            # Beside the panels it is in the way of neither a title nor a caption of the figure.
            self.figure_.legend(
                [self.true_artists_[0], self.pred_artists_[0]],
                ["true", "predicted"],
                loc="outside right upper",
                frameon=False,
            )
        else:
            self.axes_[0].legend(fontsize="small")
        return self


def _draw_bars(axes: Axes, x: NDArray, d: NDArray, p: NDArray) -> tuple[Any, Any]:
    width = 0.4
    true = axes.bar(x - width / 2, d, width, color=BLUE, label="true")
    return true, axes.bar(x + width / 2, p, width, color=VERMILLION, label="predicted")


def _draw_lines(axes: Axes, x: NDArray, d: NDArray, p: NDArray) -> tuple[Any, Any]:
    order = np.argsort(x)
    x = x[order]
    axes.fill_between(x, d[order], color=BLUE, alpha=0.2, linewidth=0)
    (true,) = axes.plot(x, d[order], color=BLUE, label="true")
    (pred,) = axes.plot(x, p[order], color=VERMILLION, linestyle="--", label="predicted")
    return true, pred


def _check_rows(rows: int | ArrayLike, n_samples: int) -> NDArray[np.intp]:
    """Return row numbers; a number of rows is spread evenly."""
    if isinstance(rows, Integral):
        if rows < 1:
            raise ValueError(f"rows must be at least 1, got {rows}.")
        return np.linspace(0, n_samples - 1, min(rows, n_samples)).astype(int)
    rows = np.asarray(rows)
    if rows.ndim != 1 or not len(rows) or rows.dtype.kind not in "iu":
        raise ValueError("rows must be an integer or a list of row numbers.")
    if rows.min() < 0 or rows.max() >= n_samples:
        raise ValueError(f"rows must lie between 0 and {n_samples - 1}, got {rows.tolist()}.")
    return rows
