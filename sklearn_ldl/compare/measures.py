"""What is measured, for each kind of target."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from inspect import signature
from typing import Any, NamedTuple

from numpy.typing import NDArray
from sklearn.metrics import get_scorer, get_scorer_names, make_scorer

from sklearn_ldl.metrics import get_ldl_scorer, get_ldl_scorer_names

#: The measures that the literature of the field reports.
SIX = (
    "chebyshev_distance",
    "clark_distance",
    "canberra_distance",
    "kl_divergence",
    "cosine_similarity",
    "intersection_similarity",
)
MEASURES = (
    *SIX,
    "euclidean_distance",
    "sorensen_distance",
    "squared_chi2_distance",
    "jeffreys_divergence",
    "jensen_shannon_divergence",
    "wasserstein_distance",
    "cumulative_absolute_distance",
    "fidelity_similarity",
    "d2_kl_score",
)
#: The larger, the better; the scorers of all others are negated.
SIMILARITIES = tuple(measure for measure in MEASURES if measure in get_ldl_scorer_names())
#: What is measured where nothing is asked for.
DEFAULTS = {
    "distributions": SIX,
    "labels": ("log_loss", "accuracy"),
    "values": ("mean_absolute_error", "root_mean_squared_error", "r2"),
}
# What is scored besides what is asked for: it costs next to nothing, and another fit costs more.
_KEPT = {**DEFAULTS, "distributions": MEASURES}
# Those that need to know the labels that no test row has.
_OF_ALL_LABELS = ("log_loss", "d2_log_loss_score")
# By which of them the best is named.
_DECISIVE = ("kl_divergence", "log_loss", "mean_absolute_error")


class Measure(NamedTuple):
    """A measure with its scorer.

    Attributes
    ----------
    name : str
        Name in tables.
    scorer : callable
        Scorer of scikit-learn; greater is better.
    is_loss : bool
        Whether the measure is the negated score, and lower is better.
    is_own : bool
        Whether the scorer was given, and not found by its name.
    """

    name: str
    scorer: Callable
    is_loss: bool
    is_own: bool = False

    @property
    def arrow(self) -> str:
        """Which way is better."""
        return "↓" if self.is_loss else "↑"

    @property
    def takes_weights(self) -> bool:
        """Whether rows may have weights."""
        return _takes_weights(getattr(self.scorer, "_score_func", self.scorer))

    def value(self, score: float) -> float:
        """Turn a score into the measure."""
        return -score if self.is_loss else score


def measures_of(
    role: str,
    scoring: str | Sequence[str] | Mapping[str, Callable] | None,
    labels: NDArray | None = None,
) -> list[Measure]:
    """Measures by name, those of the field by default.

    Parameters
    ----------
    role : str
        Kind of target.
    scoring : str, sequence of str, mapping or None
        As of :func:`~sklearn_ldl.compare.compare`.
    labels : ndarray, default=None
        All labels that there are, as not every fold has all of them.

    Raises
    ------
    ValueError
        For a name that neither the package nor scikit-learn has, and for what is no name.
    """
    if isinstance(scoring, Mapping) and scoring:
        return [_own(str(name), scorer, role) for name, scorer in scoring.items()]
    names = [scoring] if isinstance(scoring, str) else scoring or DEFAULTS[role]
    if not (isinstance(names, list | tuple) and all(isinstance(name, str) for name in names)):
        raise ValueError("scoring is a name, a list of names, or a dict from names to scorers.")
    return list({m.name: m for m in (_measure(name, role, labels) for name in names)}.values())


def with_all_of(role: str, measures: list[Measure], labels: NDArray | None = None) -> list[Measure]:
    """Add the other measures of the package; nothing to scorers that were given."""
    if any(measure.is_own for measure in measures):
        return measures
    asked = [measure.name for measure in measures]
    return measures + [_measure(name, role, labels) for name in _KEPT[role] if name not in asked]


def _own(name: str, scorer: Any, role: str) -> Measure:
    """Take a scorer that negates a loss for that loss, unless its name says so."""
    if isinstance(scorer, str):
        return _measure(scorer, role)._replace(name=name, is_own=True)
    if not callable(scorer):
        raise ValueError(f"scoring: {name!r} is {scorer!r}, and no scorer.")
    negates = getattr(scorer, "_sign", 1) < 0
    if not hasattr(scorer, "_score_func"):
        scorer = _Plain(scorer)
    return Measure(name, scorer, negates and not name.startswith("neg_"), is_own=True)


class _Plain:
    """A function for a scorer, which scikit-learn asks whether it takes weights."""

    def __init__(self, function: Callable):
        self._score_func = function

    def __call__(self, *args: Any, **params: Any) -> float:
        return self._score_func(*args, **params)

    def _accept_sample_weight(self) -> bool:
        return _takes_weights(self._score_func)


def _takes_weights(function: Callable) -> bool:
    return "sample_weight" in signature(function).parameters


def _measure(name: str, role: str, labels: NDArray | None = None) -> Measure:
    plain = name.removeprefix("neg_")
    known, ours = get_scorer_names(), get_ldl_scorer_names()
    for scorer_name, is_loss in ((f"neg_{plain}", True), (name, False)):
        # Scikit-learn's of the same name are for labels.
        if scorer_name in ours and (role == "distributions" or scorer_name not in known):
            return Measure(plain, get_ldl_scorer(scorer_name), is_loss)
        if scorer_name in known:
            scorer = get_scorer(scorer_name)
            if labels is not None and plain in _OF_ALL_LABELS:
                scorer = make_scorer(
                    scorer._score_func,
                    response_method="predict_proba",
                    greater_is_better=not is_loss,
                    labels=labels,
                )
            return Measure(plain, scorer, is_loss)
    raise ValueError(
        f"{name!r} is no measure: choose from {', '.join(MEASURES)}, or a scorer of scikit-learn."
    )


def decisive(measures: Sequence[str]) -> str:
    """Return the measure by which the best is named."""
    return next((name for name in _DECISIVE if name in measures), next(iter(measures)))


def heading(measure: str) -> str:
    """Shorten the name of a measure for the heading of a column."""
    return measure.removesuffix("_distance").removesuffix("_similarity")
