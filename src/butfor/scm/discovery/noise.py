"""What its causes leave of a column: is it Gaussian, and does it depend on them?

LiNGAM stands on linear effects and on noise that is independent of the causes and not Gaussian. The columns themselves
tell little: sums of many noises look Gaussian soon. So both are asked of the residuals of a graph.

Gaussian      n/6 · (skewness² + excess kurtosis² / 4) against chi-square with 2 degrees of freedom
independent   correlations with functions h of a cause: its rank, the rank's cube, the rank of its size. What the
              regression got wrong is linear in the causes and must not shift them: of the noise's rank with h without
              its linear part, and of |noise - median| with h, whose slope has mean 0. Then √n · correlation is near
              standard normal

Source    Jarque & Bera 1987; Shimizu et al. 2011 (the model).
Limits    Six functions of noise and cause, not all: a dependence that none of them sees passes.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from butfor.scm.columns import Floats
from butfor.scm.graphs.equivalence import Pattern
from butfor.stats.effect import Check
from butfor.stats.quantiles import z_below


def noise_of(x: Floats, directed: NDArray[np.bool_]) -> Floats:
    """What the causes of each column leave of it [n, k]; `directed[i, j]` where i causes j."""
    noise = x - x.mean(axis=0)
    centred = noise.copy()
    for j in np.flatnonzero(directed.any(axis=0)).tolist():
        noise[:, j] = _without(noise[:, j], centred[:, directed[:, j]])
    return noise


def jarque_bera(x: Floats) -> Floats:
    """P-values that each column is Gaussian [k]."""
    z = (x - x.mean(axis=0)) / x.std(axis=0)
    statistic = len(x) / 6 * ((z**3).mean(axis=0) ** 2 + ((z**4).mean(axis=0) - 3) ** 2 / 4)
    return np.exp(-statistic / 2)


def noise_checks(x: Floats, pattern: Pattern) -> Iterable[Check]:
    """Is the noise non-Gaussian, and independent of the causes?"""
    noise = noise_of(x, pattern.directed)
    gaussian = [name for name, p in zip(pattern.names, jarque_bera(noise), strict=True) if p > 0.01]
    said = f"the noise of {', '.join(gaussian)} looks Gaussian: directions among these are guesses"
    yield Check("noise", len(gaussian) <= 1, said if len(gaussian) > 1 else "the noise is not Gaussian")
    edges = list[tuple[float, str]]()
    for j in np.flatnonzero(pattern.directed.any(axis=0)).tolist():
        causes = np.flatnonzero(pattern.directed[:, j])
        p = dependence(noise[:, j], x[:, causes])
        edges += [(value, f"{pattern.names[j]} on {pattern.names[i]}") for value, i in zip(p, causes, strict=True)]
    worst, where = min(edges, default=(1.0, ""))
    bad = bool(edges) and worst * len(edges) < 0.01
    told = f"the noise depends on a cause ({where}): effects are not linear, or a cause is unseen; try boss or gfci"
    yield Check("independence", not bad, told if bad else "the noise does not depend on the causes")


def dependence(noise: Floats, causes: Floats) -> list[float]:
    """P-values that noise [n] is independent of each of the causes [n, k] it was regressed on: Bonferroni over six."""
    centred = causes - causes.mean(axis=0)
    rank, size = _ranks(noise), np.abs(noise - np.median(noise))
    size = np.minimum(size, np.quantile(size, 0.99))
    size -= size.mean()
    found: list[float] = []
    for cause in causes.T:
        shapes = [_ranks(cause), _ranks(cause) ** 3, _ranks(np.abs(cause - np.median(cause)))]
        z = [abs(_correlation(rank, _without(shape, centred))) for shape in shapes]
        z += [abs(_correlation(size, shape)) for shape in shapes]
        found.append(min(1.0, 6 * 2 * float(z_below(-max(z) * np.sqrt(len(noise) - 1)))))
    return found


def _without(y: Floats, x: Floats) -> Floats:
    """A centred column without its part that is linear in centred columns."""
    return y - x @ np.linalg.lstsq(x, y)[0]


def _ranks(values: Floats) -> Floats:
    """Centred ranks."""
    return np.argsort(np.argsort(values)).astype(np.float64) - (len(values) - 1) / 2


def _correlation(a: Floats, b: Floats) -> float:
    size = float(np.sqrt((a @ a) * (b @ b)))
    return float(a @ b) / size if size > 0 else 0.0
