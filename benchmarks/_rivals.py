"""python-ldl (the package `pyldl`) behind the interface of scikit-learn, at its defaults."""

from __future__ import annotations

import os
from functools import cache
from importlib import import_module
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import issparse
from sklearn.base import BaseEstimator

from sklearn_ldl import LabelDistributionMixin
from sklearn_ldl.datasets import make_ldl

#: Algorithms that predict distributions and have defaults.
RIVALS = (
    "SA_BFGS",
    "AA_KNN",
    "PT_Bayes",
    "LDSVR",
    "LDL_LRR",
    "LDLLC",
    "LDL_DPA",
    "LDL4C",
    "AdaBoostLDL",
    "DF_LDL",
    "AA_BP",
    "LDL_SCL",
    "LDLSF",
    "LDL_LCLR",
    "StructRF",
    "BCPNN",
    "CPNN",
    "PT_SVM",
    "ACPNN",
    "SA_IIS",
)
#: One root finder per coefficient and sweep: it is fitted to the smallest file only.
SLOWEST, SMALLEST_FILE = "SA_IIS", "SJAFFE"
#: Linear in the features: they can do without standardised ones.
LINEAR_RIVALS = ("SA_BFGS", "LDL_LRR", "LDLLC", "LDL_DPA", "LDL4C", "LDL_SCL", "LDLSF", "LDL_LCLR")
#: They are not listed by the package, only defined in a module of it.
_MODULES = {"AdaBoostLDL": "pyldl.algorithms._ensemble"}
#: They are compiled when they are first fitted.
_COMPILED = ("LDLSF", "LDL_LCLR")


def seed_everything(seed: int) -> None:
    """Seed what python-ldl draws from: the global states of NumPy and Keras (with torch)."""
    import keras

    np.random.seed(seed)  # noqa: NPY002
    keras.utils.set_random_seed(seed)


@cache
def algorithm(name: str) -> type:
    """Class of python-ldl, ready to be timed: its compiled parts are compiled.

    Keras computes with torch unless something else was chosen.
    """
    os.environ.setdefault("KERAS_BACKEND", "torch")
    import_module("keras")
    kind = getattr(import_module(_MODULES.get(name, "pyldl.algorithms")), name)
    if name in _COMPILED:
        kind().fit(*make_ldl(20, random_state=0))
    return kind


class PythonLDL(LabelDistributionMixin, BaseEstimator):
    """An algorithm of python-ldl, fitted with dense features and with global seeds.

    Predictions are divided by their row sums; what is not a number stays so.
    """

    def __init__(self, name: str = "SA_BFGS", *, random_state: int = 0):
        self.name = name
        self.random_state = random_state

    def fit(self, X: Any, y: Any) -> PythonLDL:
        """Fit with all defaults of the algorithm."""
        X, D = self._validate_fit(X, y, accept_sparse="csr")
        kind = algorithm(self.name)
        seed_everything(self.random_state)
        self.model_ = kind()
        self.model_.fit(_dense(X), D)
        return self

    def predict(self, X: Any) -> NDArray[np.float64]:
        """Predict distributions."""
        # Those that are called classifiers predict labels.
        predict = getattr(self.model_, "predict_proba", self.model_.predict)
        P = np.asarray(predict(_dense(X)), dtype=np.float64)
        return P / P.sum(axis=1, keepdims=True)


def _dense(X: Any) -> NDArray:
    return X.toarray() if issparse(X) else np.array(X)
