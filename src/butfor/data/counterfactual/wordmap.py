"""A word map: how what is said at one value of a variable is said at the other. Written by hand, or learnt from pairs.

Format    a text file; `#` begins a comment. The first line names the two values, each with its other names:
            negative bad 0 = positive good 1
          every other line is a swap: `dull = lively` works both ways, `atrocious > superb` only from left to right,
          `plain < stunning` only from right to left. Phrases have up to six words; a word on several lines has several
          swaps, and who uses the map chooses.
Learnt    from pairs of texts that people wrote: what stands in a span of the one, up to four words, and what stands in
          the other instead. A phrase is taken that was swapped in `least` pairs or more and in at least `share` of the
          pairs in whose text it stands, with its most frequent counterpart.
Limits    A map knows words and no sense. What is learnt knows the texts that it was learnt from.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from butfor.core.errors import MalformedData, UserError
from butfor.data import builtin
from butfor.data.find import lines
from butfor.data.pairs import Pair
from butfor.data.swaps import WORD

BUILT_IN = {"sentiment": "opinions.txt"}
SIGN = re.compile(r"\s+([=<>])\s+")
LONGEST = 6  # words of a phrase

Phrase = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class WordMap:
    """Two values, each by all its names, and for every phrase of each what may stand there at the other."""

    values: tuple[tuple[str, ...], tuple[str, ...]]
    swaps: tuple[Mapping[Phrase, tuple[str, ...]], Mapping[Phrase, tuple[str, ...]]]

    def side(self, value: str) -> int:
        """Which of the two values this is: 0 or 1."""
        for side in (0, 1):
            if value.lower() in self.values[side]:
                return side
        raise UserError(f"this word map goes between {self.values[0][0]} and {self.values[1][0]}; {value!r} is neither")

    def __len__(self) -> int:
        return len(self.swaps[0]) + len(self.swaps[1])

    def joined(self, other: WordMap) -> WordMap:
        """Both maps in one; where both know a phrase, this one counts."""
        return WordMap(self.values, ({**other.swaps[0], **self.swaps[0]}, {**other.swaps[1], **self.swaps[1]}))


@cache
def built_in(variable: str) -> WordMap:
    """The map that the package brings for this variable."""
    if variable not in BUILT_IN:
        raise UserError(f"there is no word map for {variable!r}; give a file of your own, or use {', '.join(BUILT_IN)}")
    name = BUILT_IN[variable]
    return _read(Path(name), builtin.read(name).split("\n"))


def read(path: str | Path) -> WordMap:
    """The map in a file."""
    file = Path(path).expanduser()
    return _read(file, lines(file))


def _read(file: Path, text: Iterable[str]) -> WordMap:
    values: tuple[tuple[str, ...], tuple[str, ...]] | None = None
    found: tuple[dict[Phrase, tuple[str, ...]], dict[Phrase, tuple[str, ...]]] = ({}, {})
    for number, line in enumerate(text, 1):
        plain = line.partition("#")[0].strip()
        if not plain:
            continue
        parts = SIGN.split(plain)
        if len(parts) != 3:
            raise MalformedData(file, number, f"{plain!r} is no swap; write: dull = lively")
        left, sign, right = parts
        if values is None:
            values = tuple(left.lower().split()), tuple(right.lower().split())
            continue
        for side, (one, two) in enumerate(((left, right), (right, left))):
            if sign in ("=", "><"[side]):
                phrase = words(one)
                if not 0 < len(phrase) <= LONGEST:
                    raise MalformedData(file, number, f"a phrase has 1 to {LONGEST} words, not {len(phrase)}")
                found[side][phrase] = (*found[side].get(phrase, ()), two)
    if values is None or not (found[0] or found[1]):
        raise MalformedData(file, 1, "a word map names two values, then its swaps: negative = positive, dull = lively")
    return WordMap(values, found)


def words(text: str) -> Phrase:
    """The words of a phrase, small, as they are looked up."""
    return tuple(word.lower().replace("’", "'") for word in WORD.findall(text))


def learnt(pairs: Sequence[tuple[str, str]], values: tuple[str, str], *, least: int = 2, share: float = 0.3) -> WordMap:
    """The map of the edits in pairs of texts: the first of each pair at the first value, the second at the second."""
    if not pairs or least < 1 or not 0 < share <= 1:
        raise UserError("a word map is learnt from pairs, with least ≥ 1 and 0 < share ≤ 1")
    edits = (defaultdict[Phrase, Counter[str]](Counter), defaultdict[Phrase, Counter[str]](Counter))
    seen = (Counter[Phrase](), Counter[Phrase]())
    for pair in pairs:
        spans = {(one.strip(), two.strip()) for one, two in Pair.of(*pair, "learnt").contents}
        for side in (0, 1):
            seen[side].update(_phrases(pair[side]))
        for one, two in spans:
            if 0 < len(words(one)) <= 4 and 0 < len(words(two)) <= 4 and words(one) != words(two):
                edits[0][words(one)][two] += 1
                edits[1][words(two)][one] += 1
    found: tuple[dict[Phrase, tuple[str, ...]], dict[Phrase, tuple[str, ...]]] = ({}, {})
    for side in (0, 1):
        for phrase, counts in sorted(edits[side].items()):
            total = sum(counts.values())
            if total >= least and total >= share * seen[side][phrase]:
                often = min(counts, key=lambda text: (-counts[text], text))
                found[side][phrase] = (often,)
    if not any(found):
        raise UserError(f"no edit of {len(pairs)} pairs can be learnt: each needs {least} or more that make it")
    return WordMap(((values[0].lower(),), (values[1].lower(),)), found)


def _phrases(text: str) -> set[Phrase]:
    """Every phrase of up to four words in a text."""
    all_words = words(text)
    return {all_words[at : at + size] for size in range(1, 5) for at in range(len(all_words) - size + 1)}
