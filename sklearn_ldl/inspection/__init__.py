"""Why a model predicts a distribution: contributions, partial dependence and odds ratios.

Importances by permutation need nothing from here: scikit-learn's ``permutation_importance`` takes
the scorers of :func:`sklearn_ldl.metrics.get_ldl_scorer`. Pictures of all of these are in
:mod:`sklearn_ldl.plotting`.
"""

from sklearn_ldl.inspection.contributions import ShapValues, shap_values
from sklearn_ldl.inspection.dependence import DistributionDependence, distribution_dependence
from sklearn_ldl.inspection.odds import odds_ratios

__all__ = [
    "DistributionDependence",
    "ShapValues",
    "distribution_dependence",
    "odds_ratios",
    "shap_values",
]
