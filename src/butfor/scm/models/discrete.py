"""Discrete models: a table P(V | parents) for each variable, seen or latent; every answer exact.

    m = SCM.discrete({"X": 0.5, "Y": ("X", [0.2, 0.7])})       how tables are written: `butfor.scm.models.table`
    m.p("Y=1"), m.do(X=1).p("Y=1"), m.counterfactual({"X": 0, "Y": 0}, do={"X": 1}).p("Y=1")

Seeing and doing   variable elimination over the tables (`butfor.scm.models.network`).
Imagining          tables do not say how the noise of one row goes with that of another; `coupling` does. "comonotone":
                   one uniform number a variable, through the inverse distribution function (levels in their order);
                   "independent": each row has noise of its own; "gumbel": the level with the largest log p + Gumbel
                   noise. Tables of zeros and ones leave no choice, so a model with its noise written as latent causes
                   has one answer whatever the coupling.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from functools import cached_property
from math import prod
from typing import Any, Literal, Self, cast, final, get_args

import numpy as np
from numpy.typing import NDArray

from butfor.core.errors import Impossible, QueryError, UnknownName
from butfor.core.seeds import generator
from butfor.scm.graph import Graph
from butfor.scm.models.event import Condition, EventLike, is_event, read_conditions, read_event, told
from butfor.scm.models.factor import Floats
from butfor.scm.models.model import SCM, Parallel, Sample, World, check_draws, merged
from butfor.scm.models.network import Network
from butfor.scm.models.table import Table, certain, read_table, read_tables
from butfor.scm.questions.evaluation import as_number, place

Coupling = Literal["comonotone", "independent", "gumbel"]
Masks = dict[str, Floats]  # for each variable, 1 at the levels that are allowed and 0 at the others
Allowed = dict[str, int | Floats]  # for each variable, the one level that is left, or such a mask
JOINT = 4096  # cells of a table of events that is cheaper to build than a second query


def discrete(tables: Mapping[str, Any], *, latent: Iterable[str] = (), coupling: Coupling = "comonotone") -> Discrete:
    """A discrete model from tables as a user writes them; `latent` names the variables that are not seen."""
    hidden = frozenset([latent] if isinstance(latent, str) else latent)
    if not isinstance(cast("object", tables), Mapping):
        raise QueryError("a model is a mapping from names to tables: {'X': 0.3, 'Y': ('X', [0.2, 0.7])}")
    if coupling not in get_args(Coupling):
        raise UnknownName("coupling", str(coupling), get_args(Coupling))
    for name in hidden:
        if name not in tables:
            raise UnknownName("latent variable", name, tables)
    return Discrete(read_tables(tables), hidden, coupling)


@final
@dataclass(frozen=True, eq=False)
class Discrete(SCM):
    """A discrete structural causal model; `discrete` builds one from tables that need checking."""

    tables: Mapping[str, Table]
    latent: frozenset[str] = frozenset()
    coupling: Coupling = "comonotone"

    # what it is -----------------------------------------------------------------------------------------------------

    @cached_property
    def whole(self) -> Graph:  # pyright: ignore[reportIncompatibleMethodOverride]
        return Graph(self.tables, [(parent, name) for name, table in self.tables.items() for parent in table.parents])

    @cached_property
    def graph(self) -> Graph:  # pyright: ignore[reportIncompatibleMethodOverride]
        return self.whole.projected(self.latent) if self.latent else self.whole

    @cached_property
    def labels(self) -> Mapping[str, tuple[Any, ...]]:
        """The levels of each seen variable, in order."""
        return {name: table.levels for name, table in self.tables.items() if name not in self.latent}

    @cached_property
    def network(self) -> Network:
        """The tables as the engine of elimination has them: variable i is the i-th of `whole`."""
        at = self.whole.index
        tables = self.tables.values()
        return Network([tuple(at[parent] for parent in table.parents) for table in tables], [t.p for t in tables])

    def __getstate__(self) -> dict[str, Any]:
        return {field.name: getattr(self, field.name) for field in fields(self)}  # what is worked out is left behind

    def __repr__(self) -> str:
        hidden = f", {len(self.latent)} of them latent" if self.latent else ""
        return f"Discrete({len(self.tables)} variables{hidden})"

    def levels(self, name: str) -> tuple[Any, ...]:
        """The levels of a variable, seen or latent."""
        try:
            return self.tables[name].levels
        except KeyError:
            raise UnknownName("variable", name, self.tables) from None

    def place(self, name: str, value: Any) -> int:
        """Where a value stands among the levels of a variable."""
        levels = self.levels(name)
        try:
            return levels.index(value)
        except ValueError:
            return place(name, value, levels)

    def values(self, name: str) -> Floats:
        """The levels of a variable as numbers."""
        levels = self.levels(name)
        if any(isinstance(level, str) or as_number(level) is None for level in levels):
            raise QueryError(
                f"the levels of {name} ({', '.join(map(str, levels))}) are not numbers: "
                f"ask for an event, such as {f'{name}={levels[0]}'!r}"
            )
        return np.array([float(level) for level in levels])

    def allowed(self, event: Iterable[Condition]) -> Allowed:
        """What an event leaves of each variable that it is about."""
        found: Allowed = {}
        for condition in event:
            name = condition.name
            level: int | Floats
            if condition.sign == "=":
                level = self.place(name, condition.value)
            elif condition.sign == "!=":
                level = 1 - self.mask(name, self.place(name, condition.value))
            else:
                level = _compared(self.values(name), condition).astype(np.float64)
            if name in found:
                level = self.mask(name, found[name]) * self.mask(name, level)
            found[name] = level
        return found

    def mask(self, name: str, level: int | Floats) -> Floats:
        """What is left of a variable, as 1 at the levels that are allowed and 0 at the others."""
        return level if not isinstance(level, int) else np.eye(1, len(self.levels(name)), level)[0]

    def masks(self, event: Iterable[Condition]) -> Masks:
        """What an event leaves of each variable that it is about, all as masks."""
        return {name: self.mask(name, level) for name, level in self.allowed(event).items()}

    # doing ----------------------------------------------------------------------------------------------------------

    def do(self, assignments: Mapping[str, Any] | str | None = None, /, **values: Any) -> Self:
        new = {name: self.mechanism(name, value) for name, value in merged(assignments, values).items()}
        done = replace(self, tables={**self.tables, **new})
        if any(table.parents for table in new.values()):
            done.whole  # noqa: B018  a cycle is refused here
        at = self.whole.index
        parents = [tuple(at[parent] for parent in table.parents) for table in done.tables.values()]
        network = self.network.changed(parents, {at[name]: table.p for name, table in new.items()})
        object.__setattr__(done, "network", network)  # where the cached property would put it
        return done

    def mechanism(self, name: str, value: Any) -> Table:
        """The table that an intervention puts in place of the variable's own."""
        if isinstance(value, Table | tuple | Mapping):
            if isinstance(value, Mapping):  # stochastic
                chances = cast("Mapping[Any, Any]", value)
                value = {self.levels(name)[self.place(name, level)]: chance for level, chance in chances.items()}
            if name not in self.tables:
                raise UnknownName("variable", name, self.tables)
            return read_table(name, value, self.tables)
        return certain(self.levels(name), self.place(name, value))

    # seeing ---------------------------------------------------------------------------------------------------------

    def weight(self, allowed: Allowed, keep: Sequence[str] = (), *, scale: bool = True) -> Floats:
        """P(keep, and what is allowed), of which all answers are made; without `scale` up to a factor, for less."""
        at = self.whole.index
        evidence: dict[int, int] = {}
        soft: dict[int, Floats] = {}
        for name, level in allowed.items():
            if isinstance(level, int) and name not in keep:
                evidence[at[name]] = level
            else:
                soft[at[name]] = self.mask(name, level)
        return self.network.table(tuple([at[name] for name in keep]), evidence, soft, scale=scale)

    def given(self, behind: Sequence[Condition]) -> Allowed:
        """What is given; refused where it contradicts itself."""
        allowed = self.allowed(behind)
        for name, level in allowed.items():
            if not isinstance(level, int) and not level.any():
                clash = told(condition for condition in behind if condition.name == name)
                raise QueryError(f"what is given contradicts itself: {clash}")
        return allowed

    def p(self, event: EventLike, given: EventLike | None = None) -> float:
        first, behind = read_event(event, given)
        wanted, known = self.allowed(first), self.given(behind)
        if not known:
            return float(self.weight(wanted))
        names = tuple(wanted)
        if len(names) == 1 or prod([len(self.levels(name)) for name in names]) <= JOINT:
            table = self.weight(known, names, scale=False)
            total, part = float(table.sum()), table
            for level in reversed(wanted.values()):
                part = part[..., level] if isinstance(level, int) else part @ level
        else:
            both = self.allowed((*first, *behind))
            total, part = float(self.weight(known)), self.weight(both)
        return float(part) / _possible(total, behind)

    def mean(self, y: str, given: EventLike | None = None) -> float:
        if is_event(y):
            return self.p(y, given)
        values, behind = self.values(y), read_conditions(given or ())
        table = self.weight(self.given(behind), [y], scale=False)
        return float(table @ values) / _possible(float(table.sum()), behind)

    def joint(self, names: Sequence[str]) -> Floats:
        """P(names): one axis a variable, in this order, levels as in `labels`."""
        for name in names:
            self.levels(name)
        if len(set(names)) < len(names):
            raise QueryError(f"a variable stands twice in joint({', '.join(names)})")
        return self.weight({}, names).copy()  # the network keeps its answer

    def sample(self, n: int, seed: int = 0) -> Sample:
        check_draws(n)
        codes: dict[str, NDArray[np.int64]] = {}
        for i in self.whole.order:
            name = self.whole.names[i]
            table = self.tables[name]
            ends = np.cumsum(table.p, axis=-1)[..., :-1]
            cut = ends[tuple(codes[parent] for parent in table.parents)]  # [n, levels - 1], or one row for all
            place = generator(seed, "sample", name).random(n)
            codes[name] = (place[:, None] >= cut).sum(axis=1)
        return {name: self.decoded(name, codes[name]) for name in self.labels}

    def decoded(self, name: str, codes: NDArray[np.int64]) -> NDArray[Any]:
        """Codes of a variable as its levels."""
        levels = self.levels(name)
        if len(set(map(type, levels))) == 1 and not isinstance(levels[0], tuple):
            return np.array(levels)[codes]
        mixed = np.empty(len(levels), dtype=object)
        mixed[:] = levels
        return mixed[codes]

    # imagining ------------------------------------------------------------------------------------------------------

    def parallel(self, worlds: Sequence[World], evidence: EventLike = ()) -> Parallel:
        from butfor.scm.models.twin import Twins

        behind = read_conditions(evidence)
        return Twins.of(self, worlds, self.given(behind), behind)


def _possible(total: float, behind: Iterable[Condition]) -> float:
    if total <= 0:
        raise Impossible(f"{told(behind)} has probability zero in this model: nothing follows from it")
    return total


def _compared(values: Floats, condition: Condition) -> NDArray[np.bool_]:
    bound = as_number(condition.value)
    if bound is None:
        raise QueryError(f"{condition}: {condition.value!r} is not a number")
    signs = {"<": values < bound, "<=": values <= bound, ">": values > bound, ">=": values >= bound}
    return signs[condition.sign]
