"""Support vector regression of whole label distributions."""

from __future__ import annotations

from numbers import Integral, Real
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.linalg import eigh
from sklearn.base import BaseEstimator
from sklearn.metrics.pairwise import pairwise_distances, pairwise_kernels
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted

from sklearn_ldl._core.convergence import warn_not_converged
from sklearn_ldl._core.samples import validate_samples
from sklearn_ldl._core.simplex import centred_logits
from sklearn_ldl._core.sklearn_compat import Interval, StrOptions, fit_context
from sklearn_ldl._core.weights import scaled_weight
from sklearn_ldl._solver.design import Design
from sklearn_ldl._solver.lbfgs import State, minimize
from sklearn_ldl._solver.losses import Loss, probabilities, pull_back
from sklearn_ldl._solver.penalties import l2
from sklearn_ldl._solver.rows import RowsInMemory
from sklearn_ldl._solver.whitening import choose_metric, label_curvature, label_moments
from sklearn_ldl.base import SoftmaxPredictionMixin

# Eigenvalues of the kernel below this share of the largest are rounding errors.
_ROUNDING = 1e-10
# Manhattan distances of sparse rows need 32-bit indices.
_CHECKS = {"accept_sparse": "csr", "dtype": np.float64}


def insensitive_norm(epsilon: float, scale: float = 1.0) -> Loss:
    r"""Smooth epsilon-insensitive norm of the residual rows, as a loss on logits.

    With :math:`r_i = p_i - d_i` and :math:`p_i` the softmax of the logits it is
    :math:`\frac{1}{scale} \sum_i s_i (\sqrt{\|r_i\|^2 + \epsilon^2} - \epsilon)`.
    """

    def loss(Z, D, sample_weight, out=None):
        P = probabilities(Z)
        R = np.subtract(P, D, out=out)
        norm = np.sqrt((R * R).sum(axis=1) + epsilon**2)
        value = float(sample_weight @ (norm - epsilon)) / scale
        R *= (sample_weight / (scale * norm))[:, None]
        R[...] = pull_back(P, R)
        return value, R

    return loss


class LDSVR(SoftmaxPredictionMixin, BaseEstimator):
    r"""Support vector regression of label distributions (LDSVR).

    One machine for all labels: the logits are functions :math:`f_j(x) + b_j` of the space of a
    kernel, the prediction is their softmax, and one insensitive loss acts on the norm of the
    whole residual row. It minimises

    .. math::
        \frac12 \sum_j \|f_j\|^2 + C \sum_i s_i L_\epsilon(\|d_i - p(x_i)\|_2), \qquad
        L_\epsilon(u) = \sqrt{u^2 + \epsilon^2} - \epsilon .

    The loss is flat below `epsilon` and grows like the norm above, so single odd rows have little
    influence. That makes for a large intersection and a small Chebyshev distance, but the KL
    divergence may exceed that of the mean distribution; where it is what counts, a machine with its
    own loss, ``Nystroem`` and :class:`~sklearn_ldl.BFGSLDLCV` in a pipeline, is the better choice.
    Kernels depend on distances: scale the features.

    Parameters
    ----------
    C : float, default=50.0
        Weight of the losses against the norm of the functions.
    epsilon : float, default=0.1
        Residual norms below about this value matter little. A large `epsilon` gives the
        squared loss, :math:`u^2 / (2 \epsilon)`.
    kernel : {"laplacian", "rbf", "poly", "linear"}, default="laplacian"
        Kernel, with the parameters that it has in :mod:`sklearn.metrics.pairwise`. The Laplacian
        one, ``exp(-gamma * ||x - y||_1)``, forgives useless features and outliers.
    gamma : {"mean_distance", "scale"} or float, default="mean_distance"
        Width of the kernel. With the mean distance :math:`\bar r` of two rows, "mean_distance" is
        :math:`1 / (2 \bar r)` for the Laplacian kernel (Manhattan distances) and
        :math:`1 / (2 \bar r^2)` for the others (Euclidean distances); "scale" is one over the
        number of features times their mean variance.
    degree : int, default=3
        Degree of the "poly" kernel.
    coef0 : float, default=1.0
        Constant of the "poly" kernel; not negative.
    max_landmarks : int, default=1000
        The functions are sums of kernels at the training rows, or at this many rows drawn at
        random when there are more (the Nystroem method). Time grows with ``n_samples *
        max_landmarks**2``, memory with ``n_samples * max_landmarks``.
    tol : float, default=1e-5
        The search stops when no entry of the gradient of the mean loss (with its share of the
        penalty) is larger.
    max_iter : int, default=1000
        Most iterations.
    random_state : int, RandomState instance or None, default=None
        Seed of the draw of landmarks.

    Attributes
    ----------
    landmarks_ : {ndarray, CSR matrix} of shape (n_landmarks, n_features)
        Rows at which the kernels sit.
    dual_coef_ : ndarray of shape (n_labels, n_landmarks)
        Coefficients of the kernels.
    intercept_ : ndarray of shape (n_labels,)
        Intercept :math:`b`.
    gamma_ : float
        Width that was used.
    objective_curve_ : ndarray of shape (n_iter + 1,)
        Objective divided by :math:`C \sum_i s_i`, at the start and after every iteration.
    gradient_norm_ : float
        Largest absolute entry of its final gradient.
    n_iter_ : int
        Number of iterations.
    n_labels_, label_names_, n_features_in_, feature_names_in_
        As in :class:`~sklearn_ldl.BFGSLDL`.

    Warns
    -----
    ConvergenceWarning
        When the gradient is above `tol` after `max_iter` iterations.

    Notes
    -----
    The published machine links labels by separate sigmoids, bounds the residuals by their
    first-order expansion and takes :math:`\max(u - \epsilon, 0)^2` for its loss. Here the softmax
    keeps predictions on the simplex while training, the residuals are the true ones, exact zeros
    in `y` need no care, and the loss is smooth: a quasi-Newton search finds a minimum within some
    ten to a hundred products with the kernel matrix. The objective is not convex; the search
    starts at the mean distribution, so that nothing but the draw of landmarks is random.

    References
    ----------
    X. Geng, P. Hou, "Pre-release prediction of crowd opinion on movies by label distribution
    learning", IJCAI 2015.

    F. Pérez-Cruz, G. Camps-Valls, E. Soria-Olivas, J. J. Pérez-Ruixo, A. R. Figueiras-Vidal,
    A. Artés-Rodríguez, "Multi-dimensional function approximation and regression estimation",
    ICANN 2002.

    Examples
    --------
    >>> from sklearn_ldl.datasets import make_ldl
    >>> from sklearn_ldl import LDSVR
    >>> X, D = make_ldl(n_samples=200, random_state=0)
    >>> model = LDSVR().fit(X[:150], D[:150])
    >>> model.predict(X[150:]).shape
    (50, 3)
    >>> model.score(X[150:], D[150:]) > 0.8
    True
    """

    _parameter_constraints: dict = {
        "C": [Interval(Real, 0, None, closed="neither")],
        "epsilon": [Interval(Real, 0, None, closed="neither")],
        "kernel": [StrOptions({"laplacian", "rbf", "poly", "linear"})],
        "gamma": [
            StrOptions({"mean_distance", "scale"}),
            Interval(Real, 0, None, closed="neither"),
        ],
        "degree": [Interval(Integral, 1, None, closed="left")],
        "coef0": [Interval(Real, 0, None, closed="left")],
        "max_landmarks": [Interval(Integral, 1, None, closed="left")],
        "tol": [Interval(Real, 0, None, closed="left")],
        "max_iter": [Interval(Integral, 0, None, closed="left")],
        "random_state": ["random_state"],
    }

    def __init__(
        self,
        C: float = 50.0,
        *,
        epsilon: float = 0.1,
        kernel: str = "laplacian",
        gamma: str | float = "mean_distance",
        degree: int = 3,
        coef0: float = 1.0,
        max_landmarks: int = 1000,
        tol: float = 1e-5,
        max_iter: int = 1000,
        random_state: int | np.random.RandomState | None = None,
    ):
        self.C = C
        self.epsilon = epsilon
        self.kernel = kernel
        self.gamma = gamma
        self.degree = degree
        self.coef0 = coef0
        self.max_landmarks = max_landmarks
        self.tol = tol
        self.max_iter = max_iter
        self.random_state = random_state

    @fit_context(prefer_skip_nested_validation=True)
    def fit(self, X: Any, y: ArrayLike, sample_weight: ArrayLike | None = None) -> LDSVR:
        """Fit the machine.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Samples.
        y : array-like of shape (n_samples, n_labels)
            Label distributions; rows sum to one. Exact zeros are legal.
        sample_weight : array-like of shape (n_samples,), default=None
            Non-negative weights of the rows, not all zero.

        Returns
        -------
        self : LDSVR
            The fitted estimator.

        Raises
        ------
        ValueError
            If `y` does not hold distributions (see :func:`sklearn_ldl.check_distribution`), or for
            data that scikit-learn rejects.
        """
        X, D = self._validate_fit(X, y, **_CHECKS)
        weight, unit = scaled_weight(sample_weight, X, dtype=np.float64)
        total = float(weight.sum())
        weight = weight / total

        rows = np.flatnonzero(weight)
        if len(rows) > self.max_landmarks:
            random = check_random_state(self.random_state)
            rows = np.sort(random.choice(rows, self.max_landmarks, replace=False))
        self.landmarks_ = X[rows]
        self.gamma_ = self._width(weight[rows])
        K = self._kernel(X)
        # Coordinates of the space that the landmarks span: there norms are Euclidean.
        values, vectors = eigh(K[rows], overwrite_a=True, check_finite=False)
        keep = values > _ROUNDING * values[-1]
        keep[-1] = True
        to_coordinates = vectors[:, keep] / np.sqrt(np.maximum(values[keep], _ROUNDING))
        design = Design(K @ to_coordinates, weight, center=True)

        # Beyond, all coefficients are zero.
        penalty = min(1 / self.C / total / unit, 1e300)
        state = self._solve(design, D, penalty=penalty)
        self.dual_coef_ = state.coef @ to_coordinates.T
        self.intercept_ = state.intercept - state.coef @ design.mean
        if not state.converged:
            warn_not_converged(
                "LDSVR",
                f"{state.n_iter} iterations ({state.status})",
                f"a gradient of {self.gradient_norm_:.2g}",
                self.tol,
                "standardise the features, or decrease C",
            )
        return self

    def _width(self, weight: NDArray) -> float:
        """Width of the kernel, from the weighted landmarks."""
        if self.gamma not in ("mean_distance", "scale"):
            return float(self.gamma)
        weight = weight / weight.sum()
        if self.gamma == "scale":
            inverse = float(Design(self.landmarks_, weight, center=True).variance().sum())
        else:
            metric = "manhattan" if self.kernel == "laplacian" else "euclidean"
            distance = float(weight @ pairwise_distances(self.landmarks_, metric=metric) @ weight)
            inverse = 2 * (distance if self.kernel == "laplacian" else distance**2)
        return 1 / inverse if inverse > 0 else 1.0

    def _kernel(self, X: Any) -> NDArray[np.float64]:
        """Kernel of samples and landmarks (n_samples, n_landmarks)."""
        return pairwise_kernels(
            X,
            self.landmarks_,
            metric=self.kernel,
            filter_params=True,
            gamma=self.gamma_,
            degree=self.degree,
            coef0=self.coef0,
        )

    def _solve(self, design: Design, D: NDArray, *, penalty: float) -> State:
        """Minimise the mean loss plus ``penalty / 2`` times the squared norm."""
        mean = design.weight @ D
        deviation = np.sqrt(design.weight @ ((D - mean) ** 2).sum(axis=1))
        # The metric of the search expects the curvature of a KL divergence in the logits. The
        # softmax enters it once, the gradient of a norm adds a factor and the softmax again.
        n_labels = len(mean)
        scale = (1 - 1 / n_labels) / n_labels / np.hypot(deviation, self.epsilon)
        state = State(np.zeros((n_labels, design.shape[1])), centred_logits(mean))
        metric = choose_metric(
            design,
            n_labels,
            lambda: label_curvature(*label_moments(D, design.weight)),
            [penalty / scale],
        )
        curve = []
        minimize(
            RowsInMemory(design, np.asfortranarray(D), insensitive_norm(self.epsilon, scale)),
            l2(penalty / scale),
            metric.with_alpha(penalty / scale),
            state,
            max_iter=self.max_iter,
            tol=self.tol / scale,
            callback=lambda state: curve.append(scale * state.value),
        )
        self.objective_curve_ = np.array(curve)
        self.gradient_norm_ = float(scale * state.gradient_norm)
        self.n_iter_ = state.n_iter
        return state

    def decision_function(self, X: Any) -> NDArray[np.float64]:
        """Logits: the distributions before the softmax.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Samples.

        Returns
        -------
        Z : ndarray of shape (n_samples, n_labels)
            Sums of kernels at the landmarks, plus the intercept.
        """
        check_is_fitted(self)
        X = validate_samples(self, X, reset=False, **_CHECKS)
        return self._kernel(X) @ self.dual_coef_.T + self.intercept_

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        return tags
