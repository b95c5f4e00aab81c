"""How much worse predictions become without a feature."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator
from sklearn.inspection import permutation_importance
from sklearn.utils import check_array

from sklearn_ldl.inspection.predictions import feature_names
from sklearn_ldl.metrics import get_ldl_scorer
from sklearn_ldl.plotting.feature_axis import (
    cut,
    largest,
    names_of_features,
    panel_height,
    write_features,
)
from sklearn_ldl.plotting.figures import BLUE, GREY, one_axes, pyplot
from sklearn_ldl.plotting.responses import prose

if TYPE_CHECKING:
    from matplotlib.axes import Axes


class ImportanceDisplay:
    """Importances of features: mean and deviation of what a score loses when they are permuted.

    Make one by `from_estimator` or `from_importances`; the parameters are stored as attributes.

    Parameters
    ----------
    importances : ndarray of shape (n_features, n_repeats)
        What the score loses, for every permutation.
    feature_names : list of str
        Names of the features.
    score_name : str, default=None
        Name of the score, with the prefix ``neg_`` for one that is better when low.

    Attributes
    ----------
    ax_ : matplotlib Axes
        The axes.
    figure_ : matplotlib Figure
        Their figure.
    bars_ : matplotlib BarContainer
        Mean importances, the largest on top, with the standard deviation over repeats.
    features_ : ndarray of shape (n_shown,)
        Positions of the features that are shown.

    See Also
    --------
    sklearn.inspection.permutation_importance : Computes importances.
    ShapLabelDisplay : Contributions to the predictions of a label.

    References
    ----------
    L. Breiman, "Random forests", Machine Learning, 2001.

    A. Fisher, C. Rudin, F. Dominici, "All models are wrong, but many are useful", Journal of
    Machine Learning Research, 2019.

    Examples
    --------
    >>> from sklearn_ldl import BFGSLDL
    >>> from sklearn_ldl.datasets import make_ldl
    >>> from sklearn_ldl.plotting import ImportanceDisplay
    >>> X, D = make_ldl(n_samples=200, random_state=0)
    >>> model = BFGSLDL().fit(X, D)
    >>> display = ImportanceDisplay.from_estimator(model, X, D, random_state=0)
    >>> display.importances.shape
    (3, 10)
    """

    def __init__(
        self, importances: NDArray, feature_names: list[str], *, score_name: str | None = None
    ):
        self.importances = importances
        self.feature_names = feature_names
        self.score_name = score_name

    @classmethod
    def from_estimator(
        cls,
        estimator: BaseEstimator,
        X: Any,
        y: ArrayLike,
        *,
        scoring: str | Callable = "neg_kl_divergence",
        n_repeats: int = 10,
        sample_weight: ArrayLike | None = None,
        n_jobs: int | None = None,
        random_state: int | np.random.RandomState | None = None,
        max_features: int = 15,
        ax: Axes | None = None,
        **kwargs: Any,
    ) -> ImportanceDisplay:
        """Permute, score and draw.

        Parameters
        ----------
        estimator : estimator
            Fitted to distributions, or to labels or values that it makes distributions of. May be a
            pipeline or a search.
        X : array-like of shape (n_samples, n_features)
            Samples, best ones that the estimator was not fitted to.
        y : array-like of shape (n_samples, n_labels) or (n_samples,)
            True targets, of the kind that `estimator` was fitted to.
        scoring : str or callable, default="neg_kl_divergence"
            A name that :func:`sklearn_ldl.metrics.get_ldl_scorer` knows, or a scorer.
        n_repeats : int, default=10
            How often to permute each feature.
        sample_weight : array-like of shape (n_samples,), default=None
            Weights of the rows in the score.
        n_jobs : int, default=None
            Processes of scikit-learn's ``permutation_importance``.
        random_state : int, RandomState instance or None, default=None
            Seed of the permutations.
        max_features : int, default=15
            How many features to show, those that matter most.
        ax : Axes, default=None
            Axes to draw on; None makes a figure.
        **kwargs
            Passed to ``matplotlib.axes.Axes.barh``.

        Returns
        -------
        display : ImportanceDisplay
            The display.

        Raises
        ------
        ImportError
            If matplotlib is missing.
        ValueError
            If an argument is out of its range or shapes do not match.
        """
        pyplot(f"{cls.__name__}.from_estimator")
        name = scoring if isinstance(scoring, str) else None
        X = X if hasattr(X, "columns") else np.asarray(X)
        found = permutation_importance(
            estimator,
            X,
            y,
            scoring=get_ldl_scorer(scoring) if isinstance(scoring, str) else scoring,
            n_repeats=n_repeats,
            sample_weight=sample_weight,
            n_jobs=n_jobs,
            random_state=random_state,
        )
        return cls.from_importances(
            found["importances"],
            feature_names=feature_names(estimator, X),
            score_name=name,
            max_features=max_features,
            ax=ax,
            **kwargs,
        )

    @classmethod
    def from_importances(
        cls,
        importances: ArrayLike,
        *,
        feature_names: ArrayLike | None = None,
        score_name: str | None = None,
        max_features: int = 15,
        ax: Axes | None = None,
        **kwargs: Any,
    ) -> ImportanceDisplay:
        """Draw given importances.

        Parameters
        ----------
        importances : array-like of shape (n_features, n_repeats)
            Such as `importances` of the result of ``permutation_importance``.
        feature_names : array-like of shape (n_features,), default=None
            Names of the features; None numbers them.
        score_name : str, default=None
            Name of the score, with the prefix ``neg_`` for one that is better when low.
        max_features : int, default=15
            How many features to show, those that matter most.
        ax : Axes, default=None
            Axes to draw on; None makes a figure.
        **kwargs
            Passed to ``matplotlib.axes.Axes.barh``.

        Returns
        -------
        display : ImportanceDisplay
            The display.

        Raises
        ------
        ImportError
            If matplotlib is missing.
        ValueError
            If an argument is out of its range or shapes do not match.
        """
        pyplot(f"{cls.__name__}.from_importances")
        importances = check_array(importances, dtype=np.float64, input_name="importances")
        names = names_of_features(feature_names, len(importances))
        display = cls(importances, names, score_name=score_name)
        return display.plot(max_features=max_features, ax=ax, **kwargs)

    def plot(
        self, *, max_features: int = 15, ax: Axes | None = None, **kwargs: Any
    ) -> ImportanceDisplay:
        """Draw the bars.

        Parameters
        ----------
        max_features : int, default=15
            How many features to show, those that matter most.
        ax : Axes, default=None
            Axes to draw on; None makes a figure.
        **kwargs
            Passed to ``matplotlib.axes.Axes.barh``.

        Returns
        -------
        display : ImportanceDisplay
            This display.
        """
        mean = self.importances.mean(axis=1)
        self.features_ = largest(mean, max_features)
        size = (6, panel_height(len(self.features_)))
        self.ax_ = one_axes(ax, f"{type(self).__name__}.plot", figsize=size)
        self.figure_ = self.ax_.figure
        self.bars_ = self.ax_.barh(
            np.arange(len(self.features_)),
            mean[self.features_],
            **{
                "xerr": self.importances.std(axis=1)[self.features_],
                "height": 0.7,
                "color": BLUE,
                **kwargs,
            },
        )
        self.ax_.axvline(0, color=GREY, linewidth=0.8)
        write_features(self.ax_, [cut(self.feature_names[j]) for j in self.features_])
        self.ax_.set_xlabel(_what_happens(self.score_name))
        return self


def _what_happens(score_name: str | None) -> str:
    if score_name is None:
        return "Decrease of the score"
    of = prose(score_name.removeprefix("neg_"))
    return f"{'Increase' if score_name.startswith('neg_') else 'Decrease'} of the {of}"
