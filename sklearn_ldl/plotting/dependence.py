"""A distribution over the values of one feature."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator

from sklearn_ldl.inspection import distribution_dependence
from sklearn_ldl.plotting.figures import area_colors, one_axes, pyplot
from sklearn_ldl.plotting.label_axis import check_labels, names_of, short_names, write_labels

if TYPE_CHECKING:
    from matplotlib.axes import Axes

# More labels have a scale of colours instead of a legend.
_MOST_IN_LEGEND = 12
_MOST_TICKS = 6
# Of the figure, in inches.
_HEIGHT = 4


class DistributionDependenceDisplay:
    """Partial dependence of a whole distribution on one feature, as stacked areas.

    Where the feature is a number, the areas go over its values; where it is a category, bars are
    divided. Labels in an order go from dark to light. Make one by `from_estimator`; the parameters
    are stored as attributes.

    Parameters
    ----------
    values : ndarray of shape (n_values,)
        Values of the feature.
    distributions : ndarray of shape (n_values, n_labels)
        The mean predicted distribution at each of them.
    feature : str
        Name of the feature.
    label_names : ndarray of shape (n_labels,) or (n_labels, n_dims)
        Names or values of the labels.
    is_categorical : bool, default=False
        Whether the values have no order.

    Attributes
    ----------
    ax_ : matplotlib Axes
        The axes.
    figure_ : matplotlib Figure
        Their figure.
    artists_ : list of matplotlib PolyCollection or BarContainer
        One for each label, from bottom to top.
    legend_ : matplotlib Legend or Colorbar
        What the colours mean.

    See Also
    --------
    sklearn_ldl.inspection.distribution_dependence : Computes what is shown.

    References
    ----------
    J. H. Friedman, "Greedy function approximation: a gradient boosting machine", Annals of
    Statistics, 2001.

    Examples
    --------
    >>> from sklearn_ldl import BFGSLDL
    >>> from sklearn_ldl.datasets import make_ldl
    >>> from sklearn_ldl.plotting import DistributionDependenceDisplay
    >>> X, D = make_ldl(n_samples=200, random_state=0)
    >>> model = BFGSLDL().fit(X, D)
    >>> display = DistributionDependenceDisplay.from_estimator(model, X, 0)
    >>> display.distributions.shape
    (50, 3)
    """

    def __init__(
        self,
        values: NDArray,
        distributions: NDArray,
        feature: str,
        label_names: NDArray,
        is_categorical: bool = False,
    ):
        self.values = values
        self.distributions = distributions
        self.feature = feature
        self.label_names = label_names
        self.is_categorical = is_categorical

    @classmethod
    def from_estimator(
        cls,
        estimator: BaseEstimator,
        X: Any,
        feature: int | str,
        *,
        ordered: bool | None = None,
        ax: Axes | None = None,
        **options: Any,
    ) -> DistributionDependenceDisplay:
        """Predict and draw.

        Parameters
        ----------
        estimator : estimator
            Fitted to distributions, or to labels or values that it makes distributions of, as
            :class:`~sklearn_ldl.LDLClassifier` and :class:`~sklearn_ldl.LDLRegressor` do. May be a
            pipeline or a search.
        X : array-like of shape (n_samples, n_features)
            Rows to average over, such as a data frame with columns of any kind.
        feature : int or str
            Position or name of the feature.
        ordered : bool, default=None
            Whether the labels are in an order. None means that numbers are; more than seven labels
            have colours in an order in any case.
        ax : Axes, default=None
            Axes to draw on; None makes a figure.
        **options : dict
            Further parameters of :func:`~sklearn_ldl.inspection.distribution_dependence`.

        Returns
        -------
        display : DistributionDependenceDisplay
            The display.

        Raises
        ------
        ImportError
            If matplotlib is missing.
        ValueError
            If there is no such feature, or an argument is out of its range.
        """
        pyplot(f"{cls.__name__}.from_estimator")
        display = cls(*distribution_dependence(estimator, X, feature, **options))
        return display.plot(ordered=ordered, ax=ax)

    def plot(
        self, *, ordered: bool | None = None, ax: Axes | None = None
    ) -> DistributionDependenceDisplay:
        """Draw the areas, or bars for categories.

        Parameters
        ----------
        ordered : bool, default=None
            Whether the labels are in an order. None means that numbers are; more than seven labels
            have colours in an order in any case.
        ax : Axes, default=None
            Axes to draw on; None makes a figure.

        Returns
        -------
        display : DistributionDependenceDisplay
            This display.
        """
        labels = check_labels(self.label_names, self.distributions.shape[1])
        ordered = labels.dtype.kind in "iuf" if ordered is None else ordered
        colors = area_colors(len(labels), ordered)
        self.ax_ = one_axes(ax, f"{type(self).__name__}.plot", figsize=(6.5, _HEIGHT))
        self.figure_ = self.ax_.figure
        if self.is_categorical:
            self.artists_ = self._draw_bars(colors)
        else:
            self.artists_ = self._draw_areas(colors)
            self.ax_.margins(x=0)
        self.ax_.set(ylim=(0, 1), xlabel=short_names(np.array([self.feature]))[0])
        self.ax_.set_ylabel("Mean predicted degree")
        self.legend_ = self._explain(labels, colors)
        if self.is_categorical:
            height = write_labels(self.ax_, self._categories(), "bar")
            if ax is None:
                self.figure_.set(figheight=_HEIGHT + height)
        return self

    def _categories(self) -> NDArray:
        return names_of(np.array([str(value) for value in self.values]))

    def _draw_areas(self, colors: list[Any]) -> list[Any]:
        values, D = self.values, self.distributions
        if len(values) == 1:  # a point has no area
            values, D = values[0] + np.array([-0.5, 0.5]), D.repeat(2, axis=0)
            self.ax_.set_xticks(self.values)
        areas = self.ax_.stackplot(values, D.T, colors=colors)
        for area, color in zip(areas, colors, strict=True):
            # White would hide many thin areas.
            area.set(linewidth=0.5, edgecolor="white" if len(areas) <= _MOST_IN_LEGEND else color)
        return areas

    def _draw_bars(self, colors: list[Any]) -> list[Any]:
        x = np.arange(len(self.values))
        tops = self.distributions.cumsum(axis=1)
        return [
            self.ax_.bar(x, degree, 0.8, bottom=top - degree, color=color)
            for degree, top, color in zip(self.distributions.T, tops.T, colors, strict=True)
        ]

    def _explain(self, labels: NDArray, colors: list[Any]) -> Any:
        if len(labels) <= _MOST_IN_LEGEND:
            # The last one is on top, as it is in the picture.
            return self.ax_.legend(
                self.artists_[::-1],
                short_names(labels)[::-1],
                loc="upper left",
                bbox_to_anchor=(1, 1),
                frameon=False,
                title="Label",
            )
        from matplotlib.cm import ScalarMappable
        from matplotlib.colors import ListedColormap, Normalize

        scale = ScalarMappable(Normalize(-0.5, len(labels) - 0.5), ListedColormap(colors))
        bar = self.figure_.colorbar(scale, ax=self.ax_, label="Label")
        ticks = np.linspace(0, len(labels) - 1, _MOST_TICKS).round().astype(int)
        bar.set_ticks(ticks.tolist(), labels=_rounded(labels[ticks]))
        return bar


def _rounded(labels: NDArray) -> list[str]:
    """Write values of a grid without digits that a scale of colours cannot show."""
    if labels.dtype.kind == "f":
        return [f"{label:.3g}" for label in labels]
    return short_names(labels)
