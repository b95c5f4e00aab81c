"""Underflow is harmless: whatever ``numpy.seterr`` says, its result is zero."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any, TypeVar, cast

import numpy as np

Decorated = TypeVar("Decorated", bound=Callable[..., Any])


def underflow_is_zero(function: Decorated) -> Decorated:
    """Make a function ignore underflow, also where the user has asked NumPy to raise errors.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_ldl._core.underflow import underflow_is_zero
    >>> with np.errstate(all="raise"):
    ...     float(underflow_is_zero(np.exp)(-1000.0))
    0.0
    """

    @wraps(function)
    def call(*args, **kwargs):
        with np.errstate(under="ignore"):
            return function(*args, **kwargs)

    return cast(Decorated, call)
