"""Tests and tables of estimates that are normally distributed around the truth."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import eigh
from scipy.special import ndtr, ndtri
from scipy.stats import chi2

from sklearn_ldl._core.extras import import_pandas

if TYPE_CHECKING:
    from pandas import DataFrame

# Smallest eigenvalue of a scaled information matrix that is no rounding error.
_ROUNDING = 1e-11


class ChiSquaredResult(NamedTuple):
    """What a test compares with a chi-squared distribution."""

    #: The statistic.
    statistic: float
    #: Degrees of freedom.
    df: float
    #: Probability of a larger statistic if the hypothesis holds.
    pvalue: float


def inverse_of(A: NDArray, what: str = "The information") -> NDArray[np.float64]:
    """Inverse of a covariance or information matrix, unless it is singular."""
    scale = np.sqrt(np.diag(A))
    if not scale.all():
        values = np.zeros(1)
    else:
        values, Q = eigh(A / np.outer(scale, scale))
    if values[0] < _ROUNDING * values[-1] or values[-1] <= 0:
        raise ValueError(
            f"{what} is singular: some features are constant or follow from others, labels are "
            "predicted without error, or there are more parameters than rows, groups or "
            "independent constraints. Leave features out, or fit with a penalty."
        )
    Q = Q / scale[:, None]
    return (Q / values) @ Q.T


def chi_squared(statistic: float, df: float) -> ChiSquaredResult:
    """Add the p-value to a statistic."""
    return ChiSquaredResult(statistic, df, float(chi2.sf(statistic, df)))


def normal_quantile(coverage: float) -> float:
    """Half the width of an interval, in standard errors."""
    if not 0 < coverage < 1:
        raise ValueError(f"coverage must lie in (0, 1), got {coverage!r}.")
    return float(ndtri((1 + coverage) / 2))


def table_of(
    name: str,
    estimates: NDArray,
    errors: NDArray,
    index: Sequence[Iterable],
    coverage: float,
    order: tuple[str, str] = ("label", "feature"),
) -> DataFrame:
    """Put estimates with their errors into a frame, a row each."""
    half = normal_quantile(coverage) * errors
    pd = import_pandas("A table of estimates")
    with np.errstate(divide="ignore", invalid="ignore"):
        z = estimates / errors
    columns = {
        name: estimates,
        "std_error": errors,
        "z": z,
        "p_value": 2 * ndtr(-np.abs(z)),
        "lower": estimates - half,
        "upper": estimates + half,
    }
    return pd.DataFrame(
        {key: values.ravel() for key, values in columns.items()},
        index=pd.MultiIndex.from_product(index, names=order),
    )
