"""How a world is put into words: phrases for its variables, and the grammar that bends them.

Sense     common     a story's words, each on the role that it was written for
          anti       the same words in the opposite order: every arrow contradicts common sense
          nonsense   words of no language, so that nothing but the text can help
Limits    Verbs are plural and in the present tense, "are" and "were" the only irregular ones: that is all the grammar
          that stories need.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, get_args

from numpy.random import Generator

from butfor.data.ladder.stories import ROLES, STORIES, Phrase

Sense = Literal["common", "anti", "nonsense"]
SENSES: tuple[Sense, ...] = get_args(Sense)

HEADS, TAILS = ("bl", "f", "gr", "j", "kl", "m", "pr", "v", "z"), ("b", "f", "k", "n", "p", "t")
MIDDLES, VOWELS = ("lb", "mz", "rg", "ndr", "vl", "zk", "pf"), ("a", "e", "i", "o", "u")


@dataclass(frozen=True, slots=True)
class Words:
    """The words of one world."""

    story: str
    setting: str
    units: str
    who: str
    phrases: Mapping[str, Phrase]  # variable → (noun, verb)

    def noun(self, name: str) -> str:
        """taking the drug"""
        return self.phrases[name][0]

    def verb(self, name: str, value: int = 1) -> str:
        """take the drug; do not take the drug"""
        verb = self.phrases[name][1]
        if value:
            return verb
        first, _, rest = verb.partition(" ")
        return f"{first} not {rest}" if first in ("are", "were") else f"do not {verb}"

    def base(self, name: str, value: int = 1) -> str:
        """take the drug; not take the drug; be fit; not be fit"""
        verb = self.phrases[name][1]
        first, _, rest = verb.partition(" ")
        verb = {"are": f"be {rest}", "were": f"have been {rest}"}.get(first, verb)
        return verb if value else f"not {verb}"

    def made(self, name: str, value: int) -> str:
        """made to take the drug; made not to take the drug"""
        return f"made to {self.base(name)}" if value else f"made not to {self.base(name)}"

    def those(self, event: Mapping[str, int]) -> str:
        """patients who smoke and do not take the drug; all patients, where nothing is said"""
        told = " and ".join(self.verb(name, value) for name, value in event.items())
        return f"{self.units} {self.who} {told}" if told else f"all {self.units}"

    def nouns(self, names: Iterable[str]) -> str:
        """age, smoking and taking the drug"""
        return listed([self.noun(name) for name in names])


def listed(parts: Sequence[str], last: str = "and") -> str:
    """a, b and c"""
    return parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])} {last} {parts[-1]}"


def capital(text: str) -> str:
    """The first letter large."""
    return text[:1].upper() + text[1:]


def words(sense: str, roles: Mapping[str, str], rng: Generator) -> Words:
    """Words for variables with these roles, the variables in causal order."""
    if sense == "nonsense":
        return _nonsense(list(roles), rng)
    story = STORIES[int(rng.integers(len(STORIES)))]
    chosen = dict(roles)
    if sense == "anti":
        chosen = dict(zip(roles, sorted(roles.values(), key=ROLES.index, reverse=True), strict=True))
    phrases = {name: story.phrase(role) for name, role in chosen.items()}
    return Words(story.name, story.setting, story.units, story.who, phrases)


def _nonsense(names: list[str], rng: Generator) -> Words:
    stems: list[str] = []
    while len(stems) <= len(names):
        stem = "".join(pool[int(rng.integers(len(pool)))] for pool in (HEADS, VOWELS, MIDDLES, VOWELS, TAILS))
        if stem not in stems:
            stems.append(stem)
    units = f"{stems.pop()}s"
    phrases = {name: (f"{stem}ing", stem) for name, stem in zip(names, stems, strict=True)}
    return Words("nonsense", f"An explorer watches the {units} of a far island.", units, "that", phrases)
