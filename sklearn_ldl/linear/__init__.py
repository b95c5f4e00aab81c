"""Linear models, as this package recommends them."""

from sklearn_ldl.linear.inference import MultinomialInference
from sklearn_ldl.linear.maxent import BFGSLDL
from sklearn_ldl.linear.maxent_cv import BFGSLDLCV
from sklearn_ldl.linear.ordinal import ProportionalOddsLDL
from sklearn_ldl.linear.smooth import SmoothBFGSLDL

__all__ = [
    "BFGSLDL",
    "BFGSLDLCV",
    "MultinomialInference",
    "ProportionalOddsLDL",
    "SmoothBFGSLDL",
]
