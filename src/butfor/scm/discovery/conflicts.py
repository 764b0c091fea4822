"""Where knowledge is at odds with other knowledge, or with the data, and how strongly.

against the data    S(best graph when one rule is lifted) - S(best graph under all rules), in nats of log evidence: what
                    that rule costs. For a belief p on an edge: S(best graph with it) - S(best graph without it), when
                    that has the sign opposite to log p/(1 - p); where both directions of a pair are doubted, without
                    either.
against a prior     a belief in an edge that a rule excludes, or against one that is required; beliefs in both
                    directions of an edge, or in all edges of a cycle. (Rules that contradict rules raise at once.)

3 nats (20 to 1) and more are reported. The best graphs are exact up to 8 variables, else those that `climb` reaches.

Limits    One rule is lifted at a time: of two wrong rules either of which does the harm, neither may cost a thing.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import final

import numpy as np

from butfor.core.errors import GraphError
from butfor.scm.discovery.climb import climb, matrix_of
from butfor.scm.discovery.posterior import best_dag, families
from butfor.scm.discovery.priors import Prior, Rules, told
from butfor.scm.discovery.scores import Score
from butfor.scm.graph import Graph

STRONG = 3.0  # nats: 20 to 1
EXACT, FRESH = 8, 20  # variables: up to so many the best graph is exact; a second ascent starts from nothing


@final
@dataclass(frozen=True, slots=True)
class Conflict:
    """A piece of knowledge, what it is at odds with, and by how many nats where the data say so."""

    item: str
    against: str
    nats: float | None = None

    def __str__(self) -> str:
        strength = "" if self.nats is None else f" by {self.nats:.1f} nats"
        return f"{self.item} is at odds with {self.against}{strength}"


def among(prior: Prior, rules: Rules) -> list[Conflict]:
    """Beliefs at odds with rules and with each other."""
    index = {name: i for i, name in enumerate(rules.names)}
    found: list[Conflict] = []
    held = [edge for edge, p in prior.beliefs.items() if p > 0.5]
    for edge, p in prior.beliefs.items():
        i, j = index[edge[0]], index[edge[1]]
        if p > 0.5 and rules.forbidden[i, j]:
            found.append(Conflict(_belief(edge, p), "a rule that excludes it"))
        if p < 0.5 and rules.required[i, j]:
            found.append(Conflict(_belief(edge, p), f"required {told(edge)}"))
    both = [(a, b) for a, b in held if (b, a) in prior.beliefs and prior.beliefs[a, b] + prior.beliefs[b, a] > 1]
    found += [
        Conflict(_belief((a, b), prior.beliefs[a, b]), _belief((b, a), prior.beliefs[b, a]))
        for a, b in both
        if index[a] < index[b]
    ]
    one_way = [edge for edge in held if edge not in set(both)]
    try:
        Graph(rules.names, [*one_way, *prior.required])
    except GraphError as error:
        found.append(Conflict("the beliefs above 0.5", str(error).partition(";")[0]))
    return found


def with_data(prior: Prior, rules: Rules, score: Score, start: Sequence[int]) -> list[Conflict]:
    """Rules and beliefs at odds with the data; `start` is a graph that keeps the rules, as sets of parents."""
    flat = replace(rules, odds=np.zeros_like(rules.odds))
    parents, base = _best(score, flat, start)
    found: list[Conflict] = []
    for item in prior.items:
        lifted = prior.without(item).rules(rules.names)
        cost = _best(score, replace(lifted, odds=flat.odds), parents)[1] - base
        if cost >= STRONG:
            found.append(Conflict(item, "the data", cost))
    for edge, p in prior.beliefs.items():
        back = prior.beliefs.get((edge[1], edge[0]), 0.5)
        apart = p < 0.5 and back < 0.5
        cost = _cost_of_belief(score, flat, parents, base, edge, p, apart=apart)
        if cost >= STRONG:
            about = f" and {_belief((edge[1], edge[0]), back)}" if apart else ""
            found.append(Conflict(_belief(edge, p) + about, "the data", cost))
    return sorted(found, key=lambda each: -(each.nats or 0))


def _belief(edge: tuple[str, str], p: float) -> str:
    return f"belief {told(edge)} = {p:g}"


def _best(score: Score, rules: Rules, start: Sequence[int]) -> tuple[tuple[int, ...], float]:
    """The best graph, exactly where the variables are few; else the best of ascents."""
    if len(start) <= EXACT:
        return best_dag(families(score, rules))
    starts = (start, rules.bare) if len(start) <= FRESH else (start,)
    return max((climb(score, rules, each) for each in starts), key=lambda found: found[1])


def _cost_of_belief(
    score: Score, flat: Rules, parents: Sequence[int], base: float, edge: tuple[str, str], p: float, *, apart: bool
) -> float:
    """How much better the data like graphs that go against a belief; 0 where it does not matter."""
    i, j = flat.names.index(edge[0]), flat.names.index(edge[1])
    if flat.forbidden[i, j] or flat.required[i, j] or p == 0.5:
        return 0.0
    has = bool(parents[j] >> i & 1)
    if has == (p > 0.5):
        return 0.0  # the best graph agrees with the belief
    opposite, other = replace(flat, required=flat.required.copy(), forbidden=flat.forbidden.copy()), list(parents)
    if has:
        opposite.forbidden[i, j] = True
        if apart and not flat.required[j, i]:
            opposite.forbidden[j, i] = True
        other[j] ^= 1 << i
    else:
        opposite.required[i, j] = opposite.forbidden[j, i] = True
        graph = Graph.of(flat.names, parents, [0] * len(parents))
        other[i] &= ~graph.descendants_of(1 << j)
        other[j] |= 1 << i
        if (flat.required & ~matrix_of(other)).any():
            return 0.0  # the rules leave no room for the belief near this graph
    cost = base - _best(score, opposite, other)[1]
    return cost if math.isfinite(cost) else 0.0
