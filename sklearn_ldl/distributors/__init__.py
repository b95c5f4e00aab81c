"""Distributors: from what was observed (values, class labels, votes, masks) to distributions.

The classes are transformers of targets: ``transform(y)`` gives label distributions,
``inverse_transform(D)`` gives targets back.
"""

from sklearn_ldl.distributors.decoupled import (
    DecoupledLabelSplitter,
    DominantSplit,
    split_dominant,
)
from sklearn_ldl.distributors.gaussian import gaussian_label_distribution
from sklearn_ldl.distributors.gaussian_distributor import GaussianLabelDistributor
from sklearn_ldl.distributors.grids import head_pose_grid, product_grid
from sklearn_ldl.distributors.masks import smooth_mask
from sklearn_ldl.distributors.multilabel import MultiLabelDistributor
from sklearn_ldl.distributors.raters import RaterModel
from sklearn_ldl.distributors.smoothing import LabelSmoother, smooth_labels
from sklearn_ldl.distributors.vote_quality import (
    VoteDispersion,
    VoteError,
    expected_vote_error,
    krippendorff_alpha,
    vote_dispersion,
)
from sklearn_ldl.distributors.votes import (
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
    "RaterModel",
    "VoteDispersion",
    "VoteError",
    "VoteTable",
    "expected_vote_error",
    "gaussian_label_distribution",
    "krippendorff_alpha",
    "head_pose_grid",
    "product_grid",
    "smooth_labels",
    "smooth_mask",
    "split_dominant",
    "vote_dispersion",
    "vote_table_to_distribution",
    "votes_to_distribution",
]
