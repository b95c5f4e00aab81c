"""Fits of bench_classical.py: one problem for both packages, and the objective of both."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple
from unittest.mock import patch

import numpy as np
import scipy.sparse as sp
from _rivals import algorithm
from numpy.typing import NDArray
from scipy.linalg import lstsq, norm
from scipy.spatial.distance import cdist, pdist
from scipy.special import log_softmax, xlogy
from sklearn.manifold._locally_linear import barycenter_kneighbors_graph
from sklearn.neighbors import NearestNeighbors

from sklearn_ldl import CPNN, IISLDL, LDLLCLR, LDLSCL, LDLSF, LDSVR, enhancement


class Duel(NamedTuple):
    """Two ways to solve one problem; both return a solution of the same form."""

    their_fit: Callable[[], Any]
    our_fit: Callable[[Any], Any]
    #: What ours is given, from cheap to precise: a tolerance or a number of iterations.
    precisions: Sequence[Any]
    #: python-ldl's objective, in its scaling; None where both solutions are closed forms.
    objective: Callable[[Any], float] | None


TOLERANCES = (1e-3, 1e-4, 1e-5, 1e-6, 1e-7, 1e-8)


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

    def ours(sweeps):
        return IISLDL(alpha=0.0, fit_intercept=False, max_iter=sweeps).fit(X, D).coef_.T

    return Duel(theirs, ours, (50, 200, 500, 2000), lambda W: kl(D, log_softmax(X @ W, axis=1)))


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

    def ours(tol):
        model = LDLSF(
            l1=l1 / n,
            l21=l21 / n,
            correlation_weight=correlation,
            correlation="signed",
            fit_intercept=False,
            tol=tol,
        )
        return model.fit(sparse_if_useful(X), D).coef_.T

    def objective(W):
        # The constraint X W 1 = 1 is met more or less; the least change makes it so.
        W = W + lstsq(X, 1 - X @ W.sum(axis=1))[0][:, None] / n_labels
        Z = X @ W
        # However the second norm groups coefficients, it is cheapest to leave all to the first.
        return float(
            0.5 * norm(Z - D) ** 2
            + l1 * np.abs(W).sum()
            + correlation * np.sum((Z @ laplacian) * Z)
        )

    return Duel(theirs, ours, TOLERANCES, objective)


def lclr(X: NDArray, D: NDArray) -> Duel:
    """Low-rank correlations, without the local term, which leaves the objective unbounded."""
    n = len(D)
    weight = 1e-4

    def theirs():
        model = algorithm("LDL_LCLR")(delta=0.0)
        model.fit(X, D)
        return model._W, model._S

    def ours(tol):
        model = LDLLCLR(
            alpha=2 * weight / n,
            error_weight=weight / np.sqrt(n),
            rank_weight=weight / n,
            local_weight=0.0,
            fit_intercept=False,
            tol=tol,
            random_state=0,
        )
        model.fit(sparse_if_useful(X), D)
        return model.coef_.T, model.correlation_

    def objective(solution):
        W, S = solution
        log_P = log_softmax(X @ W, axis=1)
        errors = norm(D - np.exp(log_P) @ S, axis=0).sum()
        low_rank = np.linalg.svd(S, compute_uv=False).sum()
        return kl(D, log_P) + weight * float(norm(W) ** 2 + errors + low_rank)

    return Duel(theirs, ours, TOLERANCES, objective)


def cpnn(X: NDArray, D: NDArray) -> Duel:
    """Conditional network with numbers for labels, trained by Rprop without any penalty."""

    def theirs():
        model = algorithm("CPNN")()
        model.fit(X, D)
        return np.log(model.predict(X), dtype=float)

    def ours(epochs):
        model = CPNN(param_groups=(), early_stopping=False, max_epochs=epochs, random_state=0)
        return np.log(model.fit(X, D).predict(X))

    return Duel(theirs, ours, (400, 1000, 2000, 4000, 8000), lambda log_P: kl(D, log_P) / len(D))


def svr(X: NDArray, D: NDArray) -> Duel:
    """Support vectors; the packages minimise different losses, so that of neither is shown."""

    def theirs():
        model = algorithm("LDSVR")()
        model.fit(X, D)
        return np.log(model.predict(X))

    def ours(_):
        return np.log(LDSVR(kernel="rbf", random_state=0).fit(X, D).predict(X))

    return Duel(theirs, ours, ("",), lambda log_P: kl(D, log_P) / len(D))


def scl(X: NDArray, D: NDArray) -> Duel:
    """Codes of sample correlations; the packages bound them in different ways."""
    n, n_labels = D.shape
    n_clusters = 5

    def theirs():
        model = algorithm("LDL_SCL")(n_clusters=n_clusters)
        model.fit(X, D)
        return np.log(model.predict(X), dtype=float)

    def ours(tol):
        model = LDLSCL(
            alpha=0.0,
            n_clusters=n_clusters,
            # python-ldl's term is a mean over clusters and labels too.
            correlation_weight=1e-3 / (n_clusters * n_labels),
            tol=tol,
            random_state=0,
        )
        return model.fit(X, D).predict_log_proba(X)

    return Duel(theirs, ours, TOLERANCES, lambda log_P: kl(D, log_P) / n)


def fcm(X: NDArray, L: NDArray) -> Duel:
    """Fuzzy c-means with the published fuzzifier; the objective is that of the clusters."""
    import skfuzzy

    def theirs():
        found = []

        def cmeans(*args, **kwargs):
            found.append(found_clusters(*args, **kwargs))
            return found[0]

        found_clusters = skfuzzy.cluster.cmeans
        with patch("skfuzzy.cluster.cmeans", cmeans):
            algorithm("FCM")().fit(X, L)
        centres, memberships = found[0][:2]
        return centres, memberships.T

    def ours(tol):
        model = enhancement.FCMEnhancer(n_clusters=50, fuzziness=2.0, tol=tol, random_state=0)
        model.fit(X, L)
        return model.cluster_centers_, model.memberships_

    def objective(solution):
        centres, memberships = solution
        return float((memberships**2 * cdist(X, centres, "sqeuclidean")).sum())

    return Duel(theirs, ours, TOLERANCES, objective)


def km(X: NDArray, L: NDArray) -> Duel:
    """Distances to the centre of each label in the space of a kernel."""

    def ours(_):
        gamma = 1 / (2 * np.mean(pdist(X)) ** 2)
        return enhancement.KMEnhancer(gamma=gamma).fit(X, L).label_distributions_

    return Duel(lambda: _enhance("KM", X, L), ours, ("",), None)


def lp(X: NDArray, L: NDArray) -> Duel:
    """Label propagation with the published width."""

    def ours(_):
        return enhancement.LPEnhancer(propagation=0.5, gamma=0.5).fit(X, L).label_distributions_

    return Duel(lambda: _enhance("LP", X, L), ours, ("",), None)


def ml(X: NDArray, L: NDArray) -> Duel:
    """Manifold programmes, one per label, on the graph that python-ldl builds."""
    n_labels = L.shape[1]

    def theirs():
        from pyldl.algorithms import _label_enhancement as module

        scores, solve = [], module.solve_qp

        def recorded(*args, **kwargs):
            scores.append(solve(*args, **kwargs))
            return scores[-1]

        with patch.object(module, "solve_qp", recorded):
            algorithm("ML")().fit(X, L.copy())
        return np.array(scores).T

    def ours(tol):
        return enhancement.MLEnhancer(n_neighbors=n_labels, margin=1.0, tol=tol).fit(X, L).scores_

    def objective(scores):
        neighbours = NearestNeighbors(n_neighbors=n_labels + 1).fit(X)
        W = barycenter_kneighbors_graph(neighbours, n_labels)
        return float(norm(scores - W @ scores) ** 2 + 1e-5 * norm(scores) ** 2)

    return Duel(theirs, ours, TOLERANCES, objective)


def glle(X: NDArray, L: NDArray) -> Duel:
    """Graph Laplacian; python-ldl without its stochastic term for clusters."""
    n_labels = L.shape[1]

    def theirs():
        model = algorithm("GLLE")(beta=0.0)
        model.fit(X, L)
        return model._to_numpy(model._call(model._P)).astype(float)

    def ours(tol):
        # The scores before they are normalised.
        model = enhancement.GLLEEnhancer(graph_weight=1e-2, sigma=1.0, tol=tol)
        return model._scores(X, L.astype(float))

    def objective(scores):
        graph = NearestNeighbors(n_neighbors=n_labels + 1).fit(X).kneighbors_graph()
        A = graph.multiply(np.exp(-cdist(X, X, "sqeuclidean") / 2)).tocsr()
        smooth = (A.sum(axis=1).ravel() @ scores**2).sum() - np.sum(scores * (A @ scores))
        return float(norm(scores - L) ** 2 + 1e-2 * smooth)

    return Duel(theirs, ours, (1e-4, 1e-7, 1e-10), objective)


def _enhance(name: str, X: NDArray, L: NDArray) -> NDArray:
    return algorithm(name)().fit_transform(X, L)


#: Algorithms of python-ldl that are compiled before they are timed.
COMPILED = {"LDLSF": "LDLSF", "LDL-LCLR": "LDL_LCLR"}
LEARNERS = {
    "IIS": iis,
    "LDLSF": ldlsf,
    "LDL-LCLR": lclr,
    "CPNN": cpnn,
    "LDL-SCL": scl,
    "LDSVR": svr,
}
ENHANCERS = {"FCM": fcm, "KM": km, "LP": lp, "ML": ml, "GLLE": glle}
