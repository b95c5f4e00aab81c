"""How sure a predicted distribution is."""

from sklearn_ldl.uncertainty.conformal import ConformalLDL

__all__ = ["ConformalLDL"]
