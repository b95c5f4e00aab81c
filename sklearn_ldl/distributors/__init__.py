"""Distributors: from what was observed (values, class labels, votes, masks) to distributions.

The classes are transformers of targets: ``transform(y)`` gives label distributions,
``inverse_transform(D)`` gives targets back.
"""

from sklearn_ldl.distributors._decoupled import (
    DecoupledLabelSplitter,
    DominantSplit,
    split_dominant,
)
from sklearn_ldl.distributors._gaussian import gaussian_label_distribution
from sklearn_ldl.distributors._masks import smooth_mask
from sklearn_ldl.distributors._multilabel import MultiLabelDistributor
from sklearn_ldl.distributors._smoothing import LabelSmoother, smooth_labels
from sklearn_ldl.distributors._values import GaussianLabelDistributor
from sklearn_ldl.distributors._votes import (
    VoteTable,
    vote_table_to_distribution,
    votes_to_distribution,
)

__all__ = [
    "DecoupledLabelSplitter",
    "DominantSplit",
    "GaussianLabelDistributor",
    "LabelSmoother",
    "MultiLabelDistributor",
    "VoteTable",
    "gaussian_label_distribution",
    "smooth_labels",
    "smooth_mask",
    "split_dominant",
    "vote_table_to_distribution",
    "votes_to_distribution",
]
