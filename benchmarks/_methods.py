"""Estimators of bench_methods.py: published hyper-parameters, and the candidates of their tuning.

Published weights are of sums over rows; those here are of means, so they depend on the number n of
rows: ``lambda ||W||**2`` is ``alpha = 2 lambda / n``, and a norm of a matrix with a row for every
sample has the weight ``lambda / sqrt(n)``. Weights of squares that are summed over rows stay what
they are.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import product
from typing import Any, NamedTuple

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.dummy import DummyRegressor
from sklearn.ensemble import ExtraTreesRegressor, RandomForestRegressor
from sklearn.kernel_approximation import Nystroem
from sklearn.model_selection import KFold
from sklearn.pipeline import make_pipeline

from sklearn_ldl import (
    BFGSLDL,
    BFGSLDLCV,
    CPNN,
    DFLDL,
    EDLLRL,
    IISLDL,
    LDLLCLR,
    LDLLDM,
    LDLSCL,
    LDLSF,
    LDSVR,
    PTSVMLDL,
    DeepLDLRegressor,
    GradientBoostingLDL,
    KNeighborsLDL,
    PTBayesLDL,
    StackingLDL,
)
from sklearn_ldl.deep import PRESETS

UNIFORM, MEAN = "uniform", "mean"
BASELINES = (UNIFORM, MEAN)
#: What methods with correlations between labels or samples are measured against.
PLAIN = "BFGSLDLCV"
ALPHAS = [1e-3, 1e-2, 1e-1, 1.0]

Candidates = list[dict[str, Any]]


class Training(NamedTuple):
    """What published hyper-parameters and candidates depend on."""

    n: int
    p: int
    n_labels: int
    #: Mean squared distance of two rows of the features as they come out of the scaler.
    squared_distance: float


class Method(NamedTuple):
    """An estimator at published hyper-parameters, and what it is tuned over."""

    build: Callable[[Training], BaseEstimator]
    candidates: Callable[[Training], Candidates] = lambda t: [{}]
    takes_sparse: bool = True
    #: Whether it chooses parameters by itself: there are no defaults to speak of.
    tunes_itself: bool = False
    #: Whether it knows of correlations between labels or samples.
    correlation: bool = False


def grid(**values: list) -> Candidates:
    """All combinations of the values."""
    return [
        dict(zip(values, combination, strict=True)) for combination in product(*values.values())
    ]


def _decays(pattern: str) -> list[tuple]:
    """Weight decays of what a pattern matches; biases stay free, to fit the mean distribution."""
    return [((pattern, {"weight_decay": decay}),) for decay in (3e-3, 3e-2, 0.3)]


def _uniform(t: Training) -> BaseEstimator:
    return DummyRegressor(strategy="constant", constant=np.full(t.n_labels, 1 / t.n_labels))


def _maxent_cv(t: Training) -> BaseEstimator:
    return BFGSLDLCV(cv=KFold(5, shuffle=True, random_state=0))


def _nystroem(t: Training) -> BaseEstimator:
    n_components = min(300, t.n // 2)
    kernel = Nystroem(gamma=1 / t.squared_distance, n_components=n_components, random_state=0)
    return make_pipeline(kernel, _maxent_cv(t))


def _forest(kind: type[BaseEstimator], **options: Any) -> Method:
    def build(t: Training) -> BaseEstimator:
        # A third of the features per split is usual for regression; the limit bounds the time.
        return kind(max_features=max(1, min(t.p // 3, 100)), random_state=0, **options)

    return Method(build, lambda t: grid(min_samples_leaf=[1, 2, 5, 10]))


METHODS: dict[str, Method] = {
    UNIFORM: Method(_uniform),
    MEAN: Method(lambda t: DummyRegressor()),
    "BFGSLDL": Method(lambda t: BFGSLDL(alpha=0.01), lambda t: grid(alpha=ALPHAS)),
    PLAIN: Method(_maxent_cv, tunes_itself=True),
    "Nystroem + BFGSLDLCV": Method(
        _nystroem,
        lambda t: grid(nystroem__gamma=[f / t.squared_distance for f in (0.3, 1.0, 3.0)]),
    ),
    "DFLDL": Method(
        lambda t: DFLDL(BFGSLDL()), lambda t: grid(estimator__alpha=ALPHAS, n_neighbors=[5, 20])
    ),
    "KNeighborsLDL": Method(
        lambda t: KNeighborsLDL(),
        lambda t: grid(
            n_neighbors=[5, 10, 20, min(500, t.n // 2)], weights=["uniform", "distance"]
        ),
    ),
    "PTBayesLDL": Method(
        lambda t: PTBayesLDL(),
        lambda t: grid(var_smoothing=[1.0, 10.0, 100.0, 1e3, 1e4]),
        takes_sparse=False,
    ),
    "PTSVMLDL": Method(
        lambda t: PTSVMLDL(cv=3, max_samples=500, random_state=0),
        lambda t: grid(C=[1e-5, 1e-3, 1e-2, 1e-1], max_samples=[500, 2000]),
    ),
    "DeepLDLRegressor": Method(
        lambda t: DeepLDLRegressor(random_state=0),
        lambda t: grid(early_stopping=[True], lr=[1e-3, 1e-2], param_groups=_decays("*weight")),
    ),
    "DeepLDLRegressor, squared error": Method(
        lambda t: DeepLDLRegressor(
            **{**PRESETS["plain"], "loss": "mse", "hidden_layer_sizes": (60,)}, random_state=0
        ),
        lambda t: grid(early_stopping=[True], lr=[1e-3, 1e-2], param_groups=_decays("*weight")),
    ),
    "random forest": _forest(RandomForestRegressor),
    "random forest, Poisson": _forest(RandomForestRegressor, criterion="poisson"),
    "extra trees": _forest(ExtraTreesRegressor),
    "extra trees, Poisson": _forest(ExtraTreesRegressor, criterion="poisson"),
}


def _register(
    row: str,
    kind: type[BaseEstimator],
    published: Callable[[Training], dict[str, Any]],
    candidates: Callable[[Training], Candidates],
    **options: bool,
) -> None:
    """Add a row of the package, by its published parameters."""
    METHODS[row] = Method(lambda t: kind(**published(t)), candidates, **options)


_register(
    "IISLDL",
    IISLDL,
    lambda t: {"alpha": 0.0, "max_iter": 200},
    lambda t: grid(alpha=ALPHAS),
)
_register(
    "LDLLDM",
    LDLLDM,
    lambda t: {"alpha": 1e-3 / t.n, "global_weight": 1.0, "local_weight": 1.0, "random_state": 0},
    lambda t: [
        {"alpha": alpha, "global_weight": weight, "local_weight": weight}
        for alpha, weight in product(ALPHAS, (0.1, 1.0))
    ],
    correlation=True,
)
_register(
    "EDLLRL",
    EDLLRL,
    lambda t: {"alpha": 2e-3 / t.n, "rank_weight": 1e-2 / np.sqrt(t.n), "random_state": 0},
    lambda t: grid(alpha=[1e-2, 1e-1, 1.0, 10.0], rank_weight=[1e-4, 1e-3]),
    correlation=True,
)
_register(
    "EDLLRL, KL",
    EDLLRL,
    lambda t: {
        "alpha": 2e-3 / t.n,
        "rank_weight": 1e-2 / np.sqrt(t.n),
        "loss": "kl",
        "random_state": 0,
    },
    lambda t: grid(alpha=ALPHAS, rank_weight=[1e-3, 1e-2]),
    correlation=True,
)
_register(
    "LDLLCLR",
    LDLLCLR,
    lambda t: {
        "alpha": 2e-3 / t.n,
        "error_weight": 1e-2 / np.sqrt(t.n),
        "rank_weight": 1e-2 / t.n,
        # With the published one, 1e-2, nothing bounds the objective from below.
        "local_weight": 1e-3 / t.n,
        "random_state": 0,
    },
    lambda t: [
        {"alpha": alpha, "error_weight": error, "rank_weight": 1e-3, "local_weight": 1e-4}
        for alpha, error in product(ALPHAS, (1e-2, 1e-1))
    ],
    correlation=True,
)
_register(
    "LDLSF",
    LDLSF,
    lambda t: {"l1": 1e-4 / t.n, "l21": 1e-2 / t.n, "correlation_weight": 1e-3},
    lambda t: [
        {"l1": l1, "l21": 1.5 * l1, "correlation_weight": 1e-3, "floor": floor}
        for l1, floor in product((1e-3, 3e-3, 1e-2, 3e-2), (1e-2, 1e-1))
    ],
    correlation=True,
)
_register(
    "LDLSCL",
    LDLSCL,
    lambda t: {
        "alpha": 2e-3 / t.n,
        "correlation_weight": 1e-3,
        "code_alpha": 2e-3 / t.n,
        "random_state": 0,
    },
    lambda t: [
        {"alpha": alpha, "code_alpha": code_alpha, "correlation_weight": 1e-2}
        for alpha, code_alpha in product(ALPHAS, (0.1, 1.0))
    ],
    correlation=True,
)
for _row, _options in {
    "CPNN": {"label_encoding": "ordinal"},
    "CPNN, one-hot": {"label_encoding": "onehot"},
    "CPNN, augmented": {"label_encoding": "onehot", "n_augment": 5},
}.items():
    _register(
        _row,
        CPNN,
        lambda t, options=_options: {**options, "random_state": 0},
        lambda t: grid(hidden_dim=[16, 64], param_groups=_decays("features.weight")),
    )
_register(
    "LDSVR",
    LDSVR,
    lambda t: {"random_state": 0},
    lambda t: grid(C=[50.0, 300.0], kernel=["laplacian", "rbf"], epsilon=[0.1, 1.0]),
)
_register(
    "GradientBoostingLDL",
    GradientBoostingLDL,
    lambda t: {"random_state": 0},
    lambda t: grid(max_depth=[3, 5], l2_regularization=[1.0, 10.0], early_stopping=[False, True]),
)


def _pool(t: Training) -> BaseEstimator:
    """Mixture of one learner of every kind."""
    learners = {
        "linear": _maxent_cv(t),
        "kernel": _nystroem(t),
        "machine": LDSVR(random_state=0),
        "trees": GradientBoostingLDL(random_state=0),
        "neighbours": KNeighborsLDL(n_neighbors=20),
    }
    cv = KFold(3, shuffle=True, random_state=0)
    return StackingLDL(list(learners.items()), cv=cv)


METHODS["StackingLDL of five"] = Method(_pool, tunes_itself=True)
