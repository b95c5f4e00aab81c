"""Label shift: predictions for data whose labels are not as frequent as in training."""

from sklearn_ldl.shift.corrector import LabelShiftCorrector

__all__ = ["LabelShiftCorrector"]
