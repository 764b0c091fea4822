"""Counterfactuals by rule: a word map from one value of a variable to another.

Limits    A word map knows no grammar.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from butfor.data.counterfactual.made import Case, Draft
from butfor.data.swaps import WORD


@dataclass(frozen=True, slots=True)
class Rules:
    """Replace every word of the map; a capital is carried over."""

    words: Mapping[str, str]
    name: str = "rules"
    batch: int = 64

    def identity(self) -> Any:
        return {"words": dict(self.words)}

    def make(self, cases: Sequence[Case], seed: int) -> list[Draft]:
        del seed
        return [Draft(WORD.sub(self._swapped, case.text)) for case in cases]

    def _swapped(self, found: re.Match[str]) -> str:
        new = self.words.get(found[0].lower(), found[0])
        return new[:1].upper() + new[1:] if found[0][:1].isupper() else new
