"""Pairs of texts of a preference world to measure rewards on, one of them truly better; no text stands in two pairs.

Review     two reviews of different stars, of two families of edits that stand in no other pair's cluster
Chat       the true and the false answer to one question
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import zip_longest

from butfor.core.seeds import derive, generator
from butfor.data.preferences import Kind, Told, texts


@dataclass(frozen=True, slots=True)
class Two:
    """A pair: the better text, the worse one."""

    id: str
    cluster: str
    better: Told
    worse: Told


def pairs(kind: Kind, seed: int) -> list[Two]:
    """The pairs, those first that share no family with another."""
    found = texts(kind, "test", seed=seed)
    if kind == "chat":
        both = list(zip(found[::2], found[1::2], strict=True))
        order = generator(seed, "reward", "pairs").permutation(len(both))
        return [Two(both[at][0].id, both[at][0].group, *both[at]) for at in order]
    families: dict[str, list[Told]] = {}
    for one in found:
        families.setdefault(one.group, []).append(one)
    names = sorted(families, key=lambda name: derive(seed, "reward", "family", name))
    couples = [
        _couple(one, families[one], other, families[other], seed)
        for one, other in zip(names[::2], names[1::2], strict=False)
    ]
    return [two for turn in zip_longest(*couples) for two in turn if two]


def _couple(one: str, first: list[Told], other: str, second: list[Told], seed: int) -> Iterator[Two]:
    """The texts of two families, pair by pair, where their quality differs."""
    rng = generator(seed, "reward", "couple", one, other)
    mixed = ([side[at] for at in rng.permutation(len(side))] for side in (first, second))
    for number, (a, b) in enumerate(zip(*mixed, strict=False)):
        if a.quality != b.quality:
            better, worse = (a, b) if a.quality > b.quality else (b, a)
            yield Two(f"reviews/{one}/{other}/{number}", f"{one}/{other}", better, worse)
