"""Boosting on LightGBM's trees: one for each label a round, grown on histograms."""

from __future__ import annotations

from collections.abc import Iterator
from math import log2, sqrt
from typing import TYPE_CHECKING, Any

import numpy as np
from joblib import effective_n_jobs
from numpy.typing import NDArray
from scipy.sparse import csr_matrix, issparse

from sklearn_ldl._core.extras import MissingExtraError
from sklearn_ldl._core.plain_state import PlainState
from sklearn_ldl.ensemble.training_rows import TrainingRows, TreeParameters

if TYPE_CHECKING:
    from lightgbm import Dataset

# Depths are bounded by leaves, of which LightGBM takes no more.
_MOST_LEAVES = 131_072

# Curvature of a leaf for each unit of weight of all rows. LightGBM counts the rows of a leaf by
# curvature, of which less than this is rounding: the leaf may be empty, which is fatal.
_LEAST_CURVATURE = 1e-8

# Fewer features cost less time, and up to here no accuracy.
_SHARE_OF_FEATURES = 0.8


class LabelTrees(PlainState):
    """Trees of the derivatives of the divergence in the logit of one label each.

    LightGBM holds the sums of steps; the logits at the start are added here.

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
        Draws the seed.
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
        lightgbm = import_lightgbm('engine="lightgbm"', 'Or set engine="sklearn".')
        self._n_threads = 0 if model.n_jobs is None else effective_n_jobs(model.n_jobs)
        seed = int(random.randint(np.iinfo(np.int32).max))
        parameters = lightgbm_parameters(model, train.X.shape, train.D.shape[1], ridge)
        parameters["min_sum_hessian_in_leaf"] = _LEAST_CURVATURE * train.weight.sum()
        parameters |= {"num_threads": self._n_threads, "seed": seed}
        categories = [] if mask is None else np.flatnonzero(mask).tolist()
        self._start = train.Z[0].copy()
        data = lightgbm.Dataset(
            _features(train.X),
            label=np.zeros(len(train.D)),
            categorical_feature=categories,
            params=parameters,
        )
        self.booster: Any = lightgbm.Booster(parameters, data)
        # LightGBM drops features that allow no split, and fails where none is left.
        self._can_split = any(data.feature_num_bin(k) > 1 for k in range(train.X.shape[1]))
        self._train, self._held_out = train, held_out
        for rows in filter(None, (train, held_out)):
            # The layout of LightGBM's scores.
            rows.D, rows.P = np.asfortranarray(rows.D), np.asfortranarray(rows.P)
        if held_out is not None:
            watched = lightgbm.Dataset(
                _features(held_out.X),
                label=np.zeros(len(held_out.D)),
                reference=data,
                params=parameters,
            )
            self.booster.add_valid(watched, "held out")

    def grow(self) -> bool:
        """Fit one more tree for each label and move all rows; False if nothing can be split."""
        if not self._can_split:
            return False
        if self.booster.update(fobj=lambda scores, data: self._train.derivatives()):
            return False
        self.booster.eval_train(self._move(self._train))
        if self._held_out is not None:
            self.booster.eval_valid(self._move(self._held_out))
        return True

    def _move(self, rows: TrainingRows) -> Any:
        """Make what LightGBM takes for a measure: it is told the scores."""

        def measure(scores: NDArray, data: Dataset) -> tuple[str, float, bool]:
            rows.move_to(self._start + scores)
            return "kl_divergence", rows.losses[-1], False

        return measure

    def keep(self, n_rounds: int) -> None:
        """Forget later trees, and what only the fit needs."""
        del self._train, self._held_out
        if n_rounds == 0:
            self.booster = None
            return
        from lightgbm import Booster

        self.booster = Booster(model_str=self.booster.model_to_string(num_iteration=n_rounds))

    def staged_logits(self, X: Any) -> Iterator[NDArray[np.float64]]:
        """Logits after one round, two rounds, and so on."""
        Z = np.tile(self._start, (X.shape[0], 1))
        for n_rounds in range(0 if self.booster is None else self.booster.current_iteration()):
            Z = Z + self._predict(X, start_iteration=n_rounds, num_iteration=1)
            yield Z

    def logits(self, X: Any) -> NDArray[np.float64]:
        """Logits after all rounds."""
        if self.booster is None:
            return np.tile(self._start, (X.shape[0], 1))
        return self._start + self._predict(X)

    def _predict(self, X: Any, **which: Any) -> NDArray[np.float64]:
        return self.booster.predict(
            _features(X), raw_score=True, num_threads=self._n_threads, **which
        )

    def importances(self, n_features: int) -> NDArray[np.float64]:
        """Gain of splits on every feature."""
        if self.booster is None:
            return np.zeros(n_features)
        return self.booster.feature_importance("gain")


def import_lightgbm(needed_by: str, way_out: str) -> Any:
    """Import LightGBM, or raise the error that names the extra."""
    try:
        import lightgbm
    except ImportError as error:
        raise MissingExtraError(needed_by, "LightGBM", "boost", way_out) from error
    return lightgbm


def _features(X: Any) -> Any:
    # LightGBM knows sparse matrices, and takes sparse arrays with a warning.
    return csr_matrix(X) if issparse(X) else X


def lightgbm_parameters(
    model: TreeParameters, shape: tuple[int, int], n_labels: int, ridge: float
) -> dict[str, Any]:
    """Say in LightGBM's words what the parameters of `model` mean."""
    n_rows, n_features = shape
    depth = model.max_depth or _MOST_LEAVES
    tried = _n_tried(model.max_features, n_features)
    # Where features are drawn, trees make histograms of most of them only.
    share = _SHARE_OF_FEATURES if tried <= _SHARE_OF_FEATURES * n_features else 1.0
    n_known = max(tried, round(share * n_features))
    return {
        "objective": "none",
        "metric": "none",
        "num_class": n_labels,
        "learning_rate": model.learning_rate,
        "max_depth": -1 if model.max_depth is None else depth,
        "num_leaves": max(2, min(2 ** min(depth, 17), n_rows, _MOST_LEAVES)),
        "min_data_in_leaf": model.min_samples_leaf,
        "lambda_l2": ridge,
        "feature_fraction": n_known / n_features,
        "feature_fraction_bynode": tried / n_known,
        # At least one row is drawn.
        "bagging_fraction": min(1.0, max(model.subsample, 1.01 / n_rows)),
        "bagging_freq": 1,
        "max_bin": model.max_bins,
        "min_data_in_bin": 1,
        # The same result for any number of threads.
        "deterministic": True,
        "force_row_wise": True,
        "verbosity": -1,
    }


def _n_tried(max_features: str | float | None, n_features: int) -> int:
    """Count the features tried at a split, as scikit-learn's trees do."""
    if max_features is None:
        return n_features
    if isinstance(max_features, str):
        return max(1, int({"sqrt": sqrt, "log2": log2}[max_features](n_features)))
    if isinstance(max_features, float):
        return max(1, int(max_features * n_features))
    return min(max_features, n_features)
