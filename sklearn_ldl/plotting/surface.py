"""Distributions over three labels as colours, on a regular grid of points."""

from __future__ import annotations

from collections.abc import Mapping
from math import isqrt
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator

from sklearn_ldl._core.label_names import (
    columns_in_order,
    declared_classes,
    fitted_names,
    label_order,
    names_of,
)
from sklearn_ldl._core.simplex import check_distribution
from sklearn_ldl.metrics import kl_divergence
from sklearn_ldl.metrics.checks import check_pair, weighted_mean
from sklearn_ldl.metrics.rows import RowMetric
from sklearn_ldl.plotting.figures import all_axes, fitted_text, label_panels, panel_grid, pyplot
from sklearn_ldl.plotting.label_axis import check_labels
from sklearn_ldl.plotting.responses import distributions, labels_of, name_of, title_of
from sklearn_ldl.plotting.simplex_colors import Colors, check_colors, colors_of, draw_key

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_MAX_COLUMNS = 4


class RGBSurfaceDisplay:
    r"""Distributions over three labels as red, green and blue, on a regular grid of points.

    The usual picture of models of Geng's artificial data: the truth on the surface of
    :func:`~sklearn_ldl.datasets.make_ldl_surface` beside what models predict there. The degrees
    are the colour channels, scaled to full brightness,

    .. math:: (r, g, b) = d / \max_j d_j,

    which loses nothing because degrees sum to one: pure colours have all mass on one label, white
    is the uniform distribution, and equal colours mean equal distributions in all panels.

    Red and green look alike to one man in twelve. ``colors="colorblind"`` mixes dark blue, orange
    and white instead, which differ in lightness as well: :math:`(r, g, b) = \sum_j d_j c_j` with
    the colours :math:`c_j` of the labels. This loses nothing either; the uniform distribution is a
    brownish grey.

    Make one by `from_estimator` or `from_predictions`; the parameters are stored as attributes.

    Parameters
    ----------
    D_true : ndarray of shape (n_points, 3)
        True distributions, line by line of the picture, from the bottom up.
    D_pred : dict of str to ndarray of shape (n_points, 3)
        Predicted distributions by the name of the model.
    grid_shape : tuple of int
        Lines and columns of the picture; their product is `n_points`.
    scores : dict of str to float
        The value of the metric for every model.
    metric_name : str
        What the titles call the metric.
    labels : array-like of shape (3,), default=None
        Names of the labels; None stands for the column numbers.

    Attributes
    ----------
    figure_ : matplotlib Figure
        The figure.
    axes_ : ndarray of shape (1 + n_models,) of matplotlib Axes
        The truth, then the models.
    images_ : list of matplotlib AxesImage
        The pictures, in the same order.
    key_ : matplotlib Axes or None
        The triangle that explains the colours; only in a new figure.

    References
    ----------
    X. Geng, "Label distribution learning", IEEE Transactions on Knowledge and Data Engineering
    28(7), 2016.

    Examples
    --------
    >>> from sklearn_ldl import BFGSLDL, KNeighborsLDL
    >>> from sklearn_ldl.datasets import make_ldl, make_ldl_surface
    >>> from sklearn_ldl.plotting import RGBSurfaceDisplay
    >>> X, D = make_ldl(n_samples=500, random_state=0)
    >>> models = {
    ...     "maximum entropy": BFGSLDL(alpha=1e-4).fit(X, D),
    ...     "neighbours": KNeighborsLDL().fit(X, D),
    ... }
    >>> display = RGBSurfaceDisplay.from_estimator(models, *make_ldl_surface())
    >>> len(display.images_)
    3
    """

    def __init__(
        self,
        D_true: NDArray,
        D_pred: Mapping[str, NDArray],
        *,
        grid_shape: tuple[int, int],
        scores: Mapping[str, float],
        metric_name: str,
        labels: ArrayLike | None = None,
    ):
        self.D_true = D_true
        self.D_pred = D_pred
        self.grid_shape = grid_shape
        self.scores = scores
        self.metric_name = metric_name
        self.labels = labels

    @classmethod
    def from_estimator(
        cls,
        estimator: BaseEstimator | Mapping[str, BaseEstimator],
        X: Any,
        y: ArrayLike,
        *,
        grid_shape: tuple[int, int] | None = None,
        metric: RowMetric = kl_divergence,
        sample_weight: ArrayLike | None = None,
        labels: ArrayLike | None = None,
        extent: tuple[float, float, float, float] = (-1, 1, -1, 1),
        colors: Colors = "rgb",
        ax: ArrayLike | Axes | None = None,
    ) -> RGBSurfaceDisplay:
        """Predict and draw.

        Parameters
        ----------
        estimator : estimator, or dict of str to estimator
            One or more estimators, fitted to distributions over three labels.
        X : array-like of shape (n_points, n_features)
            Points of a regular grid, line by line of the picture, from the bottom up, as from
            :func:`~sklearn_ldl.datasets.make_ldl_surface`.
        y : array-like of shape (n_points, 3)
            True distributions.
        grid_shape : tuple of int, default=None
            Lines and columns of the picture; None means a square.
        metric : callable, default=kl_divergence
            A metric of :mod:`sklearn_ldl.metrics` that takes ``per_row=True``; its mean stands in
            the titles.
        sample_weight : array-like of shape (n_points,), default=None
            Weights of the points in that mean.
        labels : array-like of shape (3,), default=None
            Names of the labels. None takes them from the columns of a data frame `y`, or from
            `label_names_` or `classes_` of the estimator, or numbers them.
        extent : tuple of float, default=(-1, 1, -1, 1)
            Coordinates of the first and last column, and of the first and last line.
        colors : {"rgb", "colorblind"}, default="rgb"
            Red, green and blue for the three labels, or dark blue, orange and white.
        ax : Axes or array-like of Axes, default=None
            One for the truth and one per estimator; None makes a figure.

        Returns
        -------
        display : RGBSurfaceDisplay
            The display.

        Raises
        ------
        ImportError
            If matplotlib is missing.
        ValueError
            If there are not three labels, shapes do not match, or `colors` is unknown.
        """
        pyplot(f"{cls.__name__}.from_estimator")
        models = estimator if isinstance(estimator, Mapping) else {name_of(estimator): estimator}
        D_pred: dict[str, NDArray] = {}
        D_true, first, names_first = y, "", None
        for name, model in models.items():
            D, P = distributions(model, X, y)
            names = names_of(D)
            if names is None:
                names = declared_classes(model, y) or fitted_names(model)
            if not D_pred:
                D_true, first, names_first = D, name, names
                labels = labels_of(D, y, estimator=model) if labels is None else labels
            order = label_order(names, names_first, of_have=name, of_want=first)
            D_pred[name] = P if order is None else P[:, order]
        return cls.from_predictions(
            D_true,
            D_pred,
            grid_shape=grid_shape,
            metric=metric,
            sample_weight=sample_weight,
            labels=labels,
            extent=extent,
            colors=colors,
            ax=ax,
        )

    @classmethod
    def from_predictions(
        cls,
        D_true: ArrayLike,
        D_pred: ArrayLike | Mapping[str, ArrayLike],
        *,
        grid_shape: tuple[int, int] | None = None,
        metric: RowMetric = kl_divergence,
        sample_weight: ArrayLike | None = None,
        labels: ArrayLike | None = None,
        extent: tuple[float, float, float, float] = (-1, 1, -1, 1),
        colors: Colors = "rgb",
        ax: ArrayLike | Axes | None = None,
    ) -> RGBSurfaceDisplay:
        """Draw given distributions.

        Parameters
        ----------
        D_true : array-like of shape (n_points, 3)
            True distributions, line by line of the picture, from the bottom up.
        D_pred : array-like of shape (n_points, 3), or dict of str to array-like
            Predicted distributions of one model, or of several by name.
        grid_shape : tuple of int, default=None
            Lines and columns of the picture; None means a square.
        metric : callable, default=kl_divergence
            A metric of :mod:`sklearn_ldl.metrics` that takes ``per_row=True``; its mean stands in
            the titles.
        sample_weight : array-like of shape (n_points,), default=None
            Weights of the points in that mean.
        labels : array-like of shape (3,), default=None
            Names of the labels. None takes the columns of a data frame `D_pred` or `D_true`, which
            are matched by name, or numbers them.
        extent : tuple of float, default=(-1, 1, -1, 1)
            Coordinates of the first and last column, and of the first and last line.
        colors : {"rgb", "colorblind"}, default="rgb"
            Red, green and blue for the three labels, or dark blue, orange and white.
        ax : Axes or array-like of Axes, default=None
            One for the truth and one per model; None makes a figure.

        Returns
        -------
        display : RGBSurfaceDisplay
            The display.

        Raises
        ------
        ImportError
            If matplotlib is missing.
        ValueError
            If there are not three labels, shapes do not match, or `colors` is unknown.
        """
        pyplot(f"{cls.__name__}.from_predictions")
        given = D_pred if isinstance(D_pred, Mapping) else {"predicted": D_pred}
        if not given:
            raise ValueError("There is nothing to compare: D_pred is empty.")
        names = labels_of(*given.values(), D_true)
        labels = names if labels is None else labels
        D_true = columns_in_order(D_true, names, of_y="D_true", of_names="D_pred")
        D = check_distribution(D_true, input_name="D_true")
        if D.shape[1] != 3:
            raise ValueError(f"Colours show three labels, but D_true has {D.shape[1]} columns.")
        predictions, scores = {}, {}
        for name, P in given.items():
            P = columns_in_order(P, names, of_y=name, of_names="D_true")
            _, predictions[name] = check_pair(D, np.asarray(P))
            scores[name] = weighted_mean(metric(D, predictions[name], per_row=True), sample_weight)
        display = cls(
            D,
            predictions,
            grid_shape=_check_grid_shape(grid_shape, len(D)),
            scores=scores,
            metric_name=title_of(metric),
            labels=check_labels(labels, 3),
        )
        return display.plot(ax=ax, extent=extent, colors=colors)

    def plot(
        self,
        *,
        ax: ArrayLike | Axes | None = None,
        extent: tuple[float, float, float, float] = (-1, 1, -1, 1),
        colors: Colors = "rgb",
    ) -> RGBSurfaceDisplay:
        """Draw the truth and the predictions.

        Parameters
        ----------
        ax : array-like of Axes, default=None
            One for the truth and one per model; None makes a figure.
        extent : tuple of float, default=(-1, 1, -1, 1)
            Coordinates of the first and last column, and of the first and last line.
        colors : {"rgb", "colorblind"}, default="rgb"
            Red, green and blue for the three labels, or dark blue, orange and white.

        Returns
        -------
        display : RGBSurfaceDisplay
            This display.

        Raises
        ------
        ValueError
            If `colors` is unknown.
        """
        check_colors(colors)
        panels = {"true": self.D_true}
        for name, P in self.D_pred.items():
            panels[f"{name}\n{self.metric_name} {self.scores[name]:.3g}"] = P
        n_lines, n_columns = panel_grid(len(panels), _MAX_COLUMNS)
        self.axes_ = all_axes(
            ax,
            len(panels),
            f"{type(self).__name__}.plot",
            nrows=n_lines,
            ncols=n_columns,
            figsize=(1.5 + 2.4 * n_columns, 0.4 + 2.7 * n_lines),
            sharex=True,
            sharey=True,
        )
        self.figure_ = self.axes_[0].figure
        edges = _pixel_edges(extent, self.grid_shape)
        self.images_ = []
        for axes, (title, D) in zip(self.axes_, panels.items(), strict=True):
            picture = colors_of(D, colors).reshape(*self.grid_shape, 3)
            self.images_.append(axes.imshow(picture, origin="lower", extent=edges))
            lines = [fitted_text(axes, line, "font.size") for line in title.splitlines()]
            axes.set_title("\n".join(lines), fontsize="medium")
            axes.set(xticks=extent[:2], yticks=extent[2:])
            axes.tick_params(length=0)
            # Numbers end where the picture does, and keep away from those of its neighbours.
            for tick, side in zip(axes.xaxis.get_major_ticks(2), ("left", "right"), strict=True):
                tick.label1.set_horizontalalignment(side)
            for tick, side in zip(axes.yaxis.get_major_ticks(2), ("bottom", "top"), strict=True):
                tick.label1.set_verticalalignment(side)
            axes.spines[:].set(visible=True, color="0.6")  # a white picture has an edge
        self.key_ = None
        if ax is None:
            label_panels(self.axes_, n_columns, "$x_1$", "$x_2$", labelpad=-8)
            self.key_ = self.axes_[n_columns - 1].inset_axes([1.15, 0.2, 0.6, 0.6])
            draw_key(self.key_, check_labels(self.labels, 3), colors)
        return self


def _check_grid_shape(grid_shape: tuple[int, int] | None, n_points: int) -> tuple[int, int]:
    side = isqrt(n_points)
    shape = (side, side) if grid_shape is None else tuple(grid_shape)
    if len(shape) != 2 or shape[0] * shape[1] != n_points:
        raise ValueError(
            f"{n_points} points do not fill a picture of shape {shape}: give grid_shape."
        )
    return shape


def _pixel_edges(extent: tuple, grid_shape: tuple[int, int]) -> tuple:
    """Widen the extent by half a pixel, so that points lie in the middle of theirs."""
    left, right, bottom, top = extent
    n_lines, n_columns = grid_shape
    dx = (right - left) / max(n_columns - 1, 1) / 2
    dy = (top - bottom) / max(n_lines - 1, 1) / 2
    return left - dx, right + dx, bottom - dy, top + dy
