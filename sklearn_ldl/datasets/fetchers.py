"""Fetch public data sets once, verify them always, and read them from disk afterwards."""

from __future__ import annotations

import hashlib
import os
from io import BytesIO
from os import PathLike
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Literal, overload

from sklearn.datasets import get_data_home
from sklearn.utils import Bunch

from sklearn_ldl._core.extras import MissingExtraError
from sklearn_ldl.datasets.load import load_ldl
from sklearn_ldl.datasets.registry import BASE_URL, DATASETS


def list_datasets() -> dict[str, str]:
    """List the data sets that can be fetched, with their publications.

    Returns
    -------
    publications : dict of str to str
        The publication to cite under the name of each data set.

    Examples
    --------
    >>> from sklearn_ldl.datasets import list_datasets
    >>> publications = list_datasets()
    >>> len(publications)
    26
    >>> publications["SJAFFE"]
    'X. Geng, "Label Distribution Learning", IEEE TKDE 28(7), 2016'
    """
    return {name: info.publication for name, info in DATASETS.items()}


@overload
def fetch_ldl(
    name: str,
    *,
    data_home: str | PathLike[str] | None = None,
    return_X_y: Literal[False] = False,
    as_frame: bool = False,
    sparse: bool = False,
    download_if_missing: bool = True,
) -> Bunch: ...
@overload
def fetch_ldl(
    name: str,
    *,
    data_home: str | PathLike[str] | None = None,
    return_X_y: Literal[True],
    as_frame: bool = False,
    sparse: bool = False,
    download_if_missing: bool = True,
) -> tuple[Any, Any]: ...
def fetch_ldl(
    name: str,
    *,
    data_home: str | PathLike[str] | None = None,
    return_X_y: bool = False,
    as_frame: bool = False,
    sparse: bool = False,
    download_if_missing: bool = True,
) -> Bunch | tuple[Any, Any]:
    """Load a public data set, downloading it on first use.

    The file is kept in the folder ``sklearn_ldl`` of scikit-learn's data home and verified at
    every call by its git blob id, so that results can be compared across machines. A file that
    was put there by hand is used like a downloaded one.

    Parameters
    ----------
    name : str
        One of the names in :func:`list_datasets`.
    data_home : str or path-like, default=None
        The data home, by default ``~/scikit_learn_data`` or the environment variable
        ``SCIKIT_LEARN_DATA``.
    return_X_y : bool, default=False
        Return ``(data, target)`` instead of a Bunch.
    as_frame : bool, default=False
        Return pandas DataFrames. Excludes ``sparse=True``.
    sparse : bool, default=False
        Return the features as CSR; worth it for ``"Movie"``, where 98.9 % are zero.
    download_if_missing : bool, default=True
        With False, raise OSError instead of downloading.

    Returns
    -------
    data : Bunch
        As returned by :func:`load_ldl`; `DESCR` also tells the publication and the source.
    (data, target) : tuple
        With ``return_X_y=True``.

    Raises
    ------
    ValueError
        If the name is unknown or the file is not the expected one.
    OSError
        If the file is missing and cannot (or must not) be downloaded.
    ImportError
        If a download is needed and pooch is not installed.

    Notes
    -----
    The files carry no licence for redistribution; they belong to the authors of the publications.

    Examples
    --------
    >>> from sklearn_ldl.datasets import fetch_ldl
    >>> X, D = fetch_ldl("SJAFFE", return_X_y=True)  # doctest: +SKIP
    >>> X.shape, D.shape  # doctest: +SKIP
    ((213, 243), (213, 6))
    """
    if name not in DATASETS:
        raise ValueError(f"Unknown data set {name!r}; choose from {', '.join(DATASETS)}.")
    url = f"{BASE_URL}/{name}.mat"
    path = Path(get_data_home(data_home), "sklearn_ldl", f"{name}.mat")
    if path.is_file():
        _verify(
            path.read_bytes(),
            name,
            source=f"{path}",
            remedy="Delete it to download it again, or read it as it is with load_ldl(path).",
        )
    elif download_if_missing:
        _download(url, path, name)
    else:
        raise OSError(f"{path} does not exist and download_if_missing=False. Source: {url}")

    data = load_ldl(path, sparse=sparse, as_frame=as_frame)
    data.DESCR += f"\n\nPublication: {DATASETS[name].publication}\nSource: {url}"
    return (data.data, data.target) if return_X_y else data


def _download(url: str, path: Path, name: str) -> None:
    try:
        import pooch
    except ImportError as exc:
        by_hand = f"Or put {url} into {path.parent} by hand."
        raise MissingExtraError("Downloading data sets", "pooch", "data", by_hand) from exc
    content = BytesIO()
    try:
        pooch.HTTPDownloader()(url, content, None)
    except OSError as exc:
        raise OSError(
            f"Could not download {url} ({exc}). A copy put into {path.parent} by hand is used."
        ) from exc
    _verify(content.getvalue(), name, source=url, remedy="Try again later; nothing was kept.")
    path.parent.mkdir(parents=True, exist_ok=True)
    # Renaming is atomic: an interrupted or concurrent call never leaves half a file.
    with TemporaryDirectory(dir=path.parent) as folder:
        part = Path(folder, path.name)
        part.write_bytes(content.getvalue())
        os.replace(part, path)


def _verify(content: bytes, name: str, *, source: str, remedy: str) -> None:
    found, expected = _git_blob_id(content), DATASETS[name].blob_id
    if found != expected:
        raise ValueError(
            f"{source} is not the public {name} file: expected git blob id {expected}, "
            f"found {found}. {remedy}"
        )


def _git_blob_id(content: bytes) -> str:
    """Return the name git gives to this content; a checksum here, not a safeguard."""
    head = b"blob %d\0" % len(content)
    return hashlib.sha1(head + content, usedforsecurity=False).hexdigest()
