"""Counterfactuals of reviews by rule: what is said of one aspect is taken out, and a plain sentence put in its place.

Rule      A text falls into clauses: up to a mark (. ! ? ; ,) or before but, although, though, while, however. A clause
          tells of an aspect if one of its words stands in it. These clauses go; towards Positive or Negative a plain
          sentence comes where the first of them was, or to the end. Where nothing would be left, NOTHING is said.
Use       generate(Aspects(), rows, "food", "Negative", seed=0): the values are those of CEBaB.
Limits    Words are those of restaurants, our own list; a clause that tells of two aspects loses both; praise of no
          named aspect stays. What is put in its place is blunter than what people write.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from butfor.data.counterfactual.made import Case, Draft

EDGE = re.compile(r"(?<=[.!?;,])\s+|\s+(?=(?:but|although|though|while|however)\b)", re.IGNORECASE)
LOOSE = re.compile(r"^(?:but|although|though|while|however|and)\b,?\s*", re.IGNORECASE)
NOTHING = "We went to this restaurant."
WORDS: Mapping[str, str] = {
    "food": "food meal dish menu taste flavor flavour dinner lunch brunch breakfast dessert steak chicken fish salad "
    "soup pizza pasta sushi burger sandwich bread wine drink appetizer entree seafood sauce cook portion delicious "
    "tasty bland tasteless overcooked undercooked fresh cuisine chef ate salty",
    "service": "service server waiter waitress staff waitstaff host hostess bartender manager attentive friendly rude "
    "inattentive prompt wait waited helpful unfriendly polite",
    "ambiance": "ambiance ambience atmosphere decor view setting decoration room interior romantic cozy cosy lighting "
    "patio vibe lovely elegant dirty charming",
    "noise": "noise noisy loud quiet conversation hear music sound talk quieter louder",
}
SAYS: Mapping[str, Mapping[str, str]] = {
    "food": {"Positive": "The food was excellent.", "Negative": "The food was terrible."},
    "service": {"Positive": "The service was excellent.", "Negative": "The service was terrible."},
    "ambiance": {"Positive": "The ambiance was wonderful.", "Negative": "The ambiance was terrible."},
    "noise": {"Positive": "It was nice and quiet.", "Negative": "It was much too loud."},
}


@dataclass(frozen=True, slots=True)
class Aspects:
    """Set what a review says of one aspect."""

    words: Mapping[str, str] = field(default_factory=lambda: WORDS)
    says: Mapping[str, Mapping[str, str]] = field(default_factory=lambda: SAYS)
    name: str = "aspects"
    batch: int = 256

    def identity(self) -> Any:
        """All its words."""
        return [dict(self.words), {name: dict(said) for name, said in self.says.items()}]

    def make(self, cases: Sequence[Case], seed: int) -> list[Draft]:
        """Each text without what it said of the aspect, and with what it is to say."""
        del seed
        return [self._made(case) for case in cases]

    def _made(self, case: Case) -> Draft:
        if case.variable not in self.words:
            return Draft(case.text, refused=f"no words are known of {case.variable}")
        parts = clauses(case.text)
        own = [place for place, part in enumerate(parts) if tells(part, self.words[case.variable])]
        kept = [part for place, part in enumerate(parts) if place not in own]
        said = self.says[case.variable].get(case.wanted, "")
        if said:
            kept.insert(own[0] if own else len(kept), said)
        return Draft(joined(kept))


def clauses(text: str) -> list[str]:
    """The clauses of a text, without the blanks between them."""
    return [part for part in EDGE.split(text.strip()) if part]


def tells(clause: str, words: str) -> bool:
    """Whether one of the words stands in it, in the singular or the plural."""
    stems = "|".join(map(re.escape, words.split()))
    return re.search(rf"\b(?:{stems})(?:s|es)?\b", clause, re.IGNORECASE) is not None


def joined(parts: Sequence[str]) -> str:
    """Clauses as one text again: before a capital stands a full stop, and no text begins with a loose "but"."""
    text = ""
    for part in parts:
        new = part if text and text[-1] not in ".!?" else LOOSE.sub("", part)
        if not new:
            continue
        if text and new[0].isupper() and text[-1] not in ".!?":
            text = text.rstrip(",;") + "."
        text = f"{text} {new}" if text else new
    return re.sub(r"[,;]$", ".", text) or NOTHING
