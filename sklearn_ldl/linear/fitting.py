"""Fitting a linear model, with a given penalty or a chosen one."""

from __future__ import annotations

import warnings
from numbers import Integral, Real
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils import check_array

from sklearn_ldl._core.callbacks import CallbackSupportMixin, IterationReporter
from sklearn_ldl._core.dask_rows import is_dask
from sklearn_ldl._core.sklearn_compat import Interval, StrOptions
from sklearn_ldl._solver.auto_alpha import deviations
from sklearn_ldl._solver.chunks import ChunkedProblem, validate_chunks
from sklearn_ldl._solver.lbfgs import State
from sklearn_ldl._solver.problem import (
    PreparedProblem,
    SoftmaxLinearProblem,
    warn_if_not_converged,
)
from sklearn_ldl.linear.base import SoftmaxLinearModel
from sklearn_ldl.linear.choosing import choose, moments


class PenalizedFit(CallbackSupportMixin):
    """Mixin for linear estimators that minimise the KL divergence and an L2 penalty.

    Besides their penalty, they have the parameters `standardize`, `max_iter`, `tol`, `warm_start`
    and `verbose`, and the parameter or attribute `fit_intercept`.
    """

    _parameter_constraints: dict = {
        "standardize": ["boolean", StrOptions({"auto"})],
        "max_iter": [Interval(Integral, 0, None, closed="left")],
        "tol": [Interval(Real, 0, None, closed="left")],
        "warm_start": ["boolean"],
        "verbose": ["verbose"],
    }

    #: What is solved for rows in memory.
    _problem_class: Any = SoftmaxLinearProblem

    def _fit_chosen(self, X, D, sample_weight, alpha, bases=(None,)):
        """Choose what is "auto" among the parameters, and fit the model."""
        scalings = self._scalings(alpha == "auto")
        unit, standardize, position = 1.0, scalings[0], 0
        if alpha == "auto" or len(scalings) > 1 or len(bases) > 1:
            choice = choose(
                X,
                D,
                sample_weight,
                fit_intercept=self.fit_intercept,
                scalings=scalings,
                bases=bases,
                correct=alpha == "auto",
                problem=self._problem_class,
            )
            standardize, position = choice.standardize, choice.basis
            if alpha == "auto":
                alpha, unit = choice.alpha, choice.scale
        scale = self._feature_scale(X, D, sample_weight) if standardize else None
        self._fit_validated(X, D, sample_weight, alpha, unit, bases[position], scale)
        return position

    def _scalings(self, automatic: bool) -> list[bool]:
        """Whether to standardise: what may be chosen."""
        if self.standardize == "auto":
            return [False, True] if automatic else [False]
        return [self.standardize]

    def _feature_scale(self, X, D, sample_weight) -> NDArray[np.float64]:
        """Return what standardises features."""
        return deviations(*moments(X, D, sample_weight, center=self.fit_intercept))

    def _fit_validated(self, X, D, sample_weight, alpha, unit=1.0, basis=None, feature_scale=None):
        self.standardized_ = feature_scale is not None
        self.alpha_ = float(alpha)
        if alpha == 0 and X.shape[0] <= X.shape[1]:
            warnings.warn(
                "alpha=0 with no more rows than features: there may be no finite minimiser. "
                "Use alpha > 0.",
                ConvergenceWarning,
            )
        start = ()
        if self.warm_start and hasattr(self, "coef_"):
            start = self._last_fit(D.shape[1], X.shape[1])
        problem = self._problem(X, D, sample_weight, [alpha], basis, feature_scale)
        problem.unit = unit
        state = problem.start(*start)
        reporter = IterationReporter(
            self, self.max_iter, X=X, y=D, metadata={"sample_weight": sample_weight}
        )

        def on_iteration(state: State) -> None:
            self._report(state.n_iter, state.value - problem.entropy, state.gradient_norm)
            if reporter.active:
                reporter.step(self._attributes(*problem.coefficients(state)))

        try:
            problem.solve(alpha, state, max_iter=self.max_iter, tol=self.tol, callback=on_iteration)
        finally:
            # Also after Ctrl-C: what was reached is kept, and warm_start goes on from there.
            self._keep(problem, state)
        warn_if_not_converged(state, self.tol)
        reporter.close()
        return self

    def _last_fit(self, n_labels: int, n_features: int) -> tuple[NDArray, NDArray]:
        """Coefficients and intercept from where a fit of this shape goes on."""
        if self.coef_.shape != (n_labels, n_features):
            raise ValueError(
                f"warm_start needs data of the same shape: the last fit had coefficients of "
                f"shape {self.coef_.shape}, these data need {(n_labels, n_features)}."
            )
        return self.coef_, self.intercept_

    def _attributes(self, coef: NDArray, intercept: NDArray) -> dict[str, NDArray]:
        """Name what the solver has found."""
        return {"coef_": coef, "intercept_": intercept}

    def _problem(
        self, X, D, sample_weight, alphas, basis=None, feature_scale=None
    ) -> PreparedProblem:
        """Prepare the data, in memory or in blocks, for some penalties."""
        problem = ChunkedProblem if is_dask(X) else self._problem_class
        return problem(
            X,
            D,
            sample_weight,
            fit_intercept=self.fit_intercept,
            alphas=alphas,
            basis=basis,
            feature_scale=feature_scale,
        )

    def _keep(self, problem: PreparedProblem, state: State) -> None:
        for name, value in self._attributes(*problem.coefficients(state)).items():
            setattr(self, name, value)
        self.loss_ = max(float(state.value - problem.entropy), 0.0)
        self.gradient_norm_ = float(state.gradient_norm)
        self.n_iter_ = state.n_iter
        self.n_evaluations_ = state.n_evaluations


class MaximumEntropyModel(PenalizedFit, SoftmaxLinearModel):
    """Base of the estimators whose predictions are a softmax, fitted in memory or by blocks."""

    _parameter_constraints: dict = {
        **PenalizedFit._parameter_constraints,
        "fit_intercept": ["boolean"],
    }

    #: Whether Dask collections are fitted block by block.
    _takes_dask = True

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

    def _validate_data(self, X, y, sample_weight):
        if is_dask(X, y):
            return validate_chunks(self, X, y, sample_weight)
        return super()._validate_data(X, y, sample_weight)
