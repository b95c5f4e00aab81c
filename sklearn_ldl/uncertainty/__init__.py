"""How sure a predicted distribution is: members that disagree, and sets with a guarantee."""

from sklearn_ldl.uncertainty.conformal import ConformalLDL
from sklearn_ldl.uncertainty.decompose import Uncertainty, decompose_uncertainty
from sklearn_ldl.uncertainty.members import predict_members
from sklearn_ldl.uncertainty.regions import Region

__all__ = [
    "ConformalLDL",
    "Region",
    "Uncertainty",
    "decompose_uncertainty",
    "predict_members",
]
