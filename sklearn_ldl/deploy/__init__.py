"""Models out of the notebook: files and formats that other programs read."""

from sklearn_ldl.deploy.onnx.errors import NotConvertibleError
from sklearn_ldl.deploy.onnx.export import register_converters, to_onnx
from sklearn_ldl.deploy.saving import describe, load, save
from sklearn_ldl.deploy.types import skops_types

__all__ = [
    "NotConvertibleError",
    "describe",
    "load",
    "register_converters",
    "save",
    "skops_types",
    "to_onnx",
]
