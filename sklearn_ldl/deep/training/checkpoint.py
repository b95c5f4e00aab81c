"""What a fit needs to go on after its process has died: one file, written after every epoch."""

from __future__ import annotations

import os
import pickle
import re
from hashlib import blake2b
from pathlib import Path
from typing import Any

import numpy as np
import torch
from scipy import sparse
from torch import Tensor, nn
from torch.utils.data import Dataset

from sklearn_ldl.deep.training.batches import RowSource
from sklearn_ldl.deep.training.net import LDLNet
from sklearn_ldl.deep.training.processes import Processes, differences
from sklearn_ldl.deep.training.seeds import random_bits, set_random_bits

# Parameters that do not change what is learnt, but for rounding on another device.
_NEUTRAL = {"checkpoint", "device", "inference_dtype", "num_workers", "verbose"}
# Rows of X that stand for all of them.
_N_SAMPLED = 64
_SHOWN = 60


def describe(estimator: Any, X: Any, arrays: dict[str, Any], module: nn.Module) -> dict[str, str]:
    """Tell fits apart by their parameters, data and the shapes of their weights.

    Parameters
    ----------
    estimator : estimator
        Its class and parameters count, as far as ``repr`` shows them.
    X : ndarray, CSR matrix or Dataset
        Of arrays, the shape and a sample of the rows count, of a Dataset its length.
    arrays : dict
        Further arrays, tensors and numbers by name, all of whose entries count, or None.
    module : torch.nn.Module
        The net.

    Returns
    -------
    description : dict of str
        Equal for fits that give the same result.
    """
    shapes = [f"{name}: {tuple(w.shape)}" for name, w in module.state_dict().items()]
    parameters = {
        name: _plain(value)
        for name, value in estimator.get_params().items()
        if name not in _NEUTRAL
    }
    if isinstance(X, Dataset):
        features = f"{len(X)} items"  # type: ignore[arg-type]
    else:
        rows = X[np.unique(np.linspace(0, X.shape[0] - 1, _N_SAMPLED).astype(int))]
        rows = rows.toarray() if sparse.issparse(rows) else rows
        features = f"{X.shape}, {_digest(rows)}"
    return {
        "the estimator": type(estimator).__name__,
        **parameters,
        "X": features,
        **{name: _digest(array) for name, array in arrays.items() if array is not None},
        "the weights of the module": ", ".join(shapes),
    }


def _plain(value: Any) -> str:
    """Write a parameter without the addresses in memory that functions show."""
    return re.sub(r" at 0x[0-9a-fA-F]+", "", repr(value))


def _digest(array: Any) -> str:
    array = np.ascontiguousarray(array.cpu() if isinstance(array, Tensor) else array)
    return f"{array.shape}, {blake2b(array.data, digest_size=8).hexdigest()}"


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
        ValueError
            If the file is that of another fit, or none of ours.
        """
        # Only the first process sees the file for sure.
        state = self.processes.from_first(self._read() if self.processes.rank == 0 else None)
        if state is None:
            return 0
        if isinstance(state, ValueError):
            raise state
        self._check(state["description"])
        net.module_.load_state_dict(state["module"])
        net.optimizer_.load_state_dict(state["optimizer"])
        net.history[:] = state["history"]
        for name, owner in _owners(net).items():
            _set_attributes(owner, state["attributes"].get(name, {}))
        if source.generator is not None:
            source.generator.set_state(state["generator"])
        set_random_bits(state["random"][self.processes.rank], torch.device(net.device))
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
        TypeError
            If a callback has state that cannot be pickled.
        """
        random = self.processes.gather(random_bits(torch.device(net.device)))
        if self.processes.rank:
            return
        state = {
            "description": self.description,
            "module": net.module_.state_dict(),
            "optimizer": net.optimizer_.state_dict(),
            "history": net.history.to_list(),
            "attributes": {name: _attributes(owner) for name, owner in _owners(net).items()},
            "generator": None if source.generator is None else source.generator.get_state(),
            "random": random,
        }
        try:
            self._write(state)
        except (TypeError, AttributeError, pickle.PicklingError) as error:
            raise TypeError(f"checkpoint: the state of a callback is not saved: {error}") from error

    def _write(self, state: dict[str, Any]) -> None:
        """Write all of a file before it takes the place of the last one."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        unfinished = self.path.with_name(f"{self.path.name}.part")
        with open(unfinished, "wb") as file:
            torch.save(state, file)
            file.flush()
            os.fsync(file.fileno())
        os.replace(unfinished, self.path)

    def _read(self) -> Any:
        """State in the file, or the error to raise, or None if there is no file."""
        try:
            state = torch.load(self.path, map_location="cpu", weights_only=False)
        except FileNotFoundError:
            return None
        except (RuntimeError, pickle.UnpicklingError, EOFError):
            state = None
        if isinstance(state, dict) and "description" in state:
            return state
        return ValueError(f"{self.path} is not a checkpoint of a deep estimator.")

    def _check(self, description: dict[str, str]) -> None:
        changes = [
            f"{name} was {description.get(name, 'absent')[:_SHOWN]} and is "
            f"{self.description.get(name, 'absent')[:_SHOWN]}"
            for name in differences(description, self.description)
        ]
        if changes:
            raise ValueError(
                f"checkpoint {self.path} is that of another fit: {'; '.join(changes)}. Name "
                "another file, or remove this one to start anew."
            )


def _owners(net: LDLNet) -> dict[str, Any]:
    """Objects besides module and optimiser that change during training, by name."""
    return {"objective": net.objective, **dict(net.callbacks_)}


def _attributes(owner: Any) -> dict[str, Any]:
    """State of a callback, whose names end in an underscore, or of an objective, which says so."""
    names = getattr(owner, "progress", None) or [
        name for name in vars(owner) if name.endswith("_") and not name.endswith("__")
    ]
    values = {name: getattr(owner, name) for name in names}
    return {
        name: value.state_dict() if _has_state(value) else value for name, value in values.items()
    }


def _has_state(value: Any) -> bool:
    """Whether a value is like a scheduler of torch, which must not be replaced by a copy."""
    return hasattr(value, "load_state_dict") and not isinstance(value, type)


def _set_attributes(owner: Any, state: dict[str, Any]) -> None:
    for name, value in state.items():
        current: Any = getattr(owner, name, None)
        if _has_state(current):
            current.load_state_dict(value)
        elif isinstance(current, Tensor):
            setattr(owner, name, value.to(current.device))
        else:
            setattr(owner, name, value)
