"""What is compared on: the data, and their targets."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.sparse import csr_array, issparse
from sklearn.utils import Bunch, assert_all_finite
from sklearn.utils.validation import check_consistent_length

from sklearn_ldl._core.simplex import check_distribution
from sklearn_ldl._core.sklearn_compat import safe_indexing
from sklearn_ldl._core.weights import check_weight
from sklearn_ldl.compare.columns import width
from sklearn_ldl.compare.identity import update
from sklearn_ldl.datasets import fetch_ldl, list_datasets, load_ldl, load_table, make_ldl

#: Name of the embedded data. Every row is a share of that many votes, so that no model is perfect.
ARTIFICIAL, N_VOTES = "artificial", 20


@dataclass(frozen=True)
class Problem:
    """Features and targets; the same for all estimators.

    Attributes
    ----------
    name : str
        Name in tables.
    X : {ndarray, sparse matrix, DataFrame} of shape (n_samples, n_features)
        Features.
    y : ndarray of shape (n_samples, n_labels) or (n_samples,)
        Targets.
    labels : array-like of shape (n_labels,) or None
        Names or values of the labels, None for numbers.
    groups, sample_weight : ndarray of shape (n_samples,) or None
        Rows that stay together, and their weights.
    notes : tuple of str
        What was decided when they were read.
    """

    name: str
    X: Any
    y: NDArray
    labels: ArrayLike | None = None
    groups: NDArray | None = None
    sample_weight: NDArray | None = None
    notes: tuple[str, ...] = ()

    def __post_init__(self):
        if len(shape := np.shape(self.X) if not hasattr(self.X, "shape") else self.X.shape) != 2:
            raise ValueError(f"{self.name}: X must have rows and columns, and has shape {shape}.")
        try:
            check_consistent_length(self.X, self.y, self.groups, self.sample_weight)
        except ValueError as error:
            raise ValueError(f"{self.name}: {error}") from error

    @property
    def role(self) -> str:
        """Kind of target: "distributions", "labels" or "values"."""
        if self.y.ndim == 2:
            return "distributions"
        return "values" if self.y.dtype.kind == "f" else "labels"

    @property
    def n_samples(self) -> int:
        """Number of rows."""
        return len(self.y)

    @property
    def n_labels(self) -> int:
        """Number of labels."""
        return self.y.shape[1] if self.y.ndim == 2 else len(np.unique(self.y))

    @property
    def classes(self) -> NDArray | None:
        """All different labels, None for other targets."""
        return np.unique(self.y) if self.role == "labels" else None

    @cached_property
    def n_features(self) -> int:
        """Number of features that learners of numbers get."""
        return width(self.X)

    @property
    def sparse(self) -> bool:
        """Whether the features are sparse, and thus not to be centred."""
        return issparse(self.X)

    @property
    def mostly_zero(self) -> bool:
        """Whether at most a tenth of the features are other than zero."""
        X = self.X.data if self.sparse else self.X
        if getattr(X, "dtype", np.dtype(object)).kind not in "fiub":
            return False
        return np.count_nonzero(X) <= 0.1 * np.prod(self.X.shape)

    def take(self, rows: NDArray) -> Problem:
        """Return some of the rows."""
        parts: dict[str, Any] = {
            name: None if part is None else safe_indexing(part, rows)
            for name in ("X", "y", "groups", "sample_weight")
            for part in [getattr(self, name)]
        }
        return replace(self, **parts)

    @cached_property
    def digest(self) -> str:
        """Hash of all that is in the data."""
        found = hashlib.sha256()
        for part in (self.X, self.y, self.groups, self.sample_weight):
            update(found, part)
        return found.hexdigest()

    def __str__(self):
        n, p = self.X.shape
        form = ", sparse" if self.sparse else ""
        target = {"distributions": f"C = {self.n_labels} labels", "values": "values"}
        kind = target.get(self.role, f"{self.n_labels} classes")
        return f"{self.name}: n = {n} rows, p = {p} features{form}, {kind}"


def as_problems(datasets: Any, seed: int) -> list[Problem]:
    """Turn whatever describes data sets into problems, one for each.

    Raises
    ------
    ValueError
        If two have the same name, or for what is no data set.
    """
    if datasets is None:
        return [artificial(1000, seed)]
    if isinstance(datasets, Mapping) and not isinstance(datasets, Bunch):
        problems = [
            replace(as_problem(data, str(name)), name=str(name)) for name, data in datasets.items()
        ]
    elif isinstance(datasets, list):
        problems = [as_problem(data, f"data{i}") for i, data in enumerate(datasets)]
    else:
        problems = [as_problem(datasets, "data")]
    names = [problem.name for problem in problems]
    if len(set(names)) < len(names):
        raise ValueError(
            f"Names of data sets are not unique: {', '.join(names)}; rename one, or give a dict."
        )
    if not problems:
        raise ValueError("There is no data set.")
    for problem in problems:
        _check(problem)
    return problems


def _check(problem: Problem) -> None:
    """Raise a ValueError for targets and weights with which every fit would fail."""
    y, weight = problem.y, problem.sample_weight
    try:
        _check_columns(problem.X)
        if problem.role == "distributions":
            check_distribution(y)
        elif problem.role == "values":
            assert_all_finite(y, input_name="y")
        else:
            missing = [i for i, label in enumerate(y) if label is None or label != label]
            if missing:
                raise ValueError(f"the label of row {missing[0]} is missing.")
            np.unique(y)
        if weight is not None:
            check_weight(weight, problem.n_samples)
    except (TypeError, ValueError) as error:
        raise ValueError(f"{problem.name}: {error}") from error


def _check_columns(X: Any) -> None:
    names = list(getattr(X, "columns", ()))
    if repeated := [name for name in names if names.count(name) > 1]:
        raise ValueError(f"{names.count(repeated[0])} columns are called {repeated[0]!r}.")
    if len({isinstance(name, str) for name in names}) > 1:
        other = next(name for name in names if not isinstance(name, str))
        raise ValueError(f"some columns have names, and one has {other!r}, which is no text.")


def artificial(n_samples: int, seed: int) -> Problem:
    """Make the embedded data."""
    return Problem(ARTIFICIAL, *make_ldl(n_samples, n_votes=N_VOTES, random_state=seed))


def load_problems(sources: Sequence[str], **options: Any) -> list[Problem]:
    """Load files and public data sets; files of the same name are told apart by their folders.

    Options are those of :func:`load_problem`.
    """
    stems = [Path(source).stem for source in sources]
    problems = [load_problem(source, **options) for source in sources]
    return [
        replace(problem, name=f"{Path(source).resolve().parent.name}-{stem}")
        if stems.count(stem) > 1
        else problem
        for source, stem, problem in zip(sources, stems, problems, strict=True)
    ]


def as_problem(data: Any, name: str) -> Problem:
    """Make a problem of a file, a public name, a pair, or a Bunch.

    Files and public data sets have names of their own.
    """
    if isinstance(data, Problem):
        return data
    if isinstance(data, str | Path):
        return load_problem(str(data))
    if isinstance(data, Bunch):
        labels = data.get("grid", data.get("target_names"))
        rows: dict[str, Any] = {key: _column(data.get(key)) for key in ("groups", "sample_weight")}
        notes = tuple(data.get("notes", ()))
        return Problem(name, data.data, _target(data.target), labels, **rows, notes=notes)
    if isinstance(data, tuple) and len(data) == 2:
        X, y = data
        names = isinstance(y, Sequence) and all(isinstance(column, str) for column in y)
        # As many as there are rows are labels, unless they are columns.
        if names and hasattr(X, "columns") and (len(y) != len(X) or set(y) <= set(X.columns)):
            return _from_frame(X, list(y), name)
        return Problem(name, X if hasattr(X, "shape") else np.asarray(X), _target(y))
    raise ValueError(
        "A data set is a name, a path, (X, y), (frame, label columns) or a Bunch; got "
        f"{type(data).__name__}."
    )


def _from_frame(frame: Any, labels: list[str], name: str) -> Problem:
    """Divide a frame of pandas or Polars into features and labels."""
    if missing := [label for label in labels if label not in frame.columns]:
        known = ", ".join(map(str, frame.columns))
        raise ValueError(f"{name} has no column {missing[0]!r}; its columns are {known}.")
    others = [column for column in frame.columns if column not in labels]
    return Problem(name, frame[others], _target(frame[labels]), labels)


def _target(y: Any) -> NDArray:
    y = y.toarray() if issparse(y) else np.asarray(y)
    return y.ravel() if y.ndim == 2 and y.shape[1] == 1 else y


def _column(values: Any) -> NDArray | None:
    return None if values is None else np.asarray(values)


def load_problem(source: str, *, sparse: bool = False, **table: Any) -> Problem:
    """Load a file or a public data set.

    Parameters
    ----------
    source : str
        File, or name of a public data set.
    sparse : bool, default=False
        Whether features are held as CSR.
    **table : dict
        What :func:`~sklearn_ldl.datasets.load_table` needs to know of a .csv file.
    """
    path = Path(source)
    if path.suffix.lower() in (".csv", ".tsv"):
        return _from_table(path, sparse, table)
    for name in table:
        raise ValueError(f"--{name.replace('_', '-')} is for .csv files only.")
    if source in list_datasets() and not path.exists():
        data = fetch_ldl(source, sparse=sparse)
    elif path.suffix or path.exists():
        data = load_ldl(source, sparse=sparse)
    else:
        raise ValueError(
            f"{source} is neither a file nor a public data set; `list` shows the data sets."
        )
    labels: Any = data.get("grid", data.target_names)
    if list(labels) == [f"label{j}" for j in range(len(labels))]:
        labels = None  # the file has no names; numbers are easier to read than these
    return Problem(path.stem, data.data, data.target, labels)


def _from_table(path: Path, sparse: bool, table: dict[str, Any]) -> Problem:
    if not table.keys() & {"vote_columns", "label_columns", "rater_columns", "long"}:
        raise ValueError(
            "Name the columns of a .csv file that judge its rows: --vote-columns for counts, "
            "--label-columns for degrees that sum to one, --rater-columns for one label of each "
            "rater, --long for a table with one row for each judgment (in Python, make a data set "
            "by load_table)."
        )
    data = load_table(path, **table)
    X = data.data
    if all(dtype.kind == "f" for dtype in X.dtypes) and not X.isnull().to_numpy().any():
        X = csr_array(X.to_numpy()) if sparse else X.to_numpy()
    elif sparse:
        other = next((name for name in X if X[name].dtype.kind != "f" or X[name].hasnans), "")
        raise ValueError(f"--sparse needs numbers in all cells, {path} has other ones in {other}.")
    return Problem(
        path.stem,
        X,
        data.target.to_numpy(),
        data.target_names,
        data.groups,
        data.sample_weight,
        notes=tuple(data.notes),
    )
