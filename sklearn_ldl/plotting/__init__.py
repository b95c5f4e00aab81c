"""Pictures of label distributions, of errors that models make on them, and of what they go by.

Every class follows scikit-learn's displays: `from_estimator` and `from_predictions` compute what
is shown, `plot` draws it (again), and what was computed and drawn stays on the display. They need
matplotlib, which is imported on first use: ``pip install "sklearn-ldl[plot]"``.
"""

from sklearn_ldl.plotting.cumulative_score import CumulativeScoreDisplay
from sklearn_ldl.plotting.dependence import DistributionDependenceDisplay
from sklearn_ldl.plotting.distributions import LabelDistributionDisplay
from sklearn_ldl.plotting.importance import ImportanceDisplay
from sklearn_ldl.plotting.label_error import LabelErrorDisplay
from sklearn_ldl.plotting.raters import RaterDisplay
from sklearn_ldl.plotting.reliability import ReliabilityDisplay
from sklearn_ldl.plotting.shap_label import ShapLabelDisplay
from sklearn_ldl.plotting.shap_row import ShapRowDisplay
from sklearn_ldl.plotting.surface import RGBSurfaceDisplay
from sklearn_ldl.plotting.uncertainty import UncertaintyDisplay

__all__ = [
    "CumulativeScoreDisplay",
    "DistributionDependenceDisplay",
    "ImportanceDisplay",
    "LabelDistributionDisplay",
    "LabelErrorDisplay",
    "RGBSurfaceDisplay",
    "RaterDisplay",
    "ReliabilityDisplay",
    "ShapLabelDisplay",
    "ShapRowDisplay",
    "UncertaintyDisplay",
]
