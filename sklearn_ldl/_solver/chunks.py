"""Training data of a softmax-linear model in blocks of rows that Dask holds.

The moments of the metric, and every value with its gradient, are one map over the blocks and one
sum; the search itself runs where the caller is. Blocks are read at every evaluation, unless the
caller has persisted them, so that memory is bounded by their size.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from operator import add
from typing import Any

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray
from sklearn.utils import check_array

from sklearn_ldl._core.dask_rows import align, as_rows, is_dask, sum_over_blocks
from sklearn_ldl._core.label_names import as_before, describe_labels
from sklearn_ldl._core.samples import check_scale
from sklearn_ldl._core.simplex import check_distribution
from sklearn_ldl._core.sklearn_compat import check_feature_names
from sklearn_ldl._core.weights import require_weights, training_weight
from sklearn_ldl._solver.auto_alpha import Sample, effective_size, sampled_rows
from sklearn_ldl._solver.design import (
    Design,
    loses_in_single,
    scaled,
    squares_overflow,
    uncentred_norm,
)
from sklearn_ldl._solver.losses import Loss, entropy
from sklearn_ldl._solver.problem import PreparedProblem
from sklearn_ldl._solver.whitening import choose_metric, label_curvature, label_moments

# Features that are read at a time; they should stay in the cache between two products.
_CACHED = 400_000


def validate_chunks(estimator: Any, X: Any, y: Any, sample_weight: Any) -> tuple[Any, Any, Any]:
    """Describe the estimator by the collections, and cut them into blocks of the same rows.

    The content of the blocks is validated when they are read first.
    """
    if not is_dask(X):
        raise TypeError("y is a Dask collection, X is not: make both of them one, or compute y.")
    y = as_before(estimator, y)
    rows = as_rows(X)
    D = align(rows, y, name="y")
    if D.ndim != 2 or D.shape[1] < 2:
        check_distribution(np.zeros((1, *D.shape[1:])))  # says what is expected
    if not rows.shape[0]:
        raise ValueError("X has no rows.")
    check_feature_names(estimator, X._meta, reset=True)
    describe_labels(estimator, y, D.shape[1])
    estimator.n_features_in_ = rows.shape[1]
    if sample_weight is not None:
        sample_weight = align(rows, _scaled(sample_weight, rows), name="sample_weight")
    return rows, D, sample_weight


def _scaled(sample_weight: Any, rows: Any) -> Any:
    """Weights over about the largest, which is read for it; those of NumPy are validated here."""
    if not is_dask(sample_weight):
        return training_weight(sample_weight, np.empty((rows.shape[0], 0)), np.float64)
    weight = as_rows(sample_weight, name="sample_weight")
    largest = float(weight.max().compute())
    if not 0 < largest < np.inf:  # an error of the blocks
        return weight
    return weight / 2.0 ** (int(np.frexp(largest)[1]) - 1)


class ChunkedDesign:
    """The counterpart of `Design` for blocks: what the metrics ask of the features."""

    unit = 1.0

    def __init__(
        self, X: Any, D: Any, sample_weight: Any, *, center: bool, dtype: np.dtype | None = None
    ):
        self.shape = X.shape
        #: As of dense blocks: what sparse ones store is not known before they are read.
        self.n_stored = X.shape[0] * X.shape[1]
        dtype = X.dtype if dtype is None else dtype
        self.dtype = np.dtype(np.float32 if dtype == np.float32 else np.float64)
        sizes = np.array(X.chunks[0])
        weights = [None] * len(sizes)
        if sample_weight is not None:
            weights = align(X, sample_weight, name="sample_weight").to_delayed()
        columns = (X.to_delayed().ravel(), D.to_delayed().ravel(), weights)
        blocks = zip(np.cumsum(sizes) - sizes, *columns, strict=True)
        self._blocks = [block for size, block in zip(sizes, blocks, strict=True) if size]

        surveyed = self.sum(_survey, self.dtype)
        weight, sums, squares, *_ = surveyed
        if weight == 0:
            raise ValueError("All sample weights are zero.")
        mean, square = sums / weight, squares / weight
        in_single = np.isfinite(square).all() and not loses_in_single(mean, square - mean**2)
        if self.dtype == np.float32 and not in_single:
            self.dtype = np.dtype(np.float64)
            surveyed = self.sum(_survey, self.dtype)
        weight, sums, _, label_sums, entropy, n_sparse = surveyed
        #: What a block needs to know: its dtype, and what its weights are multiplied with.
        self.scale = self.dtype, 1 / weight
        self.label_mean, self.entropy = label_sums / weight, entropy / weight
        self.mean = sums / weight if center else np.zeros(X.shape[1])
        # Dense blocks are centred before they are multiplied; sparse ones cannot be.
        self.sparse = bool(n_sparse)
        self._centre = np.zeros(X.shape[1]) if self.sparse else self.mean

    def sum(self, function: Callable[..., tuple], *arguments: Any) -> tuple:
        """Sum ``function(first row, X, D, sample_weight, *arguments)`` over the blocks."""
        return sum_over_blocks(function, self._blocks, *arguments)

    def variance(self) -> NDArray:
        """Weighted variance of every column."""
        (variance,) = self.sum(_variance, self.scale, self._centre)
        return np.maximum(variance - self.mean**2, 0) if self.sparse else variance

    def covariance(self, columns: NDArray | slice, dtype: type = np.float64) -> NDArray:
        """Weighted covariance of some columns."""
        (S,) = self.sum(_covariance, self.scale, self._centre, columns, dtype)
        if self.sparse:
            mean: NDArray = self.mean[columns].astype(dtype)
            S -= np.outer(mean, mean)
        return S

    def label_moments(self) -> tuple[NDArray, NDArray]:
        """Mean distribution, and mean of ``d d^T``."""
        return self.sum(_label_moments, self.scale)

    def gradient_norm(self, G: NDArray, total: NDArray) -> float:
        """Largest entry of the gradient in the coefficients of the uncentred features."""
        return uncentred_norm(G, total, self.mean, self.unit)


def sample_of_blocks(X: Any, D: Any, sample_weight: Any) -> Sample:
    """Take the rows that the choice of a penalty looks at, once all blocks have been validated."""
    ChunkedDesign(X, D, sample_weight, center=False)
    weight = np.ones(X.shape[0]) if sample_weight is None else np.asarray(sample_weight)
    rows = sampled_rows(weight, X.shape[1])
    X_rows = check_array(X[rows].compute(), accept_sparse="csr", dtype=np.float64)
    return Sample(
        X_rows, check_distribution(D[rows].compute()), weight[rows], effective_size(weight)
    )


class RowsInChunks:
    """Rows in blocks: every point that the search looks at costs one evaluation."""

    curvature = 0.9

    def __init__(self, design: ChunkedDesign, loss: Loss):
        self.design, self.loss = design, loss
        dtype: Any = design.dtype
        self.resolution = 10 * float(np.finfo(dtype).eps)
        self.n_evaluations = 0
        self.gradient_norm = design.gradient_norm

    def start(self, coef: NDArray, intercept: NDArray) -> tuple[float, NDArray, NDArray]:
        """Value and gradient at a point, from where the first line starts."""
        self.coef, self.intercept = coef, intercept
        return self._evaluate(coef, intercept)

    def aim(self, move: NDArray, shift: NDArray) -> None:
        """Set the direction of the line."""
        self.move, self.shift = move, shift

    def at(self, t: float) -> tuple[float, float]:
        """Value and slope at `t` on the line."""
        value, G, total = self._evaluate(self.coef + t * self.move, self.intercept + t * self.shift)
        self.gradient = G, total
        return value, float(np.vdot(G, self.move)) + float(total @ self.shift)

    def go(self, t: float, coef: NDArray, intercept: NDArray) -> tuple[NDArray, NDArray]:
        """Gradient at the `t` that was asked for last, which is this point: the next start."""
        self.coef, self.intercept = coef, intercept
        return self.gradient

    def _evaluate(self, coef: NDArray, intercept: NDArray) -> tuple[float, NDArray, NDArray]:
        self.n_evaluations += 1
        design = self.design
        shift = intercept - coef @ design.mean
        value, G, total = design.sum(_evaluate, design.scale, self.loss, coef, shift)
        return value, G - np.outer(total, design.mean), total


class ChunkedProblem(PreparedProblem):
    """A problem whose rows are in the blocks of collections from `validate_chunks`."""

    def __init__(
        self,
        X: Any,
        D: Any,
        sample_weight: Any,
        *,
        fit_intercept: bool,
        alphas: Sequence[float],
        basis: NDArray | None = None,
        feature_scale: NDArray | None = None,
    ):
        dtype = X.dtype
        if feature_scale is not None:
            # In double precision: only what is divided shows whether single would do.
            X = X.map_blocks(_scaled_exactly, feature_scale, dtype=np.float64)
        design = ChunkedDesign(X, D, sample_weight, center=fit_intercept, dtype=dtype)
        super().__init__(
            design,
            design,
            choose_metric(
                design,
                D.shape[1],
                lambda: label_curvature(*design.label_moments()),
                alphas,
                basis,
            ),
            label_mean=design.label_mean,
            entropy=design.entropy,
            dtype=design.dtype,
            fit_intercept=fit_intercept,
            basis=basis,
            feature_scale=feature_scale,
        )

    def rows(self, loss: Loss) -> RowsInChunks:
        """Sum of a loss over the blocks."""
        return RowsInChunks(self.design, loss)


# What is computed on a block of rows, by whoever holds it.


def _survey(first, X, D, weight, dtype):
    """Validate a block; its weight, sums of features, of their squares and of labels, entropy."""
    try:
        X = check_array(X, accept_sparse="csr", dtype=dtype, input_name="X")
        check_scale(X, vanishing=False)
        D = check_distribution(D)
        weight = _checked_weight(weight, X.shape[0])
    except ValueError as exc:
        raise ValueError(f"In the block that begins with row {first}: {exc}") from exc
    sums = np.asarray(X.T @ weight.astype(dtype), dtype=np.float64)
    squares = 0.0
    if dtype == np.float32 and squares_overflow(X):
        squares = np.inf
    elif dtype == np.float32:  # whether that is enough is what they are for
        squares = np.asarray((X.multiply(X) if sp.issparse(X) else X * X).T @ weight)
    return weight.sum(), sums, squares, weight @ D, entropy(D, weight), int(sp.issparse(X))


def _scaled_exactly(X, scale):
    return scaled(X.astype(np.float64), scale)


def _checked_weight(weight, n_rows):
    """Validate the weights of a block, which may all be zero."""
    if weight is None:
        return np.ones(n_rows)
    weight = check_array(weight, dtype=np.float64, ensure_2d=False, input_name="sample_weight")
    if weight.min() < 0:
        require_weights(weight)
    return weight


def _design(X, weight, scale, centre=None):
    """Features of a block, with weights whose sum over all blocks is one."""
    dtype, factor = scale
    X = X.tocsr().astype(dtype) if sp.issparse(X) else np.asarray(X, dtype=dtype)
    weight = np.ones(X.shape[0]) if weight is None else np.asarray(weight, dtype=np.float64)
    design = Design(X, weight * factor, center=False)
    if centre is not None:
        design.mean = centre
    return design


def _variance(first, X, D, weight, scale, centre):
    return (_design(X, weight, scale, centre).variance(),)


def _covariance(first, X, D, weight, scale, centre, columns, dtype):
    return (_design(X, weight, scale, centre).covariance(columns, dtype),)


def _label_moments(first, X, D, weight, scale):
    return label_moments(check_distribution(D), _design(X, weight, scale).weight)


def _evaluate(first, X, D, weight, scale, loss, coef, shift):
    """Value of the loss on a block, and its gradient in coefficients and intercept.

    A few rows at a time: what the first product has read is still in the cache for the second.
    """
    design = _design(X, weight, scale)
    step = len(D) if design.sparse else max(1, _CACHED // design.shape[1])
    sums = _evaluate_rows(design, D, slice(0, step), loss, coef, shift)
    for start in range(step, len(D), step):
        rows = slice(start, start + step)
        sums = tuple(map(add, sums, _evaluate_rows(design, D, rows, loss, coef, shift)))
    return sums


def _evaluate_rows(design, D, rows, loss, coef, shift):
    dtype = design.X.dtype
    part = Design(design.X[rows], design.weight[rows], center=False)
    D = np.array(D[rows], dtype=dtype, order="F")
    np.maximum(D, 0, out=D)
    D /= D.sum(axis=1)[:, None]
    Z = part.logits(coef, shift)
    value, E = loss(Z, D, part.weight.astype(dtype), out=Z)
    return value, *part.gradient(E)
