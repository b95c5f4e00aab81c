"""What learners of distributions can do inside scikit-learn: one probe for each cell."""

import pickle
import warnings

import numpy as np
import pandas as pd
import scipy.sparse as sp
import skorch
import torch
from _common import run
from _rivals import algorithm
from sklearn.base import clone
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils import _safe_indexing
from sklearn.utils.estimator_checks import check_estimator

from sklearn_ldl import BFGSLDL
from sklearn_ldl.datasets import make_ldl
from sklearn_ldl.metrics import get_ldl_scorer
from sklearn_ldl.testing import as_regressor

X, D = make_ldl(120, random_state=0)
X = X.astype(np.float32)


class Learner:
    """A learner by its default call; subclasses say what its users do differently."""

    targets = D

    def __init__(self, make):
        self.make = make

    def fit(self, X, D, **weights):
        return self.make().fit(X, D, **weights)

    def predict(self, model, X):
        function = model.predict_proba if hasattr(model, "predict_proba") else model.predict
        return np.asarray(function(X))

    def fits(self, X=X, targets=None, **weights):
        """Whether what a fitted model predicts are distributions."""
        model = self.fit(X, self.targets if targets is None else targets, **weights)
        return is_distribution(self.predict(model, X))

    def refuses(self, X, D):
        try:
            self.fit(X, D)
        except ValueError:
            return True
        return False


class CopiedRows(Learner):
    """Every row once per label, weighted by degree; by hand, as our helper checks the targets."""

    def fit(self, X, D, sample_weight=None):
        n_labels = np.shape(D)[1]
        weight = np.asarray(D).ravel()
        if sample_weight is not None:
            weight = weight * np.repeat(sample_weight, n_labels)
        X = _safe_indexing(X, np.repeat(np.arange(X.shape[0]), n_labels))
        labels = np.tile(np.arange(n_labels), len(D))
        return self.make().fit(X, labels, sample_weight=weight)


class Skorch(Learner):
    """Torch's cross-entropy wants targets of single precision."""

    targets = D.astype(np.float32)


def network():
    options = {"criterion": torch.nn.CrossEntropyLoss, "max_epochs": 2, "train_split": None}
    module = torch.nn.Linear(X.shape[1], D.shape[1])
    return skorch.NeuralNetClassifier(module, verbose=0, **options)


LEARNERS = {
    "sklearn_ldl": Learner(BFGSLDL),
    "python-ldl": Learner(algorithm("SA_BFGS")),
    "copied rows": CopiedRows(LogisticRegression),
    "skorch": Skorch(network),
}


def is_distribution(P):
    return bool((P >= 0).all() and np.allclose(P.sum(axis=1), 1, atol=1e-5))


def in_pipeline(learner):
    model = make_pipeline(StandardScaler(), learner.make()).fit(X, learner.targets)
    return is_distribution(learner.predict(model, X))


def in_search(learner):
    search = GridSearchCV(learner.make(), {}, scoring=get_ldl_scorer("neg_kl_divergence"), cv=3)
    return np.isfinite(search.fit(X, learner.targets).best_score_)


def has_parameters(learner):
    return bool(clone(learner.make()).get_params())


def repeats(learner):
    """Two fits agree to the last bit, with the generators of NumPy and torch left alone."""
    first, second = (learner.predict(learner.fit(X, learner.targets), X) for _ in range(2))
    return np.array_equal(first, second)


def pickles(learner):
    model = learner.fit(X, learner.targets)
    again = pickle.loads(pickle.dumps(model))
    return np.array_equal(learner.predict(again, X), learner.predict(model, X))


def checks(learner):
    labels_in = isinstance(learner, CopiedRows)
    estimator = learner.make() if labels_in else as_regressor(learner.make())
    results = check_estimator(estimator, on_fail=None, on_skip=None)
    failed = sum(result["status"] == "failed" for result in results)
    return f"{failed} of {len(results)}"


PROBES = {
    "targets are distributions, without copies": lambda one: bool(one.make().fit(X, one.targets)),
    "in a `Pipeline`": in_pipeline,
    "in `GridSearchCV`, scored by KL divergence": in_search,
    "parameters can be listed and cloned": has_parameters,
    "`sample_weight`": lambda one: one.fits(sample_weight=np.ones(len(X))),
    "pandas frames for features and targets": lambda one: one.fits(
        pd.DataFrame(X, columns=["a", "b", "c"]), pd.DataFrame(one.targets)
    ),
    "CSR features": lambda one: one.fits(sp.csr_matrix(X)),
    "refuses NaN in features": lambda one: one.refuses(np.where(X > 0, np.nan, X), one.targets),
    # Votes that were not divided by their number.
    "refuses targets that are no distributions": lambda one: one.refuses(X, 20 * one.targets),
    "two fits, the same result": repeats,
    "pickles": pickles,
}


def outcome(probe, learner):
    try:
        return "yes" if probe(learner) else "no"
    except Exception:  # whatever a library raises here, it is a no
        return "no"


def main(report, options):
    warnings.simplefilter("ignore")
    table = report.table(feature="", **dict.fromkeys(LEARNERS, ""))
    for name, probe in PROBES.items():
        table.row(feature=name, **{key: outcome(probe, one) for key, one in LEARNERS.items()})
    # Networks fix the number of labels, which the checks vary.
    checked = {key: one for key, one in LEARNERS.items() if not isinstance(one, Skorch)}
    if options.quick:
        del checked["python-ldl"]
    cells = {key: checks(one) for key, one in checked.items()}
    table.row(feature="scikit-learn's checks that fail", **cells)


if __name__ == "__main__":
    run(__doc__, main, "python-ldl", "skorch", "torch")
