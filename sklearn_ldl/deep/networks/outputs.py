"""What a module returns: its outputs, or a tuple of them and of what training needs besides."""

from __future__ import annotations

from typing import Any

from torch import Tensor


def first_output(returned: Any) -> Any:
    """Take what is compared with targets: the first entry, where a module returns a tuple.

    Examples
    --------
    >>> from sklearn_ldl.deep.networks.outputs import first_output
    >>> first_output(("logits", "features")), first_output("logits")
    ('logits', 'logits')
    """
    return returned[0] if isinstance(returned, tuple) else returned


def identity(Z: Tensor) -> Tensor:
    """Return outputs as they are."""
    return Z


def distributions(Z: Tensor) -> Tensor:
    """Turn logits into distributions."""
    return Z.softmax(1)
