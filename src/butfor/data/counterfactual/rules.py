"""Counterfactuals by rule: swap what is said at the one value for what is said at the other, and mind the negations.

Swap      from left to right, the longest phrase of the word map that begins at a word and belongs to the value that the
          text has. Where the map offers several, the seed draws. Capitals are carried over, a/an follows the new word.
Negation  a phrase within three words after a negation, in the same clause, says the opposite: "not bad" stays where
          good is wanted; in "not good" the negation goes and the phrase stays ("isn't good" → "is good").
Ratings   of the variable "sentiment": n/10 and n out of 10 become 11 - n (0 becomes 10), stars out of 4 and 5 likewise.
Last      where the text has no phrase of the map and no rating, the first is, was, are or were gets a "not", or loses
          the one it has.
Limits    Words, no grammar and no irony. What the map does not know stays, so that a text may end up mixed; whether it
          flipped is for a judge to say (`scores`).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from butfor.core.seeds import derive
from butfor.data.counterfactual.made import Case, Draft
from butfor.data.counterfactual.wordmap import BUILT_IN, LONGEST, Phrase, WordMap, built_in
from butfor.data.swaps import WORD, spoken

if TYPE_CHECKING:
    from collections.abc import Iterator

NEGATIONS = frozenset({"not", "no", "never", "neither", "nor", "hardly", "cannot", "without", "nothing"})
GONE = frozenset({"not", "never", "hardly", "no"})  # those that can be left out
WHOLE = {"cannot": "can", "can't": "can", "won't": "will", "shan't": "shall", "ain't": "is"}
SOME = {"without": "with", "nothing": "something"}
REACH = 3  # words that a negation reaches
RATING = re.compile(r"(?<![\w.])(\d{1,2})(\s*/\s*|\s+out\s+of\s+)(4|5|10|four|five|ten)\b(?!\s*[/\d])", re.IGNORECASE)
TOP = {"4": 4, "5": 5, "10": 10, "four": 4, "five": 5, "ten": 10}
COPULA = re.compile(r"\b(is|was|are|were)\b(\s+not\b)?(?!n['’]t)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Rules:
    """Swap by a word map; `words` None is the map that the package brings for the variable."""

    words: WordMap | None = None
    negations: bool = True
    name: str = "rules"
    batch: int = 64
    rated: frozenset[str] = field(default=frozenset({"sentiment"}))  # variables that ratings tell

    def identity(self) -> Any:
        """The map and the switches."""
        maps = [self.words] if self.words else [built_in(variable) for variable in sorted(BUILT_IN)]
        told = [sorted((" ".join(a), b) for a, b in side.items()) for words in maps for side in words.swaps]
        return [told, self.negations, sorted(self.rated)]

    def make(self, cases: Sequence[Case], seed: int) -> list[Draft]:
        """A draft for every case."""
        return [Draft(self._made(case, seed)) for case in cases]

    def _made(self, case: Case, seed: int) -> str:
        words = self.words or built_in(case.variable)
        text, wanted = case.text, words.side(case.wanted)
        new, known = _swapped(text, words, wanted, derive(seed, "rules", case.id), self.negations)
        if case.variable in self.rated:
            new = RATING.sub(lambda found: _rated(found, wanted), new)
        return _denied(text) if new == text and self.negations and not known else new


@dataclass(frozen=True, slots=True)
class _Edit:
    start: int
    stop: int
    text: str


def _swapped(text: str, words: WordMap, wanted: int, seed: int, negations: bool) -> tuple[str, int]:
    """The text with every phrase of the other value swapped, and how many phrases of the map it has."""
    spans = [found.span() for found in WORD.finditer(text)]
    said = [text[start:stop].lower().replace("’", "'") for start, stop in spans]
    edits: list[_Edit] = []
    at = known = 0
    while at < len(spans):
        size, side = _phrase(text, spans, said, at, words, wanted)
        if not size:
            at += 1
            continue
        known += 1
        denied = _denier(text, spans, said, at, edits) if negations else None
        if denied is None and side != wanted:
            choices = words.swaps[side][tuple(said[at : at + size])]
            new = choices[derive(seed, at) % len(choices)]
            edits += _replaced(text, spans, at, size, new)
        elif denied is not None and side == wanted:
            edits.append(_affirmed(text, spans, said, denied))
        at += size
    return _applied(text, edits), known


def _phrase(
    text: str, spans: Sequence[tuple[int, int]], said: Sequence[str], at: int, words: WordMap, wanted: int
) -> tuple[int, int]:
    """The longest phrase of the map that begins here: how many words, and which value it is said at; (0, 0) if none."""
    for size in range(min(LONGEST, len(spans) - at), 0, -1):
        if any(text[spans[n][1] : spans[n + 1][0]].strip(" \n-") for n in range(at, at + size - 1)):
            continue
        key: Phrase = tuple(said[at : at + size])
        for side in (1 - wanted, wanted):
            if key in words.swaps[side]:
                return size, side
    return 0, 0


def _denier(
    text: str, spans: Sequence[tuple[int, int]], said: Sequence[str], at: int, edits: Sequence[_Edit]
) -> int | None:
    """The word that negates what begins at word `at`, if one does and no edit has taken it."""
    for n in range(at - 1, max(-1, at - 1 - REACH), -1):
        if re.search(r"[.,;:!?()\"“”]", text[spans[n][1] : spans[n + 1][0]]) or said[n] in ("but", "only"):
            return None
        if any(edit.start < spans[n][1] and spans[n][0] < edit.stop for edit in edits):
            return None
        if said[n] in NEGATIONS or said[n].endswith("n't"):
            return n
    return None


def _replaced(text: str, spans: Sequence[tuple[int, int]], at: int, size: int, new: str) -> Iterator[_Edit]:
    """The edits that put `new` in the place of a phrase; the article before it follows."""
    start, stop = spans[at][0], spans[at + size - 1][1]
    old = text[start:stop]
    before = text[slice(*spans[at - 1])] if at else ""
    if before.lower() in ("a", "an") and text[spans[at - 1][1] : start].isspace():
        article = spoken(new)
        if article != before.lower():
            yield _Edit(*spans[at - 1], article.title() if before[0].isupper() else article)
    yield _Edit(start, stop, _like(old, new))


def _like(old: str, new: str) -> str:
    """The new phrase with the capitals of the old one."""
    letters = [c for c in old if c.isalpha()]
    if len(letters) > 1 and all(c.isupper() for c in letters):
        return new.upper()
    capital = old[:1].isupper() and not old.split()[0].isupper()
    return new[:1].upper() + new[1:] if capital or old[:2] in ("A ", "I ") else new


def _affirmed(text: str, spans: Sequence[tuple[int, int]], said: Sequence[str], at: int) -> _Edit:
    """The edit that takes a negation out."""
    start, stop = spans[at]
    if said[at] in WHOLE or said[at].endswith("n't"):
        return _Edit(start, stop, _like(text[start:stop], WHOLE.get(said[at], said[at][:-3])))
    if said[at] in GONE:
        after = spans[at + 1][0]
        return _Edit(start, after, "") if not text[start].isupper() else _Edit(start, after + 1, text[after].upper())
    return _Edit(start, stop, _like(text[start:stop], SOME.get(said[at], text[start:stop])))


def _applied(text: str, edits: Sequence[_Edit]) -> str:
    for edit in sorted(edits, key=lambda one: -one.start):
        text = text[: edit.start] + edit.text + text[edit.stop :]
    return text


def _rated(found: re.Match[str], wanted: int) -> str:
    """A rating mirrored, where it is on the other side of the middle."""
    value, top = int(found[1]), TOP[found[3].lower()]
    if value > top or (2 * value > top) == bool(wanted):
        return found[0]
    return f"{max(1, min(top, top + 1 - value))}{found[2]}{found[3]}"


def _denied(text: str) -> str:
    """The first statement of being, denied, or affirmed where it was denied."""
    found = COPULA.search(text)
    if not found:
        return text
    return text[: found.start()] + (found[1] if found[2] else f"{found[1]} not") + text[found.end() :]
