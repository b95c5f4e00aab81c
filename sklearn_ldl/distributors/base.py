"""What all transformers of targets share."""

from __future__ import annotations

from typing import Any, ClassVar

from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, TransformerMixin

from sklearn_ldl._core.plain_state import PlainState
from sklearn_ldl.distributors.roles import Targets


class TargetTransformer(PlainState, TransformerMixin, BaseEstimator):
    """Base of the transformers that are fitted on `y` instead of `X`."""

    #: What `transform` takes and `inverse_transform` gives back.
    targets: ClassVar[Targets]

    def __init_subclass__(cls, **kwargs: Any) -> None:
        # Targets stay arrays whatever the output configuration for features is.
        super().__init_subclass__(auto_wrap_output_keys=None, **kwargs)

    def fit_transform(self, y: ArrayLike, X: object = None) -> NDArray:
        """Fit to targets, then transform them.

        Parameters
        ----------
        y : array-like of shape (n_samples,) or (n_samples, n_columns)
            Targets, as in ``fit``.
        X : None
            Ignored.

        Returns
        -------
        D : ndarray of shape (n_samples, n_columns_out)
            Transformed targets, as from ``transform``.
        """
        return self.fit(y).transform(y)

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.two_d_array = False
        tags.target_tags.one_d_labels = True
        tags.target_tags.two_d_labels = True
        return tags
