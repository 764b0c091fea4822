"""The work on one piece of a corpus: decode, edit passage by passage or row by row, count, and keep a sample."""

from __future__ import annotations

import gzip
import hashlib
import json
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cache
from heapq import nsmallest
from typing import Any, NamedTuple

from butfor.core.errors import MalformedData
from butfor.pretrain.corpus.edits import Edit, Editor, carried, edited
from butfor.pretrain.corpus.substitute import Mode
from butfor.pretrain.corpus.variables import editor
from butfor.train.marks import MARKS, problem

BREAK = re.compile(r"(\n[^\S\n]*(?:\n[^\S\n]*)+)")  # one or more blank lines
WIDE = 90  # characters of the text shown on each side of an edit
SEEN = 30  # characters on each side that tell one edit of the sample from another


class Plan(NamedTuple):
    """How to work on a piece."""

    variable: str
    side: str
    mode: Mode
    seed: int
    sample: int
    form: str
    zipped: bool


class Piece(NamedTuple):
    """A part of a file: its bytes, where they begin, and how many lines stand before them."""

    path: str
    start: int
    line: int
    data: bytes


Sample = tuple[int, str, list[list[str]]]  # hash, kind, parts of the text: [as it is] or [old, new]


@dataclass(slots=True)
class Counts:
    """Rows, edits and a sample of them."""

    rows: int = 0
    changed: int = 0
    edits: Counter[str] = field(default_factory=Counter)
    pairs: Counter[tuple[str, str, str]] = field(default_factory=Counter)  # kind, old, new
    sample: list[Sample] = field(default_factory=list)

    def add(self, other: Counts) -> None:
        """Take up the counts of another piece."""
        self.rows += other.rows
        self.changed += other.changed
        self.edits.update(other.edits)
        self.pairs.update(other.pairs)
        self.sample += other.sample

    def plain(self) -> dict[str, Any]:
        """As JSON."""
        pairs = [[*pair, count] for pair, count in sorted(self.pairs.items())]
        edits = dict(sorted(self.edits.items()))
        return {"rows": self.rows, "changed": self.changed, "edits": edits, "pairs": pairs, "sample": self.sample}

    @classmethod
    def of(cls, plain: dict[str, Any]) -> Counts:
        """From JSON."""
        pairs = Counter({(kind, old, new): count for kind, old, new, count in plain["pairs"]})
        sample = [(key, kind, parts) for key, kind, parts in plain["sample"]]
        return cls(plain["rows"], plain["changed"], Counter(plain["edits"]), pairs, sample)

    def without_known(self, other: Counts, size: int) -> Counts:
        """`other` with those of its sample that are among the first of both together; mine are cut to these."""
        mine = {one[0] for one in self.sample}
        kept = chosen([*self.sample, *(one for one in other.sample if one[0] not in mine)], size)
        self.sample = [one for one in kept if one[0] in mine]
        fresh = [one for one in kept if one[0] not in mine]
        return Counts(other.rows, other.changed, other.edits, other.pairs, fresh)


def chosen(sample: Sequence[Sample], size: int) -> list[Sample]:
    """Of every kind the `size` with the smallest hashes."""
    kinds = sorted({kind for _, kind, _ in sample})
    return [one for kind in kinds for one in nsmallest(size, (s for s in sample if s[1] == kind))]


class Done(NamedTuple):
    """What a piece became, and where the file goes on."""

    data: bytes
    stop: int
    lines: int
    counts: Counts


class _Found(NamedTuple):
    text: str
    edits: list[Edit]


@cache
def _editor(variable: str, side: str, seed: int) -> Editor:
    return editor(variable, side, seed)


def worked(plan: Plan, piece: Piece) -> Done:
    """Edit a piece."""
    edit, counts, found = _editor(plan.variable, plan.side, plan.seed), Counts(), list[_Found]()
    work = _rows if plan.form == ".jsonl" else _passages
    made = "".join(work(plan, piece, edit, counts, found)).encode()
    counts.sample = _sample(found, plan)
    data = gzip.compress(made, 6, mtime=0) if plan.zipped else made
    return Done(data, piece.start + len(piece.data), piece.line + piece.data.count(b"\n"), counts)


def _decoded(piece: Piece) -> str:
    try:
        return piece.data.decode()
    except UnicodeDecodeError as error:
        line = piece.line + piece.data.count(b"\n", 0, error.start) + 1
        reason = f"not UTF-8 ({error.reason}); convert the file, for example with iconv -t utf-8"
        raise MalformedData(piece.path, line, reason) from error


def _passages(plan: Plan, piece: Piece, edit: Editor, counts: Counts, found: list[_Found]) -> Iterator[str]:
    """A text, passage by passage."""
    parts = BREAK.split(_decoded(piece))
    for text, gap in zip(parts[::2], [*parts[1::2], ""], strict=True):
        edits = _edits(text, plan, edit, counts, found)
        if edits and plan.mode == "add":
            yield text + (gap or "\n\n") + edited(text, edits) + (gap or "\n")
        else:
            yield edited(text, edits) + gap


def _rows(plan: Plan, piece: Piece, edit: Editor, counts: Counts, found: list[_Found]) -> Iterator[str]:
    """Lines of objects."""
    lines = _decoded(piece).split("\n")
    for number, line in enumerate(lines):
        end = "\n" if number < len(lines) - 1 else ""
        if not line.strip():
            yield line + end
            continue
        row = _row(piece, piece.line + number + 1, line)
        edits = _edits(row["text"], plan, edit, counts, found)
        if not edits:
            yield line + end
            continue
        other = carried(row, edits)
        if plan.mode == "add":
            other |= {"id": f"{row['id']}~{plan.variable}"} if "id" in row else {}
            yield line + "\n"
        yield json.dumps(other, ensure_ascii=False) + end


def _row(piece: Piece, number: int, line: str) -> dict[str, Any]:
    try:
        row = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise MalformedData(piece.path, number, f"not JSON ({error})") from error
    if not isinstance(row, dict) or not isinstance(row.get("text"), str):
        raise MalformedData(piece.path, number, 'a row is an object with a "text"')
    if MARKS & row.keys() and (wrong := problem(row)):
        raise MalformedData(piece.path, number, wrong)
    return row


def _edits(text: str, plan: Plan, edit: Editor, counts: Counts, found: list[_Found]) -> list[Edit]:
    """The edits of one text, counted; none where its coin says that it stays."""
    if not text or text.isspace():
        return []
    counts.rows += 1
    if plan.mode == "half" and hashlib.blake2b(f"{plan.seed}/{text}".encode()).digest()[0] % 2:
        return []
    edits = edit.edits(text)
    if edits:
        counts.changed += 1
        found.append(_Found(text, edits))
        counts.edits.update(one.kind for one in edits)
        counts.pairs.update((one.kind, one.old.lower(), one.new.lower()) for one in edits if one.kind != "function")
    return edits


def _sample(found: Sequence[_Found], plan: Plan) -> list[Sample]:
    """Of each kind the edits whose surroundings hash smallest."""
    keyed: dict[str, dict[int, tuple[_Found, Edit]]] = {}
    for one in found if plan.sample else ():
        for edit in one.edits:
            seen = one.text[max(0, edit.start - SEEN) : edit.stop + SEEN]
            key = int.from_bytes(hashlib.blake2b(f"{plan.seed}/{seen}".encode(), digest_size=6).digest(), "big")
            keyed.setdefault(edit.kind, {}).setdefault(key, (one, edit))
    return [
        (key, kind, _shown(*keyed[kind][key])) for kind in sorted(keyed) for key in nsmallest(plan.sample, keyed[kind])
    ]


def _shown(found: _Found, edit: Edit) -> list[list[str]]:
    """The text around an edit, with all edits in it: [as it is] or [old, new]."""
    text = found.text
    low, high = max(0, edit.start - WIDE), min(len(text), edit.stop + WIDE)
    while 0 < low < edit.start and not text[low - 1].isspace():
        low += 1
    while edit.stop < high < len(text) and not text[high].isspace():
        high -= 1
    parts: list[list[str]] = [["…"]] if low else []
    at = low
    for other in found.edits:
        if other.start >= low and other.stop <= high:
            parts += [[text[at : other.start]], [other.old, other.new]]
            at = other.stop
    return [*parts, [text[at:high] + ("…" if high < len(text) else "")]]
