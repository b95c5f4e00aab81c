"""From a .csv file of anything and votes to features, label distributions and weights."""

from __future__ import annotations

from collections.abc import Sequence
from os import PathLike

import numpy as np
from sklearn.utils import Bunch

from sklearn_ldl.datasets.column_types import typed
from sklearn_ldl.datasets.csv_files import CsvFile, read_cells
from sklearn_ldl.datasets.judgments import (
    Judged,
    from_degrees,
    from_long,
    from_raters,
    from_votes,
)
from sklearn_ldl.distributors import votes_to_distribution


def load_table(
    path: str | PathLike[str],
    *,
    vote_columns: Sequence[str] | None = None,
    label_columns: Sequence[str] | None = None,
    rater_columns: Sequence[str] | None = None,
    long: Sequence[str] | None = None,
    weights: str | None = None,
    groups: str | None = None,
    drop_columns: Sequence[str] = (),
    prior: float = 0.0,
    drop_unlabelled: bool = False,
) -> Bunch:
    r"""Load a ``.csv`` file of columns of any kind, and of what people said about its rows.

    Columns become numbers, dates, categories (text of less than 40 different cells) and text.
    Separators, comma decimals and Latin-1 are recognised. Columns that are empty, without a name
    and different in every row (as pandas writes its index), or identifiers (text of one word,
    another in nearly every row) are left out, and `notes` says so.

    Parameters
    ----------
    path : str or path-like
        The file, with a header.
    vote_columns : sequence of str, default=None
        Columns with the votes for the labels: counts, or sums of weights. They become shares;
        missing cells are no votes.
    label_columns : sequence of str, default=None
        Columns with the degrees of the labels, which sum to 1 in every row.
    rater_columns : sequence of str, default=None
        Columns of raters, which hold the label that each of them named. Labels are put in the order
        of numbers, or of the alphabet: those of a scale are better numbered.
    long : sequence of str, default=None
        Columns ``(item, rater, label)``, or ``(item, label)``, of a table with one row for each
        judgment; all other columns describe the item. Exactly one of these four is needed.
    weights : str, default=None
        Column with the weights of the rows, or "uniform" for none. None weighs every row by the
        number of its votes, those of `prior` included; of degrees all alike.
    groups : str, default=None
        Column that says which rows belong together.
    drop_columns : sequence of str, default=()
        Columns to leave out.
    prior : float, default=0.0
        Votes that are added for every label, at least 0; see
        :func:`~sklearn_ldl.votes_to_distribution`.
    drop_unlabelled : bool, default=False
        Leave out rows about which nothing was said. False refuses them, unless `prior` is above 0.

    Returns
    -------
    data : Bunch
        With the entries

        data : DataFrame of shape (n_samples, n_features)
            Features: float, datetime, category and text. The index has the numbers of the rows in
            a spreadsheet, where the header is row 1.
        target : DataFrame of shape (n_samples, n_labels)
            Label distributions.
        sample_weight, groups : ndarray of shape (n_samples,) or None
            Weights, and groups of rows.
        feature_names, target_names : list of str
            Names of the columns.
        notes : list of str
            What was left out, and what was decided on the way.
        DESCR, filename : str
            A description that ends with the notes, and the path.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ImportError
        If pandas and skrub are not installed.
    ValueError
        If the file or what is said about it makes no sense: the message names file, row and column
        as a spreadsheet shows them, and what to do.

    See Also
    --------
    load_ldl : Loads numbers and degrees, without further packages.
    make_reviews : Makes a table to try this on.

    Notes
    -----
    For learners of numbers, ``skrub.TableVectorizer`` in a pipeline encodes dates, categories and
    text. :class:`~sklearn_ldl.GradientBoostingLDL` takes categories and missing values as they are.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> from sklearn_ldl.datasets import load_table
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder, "votes.csv")
    ...     _ = path.write_text("size;price;like;dislike\n3;1,5;3;1\n7;NA;0;2\n")
    ...     data = load_table(path, vote_columns=["like", "dislike"])
    >>> data.target.to_numpy()
    array([[0.75, 0.25],
           [0.  , 1.  ]])
    >>> data.sample_weight
    array([4., 2.])
    >>> data.data["price"].tolist()
    [1.5, nan]
    """
    roles = {
        "vote_columns": vote_columns,
        "label_columns": label_columns,
        "rater_columns": rater_columns,
        "long": long,
    }
    kind, columns = _one_of(roles)
    if isinstance(drop_columns, str):
        raise TypeError(f"drop_columns must be a list of names, got {drop_columns!r}.")
    if not 0 <= prior < np.inf:
        raise ValueError(f"prior must be a finite number of at least 0, got {prior}.")
    if prior > 0 and kind == "label_columns":
        raise ValueError("prior is a number of votes: it is not for degrees.")
    file = read_cells(path)
    is_column = weights in file.letters or weights not in (None, "uniform")
    weight_column = weights if is_column else None
    taken = [*columns, *[name for name in (weight_column, groups) if name is not None]]
    file.require([*taken, *drop_columns])
    repeated = [name for name in taken if taken.count(name) > 1]
    if repeated:
        raise ValueError(f"{file.path}: column {repeated[0]!r} is named for two things.")
    features = [name for name in file.letters if name not in {*taken, *drop_columns}]
    judged = _judged(file, kind, columns, [*features, *taken[len(columns) :]])
    judged = _labelled(judged, prior, drop_unlabelled)
    file, D = judged.file, judged.table
    weight = None
    if weight_column is not None:
        weight = file.numbers(weight_column, "weight")
        if not weight.any():
            raise file.error("all weights are 0.", column=weight_column)
    elif judged.are_votes and weights is None:
        weight = D.sum(axis=1).to_numpy() + prior * D.shape[1]
    if judged.are_votes:
        D = votes_to_distribution(D, prior=prior)
    X = typed(file, features)
    if not X.shape[1]:
        raise file.error(f"no feature is left. {' '.join(file.notes)}".strip())
    about = f"{file.path.name}: {len(X)} rows, {X.shape[1]} features, {D.shape[1]} labels."
    return Bunch(
        data=X,
        target=D,
        sample_weight=weight,
        groups=_groups(file, groups),
        feature_names=list(X.columns),
        target_names=list(D.columns),
        notes=file.notes,
        DESCR="\n".join([about, *file.notes]),
        filename=str(file.path),
    )


def _one_of(roles: dict[str, Sequence[str] | None]) -> tuple[str, list[str]]:
    """Find out which of the parameters says where the judgments are, and their columns."""
    given = {name: columns for name, columns in roles.items() if columns is not None}
    if len(given) != 1:
        raise ValueError(f"Name the columns of the judgments by one of {', '.join(roles)}.")
    [(kind, columns)] = given.items()
    if isinstance(columns, str):
        raise TypeError(f"{kind} must be a list of names, got {columns!r}.")
    columns = list(columns)
    if not columns:
        raise ValueError(f"{kind} names no column.")
    if kind == "long" and len(columns) not in (2, 3):
        raise ValueError(f"long names item, rater and label, or item and label; got {columns}.")
    if kind in ("vote_columns", "label_columns") and len(columns) < 2:
        raise ValueError(f"{kind} names {len(columns)} label, and two are needed.")
    return kind, columns


def _judged(file: CsvFile, kind: str, columns: list[str], others: list[str]) -> Judged:
    if kind == "long":
        item, *rater, label = columns
        return from_long(file, item, label, others, *rater)
    read = {
        "vote_columns": from_votes,
        "label_columns": from_degrees,
        "rater_columns": from_raters,
    }
    return read[kind](file, columns)


def _labelled(judged: Judged, prior: float, drop: bool) -> Judged:
    """Leave out rows without votes, or refuse them."""
    file, table = judged.file, judged.table
    with_votes = table.to_numpy().any(axis=1)
    n_without = int((~with_votes).sum())
    if not n_without or (prior > 0 and not drop):
        return judged
    first = int(np.argmin(with_votes))
    one = n_without == 1
    what = "votes" if judged.are_votes else "degrees"
    if not drop:
        ways = "Leave such rows out (drop_unlabelled=True, --drop-unlabelled)"
        if judged.are_votes:
            ways += " or add votes to every label (prior=1, --prior 1)"
        rows = "the row has" if one else f"this is the first of {n_without} rows that have"
        raise file.error(f"{rows} no {what}. {ways}.", first)
    if n_without == len(table):
        raise file.error(f"no row has {what}.")
    row = f"row {file.cells.index[first]}"
    file.notes.append(
        f"{row} has no {what}: left out"
        if one
        else f"{n_without} rows have no {what}: left out, the first is {row}"
    )
    return judged._replace(file=file.only(with_votes), table=table[with_votes])


def _groups(file: CsvFile, name: str | None):
    if name is None:
        return None
    missing = file.missing(name)
    if missing.any():
        raise file.error("the group is missing.", np.argmax(missing), name)
    return file.cells[name].to_numpy(dtype=str)
