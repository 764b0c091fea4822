"""What a search for causes found: the pattern, how often resamples show each edge, and what was checked.

A frequency is a count over bootstrap resamples of the rows. Its Wilson interval says how well so many resamples pin
down the frequency that endless resampling would give; it is no interval of truth: a search that is wrong in the same
way on every resample has frequency 1. Where the variables are few, the exact posterior stands beside it.

Source    Friedman, Goldszmidt & Wyner 1999 (bootstrap frequencies of edges); Wilson 1927.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, final

from butfor.core.errors import GraphError, UnknownName
from butfor.scm.discovery.conflicts import Conflict
from butfor.scm.graph import Graph
from butfor.scm.graphs.equivalence import EDGE, Pattern
from butfor.stats.effect import Check
from butfor.stats.proportions import wilson

Mark = Literal["tail", "arrow", "circle"]
MARKS: dict[Mark, int] = {"tail": 1, "arrow": 2, "circle": 3}


@final
@dataclass(frozen=True, slots=True)
class Share:
    """A share of the resamples, with its Wilson interval."""

    count: int
    n: int
    level: float = 0.95

    @property
    def value(self) -> float:
        return self.count / self.n

    @property
    def low(self) -> float:
        return float(wilson(self.count, self.n, self.level)[0])

    @property
    def high(self) -> float:
        return float(wilson(self.count, self.n, self.level)[1])

    def __str__(self) -> str:
        return f"{self.value:.2f} [{self.low:.2f}, {self.high:.2f}]"


@final
@dataclass(frozen=True, slots=True)
class FoundEdge:
    """Two variables, the edge that all the rows show between them, and the edges that the resamples show."""

    a: str
    b: str
    arrow: str  # from a to b; empty where all the rows show no edge
    seen: Mapping[str, int]  # arrow from a to b -> number of resamples
    resamples: int
    level: float = 0.95
    probability: tuple[float, float] | None = None  # exact P(a -> b), P(b -> a), where they were computed

    @property
    def adjacent(self) -> Share:
        """Resamples with an edge of any kind between the two."""
        return self._share(sum(self.seen.values()))

    def shown(self, arrow: str) -> Share:
        """Resamples with this very edge, such as `->` or `--`, read from a to b."""
        if arrow not in EDGE:
            raise UnknownName("arrow", arrow, EDGE)
        return self._share(self.seen.get(arrow, 0))

    def end(self, name: str, mark: Mark) -> Share:
        """Resamples with an edge that has this mark at the end of `name`: tail, arrow or circle."""
        if mark not in MARKS:
            raise UnknownName("mark", mark, MARKS)
        if name not in {self.a, self.b}:
            raise UnknownName("end of the edge", name, (self.a, self.b))
        side = 0 if name == self.a else 1
        return self._share(sum(count for arrow, count in self.seen.items() if EDGE[arrow][side] == MARKS[mark]))

    def _share(self, count: int) -> Share:
        if not self.resamples:
            raise GraphError("there were no resamples: search with bootstraps=100, say")
        return Share(count, self.resamples, self.level)

    def __str__(self) -> str:
        return f"{self.a} {self.arrow or '..'} {self.b}" + (f" {self.adjacent}" if self.resamples else "")


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Discovery:
    """The result of every method; `edges` holds each pair that all the rows or any resample joins, firmest first."""

    pattern: Pattern
    edges: tuple[FoundEdge, ...]
    method: str
    why: str
    kind: str
    n: int
    resamples: int
    seed: int
    checks: tuple[Check, ...] = ()
    conflicts: tuple[Conflict, ...] = ()

    @property
    def names(self) -> tuple[str, ...]:
        return self.pattern.names

    @property
    def graph(self) -> Graph:
        """The graph, where every edge has a direction; else `GraphError`."""
        return self.pattern.to_graph()

    @property
    def ok(self) -> bool:
        """Every check passed, and no rule or belief is at odds with another or with the data."""
        return all(check.ok for check in self.checks) and not self.conflicts

    def edge(self, a: str, b: str) -> FoundEdge:
        """What was found between two variables, read from a to b."""
        i, j = self.pattern.at(a), self.pattern.at(b)
        for each in self.edges:
            if {each.a, each.b} == {a, b}:
                return each if each.a == a else _turned(each)
        return FoundEdge(self.names[i], self.names[j], "", {}, self.resamples)

    def to_json(self) -> str:
        """All of it as JSON."""
        return json.dumps(self.facts(), ensure_ascii=False, indent=1)

    def facts(self) -> dict[str, Any]:
        """All of it as plain values."""
        return {
            "method": self.method,
            "why": self.why,
            "kind": self.kind,
            "rows": self.n,
            "resamples": self.resamples,
            "seed": self.seed,
            "names": list(self.names),
            "pattern": [list(edge) for edge in self.pattern.edges],
            "edges": [_facts(edge) for edge in self.edges],
            "conflicts": [{"item": c.item, "against": c.against, "nats": c.nats} for c in self.conflicts],
            "checks": [{"code": c.code, "ok": c.ok, "message": c.message} for c in self.checks],
        }

    def svg(self) -> str:
        """The pattern as a drawing, each edge with its frequency."""
        from butfor.scm.graphs.draw import svg

        return svg(self.pattern, {(e.a, e.b): e.adjacent.value for e in self.edges if e.arrow and e.resamples})

    def __str__(self) -> str:
        return str(self.pattern)


def _turned(edge: FoundEdge) -> FoundEdge:
    seen = {flipped(arrow): count for arrow, count in edge.seen.items()}
    back = (edge.probability[1], edge.probability[0]) if edge.probability else None
    return FoundEdge(edge.b, edge.a, flipped(edge.arrow), seen, edge.resamples, edge.level, back)


def flipped(arrow: str) -> str:
    """The same edge read from its other end."""
    return next((each for each, ends in EDGE.items() if arrow and ends == EDGE[arrow][::-1]), "")


def _facts(edge: FoundEdge) -> dict[str, Any]:
    found: dict[str, Any] = {"a": edge.a, "b": edge.b, "arrow": edge.arrow, "seen": dict(edge.seen)}
    if edge.resamples:
        shares = {"adjacent": edge.adjacent}
        for name, end in (("a", edge.a), ("b", edge.b)):
            shares |= {f"{mark} at {name}": edge.end(end, mark) for mark in MARKS}
        found["frequency"] = {
            key: {"value": share.value, "low": share.low, "high": share.high}
            for key, share in shares.items()
            if share.count or key == "adjacent"
        }
    if edge.probability:
        found["probability"] = {"->": edge.probability[0], "<-": edge.probability[1]}
    return found
