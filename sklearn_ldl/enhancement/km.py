"""Label enhancement by distances to the centres of the labels in the space of a kernel."""

from __future__ import annotations

from numbers import Real
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array
from sklearn.metrics.pairwise import pairwise_kernels
from sklearn.utils import gen_batches

from sklearn_ldl._core.sklearn_compat import Interval, StrOptions
from sklearn_ldl.enhancement.base import LabelEnhancer, Normalization
from sklearn_ldl.enhancement.kernel import GAMMA_CONSTRAINT, Gamma, kernel_width

# Entries of the kernel matrix that are held at once: 8 MB.
_ENTRIES = 2**20


class KMEnhancer(LabelEnhancer):
    r"""Nearness to the centre of each label in the space of a kernel (KM).

    The samples :math:`C_j` that have label j form a cloud in the feature space of the kernel
    :math:`K`. A sample at the centre of the cloud of one of its labels scores one, the outermost
    member zero:

    .. math:: s_{ij} = l_{ij} \left( 1 - \sqrt{ \frac{r_{ij}^2}{\max_{k \in C_j} r_{kj}^2 + \delta}
        } \right), \qquad r_{ij}^2 = K(x_i, x_i) - \frac{2}{|C_j|} \sum_{k \in C_j} K(x_i, x_k)
        + \frac{1}{|C_j|^2} \sum_{k, m \in C_j} K(x_k, x_m) .

    Relevant labels never score below irrelevant ones, which all score zero. Distances decide
    everything: scale the features.

    Parameters
    ----------
    kernel : {"rbf", "linear", "cosine"}, default="rbf"
        "rbf" is :math:`\exp(-\gamma \|x - x'\|^2)`.
    gamma : {"median", "scale"} or float, default="median"
        Factor :math:`\gamma` of the "rbf" kernel. With "median" the median distance between
        samples is the standard deviation of the Gaussian, :math:`\gamma = 1 / (2
        \mathrm{median}^2)`; of more than 1,000 samples as many are compared. "scale" is
        ``1 / (n_features * X.var())``, a narrower kernel.
    delta : float, default=1e-7
        The small positive number :math:`\delta` under the root, for labels of a single sample.
    normalization : {"softmax", "sum"}, default="softmax"
        How scores become distributions: by a softmax, or divided by their sum, which leaves
        nothing to irrelevant labels.
    allow_empty : bool, default=False
        Whether samples without any label become uniform, instead of a ValueError.

    Attributes
    ----------
    label_distributions_ : ndarray of shape (n_samples, n_labels)
        The recovered distributions.
    gamma_ : float
        Factor of the "rbf" kernel.
    classes_ : ndarray of shape (n_labels,)
        Class labels, when `y` held these.
    n_labels_, label_names_, n_features_in_, feature_names_in_
        As in :class:`~sklearn_ldl.BFGSLDL`.

    Notes
    -----
    The kernel matrix is never held as a whole: memory grows with ``n_samples * n_labels``, time
    with the square of the samples. Sparse `X` is taken as it is.

    References
    ----------
    X. Jiang, Z. Yi, J. C. Lv, "Fuzzy SVM with a new fuzzy membership function", Neural Computing
    and Applications 15, 2006.

    N. Xu, Y.-P. Liu, X. Geng, "Label enhancement for label distribution learning", IEEE
    Transactions on Knowledge and Data Engineering, 2021.

    Examples
    --------
    >>> from sklearn_ldl import KMEnhancer
    >>> X = [[0.0], [1.0], [2.0], [3.0]]
    >>> L = [[1, 0], [1, 0], [1, 1], [0, 1]]
    >>> KMEnhancer(kernel="linear").fit_transform(X, L).round(2)
    array([[0.5 , 0.5 ],
           [0.73, 0.27],
           [0.5 , 0.5 ],
           [0.5 , 0.5 ]])
    """

    _parameter_constraints: dict = {
        **LabelEnhancer._parameter_constraints,
        "kernel": [StrOptions({"rbf", "linear", "cosine"})],
        "gamma": GAMMA_CONSTRAINT,
        "delta": [Interval(Real, 0, None, closed="neither")],
    }
    _accept_sparse = "csr"

    def __init__(
        self,
        kernel: Literal["rbf", "linear", "cosine"] = "rbf",
        *,
        gamma: Gamma = "median",
        delta: float = 1e-7,
        normalization: Normalization = "softmax",
        allow_empty: bool = False,
    ):
        self.kernel = kernel
        self.gamma = gamma
        self.delta = delta
        self.normalization = normalization
        self.allow_empty = allow_empty

    def _scores(
        self, X: NDArray[np.float64] | csr_array, L: NDArray[np.int8]
    ) -> NDArray[np.float64]:
        self.gamma_ = kernel_width(X, self.gamma)
        # Columns sum to one, so products with them are means over the members of a label.
        members = L / np.maximum(L.sum(axis=0), 1)
        to_members, to_self = np.empty(L.shape), np.empty(len(L))
        for rows in gen_batches(len(L), max(1, _ENTRIES // len(L))):
            K = pairwise_kernels(
                X[rows], X, metric=self.kernel, filter_params=True, gamma=self.gamma_
            )
            to_members[rows] = K @ members
            to_self[rows] = np.diagonal(K, offset=rows.start)
        among_members = (members * to_members).sum(axis=0)
        # Rounding may lead below zero at a centre.
        distance = np.maximum(to_self[:, None] - 2 * to_members + among_members, 0.0)
        radius = np.max(distance, axis=0, where=L > 0, initial=0.0)
        return L * (1 - np.sqrt(distance / (radius + self.delta)))
