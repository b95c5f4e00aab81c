"""Is there a shift at all? A test of the mean predictions."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.stats import f

# Rows per direction: predictions within a fold err together, which shows first where they hardly
# vary otherwise.
_ROWS = 20


def shift_p_value(
    P: NDArray[np.float64], weight: NDArray[np.float64], P_target: NDArray[np.float64]
) -> float:
    r"""Test whether predictions have the same mean in training and in the target.

    Hotelling's two-sample test,

    .. math:: T^2 = \delta^\top S^{-1} \delta / (1 / n + 1 / n'),

    with the pooled covariance :math:`S`, in its main directions, at most one for every 20 rows of
    the smaller sample. Without a shift both samples have the same covariance, and where few rows
    meet rare labels the larger one knows it best.

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
    n, n_target = 1 / share, len(P_target)
    delta = P_target.mean(axis=0) - weight @ P
    pooled = n * np.cov(P, rowvar=False, aweights=weight) + n_target * np.cov(
        P_target, rowvar=False
    )
    variance, direction = np.linalg.eigh(pooled / (n + n_target) * (share + 1 / n_target))
    if variance[-1] < np.finfo(np.float64).eps ** 2:
        return 1.0
    n_kept = np.count_nonzero(variance > 1e-10 * variance[-1])
    n_kept = int(min(n_kept, max(1, min(n, n_target) // _ROWS)))
    scores = (delta @ direction[:, -n_kept:]) ** 2 / variance[-n_kept:]
    freedom = n + n_target - 1 - n_kept
    return float(f.sf(scores.sum() * freedom / (n_kept * (n + n_target - 2)), n_kept, freedom))
