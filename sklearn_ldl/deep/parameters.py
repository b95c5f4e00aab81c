"""The parameters that all deep estimators share: stated, checked and documented once."""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import wraps
from inspect import Parameter, Signature, signature
from numbers import Integral, Real
from typing import Any, NamedTuple, TypeVar

from sklearn_ldl._core.sklearn_compat import Interval, StrOptions
from sklearn_ldl.deep.losses.registry import LOSSES
from sklearn_ldl.deep.networks.perceptron import INITIALIZERS
from sklearn_ldl.deep.training.optimization import OPTIMIZERS, SCHEDULES

_Estimator = TypeVar("_Estimator", bound=type)

#: Where a class docstring wants the shared parameters.
PLACEHOLDER = "    <net parameters>\n"
_HEADING = "    Parameters\n    ----------\n"


class NetParameter(NamedTuple):
    """Default, allowed values, type as documented, and documentation of one parameter."""

    default: Any
    constraints: list
    kind: str
    doc: str


_AT_LEAST_0 = Interval(Real, 0, None, closed="left")
_POSITIVE = Interval(Real, 0, None, closed="neither")
_FRACTION = Interval(Real, 0, 1, closed="left")
_COUNT = Interval(Integral, 1, None, closed="left")


def _names(table: Any) -> str:
    return "{" + ", ".join(f'"{name}"' for name in table) + "}"


NET_PARAMETERS: dict[str, NetParameter] = {
    "module": NetParameter(
        None,
        [callable, None],
        "torch.nn.Module class, instance or callable",
        """
        The network, which returns logits of shape (n_samples, n_labels). A class or callable is
        called at fit with those of the keywords `n_features`, `input_shape` and `n_labels` that it
        takes; an instance is copied, weights included, which is how to start from a trained one.
        None means a multi-layer perceptron.""",
    ),
    "hidden_layer_sizes": NetParameter(
        (100,),
        ["array-like"],
        "sequence of int",
        "Widths of the hidden layers of the built-in perceptron; empty for a linear model.",
    ),
    "dropout": NetParameter(
        0.0,
        [_FRACTION],
        "float in [0, 1)",
        "Dropout rate behind every hidden layer of the built-in perceptron.",
    ),
    "loss": NetParameter(
        "kl",
        [StrOptions(set(LOSSES)), callable],
        f"{_names(LOSSES)} or callable",
        """
        What is minimised: the Kullback-Leibler divergence; the cross entropy, which has the same
        gradient; the divergence with fixed weights for the dominant label and for the others; the
        squared error of the probabilities; the alpha-divergence, four times the squared Hellinger
        distance; the Jeffreys or the Jensen-Shannon divergence; for ordered labels the cumulative
        absolute distance or the squared earth mover's distance; or a callable ``(logits,
        distributions) -> (n_samples,)`` on tensors.""",
    ),
    "label_smoothing": NetParameter(
        0.0,
        [Interval(Real, 0, 1, closed="both")],
        "float in [0, 1]",
        "Share of the uniform distribution mixed into every target.",
    ),
    "optimizer": NetParameter(
        "adam",
        [StrOptions(set(OPTIMIZERS)), callable],
        f"{_names(OPTIMIZERS)} or torch.optim.Optimizer class",
        'The optimiser; "sgd" has a momentum of 0.9, "rprop" wants ``batch_size="all"``.',
    ),
    "lr": NetParameter(1e-2, [_POSITIVE], "float", "Learning rate, positive."),
    "max_epochs": NetParameter(
        60,
        [Interval(Integral, 0, None, closed="left")],
        "int",
        "Passes over the training rows; 0 only initialises.",
    ),
    "batch_size": NetParameter(
        50,
        [_COUNT, StrOptions({"all"})],
        'int or "all"',
        "Rows per step. A last batch of one row joins the batch before it.",
    ),
    "weight_decay": NetParameter(0.0, [_AT_LEAST_0], "float", "Weight decay of the optimiser."),
    "init": NetParameter(
        None,
        [StrOptions(set(INITIALIZERS)), callable, None],
        f"{_names(INITIALIZERS)} or callable",
        """
        How weights are drawn: "normal" means a standard deviation of 0.01 and zero biases,
        "normal_head" the same for the last linear layer only, "kaiming" a standard deviation of
        sqrt(2 / inputs) and zero biases, "kaiming_small_head" the same but for the last linear
        layer, with 0.01: predictions start close to uniform. A callable is given the module. None
        keeps what the module comes with.""",
    ),
    "lr_schedule": NetParameter(
        None,
        [StrOptions(set(SCHEDULES)), callable, None],
        f"{_names(SCHEDULES)} or callable",
        """
        Factor of the learning rate over training: falling to zero along a cosine (also after a
        linear rise over the first tenth), from 1 to 0.01 in equal ratios, or divided by 10 at 62.5,
        75 and 87.5 % of the steps. A callable maps the progress in [0, 1) to a factor.""",
    ),
    "param_groups": NetParameter(
        (),
        [tuple, list],
        "sequence of (pattern, options)",
        """
        Optimiser options of some parameters of the module, such as ``("head.*", {"lr": 0.1})``. The
        first pattern that matches the name of a parameter counts; one that matches none is an
        error.""",
    ),
    "clip_norm": NetParameter(
        None,
        [_POSITIVE, StrOptions({"adaptive"}), None],
        'float or "adaptive"',
        """
        Largest norm of the gradient; "adaptive" means five times the largest of the last five
        norms, none of which counts for more than 1. None does not clip.""",
    ),
    "early_stopping": NetParameter(
        False,
        ["boolean"],
        "bool",
        """
        Whether to set `validation_fraction` of the rows aside, stop when their loss has not
        improved for `n_iter_no_change` epochs, and keep the best epoch.""",
    ),
    "validation_fraction": NetParameter(
        0.1,
        [Interval(Real, 0, 1, closed="neither")],
        "float in (0, 1)",
        "Share of the rows for early stopping; unused without it.",
    ),
    "n_iter_no_change": NetParameter(
        10, [_COUNT], "int", "Epochs without improvement that end training early."
    ),
    "input_shape": NetParameter(
        None,
        ["array-like", None],
        "tuple of int",
        """
        Shape of one sample, such as ``(channels, height, width)``, into which rows of a flat `X`
        are folded. Not needed when `X` is given as ``(n_samples, channels, height, width)``.""",
    ),
    "device": NetParameter(
        "cpu",
        [str],
        "str",
        """
        Where to compute: "cpu", "cuda", "cuda:1", ..., or "auto" for CUDA where there is one.
        "accelerate" means the devices of all processes that Hugging Face accelerate or torchrun has
        started: each trains on its part of every batch, and ends with the same net.""",
    ),
    "amp": NetParameter(
        False, ["boolean"], "bool", "Whether forward passes of training run in bfloat16."
    ),
    "compile": NetParameter(
        False, ["boolean"], "bool", "Whether training runs through ``torch.compile``."
    ),
    "inference_dtype": NetParameter(
        "float64",
        [StrOptions({"float32", "float64"})],
        '{"float32", "float64"}',
        """
        Precision of predictions. In float32 the result of a row depends on the rows beside it, by
        about 1e-6; it pays for large networks on graphics cards.""",
    ),
    "num_workers": NetParameter(
        0,
        [Interval(Integral, 0, None, closed="left")],
        "int",
        "Processes that load a torch Dataset; 0 loads in this one. Arrays need none.",
    ),
    "callbacks": NetParameter(
        (),
        ["array-like"],
        "sequence of skorch callbacks",
        """
        Handed to the net, as copies. A batch has the attributes `X` and `target`; callbacks that
        want predictions for their scores, such as EpochScoring, are not supported.""",
    ),
    "net_params": NetParameter(
        None,
        [dict, None],
        "dict",
        """
        Further parameters of the skorch net, such as ``{"optimizer__betas": (0.9, 0.99)}`` or, for
        a module that is a class or callable, ``{"module__width": 64}``.""",
    ),
    "warm_start": NetParameter(
        False,
        ["boolean"],
        "bool",
        """
        Whether a further `fit` trains `max_epochs` more from where the last one ended, optimiser
        and random numbers included, instead of starting anew. What the net was built from (module,
        optimiser, weight decay, precision) stays as it was then.""",
    ),
    "checkpoint": NetParameter(
        None,
        [str, os.PathLike, None],
        "path-like",
        """
        File that keeps the state of training after every epoch. Where it exists, the same fit goes
        on from there and ends with the same net; another fit is an error. It is loaded as a pickle:
        use your own alone.""",
    ),
    "verbose": NetParameter(
        0, ["verbose"], "int", "Whether every epoch (or every `verbose`-th) prints its losses."
    ),
    "random_state": NetParameter(
        None,
        ["random_state"],
        "int, RandomState instance",
        "Seed of weights, batches, dropout and augmentation; the same seed gives the same result.",
    ),
}


def net_estimator(
    *, omit: tuple[str, ...] = (), **defaults: Any
) -> Callable[[_Estimator], _Estimator]:
    """Class decorator: give an estimator the parameters of its net, behind its own.

    Parameters
    ----------
    omit : tuple of str, default=()
        Parameters that make no sense for the class.
    **defaults
        Defaults of the class that differ from those of :data:`NET_PARAMETERS`.

    Returns
    -------
    decorate : callable
        It replaces the constructor, whose own parameters come first, extends
        `_parameter_constraints`, and writes the documentation in place of :data:`PLACEHOLDER`.
        The constructor of the class names `module`, if it has one, and ``**net`` for the sake of
        type checkers alone: what they hold is stored here.

    Examples
    --------
    >>> from sklearn.base import BaseEstimator
    >>> from sklearn_ldl.deep.parameters import net_estimator
    >>> @net_estimator(max_epochs=5)
    ... class Estimator(BaseEstimator):
    ...     def __init__(self, module=None, *, own=1, **net):
    ...         self.own = own
    >>> Estimator(lr=0.1).get_params()["max_epochs"]
    5
    """
    unknown = (set(omit) | set(defaults)) - set(NET_PARAMETERS)
    if unknown:
        raise TypeError(f"unknown net parameters: {sorted(unknown)}")
    table = {
        name: parameter._replace(default=defaults.get(name, parameter.default))
        for name, parameter in NET_PARAMETERS.items()
        if name not in omit
    }

    def decorate(cls: Any) -> Any:
        own_init = vars(cls).get("__init__")
        own = _own_parameters(own_init, table) if own_init else []
        full = _full_signature(own, table)

        def __init__(self, *args, **kwargs):
            bound = full.bind(self, *args, **kwargs)
            bound.apply_defaults()
            values = bound.arguments
            if own_init:
                own_init(self, **{parameter.name: values[parameter.name] for parameter in own})
            for name in table:
                setattr(self, name, values[name])

        cls.__init__ = wraps(own_init)(__init__) if own_init else __init__
        cls.__init__.__signature__ = full
        cls._parameter_constraints = {
            **{name: parameter.constraints for name, parameter in table.items()},
            **getattr(cls, "_parameter_constraints", {}),
        }
        if cls.__doc__:
            cls.__doc__ = _documented(cls.__doc__, full, table)
        return cls

    return decorate


def _own_parameters(init: Callable, table: dict[str, NetParameter]) -> list[Parameter]:
    stated = list(signature(init).parameters.values())[1:]
    return [p for p in stated if p.kind is not Parameter.VAR_KEYWORD and p.name not in table]


def _full_signature(own: list[Parameter], table: dict[str, NetParameter]) -> Signature:
    """Own parameters first; `module` may be positional if no parameter of the class is."""
    first = [p for p in own if p.kind is Parameter.POSITIONAL_OR_KEYWORD]
    rest = [p for p in own if p.kind is Parameter.KEYWORD_ONLY]
    for name, parameter in table.items():
        positional = name == "module" and not first
        kind = Parameter.POSITIONAL_OR_KEYWORD if positional else Parameter.KEYWORD_ONLY
        target = first if positional else rest
        target.append(Parameter(name, kind, default=parameter.default))
    this = Parameter("self", Parameter.POSITIONAL_OR_KEYWORD)
    return Signature([this, *first, *rest])


def _documented(doc: str, full: Signature, table: dict[str, NetParameter]) -> str:
    """Document the parameters in the order of the signature, where `module` may be the first."""
    leading = list(full.parameters)[1] == "module"
    first = {name: table[name] for name in table if leading and name == "module"}
    rest = {name: table[name] for name in table if name not in first}
    doc = doc.replace(_HEADING, _HEADING + _documentation(first), 1)
    return doc.replace(PLACEHOLDER, _documentation(rest))


def _documentation(table: dict[str, NetParameter]) -> str:
    lines = []
    for name, parameter in table.items():
        lines.append(f"{name} : {parameter.kind}, default{_shown(parameter.default)}")
        lines += ["    " + line.strip() for line in parameter.doc.strip().splitlines()]
    return "".join(f"    {line}\n" for line in lines)


def _shown(default: Any) -> str:
    if isinstance(default, str):
        return f'="{default}"'
    # An asterisk would begin emphasis, and behind an equals sign there is no literal text.
    return f" ``{default}``" if "*" in str(default) else f"={default}"
