"""BLiMP: pairs of sentences that differ in one word or two, of which one is grammatical and the other is not.

Format    JSON lines, one file a paradigm: sentence_good, sentence_bad, field, linguistics_term, UID, pairID.
Source    Warstadt et al. 2020, CC-BY-4.0; 1,000 generated pairs a paradigm. Here six of the 67 paradigms, on agreement
          and what depends on it.
Limits    Sentences are generated from a small vocabulary: pairs of one paradigm share words.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, get_args

from butfor.core.errors import MalformedData
from butfor.data.find import find, objects
from butfor.data.pairs import Pair

NAME = "blimp_agreement"
Paradigm = Literal[
    "anaphor_gender_agreement",
    "distractor_agreement_relational_noun",
    "npi_present_1",
    "principle_A_c_command",
    "regular_plural_subject_verb_agreement_1",
    "wh_questions_subject_gap",
]
PARADIGMS: tuple[Paradigm, ...] = get_args(Paradigm)


@dataclass(frozen=True, slots=True)
class BlimpPair:
    """One pair."""

    id: str
    paradigm: str
    good: str
    bad: str
    field: str

    @property
    def pair(self) -> Pair:
        """The counterfactual pair: grammaticality differs."""
        return Pair.of(self.good, self.bad, "grammaticality")


def blimp(paradigm: Paradigm, path: str | Path | None = None) -> list[BlimpPair]:
    """The pairs of a paradigm, in the order of the file."""
    file = find(NAME, f"{paradigm}.jsonl", path)
    rows: dict[str, BlimpPair] = {}
    for line, found in objects(file):
        row = _row(file, line, found, paradigm)
        if row.id in rows:
            raise MalformedData(file, line, f"the pairID {found['pairID']!r} stands twice")
        rows[row.id] = row
    return list(rows.values())


def _row(file: Path, line: int, found: dict[str, Any], paradigm: str) -> BlimpPair:
    for key in ("sentence_good", "sentence_bad", "field", "UID", "pairID"):
        if not isinstance(found.get(key), str) or not found[key].strip():
            raise MalformedData(file, line, f"{key} is missing, or no text")
    if found["UID"] != paradigm:
        raise MalformedData(file, line, f"the UID is {found['UID']!r}, not {paradigm!r}")
    good, bad = found["sentence_good"].strip(), found["sentence_bad"].strip()
    if good == bad:
        raise MalformedData(file, line, "sentence_good and sentence_bad are the same sentence")
    return BlimpPair(f"{paradigm}/{found['pairID']}", paradigm, good, bad, found["field"])
