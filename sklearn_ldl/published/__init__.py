"""Linear methods as they were published, each by its name in the literature."""

from sklearn_ldl.published.iis import IISLDL
from sklearn_ldl.published.lclr import LDLLCLR
from sklearn_ldl.published.ldl4c import LDL4C
from sklearn_ldl.published.ldlhr import LDLHR
from sklearn_ldl.published.ldlsf import LDLSF
from sklearn_ldl.published.ldm import LDLLDM
from sklearn_ldl.published.lrl import EDLLRL
from sklearn_ldl.published.scl import LDLSCL

__all__ = ["EDLLRL", "IISLDL", "LDL4C", "LDLHR", "LDLLCLR", "LDLLDM", "LDLSCL", "LDLSF"]
