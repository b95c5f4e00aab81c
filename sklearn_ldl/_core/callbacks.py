"""scikit-learn's fit callbacks (1.9 and later), or nothing at all on older versions."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

try:
    from sklearn.callback import CallbackSupportMixin
    from sklearn.callback import with_callbacks as _with_callbacks
except ImportError:
    _with_callbacks = None

    class CallbackSupportMixin:  # type: ignore[no-redef]
        """Stand-in: this scikit-learn has no callbacks, so there is nothing to set."""


Decorated = TypeVar("Decorated", bound=Callable[..., Any])


def with_callbacks(method: Decorated) -> Decorated:
    """Let scikit-learn decorate a `fit`, if it has callbacks."""
    return method if _with_callbacks is None else _with_callbacks(method)


class IterationReporter:
    """Report the iterations of one fit to the callbacks that a user has set.

    Parameters
    ----------
    estimator : estimator
        A subclass of `CallbackSupportMixin` inside a fit decorated by `with_callbacks`.
    max_iter : int
        Most iterations that will be reported.
    task : str, default="lbfgs-iter"
        What an iteration is called.
    **data
        `X`, `y` and `metadata` as handed to the callbacks.
    """

    def __init__(self, estimator: Any, max_iter: int, *, task: str = "lbfgs-iter", **data: Any):
        self._estimator = estimator
        self._task_name = task
        self._data = data
        self._root: Any = None
        self._task: Any = None
        if hasattr(estimator, "_init_callback_context"):
            self._root = estimator._init_callback_context(max_subtasks=max_iter + 1)
            self._root.call_on_fit_task_begin(estimator=estimator, **data)
        self.active = self._root is not None and hasattr(estimator, "_skl_callbacks")

    def step(self, attributes: dict[str, Any]) -> None:
        """Close the running iteration, if any, and open the next one."""
        if not self.active:
            return
        if self._task is not None:
            self._task.call_on_fit_task_end(
                estimator=self._estimator, reconstruction_attributes=attributes, **self._data
            )
        self._task = self._root.subcontext(task_name=self._task_name)
        self._task.call_on_fit_task_begin(
            estimator=self._estimator, reconstruction_attributes=attributes, **self._data
        )

    def close(self) -> None:
        """Close the iteration that never ran, and the fit."""
        if self._task is not None:
            self._task.call_on_fit_task_end(estimator=self._estimator)
        if self._root is not None:
            self._root.call_on_fit_task_end(
                estimator=self._estimator, reconstruction_attributes={}, **self._data
            )
