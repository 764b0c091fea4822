"""The order of causes before effects that most of what was said agrees with.

Equation  argmax over permutations of the sum of s_ij - s_ji over i before j, s_ij the share that says i -> j: exact up
          to `EXACT` variables by dynamic programming over the sets of those that stand first, else by insertions from
          the order of net shares.
Limits    Insertions find a local optimum. Where shares are equal, nothing but the order of the names decides.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from butfor.scm.columns import Floats

EXACT = 12  # variables


def ordered(shares: Floats) -> list[int]:
    """The order that most votes agree with, causes first; among equals, the one nearest to that of the names."""
    net = shares - shares.T
    return _exactly(net) if len(net) <= EXACT else _by_insertions(net)


def _exactly(net: Floats) -> list[int]:
    """The best of all permutations, by dynamic programming over sets of those that stand first."""
    count = len(net)
    best = [0.0] + [-np.inf] * (2**count - 1)
    last = [-1] * 2**count
    for first in range(1, 2**count):
        inside = [at for at in range(count) if first >> at & 1]
        for at in reversed(inside):  # of equals, the one named last stands last
            before = first & ~(1 << at)
            value = best[before] + sum(net[other, at] for other in inside if other != at)
            if value > best[first] + 1e-9:
                best[first], last[first] = value, at
    found: list[int] = []
    left = 2**count - 1
    while left:
        found.append(last[left])
        left &= ~(1 << last[left])
    return found[::-1]


def _by_insertions(net: Floats) -> list[int]:
    """From the order of net votes, each variable to where it gains most, until none gains."""
    order = sorted(range(len(net)), key=lambda at: (-net[at].sum(), at))
    gained = True
    while gained:
        gained = False
        for at in range(len(net)):
            rest = [other for other in order if other != at]
            steps = np.array([0.0, *(net[other, at] - net[at, other] for other in rest)])
            values = np.cumsum(steps)  # what standing after the first k of the rest brings, over standing first
            now, best = order.index(at), int(np.argmax(values))
            if values[best] > values[now] + 1e-9:
                order = [*rest[:best], at, *rest[best:]]
                gained = True
    return order
