"""Label enhancement by label propagation."""

from __future__ import annotations

from numbers import Integral, Real

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import solve
from scipy.sparse import csr_array
from sklearn.metrics.pairwise import rbf_kernel

from sklearn_ldl._core.sklearn_compat import Interval
from sklearn_ldl.enhancement.base import LabelEnhancer, Normalization, check_dense
from sklearn_ldl.enhancement.conjugate_gradients import conjugate_gradients
from sklearn_ldl.enhancement.graph import knn_affinity
from sklearn_ldl.enhancement.kernel import GAMMA_CONSTRAINT, Gamma, kernel_width

# Up to here solving a dense system takes a fraction of a second.
_DIRECT_ROWS = 2000


class LPEnhancer(LabelEnhancer):
    r"""Propagation of the labels between similar samples (LP).

    Samples pass their labels on along the affinities :math:`a_{ik} = \exp(-\gamma \|x_i -
    x_k\|^2)`, with :math:`a_{ii} = 0`, and in every round return to their own labels in part:

    .. math:: F \leftarrow \alpha P F + (1 - \alpha) L, \qquad
        P = Q^{-1/2} A Q^{-1/2}, \quad Q = \mathrm{diag}(A 1) .

    The scores are the fixed point, :math:`F = (1 - \alpha) (I - \alpha P)^{-1} L`, found by solving
    this system. Distances decide everything: scale the features.

    Parameters
    ----------
    propagation : float, default=0.5
        Share :math:`0 \le \alpha < 1` that comes from other samples; 0 leaves the labels alone.
    gamma : {"median", "scale"} or float, default="median"
        Factor :math:`\gamma` of the affinities. With "median" the median distance between samples,
        or between neighbours, is the standard deviation of the Gaussian: :math:`\gamma = 1 / (2
        \mathrm{median}^2)`. Distances between all samples are compared for 1,000 of them at
        most. "scale" is ``1 / (n_features * X.var())``. The published value is 0.5, with which
        all affinities vanish when features are large or many, and no label is propagated.
    n_neighbors : int, default=None
        Keep affinities to so many nearest neighbours only, and to samples whose neighbour one is;
        the two directions are averaged. None keeps all, of 20,000 samples at most.
    max_iter : int, default=500
        Most steps of conjugate gradients.
    tol : float, default=1e-8
        The steps end when the residual of every label is at most this share of the norm of the
        label.
    normalization : {"softmax", "sum"}, default="softmax"
        How scores become distributions: by a softmax, or divided by their sum.
    allow_empty : bool, default=False
        Whether samples without any label become uniform, instead of a ValueError.

    Attributes
    ----------
    label_distributions_ : ndarray of shape (n_samples, n_labels)
        The recovered distributions.
    gamma_ : float
        Factor of the affinities. It is infinite if more than half of the neighbours equal their
        sample and `gamma` is "median"; then only equal samples have any affinity.
    n_iter_ : int
        Steps of conjugate gradients; 0 where the system was solved directly, which is done with
        all affinities of up to 2,000 samples.
    classes_ : ndarray of shape (n_labels,)
        Class labels, when `y` held these.
    n_labels_, label_names_, n_features_in_, feature_names_in_
        As in :class:`~sklearn_ldl.BFGSLDL`.

    See Also
    --------
    sklearn.semi_supervised.LabelSpreading : Propagation to samples without labels.

    Notes
    -----
    A sample without affinity to any other keeps its labels. With all affinities memory grows with
    the square of the samples, with `n_neighbors` with their number.

    References
    ----------
    Y.-K. Li, M.-L. Zhang, X. Geng, "Leveraging implicit relative labeling-importance information
    for effective multi-label learning", ICDM 2015.

    N. Xu, Y.-P. Liu, X. Geng, "Label enhancement for label distribution learning", IEEE
    Transactions on Knowledge and Data Engineering, 2021.

    Examples
    --------
    >>> from sklearn_ldl import LPEnhancer
    >>> X = [[0.0], [0.5], [3.0], [3.5]]
    >>> L = [[1, 0], [1, 1], [0, 1], [0, 1]]
    >>> LPEnhancer(normalization="sum").fit_transform(X, L).round(2)
    array([[0.64, 0.36],
           [0.47, 0.53],
           [0.23, 0.77],
           [0.22, 0.78]])
    """

    _parameter_constraints: dict = {
        **LabelEnhancer._parameter_constraints,
        "propagation": [Interval(Real, 0, 1, closed="left")],
        "gamma": GAMMA_CONSTRAINT,
        "n_neighbors": [Interval(Integral, 1, None, closed="left"), None],
        "max_iter": [Interval(Integral, 1, None, closed="left")],
        "tol": [Interval(Real, 0, None, closed="neither")],
    }

    def __init__(
        self,
        propagation: float = 0.5,
        *,
        gamma: Gamma = "median",
        n_neighbors: int | None = None,
        max_iter: int = 500,
        tol: float = 1e-8,
        normalization: Normalization = "softmax",
        allow_empty: bool = False,
    ):
        self.propagation = propagation
        self.gamma = gamma
        self.n_neighbors = n_neighbors
        self.max_iter = max_iter
        self.tol = tol
        self.normalization = normalization
        self.allow_empty = allow_empty

    def _scores(self, X: NDArray[np.float64], L: NDArray[np.int8]) -> NDArray[np.float64]:
        A = self._affinity(X)
        degree = A.sum(axis=1)[:, None]
        scale = np.divide(1, np.sqrt(degree), out=np.zeros_like(degree), where=degree > 0)
        B = (1.0 - self.propagation) * L.astype(np.float64)
        self.n_iter_ = 0
        if self.n_neighbors is None and len(L) <= _DIRECT_ROWS:
            A *= -self.propagation * scale * scale.T
            np.fill_diagonal(A, 1.0)
            F = solve(A, B, assume_a="pos", overwrite_a=True, check_finite=False)
        else:
            F, self.n_iter_ = conjugate_gradients(
                lambda F: F - self.propagation * scale * (A @ (scale * F)),
                B,
                self.max_iter,
                self.tol,
            )
        return np.where(degree > 0, F, L)

    def _affinity(self, X: NDArray[np.float64]) -> NDArray[np.float64] | csr_array:
        if self.n_neighbors is None:
            check_dense(len(X), "set n_neighbors.")
            self.gamma_ = kernel_width(X, self.gamma)
            A = rbf_kernel(X, gamma=self.gamma_)
            np.fill_diagonal(A, 0.0)
            return A
        width = "median" if self.gamma == "median" else (2 * kernel_width(X, self.gamma)) ** -0.5
        A, sigma = knn_affinity(X, self.n_neighbors, sigma=width)
        self.gamma_ = 1 / (2 * sigma**2) if sigma > 0 else np.inf
        return A
