"""Identification: what P(y | do(x), z) comes to in terms of what is seen, or the hedge that forbids it.

`Search.effect` is ID, in the form of c-factors, and `Search.conditional` is IDC; both are complete: where they raise
`NotIdentified`, two models with this graph make the same data and answer differently. With V the causes of y,
D = the causes of y among V without x, and C1, C2, … the districts of D,

    P(y | do(x)) = Σ_{D \\ y} Π_i Q[Ci],      Q[C] = Π_{v in C} P(v | its district and parents, of those before it)

when C is a district of V; else Q[C] is found inside the district T that holds it, by summing out what does not cause C
and dividing. T that has nothing to sum out is a hedge. Factors are pairs of bit sets, so 1,000 variables take
milliseconds; sums that a chain rule does (Σ_z P(y | z, w) P(z | w) = P(y | w)) are done.

Source    Tian & Pearl 2002; Shpitser & Pearl 2006 (ID, hedges; IDC by rule 2 of do-calculus); Huang & Valtorta 2006.
Limits    A variable that is free in the result beside x, y and z (`napkin`) may take any value: the result is the same.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import TypeAlias

from butfor.core.errors import NotIdentified
from butfor.scm.graph import Graph, bits
from butfor.scm.questions.expression import Node, P, Ratio, product, total

Factor: TypeAlias = tuple[int, int]  # P(outcome | given)
Part: TypeAlias = Factor | Node


@dataclass(frozen=True, slots=True)
class Step:
    """One step of a derivation: the rule, and what it did to which sets of variables."""

    rule: str
    words: str
    sets: tuple[int, ...] = ()

    def text(self, graph: Graph) -> str:
        return f"{self.rule}: " + self.words.format(*(", ".join(graph.sorted(nodes)) for nodes in self.sets))


@dataclass(slots=True)
class Search:
    """One derivation in one graph."""

    graph: Graph
    steps: list[Step] = field(default_factory=list[Step])

    def say(self, rule: str, words: str, *sets: int) -> None:
        self.steps.append(Step(rule, words, sets))

    def conditional(self, y: int, x: int, z: int) -> Node:
        """P(y | do(x), z) as an expression."""
        if not x:
            self.say("seen", "nothing is set: P({0} | {1}) is read off the data" if z else "P({0}) is read off", y, z)
            return self.node([(y, z)])
        for i in bits(z):
            one = 1 << i
            if self.exchangeable(y, x, z & ~one, one):
                self.say(
                    "rule 2",
                    "seeing {0} is as good as setting it, for {0} and {1} share no open path but those out of {0}",
                    one,
                    y,
                )
                x, z = x | one, z & ~one
        if not z:
            return self.node(self.effect(y, x))
        self.say("condition", "P({0} | do({1}), {2}) = P({0}, {2} | do({1})) / P({2} | do({1}))", y, x, z)
        parts = self.effect(y | z, x)
        if len(parts) == 1 and isinstance(parts[0], tuple):
            outcome, given = parts[0]
            return self.node([(outcome & ~z, given | z)])
        return self.node(self.ratio(parts, self.without(y, parts)))

    def exchangeable(self, y: int, x: int, z: int, one: int) -> bool:
        """Rule 2 of do-calculus: is setting `one` the same as seeing it, x being set and z seen?"""
        cut = self.graph.without_into(x).without_out_of(one)
        return cut.separated_of(y, one, x | z)

    def effect(self, y: int, x: int) -> list[Part]:
        """P(y | do(x)) as a product."""
        graph = self.graph
        seen = graph.ancestors_of(y)
        if seen != graph.all:
            self.say("causes", "only {0} and what causes it matter: {1} can be left out", y, graph.all & ~seen)
        inner = graph.ancestors_of(y, seen & ~x)
        if cut := seen & ~x & ~inner:
            self.say("rule 3", "with {0} set, {1} no longer bears on {2}", x, cut, y)
        districts = graph.districts_of(inner)
        if len(districts) > 1:
            shown = " · ".join(f"Q[{{{i}}}]" for i in range(len(districts)))
            self.say("districts", f"P({', '.join(graph.sorted(inner))} | do(rest)) = {shown}", *districts)
        parts = [part for district in districts for part in self.factor(district, seen)]
        if gone := inner & ~y:
            self.say("sum", "over {0}", gone)
        return self.without(gone, parts)

    def factor(self, wanted: int, seen: int) -> list[Part]:
        """Q[wanted], one district of a subgraph, from what is seen."""
        graph = self.graph
        district = graph.district_of(wanted, seen)
        if district != wanted:  # what does not cause it is left out
            seen = graph.ancestors_of(wanted, seen)
            district = graph.district_of(wanted, seen)
        parts: list[Part] = [self.chained(i, seen) for i in graph.ordered_of(district)]
        if district == wanted:
            self.say("district", "{0} is a district by itself: its factors are those of the data", wanted)
            return parts
        self.say("inside", "{0} lies in the district {1}, whose factors are those of the data", wanted, district)
        return self.within(wanted, district, parts)

    def within(self, wanted: int, district: int, parts: list[Part]) -> list[Part]:
        """Q[wanted] from Q[district] = the product of `parts`."""
        graph, gone = self.graph, 0  # what is still to be summed out of the parts
        while district != wanted:
            causes = graph.ancestors_of(wanted, district)
            if causes == district:
                raise self.hedge(district, wanted)
            self.say(
                "sum", "what does not cause {0} inside the district is summed out: {1}", wanted, district & ~causes
            )
            gone |= district & ~causes
            district = graph.district_of(wanted, causes)
            if district != causes:
                self.say("divide", "Q[{0}] is its part of Q[{1}], by the chain rule", district, causes)
                parts, gone = self.chain(district, causes, gone, parts), 0
        return self.without(gone, parts)

    def chained(self, i: int, seen: int) -> Factor:
        """P(v | the district and its parents, of those before v): v's factor in the chain rule."""
        graph, one = self.graph, 1 << i
        district = graph.district_of(one, (graph.before[i] & seen) | one)
        return one, (district | (graph.parents_of(district) & seen)) & ~one

    def chain(self, wanted: int, whole: int, gone: int, parts: list[Part]) -> list[Part]:
        """Q[wanted] from Q[whole] = Σ_gone parts: a ratio of marginals for each run of the order inside `wanted`."""
        order = self.graph.ordered_of(whole)
        found: list[Part] = []
        before, start = 0, 0
        while start < len(order):
            inside = wanted >> order[start] & 1
            end = start
            while end < len(order) and wanted >> order[end] & 1 == inside:
                end += 1
            upto = before | sum(1 << i for i in order[start:end])
            if inside:
                top = self.without(gone | (whole & ~upto), parts)
                found += self.ratio(top, self.without(gone | (whole & ~before), parts))
            before, start = upto, end
        return found

    def hedge(self, district: int, wanted: int) -> NotIdentified:
        graph = self.graph
        one, two = (", ".join(graph.sorted(nodes)) for nodes in (district, wanted))
        self.say("hedge", "{0} and {1} cannot be told apart", district, wanted)
        return NotIdentified(
            f"not identified: latent causes join {{{one}}} in one district, all of it causes {{{two}}},"
            f" and setting the rest leaves {{{two}}}: two models with this graph make the same data and differ here;\n"
            "balke_pearl() or manski() gives bounds",
            (frozenset(graph.named(district)), frozenset(graph.named(wanted))),
        )

    # products of factors --------------------------------------------------------------------------------------------

    def free(self, part: Part) -> int:
        return part[0] | part[1] if isinstance(part, tuple) else self.graph.set(part.free)

    def without(self, gone: int, parts: list[Part]) -> list[Part]:
        """The sum over `gone` of a product: chain rules first, then sums, each as far in as it goes."""
        live: dict[int, tuple[Part, int]] = {}
        holding: dict[int, set[int]] = {i: set() for i in bits(gone)}

        def add(part: Part) -> None:
            number, free = len(live) + len(dead), self.free(part)
            live[number] = part, free
            for i in bits(free & gone):
                holding[i].add(number)

        dead: set[int] = set()
        for part in parts:
            add(part)
        todo, moved = gone, True
        while moved and todo:
            moved = False
            for i in reversed(self.graph.ordered_of(todo)):
                touching = holding[i] - dead
                joined = _joined([live[number][0] for number in touching], 1 << i)
                if joined is None:
                    continue
                for number in touching:
                    del live[number]
                dead |= touching
                if rest := joined[0] & ~(1 << i):
                    add((rest, joined[1]))
                todo ^= 1 << i
                moved = True
        return self._summed(todo, list(live.values()))

    def _summed(self, gone: int, parts: list[tuple[Part, int]]) -> list[Part]:
        while gone:
            group = gone & -gone
            inside: list[tuple[Part, int]] = []
            while True:  # all that hangs together through variables that are summed over
                touching = [pair for pair in parts if pair[1] & group]
                parts = [pair for pair in parts if not pair[1] & group]
                inside += touching
                more = gone & ~group
                reached = 0
                for _, free in touching:
                    reached |= free & more
                if not reached:
                    break
                group |= reached
            body = self.node(merged([part for part, _ in inside]))
            summed = total(self.graph.sorted(group), body)
            parts.append((summed, self.free(summed)))
            gone &= ~group
        return [part for part, _ in parts]

    def ratio(self, top: list[Part], bottom: list[Part]) -> list[Part]:
        """A quotient of products, what stands in both left out."""
        top, bottom = list(top), list(bottom)
        for part in list(bottom):
            if part in top:
                top.remove(part)
                bottom.remove(part)
        if not bottom:
            return top
        if len(bottom) == 1 and isinstance(bottom[0], tuple):
            outcome, given = bottom[0]
            for i, part in enumerate(top):
                if isinstance(part, tuple) and part[1] == given and part[0] & outcome == outcome:
                    top[i] = (part[0] & ~outcome, given | outcome)
                    return top
        return [Ratio(self.node(merged(top)), self.node(merged(bottom)))]

    def node(self, parts: Iterable[Part]) -> Node:
        named = self.graph.sorted
        return product(P(named(p[0]), named(p[1])) if isinstance(p, tuple) else p for p in parts)


def _joined(parts: list[Part], one: int) -> Factor | None:
    """One factor with `one` in its outcome that the parts come to, if a chain rule says so."""
    if len(parts) == 1 and isinstance(parts[0], tuple) and parts[0][0] & one:
        return parts[0]
    if len(parts) == 2 and isinstance(parts[0], tuple) and isinstance(parts[1], tuple):
        both = _chained(parts[0], parts[1]) or _chained(parts[1], parts[0])
        return both if both and both[0] & one else None
    return None


def _chained(a: Factor, b: Factor) -> Factor | None:
    """P(a | b, c) P(b | c) = P(a, b | c)."""
    return (a[0] | b[0], b[1]) if a[1] == b[0] | b[1] and not a[0] & a[1] and b[0] else None


def merged(parts: list[Part]) -> list[Part]:
    """The parts with chain rules done: fewer factors, the same product."""
    found: dict[int, Part] = dict(enumerate(parts))
    spans = {part[0] | part[1]: i for i, part in found.items() if isinstance(part, tuple)}
    todo = list(found)
    while todo:
        i = todo.pop()
        a = found.get(i)
        if not isinstance(a, tuple) or (j := spans.get(a[1], i)) == i:
            continue
        b = found[j]
        if isinstance(b, tuple) and (both := _chained(a, b)):
            del found[i], spans[b[0] | b[1]]
            found[j] = both
            spans[both[0] | both[1]] = j
            todo += [k for k, part in found.items() if isinstance(part, tuple) and part[1] == both[0] | both[1]] + [j]
    return list(found.values())
