"""Boosting on scikit-learn's trees: one per round, which all labels share."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array, issparse
from sklearn.tree import DecisionTreeRegressor

from sklearn_ldl._core.plain_state import PlainState
from sklearn_ldl.ensemble.training_rows import TrainingRows, TreeParameters

# Curvature below which a label is as good as absent.
_ABSENT = 1e-8


class Indicators(PlainState):
    """Columns of codes become columns of zeros and ones, one for each category that can matter.

    Parameters
    ----------
    X : ndarray of shape (n_rows, n_features)
        Table with codes; NaN belongs to no category.
    mask : ndarray of shape (n_features,) or None
        Columns with codes; None leaves the table as it is.
    least : int
        Categories of fewer rows get no column, since no leaf may hold them alone.
    """

    def __init__(self, X: Any, mask: NDArray | None, least: int):
        self.mask = mask
        self.origin = np.arange(X.shape[1])
        self.codes = np.empty(0)
        if mask is None:
            return
        columns, codes = [], []
        for column in np.flatnonzero(mask):
            known, counts = np.unique(X[~np.isnan(X[:, column]), column], return_counts=True)
            codes.append(known[counts >= least])
            columns.append(np.full(len(codes[-1]), column))
        self.codes = np.concatenate(codes)
        #: Column of the table that each column of the result comes from.
        self.origin = np.concatenate([np.flatnonzero(~mask), *columns])

    def transform(self, X: Any) -> Any:
        """Return the numbers, then the indicators of the columns with codes."""
        if self.mask is None:
            return X
        coded = self.origin[len(self.origin) - len(self.codes) :]
        return np.hstack([X[:, ~self.mask], X[:, coded] == self.codes]).astype(np.float32)


class SharedTrees(PlainState):
    """Trees of the residuals of all labels, with a Newton step for each label in every leaf.

    Parameters
    ----------
    model : TreeParameters
        The estimator.
    train : TrainingRows
        Rows to fit.
    held_out : TrainingRows or None
        Rows to watch.
    ridge : float
        Curvature that is added to every leaf.
    mask : ndarray of shape (n_features,) or None
        Columns with codes of categories.
    random : RandomState
        Draws rows and seeds of the trees.
    """

    def __init__(
        self,
        model: TreeParameters,
        train: TrainingRows,
        held_out: TrainingRows | None,
        ridge: float,
        mask: NDArray | None,
        random: np.random.RandomState,
    ):
        self.trees: list[DecisionTreeRegressor] = []
        self._indicators = Indicators(train.X, mask, model.min_samples_leaf)
        self._start = train.Z[0].copy()
        self._model, self._ridge, self._random = model, ridge, random
        self._rows = [rows for rows in (train, held_out) if rows is not None]
        for rows in self._rows:
            rows.X = self._table(rows.X)
        self._columns = train.X.tocsc() if issparse(train.X) else train.X
        # The trees look for missing values only where they check their input.
        self._has_missing = not issparse(train.X) and bool(np.isnan(train.X).any())

    def grow(self) -> bool:
        """Fit one more tree, and move all rows by what it predicts."""
        tree = self._fit(self._rows[0])
        for rows in self._rows:
            rows.move_to(rows.Z + tree.predict(rows.X, check_input=False))
        self.trees.append(tree)
        return True

    def keep(self, n_rounds: int) -> None:
        """Forget later trees, and what only the fit needs."""
        del self.trees[n_rounds:]
        del self._model, self._random, self._rows, self._columns

    def staged_logits(self, X: Any) -> Iterator[NDArray[np.float64]]:
        """Logits after one tree, two trees, and so on; one array, changed in place."""
        X = self._table(X)
        Z = np.tile(self._start, (X.shape[0], 1))
        for tree in self.trees:
            Z += tree.tree_.predict(X)[:, :, 0]
            yield Z

    def logits(self, X: Any) -> NDArray[np.float64]:
        """Logits after all trees."""
        Z = np.tile(self._start, (X.shape[0], 1))
        return next(iter(deque(self.staged_logits(X), maxlen=1)), Z)

    def importances(self, n_features: int) -> NDArray[np.float64]:
        """Reduction of impurity by splits on every feature."""
        total = np.zeros(n_features)
        for tree in self.trees:
            gains = tree.tree_.compute_feature_importances(normalize=False)
            np.add.at(total, self._indicators.origin, gains)
        return total

    def _table(self, X: Any) -> Any:
        if issparse(X) and np.isnan(X.data).any():
            raise ValueError(
                "X is sparse and contains NaN, which scikit-learn's trees take in dense arrays "
                'only: use a dense one, or engine="lightgbm".'
            )
        return self._indicators.transform(X)

    def _fit(self, rows: TrainingRows) -> DecisionTreeRegressor:
        """Fit a tree to the residuals, and put Newton steps into its leaves."""
        model = self._model
        residual, curvature = rows.D - rows.P, rows.P * (1 - rows.P)
        weight = self._draw(rows.weight)
        label_curvature = weight @ curvature / weight.sum()
        tree = DecisionTreeRegressor(
            max_depth=model.max_depth,
            min_samples_leaf=model.min_samples_leaf,
            max_features=model.max_features,
            random_state=self._random.randint(np.iinfo(np.int32).max),
        )
        target = residual / np.sqrt(np.maximum(label_curvature, _ABSENT))
        tree.fit(self._columns, target, sample_weight=weight, check_input=self._has_missing)
        # A matrix of row weights (leaf, row) sums over the rows of every node at once.
        used = np.flatnonzero(weight)
        leaves = tree.tree_.apply(rows.X)[used]
        shape = (tree.tree_.node_count, len(weight))
        member = csr_array((weight[used], (leaves, used)), shape=shape)
        steps = (member @ residual) / (member @ curvature + self._ridge)
        tree.tree_.value[:, :, 0] = model.learning_rate * steps
        return tree

    def _draw(self, weight: NDArray) -> NDArray:
        """Set the weights of rows that sit out this round to zero."""
        share = self._model.subsample
        if share == 1:
            return weight
        n_drawn = max(1, round(share * len(weight)))
        drawn = self._random.choice(len(weight), n_drawn, replace=False)
        masked = np.zeros_like(weight)
        masked[drawn] = weight[drawn]
        return masked
