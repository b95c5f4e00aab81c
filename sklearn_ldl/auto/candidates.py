"""The learners that are tried, one line each, in the order in which they are."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, NamedTuple

import numpy as np
from scipy.sparse import csr_matrix, issparse
from sklearn.base import BaseEstimator
from sklearn.dummy import DummyRegressor
from sklearn.ensemble import ExtraTreesRegressor, RandomForestRegressor
from sklearn.kernel_approximation import Nystroem
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MaxAbsScaler, QuantileTransformer, StandardScaler
from sklearn.utils import get_tags
from sklearn.utils.sparsefuncs import mean_variance_axis

from sklearn_ldl._core.extras import MissingExtraError
from sklearn_ldl._core.label_names import innermost
from sklearn_ldl._core.weighted_fits import weight_parameter
from sklearn_ldl.ensemble import DFLDL, GradientBoostingLDL
from sklearn_ldl.linear import BFGSLDL, SmoothBFGSLDL
from sklearn_ldl.neighbors import KNeighborsLDL
from sklearn_ldl.svm import LDSVR

# Dense features of this many numbers, of which no larger share is not zero, are compressed.
_LARGE, _FILLED = 2**20, 0.1


class Problem(NamedTuple):
    """What a candidate may be adapted to: the rows that a fold trains on."""

    n_samples: int
    n_features: int
    sparse: bool
    missing: bool
    weighted: bool
    #: Sum of the variances of the features as they are.
    variance: float
    seed: int


class Candidate(NamedTuple):
    """A learner with the scalings that it is tried with."""

    build: Callable[[Problem, str], BaseEstimator]
    scalings: tuple[str, ...] = ("none",)
    #: Time grows with this power of the number of rows.
    growth: float = 1.0
    #: Whether one fit to all rows is better than the mean of the models of the folds.
    refit: bool = True
    #: With more labels it takes part only where it is asked for by name.
    most_labels: float = np.inf


def _nystroem(problem: Problem, scaling: str) -> BaseEstimator:
    # The kernel is 1 / e at the mean squared distance of two rows, twice the total variance.
    variance = problem.variance if scaling == "none" else problem.n_features
    features = Nystroem(
        gamma=1 / (2 * variance),
        # With nearly as many as rows, generalised cross-validation may choose no penalty at all.
        n_components=min(1000, max(1, problem.n_samples // 2)),
        random_state=problem.seed,
    )
    return make_pipeline(features, SmoothBFGSLDL())


def _forest(
    kind: type[BaseEstimator], problem: Problem, n_estimators: int = 100, min_samples_leaf: int = 5
) -> BaseEstimator:
    # Leaves of several rows make degrees of zero rare; the limit bounds the time on wide data.
    return kind(
        n_estimators=n_estimators,
        min_samples_leaf=min_samples_leaf,
        max_features=max(1, min(problem.n_features // 3, 100)),
        random_state=problem.seed,
    )


def _extra_trees(problem: Problem, scaling: str) -> BaseEstimator:
    # Finer trees need more of them to be averaged; on few rows they take little time.
    finer = {"n_estimators": 300, "min_samples_leaf": 3} if problem.n_samples <= 4000 else {}
    return _forest(ExtraTreesRegressor, problem, **finer)


def _network(problem: Problem, scaling: str) -> BaseEstimator:
    from sklearn_ldl.deep import DeepLDLRegressor

    # Half as many as by default: the mean over the folds has five times as many.
    return DeepLDLRegressor(n_members=8, random_state=problem.seed)


MEAN = "mean"
CANDIDATES: dict[str, Candidate] = {
    MEAN: Candidate(lambda p, s: DummyRegressor()),
    # These choose by themselves between features as they are and standardised ones.
    "linear": Candidate(lambda p, s: BFGSLDL(), ("none", "quantile")),
    "smooth": Candidate(lambda p, s: SmoothBFGSLDL(), ("none", "quantile")),
    "nystroem": Candidate(_nystroem, ("standard", "quantile")),
    "neighbors": Candidate(
        lambda p, s: KNeighborsLDL(n_neighbors=min(10, p.n_samples)),
        ("standard", "quantile", "none"),
        growth=2,
    ),
    "extra-trees": Candidate(_extra_trees),
    "boosting": Candidate(lambda p, s: GradientBoostingLDL(random_state=p.seed)),
    "kernel": Candidate(lambda p, s: LDSVR(random_state=p.seed), ("standard", "quantile", "none")),
    "network": Candidate(_network, refit=False),  # it standardises by itself
    "forest": Candidate(lambda p, s: _forest(RandomForestRegressor, p)),
    # Most of the time goes into the number of fits.
    "pairs": Candidate(lambda p, s: DFLDL(), ("standard", "none"), growth=0.5, most_labels=20),
}


def named_candidates(given: Sequence[Any] | None) -> dict[str, Candidate]:
    """Candidates by name, the mean first.

    Raises
    ------
    ValueError
        For a name that is unknown, or given to an estimator though it is that of a candidate.
    """
    found = {MEAN: CANDIDATES[MEAN]}
    for entry in CANDIDATES if given is None else given:
        if isinstance(entry, str):
            if entry not in CANDIDATES:
                names = ", ".join(CANDIDATES)
                raise ValueError(f"{entry!r} is no candidate: choose from {names}.")
            found[entry] = CANDIDATES[entry]
            continue
        if not isinstance(entry, tuple | list) or len(entry) != 2:
            raise ValueError(f"{entry!r} is no candidate: give a name, or (name, estimator).")
        name, learner = entry
        if name in CANDIDATES or name in found:
            raise ValueError(f"{name!r} is a candidate already: give yours another name.")
        found[name] = Candidate(partial(_as_given, learner))
    return found


def _as_given(learner: BaseEstimator, problem: Problem, scaling: str) -> BaseEstimator:
    return learner


def compressed(X: Any, given: Sequence[Any] | None = None) -> Any:
    """Return large dense features that are almost all zero as sparse ones: fits are faster.

    They stay dense where one of the estimators that were given needs them so.
    """
    if issparse(X) or X.size < _LARGE or np.count_nonzero(X) > _FILLED * X.size:
        return X
    own = [entry[1] for entry in given or () if not isinstance(entry, str)]
    return csr_matrix(X) if all(get_tags(one).input_tags.sparse for one in own) else X


def describe(X: Any, n_samples: int, weighted: bool, seed: int) -> Problem:
    """Say what candidates may be adapted to; `n_samples` are the rows that a fold trains on."""
    sparse = issparse(X)
    missing = bool(np.isnan(X.data if sparse else X).any())
    variance = 0.0
    if not missing:
        variances = mean_variance_axis(X, axis=0)[1] if sparse else X.var(axis=0, dtype=np.float64)
        variance = float(variances.sum())
    return Problem(n_samples, X.shape[1], sparse, missing, weighted, variance or 1.0, seed)


def scaled_learners(candidate: Candidate, problem: Problem) -> dict[str, BaseEstimator]:
    """Scaling -> learner, for the scalings that suit the features: none that fills sparse ones."""
    scalings = candidate.scalings
    if problem.sparse:
        scalings = ("none", "maxabs") if len(scalings) > 1 else ("none",)
    return {
        scaling: _scaled(candidate.build(problem, scaling), scaling, problem)
        for scaling in scalings
    }


def _scaled(learner: BaseEstimator, scaling: str, problem: Problem) -> BaseEstimator:
    if scaling == "none":
        return learner
    if scaling == "quantile":
        n_quantiles = max(1, min(200, problem.n_samples))
        scaler = QuantileTransformer(
            n_quantiles=n_quantiles, output_distribution="normal", random_state=problem.seed
        )
    else:
        scaler = {"standard": StandardScaler, "maxabs": MaxAbsScaler}[scaling]()
    return make_pipeline(scaler, learner)


def why_not(learner: BaseEstimator, problem: Problem) -> ValueError | None:
    """Return the reason for which a learner cannot take the data, or None."""
    tags, name = get_tags(learner).input_tags, type(innermost(learner)).__name__
    if problem.sparse and not tags.sparse:
        return ValueError(f"{name} takes no sparse features.")
    if problem.missing and not tags.allow_nan:
        return ValueError(f"{name} takes no missing values (NaN).")
    if problem.weighted:
        try:
            weight_parameter(learner)
        except ValueError as error:
            return error
    return None


def any_takes_missing(given: Sequence[Any] | None) -> bool:
    """Whether one of the candidates, besides the mean, can do with NaN."""
    entries = list(CANDIDATES if given is None else given)
    anything = Problem(100, 1, False, False, False, 1.0, 0)
    # The network comes last: torch takes long to load.
    for entry in sorted(entries, key=lambda entry: entry == "network"):
        if isinstance(entry, str):
            if entry == MEAN or entry not in CANDIDATES:
                continue
            try:
                learner = CANDIDATES[entry].build(anything, "none")
            except MissingExtraError:
                continue
        elif isinstance(entry, tuple | list) and len(entry) == 2:
            learner = entry[1]
        else:
            continue  # which fit says
        if get_tags(learner).input_tags.allow_nan:
            return True
    return False
