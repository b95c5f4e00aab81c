"""Is there a shift at all? A test of the mean predictions."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.stats import f

# Rows per dimension that a covariance matrix needs to be of use.
_ROWS = 5


def shift_p_value(
    P: NDArray[np.float64], weight: NDArray[np.float64], P_target: NDArray[np.float64]
) -> float:
    r"""Test whether predictions have the same mean in training and in the target.

    Hotelling's two-sample test with unequal covariances,

    .. math:: T^2 = \delta^\top (S / n + S' / n')^{-1} \delta,

    in the main directions of the denominator, of which there are as many as labels less one, and at
    most one for every five rows of the smaller sample; referred to an F distribution with the
    degrees of freedom of that sample.

    Parameters
    ----------
    P : ndarray of shape (n_samples, n_labels)
        Predictions for training rows held out.
    weight : ndarray of shape (n_samples,)
        Their weights, with a sum of one.
    P_target : ndarray of shape (n_target_samples, n_labels)
        Predictions for target rows.

    Returns
    -------
    p_value : float
        In [0, 1]; 1 if predictions do not vary.

    References
    ----------
    S. Rabanser, S. Guennemann, Z. Lipton, "Failing loudly: an empirical study of methods for
    detecting dataset shift", NeurIPS 2019 (tests on the outputs of black-box models).
    """
    share = np.square(weight).sum()
    n_effective = min(1 / share, len(P_target))
    delta = P_target.mean(axis=0) - weight @ P
    spread = np.cov(P, rowvar=False, aweights=weight) * share
    spread += np.cov(P_target, rowvar=False) / len(P_target)
    variance, direction = np.linalg.eigh(spread)
    kept = variance > 1e-10 * max(variance[-1], np.finfo(np.float64).tiny)
    n_kept = int(min(kept.sum(), max(1, n_effective // _ROWS)))
    if variance[-1] < np.finfo(np.float64).eps ** 2:
        return 1.0
    scores = (delta @ direction[:, -n_kept:]) ** 2 / variance[-n_kept:]
    freedom = n_effective - n_kept
    if freedom <= 0:
        return 1.0
    return float(f.sf(scores.sum() * freedom / (n_kept * (n_effective - 1)), n_kept, freedom))
