"""Boosted trees of label distributions."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from itertools import islice
from numbers import Integral, Real
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.sparse import csr_array, issparse
from scipy.special import rel_entr
from sklearn.base import BaseEstimator
from sklearn.model_selection import train_test_split
from sklearn.tree import DecisionTreeRegressor
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted

from sklearn_ldl._core.samples import validate_samples
from sklearn_ldl._core.simplex import centred_logits, softmax
from sklearn_ldl._core.sklearn_compat import Interval, RealNotInt, StrOptions, fit_context
from sklearn_ldl._core.weights import scaled_weight
from sklearn_ldl.base import SoftmaxPredictionMixin

# Curvature below which a label is as good as absent.
_ABSENT = 1e-8
# What the trees work on; they take sparse rows with 32-bit indices only.
_CHECKS = {"accept_sparse": "csr", "dtype": np.float32}


class _Rows:
    """Rows with their current logits, and the losses along the way."""

    def __init__(self, X: Any, D: NDArray, weight: NDArray, intercept: NDArray):
        self.X, self.D, self.weight = X, D, weight
        self.Z = np.tile(intercept, (len(D), 1))
        self.losses: list[float] = []
        self._update()

    def step(self, tree: DecisionTreeRegressor) -> None:
        """Move the logits by what the tree predicts."""
        self.Z += tree.predict(self.X, check_input=False)
        self._update()

    def _update(self) -> None:
        self.P = softmax(self.Z, axis=1)
        divergence = rel_entr(self.D, np.maximum(self.P, np.finfo(np.float64).tiny)).sum(axis=1)
        self.losses.append(float(np.average(divergence, weights=self.weight)))


class GradientBoostingLDL(SoftmaxPredictionMixin, BaseEstimator):
    r"""Gradient-boosted trees whose leaves hold one step in the logits of all labels.

    The logits start at the mean distribution. Every round fits one regression tree to the
    residuals :math:`d_i - p_i`, the negative gradient of :math:`\sum_i s_i KL(d_i \| p_i)` in the
    logits, and moves the logits of label `j` in every leaf by the regularised Newton step

    .. math::
        \eta \frac{\sum_i s_i (d_{ij} - p_{ij})}{\sum_i s_i p_{ij} (1 - p_{ij}) + \lambda h} ,

    the sums over the rows of the leaf, with the mean curvature :math:`h = \frac1C \sum_j \pi_j
    (1 - \pi_j)` at the mean distribution :math:`\pi`. Splits weigh the labels by their mean
    curvature, so rare labels count as much as frequent ones. One tree serves all labels, and no
    row is copied.

    Parameters
    ----------
    n_estimators : int, default=400
        Most rounds.
    learning_rate : float, default=0.05
        Share :math:`\eta` of the Newton step that is taken.
    max_depth : int or None, default=5
        Depth of the trees; None grows them until `min_samples_leaf` stops them.
    min_samples_leaf : int, default=10
        Fewest rows in a leaf.
    max_features : {"sqrt", "log2"}, int, float or None, default="sqrt"
        Features tried at a split: a number, a share of all, or all (None). Few features make
        the trees differ, which helps on small data, and cost little.
    subsample : float, default=0.5
        Share of the rows, drawn without replacement, that a round uses.
    l2_regularization : float, default=10.0
        Rows without residual, :math:`\lambda`, that are added to every leaf with the mean
        curvature :math:`h`; more of them shrink the steps of small leaves.
    n_iter_no_change : int, default=None
        Stop when the KL divergence on held-out rows has not improved by `tol` for this many
        rounds, and keep the rounds up to the best one; None runs all of them on all rows.
    validation_fraction : float, default=0.1
        Share of the rows that are held out if `n_iter_no_change` is given.
    tol : float, default=1e-5
        Smallest improvement that counts.
    random_state : int, RandomState instance or None, default=None
        Seed of the rows and features that are drawn.

    Attributes
    ----------
    estimators_ : list of DecisionTreeRegressor
        Trees that predict steps in the logits, the learning rate included.
    intercept_ : ndarray of shape (n_labels,)
        Logits at the start.
    n_iter_ : int
        Number of trees.
    train_loss_ : ndarray of shape (n_iter + 1,)
        Mean KL divergence on the training rows, at the start and after every round.
    validation_loss_ : ndarray of shape (n_iter + 1,) or None
        The same on the held-out rows.
    feature_importances_ : ndarray of shape (n_features,)
        Share of the reduction of impurity that is due to splits by a feature.
    n_labels_, label_names_, n_features_in_, feature_names_in_
        As in :class:`~sklearn_ldl.BFGSLDL`.

    See Also
    --------
    StackingLDL : Mixtures of any learners.

    Notes
    -----
    scikit-learn's forests take distributions as they are: the leaves of ``RandomForestRegressor``
    and ``ExtraTreesRegressor`` average them. With ``criterion="poisson"`` they split by the KL
    divergence of the rows to the mean of their node, which changes that of predictions by some 0
    to 2 % and may take twice the time. A child in which some label has no mass is not allowed, so a
    label that never occurs forbids every split: leave such a column out.

    References
    ----------
    J. H. Friedman, "Greedy function approximation: a gradient boosting machine", Annals of
    Statistics, 2001.

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
        "n_iter_no_change": [Interval(Integral, 1, None, closed="left"), None],
        "validation_fraction": [Interval(RealNotInt, 0, 1, closed="neither")],
        "tol": [Interval(Real, 0, None, closed="left")],
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
        n_iter_no_change: int | None = None,
        validation_fraction: float = 0.1,
        tol: float = 1e-5,
        random_state: int | np.random.RandomState | None = None,
    ):
        self.n_estimators = n_estimators
        self.learning_rate = learning_rate
        self.max_depth = max_depth
        self.min_samples_leaf = min_samples_leaf
        self.max_features = max_features
        self.subsample = subsample
        self.l2_regularization = l2_regularization
        self.n_iter_no_change = n_iter_no_change
        self.validation_fraction = validation_fraction
        self.tol = tol
        self.random_state = random_state

    @fit_context(prefer_skip_nested_validation=True)
    def fit(
        self, X: Any, y: ArrayLike, sample_weight: ArrayLike | None = None
    ) -> GradientBoostingLDL:
        """Grow the trees.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Samples; trees see them in float32.
        y : array-like of shape (n_samples, n_labels)
            Label distributions; rows sum to one.
        sample_weight : array-like of shape (n_samples,), default=None
            Non-negative weights of the rows, not all zero.

        Returns
        -------
        self : GradientBoostingLDL
            The fitted estimator.

        Raises
        ------
        ValueError
            If `y` does not hold distributions (see :func:`sklearn_ldl.check_distribution`), if
            there are too few rows to hold some out, or for data that scikit-learn rejects.
        """
        X, D = self._validate_fit(X, y, **_CHECKS)
        weight, unit = scaled_weight(sample_weight, X, dtype=np.float64)
        random = check_random_state(self.random_state)
        parts = self._split(X, D, weight, random)
        X, D, weight = parts[0]
        self.intercept_ = centred_logits(weight @ D / weight.sum())
        start = softmax(self.intercept_)
        ridge = self.l2_regularization * float((start * (1 - start)).mean()) / unit
        train, *others = [_Rows(X, D, w, self.intercept_) for X, D, w in parts]
        held_out: _Rows | None = others[0] if others else None

        self.estimators_ = []
        columns = X.tocsc() if issparse(X) else X
        best = 0
        for n_grown in range(1, self.n_estimators + 1):
            tree = self._grow(columns, train, ridge, random)
            self.estimators_.append(tree)
            train.step(tree)
            if held_out is None:
                best = n_grown
                continue
            held_out.step(tree)
            if held_out.losses[n_grown] < held_out.losses[best] - self.tol:
                best = n_grown
            elif n_grown - best >= self.n_iter_no_change:  # type: ignore[operator]
                break
        del self.estimators_[best:]
        self.n_iter_ = best
        self.train_loss_ = np.array(train.losses[: best + 1])
        self.validation_loss_ = None if held_out is None else np.array(held_out.losses[: best + 1])
        return self

    def _split(
        self, X: Any, D: NDArray, weight: NDArray, random: np.random.RandomState
    ) -> list[Any]:
        """Training rows and, if early stopping is asked for, held-out ones."""
        if self.n_iter_no_change is None:
            return [(X, D, weight)]
        X, X_out, D, D_out, weight, weight_out = train_test_split(
            X, D, weight, test_size=self.validation_fraction, random_state=random
        )
        if not (weight.any() and weight_out.any()):
            raise ValueError(
                "All rows with weight are on one side of the split: change "
                "validation_fraction, or leave n_iter_no_change at None."
            )
        return [(X, D, weight), (X_out, D_out, weight_out)]

    def _grow(
        self, columns: Any, rows: _Rows, ridge: float, random: np.random.RandomState
    ) -> DecisionTreeRegressor:
        """Fit a tree to the residuals, and put Newton steps into its leaves."""
        residual, curvature = rows.D - rows.P, rows.P * (1 - rows.P)
        weight = self._draw(rows.weight, random)
        label_curvature = weight @ curvature / weight.sum()
        tree = DecisionTreeRegressor(
            max_depth=self.max_depth,
            min_samples_leaf=self.min_samples_leaf,
            max_features=self.max_features,
            random_state=random.randint(np.iinfo(np.int32).max),
        )
        target = residual / np.sqrt(np.maximum(label_curvature, _ABSENT))
        tree.fit(columns, target, sample_weight=weight, check_input=False)
        # A matrix of row weights (leaf, row) sums over the rows of every node at once.
        used = np.flatnonzero(weight)
        leaves = tree.tree_.apply(rows.X)[used]
        shape = (tree.tree_.node_count, len(weight))
        member = csr_array((weight[used], (leaves, used)), shape=shape)
        steps = (member @ residual) / (member @ curvature + ridge)
        tree.tree_.value[:, :, 0] = self.learning_rate * steps
        return tree

    def _draw(self, weight: NDArray, random: np.random.RandomState) -> NDArray:
        """Set the weights of rows that sit out this round to zero."""
        if self.subsample == 1:
            return weight
        rows = np.flatnonzero(weight)
        n_drawn = max(1, round(self.subsample * len(rows)))
        drawn = random.choice(rows, n_drawn, replace=False)
        masked = np.zeros_like(weight)
        masked[drawn] = weight[drawn]
        return masked

    def _staged_logits(self, X: Any) -> Iterator[NDArray[np.float64]]:
        """Logits at the start and after every tree; one array, changed in place."""
        check_is_fitted(self)
        X = validate_samples(self, X, reset=False, **_CHECKS)
        Z = np.tile(self.intercept_, (X.shape[0], 1))
        yield Z
        for tree in self.estimators_:
            Z += tree.predict(X, check_input=False)
            yield Z

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
        return deque(self._staged_logits(X), maxlen=1)[0]

    def staged_predict(self, X: Any) -> Iterator[NDArray[np.float64]]:
        """Predict label distributions with one tree, two trees, and so on.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Samples.

        Yields
        ------
        D : ndarray of shape (n_samples, n_labels)
            Rows on the simplex; the last one is what `predict` returns.
        """
        for Z in islice(self._staged_logits(X), 1, None):
            yield softmax(Z, axis=1)

    @property
    def feature_importances_(self) -> NDArray[np.float64]:
        """Share of the reduction of impurity that is due to splits by a feature."""
        check_is_fitted(self)
        total = np.zeros(self.n_features_in_)
        for tree in self.estimators_:
            total += tree.tree_.compute_feature_importances(normalize=False)
        return total / (total.sum() or 1.0)

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        return tags
