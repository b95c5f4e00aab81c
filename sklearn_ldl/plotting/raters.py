"""Who agrees with others, and who does not."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike
from sklearn.utils.validation import check_is_fitted

from sklearn_ldl.distributors import RaterModel
from sklearn_ldl.plotting.figures import BLUE, GREY, VERMILLION, name_axes, one_axes, pyplot

if TYPE_CHECKING:
    from matplotlib.axes import Axes


class RaterDisplay:
    """Agreement of every rater with the others, over what it would be without spam.

    On the diagonal are those who vote like others on the same items; those that are flagged are
    below it, and named. Make one by `from_model`; the parameters are stored as attributes.

    Parameters
    ----------
    raters : array-like of shape (n_raters,)
        Who is meant.
    agreement, expected_agreement : array-like of shape (n_raters,)
        Agreement of each with others, found and expected.
    flagged : array-like of shape (n_raters,), dtype bool
        Whom to name.
    n_votes : array-like of shape (n_raters,)
        Number of votes, which is the area of a point.

    Attributes
    ----------
    ax_ : matplotlib Axes
        The axes.
    figure_ : matplotlib Figure
        Their figure.
    points_ : matplotlib PathCollection
        The raters.
    texts_ : list of matplotlib Annotation
        Names of those that are flagged.

    See Also
    --------
    sklearn_ldl.RaterModel : Finds what is shown.

    References
    ----------
    D. Hovy, T. Berg-Kirkpatrick, A. Vaswani, E. Hovy, "Learning whom to trust with MACE", NAACL
    2013.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_ldl import RaterModel
    >>> from sklearn_ldl.plotting import RaterDisplay
    >>> rng = np.random.default_rng(0)
    >>> items, raters = (index.ravel() for index in np.indices((50, 6)))
    >>> labels = np.where(raters == 5, "a", rng.choice(["a", "b"], size=50)[items])
    >>> RaterDisplay.from_model(RaterModel().fit(items, raters, labels))
    <...>
    """

    def __init__(
        self,
        raters: ArrayLike,
        agreement: ArrayLike,
        expected_agreement: ArrayLike,
        *,
        flagged: ArrayLike,
        n_votes: ArrayLike,
    ):
        self.raters = raters
        self.agreement = agreement
        self.expected_agreement = expected_agreement
        self.flagged = flagged
        self.n_votes = n_votes

    @classmethod
    def from_model(
        cls, model: RaterModel, *, ax: Axes | None = None, **kwargs: Any
    ) -> RaterDisplay:
        """Draw what a model has found.

        Parameters
        ----------
        model : RaterModel
            Fitted model.
        ax : Axes, default=None
            Axes to draw on; None makes a figure.
        **kwargs
            Passed to ``matplotlib.axes.Axes.scatter``.

        Returns
        -------
        display : RaterDisplay
            The display.

        Raises
        ------
        ImportError
            If matplotlib is missing.
        sklearn.exceptions.NotFittedError
            If the model is not fitted.
        """
        pyplot(f"{cls.__name__}.from_model")
        check_is_fitted(model)
        display = cls(
            model.raters_,
            model.agreement_,
            model.expected_agreement_,
            flagged=model.flagged_,
            n_votes=model.n_votes_,
        )
        return display.plot(ax=ax, **kwargs)

    def plot(self, *, ax: Axes | None = None, **kwargs: Any) -> RaterDisplay:
        """Draw the raters.

        Parameters
        ----------
        ax : Axes, default=None
            Axes to draw on; None makes a figure.
        **kwargs
            Passed to ``matplotlib.axes.Axes.scatter``.

        Returns
        -------
        display : RaterDisplay
            This display.
        """
        self.ax_ = one_axes(ax, f"{type(self).__name__}.plot", figsize=(5, 5))
        self.figure_ = self.ax_.figure
        flagged, sizes = np.asarray(self.flagged), np.asarray(self.n_votes)
        options = {
            "c": np.where(flagged, VERMILLION, BLUE).tolist(),
            "s": (100 * sizes / sizes.max()).clip(10),
        }
        self.points_ = self.ax_.scatter(
            self.expected_agreement, self.agreement, **{"alpha": 0.7, **options, **kwargs}
        )
        self.texts_ = [self._name(k) for k in np.flatnonzero(flagged)]
        self.ax_.axline((0, 0), slope=1, color=GREY, lw=1, zorder=0)
        name_axes(self.ax_, "Expected agreement with others", "Agreement with others")
        self.ax_.set(xlim=(0, 1), ylim=(0, 1), aspect="equal")
        return self

    def _name(self, k: np.intp) -> Any:
        where = np.asarray(self.expected_agreement)[k], np.asarray(self.agreement)[k]
        return self.ax_.annotate(
            str(np.asarray(self.raters)[k]), where, (5, -8), textcoords="offset points"
        )
