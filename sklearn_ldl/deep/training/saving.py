"""Weights of a trained net as safetensors, and the net again from them: nothing is unpickled."""

from __future__ import annotations

import json
from typing import Any

from torch import Tensor

from sklearn_ldl._core.extras import MissingExtraError
from sklearn_ldl.deep.training.build import build_net
from sklearn_ldl.deep.training.device import resolve_device
from sklearn_ldl.deep.training.net import LDLNet
from sklearn_ldl.deep.training.seeds import seeded


def _safetensors() -> Any:
    try:
        import safetensors.torch as library
    except ImportError as error:
        raise MissingExtraError("A file of a network", "safetensors", "save") from error
    return library


def write_weights(net: LDLNet, about: dict[str, Any]) -> bytes:
    """Return the weights of a net.

    Parameters
    ----------
    net : LDLNet
        A trained net.
    about : dict
        Texts and numbers that go with them, as metadata, for other programs.

    Returns
    -------
    data : bytes
        As safetensors.

    Raises
    ------
    TypeError
        If the module has a state besides its tensors.
    """
    tensors = {}
    for name, value in net.module_.state_dict().items():
        if not isinstance(value, Tensor):
            raise TypeError(
                f"The module {type(net.module_).__name__} has a state besides its tensors, "
                f"{name}, which is not written."
            )
        # Tensors that share their memory are written one by one.
        tensors[name] = value.detach().to("cpu", copy=True).contiguous()
    return _safetensors().save(tensors, metadata={"sklearn_ldl": json.dumps(about)})


def read_net(
    estimator: Any, data: bytes, n_labels: int, device: Any, *, seed: int, keeps_integers: bool
) -> LDLNet:
    """Build a net that predicts, with the weights of another one.

    Parameters
    ----------
    estimator : DeepEstimator
        Has its parameters, and the shape of its samples.
    data : bytes
        What :func:`write_weights` returned.
    n_labels : int
        First dimension of its outputs.
    device : str or torch.device
        Where it computes.
    seed : int
        With which dropout in predictions begins.
    keeps_integers : bool
        Whether the module takes integers as they are.

    Returns
    -------
    net : LDLNet
        The net, which cannot be trained further.

    Raises
    ------
    ValueError
        If the weights are not those of such a network.
    """
    library = _safetensors()
    device = resolve_device(device)
    try:
        tensors = library.load(data)
    except Exception as error:  # of its own, which is no ValueError
        raise ValueError(f"The weights of a network are damaged: {error}") from error
    # Weights are drawn, and replaced at once.
    with seeded(0, device):
        net = build_net(estimator, estimator.input_shape_, n_labels, device, trains=False)
        net.initialize()
    module, current = net.module_, net.module_.state_dict()
    for name, tensor in tensors.items():
        if name in current and tensor.is_floating_point() and tensor.dtype != current[name].dtype:
            module.to(tensor.dtype)
            break
    try:
        module.load_state_dict(tensors)
    except RuntimeError as error:
        raise ValueError(
            f"The weights are not those of the module {type(module).__name__}: {error}"
        ) from error
    net.seed, net.keeps_integers = seed, keeps_integers
    net.release()
    net.trim_for_prediction()
    return net
