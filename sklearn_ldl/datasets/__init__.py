"""Data sets for label distribution learning: readers, fetchers, generators, imbalanced splits."""

from sklearn_ldl.datasets.faces import make_faces
from sklearn_ldl.datasets.fetchers import fetch_ldl, list_datasets
from sklearn_ldl.datasets.generators import make_label_shift, make_ldl, make_ldl_surface
from sklearn_ldl.datasets.imbalanced import (
    IMBALANCED_PROTOCOLS,
    ImbalancedKFold,
    make_imbalanced_ldl,
)
from sklearn_ldl.datasets.label_noise import make_annotators, make_noisy_labels
from sklearn_ldl.datasets.load import load_ldl
from sklearn_ldl.datasets.readers import read_csv, read_mat, read_npz
from sklearn_ldl.datasets.reviews import make_reviews
from sklearn_ldl.datasets.table import load_table

__all__ = [
    "IMBALANCED_PROTOCOLS",
    "ImbalancedKFold",
    "fetch_ldl",
    "list_datasets",
    "load_ldl",
    "load_table",
    "make_annotators",
    "make_faces",
    "make_imbalanced_ldl",
    "make_label_shift",
    "make_ldl",
    "make_ldl_surface",
    "make_noisy_labels",
    "make_reviews",
    "read_csv",
    "read_mat",
    "read_npz",
]
