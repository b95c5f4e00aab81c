"""What a fit needs to go on after its process has died: one file, written after every epoch."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any, NamedTuple

import torch
from skorch.callbacks import logging as loggers
from torch import Tensor, nn
from torch.utils.data import Dataset

from sklearn_ldl.deep.training.batches import RowSource
from sklearn_ldl.deep.training.checkpoint_file import CheckpointError, decode, encode, read, write
from sklearn_ldl.deep.training.identity import Unidentified, digest
from sklearn_ldl.deep.training.net import LDLNet
from sklearn_ldl.deep.training.processes import Processes, differences
from sklearn_ldl.deep.training.seeds import random_bits, set_random_bits

# Parameters that do not change what is learnt, but for rounding on another device.
_NEUTRAL = {"checkpoint", "device", "inference_dtype", "num_workers", "verbose"}
# What processes that train together need not share, since they get it from the first.
_FROM_FIRST = {"module", "the initial weights"}
_SHOWN = 60


class Description(NamedTuple):
    """What tells a fit apart from others: texts, and what none can be made of."""

    known: dict[str, str]
    unknown: dict[str, str]

    def shared(self) -> dict[str, str]:
        """Return what processes that train together have in common."""
        return {name: text for name, text in self.known.items() if name not in _FROM_FIRST}

    def with_key(self, key: str | None) -> dict[str, str]:
        """Let the user's word stand for what is not known; a ValueError without it."""
        if self.unknown and key is None:
            raise ValueError(
                "checkpoint: a later fit cannot tell whether these are the same: "
                + "; ".join(f"{name} is or holds {what}" for name, what in self.unknown.items())
                + '. Answer for them with a text of your own, such as checkpoint_key="first", and '
                "change it whenever they change."
            )
        return self.known | dict.fromkeys(self.unknown, "what checkpoint_key says")


def describe_parameters(estimator: Any) -> Description:
    """Tell fits apart by what is known of them before their data are read.

    Parameters
    ----------
    estimator : DeepEstimator
        Its class and parameters count, but for those that change no result.

    Returns
    -------
    description : Description
        Equal for fits that give the same result.
    """
    parameters = {
        name: value
        for name, value in estimator.get_params(deep=False).items()
        if name not in _NEUTRAL
    }
    parameters["callbacks"] = [entry for entry in estimator.callbacks if not _only_logs(entry)]
    if not estimator._depends_on_max_epochs():
        # A fit goes on for more epochs than it was given.
        parameters.pop("max_epochs")
    return _describe({"the estimator": type(estimator), **parameters})


def check_identity(estimator: Any, X: Any) -> None:
    """Raise a ValueError if a fit with a checkpoint needs a key, and has none.

    Parameters
    ----------
    estimator : DeepEstimator
        See :func:`describe_parameters`.
    X : object
        Samples.
    """
    datasets = _describe({"X": X} if isinstance(X, Dataset) else {})
    unknown = describe_parameters(estimator).unknown | datasets.unknown
    Description({}, unknown).with_key(estimator.checkpoint_key)


def describe(estimator: Any, data: dict[str, Any], module: nn.Module) -> Description:
    """Tell fits apart by their parameters, data and initial weights.

    Parameters
    ----------
    estimator : DeepEstimator
        See :func:`describe_parameters`.
    data : dict
        Arrays and others by name; None for those that are absent.
    module : torch.nn.Module
        The network before any training.

    Returns
    -------
    description : Description
        Equal for fits that give the same result.
    """
    state = module.state_dict()
    shapes = [f"{name}: {tuple(w.shape)}" for name, w in state.items() if isinstance(w, Tensor)]
    given = {name: value for name, value in data.items() if value is not None}
    parameters = describe_parameters(estimator)
    others = _describe(
        {
            "the weights of the module": ", ".join(shapes),
            **given,
            "the initial weights": list(state.values()),
        }
    )
    lengths = {
        f"the length of {name}": str(len(value))  # type: ignore[arg-type]
        for name, value in given.items()
        if isinstance(value, Dataset)
    }
    return Description(
        {
            **parameters.known,
            **lengths,
            **others.known,
        },
        parameters.unknown | others.unknown,
    )


def _describe(values: dict[str, Any]) -> Description:
    known, unknown = {}, {}
    for name, value in values.items():
        try:
            known[name] = _text(value)
        except Unidentified as what:
            unknown[name] = str(what)
    return Description(known, unknown)


def _text(value: Any) -> str:
    """Show a value, with its digest where what is shown is not all."""
    if isinstance(value, type):
        shown = value.__name__
    elif isinstance(value, list) and value and isinstance(value[0], Tensor):
        shown = f"{len(value)} tensors"
    elif hasattr(value, "shape"):
        shown = f"array of shape {tuple(value.shape)}"
    else:
        shown = repr(value)
        if type(value) in (type(None), bool, int, float, str) and len(shown) <= _SHOWN:
            return shown
    # Functions show their addresses in memory.
    shown = " ".join(re.sub(r" at 0x[0-9a-fA-F]+", "", shown).split())
    return f"{shown[:_SHOWN]} ({digest(value)[:16]})"


def _only_logs(callback: Any) -> bool:
    """Whether a callback of skorch, which may have a name, reports on training alone."""
    callback = callback[1] if isinstance(callback, tuple) else callback
    kind = callback if isinstance(callback, type) else type(callback)
    return kind.__module__ == loggers.__name__


class Checkpoint:
    """State of a fit in a file.

    Parameters
    ----------
    path : path-like
        The file.
    description : dict of str
        See :func:`describe`; the file of a fit with another one is refused.
    processes : Processes
        Those that train together; the first reads and writes.
    """

    def __init__(self, path: str | os.PathLike, description: dict[str, str], processes: Processes):
        self.path = Path(path)
        self.description = {**description, "the number of processes": str(processes.count)}
        self.processes = processes

    def load(self, net: LDLNet, source: RowSource) -> int:
        """Bring a net that is about to train into the state of the file, if there is one.

        Parameters
        ----------
        net : LDLNet
            The net, with optimiser and callbacks.
        source : RowSource
            Its training rows.

        Returns
        -------
        n_epochs : int
            Epochs that the file is ahead.

        Raises
        ------
        CheckpointError
            If the file is that of another fit, or none of ours.
        """
        # Only the first process sees the file for sure.
        state = self.processes.from_first(self._read(net) if self.processes.rank == 0 else None)
        if state is None:
            return 0
        if isinstance(state, CheckpointError):
            raise state
        try:
            net.module_.load_state_dict(state["module"])
            net.optimizer_.load_state_dict(state["optimizer"])
            net.history[:] = state["history"]
            for name, owner in _owners(net).items():
                _set_attributes(owner, state["attributes"].get(name, {}))
            if source.generator is not None:
                source.generator.set_state(state["generator"])
            set_random_bits(state["random"][self.processes.rank], torch.device(net.device))
        except (AttributeError, IndexError, KeyError, RuntimeError, TypeError, ValueError) as error:
            raise CheckpointError(
                f"checkpoint {self.path} does not fit this network: {error}"
            ) from error
        return len(net.history)

    def save(self, net: LDLNet, source: RowSource) -> None:
        """Replace the file by the state of a net at the end of an epoch.

        Parameters
        ----------
        net : LDLNet
            The net.
        source : RowSource
            Its training rows.

        Raises
        ------
        CheckpointError
            If the file cannot be written.
        TypeError
            If a callback has state that cannot be saved.
        """
        random = self.processes.gather(random_bits(torch.device(net.device)))
        error = None
        if self.processes.rank == 0:
            try:
                self._write(net, source, random)
            except KeyboardInterrupt:
                # The epoch that has just ended is not lost.
                self._write(net, source, random)
                raise
            except (CheckpointError, TypeError) as caught:
                error = caught
        error = self.processes.from_first(error)
        if error is not None:
            raise error

    def _write(self, net: LDLNet, source: RowSource, random: list) -> None:
        state = {
            "description": self.description,
            "module": net.module_.state_dict(),
            "optimizer": net.optimizer_.state_dict(),
            "history": net.history.to_list(),
            "attributes": {name: _attributes(owner) for name, owner in _owners(net).items()},
            "generator": None if source.generator is None else source.generator.get_state(),
            "random": random,
        }
        encoded = {}
        for name, part in state.items():
            try:
                encoded[name] = encode(part)
            except TypeError as error:
                of = "callbacks or objective" if name == "attributes" else name
                raise TypeError(f"checkpoint: of the state of {of}, {error}.") from error
        write(self.path, encoded)

    def _read(self, net: LDLNet) -> Any:
        """State in the file, or the error to raise, or None if there is no file."""
        try:
            state = decode(read(self.path))
        except CheckpointError as error:
            return error
        if state is None:
            return None
        try:
            changes = self._changes(state["description"], len(state["history"]), net.max_epochs)
        except (AttributeError, KeyError, TypeError):
            return CheckpointError(f"checkpoint {self.path} is not one of a deep estimator.")
        if changes:
            return CheckpointError(
                f"checkpoint {self.path} is that of another fit: {'; '.join(changes)}. Name "
                "another file, or remove this one to start anew."
            )
        return state

    def _changes(self, description: dict[str, str], n_epochs: int, max_epochs: int) -> list[str]:
        changes = [
            f"{name} was {description.get(name, 'absent')} and is "
            f"{self.description.get(name, 'absent')}"
            for name in differences(description, self.description)
        ]
        if n_epochs > max_epochs:
            changes.append(f"it has {n_epochs} epochs and max_epochs={max_epochs}")
        return changes


def _owners(net: LDLNet) -> dict[str, Any]:
    """Objects besides module and optimiser that change during training, by name."""
    callbacks = {name: owner for name, owner in net.callbacks_ if not _only_logs(owner)}
    return {"objective": net.objective, **callbacks}


def _attributes(owner: Any) -> dict[str, Any]:
    """State of a callback, whose names end in an underscore, or of an objective, which says so."""
    names = getattr(owner, "progress", None) or [name for name in vars(owner) if _is_state(name)]
    values = {name: getattr(owner, name) for name in names}
    return {
        name: value.state_dict() if _has_state(value) else value
        for name, value in values.items()
        # Classes and functions are made of parameters.
        if _has_state(value) or not callable(value)
    }


def _is_state(name: str) -> bool:
    return name.endswith("_") and not name.endswith("__")


def _has_state(value: Any) -> bool:
    """Whether a value is like a scheduler of torch, which must not be replaced by a copy."""
    return hasattr(value, "load_state_dict") and not isinstance(value, type)


def _set_attributes(owner: Any, state: dict[str, Any]) -> None:
    for name, value in state.items():
        if not _is_state(name) and name not in getattr(owner, "progress", ()):
            raise ValueError(f"{name} is no state of a {type(owner).__name__}")
        current: Any = getattr(owner, name, None)
        if _has_state(current):
            current.load_state_dict(value)
        elif isinstance(current, Tensor):
            setattr(owner, name, value.to(current.device))
        else:
            setattr(owner, name, value)
