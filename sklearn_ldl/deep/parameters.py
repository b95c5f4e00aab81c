"""Constructors of the deep estimators: the parameters of their nets, and those of subclasses."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from inspect import Parameter, Signature, signature
from typing import Any, ClassVar, Literal, TypeAlias, TypedDict, Unpack

import torch
from numpy.random import RandomState
from torch import nn

from sklearn_ldl.deep.losses.base import Loss
from sklearn_ldl.deep.parameter_table import NET_PARAMETERS, NetParameter

#: Where a class docstring wants the parameters of its net.
PLACEHOLDER = "    <net parameters>\n"
_HEADING = "    Parameters\n    ----------\n"

#: What becomes a network: a class or a function that builds it, or an instance to copy.
Module: TypeAlias = nn.Module | Callable[..., nn.Module]


class TrainingOptions(TypedDict, total=False):
    """Types for ``**net`` of a constructor: how any network is trained."""

    optimizer: str | Callable[..., torch.optim.Optimizer]
    lr: float
    max_epochs: int
    batch_size: int | Literal["all"]
    weight_decay: float
    init: str | Callable[[nn.Module], Any] | None
    lr_schedule: str | Callable[[float], float] | None
    param_groups: Sequence[tuple[str, dict[str, Any]]]
    clip_norm: float | Literal["adaptive"] | None
    early_stopping: bool
    validation_fraction: float
    n_iter_no_change: int
    input_shape: Sequence[int] | None
    device: str | torch.device
    cudnn_benchmark: bool
    inference_dtype: Literal["float32", "float64"]
    num_workers: int
    collate_fn: Callable[[list[Any]], Any] | None
    callbacks: Sequence[Any]
    net_params: dict[str, Any] | None
    warm_start: bool
    checkpoint: str | os.PathLike[str] | None
    checkpoint_key: str | None
    verbose: int
    random_state: int | RandomState | None


class DistributionOptions(TrainingOptions, total=False):
    """Of a network of its own kind, trained on distributions."""

    label_smoothing: float


class FastOptions(TypedDict, total=False):
    """Of a network that may be compiled, and may be trained in low precision."""

    amp: bool
    compile: bool


class ModuleOptions(TrainingOptions, FastOptions, total=False):
    """Of a network that the user may replace, with a loss of its own."""

    hidden_layer_sizes: Sequence[int]
    dropout: float
    n_members: int
    standardize: bool
    predict_mc_samples: int


class CPNNOptions(DistributionOptions, FastOptions, total=False):
    """Those of `CPNN`."""


class ReshapingOptions(ModuleOptions, DistributionOptions, total=False):
    """Those of `OFRRegressor`, which is a loss."""


class TaughtOptions(ModuleOptions, total=False):
    """Of a network that is trained on distributions which nothing smooths."""

    loss: str | Loss


class NetOptions(TaughtOptions, DistributionOptions, total=False):
    """All of them, but for the network itself."""


class AllOptions(NetOptions, total=False):
    """All of them."""

    module: Module | None


class NetConstructor:
    """Base of the deep estimators, whose constructor stores the parameters of the net.

    A subclass writes its own constructor as usual, and ``**net`` stands for all parameters of the
    constructors of its base classes that it does not name. They are part of the signature, by which
    scikit-learn finds parameters; their constraints are part of `_parameter_constraints`; and in
    the docstring :data:`PLACEHOLDER` gives way to the documentation of those of the net.

    The class statement takes two arguments: `omit` names parameters of the net that make no sense
    for the class (what training asks of them, class attributes say), and `defaults` holds those
    defaults that differ from the ones of the base class.

    Examples
    --------
    >>> from inspect import signature
    >>> from sklearn_ldl.deep.parameters import NetConstructor
    >>> class Estimator(NetConstructor, omit=["dropout"], defaults={"max_epochs": 5}):
    ...     def __init__(self, module=None, *, own=1, **net):
    ...         super().__init__(module, **net)
    ...         self.own = own
    >>> Estimator(lr=0.1).max_epochs
    5
    >>> list(signature(Estimator).parameters)[:4]
    ['module', 'own', 'hidden_layer_sizes', 'n_members']
    """

    _net_parameters: ClassVar[dict[str, NetParameter]] = NET_PARAMETERS
    _net_signature: ClassVar[Signature]
    #: Parameters of the net that constructors of subclasses name, to pass them on or to store them.
    _named: ClassVar[frozenset[str]] = frozenset()
    _parameter_constraints: dict = {
        name: parameter.constraints for name, parameter in NET_PARAMETERS.items()
    }

    def __init__(self, *args: Module | None, **net: Unpack[AllOptions]):
        super().__init__()
        try:
            bound = self._net_signature.bind(*args, **net)
        except TypeError as error:
            raise TypeError(f"{type(self).__name__}.__init__() {error}") from None
        given = set(bound.arguments)
        bound.apply_defaults()
        for name, value in bound.arguments.items():
            # What a constructor names and neither passes on nor stores is missing, not a default.
            if name in given or name not in self._named:
                setattr(self, name, value)

    @classmethod
    def _get_param_names(cls) -> list[str]:
        """Names of the parameters, also where a decorator has replaced a constructor."""
        parameters = _all_parameters(cls)
        if any(p.kind is Parameter.VAR_POSITIONAL for p in parameters.values()):
            return super()._get_param_names()  # type: ignore[misc]  # which refuses them
        return sorted(parameters)

    def __init_subclass__(
        cls,
        *,
        omit: Iterable[str] = (),
        defaults: Mapping[str, Any] | None = None,
        **kwargs: Any,
    ):
        super().__init_subclass__(**kwargs)
        if isinstance(omit, str):
            raise TypeError(f"{cls.__name__}: omit is a list of names, got {omit!r}.")
        omit, defaults = set(omit), dict(defaults or {})
        if unknown := (omit | defaults.keys()) - cls._net_parameters.keys():
            raise TypeError(f"{cls.__name__}: unknown net parameters: {sorted(unknown)}")
        cls._net_parameters = {
            name: parameter._replace(default=defaults.get(name, parameter.default))
            for name, parameter in cls._net_parameters.items()
            if name not in omit
        }
        cls._net_signature = _signature_of_net(cls._net_parameters)
        if "__init__" in vars(cls):
            cls.__init__._stated = _stated_by(cls)  # type: ignore[attr-defined]
        else:
            cls.__init__ = _forwarding(cls)  # type: ignore[method-assign]
        names = {parameter.name for base in cls.__mro__ for parameter in _named_by(base)}
        cls._named = frozenset(names & cls._net_parameters.keys())
        parameters = _all_parameters(cls)
        _check_effect(cls, omit, defaults, parameters)
        this = Parameter("self", Parameter.POSITIONAL_OR_KEYWORD)
        cls.__init__.__signature__ = Signature(  # type: ignore[attr-defined]
            [this, *parameters.values()]
        )
        cls._parameter_constraints = {
            name: constraints
            for base in reversed(cls.__mro__)
            for name, constraints in vars(base).get("_parameter_constraints", {}).items()
            if name in parameters or name not in NET_PARAMETERS
        }
        if cls.__doc__ and PLACEHOLDER in cls.__doc__:
            cls.__doc__ = _documented(cls.__doc__, cls._net_parameters, parameters)


def _signature_of_net(table: dict[str, NetParameter]) -> Signature:
    """Signature of a constructor that has no parameters of its own: `module` may be positional."""
    kinds = {"module": Parameter.POSITIONAL_OR_KEYWORD}
    return Signature(
        [
            Parameter(name, kinds.get(name, Parameter.KEYWORD_ONLY), default=parameter.default)
            for name, parameter in table.items()
        ]
    )


def _forwarding(cls: Any) -> Callable[..., None]:
    """Make a constructor for a class without one, which has a signature all the same."""

    def __init__(self: Any, *args: Any, **kwargs: Any) -> None:
        super(cls, self).__init__(*args, **kwargs)

    __init__._stated = None  # type: ignore[attr-defined]
    return __init__


def _all_parameters(cls: type[NetConstructor]) -> dict[str, Parameter]:
    """Parameters of a constructor, and of those behind it that get what it does not name."""
    found: dict[str, Parameter] = {}
    is_first = True
    for base in cls.__mro__:
        if base is NetConstructor:
            stated: list[Parameter] | None = list(cls._net_signature.parameters.values())
        else:
            stated = _stated_by(base)
        if stated is None:
            continue
        named = [parameter for parameter in stated if parameter.kind is not Parameter.VAR_KEYWORD]
        if not is_first:
            # What is passed on comes by name.
            named = [
                parameter.replace(kind=Parameter.KEYWORD_ONLY)
                for parameter in named
                if parameter.kind is not Parameter.VAR_POSITIONAL
            ]
        for parameter in named:
            found.setdefault(parameter.name, parameter)
        is_first = False
        passes_on = any(parameter.kind is Parameter.VAR_KEYWORD for parameter in stated)
        # Whoever calls the constructors of a mixin and of a network one by one serves both.
        if issubclass(base, NetConstructor) and not passes_on:
            break
    return found


def _stated_by(base: type) -> list[Parameter] | None:
    """Return what the constructor of a class states, as it is now; None where it has none.

    The full signature hides it, so that it is kept; a decorator may have put another constructor in
    the place of that one.
    """
    init = vars(base).get("__init__")
    if init is None or hasattr(init, "_stated"):
        return getattr(init, "_stated", None)
    return list(signature(init).parameters.values())[1:]


def _named_by(base: type) -> list[Parameter]:
    """Return what the constructor of a subclass names; nothing for other classes."""
    is_subclass = issubclass(base, NetConstructor) and base is not NetConstructor
    stated = _stated_by(base) if is_subclass else None
    return [parameter for parameter in stated or [] if parameter.kind is not Parameter.VAR_KEYWORD]


def _check_effect(
    cls: type[NetConstructor],
    omit: set[str],
    defaults: dict[str, Any],
    parameters: dict[str, Parameter],
) -> None:
    """Raise a TypeError if the constructor of a base class goes against the class statement."""
    own = {parameter.name for parameter in _stated_by(cls) or ()}
    kept = {name for name in omit if name in parameters and name not in own}
    fixed = {
        name
        for name, value in defaults.items()
        if name in parameters and parameters[name].default is not value
    }
    if kept or fixed:
        raise TypeError(
            f"{cls.__name__}: a constructor states {sorted(kept | fixed)} itself, so that the class"
            " statement cannot change them: write a constructor."
        )


def _documented(doc: str, table: dict[str, NetParameter], parameters: dict[str, Parameter]) -> str:
    """Document the parameters of the net in the order of the signature."""
    names = [name for name in parameters if name in table]
    first = names[:1] if next(iter(parameters)) == "module" else []
    rest = [name for name in names if name not in first]
    entries = {
        name: _entry(name, table[name]._replace(default=parameters[name].default)) for name in names
    }
    doc = doc.replace(_HEADING, _HEADING + "".join(entries[name] for name in first), 1)
    return doc.replace(PLACEHOLDER, "".join(entries[name] for name in rest))


def _entry(name: str, parameter: NetParameter) -> str:
    lines = [f"{name} : {parameter.kind}, default{_shown(parameter.default)}"]
    lines += ["    " + line.strip() for line in parameter.doc.strip().splitlines()]
    return "".join(f"    {line}\n" for line in lines)


def _shown(default: Any) -> str:
    if isinstance(default, str):
        return f'="{default}"'
    # An asterisk would begin emphasis, and behind an equals sign there is no literal text.
    return f" ``{default}``" if "*" in str(default) else f"={default}"
