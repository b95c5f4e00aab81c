"""Label enhancement: label distributions recovered from features and logical labels."""

from sklearn_ldl.enhancement._classifier import LabelEnhancementClassifier
from sklearn_ldl.enhancement._logical import to_logical_labels
from sklearn_ldl.enhancement.fcm import FCMEnhancer
from sklearn_ldl.enhancement.km import KMEnhancer
from sklearn_ldl.enhancement.lp import LPEnhancer

__all__ = [
    "FCMEnhancer",
    "KMEnhancer",
    "LabelEnhancementClassifier",
    "LPEnhancer",
    "to_logical_labels",
]
