"""What refuters need of scipy beyond `stats.quantiles`, typed; the pairing is imported when it is used."""

# pyright: reportMissingTypeStubs=false, reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import special


def t_above(t: float, df: float) -> float:
    """P(T > t) of Student's t."""
    return float(special.stdtr(df, -t))


def chi_square_above(x: float, df: float) -> float:
    """P(χ² > x)."""
    return float(special.chdtrc(df, x))


def closest(cost: NDArray[np.float64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Rows and columns of the pairing of least total cost."""
    from scipy.optimize import linear_sum_assignment

    rows, columns = linear_sum_assignment(cost)
    return np.asarray(rows, dtype=np.int64), np.asarray(columns, dtype=np.int64)
