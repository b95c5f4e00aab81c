"""Predictions of a network that weighs kernels: values, densities and their properties."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Literal, overload

import numpy as np
from numpy.typing import ArrayLike, NDArray

from sklearn_ldl import decoding
from sklearn_ldl._core.label_names import points_in_order
from sklearn_ldl._core.quantiles import check_levels
from sklearn_ldl._core.simplex import log_softmax, safe_log, softmax
from sklearn_ldl.deep.values.base import check_targets
from sklearn_ldl.deep.values.mixtures import KernelMixture

# Of heat maps whose peaks are 1.
_LEAST_HEIGHT = 1e-12


class KernelDensityPredictionMixin:
    """Mixin of a regressor whose net returns logits of the weights of kernels.

    Its `fit` sets the attributes below.
    """

    loss: str
    decode: decoding.Rule
    grid_: NDArray[np.float64]
    bandwidth_: NDArray[np.float64]
    n_labels_: int
    _mixture: KernelMixture
    #: (n_landmarks, height, width) of heat maps; empty where there are none.
    _maps: tuple[int, ...]
    _sample_shape: tuple[int, ...]

    if TYPE_CHECKING:

        def _outputs(self, X: Any) -> NDArray[np.float64]: ...
        def _member_outputs(
            self, X: Any, mc_samples: int | None = None, random_state: Any = None
        ) -> NDArray[np.float64]: ...

    def _logits(self, X: Any) -> NDArray[np.float64]:
        """Logits of all densities, one per row and landmark."""
        return self._as_logits(self._outputs(X).reshape(-1, self.n_labels_))

    def _as_logits(self, Z: NDArray[np.float64]) -> NDArray[np.float64]:
        """Logits of the weights that outputs stand for."""
        return safe_log(np.maximum(Z, 0), floor=_LEAST_HEIGHT) if self.loss == "l2" else Z

    def _weights(self, X: Any) -> NDArray[np.float64]:
        return softmax(self._logits(X), axis=1)

    def predict_proba(self, X: Any) -> NDArray[np.float64]:
        """Predict the weights of the kernels.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features), array of images or Dataset
            Samples.

        Returns
        -------
        P : ndarray of shape (n_samples, n_labels)
            Rows on the simplex, over `grid_`; (n_samples, n_landmarks, height, width) with
            `heatmap_shape`.
        """
        return self._weights(X).reshape(-1, *(self._maps or [self.n_labels_]))

    def predict_members(
        self, X: Any, *, mc_samples: int | None = None, random_state: Any = None
    ) -> NDArray[np.float64]:
        """Predict the weights of the kernels by every member; their mean is `predict_proba`.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features), array of images or Dataset
            Samples.
        mc_samples : int, default=None
            Passes with dropout, each of which is a member. None means `predict_mc_samples`.
        random_state : int or RandomState instance, default=None
            Seed of the dropout of such passes; None means that of `predict`.

        Returns
        -------
        P : ndarray of shape (n_members, n_samples, n_labels)
            Rows on the simplex, over `grid_`; (n_members, n_samples, n_landmarks, height, width)
            with `heatmap_shape`. Without an ensemble and passes there is one member.
        """
        Z = self._member_outputs(X, mc_samples, random_state)
        P = softmax(self._as_logits(Z.reshape(*Z.shape[:2], -1, self.n_labels_)), axis=-1)
        return P.reshape(*Z.shape[:2], *(self._maps or [self.n_labels_]))

    def predict_log_proba(self, X: Any) -> NDArray[np.float64]:
        """Logarithms of the weights of the kernels.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features), array of images or Dataset
            Samples.

        Returns
        -------
        L : ndarray of the shape of `predict_proba`
            Logarithms, finite also where a weight underflows.
        """
        log_P = log_softmax(self._logits(X), axis=1)
        return log_P.reshape(-1, *(self._maps or [self.n_labels_]))

    @overload
    def predict(
        self, X: Any, return_std: Literal[False] = False, return_cov: Literal[False] = False
    ) -> NDArray[np.float64]: ...
    @overload
    def predict(
        self, X: Any, return_std: Literal[True], return_cov: Literal[False] = False
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]: ...
    @overload
    def predict(
        self, X: Any, return_std: Literal[False] = False, *, return_cov: Literal[True]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]: ...
    def predict(
        self, X: Any, return_std: bool = False, return_cov: bool = False
    ) -> NDArray[np.float64] | tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Predict values or points, by the rule `decode`.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features), array of images or Dataset
            Samples.
        return_std : bool, default=False
            Whether to return standard deviations too.
        return_cov : bool, default=False
            Whether to return covariance matrices too, those of :meth:`covariance`.

        Returns
        -------
        y : ndarray of shape (n_samples,) or (n_samples, n_dims)
            Predictions, in the shape of the targets that the model was fitted to.
        std : ndarray of the same shape
            Standard deviations of the density around its mean, whatever `decode` is; only with
            `return_std`.
        cov : ndarray of shape (n_samples, n_dims, n_dims)
            Covariance matrices; only with `return_cov`.

        Raises
        ------
        ValueError
            If both `return_std` and `return_cov` are set.
        """
        if return_std and return_cov:
            raise ValueError("Ask for one of return_std and return_cov: one follows from the other")
        P = self._weights(X)
        y = self._mixture.decode(P, self.decode).reshape(-1, *self._sample_shape)
        if not (return_std or return_cov):
            return y
        covariance = self._covariance(P)
        if return_cov:
            return y, covariance
        variance = np.diagonal(covariance, axis1=-2, axis2=-1)
        return y, np.sqrt(variance).reshape(y.shape)

    def covariance(self, X: Any) -> NDArray[np.float64]:
        r"""Covariance matrices of the predicted densities.

        That of the centres plus that of the kernel,

        .. math:: \sum_j p_j (\mu_j - m)(\mu_j - m)^\top + \mathrm{diag}(b^2), \qquad
                  m = \sum_j p_j \mu_j

        with :math:`b` the `bandwidth_`.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features), array of images or Dataset
            Samples.

        Returns
        -------
        covariance : ndarray of shape (n_samples, n_dims, n_dims)
            Symmetric and positive definite; (n_samples, n_landmarks, 2, 2) with `heatmap_shape`.
        """
        return self._covariance(self._weights(X))

    def _covariance(self, P: NDArray) -> NDArray[np.float64]:
        n_dims = len(self.bandwidth_)
        return self._mixture.covariance(P).reshape(-1, *self._maps[:1], n_dims, n_dims)

    def uncertainty(self, X: Any) -> NDArray[np.float64]:
        """Square root of the determinant of the covariance: of values, the standard deviation.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features), array of images or Dataset
            Samples.

        Returns
        -------
        uncertainty : ndarray of shape (n_samples,)
            In the units of `y`, to the power of n_dims; (n_samples, n_landmarks) with
            `heatmap_shape`.
        """
        return np.sqrt(np.linalg.det(self.covariance(X)))

    def log_density(self, X: Any, y: ArrayLike) -> NDArray[np.float64]:
        """Logarithm of the predicted density at `y`; of landmarks, summed over them.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features), array of images or Dataset
            Samples.
        y : array-like of shape (n_samples,) or (n_samples, n_dims)
            Values or points, in the shape of the targets that the model was fitted to. Columns of a
            data frame are matched by name with those of `fit`.

        Returns
        -------
        log_density : ndarray of shape (n_samples,)
            In nats; the density is per unit of `y` (of every dimension). Minus infinity outside of
            the cells of the uniform kernel.

        Raises
        ------
        ValueError
            If `y` is not finite or does not have the shape of the predictions.
        """
        Z = self._logits(X)
        n_rows = len(Z) // math.prod(self._maps[:1])
        y = check_targets(points_in_order(self, y), (n_rows, *self._sample_shape))
        log_density = self._mixture.log_density(Z, y.reshape(len(Z), -1))
        return log_density.reshape(n_rows, -1).sum(axis=1)

    def quantile(self, X: Any, q: ArrayLike) -> NDArray[np.float64]:
        """Quantiles of the predicted densities of values.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features), array of images or Dataset
            Samples.
        q : float or array-like of shape (n_quantiles,)
            Levels in (0, 1).

        Returns
        -------
        y : ndarray of shape (n_samples,) or (n_samples, n_quantiles)
            In the units of the targets; not confined to the range of the grid.

        Raises
        ------
        ValueError
            If `q` is out of range, or the model was fitted to points.
        """
        q = check_levels(q)
        P = self._weights(X)
        if len(self.bandwidth_) > 1:
            raise ValueError("Quantiles are those of values, but the model was fitted to points.")
        return self._mixture.quantile(P, np.atleast_1d(q)).reshape(len(P), *q.shape)
