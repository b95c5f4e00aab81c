"""Label enhancement by the graph Laplacian of the samples."""

from __future__ import annotations

from numbers import Integral, Real
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import solve
from scipy.sparse.csgraph import laplacian
from sklearn.metrics.pairwise import rbf_kernel
from sklearn.utils import gen_batches
from sklearn.utils.validation import check_is_fitted

from sklearn_ldl._core.fitted import forget
from sklearn_ldl._core.sklearn_compat import Interval, StrOptions, available_if
from sklearn_ldl.enhancement.base import InductiveLabelEnhancer, Normalization, check_dense
from sklearn_ldl.enhancement.conjugate_gradients import conjugate_gradients
from sklearn_ldl.enhancement.graph import knn_affinity
from sklearn_ldl.enhancement.kernel import GAMMA_CONSTRAINT, Gamma, kernel_width

# Entries of the kernel between new and fitted samples that are held at once: 32 MB.
_ENTRIES = 2**22


def _is_inductive(enhancer: GLLEEnhancer) -> bool:
    if not enhancer.inductive:
        raise AttributeError("Only GLLEEnhancer(inductive=True) can transform new samples.")
    return True


class GLLEEnhancer(InductiveLabelEnhancer):
    r"""Scores near the logical labels that vary little between neighbours (GLLE).

    Neighbours are joined with the affinity :math:`a_{ik} = \exp(-\|x_i - x_k\|^2 / (2
    \sigma^2))`; where only one of two samples is a neighbour of the other, with half of it. The
    scores minimise

    .. math:: \|S - L\|_F^2 + \frac{\alpha}{2} \sum_{i,k} a_{ik} \|s_i - s_k\|^2, \qquad
        S = (I + \alpha G)^{-1} L,

    where :math:`G` is the Laplacian of this graph, found by solving that sparse system. They lie
    between 0 and 1.

    The published scores are expansions :math:`S = K \Theta` in a Gaussian kernel. Its matrix is
    invertible as long as samples differ, so it does not restrict the scores of the samples,
    and only decides how they continue: see `inductive`. Distances decide everything: scale the
    features.

    Parameters
    ----------
    graph_weight : float, default=1.0
        Strength :math:`\alpha \ge 0` of the smoothing, published as :math:`\lambda` with values
        from 0.01 to 100; 0 leaves the labels alone.
    n_neighbors : int, default=None
        Neighbours of each sample, itself not counted; at most ``n_samples - 1`` are used. None
        means ``n_labels + 1``.
    sigma : "median" or float, default="median"
        Standard deviation :math:`\sigma` of the affinities. "median" is the median distance
        between a sample and its neighbours. The published value is 1, with which all affinities
        vanish when features are large or many, and labels are left alone.
    inductive : bool, default=False
        Whether `transform` should work, which makes `fit` solve a dense system of ``n_samples``
        equations, 20,000 at most.
    gamma : {"median", "scale"} or float, default="median"
        Factor :math:`\gamma` of the kernel :math:`\exp(-\gamma \|x - x'\|^2)` of `transform`. With
        "median" the median distance between samples is the standard deviation of the Gaussian,
        :math:`\gamma = 1 / (2 \mathrm{median}^2)`; of more than 1,000 samples as many are
        compared. "scale" is ``1 / (n_features * X.var())``.
    l2_regularization : float, default=0.1
        Ridge :math:`\varrho` of that kernel, positive. The smaller it is the closer do predictions
        follow the scores of the fitted samples; those of new ones may then swing widely, as
        samples with almost equal features and different labels force them to.
    max_iter : int, default=10000
        Most steps of conjugate gradients.
    tol : float, default=1e-10
        The steps end when the residual of every label is at most this share of the norm of the
        label. The error of the scores is no larger.
    normalization : {"softmax", "sum"}, default="softmax"
        How scores become distributions: by a softmax, or divided by their sum.
    allow_empty : bool, default=False
        Whether samples without any label become uniform, instead of a ValueError.

    Attributes
    ----------
    label_distributions_ : ndarray of shape (n_samples, n_labels)
        The recovered distributions.
    sigma_ : float
        Standard deviation of the affinities. It is 0 if `sigma` is "median" and more than half of
        the neighbours equal their sample; then only equal samples are joined.
    n_iter_ : int
        Steps of conjugate gradients.
    dual_coef_ : ndarray of shape (n_samples, n_labels)
        Coefficients :math:`\Theta = (K + \varrho I)^{-1} S`. Only if `inductive`.
    X_fit_ : ndarray of shape (n_samples, n_features)
        The fitted samples. Only if `inductive`.
    gamma_ : float
        Factor of the kernel. Only if `inductive`.
    classes_ : ndarray of shape (n_labels,)
        Class labels, when `y` held these.
    n_labels_, label_names_, n_features_in_, feature_names_in_
        As in :class:`~sklearn_ldl.BFGSLDL`.

    Warns
    -----
    ConvergenceWarning
        When `max_iter` steps do not suffice.

    See Also
    --------
    LPEnhancer : Propagation of labels between similar samples.

    References
    ----------
    N. Xu, A. Tao, X. Geng, "Label enhancement for label distribution learning", IJCAI 2018.

    N. Xu, Y.-P. Liu, X. Geng, "Label enhancement for label distribution learning", IEEE
    Transactions on Knowledge and Data Engineering, 2021.

    Examples
    --------
    >>> from sklearn_ldl import GLLEEnhancer
    >>> X = [[0.0], [1.0], [2.0], [3.0]]
    >>> L = [[1, 0], [1, 0], [1, 1], [0, 1]]
    >>> GLLEEnhancer(normalization="sum").fit_transform(X, L).round(2)
    array([[0.76, 0.24],
           [0.71, 0.29],
           [0.55, 0.45],
           [0.39, 0.61]])
    """

    _parameter_constraints: dict = {
        **InductiveLabelEnhancer._parameter_constraints,
        "graph_weight": [Interval(Real, 0, None, closed="left")],
        "n_neighbors": [Interval(Integral, 1, None, closed="left"), None],
        "sigma": [StrOptions({"median"}), Interval(Real, 0, None, closed="neither")],
        "inductive": ["boolean"],
        "gamma": GAMMA_CONSTRAINT,
        "l2_regularization": [Interval(Real, 0, None, closed="neither")],
        "max_iter": [Interval(Integral, 1, None, closed="left")],
        "tol": [Interval(Real, 0, None, closed="neither")],
    }

    def __init__(
        self,
        graph_weight: float = 1.0,
        *,
        n_neighbors: int | None = None,
        sigma: float | Literal["median"] = "median",
        inductive: bool = False,
        gamma: Gamma = "median",
        l2_regularization: float = 0.1,
        max_iter: int = 10_000,
        tol: float = 1e-10,
        normalization: Normalization = "softmax",
        allow_empty: bool = False,
    ):
        self.graph_weight = graph_weight
        self.n_neighbors = n_neighbors
        self.sigma = sigma
        self.inductive = inductive
        self.gamma = gamma
        self.l2_regularization = l2_regularization
        self.max_iter = max_iter
        self.tol = tol
        self.normalization = normalization
        self.allow_empty = allow_empty

    @available_if(_is_inductive)
    def transform(self, X: Any) -> NDArray[np.float64]:
        """Label distributions of samples whose labels are not known.

        Available if `inductive`. For a fitted sample this is not `label_distributions_`, but what
        the others like it suggest, the more so the larger `l2_regularization` is.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Samples. Far from all fitted ones the distribution is uniform.

        Returns
        -------
        D : ndarray of shape (n_samples, n_labels)
            Rows on the simplex.
        """
        return super().transform(X)

    def _scores(self, X: NDArray[np.float64], L: NDArray[np.int8]) -> NDArray[np.float64]:
        if self.inductive:
            check_dense(len(X), "set inductive=False.")
        n_neighbors = L.shape[1] + 1 if self.n_neighbors is None else self.n_neighbors
        affinity, self.sigma_ = knn_affinity(X, n_neighbors, sigma=self.sigma)
        G = laplacian(affinity).tocsr()
        scores, self.n_iter_ = conjugate_gradients(
            lambda S: S + self.graph_weight * (G @ S), L.astype(np.float64), self.max_iter, self.tol
        )
        self._expand(X, scores)
        return scores

    def _expand(self, X: NDArray[np.float64], scores: NDArray[np.float64]) -> None:
        """Continue the scores between and beyond the samples."""
        forget(self, "dual_coef_", "X_fit_", "gamma_")
        if self.inductive:
            self.gamma_ = kernel_width(X, self.gamma)
            K = rbf_kernel(X, gamma=self.gamma_)
            K.flat[:: len(K) + 1] += self.l2_regularization
            self.dual_coef_ = solve(K, scores, assume_a="pos", overwrite_a=True, check_finite=False)
            self.X_fit_ = X.copy()

    def _new_scores(self, X: NDArray[np.float64]) -> NDArray[np.float64]:
        check_is_fitted(self, "dual_coef_")
        scores = np.empty((len(X), self.n_labels_))
        for rows in gen_batches(len(X), max(1, _ENTRIES // len(self.X_fit_))):
            scores[rows] = rbf_kernel(X[rows], self.X_fit_, gamma=self.gamma_) @ self.dual_coef_
        return scores
