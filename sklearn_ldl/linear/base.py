"""What the linear estimators share."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator
from sklearn.utils.extmath import safe_sparse_dot
from sklearn.utils.validation import check_is_fitted

from sklearn_ldl._core.dask_rows import lazily
from sklearn_ldl._core.samples import validate_samples
from sklearn_ldl._core.weights import training_weight
from sklearn_ldl._solver.design import in_precision
from sklearn_ldl.base import LabelDistributionMixin, SoftmaxPredictionMixin


class LinearLearner(LabelDistributionMixin, BaseEstimator):
    """Base of estimators that are linear in the features."""

    def _validate_data(self, X, y, sample_weight):
        X, D = self._validate_fit(X, y, accept_sparse="csr", dtype=[np.float64, np.float32])
        sample_weight = training_weight(sample_weight, X)
        return in_precision(X, sample_weight), D, sample_weight

    def _report(
        self, n_iter: int, objective: float, gradient_norm: float, unit: str = "iteration"
    ) -> None:
        """Print where the search stands, every `verbose` iterations."""
        if self.verbose and n_iter % int(self.verbose) == 0:
            print(
                f"{type(self).__name__} {unit} {n_iter:4d}: objective {objective:.8f}, "
                f"gradient {gradient_norm:.2e}"
            )

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        return tags


class LinearModel(LinearLearner):
    """Base of estimators with `coef_` and `intercept_`, a row for each label."""

    @lazily
    def decision_function(self, X: Any) -> NDArray:
        """Linear outputs ``X @ coef_.T + intercept_``, before they become distributions.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Samples.

        Returns
        -------
        Z : ndarray of shape (n_samples, n_labels)
            Any real numbers.
        """
        check_is_fitted(self)
        X = validate_samples(
            self, X, accept_sparse="csr", dtype=[np.float64, np.float32], reset=False
        )
        Z = safe_sparse_dot(X, self.coef_.T, dense_output=True) + self.intercept_
        # Coefficients are in double precision where the features, of single, needed it.
        return Z.astype(X.dtype, copy=False)


class SoftmaxLinearModel(SoftmaxPredictionMixin, LinearModel):
    """Base of estimators with predictions ``softmax(X W^T + b)``."""
