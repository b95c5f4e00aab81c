"""Fits of bench_classical.py: one problem for both packages, and the objective of both."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, NamedTuple
from unittest.mock import patch

import numpy as np
import scipy.sparse as sp
from _rivals import algorithm
from scipy.linalg import lstsq, norm
from scipy.spatial.distance import cdist, pdist
from scipy.special import log_softmax, xlogy
from sklearn.manifold._locally_linear import barycenter_kneighbors_graph
from sklearn.neighbors import NearestNeighbors

from sklearn_ldl import CPNN, IISLDL, LDLLCLR, LDLSCL, LDLSF, LDSVR, enhancement

ONCE, TOLERANCES = ("",), (1e-3, 1e-4, 1e-5, 1e-6, 1e-7, 1e-8)


class Duel(NamedTuple):
    """Two ways to solve one problem; both return a solution of the same form."""

    their_fit: Callable[[], Any]
    our_fit: Callable[[Any], Any]
    #: python-ldl's objective, in its scaling; None where both solutions are closed forms.
    objective: Callable[[Any], float] | None
    #: What ours is given, from cheap to precise: a tolerance or a number of iterations.
    precisions: Sequence[Any] = TOLERANCES


def theirs(name, solution, *data, **parameters):
    """Fit python-ldl's, and return what makes its solution."""
    model = algorithm(name)(**parameters)
    model.fit(*data)
    return solution(model)


def recorded(module, name, keep, fit):
    """Return what a function that the fit calls has returned."""
    found, original = [], getattr(module, name)

    def call(*args, **kwargs):
        found.append(original(*args, **kwargs))
        return found[-1]

    with patch.object(module, name, call):
        fit()
    return keep(found)


def kl(D, log_P):
    return float((xlogy(D, D) - D * log_P).sum())


def sparse_if_useful(X):
    """CSR where at most a tenth of the entries are other than zero."""
    return sp.csr_array(X) if np.count_nonzero(X) <= 0.1 * X.size else X


def log_predictions(X):
    return lambda model: np.log(model.predict(X), dtype=float)


def iis(X, D):
    """Maximum entropy by improved iterative scaling, without penalty and intercept."""
    ours = IISLDL(alpha=0.0, fit_intercept=False)
    return Duel(
        partial(theirs, "SA_IIS", lambda model: model.W, X, D),
        lambda sweeps: ours.set_params(max_iter=sweeps).fit(X, D).coef_.T,
        lambda W: kl(D, log_softmax(X @ W, axis=1)),
        (50, 200, 500, 2000),
    )


def ldlsf(X, D):
    """Label-specific features, with the signed correlations of python-ldl."""
    n, n_labels = D.shape
    X = np.hstack([X, np.ones((n, 1))])  # in the place of an intercept
    l1, l21, weight = 1e-4, 1e-2, 1e-3
    R = np.corrcoef(D, rowvar=False)
    laplacian = np.diag(R.sum(axis=1)) - R
    options = {"correlation_weight": weight, "correlation": "signed", "fit_intercept": False}

    def ours(tol):
        model = LDLSF(l1=l1 / n, l21=l21 / n, tol=tol, **options)
        return model.fit(sparse_if_useful(X), D).coef_.T

    def objective(W):
        # The constraint X W 1 = 1 is met more or less; the least change makes it so.
        W = W + lstsq(X, 1 - X @ W.sum(axis=1))[0][:, None] / n_labels
        Z = X @ W
        # However the second norm groups coefficients, it is cheapest to leave all to the first.
        smooth = weight * np.sum((Z @ laplacian) * Z)
        return float(0.5 * norm(Z - D) ** 2 + l1 * np.abs(W).sum() + smooth)

    return Duel(partial(theirs, "LDLSF", lambda model: model._W, X, D), ours, objective)


def lclr(X, D):
    """Low-rank correlations, without the local term, which leaves the objective unbounded."""
    n = len(D)
    weight = 1e-4
    weights = {"error_weight": weight / np.sqrt(n), "rank_weight": weight / n, "local_weight": 0.0}

    def ours(tol):
        model = LDLLCLR(2 * weight / n, **weights, fit_intercept=False, tol=tol, random_state=0)
        model.fit(sparse_if_useful(X), D)
        return model.coef_.T, model.correlation_

    def objective(solution):
        W, S = solution
        log_P = log_softmax(X @ W, axis=1)
        errors = norm(D - np.exp(log_P) @ S, axis=0).sum()
        low_rank = np.linalg.svd(S, compute_uv=False).sum()
        return kl(D, log_P) + weight * float(norm(W) ** 2 + errors + low_rank)

    rival = partial(theirs, "LDL_LCLR", lambda model: (model._W, model._S), X, D, delta=0.0)
    return Duel(rival, ours, objective)


def cpnn(X, D):
    """Conditional network with numbers for labels, trained by Rprop without any penalty."""
    ours = CPNN(param_groups=(), early_stopping=False, random_state=0)
    return Duel(
        partial(theirs, "CPNN", log_predictions(X), X, D),
        lambda epochs: np.log(ours.set_params(max_epochs=epochs).fit(X, D).predict(X)),
        lambda log_P: kl(D, log_P) / len(D),
        (400, 1000, 2000, 4000, 8000),
    )


def svr(X, D):
    """Support vectors; the packages minimise different losses, so that of neither is shown."""
    return Duel(
        partial(theirs, "LDSVR", log_predictions(X), X, D),
        lambda _: np.log(LDSVR(kernel="rbf", random_state=0).fit(X, D).predict(X)),
        lambda log_P: kl(D, log_P) / len(D),
        ONCE,
    )


def scl(X, D):
    """Codes of sample correlations; the packages bound them in different ways."""
    n, n_labels = D.shape
    # python-ldl's term is a mean over clusters and labels too.
    weight = 1e-3 / (5 * n_labels)
    ours = LDLSCL(alpha=0.0, n_clusters=5, correlation_weight=weight, random_state=0)
    return Duel(
        partial(theirs, "LDL_SCL", log_predictions(X), X, D, n_clusters=5),
        lambda tol: ours.set_params(tol=tol).fit(X, D).predict_log_proba(X),
        lambda log_P: kl(D, log_P) / n,
    )


def fcm(X, L):
    """Fuzzy c-means with the published fuzzifier; the objective is that of the clusters."""
    import skfuzzy

    def ours(tol):
        model = enhancement.FCMEnhancer(n_clusters=50, fuzziness=2.0, tol=tol, random_state=0)
        model.fit(X, L)
        return model.cluster_centers_, model.memberships_

    def objective(solution):
        centres, memberships = solution
        return float((memberships**2 * cdist(X, centres, "sqeuclidean")).sum())

    fit = partial(theirs, "FCM", lambda _: None, X, L)
    rival = partial(recorded, skfuzzy.cluster, "cmeans", lambda found: (found[0][0], found[0][1].T))
    return Duel(partial(rival, fit), ours, objective)


def km(X, L):
    """Distances to the centre of each label in the space of a kernel."""

    def ours(_):
        gamma = 1 / (2 * np.mean(pdist(X)) ** 2)
        return enhancement.KMEnhancer(gamma=gamma).fit_transform(X, L)

    return Duel(lambda: algorithm("KM")().fit_transform(X, L), ours, None, ONCE)


def lp(X, L):
    """Label propagation with the published width."""
    ours = enhancement.LPEnhancer(propagation=0.5, gamma=0.5)
    rival = algorithm("LP")
    return Duel(lambda: rival().fit_transform(X, L), lambda _: ours.fit_transform(X, L), None, ONCE)


def ml(X, L):
    """Manifold programmes, one per label, on the graph that python-ldl builds."""
    from pyldl.algorithms import _label_enhancement as module

    n_labels = L.shape[1]

    def ours(tol):
        return enhancement.MLEnhancer(n_neighbors=n_labels, margin=1.0, tol=tol).fit(X, L).scores_

    def objective(scores):
        neighbours = NearestNeighbors(n_neighbors=n_labels + 1).fit(X)
        W = barycenter_kneighbors_graph(neighbours, n_labels)
        return float(norm(scores - W @ scores) ** 2 + 1e-5 * norm(scores) ** 2)

    rival = partial(recorded, module, "solve_qp", lambda scores: np.array(scores).T)
    return Duel(lambda: rival(partial(theirs, "ML", lambda _: 0, X, L.copy())), ours, objective)


def glle(X, L):
    """Graph Laplacian; python-ldl without its stochastic term for clusters."""

    def ours(tol):
        # The scores before they are normalised.
        model = enhancement.GLLEEnhancer(graph_weight=1e-2, sigma=1.0, tol=tol)
        return model._scores(X, L.astype(float))

    def solution(model):
        return model._to_numpy(model._call(model._P)).astype(float)

    def objective(scores):
        graph = NearestNeighbors(n_neighbors=L.shape[1] + 1).fit(X).kneighbors_graph()
        A = graph.multiply(np.exp(-cdist(X, X, "sqeuclidean") / 2)).tocsr()
        smooth = (A.sum(axis=1).ravel() @ scores**2).sum() - np.sum(scores * (A @ scores))
        return float(norm(scores - L) ** 2 + 1e-2 * smooth)

    rival = partial(theirs, "GLLE", solution, X, L, beta=0.0)
    return Duel(rival, ours, objective, (1e-4, 1e-7, 1e-10))


#: Algorithms of python-ldl that are compiled before they are timed.
COMPILED = {"LDLSF": "LDLSF", "LDL-LCLR": "LDL_LCLR"}
LEARNERS = {"IIS": iis, "LDLSF": ldlsf, "LDL-LCLR": lclr, "CPNN": cpnn, "LDL-SCL": scl}
LEARNERS["LDSVR"] = svr
ENHANCERS = {"FCM": fcm, "KM": km, "LP": lp, "ML": ml, "GLLE": glle}
