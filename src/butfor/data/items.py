"""Questions and pairs of the user's own: JSON lines, read one by one, so that a file of any size fits.

Items     {"id", "prompt", "choices": [...], "answer": 0, "group": {...}}: `answer` is the place of the right choice.
          Open: {"id", "prompt", "answer": "text", "match": "exact|number|yesno|regex", "group": {...}}; without `match`
          the answer is compared exactly, but for case, marks and articles.
Pairs     {"id", "a", "b", "variable", "expect": "same|different|a>b", "group": {...}}, and, where the effect on an
          answer is meant, "choices": [x, y].
Both      `group` holds labels to report by; `cluster` (a text) names what lines share that are no independent samples.
          `id` may be a number. No other keys: a misspelt one would be lost without a word. Empty lines are passed over.
Lures     A question with choices may have `lures`: kind of mistake → the place of the choice that it leads to. `why`
          and `spec`, which `butfor generate` writes beside it, are passed over.
Faults    Every line that cannot be read is MalformedData with file, line and reason; so is an id that stands twice.
Memory    One line at a time (of at most 16 MiB), and 64-bit hashes of the ids in one array, 16 bytes an id at most but
          while it doubles. Where two hashes are equal the file is read again: only equal ids are refused.
"""

from __future__ import annotations

import hashlib
import json
import math
import re
from array import array
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, cast, get_args

from butfor.core.errors import MalformedData, MissingData, UserError, did_you_mean
from butfor.data.find import parsed, saw

Match = Literal["exact", "number", "yesno", "regex"]
Expect = Literal["same", "different", "a>b"]
LONGEST = 16 * 2**20  # bytes of a line
MOST = 26  # choices: each has a letter
ITEM = {"id", "prompt", "choices", "answer", "match", "group", "cluster", "lures", "why", "spec"}
PAIR = {"id", "a", "b", "variable", "expect", "choices", "group", "cluster"}
NUMBER = re.compile(r"[-+−]?\s?[$€£]?\s?[\d.][\d,.]*(?:e[-+]?\d+)?(?:\s*/\s*\d+(?:\.\d+)?)?\s*%?", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class OwnItem:
    """One question; `answer` is a place among `choices`, or the text of an open answer."""

    id: str
    prompt: str
    choices: tuple[str, ...]
    answer: int | str
    match: Match | None  # of an open answer
    group: Mapping[str, str] = field(default_factory=dict)
    cluster: str = ""
    lures: Mapping[str, int] = field(default_factory=dict)  # kind of mistake → place of the choice that it leads to


@dataclass(frozen=True, slots=True)
class OwnPair:
    """Two texts that differ in `variable`, and what should come of it."""

    id: str
    a: str
    b: str
    variable: str
    expect: Expect
    choices: tuple[str, str] | None = None
    group: Mapping[str, str] = field(default_factory=dict)
    cluster: str = ""


def own_items(path: str | Path) -> Iterator[OwnItem]:
    """The questions of a file, in its order."""
    for file, line, row in _rows(path, ITEM):
        where = (file, line)
        prompt = _text(*where, row, "prompt")
        if "choices" in row:
            if "match" in row:
                raise MalformedData(*where, "'match' is for open answers: leave it out, or leave out 'choices'")
            choices = _choices(*where, row["choices"], MOST)
            answer, match = _place(*where, row, len(choices)), None
        else:
            choices, match = (), _one_of(*where, row, "match", get_args(Match), "exact")
            answer = _open(*where, row, cast(Match, match))
        lures = _lures(*where, row, len(choices))
        yield OwnItem(row["id"], prompt, choices, answer, cast("Match | None", match), *_labels(*where, row), lures)


def own_pairs(path: str | Path) -> Iterator[OwnPair]:
    """The pairs of a file, in its order."""
    for file, line, row in _rows(path, PAIR):
        where = (file, line)
        a, b = _text(*where, row, "a"), _text(*where, row, "b")
        if a == b:
            raise MalformedData(*where, "'a' and 'b' are the same text")
        expect = _one_of(*where, row, "expect", get_args(Expect))
        choices = _choices(*where, row["choices"], 2) if "choices" in row else None
        variable = _text(*where, row, "variable")
        labels = _labels(*where, row)
        yield OwnPair(row["id"], a, b, variable, cast(Expect, expect), cast("tuple[str, str] | None", choices), *labels)


def _lures(file: Path, line: int, row: dict[str, Any], choices: int) -> dict[str, int]:
    lures = row.get("lures", {})
    places = lures.values() if isinstance(lures, dict) else [None]
    if not all(type(place) is int and 0 <= place < choices for place in places):
        raise MalformedData(file, line, "'lures' names for each kind of mistake the place of a choice, from 0")
    return lures


class Seen:
    """Which of many names came before, by 64-bit hashes in one array: open addressing, at most half full."""

    def __init__(self) -> None:
        self._slots = array("Q", [0]) * 1024
        self._count = 0

    def add(self, name: str) -> bool:
        """Whether a name with this hash was there already; now it is."""
        if 2 * (self._count + 1) > len(self._slots):
            self._grow()
        new = self._put(self._slots, _hash(name))
        self._count += new
        return not new

    def _grow(self) -> None:
        larger = array("Q", [0]) * (2 * len(self._slots))
        for value in self._slots:
            if value:
                self._put(larger, value)
        self._slots = larger

    @staticmethod
    def _put(slots: array[int], value: int) -> bool:
        mask = len(slots) - 1
        at = value & mask
        while slots[at]:
            if slots[at] == value:
                return False
            at = (at + 1) & mask
        slots[at] = value
        return True


def _rows(path: str | Path, known: set[str]) -> Iterator[tuple[Path, int, dict[str, Any]]]:
    """Every object of a file with its line, its id as a text that stands nowhere else."""
    file = _file(path)
    seen, empty = Seen(), True
    for line, row in _objects(file):
        empty = False
        if unknown := sorted(set(row) - known):
            hint = did_you_mean(unknown[0], known) or f"; known: {', '.join(sorted(known))}"
            raise MalformedData(file, line, f"no key is called {unknown[0]!r}{hint}; labels go into 'group'")
        row["id"] = _name(file, line, row)
        if seen.add(row["id"]) and (first := _first(file, row["id"], line)):
            raise MalformedData(file, line, f"the id {row['id']!r} stands in line {first} too")
        yield file, line, row
    if empty:
        raise MalformedData(file, 1, "the file is empty")


def _file(path: str | Path) -> Path:
    file = Path(path).expanduser()
    if file.is_dir():
        raise UserError(f"{file} is a folder; give a file of JSON lines")
    if not file.is_file():
        raise MissingData(f"there is no file {file}")
    return saw(file)


def _objects(file: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    with file.open("rb") as lines:
        number = 0
        while raw := lines.readline(LONGEST + 1):
            number += 1
            if len(raw) > LONGEST:
                raise MalformedData(file, number, f"a line of more than {LONGEST >> 20} MiB; one JSON object a line")
            try:
                text = raw.decode("utf-8-sig" if number == 1 else "utf-8").strip()
            except UnicodeDecodeError as error:
                raise MalformedData(file, number, f"not UTF-8 ({error.reason})") from error
            if text:
                yield number, _object(file, number, text)


def _object(file: Path, number: int, text: str) -> dict[str, Any]:
    try:
        row = parsed(file, text, number) if "\\u" in text else json.loads(text)
    except (ValueError, RecursionError):
        row = parsed(file, text, number)
    if not isinstance(row, dict):
        raise MalformedData(file, number, 'not a JSON object: {"id": …}')
    return cast("dict[str, Any]", row)


def _first(file: Path, name: str, before: int) -> int | None:
    """The line before `before` that has this id; None where two hashes were equal by chance."""
    for line, row in _objects(file):
        if line >= before:
            return None
        if str(row.get("id")) == name:
            return line
    return None


def _hash(name: str) -> int:
    """Never 0, which marks a free slot."""
    return int.from_bytes(hashlib.blake2b(name.encode(), digest_size=8).digest(), "big") or 1


def _name(file: Path, line: int, row: dict[str, Any]) -> str:
    name = row.get("id")
    if isinstance(name, bool) or not isinstance(name, str | int) or not str(name).strip():
        raise MalformedData(file, line, f"'id' is {_shown(row, 'id')}; give a text or a whole number")
    return str(name)


def _text(file: Path, line: int, row: dict[str, Any], key: str) -> str:
    text = row.get(key)
    if not isinstance(text, str) or not text.strip():
        raise MalformedData(file, line, f"{key!r} is {_shown(row, key)}; give a text")
    return text


def _one_of(
    file: Path, line: int, row: dict[str, Any], key: str, known: tuple[str, ...], default: str | None = None
) -> str:
    value = row.get(key, default)
    if value not in known:
        raise MalformedData(file, line, f"{key!r} is {_shown(row, key)}; it is one of: {', '.join(known)}")
    return value


def _choices(file: Path, line: int, choices: Any, most: int) -> tuple[str, ...]:
    rows = cast("list[Any]", choices) if isinstance(choices, list) else []
    if not 2 <= len(rows) <= most or not all(isinstance(text, str) and text.strip() for text in rows):
        count = "two texts" if most == 2 else f"a list of 2 to {most} texts"
        raise MalformedData(file, line, f"'choices' are not {count}")
    if len({text.strip() for text in rows}) < len(rows):
        raise MalformedData(file, line, "two of the 'choices' are the same text")
    return tuple(rows)


def _place(file: Path, line: int, row: dict[str, Any], count: int) -> int:
    answer = row.get("answer")
    if isinstance(answer, bool) or not isinstance(answer, int) or not 0 <= answer < count:
        raise MalformedData(
            file,
            line,
            f"'answer' is {_shown(row, 'answer')}; with choices it is the place of the right one, 0 to {count - 1}",
        )
    return answer


def _open(file: Path, line: int, row: dict[str, Any], match: Match) -> str:
    answer = text = row.get("answer")
    if match == "number" and isinstance(answer, int | float) and not isinstance(answer, bool) and math.isfinite(answer):
        text = repr(answer)
    if not isinstance(text, str) or not text.strip():
        hint = "a number, or a text that is one" if match == "number" else "a text (a place needs 'choices')"
        raise MalformedData(file, line, f"'answer' is {_shown(row, 'answer')}; give {hint}")
    if match == "number" and not NUMBER.fullmatch(text.strip()):
        raise MalformedData(file, line, f"'answer' is {text!r}, which is no number")
    if match == "yesno" and text.strip().lower() not in ("yes", "no"):
        raise MalformedData(file, line, f"'answer' is {text!r}; with yesno it is yes or no")
    if match == "regex":
        try:
            re.compile(text)
        except (re.error, RecursionError, OverflowError) as error:
            raise MalformedData(file, line, f"'answer' is no regular expression ({error})") from error
    return text


def _labels(file: Path, line: int, row: dict[str, Any]) -> tuple[dict[str, str], str]:
    group, cluster = row.get("group", {}), row.get("cluster", "")
    if not isinstance(group, dict) or not all(
        isinstance(value, str | int | float) and value == value for value in cast("dict[str, Any]", group).values()
    ):
        raise MalformedData(file, line, '\'group\' is not an object of labels, as {"topic": "law"}')
    if not isinstance(cluster, str | int):
        raise MalformedData(file, line, f"'cluster' is {_shown(row, 'cluster')}; give a text")
    return {key: str(value) for key, value in cast("dict[str, Any]", group).items()}, str(cluster)


def _shown(row: dict[str, Any], key: str) -> str:
    if key not in row:
        return "missing"
    text = repr(row[key])
    return text if len(text) <= 40 else text[:37] + "…"
