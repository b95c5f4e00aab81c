"""The table of the net's parameters: bounds, defaults, documentation."""

import inspect
import re

import numpy as np
import pytest

pytest.importorskip("skorch")

from sklearn_ldl import deep
from sklearn_ldl._core.sklearn_compat import InvalidParameterError
from sklearn_ldl.deep.parameter_table import NET_PARAMETERS
from sklearn_ldl.deep.parameters import PLACEHOLDER

X, D = np.eye(4), np.eye(4)
CLASSES = [getattr(deep, name) for name in deep.__all__]
CLASSES = [cls for cls in CLASSES if hasattr(cls, "fit")]


@pytest.mark.parametrize("cls", CLASSES)
def test_every_parameter_is_documented_with_its_default(cls):
    assert PLACEHOLDER not in cls.__doc__
    documented = re.findall(r"^    (\w+) : .*default(.*)$", cls.__doc__, flags=re.MULTILINE)
    documented = {name: default.strip("= `") for name, default in documented}
    parameters = inspect.signature(cls).parameters
    defaults = {name: parameters[name].default for name in parameters if name in NET_PARAMETERS}
    defaults = {name: f'"{v}"' if isinstance(v, str) else str(v) for name, v in defaults.items()}
    assert {name: documented[name] for name in defaults} == defaults


@pytest.mark.parametrize("cls", CLASSES)
def test_parameters_are_those_that_are_validated(cls):
    assert cls._parameter_constraints.keys() == inspect.signature(cls).parameters.keys()


BAD = {
    "module": ["mlp", 3],
    "hidden_layer_sizes": [100, "100"],
    "dropout": [-0.1, 1.0],
    "n_members": [0, 2.5, None],
    "standardize": ["yes", None],
    "loss": ["hinge", None],
    "label_smoothing": [-0.1, 1.1],
    "optimizer": ["newton", None],
    "lr": [0, -1.0, np.nan, "fast"],
    "max_epochs": [-1, 1.5],
    "batch_size": [0, 2.5, "some"],
    "weight_decay": [-1e-3],
    "init": ["zeros"],
    "lr_schedule": ["step"],
    "param_groups": ["head.*", {"head.*": {"lr": 1.0}}, None],
    "clip_norm": [0, -1, "auto"],
    "early_stopping": ["yes"],
    "validation_fraction": [0, 1, 5],
    "n_iter_no_change": [0],
    "input_shape": [8, "8x8"],
    "device": [None, 0],
    "cudnn_benchmark": [None, 1],
    "amp": ["bfloat16"],
    "compile": [None],
    "inference_dtype": ["float16", np.float64],
    "predict_mc_samples": [-1, 2.5, None],
    "num_workers": [-1],
    "collate_fn": ["pad"],
    "callbacks": [None, 3],
    "net_params": [["verbose", 1]],
    "warm_start": [None],
    "checkpoint": [0, True],
    "checkpoint_key": [0],
    "verbose": [-1],
    "random_state": ["seed"],
}


def test_every_parameter_has_bad_values():
    assert BAD.keys() == NET_PARAMETERS.keys()


@pytest.mark.parametrize(("name", "value"), [(name, v) for name in BAD for v in BAD[name]])
def test_bad_values_are_refused_before_any_work(name, value):
    model = deep.DeepLDLRegressor(**{name: value})
    with pytest.raises(InvalidParameterError, match=f"The '{name}' parameter of DeepLDLRegressor"):
        model.fit(X, D)
    assert not hasattr(model, "n_features_in_")
