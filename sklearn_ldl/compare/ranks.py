"""Average ranks over data sets, and tests of differences.

References: J. Demsar, "Statistical comparisons of classifiers over multiple data sets", JMLR 2006;
C. Nadeau and Y. Bengio, "Inference for the generalization error", Machine Learning 2003.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.stats import friedmanchisquare, rankdata, studentized_range, t, wilcoxon


def average_ranks(losses: NDArray) -> NDArray[np.float64]:
    """Average over columns (data sets) of the ranks of the rows; 1 is the lowest loss."""
    return rankdata(losses, axis=0).mean(axis=1)


def friedman(losses: NDArray) -> float:
    """p-value of Friedman's test that all rows rank alike; 1 where all are equal."""
    if (losses == losses[0]).all():
        return 1.0
    return float(friedmanchisquare(*losses).pvalue)


def critical_difference(n_rows: int, n_sets: int, level: float = 0.05) -> float:
    """Difference of average ranks from which Nemenyi's test finds two rows to differ."""
    q = studentized_range.ppf(1 - level, n_rows, np.inf) / np.sqrt(2)
    return float(q * np.sqrt(n_rows * (n_rows + 1) / (6 * n_sets)))


def corrected_t(differences: NDArray, ratio: float) -> float:
    r"""Two-sided p-value of the corrected resampled t-test.

    .. math:: t = \bar d \Big/ \sqrt{\Big(\frac1k + \frac{n_2}{n_1}\Big) s^2}

    Folds share training rows, so their differences `d` vary together; the `ratio`
    :math:`n_2 / n_1` of test to training rows corrects their variance for it.
    """
    k = len(differences)
    spread = differences.var(ddof=1) * (1 / k + ratio)
    if spread == 0:
        return 1.0 if differences.mean() == 0 else 0.0
    return float(2 * t.sf(abs(differences.mean()) / np.sqrt(spread), k - 1))


def signed_rank(differences: NDArray) -> float:
    """Two-sided p-value of Wilcoxon's signed-rank test; 1 where all differences are zero."""
    return float(wilcoxon(differences).pvalue) if differences.any() else 1.0


def holm(p: Sequence[float]) -> NDArray[np.float64]:
    """p-values of several tests after Holm's correction."""
    values = np.asarray(p, dtype=float)
    order = np.argsort(values)
    factors = len(values) - np.arange(len(values))
    corrected = np.minimum(np.maximum.accumulate(values[order] * factors), 1)
    return corrected[np.argsort(order)]
