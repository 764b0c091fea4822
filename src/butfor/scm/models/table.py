"""Tables P(V | parents): how a discrete model is written, and every mistake in it at once.

{"Z": 0.3,                                       a binary cause: P(Z=1)
 "C": {"red": 0.2, "blue": 0.8},                 levels and their probabilities
 "X": ("Z", [0.1, 0.7]),                         binary: P(X=1 | Z=0), P(X=1 | Z=1)
 "Y": (("X", "Z"), [[0.1, 0.4], [0.5, 0.9]]),    binary: P(Y=1 | X, Z) at [level of X, level of Z]
 "W": (("Y",), [[0.2, 0.3, 0.5], [1, 0, 0]]),    levels 0, 1, 2: one more axis, whose rows sum to one
 "R": ("C", {"red": {"a": 0.9, "b": 0.1}, "blue": {"a": 1}}),
                                                 a row for each level of the parent; of several parents: for each tuple
 "S": (("X", "Y"), lambda x, y: x + y),          a function of the parents' levels
 "V": Table(("X",), ("low", "high"), [[0.9, 0.1], [0.2, 0.8]])}     in full: parents, levels, P(V | X)
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from itertools import product
from typing import Any, cast

import numpy as np
from numpy.typing import ArrayLike, NDArray

from butfor.core.errors import Mistake, SpecError, did_you_mean
from butfor.scm.graph import Graph

Floats = NDArray[np.float64]
SLACK = 1e-4  # a row may miss one by so much (published tables are rounded); it is scaled
ROUNDING = 1e-14


@dataclass(frozen=True, slots=True, eq=False)
class Table:
    """P(V | parents): an array [levels of each parent in order, levels of V]."""

    parents: tuple[str, ...]
    levels: tuple[Any, ...]
    p: Floats

    def __init__(self, parents: str | tuple[str, ...], levels: tuple[Any, ...], p: ArrayLike) -> None:
        object.__setattr__(self, "parents", (parents,) if isinstance(parents, str) else tuple(parents))
        object.__setattr__(self, "levels", tuple(levels))
        object.__setattr__(self, "p", np.asarray(p, dtype=np.float64))


Tables = Mapping[str, Table]


def scaled(p: Floats) -> Floats:
    """Rows that sum to one within rounding, made to; those that do already stay as they are, to the last bit."""
    sums = p.sum(axis=-1, keepdims=True)
    return np.where(np.abs(sums - 1) > ROUNDING, p / sums, p)


def certain(levels: tuple[Any, ...], place: int) -> Table:
    """The table of a variable that has one value."""
    return Table((), levels, np.eye(len(levels))[place])


def read_tables(written: Mapping[str, Any]) -> dict[str, Table]:
    """The tables of a model as a user wrote them, checked; all mistakes are told together."""
    reader = _Reader()
    for name, table in written.items():
        reader.note(name, table)
    reader.parents_exist(written)
    if not reader.mistakes:
        order = reader.order()
        for name in order:
            reader.read(name, written[name])
    if reader.mistakes:
        raise SpecError(reader.mistakes)
    return {name: reader.found[name] for name in written}


def read_table(name: str, written: Any, others: Tables) -> Table:
    """One table among others that stand already, as a soft intervention gives it."""
    reader = _Reader()
    reader.found = {other: table for other, table in others.items() if other != name}
    reader.note(name, written)
    reader.parents_exist({**others, name: written})
    if not reader.mistakes:
        reader.read(name, written, others[name].levels if name in others else None)
    if reader.mistakes:
        raise SpecError(reader.mistakes)
    return reader.found[name]


class _Reader:
    def __init__(self) -> None:
        self.mistakes: list[Mistake] = []
        self.found: dict[str, Table] = {}
        self.parents: dict[str, tuple[str, ...]] = {}

    def wrong(self, name: str, problem: str) -> None:
        self.mistakes.append(Mistake(name, problem))

    def note(self, name: str, table: Any) -> None:
        """What the parents of a variable are."""
        above: Any = ()
        if not isinstance(cast("object", name), str):
            self.wrong(str(name), "names are texts")
        if isinstance(table, Table):
            above = table.parents
        elif isinstance(table, tuple):
            pair = cast("tuple[Any, ...]", table)
            if len(pair) != 2:
                self.wrong(name, f"a tuple of {len(pair)}; write (parents, table), as in (('X', 'Z'), [[…], […]])")
            else:
                above = (pair[0],) if isinstance(pair[0], str | int) else tuple(pair[0])
        self.parents[name] = above
        if twice := sorted({parent for parent in above if above.count(parent) > 1}):
            self.wrong(name, f"a parent stands twice: {', '.join(twice)}")

    def parents_exist(self, known: Mapping[str, Any]) -> None:
        for name, above in self.parents.items():
            for parent in above:
                if parent == name:
                    self.wrong(name, "a variable cannot cause itself")
                elif parent not in known:
                    self.wrong(name, f"unknown parent {parent!r}{did_you_mean(str(parent), known)}")

    def order(self) -> tuple[str, ...]:
        """Causes first; a cycle is refused by the graph."""
        graph = Graph(self.parents, [(parent, name) for name, above in self.parents.items() for parent in above])
        return tuple(graph.names[i] for i in graph.order)

    def read(self, name: str, written: Any, levels: tuple[Any, ...] | None = None) -> None:
        above = self.parents[name]
        if any(parent not in self.found for parent in above):
            return  # the parent's own mistake is told
        table = self.shaped(name, written, above, levels)
        if table is not None and self.sound(name, table):
            p = scaled(table.p)
            p.flags.writeable = False
            self.found[name] = Table(above, table.levels, p)

    def shaped(self, name: str, written: Any, above: tuple[str, ...], levels: tuple[Any, ...] | None) -> Table | None:
        """The table with its levels, whatever way it was written."""
        if isinstance(written, Table):
            if levels not in (None, written.levels):
                self.wrong(
                    name,
                    f"the new table's levels ({_shown(written.levels)}) are not those of {name} ({_shown(levels)})",
                )
            return written
        if isinstance(written, Mapping):
            chances = cast("Mapping[Any, Any]", written)
            if levels is not None and set(chances) <= set(levels):
                return self.array(name, [chances.get(level, 0.0) for level in levels], (), levels)
            return self.array(name, list(chances.values()), (), tuple(chances))
        body = cast("tuple[Any, Any]", written)[1] if isinstance(written, tuple) else written
        if isinstance(body, Mapping):
            return self.rows(name, cast("Mapping[Any, Any]", body), above, levels)
        if callable(body):
            return self.function(name, body, above, levels)
        return self.array(name, body, above, levels)

    def array(self, name: str, body: Any, above: tuple[str, ...], levels: tuple[Any, ...] | None) -> Table | None:
        try:
            p = np.asarray(body, dtype=np.float64)
        except (TypeError, ValueError):
            self.wrong(name, "the probabilities are not numbers in rows of equal length")
            return None
        if p.ndim == len(above):
            if levels not in (None, (0, 1)):
                self.wrong(name, f"give a whole row of probabilities, one for each of the levels {_shown(levels)}")
                return None
            p = np.stack([1 - p, p], axis=-1)
        return Table(above, levels or tuple(range(p.shape[-1])), p)

    def rows(
        self, name: str, body: Mapping[Any, Any], above: tuple[str, ...], levels: tuple[Any, ...] | None
    ) -> Table | None:
        """Rows by the levels of the parents, each a mapping of own levels to probabilities."""
        sets = [self.found[parent].levels for parent in above]
        cells = list(product(*sets))
        rows: dict[tuple[Any, ...], Any] = {}
        for key, row in body.items():
            rows[cast("tuple[Any, ...]", key) if isinstance(key, tuple) and len(above) > 1 else (key,)] = row
        if not all(isinstance(row, Mapping) for row in rows.values()):
            self.wrong(name, "a row by levels is a mapping, as in {0: {'low': 0.9, 'high': 0.1}, 1: {…}}")
            return None
        for key in [cell for cell in cells if cell not in rows][:1]:
            self.wrong(name, f"no row for {_at(above, key)}")
        for key in [key for key in rows if key not in cells][:1]:
            self.wrong(name, f"a row for {_shown(key)}, which is no combination of the levels of {_shown(above)}")
        own = levels or tuple(dict.fromkeys(level for row in rows.values() for level in row))
        if strange := [level for row in rows.values() for level in row if level not in own]:
            self.wrong(name, f"unknown level {strange[0]!r}; the levels are {_shown(own)}")
        if self.mistakes and self.mistakes[-1].where == name:
            return None
        p = [[rows[cell].get(level, 0.0) for level in own] for cell in cells]
        return self.array(name, np.array(p).reshape(*map(len, sets), len(own)), above, own)

    def function(
        self, name: str, body: Callable[..., Any], above: tuple[str, ...], levels: tuple[Any, ...] | None
    ) -> Table | None:
        sets = [self.found[parent].levels for parent in above]
        values: list[Any] = []
        for cell in product(*sets):
            try:
                values.append(body(*cell))
            except Exception as error:
                self.wrong(name, f"the function of ({', '.join(above)}) fails at {_shown(cell)}: {error}")
                return None
        own = levels or _ordered(values)
        if strange := [value for value in values if value not in own]:
            self.wrong(name, f"the function gives {strange[0]!r}; the levels are {_shown(own)}")
            return None
        places = np.array([own.index(value) for value in values]).reshape([len(levels) for levels in sets])
        return Table(above, own, np.eye(len(own))[places])

    def sound(self, name: str, table: Table) -> bool:
        """Are the levels different, the shape right, the rows distributions?"""
        before = len(self.mistakes)
        if len(set(table.levels)) < len(table.levels):
            twice = [level for i, level in enumerate(table.levels) if level in table.levels[:i]]
            self.wrong(name, f"a level stands twice: {_shown(twice)}")
        if not table.levels:
            self.wrong(name, "no levels")
        wanted = (*(len(self.found[parent].levels) for parent in table.parents), len(table.levels))
        if table.p.shape != wanted:
            axes = ", ".join([*table.parents, name])
            self.wrong(name, f"the table has shape {table.p.shape}; ({axes}) need {wanted}")
        elif not np.isfinite(table.p).all() or (table.p < 0).any():
            self.wrong(name, "a probability is negative, above one or not finite")
        elif table.levels:
            sums = table.p.sum(axis=-1)
            for index in np.argwhere(np.abs(sums - 1) > SLACK)[:1]:
                cell = tuple(int(i) for i in index)
                found = [self.found[parent].levels[i] for parent, i in zip(table.parents, cell, strict=True)]
                at = _at(table.parents, found)
                self.wrong(name, f"the row{at and f' of {at}'} sums to {sums[cell]:.6g}, not to 1")
        return len(self.mistakes) == before


def _ordered(values: Iterable[Any]) -> tuple[Any, ...]:
    different = tuple(dict.fromkeys(values))
    try:
        return tuple(sorted(different))
    except TypeError:  # levels of several kinds
        return different


def _at(parents: Iterable[str], values: Iterable[Any]) -> str:
    return ", ".join(f"{parent}={value}" for parent, value in zip(parents, values, strict=True))


def _shown(levels: Any) -> str:
    return ", ".join(map(str, levels))
