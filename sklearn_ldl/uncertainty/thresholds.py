"""Thresholds of scores, from those of rows held out."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

# Of the mass that is asked for: rounding must not ask for another row.
_ROUNDING = 1e-10


class Scores(NamedTuple):
    """Scores of rows held out, or of their labels, in ascending order."""

    scores: NDArray[np.float64]
    #: Mass of the scores up to each.
    reached: NDArray[np.float64]
    #: Weight of a new row, unless it is given.
    expected_weight: float

    @classmethod
    def collect(
        cls,
        scores: NDArray[np.float64],
        share: NDArray[np.float64],
        weight: NDArray[np.float64],
        part: NDArray[np.float64],
    ) -> Scores:
        """Sort the scores.

        Parameters
        ----------
        scores : ndarray of shape (n_samples, n_scores)
            Scores of every row: one, or those of the labels.
        share : ndarray of shape (n_samples, n_scores)
            How the weight of a row is divided among its scores: sums of one.
        weight : ndarray of shape (n_samples,)
            Weights of the rows, as ratios of likelihoods in the target and here.
        part : ndarray of shape (n_samples,)
            One, or 1 / k for a row that is held out, and so occurs, k times.
        """
        mass = share * (weight * part)[:, np.newaxis]
        counts = mass > 0
        scores, mass = scores[counts], mass[counts]
        order = np.argsort(scores, kind="stable")
        total = weight @ part
        # Rows of the target have such weights: its density is this one times the weight.
        expected = weight**2 @ part / total if total > 0 else 1.0
        return cls(scores[order], mass[order].cumsum(), float(expected))

    def threshold(
        self, alpha: float, weight: NDArray[np.float64] | None = None
    ) -> NDArray[np.float64]:
        r"""Find the least threshold that controls the risk, one for each weight of a new row.

        .. math::

            \inf \Bigl\{ q : \frac{\sum_i w_i \sum_j d_{ij} 1[s_{ij} > q] + w}{\sum_i w_i + w}
            \le \alpha \Bigr\}

        The new row counts as if it were missed; infinity where that alone is too much.

        Examples
        --------
        >>> import numpy as np
        >>> from sklearn_ldl.uncertainty.thresholds import Scores
        >>> one = np.ones(9)
        >>> scores = Scores.collect(np.arange(9.0)[:, None], one[:, None], one, one)
        >>> scores.threshold(0.1), scores.threshold(0.2), scores.threshold(0.05)
        (array([8.]), array([7.]), array([inf]))
        """
        if weight is None:
            weight = np.array([self.expected_weight])
        total = self.reached[-1] if len(self.reached) else 0.0
        needed = (1 - alpha) * (total + weight) - _ROUNDING * (total + weight)
        return np.append(self.scores, np.inf)[np.searchsorted(self.reached, needed)]
