"""Estimands: what is to be computed from the distribution of what is seen.

    P(A | B)      Sum over Z      Product      Ratio      At X = 1      Mean of Y      Combination of weights and parts

An expression is a tree of frozen nodes. Its free variables are the axes of its value: Σ_Z P(Y | X, Z) P(Z) has the free
variables X and Y and is a table over both. `At` sets free variables to values; a variable that a `Sum` binds is another
variable of that name, and is printed with a prime where both would be read together. `wording.py` prints, and
`evaluation.py` computes on anything with `labels` and `joint(names)`.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, TypeAlias, runtime_checkable

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from butfor.scm.questions.evaluation import Table

Value: TypeAlias = str | int | float
NONE: frozenset[str] = frozenset()


def word(value: object) -> str:
    """A value as text, the same for 1, 1.0 and "1", and for no two different numbers."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return str(value)
    return str(int(value)) if float(value).is_integer() else repr(float(value))


@runtime_checkable
class Distribution(Protocol):
    """The distribution of what is seen: an SCM's, or that of a table of data."""

    @property
    def labels(self) -> Mapping[str, Sequence[object]]:
        """The values of each variable, in order."""
        ...

    def joint(self, names: Sequence[str]) -> NDArray[np.float64]:
        """The joint distribution of some variables, an axis each, in this order."""
        ...


class Node(ABC):
    """An expression over the distribution of what is seen."""

    __slots__ = ()

    @property
    @abstractmethod
    def free(self) -> frozenset[str]:
        """The variables that its value depends on."""

    def table(self, distribution: Distribution, values: Mapping[str, Value] | None = None) -> Table:
        """Its value for every value of its free variables but those set by `values`.

        `Impossible` where that rests on what never happens.
        """
        from butfor.scm.questions.evaluation import evaluate

        return evaluate(self, distribution, values or {})

    def __str__(self) -> str:
        from butfor.scm.questions.wording import text

        return text(self)

    def latex(self) -> str:
        """It in LaTeX, for math mode."""
        from butfor.scm.questions.wording import latex

        return latex(self)


@dataclass(frozen=True, slots=True)
class P(Node):
    """P(outcome | given), read off the data."""

    outcome: tuple[str, ...]
    given: tuple[str, ...] = ()

    @property
    def free(self) -> frozenset[str]:
        return frozenset(self.outcome) | frozenset(self.given)


@dataclass(frozen=True, slots=True)
class Sum(Node):
    """The sum of `body` over all values of some variables."""

    over: tuple[str, ...]
    body: Node

    @property
    def free(self) -> frozenset[str]:
        return self.body.free - frozenset(self.over)


@dataclass(frozen=True, slots=True)
class Product(Node):
    """A product; of nothing, 1."""

    parts: tuple[Node, ...]

    @property
    def free(self) -> frozenset[str]:
        return NONE.union(*(part.free for part in self.parts))


@dataclass(frozen=True, slots=True)
class Ratio(Node):
    """One expression divided by another."""

    top: Node
    bottom: Node

    @property
    def free(self) -> frozenset[str]:
        return self.top.free | self.bottom.free


@dataclass(frozen=True, slots=True)
class At(Node):
    """`body` with some of its free variables set to values."""

    body: Node
    values: tuple[tuple[str, Value], ...]

    @property
    def free(self) -> frozenset[str]:
        return self.body.free - {name for name, _ in self.values}


@dataclass(frozen=True, slots=True)
class Mean(Node):
    """Σ over the values y of a variable of y · body."""

    variable: str
    body: Node

    @property
    def free(self) -> frozenset[str]:
        return self.body.free - {self.variable}


@dataclass(frozen=True, slots=True)
class Combination(Node):
    """A weighted sum of expressions; of nothing, 0."""

    terms: tuple[tuple[float, Node], ...]

    @property
    def free(self) -> frozenset[str]:
        return NONE.union(*(part.free for _, part in self.terms))


ONE = Product(())
ZERO = Combination(())


def product(parts: Iterable[Node]) -> Node:
    """A product without products inside; one part stands for itself."""
    flat: list[Node] = []
    for part in parts:
        flat.extend(part.parts if isinstance(part, Product) else (part,))
    return flat[0] if len(flat) == 1 else Product(tuple(flat))


def total(over: Iterable[str], body: Node) -> Node:
    """A sum over those of the variables that the body depends on, without a sum directly inside.

    Whoever sums over a variable that the body does not depend on means a number of values, which no caller does.
    """
    free = body.free
    bound = tuple(name for name in over if name in free)
    if isinstance(body, Sum) and not set(bound) & set(body.over):
        return Sum((*bound, *body.over), body.body)
    return Sum(bound, body) if bound else body


def at(body: Node, values: Mapping[str, Value]) -> Node:
    """`body` with those of its free variables set that `values` names."""
    free = body.free
    chosen = tuple((name, value) for name, value in values.items() if name in free)
    return At(body, chosen) if chosen else body


def mean(variable: str, body: Node) -> Node:
    """The mean of a variable under `body`, moved inwards as far as it goes, so that E[Y | X, Z] can be read."""
    if isinstance(body, Sum) and variable not in body.over:
        return Sum(body.over, mean(variable, body.body))
    if isinstance(body, At) and variable not in dict(body.values):
        return At(mean(variable, body.body), body.values)
    if isinstance(body, Product):
        holding = [i for i, part in enumerate(body.parts) if variable in part.free]
        if len(holding) == 1:
            (i,) = holding
            return Product((*body.parts[:i], mean(variable, body.parts[i]), *body.parts[i + 1 :]))
    if isinstance(body, Ratio) and variable not in body.bottom.free:
        return Ratio(mean(variable, body.top), body.bottom)
    return Mean(variable, body)
