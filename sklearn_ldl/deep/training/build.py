"""From the parameters of an estimator to a net, its batches and its callbacks."""

from __future__ import annotations

import math
import os
from collections.abc import Mapping
from functools import partial
from numbers import Number
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.utils.data import Dataset

from sklearn_ldl._core.weights import with_mean_one
from sklearn_ldl.deep.networks.ensemble import MLPEnsemble
from sklearn_ldl.deep.networks.inputs import StandardizedInputs
from sklearn_ldl.deep.networks.outputs import first_output
from sklearn_ldl.deep.networks.perceptron import INITIALIZERS, MLP, make_module
from sklearn_ldl.deep.training.batches import ArraySource, DatasetSource, RowSource
from sklearn_ldl.deep.training.checkpoint import Checkpoint, describe
from sklearn_ldl.deep.training.conversion import Inputs, call, first_input, map_shapes, shape_of
from sklearn_ldl.deep.training.data import TrainingData
from sklearn_ldl.deep.training.items import Collate
from sklearn_ldl.deep.training.net import LDLNet, Sources
from sklearn_ldl.deep.training.optimization import optimizer_class
from sklearn_ldl.deep.training.processes import Processes
from sklearn_ldl.deep.training.seeds import set_seed
from sklearn_ldl.deep.training.stored_rows import FeatureStore, FeatureStores

# What modules raise for samples that they do not take.
_REFUSALS = (RuntimeError, AssertionError, IndexError, TypeError)


def build_net(
    settings: Any,
    input_shape: tuple[int, ...],
    n_labels: int,
    device: torch.device,
    *,
    trains: bool = True,
) -> LDLNet:
    """Build a net that is yet to be initialised.

    Parameters
    ----------
    settings : object
        Has the parameters of :data:`~sklearn_ldl.deep.parameter_table.NET_PARAMETERS` for
        attributes.
    input_shape : tuple of int
        Shape of one sample.
    n_labels : int
        Number of outputs; the first dimension of them where there are several.
    device : torch.device
        Where it computes.
    trains : bool, default=True
        Whether it is to be trained, instead of being given weights.

    Returns
    -------
    net : LDLNet
        Without an objective.
    """
    options = _checked(settings)
    module_options = {
        name.removeprefix("module__"): options.pop(name)
        for name in list(options)
        if name.startswith("module__")
    }
    sizes = {
        "n_features": map_shapes(math.prod, input_shape),
        "input_shape": input_shape,
        "n_labels": n_labels,
    }
    if settings.weight_decay:
        options["optimizer__weight_decay"] = settings.weight_decay
    if len(settings.param_groups):
        options["optimizer__param_groups"] = list(settings.param_groups)
    optimizer = settings.optimizer
    return LDLNet(
        partial(_build_module, settings, sizes, module_options, trains),
        objective=None,
        row_loss=None,
        amp=settings.amp,
        compiled=settings.compile,
        optimizer=optimizer_class(optimizer),
        lr=settings.lr,
        max_epochs=settings.max_epochs,
        batch_size=settings.batch_size,
        device=str(device),
        callbacks=None,
        verbose=int(settings.verbose),
        predict_nonlinearity=settings._nonlinearity,
        **options,
    )


# What a net takes besides the parameters of estimators.
_PREFIXES = ("module__", "optimizer__", "callbacks__")


def _checked(settings: Any) -> dict[str, Any]:
    """Return further parameters of the net; those that nothing would use are an error."""
    options = dict(settings.net_params or {})
    taken = {
        "optimizer__lr": True,
        "optimizer__weight_decay": bool(settings.weight_decay),
        "optimizer__param_groups": bool(len(settings.param_groups)),
    }
    parameters = settings.get_params(deep=False)
    for name in options:
        if name in parameters or taken.get(name):
            own = name.removeprefix("optimizer__")
            raise ValueError(f"net_params: {name!r} is the parameter {own} of the estimator.")
        if not name.startswith(_PREFIXES) or name in _PREFIXES:
            raise ValueError(
                f"net_params: {name!r} is not used. Names begin with "
                f"{', '.join(repr(prefix) for prefix in _PREFIXES)}."
            )
    return options


def _build_module(
    settings: Any, sizes: dict[str, Any], options: dict[str, Any], trains: bool
) -> nn.Module:
    module = settings.module
    if module is None:
        layers = {
            "hidden_layer_sizes": settings.hidden_layer_sizes,
            "dropout": settings.dropout,
            "standardize": settings.standardize,
        }
        n_members = settings.n_members
        if n_members == 1:
            module = partial(MLP, **layers)
        else:
            combine = settings._combine_members()
            module = partial(MLPEnsemble, n_members=n_members, combine=combine, **layers)
    built = make_module(module, sizes, **options)
    if not trains:
        return built
    init = settings.init
    if init is not None:
        (INITIALIZERS[init] if isinstance(init, str) else init)(built)
    settings._extend_module(built)
    return built


def adapt_module(estimator: Any, module: nn.Module, data: TrainingData) -> None:
    """Fit what the built-in perceptron knows of the data before any training."""
    for layer in module.modules():
        if isinstance(layer, StandardizedInputs):
            layer.adapt(data.example_rows())
    if isinstance(module, MLPEnsemble):
        start = estimator._first_output(data)
        if start is not None:
            module.start_from(torch.from_numpy(start))


def build_sources(
    settings: Any,
    data: TrainingData,
    rows: tuple[NDArray, NDArray],
    device: torch.device,
    processes: Processes,
) -> Sources:
    """Batches of the rows for training, and of those for validation if there are any."""

    def place(features: Any) -> FeatureStore | FeatureStores | None:
        if isinstance(features, Dataset):
            return None
        if isinstance(features, Mapping):
            return FeatureStores(features, device)
        return FeatureStore(features, device, settings.input_shape_)

    def source(part: Any, store: Any, rows: NDArray, *, shuffle: bool) -> RowSource:
        options = {
            "batch_size": len(rows) if settings.batch_size == "all" else int(settings.batch_size),
            "shuffle": shuffle,
            "weight": _weights(part.sample_weight, rows),
            "device": device,
            "processes": processes,
        }
        positions = torch.from_numpy(rows)
        if store is None:
            return DatasetSource(
                part.features,
                part.targets,
                data.encode,
                positions,
                num_workers=settings.num_workers,
                collate=Collate(settings.collate_fn),
                **options,
            )
        return ArraySource(store, part.targets, positions, **options)

    store = place(data.features)
    train = source(data, store, rows[0], shuffle=True)
    if (own := data.validation) is not None:
        valid = source(own, place(own.features), own.rows, shuffle=False)
    elif len(rows[1]):
        valid = source(data, store, rows[1], shuffle=False)
    else:
        return Sources(train, None)
    if train.generator is not None:
        # A checkpoint keeps the state of one.
        valid.generator = train.generator
    return Sources(train, valid)


def _weights(sample_weight: NDArray | None, rows: NDArray) -> Tensor | None:
    """Weights of all rows, with a mean of one over some."""
    if sample_weight is None or not len(rows):
        return None
    return torch.from_numpy(with_mean_one(sample_weight, rows).astype(np.float32))


def identify_fit(
    estimator: Any, net: LDLNet, data: TrainingData, sources: Sources, seed: int
) -> None:
    """Compare this fit with those of the other processes, and prepare its checkpoint."""
    (train, valid), own = sources, data.validation
    given = {
        "X": data.features,
        "the targets": data.targets,
        "the weights of the rows": train.weight,
        "the training rows": train.rows,
        "the validation rows": None if valid is None else valid.rows,
        "X_val": None if own is None else own.features,
        "the targets for validation": None if own is None else own.targets,
        "the weights for validation": None if own is None else own.sample_weight,
        "the seed drawn from random_state": seed,
        **data.metadata,
    }
    description = describe(estimator, given, net.module_)
    net.processes.check_agreement(description.shared())
    if estimator.checkpoint is not None:
        known = description.with_key(estimator.checkpoint_key)
        net.checkpoint = Checkpoint(estimator.checkpoint, known, net.processes)
    net.processes.start(net.module_)
    if net.processes.rank:
        # The dropout of one part of a batch is not that of another.
        set_seed(seed + net.processes.rank)


def failure(module: nn.Module, X: Inputs) -> Exception | None:
    """Return the error that a module raises for samples, if any."""
    try:
        with torch.no_grad():
            call(module.eval(), X)
    except _REFUSALS as error:
        return error
    return None


def check_output(module: nn.Module, X: Inputs, output_shape: tuple[int, ...]) -> None:
    """Try a module on two samples; raise an error if it does not return what is wanted."""
    try:
        with torch.no_grad():
            output = first_output(call(module.eval(), X))
    except _REFUSALS as error:
        hint = ""
        embeds = any(isinstance(part, nn.Embedding) for part in module.modules())
        if embeds and isinstance(error, RuntimeError) and first_input(X).is_floating_point():
            hint = ". An embedding takes integers: give features of an integer type."
        raise ValueError(
            f"The module does not take samples of shape {shape_of(X)}: {error}{hint}"
        ) from error
    n_rows = len(first_input(X))
    expected = (n_rows, *output_shape)
    if not isinstance(output, Tensor):
        raise TypeError(
            f"The module returns a {type(output).__name__}; expected a tensor of shape {expected}, "
            "or a tuple that begins with one."
        )
    if output.shape != expected:
        raise ValueError(
            f"The module returns an output of shape {tuple(output.shape)} for {n_rows} samples; "
            f"expected {expected}."
        )


def is_own(value: Any) -> bool:
    """Whether a parameter brings no code that is not of this package.

    Parameters
    ----------
    value : object
        A value, or an estimator of this package with its parameters.

    Returns
    -------
    own : bool
        False also for what nobody knows.
    """
    if value is None or isinstance(value, bool | Number | str | os.PathLike | np.ndarray):
        return True
    if isinstance(value, dict):
        return all(map(is_own, value.values()))
    if isinstance(value, tuple | list):
        return all(map(is_own, value))
    if isinstance(value, np.random.RandomState):
        return True
    defined = value if hasattr(value, "__name__") else type(value)
    if not str(getattr(defined, "__module__", "")).startswith("sklearn_ldl."):
        return False
    return all(map(is_own, value.get_params(deep=False).values())) if is_estimator(value) else True


def is_estimator(value: Any) -> bool:
    """Whether a value has parameters, and is not a class that has."""
    return hasattr(value, "get_params") and not isinstance(value, type)
