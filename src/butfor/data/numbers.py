"""The distribution of what is seen, put together from the percentages that a text tells.

Joint     A chain P(v | those before it), in an order in which as much as possible is told. What the graph separates
          from v is left out of its condition; so only its causes are asked for where they are all that matters.
Cells     P(event | given) is told, or follows: the other value, a sum over a variable, a product, a ratio, or the same
          with a variable that the graph says does not matter put in or left out; the shortest such way is taken.
Left      Cells that nothing tells are left: `corners` are all ways to set them near 0 or near 1 (and one in the
          middle). A probability is a ratio of two functions that are linear in each cell, so its ends lie there; those
          of a difference of two may lie between, and are looked for from the best corner, one cell after the other.
Limits    At most `MOST` cells may be left; with more, `NotIdentified` names some. Variables of which nothing is told or
          asked are projected out. After `STEPS` steps what has not been found counts as not told.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import permutations, product

import numpy as np

from butfor.core.errors import NotIdentified
from butfor.data.reading import Reading
from butfor.scm import SCM, Graph
from butfor.scm.models.discrete import Discrete

MOST = 10  # cells that may be left
SMALL = 1e-6
DEPTH = 3
STEPS = 20_000  # shares that are looked for; then what has not been found counts as not told
ORDERS = 5  # variables: of so many every order is tried

Pairs = frozenset[tuple[str, int]]


@dataclass(slots=True)
class Cells:
    """What is told, and what follows from it."""

    graph: Graph
    known: dict[tuple[Pairs, Pairs], float]
    memo: dict[tuple[Pairs, Pairs, int], float | None] = field(
        default_factory=dict[tuple[Pairs, Pairs, int], "float | None"]
    )

    def share(self, event: Mapping[str, int], given: Mapping[str, int]) -> float | None:
        """P(event | given), or None where it does not follow."""
        return self.get(frozenset(event.items()), frozenset(given.items()))

    def get(self, event: Pairs, given: Pairs, depth: int = DEPTH) -> float | None:
        """P(event | given), or None where it does not follow in so many steps."""
        if (event, given) in self.known:
            return self.known[event, given]
        if not event:
            return 1.0
        key = event, given, depth
        if key not in self.memo:
            if len(self.memo) > STEPS:
                return None
            self.memo[key] = None  # what leads back here leads nowhere
            self.memo[key] = self._other(event, given) if depth == 0 else self._found(event, given, depth)
        return self.memo[key]

    def _other(self, event: Pairs, given: Pairs) -> float | None:
        """1 - P(the other value), of one variable."""
        if len(event) != 1:
            return None
        ((name, value),) = event
        told = self.known.get((frozenset({(name, 1 - value)}), given))
        return None if told is None else 1 - told

    def _found(self, event: Pairs, given: Pairs, depth: int) -> float | None:
        found = self._other(event, given)
        for way in (self._without, self._product, self._ratio, self._sum, self._within):
            if found is not None:
                break
            found = way(event, given, depth - 1)
        return found if found is None else min(max(found, 0.0), 1.0)

    def _apart(self, event: Pairs, name: str, given: Pairs) -> bool:
        return self.graph.separated([n for n, _ in event], name, [n for n, _ in given])

    def _without(self, event: Pairs, given: Pairs, depth: int) -> float | None:
        """A condition that does not matter, left out."""
        for one in sorted(given):
            less = given - {one}
            if self._apart(event, one[0], less) and (found := self.get(event, less, depth)) is not None:
                return found
        return None

    def _within(self, event: Pairs, given: Pairs, depth: int) -> float | None:
        """A condition that does not matter, put in."""
        for name in self._free(event, given):
            if self._apart(event, name, given):
                for value in (0, 1):
                    if (found := self.get(event, given | {(name, value)}, depth)) is not None:
                        return found
        return None

    def _product(self, event: Pairs, given: Pairs, depth: int) -> float | None:
        """P(a, b | c) = P(a | b, c) P(b | c)"""
        if len(event) < 2:
            return None
        for one in sorted(event):
            rest = event - {one}
            first, second = self.get(frozenset({one}), given | rest, depth), self.get(rest, given, depth)
            if first is not None and second is not None:
                return first * second
        return None

    def _ratio(self, event: Pairs, given: Pairs, depth: int) -> float | None:
        """P(a | b, c) = P(a, b | c) / P(b | c)"""
        for one in sorted(given):
            less = given - {one}
            top = self.get(event | {one}, less, depth)
            bottom = self.get(frozenset({one}), less, depth) if top is not None else None
            if top is not None and bottom:
                return top / bottom
        return None

    def _sum(self, event: Pairs, given: Pairs, depth: int) -> float | None:
        """P(a | c) = Σ_b P(a, b | c)"""
        for name in self._free(event, given):
            parts = [self.get(event | {(name, value)}, given, depth) for value in (0, 1)]
            if parts[0] is not None and parts[1] is not None:
                return parts[0] + parts[1]
        return None

    def _free(self, event: Pairs, given: Pairs) -> list[str]:
        used = {name for name, _ in event | given}
        return [name for name in self.graph.names if name not in used]


@dataclass(slots=True)
class Numbers:
    """The chain, and what it leaves open."""

    graph: Graph
    order: tuple[str, ...]
    behind: Mapping[str, tuple[str, ...]]  # what each is given
    rows: Mapping[str, tuple[float | None, ...]]  # P(v=1 | behind), the last one changing fastest
    left: tuple[str, ...]  # the cells that nothing tells, as text
    cells: Cells

    @classmethod
    def of(cls, reading: Reading, asked: Iterable[str], *, second: bool = False) -> Numbers:
        """All that is told of these variables and others; of the second group, where it has its own percentages."""
        moved = {name for told in reading.told if told.second for name in told.event} if second else set[str]()
        known: dict[tuple[Pairs, Pairs], float] = {}
        for told in reading.told:
            if told.second == bool(second and set(told.event) <= moved):
                known[frozenset(told.event.items()), frozenset(told.given.items())] = told.percent / 100
        for rule in reading.rules:
            for case in product((0, 1), repeat=len(rule.causes)):
                holds = [value == wanted for value, (_, wanted) in zip(case, rule.causes, strict=True)]
                given = frozenset((name, value) for (name, _), value in zip(rule.causes, case, strict=True))
                known[frozenset({(rule.name, 1)}), given] = float((all if rule.every else any)(holds))
        about = {name for event, given in known for name, _ in event | given} | set(asked)
        whole = reading.whole()
        cells = Cells(whole.projected([name for name in whole.names if name not in about]), known)
        return cls._chained(cells)

    @classmethod
    def _chained(cls, cells: Cells) -> Numbers:
        """The order in which the fewest cells are left; causes first, if that leaves none."""
        graph = cells.graph
        first = graph.sorted(graph.all)
        best = cls._along(cells, first)
        if best.left and len(first) <= ORDERS:
            for order in permutations(first):
                made = cls._along(cells, order)
                if len(made.left) < len(best.left):
                    best = made
        return best

    @classmethod
    def _along(cls, cells: Cells, order: tuple[str, ...]) -> Numbers:
        behind: dict[str, tuple[str, ...]] = {}
        rows: dict[str, tuple[float | None, ...]] = {}
        left: list[str] = []
        for at, name in enumerate(order):
            given = list(order[:at])
            for other in order[:at]:
                less = [n for n in given if n != other]
                if cells.graph.separated(name, other, less):
                    given = less
            behind[name] = tuple(given)
            found: list[float | None] = []
            for case in product((0, 1), repeat=len(given)):
                if len(left) > MOST:
                    break  # too many already: `corners` says so
                row = tuple(zip(given, case, strict=True))
                found.append(cells.get(frozenset({(name, 1)}), frozenset(row)))
                if found[-1] is None:
                    told = ", ".join(f"{n}={v}" for n, v in row)
                    left.append(f"P({name}=1{f' | {told}' if told else ''})")
            rows[name] = tuple(found)
        return cls(cells.graph, order, behind, rows, tuple(left), cells)

    @property
    def middle(self) -> tuple[float, ...]:
        """Everything that is left at a half."""
        return (0.5,) * len(self.left)

    def corners(self) -> Iterator[tuple[float, ...]]:
        """The middle, and every way to set what is left near 0 or 1."""
        if len(self.left) > MOST:
            told = ", ".join(self.left[:3])
            raise NotIdentified(f"more than {MOST} percentages are not told, among them {told}")
        yield self.middle
        if self.left:
            yield from product((SMALL, 1 - SMALL), repeat=len(self.left))

    def model(self, left: tuple[float, ...]) -> Discrete:
        """What is seen as a distribution, with these numbers for the cells that are left."""
        numbers = iter(left)
        tables: dict[str, object] = {}
        for name in self.order:
            rows = [next(numbers) if value is None else value for value in self.rows[name]]
            given = self.behind[name]
            tables[name] = (list(given), np.array(rows).reshape((2,) * len(given))) if given else rows[0]
        return SCM.discrete(tables)

    def steps(self) -> list[str]:
        """What is left, if anything is."""
        if not self.left:
            return []
        more = f" and {len(self.left) - 4} more" if len(self.left) > 4 else ""
        return [f"not told, and tried from 0 to 1: {', '.join(self.left[:4])}{more}"]
