"""A causal quantity written out: every term of the sums behind it, so that a person can redo them by hand.

Equation  P(event under do) = Σ over the other causes of the event of Π_v P(v | what v reads), over all v that are not
          set. A mechanism may read another value of X than the one that X has (`reads`): E[Y_{x, M_x'}] is the sum
          with do(X=x') in which Y's table alone reads x, and E[Y_x | X=1] is the sum with X=1 seen in which all
          children of X read x, divided by P(X=1).
Limits    Binary variables; it enumerates, which is what it is for. Numbers are rounded to six digits in print only.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import product
from math import prod

from butfor.data.cladder import CladderWorld, Table

Values = Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Term:
    """One assignment with positive probability, and the table entries that multiply to it."""

    values: Values
    factors: tuple[float, ...]

    @property
    def product(self) -> float:
        return prod(self.factors)


@dataclass(frozen=True, slots=True)
class Sum:
    """A sum of products of table entries: what it is, which tables, its terms."""

    title: str
    tables: tuple[str, ...]
    terms: tuple[Term, ...]

    @property
    def value(self) -> float:
        return sum(term.product for term in self.terms)

    def lines(self) -> list[str]:
        """The sum as text: a line a term."""
        if len(self.terms) == 1 and len(self.tables) <= 1:
            return [f"{self.title} = {self.value:.6f}"]
        rows = [f"{self.title} = {self.value:.6f}", f"  the sum of {' × '.join(self.tables)}"]
        for term in self.terms:
            where = " ".join(f"{name}={value}" for name, value in term.values.items())
            rows.append(f"  {where}: {' × '.join(f'{factor:.6f}' for factor in term.factors)} = {term.product:.6f}")
        return rows if self.terms else [f"{self.title} = 0.000000: no such case has positive probability"]


@dataclass(frozen=True, slots=True)
class Part:
    """A signed part of a quantity: a sum, or a ratio of two sums."""

    sign: int
    top: Sum
    bottom: Sum | None = None
    title: str = ""

    @property
    def value(self) -> float:
        return self.sign * (self.top.value / self.bottom.value if self.bottom else self.top.value)

    def lines(self) -> list[str]:
        """The part as text."""
        if not self.bottom:
            return self.top.lines()
        quotient = f"{self.title} = {self.top.value:.6f} / {self.bottom.value:.6f} = {abs(self.value):.6f}"
        return [*self.top.lines(), *self.bottom.lines(), quotient]


def summed(
    world: CladderWorld, title: str, event: Values, do: Values | None = None, reads: Values | None = None,
    x: str = "X",
) -> Sum:  # fmt: skip
    """The probability of `event` under `do`, term by term; `reads[v]` is the value of `x` that v's mechanism reads."""
    done, read = dict(do or {}), dict(reads or {})
    surgery = world.graph.do(list(done))
    needed = surgery.ancestors(list(event)) - set(done)
    names = [name for name in world.tables if name in needed]
    free = [name for name in names if name not in event]
    terms: list[Term] = []
    for chosen in product((0, 1), repeat=len(free)):
        values = {**done, **event, **dict(zip(free, chosen, strict=True))}
        factors = tuple(
            entry(world.tables[name], values[name], {**values, x: read[name]} if name in read else values)
            for name in names
        )
        if all(factors):
            terms.append(Term({name: values[name] for name in names}, factors))
    return Sum(title, tuple(_told(name, world.tables[name], read, x) for name in names), tuple(terms))


def _told(name: str, table: Table, read: Values, x: str) -> str:
    causes = [f"{x}={read[name]}" if cause == x and name in read else cause for cause in table.parents]
    return f"P({name} | {', '.join(causes)})" if causes else f"P({name})"


def entry(table: Table, value: int, values: Values) -> float:
    """P(V=value | what the parents have in `values`)."""
    one = float(table.one[tuple(values[name] for name in table.parents)])
    return one if value else 1 - one


def mixed(world: CladderWorld, do: Values | None = None) -> dict[str, float]:
    """P(V=1) of every variable if the parents of each were independent of each other: wrong wherever they are not."""
    found: dict[str, float] = {}
    for name, table in world.tables.items():
        if name in (do or {}):
            found[name] = float((do or {})[name])
        else:
            found[name] = sum(entry(table, 1, case) * share for case, share in _cases(table.parents, found))
    return found


def mixed_nested(world: CladderWorld, x: str, y: str, direct: int, through: int) -> float:
    """E[Y_{direct, M_through}] with the other parents of Y taken as independent of each other."""
    rest = tuple(name for name in world.tables[y].parents if name != x)
    return sum(
        entry(world.tables[y], 1, {**case, x: direct}) * share
        for case, share in _cases(rest, mixed(world, {x: through}))
    )


def _cases(names: tuple[str, ...], ones: Mapping[str, float]) -> Iterator[tuple[Values, float]]:
    for chosen in product((0, 1), repeat=len(names)):
        case = dict(zip(names, chosen, strict=True))
        yield case, prod(ones[name] if value else 1 - ones[name] for name, value in case.items())
