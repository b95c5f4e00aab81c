"""Several learners as one: boosted trees, stacks."""

from sklearn_ldl.ensemble.boosting import GradientBoostingLDL
from sklearn_ldl.ensemble.stacking import StackingLDL

__all__ = ["GradientBoostingLDL", "StackingLDL"]
