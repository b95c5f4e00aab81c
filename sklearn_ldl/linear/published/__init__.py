"""Linear methods as they were published, each by its name in the literature."""

from sklearn_ldl.linear.published.iis import IISLDL
from sklearn_ldl.linear.published.lclr import LDLLCLR
from sklearn_ldl.linear.published.ldl4c import LDL4C
from sklearn_ldl.linear.published.ldlhr import LDLHR
from sklearn_ldl.linear.published.ldlsf import LDLSF
from sklearn_ldl.linear.published.ldm import LDLLDM
from sklearn_ldl.linear.published.lrl import EDLLRL
from sklearn_ldl.linear.published.scl import LDLSCL

__all__ = ["EDLLRL", "IISLDL", "LDL4C", "LDLHR", "LDLLCLR", "LDLLDM", "LDLSCL", "LDLSF"]
