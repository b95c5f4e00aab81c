"""What a user should know before relying on a corrected prior."""

from __future__ import annotations

import warnings
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

# A label that becomes rarer by this factor is all but ruled out, which is dear where it is wrong.
_CORNER = 20


def ruled_out(prior: NDArray, target_prior: NDArray) -> NDArray[np.intp]:
    """Labels that an estimate all but rules out."""
    return np.flatnonzero(_CORNER * target_prior < prior)


def warn_corner(prior: NDArray, target_prior: NDArray, names: Sequence | NDArray | None) -> None:
    """Warn where an estimate all but rules out a label.

    Parameters
    ----------
    prior, target_prior : ndarray of shape (n_labels,)
        Priors of training and target.
    names : sequence of length n_labels, or None
        Names of the labels, where they have any.
    """
    out = ruled_out(prior, target_prior)
    if not len(out):
        return
    labels = out if names is None else np.asarray(names, dtype=object)[out]
    warnings.warn(
        f"The estimated prior is in a corner: it all but rules out {list(map(str, labels))}, with "
        f"{np.array2string(target_prior[out], precision=2)} instead of "
        f"{np.array2string(prior[out], precision=2)} in training. Where that is wrong, "
        "predictions get much worse; check it with a few labelled rows of the target, or give "
        "target_prior."
    )


def warn_refuted(method: str, unexplained: float) -> None:
    """Warn where other things than the frequencies of the labels have changed.

    Parameters
    ----------
    method : str
        Where the prior in use comes from all the same; "none" without a correction.
    unexplained : float
        Part of the change that is left to explain.
    """
    done = (
        "predictions stay as they are"
        if method == "none"
        else f'they are corrected by "{method}", which does better than nothing where training '
        "rows are selected by their degrees"
    )
    warnings.warn(
        "Other frequencies of the labels do not explain the predictions for X_target, they leave "
        f"{unexplained:.0%} of the change: {done}. A few labelled rows of the target would tell "
        "more; if you know its prior, give target_prior."
    )
