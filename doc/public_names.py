"""Make the stub for type checkers and the lists of the API reference of the table of public names.

``python doc/public_names.py`` writes ``sklearn_ldl/__init__.pyi`` and the lists in
``doc/api/index.rst`` anew. A list is the block below a comment ``.. names: ROOM ...``; a room is a
module in the table of ``sklearn_ldl/__init__.py``, or a module below one. A name stands in the list
of the smallest room that holds it.
"""

import re
from importlib import import_module
from pathlib import Path

import sklearn_ldl

ROOT = Path(__file__).parents[1]
STUB = ROOT / "sklearn_ldl" / "__init__.pyi"
INDEX = ROOT / "doc" / "api" / "index.rst"

_STUB_HEAD = '''"""Public names, for type checkers; ``python doc/public_names.py`` writes them."""

# ruff: noqa: I001 (in the order of the table)

'''
_LIST = re.compile(
    r"^(\.\. names: (.+)\n\n\.\. autosummary::\n(?:   :.+\n)+\n)"
    r"((?:   \S+\n)+)",
    re.MULTILINE,
)


def stub() -> str:
    """Text of the stub."""
    lines = [_imports("sklearn_ldl", sklearn_ldl._MODULES)]
    lines += [_imports(f"sklearn_ldl.{room}", names) for room, names in sklearn_ldl._ROOMS.items()]
    return _STUB_HEAD + "".join(lines) + "\n__version__: str\n"


def _imports(module: str, names: list[str] | tuple[str, ...]) -> str:
    one_line = f"from {module} import " + ", ".join(f"{name} as {name}" for name in names)
    if len(one_line) <= 100:
        return one_line + "\n"
    return (
        f"from {module} import (\n" + "".join(f"    {name} as {name},\n" for name in names) + ")\n"
    )


def homes() -> dict[str, str]:
    """Name below `sklearn_ldl` -> module below `sklearn_ldl` that defines it."""
    found = {name: _home(name, room) for name, room in sklearn_ldl._PUBLIC.items()}
    for room in sklearn_ldl._MODULES:
        for name in import_module(f"sklearn_ldl.{room}").__all__:
            if name not in sklearn_ldl._PUBLIC:
                found[f"{room}.{name}"] = _home(name, room)
    return found


def _home(name: str, room: str) -> str:
    value = getattr(import_module(f"sklearn_ldl.{room}"), name)
    # Constants have no module of their own.
    module = getattr(value, "__module__", None) if hasattr(value, "__name__") else None
    return (module or f"sklearn_ldl.{room}").removeprefix("sklearn_ldl.")


def index(text: str) -> str:
    """Text of the API page, its lists made anew."""
    rooms = {room for match in _LIST.finditer(text) for room in match[2].split()}
    listed: dict[str, list[str]] = {room: [] for room in rooms}
    for name, home in homes().items():
        while home not in rooms:
            home, dot, _ = home.rpartition(".")
            if not dot:
                raise ValueError(f"No list of {INDEX.name} is for the home of {name}.")
        listed[home].append(name)

    def filled(match: re.Match[str]) -> str:
        names = [name for room in match[2].split() for name in listed[room]]
        return match[1] + "".join(f"   {name}\n" for name in sorted(names, key=str.lower))

    return _LIST.sub(filled, text)


if __name__ == "__main__":
    page = index(INDEX.read_text())  # first: an error leaves both files as they are
    STUB.write_text(stub())
    INDEX.write_text(page)
