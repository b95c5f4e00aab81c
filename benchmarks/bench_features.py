"""What learners of distributions can do inside scikit-learn: one probe for each cell.

Usage: ``python benchmarks/bench_features.py [--out FILE]``, with the extras ``deep`` and ``bench``.
"""

from __future__ import annotations

import argparse
import os
import pickle
import warnings
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any

os.environ.setdefault("KERAS_BACKEND", "torch")

import numpy as np
import pandas as pd
import scipy.sparse as sp
import skorch
import torch
from _common import Table, machine
from pyldl.algorithms import SA_BFGS
from sklearn.base import clone
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import check_estimator

from sklearn_ldl import BFGSLDL
from sklearn_ldl.datasets import make_ldl
from sklearn_ldl.metrics import get_ldl_scorer
from sklearn_ldl.testing import as_regressor

INTRODUCTION = """\
# What learners of distributions can do inside scikit-learn

Made by `{command}`.

Every cell is the outcome of a probe in that script, on artificial data: "yes" when it succeeds. The
learners are `BFGSLDL`, python-ldl's `SA_BFGS`, scikit-learn's `LogisticRegression`, for which the
rows are copied once per label (outside: no step of a pipeline can do that), and skorch's
`NeuralNetClassifier` with torch's cross-entropy, which takes distributions. Where copies are
needed, a pipeline or a search that is given distributions fails. scikit-learn's checks are run
through `sklearn_ldl.testing.as_regressor` on learners of distributions, on `LogisticRegression`
directly, and not on networks, which fix the number of labels that the checks vary.
"""
X, D = make_ldl(120, random_state=0)
X = X.astype(np.float32)
D32 = D.astype(np.float32)


class Learner:
    """A learner by its default call; subclasses say what its users do differently."""

    targets = D

    def __init__(self, make: Callable[[], Any]):
        self.make = make

    def fit(self, model: Any, X: Any, D: Any, **weights: Any) -> Any:
        """Fit a model as its users do."""
        return model.fit(X, D, **weights)

    def predict(self, model: Any, X: Any) -> np.ndarray:
        """Return distributions, if the model has them."""
        function = model.predict_proba if hasattr(model, "predict_proba") else model.predict
        return np.asarray(function(X))

    def for_checks(self) -> Any:
        """Return what scikit-learn's checks are run on."""
        return as_regressor(self.make())


class CopiedRows(Learner):
    """Every row once per label, weighted by degree; by hand, as our helper checks the targets."""

    def fit(self, model: Any, X: Any, D: Any, sample_weight: Any = None) -> Any:
        """Copy, weigh and fit."""
        n_labels = np.shape(D)[1]
        weight = np.asarray(D).ravel()
        if sample_weight is not None:
            weight = weight * np.repeat(sample_weight, n_labels)
        if isinstance(X, pd.DataFrame):
            X = X.loc[X.index.repeat(n_labels)]
        else:
            X = X[np.repeat(np.arange(X.shape[0]), n_labels)]
        return model.fit(X, np.tile(np.arange(n_labels), len(D)), sample_weight=weight)

    def for_checks(self) -> Any:
        """Return a classifier of labels, for the checks of classifiers."""
        return self.make()


class Skorch(Learner):
    """Torch's cross-entropy wants targets of single precision."""

    targets = D32

    def for_checks(self) -> None:
        """Do without: the checks vary the number of labels, which a module fixes."""


def network() -> Any:
    return skorch.NeuralNetClassifier(
        torch.nn.Linear(X.shape[1], D.shape[1]),
        criterion=torch.nn.CrossEntropyLoss,
        max_epochs=2,
        verbose=0,
        train_split=None,
    )


LEARNERS = {
    "sklearn_ldl": Learner(BFGSLDL),
    "python-ldl": Learner(SA_BFGS),
    "copied rows": CopiedRows(LogisticRegression),
    "skorch": Skorch(network),
}


def takes_distributions(learner: Learner) -> bool:
    """Fit without copies."""
    learner.make().fit(X, learner.targets)
    return True


def in_pipeline(learner: Learner) -> bool:
    model = make_pipeline(StandardScaler(), learner.make()).fit(X, learner.targets)
    return is_distribution(learner.predict(model, X))


def in_search(learner: Learner) -> bool:
    search = GridSearchCV(learner.make(), {}, scoring=get_ldl_scorer("neg_kl_divergence"), cv=3)
    search.fit(X, learner.targets)
    return np.isfinite(search.best_score_)


def has_parameters(learner: Learner) -> bool:
    """Parameters can be listed, set and cloned."""
    model = learner.make()
    return (
        bool(model.get_params()) and clone(model).get_params().keys() == model.get_params().keys()
    )


def with_weights(learner: Learner) -> bool:
    model = learner.fit(learner.make(), X, learner.targets, sample_weight=np.ones(len(X)))
    return is_distribution(learner.predict(model, X))


def with_frames(learner: Learner) -> bool:
    frame = pd.DataFrame(X, columns=["a", "b", "c"])
    model = learner.fit(learner.make(), frame, pd.DataFrame(learner.targets))
    return is_distribution(learner.predict(model, frame))


def with_csr(learner: Learner) -> bool:
    rows = sp.csr_matrix(X)
    return is_distribution(
        learner.predict(learner.fit(learner.make(), rows, learner.targets), rows)
    )


def refuses_nan(learner: Learner) -> bool:
    return raises(learner, np.where(X > 0, np.nan, X), learner.targets)


def refuses_counts(learner: Learner) -> bool:
    """Votes that were not divided by their number."""
    return raises(learner, X, 20 * learner.targets)


def repeats(learner: Learner) -> bool:
    """Two fits agree to the last bit, with the generators of NumPy and torch left alone."""
    predictions = [
        learner.predict(learner.fit(learner.make(), X, learner.targets), X) for _ in range(2)
    ]
    return np.array_equal(*predictions)


def pickles(learner: Learner) -> bool:
    model = learner.fit(learner.make(), X, learner.targets)
    again = pickle.loads(pickle.dumps(model))
    return np.array_equal(learner.predict(again, X), learner.predict(model, X))


def raises(learner: Learner, X: np.ndarray, D: np.ndarray) -> bool:
    try:
        learner.fit(learner.make(), X, D)
    except ValueError:
        return True
    return False


def is_distribution(P: np.ndarray) -> bool:
    return bool((P >= 0).all() and np.allclose(P.sum(axis=1), 1, atol=1e-5))


def checks(learner: Learner) -> str | None:
    estimator = learner.for_checks()
    if estimator is None:
        return None
    results = check_estimator(estimator, on_fail=None, on_skip=None)
    failed = sum(result["status"] == "failed" for result in results)
    return f"{failed} of {len(results)}"


PROBES = {
    "targets are distributions, without copies": takes_distributions,
    "in a `Pipeline`": in_pipeline,
    "in `GridSearchCV`, scored by KL divergence": in_search,
    "parameters can be listed and cloned": has_parameters,
    "`sample_weight`": with_weights,
    "pandas frames for features and targets": with_frames,
    "CSR features": with_csr,
    "refuses NaN in features": refuses_nan,
    "refuses targets that are no distributions": refuses_counts,
    "two fits, the same result": repeats,
    "pickles": pickles,
}


def outcome(probe: Callable[[Learner], bool], learner: Learner) -> str:
    try:
        return "yes" if probe(learner) else "no"
    except Exception:  # whatever a library raises here, it is a no
        return "no"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path)
    arguments = parser.parse_args()
    warnings.simplefilter("ignore")
    command = "OMP_NUM_THREADS=1 python benchmarks/bench_features.py"
    command += f" --out {arguments.out}" if arguments.out else ""
    introduction = INTRODUCTION.format(command=command)
    versions = ", ".join(
        [machine(), *(f"{name} {version(name)}" for name in ("python-ldl", "skorch", "torch"))]
    )
    print(introduction, versions, "", sep="\n")

    table = Table(feature="", **dict.fromkeys(LEARNERS, ""))
    for name, probe in PROBES.items():
        table.row(feature=name, **{key: outcome(probe, one) for key, one in LEARNERS.items()})
    table.row(
        feature="scikit-learn's checks that fail",
        **{key: checks(one) for key, one in LEARNERS.items()},
    )
    if arguments.out:
        arguments.out.write_text("\n".join([introduction, versions, "", *table.lines, ""]))


if __name__ == "__main__":
    main()
