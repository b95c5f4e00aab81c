"""What features contribute to one label, for many rows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator

from sklearn_ldl.inspection import ShapValues, shap_values
from sklearn_ldl.inspection.predictions import Output
from sklearn_ldl.plotting.feature_axis import cut, largest, panel_height, write_features
from sklearn_ldl.plotting.figures import GREY, one_axes, pyplot
from sklearn_ldl.plotting.label_axis import check_labels, names_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes

# Points so close to each other lie side by side: that many steps over the whole width.
_STEPS = 80
# Half the height of the widest swarm; two features are 1 apart.
_HALF = 0.4


class ShapLabelDisplay:
    """Contributions of features to the predicted degree of one label, a point for each row.

    A feature whose points are far from zero matters; the colours, from low to high values of the
    feature, say in which direction. Features that are no numbers are grey. Make one by
    `from_estimator` or `from_shap_values`; the parameters are stored as attributes.

    Parameters
    ----------
    values : ndarray of shape (n_samples, n_features)
        Contributions to the label.
    data : ndarray of shape (n_samples, n_features)
        Values of the features.
    feature_names : list of str
        Names of the features.
    label : str
        The label.
    output : {"distribution", "logits"}, default="distribution"
        What is explained.

    Attributes
    ----------
    ax_ : matplotlib Axes
        The axes.
    figure_ : matplotlib Figure
        Their figure.
    points_ : list of matplotlib PathCollection
        The rows, for each feature that is shown.
    features_ : ndarray of shape (n_shown,)
        Positions of these features, by their mean absolute contribution.
    colorbar_ : matplotlib Colorbar or None
        What the colours mean; None where all are grey.

    See Also
    --------
    ShapRowDisplay : Contributions to all labels, for one row.
    sklearn_ldl.inspection.shap_values : Computes what is shown.

    References
    ----------
    S. M. Lundberg et al., "From local explanations to global understanding with explainable AI for
    trees", Nature Machine Intelligence, 2020.

    Examples
    --------
    >>> from sklearn_ldl import BFGSLDL
    >>> from sklearn_ldl.datasets import make_ldl
    >>> from sklearn_ldl.plotting import ShapLabelDisplay
    >>> X, D = make_ldl(n_samples=200, random_state=0)
    >>> model = BFGSLDL().fit(X, D)
    >>> display = ShapLabelDisplay.from_estimator(model, X, label=1, output="logits")
    >>> display.values.shape
    (200, 3)
    """

    def __init__(
        self,
        values: NDArray,
        data: NDArray,
        feature_names: list[str],
        label: str,
        output: Output = "distribution",
    ):
        self.values = values
        self.data = data
        self.feature_names = feature_names
        self.label = label
        self.output = output

    @classmethod
    def from_estimator(
        cls,
        estimator: BaseEstimator,
        X: Any,
        *,
        label: Any,
        max_features: int = 10,
        ax: Axes | None = None,
        **options: Any,
    ) -> ShapLabelDisplay:
        """Explain rows and draw.

        Parameters
        ----------
        estimator : estimator
            Fitted to distributions, or to labels or values that it makes distributions of, as
            :class:`~sklearn_ldl.LDLClassifier` and :class:`~sklearn_ldl.LDLRegressor` do. May be a
            pipeline or a search.
        X : array-like of shape (n_samples, n_features)
            Rows to explain.
        label : label
            Name or value of the label, or its position where labels have none.
        max_features : int, default=10
            How many features to show, those that contribute most.
        ax : Axes, default=None
            Axes to draw on; None makes a figure.
        **options : dict
            Further parameters of :func:`~sklearn_ldl.inspection.shap_values`.

        Returns
        -------
        display : ShapLabelDisplay
            The display.

        Raises
        ------
        ImportError
            If matplotlib is missing, or shap where it is needed.
        ValueError
            If there is no such label, or an argument is out of its range.
        """
        pyplot(f"{cls.__name__}.from_estimator")
        found = shap_values(estimator, X, **options)
        return cls.from_shap_values(found, label=label, max_features=max_features, ax=ax)

    @classmethod
    def from_shap_values(
        cls, explained: ShapValues, *, label: Any, max_features: int = 10, ax: Axes | None = None
    ) -> ShapLabelDisplay:
        """Draw given contributions.

        Parameters
        ----------
        explained : ShapValues
            Result of :func:`~sklearn_ldl.inspection.shap_values`.
        label : label
            Name or value of the label, or its position where labels have none.
        max_features : int, default=10
            How many features to show, those that contribute most.
        ax : Axes, default=None
            Axes to draw on; None makes a figure.

        Returns
        -------
        display : ShapLabelDisplay
            The display.

        Raises
        ------
        ImportError
            If matplotlib is missing.
        ValueError
            If there is no such label, or an argument is out of its range.
        """
        pyplot(f"{cls.__name__}.from_shap_values")
        names = names_of(check_labels(explained.label_names, len(explained.base_values))).tolist()
        text = names_of(check_labels([label], 1))[0]
        if text not in names:
            raise ValueError(f"There is no label {label!r}; there are {names[:10]}.")
        display = cls(
            explained.values[:, :, names.index(text)],
            explained.data,
            explained.feature_names,
            str(text),
            explained.output,
        )
        return display.plot(max_features=max_features, ax=ax)

    def plot(self, *, max_features: int = 10, ax: Axes | None = None) -> ShapLabelDisplay:
        """Draw the points.

        Parameters
        ----------
        max_features : int, default=10
            How many features to show, those that contribute most.
        ax : Axes, default=None
            Axes to draw on; None makes a figure.

        Returns
        -------
        display : ShapLabelDisplay
            This display.
        """
        self.features_ = largest(np.abs(self.values).mean(axis=0), max_features)
        size = (7, 0.3 + panel_height(len(self.features_)))
        self.ax_ = one_axes(ax, f"{type(self).__name__}.plot", figsize=size)
        self.figure_ = self.ax_.figure
        colormap = _low_to_high()
        self.points_, colored = [], None
        heights = _swarm(self.values[:, self.features_])
        for line, feature in enumerate(self.features_):
            level = _levels(self.data[:, feature])
            points = self.ax_.scatter(
                self.values[:, feature],
                line + heights[:, line],
                s=12,
                linewidth=0,
                **({"color": GREY} if level is None else {"c": level, "cmap": colormap}),
            )
            if level is not None:
                points.set_clim(0, 1)
                colored = points
            self.points_.append(points)
        self.ax_.axvline(0, color=GREY, linewidth=0.8, zorder=0)
        write_features(self.ax_, [cut(self.feature_names[j]) for j in self.features_])
        what = {"distribution": "degree", "logits": "logit"}[self.output]
        label = cut(self.label)
        self.ax_.set_xlabel(f"Contribution to the {what} of {label}")
        self.colorbar_ = None
        if colored is not None:
            self.colorbar_ = self.figure_.colorbar(
                colored, ax=self.ax_, label="Value of the feature"
            )
            self.colorbar_.set_ticks([0, 1], labels=["low", "high"])
        return self


def _low_to_high() -> Any:
    """Colours that are all seen on white."""
    from matplotlib import colormaps
    from matplotlib.colors import ListedColormap

    return ListedColormap(colormaps["viridis"](np.linspace(0, 0.9, 256)))


def _levels(column: NDArray) -> NDArray[np.float64] | None:
    """Ranks of the values, from 0 to 1; None where they are no numbers. A gap is in the middle."""
    try:
        numbers = column.astype(np.float64)
    except (TypeError, ValueError):
        return None
    known = numbers[~np.isnan(numbers)]
    distinct, ranks = np.unique(known, return_inverse=True)
    level = np.full(len(numbers), 0.5)
    if len(distinct) > 1:
        mean_rank = np.cumsum(np.bincount(ranks)) - np.bincount(ranks) / 2
        scaled = (mean_rank - mean_rank[0]) / (mean_rank[-1] - mean_rank[0])
        level[~np.isnan(numbers)] = scaled[ranks]
    return level


def _swarm(values: NDArray) -> NDArray[np.float64]:
    """Shift points that are close to each other to both sides of a line, for each column."""
    step = np.ptp(values) / _STEPS or 1.0
    heights = np.zeros(values.shape)
    for column, height in zip(values.T, heights.T, strict=True):
        bins = np.round(column / step).astype(int)
        for number in np.unique(bins):
            rows = np.flatnonzero(bins == number)
            height[rows] = np.arange(len(rows)) - (len(rows) - 1) / 2
    # Few points stay close together.
    return heights * min(_HALF / max(np.abs(heights).max(), 1e-9), 0.08)
