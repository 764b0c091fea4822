"""A world: a graph over yes-or-no variables and, for each, the percentage of yes in every case of its causes.

Exact     Percentages are whole numbers, and they are what the text says: text and truth cannot differ by rounding.
Families  dag         everything is seen; roles around a treatment X and an outcome Y
          front_door  X <-> Y unseen: a root U that is X wherever X is left alone; X -> M -> Y
          instrument  Z -> X -> Y, X <-> Y unseen: a root T of types, each of which answers Z and X in its own way
          monotone    a dag in which no one is kept from Y by X, so that rung 3 has one answer
          transport   a dag, and a second population in which some roots are more common or less
          rules       roots, and variables that follow from their causes without chance
Limits    Two values a variable; four causes at most. The engine (`butfor.scm`) reads a world through `model`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from itertools import product
from typing import Any, Literal, get_args

import numpy as np

from butfor.scm import SCM, Graph
from butfor.scm.models.discrete import Discrete

Family = Literal["dag", "front_door", "instrument", "monotone", "transport", "rules"]
FAMILIES: tuple[Family, ...] = get_args(Family)

TYPES = tuple(product((0, 1), repeat=4))
"""How a type answers: X where Z=0, X where Z=1, Y where X=0, Y where X=1."""


@dataclass(frozen=True, slots=True)
class Table:
    """The causes of a variable, and the percentage of yes in each of their cases (the last cause changes fastest)."""

    causes: tuple[str, ...]
    yes: tuple[int, ...]


@dataclass(frozen=True)
class World:
    """One world. Variables stand in causal order; `roles` says which part each plays; `hidden` ones are not told."""

    family: Family
    tables: Mapping[str, Table]
    roles: Mapping[str, str]
    x: str = "X"
    y: str = "Y"
    hidden: tuple[str, ...] = ()
    types: tuple[int, ...] = ()  # percentages of TYPES, in the family instrument
    moved: Mapping[str, int] = field(default_factory=dict)  # root → percentage in the second population

    @property
    def seen(self) -> tuple[str, ...]:
        """The variables that the text tells of, in causal order."""
        return tuple(name for name in self.tables if name not in self.hidden)

    @cached_property
    def edges(self) -> tuple[tuple[str, str], ...]:
        """Every arrow, of hidden variables too."""
        return tuple((cause, name) for name, table in self.tables.items() for cause in table.causes)

    @cached_property
    def model(self) -> Discrete:
        """The world as a model of the engine."""
        return _model(self.tables, self.hidden, self.types)

    @cached_property
    def second(self) -> Discrete:
        """The second population as a model of the engine."""
        changed = {name: Table((), (percent,)) for name, percent in self.moved.items()}
        return _model({**self.tables, **changed}, self.hidden, self.types)

    @cached_property
    def graph(self) -> Graph:
        """The graph over what is seen."""
        return self.model.graph

    def as_json(self) -> dict[str, Any]:
        """The world as plain JSON; `World.read` makes it again."""
        return {
            "family": self.family,
            "tables": {name: [list(table.causes), list(table.yes)] for name, table in self.tables.items()},
            "roles": dict(self.roles),
            "x": self.x,
            "y": self.y,
            "hidden": list(self.hidden),
            "types": list(self.types),
            "moved": dict(self.moved),
        }

    @classmethod
    def read(cls, spec: Mapping[str, Any]) -> World:
        """A world from what `as_json` wrote."""
        tables = {name: Table(tuple(causes), tuple(yes)) for name, (causes, yes) in spec["tables"].items()}
        return cls(
            spec["family"], tables, dict(spec["roles"]), spec["x"], spec["y"], tuple(spec["hidden"]),
            tuple(spec["types"]), dict(spec["moved"]),
        )  # fmt: skip


def _model(tables: Mapping[str, Table], hidden: tuple[str, ...], types: tuple[int, ...]) -> Discrete:
    made: dict[str, Any] = {}
    for name, table in tables.items():
        if not table.yes:
            continue  # follows from the types
        yes = np.array(table.yes, dtype=np.float64) / 100
        made[name] = (list(table.causes), yes.reshape((2,) * len(table.causes))) if table.causes else float(yes[0])
    if types:
        answers = np.array(TYPES, dtype=np.float64)  # [16, 4]
        made["T"] = [percent / 100 for percent in types]
        made["X"] = (["Z", "T"], answers[:, :2].T)
        made["Y"] = (["X", "T"], answers[:, 2:].T)
    return SCM.discrete(made, latent=hidden)
