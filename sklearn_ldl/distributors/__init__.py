"""Distributors: from what was observed (values, class labels, votes, masks) to distributions.

The classes are transformers of targets: ``transform(y)`` gives label distributions,
``inverse_transform(D)`` gives targets back.
"""

from ._decoupled import DecoupledLabelSplitter, DominantSplit, split_dominant
from ._gaussian import gaussian_label_distribution
from ._masks import smooth_mask
from ._multilabel import MultiLabelDistributor
from ._smoothing import LabelSmoother, smooth_labels
from ._values import GaussianLabelDistributor
from ._votes import VoteTable, vote_table_to_distribution, votes_to_distribution

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
