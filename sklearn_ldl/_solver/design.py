"""The design matrix as the solver sees it: centred products with dense or CSR features.

Coefficients are (n_labels, n_features), logits (n_samples, n_labels) in column-major order. In that
layout both products are ``(few rows) x (wide matrix)``, which BLAS runs up to twice as fast as
their transposes. Centring is implicit: `X` is neither copied nor densified, but for the Gram matrix
of a problem with few rows.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

# Numbers that are centred at a time while moments are accumulated; they should stay in the cache.
_CACHED = 100_000
# An entry of CSR costs a product some fifteen times as much as a dense one, and the conversion as
# much as a few evaluations.
_RARE, _LARGE = 0.03, 1_000_000
# Means that are larger than the deviation by this factor cost single precision two digits of seven.
_LARGE_MEAN = 100
# Sums of squares of numbers that are larger may overflow in single precision.
_LARGE_SQUARE = 1e15


def uncentred_norm(G: NDArray, total: NDArray, mean: NDArray, unit: float) -> float:
    """Largest entry of a gradient, of which `G` belongs to features less their mean.

    Features are measured in the given `unit`.
    """
    G = G + np.outer(total, mean)
    return max(float(np.abs(G).max()) / unit, float(np.abs(total).max()))


def scaled(X: Any, scale: NDArray | None) -> Any:
    """Divide every column by a number of its own; None leaves `X` as it is."""
    if scale is None:
        return X
    if sp.issparse(X):
        return sp.csr_array(X @ sp.diags_array(1 / scale)).astype(X.dtype, copy=False)
    return X / scale.astype(X.dtype)


def without_zeros(X: Any) -> Any:
    """Return large dense features as CSR if nearly all are zeros, which products then skip."""
    if sp.issparse(X) or X.size < _LARGE or np.count_nonzero(X) > _RARE * X.size:
        return X
    return sp.csr_array(X)


def _even(A: NDArray) -> NDArray:
    """Add a row of zeros to one short of a multiple of eight.

    Kernels of matrix products take up to eight rows at a time, and take longest over seven.
    """
    if len(A) % 8 != 7:
        return A
    return np.concatenate([A, np.zeros((1, A.shape[1]), dtype=A.dtype)])


class Design:
    """Features `X` seen through ``x -> x - mean`` with row weights that sum to one.

    Parameters
    ----------
    X : ndarray or CSR matrix of shape (n_samples, n_features)
    sample_weight : ndarray of shape (n_samples,)
        Non-negative, sum one.
    center : bool
        Whether to subtract the weighted mean (there is an intercept to make up for it).

    Attributes
    ----------
    unit : float
        Unit of the features in which their gradients are measured.
    """

    unit = 1.0

    def __init__(self, X: Any, sample_weight: NDArray, *, center: bool):
        self.X = X
        self.weight = sample_weight
        self.sparse = sp.issparse(X)
        n_features = X.shape[1]
        if center:
            self.mean = np.asarray(X.T @ sample_weight.astype(X.dtype), dtype=np.float64)
        else:
            self.mean = np.zeros(n_features)

    @property
    def shape(self) -> tuple[int, int]:
        """(n_samples, n_features)."""
        return self.X.shape

    @property
    def n_stored(self) -> int:
        """Numbers that an evaluation reads."""
        return self.X.nnz if self.sparse else self.X.size

    def logits(self, coef: NDArray, intercept: NDArray) -> NDArray:
        """``(X - mean) coef^T + intercept``, column-major, in the dtype of `X`."""
        shift = (intercept - coef @ self.mean).astype(self.X.dtype)
        coef = coef.astype(self.X.dtype, copy=False)
        if self.sparse:
            Z = np.asfortranarray(self.X @ np.ascontiguousarray(coef.T))
        else:
            Z = (_even(coef) @ self.X.T)[: len(coef)].T
        Z += shift
        return Z

    def gradient(self, E: NDArray) -> tuple[NDArray, NDArray]:
        """Pull the gradient `E` in the logits back to coefficients and intercept."""
        total = E.sum(axis=0, dtype=np.float64)
        if self.sparse:
            G = (self.X.T @ np.ascontiguousarray(E)).T
        else:
            G = (_even(E.T) @ self.X)[: E.shape[1]]
        G = G.astype(np.float64, order="C", copy=False)
        G -= np.outer(total, self.mean)
        return G, total

    def gradient_norm(self, G: NDArray, total: NDArray) -> float:
        """Largest entry of the gradient in the coefficients of the uncentred features."""
        return uncentred_norm(G, total, self.mean, self.unit)

    def covariance(self, columns: NDArray | slice, dtype: type = np.float64) -> NDArray:
        """Weighted covariance ``sum_i s_i (x_i - mean)(x_i - mean)^T`` of some columns."""
        mean = self.mean[columns]
        root = np.sqrt(self.weight)
        if self.sparse:
            scaled = (sp.diags_array(root) @ self.X[:, columns]).astype(dtype)
            S = (scaled.T @ scaled).toarray()
            mean = mean.astype(dtype)
            S -= np.outer(mean, mean)
            return S
        S = np.zeros((len(mean), len(mean)), dtype=dtype)
        uniform = self.weight.min() == self.weight.max()
        for rows in self._chunks(at_least=len(mean)):
            # Centred before the product: no cancellation when means dwarf deviations.
            chunk = self.X[rows, columns]
            block = np.empty(chunk.shape, dtype=dtype)
            np.subtract(chunk, mean, out=block, casting="same_kind")
            if not uniform:
                block *= root[rows, None].astype(dtype)
            S += block.T @ block
        return S * dtype(self.weight[0]) if uniform else S

    def gram(self) -> NDArray:
        """Centred Gram matrix ``(X - mean)(X - mean)^T`` (n_samples, n_samples)."""
        if self.sparse:
            K = np.asarray((self.X @ self.X.T).todense(), dtype=np.float64)
            offset = np.asarray(self.X @ self.mean, dtype=np.float64)
            return K - offset[:, None] - offset + self.mean @ self.mean
        centred = self.X - self.mean
        return centred @ centred.T

    def variance(self) -> NDArray:
        """Weighted variance of every column."""
        if self.sparse:
            square = np.asarray(self.X.multiply(self.X).T @ self.weight, dtype=np.float64)
            return np.maximum(square - self.mean**2, 0)
        total = np.zeros(self.shape[1])
        for rows in self._chunks():
            block = self.X[rows] - self.mean
            block *= block
            total += self.weight[rows] @ block
        return total

    def _chunks(self, at_least: int = 1) -> Iterator[slice]:
        """Rows in pieces that fit into the cache."""
        step = max(at_least, _CACHED // self.shape[1], 1)
        return (slice(start, start + step) for start in range(0, self.shape[0], step))


def in_precision(X: Any, sample_weight: NDArray) -> Any:
    """Return the features in double precision where single would lose what tells rows apart.

    That is so where means are much larger than deviations, as of time stamps, and where squares
    would overflow.

    Parameters
    ----------
    X : ndarray or CSR matrix of shape (n_samples, n_features)
        Of either precision.
    sample_weight : ndarray of shape (n_samples,)
        Non-negative weights of the rows, not all zero.

    Returns
    -------
    X : ndarray or CSR matrix of shape (n_samples, n_features)
        The same object, or a copy in float64.
    """
    if X.dtype != np.float32:
        return X
    if squares_overflow(X):
        return X.astype(np.float64)
    design = Design(X, sample_weight / sample_weight.sum(), center=True)
    lost = loses_in_single(design.mean, design.variance())
    return X.astype(np.float64) if lost else X


def squares_overflow(X: Any) -> bool:
    """Whether sums of squares of some numbers may overflow in single precision."""
    return bool(max(X.max(), -X.min()) > _LARGE_SQUARE)


def loses_in_single(mean: NDArray, variance: NDArray) -> bool:
    """Whether the mean of some feature is much larger than its deviation."""
    # The mean of a constant feature counts as it is: it comes and goes with the gradient.
    deviation = np.where(variance > 0, np.sqrt(np.maximum(variance, 0)), 1)
    return bool((np.abs(mean) > _LARGE_MEAN * deviation).any())
