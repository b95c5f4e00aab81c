"""The parameters that all deep estimators share: what they mean, take and default to."""

from __future__ import annotations

import os
from numbers import Integral, Real
from typing import Any, NamedTuple

import torch

from sklearn_ldl._core.sklearn_compat import Interval, StrOptions
from sklearn_ldl.deep.losses.registry import LOSSES
from sklearn_ldl.deep.networks.perceptron import INITIALIZERS
from sklearn_ldl.deep.training.optimization import OPTIMIZERS, SCHEDULES


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
        takes; an instance is copied, weights included, which is how to start from a trained one,
        and why `random_state` does not seed them. Features come in the precision of its weights;
        integers stay integers if it takes nothing else, as an embedding. None means a multi-layer
        perceptron.""",
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
    "n_members": NetParameter(
        1,
        [_COUNT],
        "int",
        """
        Number of perceptrons in one network, an ensemble for little more than the price of its
        largest matrices: these are shared, while every member scales inputs and outputs of every
        layer on its own, and has its own biases and its own output layer. Each learns by its own
        loss, and predictions are the mean of theirs. Of the built-in perceptron, as are
        `hidden_layer_sizes`.""",
    ),
    "standardize": NetParameter(
        False,
        ["boolean"],
        "bool",
        """
        Whether the built-in perceptron begins with a layer that standardises features by the
        training rows, and brings outlying values near. Features far from zero, such as dates, are
        centred in double precision where they come in it.""",
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
        absolute distance or the squared earth mover's distance; for labels with values, such as
        ages, the divergence plus the error of the expectation (DLDL-v2), or the cross entropy plus
        the squared error of the mean and the variance; or a callable ``(logits,
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
        improved for `n_iter_no_change` epochs, and keep the best epoch. `fit` may be given the rows
        for this, or groups of rows that are set aside together.""",
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
        [str, torch.device],
        "str or torch.device",
        """
        Where to compute: "cpu", "cuda", "cuda:1", "mps", ..., or "auto" for CUDA where there is
        one.
        "accelerate" means the devices of all processes that Hugging Face accelerate or torchrun has
        started: each trains on its part of every batch, and ends with the same net.""",
    ),
    "cudnn_benchmark": NetParameter(
        False,
        ["boolean"],
        "bool",
        """
        Whether cuDNN tries its algorithms and takes the fastest, instead of those that give the
        same result every time. It pays for convolutions on images of one size. Fits in several
        threads share the setting.""",
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
        Precision of predictions. In float64 a copy of the module is kept for them, of twice the
        size, until the module changes; change single weights under ``torch.no_grad()``, since a
        few that are changed through ``.data`` may go unnoticed. In float32 the result of a row
        depends on the rows beside it, by about 1e-6; it pays for large networks, and on graphics
        cards.""",
    ),
    "predict_mc_samples": NetParameter(
        0,
        [Interval(Integral, 0, None, closed="left")],
        "int",
        """
        Passes with dropout left on over which predictions are averaged (Monte Carlo dropout);
        `predict_members` shows them one by one. The module must have dropout layers. Masks come
        from a seed drawn at fit, so that the same call has the same result; they depend on the
        other rows of the call. 0 means one pass without dropout.""",
    ),
    "num_workers": NetParameter(
        0,
        [Interval(Integral, 0, None, closed="left")],
        "int",
        "Processes that load a torch Dataset; 0 loads in this one. Arrays need none.",
    ),
    "collate_fn": NetParameter(
        None,
        [callable, None],
        "callable",
        """
        Makes a batch out of a list of items of a torch Dataset, as in torch's DataLoader: features,
        or a pair ``(features, targets)``. Features are a tensor, or several in a tuple or dict,
        such as texts padded to one length. None stacks the items.""",
    ),
    "callbacks": NetParameter(
        (),
        ["array-like"],
        "sequence of skorch callbacks",
        """
        Handed to the net as they are, and initialised at every fit; a class or function without
        arguments is called instead, so that clones have callbacks of their own. A batch unpacks
        into `X` and `target`. What wants validation rows, such as EpochScoring, which scores
        distributions, needs `early_stopping`.""",
    ),
    "net_params": NetParameter(
        None,
        [dict, None],
        "dict",
        """
        Further options of the optimiser, such as ``{"optimizer__betas": (0.9, 0.99)}``, of a
        module that is a class or callable, ``{"module__width": 64}``, and of callbacks by their
        names, ``{"callbacks__tensorboard__close_after_train": False}``.""",
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
        on from there and ends with the same net, also for more epochs than before unless
        `lr_schedule` or the like depends on `max_epochs`. Another fit is an error: samples, targets
        and weights count by their bytes, parameters by what they hold, code of yours with what it
        uses of its own module. Nothing in the file is run.""",
    ),
    "checkpoint_key": NetParameter(
        None,
        [str, None],
        "str",
        """
        A text of your own for what `checkpoint` cannot compare, such as a Dataset or a lambda: it
        says that they are the same as long as it is the same. An error asks for it.""",
    ),
    "verbose": NetParameter(
        0,
        ["verbose"],
        "int",
        "Whether to show a progress bar, and the losses of every (`verbose`-th) epoch.",
    ),
    "random_state": NetParameter(
        None,
        ["random_state"],
        "int, RandomState instance",
        "Seed of weights, batches, dropout and augmentation; the same seed gives the same result.",
    ),
}
