r"""The choice between corrections, and none, by what they do in simulated targets.

Every simulated target is drawn from the training rows held out, in one of many bootstrapped
worlds. Estimates of the prior are made for it as for the real one, and the predictions that they
correct are compared with the truth.

* Where labels explain the target, rows are drawn with the weights
  :math:`\sum_j d_{ij} \, \pi_j / \pi^s_j`, for priors :math:`\pi` that would give the mean
  prediction of the target, and their truth is :math:`d_{ij} \, \pi_j / \pi^s_j`, up to its sum.
  Labels that predictions confuse leave :math:`\pi` open; there it comes from the whole simplex.
* Where labels do not explain it, rows are *selected*: drawn with the powers
  :math:`(\sum_j d_{ij} \, \pi_j / \pi^s_j)^t`, :math:`t \ge 0` as large as takes their mean
  distribution to :math:`\pi` or leaves a tenth of the effective rows, and their truth stays
  :math:`d_i`. Full corrections alone are judged.

The estimate of maximum likelihood is a candidate only where labels explain most of the change. A
correction in part mixes the training prior with the estimated one. None is made unless it is
better by a standard error; and unless another correction is better by two of them, it is the whole
black-box estimate.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
from numpy.random import RandomState
from numpy.typing import NDArray
from scipy.special import rel_entr, softmax

from sklearn_ldl._core.simplex import normalize, safe_log
from sklearn_ldl.metrics.divergences import FLOOR
from sklearn_ldl.shift.bbse import estimate_bbse, solve
from sklearn_ldl.shift.confusion import mean_by_label, soft_confusion
from sklearn_ldl.shift.doubts import ruled_out
from sklearn_ldl.shift.em import climb, estimate_em, fit_bias_corrected_temperature
from sklearn_ldl.shift.estimate import PriorEstimate, hedged
from sklearn_ldl.shift.evidence import Evidence
from sklearn_ldl.shift.explanation import LARGE, Explanation, explain, label_weights

#: By how much the training prior gives way to another one.
AMOUNTS = (0.25, 0.5, 0.75, 1.0)
NONE, UNIFORM, BBSE, EM = "none", "uniform", "bbse", "em"

_N_SIMULATED = 50
# Rows of a simulated target, which is as large as the real one up to here.
_MAX_ROWS = 1000
# Effective rows that a selection leaves.
_LEFT = 0.1
# Standard errors by which a correction beats none, and another one the black-box estimate.
_TO_CORRECT, _TO_DIFFER = 1.0, 2.0


class Correction(NamedTuple):
    """A prior to correct for, and the calibration that comes with it."""

    estimate: PriorEstimate | None
    prior: NDArray[np.float64]
    scale: float = 1.0
    bias: NDArray[np.float64] | float = 0.0

    def predict(self, Z: NDArray, prior: NDArray, amount: float) -> NDArray[np.float64]:
        """Correct logits of a learner with this training prior."""
        mixed = (1 - amount) * prior + amount * self.prior
        return softmax(self.scale * Z + self.bias + safe_log(mixed) - safe_log(prior), axis=1)


class Choice(NamedTuple):
    """What is to be done, and why."""

    method: str
    amount: float
    correction: Correction | None
    explanation: Explanation
    #: Candidates, their mean divergence, and the standard error of its difference to none.
    results: dict[str, NDArray]


def estimate_by(method: str, evidence: Evidence, **options: Any) -> Correction:
    """Estimate the prior by one method."""
    if method == BBSE:
        found = estimate_bbse(evidence, **options)
        return Correction(found, found.prior)
    found = estimate_em(evidence, **options)
    calibration = fit_bias_corrected_temperature(evidence.Z, evidence.D, evidence.weight)
    return Correction(found, found.prior, *calibration)


def choose(evidence: Evidence, *, random_state: RandomState, **options: Any) -> Choice:
    """Choose a correction, or none.

    Parameters
    ----------
    evidence : Evidence
        Logits for training and target rows, over labels that all occur.
    random_state : RandomState
        Generator.
    **options : dict
        Those of the estimates.

    Returns
    -------
    choice : Choice
        The correction, and the figures behind it.
    """
    n_labels = evidence.D.shape[1]
    options["random_state"] = random_state
    corrections = {
        UNIFORM: Correction(None, np.full(n_labels, 1 / n_labels)),
        BBSE: estimate_by(BBSE, evidence, **options),
    }
    explanation = explain(evidence, corrections[BBSE].prior, random_state)
    if explanation.refuted:
        amounts, targets = AMOUNTS[-1:], _selections(evidence, corrections, random_state)
    else:
        # Refuted or not, a likelihood says little where labels explain little.
        if explanation.unexplained <= LARGE:
            corrections[EM] = estimate_by(EM, evidence, **options)
        amounts, targets = AMOUNTS, _label_shifts(evidence, random_state)
    candidates = [(NONE, 0.0)] + [(m, amount) for m in corrections for amount in amounts]
    n_target = min(evidence.Z_target.shape[1], _MAX_ROWS)
    judge = _Judge(evidence, corrections, amounts)
    loss = np.array(
        [judge.losses(random_state.multinomial(n_target, v), truth) for v, truth in targets]
    )
    cornered = len(ruled_out(evidence.weight @ evidence.D, corrections[BBSE].prior)) > 0
    best = _choose(loss, candidates, refuted=explanation.refuted, cornered=cornered)
    method, amount = candidates[best]
    results = {
        "method": np.array([method for method, _ in candidates]),
        "amount": np.array([amount for _, amount in candidates]),
        "mean_kl": loss.mean(axis=0),
        "std_error": _std_error(loss - loss[:, :1]),
    }
    return Choice(method, amount, corrections.get(method), explanation, results)


def _std_error(difference: NDArray) -> NDArray:
    return difference.std(axis=0, ddof=1) / np.sqrt(len(difference))


def _choose(
    loss: NDArray, candidates: list[tuple[str, float]], *, refuted: bool, cornered: bool
) -> int:
    def gains(new: int, old: int, margin: float) -> bool:
        gain = loss[:, old] - loss[:, new]
        return bool(gain.mean() > margin * _std_error(gain))

    black_box = candidates.index((BBSE, 1.0))
    best = black_box
    if not refuted:
        least = int(loss.mean(axis=0).argmin())
        best = least if gains(least, black_box, _TO_DIFFER) else black_box
    elif cornered or not gains(black_box, 0, _TO_CORRECT):
        # What rests on a refuted assumption does not rule out a label.
        best = candidates.index((UNIFORM, 1.0))
    return best if gains(best, 0, _TO_CORRECT) else 0


class _Judge:
    """Measures what corrections make of simulated targets."""

    def __init__(
        self, evidence: Evidence, corrections: dict[str, Correction], amounts: tuple[float, ...]
    ):
        self.Z, self.P = evidence.Z, evidence.P
        self.corrections, self.amounts = corrections, amounts
        self.prior = evidence.weight @ evidence.D
        self.n_rows = np.count_nonzero(evidence.weight)
        self.confusion = soft_confusion(self.P, evidence.D, evidence.weight)

    def losses(self, count: NDArray, truth: NDArray) -> NDArray[np.float64]:
        """Mean divergences of all candidates, for rows drawn with these counts."""
        rows = count > 0
        weight = count[rows] / count.sum()
        Z, truth = self.Z[rows], truth[rows]
        predicted = [self.P[rows]]
        for method, correction in self.corrections.items():
            again = correction._replace(prior=self._estimate(method, correction, rows, weight))
            predicted += [again.predict(Z, self.prior, amount) for amount in self.amounts]
        return np.array(
            [weight @ rel_entr(truth, np.maximum(P, FLOOR)).sum(axis=1) for P in predicted]
        )

    def _estimate(
        self, method: str, correction: Correction, rows: NDArray, weight: NDArray
    ) -> NDArray[np.float64]:
        if correction.estimate is None:
            return correction.prior
        strength = correction.estimate.strength
        if method == BBSE:
            mean = weight @ self.P[rows]
            return hedged(solve(self.confusion.K, mean, self.confusion.variance, strength))
        P = softmax(correction.scale * self.Z[rows] + correction.bias, axis=1)
        return hedged(climb(P, self.prior, weight, strength / self.n_rows))


def _label_shifts(
    evidence: Evidence, random_state: RandomState
) -> Iterator[tuple[NDArray, NDArray]]:
    """Yield weights and truth of rows under shifts that would look like the target."""
    P, D = evidence.P, evidence.D
    n_labels = D.shape[1]
    variance = soft_confusion(P, D, evidence.weight).variance
    P_target = evidence.average(evidence.P_target, evidence.weight)
    noise = np.atleast_2d(np.cov(P_target, rowvar=False)) / len(P_target)
    for world in evidence.bootstrap(_N_SIMULATED, random_state, learners=False):
        mean = random_state.multivariate_normal(P_target.mean(axis=0), noise)
        centre = random_state.dirichlet(np.ones(n_labels))
        prior = hedged(solve(mean_by_label(P, D, world), mean, variance, 1.0, centre))
        yield label_weights(D, world, prior), normalize(D * (prior / (world @ D)))


def _selections(
    evidence: Evidence, corrections: dict[str, Correction], random_state: RandomState
) -> Iterator[tuple[NDArray, NDArray]]:
    """Yield weights and truth of rows that are selected by their degrees."""
    D, goals = evidence.D, list(corrections.values())
    for i, world in enumerate(evidence.bootstrap(_N_SIMULATED, random_state, learners=False)):
        yield _selected(D, world, goals[i % len(goals)].prior), D


def _selected(D: NDArray, weight: NDArray, prior: NDArray) -> NDArray[np.float64]:
    """Weigh rows towards a prior, as far as they go."""
    before = weight @ D
    log_ratio = safe_log(D @ (prior / before), FLOOR)
    direction = prior - before
    least = _LEFT / np.square(weight).sum()

    def weights(power: float) -> NDArray[np.float64]:
        selected = weight * np.exp(power * (log_ratio - log_ratio.max()))
        return selected / selected.sum()

    def short_of(power: float) -> bool:
        selected = weights(power)
        there = (selected @ D - before) @ direction >= direction @ direction
        return not there and 1 / np.square(selected).sum() > least

    low, high = 0.0, 1.0
    while short_of(high) and high < 1e3:
        low, high = high, 2 * high
    for _ in range(20):
        middle = (low + high) / 2
        low, high = (middle, high) if short_of(middle) else (low, middle)
    return weights(low)
