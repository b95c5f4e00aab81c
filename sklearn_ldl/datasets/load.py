"""From the variables of a file to checked features and label distributions."""

from __future__ import annotations

from collections.abc import Sequence
from os import PathLike
from pathlib import Path
from typing import Any, Literal, overload

import numpy as np
from scipy.sparse import csr_array, issparse
from scipy.stats import norm
from sklearn.utils import Bunch, check_array

from sklearn_ldl._core.simplex import check_distribution
from sklearn_ldl.datasets.readers import read_csv, read_mat, read_npz, shares

#: Standard deviation, in years, of the densities that age data sets store as labels.
_AGE_SIGMA = 3.0


@overload
def load_ldl(
    path: str | PathLike[str],
    *,
    label_columns: Sequence[str] | None = None,
    normalize: bool = False,
    sparse: bool = False,
    return_X_y: Literal[False] = False,
    as_frame: bool = False,
) -> Bunch: ...
@overload
def load_ldl(
    path: str | PathLike[str],
    *,
    label_columns: Sequence[str] | None = None,
    normalize: bool = False,
    sparse: bool = False,
    return_X_y: Literal[True],
    as_frame: bool = False,
) -> tuple[Any, Any]: ...
def load_ldl(
    path: str | PathLike[str],
    *,
    label_columns: Sequence[str] | None = None,
    normalize: bool = False,
    sparse: bool = False,
    return_X_y: bool = False,
    as_frame: bool = False,
) -> Bunch | tuple[Any, Any]:
    r"""Load features and label distributions from a ``.mat``, ``.npz`` or ``.csv`` file.

    Parameters
    ----------
    path : str or path-like
        A ``.mat`` or ``.npz`` file with the variables ``features`` (n_samples, n_features) and
        ``labels`` (n_samples, n_labels) and optionally ``feature_names`` and ``target_names``,
        or a ``.csv`` file with a header line.
    label_columns : sequence of str, default=None
        For a ``.csv`` file, and only there: the columns that hold the degrees of the labels.
    normalize : bool, default=False
        Divide every row of the labels by its sum, as votes and percentages need; it must have one.
        False refuses rows that are not distributions.
    sparse : bool, default=False
        Return the features as CSR; worth it when most of them are zero.
    return_X_y : bool, default=False
        Return ``(data, target)`` instead of a Bunch.
    as_frame : bool, default=False
        Return pandas DataFrames. Excludes ``sparse=True``.

    Returns
    -------
    data : Bunch
        With the entries

        data : ndarray, csr_array or DataFrame of shape (n_samples, n_features)
            The features; float32 stays float32, anything else becomes float64.
        target : ndarray or DataFrame of shape (n_samples, n_labels)
            The label distributions, float64, every row divided by its sum.
        feature_names, target_names : list of str
            Column names; ``x0, x1, ...`` and ``label0, label1, ...`` unless the file names them.
        frame : DataFrame of shape (n_samples, n_features + n_labels)
            `data` and `target` side by side; only with ``as_frame=True``.
        DESCR, filename : str
            A short description and the path.
        age : ndarray of shape (n_samples,), grid : ndarray of shape (n_labels,)
            Only for age data, see Notes.
    (data, target) : tuple
        With ``return_X_y=True``.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If the suffix is unknown, a variable or column is missing, the numbers of rows differ, or
        a row of the labels is not a distribution (with `normalize`: cannot be made one). Labels
        are never normalised silently: :func:`read_mat`, :func:`read_npz` and :func:`read_csv`
        return them as stored.
    TypeError
        If `label_columns` is a single string.
    ImportError
        If ``as_frame=True`` and pandas is not installed.

    Notes
    -----
    FG-Net stores real ages ``age``, a grid ``x`` of ages, and as ``labels`` the normal densities
    :math:`N(age, 3^2)` at the grid points. Ages near the ends of the grid lose up to 43 % of
    their mass there. A file whose labels are exactly those densities is accepted: each row is
    divided by its sum, which makes it the Gaussian truncated to the grid, and the Bunch keeps
    `age` and `grid`, for instance to build distributions of another width. It does not say who is
    on a face; :ref:`guide-ages` tells what the order of its rows says of that.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> from sklearn_ldl.datasets import load_ldl
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder, "votes.csv")
    ...     _ = path.write_text("height,like,dislike\n1.5,0.75,0.25\n1.8,0.5,0.5\n")
    ...     X, D = load_ldl(path, label_columns=["like", "dislike"], return_X_y=True)
    >>> D
    array([[0.75, 0.25],
           [0.5 , 0.5 ]])
    """
    if sparse and as_frame:
        raise ValueError("sparse=True and as_frame=True exclude each other.")
    path = Path(path)
    variables = _read(path, label_columns)
    X = _features(variables["features"], sparse)
    labels = variables["labels"]
    labels = labels.toarray() if issparse(labels) else np.asarray(labels)
    if labels.shape[:1] != X.shape[:1]:
        raise ValueError(
            f"{path}: features {X.shape} and labels {labels.shape} differ in their number of rows."
        )

    ages = _ages(variables, labels)
    if normalize or ages:
        labels = shares(labels, path)
    try:
        D = check_distribution(labels, input_name="labels")
    except ValueError as exc:
        raise ValueError(
            f"{path}: {exc} normalize=True divides every row by its sum, and "
            f"read_{path.suffix[1:].lower()} returns the labels as stored."
        ) from exc

    bunch = Bunch(
        data=X,
        target=D,
        feature_names=_names(variables, "feature_names", X.shape[1], "x"),
        target_names=_names(variables, "target_names", D.shape[1], "label"),
        DESCR=f"{path.name}: {len(D)} samples, {X.shape[1]} features, {D.shape[1]} labels.",
        filename=str(path),
        **ages,
    )
    if as_frame:
        _to_frames(bunch)
    return (bunch.data, bunch.target) if return_X_y else bunch


def _read(path: Path, label_columns: Sequence[str] | None) -> dict[str, Any]:
    suffix = path.suffix.lower()
    if suffix == ".csv":
        if label_columns is None:
            raise ValueError("label_columns must name the label columns of a .csv file.")
        return read_csv(path, label_columns)
    readers = {".mat": read_mat, ".npz": read_npz}
    if suffix not in readers:
        raise ValueError(f"Cannot load {path}: the suffix must be .mat, .npz or .csv.")
    if label_columns is not None:
        raise ValueError(f"label_columns is for .csv files only, got {path}.")
    return readers[suffix](path)


def _features(X: Any, sparse: bool) -> np.ndarray | csr_array:
    # Missing features are the estimator's business, so NaN passes.
    X = check_array(
        X,
        accept_sparse="csr",
        dtype=[np.float64, np.float32],
        order="C",
        ensure_all_finite=False,
        input_name="features",
    )
    if sparse:
        return csr_array(X)
    return X.toarray() if issparse(X) else X


def _names(variables: dict[str, Any], key: str, count: int, prefix: str) -> list[str]:
    if key not in variables:
        return [f"{prefix}{j}" for j in range(count)]
    # A MATLAB cell array arrives as an array of one-element arrays.
    names = ["".join(map(str, np.ravel(name))).strip() for name in np.ravel(variables[key])]
    if len(names) != count:
        raise ValueError(f"{key} has {len(names)} entries for {count} columns.")
    return names


def _ages(variables: dict[str, Any], labels: np.ndarray) -> dict[str, np.ndarray]:
    """Return `age` and `grid` if the labels are the normal densities around the ages."""
    if not {"age", "x"} <= variables.keys():
        return {}
    # Files store ages as unsigned bytes, whose differences wrap around.
    age, grid = (np.ravel(variables[key]).astype(np.float64) for key in ("age", "x"))
    if labels.shape != (len(age), len(grid)):
        return {}
    densities = norm.pdf(grid, loc=age[:, None], scale=_AGE_SIGMA)
    return {"age": age, "grid": grid} if np.allclose(labels, densities) else {}


def _to_frames(bunch: Bunch) -> None:
    try:
        import pandas as pd
    except ImportError as exc:
        raise ImportError("as_frame=True needs pandas: pip install pandas") from exc
    bunch.data = pd.DataFrame(bunch.data, columns=bunch.feature_names)
    bunch.target = pd.DataFrame(bunch.target, columns=bunch.target_names)
    bunch.frame = pd.concat([bunch.data, bunch.target], axis=1)
