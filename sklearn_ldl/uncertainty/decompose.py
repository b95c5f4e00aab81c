"""Of members that disagree: what more rows would teach, and what nobody can know."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import entr

from sklearn_ldl._core.simplex import check_distribution, safe_log
from sklearn_ldl._core.sklearn_compat import StrOptions, validate_params
from sklearn_ldl.metrics.divergences import FLOOR


class Uncertainty(NamedTuple):
    """Uncertainty of predicted distributions, in nats, one value per row.

    Parameters
    ----------
    total : ndarray of shape (n_samples,)
        The sum of the two others.
    aleatoric : ndarray of shape (n_samples,)
        How much people differ, as far as the members know.
    epistemic : ndarray of shape (n_samples,)
        How much the members differ.

    See Also
    --------
    sklearn_ldl.uncertainty.decompose_uncertainty : Makes one.

    Examples
    --------
    >>> from sklearn_ldl.uncertainty import decompose_uncertainty
    >>> decompose_uncertainty([[[1.0, 0.0]], [[0.0, 1.0]]]).epistemic.round(3)
    array([0.693])
    """

    total: NDArray[np.float64]
    aleatoric: NDArray[np.float64]
    epistemic: NDArray[np.float64]


@validate_params({"form": [StrOptions({"entropy", "kl"})]}, prefer_skip_nested_validation=True)
def decompose_uncertainty(members: ArrayLike, *, form: str = "entropy") -> Uncertainty:
    r"""Split the uncertainty of predicted distributions by the disagreement of members.

    With the predictions :math:`p_k` of K members, their mean :math:`\bar p` and the entropy H,

    .. math::

        \underbrace{H(\bar p)}_{total} = \underbrace{\tfrac1K \sum_k H(p_k)}_{aleatoric}
        + \underbrace{\tfrac1K \sum_k KL(p_k \,\|\, \bar p)}_{epistemic}

    is the "entropy" form: the epistemic part is the mutual information of label and member, between
    0 and :math:`\ln K`. The "kl" form compares members with each other,

    .. math::

        \underbrace{-\tfrac1{K^2} \sum_{k,l} \sum_j p_{kj} \ln p_{lj}}_{total}
        = \underbrace{\tfrac1K \sum_k H(p_k)}_{aleatoric}
        + \underbrace{\tfrac1{K^2} \sum_{k,l} KL(p_k \,\|\, p_l)}_{epistemic},

    which is not less, and does not end at :math:`\ln K` where a member excludes what another one
    is sure of. The epistemic part falls as rows are added; the aleatoric part is what remains, as
    people differ. Where one person's label is to be predicted the total counts; where a
    distribution is, the epistemic part does.

    Parameters
    ----------
    members : array-like of shape (n_members, n_samples, n_labels)
        Distributions that the members predict, of :func:`predict_members`.
    form : {"entropy", "kl"}, default="entropy"
        What the epistemic part measures. Degrees below 1e-14 count as 1e-14 in logarithms.

    Returns
    -------
    uncertainty : Uncertainty
        Named tuple of `total`, `aleatoric` and `epistemic`, each of shape (n_samples,), at least 0,
        in nats.

    Raises
    ------
    ValueError
        If a row is not on the simplex, or there are no members.

    References
    ----------
    S. Depeweg, J. M. Hernández-Lobato, F. Doshi-Velez, S. Udluft, "Decomposition of uncertainty in
    Bayesian deep learning for efficient and risk-sensitive learning", ICML 2018; K. Schweighofer,
    L. Aichberger, M. Ielanskyi, S. Hochreiter, "Introducing an improved information-theoretic
    measure of predictive uncertainty", NeurIPS 2023 workshop M3L.

    Examples
    --------
    Two rows. On the first the members agree that people differ, on the second they differ
    themselves:

    >>> from sklearn_ldl.uncertainty import decompose_uncertainty
    >>> members = [[[0.5, 0.5], [0.9, 0.1]], [[0.5, 0.5], [0.1, 0.9]]]
    >>> total, aleatoric, epistemic = decompose_uncertainty(members)
    >>> total.round(3), aleatoric.round(3), epistemic.round(3)
    (array([0.693, 0.693]), array([0.693, 0.325]), array([0.   , 0.368]))
    """
    P = np.asarray(members, dtype=np.float64)
    if P.ndim != 3 or 0 in P.shape:
        raise ValueError(
            f"members has shape {P.shape}: expected (n_members, n_samples, n_labels), as of"
            " predict_members."
        )
    P = check_distribution(P.reshape(-1, P.shape[2]), input_name="members").reshape(P.shape)
    aleatoric = entr(P).sum(axis=2).mean(axis=0)
    mean = P.mean(axis=0)
    if form == "entropy":
        total = entr(mean).sum(axis=1)
    else:
        total = -(mean * safe_log(P, floor=FLOOR).mean(axis=0)).sum(axis=1)
    # Both differences are at least 0, but for rounding.
    epistemic = np.maximum(total - aleatoric, 0.0)
    return Uncertainty(aleatoric + epistemic, aleatoric, epistemic)
