"""Linear estimators: softmax-linear models, and least squares on the degrees."""

from sklearn_ldl.published.iis import IISLDL
from sklearn_ldl.published.lclr import LDLLCLR
from sklearn_ldl.published.ldlsf import LDLSF
from sklearn_ldl.published.ldm import LDLLDM
from sklearn_ldl.published.lrl import EDLLRL
from sklearn_ldl.linear.maxent import BFGSLDL
from sklearn_ldl.linear.maxent_cv import BFGSLDLCV
from sklearn_ldl.published.scl import LDLSCL

__all__ = ["BFGSLDL", "BFGSLDLCV", "EDLLRL", "IISLDL", "LDLLCLR", "LDLLDM", "LDLSCL", "LDLSF"]
