"""Sets of labels and regions of distributions that miss no more often than promised."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from numbers import Integral, Real
from typing import Any

import numpy as np
from numpy.random import RandomState
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted

from sklearn_ldl._core.fitted import forget
from sklearn_ldl._core.label_names import columns_in_order, fitted_names
from sklearn_ldl._core.simplex import check_distribution, softmax
from sklearn_ldl._core.sklearn_compat import (
    Interval,
    StrOptions,
    available_if,
    fit_context,
    num_samples,
)
from sklearn_ldl._core.weights import check_weight, scaled_weight
from sklearn_ldl.uncertainty.groups import groups_of, numbers_of
from sklearn_ldl.uncertainty.regions import DISTANCES, Region
from sklearn_ldl.uncertainty.set_scores import SET_SCORES
from sklearn_ldl.uncertainty.thresholds import Scores
from sklearn_ldl.wrappers.posthoc import PostHocCorrection


def _predicts(methods: dict[str, Any]) -> Callable[[Any], bool]:
    """Say whether a method is one of those that make sets, or regions."""
    return lambda model: model.method in methods


class ConformalLDL(PostHocCorrection):
    r"""Sets of labels, or regions of distributions, with a guaranteed coverage, around any learner.

    A set of labels :math:`S(x)` misses a voter drawn at random with a probability of at most
    :math:`\alpha`: :math:`E \sum_{j \notin S(x)} d_j \le \alpha`. A region of distributions holds
    the true one with a probability of at least :math:`1 - \alpha`. Nothing is assumed of the
    learner; rows held out and new ones must be exchangeable, and the promise is one on average
    over both. `predict` returns the distributions of the learner.

    Parameters
    ----------
    estimator : estimator, default=None
        Any estimator that is fitted to distributions, such as a pipeline; None means
        :class:`~sklearn_ldl.BFGSLDL`. Of its `decision_function`, or without one of the logarithms
        of its degrees (those below 1e-14 count as 1e-14), the softmax is taken. A fitted one inside
        a :class:`~sklearn.frozen.FrozenEstimator` stays as it is; the rows given to `fit`, which
        must not be its training rows, are those held out.
    method : str, default="adaptive"
        What is predicted. Sets of labels, by :meth:`predict_set`:

        * "threshold": the labels with a degree above some bound. The smallest sets on average; a
          row without a clear favourite may get an empty one.
        * "adaptive": the likeliest labels, until their mass exceeds a bound. Hard rows get larger
          sets, and the coverage is spread more evenly.
        * "ordinal": intervals of ordered labels, grown from the mode in the same way.

        Regions of distributions, by :meth:`predict_region` and :meth:`region_contains`: balls
        around the prediction by "total_variation", "kl" (the divergence from the prediction to the
        truth) or "wasserstein" distance (of ordered labels, one apart).
    alpha : float, default=0.1
        Probability :math:`\alpha` in (0, 1) to miss.
    cv : int, float, cross-validation generator or iterable, default=5
        The rows held out. A float is the share that one split sets aside, drawn with a fixed seed.
        After one split the learner of its training rows predicts; after several, one fitted to
        all rows. An integer makes folds of rows shuffled with a fixed seed,
        ``KFold(cv, shuffle=True, random_state=0)``; None means 5. Ignored for a frozen estimator.
        With several splits the coverage is approximate; see the notes.
    group_by : callable, str, int or None, default=None
        Keep the promise in every group of rows: a function of `X` that returns a group for each
        row, or the name or the number of a column of `X`. Or pass `coverage_groups`.
    randomize : bool, default=False
        Let chance decide whether the last label enters an "adaptive" or "ordinal" set, which makes
        the coverage exact; sets may be empty. Otherwise no such set is empty.
    random_state : int, RandomState instance or None, default=None
        Seed of `randomize`. With an integer, the n-th row of every call is drawn alike.

    Attributes
    ----------
    threshold_ : float or ndarray of shape (n_groups,)
        Largest score in a set, the radius of a region; infinity where too few rows were held out.
    groups_ : ndarray of shape (n_groups,)
        The groups, sorted; only where there are some.
    n_calibration_ : int
        Number of rows held out.
    estimator_ : estimator
        The estimator, fitted to all rows, or to the training rows of a single split (or frozen).
    n_labels_ : int
        Number of labels.
    label_names_ : ndarray of shape (n_labels,)
        Names of the labels in the order of the predictions: column names of `y`, when it was a data
        frame, in the order of a frozen estimator that has the same names.
    n_features_in_, feature_names_in_
        Those of `estimator_`, where it has them.

    See Also
    --------
    LDLRegressor : Its `quantile` is what conformal intervals of values can be made of.
    MultiLabelLDLClassifier : Sets of labels without a promise, learnt from sets.

    Notes
    -----
    A label has a score :math:`s_{ij}`: :math:`1 - p_{ij}`, or the mass of the labels before it, and
    with `randomize` a uniform share of its own. The threshold is the least :math:`q` with

    .. math:: \frac{1}{n + 1} \Bigl( 1 + \sum_{i=1}^n \sum_j d_{ij} 1[s_{ij} > q] \Bigr) \le \alpha

    over the :math:`n` rows held out (conformal risk control): the new row counts as if it were
    missed. All degrees count; with one label drawn for every row the same sets would hold on
    average, from noisier thresholds. One-hot rows make it split conformal prediction. For regions
    the sum is over the rows whose distance exceeds :math:`q`.

    The promise is kept in finite samples by a frozen estimator or a single split. Of several, the
    scores are pooled (cross-conformal prediction) and stand for those of a learner of all rows: a
    bit too large by rule, so that coverage is seldom lower than promised, but no theorem excludes
    it, and a learner that a few more rows change much can miss more often.

    Truths are what `y` holds. Where these are shares of few votes, a region covers such shares, and
    is as wide as their noise requires.

    Under a known shift of the features, pass the ratios :math:`w(x)` of the density in the target
    to that in training as `sample_weight` to `fit` and to the predictions. The promise then holds
    in the target. The ratios also weigh the rows in the fit of the estimator. With
    `sample_weight` in `fit` the scores of the rows held out are kept.

    References
    ----------
    A. N. Angelopoulos, S. Bates, A. Fisch, L. Lei, T. Schuster, "Conformal risk control", ICLR
    2024.

    M. Sadinle, J. Lei, L. Wasserman, "Least ambiguous set-valued classifiers with bounded error
    levels", Journal of the American Statistical Association 114(525), 2019 ("threshold").

    Y. Romano, M. Sesia, E. Candes, "Classification with valid and adaptive coverage", NeurIPS 2020
    ("adaptive").

    C. Lu, A. N. Angelopoulos, S. Pomerantz, "Improving trustworthiness of AI disease severity
    rating in medical imaging with ordinal conformal prediction sets", MICCAI 2022 ("ordinal").

    A. Javanmardi, D. Stutz, E. Hüllermeier, "Conformalized credal set predictors", NeurIPS 2024
    (regions).

    R. J. Tibshirani, R. Foygel Barber, E. Candes, A. Ramdas, "Conformal prediction under covariate
    shift", NeurIPS 2019 (weights).

    V. Vovk, "Cross-conformal predictors", Annals of Mathematics and Artificial Intelligence 74,
    2015.

    Examples
    --------
    >>> from sklearn_ldl import ConformalLDL
    >>> from sklearn_ldl.datasets import make_ldl
    >>> X, D = make_ldl(600, n_votes=10, random_state=0)
    >>> model = ConformalLDL(cv=0.4, alpha=0.2).fit(X[:300], D[:300])
    >>> sets = model.predict_set(X[300:])
    >>> sets[:2]
    array([[ True, False,  True],
           [False,  True,  True]])
    >>> print(f"{(D[300:] * sets).sum(axis=1).mean():.2f} of the voters")
    0.80 of the voters

    Nine of ten distributions lie within some distance of their predictions:

    >>> model = ConformalLDL(cv=0.4, method="total_variation").fit(X[:300], D[:300])
    >>> region = model.predict_region(X[300:301])
    >>> region.low.round(2), region.high.round(2)
    (array([[0.16, 0.  , 0.  ]]), array([[0.77, 0.55, 0.59]]))
    >>> print(f"{model.region_contains(X[300:], D[300:]).mean():.2f} of the rows")
    0.91 of the rows
    """

    _parameter_constraints: dict = {
        **PostHocCorrection._parameter_constraints,
        "method": [StrOptions({*SET_SCORES, *DISTANCES})],
        "alpha": [Interval(Real, 0, 1, closed="neither")],
        "cv": ["cv_object", Interval(Real, 0, 1, closed="neither")],
        "group_by": [callable, str, Interval(Integral, 0, None, closed="left"), None],
        "randomize": ["boolean"],
        "random_state": ["random_state"],
    }

    def __init__(
        self,
        estimator: BaseEstimator | None = None,
        *,
        method: str = "adaptive",
        alpha: float = 0.1,
        cv: Any = 5,
        group_by: Callable[[Any], ArrayLike] | str | int | None = None,
        randomize: bool = False,
        random_state: int | RandomState | None = None,
    ):
        self.estimator = estimator
        self.method = method
        self.alpha = alpha
        self.cv = cv
        self.group_by = group_by
        self.randomize = randomize
        self.random_state = random_state

    @fit_context(prefer_skip_nested_validation=False)
    def fit(
        self,
        X: Any,
        y: ArrayLike,
        sample_weight: ArrayLike | None = None,
        coverage_groups: ArrayLike | None = None,
        **fit_params: Any,
    ) -> ConformalLDL:
        """Fit the estimator, and find the threshold on rows held out.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Samples, handed to the estimator as they are.
        y : array-like of shape (n_samples, n_labels)
            Label distributions; rows sum to one.
        sample_weight : array-like of shape (n_samples,), default=None
            Non-negative weights of the rows, not all zero, of which only the ratios matter: for the
            threshold, as ratios of likelihoods, and for the fit of the estimator; in a pipeline the
            last step gets them.
        coverage_groups : array-like of shape (n_samples,), default=None
            Groups of the rows, each of which is to have the coverage.
        **fit_params : dict
            ``groups`` for the splitter and parameters of `fit` of the estimator, of which each
            split gets its rows; or metadata to route when that is enabled.

        Returns
        -------
        self : ConformalLDL
            The fitted estimator.

        Raises
        ------
        ValueError
            If `y` does not hold distributions (see :func:`sklearn_ldl.check_distribution`), if
            groups are given twice or not one for each row, if `estimator` takes no weights and
            there are some, or if no weight is left to train a fold.

        Warns
        -----
        UserWarning
            When so few rows are held out that all labels, or distributions, are predicted.
        """
        groups = groups_of(X, num_samples(X), self.group_by, coverage_groups)
        D, _, held_out = self._fit_estimator(X, y, sample_weight, fit_params, keep_single=True)
        if groups is None:
            forget(self, "groups_")
        else:
            self.groups_ = np.unique(groups)
        known = getattr(self, "groups_", None)
        number = numbers_of(groups, known, len(D))[held_out.rows]
        times = np.bincount(held_out.rows)[held_out.rows]
        self.n_calibration_ = len(np.unique(held_out.rows))
        scores, share = self._scores_of(softmax(held_out.Z, axis=1), held_out.D)
        found = [
            Scores.collect(scores[of], share[of], held_out.weight[of], 1 / times[of])
            for of in (number == k for k in range(1 if known is None else len(known)))
        ]
        self._promise = self.method, self.alpha
        thresholds = np.concatenate([group.threshold(self.alpha) for group in found])
        self.threshold_ = float(thresholds[0]) if known is None else thresholds
        # New rows with a weight have thresholds of their own.
        self._of_weights = None if sample_weight is None else found
        _, self._unit = scaled_weight(sample_weight, D)
        self._warn_of_all(thresholds)
        return self

    def _warn_of_all(self, thresholds: NDArray) -> None:
        """Warn where nothing is ever missed, since nothing less can be promised."""
        everything = np.isinf(thresholds)
        if not everything.any():
            return
        where = f" of the groups {self.groups_[everything]}" if hasattr(self, "groups_") else ""
        what = "labels" if self.method in SET_SCORES else "distributions"
        warnings.warn(
            f"Too few rows{where} are held out for alpha={self.alpha:g}: all {what} are predicted. "
            f"At least {np.ceil(1 / self.alpha - 1 - 1e-9):.0f} rows of equal weight are needed."
        )

    def _scores_of(self, P: NDArray, D: NDArray) -> tuple[NDArray, NDArray]:
        """Scores of rows held out, of shape (n_samples, n_scores), and their shares of a row."""
        if self.method in SET_SCORES:
            return SET_SCORES[self.method](P, self._shares(len(P))), D
        scores = DISTANCES[self.method].metric(D, P, per_row=True)
        return scores[:, np.newaxis], np.ones((len(P), 1))

    def _shares(self, n_samples: int, *, new: bool = False) -> NDArray[np.float64]:
        """Draw how much of its own mass a label waits for."""
        if not self.randomize:
            return np.zeros(n_samples)
        unseeded = self.random_state is None
        rng = RandomState() if unseeded else check_random_state(self.random_state)
        if new:  # never the numbers of the rows held out
            rng = RandomState(rng.randint(2**31 - 1))
        return rng.uniform(size=n_samples)

    def _thresholds_of(
        self,
        X: Any,
        n_samples: int,
        sample_weight: ArrayLike | None,
        coverage_groups: ArrayLike | None,
    ) -> NDArray[np.float64]:
        """Thresholds of new rows."""
        if self._promise != (self.method, self.alpha):
            raise ValueError(
                f"method and alpha were {self._promise} in fit and are {(self.method, self.alpha)} "
                "now: fit again."
            )
        groups = groups_of(X, n_samples, self.group_by, coverage_groups)
        number = numbers_of(groups, getattr(self, "groups_", None), n_samples)
        thresholds = np.atleast_1d(self.threshold_)[number]
        if sample_weight is None:
            return thresholds
        if self._of_weights is None:
            raise ValueError("sample_weight of new rows needs that of the rows of fit: pass both.")
        weight = check_weight(sample_weight, n_samples, np.float64) / self._unit
        for k, scores in enumerate(self._of_weights):
            thresholds[number == k] = scores.threshold(self.alpha, weight[number == k])
        return thresholds

    @available_if(_predicts(SET_SCORES))
    def predict_set(
        self,
        X: Any,
        *,
        sample_weight: ArrayLike | None = None,
        coverage_groups: ArrayLike | None = None,
    ) -> NDArray[np.bool_]:
        """Predict sets of labels.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Samples.
        sample_weight : array-like of shape (n_samples,), default=None
            Ratios of likelihoods of these rows, on the same scale as those given to `fit`. None
            stands for their mean in the target, as `fit` has estimated it.
        coverage_groups : array-like of shape (n_samples,), default=None
            Groups of these rows, if `fit` was given groups.

        Returns
        -------
        sets : ndarray of shape (n_samples, n_labels), dtype bool
            Whether a label is in the set of a row; in the order of the columns of `predict`.

        Raises
        ------
        ValueError
            If groups or weights are given here and not to `fit`, or a group is unknown; if `method`
            or `alpha` have been changed since.
        """
        check_is_fitted(self)
        P = self._degrees(X)
        thresholds = self._thresholds_of(X, len(P), sample_weight, coverage_groups)
        scores = SET_SCORES[self.method](P, self._shares(len(P), new=True))
        return scores <= thresholds[:, np.newaxis]

    @available_if(_predicts(DISTANCES))
    def predict_region(
        self,
        X: Any,
        *,
        sample_weight: ArrayLike | None = None,
        coverage_groups: ArrayLike | None = None,
    ) -> Region:
        """Predict regions of distributions, and how far every degree may go in them.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Samples.
        sample_weight : array-like of shape (n_samples,), default=None
            As in :meth:`predict_set`.
        coverage_groups : array-like of shape (n_samples,), default=None
            As in :meth:`predict_set`.

        Returns
        -------
        region : named tuple
            `centre`, the predictions; `radius` of shape (n_samples,), the distance up to which
            distributions belong to the region; `low` and `high` of shape (n_samples, n_labels), the
            least and the largest degree of a label among them.

        Raises
        ------
        ValueError
            As in :meth:`predict_set`.
        """
        check_is_fitted(self)
        P = self._degrees(X)
        radius = self._thresholds_of(X, len(P), sample_weight, coverage_groups)
        return Region(P, radius, *DISTANCES[self.method].bounds(P, radius))

    @available_if(_predicts(DISTANCES))
    def region_contains(
        self,
        X: Any,
        y: ArrayLike,
        *,
        sample_weight: ArrayLike | None = None,
        coverage_groups: ArrayLike | None = None,
    ) -> NDArray[np.bool_]:
        """Tell which distributions lie in the regions of their rows.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Samples.
        y : array-like of shape (n_samples, n_labels)
            Distributions, such as the true ones. Columns of a data frame are matched by name with
            those of `fit`.
        sample_weight : array-like of shape (n_samples,), default=None
            As in :meth:`predict_set`.
        coverage_groups : array-like of shape (n_samples,), default=None
            As in :meth:`predict_set`.

        Returns
        -------
        inside : ndarray of shape (n_samples,), dtype bool
            Whether the distance does not exceed the radius.

        Raises
        ------
        ValueError
            As in :meth:`predict_set`, or if `y` does not hold distributions.
        """
        check_is_fitted(self)
        P = self._degrees(X)
        radius = self._thresholds_of(X, len(P), sample_weight, coverage_groups)
        y = columns_in_order(y, fitted_names(self), of_y="y", of_names=type(self).__name__)
        D = check_distribution(y)
        return DISTANCES[self.method].metric(D, P, per_row=True) <= radius

    def _degrees(self, X: Any) -> NDArray[np.float64]:
        return np.asarray(self.predict(X), dtype=np.float64)

    def _correct(self, Z: NDArray) -> NDArray:
        return Z
