"""What features contribute to the prediction for one row."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator

from sklearn_ldl.inspection import ShapValues, shap_values
from sklearn_ldl.inspection.predictions import Output
from sklearn_ldl.plotting.feature_axis import (
    cut,
    panel_height,
    value_text,
    with_rest,
    write_features,
)
from sklearn_ldl.plotting.figures import BLUE, GREY, VERMILLION, all_axes, panel_grid, pyplot
from sklearn_ldl.plotting.label_axis import check_labels, names_of, positions, write_labels

if TYPE_CHECKING:
    from matplotlib.axes import Axes

# More labels make an image.
_MOST_PANELS = 6
_MAX_COLUMNS = 3
# Longer names are cut to fit above a panel.
_MOST_OF_NAME = 26


class ShapRowDisplay:
    """Contributions of features to the predicted degree of every label, for one row.

    A panel for each label shows how the features lead from the mean prediction to that for the row,
    both of which stand above it: up to the right, down to the left. Many labels make one image. The
    features are in the order of what they contribute to all labels; those that are not shown are
    summed up. Make one by `from_estimator` or `from_shap_values`; the parameters are stored as
    attributes.

    Parameters
    ----------
    values : ndarray of shape (n_features, n_labels)
        Contributions.
    base_values : ndarray of shape (n_labels,)
        The mean prediction.
    data : ndarray of shape (n_features,)
        Values of the features.
    feature_names : list of str
        Names of the features.
    label_names : ndarray of shape (n_labels,) or (n_labels, n_dims)
        Names or values of the labels.
    output : {"distribution", "logits"}, default="distribution"
        What is explained.

    Attributes
    ----------
    figure_ : matplotlib Figure
        The figure.
    axes_ : ndarray of shape (n_panels,) of matplotlib Axes
        One panel for each label, or one for all.
    artists_ : list of matplotlib BarContainer or AxesImage
        What was drawn, one for each panel.

    See Also
    --------
    ShapLabelDisplay : Contributions to one label, for many rows.
    sklearn_ldl.inspection.shap_values : Computes what is shown.

    References
    ----------
    S. M. Lundberg, S.-I. Lee, "A unified approach to interpreting model predictions", NIPS 2017.

    Examples
    --------
    >>> from sklearn_ldl import BFGSLDL
    >>> from sklearn_ldl.datasets import make_ldl
    >>> from sklearn_ldl.plotting import ShapRowDisplay
    >>> X, D = make_ldl(n_samples=200, random_state=0)
    >>> model = BFGSLDL().fit(X, D)
    >>> display = ShapRowDisplay.from_estimator(model, X, 7, output="logits")
    >>> display.values.shape
    (3, 3)
    """

    def __init__(
        self,
        values: NDArray,
        base_values: NDArray,
        data: NDArray,
        feature_names: list[str],
        label_names: NDArray,
        output: Output = "distribution",
    ):
        self.values = values
        self.base_values = base_values
        self.data = data
        self.feature_names = feature_names
        self.label_names = label_names
        self.output = output

    @classmethod
    def from_estimator(
        cls,
        estimator: BaseEstimator,
        X: Any,
        row: int = 0,
        *,
        max_features: int = 10,
        kind: Literal["auto", "bar", "image"] = "auto",
        ax: ArrayLike | Axes | None = None,
        **options: Any,
    ) -> ShapRowDisplay:
        """Explain one row and draw.

        Parameters
        ----------
        estimator : estimator
            Fitted to distributions, or to labels or values that it makes distributions of, as
            :class:`~sklearn_ldl.LDLClassifier` and :class:`~sklearn_ldl.LDLRegressor` do. May be a
            pipeline or a search.
        X : array-like of shape (n_samples, n_features)
            The row among others, which it is compared with.
        row : int, default=0
            Number of the row in `X`.
        max_features : int, default=10
            How many features to show, those that contribute most.
        kind : {"auto", "bar", "image"}, default="auto"
            "auto" means bars, but an image for more than six labels.
        ax : Axes or array-like of Axes, default=None
            One for each panel; None makes a figure.
        **options : dict
            Further parameters of :func:`~sklearn_ldl.inspection.shap_values`.

        Returns
        -------
        display : ShapRowDisplay
            The display.

        Raises
        ------
        ImportError
            If matplotlib is missing, or shap where it is needed.
        ValueError
            If an argument is out of its range.
        """
        pyplot(f"{cls.__name__}.from_estimator")
        found = shap_values(estimator, X, rows=[row], **options)
        return cls.from_shap_values(found, max_features=max_features, kind=kind, ax=ax)

    @classmethod
    def from_shap_values(
        cls,
        explained: ShapValues,
        row: int = 0,
        *,
        max_features: int = 10,
        kind: Literal["auto", "bar", "image"] = "auto",
        ax: ArrayLike | Axes | None = None,
    ) -> ShapRowDisplay:
        """Draw given contributions.

        Parameters
        ----------
        explained : ShapValues
            Result of :func:`~sklearn_ldl.inspection.shap_values`.
        row : int, default=0
            Number of the row in it.
        max_features : int, default=10
            How many features to show, those that contribute most.
        kind : {"auto", "bar", "image"}, default="auto"
            "auto" means bars, but an image for more than six labels.
        ax : Axes or array-like of Axes, default=None
            One for each panel; None makes a figure.

        Returns
        -------
        display : ShapRowDisplay
            The display.

        Raises
        ------
        ImportError
            If matplotlib is missing.
        ValueError
            If an argument is out of its range.
        """
        pyplot(f"{cls.__name__}.from_shap_values")
        _check_row(row, len(explained.values))
        display = cls(
            explained.values[row],
            explained.base_values,
            explained.data[row],
            explained.feature_names,
            explained.label_names,
            explained.output,
        )
        return display.plot(max_features=max_features, kind=kind, ax=ax)

    def plot(
        self,
        *,
        max_features: int = 10,
        kind: Literal["auto", "bar", "image"] = "auto",
        ax: ArrayLike | Axes | None = None,
    ) -> ShapRowDisplay:
        """Draw the contributions.

        Parameters
        ----------
        max_features : int, default=10
            How many features to show, those that contribute most.
        kind : {"auto", "bar", "image"}, default="auto"
            "auto" means bars, but an image for more than six labels.
        ax : Axes or array-like of Axes, default=None
            One for each panel; None makes a figure.

        Returns
        -------
        display : ShapRowDisplay
            This display.
        """
        if kind not in ("auto", "bar", "image"):
            raise ValueError(f"kind must be 'auto', 'bar' or 'image', got {kind!r}.")
        labels = check_labels(self.label_names, self.values.shape[1])
        if kind == "auto":
            kind = "bar" if len(labels) <= _MOST_PANELS else "image"
        values, texts, kept = with_rest(self.values, self.feature_names, max_features)
        for line, feature in enumerate(kept):
            texts[line] += f" = {value_text(self.data[feature])}"
        if kind == "bar":
            self._draw_bars(values, texts, labels, ax)
        else:
            self._draw_image(values, texts, labels, ax)
        return self

    def _draw_bars(
        self, values: NDArray, texts: list[str], labels: NDArray, ax: ArrayLike | Axes | None
    ) -> None:
        n_lines, n_columns = panel_grid(len(labels), _MAX_COLUMNS)
        self.axes_ = all_axes(
            ax,
            len(labels),
            f"{type(self).__name__}.plot",
            nrows=n_lines,
            ncols=n_columns,
            figsize=(2 + 2.5 * n_columns, n_lines * panel_height(len(texts))),
            sharex=True,
            sharey=True,
        )
        self.figure_ = self.axes_[0].figure
        self.artists_ = []
        for k, (axes, name) in enumerate(zip(self.axes_, names_of(labels), strict=True)):
            colors = np.where(values[:, k] < 0, VERMILLION, BLUE).tolist()
            self.artists_.append(
                axes.barh(np.arange(len(texts)), values[:, k], height=0.7, color=colors)
            )
            axes.axvline(0, color=GREY, linewidth=0.8)
            write_features(axes, texts)
            base = self.base_values[k]
            axes.set_title(
                f"{cut(name, _MOST_OF_NAME)}\n{base:.2f} → {base + values[:, k].sum():.2f}",
                fontsize="medium",
            )
        if ax is None:
            for lowest in self.axes_[-n_columns:]:
                lowest.tick_params(labelbottom=True)
            self.figure_.supxlabel(_AXIS[self.output], fontsize="medium")
        else:
            for axes in self.axes_:
                axes.set_xlabel(_AXIS[self.output])

    def _draw_image(
        self, values: NDArray, texts: list[str], labels: NDArray, ax: ArrayLike | Axes | None
    ) -> None:
        size = (7.5, panel_height(len(texts)))
        self.axes_ = all_axes(ax, 1, f"{type(self).__name__}.plot", figsize=size)
        axes = self.axes_[0]
        self.figure_ = axes.figure
        x = positions(labels, "line")
        order = np.argsort(x, kind="stable")
        x, limit = x[order], np.abs(values).max() or 1.0
        edges = np.concatenate(
            [[1.5 * x[0] - 0.5 * x[1]], (x[1:] + x[:-1]) / 2, [1.5 * x[-1] - 0.5 * x[-2]]]
        )
        image = axes.pcolormesh(
            edges,
            np.arange(len(texts) + 1) - 0.5,
            values[:, order],
            cmap="RdBu",
            vmin=-limit,
            vmax=limit,
        )
        write_features(axes, texts)
        self.artists_ = [image]
        axes.set_xlabel("Label")
        name_height = write_labels(axes, labels, "line")
        self.figure_.colorbar(image, ax=axes, label=_AXIS[self.output])
        if ax is None:
            self.figure_.set_figheight(self.figure_.get_figheight() + name_height)


_AXIS: dict[Output, str] = {
    "distribution": "Contribution to the degree",
    "logits": "Contribution to the logit",
}


def _check_row(row: int, n_rows: int) -> None:
    if not 0 <= row < n_rows:
        raise ValueError(f"row must lie between 0 and {n_rows - 1}, got {row}.")
