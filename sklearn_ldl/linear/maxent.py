"""The maximum-entropy model of label distributions."""

from __future__ import annotations

import warnings
from numbers import Integral, Real
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils import check_array

from sklearn_ldl._core.callbacks import CallbackSupportMixin, IterationReporter, with_callbacks
from sklearn_ldl._core.dask_rows import is_dask
from sklearn_ldl._core.sklearn_compat import Interval, fit_context
from sklearn_ldl._solver.lbfgs import State
from sklearn_ldl._solver.problem import SoftmaxLinearProblem, warn_if_not_converged
from sklearn_ldl.linear.base import SoftmaxLinearModel


class BFGSLDL(CallbackSupportMixin, SoftmaxLinearModel):
    r"""Maximum-entropy label distribution learning (SA-BFGS) with an L2 penalty.

    The model is :math:`p(x) = \mathrm{softmax}(W x + b)`. It minimises

    .. math::
        F(W, b) = \frac{\sum_i s_i\, KL(d_i \| p(x_i))}{\sum_i s_i}
                  + \frac{\alpha}{2} \|W\|_F^2 ,

    which is convex, with a unique minimiser in `W` for :math:`\alpha > 0`: neither a start nor a
    seed has any influence. One-hot rows make it multinomial logistic regression with
    ``C = 1 / (alpha * n_samples)`` (for two labels twice that). The search is a limited-memory
    BFGS in whitened variables, whose number of iterations hardly depends on the scale of the
    features; the penalty does depend on it, so standardise features (or choose `alpha` with
    :class:`BFGSLDLCV`).

    Parameters
    ----------
    alpha : float, default=1e-2
        Strength of the penalty on the mean KL divergence; ``alpha >= 0``. The published algorithm
        has no penalty (``alpha=0``) and overfits.
    fit_intercept : bool, default=True
        Whether to add an intercept, which is not penalised. Without it, centred features force
        the mean prediction to the uniform distribution.
    max_iter : int, default=1000
        Most iterations.
    tol : float, default=1e-6
        The search stops when no entry of the gradient is larger (or when rounding permits no
        further progress).
    warm_start : bool, default=False
        Start from the coefficients of the previous fit instead of the mean distribution.
    verbose : int, default=0
        Print the objective every `verbose` iterations; 0 prints nothing.

    Attributes
    ----------
    coef_ : ndarray of shape (n_labels, n_features)
        Coefficients :math:`W`, in the dtype of `X`. Their columns sum to zero for ``alpha > 0``.
    intercept_ : ndarray of shape (n_labels,)
        Intercept :math:`b`. That of a label without any mass in `y`, whose optimum is minus
        infinity, stays finite at a degree of about 1e-8.
    loss_ : float
        Final objective :math:`F`.
    gradient_norm_ : float
        Largest absolute entry of the final gradient (an upper bound with more features than rows).
    n_iter_ : int
        Number of iterations.
    n_evaluations_ : int
        Number of gradients: products of `X` and its transpose with one matrix each.
    n_labels_ : int
        Number of labels.
    label_names_ : ndarray of shape (n_labels,)
        Column names of `y`, when it was a data frame with string columns.
    n_features_in_ : int
        Number of features.
    feature_names_in_ : ndarray of shape (n_features,)
        Column names of `X`, when they are all strings.

    Warns
    -----
    ConvergenceWarning
        When the gradient is above `tol` after `max_iter` iterations, or when ``alpha=0`` with no
        more rows than features (there may be no finite minimiser).

    See Also
    --------
    BFGSLDLCV : Chooses `alpha` by cross-validation.

    References
    ----------
    X. Geng, "Label distribution learning", IEEE Transactions on Knowledge and Data Engineering,
    2016 (algorithm SA-BFGS).

    Examples
    --------
    >>> from sklearn_ldl import BFGSLDL
    >>> from sklearn_ldl.datasets import make_ldl
    >>> X, D = make_ldl(n_samples=200, random_state=0)
    >>> model = BFGSLDL(alpha=1e-3).fit(X, D)
    >>> model.predict(X[:2]).round(2).shape
    (2, 3)
    >>> model.score(X, D) > 0.8
    True
    """

    _parameter_constraints: dict = {
        "alpha": [Interval(Real, 0, None, closed="left")],
        "fit_intercept": ["boolean"],
        "max_iter": [Interval(Integral, 0, None, closed="left")],
        "tol": [Interval(Real, 0, None, closed="left")],
        "warm_start": ["boolean"],
        "verbose": ["verbose"],
    }

    def __init__(
        self,
        alpha: float = 1e-2,
        *,
        fit_intercept: bool = True,
        max_iter: int = 1000,
        tol: float = 1e-6,
        warm_start: bool = False,
        verbose: int = 0,
    ):
        self.alpha = alpha
        self.fit_intercept = fit_intercept
        self.max_iter = max_iter
        self.tol = tol
        self.warm_start = warm_start
        self.verbose = verbose

    @classmethod
    def from_coefficients(
        cls, coef: ArrayLike, intercept: ArrayLike | None = None, **parameters: Any
    ) -> Self:
        """Make a fitted estimator of coefficients that another program has found.

        Parameters
        ----------
        coef : array-like of shape (n_labels, n_features)
            Coefficients :math:`W`, finite; float32 stays float32. They are copied.
        intercept : array-like of shape (n_labels,), default=None
            Intercept :math:`b`; None means zeros.
        **parameters : dict
            Parameters of the constructor. With ``warm_start=True``, `fit` goes on from here.

        Returns
        -------
        model : BFGSLDL
            An estimator that predicts; it has no attributes that tell of a search.

        Raises
        ------
        ValueError
            If the shapes do not belong together, for fewer than two labels, or for coefficients
            that are not finite.

        Examples
        --------
        >>> from sklearn_ldl import BFGSLDL
        >>> model = BFGSLDL.from_coefficients([[1.0], [0.0], [-1.0]])
        >>> model.predict([[0.0], [2.0]]).round(2)
        array([[0.33, 0.33, 0.33],
               [0.87, 0.12, 0.02]])
        """
        options: dict[str, Any] = {"dtype": [np.float64, np.float32], "copy": True}
        W = check_array(coef, ensure_min_samples=2, input_name="coef", **options)
        if intercept is None:
            intercept = np.zeros(len(W), dtype=W.dtype)
        b = check_array(intercept, ensure_2d=False, input_name="intercept", **options)
        if b.shape != W.shape[:1]:
            raise ValueError(
                f"coef of shape {W.shape} needs an intercept of shape {W.shape[:1]}, got {b.shape}."
            )
        model = cls(**parameters)
        model.coef_, model.intercept_ = W, b.astype(W.dtype, copy=False)
        model.n_labels_, model.n_features_in_ = W.shape
        return model

    @with_callbacks
    @fit_context(prefer_skip_nested_validation=True)
    def fit(self, X: Any, y: ArrayLike, sample_weight: ArrayLike | None = None) -> BFGSLDL:
        """Fit the model.

        Parameters
        ----------
        X : {array-like, sparse matrix, Dask array or frame} of shape (n_samples, n_features)
            Samples; float32 stays float32, and sparse input stays sparse (CSR). With a Dask
            collection, the sums over rows are computed where its blocks are, and memory is bounded
            by their size.
        y : {array-like, Dask array or frame} of shape (n_samples, n_labels)
            Label distributions; rows sum to one. A Dask collection if `X` is one.
        sample_weight : array-like of shape (n_samples,), default=None
            Non-negative weights of the rows, not all zero.

        Returns
        -------
        self : BFGSLDL
            The fitted estimator.

        Raises
        ------
        ValueError
            If `y` does not hold distributions (see :func:`sklearn_ldl.check_distribution`), or for
            data that scikit-learn rejects.
        TypeError
            If only one of `X` and `y` is a Dask collection.
        """
        X, D, sample_weight = self._validate_data(X, y, sample_weight)
        return self._fit_validated(X, D, sample_weight, self.alpha)

    def _fit_validated(self, X, D, sample_weight, alpha):
        if alpha == 0 and X.shape[0] <= X.shape[1]:
            warnings.warn(
                "alpha=0 with no more rows than features: there may be no finite minimiser. "
                "Use alpha > 0.",
                ConvergenceWarning,
            )
        start = {}
        if self.warm_start and hasattr(self, "coef_"):
            if self.coef_.shape != (D.shape[1], X.shape[1]):
                raise ValueError(
                    f"warm_start needs data of the same shape: the last fit had coefficients of "
                    f"shape {self.coef_.shape}, these data need {(D.shape[1], X.shape[1])}."
                )
            start = {"coef": self.coef_, "intercept": self.intercept_}
        problem = self._problem(X, D, sample_weight, [alpha])
        state = problem.start(**start)
        reporter = IterationReporter(
            self, self.max_iter, X=X, y=D, metadata={"sample_weight": sample_weight}
        )

        def on_iteration(state: State) -> None:
            self._report(state.n_iter, state.value - problem.entropy, state.gradient_norm)
            if reporter.active:
                coef, intercept = problem.coefficients(state)
                reporter.step({"coef_": coef, "intercept_": intercept})

        try:
            problem.solve(alpha, state, max_iter=self.max_iter, tol=self.tol, callback=on_iteration)
        finally:
            # Also after Ctrl-C: what was reached is kept, and warm_start goes on from there.
            self._keep(problem, state)
        warn_if_not_converged(state, self.tol)
        reporter.close()
        return self

    def _validate_data(self, X, y, sample_weight):
        if is_dask(X, y):
            from sklearn_ldl._solver.chunks import validate_chunks

            return validate_chunks(self, X, y, sample_weight)
        return super()._validate_data(X, y, sample_weight)

    def _problem(self, X, D, sample_weight, alphas) -> SoftmaxLinearProblem:
        """Prepare the data, in memory or in blocks, for some penalties."""
        kind = SoftmaxLinearProblem
        if is_dask(X):
            from sklearn_ldl._solver.chunks import ChunkedProblem as kind
        return kind(X, D, sample_weight, fit_intercept=self.fit_intercept, alphas=alphas)

    def _keep(self, problem: SoftmaxLinearProblem, state: State) -> None:
        self.coef_, self.intercept_ = problem.coefficients(state)
        self.loss_ = max(float(state.value - problem.entropy), 0.0)
        self.gradient_norm_ = float(state.gradient_norm)
        self.n_iter_ = state.n_iter
        self.n_evaluations_ = state.n_evaluations
