"""Instruments: variables that move the treatment and reach the outcome in no other way, given a set W.

Z is an instrument for the effect of X on Y given W if, in the graph without the first edges of the causal paths from
X to Y,
  1. W separates Z and Y, and does not separate Z and X, and
  2. neither Z nor W is an effect of a node (other than X) on those paths.
In a linear model y = τ x + y', the rest y' is then independent of z given w, and τ = cov(z, y | w) / cov(z, x | w).
Of all sets among the ancestors of Y and Z that separate the two, the minimal one nearest to Y cuts the least of what is
around Z: if X is joined to Z given any of them, then given this one. So one search a candidate decides.

Source    Wright 1928; Brito & Pearl 2002 (conditional instruments); van der Zander, Textor & Liśkiewicz 2015
          (nearest separators; whether Z has any W at all is NP-hard, whether it has an ancestral one is not).
Limits    W is sought among the ancestors of Y and Z: a candidate that needs another W is missed, but then another
          instrument is there. `direct` asks for the edge X -> Y alone, the other paths being blocked like back doors.
"""

from __future__ import annotations

from dataclasses import dataclass

from butfor.core.errors import NotIdentified, QueryError
from butfor.scm.graph import Graph, bits
from butfor.scm.graphs.adjust import Names, bounded, proper_causal, treatment_and_outcome
from butfor.scm.graphs.paths import open_path
from butfor.scm.graphs.separators import Cuts


@dataclass(frozen=True, slots=True)
class Candidate:
    """A variable, the set W given which it is an instrument, and why it is none (empty where it is one)."""

    name: str
    given: frozenset[str]
    fault: str = ""


def instruments(graph: Graph, x: str, y: str, *, forbid: Names = (), direct: bool = False) -> list[Candidate]:
    """Every instrument for the effect of `x` on `y` with its conditioning set, those that need none first."""
    found = [each for each in candidates(graph, x, y, forbid=forbid, direct=direct) if not each.fault]
    return sorted(found, key=lambda each: len(each.given))


def instrument(graph: Graph, x: str, y: str, *, forbid: Names = (), direct: bool = False) -> Candidate:
    """The instrument with the smallest conditioning set; raises NotIdentified if there is none, with the reasons."""
    tried = candidates(graph, x, y, forbid=forbid, direct=direct)
    found = [each for each in tried if not each.fault]
    if not found:
        reasons = "; ".join(f"{each.name}: {each.fault}" for each in tried[:4])
        raise NotIdentified(
            f"no variable is an instrument for the effect of {x} on {y}" + (reasons and f" ({reasons})")
        )
    return min(found, key=lambda each: len(each.given))


def candidates(graph: Graph, x: str, y: str, *, forbid: Names = (), direct: bool = False) -> list[Candidate]:
    """Every other variable that may be used, judged, in the graph's order of names."""
    start, goal = treatment_and_outcome(graph, x, y)
    _, allowed = bounded(graph, start, goal, (), forbid)
    smaller, late = _without_effect(graph, start, goal, direct)
    return [_judged(smaller, 1 << i, start, goal, allowed, late) for i in bits(allowed)]


def instrument_fault(graph: Graph, z: str, x: str, y: str, given: Names = (), *, direct: bool = False) -> str:
    """Why `z` is no instrument given this very set, in one sentence; empty where it is one."""
    start, goal = treatment_and_outcome(graph, x, y)
    smaller, late = _without_effect(graph, start, goal, direct)
    chosen, one = graph.set(given), graph.set(z)
    if one & (start | goal) or chosen & (start | goal | one):
        return f"{x}, {y}, {z} and what is held fixed must be different variables"
    if wrong := (one | chosen) & late:
        return f"{', '.join(graph.named(wrong))} is an effect of what {x} does on its way to {y}"
    if path := open_path(smaller, one, goal, chosen):
        return f"it reaches {y} by {path}"
    return "" if open_path(smaller, one, start, chosen) else f"it does not move {x}"


def _without_effect(graph: Graph, x: int, y: int, direct: bool) -> tuple[Graph, int]:
    """The graph without the first edges of the effect, and all that comes after them."""
    first = y if direct else proper_causal(graph, x, y)
    cut = [p & ~x if first >> i & 1 else p for i, p in enumerate(graph.pa)]
    if tuple(cut) == graph.pa:
        a, b = graph.named(x)[0], graph.named(y)[0]
        raise QueryError(f"{a} has no {'direct ' * direct}effect on {b} in this graph: there is nothing to estimate")
    return Graph.of(graph.names, cut, graph.bi), graph.descendants_of(first)


def _judged(smaller: Graph, z: int, x: int, y: int, allowed: int, late: int) -> Candidate:
    (name,), (cause,), (effect,) = smaller.named(z), smaller.named(x), smaller.named(y)
    if z & late:
        return Candidate(name, frozenset(), f"it is an effect of what {cause} does on its way to {effect}")
    cuts = Cuts.of(smaller, z, y, 0, allowed & ~late & ~z)
    if cuts.joined:
        path = open_path(smaller, z, y) or open_path(smaller, z, y, smaller.ancestors_of(z | y) & allowed & ~late & ~z)
        return Candidate(name, frozenset(), f"it reaches {effect} by {path}, whatever is held fixed")
    given = cuts.nearest_b()
    chosen = frozenset(smaller.named(given))
    if smaller.separated_of(z, x, given):
        told = f" once {', '.join(smaller.named(given))} is held fixed" if given else ""
        return Candidate(name, chosen, f"it does not move {cause}{told}")
    return Candidate(name, chosen)
