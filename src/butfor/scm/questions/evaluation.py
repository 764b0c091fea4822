"""The value of an estimand on a distribution: one table, an axis for each free variable.

Products under a sum are contracted one variable at a time (fewest cells first), never multiplied out. A conditional
probability whose condition never happens is not a number: the expression is evaluated twice, with other random numbers
in those places, and where the two agree, what never happens did not matter; where they differ, the estimand cannot be
had from this distribution (positivity fails), and `Impossible` says where.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from butfor.core.errors import Impossible, QueryError, UnknownName
from butfor.core.seeds import generator
from butfor.scm.questions.expression import (
    At,
    Combination,
    Distribution,
    Mean,
    Node,
    P,
    Product,
    Ratio,
    Sum,
    Value,
    word,
)

Floats = NDArray[np.float64]
LARGEST = 1 << 26  # cells of one table


@dataclass(frozen=True, slots=True, eq=False)
class Table:
    """A function of discrete variables: one axis each."""

    names: tuple[str, ...]
    values: Floats
    labels: Mapping[str, tuple[object, ...]]

    def at(self, values: Mapping[str, Value]) -> Table:
        """Some of its variables set."""
        index: list[Any] = [slice(None)] * len(self.names)
        for name, value in values.items():
            if name in self.names:
                index[self.names.index(name)] = place(name, value, self.labels[name])
        return Table(tuple(name for name in self.names if name not in values), self.values[tuple(index)], self.labels)

    def over(self, names: Iterable[str]) -> Floats:
        """The values with the axes in this order."""
        return self.values.transpose([self.names.index(name) for name in names])


def place(name: str, value: object, labels: Iterable[object]) -> int:
    """Where a value stands among the labels of a variable; 1, 1.0, "1" and "1.0" are the same value."""
    known = list(labels)
    if value in known:
        return known.index(value)
    words = [word(label) for label in known]
    if word(value) in words:
        return words.index(word(value))
    size = as_number(value)
    for i, label in enumerate(known):
        if size is not None and as_number(label) == size:
            return i
    raise UnknownName(f"value of {name}", str(value), words)


def as_number(value: object) -> float | None:
    """A value as a number, if it is one or reads as one."""
    try:
        return float(cast("Any", value))
    except (TypeError, ValueError):
        return None


def evaluate(node: Node, distribution: Distribution, values: Mapping[str, Value], loose: Iterable[str] = ()) -> Table:
    """The value of an expression for every value of its free variables that `values` leaves free.

    It is the same for every value of the `loose` ones: NaN where it cannot be had, but not for all of these.
    """
    first = Evaluation(distribution, 0)
    found = first.of(node).at(values)
    if first.undefined:
        again = Evaluation(distribution, 1).of(node).at(values)
        lost = ~np.isclose(found.values, again.over(found.names), rtol=1e-12, atol=1e-12)
        if lost.all(axis=tuple(found.names.index(name) for name in loose)).any():
            raise Impossible(
                f"positivity fails: {node} needs {first.undefined[0]} where its condition never happens;\n"
                "merge rare values, or ask about values that occur together"
            )
        return Table(found.names, np.where(lost, np.nan, found.values), found.labels)
    return found


@dataclass(slots=True, eq=False)
class Evaluation:
    """One pass over an expression; numbers drawn by `seed` stand where a condition has probability zero."""

    distribution: Distribution
    seed: int
    undefined: list[str] = field(default_factory=list[str])
    _joints: dict[frozenset[str], tuple[tuple[str, ...], Floats]] = field(
        default_factory=dict[frozenset[str], tuple[tuple[str, ...], Floats]]
    )

    def of(self, node: Node) -> Table:
        """The table of an expression."""
        match node:
            case P(outcome, given):
                return self._conditional(outcome, given)
            case Product() | Sum():
                over, parts = _opened(node)
                return self._contract([self.of(part) for part in parts], over)
            case At(body, values):
                return self.of(body).at(dict(values))
            case Mean(variable, body):
                weights = Table((variable,), numbers(variable, self.distribution.labels[variable]), self._labels)
                return self._contract([self.of(body), weights], {variable})
            case Ratio(top, bottom):
                return self._ratio(self.of(top), self.of(bottom), node)
            case Combination(terms):
                parts = [(weight, self.of(part)) for weight, part in terms]
                names = tuple(dict.fromkeys(name for _, part in parts for name in part.names))
                shape = self._shape(names)
                found = sum((weight * _spread(part, names) for weight, part in parts), np.zeros(shape))
                return Table(names, found, self._labels)
            case _:
                raise TypeError(f"not an expression: {type(node).__name__}")

    @property
    def _labels(self) -> Mapping[str, tuple[object, ...]]:
        return self.distribution.labels  # pyright: ignore[reportReturnType]  only ever read

    def _shape(self, names: tuple[str, ...]) -> tuple[int, ...]:
        shape = tuple(len(self.distribution.labels[name]) for name in names)
        if np.prod(shape, dtype=np.float64) > LARGEST:
            raise QueryError(
                f"a table over {len(names)} variables ({', '.join(names[:6])}, …) has more than {LARGEST:,} cells;"
                " ask about fewer variables, or estimate with a model instead of counting"
            )
        return shape

    def _conditional(self, outcome: tuple[str, ...], given: tuple[str, ...]) -> Table:
        names = (*outcome, *given)
        joint = self._joint(names)
        if not given:
            return Table(names, joint, self._labels)
        below = joint.sum(axis=tuple(range(len(outcome))), keepdims=True)
        return self._divided(names, joint, below, P(outcome, given))

    def _joint(self, names: tuple[str, ...]) -> Floats:
        key = frozenset(names)
        if key not in self._joints:
            self._shape(names)
            self._joints[key] = names, self.distribution.joint(names)
        known, joint = self._joints[key]
        return joint.transpose([known.index(name) for name in names])

    def _divided(self, names: tuple[str, ...], top: Floats, bottom: Floats, node: Node) -> Table:
        empty = bottom <= 0
        if not empty.any():
            return Table(names, top / bottom, self._labels)
        fill = generator(self.seed, "undefined", len(self.undefined)).random(self._shape(names))
        self.undefined.append(str(node))
        with np.errstate(divide="ignore", invalid="ignore"):
            return Table(names, np.where(empty, fill, top / bottom), self._labels)

    def _ratio(self, top: Table, bottom: Table, node: Node) -> Table:
        names = tuple(dict.fromkeys((*top.names, *bottom.names)))
        return self._divided(names, _spread(top, names), _spread(bottom, names), node)

    def _contract(self, parts: list[Table], over: set[str]) -> Table:
        """Σ over some variables of the product of tables, one variable at a time."""
        left = set(over)
        while left:
            cost, name = min((self._cells(parts, name), name) for name in sorted(left))
            del cost
            touching = [part for part in parts if name in part.names]
            parts = [part for part in parts if name not in part.names]
            parts.append(self._product(touching, {name}))
            left.discard(name)
        return parts[0] if len(parts) == 1 else self._product(parts, set())

    def _cells(self, parts: list[Table], name: str) -> float:
        names = {other for part in parts if name in part.names for other in part.names}
        return float(np.prod([len(self.distribution.labels[other]) for other in names], dtype=np.float64))

    def _product(self, parts: list[Table], gone: set[str]) -> Table:
        if not parts:
            return Table((), np.ones(()), self._labels)
        names = tuple(dict.fromkeys(name for part in parts for name in part.names))
        kept = tuple(name for name in names if name not in gone)
        self._shape(kept)
        if len(names) > 50:  # einsum's letters
            raise QueryError("a product over more than 50 variables at once; ask about fewer variables")
        axis = {name: i for i, name in enumerate(names)}
        operands: list[Any] = []
        for part in parts:
            operands += [part.values, [axis[name] for name in part.names]]
        found = np.einsum(*operands, [axis[name] for name in kept], optimize=len(parts) > 2)
        return Table(kept, np.asarray(found, dtype=np.float64), self._labels)


def numbers(name: str, labels: Iterable[object]) -> Floats:
    """The values of a variable as numbers."""
    known = list(labels)
    found = [float(label) for label in known if isinstance(label, int | float)]
    if len(found) < len(known):
        shown = ", ".join(map(str, known[:4]))
        raise QueryError(f"{name} has no mean: its values are {shown}; ask for P({name}={known[-1]} | …) instead")
    return np.array(found)


def _opened(node: Product | Sum) -> tuple[set[str], list[Node]]:
    """The variables summed over and the factors under them."""
    over: set[str] = set()
    if isinstance(node, Sum):
        over, body = set(node.over), node.body
        if not over <= body.free:
            raise QueryError(f"a sum over {sorted(over - body.free)}, on which nothing under it depends")
        return over, list(body.parts) if isinstance(body, Product) else [body]
    return over, list(node.parts)


def _spread(table: Table, names: tuple[str, ...]) -> Floats:
    """The values with an axis (of length 1 where the table has none) for each name."""
    ordered = [name for name in names if name in table.names]
    shape = [table.values.shape[table.names.index(name)] if name in table.names else 1 for name in names]
    return table.over(ordered).reshape(shape)
