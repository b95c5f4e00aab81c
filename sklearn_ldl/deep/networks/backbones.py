"""Networks for images from torchvision, timm or this package, with a new last layer."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import partial
from importlib import import_module
from os import PathLike
from types import ModuleType
from typing import Any, cast

import torch
from torch import Tensor, nn

from sklearn_ldl.deep.networks.residual import ResidualNetwork

SOURCES = ("torchvision", "timm", "sklearn_ldl")


class Backbone(nn.Module):
    """The network `body` without its last linear layer, and the new layer `head` behind it.

    Parameters
    ----------
    body : torch.nn.Module
        Network that ends in a linear layer, which is taken out.
    n_labels : int
        Number of outputs.

    Raises
    ------
    ValueError
        If the network has no linear layer.

    Examples
    --------
    >>> import torch
    >>> from sklearn_ldl.deep.networks.backbones import Backbone
    >>> net = Backbone(torch.nn.Sequential(torch.nn.Linear(4, 8), torch.nn.Linear(8, 1000)), 3)
    >>> net
    Backbone(
      (body): Sequential(
        (0): Linear(in_features=4, out_features=8, bias=True)
        (1): Identity()
      )
      (head): Linear(in_features=8, out_features=3, bias=True)
    )
    """

    def __init__(self, body: nn.Module, n_labels: int):
        super().__init__()
        name = _names(body, nn.Linear)[-1]
        n_features = cast(nn.Linear, body.get_submodule(name)).in_features
        _replace(body, name, nn.Identity())
        self.body = body
        self.head = nn.Linear(n_features, n_labels)

    def forward(self, X: Tensor) -> Tensor:
        """Return logits."""
        return self.head(self.body(X))


def backbone(
    name: str,
    *,
    source: str = "torchvision",
    weights: str | bool | PathLike | None = None,
    in_channels: int = 3,
    width: int | None = None,
) -> Callable[..., Backbone]:
    """Choose a network for images by its name; it is built at fit, with as many outputs as labels.

    Its last linear layer gives way to a new one called ``head``, as the preset "finetune" wants
    it; all other parameters are found under ``body.``, for example ``body.conv1.weight``.

    Parameters
    ----------
    name : str
        Name of the model in `source`, such as "resnet18".
    source : {"torchvision", "timm", "sklearn_ldl"}, default="torchvision"
        Package that builds the model. It has to be installed. "sklearn_ldl" has the residual
        networks for small images, of CIFAR and the like: "resnet20", "resnet32", "resnet44",
        "resnet56" and so on, with as many layers as the name says.
    weights : str, bool or os.PathLike, default=None
        Pretrained weights: True for those that `source` takes by default, a name of torchvision
        such as "IMAGENET1K_V2", or the path (a ``pathlib.Path``) of a file with the state dict of
        the model, whose last layer may have any size. None draws them at random; there are no
        others for "sklearn_ldl", but from a file.
    in_channels : int, default=3
        Channels of the images. Unless there are as many as the model is made for, its first
        convolution is replaced; every channel gets the same share of the pretrained weights.
    width : int, default=None
        Channels in the first stage of a residual network of "sklearn_ldl", which costs four times
        as much at twice the width. None means 16, as published.

    Returns
    -------
    module : callable
        For the parameter `module` of a deep estimator. It can be pickled and cloned.

    Raises
    ------
    ValueError
        If `source` is unknown, or has no such weights or width, if timm is to take weights by name,
        or, at fit, if `X` has another number of channels, the model does not end in a linear layer,
        or "sklearn_ldl" has no model of this name.
    ImportError
        At fit, if `source` is not installed.

    Notes
    -----
    Pretrained models expect images of the size and the scale that they were trained with. Scale
    the channels beforehand. Models with more than one output in training (GoogLeNet, Inception)
    are not supported. Most reduce the size of an image by 32; those of "sklearn_ldl" reduce it by 4
    only.

    References
    ----------
    K. He, X. Zhang, S. Ren, J. Sun, "Deep residual learning for image recognition", CVPR 2016.

    Examples
    --------
    >>> from sklearn_ldl.deep import PRESETS, DeepLDLClassifier, backbone
    >>> resnet = backbone("resnet18", weights=True)
    >>> model = DeepLDLClassifier(resnet, **PRESETS["finetune"])
    >>> quick = model.set_params(param_groups=[("body.*", {"lr": 0.0})])  # trains the head alone
    >>> digits = DeepLDLClassifier(
    ...     backbone("resnet20", source="sklearn_ldl", in_channels=1, width=8),
    ...     input_shape=(1, 8, 8),
    ... )
    """
    if source not in SOURCES:
        raise ValueError(f"source must be one of {SOURCES}, got {source!r}.")
    if source == "timm" and isinstance(weights, str):
        raise ValueError(
            f"timm takes the name of its weights behind that of the model: "
            f"backbone('{name}.{weights}', source='timm', weights=True)."
        )
    if source == "sklearn_ldl":
        if weights and not isinstance(weights, PathLike):
            raise ValueError(f"{name!r} of sklearn_ldl has no pretrained weights but from a file.")
    elif width is not None:
        raise ValueError(f"width is for models of sklearn_ldl; leave it out for {source}.")
    options = {} if width is None else {"width": width}
    return partial(
        _build, name, source=source, weights=weights, in_channels=in_channels, options=options
    )


def _build(
    name: str,
    *,
    source: str,
    weights: str | bool | PathLike | None,
    in_channels: int,
    options: dict[str, int],
    input_shape: tuple[int, ...],
    n_labels: int,
) -> Backbone:
    if input_shape[0] != in_channels:
        raise ValueError(
            f"backbone({name!r}) takes in_channels={in_channels}, but X has samples of shape "
            f"{input_shape}."
        )
    file = weights if isinstance(weights, PathLike) else None
    given = None if file else weights
    if source == "sklearn_ldl":
        body = _residual(name, n_labels, **options)
    elif source == "timm":
        body = _import(source).create_model(name, pretrained=bool(given), num_classes=n_labels)
    else:
        models = _import(source).models
        body = models.get_model(name, weights="DEFAULT" if given is True else given or None)
    if file:
        _load(body, file)
    _take_channels(body, in_channels, pretrained=bool(weights))
    return Backbone(body, n_labels)


def _residual(name: str, n_labels: int, **options: int) -> nn.Module:
    if depth := re.fullmatch(r"resnet(\d+)", name):
        return ResidualNetwork(int(depth[1]), n_labels, **options)
    raise ValueError(f"sklearn_ldl has residual networks, such as 'resnet20'; got {name!r}.")


def _import(source: str) -> ModuleType:
    try:
        return import_module(source)
    except ImportError as error:
        raise ImportError(
            f"backbone(source={source!r}) needs the package {source} ({error}). Install it with: "
            f"pip install {source}"
        ) from error


def _load(model: nn.Module, file: PathLike) -> None:
    """Load all weights but those of the last linear layer."""
    last = _names(model, nn.Linear)[-1]
    state = torch.load(file, map_location="cpu", weights_only=True)
    own = {key: value for key, value in model.state_dict().items() if key.startswith(f"{last}.")}
    model.load_state_dict({**state, **own})


def _take_channels(model: nn.Module, in_channels: int, *, pretrained: bool) -> None:
    """Replace the first convolution by one that takes so many channels."""
    name = _names(model, nn.Conv2d)[0]
    old: Any = model.get_submodule(name)
    if old.in_channels == in_channels:
        return
    new = nn.Conv2d(
        in_channels,
        old.out_channels,
        old.kernel_size,
        old.stride,
        old.padding,
        old.dilation,
        bias=old.bias is not None,
        padding_mode=old.padding_mode,
    )
    if pretrained:
        with torch.no_grad():
            new.weight.copy_(old.weight.sum(dim=1, keepdim=True) / in_channels)
            if new.bias is not None:
                new.bias.copy_(old.bias)
    _replace(model, name, new)


def _names(model: nn.Module, kind: type[nn.Module]) -> list[str]:
    names = [name for name, layer in model.named_modules() if name and isinstance(layer, kind)]
    if not names:
        raise ValueError(f"{type(model).__name__} has no {kind.__name__} layer to replace.")
    return names


def _replace(model: nn.Module, name: str, layer: nn.Module) -> None:
    parent, _, child = name.rpartition(".")
    setattr(model.get_submodule(parent), child, layer)
