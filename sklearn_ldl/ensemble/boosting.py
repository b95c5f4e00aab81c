"""Boosted trees of label distributions."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from numbers import Integral, Real
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator
from sklearn.model_selection import train_test_split
from sklearn.tree import DecisionTreeRegressor
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted

from sklearn_ldl._core.extras import MissingExtraError
from sklearn_ldl._core.samples import validate_samples
from sklearn_ldl._core.simplex import centred_logits, softmax
from sklearn_ldl._core.sklearn_compat import Interval, RealNotInt, StrOptions, fit_context
from sklearn_ldl._core.weights import scaled_weight
from sklearn_ldl.base import SoftmaxPredictionMixin
from sklearn_ldl.ensemble.categories import (
    TABLE,
    CategoryEncoder,
    categorical_mask,
    hint_at_categories,
)
from sklearn_ldl.ensemble.label_trees import LabelTrees, import_lightgbm
from sklearn_ldl.ensemble.shared_trees import SharedTrees
from sklearn_ldl.ensemble.training_rows import TrainingRows

# More rows than this are many: LightGBM's trees are faster and more accurate, and enough rows
# remain if some are held out.
_MANY_ROWS = 10_000
# Both kinds of trees take sparse rows with 32-bit indices only.
_CHECKS = {"accept_sparse": "csr", **TABLE}


class GradientBoostingLDL(SoftmaxPredictionMixin, BaseEstimator):
    r"""Gradient-boosted trees whose leaves hold Newton steps in the logits of the labels.

    The logits start at the mean distribution. Every round grows new trees and moves the logit of
    label `j` in every leaf by the regularised Newton step of :math:`\sum_i s_i KL(d_i \| p_i)`,

    .. math::
        \eta \frac{\sum_i s_i (d_{ij} - p_{ij})}{\sum_i s_i p_{ij} (1 - p_{ij}) + \lambda h} ,

    the sums over the rows of the leaf, with the mean curvature :math:`h = \frac1C \sum_j \pi_j
    (1 - \pi_j)` at the mean distribution :math:`\pi`. No row is copied. There are two engines:

    - "sklearn": one tree per round serves all labels. It is a regression tree of the residuals
      :math:`d_i - p_i`, the negative gradient, and weighs the labels by their mean curvature, so
      rare labels count as much as frequent ones.
    - "lightgbm": one tree per round for each label, grown on histograms of the features, whose
      splits are chosen by the decrease that Newton steps promise. It needs LightGBM (``pip install
      "sklearn-ldl[boost]"``).

    On real tables of one or two thousand rows shared trees are at least as accurate, in a third of
    the time or less; so they are for many labels that change together, such as ages. With more rows
    there is more to learn than one tree per round holds, and sorting costs more than histograms do.

    Parameters
    ----------
    n_estimators : int, default=400
        Most rounds.
    learning_rate : float, default=0.05
        Share :math:`\eta` of the Newton step that is taken.
    max_depth : int or None, default=5
        Depth of the trees; None grows them until `min_samples_leaf` stops them.
    min_samples_leaf : int, default=10
        Fewest rows in a leaf, whatever their weights. LightGBM estimates the number from the
        curvature of the leaf.
    max_features : {"sqrt", "log2"}, int, float or None, default="sqrt"
        Features tried at a split: a number, a share of all, or all (None). Few features make
        the trees differ, which helps on small data, and cost little. scikit-learn's trees count
        every category as a feature; LightGBM's draw from four fifths of the features, which
        are drawn for each tree.
    subsample : float, default=0.5
        Share of the rows, drawn without replacement, that a round uses.
    l2_regularization : float, default=10.0
        Rows without residual, :math:`\lambda`, that are added to every leaf with the mean
        curvature :math:`h`; more of them shrink the steps of small leaves.
    early_stopping : "auto" or bool, default="auto"
        Whether to hold out rows, stop when the KL divergence on them has not improved by `tol` for
        `n_iter_no_change` rounds, and keep the rounds up to the best one. "auto" does so with
        more than 10,000 rows; False runs all rounds on all rows.
    n_iter_no_change : int, default=10
        Rounds to wait for an improvement, with early stopping.
    validation_fraction : float, default=0.1
        Share of the rows that are held out, with early stopping.
    tol : float, default=1e-5
        Smallest improvement that counts.
    categorical_features : {"from_dtype"}, array-like or None, default="from_dtype"
        Columns that hold categories, which have no order: those whose dtype says so (pandas'
        category, Polars' Categorical and Enum), a mask, positions, names, or None. Categories are
        strings, numbers or whatever else has a hash. LightGBM splits them into two sets;
        scikit-learn's trees get a column of zeros and ones for each that has `min_samples_leaf`
        rows. Categories that `fit` has not seen count as missing.
    engine : {"auto", "sklearn", "lightgbm"}, default="auto"
        Whose trees: "auto" takes LightGBM's for more than 10,000 rows if it is installed, and warns
        where it is not.
    max_bins : int, default=88
        Bins of a feature in LightGBM's histograms. With 255, LightGBM's own default, 20,000 rows
        take about a third longer.
    n_jobs : int or None, default=None
        Threads of LightGBM; None leaves the number to OpenMP, -1 takes all cores. The result
        does not depend on it.
    random_state : int, RandomState instance or None, default=None
        Seed of the rows and features that are drawn.

    Attributes
    ----------
    engine_ : {"sklearn", "lightgbm"}
        Whose trees they are.
    estimators_ : list of DecisionTreeRegressor
        Trees that predict steps in the logits, the learning rate included. Of scikit-learn only.
    booster_ : lightgbm.Booster or None
        The trees of LightGBM, which predict the sum of steps; None if no round was kept. Of
        LightGBM only.
    intercept_ : ndarray of shape (n_labels,)
        Logits at the start.
    n_iter_ : int
        Number of rounds that were kept.
    train_loss_ : ndarray of shape (n_iter + 1,)
        Mean KL divergence on the training rows, at the start and after every round.
    validation_loss_ : ndarray of shape (n_iter + 1,) or None
        The same on the held-out rows.
    feature_importances_ : ndarray of shape (n_features,)
        Share of the reduction of impurity (with LightGBM, of the gain) that is due to splits by a
        feature.
    is_categorical_ : ndarray of shape (n_features,) or None
        Which columns hold categories; None if none does.
    n_labels_, label_names_, n_features_in_, feature_names_in_
        As in :class:`~sklearn_ldl.BFGSLDL`.

    See Also
    --------
    StackingLDL : Mixtures of any learners.

    Notes
    -----
    NaN in `X` is a missing value, and goes to the side of a split where it does better. Where `fit`
    has seen none in a feature, it goes with most rows (scikit-learn), or counts as zero (LightGBM).
    Sparse tables may contain NaN with LightGBM only.

    Ctrl-C ends `fit`, and the rounds that were finished are kept.

    scikit-learn's forests take distributions as they are: the leaves of ``RandomForestRegressor``
    and ``ExtraTreesRegressor`` average them. With ``criterion="poisson"`` they split by the KL
    divergence of the rows to the mean of their node, which changes that of predictions by some 0
    to 2 % and may take twice the time. A child in which some label has no mass is not allowed, so a
    label that never occurs forbids every split: leave such a column out.

    References
    ----------
    J. H. Friedman, "Greedy function approximation: a gradient boosting machine", Annals of
    Statistics, 2001.

    G. Ke et al., "LightGBM: a highly efficient gradient boosting decision tree", NIPS 2017.

    T. Chen, C. Guestrin, "XGBoost: a scalable tree boosting system", KDD 2016.

    Examples
    --------
    >>> from sklearn_ldl.datasets import make_ldl
    >>> from sklearn_ldl import GradientBoostingLDL
    >>> X, D = make_ldl(n_samples=300, random_state=0)
    >>> model = GradientBoostingLDL(random_state=0).fit(X[:200], D[:200])
    >>> model.predict(X[200:]).shape
    (100, 3)
    >>> model.score(X[200:], D[200:]) > 0.6
    True
    """

    _parameter_constraints: dict = {
        "n_estimators": [Interval(Integral, 1, None, closed="left")],
        "learning_rate": [Interval(Real, 0, None, closed="neither")],
        "max_depth": [Interval(Integral, 1, None, closed="left"), None],
        "min_samples_leaf": [Interval(Integral, 1, None, closed="left")],
        "max_features": [
            StrOptions({"sqrt", "log2"}),
            Interval(Integral, 1, None, closed="left"),
            Interval(RealNotInt, 0, 1, closed="right"),
            None,
        ],
        "subsample": [Interval(Real, 0, 1, closed="right")],
        "l2_regularization": [Interval(Real, 0, None, closed="neither")],
        "early_stopping": [StrOptions({"auto"}), "boolean"],
        "n_iter_no_change": [Interval(Integral, 1, None, closed="left")],
        "validation_fraction": [Interval(RealNotInt, 0, 1, closed="neither")],
        "tol": [Interval(Real, 0, None, closed="left")],
        "categorical_features": ["array-like", StrOptions({"from_dtype"}), None],
        "engine": [StrOptions({"auto", "sklearn", "lightgbm"})],
        "max_bins": [Interval(Integral, 2, None, closed="left")],
        "n_jobs": [Interval(Integral, None, None, closed="neither"), None],
        "random_state": ["random_state"],
    }

    def __init__(
        self,
        n_estimators: int = 400,
        *,
        learning_rate: float = 0.05,
        max_depth: int | None = 5,
        min_samples_leaf: int = 10,
        max_features: str | float | None = "sqrt",
        subsample: float = 0.5,
        l2_regularization: float = 10.0,
        early_stopping: bool | str = "auto",
        n_iter_no_change: int = 10,
        validation_fraction: float = 0.1,
        tol: float = 1e-5,
        categorical_features: ArrayLike | str | None = "from_dtype",
        engine: str = "auto",
        max_bins: int = 88,
        n_jobs: int | None = None,
        random_state: int | np.random.RandomState | None = None,
    ):
        self.n_estimators = n_estimators
        self.learning_rate = learning_rate
        self.max_depth = max_depth
        self.min_samples_leaf = min_samples_leaf
        self.max_features = max_features
        self.subsample = subsample
        self.l2_regularization = l2_regularization
        self.early_stopping = early_stopping
        self.n_iter_no_change = n_iter_no_change
        self.validation_fraction = validation_fraction
        self.tol = tol
        self.categorical_features = categorical_features
        self.engine = engine
        self.max_bins = max_bins
        self.n_jobs = n_jobs
        self.random_state = random_state

    @fit_context(prefer_skip_nested_validation=True)
    def fit(
        self, X: Any, y: ArrayLike, sample_weight: ArrayLike | None = None
    ) -> GradientBoostingLDL:
        """Grow the trees.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Samples; trees see them in float32. NaN is a missing value.
        y : array-like of shape (n_samples, n_labels)
            Label distributions; rows sum to one.
        sample_weight : array-like of shape (n_samples,), default=None
            Non-negative weights of the rows, not all zero; they count in the loss on held-out rows
            as well. Rows without weight are left out.

        Returns
        -------
        self : GradientBoostingLDL
            The fitted estimator.

        Raises
        ------
        ValueError
            If `y` does not hold distributions (see :func:`sklearn_ldl.check_distribution`), if
            there are too few rows to hold some out, if `categorical_features` does not fit `X`, or
            for data that scikit-learn rejects.
        ImportError
            With ``engine="lightgbm"``, if LightGBM is not installed.
        """
        X, D, weight, unit = self._validate(X, y, sample_weight)
        self.engine_ = self._choose_engine(len(D))
        random = check_random_state(self.random_state)
        parts = self._split(X, D, weight, random)
        X, D, weight = parts[0]
        self.intercept_ = centred_logits(weight @ D / weight.sum())
        start = softmax(self.intercept_)
        ridge = self.l2_regularization * float((start * (1 - start)).mean()) / unit
        train, *others = [TrainingRows(X, D, w, self.intercept_) for X, D, w in parts]
        held_out: TrainingRows | None = others[0] if others else None

        engine = LabelTrees if self.engine_ == "lightgbm" else SharedTrees
        trees = engine(self, train, held_out, ridge, self.is_categorical_, random)
        best = 0
        try:
            for n_grown in range(1, self.n_estimators + 1):
                if not trees.grow():
                    break
                if held_out is None or held_out.losses[n_grown] < held_out.losses[best] - self.tol:
                    best = n_grown
                elif n_grown - best >= self.n_iter_no_change:
                    break
        finally:
            # Also after Ctrl-C: what was reached is kept.
            trees.keep(best)
            self._trees: SharedTrees | LabelTrees = trees
            self.n_iter_ = best
            self.train_loss_ = np.array(train.losses[: best + 1])
            self.validation_loss_ = (
                None if held_out is None else np.array(held_out.losses[: best + 1])
            )
        return self

    def _validate(
        self, X: Any, y: Any, sample_weight: ArrayLike | None
    ) -> tuple[Any, NDArray, NDArray, float]:
        """Validate what `fit` is given: a table, distributions, positive weights and their unit."""
        self.is_categorical_ = categorical_mask(X, self.categorical_features)
        with hint_at_categories():
            if self.is_categorical_ is None:
                X, D = self._validate_fit(X, y, **_CHECKS)
            else:
                X, D = self._validate_fit(X, y, skip_check_array=True)
                self._encoder = CategoryEncoder(self.is_categorical_).fit(X)
                X = self._encoder.transform(X)
        weight, unit = scaled_weight(sample_weight, X, dtype=np.float64)
        used = weight > 0
        return (X, D, weight, unit) if used.all() else (X[used], D[used], weight[used], unit)

    def _choose_engine(self, n_rows: int) -> str:
        if self.engine != "auto":
            return self.engine
        if n_rows <= _MANY_ROWS:
            return "sklearn"
        try:
            import_lightgbm(
                f"The fast and accurate engine for {n_rows} rows",
                'scikit-learn\'s trees are used now: engine="sklearn" says that this is meant.',
            )
        except MissingExtraError as error:
            warnings.warn(str(error))
            return "sklearn"
        return "lightgbm"

    def _split(
        self, X: Any, D: NDArray, weight: NDArray, random: np.random.RandomState
    ) -> list[Any]:
        """Training rows and, with early stopping, held-out ones."""
        stop = len(D) > _MANY_ROWS if self.early_stopping == "auto" else self.early_stopping
        if not stop:
            return [(X, D, weight)]
        X, X_out, D, D_out, weight, weight_out = train_test_split(
            X, D, weight, test_size=self.validation_fraction, random_state=random
        )
        return [(X, D, weight), (X_out, D_out, weight_out)]

    def _table(self, X: Any) -> Any:
        """Validate rows to predict: a table of numbers."""
        check_is_fitted(self, "_trees")
        if self.is_categorical_ is None:
            return validate_samples(self, X, reset=False, **_CHECKS)
        return self._encoder.transform(
            validate_samples(self, X, reset=False, skip_check_array=True)
        )

    def decision_function(self, X: Any) -> NDArray[np.float64]:
        """Logits: the distributions before the softmax.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Samples.

        Returns
        -------
        Z : ndarray of shape (n_samples, n_labels)
            The start plus the steps of all trees.
        """
        X = self._table(X)
        return self._trees.logits(X)

    def staged_predict(self, X: Any) -> Iterator[NDArray[np.float64]]:
        """Predict label distributions after one round, two rounds, and so on.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Samples.

        Yields
        ------
        D : ndarray of shape (n_samples, n_labels)
            Rows on the simplex; the last one is what `predict` returns.
        """
        X = self._table(X)
        for Z in self._trees.staged_logits(X):
            yield softmax(Z, axis=1)

    @property
    def estimators_(self) -> list[DecisionTreeRegressor]:
        """Trees of scikit-learn, one per round."""
        return self._engine_attribute("sklearn", "trees")

    @property
    def booster_(self) -> Any:
        """Trees of LightGBM, or None if no round was kept."""
        return self._engine_attribute("lightgbm", "booster")

    def _engine_attribute(self, engine: str, name: str) -> Any:
        check_is_fitted(self, "_trees")
        if self.engine_ != engine:
            raise AttributeError(f'Only engine="{engine}" has it; this one is "{self.engine_}".')
        return getattr(self._trees, name)

    @property
    def feature_importances_(self) -> NDArray[np.float64]:
        """Share of the gain that is due to splits by a feature."""
        check_is_fitted(self, "_trees")
        total = self._trees.importances(self.n_features_in_)
        return total / (total.sum() or 1.0)

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        tags.input_tags.allow_nan = True
        return tags
