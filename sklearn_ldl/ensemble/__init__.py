"""Several learners as one: boosted trees, pairs of labels, stacks."""

from sklearn_ldl.ensemble.boosting import GradientBoostingLDL
from sklearn_ldl.ensemble.decomposition import DFLDL
from sklearn_ldl.ensemble.stacking import StackingLDL

__all__ = ["DFLDL", "GradientBoostingLDL", "StackingLDL"]
