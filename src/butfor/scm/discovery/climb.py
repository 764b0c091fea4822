"""The best graph near a given one: ascent over DAGs, scored by the data and by beliefs, rules kept.

    S(G) + sum over edges i -> j of log p_ij - log(1 - p_ij)          one edge added, dropped or turned at a time

The best allowed move is made even where it loses, and a pair that was moved rests for some moves (tabu), so that the
search walks along plateaus (equivalent graphs score alike) and out of small hollows; the best graph on the way counts.

This is how beliefs enter a search over many variables: a search of the data alone gives the start, and the ascent moves
it to where data and beliefs agree best. It is also how the data are heard against a rule: the start is the graph found
under all rules, one rule is lifted, and what the ascent gains is what that rule costs, in nats.

Source    Glover 1989 (tabu search).
Limits    A local optimum; `tests/scm/test_climb.py` counts how often it is the global one, which is known where the
          variables are few.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from butfor.scm.columns import Floats
from butfor.scm.discovery.priors import Rules, Yes
from butfor.scm.discovery.scores import Score
from butfor.scm.graphs.equivalence import matrix_of as rows_of

ENOUGH = 1e-7  # nats: less is rounding
MOST_PARENTS = 12
REST = 10  # moves for which a pair rests


def climb(score: Score, rules: Rules, start: Sequence[int]) -> tuple[tuple[int, ...], float]:
    """Sets of parents of the best graph on the way, and their score with the beliefs; `start` must keep the rules."""
    parents = list(start)
    n = len(parents)
    toggle = np.column_stack([_toggles(score, rules, parents, j) for j in range(n)])  # [n, n] gain of i -> j or not
    total = best_total = score.total(parents) + float(rules.odds[matrix_of(parents)].sum())
    best = tuple(parents)
    resting = np.zeros((n, n), dtype=np.int64)  # until which move
    patience = REST + n  # moves without a new best
    move = last = 0
    while move - last < patience:
        move += 1
        there = matrix_of(parents)
        gain, i, j = _best(toggle, there, resting >= move)
        if gain == -np.inf:
            break
        turned = there[i, j] and not rules.required[i, j] and gain > toggle[i, j]
        parents[j] ^= 1 << i
        if turned:
            parents[i] ^= 1 << j
        for child in (j, i) if turned else (j,):
            toggle[:, child] = _toggles(score, rules, parents, child)
        resting[i, j] = resting[j, i] = move + min(REST, n * (n - 1) // 4)
        total += gain
        if total > best_total + ENOUGH:
            best, best_total, last = tuple(parents), total, move
    return best, score.total(best) + float(rules.odds[matrix_of(best)].sum())


def matrix_of(parents: Sequence[int]) -> Yes:
    """[n, n], true at i, j where i is a parent of j."""
    return rows_of(list(parents)).T


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


def _best(toggle: Floats, there: Yes, resting: NDArray[np.bool_]) -> tuple[float, int, int]:
    """The largest gain of an allowed move, and the edge that it moves."""
    n = len(there)
    reach = np.eye(n, dtype=bool)
    step = (there | reach).astype(np.float32)
    while True:
        wider = (reach.astype(np.float32) @ step) > 0
        if (wider == reach).all():
            break
        reach = wider
    change = np.where(there | ~reach.T, toggle, -np.inf)  # to add i -> j, no path may lead from j to i
    detours = there.astype(np.float32) @ reach.astype(np.float32) - there  # paths from i to j but for the edge itself
    turn = np.where(there & (detours <= 0), toggle + toggle.T, -np.inf)
    gains = np.where(resting, -np.inf, np.maximum(change, turn))
    i, j = np.unravel_index(int(np.argmax(gains)), gains.shape)
    return float(gains[i, j]), int(i), int(j)
