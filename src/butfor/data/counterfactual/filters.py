"""Which counterfactuals are fit for use? Every filter that objects says why; nothing is thrown away.

unchanged      the maker wrote the text as it was (said by `Made.of`)
no flip        the judge does not find the wanted value
too far        more than `most` words edited per word of the old text
too short      fewer than half its words, or "too long": more than twice
strange        more than `strange` nats per token less fluent than the old text
repeats        a run of four words stands three times or more, and more often than in the old text
instruction    the new text speaks of rewriting, and the old one does not
twin           another text became the same
Limits         the bounds are conventions, not estimates: look at the reasons before you trust them. A filter chooses
               among texts, and what is left is no random sample of what was asked for.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from butfor.data.counterfactual.made import Made
from butfor.data.counterfactual.wordmap import words

TOLD = re.compile(r"\b(?:rewrit\w+|re-writ\w+|rephras\w+|original (?:text|sentence|review)|as an ai)\b", re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Bounds:
    """What is still let through."""

    most: float = 0.6
    strange: float = 1.0

    def __post_init__(self) -> None:
        if self.most <= 0 or self.strange <= 0:
            raise ValueError("most and strange are bounds above 0")


def filtered(made: Sequence[Made], bounds: Bounds | None = None) -> list[Made]:
    """The same with reasons; filters that need a score speak only where it is there."""
    bounds = bounds or Bounds()
    same = Counter((one.maker, one.pair.counterfactual) for one in made)
    return [
        one
        if one.reasons
        else one.because(*_reasons(one, bounds), *(["twin"] if same[one.maker, one.pair.counterfactual] > 1 else []))
        for one in made
    ]


def _reasons(one: Made, bounds: Bounds) -> list[str]:
    old, new = words(one.pair.base), words(one.pair.counterfactual)
    found = {
        "no flip": one.scores.get("flip") == 0.0,
        "too far": one.scores.get("edit", 0.0) > bounds.most,
        "too short": 2 * len(new) < len(old),
        "too long": len(new) > 2 * len(old),
        "strange": -one.scores.get("fluency", 0.0) > bounds.strange,
        "repeats": _often(new) >= max(3, _often(old) + 1),
        "instruction": bool(TOLD.search(one.pair.counterfactual)) and not TOLD.search(one.pair.base),
    }
    return [reason for reason, holds in found.items() if holds]


def _often(said: Sequence[str]) -> int:
    """How often the most frequent run of four words stands there."""
    runs = Counter(tuple(said[at : at + 4]) for at in range(len(said) - 3))
    return max(runs.values(), default=0)
