"""Quantiles and tails of the few distributions that the house needs, typed, without importing all of `scipy.stats`.

`scipy.stats` takes about a second to import and `scipy.special` a few hundredths; its functions are the same code.
"""

# pyright: reportMissingTypeStubs=false, reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import special

Floats = NDArray[np.float64]

FAR = 20.0  # shift of a noncentral t


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


def noncentral_t_below(t: float, df: float, shift: float) -> float:
    """P(T <= t) of noncentral t, shift >= 0.

    scipy's series has holes (NaN) at negative t, so those are mirrored: then only chances below 1e-13 are missing. It
    has more at large shifts; there the chance is the mean of P(sqrt(χ²/df) >= (Z + shift) / t) over the normal Z, by
    Gauss and Hermite (error 1e-14).
    """
    if t < 0:
        return 0.0 if shift > FAR else float(np.nan_to_num(1 - special.nctdtr(df, -shift, -t), nan=0.0))
    if shift <= FAR:
        return float(special.nctdtr(df, shift, t))
    nodes, weights = np.polynomial.hermite_e.hermegauss(100)
    size = (nodes + shift) / max(t, 1e-300)
    return float(np.sum(weights * special.gammaincc(df / 2, df * size**2 / 2)) / np.sqrt(2 * np.pi))
