"""What is said of an estimator that does not convert."""

from __future__ import annotations


class NotConvertibleError(NotImplementedError):
    """An estimator, or one of its settings, has no counterpart in ONNX here.

    Parameters
    ----------
    name : str
        Name of its class.
    reason : str
        Why, as the end of a sentence.

    Examples
    --------
    >>> from sklearn_ldl.deploy import NotConvertibleError
    >>> raise NotConvertibleError("KMEnhancer", "it changes targets, and predicts nothing")
    Traceback (most recent call last):
        ...
    sklearn_ldl.deploy.onnx.errors.NotConvertibleError: KMEnhancer does not convert to ONNX: ...
    """

    def __init__(self, name: str, reason: str):
        super().__init__(f"{name} does not convert to ONNX: {reason}.")
        self._arguments = name, reason

    def __reduce__(self) -> tuple[type, tuple[str, str]]:
        # By its arguments, not by the message.
        return type(self), self._arguments
