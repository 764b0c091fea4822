"""Random worlds, by family and by how hard they are to be.

Dials     nodes        how many variables are seen (3 to 8)
          confounding  how many common causes X and Y have (0 to 3)
          steps        arrows on the longest way from X to Y (1 to 3)
          They shape the families dag and transport; the others have the three to five variables they need.
Tables    One world in two has rows drawn freely (any interaction). In the others causes add up, and what X and Y
          have in common pulls against X's own effect: seeing and doing differ in sign there as often as not.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from itertools import product
from typing import Any

import numpy as np
from numpy.random import Generator

from butfor.core.errors import UserError
from butfor.data.ladder.brute import common_causes, longest, reaches
from butfor.data.ladder.stories import ROLES
from butfor.data.ladder.world import TYPES, Family, Table, World

Span = tuple[int, int]
SIDE = ("z", "w", "e1", "e2")
LEAST, LARGEST = 5, 95  # percent


@dataclass(frozen=True, slots=True)
class Dials:
    """From … to, both included."""

    nodes: Span = (3, 6)
    confounding: Span = (0, 2)
    steps: Span = (1, 3)

    def __post_init__(self) -> None:
        for name, (low, high), least, most in (
            ("nodes", self.nodes, 3, 8), ("confounding", self.confounding, 0, 3), ("steps", self.steps, 1, 3),
        ):  # fmt: skip
            if not least <= low <= high <= most:
                raise UserError(f"{name} {low}-{high}: give a number or a span within {least}-{most}")
        if not shapes(self):
            raise UserError(
                f"no world has {self.nodes[0]}-{self.nodes[1]} nodes with these spans of confounding and steps; "
                "nodes must hold X, Y, the common causes and a mediator for every step after the first"
            )


@lru_cache(maxsize=64)
def shapes(dials: Dials) -> tuple[tuple[int, int, int], ...]:
    """Every (nodes, confounding, steps) that a world can have."""
    spans = [range(low, high + 1) for low, high in (dials.nodes, dials.confounding, dials.steps)]
    return tuple(
        (n, c, s) for n, c, s in product(*spans) if 0 <= n - 2 - c - (s - 1) <= len(SIDE) + (1 if s == 2 else 0)
    )


def draw(family: Family, dials: Dials, rng: Generator) -> World:
    """A random world of this family."""
    match family:
        case "front_door":
            return _front_door(rng)
        case "instrument":
            return _instrument(rng)
        case "rules":
            return _rules(rng)
        case "monotone":
            return _monotone(rng)
        case _:
            world = _dag(dials, rng)
    if family == "dag":
        return world
    around = [edge for edge in world.edges if world.x not in edge]
    roots = [name for name, table in world.tables.items() if not table.causes and name != world.x]
    roots = [name for name in roots if world.y in reaches(around, name)]  # what the effect may vary with
    moved = {name: int((rng.integers(5, 40), rng.integers(60, 96))[world.tables[name].yes[0] < 50]) for name in roots}
    return World("transport", world.tables, world.roles, moved=moved)


def _dag(dials: Dials, rng: Generator) -> World:
    while True:
        options = shapes(dials)
        n, confounding, steps = options[int(rng.integers(len(options)))]
        causes = _graph(n, confounding, steps, rng)
        edges = [(a, b) for b, above in causes.items() for a in above]
        fits = longest(edges, "X", "Y") == steps and len(common_causes(edges, "X", "Y")) == confounding
        if fits and set(causes) == {name for edge in edges for name in edge}:
            break
    names = {"X": "x", "Y": "y"} | {name: name.lower() for name in causes if name not in ("X", "Y")}
    return World("dag", _tables(causes, rng), {name: names[name] for name in causes})


def _graph(n: int, confounding: int, steps: int, rng: Generator) -> dict[str, tuple[str, ...]]:
    """The causes of each variable, in the order of roles, which is causal."""
    chain = ["M1", "M2"][: steps - 1]
    shared = ["C1", "C2", "C3"][:confounding]
    pool = [name.upper() for name in SIDE] + (["M2"] if steps == 2 else [])
    extra = [pool[i] for i in rng.permutation(len(pool))[: n - 2 - len(chain) - len(shared)]]
    names = [role.upper() for role in ROLES if role.upper() in {"X", "Y", *chain, *shared, *extra}]
    causes: dict[str, list[str]] = {name: [] for name in names}
    most = {"Y": 4 if confounding > 1 or n > 6 else 3}

    def arrow(a: str, b: str, chance: float = 1.0) -> None:
        if a in causes and b in causes and len(causes[b]) < most.get(b, 3) and rng.random() < chance:
            causes[b].append(a)

    for a, b in zip(["X", *chain], [*chain, "Y"], strict=True):
        arrow(a, b)
    if "M2" in extra:
        arrow("X", "M2")
        arrow("M2", "Y")
    if len(shared) == 3:  # one of three acts by way of another: tables stay short
        arrow("C1", "C2")
        arrow("C1", "X", 0.0 if "Z" in causes else 1.0)
    for name in shared[-2:]:
        arrow(name, "X")
        arrow(name, "Y")
        arrow(name, "M1", 0.15)
    if len(shared) > 1:
        arrow(shared[-2], shared[-1], 0.25)
    if steps > 1:
        arrow("X", "Y", 0.5 if len(shared) > 1 else 0.7)
    arrow("Z", "X")
    arrow("W", "Y")
    for name in ("E1", "E2"):
        if name in causes:
            sources = [(["X", "Y"], ["W", "Y"], ["Y"], ["M1", "Y"], ["X"])[i] for i in rng.permutation(5)]
            for a in next(found for found in sources if set(found) <= set(names)):
                arrow(a, name)
    arrow("E1", "E2", 0.3)
    return {name: tuple(dict.fromkeys(sorted(above, key=names.index))) for name, above in causes.items()}


def _tables(causes: dict[str, tuple[str, ...]], rng: Generator) -> dict[str, Table]:
    """Percentages for every variable; each of its causes matters in some case."""
    free, way = bool(rng.random() < 0.5), 1 if rng.random() < 0.5 else -1
    found: dict[str, Table] = {}
    for name, above in causes.items():
        while True:
            rows = _percents(rng, 2 ** len(above)) if free else _added(name, above, way, rng)
            table = np.array(rows).reshape((2,) * len(above))
            if all(np.ptp(table, axis=axis).any() for axis in range(len(above))):
                break
        found[name] = Table(above, rows)
    return found


def _added(name: str, above: tuple[str, ...], way: int, rng: Generator) -> tuple[int, ...]:
    """Rows in which causes add up, with a little noise."""
    if not above:
        return (int(rng.integers(20, 81)),)
    weights, shift = [_weight(cause, name, way, rng) for cause in above], rng.uniform(-10, 10)
    rows = [
        50 + shift + sum(w * (v - 0.5) for w, v in zip(weights, case, strict=True)) + rng.uniform(-6, 6)
        for case in product((0, 1), repeat=len(above))
    ]
    return tuple(int(min(max(round(row), LEAST), LARGEST)) for row in rows)


def _weight(cause: str, name: str, way: int, rng: Generator) -> float:
    """How much a cause moves a percentage; common causes push X up and Y against `way`."""
    if cause.startswith("C") and name in ("X", "Y"):
        return float(rng.uniform(35, 60)) * (1 if name == "X" else -way)
    if (cause, name) == ("X", "Y"):
        return float(rng.uniform(10, 30)) * way
    return float(rng.uniform(15, 50)) * (1 if rng.random() < 0.5 else -1)


def _percents(rng: Generator, count: int) -> tuple[int, ...]:
    return tuple(int(p) for p in rng.integers(LEAST, LARGEST + 1, count))


def _front_door(rng: Generator) -> World:
    """X <-> Y unseen, everything from X to Y by M; with one chance in two a seen common cause C1 as well."""
    seen = ("C1",) if rng.random() < 0.5 else ()
    tables = {name: Table((), (int(rng.integers(20, 81)),)) for name in seen}
    way, far = (1 if rng.random() < 0.5 else -1), bool(rng.random() < 0.3)
    tables["U"] = Table(seen, tuple(int(p) for p in rng.integers(20, 81, 2 ** len(seen))))
    tables["X"] = Table(("U",), (0, 100))
    low, high = sorted(int(p) for p in rng.integers(LEAST, LARGEST + 1, 2))
    tables["M1"] = Table(("X",), (low, high) if rng.random() < 0.5 else (high, low))
    causes = (*seen, "U", "M1")
    rows = list(_percents(rng, 2 ** len(causes)))
    if far:  # what is unseen pulls against what M does
        sign = way * (1 if tables["M1"].yes[1] > tables["M1"].yes[0] else -1)
        for i, (*_, u, m) in enumerate(product((0, 1), repeat=len(causes))):
            moved = 50 + sign * (m - 0.5) * rng.uniform(20, 35) - way * (u - 0.5) * rng.uniform(35, 55)
            rows[i] = int(min(max(round(moved), LEAST), LARGEST))
    tables["Y"] = Table(causes, tuple(rows))
    roles = {"C1": "c1", "U": "c2", "X": "x", "M1": "m1", "Y": "y"}
    return World("front_door", tables, {name: roles[name] for name in tables}, hidden=("U",))


def _instrument(rng: Generator) -> World:
    """Types in whole percents: mostly those who do X only where Z says so; no one does the opposite."""
    weights = rng.dirichlet([0.7] * len(TYPES))
    follow = float(rng.uniform(1, 12))
    favoured = (0, 1) if rng.random() < 0.55 else (1, 0)
    for i, answers in enumerate(TYPES):
        if answers[:2] == (1, 0):
            weights[i] = 0
        elif answers[:2] == (0, 1):
            weights[i] *= follow * (4 if answers[2:] == favoured else 1)
    share = weights / weights.sum() * 100
    percents = [int(p) for p in share]
    for i in sorted(range(len(TYPES)), key=lambda i: percents[i] - share[i])[: 100 - sum(percents)]:
        percents[i] += 1
    tables = {"Z": Table((), (int(rng.integers(30, 71)),)), "T": Table((), ()), "X": Table(("Z", "T"), ()),
              "Y": Table(("X", "T"), ())}  # fmt: skip
    roles = {"Z": "z", "T": "c1", "X": "x", "Y": "y"}
    return World("instrument", tables, roles, hidden=("T",), types=tuple(percents))


def _monotone(rng: Generator) -> World:
    """C1 (and C2) cause X and Y; in every case of them X makes Y more common, or leaves it."""
    shared = ("C1", "C2")[: int(rng.integers(1, 3))]
    tables = {name: Table((), (int(rng.integers(20, 81)),)) for name in shared}
    tables["X"] = Table(shared, tuple(int(p) for p in rng.integers(15, 86, 2 ** len(shared))))
    low, high = ((5, 35), (60, 96)) if rng.random() < 0.6 else ((5, 60), (40, 96))
    rows: list[int] = []
    for _ in range(2 ** len(shared)):
        rows += sorted((int(rng.integers(*low)), int(rng.integers(*high))))
    tables["Y"] = Table((*shared, "X"), tuple(rows))
    return World("monotone", tables, {name: name.lower() for name in tables})


def _rules(rng: Generator) -> World:
    """Two or three roots, then X, a step between, and Y: each of these follows from two causes, by "and" or by "or"."""
    roots = ["C1", "C2", "W"][: 2 + int(rng.integers(2))]
    tables = {name: Table((), (50,)) for name in roots if name != "W"}
    both = bool(rng.random() < 0.5)
    tables["X"] = _rule(("C1", "C2") if both else ("C1",), rng)
    tables["M1"] = _rule(("X", "C2") if not both or rng.random() < 0.5 else ("X",), rng)
    if "W" in roots:
        tables["W"] = Table((), (50,))
    other = "W" if "W" in roots else ("X", "C1")[int(rng.integers(2))]
    tables["Y"] = _rule(("M1", other), rng)
    return World("rules", tables, {name: name.lower() for name in tables})


def _rule(causes: tuple[str, ...], rng: Generator) -> Table:
    """yes exactly if all (or any) of the causes, each as it is or not, hold."""
    wanted = [int(rng.random() < 0.7) for _ in causes]
    every = rng.random() < 0.5
    holds: list[int] = []
    for case in product((0, 1), repeat=len(causes)):
        met = [a == b for a, b in zip(case, wanted, strict=True)]
        holds.append(100 * int(all(met) if every else any(met)))
    return Table(causes, tuple(holds))


def between(world: World) -> tuple[str, ...]:
    """The variables on the way from X to Y, in causal order."""
    after = reaches(world.edges, world.x) - {world.x, world.y}
    return tuple(name for name in world.seen if name in after and world.y in reaches(world.edges, name))


def dials_of(world: World) -> dict[str, Any]:
    """What a world's own nodes, confounding and steps are."""
    return {
        "nodes": str(len(world.seen)),
        "confounding": str(len(common_causes(world.edges, world.x, world.y))),
        "steps": str(longest(world.edges, world.x, world.y)),
    }
