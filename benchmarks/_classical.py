"""Fits of bench_classical.py: the same problem for both packages, and its objective."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import scipy.sparse as sp
from _rivals import algorithm
from numpy.typing import NDArray
from scipy.linalg import lstsq, norm
from scipy.special import log_softmax, softmax, xlogy

from sklearn_ldl.linear.iis import IISLDL
from sklearn_ldl.linear.lclr import LDLLCLR
from sklearn_ldl.linear.ldlsf import LDLSF


class Duel(NamedTuple):
    """Two ways to fit the same problem; both return a solution in the same form."""

    their_fit: Callable[[], Any]
    our_fit: Callable[[], Any]
    objective: Callable[[Any], float]


def kl(D: NDArray, log_P: NDArray) -> float:
    """Sum over rows of the KL divergence."""
    return float((xlogy(D, D) - D * log_P).sum())


def with_ones(X: NDArray) -> NDArray:
    """Append a constant feature, in the place of an intercept."""
    return np.hstack([X, np.ones((len(X), 1))])


def sparse_if_useful(X: NDArray) -> Any:
    """CSR where at most a tenth of the entries are other than zero."""
    return sp.csr_array(X) if np.count_nonzero(X) <= 0.1 * X.size else X


def iis(X: NDArray, D: NDArray) -> Duel:
    """Maximum entropy by improved iterative scaling, without penalty and intercept."""

    def theirs():
        model = algorithm("SA_IIS")()
        model.fit(X, D)
        return model.W

    def ours():
        return IISLDL(alpha=0.0, fit_intercept=False, max_iter=500).fit(X, D).coef_.T

    return Duel(theirs, ours, lambda W: kl(D, log_softmax(X @ W, axis=1)))


def ldlsf(X: NDArray, D: NDArray) -> Duel:
    """Label-specific features, with the signed correlations of python-ldl."""
    n, n_labels = D.shape
    X = with_ones(X)
    l1, l21, correlation = 1e-4, 1e-2, 1e-3
    R = np.corrcoef(D, rowvar=False)
    laplacian = np.diag(R.sum(axis=1)) - R

    def theirs():
        model = algorithm("LDLSF")()
        model.fit(X, D)
        return model._W

    def ours():
        model = LDLSF(
            l1=l1 / n,
            l21=l21 / n,
            correlation_weight=correlation,
            correlation="signed",
            fit_intercept=False,
        )
        return model.fit(sparse_if_useful(X), D).coef_.T

    def objective(W):
        # The constraint X W 1 = 1 is met to different degrees; the least change meets it.
        W = W + lstsq(X, 1 - X @ W.sum(axis=1))[0][:, None] / n_labels
        Z = X @ W
        # Whatever the groups of the second norm, it is cheapest to leave all to the first.
        return (
            0.5 * norm(Z - D) ** 2
            + l1 * np.abs(W).sum()
            + correlation * np.sum((Z @ laplacian) * Z)
        )

    return Duel(theirs, ours, objective)


def lclr(X: NDArray, D: NDArray) -> Duel:
    """Low-rank correlations, without the local term, which leaves the objective unbounded."""
    n = len(D)
    l2, error, rank = 1e-4, 1e-4, 1e-4

    def theirs():
        model = algorithm("LDL_LCLR")(alpha=l2, beta=error, gamma=rank, delta=0.0)
        model.fit(X, D)
        return model._W, model._S

    def ours():
        model = LDLLCLR(
            alpha=2 * l2 / n,
            error_weight=error / np.sqrt(n),
            rank_weight=rank / n,
            local_weight=0.0,
            fit_intercept=False,
            random_state=0,
        ).fit(sparse_if_useful(X), D)
        return model.coef_.T, model.correlation_

    def objective(solution):
        W, S = solution
        log_P = log_softmax(X @ W, axis=1)
        errors = norm(D - np.exp(log_P) @ S, axis=0).sum()
        return (
            kl(D, log_P)
            + l2 * norm(W) ** 2
            + error * errors
            + rank * np.linalg.svd(S, compute_uv=False).sum()
        )

    return Duel(theirs, ours, objective)
