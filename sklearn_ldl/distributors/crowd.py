"""The models of crowd-kit, on arrays; the only place that asks for it."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from sklearn_ldl._core.extras import MissingExtraError


def fit_dawid_skene(
    item: NDArray, rater: NDArray, label: NDArray, n_labels: int, max_iter: int, tol: float
) -> tuple[NDArray[np.float64], NDArray[np.float64], int]:
    """Fit the model of Dawid and Skene.

    Parameters
    ----------
    item, rater, label : ndarray of shape (n_votes,)
        Numbers from 0 on.
    n_labels : int
        Number of labels, with those that nobody named.
    max_iter, tol : int, float
        As crowd-kit has them.

    Returns
    -------
    frequencies : ndarray of shape (n_labels,)
        Of the true labels.
    confusion : ndarray of shape (n_raters, n_labels, n_labels)
        Probability of a vote (last axis), given the true label.
    n_iter : int
        Number of iterations.
    """
    try:
        import pandas as pd
        from crowdkit.aggregation import DawidSkene
    except ImportError as error:
        raise MissingExtraError(
            'RaterModel(method="dawid-skene")', "crowd-kit", "crowd", 'Or take method="spam".'
        ) from error
    votes = pd.DataFrame({"task": item, "worker": rater, "label": label})
    model: Any = DawidSkene(n_iter=max_iter, tol=tol).fit(votes)
    frequencies = model.priors_.reindex(range(n_labels), fill_value=0.0).to_numpy()
    every = pd.MultiIndex.from_product([range(rater.max() + 1), range(n_labels)])
    errors = model.errors_.reindex(index=every, columns=range(n_labels), fill_value=0.0)
    confusion = errors.to_numpy().reshape(-1, n_labels, n_labels).transpose(0, 2, 1)
    return frequencies, confusion, len(model.loss_history_)
