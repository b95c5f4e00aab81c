"""From a file to its variables: labels as stored, or divided by their sums on request."""

from __future__ import annotations

import csv
import re
from collections.abc import Sequence
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.io import loadmat
from scipy.sparse import issparse
from sklearn.utils import check_array

from sklearn_ldl._core.simplex import normalize as divide_by_sums


def read_mat(path: str | PathLike[str], *, normalize: bool = False) -> dict[str, Any]:
    """Read the variables of a MATLAB file, labels unchecked.

    Parameters
    ----------
    path : str or path-like
        A ``.mat`` file up to version 7 (version 7.3 is HDF5 and not supported) with at least
        ``features`` of shape (n_samples, n_features) and ``labels`` of shape
        (n_samples, n_labels).
    normalize : bool, default=False
        Divide every row of ``labels`` by its sum, as votes and percentages need; it must have one.
        False returns them as stored.

    Returns
    -------
    variables : dict of str to object
        Every variable of the file under its own name.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If the file cannot be read as MATLAB, `features` or `labels` is missing, or a row of the
        labels is to be normalized and cannot.

    See Also
    --------
    load_ldl : Reads the same file and returns checked label distributions.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> from scipy.io import savemat
    >>> from sklearn_ldl.datasets import read_mat
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder, "votes.mat")
    ...     savemat(path, {"features": [[0.5, 1.5]], "labels": [[3, 1]]})
    ...     read_mat(path)["labels"]
    array([[3, 1]])
    """
    path = _existing(path)
    try:
        stored = loadmat(path)
    except NotImplementedError as exc:
        raise ValueError(
            f"{path} is a MATLAB 7.3 (HDF5) file; save it again with save(..., '-v7')."
        ) from exc
    except Exception as exc:  # scipy's parser fails in many ways on foreign bytes
        raise ValueError(f"{path} is not a readable .mat file: {exc}") from exc
    variables = {k: v for k, v in stored.items() if not k.startswith("__")}
    return _complete(variables, path, normalize)


def read_npz(path: str | PathLike[str], *, normalize: bool = False) -> dict[str, np.ndarray]:
    """Read the arrays of a NumPy archive, labels unchecked.

    Parameters
    ----------
    path : str or path-like
        A ``.npz`` file with at least ``features`` of shape (n_samples, n_features) and
        ``labels`` of shape (n_samples, n_labels). Pickled objects are refused.
    normalize : bool, default=False
        Divide every row of ``labels`` by its sum, as votes and percentages need; it must have one.
        False returns them as stored.

    Returns
    -------
    variables : dict of str to ndarray
        Every array of the file under its own name.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If the file cannot be read as an archive, `features` or `labels` is missing, or a row of
        the labels is to be normalized and cannot.

    See Also
    --------
    load_ldl : Reads the same file and returns checked label distributions.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> import numpy as np
    >>> from sklearn_ldl.datasets import read_npz
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder, "votes.npz")
    ...     np.savez(path, features=[[0.5, 1.5]], labels=[[3, 1]])
    ...     read_npz(path)["labels"]
    array([[3, 1]])
    """
    path = _existing(path)
    try:
        # NumPy leaves a file open that it cannot read.
        with open(path, "rb") as file, np.load(file, allow_pickle=False) as stored:
            variables = dict(stored)
    except Exception as exc:  # zip, pickle and array errors have no common type
        raise ValueError(f"{path} is not a readable .npz file: {exc}") from exc
    return _complete(variables, path, normalize)


def read_csv(
    path: str | PathLike[str], label_columns: Sequence[str], *, normalize: bool = False
) -> dict[str, Any]:
    r"""Read a comma-separated table with one header line, labels unchecked.

    Parameters
    ----------
    path : str or path-like
        A UTF-8 ``.csv`` file. Every cell below the header must be a number.
    label_columns : sequence of str
        Names of the columns that hold the degrees of the labels; all others are features.
    normalize : bool, default=False
        Divide every row of ``labels`` by its sum, as votes and percentages need; it must have one.
        False returns them as stored.

    Returns
    -------
    variables : dict
        ``features`` (n_samples, n_features) and ``labels`` (n_samples, n_labels), float64, with
        the lists ``feature_names`` and ``target_names``; labels in the order of `label_columns`.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    TypeError
        If `label_columns` is a single string.
    ValueError
        If a label column is missing, no feature column is left, a name occurs twice, the table is
        empty, ragged or not numeric, or a row of the labels is to be normalized and cannot.

    See Also
    --------
    load_ldl : Reads the same file and returns checked label distributions.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> from sklearn_ldl.datasets import read_csv
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder, "votes.csv")
    ...     _ = path.write_text("height,like,dislike\n1.5,3,1\n")
    ...     read_csv(path, label_columns=["like", "dislike"])["labels"]
    array([[3., 1.]])
    """
    if isinstance(label_columns, str):
        raise TypeError(f"label_columns must be a list of names, got {label_columns!r}.")
    path = _existing(path)
    with path.open(newline="", encoding="utf-8-sig") as lines:
        header = [name.strip() for name in next(csv.reader(lines), [])]
        rows = [line for line in lines if line.strip()]

    targets = list(label_columns)
    missing = [name for name in targets if name not in header]
    if missing:
        raise ValueError(f"{path} has no label columns {missing}; its columns are {header}.")
    features = [name for name in header if name not in targets]
    if not features:
        raise ValueError(f"{path} has no feature column: label_columns names all of {header}.")
    if len(set(header)) < len(header) or len(set(targets)) < len(targets):
        raise ValueError(f"{path}: a name occurs twice in its columns {header} or in {targets}.")
    if not rows:
        raise ValueError(f"{path} has no rows below its header.")
    try:
        table = np.loadtxt(rows, delimiter=",", quotechar='"', comments=None, ndmin=2)
    except ValueError as exc:
        # NumPy counts columns from one.
        found = re.search(r"column (\d+)", str(exc))
        column = int(found[1]) if found else 0
        where = f" The column is {header[column - 1]!r}." if 0 < column <= len(header) else ""
        raise ValueError(f"{path} must hold numbers only below its header: {exc}{where}") from exc
    if table.shape[1] != len(header):
        raise ValueError(
            f"{path} has {len(header)} column names but {table.shape[1]} columns of numbers."
        )
    variables = {
        "features": table[:, [header.index(name) for name in features]],
        "labels": table[:, [header.index(name) for name in targets]],
        "feature_names": features,
        "target_names": targets,
    }
    return _complete(variables, path, normalize)


def _existing(path: str | PathLike[str]) -> Path:
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"No such file: {path}")
    return path


def shares(labels: Any, path: Path) -> NDArray[np.float64]:
    """Divide every row by its sum; a ValueError that names the file where that makes no sense."""
    labels = labels.toarray() if issparse(labels) else labels
    A = check_array(labels, dtype=np.float64, input_name="labels")
    bad = (A < 0).any(axis=1) | ~A.any(axis=1)
    if bad.any():
        raise ValueError(
            f"{path}: row {np.argmax(bad)} of the labels cannot be normalized, it has a negative "
            "entry or none above zero."
        )
    return divide_by_sums(A)


def _complete(variables: dict[str, Any], path: Path, normalize: bool) -> dict[str, Any]:
    missing = [name for name in ("features", "labels") if name not in variables]
    if missing:
        raise ValueError(
            f"{path} lacks {' and '.join(missing)}; it holds {sorted(variables)}. A data file "
            "needs `features` (n_samples, n_features) and `labels` (n_samples, n_labels)."
        )
    if normalize:
        variables["labels"] = shares(variables["labels"], path)
    return variables
