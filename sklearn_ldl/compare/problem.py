"""What is compared on: the data, and how they are divided into folds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.sparse import csr_array, issparse
from sklearn.model_selection import KFold

from sklearn_ldl.datasets import fetch_ldl, list_datasets, load_ldl, make_ldl, read_csv
from sklearn_ldl.distributors import votes_to_distribution

#: Name of the embedded data. Every row is a share of that many votes, so that no model is perfect.
ARTIFICIAL, N_VOTES = "artificial", 20


@dataclass(frozen=True)
class Problem:
    """Features, label distributions and folds; the same for all estimators."""

    name: str
    X: Any
    D: NDArray
    labels: ArrayLike | None  # their names or values, None for numbers
    n_folds: int
    seed: int

    def __post_init__(self):
        if self.n_folds > len(self.D):
            raise ValueError(f"--cv {self.n_folds} needs as many rows, got {len(self.D)}.")

    @property
    def n_labels(self) -> int:
        """Number of labels."""
        return self.D.shape[1]

    @property
    def sparse(self) -> bool:
        """Whether the features are sparse, and thus not to be centred."""
        return issparse(self.X)

    @property
    def mostly_zero(self) -> bool:
        """Whether at most a tenth of the features are other than zero."""
        X = self.X.data if self.sparse else self.X
        return np.count_nonzero(X) <= 0.1 * np.prod(self.X.shape)

    def splits(self) -> list[tuple[NDArray, NDArray]]:
        """Training and test rows of every fold."""
        folds = KFold(self.n_folds, shuffle=True, random_state=self.seed)
        return list(folds.split(self.D))

    def __str__(self):
        n, p = self.X.shape
        form = ", sparse" if self.sparse else ""
        return (
            f"{self.name}: n = {n} rows, p = {p} features{form}, C = {self.n_labels} labels; "
            f"{self.n_folds} folds, seed {self.seed}"
        )


def load_problem(
    source: str | None,
    *,
    label_columns: Sequence[str] | None = None,
    vote_columns: Sequence[str] | None = None,
    sparse: bool = False,
    n_samples: int | None = None,
    n_folds: int = 10,
    seed: int = 0,
) -> Problem:
    """Load a file or a public data set; without a source, make the artificial data."""
    if source is None:
        if sparse or label_columns or vote_columns:
            raise ValueError("--sparse, --label-columns and --vote-columns need a FILE.")
        n_samples = 1000 if n_samples is None else n_samples
        X, D = make_ldl(n_samples, n_votes=N_VOTES, random_state=seed)
        return Problem(ARTIFICIAL, X, D, None, n_folds, seed)
    if n_samples is not None:
        raise ValueError("--n-samples is for the artificial data, which a FILE replaces.")
    if vote_columns:
        if Path(source).suffix != ".csv":
            raise ValueError("--vote-columns is for .csv files only.")
        table = read_csv(source, vote_columns)
        D = votes_to_distribution(table["labels"])
        X = csr_array(table["features"]) if sparse else table["features"]
        return Problem(Path(source).stem, X, D, table["target_names"], n_folds, seed)
    if source in list_datasets() and not Path(source).exists():
        if label_columns:
            raise ValueError("--label-columns is for .csv files only.")
        data = fetch_ldl(source, sparse=sparse)
    elif Path(source).suffix.lower() == ".csv" and not label_columns:
        raise ValueError(
            "Name the label columns of a .csv file: --vote-columns for counts, --label-columns for"
            " degrees that sum to one."
        )
    elif Path(source).suffix or Path(source).exists():
        data = load_ldl(source, label_columns=label_columns, sparse=sparse)
    else:
        raise ValueError(
            f"{source} is neither a file nor a public data set; `list` shows the data sets."
        )
    labels: Any = data.get("grid", data.target_names)
    if list(labels) == [f"label{j}" for j in range(len(labels))]:
        labels = None  # the file has no names; numbers are easier to read than these
    return Problem(Path(source).stem, data.data, data.target, labels, n_folds, seed)
