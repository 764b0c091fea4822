"""Deterministic models as equations: what actual causation is asked of.

    rocks = Equations({"ST": 1, "BT": 1, "SH": lambda ST: ST, "BH": lambda BT, SH: BT and not SH,
                       "BS": lambda SH, BH: SH or BH})
    rocks.solve()                  {"ST": 1, "BT": 1, "SH": 1, "BH": 0, "BS": 1}
    rocks.do(ST=0).solve()         {"ST": 0, "BT": 1, "SH": 0, "BH": 1, "BS": 1}

Source   Halpern & Pearl 2005: acyclic causal models, a context u, interventions.
Limits   Finitely many values a variable; no randomness (`Equations.of` refuses tables other than zeros and ones).
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any, final

import numpy as np
from numpy.typing import NDArray

from butfor.core.errors import QueryError, UnknownName
from butfor.scm.graph import Graph
from butfor.scm.questions.evaluation import place

Codes = NDArray[np.int64]
ROWS = 100_000  # rows of one equation's table at most


@final
class Equations:
    """A deterministic model: for each variable a value, or a function whose arguments' names are its causes.

    Arguments that are no variables themselves are the context: what is unseen, given when a question is asked. Every
    variable takes the values 0 and 1 unless `values` says otherwise.
    """

    def __init__(self, equations: Mapping[str, Any], values: Mapping[str, Sequence[Any]] | None = None) -> None:
        self.equations = dict(equations)
        self.given_values = dict(values or {})
        self.causes = {name: tuple(arguments(name, rule)) for name, rule in self.equations.items()}
        self.context = tuple(dict.fromkeys(c for cs in self.causes.values() for c in cs if c not in self.equations))
        inside = [(cause, name) for name, causes in self.causes.items() for cause in causes if cause in self.equations]
        self.graph = Graph(self.equations, inside)
        for name in self.given_values:
            if name not in self.equations:
                raise UnknownName("variable", name, self.equations)

    @classmethod
    def of(cls, model: Any, context: Mapping[str, Any]) -> Equations:
        """A discrete model (`SCM.discrete`) whose tables hold only zeros and ones, its causes set by `context`."""
        for name in context:
            model.levels(name)  # an unknown name is refused
        equations: dict[str, Any] = {}
        for name, table in model.tables.items():
            if name in context:
                equations[name] = table.levels[place(name, context[name], table.levels)]
            elif not np.isin(table.p, (0.0, 1.0)).all():
                example = f"{{{name!r}: {table.levels[-1]!r}}}"
                raise QueryError(f"{name} is random: give its value in the context, as in {example}")
            else:
                equations[name] = Rule(table.parents, _looked_up(model, table))
        return cls(equations, {name: table.levels for name, table in model.tables.items()})

    def values(self, name: str) -> tuple[Any, ...]:
        """The values that a variable can take."""
        return tuple(self.given_values.get(name, (0, 1)))

    def do(self, /, **settings: Any) -> Equations:
        """The model after an intervention."""
        for name in settings:
            if name not in self.equations:
                raise UnknownName("variable", name, self.equations)
        return Equations({**self.equations, **settings}, self.given_values)

    def solve(self, context: Mapping[str, Any] | None = None, /, **settings: Any) -> dict[str, Any]:
        """The value of every variable in a context, some of them set."""
        seen = self.checked(context)
        model, found = self.do(**settings), dict[str, Any]()
        for i in model.graph.order:
            name = model.graph.names[i]
            inputs = [found[cause] if cause in found else seen[cause] for cause in model.causes[name]]
            found[name] = model.value(name, inputs)
        return found

    def value(self, name: str, inputs: Sequence[Any]) -> Any:
        """What an equation gives, as one of the variable's values."""
        rule = self.equations[name]
        raw: Any = rule(*inputs) if callable(rule) else rule
        raw = raw.item() if hasattr(raw, "item") else raw
        levels = self.values(name)
        try:
            return levels[place(name, int(raw) if raw is True or raw is False else raw, levels)]
        except UnknownName:
            hint = f"values={{{name!r}: (…)}}"
            raise QueryError(f"{name} comes to {raw!r}, which is not one of its values {levels}; give {hint}") from None

    def checked(self, context: Mapping[str, Any] | None) -> dict[str, Any]:
        """The context, if it says what the equations need and nothing else."""
        seen = dict(context or {})
        for name in seen:
            if name not in self.context:
                raise UnknownName("part of the context", name, self.context)
        if missing := [name for name in self.context if name not in seen]:
            raise QueryError(f"the context says nothing of {', '.join(missing)}, on which equations depend")
        return seen

    def table(self, name: str, inner: list[str], seen: Mapping[str, Any]) -> Codes:
        """The codes that an equation gives for all values of its causes, the context filled in [causes…]."""
        shape = [len(self.values(cause)) for cause in inner]
        if np.prod(shape, dtype=np.float64) > ROWS:
            raise QueryError(
                f"the equation of {name} has more than {ROWS:,} rows; put something between it and its causes"
            )
        levels = self.values(name)
        found = np.zeros(shape, dtype=np.int64)
        for codes in product(*(range(size) for size in shape)):
            inputs = {cause: self.values(cause)[code] for cause, code in zip(inner, codes, strict=True)}
            value = self.value(name, [inputs[c] if c in inputs else seen[c] for c in self.causes[name]])
            found[codes] = levels.index(value)
        return found


@dataclass(frozen=True, slots=True)
class Rule:
    """A function with named causes, for names that are no Python arguments: Rule(("rain fell", "X"), f)."""

    causes: tuple[str, ...]
    function: Callable[..., Any]

    def __call__(self, *inputs: Any) -> Any:
        return self.function(*inputs)


def arguments(name: str, rule: Any) -> Iterator[str]:
    """The names of the variables that a function takes."""
    if isinstance(rule, Rule):
        yield from rule.causes
    elif callable(rule):
        for argument in inspect.signature(rule).parameters.values():
            if argument.kind not in (argument.POSITIONAL_ONLY, argument.POSITIONAL_OR_KEYWORD):
                raise QueryError(f"the equation of {name} takes {argument}: write its causes as plain arguments")
            yield argument.name


def _looked_up(model: Any, table: Any) -> Callable[..., Any]:
    levels = [model.tables[parent].levels for parent in table.parents]
    chosen = table.p.argmax(axis=-1)

    def rule(*inputs: Any) -> Any:
        return table.levels[chosen[tuple(known.index(value) for known, value in zip(levels, inputs, strict=True))]]

    return rule
