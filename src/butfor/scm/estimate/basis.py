"""Covariates as the columns of a regression: straight lines, or curves with products.

A curve is a natural cubic spline, x and terms d_j(x) that bend between five quantiles and run on straight outside them
(Hastie, Tibshirani & Friedman 2009, eq. 5.4). Where there are few covariates for the rows, products of pairs follow.
Everything is centred and scaled on the rows that the basis was made from, and can then be made for any others.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from butfor.scm.estimate.result import Floats

KNOTS = (0.05, 0.275, 0.5, 0.725, 0.95)
MOST = 100  # terms with products
ROWS = 5  # rows for each term
STRAIGHT = 0.05  # how much a penalty counts for straight terms, against 1 for the others


@dataclass(frozen=True, slots=True, eq=False)
class Basis:
    """How to turn covariates [n, k] into terms [n, p], intercept first."""

    centre: Floats  # [k]
    spread: Floats  # [k]
    knots: tuple[Floats, ...]  # of each covariate, none where it stays straight
    products: bool
    means: Floats  # [p - 1]
    scales: Floats  # [p - 1]

    @classmethod
    def straight(cls, z: Floats) -> Basis:
        """Intercept and straight lines."""
        centre, spread = z.mean(axis=0), _spread(z)
        k = z.shape[1]
        return cls(centre, spread, (np.zeros(0),) * k, False, np.zeros(k), np.ones(k))

    @classmethod
    def curved(cls, z: Floats, rows: int) -> Basis:
        """Curves, and products, where `rows` rows to fit on allow them."""
        k = z.shape[1]
        centre, spread = z.mean(axis=0), _spread(z)
        unit = (z - centre) / spread
        knots = tuple(_knots(column) for column in unit.T)
        curves = sum(max(len(places) - 2, 0) for places in knots)
        if k + curves > rows / ROWS:
            knots, curves = (np.zeros(0),) * k, 0
        products = k > 1 and k + curves + k * (k - 1) // 2 <= min(MOST, rows / ROWS)
        bare = cls(centre, spread, knots, products, np.zeros(1), np.ones(1))
        terms = bare._terms(z)
        return cls(centre, spread, knots, products, terms.mean(axis=0), _spread(terms))

    def __call__(self, z: Floats) -> Floats:
        terms = (self._terms(z) - self.means) / self.scales
        return np.concatenate([np.ones((len(z), 1)), terms], axis=1)

    @property
    def penalty(self) -> Floats:
        """How much a penalty counts for each term [p]: not at all for the intercept."""
        k = len(self.centre)
        return np.array([0.0] + [STRAIGHT] * k + [1.0] * (len(self.means) - k))

    def _terms(self, z: Floats) -> Floats:
        unit = (z - self.centre) / self.spread
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
    return np.where(spread > 1e-12, spread, 1.0)


def _knots(column: Floats) -> Floats:
    if len(np.unique(column[: 10 * len(KNOTS)])) <= 2 and len(np.unique(column)) <= 2:
        return np.zeros(0)
    places = np.unique(np.quantile(column, KNOTS))
    return places if len(places) > 2 else np.zeros(0)


def _bends(column: Floats, knots: Floats) -> Floats:
    """The terms of a natural cubic spline beyond the straight one [n, len(knots) - 2]."""
    beyond = np.maximum(column[:, None] - knots, 0.0)
    cubes = beyond * beyond * beyond
    d = (cubes[:, :-1] - cubes[:, -1:]) / (knots[-1] - knots[:-1])
    return d[:, :-1] - d[:, -1:]
