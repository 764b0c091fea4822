"""Which editor a variable's name means: gender, names, nationality, religion, age, a file of words, module:function.

Several     joined by +, as in "gender+names"; where two would edit the same words, the one named first does.
Side        both: every value becomes its partner. "from:to": only words of one value change, into those of another
            (female:male, young:old, French:Irish; first:second of a file of pairs).
A function  takes a text and returns the counterfactual text; it must give the same for the same text.
"""

from __future__ import annotations

import sys
from bisect import bisect_left
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any

from butfor.core.errors import UnknownName, UserError
from butfor.core.keys import file_digest
from butfor.data.builtin import gender_words
from butfor.data.pairs import Pair
from butfor.pretrain import swap
from butfor.pretrain.corpus.edits import Edit, Editor
from butfor.pretrain.corpus.tables import FILES, Listed, named, own
from butfor.pretrain.corpus.words import Words

VARIABLES = ("gender", "names", "nationality", "religion", "age")
HOW = "or a .json, .toml or .csv file of pairs of words, or module:function"


def editor(variable: str, side: str = "both", seed: int = 0) -> Editor:
    """The editor of a variable, or of several joined by +."""
    parts = variable.split("+")
    if len(parts) == 1:
        return _one(variable, side, seed)
    return Several(tuple(_one(part, side, seed) for part in parts))


def reads(variable: str) -> list[str]:
    """Digests of the user's own word maps and functions that a variable names."""
    found: list[str] = []
    for part in variable.split("+"):
        file = part if Path(part).suffix in FILES else None
        if file is None and ":" in part:
            module = sys.modules.get(getattr(called(part), "__module__", ""))
            file = getattr(module, "__file__", None)
        found += [file_digest(Path(file).expanduser())] if file else []
    return found


def _one(variable: str, side: str, seed: int) -> Editor:
    if variable == "gender":
        return Gender(_gender_side(side))
    if Path(variable).suffix in FILES:
        return _listed(own(Path(variable).expanduser()), variable, side, seed)
    if variable in VARIABLES:
        return _listed(named(variable), variable, side, seed)
    if ":" in variable:
        if side != "both":
            raise UserError(f"{variable!r} decides itself what becomes what; leave side out")
        return Function(variable)
    raise UnknownName("variable", variable, VARIABLES, HOW)


def _listed(listed: Listed, variable: str, side: str, seed: int) -> Words:
    if side != "both":
        one, _, other = side.partition(":")
        for value in (one, other):
            if value not in listed.table:
                hint = f'side is "both" or "from:to", as in {":".join(list(listed.table)[:2])}'
                raise UnknownName(f"value of {variable}", value, listed.table, hint)
        if one == other:
            raise UserError(f"side {side!r} changes nothing; name two values")
    return Words(listed.table, listed.partner(side, seed, variable), listed.guard, listed.proper)


def _gender_side(side: str) -> str:
    sides = {"both": "both", "female:male": "female", "male:female": "male"}
    if side not in sides:
        raise UnknownName("side of gender", side, sides)
    return sides[side]


@dataclass(frozen=True)
class Gender:
    """The rules of `pretrain.swap`, one- or two-sided."""

    side: str

    def edits(self, text: str) -> list[Edit]:
        """The gendered words of a text that change."""
        changed = one_sided(self.side)
        return [
            Edit(start, old, new, _kind(old.lower()))
            for start, old, new in swap.edits(text, {})
            if changed is None or old.lower() in changed
        ]


@cache
def one_sided(side: str) -> frozenset[str] | None:
    """The words of one gender; None for both."""
    if side == "both":
        return None
    return frozenset([*gender_words()[side], *(("miss", "lady", "ladies") if side == "female" else ("lord", "lords"))])


def _kind(word: str) -> str:
    if word in swap.PRONOUNS:
        return "pronoun"
    return "title" if word in swap.TITLES or word in ("miss", "lady", "ladies", "lord", "lords") else "noun"


@dataclass(frozen=True)
class Several:
    """Editors one after the other over the same text; the first has precedence."""

    editors: tuple[Editor, ...]

    def edits(self, text: str) -> list[Edit]:
        """All edits, without those that overlap one of an earlier editor."""
        made: list[Edit] = []
        for each in self.editors:
            starts = [edit.start for edit in made]
            made = sorted([*made, *(edit for edit in each.edits(text) if _free(edit, made, starts))])
        return made


def _free(edit: Edit, made: list[Edit], starts: list[int]) -> bool:
    """Whether an edit overlaps none of those made, which are in order."""
    place = bisect_left(starts, edit.stop)
    return place == 0 or made[place - 1].stop <= edit.start


@dataclass(frozen=True)
class Function:
    """A function of the user's, by `module:function`."""

    name: str

    def __post_init__(self) -> None:
        called(self.name)

    def edits(self, text: str) -> list[Edit]:
        """Where the function's text differs, token by token."""
        try:
            new = called(self.name)(text)
        except Exception as error:  # the user's function may fail in any way
            told = f"{type(error).__name__}: {error}"
            raise UserError(f"{self.name} failed on the text {text[:40]!r} ({told})") from error
        if not isinstance(new, str):
            raise UserError(f"{self.name} returned {type(new).__name__}, not a text")
        if new == text:
            return []
        pair = Pair.of(text, new, self.name)
        return [
            Edit(start, old, put, "function")
            for (start, _), (old, put) in zip(pair.base_spans, pair.contents, strict=True)
        ]


@cache
def called(name: str) -> Callable[[str], Any]:
    """The function behind `module:function`, looked up beside the user's files too."""
    module, _, attribute = name.partition(":")
    if str(Path.cwd()) not in sys.path:
        sys.path.append(str(Path.cwd()))
    try:
        found = getattr(import_module(module), attribute)
    except Exception as error:  # the user's module may fail in any way
        raise UserError(f"variable {name!r} does not import: {error}") from error
    if not callable(found):
        raise UserError(f"variable {name!r} is no function")
    return found
