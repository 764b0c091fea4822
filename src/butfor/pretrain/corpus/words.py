"""Exchange listed words, form for form: a Frenchman for an Irishman, French for Irish, France for Ireland.

Table     values (French, Irish …) x slots (adjective, noun, country …) -> word; `partner` says which value becomes
          which. A word is found in the capitals in which it is listed, with a first capital, and all in capitals.
Article   a German -> an Italian: "a" or "an" right before the word changes with it.
Role      A word of several slots whose partners differ (the noun Christian -> Jew, the adjective -> Jewish) is told by
          the words around it: `role`.
Twice     gives the text back, exactly: a word is exchanged only where its partner, read in the same place, leads back,
          and where the article before it is the one that it takes. Roles rest on words around that are not listed
          themselves, so no edit changes how another is read. This holds where `partner` goes both ways; a cycle of
          k values gives the text back after k times.
Left      a hyphenated compound (German-speaking); what the variable's `guard` takes for a part of a longer name.
Speed     One regular expression, a tree of all words' letters, finds the places; nothing else of the text is looked at.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from butfor.pretrain.corpus.edits import Edit
from butfor.pretrain.corpus.tree import tree
from butfor.pretrain.pronouns import NOT_A_NOUN, listed, next_word

LETTER = r"[^\W\d_]"
ARTICLE = re.compile(rf"(?<!{LETTER})(?<!['’-])(a|an|A|An|AN)([^\S\n]+)$")
AN = re.compile(r"[aeiou]|h(?:our|onest|eir|ono)", re.IGNORECASE)
NOT_AN = re.compile(r"eu|u(?:ni(?!n|m)|s[aei]|k|ganda|topi|rugu)|one(?!i)|once", re.IGNORECASE)
FEW = listed("a an another any each every neither either no one this that who")
MANY = listed("these those many most some few several all both two three four five six seven eight ten")
VERBS = listed(
    """are ate became began bought brought came can cannot could did do does drank fell felt fled flew found gave get go
    goes got had has have helped is kept knew lay led left lived lives lost made may met might must need paid prayed ran
    read rose said sang sat saw say says see sees sent should slept sold speak speaks spent spoke stood swam take takes
    taught think thinks thought told took want wanted wants was went were will won worked works would wrote"""
)

Slot = tuple[str, str]  # (value, slot)
Guard = Callable[[str, int, int], bool]
Table = Mapping[str, Mapping[str, str]]


@dataclass(frozen=True)
class Words:
    """The editor of one table; `guard(text, start, stop)` says which words to leave as they are."""

    table: Table
    partner: Mapping[str, str]
    guard: Guard | None = None
    proper: bool = False  # a listed small word with a first capital inside a sentence is part of a name, and stays
    surfaces: dict[str, tuple[str, int]] = field(init=False, repr=False)
    slots: dict[str, list[Slot]] = field(init=False, repr=False)
    pattern: re.Pattern[str] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        slots: dict[str, list[Slot]] = {}
        for value, forms in self.table.items():
            for slot, word in forms.items():
                slots.setdefault(word, []).append((value, slot))
        surfaces: dict[str, tuple[str, int]] = {word: (word, 0) for word in slots}
        for style in (1, 2):
            for word in slots:
                surfaces.setdefault(_styled(word, style), (word, style))
        edited = [surface for surface, (word, _) in surfaces.items() if any(v in self.partner for v, _ in slots[word])]
        object.__setattr__(self, "slots", slots)
        object.__setattr__(self, "surfaces", surfaces)
        object.__setattr__(self, "pattern", found_in(edited))

    def edits(self, text: str) -> list[Edit]:
        """The edits of a text, in order."""
        made: list[Edit] = []
        for found in self.pattern.finditer(text):
            edit = self._edit(found[0], text, found.start(), found.end())
            if edit is not None and edit.old != edit.new:
                made.append(edit)
        return made

    def _edit(self, surface: str, text: str, start: int, stop: int) -> Edit | None:
        word, style = self.surfaces[surface]
        if self.proper and style == 1 and not opens(text, start):
            return None
        if self.guard is not None and self.guard(text, start, stop):
            return None
        value, slot = self._slot(word, text, start, stop)
        other = self.partner.get(value, "")
        new = self._word(other, slot)
        if not new:
            return None
        shown = _styled(new, style)
        if self.partner.get(other) == value and not self._leads_back(shown, surface, text, start, stop):
            return None
        article = ARTICLE.search(text, max(0, start - 4), start)
        kind = slot.partition("/")[0]
        if article is None:
            return Edit(start, surface, shown, kind)
        before, gap = article[1], article[2]
        after = _article(before, shown)
        if _article(after, surface) != before:
            return None  # not this word's article, or its capitals would be lost: left, so that twice is nothing
        return Edit(article.start(), before + gap + surface, after + gap + shown, kind)

    def _slot(self, word: str, text: str, start: int, stop: int) -> Slot:
        """The value and the slot of a word at its place."""
        slots = [(value, slot) for value, slot in self.slots[word] if value in self.partner]
        if len(slots) < 2 or len({self._word(self.partner[value], slot) for value, slot in slots}) == 1:
            return slots[0] if slots else ("", "")
        wanted = role(text, start, stop)
        return min(slots, key=lambda one: wanted.index(one[1]) if one[1] in wanted else len(wanted))

    def _word(self, value: str, slot: str) -> str:
        forms = self.table.get(value, {})
        return forms.get(slot) or forms.get({"woman": "noun", "women": "plural"}.get(slot, ""), "")

    def _leads_back(self, shown: str, surface: str, text: str, start: int, stop: int) -> bool:
        """Whether the new word, read in the old one's place, would become the old one."""
        word, style = self.surfaces.get(shown, ("", 0))
        if not word:
            return False
        value, slot = self._slot(word, text, start, stop)
        return _styled(self._word(self.partner.get(value, ""), slot), style) == surface


def found_in(words: Iterable[str]) -> re.Pattern[str]:
    """A pattern that finds any of these words, standing by itself."""
    return re.compile(rf"(?<!{LETTER}|[-\d_]){tree(words)}(?!-?{LETTER}|[\d_])")


def role(text: str, start: int, stop: int) -> Sequence[str]:
    """The slots that fit the words around, the best first."""
    after = next_word(text, stop).lower() if text[stop : stop + 1] in {" ", "\t", "\n"} else ""
    noun_follows = bool(after) and after not in NOT_A_NOUN and after not in VERBS and not after.endswith("ed")
    before = text[max(0, start - 12) : start].split(None)
    last = before[-1].lower() if before and text[start - 1 : start].isspace() else ""
    if noun_follows:
        return ("adjective", "noun", "plural", "collective")
    if last in FEW:
        return ("noun", "adjective", "plural", "collective")
    if last == "the":
        return ("collective", "noun", "plural", "adjective")
    if last in MANY:
        return ("plural", "collective", "noun", "adjective")
    return ("adjective", "plural", "noun", "collective")


def opens(text: str, start: int) -> bool:
    """Whether a sentence, a line or a quotation begins here."""
    before = text[max(0, start - 8) : start].rstrip(" \t")
    return start == 0 or not before or before[-1] in '.!?:\n"“‘('


def takes_an(word: str) -> bool:
    """Whether "an" stands before this word."""
    return bool(AN.match(word)) and not NOT_AN.match(word)


def _article(old: str, word: str) -> str:
    new = "an" if takes_an(word) else "a"
    if old == "AN" or (old == "A" and len(word) > 1 and word.isupper()):
        return new.upper()
    return new.capitalize() if old[0] == "A" else new


def _styled(word: str, style: int) -> str:
    """As listed, with a first capital, all in capitals."""
    return word if style == 0 else word[:1].upper() + word[1:] if style == 1 else word.upper()
