"""How sure a predicted distribution is: members that disagree."""

from sklearn_ldl.uncertainty.decompose import Uncertainty, decompose_uncertainty
from sklearn_ldl.uncertainty.members import predict_members

__all__ = ["Uncertainty", "decompose_uncertainty", "predict_members"]
