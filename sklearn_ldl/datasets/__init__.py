"""Data sets for label distribution learning: readers, fetchers, generators, imbalanced splits."""

from sklearn_ldl.datasets.fetchers import fetch_ldl, list_datasets
from sklearn_ldl.datasets.generators import make_label_shift, make_ldl, make_ldl_surface
from sklearn_ldl.datasets.imbalanced import (
    IMBALANCED_PROTOCOLS,
    ImbalancedKFold,
    make_imbalanced_ldl,
)
from sklearn_ldl.datasets.load import load_ldl
from sklearn_ldl.datasets.readers import read_csv, read_mat, read_npz

__all__ = [
    "IMBALANCED_PROTOCOLS",
    "ImbalancedKFold",
    "fetch_ldl",
    "list_datasets",
    "load_ldl",
    "make_imbalanced_ldl",
    "make_label_shift",
    "make_ldl",
    "make_ldl_surface",
    "read_csv",
    "read_mat",
    "read_npz",
]
