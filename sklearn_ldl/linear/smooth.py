"""The maximum-entropy model for labels that lie on a scale."""

from __future__ import annotations

from numbers import Real
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.utils import check_array

from sklearn_ldl._core.callbacks import with_callbacks
from sklearn_ldl._core.sklearn_compat import Interval, StrOptions, fit_context
from sklearn_ldl._solver.label_basis import basis_of, smooth_covariance
from sklearn_ldl.decoding import check_grid, in_order_of_names
from sklearn_ldl.linear.fitting import MaximumEntropyModel

# Length scales that are tried, as shares of the range of the grid; 0 are independent labels.
_LENGTH_SCALES = (0.0, 0.2, 0.4, 0.8)


class SmoothBFGSLDL(MaximumEntropyModel):
    r"""Maximum-entropy label distribution learning for ratings, ages and other labels on a scale.

    The model is that of :class:`BFGSLDL`, :math:`p(x) = \mathrm{softmax}(W x + b)`, but the
    coefficients of neighbouring labels are drawn to each other:

    .. math::
        F(W, b) = \frac{\sum_i s_i\, KL(d_i \| p(x_i))}{\sum_i s_i}
                  + \frac{\alpha}{2} \mathrm{tr}(W^T K^{-1} W) , \qquad
        K_{cd} = \exp\Big(-\frac{\|g_c - g_d\|^2}{2 \ell^2}\Big) ,

    which is the penalty of a Gaussian process over the grid :math:`g` of the labels. Labels then
    share what the data say about their neighbours, and a fine grid costs no accuracy. The fit
    stays convex and as fast as that of :class:`BFGSLDL`.

    Parameters
    ----------
    alpha : float or "auto", default="auto"
        Strength of the penalty; ``alpha >= 0``. "auto" chooses it as in :class:`BFGSLDL`.
    grid : array-like of shape (n_labels,) or (n_labels, n_dims), default=None
        Where the labels are, each at a place of its own; None means that they are equally far
        apart, in the order of the columns; :class:`~sklearn_ldl.LDLRegressor` fills in its own
        grid. Columns of a data frame that have the values of the grid as names are matched by name.
    length_scale : float or "auto", default="auto"
        The distance :math:`\ell` over which coefficients change, as a share of the range of the
        grid (the largest one of several dimensions); 0 makes labels independent, as
        :class:`BFGSLDL` does. "auto" takes the one of 0, 0.2, 0.4 and 0.8 with the least
        generalised cross-validation.
    standardize : bool or "auto", default="auto"
        Whether the penalty is on coefficients of features with unit variance; `coef_` belongs to
        the features as they are all the same. "auto" takes what has the smaller score where the
        penalty is chosen too, and False where it is a number.
    fit_intercept : bool, default=True
        Whether to add an intercept, which is not penalised.
    max_iter : int, default=1000
        Most iterations.
    tol : float, default=1e-6
        The search stops when no entry of the gradient is larger; with ``alpha="auto"`` features
        count in units of the root of their mean variance.
    warm_start : bool, default=False
        Start from the coefficients of the previous fit instead of the mean distribution.
    verbose : int, default=0
        Print the objective every `verbose` iterations; 0 prints nothing.

    Attributes
    ----------
    alpha_ : float
        The penalty that was used.
    standardized_ : bool
        Whether features were standardised.
    length_scale_ : float
        The length scale that was used, as a share of the range of the grid.
    coef_, intercept_, loss_, gradient_norm_, n_iter_, n_evaluations_
        As in :class:`BFGSLDL`.
    n_labels_, label_names_, n_features_in_, feature_names_in_
        As in :class:`BFGSLDL`.

    Warns
    -----
    ConvergenceWarning
        As :class:`BFGSLDL`.

    See Also
    --------
    BFGSLDL : The same model for labels in no order.
    LDLRegressor : Learns real values by distributions over a grid; this is its default learner.

    Notes
    -----
    To the matrix `K` a thousandth of the identity is mixed, which keeps it well conditioned.
    Vote shares of few ratings gain as much as fine grids do: see
    :doc:`Defaults </results/defaults>`.

    References
    ----------
    X. Geng, "Label distribution learning", IEEE Transactions on Knowledge and Data Engineering,
    2016 (the model).

    M. Alvarez, L. Rosasco, N. Lawrence, "Kernels for vector-valued functions: a review",
    Foundations and Trends in Machine Learning, 2012 (separable covariances of outputs).

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_ldl import BFGSLDL, GaussianLabelDistributor, SmoothBFGSLDL
    >>> rng = np.random.RandomState(0)
    >>> X = rng.normal(size=(200, 20))
    >>> age = np.clip(40 + 10 * X[:, 0] + 5 * rng.normal(size=200), 0, 80)
    >>> D = GaussianLabelDistributor(np.arange(81), sigma=3).fit_transform(age)
    >>> smooth = SmoothBFGSLDL().fit(X[:100], D[:100]).score(X[100:], D[100:])
    >>> smooth > BFGSLDL().fit(X[:100], D[:100]).score(X[100:], D[100:])
    True
    """

    _parameter_constraints: dict = {
        **MaximumEntropyModel._parameter_constraints,
        "alpha": [StrOptions({"auto"}), Interval(Real, 0, None, closed="left")],
        "grid": ["array-like", None],
        "length_scale": [StrOptions({"auto"}), Interval(Real, 0, None, closed="left")],
    }

    def __init__(
        self,
        alpha: float | Literal["auto"] = "auto",
        *,
        grid: ArrayLike | None = None,
        length_scale: float | Literal["auto"] = "auto",
        standardize: bool | Literal["auto"] = "auto",
        fit_intercept: bool = True,
        max_iter: int = 1000,
        tol: float = 1e-6,
        warm_start: bool = False,
        verbose: int = 0,
    ):
        self.alpha = alpha
        self.grid = grid
        self.length_scale = length_scale
        self.standardize = standardize
        self.fit_intercept = fit_intercept
        self.max_iter = max_iter
        self.tol = tol
        self.warm_start = warm_start
        self.verbose = verbose

    @with_callbacks
    @fit_context(prefer_skip_nested_validation=True)
    def fit(self, X: Any, y: ArrayLike, sample_weight: ArrayLike | None = None) -> SmoothBFGSLDL:
        """Fit the model.

        Parameters
        ----------
        X : {array-like, sparse matrix, Dask array or frame} of shape (n_samples, n_features)
            Samples.
        y : {array-like, Dask array or frame} of shape (n_samples, n_labels)
            Label distributions; rows sum to one. A Dask collection if `X` is one.
        sample_weight : array-like of shape (n_samples,), default=None
            Non-negative weights of the rows, not all zero.

        Returns
        -------
        self : SmoothBFGSLDL
            The fitted estimator.

        Raises
        ------
        ValueError
            As :meth:`BFGSLDL.fit`; also if `grid` is not finite, repeats a label or has another
            number of them.
        """
        X, D, sample_weight = self._validate_data(X, y, sample_weight)
        grid = self._unit_grid(D.shape[1])
        scales = _LENGTH_SCALES if self.length_scale == "auto" else (self.length_scale,)
        bases = [basis_of(smooth_covariance(grid, scale)) if scale else None for scale in scales]
        position = self._fit_chosen(X, D, sample_weight, self.alpha, bases)
        self.length_scale_ = float(scales[position])
        return self

    def _take_grid(self, grid: NDArray[np.float64]) -> None:
        """Learn where the labels are from a wrapper, before the fit."""
        if self.grid is None:
            self.grid = grid

    def _unit_grid(self, n_labels: int) -> NDArray[np.float64]:
        """Positions of the labels (n_labels, n_dims), with a largest range of one."""
        if self.grid is None:
            return np.linspace(0, 1, n_labels)[:, None]
        grid = check_array(self.grid, ensure_2d=False, dtype=np.float64, input_name="grid")
        if len(grid) != n_labels:
            raise ValueError(f"grid has {len(grid)} labels, y has {n_labels} columns.")
        grid = in_order_of_names(check_grid(grid), getattr(self, "label_names_", None))
        grid = grid.reshape(n_labels, -1)
        return grid / np.ptp(grid, axis=0).max()
