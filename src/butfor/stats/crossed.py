"""Seeds × items: every seed answers the same items, so neither repeats the other.

    d[s, i] = μ + seed_s + item_i + noise_si          S seeds, n items, all random

The grand mean has variance σ²_seed / S + σ²_item / n + σ²_noise / (nS), which the mean squares of the table estimate
by (MS_item + MS_seed - MS_noise) / (nS). The items' means over seeds give the first term, and the seeds add

    reach² = max(0, t²(S - 1) MS_seed - t²(n - 1) min(MS_noise, MS_item)) / (nS),

t(d) Student's quantile on d degrees of freedom at the level asked for; the two are joined (`reach.JoinedReach`).
So the interval always contains both the items' own interval and the seeds' own t interval, which is exact where items
do not differ; that holds at every level, and p-values may go into Holm's correction. Taking the noise off at its own
quantile matters: variances of two or three seeds are often near 0 by luck. MS_seed - MS_noise / 2, at the seeds'
quantile, rejects a true null 26 times too often at 0.05 % with three seeds, 5 times with five. Taking nothing off is
as safe, and 3 % (two seeds) to 27 % (eight) wider where seeds differ by chance alone. docs/stats.md has the figures.

Clusters are summed first: a cluster is one unit that weighs as much as its items do.

Limits  Where seeds do not differ, few of them cannot show it, and the interval is wide: at 5 % it rejects a
        true null in less than 1 % (two seeds) to 3 % (eight) of A/A runs. Seeds' own differences are taken for normal.
        Identical seeds give exactly the items' interval: repeating a deterministic run proves nothing more.
        Identical items give exactly the seeds' t interval.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from butfor.stats.quantiles import Floats, t_quantile


def mean_squares(z: Floats) -> tuple[Floats, Floats, Floats]:
    """Mean squares of seeds, items and noise; z [..., S, n], S >= 2, n >= 2."""
    seeds, n = z.shape[-2:]
    grand = z.mean((-2, -1), keepdims=True)
    by_seed, by_item = z.mean(-1, keepdims=True) - grand, z.mean(-2, keepdims=True) - grand
    rest = z - grand - by_seed - by_item
    return (
        n * np.sum(by_seed**2, axis=(-2, -1)) / (seeds - 1),
        seeds * np.sum(by_item**2, axis=(-2, -1)) / (n - 1),
        np.sum(rest**2, axis=(-2, -1)) / ((seeds - 1) * (n - 1)),
    )


@dataclass(frozen=True, slots=True, eq=False)
class SeedsReach:
    """The seeds' t interval less the noise that the items' interval already holds."""

    of_seeds: Floats
    of_noise: Floats  # never more than the items' mean square, so that the joined interval contains the seeds' own
    seeds: int
    n: int

    def __call__(self, level: float | Floats, /) -> tuple[Floats, Floats]:
        q = (1 + np.asarray(level)) / 2
        kept = t_quantile(q, self.seeds - 1) ** 2 * self.of_seeds - t_quantile(q, self.n - 1) ** 2 * self.of_noise
        half = np.sqrt(np.maximum(kept, 0.0) / (self.n * self.seeds))
        return half, half


def seeds_reach(z: Floats) -> SeedsReach:
    """What the choice of seeds adds to the error of the grand mean; z [..., S, n]."""
    seeds, n = z.shape[-2:]
    of_seeds, of_items, of_noise = mean_squares(z)
    floor = 1e-24 * np.mean(z**2, axis=(-2, -1))  # identical seeds leave rounding errors, not variance
    return SeedsReach(np.where(of_seeds > floor, of_seeds, 0.0), np.minimum(of_noise, of_items), seeds, n)


def by_cluster(values: Floats, clusters: NDArray[np.generic]) -> Floats:
    """Sums over the items of each cluster, [S, clusters] <- [S, n]; a cluster weighs as much as its items do."""
    _, label = np.unique(clusters, return_inverse=True)
    return np.stack([np.bincount(label, weights=row) for row in values]).astype(np.float64)
