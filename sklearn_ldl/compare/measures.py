"""What is measured, for each kind of target."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

from sklearn.metrics import get_scorer, get_scorer_names

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

    def value(self, score: float) -> float:
        """Turn a score into the measure."""
        return -score if self.is_loss else score


def measures_of(
    role: str, scoring: str | Sequence[str] | Mapping[str, Callable] | None
) -> list[Measure]:
    """Measures by name, those of the field by default.

    Raises
    ------
    ValueError
        For a name that neither the package nor scikit-learn has.
    """
    if isinstance(scoring, Mapping):
        return [_own(name, scorer) for name, scorer in scoring.items()]
    names = [scoring] if isinstance(scoring, str) else scoring or DEFAULTS[role]
    return [_measure(name) for name in dict.fromkeys(names)]


def with_all_of(role: str, measures: list[Measure]) -> list[Measure]:
    """Add the other measures of the package; nothing to scorers that were given."""
    if any(measure.is_own for measure in measures):
        return measures
    asked = [measure.name for measure in measures]
    return measures + [_measure(name) for name in _KEPT[role] if name not in asked]


def _own(name: str, scorer: Callable) -> Measure:
    """Take a scorer that negates a loss for that loss, unless its name says so."""
    negates = getattr(scorer, "_sign", 1) < 0
    return Measure(name, scorer, negates and not name.startswith("neg_"), is_own=True)


def _measure(name: str) -> Measure:
    if name in MEASURES:
        is_loss = name not in SIMILARITIES
        return Measure(name, get_ldl_scorer(f"neg_{name}" if is_loss else name), is_loss)
    plain = name.removeprefix("neg_")
    known = get_scorer_names()
    for scorer_name, is_loss in ((f"neg_{plain}", True), (plain, False)):
        if scorer_name in known:
            return Measure(plain, get_scorer(scorer_name), is_loss)
    raise ValueError(
        f"{name!r} is no measure: choose from {', '.join(MEASURES)}, or a scorer of scikit-learn."
    )


def decisive(measures: Sequence[str]) -> str:
    """Return the measure by which the best is named."""
    return next((name for name in _DECISIVE if name in measures), next(iter(measures)))


def heading(measure: str) -> str:
    """Shorten the name of a measure for the heading of a column."""
    return measure.removesuffix("_distance").removesuffix("_similarity")
