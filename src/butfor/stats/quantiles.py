"""Quantiles and tails of the few distributions that the house needs, typed, without importing all of `scipy.stats`.

`scipy.stats` takes about a second to import and `scipy.special` a few hundredths; its functions are the same code.
"""

# pyright: reportMissingTypeStubs=false, reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import special

Floats = NDArray[np.float64]


def t_quantile(q: ArrayLike, df: ArrayLike) -> Floats:
    """Quantile q of Student's t."""
    return np.asarray(special.stdtrit(df, q), dtype=np.float64)


def z_quantile(q: ArrayLike) -> Floats:
    """Quantile q of the standard normal."""
    return np.asarray(special.ndtri(q), dtype=np.float64)


def z_below(z: ArrayLike) -> Floats:
    """P(Z <= z) of the standard normal."""
    return np.asarray(special.ndtr(z), dtype=np.float64)


def beta_quantile(q: ArrayLike, a: ArrayLike, b: ArrayLike) -> Floats:
    """Quantile q of Beta(a, b)."""
    return np.asarray(special.betaincinv(a, b, q), dtype=np.float64)


def binomial_below(k: ArrayLike, n: ArrayLike, p: ArrayLike) -> Floats:
    """P(X <= k) of Binomial(n, p)."""
    return np.asarray(special.bdtr(k, n, p), dtype=np.float64)


def noncentral_t_below(t: ArrayLike, df: ArrayLike, shift: ArrayLike) -> Floats:
    """P(T <= t) of noncentral t."""
    return np.asarray(special.nctdtr(df, shift, t), dtype=np.float64)
