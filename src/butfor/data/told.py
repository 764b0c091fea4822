"""Worlds told as text: what was seen, what was done, and what would have been, in random worlds of known mechanisms.

    observational    In a town where rain drives yield, rain was high and yield was low.
    interventional   In a town where rain drives yield, someone set rain to high: yield turned out low.
    counterfactual   In a town where rain drives yield, rain was low and yield was low. Had rain been high, yield would
                     have been high.

Idea      A `Place` is a random discrete model of the engine whose variables have everyday names and two levels. A unit
          is a draw of all its noise, so every rung is computed and none is guessed.
Equation  seen          V = f(noise)
          done          V = f(noise) under do(X = x), x by a fair coin, for a unit that is not described otherwise
          imagined      abduction: the unit's noise is known; action: do(X = 1 − x); prediction: V = f(the same noise)
          So P(told) = P(V), P(V | do(X = x)), and P(V, V under do(X = 1 − x)) of the model.
Marks     spans: every part that gives a variable a value, with the variable's name; links: the graph's arrows between
          the spans of one telling (seen, done or imagined). A variable that is set has no arrow into it.
Fields    `rung`, `world` (the seed of the model), `facts`, `do`, `would`: what the text says, to recompute it.
Limits    Names have no meaning in a world: rain may raise the yield in one town and lower it in the next. A passage
          tells some of the variables, so a reader of the text alone cannot always work out what would have been.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Literal, cast

import numpy as np

from butfor.core.seeds import derive, generator
from butfor.scm.graph import Graph
from butfor.scm.models.discrete import Discrete
from butfor.scm.models.worlds import random_graph, random_scm

if TYPE_CHECKING:
    from numpy.random import Generator

Rung = Literal["observational", "interventional", "counterfactual"]
COUNT = 5_000  # passages of the corpus "worlds"
RUNGS: tuple[Rung, ...] = ("observational", "interventional", "counterfactual")
LEVELS = ("low", "high")
PLACES = ("town", "village", "valley", "harbour", "market", "school", "factory", "bakery", "clinic", "city", "region")
NOUNS = (
    "rain", "demand", "traffic", "pollution", "income", "trust", "noise", "heat", "wealth", "stress", "sleep", "crime",
    "tourism", "rent", "hunger", "wind", "dust", "debt", "output", "supply", "morale", "turnout", "humidity", "yield",
    "effort", "praise", "doubt", "risk", "fatigue", "appetite", "light", "growth", "erosion", "revenue", "attendance",
    "congestion", "vegetation", "unemployment", "inflation", "pressure", "moisture", "mileage", "harvest", "curiosity",
)  # fmt: skip
DRIVES = ("affects", "drives", "moves", "acts on")
UNSEEN = ("something unseen acts on both {a} and {b}", "{a} and {b} share a cause that nobody sees")
SEEN = (
    "In a {place} where {graph}, {facts}.",
    "{Facts} in a {place} where {graph}.",
    "A look at a {place} where {graph}: {facts}.",
)
DONE = (
    "In a {place} where {graph}, someone set {x} to {value}: {facts}.",
    "{X} was set to {value} from outside in a {place} where {graph}, and {facts}.",
    "When someone set {x} to {value} in a {place} where {graph}, {facts}.",
)
IMAGINED = (
    "In a {place} where {graph}, {facts}. Had {x} been {value}, {would}.",
    "{Facts} in a {place} where {graph}. If {x} had been {value} instead, {would}.",
    "A look at a {place} where {graph}: {facts}. With {x} at {value}, {would}.",
)

FORMS: Mapping[Rung, Sequence[str]] = dict(zip(RUNGS, (SEEN, DONE, IMAGINED), strict=True))
PIECE = re.compile(r"\{(\w+)\}|[^{]+")

Unit = Mapping[str, int]  # every variable of a place, noise included, and its level


@dataclass(frozen=True, slots=True, kw_only=True)
class Mix:
    """What a corpus of told worlds is made of."""

    observational: float = 1.0  # weights of the three kinds of passages
    interventional: float = 1.0
    counterfactual: float = 1.0
    variables: tuple[int, int] = (3, 5)  # of a world, least and most
    density: float = 0.5  # share of all pairs that an arrow joins
    hidden: float = 0.2  # unseen common causes, per variable
    each: int = 20  # passages about one world

    def __post_init__(self) -> None:
        if min(self.weights) < 0 or not 0 < sum(self.weights) < float("inf"):
            raise ValueError("observational, interventional and counterfactual are weights: from 0 on, one above 0")
        low, high = self.variables
        if not 2 <= low <= high <= len(NOUNS):
            raise ValueError(f"variables is [least, most], from 2 to {len(NOUNS)}, not {[low, high]}")
        if not 0 <= self.density <= 1:
            raise ValueError(f"density is a share of pairs, between 0 and 1, not {self.density}")
        if not 0 <= self.hidden <= 2:
            raise ValueError(f"hidden is a number of unseen causes per variable, from 0 to 2, not {self.hidden}")
        if self.each < 1:
            raise ValueError(f"each is 1 or more, not {self.each}")

    @property
    def weights(self) -> tuple[float, float, float]:
        """Of the rungs, in their order."""
        return self.observational, self.interventional, self.counterfactual


@dataclass(frozen=True, slots=True, eq=False)
class Place:
    """A world with names: the model, and where it plays."""

    seed: int
    place: str
    model: Discrete
    words: Mapping[str, str]  # variable → noun

    @property
    def graph(self) -> Graph:
        """Over the variables that have names."""
        return self.model.graph


def place(seed: int, mix: Mix, rng: Generator) -> Place:
    """A new world; `seed` decides its graph and mechanisms, `rng` its words."""
    size = int(rng.integers(mix.variables[0], mix.variables[1] + 1))
    graph = random_graph(size, seed, density=mix.density, latent=mix.hidden)
    model = cast("Discrete", random_scm(graph, seed, "discrete"))
    nouns = [NOUNS[int(at)] for at in rng.permutation(len(NOUNS))[:size]]
    return Place(seed, _of(PLACES, rng), model, dict(zip(model.graph.names, nouns, strict=True)))


def units(of: Place, count: int, seed: int) -> list[dict[str, int]]:
    """Draws of all variables, noise included."""
    drawn = replace(of.model, latent=frozenset()).sample(count, seed)
    return [{name: int(column[at]) for name, column in drawn.items()} for at in range(count)]


def under(of: Place, unit: Unit, do: Mapping[str, int]) -> dict[str, int]:
    """What the unit's noise leads to where some variables are set: V = f(noise) under do."""
    found: dict[str, int] = {}
    for i in of.model.whole.order:
        name = of.model.whole.names[i]
        table = of.model.tables[name]
        if name in do:
            found[name] = do[name]
        elif not table.parents:
            found[name] = unit[name]
        else:
            found[name] = int(table.p[tuple(found[parent] for parent in table.parents)].argmax())
    return found


def passages(mix: Mix, rng: Generator) -> Iterator[dict[str, Any]]:
    """Rows without end, `mix.each` about one world after the other."""
    shares = np.array(mix.weights) / sum(mix.weights)
    while True:
        seed = int(rng.integers(2**31))
        of = place(seed, mix, rng)
        for unit in units(of, mix.each, derive(seed, "units")):
            yield passage(of, RUNGS[int(rng.choice(len(RUNGS), p=shares))], unit, rng)


def passage(of: Place, rung: Rung, unit: Unit, rng: Generator) -> dict[str, Any]:
    """One row about one unit."""
    names = of.graph.names
    chosen = [names[int(at)] for at in rng.permutation(len(names))[: int(rng.integers(2, len(names) + 1))]]
    x, others = chosen[0], chosen[1:]
    if rung == "observational":
        facts, do, would = {name: unit[name] for name in chosen}, {}, {}
    elif rung == "interventional":
        do = {x: int(rng.integers(2))}
        after = under(of, unit, do)
        facts, would = {name: after[name] for name in others}, {}
    else:
        do = {x: 1 - unit[x]}
        after = under(of, unit, do)
        told = [chosen[int(at)] for at in rng.permutation(len(chosen))]
        facts, would = {name: unit[name] for name in told}, {name: after[name] for name in others}
    text = _Text(of, facts, do, would, rng)
    text.write(_of(FORMS[rung], rng))
    return {
        "text": text.text, "spans": text.spans, "links": text.links(),
        "rung": rung, "world": str(of.seed), "facts": facts, "do": do, "would": would,
    }  # fmt: skip


def told(count: int, mix: Mix, rng: Generator) -> list[dict[str, Any]]:
    """So many passages, as rows of a corpus."""
    return [
        {"id": f"worlds/{number}", **row} for number, row in zip(range(1, count + 1), passages(mix, rng), strict=False)
    ]


def corpus() -> list[dict[str, Any]]:
    """The corpus "worlds": the three kinds of passages in equal parts."""
    return told(COUNT, Mix(), generator(0, "corpus", "worlds"))


# wording --------------------------------------------------------------------------------------------------------------


def _of(choices: Sequence[str], rng: Generator) -> str:
    return choices[int(rng.integers(len(choices)))]


@dataclass(slots=True)
class _Text:
    """A passage while it is written: its text, and who is told where."""

    of: Place
    facts: Mapping[str, int]
    do: Mapping[str, int]
    would: Mapping[str, int]
    rng: Generator
    text: str = ""
    spans: list[list[Any]] = field(default_factory=list[list[Any]])
    tellings: list[tuple[str, bool]] = field(default_factory=list[tuple[str, bool]])  # of each span: who, after do?
    opened: int = 0

    def write(self, form: str) -> None:
        """Fill a form, piece by piece."""
        for piece in PIECE.finditer(form):
            slot = piece[1] or ""
            at = len(self.text)
            if not slot:
                self.text += piece[0]
            elif slot.lower() == "facts":
                done = bool(self.do) and not self.would
                self._values(self.facts, "turned out" if done else "was", done=done)
            elif slot == "would":
                self._values(self.would, "would have been", done=True)
            elif slot.lower() == "x":
                self.opened = at
                self.text += self.of.words[next(iter(self.do))]
            elif slot == "value":
                name = next(iter(self.do))
                self.text += LEVELS[self.do[name]]
                self._mark(self.opened, name, done=True)
            else:
                self.text += self.of.place if slot == "place" else _graph(self.of, self.rng)
            if slot[:1].isupper():
                self.text = self.text[:at] + self.text[at].upper() + self.text[at + 1 :]

    def _values(self, values: Mapping[str, int], verb: str, *, done: bool) -> None:
        """Clauses such as "rain was low, harvest was low and rent was high"."""
        for number, (name, value) in enumerate(values.items()):
            self.text += "" if not number else " and " if number == len(values) - 1 else ", "
            at = len(self.text)
            still = "would still have been" if verb.startswith("would") and self.facts[name] == value else verb
            self.text += f"{self.of.words[name]} {still} {LEVELS[value]}"
            self._mark(at, name, done=done)

    def _mark(self, start: int, name: str, *, done: bool) -> None:
        self.spans.append([start, len(self.text), self.of.words[name]])
        self.tellings.append((name, done))

    def links(self) -> list[list[int]]:
        """Arrows between spans of one telling; none into what is set."""
        return [
            [i, j]
            for i, (a, before) in enumerate(self.tellings)
            for j, (b, after) in enumerate(self.tellings)
            if before == after and a in self.of.graph.parents(b) and not (after and b in self.do)
        ]


def _graph(of: Place, rng: Generator) -> str:
    """The graph in words."""
    parts = [f"{of.words[a]} {_of(DRIVES, rng)} {of.words[b]}" for a, b in of.graph.edges]
    parts += [_of(UNSEEN, rng).format(a=of.words[a], b=of.words[b]) for a, b in of.graph.confounded]
    if not parts:
        return "nothing acts on anything"
    return parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])} and {parts[-1]}"
