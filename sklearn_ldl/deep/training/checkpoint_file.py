"""Files of checkpoints: tensors, numbers and texts with a checksum, and nothing that could run."""

from __future__ import annotations

import io
from collections import OrderedDict
from hashlib import blake2b
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from sklearn_ldl._core.files import write_whole

#: How a file begins; then come the number of bytes of its content, their digest, and the content.
MAGIC = b"sklearn-ldl checkpoint 2\n"
_N_LENGTH, _N_DIGEST = 8, 16
_START = len(MAGIC) + _N_LENGTH + _N_DIGEST
# How the content begins, which torch.save writes: the older form that torch.load takes as well,
# some versions of it unpickled whatever `weights_only` said.
_ZIP = b"PK\x03\x04"
# First entries of tuples that stand for what `weights_only` does not load.
_ARRAY, _SET = "sklearn-ldl array", "sklearn-ldl set"
_ATOMS = (type(None), bool, int, float, str)


class CheckpointError(ValueError):
    """A checkpoint cannot be read or written, or is that of another fit.

    Parameters
    ----------
    message : str
        Names the file and the cause.

    Examples
    --------
    >>> from tempfile import gettempdir
    >>> from sklearn_ldl.datasets import make_ldl
    >>> from sklearn_ldl.deep import CheckpointError, DeepLDLRegressor
    >>> X, D = make_ldl(20, random_state=0)
    >>> try:
    ...     DeepLDLRegressor(checkpoint=gettempdir(), random_state=0).fit(X, D)
    ... except CheckpointError:
    ...     print("A folder is no file.")
    A folder is no file.
    """

    def __init__(self, message: str):
        super().__init__(message)


def write(path: Path, state: Any) -> None:
    """Write a file beside `path`, as a whole, and let it take the place of the last one.

    Parameters
    ----------
    path : Path
        The file; its folder is made.
    state : object
        See :func:`encode`.

    Raises
    ------
    CheckpointError
        If it cannot be written. Nothing is left of it, and the last file stays.
    """
    content = io.BytesIO()
    torch.save(state, content)
    data = content.getbuffer()
    try:
        write_whole(path, [MAGIC + len(data).to_bytes(_N_LENGTH, "little") + _digest(data), data])
    except OSError as error:
        raise CheckpointError(f"checkpoint {path} is not written: {_cause(error)}.") from error


def read(path: Path) -> Any:
    """Read what a file holds.

    Parameters
    ----------
    path : Path
        The file.

    Returns
    -------
    state : object
        None if there is no file.

    Raises
    ------
    CheckpointError
        If it cannot be read, or is none of ours as it was written.
    """
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise CheckpointError(f"checkpoint {path} is not read: {_cause(error)}.") from error
    content = memoryview(data)[_START:]
    length = int.from_bytes(data[len(MAGIC) : len(MAGIC) + _N_LENGTH], "little")
    if MAGIC.startswith(data):
        fault = f"is cut off after {len(data)} bytes"
    elif data.startswith((_ZIP, MAGIC[:-2])) and not data.startswith(MAGIC):
        fault = "is that of another version of sklearn_ldl, or of another program"
    elif not data.startswith(MAGIC):
        fault = "is not a checkpoint of a deep estimator"
    elif len(data) < _START or len(content) < length:
        fault = f"is cut off after {len(data)} bytes"
    elif len(content) > length or data[_START - _N_DIGEST : _START] != _digest(content):
        fault = "is damaged: its checksum is not that of its content"
    elif content[: len(_ZIP)] != _ZIP:
        fault = "holds what no estimator writes"
    else:
        try:
            return torch.load(io.BytesIO(content), map_location="cpu", weights_only=True)
        except Exception as error:
            raise CheckpointError(
                f"checkpoint {path} holds what no estimator writes, and nothing of it is loaded: "
                f"{error}"
            ) from error
    raise CheckpointError(f"checkpoint {path} {fault}. Remove it to start anew.")


def encode(value: Any) -> Any:
    """Turn a value into what can be loaded without running code.

    Parameters
    ----------
    value : object
        Numbers, texts, tensors, arrays; and lists, tuples, sets and dictionaries of them.

    Returns
    -------
    value : object
        For :func:`decode`.

    Raises
    ------
    TypeError
        For anything else.
    """
    if type(value) in _ATOMS or type(value) in (Tensor, nn.Parameter):
        return value
    if isinstance(value, np.generic) and type(value.item()) in _ATOMS:
        return value.item()
    if type(value) is np.ndarray and value.dtype.kind in "biufc":
        data = torch.from_numpy(np.ascontiguousarray(value).reshape(-1).view(np.uint8).copy())
        return (_ARRAY, value.dtype.str, value.shape, data)
    if type(value) is set:
        return (_SET, [encode(entry) for entry in value])
    if type(value) in (list, tuple, torch.Size):
        entries = [encode(entry) for entry in value]
        return entries if type(value) is list else tuple(entries)
    if type(value) in (dict, OrderedDict):
        encoded = type(value)((encode(key), encode(entry)) for key, entry in value.items())
        # Those of torch have the versions of modules for attributes.
        getattr(encoded, "__dict__", {}).update(getattr(value, "__dict__", {}))
        return encoded
    raise TypeError(
        f"a {type(value).__name__} is not kept, but numbers, texts, arrays, tensors, and lists, "
        "tuples, sets and dictionaries of them are"
    )


def decode(value: Any) -> Any:
    """Turn what :func:`encode` returned into the value that it was."""
    if isinstance(value, tuple) and value and isinstance(value[0], str):
        if value[0] == _ARRAY:
            return value[3].numpy().view(value[1]).reshape(value[2]).copy()
        if value[0] == _SET:
            return set(decode(value[1]))
    if isinstance(value, (list, tuple)):
        return type(value)(decode(entry) for entry in value)
    if isinstance(value, dict):
        for key, entry in value.items():
            value[key] = decode(entry)
    return value


def _digest(data: bytes | memoryview) -> bytes:
    return blake2b(data, digest_size=_N_DIGEST).digest()


def _cause(error: OSError) -> str:
    return error.strerror or str(error)
