"""Optional packages: one error where one is missing, and what stands for a name that needs it."""

from __future__ import annotations

from copy import copy
from typing import Any, NoReturn, Union


class MissingExtraError(ImportError):
    """An optional package is not installed.

    Parameters
    ----------
    what : str
        What needs it.
    packages : str
        The packages that are needed.
    extra : str
        The extra of this package that brings them.
    way_out : str, default=""
        What to do instead, as a sentence.
    """

    def __init__(self, what: str, packages: str, extra: str, way_out: str = ""):
        message = f'{what} needs {packages}: pip install "sklearn-ldl[{extra}]".'
        super().__init__(f"{message} {way_out}".rstrip())
        self._arguments = what, packages, extra, way_out

    def __reduce__(self) -> tuple[type, tuple[str, ...]]:
        # By its arguments, not by the message: workers send errors home as pickles.
        return type(self), self._arguments


def import_pandas(what: str, packages: str = "pandas") -> Any:
    """Import pandas, or say what needs it, with which packages, and how to install them."""
    try:
        import pandas
    except ImportError as error:
        raise MissingExtraError(what, packages, "tables") from error
    return pandas


class Placeholder:
    """Stand-in for a public name whose extra is missing: it is there, and an error when used.

    Parameters
    ----------
    name : str
        The public name.
    error : MissingExtraError
        Raised by calls, subclasses, checks of instances and public attributes.
    """

    def __init__(self, name: str, error: MissingExtraError):
        self.__name__ = self.__qualname__ = name
        self.__doc__ = str(error)
        self._error = error

    def _refuse(self, *args: Any, **kwargs: Any) -> NoReturn:
        # A new one each time: an error keeps the frames of where it was raised.
        raise copy(self._error)

    __call__ = __mro_entries__ = __instancecheck__ = __subclasscheck__ = __reduce_ex__ = _refuse

    def __or__(self, other: Any) -> Any:
        # In annotations of a user's functions.
        return Union[self, other]  # noqa: UP007

    def __ror__(self, other: Any) -> Any:
        return Union[other, self]  # noqa: UP007

    def __getattr__(self, attribute: str) -> NoReturn:
        # What tools such as inspect and pickle look for is not use.
        if attribute.startswith("_"):
            raise AttributeError(attribute)
        self._refuse()

    def __repr__(self) -> str:
        return f"<{self.__name__}: {self._error}>"
