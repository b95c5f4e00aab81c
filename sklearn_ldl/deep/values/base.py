"""What the deep regressors share: values or points in, values or points out."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import RegressorMixin
from sklearn.utils import check_array
from sklearn.utils.validation import check_consistent_length, column_or_1d

from sklearn_ldl._core.sklearn_compat import available_if
from sklearn_ldl.base import training_weight
from sklearn_ldl.deep.dataset_targets import collect_targets


class ValuesMixin(RegressorMixin):
    """Mixin of :class:`~sklearn_ldl.deep.estimator.DeepEstimator` for regressors of values.

    A subclass encodes targets for its net in `_encode`, and may predict `quantile`.
    """

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = True
        return tags

    def _validate_fit(
        self, X: Any, y: ArrayLike | None, *, first_is_enough: bool = False
    ) -> tuple[Any, NDArray[np.float64], bool]:
        """Validate features and targets; return both, and whether the targets are those of `X`.

        Of a Dataset that brings its own targets, these are all or the first.
        """
        X, own_targets = self._validate_samples(X, y)
        if own_targets:
            y = collect_targets(X, 1 if first_is_enough else len(X))
        y = check_values(y)
        y = column_or_1d(y, warn=True) if y.shape[1:] == (1,) else y
        if not own_targets:
            check_consistent_length(X, y)
        self._sample_shape = y.shape[1:]
        return X, y, own_targets

    def _goes_on(self) -> bool:
        """Whether `fit` trains the net at hand, whose units must stay as they are."""
        return self.warm_start and hasattr(self, "net_")

    @available_if(lambda self: hasattr(self, "quantile"))
    def interval(self, X: Any, coverage: float = 0.9) -> NDArray[np.float64]:
        """Central prediction intervals, with the same probability left out on both sides.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features), array of images or Dataset
            Samples.
        coverage : float in (0, 1), default=0.9
            Predicted probability of an interval.

        Returns
        -------
        bounds : ndarray of shape (n_samples, 2)
            Lower and upper ends, in the units of `y`.

        Raises
        ------
        ValueError
            If `coverage` is out of range, or the model was fitted to points.
        """
        if not 0 < coverage < 1:
            raise ValueError(f"coverage must lie in (0, 1), got {coverage!r}.")
        return self.quantile(X, [(1 - coverage) / 2, (1 + coverage) / 2])


def check_values(y: Any) -> NDArray[np.float64]:
    """Validate values (n_samples,) or points (n_samples, ...)."""
    return check_array(y, dtype=np.float64, ensure_2d=False, allow_nd=True, input_name="y")


def check_targets(y: ArrayLike, shape: tuple[int, ...]) -> NDArray[np.float64]:
    """Validate values or points that predictions of a given shape are compared with."""
    y = check_values(y)
    if y.shape != shape:
        raise ValueError(f"y has shape {y.shape}, expected {shape}.")
    return y


def check_levels(q: ArrayLike) -> NDArray[np.float64]:
    """Validate the levels of quantiles: a number or a vector."""
    q = np.asarray(q, dtype=np.float64)
    if q.ndim > 1 or not ((q > 0) & (q < 1)).all():
        raise ValueError(f"q must be a number or a vector of numbers in (0, 1), got {q!r}.")
    return q


def counted(y: NDArray, sample_weight: ArrayLike | None) -> NDArray:
    """Targets of the rows that are trained on: a row of weight zero is as good as absent."""
    return y if sample_weight is None else y[training_weight(sample_weight, y) > 0]
