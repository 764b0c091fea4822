"""WinoBias: sentences with two occupations and a pronoun, once as the stereotype has it and once against it.

Format    one sentence a line, "12 The chief gave [the housekeeper] a tip because [she] was helpful."; the first bracket
          is the occupation that the pronoun refers to, the other brackets are pronouns. Four files: pro/anti × type 1
          (world knowledge decides) and type 2 (syntax decides). Two more list the occupations by their stereotype.
Pairing   Line n of the pro file and line n of the anti file are the same sentence with the pronoun's gender swapped. We
          check that by content: the same marked occupation, and with the pronouns masked at least 80 % the same words;
          anything else is MalformedData. `minimal` says that the two differ in pronouns alone.
Source    Zhao et al. 2018. Facts: 396 pairs of each type; 9 of the 792 are not minimal (slips in the authors' files).
Limits    Brackets are uneven in a few lines (a second pronoun, "the [housekeeper]"); they are read, not mended.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from difflib import SequenceMatcher
from pathlib import Path
from typing import Literal

from butfor.core.errors import MalformedData
from butfor.data.find import find, lines
from butfor.data.pairs import Pair

Kind = Literal[1, 2]
FEMALE, MALE = frozenset({"she", "her", "hers", "herself"}), frozenset({"he", "him", "his", "himself"})
BRACKET = re.compile(r"\[+([^\[\]]+)\]")
WORD = re.compile(r"\w+|[^\w\s]")
SAME = 0.8  # least share of words in common, pronouns masked, for two lines to be one sentence


@dataclass(frozen=True, slots=True)
class WinoBias:
    """One sentence in two worlds. `occupation` is the one that the pronoun refers to, `other` the one it does not."""

    id: str
    kind: int
    pro: str
    anti: str
    occupation: str
    other: str
    pronouns: tuple[str, str]
    minimal: bool

    @property
    def gender(self) -> Literal["female", "male"]:
        """The gender of the pronoun in the pro sentence."""
        return "female" if self.pronouns[0] in FEMALE else "male"

    @property
    def pair(self) -> Pair:
        """The counterfactual pair: the pronoun's gender differs, who is meant must not."""
        return Pair.of(self.pro, self.anti, "gender of the pronoun", keeps="who the pronoun refers to")


@dataclass(frozen=True, slots=True)
class _Line:
    text: str
    occupation: str
    pronoun: str


def winobias(path: str | Path | None = None, kinds: tuple[Kind, ...] = (1, 2)) -> list[WinoBias]:
    """The pairs of the development files, type by type, in the order of the files."""
    known = occupations(path)
    names = sorted((name for words in known.values() for name in words), key=len, reverse=True)
    return [row for kind in kinds for row in _pairs(path, kind, names)]


def occupations(path: str | Path | None = None) -> dict[str, list[str]]:
    """The authors' occupations: {"female": [...], "male": [...]} by stereotype."""
    found: dict[str, list[str]] = {}
    for gender in ("female", "male"):
        file = find("winobias", f"data/{gender}_occupations.txt", path)
        found[gender] = [line.strip().lower() for line in lines(file) if line.strip()]
    return found


def _pairs(path: str | Path | None, kind: int, names: list[str]) -> list[WinoBias]:
    pro_file, anti_file = (
        find("winobias", f"data/{side}_stereotyped_type{kind}.txt.dev", path) for side in ("pro", "anti")
    )
    pro, anti = lines(pro_file), lines(anti_file)
    if len(pro) != len(anti):
        raise MalformedData(anti_file, len(anti), f"{len(anti)} lines, but {pro_file.name} has {len(pro)}")
    return [
        _row(anti_file, number, kind, _line(pro_file, number, one), _line(anti_file, number, two), names)
        for number, (one, two) in enumerate(zip(pro, anti, strict=True), 1)
    ]


def _line(file: Path, number: int, raw: str) -> _Line:
    numbered = re.fullmatch(r"(\d+) (\S.*)", raw)
    if not numbered or int(numbered.group(1)) != number:
        raise MalformedData(file, number, f"a line starts with its number, here {number}, and a blank")
    marks = [mark.strip() for mark in BRACKET.findall(numbered.group(2))]
    pronouns = [mark.lower() for mark in marks if mark.lower() in FEMALE | MALE]
    named = [mark.lower().removeprefix("the ") for mark in marks if mark.lower() not in FEMALE | MALE]
    if len(named) != 1 or not pronouns:
        raise MalformedData(file, number, "needs one [occupation] and at least one [pronoun]")
    text = " ".join(numbered.group(2).replace("[", "").replace("]", "").split())
    return _Line(text, named[0], pronouns[-1])


def _row(file: Path, number: int, kind: int, pro: _Line, anti: _Line, names: list[str]) -> WinoBias:
    if pro.occupation != anti.occupation:
        raise MalformedData(file, number, f"marks {anti.occupation!r}, but the pro sentence marks {pro.occupation!r}")
    if (pro.pronoun in FEMALE) == (anti.pronoun in FEMALE):
        raise MalformedData(file, number, f"the pronoun {anti.pronoun!r} has the gender of the pro sentence's")
    one, two = _masked(pro.text), _masked(anti.text)
    if SequenceMatcher(None, one, two, autojunk=False).ratio() < SAME:
        raise MalformedData(file, number, f"is not the pro sentence with another pronoun: {pro.text!r}")
    others = [name for name in names if name != pro.occupation and _mentions(pro.text, name)]
    if not others:
        raise MalformedData(file, number, f"names no second occupation beside {pro.occupation!r}")
    return WinoBias(
        f"type{kind}/{number}",
        kind,
        pro.text,
        anti.text,
        pro.occupation,
        min(others, key=pro.text.lower().index),
        (pro.pronoun, anti.pronoun),
        one == two,
    )


def _masked(text: str) -> list[str]:
    return ["~" if word in FEMALE | MALE else word for word in WORD.findall(text.lower())]


def _mentions(text: str, name: str) -> bool:
    return re.search(rf"\b{re.escape(name)}\b", text.lower()) is not None
