"""Standard errors, tests and marginal effects of the maximum-entropy model."""

from __future__ import annotations

import warnings
from copy import copy
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.sparse import issparse
from scipy.special import expit
from sklearn.utils import check_array
from sklearn.utils.validation import check_consistent_length, check_is_fitted, column_or_1d

from sklearn_ldl._core.label_names import columns_in_order, fitted_names
from sklearn_ldl._core.samples import validate_samples
from sklearn_ldl._core.simplex import check_distribution
from sklearn_ldl._core.underflow import underflow_is_zero
from sklearn_ldl._core.weights import check_weight
from sklearn_ldl.distributors.encoding import entries_of
from sklearn_ldl.linear.estimates import (
    ChiSquaredResult,
    chi_squared,
    inverse_of,
    normal_quantile,
    table_of,
)
from sklearn_ldl.linear.maxent import BFGSLDL
from sklearn_ldl.linear.maxent_cv import BFGSLDLCV
from sklearn_ldl.linear.multinomial import Softmax

if TYPE_CHECKING:
    from pandas import DataFrame

# Distance to the optimum, in standard errors, that changes no conclusion.
_NEAR = 0.1


class MultinomialInference:
    r"""Inference for distributions as targets: the fractional multinomial logit of statistics.

    A fitted :class:`BFGSLDL` is the quasi-maximum-likelihood estimate of a multinomial logit model
    whose targets are shares instead of classes. Of such an estimate, this computes a covariance,
    standard errors, tests, marginal effects and intervals. Coefficients of a softmax are determined
    up to a common shift of all labels, so that everything is about contrasts to a base label,
    :math:`\delta_c = w_c - w_{\text{base}}`; tests of features, effects and intervals of degrees do
    not depend on the base.

    Parameters
    ----------
    model : BFGSLDL or BFGSLDLCV
        Fitted, best with ``alpha=0``. Of a pipeline take the last step, and transform `X` by the
        others.
    X : {array-like, sparse matrix} of shape (n_samples, n_features)
        The rows that the model was fitted to; a model holds none. They are kept for marginal
        effects and tests.
    y : array-like of shape (n_samples, n_labels)
        Their distributions. Columns of a data frame are matched by name.
    sample_weight : array-like of shape (n_samples,), default=None
        The weights of the fit.
    cov_type : {"sandwich", "model", "cluster"}, default="sandwich"
        "sandwich" asks only that the mean of `y` given `X` is the model's, and that rows are
        independent: use it for shares. The size of the weights has no influence. "model" takes
        `y` for single votes or, with the numbers of votes as `sample_weight`, for shares of so
        many independent votes. "cluster" is "sandwich" for rows that are independent between
        groups only.
    groups : array-like of shape (n_samples,), default=None
        The group of each row, such as a rater or a household; for "cluster" alone.
    base : label, default=None
        Name of the base label, or its position where labels have no names. None takes the first.

    Attributes
    ----------
    contrasts : ndarray of shape (n_labels - 1, n_columns)
        Contrasts :math:`\delta` of the other labels, of every feature and of the intercept, which
        is last.
    covariance : ndarray of shape (n_parameters, n_parameters)
        Covariance of ``contrasts.ravel()``.
    standard_errors : ndarray of shape (n_labels - 1, n_columns)
        Of the contrasts.
    log_likelihood : float
        :math:`\sum_i s_i \sum_c d_{ic} \log p_{ic}`.
    effective_df : float
        Number of parameters; with a penalty, the trace of what it leaves of them.
    labels : list
        The labels other than the base.
    columns : list
        Names of the features, ``"x0"`` and so on if they have none, and ``"intercept"``.

    Raises
    ------
    TypeError
        If the model is of another class.
    ValueError
        If a label has no mass in `y` or features are collinear, so that contrasts are not
        determined; for arguments that do not fit.

    Warns
    -----
    UserWarning
        If the coefficients are no optimum for these rows and weights.

    Notes
    -----
    With the information :math:`A = \sum_i s_i \Gamma_i \otimes z_i z_i^\top` and the scores
    :math:`u_i = s_i (d_i - p_i) \otimes z_i` of rows or groups, "model" is :math:`A^{-1}` and the
    others are

    .. math:: \frac{n}{n - 1}\, A^{-1} \Big(\sum_i u_i u_i^\top\Big) A^{-1} ,

    with the number `n` of rows or groups that have a weight.

    With a penalty, :math:`A_\alpha = A + \alpha \sum_i s_i\, \Omega` takes the place of the outer
    factors, with the Hessian :math:`\Omega` of the penalty in the contrasts, and :math:`A` is what
    "model" has between them. That is how much the penalised estimate varies, as if `alpha` had been
    given; how far the penalty draws it to zero is in no standard error. Intervals then cover what
    the penalised fit tends to, not the coefficients behind the data; test with ``alpha=0``.

    References
    ----------
    L. E. Papke, J. M. Wooldridge, "Econometric methods for fractional response variables with an
    application to 401(k) plan participation rates", Journal of Applied Econometrics, 1996.

    J. Mullahy, "Multivariate fractional regression estimation of econometric share models",
    Journal of Econometric Methods, 2015.

    R. J. Gray, "Flexible methods for analyzing survival data using splines, with applications to
    breast cancer prognosis", Journal of the American Statistical Association, 1992 (tests with a
    penalty).

    Examples
    --------
    >>> from sklearn_ldl import BFGSLDL, MultinomialInference
    >>> from sklearn_ldl.datasets import make_ldl
    >>> X, shares = make_ldl(300, n_votes=10, random_state=0)
    >>> inference = MultinomialInference(BFGSLDL(alpha=0).fit(X, shares), X, shares)
    >>> inference.contrasts.shape  # two labels against the first one, three features
    (2, 4)
    >>> inference.wald_test().pvalue < 1e-6
    True
    """

    def __init__(
        self,
        model: BFGSLDL | BFGSLDLCV,
        X: Any,
        y: ArrayLike,
        sample_weight: ArrayLike | None = None,
        *,
        cov_type: Literal["sandwich", "model", "cluster"] = "sandwich",
        groups: ArrayLike | None = None,
        base: Any = None,
    ):
        self._check(model, cov_type, groups)
        self.model, self.cov_type = copy(model), cov_type  # a later fit changes nothing here
        self._X = self._samples(X)
        names = fitted_names(model)
        self._D = check_distribution(
            columns_in_order(y, names, of_y="y", of_names=type(model).__name__)
        )
        check_consistent_length(self._X, self._D, groups)
        if self._D.shape[1] != model.n_labels_:
            raise ValueError(f"y has {self._D.shape[1]} labels, the model {model.n_labels_}.")
        self._weight = check_weight(sample_weight, self._X.shape[0], np.float64)
        names = list(range(model.n_labels_)) if names is None else names.tolist()
        self.base, position = _label(names, base)
        self.labels = [name for name in names if name != self.base]
        missing = [
            name for name, mass in zip(names, self._weight @ self._D, strict=True) if not mass
        ]
        if missing:
            raise ValueError(
                f"The labels {missing} have no mass in y, so that no coefficient is best for them. "
                "Leave them out of the fit."
            )
        features = getattr(model, "feature_names_in_", None)
        if features is None:
            features = [f"x{j}" for j in range(model.n_features_in_)]
        self.columns = [*features, *(["intercept"] if model.fit_intercept else [])]

        W = model.coef_.astype(np.float64)
        if model.fit_intercept:
            W = np.column_stack([W, model.intercept_])
        self.contrasts = np.delete(W - W[position], position, axis=0)
        self._softmax = Softmax(self.contrasts, position, model.fit_intercept)
        self._set_covariance(groups)

    @staticmethod
    def _check(model: Any, cov_type: str, groups: ArrayLike | None) -> None:
        if not isinstance(model, (BFGSLDL, BFGSLDLCV)):
            raise TypeError(
                f"Inference is for a fitted BFGSLDL or BFGSLDLCV, got {type(model).__name__}. Of a "
                "pipeline take the last step, model[-1], and the features model[:-1].transform(X)."
            )
        check_is_fitted(model, "alpha_")
        if cov_type not in ("sandwich", "model", "cluster"):
            raise ValueError(
                f"cov_type must be 'sandwich', 'model' or 'cluster', got {cov_type!r}."
            )
        if (groups is not None) != (cov_type == "cluster"):
            raise ValueError("groups belong to cov_type='cluster', and it needs them.")

    def _samples(self, X: Any) -> Any:
        return validate_samples(self.model, X, accept_sparse="csr", dtype=np.float64, reset=False)

    def _set_covariance(self, groups: ArrayLike | None) -> None:
        counts, codes = self._weight > 0, None
        if groups is not None:
            groups = column_or_1d(groups)
            entries_of(groups, "groups")  # none is missing
            codes = np.unique(groups, return_inverse=True)[1]
        sums = self._softmax.sums(self._X, self._D, self._weight, codes)
        self.log_likelihood = sums.log_likelihood
        penalty = self._penalty()
        inverse = inverse_of(sums.information + penalty)
        away = sums.gradient - penalty @ self.contrasts.ravel()
        if away @ inverse @ away > _NEAR**2:
            warnings.warn(
                "The coefficients are no optimum for these rows and weights, on which standard "
                "errors rest. Pass what the model was fitted to; if that is so, lower its tol."
            )
        if self.cov_type == "model":
            meat, factor = sums.information, 1.0
        else:
            meat = sums.meat
            n = counts.sum() if codes is None else len(np.unique(codes[counts]))
            if n < 2:
                raise ValueError("A sandwich needs at least two rows or groups with a weight.")
            factor = n / (n - 1)
        self.covariance = factor * inverse @ meat @ inverse
        self.standard_errors = np.sqrt(np.diag(self.covariance)).reshape(self.contrasts.shape)
        self.effective_df = float(self.contrasts.size)
        if self.model.alpha_ > 0:
            self.effective_df = float(np.vdot(inverse, sums.information))

    def _penalty(self) -> NDArray[np.float64]:
        """Hessian of the penalty on all coefficients, in the contrasts."""
        model, n_others = self.model, len(self.contrasts)
        scale = np.zeros(self.contrasts.shape[1])
        scale[: model.n_features_in_] = 1
        if model.standardized_:
            deviations = model._feature_scale(self._X, self._D, self._weight)
            scale[: model.n_features_in_] = deviations**2
        # Coefficients of a column sum to zero where they are penalised.
        labels = np.eye(n_others) - 1 / (n_others + 1)
        return model.alpha_ * self._weight.sum() * np.kron(labels, np.diag(scale))

    def summary(self, coverage: float = 0.95) -> DataFrame:
        """Contrasts with standard errors, tests and intervals.

        Parameters
        ----------
        coverage : float in (0, 1), default=0.95
            Coverage of the intervals.

        Returns
        -------
        frame : DataFrame
            A row for each label but the base, and each column of the design, in its index; the
            columns are `contrast`, `std_error`, `z`, `p_value` (two-sided, of a normal
            distribution), `lower` and `upper`.

        Raises
        ------
        ImportError
            If pandas is not installed.
        """
        index = [self.labels, self.columns]
        return table_of("contrast", self.contrasts, self.standard_errors, index, coverage)

    def wald_test(
        self,
        features: Any = None,
        *,
        constraints: ArrayLike | None = None,
        value: ArrayLike = 0.0,
    ) -> ChiSquaredResult:
        r"""Test that features have no influence, or linear constraints on the contrasts.

        Parameters
        ----------
        features : str, int or list of these, default=None
            Names or positions of features whose contrasts are all zero by hypothesis. None takes
            all features, unless there are constraints.
        constraints : array-like of shape (n_constraints, n_parameters), default=None
            A matrix `R` instead, for the hypothesis that ``R @ contrasts.ravel()`` is `value`.
        value : float or array-like of shape (n_constraints,), default=0.0
            What `constraints` lead to by hypothesis.

        Returns
        -------
        result : ChiSquaredResult
            A tuple of `statistic`, :math:`(R\delta - r)^\top (R V R^\top)^{-1} (R\delta - r)`, its
            degrees of freedom `df`, and `pvalue`.

        Raises
        ------
        ValueError
            If a feature is unknown, both are given, or the constraints are dependent, for which
            there may be too few groups.
        """
        if constraints is not None:
            if features is not None:
                raise ValueError("Pass features or constraints, not both.")
            R = check_array(constraints, dtype=np.float64, input_name="constraints")
            if R.shape[1] != self.contrasts.size:
                raise ValueError(
                    f"constraints have {R.shape[1]} columns, there are {self.contrasts.size} "
                    "parameters."
                )
        else:
            chosen = np.zeros(self.contrasts.shape, dtype=bool)
            chosen[:, self._positions(features)] = True
            R = np.eye(self.contrasts.size)[chosen.ravel()]
        off = R @ self.contrasts.ravel() - np.asarray(value, dtype=np.float64)
        statistic = float(off @ inverse_of(R @ self.covariance @ R.T, "The hypothesis") @ off)
        return chi_squared(statistic, float(len(R)))

    def likelihood_ratio_test(self, features: Any = None) -> ChiSquaredResult:
        """Test that features have no influence, by a fit without them.

        It takes `y` for votes as ``cov_type="model"`` does, whatever the covariance here. Shares
        without the numbers of votes as weights are no such votes: use :meth:`wald_test` for them.

        Parameters
        ----------
        features : str, int or list of these, default=None
            Names or positions of the features that are left out. None leaves out all.

        Returns
        -------
        result : ChiSquaredResult
            A tuple of `statistic`, twice the difference of the log-likelihoods, its degrees of
            freedom `df`, and `pvalue`. With a penalty both fits have the same one and degrees of
            freedom are effective ones, which makes p-values approximate.

        Raises
        ------
        ValueError
            If a feature is unknown.
        """
        model = self.model
        kept = np.delete(np.arange(model.n_features_in_), self._positions(features))
        if len(kept):
            smaller = BFGSLDL(
                alpha=model.alpha_,
                standardize=model.standardized_,
                fit_intercept=model.fit_intercept,
                max_iter=model.max_iter,
                tol=model.tol,
            ).fit(self._X[:, kept], self._D, sample_weight=self._weight)
            other = MultinomialInference(
                smaller, self._X[:, kept], self._D, self._weight, cov_type="model"
            )
            value, df = other.log_likelihood, other.effective_df
        else:
            mean = self._weight @ self._D
            if not model.fit_intercept:
                mean[:] = mean.sum() / len(mean)
            value = float(self._weight @ self._D @ np.log(mean / mean.sum()))
            df = float(len(self.contrasts) * model.fit_intercept)
        return chi_squared(max(2 * (self.log_likelihood - value), 0.0), self.effective_df - df)

    def marginal_effects(
        self, features: Any = None, *, discrete: Any = (), coverage: float = 0.95
    ) -> DataFrame:
        r"""Average marginal effects of features on the degrees of all labels.

        The effect of feature `j` on label `c` is the mean over the rows, by their weights, of

        .. math:: \frac{\partial p_c(x_i)}{\partial x_{ij}}
                  = p_{ic} \Big(w_{cj} - \sum_k p_{ik} w_{kj}\Big) .

        Over the labels it sums to zero. Standard errors are those of the delta method, given the
        rows.

        Parameters
        ----------
        features : str, int or list of these, default=None
            Names or positions of features; None takes all.
        discrete : str, int or list of these, default=()
            Features that are zero or one, whose effect is the change from zero to one instead.
        coverage : float in (0, 1), default=0.95
            Coverage of the intervals.

        Returns
        -------
        frame : DataFrame
            A row for each feature and each label, in its index; the columns are `effect`,
            `std_error`, `z`, `p_value`, `lower` and `upper`.

        Raises
        ------
        ImportError
            If pandas is not installed.
        ValueError
            If a feature is unknown, or one that is `discrete` is not zero or one.
        """
        positions = self._positions(features)
        steps = np.isin(positions, self._positions(discrete, least=0))
        for j in np.asarray(positions)[steps]:
            values = self._X[:, j]
            if not np.isin(values.toarray() if issparse(values) else values, (0, 1)).all():
                raise ValueError(
                    f"{self.columns[j]!r} is not discrete: it has other values than zero and one. "
                    "Do not scale such features."
                )
        effects, J = self._softmax.effects(self._X, self._weight, positions, steps)
        errors = np.sqrt(np.maximum(np.einsum("kci,ij,kcj->kc", J, self.covariance, J), 0))
        names = fitted_names(self.model)
        labels = range(effects.shape[1]) if names is None else names.tolist()
        index = [[self.columns[j] for j in positions], list(labels)]
        return table_of("effect", effects, errors, index, coverage, order=("feature", "label"))

    @underflow_is_zero
    def probability_interval(self, X: Any, coverage: float = 0.95) -> NDArray[np.float64]:
        """Intervals for the degrees that the model predicts.

        They are for the mean distribution of such rows, not for the distribution of a single one,
        and come from the delta method for the logit of a degree, within zero and one.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Samples.
        coverage : float in (0, 1), default=0.95
            Coverage of an interval, for one row and one label.

        Returns
        -------
        bounds : ndarray of shape (n_samples, n_labels, 2)
            Lower and upper ends.

        Raises
        ------
        ValueError
            If `coverage` is out of range.
        """
        z = normal_quantile(coverage)
        P, variance = self._softmax.variances(self._samples(X), self.covariance)
        P = np.clip(P, np.finfo(np.float64).tiny, 1 - np.finfo(np.float64).epsneg)
        half = z * np.sqrt(variance) / (P * (1 - P))
        logits = np.log(P) - np.log1p(-P)
        return expit(np.stack([logits - half, logits + half], axis=2))

    def _positions(self, features: Any, least: int = 1) -> NDArray[np.intp]:
        """Positions of features by name or position."""
        n_features = self.model.n_features_in_
        if features is None:
            return np.arange(n_features)
        if isinstance(features, (str, int, np.integer)):
            features = [features]
        names = self.columns[:n_features]
        found = []
        for feature in features:
            if isinstance(feature, (bool, np.bool_)):
                raise ValueError("features are names or positions, not a mask.")
            if isinstance(feature, (int, np.integer)) and 0 <= feature < n_features:
                found.append(int(feature))
            elif feature in names:
                found.append(names.index(feature))
            else:
                raise ValueError(f"{feature!r} is no feature of the model; it has {names[:10]}.")
        if len(found) < least:
            raise ValueError("There are no features in an empty list: None stands for all.")
        return np.array(found, dtype=np.intp)


def _label(names: list, base: Any) -> tuple[Any, int]:
    """Name and position of the base label."""
    if base is None:
        return names[0], 0
    texts = [str(name) for name in names]
    if str(base) not in texts:
        raise ValueError(f"base={base!r} is no label of the model; it has {names[:10]}.")
    position = texts.index(str(base))
    return names[position], position
