"""Decorators of scikit-learn with types: what they decorate keeps its signature.

scikit-learn comes without types, so that a type checker knows nothing of a method, or of what it
returns, once one of these has been applied.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    Decorated = TypeVar("Decorated", bound=Callable[..., Any])

    def _fit_context(
        *, prefer_skip_nested_validation: bool
    ) -> Callable[[Decorated], Decorated]: ...
    def validate_params(
        parameter_constraints: dict[str, Any], *, prefer_skip_nested_validation: bool
    ) -> Callable[[Decorated], Decorated]: ...
    def available_if(check: Callable[[Any], bool]) -> Callable[[Decorated], Decorated]: ...

else:
    from sklearn.base import _fit_context
    from sklearn.utils._param_validation import validate_params
    from sklearn.utils.metaestimators import available_if


__all__ = ["_fit_context", "available_if", "validate_params"]
