"""Are residuals independent of the causes? The assumption of additive noise, tested.

    HSIC = tr(K H L H) / n²,   K of the causes, L of the residuals, Gaussian kernels of median width, H centres

n · HSIC is compared with a gamma distribution of the same mean and variance as under independence. A spread that grows
with a cause, a bent function taken for a line, or a confounder that shapes the noise all make it large.

Source    Gretton et al. 2008, "A kernel statistical test of independence".
Limits    At most `ROWS` rows are looked at: small dependence stays unseen. A confounder that only shifts a linear
          model's noise leaves least-squares residuals uncorrelated with the causes: nothing here can see it.
"""

# pyright: reportMissingTypeStubs=false, reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray
from scipy import special

from butfor.core.seeds import generator

Floats = NDArray[np.float64]

ROWS = 500


def independence(residual: Floats, causes: Floats, seed: int) -> float:
    """The p-value of independence between residuals [n] and causes [n, d]."""
    rows = generator(seed, "hsic").permutation(len(residual))[:ROWS]
    k, ks = _kernel(causes[rows])
    m, ms = _kernel(residual[rows, None])
    n = len(rows)
    product = k * m
    statistic = float(product.sum()) / n
    off = float((product**2).sum() - (np.diag(product) ** 2).sum()) / (n * (n - 1))
    variance = off * 2 * (n - 4) * (n - 5) / (n * (n - 1) * (n - 2) * (n - 3))
    mean = (1 - ks) * (1 - ms) / n
    shape, scale = mean**2 / variance, n * variance / mean
    return float(special.gammaincc(shape, statistic / scale))


def lopsided(values: Floats) -> float:
    """The p-value of normality by skewness and kurtosis (Jarque and Bera 1987)."""
    z = (values - values.mean()) / values.std()
    statistic = len(z) * (float(np.mean(z**3)) ** 2 / 6 + (float(np.mean(z**4)) - 3) ** 2 / 24)
    return math.exp(-statistic / 2)


def _kernel(x: Floats) -> tuple[Floats, float]:
    """The centred Gaussian kernel of the columns' standard scores [n, n], and its mean off the diagonal."""
    z = (x - x.mean(0)) / np.maximum(x.std(0), 1e-300)
    squares = np.sum(z**2, axis=1)
    apart = np.maximum(squares[:, None] + squares - 2 * z @ z.T, 0.0)
    n = len(x)
    middle = float(np.median(apart[np.triu_indices(n, 1)]))
    kernel = np.exp(-apart / (middle or 1.0))
    mean = float((kernel.sum() - np.trace(kernel)) / (n * (n - 1)))
    return kernel - kernel.mean(0) - kernel.mean(1)[:, None] + kernel.mean(), mean
