"""Label enhancement by the manifold of the samples."""

from __future__ import annotations

from collections.abc import Callable
from numbers import Integral, Real

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from sklearn_ldl._core.barycentric import barycentric_weights
from sklearn_ldl._core.convergence import warn_not_converged
from sklearn_ldl._core.sklearn_compat import Interval
from sklearn_ldl.enhancement.base import LabelEnhancer, Normalization
from sklearn_ldl.enhancement.graph import nearest_neighbors


class MLEnhancer(LabelEnhancer):
    r"""Numerical labels that lie on the manifold of the samples (ML).

    Every sample is reconstructed from its nearest neighbours by the weights :math:`W` of locally
    linear embedding. The scores :math:`\mu_j` of label j, one number per sample, are those that
    the same weights reconstruct best, on condition that their signs tell the logical labels,
    :math:`y_{ij} = 1` where the label describes the sample and -1 elsewhere:

    .. math:: \min_{\mu_j} \ \|(I - W) \mu_j\|^2 + \varrho \|\mu_j\|^2
        \quad\text{subject to}\quad y_{ij} \mu_{ij} \ge m .

    Relevant labels score at least the margin m, irrelevant ones at most -m, so that a softmax
    with m = 1 makes the degrees of the former at least 7.4 times (:math:`e^2`) those of the latter
    in the same sample. Distances decide everything: scale the features.

    Parameters
    ----------
    n_neighbors : int, default=None
        Neighbours of each sample, itself not counted; at most ``n_samples - 1`` are used. None
        means ``n_labels + 1``.
    margin : float, default=1.0
        The margin m, positive. Scores are proportional to it; a smaller one gives less extreme
        distributions by softmax.
    barycenter_alpha : float, default=1e-3
        Ridge of the reconstruction weights as a share of the squared distances to the neighbours.
    l2_regularization : float, default=1e-5
        The penalty :math:`\varrho` on the size of scores, positive. The problem becomes harder to
        solve as it falls.
    max_iter : int, default=100000
        Most steps for a label. Low-dimensional features may need tens of thousands, others
        hundreds.
    tol : float, default=1e-8
        The steps for a label end when no optimality condition is violated by more than this, in
        units of the margin.
    normalization : {"softmax", "sum"}, default="softmax"
        How scores become distributions: by a softmax, or positive ones divided by their sum, which
        leaves nothing to irrelevant labels.
    allow_empty : bool, default=False
        Whether samples without any label become uniform, instead of a ValueError.

    Attributes
    ----------
    label_distributions_ : ndarray of shape (n_samples, n_labels)
        The recovered distributions.
    scores_ : ndarray of shape (n_samples, n_labels)
        The scores :math:`\mu`. They satisfy the constraints exactly.
    residuals_ : ndarray of shape (n_labels,)
        Largest violation of an optimality condition for each label, in units of the margin:
        :math:`\max_i |\nu_i - \max(\nu_i - g_i, 1)|`, where :math:`\nu = y \mu / m` and g is half
        the gradient with respect to it.
    n_iter_ : int
        Most steps taken for a label.
    classes_ : ndarray of shape (n_labels,)
        Class labels, when `y` held these.
    n_labels_, label_names_, n_features_in_, feature_names_in_
        As in :class:`~sklearn_ldl.BFGSLDL`.

    Warns
    -----
    ConvergenceWarning
        When a residual is above `tol` after `max_iter` steps.

    Notes
    -----
    Each label is a quadratic programme with bounds in as many variables as there are samples. It
    is solved by conjugate gradients that follow the set of active bounds and need nothing but
    products with the sparse :math:`I - W`: memory grows with ``n_samples * n_neighbors``.

    A label that describes all samples, or none, scores the margin, or minus it, everywhere.

    References
    ----------
    P. Hou, X. Geng, M.-L. Zhang, "Multi-label manifold learning", AAAI 2016.

    Examples
    --------
    >>> from sklearn_ldl import MLEnhancer
    >>> X = [[0.0], [1.0], [2.0], [3.0]]
    >>> L = [[1, 0], [1, 0], [1, 1], [0, 1]]
    >>> enhancer = MLEnhancer(n_neighbors=2).fit(X, L)
    >>> enhancer.scores_.round(2)
    array([[ 5.02, -2.98],
           [ 3.02, -1.  ],
           [ 1.  ,  1.  ],
           [-1.  ,  2.98]])
    >>> enhancer.label_distributions_.round(2)
    array([[1.  , 0.  ],
           [0.98, 0.02],
           [0.5 , 0.5 ],
           [0.02, 0.98]])
    """

    _parameter_constraints: dict = {
        **LabelEnhancer._parameter_constraints,
        "n_neighbors": [Interval(Integral, 1, None, closed="left"), None],
        "margin": [Interval(Real, 0, None, closed="neither")],
        "barycenter_alpha": [Interval(Real, 0, None, closed="neither")],
        "l2_regularization": [Interval(Real, 0, None, closed="neither")],
        "max_iter": [Interval(Integral, 1, None, closed="left")],
        "tol": [Interval(Real, 0, None, closed="neither")],
    }

    def __init__(
        self,
        n_neighbors: int | None = None,
        *,
        margin: float = 1.0,
        barycenter_alpha: float = 1e-3,
        l2_regularization: float = 1e-5,
        max_iter: int = 100_000,
        tol: float = 1e-8,
        normalization: Normalization = "softmax",
        allow_empty: bool = False,
    ):
        self.n_neighbors = n_neighbors
        self.margin = margin
        self.barycenter_alpha = barycenter_alpha
        self.l2_regularization = l2_regularization
        self.max_iter = max_iter
        self.tol = tol
        self.normalization = normalization
        self.allow_empty = allow_empty

    def _scores(self, X: NDArray[np.float64], L: NDArray[np.int8]) -> NDArray[np.float64]:
        W = self._reconstruction(X, L.shape[1])
        WT = W.T.tocsr()
        diagonal = 1 + W.power(2).sum(axis=0) + self.l2_regularization

        def product(mu: NDArray[np.float64]) -> NDArray[np.float64]:
            error = mu - W @ mu
            return error - WT @ error + self.l2_regularization * mu

        self.scores_ = np.empty(L.shape)
        self.residuals_ = np.empty(L.shape[1])
        self.n_iter_ = 0
        for j, sign in enumerate(np.where(L.T > 0, 1.0, -1.0)):
            nu, residual, n_iter = _solve(product, diagonal, sign, self.max_iter, self.tol)
            self.scores_[:, j] = self.margin * sign * nu
            self.residuals_[j] = residual
            self.n_iter_ = max(self.n_iter_, n_iter)
        self._warn_if_not_converged()
        return self.scores_

    def _reconstruction(self, X: NDArray[np.float64], n_labels: int) -> csr_array:
        """Weights with which the neighbours of each sample reconstruct it."""
        n_neighbors = n_labels + 1 if self.n_neighbors is None else self.n_neighbors
        neighbors = nearest_neighbors(X, n_neighbors)
        weights = barycentric_weights(X, neighbors, alpha=self.barycenter_alpha)
        n_samples, width = neighbors.shape
        starts = np.arange(0, neighbors.size + 1, width) if width else np.zeros(n_samples + 1, int)
        return csr_array((weights.ravel(), neighbors.ravel(), starts), shape=2 * (n_samples,))

    def _warn_if_not_converged(self) -> None:
        worst = self.residuals_.max()
        if worst > self.tol:
            warn_not_converged(
                "The search for scores",
                f"{self.n_iter_} steps",
                f"an optimality condition violated by {worst:.2g}",
                self.tol,
                "l2_regularization, n_neighbors or tol",
            )


def _solve(product, diagonal, sign, max_iter, tol):
    """Sizes of the scores of one label for a margin of one, their residual and the steps taken."""

    def signed_product(nu):
        return sign * product(sign * nu)

    nu, n_iter = minimize_above_one(signed_product, diagonal, max_iter, tol)
    return nu, _violation(nu, signed_product(nu)), n_iter


def minimize_above_one(
    product: Callable[[NDArray], NDArray],
    diagonal: NDArray[np.float64],
    max_iter: int,
    tol: float,
) -> tuple[NDArray[np.float64], int]:
    r"""Minimise :math:`x^T A x` subject to :math:`x \ge 1` for a positive definite matrix.

    Conjugate gradients, preconditioned by the diagonal, minimise over the variables above the
    bound. A step that would take some of them below is cut off there, and becomes shorter until it
    is a descent. Variables leave the bound when the gradients that pull them up outweigh those of
    the variables above it.

    Parameters
    ----------
    product : callable
        Product of A with a vector.
    diagonal : ndarray of shape (n_variables,)
        Diagonal of A.
    max_iter : int
        Most steps.
    tol : float
        Largest violation of an optimality condition that is good enough.

    Returns
    -------
    x : ndarray of shape (n_variables,)
        At least one.
    n_iter : int
        Steps taken.

    References
    ----------
    Z. Dostál, J. Schöberl, "Minimizing quadratic functions subject to bound constraints with the
    rate of convergence and finite termination", Computational Optimization and Applications, 2005.

    J. Kružík, D. Horák, M. Čermák, L. Pospíšil, M. Pecha, "Active set expansion strategies in MPRGP
    algorithm", Advances in Engineering Software, 2020 (the cut-off steps).

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_ldl.enhancement.ml import minimize_above_one
    >>> A = np.array([[1.0, -2.0], [-2.0, 5.0]])
    >>> minimize_above_one(lambda x: A @ x, A.diagonal(), max_iter=10, tol=1e-9)
    (array([2., 1.]), 1)
    """
    x = np.ones(len(diagonal))
    gradient = product(x)
    conjugate_to = None
    for n_iter in range(max_iter + 1):
        if n_iter == max_iter or _violation(x, gradient) <= tol:
            break
        above = x > 1
        inside = np.where(above, gradient, 0)
        pulled = np.where(above, 0, np.minimum(gradient, 0))
        release = pulled @ (pulled / diagonal) > inside @ (inside / diagonal)
        step = (pulled if release else inside) / diagonal
        if not release and conjugate_to is not None:
            previous_step, previous_image = conjugate_to
            step -= (step @ previous_image) * previous_step
        image = product(step)
        curvature = step @ image
        length = gradient @ step / curvature

        y = x - length * step
        if y.min() >= 1:
            x, gradient = y, gradient - length * image
            conjugate_to = None if release else (step, image / curvature)
        else:
            x, gradient = _cut_off(product, x, gradient, step, length)
            conjugate_to = None
    return x, n_iter


def _cut_off(product, x, gradient, step, length):
    """Step, set what is below the bound to it, and halve the step while it is no descent."""
    rise = np.inf
    while rise > 0:
        y = np.maximum(x - length * step, 1)
        gradient_y = product(y)
        # Twice the difference of the objectives, without cancellation.
        rise = (y - x) @ (gradient + gradient_y)
        length /= 2
    return y, gradient_y


def _violation(x, gradient):
    """Largest violation of an optimality condition: how far a gradient step moves."""
    return np.abs(x - np.maximum(x - gradient, 1)).max()
