"""The best graph near a given one: steepest ascent over DAGs, scored by the data and by beliefs, rules kept.

    S(G) + sum over edges i -> j of log p_ij - log(1 - p_ij)          one edge added, dropped or turned at a time

This is how beliefs enter a search over many variables: an exact or greedy search of the data alone gives the start, and
the ascent moves it to where data and beliefs agree best. It is also how the data are heard against a rule: the start is
the graph found under all rules, one rule is lifted, and what the ascent gains is what that rule costs, in nats.

Limits    A local optimum. From the right start it is mostly the global one (`tests/scm/test_climb.py` counts how often,
          against the exact optimum on small graphs).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from butfor.scm.columns import Floats
from butfor.scm.graph import bits
from butfor.scm.priors import Rules, Yes
from butfor.scm.scores import Score

ENOUGH = 1e-7  # nats: less is rounding
MOST_PARENTS = 12


def climb(score: Score, rules: Rules, start: Sequence[int]) -> tuple[tuple[int, ...], float]:
    """Sets of parents where no single move helps, and their score with the beliefs; `start` must keep the rules."""
    parents = list(start)
    n = len(parents)
    toggle = np.column_stack([_toggles(score, rules, parents, j) for j in range(n)])  # [n, n] gain of i -> j or not
    while True:
        there = matrix_of(parents)
        gain, i, j = _best(toggle, there)
        if gain <= ENOUGH:
            return tuple(parents), score.total(parents) + float(rules.odds[there].sum())
        turned = there[i, j] and not rules.required[i, j] and gain > toggle[i, j] + ENOUGH
        changed = [j, i] if turned else [j]
        parents[j] ^= 1 << i
        if turned:
            parents[i] ^= 1 << j
        for child in changed:
            toggle[:, child] = _toggles(score, rules, parents, child)


def matrix_of(parents: Sequence[int]) -> Yes:
    """[n, n], true at i, j where i is a parent of j."""
    found = np.zeros((len(parents), len(parents)), dtype=bool)
    for j, mask in enumerate(parents):
        found[list(bits(mask)), j] = True
    return found


def _toggles(score: Score, rules: Rules, parents: Sequence[int], child: int) -> Floats:
    """What putting each i among the parents of `child`, or taking it out, gains [n]."""
    now = parents[child]
    base = score.local(child, now)
    full = now.bit_count() >= MOST_PARENTS
    gains = np.full(len(parents), -np.inf)
    for i in range(len(parents)):
        inside = now >> i & 1
        if inside and not rules.required[i, child]:
            gains[i] = score.local(child, now ^ 1 << i) - base - rules.odds[i, child]
        elif not inside and not full and not rules.forbidden[i, child]:
            gains[i] = score.local(child, now | 1 << i) - base + rules.odds[i, child]
    return gains


def _best(toggle: Floats, there: Yes) -> tuple[float, int, int]:
    """The largest gain of an allowed move, and the edge that it moves."""
    n = len(there)
    reach = np.eye(n, dtype=bool)
    step = there | reach
    while True:
        wider = (reach.astype(np.float32) @ step.astype(np.float32)) > 0
        if (wider == reach).all():
            break
        reach = wider
    change = np.where(there | ~reach.T, toggle, -np.inf)  # to add i -> j, no path may lead from j to i
    detours = there.astype(np.float32) @ reach.astype(np.float32) - there  # paths from i to j but for the edge itself
    turn = np.where(there & (detours <= 0), toggle + toggle.T, -np.inf)
    gains = np.maximum(change, turn)
    i, j = np.unravel_index(int(np.argmax(gains)), gains.shape)
    return float(gains[i, j]), int(i), int(j)
