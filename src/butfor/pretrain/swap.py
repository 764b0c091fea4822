"""Counterfactual data augmentation: train on the text as it would read had the people in it been of the other gender.

Equation  text' = text with every gendered word w replaced by its partner m(w). `add`: both versions, taking turns in
          the row's slot, so the budget is the same; `replace`: the swapped one; `half`: one of the two by a fair coin.
Source    Lu et al. 2018 (counterfactual data augmentation), with the care that Hall Maudslay et al. 2019 ask for.
Pronouns  her -> his where a noun phrase follows, else him; his -> her where one follows, else hers; him -> her;
          hers -> his: `pronouns.py` tells which. "his or her" is one unit, "s/he" and "(s)he" stay.
Left as is  a sentence that is about sex itself (BY_DEFINITION); a noun inside a proper name (Queen Victoria, but not
          Mr Smith); a word quoted by itself; hyphenated compounds other than ex-wife and mother-in-law.
Limits    Swapping twice gives the text back, but for words that share a partner (mum, mummy, ms, miss, lord) and for
          pronouns misread. How many are: of the words that become his, 12 of 703 (1.7 %) should be him in WikiText-2,
          with its 695 his and 180 him both written as her (168 him and 691 his are told right, 4 his are not); 42 of
          1007 (4.2 %) in the everyday stories of TimeTravel; none of the 44 in our own training text, read by eye.
          The rules were drawn up with errors in WikiText-2 and in our own text in view, so expect the stories' rate on
          other text. Names are swapped where pairs of them are given.
Example   [treatment]
          method = "pretrain.swap"
          mode = "half"
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Literal, final

from butfor.data.builtin import gender_ambiguous, gender_swaps, gender_titles
from butfor.data.pairs import Pair, substitute
from butfor.pretrain.corpus.edits import some
from butfor.pretrain.corpus.tree import tree
from butfor.pretrain.pronouns import next_word, possessive
from butfor.train.method import Method, Rows

if TYPE_CHECKING:
    import numpy as np

BY_DEFINITION = re.compile(
    r"\b(pregnan\w*|uterus|womb|ovar(y|ies|ian)|menstrua\w*|menopaus\w*|prostate|testic\w*|sperm|semen|penis|vagina\w*"
    r"|breast-?fe+d\w*|(gave|give|gives|giving|given) birth|maternity|paternity|gender\w*|sexes)\b",
    re.IGNORECASE,
)
DEITIES = frozenset({"god", "goddess"})
TITLES = frozenset({"mr", "mrs", "ms", "sir", "madam"})
PRONOUNS = frozenset({"she", "he", "her", "him", "his", "hers", "herself", "himself"})
WORD = re.compile(r"[^\W\d_]+(?:-[^\W\d_]+)*")
SENTENCE = re.compile(r"[^.!?\n]+(?:[.!?\n]+|$)|[.!?\n]+")
PART = re.compile(r"(?:\bs/|\bwo/|\w\))$", re.IGNORECASE)
MINE = re.compile(r"\b(?:my|your|our)\s+$", re.IGNORECASE)
QUOTES = "\"'“”‘’"
OPENING = (":", '"', "“", "‘")


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Swap(Method):
    """Train on text whose gendered words are swapped."""

    mode: Literal["add", "replace", "half"] = "add"
    names: tuple[tuple[str, str], ...] = ()

    def __post_init__(self) -> None:
        flat = [name for pair in self.names for name in pair]
        if len(set(flat)) < len(flat):
            raise ValueError("a name stands in one pair only, so that swapping twice gives the text back")

    def fits(self, rows: Rows) -> None:
        """Refuse a corpus without any word to swap."""
        names = {**dict(self.names), **{male: female for female, male in self.names}}
        some(lambda text: edits(text, names), rows, "word of gender")

    def data(self, rows: Rows, rng: np.random.Generator) -> Rows:
        """The rows under `mode`; a swapped row keeps its number."""
        swapped = [{**row, "text": swap(row["text"], self.names)} for row in rows]
        if self.mode == "replace":
            return swapped
        if self.mode == "half":
            coins = rng.random(len(rows)) < 0.5
            return [other if coin else row for row, other, coin in zip(rows, swapped, coins, strict=True)]
        changed = [other for row, other in zip(rows, swapped, strict=True) if other["text"] != row["text"]]
        return [*rows, *changed]


def swap(text: str, names: Sequence[tuple[str, str]] = ()) -> str:
    """The text with its gendered words swapped."""
    return pair(text, names).counterfactual


def pair(text: str, names: Sequence[tuple[str, str]] = ()) -> Pair:
    """The text, its swapped counterpart, and where they differ (`.contents` lists the edits)."""
    found = list(edits(text, {**dict(names), **{male: female for female, male in names}}))
    spans = tuple((start, start + len(old)) for start, old, _ in found)
    contents = [new for _, _, new in found]
    moved: list[tuple[int, int]] = []
    shift = 0
    for (start, stop), new in zip(spans, contents, strict=True):
        moved.append((start + shift, start + shift + len(new)))
        shift += len(new) - (stop - start)
    return Pair(text, substitute(text, spans, contents), "gender", spans, tuple(moved))


@cache
def partners() -> dict[str, str]:
    """Each unambiguous gendered word and its partner; of several, the first in the list."""
    found: dict[str, str] = {}
    for female, male in gender_swaps():
        found.setdefault(female, male)
        found.setdefault(male, female)
    return found


@cache
def candidates(names: frozenset[str] = frozenset()) -> re.Pattern[str]:
    """Finds words that may change: a sentence without any is passed over."""
    words = {*partners(), *gender_ambiguous(), *gender_titles(), *(name.lower() for name in names)}
    return re.compile(rf"(?<![^\W\d_]){tree(words)}(?![^\W\d_])", re.IGNORECASE)


def edits(text: str, names: dict[str, str]) -> Iterator[tuple[int, str, str]]:
    """(start, old, new) of every word that changes, in order."""
    search = candidates(frozenset(names)).search
    for sentence in SENTENCE.finditer(text):
        if not search(text, *sentence.span()) or BY_DEFINITION.search(sentence[0]):
            continue
        before = sentence.start()
        for word in WORD.finditer(text, *sentence.span()):
            start, core = _core(word)
            opens = before == sentence.start() or text[before:start].strip().endswith(OPENING)
            new = names.get(core) or _partner(core, text, start, opens)
            before = word.end()
            if new is not None:
                yield start, core, new


def _core(word: re.Match[str]) -> tuple[int, str]:
    """Where a word's gendered part may stand, and the part: wife of ex-wife, mother of mother-in-law."""
    whole, start = word[0], word.start()
    if whole.lower().endswith("-in-law"):
        return start, whole[: -len("-in-law")]
    if whole.lower().startswith("ex-"):
        return start + 3, whole[3:]
    return start, whole


def _partner(word: str, text: str, start: int, opens: bool) -> str | None:
    """What a word becomes at its place (`opens`: it begins a sentence or a quotation); None where it stays."""
    low, stop = word.lower(), start + len(word)
    if low not in partners() and low not in gender_ambiguous() and low not in gender_titles():
        return None
    if start and text[start - 1] in QUOTES and text[stop : stop + 1] in tuple(QUOTES):
        return None  # mentioned, not used
    if PART.search(text[max(0, start - 3) : start]):
        return None  # s/he, (s)he, (wo)man name both already
    after = next_word(text, stop)
    title_case = word[0].isupper() and not word.isupper()
    if low in gender_titles():
        return _title(word, text, start, stop, opens)
    if title_case and low not in PRONOUNS | TITLES and (not opens or after[:1].isupper() or low in DEITIES):
        return None  # part of a name
    roles = gender_ambiguous().get(low)
    if roles is None:
        return _cased(partners()[low], word)
    owns = "possessive" in roles and (len(roles) == 1 or possessive(word, text, start, stop))
    return _cased(next(new for role, new in roles.items() if (role == "possessive") == owns), word)


def _title(word: str, text: str, start: int, stop: int, opens: bool) -> str | None:
    """Miss Smith → Mr Smith; my lady ↔ my lord, ladies and lords; a lady by herself is a gentleman's partner."""
    low, other = word.lower(), gender_titles()[word.lower()]
    named = next_word(text, stop)[:1].isupper()
    if low == "miss":
        return _cased(other, word) if named and word != low else None
    mine = MINE.search(text[max(0, start - 8) : start]) is not None
    if word[0].isupper() and not word.isupper() and (named or not (mine or (opens and low in partners()))):
        return None  # Lady Anne, the Lord
    joined = re.search(rf"\b{other}s?\W+(?:and|or)\W+$", text[max(0, start - 16) : start], re.IGNORECASE) or re.match(
        rf"\W+(?:and|or)\W+{other}s?\b", text[stop : stop + 16], re.IGNORECASE
    )
    return _cased(other if mine or joined or low not in partners() else partners()[low], word)


def _cased(new: str, old: str) -> str:
    """The new word in the old one's capitals."""
    if len(old) > 1 and old.isupper():
        return new.upper()
    return new.capitalize() if old[0].isupper() else new
