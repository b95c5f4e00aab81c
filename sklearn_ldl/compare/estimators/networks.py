"""Networks; torch is loaded when one is built."""

from __future__ import annotations

from typing import Any

from sklearn.base import BaseEstimator

from sklearn_ldl.compare.estimators.entry import NONE, QUANTILE, STANDARD, THREE_SCALINGS, Entry
from sklearn_ldl.compare.problem import Problem


class _Network:
    """Builds a network of a class that is found by its name."""

    def __init__(self, name: str, preset: str = "", **parameters: Any):
        self.name, self.preset, self.parameters = name, preset, parameters

    def __call__(self, problem: Problem, seed: int) -> BaseEstimator:
        """Build it."""
        from sklearn_ldl import deep

        preset = deep.PRESETS[self.preset] if self.preset else {}
        kind = getattr(deep, self.name)
        return kind(**{**preset, **self.parameters}, random_state=seed)


def _decays(pattern: str, *decays: float) -> list[tuple]:
    """Weight decays of what a pattern matches; biases stay free, to fit the mean distribution."""
    return [((pattern, {"weight_decay": decay}),) for decay in decays]


NETWORKS: dict[str, Entry] = {
    "network": Entry(
        "networks of 16 members in one (DeepLDLRegressor)",
        _Network("DeepLDLRegressor"),
        "DeepLDLRegressor",
        {"lr": [1e-3, 3e-3], "dropout": [0.1, 0.3]},
        (NONE, QUANTILE),  # it standardises by itself
        NONE,
    ),
    "bp": Entry(
        "network of one layer, squared error (DeepLDLRegressor; AA-BP of Geng, TKDE 2016)",
        _Network("DeepLDLRegressor", "plain", loss="mse", hidden_layer_sizes=(60,)),
        "",
        {
            "early_stopping": [True],
            "lr": [1e-3, 1e-2],
            "param_groups": _decays("*weight", 3e-3, 3e-2),
        },
        (STANDARD, NONE, QUANTILE),
    ),
    "cpnn": Entry(
        "conditional probability network (CPNN; Geng, TPAMI 2013)",
        _Network("CPNN"),
        "CPNN",
        {"label_encoding": ["ordinal", "onehot"], "hidden_dim": [16, 64]},
        (STANDARD, NONE),
    ),
    "dildl": Entry(
        "imbalance between labels of a row (DILDLRegressor)",
        _Network("DILDLRegressor"),
        "DILDLRegressor",
        {"lr": [1e-3, 3e-3], "alpha": [0.4, 0.6]},
        THREE_SCALINGS,
    ),
    "rda": Entry(
        "rebalanced loss, aligned representations (RDARegressor)",
        _Network("RDARegressor"),
        "RDARegressor",
        {"lr": [1e-3, 3e-3], "base_loss": ["db", "kl"]},
        THREE_SCALINGS,
    ),
    "ofr": Entry(
        "reshaped losses against imbalance (OFRRegressor)",
        _Network("OFRRegressor"),
        "OFRRegressor",
        {"lr": [1e-3, 3e-3], "reshape": ["db", "fl"]},
        THREE_SCALINGS,
    ),
}
