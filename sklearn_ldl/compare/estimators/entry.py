"""An estimator under a name: how it is built and scaled, and what it is tuned over."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import MaxAbsScaler, MinMaxScaler, QuantileTransformer, StandardScaler
from sklearn.utils.sparsefuncs import mean_variance_axis

from sklearn_ldl.compare.problem import Problem

#: Scalings of features, in the order in which they are tried.
NONE, STANDARD, MINMAX, QUANTILE = "none", "standard", "minmax", "quantile"
ALL_SCALINGS = (STANDARD, NONE, QUANTILE, MINMAX)
THREE_SCALINGS = (STANDARD, NONE, QUANTILE)

#: Parameter -> values, as they suit a problem under a scaling.
Values = Mapping[str, list]


class Entry(NamedTuple):
    """An estimator with the settings it is compared with.

    It is built as a pipeline of the steps "scale" and "model", or alone without scalings.
    """

    description: str
    learner: Callable[[Problem, int], BaseEstimator]
    #: Name of the class, by which it can be asked for, too.
    of: str = ""
    #: What it is tuned over, besides the scaling.
    values: Values | Callable[[Problem, str], Values] = {}
    scalings: tuple[str, ...] = ALL_SCALINGS
    #: Scaling of dense features where nothing is tuned.
    scaling: str = STANDARD
    takes_sparse: bool = True
    #: With more labels it takes part only where it is asked for by name.
    most_labels: float = np.inf
    #: Whether it takes part where nothing is asked for.
    by_default: bool = False

    def build(self, problem: Problem, seed: int) -> BaseEstimator:
        """Make the estimator with its default settings.

        Raises
        ------
        MissingExtraError
            If an extra that it needs is not installed.
        """
        model = self.learner(problem, seed)
        if not self.scalings:
            return model
        # Centring would fill sparse features, which are therefore left as they are.
        scaling = NONE if problem.sparse else self.scaling
        return Pipeline([("scale", scaler(problem, scaling)), ("model", model)])

    def grid(self, problem: Problem) -> list[dict[str, list]]:
        """Candidates for every scaling that suits the features; empty where none has a choice."""
        scalings = self.scalings
        if problem.sparse:
            scalings = scalings and ((NONE, STANDARD) if len(scalings) > 1 else (NONE,))
        parts = []
        for scaling in scalings:
            values = self.values(problem, scaling) if callable(self.values) else self.values
            parameters = {f"model__{name}": list(choice) for name, choice in values.items()}
            parts.append({"scale": [scaler(problem, scaling)], **parameters})
        return parts if len(parts) > 1 or any(len(part) > 1 for part in parts) else []


def scaler(problem: Problem, scaling: str) -> Any:
    """Step of a pipeline that scales; sparse features stay sparse."""
    if scaling == NONE:
        return "passthrough"
    if scaling == STANDARD:
        return StandardScaler(with_mean=not problem.sparse)
    if scaling == MINMAX:
        return MaxAbsScaler() if problem.sparse else MinMaxScaler()
    # Half as many as rows, as those of inner folds are fewer.
    n_quantiles = int(np.clip(problem.n_samples // 2, 1, 200))
    return QuantileTransformer(
        n_quantiles=n_quantiles, output_distribution="normal", random_state=0
    )


def variance(problem: Problem, scaling: str) -> float:
    """Mean variance of the features after scaling.

    Penalties of linear models are in units of it, and so are kernels: a penalty of `a` on standard
    features is one of `a` times the variance on others.
    """
    if scaling in (STANDARD, QUANTILE):
        return 1.0
    X = problem.X
    if problem.sparse:
        return float(mean_variance_axis(X.tocsr(), axis=0)[1].mean()) or 1.0
    try:
        X = np.asarray(X, dtype=np.float64)
    except (TypeError, ValueError):  # columns of text or dates
        return 1.0
    if scaling == MINMAX:
        X = MinMaxScaler().fit_transform(X)
    return float(np.nanmean(np.nanvar(X, axis=0))) or 1.0
