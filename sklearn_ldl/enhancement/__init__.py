"""Label enhancement: label distributions recovered from features and logical labels."""

from sklearn_ldl.enhancement.classifier import LabelEnhancementClassifier
from sklearn_ldl.enhancement.fcm import FCMEnhancer
from sklearn_ldl.enhancement.glle import GLLEEnhancer
from sklearn_ldl.enhancement.km import KMEnhancer
from sklearn_ldl.enhancement.logical import to_logical_labels
from sklearn_ldl.enhancement.lp import LPEnhancer
from sklearn_ldl.enhancement.ml import MLEnhancer

__all__ = [
    "FCMEnhancer",
    "GLLEEnhancer",
    "KMEnhancer",
    "LPEnhancer",
    "LabelEnhancementClassifier",
    "MLEnhancer",
    "to_logical_labels",
]
