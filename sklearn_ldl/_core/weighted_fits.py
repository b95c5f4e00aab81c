"""How weights of rows reach a learner that something else fits, or who cannot take them."""

from __future__ import annotations

from inspect import Parameter, signature
from typing import Any

from numpy.typing import ArrayLike
from sklearn.base import BaseEstimator
from sklearn.frozen import FrozenEstimator
from sklearn.pipeline import Pipeline
from sklearn.utils.metadata_routing import get_routing_for_object

from sklearn_ldl._core.sklearn_compat import routing_enabled


def with_weight(
    learner: Any,
    sample_weight: ArrayLike | None,
    fit_params: dict[str, Any],
    *,
    may_be_frozen: bool = False,
) -> dict[str, Any]:
    """Add `sample_weight`, when given, to the parameters of `fit` of a learner.

    In a pipeline the last step gets it. With metadata routing enabled the requests of the learner
    say who gets it, and it keeps its name.

    Parameters
    ----------
    learner : estimator
        What is to be fitted.
    sample_weight : array-like of shape (n_samples,) or None
        Weights.
    fit_params : dict
        The other parameters.
    may_be_frozen : bool, default=False
        Whether the weights serve something else, too, so that a frozen learner needs none.

    Returns
    -------
    fit_params : dict
        Parameters of `fit` of the learner.

    Raises
    ------
    ValueError
        If the learner cannot take weights, which names it, or is given them twice.
    """
    if sample_weight is None:
        return fit_params
    name = weight_parameter(learner)
    if name is None:
        if may_be_frozen:
            return fit_params
        raise ValueError("FrozenEstimator is not fitted again: leave sample_weight out.")
    if routing_enabled():
        name = "sample_weight"
    if name in fit_params:
        raise ValueError(f"Pass either sample_weight or {name}.")
    return {**fit_params, name: sample_weight}


def weight_parameter(learner: Any) -> str | None:
    """Name of the parameter of `fit` by which weights reach a learner; None for a frozen one.

    Raises
    ------
    ValueError
        If they cannot: it names the learner inside that does not take them.
    """
    if isinstance(learner, FrozenEstimator):
        return None
    if isinstance(learner, Pipeline):
        step, last = learner.steps[-1]
        try:
            name = weight_parameter(last)
        except ValueError:
            if _requested(learner):
                return "sample_weight"
            raise
        return None if name is None else f"{step}__{name}"
    if hasattr(learner, "_learners_to_fit"):
        # A wrapper of this package: weights that one of its learners cannot take are its error,
        # which would come later.
        for inner in learner._learners_to_fit():
            weight_parameter(inner)
        return "sample_weight"
    parameters = signature(learner.fit).parameters.values() if hasattr(learner, "fit") else ()
    if any(parameter.name == "sample_weight" for parameter in parameters):
        return "sample_weight"
    if any(parameter.kind is Parameter.VAR_KEYWORD for parameter in parameters):
        # Searches and the like hand on what they are given.
        for attribute in ("estimator", "regressor"):
            if isinstance(inner := getattr(learner, attribute, None), BaseEstimator):
                return weight_parameter(inner)
        return "sample_weight"
    name = learner if isinstance(learner, str) else type(learner).__name__
    raise ValueError(
        f"{name} takes no sample_weight: leave the weights out, or use a learner whose fit has "
        "this parameter."
    )


def _requested(learner: Any) -> bool:
    """Whether metadata routing is enabled and a part of the learner requests weights."""
    if not routing_enabled():
        return False
    return bool(get_routing_for_object(learner).consumes("fit", ["sample_weight"]))
