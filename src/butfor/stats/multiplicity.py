"""Many questions at once: p-values adjusted so that the promise holds for all of them together.

Holm    p(i)~ = max over j <= i of (m - j + 1) p(j): the chance of one false claim or more stays under alpha, whatever
        the dependence (Holm 1979).
BH      p(i)~ = min over j >= i of m p(j) / j: the expected share of false claims stays under alpha for independent or
        positively dependent tests (Benjamini and Hochberg 1995).
"""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import ArrayLike

from butfor.stats.quantiles import Floats


def adjust(ps: ArrayLike, how: Literal["holm", "bh"] = "holm") -> Floats:
    """Adjusted p-values, in the order given."""
    p = np.asarray(ps, dtype=np.float64)
    if p.ndim != 1:
        raise ValueError(f"p-values must be a flat list, not an array of shape {p.shape}")
    if wrong := np.flatnonzero(~((p >= 0) & (p <= 1))).tolist():
        raise ValueError(f"p-value {p[wrong[0]]} at position {wrong[0]} is not between 0 and 1")
    m = len(p)
    order = np.argsort(p, kind="stable")
    if how == "holm":
        ranked = np.maximum.accumulate((m - np.arange(m)) * p[order])
    elif how == "bh":
        ranked = np.minimum.accumulate((m / np.arange(1, m + 1) * p[order])[::-1])[::-1]
    else:
        raise ValueError(f"how must be 'holm' or 'bh', not {how!r}")
    adjusted = np.empty(m)
    adjusted[order] = np.minimum(ranked, 1.0)
    return adjusted
