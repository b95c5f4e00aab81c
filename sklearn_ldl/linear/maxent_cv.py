"""The maximum-entropy model with its penalty chosen by cross-validation."""

from __future__ import annotations

from dataclasses import replace
from inspect import signature
from numbers import Integral
from typing import Any, Literal

import numpy as np
from joblib import Parallel, delayed
from numpy.typing import ArrayLike, NDArray
from sklearn.metrics import check_scoring, get_scorer_names

from sklearn_ldl._core.callbacks import with_callbacks
from sklearn_ldl._core.dask_rows import is_dask
from sklearn_ldl._core.sklearn_compat import Interval, fit_context, safe_indexing
from sklearn_ldl._core.splits import splits
from sklearn_ldl._core.weights import check_folds
from sklearn_ldl._solver.problem import warn_if_not_converged
from sklearn_ldl.linear.choosing import choose, moments
from sklearn_ldl.linear.fitting import MaximumEntropyModel
from sklearn_ldl.linear.maxent import BFGSLDL
from sklearn_ldl.metrics import get_ldl_scorer, get_ldl_scorer_names

_DEFAULT_N_ALPHAS = 15


class BFGSLDLCV(MaximumEntropyModel):
    r"""Maximum-entropy label distribution learning with built-in choice of `alpha`.

    For every fold the covariance of the features is computed and factored once; the penalties are
    then walked from the largest to the smallest, each starting at the minimiser of the last. That
    makes the whole search cost little more than one fit per fold.

    Parameters
    ----------
    alphas : int or array-like of shape (n_alphas,), default=None
        Penalties to try. An integer makes a logarithmic grid of that many values from
        ``1e-5 * v`` to ``1e2 * v``, where ``v`` is the mean variance of the features (1 when they
        are standardised), so that rescaling all features changes nothing; None means 15.
    cv : int, cross-validation generator or iterable, default=5
        Splits. An integer, or None for 5, gives that many folds of rows shuffled with a fixed seed,
        ``KFold(cv, shuffle=True, random_state=0)``; anything else is used as it is given.
    scoring : str or callable, default=None
        What to maximise: the name of an LDL scorer (see
        :func:`sklearn_ldl.metrics.get_ldl_scorer`), the name of a scikit-learn scorer, or a scorer.
        None minimises the KL divergence.
    standardize : bool or "auto", default="auto"
        Whether the penalty is on coefficients of features with unit variance; `coef_` belongs to
        the features as they are all the same. "auto" takes what has the smaller score in
        :class:`BFGSLDL` where the grid is made here, and False where `alphas` are given.
    fit_intercept : bool, default=True
        Whether to add an intercept, which is not penalised.
    max_iter : int, default=1000
        Most iterations for each penalty.
    tol : float, default=1e-6
        Largest entry of the gradient at which a search stops.
    warm_start : bool, default=False
        Start the final fit from the coefficients of the previous one.
    n_jobs : int, default=None
        Folds computed in parallel.
    verbose : int, default=0
        Print the mean score of every penalty, and the final fit every `verbose` iterations.

    Attributes
    ----------
    alpha_ : float
        The best penalty; the larger one of equals.
    alphas_ : ndarray of shape (n_alphas,)
        The penalties, largest first.
    scores_ : ndarray of shape (n_folds, n_alphas)
        Scores on the held-out folds; NaN for a fold whose rows all weigh zero.
    best_score_ : float
        Mean over the folds with a score, at `alpha_`.
    coef_, intercept_, loss_, gradient_norm_, n_iter_, n_evaluations_
        As in :class:`BFGSLDL`, of the final fit to all rows.
    n_labels_, label_names_, n_features_in_, feature_names_in_
        As in :class:`BFGSLDL`.

    See Also
    --------
    BFGSLDL : The same model with a given penalty.

    References
    ----------
    X. Geng, "Label distribution learning", IEEE Transactions on Knowledge and Data Engineering,
    2016 (algorithm SA-BFGS).

    Examples
    --------
    >>> from sklearn_ldl import BFGSLDLCV
    >>> from sklearn_ldl.datasets import make_ldl
    >>> X, D = make_ldl(n_samples=200, random_state=0)
    >>> model = BFGSLDLCV(alphas=[1e-4, 1e-2, 1], scoring="neg_chebyshev_distance").fit(X, D)
    >>> model.alpha_ < 1
    True
    >>> model.scores_.shape
    (5, 3)
    """

    _parameter_constraints: dict = {
        **MaximumEntropyModel._parameter_constraints,
        "alphas": ["array-like", Interval(Integral, 1, None, closed="left"), None],
        "cv": ["cv_object"],
        "scoring": [str, callable, None],
        "n_jobs": [Interval(Integral, None, None, closed="neither"), None],
    }

    def __init__(
        self,
        alphas: int | ArrayLike | None = None,
        *,
        cv: Any = 5,
        scoring: Any = None,
        standardize: bool | Literal["auto"] = "auto",
        fit_intercept: bool = True,
        max_iter: int = 1000,
        tol: float = 1e-6,
        warm_start: bool = False,
        n_jobs: int | None = None,
        verbose: int = 0,
    ):
        self.alphas = alphas
        self.cv = cv
        self.scoring = scoring
        self.standardize = standardize
        self.fit_intercept = fit_intercept
        self.max_iter = max_iter
        self.tol = tol
        self.warm_start = warm_start
        self.n_jobs = n_jobs
        self.verbose = verbose

    @with_callbacks
    @fit_context(prefer_skip_nested_validation=True)
    def fit(
        self,
        X: Any,
        y: ArrayLike,
        sample_weight: ArrayLike | None = None,
        groups: ArrayLike | None = None,
    ) -> BFGSLDLCV:
        """Choose `alpha` by cross-validation and fit the model to all rows.

        Parameters
        ----------
        X : {array-like, sparse matrix, Dask array or frame} of shape (n_samples, n_features)
            Samples; of a Dask collection, the sums over rows are computed where its blocks are.
        y : {array-like, Dask array or frame} of shape (n_samples, n_labels)
            Label distributions; rows sum to one. A Dask collection only if `X` is one.
        sample_weight : array-like of shape (n_samples,), default=None
            Non-negative weights of the rows, not all zero, in training and (where the scorer takes
            weights) in scoring. A fold whose rows all weigh zero is not scored, as if these rows
            were absent.
        groups : array-like of shape (n_samples,), default=None
            Groups for splitters that keep them together.

        Returns
        -------
        self : BFGSLDLCV
            The fitted estimator.

        Raises
        ------
        ValueError
            As :meth:`BFGSLDL.fit`; also for a negative penalty, splits without rows, when no score
            is finite, or when all rows with a weight are in one fold.
        """
        X, D, sample_weight = self._validate_data(X, y, sample_weight)
        scale = self._chosen_scale(X, D, sample_weight)
        alphas, unit = self._alpha_grid(X, D, sample_weight, scale)
        settings = alphas, unit, scale, self._scorer()
        folds = splits(self.cv, X, D, groups=groups)
        counted = _counted(folds, sample_weight)
        results = Parallel(n_jobs=self.n_jobs)(
            delayed(_score_path)(self, X, D, sample_weight, *settings, train, test)
            for (train, test), counts in zip(folds, counted, strict=True)
            if counts
        )
        self.alphas_ = alphas
        self.scores_ = np.full((len(folds), len(alphas)), np.nan)
        self.scores_[counted] = [scores for scores, _ in results]
        mean_scores = self.scores_[counted].mean(axis=0)
        if not np.isfinite(mean_scores).any():
            raise ValueError("No penalty has a finite score on every fold; check the scorer.")
        best = int(np.nanargmax(mean_scores))
        self.alpha_ = float(alphas[best])
        self.best_score_ = float(mean_scores[best])
        if self.verbose:
            for alpha, score in zip(alphas, mean_scores, strict=True):
                print(f"{type(self).__name__} alpha {alpha:.3g}: score {score:.6f}")
        unfinished = [worst for _, worst in results if worst is not None]
        if unfinished:
            worst = max(unfinished, key=lambda state: state.gradient_norm)
            warn_if_not_converged(worst, self.tol)
        self._fit_validated(X, D, sample_weight, self.alpha_, unit, feature_scale=scale)
        return self

    @property
    def _n_alphas(self) -> int | None:
        """Size of the grid that is made here; None where penalties are given."""
        if self.alphas is None:
            return _DEFAULT_N_ALPHAS
        return int(self.alphas) if isinstance(self.alphas, Integral) else None

    def _chosen_scale(self, X, D, sample_weight) -> NDArray[np.float64] | None:
        """Return what features are divided by; None where they are not standardised."""
        scalings = self._scalings(self._n_alphas is not None)
        if len(scalings) > 1:
            choice = choose(
                X,
                D,
                sample_weight,
                fit_intercept=self.fit_intercept,
                scalings=scalings,
                correct=False,
            )
            scalings = [choice.standardize]
        return self._feature_scale(X, D, sample_weight) if scalings[0] else None

    def _alpha_grid(self, X, D, sample_weight, scale) -> tuple[NDArray[np.float64], float]:
        """Penalties, largest first, and the unit of the features in which gradients count."""
        n_alphas = self._n_alphas
        if n_alphas is not None:
            variance, _ = moments(X, D, sample_weight, center=self.fit_intercept)
            mean = float((variance if scale is None else variance / scale**2).mean()) or 1.0
            return mean * np.logspace(2, -5, n_alphas), float(np.sqrt(mean))
        alphas = np.asarray(self.alphas, dtype=np.float64)
        if alphas.ndim != 1 or not len(alphas) or not np.isfinite(alphas).all() or alphas.min() < 0:
            raise ValueError(
                f"alphas must be a 1-D array of finite penalties >= 0, got {self.alphas!r}."
            )
        return np.sort(alphas)[::-1], 1.0

    def _scorer(self):
        if self.scoring is None:
            return get_ldl_scorer("neg_kl_divergence")
        scikit_learn_only = set(get_scorer_names()) - set(get_ldl_scorer_names())
        if isinstance(self.scoring, str) and self.scoring not in scikit_learn_only:
            return get_ldl_scorer(self.scoring)
        return check_scoring(self, scoring=self.scoring)


def _counted(splits, sample_weight) -> NDArray[np.bool_]:
    """Tell which splits have held-out rows with a weight; an error if one has none to train on."""
    if sample_weight is None:
        return np.full(len(splits), True)
    weight = np.asarray(sample_weight)
    check_folds(splits, weight)
    return np.array([weight[test].any() for _, test in splits])


def _score_path(model, X, D, sample_weight, alphas, unit, scale, scorer, train, test):
    """Walk the penalties on one fold; return held-out scores and the worst unfinished state."""
    problem = model._problem(*_select(X, D, sample_weight, train), alphas, feature_scale=scale)
    problem.unit = unit
    X_test, D_test, weight_test = _held_out(X, D, sample_weight, test)
    takes_weight = "sample_weight" in signature(getattr(scorer, "_score_func", scorer)).parameters
    weight = {"sample_weight": weight_test} if takes_weight else {}
    fitted = BFGSLDL(fit_intercept=model.fit_intercept)
    fitted.n_features_in_, fitted.n_labels_ = X.shape[1], D.shape[1]
    state, worst, scores = problem.start(), None, []
    for alpha in alphas:
        problem.solve(alpha, state, max_iter=model.max_iter, tol=model.tol)
        if not state.converged and (worst is None or state.gradient_norm > worst.gradient_norm):
            worst = replace(state)
        fitted.coef_, fitted.intercept_ = problem.coefficients(state)
        scores.append(float(scorer(fitted, X_test, D_test, **weight)))
    return scores, worst


def _select(X, D, sample_weight, rows):
    """Training rows of a fold; blocks keep all of their rows, the others without weight."""
    if not is_dask(X):
        return _held_out(X, D, sample_weight, rows)
    mask = np.zeros(X.shape[0])
    mask[rows] = 1
    return X, D, mask if sample_weight is None else sample_weight * mask


def _held_out(X, D, sample_weight, rows):
    if is_dask(X) and rows[-1] - rows[0] == len(rows) - 1:
        rows = slice(rows[0], rows[-1] + 1)  # spares the blocks a copy
    X_rows = X[rows] if is_dask(X) else safe_indexing(X, rows)
    return X_rows, D[rows], None if sample_weight is None else sample_weight[rows]
