"""An endless stream of questions: item i of a seed is the same whatever else is asked for.

Rounds    In each pair of rounds every kind is asked twice in each sense: once with the answer yes, once with no. The
          order within a pair of rounds is drawn. So answers are balanced within kind × sense, up to one question.
Drawn     A world is drawn from (seed, dials, sense, family, round, attempt) and shared by the questions of its family:
          they are one cluster. A kind takes the first attempt whose number has the sign that was drawn for it, is at
          least `MARGIN` away from the line, and where one mistake, drawn, gives the wrong answer (in the first six
          attempts: it alone) or the right one, as a coin says. If twelve attempts do not, any will do.
Checked   Each number is computed by the engine and by enumeration before a question leaves; a mismatch is an error.
Limits    Dials and numpy's generators fix a world. A selection of kinds and senses gives the same questions as the
          whole stream, in the same order, without the others.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

from numpy.random import Generator

from butfor.core.errors import RunError, UnknownName, UserError
from butfor.core.seeds import derive, generator
from butfor.data.ladder.ask import question
from butfor.data.ladder.draw import Dials, dials_of, draw
from butfor.data.ladder.kinds import KINDS, Kind
from butfor.data.ladder.quantities import Ask
from butfor.data.ladder.tell import WORDINGS, premises
from butfor.data.ladder.why import why
from butfor.data.ladder.words import SENSES, Words, words
from butfor.data.ladder.world import Family, World

MARGIN = 0.02  # how far a number is from the line that decides
MATCH = 1e-9  # two ways to a number may differ by rounding alone
PATIENCE = 12  # attempts that may be turned down because they do not mislead
ATTEMPTS = 2000
CHOICES = ("yes", "no")


@dataclass(frozen=True, slots=True)
class Ladder:
    """What is to be generated: `items()` never ends."""

    seed: int = 0
    dials: Dials = field(default_factory=Dials)
    kinds: tuple[str, ...] = tuple(KINDS)
    senses: tuple[str, ...] = SENSES

    def __post_init__(self) -> None:
        for what, given, known in (("kind of question", self.kinds, KINDS), ("sense", self.senses, SENSES)):
            for name in given:
                if name not in known:
                    raise UnknownName(what, name, known)

    @property
    def key(self) -> str:
        """Eight letters for the seed and the dials: names of questions begin with it."""
        return hashlib.blake2b(repr((self.seed, self.dials)).encode(), digest_size=4).hexdigest()

    def items(self) -> Iterator[dict[str, Any]]:
        """One question after the other."""
        block = 0
        while True:
            places = [(name, sense, turn) for name in KINDS for sense in SENSES for turn in (0, 1)]
            for at in generator(self.seed, "ladder", "order", block).permutation(len(places)):
                name, sense, turn = places[at]
                if name in self.kinds and sense in self.senses:
                    yield self.item(name, sense, 2 * block + turn)
            block += 1

    def item(self, name: str, sense: str, number: int) -> dict[str, Any]:
        """The question of a kind in a round."""
        kind = KINDS[name]
        yes = (number + derive(self.seed, "ladder", "answer", name, sense, number // 2)) % 2 == 0
        rng = generator(self.seed, "ladder", self.key, "item", name, sense, number)
        above, mislead, aim = bool(rng.integers(2)), bool(rng.integers(2)), int(rng.integers(12))
        for attempt in range(ATTEMPTS):
            world = self.world(sense, kind.family, number, attempt)
            found = _fitting(kind, world, rng, above)
            if found is None:
                continue
            ask, value = found
            lures = {mistake: s for mistake, s in kind.lures(world, ask).items() if abs(s) > MATCH}
            wrong = [(s > 0) != above for s in lures.values()]
            if attempt < PATIENCE and not _tells(wrong, aim, mislead=mislead, alone=attempt < PATIENCE // 2):
                continue
            _same(kind, world, ask, value)
            return self._told(kind, world, ask, value, lures, yes, sense, number, attempt, rng)
        raise UserError(
            f"none of {ATTEMPTS} such worlds offers a question of kind {name!r}; widen nodes, or name other kinds"
        )

    def world(self, sense: str, family: Family, number: int, attempt: int) -> World:
        """The world of an attempt."""
        return _world(self.seed, self.dials, self.key, sense, family, number, attempt)

    def words(self, sense: str, family: Family, number: int, attempt: int) -> Words:
        """The words of the same world."""
        world = self.world(sense, family, number, attempt)
        rng = generator(self.seed, "ladder", self.key, "words", sense, family, number, attempt)
        return words(sense, {name: world.roles[name] for name in world.seen}, rng)

    def _told(
        self, kind: Kind, world: World, ask: Ask, value: float, lures: dict[str, float], yes: bool, sense: str,
        number: int, attempt: int, rng: Generator,
    ) -> dict[str, Any]:  # fmt: skip
        up, told = (value > 0) == yes, self.words(sense, kind.family, number, attempt)
        wording, phrasing = WORDINGS[int(rng.integers(len(WORDINGS)))], int(rng.integers(2))
        asked = question(kind.name, world, told, ask, up=up, phrasing=phrasing)
        group = {"rung": str(kind.rung), "query": kind.name, "sense": sense, **dials_of(world),
                 "wording": wording, "polarity": "up" if up else "down"}  # fmt: skip
        return {
            "id": f"{self.key}-{kind.name}-{sense}-{number}",
            "prompt": f"{premises(world, told, wording, numbers=kind.numbers)}\n\n{asked}",
            "choices": list(CHOICES),
            "answer": 0 if yes else 1,
            "group": group,
            "cluster": f"{self.key}-{kind.family}-{sense}-{number}-{attempt}",
            "lures": {mistake: int((s > 0) != up) for mistake, s in lures.items()},
            "why": why(kind.name, world, told, ask, value, up=up),
            "spec": {"world": world.as_json(), "ask": dict(ask), "up": up, "story": told.story},
        }


def _fitting(kind: Kind, world: World, rng: Generator, above: bool) -> tuple[Ask, float] | None:
    """The particulars and the number, where the number lies on the wanted side and clear of the line."""
    ask = kind.asks(world, rng)
    if ask is None:
        return None
    value = kind.brute(world, ask)
    return (ask, value) if (value > 0) == above and abs(value) >= MARGIN else None


def _tells(wrong: list[bool], aim: int, *, mislead: bool, alone: bool) -> bool:
    """Does the mistake that is aimed at lead to the wrong answer (alone, if need be), or to the right one?"""
    if not wrong:
        return True
    return wrong[aim % len(wrong)] == mislead and (not (mislead and alone) or sum(wrong) == 1)


def _same(kind: Kind, world: World, ask: Ask, value: float) -> None:
    exact = kind.exact(world, ask)
    if not abs(exact - value) <= MATCH:
        raise RunError(f"{kind.name}: the engine finds {exact!r}, enumeration {value!r}; world {world.as_json()}")


@lru_cache(maxsize=1024)
def _world(seed: int, dials: Dials, key: str, sense: str, family: Family, number: int, attempt: int) -> World:
    return draw(family, dials, generator(seed, "ladder", key, "world", sense, family, number, attempt))


def ladder(
    n: int, seed: int = 0, *, dials: Dials | None = None, kinds: Sequence[str] = (), senses: Sequence[str] = ()
) -> Iterator[dict[str, Any]]:
    """The first n questions of a seed."""
    made = Ladder(seed, dials or Dials(), tuple(kinds) or tuple(KINDS), tuple(senses) or SENSES)
    stream = made.items()
    for _ in range(n):
        yield next(stream)
