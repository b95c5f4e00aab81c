"""What is known by name, told in a terminal."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator
from typing import Any

from sklearn.base import BaseEstimator
from sklearn.pipeline import Pipeline

from sklearn_ldl._core.extras import MissingExtraError
from sklearn_ldl.compare.estimators.choice import ESTIMATORS, entry_of
from sklearn_ldl.compare.estimators.entry import STANDARD, Entry
from sklearn_ldl.compare.problem import Problem, artificial

_WIDTH, _INDENT = 100, 17


def every_estimator() -> Iterator[str]:
    """Lines on all estimators: what they are, their defaults, and their grids."""
    problem = artificial(100, 0)
    for name, entry in ESTIMATORS.items():
        remarks = [] if entry.takes_sparse else ["not --sparse"]
        remarks += [] if entry.by_default else ["by name only"]
        text = "; ".join([entry.description, *remarks])
        yield wrapped(f"  {name:15}", text)
        scaled = f"{entry.scaling} scaling, " if entry.scalings and entry.scaling != "none" else ""
        model = _built(entry, problem)
        shown = model if isinstance(model, str) else " ".join(repr(model).split())
        yield wrapped(" " * _INDENT, f"defaults: {scaled}{shown}")
        if grid := _grid(entry, problem):
            choices = [f"{name} {' | '.join(values)}" for name, values in grid.items()]
            yield wrapped(" " * _INDENT, f"grid: {'; '.join(choices)}")


def one_estimator(name: str) -> Iterator[str]:
    """Lines on an estimator, with all parameters.

    Raises
    ------
    ValueError
        For a name that is unknown.
    """
    entry = entry_of(name)
    if entry is None:
        raise ValueError(f"There is no {name!r}; choose from {', '.join(ESTIMATORS)}.")
    problem = artificial(100, 0)
    name = next(known for known, other in ESTIMATORS.items() if other is entry)
    yield wrapped(f"{name}: ", entry.description)
    yield f"sparse features: {'yes' if entry.takes_sparse else 'no'}"
    model = _built(entry, problem)
    if isinstance(model, str):
        yield model
    else:
        yield "defaults:"
        if entry.scalings:
            yield f"  scale = {entry.scaling}"
        for parameter, value in model.get_params(deep=False).items():
            yield wrapped(f"  {parameter} = ", " ".join(repr(value).split()))
    grid = _grid(entry, problem)
    yield "grid:" if grid else "grid: none"
    for parameter, values in grid.items():
        yield wrapped(f"  {parameter}: ", " | ".join(values))


def wrapped(head: str, text: str) -> str:
    """Put a text after a head, in lines that are indented as far."""
    indent = " " * min(len(head), 2 * _INDENT)
    return textwrap.fill(
        text, _WIDTH, initial_indent=head, subsequent_indent=indent, break_on_hyphens=False
    )


def _built(entry: Entry, problem: Problem) -> BaseEstimator | str:
    """Return the model, or the reason why it cannot be built here."""
    try:
        model = entry.build(problem, 0)
    except MissingExtraError as error:
        return str(error)
    return model[-1] if isinstance(model, Pipeline) and "scale" in model.named_steps else model


def _grid(entry: Entry, problem: Problem) -> dict[str, list[str]]:
    """Scalings, and the values of parameters as they are for standard features."""
    if not entry.scalings:
        return {}
    scalings = list(entry.scalings)
    scaling = STANDARD if STANDARD in scalings else scalings[0]
    values = entry.values(problem, scaling) if callable(entry.values) else entry.values
    found = {name: [_short(value) for value in choice] for name, choice in values.items()}
    return {**({"scale": scalings} if len(scalings) > 1 else {}), **found}


def _short(value: Any) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)
