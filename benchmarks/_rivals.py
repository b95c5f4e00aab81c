"""python-ldl (the package `pyldl`) behind the interface of scikit-learn."""

from __future__ import annotations

import json
import os
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import issparse
from sklearn.base import BaseEstimator

from sklearn_ldl import LabelDistributionMixin
from sklearn_ldl.datasets import make_ldl

#: Algorithms that predict distributions, and what they are tuned over: the parameters that they
#: have, of the constructor or (max_iterations, epochs) of `fit`.
RIVALS = json.loads(Path(__file__).with_name("python_ldl.json").read_text("utf-8"))
#: They are not listed by the package, only defined in a module of it.
_MODULES = {"AdaBoostLDL": "pyldl.algorithms._ensemble"}
#: They are compiled when they are first fitted.
_COMPILED = ("LDLSF", "LDL_LCLR")
_OF_FIT = ("epochs", "max_iterations")


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

    def __init__(
        self,
        name: str = "SA_BFGS",
        *,
        params: dict[str, Any] | None = None,
        random_state: int = 0,
    ):
        self.name = name
        self.params = params
        self.random_state = random_state

    def fit(self, X: Any, y: Any) -> PythonLDL:
        X, D = self._validate_fit(X, y, accept_sparse="csr")
        kind, params = algorithm(self.name), self.params or {}
        seed_everything(self.random_state)
        self.model_ = kind(**{name: params[name] for name in params if name not in _OF_FIT})
        self.model_.fit(_dense(X), D, **{name: params[name] for name in params if name in _OF_FIT})
        return self

    def predict(self, X: Any) -> NDArray[np.float64]:
        # Those that are called classifiers predict labels.
        predict = getattr(self.model_, "predict_proba", self.model_.predict)
        P = np.asarray(predict(_dense(X)), dtype=np.float64)
        return P / P.sum(axis=1, keepdims=True)


def _dense(X: Any) -> NDArray:
    return X.toarray() if issparse(X) else np.array(X)
