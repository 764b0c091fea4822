"""The second algorithm: the whole joint distribution, cell by cell, with no engine in it.

Equation  P(event, given under do) = Σ over all cells of Π_v P(v | its causes), a set variable's factor being 1 where it
          has its value. `reads[(A, B)] = 1`: B's factor takes A as 1, whatever A is. With it the third rung is written
          as such a sum too:  E[Y_{1, M_0}] is do(X=0) with (X, Y) read as 1;  E[Y_0 | X=1] is X=1 seen with every arrow
          out of X read as 0.
Types     In the family instrument a type's percentage is added where the type does what is asked.
Paths     Two variables are connected given S if some path is open: every path is written out and tried.
Limits    2^n cells: for worlds of ten variables, not of forty.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import pairwise, product

import numpy as np
from numpy.typing import NDArray

from butfor.data.ladder.world import TYPES, Table, World

Event = Mapping[str, int]
Edges = Iterable[tuple[str, str]]
Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Part:
    """A signed probability: P(event | given) under do, some causes read as another value than they have."""

    sign: float
    event: Event
    given: Event = field(default_factory=dict)
    do: Event = field(default_factory=dict)
    reads: Mapping[tuple[str, str], int] = field(default_factory=dict)
    second: bool = False  # of the second population


def value(world: World, parts: Iterable[Part], even: bool = False) -> float:
    """The sum of signed probabilities; NaN where a condition never holds. `even`: every root a half."""
    return float(sum(part.sign * probability(world, part, even) for part in parts))


def probability(world: World, part: Part, even: bool = False) -> float:
    """P(event | given) of one part."""
    names = list(world.tables)
    cells = _joint(world, part, even)
    top = cells[_where(names, {**part.event, **part.given})].sum()
    if not part.given:
        return float(top)
    bottom = cells[_where(names, part.given)].sum()
    return float(top / bottom) if bottom > 0 else float("nan")


def _joint(world: World, part: Part, even: bool) -> Floats:
    """The probability of every cell [2, 2, …]; variables in causal order."""
    names = tuple(world.tables)
    cells: Floats = np.ones((1,) * len(names))
    for at, (name, table) in enumerate(world.tables.items()):
        if name in part.do:
            factor = np.zeros((2,))
            factor[part.do[name]] = 1
            factor = factor.reshape([2 if i == at else 1 for i in range(len(names))])
        else:
            if not table.causes and (even or part.second):
                percent = 50 if even else world.moved.get(name, table.yes[0])
                table = Table((), (percent,))
            factor = _factor(names, at, table)
            for i, cause in enumerate(names):
                if (read := part.reads.get((cause, name))) is not None:
                    factor = np.take(factor, [read], axis=i)
        cells = cells * factor
    return np.broadcast_to(cells, (2,) * len(names))


@lru_cache(maxsize=4096)
def _factor(names: tuple[str, ...], at: int, table: Table) -> Floats:
    """P(v | causes), on the axes of all variables."""
    yes = np.array(table.yes, dtype=np.float64).reshape((2,) * len(table.causes)) / 100
    both = np.stack([1 - yes, yes], axis=-1)
    axes = [*(names.index(cause) for cause in table.causes), at]
    order = sorted(range(len(axes)), key=lambda i: axes[i])
    return both.transpose(order).reshape([2 if i in axes else 1 for i in range(len(names))])


def _where(names: list[str], event: Event) -> tuple[int | slice, ...]:
    return tuple(event.get(name, slice(None)) for name in names)


# types ----------------------------------------------------------------------------------------------------------------


def cells(types: Iterable[int]) -> Floats:
    """P(x, y | z) in percent [z, x, y], summed over the types."""
    found = np.zeros((2, 2, 2))
    for percent, answers in zip(types, TYPES, strict=True):
        for z in (0, 1):
            x = answers[z]
            found[z, x, answers[2 + x]] += percent
    return found


def compliers(types: Iterable[int]) -> tuple[int, int, int]:
    """Of those whose X follows Z: how many in all, how many X brings to Y, how many it keeps from it (percent)."""
    chosen = [(percent, answers[2:]) for percent, answers in zip(types, TYPES, strict=True) if answers[:2] == (0, 1)]
    return (
        sum(percent for percent, _ in chosen),
        sum(percent for percent, y in chosen if y == (0, 1)),
        sum(percent for percent, y in chosen if y == (1, 0)),
    )


def least_effect(types: Iterable[int]) -> float:
    """The smallest average effect of X on Y that agrees with P(x, y | z) (Balke & Pearl 1997, in closed form)."""
    p = cells(types) / 100
    ends: list[float] = []
    for a, b in ((0, 1), (1, 0)):
        n, o = p[a], p[b]  # [x, y]
        ends += [
            n[1, 1] + o[0, 0] - 1,
            n[1, 1] - o[1, 1] - o[0, 1] - n[1, 0] - n[0, 1],
            -n[0, 1] - n[1, 0],
            n[0, 0] - n[1, 0] - n[0, 1] - o[1, 0] - o[0, 0],
        ]
    return float(max(ends))


# paths ----------------------------------------------------------------------------------------------------------------


def reaches(edges: Edges, start: str) -> set[str]:
    """All that a variable leads to, and itself."""
    edges = list(edges)
    found, todo = {start}, [start]
    while todo:
        node = todo.pop()
        new = {b for a, b in edges if a == node} - found
        found |= new
        todo += new
    return found


def paths(edges: Edges, a: str, b: str) -> Iterator[list[str]]:
    """Every way from a to b along arrows in either direction that meets no variable twice."""
    edges = list(edges)
    todo = [[a]]
    while todo:
        path = todo.pop()
        if path[-1] == b:
            yield path
            continue
        near = [d for c, d in edges if c == path[-1]] + [c for c, d in edges if d == path[-1]]
        todo += [[*path, name] for name in near if name not in path]


def is_open(edges: Edges, path: list[str], given: Iterable[str], *, colliders: bool = True) -> bool:
    """Does a path connect its ends given these variables? `colliders=False`: the mistake that any of them blocks."""
    edges, given = set(edges), set(given)
    for (before, name), (_, after) in pairwise(pairwise(path)):
        if colliders and (before, name) in edges and (after, name) in edges:
            if not reaches(edges, name) & given:
                return False
        elif name in given:
            return False
    return True


def connected(edges: Edges, a: str, b: str, given: Iterable[str] = (), *, colliders: bool = True) -> bool:
    """Is some path between them open?"""
    edges = list(edges)
    return any(is_open(edges, path, given, colliders=colliders) for path in paths(edges, a, b))


def valid_adjustment(edges: Edges, x: str, y: str, given: Iterable[str]) -> bool:
    """Back-door criterion: no effect of X is held, and every path that enters X is blocked."""
    edges, given = list(edges), set(given)
    if reaches(edges, x) & given:
        return False
    entering = [path for path in paths(edges, x, y) if (path[1], x) in edges]
    return not any(is_open(edges, path, given) for path in entering)


def valid_instrument(edges: Edges, z: str, x: str, y: str) -> bool:
    """Z moves X, or what moves X, and without X's way to Y nothing joins Z to Y; Z is no effect of X."""
    edges = list(edges)
    if z in reaches(edges, x):
        return False
    cut = [(a, b) for a, b in edges if not (a == x and y in reaches(edges, b))]
    return connected(cut, z, x) and not connected(cut, z, y)


def longest(edges: Edges, a: str, b: str) -> int:
    """The number of arrows on the longest way from a to b that follows them; 0 where there is none."""
    edges = list(edges)
    if a == b:
        return 0
    found = [1 + longest(edges, d, b) for c, d in edges if c == a and b in reaches(edges, d)]
    return max(found, default=0)


def common_causes(edges: Edges, x: str, y: str) -> list[str]:
    """What leads to X, and to Y by a way that does not pass X."""
    edges = list(edges)
    names = dict.fromkeys(name for edge in edges for name in edge)
    around = [edge for edge in edges if x not in edge]
    return [name for name in names if name != x and x in reaches(edges, name) and y in reaches(around, name)]


# rules ----------------------------------------------------------------------------------------------------------------


def imagined(world: World, evidence: Event, do: Event) -> float:
    """The share of the cases that agree with the evidence in which Y would have been, under do; all roots tried."""
    roots = [name for name, table in world.tables.items() if not table.causes]
    found: list[int] = []
    for case in product((0, 1), repeat=len(roots)):
        fixed = dict(zip(roots, case, strict=True))
        actual = followed(world, fixed, {})
        if all(actual[name] == wanted for name, wanted in evidence.items()):
            found.append(followed(world, fixed, do)[world.y])
    return sum(found) / len(found) if found else float("nan")


def followed(world: World, roots: Event, do: Event) -> dict[str, int]:
    """Every variable of one case, by the rules."""
    values: dict[str, int] = {}
    for name, table in world.tables.items():
        if name in do:
            values[name] = do[name]
        elif table.causes:
            row = int("".join(str(values[cause]) for cause in table.causes), 2)
            values[name] = int(table.yes[row] == 100)
        else:
            values[name] = roots[name]
    return values
