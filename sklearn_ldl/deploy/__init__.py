"""Models leave the notebook: files that are loaded without running what they hold."""

from sklearn_ldl.deploy.saving import describe, load, save
from sklearn_ldl.deploy.types import skops_types

__all__ = ["describe", "load", "save", "skops_types"]
