"""Models out of the notebook: files and formats that other programs read."""

from sklearn_ldl.deploy.onnx.errors import NotConvertibleError
from sklearn_ldl.deploy.onnx.export import register_converters, to_onnx

__all__ = [
    "NotConvertibleError",
    "register_converters",
    "to_onnx",
]
