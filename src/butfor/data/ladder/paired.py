"""Pairs of questions on one case of one world: what is there, and what would be there but for one variable.

Idea      In a world of rules (the family "rules" of the ladder) a case is told: every variable but the one that is
          asked about and what follows from it. The factual question asks for that variable; the counterfactual one
          asks for it had another variable, `changed`, been set to the other value.
Necessity of X for Y, where both are there: Y would not be there but for X.  Sufficiency, where neither is: Y would be
          there with X. Both follow from the two answers (`made_a_difference`).
Balanced  For each query the eight cells (X there or not, Y there or not, Y changes or not) come equally often: neither
          answer tells anything about the other one, and constant answers are right for a half.
Queries   C1->X, X->M1, M1->Y and X->Y are trained; C1->M1 and C1->Y are not: their parts are (induction).
Graphs    The nine graphs of the family: six are trained. Of the other three every part has been seen, in other graphs.
Worlds    A quarter of all worlds of the trained graphs is kept for the test: none of them stands in training.
Texts     "story" as everywhere in the ladder; "short" in letters, for models that read nothing else: a letter for each
          role, a capital one is there, a small one is not; "if" is exactly if, and in the second text what is set:
              C if A and b. D if C or b. F if D and A. seen A b C D. F?
              C if A and b. D if C or b. F if D and A. seen A b C D. if c. F?
Checked   answers by enumeration of all cases; in the test also by the engine, where a mismatch is an error.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import product
from typing import TYPE_CHECKING, Any, Literal, get_args

from butfor.core.errors import RunError
from butfor.core.seeds import generator
from butfor.data.ladder import brute
from butfor.data.ladder.draw import Dials, draw
from butfor.data.ladder.stream import CHOICES
from butfor.data.ladder.tell import WORDINGS, premises
from butfor.data.ladder.words import SENSES, listed, words
from butfor.data.ladder.world import World

if TYPE_CHECKING:
    from numpy.random import Generator

Told = Literal["story", "short"]
Split = Literal["train", "test", "queries", "graphs"]
Query = tuple[str, str]  # what is changed, what is asked
Cell = tuple[int, int, int]  # the changed variable, the asked one, and the asked one after the change
SPLITS: tuple[Split, ...] = get_args(Split)
TRAINED: tuple[Query, ...] = (("C1", "X"), ("X", "M1"), ("M1", "Y"), ("X", "Y"))
UNSEEN: tuple[Query, ...] = (("C1", "M1"), ("C1", "Y"))
LETTERS = {"C1": "a", "C2": "b", "X": "c", "M1": "d", "W": "e", "Y": "f"}
WORLDS = 1500  # of a split
ROWS = 12_000  # pairs of a corpus
OPTIONS: dict[Told, tuple[str, str]] = {"story": (f" {CHOICES[0]}", f" {CHOICES[1]}"), "short": ("y", "n")}


@dataclass(frozen=True, slots=True)
class Paired:
    """Two questions on one case."""

    id: str
    world: World
    changed: str
    asked: str
    facts: Mapping[str, int]  # what is told of the case
    factual: int  # the asked variable as it is
    counterfactual: int  # and as it would be
    texts: tuple[str, str]

    @property
    def query(self) -> str:
        """X->Y"""
        return f"{self.changed}->{self.asked}"

    @property
    def labels(self) -> tuple[int, int]:
        """The places of the right answers in CHOICES."""
        return 1 - self.factual, 1 - self.counterfactual


def made_a_difference(factual: int, counterfactual: int, fact: int) -> bool:
    """Whether these two answers say that `fact` is there, and would not be but for the variable that is changed.

    That is necessity where the variable and the asked one are there, sufficiency where neither is.
    """
    return factual == fact != counterfactual


def pairs(number: int, split: Split, told: Told, seed: int = 0) -> Iterator[Paired]:
    """The first pairs of a split; the cells of its queries come in turn, all of them before one comes again."""
    order: list[tuple[Query, Cell]] = []
    offers = _offers(split)
    for at in range(number):
        rng = generator(seed, "ladder", "paired", split, told, at)
        if not order:
            every = sorted(offers)
            order = [every[i] for i in rng.permutation(len(every))]
        query, cell = order.pop()
        offered = offers[query, cell]
        world, case = offered[int(rng.integers(len(offered)))]
        yield _pair(f"{split}-{seed}-{at}", world, case, query, told, rng)


def unseen_graph(world: World) -> bool:
    """Three of the nine graphs, in which each way to M1 and each way to Y comes once."""
    both = len(world.tables["X"].causes) == 2
    way = (0 if both else 2) if len(world.tables["M1"].causes) == 2 else 1
    other = ("W", "X", "C1").index(world.tables["Y"].causes[1])
    return (way + other) % 3 == 0


def known_as(world: World) -> str:
    """A name for a world: the same for the same tables, which draws come to again."""
    told = repr([(name, table.causes, table.yes) for name, table in world.tables.items()])
    return hashlib.blake2b(told.encode(), digest_size=4).hexdigest()


def kept_for_test(world: World) -> bool:
    """A quarter of all worlds, by their tables."""
    return int(known_as(world)[:2], 16) % 4 == 0


def _belongs(world: World, split: Split) -> bool:
    if unseen_graph(world) or split == "graphs":
        return unseen_graph(world) and split == "graphs"
    return kept_for_test(world) == (split != "train")


@lru_cache(maxsize=len(SPLITS))
def _offers(split: Split) -> dict[tuple[Query, Cell], list[tuple[World, dict[str, int]]]]:
    """The cases of a split's worlds, by query and cell."""
    rng = generator(0, "ladder", "paired", "worlds", split)
    found: dict[tuple[Query, Cell], list[tuple[World, dict[str, int]]]] = {}
    left = WORLDS
    while left:
        world = draw("rules", Dials(), rng)
        if not _belongs(world, split):
            continue
        left -= 1
        roots = [name for name, table in world.tables.items() if not table.causes]
        for values in product((0, 1), repeat=len(roots)):
            fixed = dict(zip(roots, values, strict=True))
            case = brute.followed(world, fixed, {})
            for changed, asked in UNSEEN if split == "queries" else TRAINED:
                then = brute.followed(world, fixed, {changed: 1 - case[changed]})
                cell = case[changed], case[asked], then[asked]
                found.setdefault(((changed, asked), cell), []).append((world, case))
    return found


def _pair(name: str, world: World, case: Mapping[str, int], query: Query, told: Told, rng: Generator) -> Paired:
    """The questions on a case, answered again from what is told of it."""
    changed, asked = query
    after = brute.reaches(world.edges, asked)
    facts = {name: value for name, value in case.items() if name not in after}
    texts = _TELL[told](world, facts, changed, asked, rng)
    answers = _answers(world, facts, changed, asked, engine=not name.startswith("train"))
    return Paired(name, world, changed, asked, facts, *answers, texts)


def _answers(world: World, facts: Mapping[str, int], changed: str, asked: str, *, engine: bool) -> tuple[int, int]:
    """What is, and what would be, in every case that agrees with the facts."""
    of, to = replace(world, y=asked), {changed: 1 - facts[changed]}
    found = brute.imagined(of, facts, {}), brute.imagined(of, facts, to)
    if engine:
        exact = (world.model.p({asked: 1}, facts), world.model.counterfactual(facts, to).p({asked: 1}))
        if any(abs(a - b) > 1e-9 for a, b in zip(found, exact, strict=True)):
            raise RunError(f"the engine finds {exact}, enumeration {found}; world {world.as_json()}")
    return int(found[0]), int(found[1])


# texts ----------------------------------------------------------------------------------------------------------------


def _story(world: World, facts: Mapping[str, int], changed: str, asked: str, rng: Generator) -> tuple[str, str]:
    sense = SENSES[int(rng.integers(len(SENSES)))]
    w = words(sense, {name: world.roles[name] for name in world.seen}, rng)
    wording = WORDINGS[int(rng.integers(len(WORDINGS)))]
    seen = listed([w.verb(name, value) for name, value in facts.items()])
    start = f"{premises(world, w, wording, numbers=False)}\n\nWe see that some {w.units} {seen}. Is it true that they"
    made = w.made(changed, 1 - facts[changed])
    return f"{start} {w.verb(asked)}? Answer:", f"{start} would {w.base(asked)} if they had been {made}? Answer:"


def _short(world: World, facts: Mapping[str, int], changed: str, asked: str, rng: Generator) -> tuple[str, str]:  # noqa: ARG001

    def said(name: str, value: int) -> str:
        return LETTERS[name].upper() if value else LETTERS[name]

    rules = [f"{said(name, 1)} if {_condition(table.yes, table.causes, said)}." for name, table in _ruled(world)]
    seen = " ".join(said(name, value) for name, value in facts.items())
    start = f"{' '.join(rules)} seen {seen}."
    return f"{start} {said(asked, 1)}?", f"{start} if {said(changed, 1 - facts[changed])}. {said(asked, 1)}?"


def _ruled(world: World) -> list[tuple[str, Any]]:
    return [(name, table) for name, table in world.tables.items() if table.causes]


def _condition(yes: tuple[int, ...], causes: tuple[str, ...], said: Any) -> str:
    """all (or any) of the causes, each as it is or not"""
    every = sum(percent == 100 for percent in yes) == 1
    rows = list(product((0, 1), repeat=len(causes)))
    alone = rows[yes.index(100 if every else 0)]
    values = alone if every else tuple(1 - value for value in alone)
    return (" and " if every else " or ").join(said(name, value) for name, value in zip(causes, values, strict=True))


_TELL = {"story": _story, "short": _short}


# corpora --------------------------------------------------------------------------------------------------------------


@lru_cache(maxsize=2)
def _trained(told: Told) -> tuple[Paired, ...]:
    return tuple(pairs(ROWS, "train", told))


def corpus(told: Told) -> list[dict[str, Any]]:
    """The corpora "ladder-pairs" and "ladder-pairs-short": factual questions, the counterfactual one beside each."""
    return [as_row(pair, told) for pair in _trained(told)]


def as_row(pair: Paired, told: Told) -> dict[str, Any]:
    """A row with its label and options, and its pair beside it."""
    one, other = (
        {"text": text, "label": label, "options": list(OPTIONS[told])}
        for text, label in zip(pair.texts, pair.labels, strict=True)
    )
    return {"id": f"ladder-pairs/{pair.id}", **one, "query": pair.query, "beside": {"pair": other}}
