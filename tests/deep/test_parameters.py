import inspect
import pickle
import re

import numpy as np
import pytest
from sklearn.base import BaseEstimator, clone
from sklearn.utils._param_validation import InvalidParameterError

pytest.importorskip("skorch")

from sklearn_ldl import DeepLDLClassifier, DeepLDLRegressor
from sklearn_ldl.deep.parameters import (
    NET_PARAMETERS,
    PLACEHOLDER,
    net_estimator,
)

X, D = np.eye(4), np.eye(4)


@net_estimator(omit=("loss",), lr=0.5, max_epochs=3)
class Own(BaseEstimator):
    """Estimator.

    Parameters
    ----------
    graph : object
        Its own.
    <net parameters>
    """

    _parameter_constraints = {"dropout": [None]}

    def __init__(self, graph, *, strength=1):
        self.graph = graph
        self.strength = strength


@net_estimator()
class Bare(BaseEstimator):
    pass


def test_own_parameters_come_first():
    names = list(inspect.signature(Own).parameters)
    assert names[:3] == ["graph", "strength", "module"]
    assert set(names[2:]) == NET_PARAMETERS.keys() - {"loss"}


def test_module_is_positional_only_where_nothing_else_is():
    kinds = {cls: inspect.signature(cls).parameters["module"].kind for cls in (Own, Bare)}
    assert kinds[Own] is inspect.Parameter.KEYWORD_ONLY
    assert kinds[Bare] is inspect.Parameter.POSITIONAL_OR_KEYWORD
    assert Bare("net").module == "net"
    with pytest.raises(TypeError, match="too many positional arguments"):
        Bare("net", (100,))


def test_defaults_of_the_class_win_and_parameters_are_stored_as_they_are():
    groups = [("head.*", {"lr": 1.0})]
    model = Own("g", param_groups=groups)
    assert (model.graph, model.strength, model.lr, model.max_epochs) == ("g", 1, 0.5, 3)
    assert model.param_groups is groups
    assert NET_PARAMETERS["lr"].default != 0.5
    assert not hasattr(model, "loss")


def test_get_params_set_params_clone_and_pickle_know_all_parameters():
    model = DeepLDLRegressor(hidden_layer_sizes=(3, 4), lr=0.1)
    assert model.get_params().keys() >= NET_PARAMETERS.keys()
    for copied in (clone(model), pickle.loads(pickle.dumps(model))):
        assert copied.get_params() == model.get_params()
    assert model.set_params(clip_norm=2.0).clip_norm == 2.0
    assert repr(model) == "DeepLDLRegressor(clip_norm=2.0, hidden_layer_sizes=(3, 4), lr=0.1)"


def test_unknown_keywords_are_refused():
    with pytest.raises(TypeError, match="unexpected keyword argument 'learning_rate'"):
        DeepLDLRegressor(learning_rate=0.1)
    with pytest.raises(TypeError, match="unexpected keyword argument 'loss'"):
        Own("g", loss="kl")
    with pytest.raises(TypeError, match=re.escape("unknown net parameters: ['epochs', 'los']")):
        net_estimator(omit=("los",), epochs=3)


def test_constraints_of_the_class_win():
    assert Own._parameter_constraints["dropout"] == [None]
    assert Own._parameter_constraints["lr"] == NET_PARAMETERS["lr"].constraints
    assert "loss" not in Own._parameter_constraints


@pytest.mark.parametrize("cls", [Own, DeepLDLRegressor, DeepLDLClassifier])
def test_every_parameter_is_documented_with_its_default(cls):
    assert PLACEHOLDER not in cls.__doc__
    documented = re.findall(r"^    (\w+) : .*default=(.*)$", cls.__doc__, flags=re.MULTILINE)
    parameters = inspect.signature(cls).parameters
    defaults = {name: p.default for name, p in parameters.items()}
    defaults = {name: f'"{v}"' if isinstance(v, str) else str(v) for name, v in defaults.items()}
    assert {name: dict(documented)[name] for name in defaults if name in NET_PARAMETERS} == {
        name: value for name, value in defaults.items() if name in NET_PARAMETERS
    }


BAD = {
    "module": ["mlp", 3],
    "hidden_layer_sizes": [100, "100"],
    "dropout": [-0.1, 1.0],
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
    "amp": ["bfloat16"],
    "compile": [None],
    "inference_dtype": ["float16", np.float64],
    "num_workers": [-1],
    "callbacks": [None, 3],
    "net_params": [["verbose", 1]],
    "warm_start": [None],
    "checkpoint": [0, True],
    "verbose": [-1],
    "random_state": ["seed"],
}


def test_every_parameter_has_bad_values():
    assert BAD.keys() == NET_PARAMETERS.keys()


@pytest.mark.parametrize(("name", "value"), [(name, v) for name in BAD for v in BAD[name]])
def test_bad_values_are_refused_before_any_work(name, value):
    model = DeepLDLRegressor(**{name: value})
    with pytest.raises(InvalidParameterError, match=f"The '{name}' parameter of DeepLDLRegressor"):
        model.fit(X, D)
    assert not hasattr(model, "n_features_in_")
