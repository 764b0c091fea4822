"""The analyst: a world that is asked about tables and not about text.

    Analyst.estimate(Table)  -> Answer: the effect of `x` on `y` given covariates, and perhaps of each row
    Analyst.discover(Columns) -> [n, n] probabilities, row causes column
    Analyst.value(Log or Answers) -> Effect: what a policy that was not followed would bring
    Analyst.learn(Trajectories) -> Dynamics: what actions do, to plan with

It is what a causal foundation model replaces: as it comes, it estimates by AIPW of the engine, draws graphs with the
engine's own choice, takes what the logged policy brought for the value of any, and learns what actions do by least
squares; a method of an experiment puts something else in the place of one of them. It is named `analyst`.

Limits    An analyst is made anew by its method and never saved; `identity` names what stands in it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from butfor.core.errors import UnknownName
from butfor.core.keys import digest
from butfor.scm.columns import Columns, Floats
from butfor.scm.decisions import Learn, regressed
from butfor.scm.policies import Answers, Log
from butfor.stats.effect import Effect

if TYPE_CHECKING:
    from butfor.scm.graph import Graph

KIND = "analyst"


@dataclass(frozen=True, slots=True)
class Table:
    """A question about data: what does `x` (1 against 0) do to `y`, where `given` are all that confound them?"""

    data: Columns
    x: str
    y: str
    given: tuple[str, ...]
    graph: Graph | None = None  # where it is known
    instruments: tuple[str, ...] = ()  # columns that move `x`, and `y` through it alone


@dataclass(frozen=True, slots=True)
class Answer:
    """The average effect, and the effect of each row where the estimator gives one."""

    effect: Effect
    each: Floats | None = None


Estimate = Callable[[Table], Answer]
Discover = Callable[[Columns], Floats]
Value = Callable[[Log | Answers], Effect]


def aipw(table: Table) -> Answer:
    """The engine's default: doubly robust, cross-fitted."""
    from butfor.scm.estimate import Adjust

    return Answer(Adjust(table.x, table.y, table.given)(table.data))


def searched(data: Columns, algorithm: str = "auto", seed: int = 0) -> Floats:
    """A search of the engine, by default its own choice; an edge without a direction counts half each way."""
    from butfor.scm.discovery.run import discover

    found = discover(data, algorithm, bootstraps=0, seed=seed)
    place = {name: i for i, name in enumerate(data.names)}
    edges = np.zeros((len(place), len(place)))
    for a, arrow, b in found.pattern.edges:
        i, j = place[a], place[b]
        if arrow in ("->", "<-"):
            edges[(i, j) if arrow == "->" else (j, i)] = 1.0
        else:
            edges[i, j] = edges[j, i] = 0.5
    return edges


def as_logged(log: Log | Answers) -> Effect:
    """The mean outcome of what was logged, whatever policy is asked about."""
    from butfor.stats import mean

    known = np.isfinite(log.outcome)
    clusters = log.prompt if isinstance(log, Answers) else log.cluster
    return mean(log.outcome[known], clusters=None if clusters is None else clusters[known])


@dataclass(eq=False)
class Analyst:
    """Estimates effects, draws graphs and values policies from tables."""

    kind: ClassVar[str] = KIND
    name: str = "analyst"
    estimate: Estimate = aipw
    discover: Discover = searched
    value: Value = as_logged
    learn: Learn = regressed
    identity: str = ""  # names all that decides the answers of what a method put in
    notes: list[str] = field(default_factory=list[str])

    @property
    def hooked(self) -> bool:
        """Whether something was put in that `identity` does not name, so that answers hang on the method as a whole."""
        now = self.estimate, self.discover, self.value, self.learn
        return not self.identity and now != (aipw, searched, as_logged, regressed)

    def fingerprint(self) -> str:
        """Hash of what decides the answers."""
        return digest(self.name, self.identity)


def check(name: str) -> None:
    """Refuse a name that is not the analyst's."""
    if name not in ("analyst", "analyst:"):
        raise UnknownName("model", name, ["analyst"])


def stamp(name: str) -> str:
    """No file stands behind it."""
    check(name)
    return ""


def make(name: str, **_: Any) -> Analyst:
    """The analyst as it comes."""
    check(name)
    return Analyst()
