"""One estimator that tries the others, and mixes those that predict held-out rows best."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from numbers import Integral, Real
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.sparse import csr_matrix, issparse
from sklearn.base import BaseEstimator
from sklearn.model_selection import GroupKFold
from sklearn.utils import check_random_state, get_tags
from sklearn.utils.validation import check_consistent_length, check_is_fitted

from sklearn_ldl._core.extras import MissingExtraError
from sklearn_ldl._core.samples import validate_samples
from sklearn_ldl._core.simplex import check_prediction
from sklearn_ldl._core.sklearn_compat import Interval, fit_context
from sklearn_ldl._core.splits import check_cover, splits
from sklearn_ldl._core.weights import check_folds, training_weight
from sklearn_ldl.auto.candidates import (
    MEAN,
    Candidate,
    Problem,
    any_takes_missing,
    compressed,
    describe,
    named_candidates,
    scaled_learners,
    why_not,
)
from sklearn_ldl.auto.leaderboard import Leaderboard
from sklearn_ldl.auto.mixing import best_pool
from sklearn_ldl.auto.scoring import HeldOutScore
from sklearn_ldl.auto.search import NO_TIME, Clock, Member, Search
from sklearn_ldl.base import LabelDistributionMixin
from sklearn_ldl.ensemble.pooling import Pool

_DIVERGENCE = "neg_kl_divergence"


class AutoLDL(LabelDistributionMixin, BaseEstimator):
    r"""Mixture of what learns the data best, found within a limit of time.

    Learners of different kinds are tried in turn, each with several scalings of the features, and
    predict rows that they have not seen, fold by fold. The prediction is a logarithmic pool,
    :math:`p(x) = \mathrm{softmax}(b + \sum_k w_k \ln p_k(x))`, or a linear one,
    :math:`p(x) = \sum_k w_k \, p_k(x)` with non-negative weights of sum one, whichever predicts
    rows better by which its weights were not found; they make the score of the held-out predictions
    best. The mean distribution is always among the learners, and the mixture is never worse than
    any of them on the held-out rows. What is kept is fitted to all rows.

    Parameters
    ----------
    time_limit : float or None, default=60
        Seconds that `fit` may take. What is expected to take longer than what is left, judged by a
        fit to a few hundred rows and by the first fold, is not started. None tries all candidates,
        and with a `random_state` the result is always the same.
    scoring : str or callable, default="neg_kl_divergence"
        What to maximise on the held-out rows: the name of an LDL scorer (see
        :func:`sklearn_ldl.metrics.get_ldl_scorer`), the name of a scikit-learn scorer, or a scorer.
        It chooses the scalings and the mixture. For the default the weights are the optimum of a
        convex problem, as in :class:`StackingLDL`; for others the pool is linear, and they are
        shares of a bag, into which the best addition is put again and again (ensemble selection).
    candidates : list, default=None
        What to try: names, or pairs of a name and an estimator of distributions (any multi-output
        regressor), in this order. None means all of "mean", "linear" (:class:`BFGSLDL`), "smooth"
        (:class:`SmoothBFGSLDL`), "nystroem" (the same on an approximate kernel), "neighbors"
        (:class:`KNeighborsLDL`), "extra-trees" (``ExtraTreesRegressor``), "boosting"
        (:class:`GradientBoostingLDL`), "kernel" (:class:`LDSVR`), "network" (an ensemble
        :class:`DeepLDLRegressor` of eight members, if torch and skorch are installed), "forest"
        (``RandomForestRegressor``) and "pairs" (:class:`DFLDL`, up to 20 labels). The mean is
        always tried.
    cv : int, cross-validation generator or iterable, default=5
        Splits for the rows held out; they must cover every row once. An integer, or None for 5,
        makes folds of rows shuffled with a fixed seed, or of whole groups where `groups` are given;
        fewer of them where there are fewer rows.
    n_jobs : int, default=None
        Folds fitted in parallel, after the first.
    random_state : int, RandomState instance or None, default=None
        Seed of the learners.
    verbose : int, default=0
        1 prints a line for each candidate.

    Attributes
    ----------
    estimators_ : list of estimators
        Members of the mixture: learners, in a pipeline with their scaling, fitted to all rows. The
        network, and one for which no time was left, is the mean over the models of the folds, its
        `estimators_`.
    names_ : list of str
        Names of the members.
    weights_ : ndarray of shape (n_members,)
        Weights of the members; those of a linear pool are positive and sum to one.
    intercept_ : ndarray of shape (n_labels,) or None
        Intercepts of the labels in a logarithmic pool; None says that the pool is linear.
    leaderboard_ : list of dict
        All candidates, best first: "candidate", "scaling", "score" on the held-out rows, "weight",
        "seconds", and "note", which says why one was left out. ``print(model.leaderboard_)`` shows
        a table, ``pandas.DataFrame(model.leaderboard_)`` makes a frame.
    best_score_ : float
        Score of the mixture on the held-out rows. The weights were chosen on the same rows, which
        makes it a little too good.
    n_labels_, label_names_, n_features_in_, feature_names_in_
        As in :class:`~sklearn_ldl.BFGSLDL`.

    See Also
    --------
    StackingLDL : Mixture of given learners, each fitted to all rows.

    Notes
    -----
    Candidates that cannot take what `fit` is given are left out, and the leaderboard says so: with
    weights of rows "neighbors", with missing values (NaN) all but forests, boosted trees and the
    mean. Sparse features are not centred, and large dense ones of which nine tenths are zero are
    taken as sparse, unless one of the given estimators needs them dense. Features are numbers;
    encode categories in front, for instance by a ``OneHotEncoder``. A candidate that fails is left
    out likewise; if all fail, that is an error.

    The limit is wall time. It bounds the number of candidates and scalings, not what a single one
    does: a fit that has been started is finished. After Ctrl-C the estimator is what was reached,
    a mixture of means over the models of the folds, before the ``KeyboardInterrupt`` goes on.

    References
    ----------
    D. H. Wolpert, "Stacked generalization", Neural Networks, 1992.

    C. Genest, J. V. Zidek, "Combining probability distributions: a critique and an annotated
    bibliography", Statistical Science, 1986 (linear and logarithmic pools).

    R. Caruana, A. Niculescu-Mizil, G. Crew, A. Ksikes, "Ensemble selection from libraries of
    models", ICML 2004.

    Examples
    --------
    >>> from sklearn_ldl import AutoLDL
    >>> from sklearn_ldl.datasets import make_ldl
    >>> X, D = make_ldl(300, n_votes=20, random_state=0)
    >>> model = AutoLDL(candidates=["linear", "nystroem", "neighbors"], random_state=0)
    >>> model.fit(X[:200], D[:200]).score(X[200:], D[200:]) > 0.4
    True
    >>> len(model.leaderboard_)
    4
    >>> model.predict_members(X[200:]).shape == (len(model.weights_), 100, 3)
    True
    """

    _parameter_constraints: dict = {
        "time_limit": [Interval(Real, 0, None, closed="neither"), None],
        "scoring": [str, callable],
        "candidates": [list, tuple, None],
        "cv": ["cv_object"],
        "n_jobs": [Interval(Integral, None, None, closed="neither"), None],
        "random_state": ["random_state"],
        "verbose": ["verbose"],
    }

    def __init__(
        self,
        time_limit: float | None = 60,
        *,
        scoring: Any = "neg_kl_divergence",
        candidates: Sequence[str | tuple[str, BaseEstimator]] | None = None,
        cv: Any = 5,
        n_jobs: int | None = None,
        random_state: int | np.random.RandomState | None = None,
        verbose: int = 0,
    ):
        self.time_limit = time_limit
        self.scoring = scoring
        self.candidates = candidates
        self.cv = cv
        self.n_jobs = n_jobs
        self.random_state = random_state
        self.verbose = verbose

    @fit_context(prefer_skip_nested_validation=False)
    def fit(
        self,
        X: Any,
        y: ArrayLike,
        sample_weight: ArrayLike | None = None,
        groups: ArrayLike | None = None,
    ) -> AutoLDL:
        """Try the candidates, and mix them.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Samples; missing values (NaN) are legal where a candidate takes them.
        y : array-like of shape (n_samples, n_labels)
            Label distributions; rows sum to one.
        sample_weight : array-like of shape (n_samples,), default=None
            Non-negative weights of the rows, not all zero, in all fits and (where the scorer takes
            weights) in the score. Only their ratios matter.
        groups : array-like of shape (n_samples,), default=None
            Rows of a group, such as those of one person, are held out together.

        Returns
        -------
        self : AutoLDL
            The fitted estimator.

        Raises
        ------
        ValueError
            If `y` does not hold distributions (see :func:`sklearn_ldl.check_distribution`), for
            data that scikit-learn rejects, if a candidate is unknown, if all of them fail or have
            no finite score, or if no weight is left to train a fold.
        TypeError
            For Dask collections.
        MissingExtraError
            If the network is asked for by name and torch or skorch is not installed.
        """
        clock = Clock(self.time_limit)
        candidates = named_candidates(self.candidates)
        X, D = self._validate_fit(X, y, **self._checks())
        X = compressed(X, self.candidates)
        self._sparse_inside = issparse(X)
        weight = training_weight(sample_weight, X, dtype=np.float64)
        given_weight = None if sample_weight is None else weight
        score = HeldOutScore(self.scoring, D, given_weight)
        folds = self._folds(X, D, groups)
        check_folds(folds, weight)
        search = Search(
            X,
            D,
            given_weight,
            folds=folds,
            score=score,
            find_pool=partial(
                best_pool,
                D=D,
                sample_weight=weight,
                score=score,
                by_divergence=self.scoring == _DIVERGENCE,
                folds=folds,
            ),
            clock=clock,
            n_jobs=self.n_jobs,
            report=self._report,
        )
        seed = int(check_random_state(self.random_state).randint(np.iinfo(np.int32).max))
        problem = describe(X, search.n_training_rows, given_weight is not None, seed)
        try:
            for name, candidate in candidates.items():
                self._try(search, name, candidate, problem)
        except KeyboardInterrupt:
            if search.members:
                self._mix(search)
            raise
        if search.errors and len(search.errors) >= len(candidates) - 1:
            raise search.errors[0]
        if not search.members:
            raise ValueError("No candidate has a finite score; check the scorer.")
        kept = self._mix(search)
        search.clock.reserved = sum(member.seconds for member in kept)
        for k in np.argsort(-np.abs(self.weights_), kind="stable"):
            self.estimators_[k] = search.refit(kept[k])
        return self

    def _checks(self) -> dict[str, Any]:
        finite = "allow-nan" if get_tags(self).input_tags.allow_nan else True
        dtype = [np.float64, np.float32]
        return {"accept_sparse": "csr", "dtype": dtype, "ensure_all_finite": finite}

    def _folds(self, X: Any, D: NDArray, groups: ArrayLike | None) -> list:
        cv = 5 if self.cv is None else self.cv
        if isinstance(cv, Integral):
            if len(D) < 2:
                raise ValueError(f"{type(self).__name__} needs at least 2 samples, got 1 sample.")
            if groups is not None:
                check_consistent_length(X, groups)
                n_groups = len(np.unique(groups))
                if n_groups < 2:
                    raise ValueError("All rows are of one group, which leaves none to hold out.")
                cv = GroupKFold(min(cv, n_groups), shuffle=True, random_state=0)
            else:
                cv = min(cv, len(D))
        params: dict[str, Any] = {} if groups is None else {"groups": groups}
        folds = splits(cv, X, D, **params)
        check_cover(folds, len(D))
        return folds

    def _try(self, search: Search, name: str, candidate: Candidate, problem: Problem) -> None:
        """Try a candidate, or say why not."""
        if name == MEAN:
            search.consider(name, scaled_learners(candidate, problem), growth=1, always=True)
            return
        by_name = self.candidates is not None
        n_labels = search.D.shape[1]
        if n_labels > candidate.most_labels and not by_name:
            search.leave_out(name, f"more than {candidate.most_labels} labels")
            return
        if not search.clock.suffices(0):
            search.leave_out(name, NO_TIME)
            return
        try:
            learners = scaled_learners(candidate, problem)
        except MissingExtraError as error:
            if by_name:
                raise
            search.leave_out(name, str(error))
            return
        misfit = why_not(next(iter(learners.values())), problem)
        if misfit is None:
            search.consider(name, learners, growth=candidate.growth, refit=candidate.refit)
        else:
            search.errors.append(misfit)
            search.leave_out(name, str(misfit))

    def _report(self, row: dict[str, Any]) -> None:
        if not self.verbose:
            return
        parts = [row["candidate"]]
        if row.get("score") is not None:
            parts.append(f"({row['scaling']}) score {row['score']:.4g}, {row['seconds']:.1f} s")
        if row.get("note"):
            parts.append(row["note"])
        print(f"[{type(self).__name__}] {' '.join(parts)}")

    def _mix(self, search: Search) -> list[Member]:
        """Set the fitted attributes; return the members that are kept."""
        pool, kept = search.pool()
        held_out = [member.held_out for member in search.members]
        self.best_score_ = search.score(pool(np.array(held_out)))
        pairs = zip(search.members, pool.weights, strict=True)
        share = {member.name: float(weight) for member, weight in pairs}
        self.leaderboard_ = Leaderboard(
            {**row, "weight": share.get(row["candidate"])} for row in search.rows
        )
        self.names_ = [member.name for member in kept]
        self.estimators_ = [member.model for member in kept]
        self.weights_, self.intercept_ = pool.weights[pool.weights != 0], pool.intercept
        return kept

    def predict(self, X: Any) -> NDArray[np.float64]:
        """Predict label distributions.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Samples.

        Returns
        -------
        D : ndarray of shape (n_samples, n_labels)
            Rows on the simplex.
        """
        P = self.predict_members(X)
        return Pool(self.weights_, self.intercept_)(P)

    def predict_members(self, X: Any) -> NDArray[np.float64]:
        """Predict label distributions, by each member of the mixture alone.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Samples.

        Returns
        -------
        D : ndarray of shape (n_members, n_samples, n_labels)
            Rows on the simplex, which are pooled to the prediction.
        """
        check_is_fitted(self)
        X = validate_samples(self, X, reset=False, **self._checks())
        if issparse(X) != self._sparse_inside:  # members take what they were fitted to
            X = csr_matrix(X) if self._sparse_inside else X.toarray()
        return np.array(
            [check_prediction(member.predict(X), self.n_labels_) for member in self.estimators_]
        )

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        tags.input_tags.allow_nan = any_takes_missing(self.candidates)
        return tags
