"""Label enhancement by the labels of fuzzy clusters."""

from __future__ import annotations

from numbers import Integral, Real
from typing import Literal

import numpy as np
from numpy.random import RandomState
from numpy.typing import NDArray
from sklearn.cluster import kmeans_plusplus
from sklearn.metrics.pairwise import euclidean_distances
from sklearn.utils import check_random_state

from sklearn_ldl._core.convergence import warn_not_converged
from sklearn_ldl._core.sklearn_compat import Interval, StrOptions
from sklearn_ldl.enhancement.base import InductiveLabelEnhancer, Normalization


class FCMEnhancer(InductiveLabelEnhancer):
    r"""Labels of the fuzzy clusters that a sample belongs to (FCM).

    Fuzzy c-means finds memberships :math:`u_{ik}`, which sum to one over the clusters, and centres
    :math:`v_k` that minimise

    .. math:: \sum_{i,k} u_{ik}^m \|x_i - v_k\|^2, \qquad
        u_{ik} \propto \|x_i - v_k\|^{-2 / (m - 1)}, \qquad
        v_k = \sum_i u_{ik}^m x_i \Big/ \sum_i u_{ik}^m .

    A label describes a cluster by its share of the members, and a sample by way of the cluster
    that joins both best:

    .. math:: a_{jk} = \sum_i u_{ik} l_{ij} \Big/ \sum_i u_{ik}, \qquad
        s_{ij} = \max_k a_{jk} u_{ik} .

    The scores depend on the labels of a sample only as much as its clusters do, so new samples
    can be scored as well. Distances decide everything: scale the features.

    Parameters
    ----------
    n_clusters : int, default=50
        Number of clusters; at most the number of samples are used.
    fuzziness : "auto" or float, default="auto"
        The exponent :math:`m > 1`: near 1 clusters are crisp, and the larger it is the more equal
        are the memberships of a sample. The published 2 makes all of them equal, and so all
        scores useless, when there are many features. "auto" takes it from the formula of
        Schwämmle and Jensen, in which it falls with the number of features; at most 2.
    composition : {"product", "min"}, default="product"
        How the association of a label and the membership of a sample combine: max-product or
        max-min composition.
    max_iter : int, default=1000
        Most updates of the centres.
    tol : float, default=1e-4
        The updates end when no membership changes by more.
    normalization : {"softmax", "sum"}, default="softmax"
        How scores become distributions: by a softmax, or divided by their sum.
    allow_empty : bool, default=False
        Whether samples without any label become uniform, instead of a ValueError.
    random_state : int, RandomState instance or None, default=None
        Seed of the initial centres, which k-means++ draws.

    Attributes
    ----------
    label_distributions_ : ndarray of shape (n_samples, n_labels)
        The recovered distributions.
    cluster_centers_ : ndarray of shape (n_clusters, n_features)
        Centres :math:`v_k`.
    memberships_ : ndarray of shape (n_samples, n_clusters)
        Memberships :math:`u_{ik}`; rows sum to one.
    association_ : ndarray of shape (n_labels, n_clusters)
        Shares :math:`a_{jk}` in [0, 1].
    fuzziness_ : float
        The exponent used.
    objective_curve_ : ndarray of shape (n_iter + 1,)
        The sum that is minimised, at the start and after every update.
    n_iter_ : int
        Number of updates.
    classes_ : ndarray of shape (n_labels,)
        Class labels, when `y` held these.
    n_labels_, label_names_, n_features_in_, feature_names_in_
        As in :class:`~sklearn_ldl.BFGSLDL`.

    Notes
    -----
    The published association is a sum over the members; where its rows are divided by their sum,
    scores are of the order of ``1 / n_clusters`` and their softmax is the uniform distribution.
    Shares are on the scale of logical labels instead, however many clusters there are.

    Memory grows with ``n_samples * n_clusters``, time with that times the features.

    References
    ----------
    N. El Gayar, F. Schwenker, G. Palm, "A study of the robustness of KNN classifiers trained using
    soft labels", ANNPR 2006.

    N. Xu, Y.-P. Liu, X. Geng, "Label enhancement for label distribution learning", IEEE
    Transactions on Knowledge and Data Engineering, 2021.

    J. C. Bezdek, "Pattern recognition with fuzzy objective function algorithms", Plenum, 1981.

    V. Schwämmle, O. N. Jensen, "A simple and fast method to determine the parameters for fuzzy
    c-means cluster analysis", Bioinformatics 26(22), 2010.

    Examples
    --------
    >>> from sklearn_ldl import FCMEnhancer
    >>> X = [[0.0], [0.1], [0.2], [5.0], [5.1], [5.2]]
    >>> L = [[1, 1, 0], [1, 0, 0], [1, 1, 0], [0, 1, 1], [0, 0, 1], [0, 0, 1]]
    >>> enhancer = FCMEnhancer(n_clusters=2, normalization="sum", random_state=0).fit(X, L)
    >>> enhancer.label_distributions_[:2].round(2)
    array([[0.6, 0.4, 0. ],
           [0.6, 0.4, 0. ]])
    >>> enhancer.transform([[4.0]]).round(2)
    array([[0.06, 0.24, 0.71]])
    """

    _parameter_constraints: dict = {
        **InductiveLabelEnhancer._parameter_constraints,
        "n_clusters": [Interval(Integral, 1, None, closed="left")],
        "fuzziness": [StrOptions({"auto"}), Interval(Real, 1, None, closed="neither")],
        "composition": [StrOptions({"product", "min"})],
        "max_iter": [Interval(Integral, 1, None, closed="left")],
        "tol": [Interval(Real, 0, None, closed="left")],
        "random_state": ["random_state"],
    }

    def __init__(
        self,
        n_clusters: int = 50,
        *,
        fuzziness: float | Literal["auto"] = "auto",
        composition: Literal["product", "min"] = "product",
        max_iter: int = 1000,
        tol: float = 1e-4,
        normalization: Normalization = "softmax",
        allow_empty: bool = False,
        random_state: int | RandomState | None = None,
    ):
        self.n_clusters = n_clusters
        self.fuzziness = fuzziness
        self.composition = composition
        self.max_iter = max_iter
        self.tol = tol
        self.normalization = normalization
        self.allow_empty = allow_empty
        self.random_state = random_state

    def _scores(self, X: NDArray[np.float64], L: NDArray[np.int8]) -> NDArray[np.float64]:
        self._cluster(X)
        U = self.memberships_
        # Where there are more clusters than distinct samples, memberships may all underflow.
        mass = np.maximum(U.sum(axis=0), np.finfo(float).tiny)
        self.association_ = L.T.astype(np.float64) @ U / mass
        return self._compose(U)

    def _new_scores(self, X: NDArray[np.float64]) -> NDArray[np.float64]:
        return self._compose(memberships(X, self.cluster_centers_, self.fuzziness_)[0])

    def _cluster(self, X: NDArray[np.float64]) -> None:
        """Alternate between memberships and centres."""
        self.fuzziness_ = m = (
            critical_fuzziness(*X.shape) if self.fuzziness == "auto" else float(self.fuzziness)
        )
        random = check_random_state(self.random_state)
        n_clusters = min(self.n_clusters, len(X))
        centers, _ = kmeans_plusplus(X, n_clusters, random_state=random)
        U, objective = memberships(X, centers, m)
        curve = [objective]
        for _ in range(self.max_iter):
            previous, weight = U, U**m
            mass = weight.sum(axis=0)[:, None]
            centers = np.divide(weight.T @ X, mass, out=centers, where=mass > 0)
            U, objective = memberships(X, centers, m)
            curve.append(objective)
            change = np.abs(U - previous).max()
            if change <= self.tol:
                break
        else:
            warn_not_converged(
                "Fuzzy clustering",
                f"{self.max_iter} updates",
                f"memberships that changed by {change:.2g}",
                self.tol,
                "scale the features, increase tol, or try another n_clusters",
            )
        self.cluster_centers_, self.memberships_ = centers, U
        self.objective_curve_ = np.array(curve)
        self.n_iter_ = len(curve) - 1

    def _compose(self, U: NDArray[np.float64]) -> NDArray[np.float64]:
        """Best link of every sample and label through a cluster."""
        combine = np.multiply if self.composition == "product" else np.minimum
        scores = np.zeros((len(U), len(self.association_)))
        for u, a in zip(U.T, self.association_.T, strict=True):
            np.maximum(scores, combine(u[:, None], a), out=scores)
        return scores


def memberships(
    X: NDArray[np.float64], centers: NDArray[np.float64], fuzziness: float
) -> tuple[NDArray[np.float64], float]:
    """Best memberships for given centres, and the sum that they minimise.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_ldl.enhancement.fcm import memberships
    >>> memberships(np.array([[1.0], [4.0]]), np.array([[0.0], [4.0]]), fuzziness=2.0)
    (array([[0.9, 0.1],
           [0. , 1. ]]), 0.899...)
    """
    distance = euclidean_distances(X, centers, squared=True)
    nearest = distance.min(axis=1, keepdims=True)
    # Relative to the nearest centre nothing overflows, not even next to a centre.
    closeness = np.divide(nearest, distance, out=np.ones_like(distance), where=distance > 0)
    closeness **= 1 / (fuzziness - 1)
    total = closeness.sum(axis=1, keepdims=True)
    objective = float((nearest * total ** (1 - fuzziness)).sum())
    closeness /= total
    return closeness, objective


def critical_fuzziness(n_samples: int, n_features: int) -> float:
    """Smallest exponent that finds no clusters in noise, by Schwämmle and Jensen; 2 at most.

    Examples
    --------
    >>> from sklearn_ldl.enhancement.fcm import critical_fuzziness
    >>> critical_fuzziness(1000, 3), round(critical_fuzziness(1000, 100), 3)
    (2.0, 1.044)
    """
    power = -0.0406 * np.log(n_samples) - 0.1134
    fuzziness = 1 + (1418 / n_samples + 22.05) / n_features**2
    fuzziness += (12.33 / n_samples + 0.243) * n_features**power
    return float(min(2.0, fuzziness))
