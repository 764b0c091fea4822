"""The listed words of each variable, and which value becomes which.

names        common given names: female f <-> male m by the matching that minimises, over all pairs, the distance
             sqrt((ln rank_f − ln rank_m)² + (8 (share_f − share_m))²); share: of its bearers, those of its gender
             (Hall Maudslay et al. 2019, who match counts; our ranks are approximate, and no counts stand behind them)
nationality  nations in classes of the same forms; a seed pairs the nations of each class
religion     four religions, paired by a seed: adjective, adherent, house, scripture, clergy
age          young and old right before a word for a person; teenager, pensioner …
a file       the user's own: .json [["cat", "dog"], ["red", "green", "blue"]], .csv with a pair or a cycle a line,
             .toml words = [["cat", "dog"]]
Limits       Words that mean something else as well are left out of the lists (Turkey, Rose), and with them their
             texts. Mosque for church is not culture for culture: who prays there, when, and what else stands in the
             sentence stays as it was.
"""

from __future__ import annotations

import csv
import json
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from math import log
from pathlib import Path
from typing import Any

from butfor.core.errors import MalformedData, MissingData, UserError
from butfor.core.seeds import generator
from butfor.data.builtin import read
from butfor.data.find import lines, parsed
from butfor.pretrain.corpus.words import Guard, Table
from butfor.pretrain.pronouns import ADVERBS, NOT_A_NOUN, listed, next_word

SPECIFIC = 8.0  # how much a share of 1 weighs against a factor e in rank
FILES = (".json", ".toml", ".csv")
WORD = re.compile(r"[^\W\d_]+(?:[ '’-][^\W\d_]+)*")
BEFORE = re.compile(r"([^\W\d_]+)\.?[^\S\n]$")
COMPASS = listed("north south east west northern southern eastern western central latin new papua")
TITLES = listed("mr mrs ms miss dr sir aunt uncle dear hello hi hey poor little young old yes so well")


@dataclass(frozen=True)
class Listed:
    """The words of one variable: the table, pairs that a seed may draw, and what must stay."""

    table: Table
    classes: tuple[tuple[str, ...], ...]  # values that may stand for each other
    fixed: Mapping[str, str]  # value -> value, where nothing is drawn
    guard: Guard | None = None
    proper: bool = True

    def partner(self, side: str, seed: int, variable: str) -> dict[str, str]:
        """Which value becomes which; `side` is "both" or "from:to"."""
        if side != "both":
            one, _, other = side.partition(":")
            return {one: other}
        found = dict(self.fixed)
        for values in self.classes:
            order = [values[int(n)] for n in generator(seed, "corpus", variable, values[0]).permutation(len(values))]
            for one, other in zip(order[::2], order[1::2], strict=False):
                found |= {one: other, other: one}
        return found


def named(variable: str) -> Listed:
    """The built-in words of a variable."""
    return {"names": _names, "nationality": _nations, "religion": _religions, "age": _ages}[variable]()


def _two(one: str, other: str) -> dict[str, str]:
    return {one: other, other: one}


@cache
def name_pairs() -> tuple[tuple[str, str], ...]:
    """(female, male) names, matched by how common and how specific they are."""
    import numpy as np
    from scipy.optimize import linear_sum_assignment

    lists = json.loads(read("names.json"))
    shares: dict[str, float] = lists["unisex"]
    places = [
        np.array([(log(rank), SPECIFIC * shares.get(name, 1.0)) for rank, name in enumerate(lists[gender], 1)])
        for gender in ("female", "male")
    ]
    cost = np.linalg.norm(places[0][:, None] - places[1][None], axis=-1)  # [female, male]
    rows, columns = linear_sum_assignment(cost)
    return tuple((lists["female"][int(f)], lists["male"][int(m)]) for f, m in zip(rows, columns, strict=True))


def _names() -> Listed:
    table = {
        side: {f"name/{n}": pair[place] for n, pair in enumerate(name_pairs())}
        for place, side in enumerate(("female", "male"))
    }
    return Listed(table, (), _two("female", "male"), _surname)


def _classes(variable: str) -> tuple[Table, tuple[tuple[str, ...], ...]]:
    lists = json.loads(read(f"{variable}.json"))
    table: dict[str, dict[str, str]] = {}
    for rows in lists["classes"].values():
        for row in rows:
            table[row[0]] = {slot: word for slot, word in zip(lists["slots"], row, strict=False) if word}
    return table, tuple(tuple(row[0] for row in rows) for rows in lists["classes"].values())


def _nations() -> Listed:
    return Listed(*_classes("nationality"), {}, _place_name)


def _religions() -> Listed:
    return Listed(*_classes("religion"), {}, _part_of_name)


def _ages() -> Listed:
    lists = json.loads(read("age.json"))
    pairs = [*lists["person"], *lists["word"]]
    kinds = ["adjective"] * len(lists["person"]) + ["word"] * len(lists["word"])
    table = {
        side: {f"{kind}/{n}": pair[place] for n, (kind, pair) in enumerate(zip(kinds, pairs, strict=True))}
        for place, side in enumerate(("young", "old"))
    }
    persons, before = frozenset(lists["persons"]), frozenset(word for pair in lists["person"] for word in pair)

    def guard(text: str, start: int, stop: int) -> bool:
        if text[start:stop].lower() not in before:
            return False
        if text[stop : stop + 1] != " " or next_word(text, stop).lower() not in persons:
            return True
        return _last(text, start) in YEARS or text[max(0, start - 2) : start] in {"- ", "@ "}  # 80 @-@ year @-@ old

    return Listed(table, (), _two("young", "old"), guard)


YEARS = frozenset({"year", "years", "month", "months"})


def _last(text: str, start: int) -> str:
    """The word right before, in small letters."""
    found = BEFORE.search(text, max(0, start - 24), start)
    return found[1].lower() if found else ""


def _capital_before(text: str, start: int) -> bool:
    """Whether a capitalised word that belongs to the same name stands right before."""
    found = BEFORE.search(text, max(0, start - 24), start)
    if found is None or not found[1][0].isupper() or found[1].lower() in TITLES:
        return False
    return found[1].lower() not in NOT_A_NOUN | ADVERBS


def _capital_after(text: str, stop: int) -> bool:
    after = text[stop : stop + 2]
    return len(after) == 2 and after[0] == " " and after[1].isupper() and text[stop + 1 : stop + 3] != "I "


def _loud(text: str, start: int, stop: int) -> bool:
    """All in capitals, where capitals tell nothing of names."""
    return stop - start > 1 and text[start:stop].isupper()


def _surname(text: str, start: int, stop: int) -> bool:
    return not _loud(text, start, stop) and _capital_before(text, start)


def _place_name(text: str, start: int, stop: int) -> bool:
    return _last(text, start) in COMPASS or (not _loud(text, start, stop) and _capital_after(text, stop))


def _part_of_name(text: str, start: int, stop: int) -> bool:
    return not _loud(text, start, stop) and (_capital_after(text, stop) or _capital_before(text, start))


def own(file: Path) -> Listed:
    """The user's own words: pairs or cycles."""
    groups = _groups(file)
    table: dict[str, dict[str, str]] = {}
    fixed: dict[str, str] = {}
    seen: dict[str, int] = {}
    for n, group in enumerate(groups, 1):
        if len(group) < 2:
            raise MalformedData(file, n, f"{group!r} names no partner; give two words or more")
        for place, word in enumerate(group):
            if not WORD.fullmatch(word):
                raise UserError(f"{file}: {word!r} is no word of letters, which could be found in a text")
            if word.lower() in seen:
                raise UserError(
                    f"{file}: {word!r} stands in pair {seen[word.lower()]} and in pair {n}; a word has one partner"
                )
            seen[word.lower()] = n
            value, following = (_value(at % len(group), len(group)) for at in (place, place + 1))
            table.setdefault(value, {})[f"word/{n}"] = word
            fixed[value] = following
    return Listed(table, (), fixed, proper=False)


def _value(place: int, size: int) -> str:
    return ("first", "second")[place] if size == 2 else f"{place + 1} of {size}"


def _groups(file: Path) -> list[list[str]]:
    if not file.is_file():
        raise MissingData(f"the word map {file} does not exist; give a {', '.join(FILES)} file of pairs of words")
    text = "\n".join(lines(file))
    found: Any
    if file.suffix == ".csv":
        found = [[word.strip() for word in row if word.strip()] for row in csv.reader(text.split("\n")) if any(row)]
    elif file.suffix == ".toml":
        try:
            found = tomllib.loads(text).get("words")
        except tomllib.TOMLDecodeError as error:
            raise UserError(f"{file}: not TOML ({error})") from error
    else:
        found = parsed(file, text)
        found = list(found.items()) if isinstance(found, dict) else found  # pyright: ignore[reportUnknownVariableType]
    if not _lists(found):
        raise UserError(f'{file}: a word map is a list of pairs, [["cat", "dog"], …] (in .toml: words = [[…], …])')
    return [list(group) for group in found]


def _lists(found: Any) -> bool:
    """Whether this is a list, not empty, of lists of words."""
    return (
        isinstance(found, list)
        and bool(found)
        and all(isinstance(group, (list, tuple)) for group in found)
        and all(isinstance(word, str) for group in found for word in group)
    )
