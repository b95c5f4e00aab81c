"""The device that the parameter `device` names."""

from __future__ import annotations

import torch

from sklearn_ldl.deep.training.processes import ACCELERATE, get_accelerator


def resolve_device(device: str | torch.device) -> torch.device:
    """Turn the parameter `device` into a device that exists.

    Raises
    ------
    ValueError
        If the name is unknown, or the device absent.
    """
    if device == ACCELERATE:
        return get_accelerator().device
    if device == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        resolved = torch.device(device)
        if resolved.type != "cuda":
            torch.empty(0, device=resolved)
    except (RuntimeError, AssertionError) as error:
        reason = str(error).partition(". ")[0]
        raise ValueError(f"device={str(device)!r} is not available: {reason}") from error
    if resolved.type == "cuda":
        count = torch.cuda.device_count() if torch.cuda.is_available() else 0
        if count <= (resolved.index or 0):
            raise ValueError(
                f"device={str(device)!r}, but torch sees {count} CUDA devices. Use device='cpu', "
                "or 'auto' for CUDA where there is one."
            )
    return resolved
