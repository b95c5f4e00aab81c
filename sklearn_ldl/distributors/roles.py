"""Which estimator learns what a distributor makes."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np

Targets = Literal["class labels", "values", "label sets", "distributions"]

_LEARNERS: dict[Targets, str] = {
    "class labels": "LDLClassifier",
    "values": "LDLRegressor",
    "label sets": "MultiLabelLDLClassifier",
    "distributions": "TransformedTargetRegressor(..., transformer={}())",
}
_EXAMPLES = {
    "class labels": "LabelSmoother",
    "values": "GaussianLabelDistributor",
    "label sets": "MultiLabelDistributor",
}


def check_role(
    distributor: Any,
    targets: Literal["class labels", "values", "label sets"],
    owner: object,
) -> None:
    """Raise a ValueError if a distributor, fitted or not, is none or is of other targets.

    Ours say in `targets` what they distribute. Others show it once they are fitted: those of class
    labels by `classes_`, those of values by a `grid_` or by having no classes.

    Examples
    --------
    >>> from sklearn_ldl.distributors import LabelSmoother
    >>> from sklearn_ldl.distributors.roles import check_role
    >>> check_role(LabelSmoother(), "class labels", object())
    """
    name = type(distributor).__name__
    if not hasattr(distributor, "transform"):
        raise ValueError(
            f"{name} has no transform, which makes distributions of {targets}: a distributor is "
            f"something like {_EXAMPLES[targets]}, and the estimator comes first."
        )
    found: Targets | None = getattr(distributor, "targets", None)
    if found is None and hasattr(distributor, "classes_"):
        found = "class labels"
    elif found is None and hasattr(distributor, "grid_"):
        found = "values"
    if found not in (None, targets):
        lack = "has no classes_: it " if targets == "class labels" else ""
        raise ValueError(
            f"{name} {lack}distributes {found}, but {type(owner).__name__} learns from {targets}. "
            f"Use {_LEARNERS[found].format(name)}, or a distributor of {targets} such as "
            f"{_EXAMPLES[targets]}."
        )


def check_classes(distributor: Any, owner: object) -> None:
    """Raise a ValueError if a fitted distributor does not name the classes of its columns."""
    check_role(distributor, "class labels", owner)
    if not hasattr(distributor, "classes_"):
        raise ValueError(
            f"{type(distributor).__name__} has no classes_, which name the columns: give "
            f"{type(owner).__name__} a distributor of class labels such as LabelSmoother, and real "
            "values to LDLRegressor."
        )


def check_announced(classes: Any, known: Any) -> None:
    """Raise a ValueError if `classes` of a `partial_fit` are missing, or are not those known.

    Examples
    --------
    >>> from sklearn_ldl.distributors.roles import check_announced
    >>> check_announced(["no", "yes"], None)
    >>> check_announced(None, ["no", "yes"])
    """
    if classes is None and known is None:
        raise ValueError(
            "The first call of partial_fit needs classes: all that will ever come, since its rows "
            "may lack some."
        )
    if classes is None or known is None:
        return
    if set(np.asarray(classes).tolist()) != set(np.asarray(known).tolist()):
        raise ValueError(f"classes={classes!r} are not those of the targets so far: {known}.")
