r"""The fractional multinomial likelihood in contrasts to a base label, and what derives from it.

With the contrasts :math:`\delta_a = w_a - w_{\text{base}}` of the other labels `a` and the features
`z` of a row, with a one for the intercept, the log-likelihood is :math:`\sum_i s_i \sum_c d_{ic}
\log p_{ic}`, its gradient in :math:`\delta_a` is :math:`\sum_i s_i (d_{ia} - p_{ia}) z_i`, and its
negative Hessian :math:`\sum_i s_i\, p_{ia} (1_{a=b} - p_{ib})\, z_i z_i^\top`. Parameters are in
the order of ``contrasts.ravel()``.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from sklearn_ldl._core.simplex import log_softmax
from sklearn_ldl._core.underflow import underflow_is_zero

# Numbers of the scores of rows that are in memory at a time.
_AT_A_TIME = 2_000_000


class Sums(NamedTuple):
    """Sums over the rows."""

    log_likelihood: float
    #: Gradient of the log-likelihood (n_parameters,).
    gradient: NDArray
    #: Its negative Hessian (n_parameters, n_parameters).
    information: NDArray
    #: Sum of the outer products of the scores of rows, or of groups of rows.
    meat: NDArray


@dataclass
class Softmax:
    """A softmax of linear outputs in contrasts to a base label.

    Parameters
    ----------
    contrasts : ndarray of shape (n_labels - 1, n_columns)
        Those of the other labels, in their order; of the intercept in the last column, if there is
        one.
    base : int
        Position of the base label.
    intercept : bool
        Whether there is an intercept.
    """

    contrasts: NDArray[np.float64]
    base: int
    intercept: bool

    @property
    def others(self) -> NDArray[np.intp]:
        """Positions of the labels other than the base."""
        return np.delete(np.arange(len(self.contrasts) + 1), self.base)

    @property
    def slopes(self) -> NDArray[np.float64]:
        """Contrasts of all labels, without the intercept (n_labels, n_features)."""
        n_features = self.contrasts.shape[1] - self.intercept
        return np.insert(self.contrasts[:, :n_features], self.base, 0, axis=0)

    def blocks(self, X: Any) -> Iterator[tuple[slice, NDArray, NDArray]]:
        """Rows, their features with a one for the intercept, and logarithms of their degrees."""
        step = max(1, _AT_A_TIME // (len(self.contrasts) + 1) // self.contrasts.shape[1])
        for start in range(0, X.shape[0], step):
            rows = slice(start, start + step)
            Z = X[rows].toarray() if sp.issparse(X) else X[rows]
            if self.intercept:
                Z = np.column_stack([Z, np.ones(len(Z))])
            logits = np.insert(Z @ self.contrasts.T, self.base, 0, axis=1)
            yield rows, Z, log_softmax(logits, axis=1)

    @underflow_is_zero
    def sums(self, X: Any, D: NDArray, weight: NDArray, groups: NDArray | None = None) -> Sums:
        """Add up the log-likelihood and its derivatives; `groups` are codes from 0 on."""
        n_labels, n_columns = len(self.contrasts), self.contrasts.shape[1]
        value, gradient = 0.0, np.zeros(self.contrasts.shape)
        information = np.zeros((n_labels, n_columns, n_labels, n_columns))
        meat = np.zeros((self.contrasts.size, self.contrasts.size))
        of_groups = None if groups is None else np.zeros((groups.max() + 1, len(meat)))
        for rows, Z, L in self.blocks(X):
            w, P = weight[rows, None], np.exp(L)[:, self.others]
            value += float(np.vdot(w * D[rows], L))
            R = w * (D[rows][:, self.others] - P)
            gradient += R.T @ Z
            for a in range(n_labels):
                for b in range(a + 1):
                    bend = w[:, 0] * P[:, a] * ((a == b) - P[:, b])
                    information[a, :, b] = information[b, :, a] = (
                        information[a, :, b] + (Z * bend[:, None]).T @ Z
                    )
            scores = (R[:, :, None] * Z[:, None, :]).reshape(len(Z), -1)
            if groups is None or of_groups is None:
                meat += scores.T @ scores
            else:
                members = sp.csr_array(
                    (np.ones(len(Z)), (groups[rows], np.arange(len(Z)))),
                    shape=(len(of_groups), len(Z)),
                )
                of_groups += members @ scores
        if of_groups is not None:
            meat = of_groups.T @ of_groups
        return Sums(value, gradient.ravel(), information.reshape(meat.shape), meat)

    @underflow_is_zero
    def effects(
        self, X: Any, weight: NDArray, features: NDArray, steps: NDArray
    ) -> tuple[NDArray, NDArray]:
        """Mean effects of features on degrees, and their derivatives in the parameters.

        Parameters
        ----------
        X : {ndarray, sparse matrix} of shape (n_samples, n_features)
            Rows to average over.
        weight : ndarray of shape (n_samples,)
            Their weights.
        features : ndarray of shape (n_effects,)
            Positions of features.
        steps : ndarray of bool of shape (n_effects,)
            Whether an effect is that of a step from zero to one, instead of a derivative.

        Returns
        -------
        effects : ndarray of shape (n_effects, n_labels)
            Means over the rows.
        jacobian : ndarray of shape (n_effects, n_labels, n_parameters)
            Their derivatives.
        """
        slopes, n_labels = self.slopes, len(self.contrasts) + 1
        effects = np.zeros((len(features), n_labels))
        jacobian = np.zeros((len(features), n_labels, *self.contrasts.shape))
        weight = weight / weight.sum()
        for rows, Z, L in self.blocks(X):
            w, P = weight[rows, None], np.exp(L)
            for k, (j, step) in enumerate(zip(features, steps, strict=True)):
                if step:
                    for value, sign in ((1.0, 1), (0.0, -1)):
                        moved = L + (value - Z[:, j])[:, None] * slopes[:, j]
                        Q, Zv = np.exp(log_softmax(moved, axis=1)), Z.copy()
                        Zv[:, j] = value
                        effects[k] += sign * (w * Q).sum(axis=0)
                        jacobian[k] += sign * self._pull(self._bend(w * Q, Q), Zv)
                    continue
                E = slopes[:, j] - (P @ slopes[:, j])[:, None]
                effects[k] += (w * P * E).sum(axis=0)
                # The derivative of p_c e_c, first through the degrees, then through the slopes.
                wP = w * P
                inner = -wP[:, :, None] * P[:, None, self.others]
                inner *= E[:, :, None] + E[:, None, self.others]
                inner[:, self.others, np.arange(n_labels - 1)] += (wP * E)[:, self.others]
                jacobian[k] += self._pull(inner, Z)
                jacobian[k, :, :, j] += self._bend(wP, P).sum(axis=0)
        return effects, jacobian.reshape(*effects.shape, -1)

    @underflow_is_zero
    def variances(self, X: Any, covariance: NDArray) -> tuple[NDArray, NDArray]:
        """Predicted degrees and their variances by the delta method (n_samples, n_labels)."""
        n_labels = len(self.contrasts) + 1
        P, V = np.empty((X.shape[0], n_labels)), np.empty((X.shape[0], n_labels))
        for rows, Z, L in self.blocks(X):
            P[rows] = np.exp(L)
            bend = self._bend(P[rows], P[rows])
            for c in range(n_labels):
                J = (bend[:, c, :, None] * Z[:, None, :]).reshape(len(Z), -1)
                V[rows, c] = np.einsum("ij,ij->i", J @ covariance, J)
        return P, np.maximum(V, 0)

    def _bend(self, wP: NDArray, P: NDArray) -> NDArray:
        """Return derivatives of weighted degrees in the logits of the other labels."""
        bend = -wP[:, :, None] * P[:, None, self.others]
        bend[:, self.others, np.arange(len(self.others))] += wP[:, self.others]
        return bend

    @staticmethod
    def _pull(G: NDArray, Z: NDArray) -> NDArray:
        return np.tensordot(G, Z, axes=(0, 0))
