"""AutoLDL on one fold, and what each of its candidates does alone."""

from __future__ import annotations

import subprocess
import tempfile
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from unittest.mock import patch

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix, issparse
from sklearn.base import clone

from sklearn_ldl import AutoLDL
from sklearn_ldl._core.simplex import check_prediction, normalize
from sklearn_ldl.auto.search import Search
from sklearn_ldl.metrics import kl_divergence

#: Seconds of a fit. They are those of one processor, so that the load of the machine is no matter.
LIMIT = 60


class _Kept(AutoLDL):
    """Remembers what was tried."""

    def _mix(self, search: Search) -> list:
        self.search = search
        return super()._mix(search)


def fold_scores(
    X: NDArray, D: NDArray, train: NDArray, test: NDArray
) -> dict[str, tuple[float, float]]:
    """KL divergence on the test rows and CPU seconds, of AutoLDL and of "candidates/...".

    Candidates are fitted to all training rows with the scaling that was chosen for them.
    """
    clock = SimpleNamespace(monotonic=time.process_time)
    start = time.process_time()
    with patch("sklearn_ldl.auto.search.time", clock):
        model = _Kept(time_limit=LIMIT, random_state=0).fit(X[train], D[train])
    found = {"AutoLDL": _score(model, X[test], D[test], start)}
    # As the candidates got them.
    X = csr_matrix(X) if issparse(model.search.X) else X
    for member in model.search.members:
        start = time.process_time()
        alone = clone(member.learner).fit(X[train], D[train])
        found[f"candidates/{member.name}"] = _score(alone, X[test], D[test], start)
    return found


def autogluon_scores(
    python: str, X: NDArray, D: NDArray, train: NDArray, test: NDArray
) -> dict[str, tuple[float, float]]:
    """KL divergence on the test rows and the limit of AutoGluon, run by another Python."""
    with tempfile.TemporaryDirectory() as folder:
        data, predictions = Path(folder) / "fold.npz", Path(folder) / "P.npy"
        np.savez(data, X=X, D=D, train=train, test=test)
        script = Path(__file__).with_name("_autogluon.py")
        command = [python, str(script), str(data), str(LIMIT), str(predictions)]
        subprocess.run(command, check=True, cwd=folder, capture_output=True)
        P = normalize(np.load(predictions).astype(float))
    return {"AutoGluon": (kl_divergence(D[test], P), float(LIMIT))}


def _score(model: Any, X: Any, D: NDArray, start: float) -> tuple[float, float]:
    seconds = time.process_time() - start
    P = check_prediction(model.predict(X), D.shape[1])
    return kl_divergence(D, P), seconds
