"""A structural causal model: one face for every kind, and the three questions it answers.

    seeing       m.p("Y=1 | X=0"), m.mean("Y"), m.sample(1000)
    doing        m.do(X=1).p("Y=1")
    imagining    m.counterfactual({"X": 0, "Y": 0}, do={"X": 1}).p("Y=1")

A kind of model gives the graph, `do`, `p`, `mean`, `sample` and `parallel`: several worlds that share their noise. All
effects (average, on the treated, natural, controlled, along paths; necessity and sufficiency) are built on these.

Parallel worlds      A `World` sets some variables by `do`, and may let single mechanisms read a cause from an earlier
                     world: `reads[("M", "Y")] = 0` means that Y's mechanism takes M as it is in world 0. So
                     Y_{x, M_x'} is Y in `World({"X": x}, {("M", "Y"): 0})` behind `World({"X": x'})`.
Source               Pearl 2009, ch. 7; Shpitser & Pearl 2007 (parallel worlds graphs).
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Self, cast

from numpy.typing import NDArray

from butfor.core.errors import Impossible, QueryError
from butfor.scm.graph import Edge, Graph
from butfor.scm.models.event import EventLike, read_conditions, read_event, told

if TYPE_CHECKING:
    from butfor.scm.models.discrete import Coupling, Discrete
    from butfor.scm.models.fit import Fitted
    from butfor.scm.models.functional import Functional
    from butfor.scm.models.gaussian import LinearGaussian

Sample = dict[str, NDArray[Any]]
Reference = Literal["control", "treated"]


@dataclass(frozen=True, slots=True)
class World:
    """What is done in one of several worlds that share their noise."""

    do: Mapping[str, Any] = field(default_factory=dict[str, Any])
    reads: Mapping[Edge, int] = field(default_factory=dict[Edge, int])  # (cause, effect) -> an earlier world


class Parallel(ABC):
    """The joint distribution of several worlds, given what was seen in the actual one."""

    @abstractmethod
    def p(self, events: Mapping[int, EventLike]) -> float:
        """The probability that each event holds in its world, all together."""

    @abstractmethod
    def mean(self, y: str, world: int) -> float:
        """The mean of a variable in one world; for an event ("Y=1"), its probability."""

    @abstractmethod
    def sample(self, n: int, seed: int = 0) -> list[Sample]:
        """n draws of all seen variables, one dictionary a world; draws of the same row share their noise."""


@dataclass(frozen=True, slots=True)
class Counterfactual:
    """What would have been: one world, given what was seen in the actual one."""

    worlds: Parallel

    def p(self, event: EventLike, given: EventLike | None = None) -> float:
        """The probability of an event in this world ("Y=1", "Y=1 | Z=0", {"Y": 1})."""
        first, behind = read_event(event, given)
        if not behind:
            return self.worlds.p({0: first})
        if (known := self.worlds.p({0: behind})) <= 0:
            raise Impossible(f"{told(behind)} has probability zero in the counterfactual world: nothing follows")
        return self.worlds.p({0: (*first, *behind)}) / known

    def mean(self, y: str) -> float:
        """The mean of a variable in this world; for an event ("Y=1"), its probability."""
        return self.worlds.mean(y, 0)

    def sample(self, n: int, seed: int = 0) -> Sample:
        """n draws of all seen variables in this world."""
        return self.worlds.sample(n, seed)[0]


class SCM(ABC):
    """A structural causal model: mechanisms, noise, and what follows from them."""

    # what every kind gives ------------------------------------------------------------------------------------------

    @property
    @abstractmethod
    def graph(self) -> Graph:
        """The graph over the variables that are seen; what is latent shows as `<->`."""

    @property
    @abstractmethod
    def whole(self) -> Graph:
        """The graph over all variables, latent ones among them."""

    @abstractmethod
    def do(self, assignments: Mapping[str, Any] | str | None = None, /, **values: Any) -> Self:
        """The model after an intervention: a value (hard), a mechanism (soft), or {value: probability} (stochastic).

        `do(X=1, Z=0)`, `do({"X": 1})` or `do("X=1, Z=0")`.
        """

    @abstractmethod
    def p(self, event: EventLike, given: EventLike | None = None) -> float:
        """The probability of an event: "lung=yes", "Y=1, Z=0", "Y=1 | X=0", {"Y": 1}."""

    @abstractmethod
    def mean(self, y: str, given: EventLike | None = None) -> float:
        """The mean of a variable; for an event ("lung=yes"), its probability."""

    @abstractmethod
    def sample(self, n: int, seed: int = 0) -> Sample:
        """n independent draws of the seen variables."""

    @abstractmethod
    def parallel(self, worlds: Sequence[World], evidence: EventLike = ()) -> Parallel:
        """Several worlds that share their noise, given evidence from the actual one (where nothing is done)."""

    # the third rung, and effects ------------------------------------------------------------------------------------

    def counterfactual(self, evidence: EventLike, do: Mapping[str, Any] | str) -> Counterfactual:
        """What would have been under `do`, in the case where `evidence` was seen."""
        return Counterfactual(self.parallel([World(merged(do, {}))], evidence))

    def ate(self, x: str, y: str, treated: Any = 1, control: Any = 0) -> float:
        """Average effect: E[Y | do(X=treated)] - E[Y | do(X=control)]; `y` is a variable or an event."""
        return self.do({x: treated}).mean(y) - self.do({x: control}).mean(y)

    def att(self, x: str, y: str, treated: Any = 1, control: Any = 0) -> float:
        """Effect on the treated: E[Y_treated - Y_control | X=treated]."""
        from butfor.scm.models.mediation import effect_among

        return effect_among(self, x, y, treated, control, among=treated)

    def atc(self, x: str, y: str, treated: Any = 1, control: Any = 0) -> float:
        """Effect on the controls: E[Y_treated - Y_control | X=control]."""
        from butfor.scm.models.mediation import effect_among

        return effect_among(self, x, y, treated, control, among=control)

    def cde(self, x: str, y: str, m_values: Mapping[str, Any] | str, treated: Any = 1, control: Any = 0) -> float:
        """Controlled direct effect: the effect of X while the mediators are held at `m_values`."""
        held = merged(m_values, {})
        if x in held:
            raise QueryError(f"{x} is the treatment: it cannot be held at {held[x]} too")
        return self.do({**held, x: treated}).mean(y) - self.do({**held, x: control}).mean(y)

    def nde(
        self, x: str, y: str, mediators: Iterable[str] | None = None, treated: Any = 1, control: Any = 0,
        reference: Reference = "control",
    ) -> float:  # fmt: skip
        """Natural direct effect: X changes, the mediators stay as they would be at the reference value of X."""
        from butfor.scm.models.mediation import natural_direct

        return natural_direct(self, x, y, mediators, treated, control, reference)

    def nie(
        self, x: str, y: str, mediators: Iterable[str] | None = None, treated: Any = 1, control: Any = 0,
        reference: Reference = "control",
    ) -> float:  # fmt: skip
        """Natural indirect effect: X stays at its reference value, the mediators change as X would change them."""
        from butfor.scm.models.mediation import natural_indirect

        return natural_indirect(self, x, y, mediators, treated, control, reference)

    def path_specific(
        self, x: str, y: str, paths: str | Iterable[Sequence[str]] = (), *, edges: Iterable[Edge] = (),
        treated: Any = 1, control: Any = 0, reference: Reference = "control",
    ) -> float:  # fmt: skip
        """The effect along some paths ("X -> M -> Y; X -> Y"), or along all paths that are made of `edges`."""
        from butfor.scm.models.mediation import path_specific

        return path_specific(self, x, y, paths, edges, treated, control, reference)

    def pn(self, x: str, y: str, treated: Any = 1, control: Any = 0, outcome: Any = 1) -> float:
        """Probability of necessity: P(Y_control is not the outcome | X=treated, Y is the outcome)."""
        from butfor.scm.models.causation import necessity

        return necessity(self, x, y, treated, control, outcome)

    def ps(self, x: str, y: str, treated: Any = 1, control: Any = 0, outcome: Any = 1) -> float:
        """Probability of sufficiency: P(Y_treated is the outcome | X=control, Y is not the outcome)."""
        from butfor.scm.models.causation import sufficiency

        return sufficiency(self, x, y, treated, control, outcome)

    def pns(self, x: str, y: str, treated: Any = 1, control: Any = 0, outcome: Any = 1) -> float:
        """Probability of necessity and sufficiency: P(Y_treated is the outcome, Y_control is not)."""
        from butfor.scm.models.causation import both

        return both(self, x, y, treated, control, outcome)

    # constructors ---------------------------------------------------------------------------------------------------

    @staticmethod
    def discrete(
        tables: Mapping[str, Any], *, latent: Iterable[str] = (), coupling: Coupling = "comonotone"
    ) -> Discrete:
        """A model of finitely many values: a table P(V | parents) for each variable; see `scm.models.discrete`."""
        from butfor.scm.models.discrete import discrete

        return discrete(tables, latent=latent, coupling=coupling)

    @staticmethod
    def from_bif(source: str | Path, *, latent: Iterable[str] = (), coupling: Coupling = "comonotone") -> Discrete:
        """A Bayesian network in the BIF format, as text or as a file."""
        from butfor.scm.models.bif import read_bif

        return SCM.discrete(read_bif(source), latent=latent, coupling=coupling)

    @staticmethod
    def linear(coefficients: Mapping[str, Mapping[str, float]], **how: Any) -> LinearGaussian:
        """A linear model with normal noise, from {effect: {cause: weight}}; see `butfor.scm.models.gaussian.linear`."""
        from butfor.scm.models.gaussian import linear

        return linear(coefficients, **how)

    @staticmethod
    def functional(mechanisms: Mapping[str, Any], **how: Any) -> Functional:
        """A model of any functions and noises, {name: function}; see `butfor.scm.models.functional.functional`."""
        from butfor.scm.models.functional import functional

        return functional(mechanisms, **how)

    @staticmethod
    def random(graph: Graph | str, seed: int = 0, kind: str = "discrete", **how: Any) -> SCM:
        """A seeded random model on a graph; see `butfor.scm.models.worlds.random_scm`."""
        from butfor.scm.models.worlds import random_scm

        return random_scm(graph, seed, kind, **how)

    @staticmethod
    def fit(graph: Graph | str, data: Any, **how: Any) -> Fitted:
        """A mechanism chosen and fitted for each variable; see `butfor.scm.models.fit.fit`."""
        from butfor.scm.models.fit import fit

        return fit(graph, data, **how)


def check_draws(n: int) -> None:
    """Refuses a number of draws that there cannot be."""
    if n < 0:
        raise QueryError(f"{n} draws; n must not be negative")


def merged(assignments: Mapping[str, Any] | str | None, values: Mapping[str, Any]) -> dict[str, Any]:
    """The ways to write an intervention as one."""
    if isinstance(assignments, str):
        conditions = read_conditions(assignments)
        if wrong := [condition for condition in conditions if condition.sign != "="]:
            raise QueryError(f"do({wrong[0]}) sets no value; write do({wrong[0].name}=VALUE)")
        assignments = {condition.name: condition.value for condition in conditions}
    if not isinstance(cast("object", assignments), Mapping | None):
        raise QueryError(f"do({assignments!r}) says nothing to do; write do(X=1), do({{'X': 1}}) or do('X=1')")
    return {**(assignments or {}), **values}
