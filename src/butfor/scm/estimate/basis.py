"""Covariates as the columns of a regression: straight lines, or curves with products.

A curve is a natural cubic spline, x and terms d_j(x) that bend between three to nine quantiles and run on straight
outside them (Hastie, Tibshirani & Friedman 2009, eq. 5.4). Products of pairs follow. How many of either: as many as
leave the basis under 100 terms or so, and five rows for each.

Everything is centred and scaled on the rows that the basis was made from, and can then be made for any others. Those
must be the rows of the fit: a bend that they do not reach has a coefficient that nothing holds, and predictions there
are anything. So there are three rows or more beyond the outer knots, and a row that lies beyond all of them by more
than one deviation is taken to lie just there.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from butfor.scm.estimate.design import FLAT
from butfor.scm.estimate.result import Floats
from butfor.stats.quantiles import z_below, z_quantile

KNOTS = (9, 7, 5, 4, 3)  # tried in this order, with products before without
OUTER = 2.5  # knots are evenly spaced for normal data, the outer ones so many deviations from the middle, but with
TAIL = 3  # rows or more beyond
BEYOND = 1.0  # deviations (half of the distance between the quantiles of -1 and 1) that curves are followed outwards
MOST = 100  # terms, or this many times the covariates:
TIMES = 1.6
ROWS = 5  # rows for each term
STRAIGHT = 0.05  # how much a penalty counts for straight terms, against 1 for the others


@dataclass(frozen=True, slots=True, eq=False)
class Basis:
    """How to turn covariates [n, k] into terms [n, p], intercept first."""

    centre: Floats  # [k]
    spread: Floats  # [k]
    low: Floats  # [k] rows beyond these are taken to lie at them
    high: Floats  # [k]
    knots: tuple[Floats, ...]  # of each covariate, none where it stays straight
    products: bool
    means: Floats  # [p - 1]
    scales: Floats  # [p - 1]

    @classmethod
    def straight(cls, z: Floats) -> Basis:
        """Intercept and straight lines."""
        centre, spread = z.mean(axis=0), _spread(z)
        k = int(z.shape[1])
        endless = np.full(k, np.inf)
        return cls(centre, spread, -endless, endless, (np.zeros(0),) * k, False, np.zeros(k), np.ones(k))

    @classmethod
    def curved(cls, z: Floats) -> Basis:
        """Curves, and products, where the rows to fit on allow them."""
        centre, spread = z.mean(axis=0), _spread(z)
        knots, products = _afforded((z - centre) / spread)
        inner = np.quantile(z, z_below(np.array([-1.0, 1.0])), axis=0)
        more = BEYOND * (inner[1] - inner[0]) / 2
        low, high = z.min(axis=0) - more, z.max(axis=0) + more
        bare = cls(centre, spread, low, high, knots, products, np.zeros(1), np.ones(1))
        terms = bare._terms(z)
        return cls(centre, spread, low, high, knots, products, terms.mean(axis=0), _spread(terms))

    def __call__(self, z: Floats) -> Floats:
        terms = (self._terms(z) - self.means) / self.scales
        return np.concatenate([np.ones((len(z), 1)), terms], axis=1)

    @property
    def penalty(self) -> Floats:
        """How much a penalty counts for each term [p]: not at all for the intercept."""
        k = len(self.centre)
        return np.array([0.0] + [STRAIGHT] * k + [1.0] * (len(self.means) - k))

    def _terms(self, z: Floats) -> Floats:
        unit = (np.clip(z, self.low, self.high) - self.centre) / self.spread
        parts = [unit]
        for column, places in zip(unit.T, self.knots, strict=True):
            if len(places) > 2:
                parts.append(_bends(column, places))
        if self.products:
            i, j = np.triu_indices(unit.shape[1], 1)
            parts.append(unit[:, i] * unit[:, j])
        return np.concatenate(parts, axis=1)


def _spread(z: Floats) -> Floats:
    spread = z.std(axis=0)
    return np.where(spread > FLAT * np.abs(z).max(axis=0, initial=0.0), spread, 1.0)


def _afforded(unit: Floats) -> tuple[tuple[Floats, ...], bool]:
    """The knots of each covariate, and whether there are products."""
    n, k = unit.shape
    most = min(max(MOST, TIMES * k), n / ROWS)
    curved = [column for column in unit.T if len(np.unique(column[:100])) > 2 or len(np.unique(column)) > 2]
    for products in (True, False):
        for count in KNOTS:
            if k + len(curved) * (count - 2) + (k * (k - 1) // 2 if products else 0) <= most:
                return tuple(_knots(column, count) for column in unit.T), products and k > 1
    return (np.zeros(0),) * k, False


def _knots(column: Floats, count: int) -> Floats:
    outer = min(OUTER, float(z_quantile(1 - min(TAIL / len(column), 0.25))))
    places = np.unique(np.quantile(column, z_below(np.linspace(-outer, outer, count))))
    return places if len(places) > 2 else np.zeros(0)


def _bends(column: Floats, knots: Floats) -> Floats:
    """The terms of a natural cubic spline beyond the straight one [n, len(knots) - 2]."""
    beyond = np.maximum(column[:, None] - knots, 0.0)
    cubes = beyond * beyond * beyond
    d = (cubes[:, :-1] - cubes[:, -1:]) / (knots[-1] - knots[:-1])
    return d[:, :-1] - d[:, -1:]
