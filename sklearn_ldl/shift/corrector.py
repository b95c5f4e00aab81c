"""The correction of predictions for a changed label prior, around any learner of distributions."""

from __future__ import annotations

import warnings
from numbers import Integral, Real
from typing import Any

import numpy as np
from numpy.random import RandomState
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted

from sklearn_ldl._core.fitted import forget
from sklearn_ldl._core.label_names import fitted_names, label_order
from sklearn_ldl._core.simplex import check_distribution, safe_log
from sklearn_ldl._core.sklearn_compat import Interval, StrOptions, fit_context
from sklearn_ldl.shift.choice import NONE, choose, estimate_by
from sklearn_ldl.shift.detection import shift_p_value
from sklearn_ldl.shift.doubts import warn_corner, warn_refuted
from sklearn_ldl.shift.evidence import Evidence
from sklearn_ldl.wrappers.posthoc import PostHocCorrection

_OF_ESTIMATION = (
    "p_value_",
    "shift_detected_",
    "method_",
    "amount_",
    "unexplained_",
    "choice_",
    "strength_",
    "target_prior_std_",
)


class LabelShiftCorrector(PostHocCorrection):
    r"""Correct a learner of distributions for labels that are more, or less, frequent than before.

    Predictions :math:`p` of a learner that was trained under the label prior :math:`\pi^s` become

    .. math:: \hat d_j \propto p_j \left( \frac{\pi^t_j}{\pi^s_j} \right)^\tau

    under the target prior :math:`\pi^t`, which is given, uniform ("logit adjustment"), or estimated
    from target rows without labels; by default the correction is the one that does best in
    simulated targets, or none. The estimate is exact in the limit where the rows of `y` are
    class probabilities :math:`p(y \mid x)` and the frequencies of the labels are all that changed.

    Parameters
    ----------
    estimator : estimator, default=None
        Any estimator that is fitted to distributions, such as a pipeline; None means
        :class:`~sklearn_ldl.BFGSLDL`. Its `decision_function` gives the logits; without one they
        are the logarithms of the predicted degrees, of which those below 1e-14 count as 1e-14.
        A fitted one inside a :class:`~sklearn.frozen.FrozenEstimator` stays as it is; the rows
        given to `fit`, which should not be its training rows, are those held out.
    target_prior : {"estimate", "uniform"} or array-like of shape (n_labels,), default="estimate"
        The prior :math:`\pi^t`; a pandas Series is matched with the labels by the names in its
        index. "estimate" takes `X_target` in `fit`, or in `adapt` afterwards;
        until it is given, no correction is made.
    method : {"auto", "bbse", "em"}, default="auto"
        How the prior is estimated.

        * "auto": by none, the uniform prior, "bbse" or "em", in whole or in part, whichever does
          best in simulated targets. No correction is made unless it is better there by a standard
          error. Where a shift of labels does not explain the predictions for the target, targets
          are simulated by selection of rows, and a warning tells.
        * "bbse": black-box shift estimation with the soft confusion matrix of rows held out. Every
          label is drawn to the uniform prior by as much as sampling leaves its column uncertain.
        * "em": maximum likelihood, by expectation maximisation on predictions calibrated by a
          temperature and a bias per label, drawn to the uniform prior by a number of rows.
    tau : float, default=1.0
        Strength :math:`\tau \ge 0` of the correction; 1 is Bayes' rule, 0 no correction.
    significance : float in [0, 1], default=0.01
        Level of the test that comes before an estimated correction: where its p-value is larger,
        predictions stay as they are. The default is strict, since a needless correction is dear:
        it pulls predictions to the uniform prior. 1 goes on without a test.
    strength : float or "auto", default="auto"
        Strength of the regularisation of the estimate, positive: for "bbse" a factor of the
        sampling variances, for "em" a number of rows per label. "auto" chooses among
        1, 2, 4, ..., 256 the one that does best on simulated shifts of the training rows.
    cv : int, cross-validation generator or iterable, default=5
        The splits that give predictions for rows held out; used for "estimate" only. An integer
        makes folds of rows shuffled with a fixed seed,
        ``KFold(cv, shuffle=True, random_state=0)``; None means 5.
    n_bootstrap : int, default=100
        Bootstrap draws that the estimate averages; 2 at least.
    random_state : int, RandomState instance or None, default=0
        Seed of the bootstrap and of the simulated targets.

    Attributes
    ----------
    prior_ : ndarray of shape (n_labels,)
        The prior :math:`\pi^s`: the mean distribution of the training rows.
    target_prior_ : ndarray of shape (n_labels,)
        The prior :math:`\pi^t` in use; `prior_` where nothing is corrected.
    target_prior_std_ : ndarray of shape (n_labels,)
        Bootstrap standard deviations of an estimated prior. They do not tell how far the
        assumption behind it is off, nor how far the regularisation draws it.
    p_value_ : float
        Of the test that there is no shift; only with estimation.
    shift_detected_ : bool
        Whether `p_value_` is at most `significance`; only with estimation.
    strength_ : float
        Strength of the regularisation; only where an estimate is in use.
    method_ : {"none", "uniform", "bbse", "em"}
        Where the prior in use comes from; only with estimation.
    amount_ : float
        The part :math:`\lambda` of the other prior in
        :math:`\pi^t = (1 - \lambda) \pi^s + \lambda \hat\pi`; 1 but for "auto", and 0 without a
        correction. Only with estimation.
    unexplained_ : float
        Part, from 0 to 1, of the change of the predictions that other frequencies of the labels
        do not explain: an energy distance. Only with "auto", where a shift was detected.
    choice_ : dict of ndarrays
        The candidates: "method", "amount", "mean_kl" in simulated targets, and "std_error" of
        its difference to no correction. Only with "auto", where a shift was detected.
    estimator_ : estimator
        The estimator, fitted to all rows (or frozen).
    n_labels_ : int
        Number of labels.
    label_names_ : ndarray of shape (n_labels,)
        Names of the labels in the order of the predictions: column names of `y`, when it was a data
        frame, in the order of a frozen estimator that has the same names.
    n_features_in_, feature_names_in_
        Those of `estimator_`, where it has them.

    See Also
    --------
    DeepLDLRegressor : Its `logit_adjustment` corrects for a uniform prior inside the loss.
    TemperatureCalibrator : Makes over- or under-confident predictions flatter or sharper.

    Notes
    -----
    Distributions are not samples of a class, so the theory holds exactly only where the rows of `y`
    are :math:`p(y \mid x)`. Where rows were selected by their degrees it is an approximation, and
    the uniform prior may be as good, or an estimate much worse than nothing. Where
    :math:`p(y \mid x)` has not changed at all, any correction harms; the default sees that only
    where the target does not look like a shift of labels.

    "auto" takes labels for the cause unless the energy distance between the predictions for the
    target and those for rows held out, with the weights :math:`\sum_j d_{ij} \hat\pi_j / \pi^s_j`,
    is more than a quarter of what it is without weights, and more than in 95 of a hundred targets
    simulated with them. It then draws 50 targets: with such weights, for priors that would look
    like the target, and the truth :math:`d_{ij} \hat\pi_j / \pi^s_j` up to its sum; or, if labels
    are refuted, with powers of these weights, which select rows by their degrees, and the truth
    :math:`d_i`. The black-box estimate is taken unless another candidate has a lower KL divergence
    by two standard errors (if labels are refuted, unless it makes a label rarer by a factor of 20,
    or is no gain while the uniform prior is), and none unless that gains by one standard error.
    "em" is a candidate only where labels leave no more than a quarter.

    A label without any mass in training cannot be corrected: its degrees stay as predicted, up to
    normalisation, and its share of a given prior is ignored, with a warning.

    Steps of a pipeline *around* this estimator see `X` but not `X_target`: put them inside
    `estimator`, or enable metadata routing and name `X_target` in the pipeline's `transform_input`.
    Searches hand `X_target` on whole, unless it has as many rows as `X`: then they take it for one
    entry per sample, and slice it.

    Predictions for rows held out come from the learners of the splits, and so do those for the
    target that the estimate compares them with: what these learners do wrong cancels. Therefore
    :meth:`adapt` keeps them, and the logits and distributions of the rows held out, but no
    features. An estimate takes some thousand least-squares problems as large as there are labels;
    "em" passes about a thousand times over the rows held out and a hundred times over the target,
    in some dozens of iterations.

    References
    ----------
    A. K. Menon, S. Jayasumana, A. S. Rawat, H. Jain, A. Veit, S. Kumar, "Long-tail learning via
    logit adjustment", ICLR 2021.

    Z. Lipton, Y.-X. Wang, A. Smola, "Detecting and correcting for label shift with black box
    predictors", ICML 2018.

    K. Azizzadenesheli, A. Liu, F. Yang, A. Anandkumar, "Regularized learning for domain adaptation
    under label shifts", ICLR 2019.

    M. Saerens, P. Latinne, C. Decaestecker, "Adjusting the outputs of a classifier to new a priori
    probabilities: a simple procedure", Neural Computation 14(1), 2002.

    A. Alexandari, A. Kundaje, A. Shrikumar, "Maximum likelihood with bias-corrected calibration is
    hard-to-beat at label shift adaptation", ICML 2020.

    G. Szekely, M. Rizzo, "Energy statistics: a class of statistics based on distances", Journal of
    Statistical Planning and Inference 143(8), 2013.

    Examples
    --------
    Training rows are mostly of the first label, the rows to predict mostly of the last:

    >>> from sklearn_ldl import BFGSLDL, LabelShiftCorrector
    >>> from sklearn_ldl.datasets import make_label_shift
    >>> X, D = make_label_shift(1000, prior=[0.7, 0.2, 0.1], random_state=0)
    >>> X_new, D_new = make_label_shift(1000, prior=[0.1, 0.3, 0.6], random_state=1)
    >>> model = LabelShiftCorrector(BFGSLDL()).fit(X, D).adapt(X_new)
    >>> model.shift_detected_, model.target_prior_.round(1)
    (True, array([0.1, 0.3, 0.6]))
    >>> model.score(X_new, D_new) > BFGSLDL().fit(X, D).score(X_new, D_new)
    True
    """

    _parameter_constraints: dict = {
        **PostHocCorrection._parameter_constraints,
        "target_prior": [StrOptions({"estimate", "uniform"}), "array-like"],
        "method": [StrOptions({"auto", "bbse", "em"})],
        "tau": [Interval(Real, 0, None, closed="left")],
        "significance": [Interval(Real, 0, 1, closed="both")],
        "strength": [Interval(Real, 0, None, closed="neither"), StrOptions({"auto"})],
        "n_bootstrap": [Interval(Integral, 2, None, closed="left")],
        "random_state": ["random_state"],
    }

    def __init__(
        self,
        estimator: BaseEstimator | None = None,
        *,
        target_prior: str | ArrayLike = "estimate",
        method: str = "auto",
        tau: float = 1.0,
        significance: float = 0.01,
        strength: float | str = "auto",
        cv: Any = 5,
        n_bootstrap: int = 100,
        random_state: int | RandomState | None = 0,
    ):
        self.estimator = estimator
        self.target_prior = target_prior
        self.method = method
        self.tau = tau
        self.significance = significance
        self.strength = strength
        self.cv = cv
        self.n_bootstrap = n_bootstrap
        self.random_state = random_state

    @fit_context(prefer_skip_nested_validation=False)
    def fit(
        self,
        X: Any,
        y: ArrayLike,
        sample_weight: ArrayLike | None = None,
        X_target: Any = None,
        **fit_params: Any,
    ) -> LabelShiftCorrector:
        """Fit the estimator, and adapt it where the target is known.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Samples, handed to the estimator as they are.
        y : array-like of shape (n_samples, n_labels)
            Label distributions; rows sum to one.
        sample_weight : array-like of shape (n_samples,), default=None
            Non-negative weights of the rows, not all zero: for the prior and the estimate, and for
            the fit of the estimator; in a pipeline the last step gets them.
        X_target : {array-like, sparse matrix} of shape (n_target_samples, n_features), default=None
            Samples of the target, of which there are two at least; see :meth:`adapt`.
        **fit_params : dict
            ``groups`` for the splitter and parameters of `fit` of the estimator, of which each
            split gets its rows; or metadata to route when that is enabled.

        Returns
        -------
        self : LabelShiftCorrector
            The fitted estimator.

        Raises
        ------
        ValueError
            If `y` does not hold distributions (see :func:`sklearn_ldl.check_distribution`), if a
            given prior is not a distribution over the labels, if there are too few target rows, or
            if `estimator` takes no weights and there are some, or if no weight is left to train a
            fold.

        Warns
        -----
        UserWarning
            When a given prior has mass on a label that training lacks, the estimated one makes a
            label rarer by a factor of 20, or labels do not explain the predictions for the target.
        """
        D, weight, self._held_out = self._fit_estimator(
            X, y, sample_weight, fit_params, hold_out=self._estimates
        )
        self.prior_ = weight @ D / weight.sum()
        if self._estimates and X_target is None:
            self._use(self.prior_)
            return self
        return self.adapt(X_target)

    def adapt(self, X_target: Any = None) -> LabelShiftCorrector:
        """Correct for another target, without another fit of the estimator.

        Other values of `target_prior`, `method`, `significance`, `strength` or `n_bootstrap` take
        effect here.

        Parameters
        ----------
        X_target : {array-like, sparse matrix} of shape (n_target_samples, n_features), default=None
            Samples of the target without labels, the ones to predict for instance; two at least.
            Only an estimated prior needs them.

        Returns
        -------
        self : LabelShiftCorrector
            The adapted estimator.

        Raises
        ------
        ValueError
            If the prior is to be estimated and `X_target` is missing or has fewer than two rows,
            or `fit` was told another `target_prior` and so held no rows out; or if a given prior
            is not a distribution over the labels.

        Warns
        -----
        UserWarning
            As in `fit`.
        """
        check_is_fitted(self)
        self._validate_params()
        if self._estimates:
            self._estimate(X_target)
        elif isinstance(self.target_prior, str):
            self._use(np.full(self.n_labels_, 1 / self.n_labels_))
        else:
            self._use(self._check_prior(self.target_prior))
        return self

    @property
    def _estimates(self) -> bool:
        return isinstance(self.target_prior, str) and self.target_prior == "estimate"

    def _estimate(self, X_target: Any) -> None:
        if X_target is None:
            raise ValueError('target_prior="estimate" needs X_target, samples of the target.')
        if self._held_out is None:
            raise ValueError('To estimate the prior, fit with target_prior="estimate" already.')
        if np.count_nonzero(self._held_out.weight) < 2:
            raise ValueError("Fewer than 2 rows held out have a weight: they tell nothing.")
        evidence = Evidence.collect(self._held_out, X_target)
        P_target = evidence.average(evidence.P_target, evidence.weight)
        if len(P_target) < 2:
            raise ValueError(f"X_target has {len(P_target)} sample, 2 are needed at least.")
        p_value = shift_p_value(evidence.P, evidence.weight, P_target)
        detected = p_value <= self.significance
        if detected:
            self._use_estimate(evidence)
        else:
            self._use(self.prior_)
            self.method_, self.amount_ = NONE, 0.0
        self.p_value_, self.shift_detected_ = p_value, detected

    def _use_estimate(self, evidence: Evidence) -> None:
        occurs = evidence.weight @ evidence.D > 0
        seen = evidence.seen(occurs)
        options = {
            "strength": None if self.strength == "auto" else self.strength,
            "n_bootstrap": self.n_bootstrap,
            "random_state": check_random_state(self.random_state),
        }
        choice, method, amount = None, self.method, 1.0
        if method == "auto":
            choice = choose(seen, **options)
            method, amount, found = choice[:3]
        else:
            found = estimate_by(method, seen, **options)
        if found is None:
            self._use(self.prior_)
        else:
            biases = np.zeros(self.n_labels_)
            biases[occurs] = found.bias
            # A label that no row held out has keeps its frequency.
            prior = self.prior_.copy()
            mass = prior[occurs].sum()
            prior[occurs] = (1 - amount) * prior[occurs] + amount * mass * found.prior
            self._use(prior, found.scale, biases)
            if found.estimate is not None:
                self.target_prior_std_ = np.zeros(self.n_labels_)
                self.target_prior_std_[occurs] = amount * found.estimate.std
                self.strength_ = found.estimate.strength
        self.method_, self.amount_ = method, amount
        if choice is not None:
            self.unexplained_, self.choice_ = choice.explanation.unexplained, choice.results
            if choice.explanation.refuted:
                warn_refuted(method, self.unexplained_)
        warn_corner(self.prior_, self.target_prior_, fitted_names(self))

    def _use(self, target_prior: NDArray, scale: float = 1.0, bias: NDArray | float = 0.0) -> None:
        """Correct for a prior from now on; forget how the last one was estimated."""
        forget(self, *_OF_ESTIMATION)
        self.target_prior_ = target_prior.copy()
        log_ratio = safe_log(target_prior) - safe_log(self.prior_)
        self._calibration = scale, bias
        self._log_ratio = np.where(self.prior_ > 0, log_ratio, 0.0)

    def _check_prior(self, prior: Any) -> NDArray[np.float64]:
        names = prior.index if hasattr(prior, "iloc") else None
        order = label_order(names, fitted_names(self), of_have="target_prior", of_want="y")
        prior = np.asarray(prior)
        if prior.shape != (self.n_labels_,):
            raise ValueError(
                f"target_prior has shape {prior.shape}, but there are {self.n_labels_} labels."
            )
        prior = prior if order is None else prior[order]
        prior = check_distribution(prior[None], input_name="target_prior")[0]
        lost = prior[self.prior_ == 0].sum()
        if lost > 0:
            warnings.warn(
                f"target_prior has a mass of {lost:.3g} on labels that training lacks: it is "
                "ignored."
            )
        return prior

    def _correct(self, Z: NDArray) -> NDArray:
        scale, bias = self._calibration
        correction = bias + self.tau * self._log_ratio
        # Where nothing is corrected, logits stay as they are to the last bit.
        return scale * Z + correction.astype(np.result_type(Z, np.float32))
