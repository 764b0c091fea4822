"""What causes what, as triples: read from a file, found again by the words of a question, walked at random.

File      one triple a line, three columns with tabs between: head, relation, tail ("smoking", "causes", "cancer").
          Empty lines and lines that begin with # count for nothing. Heads and tails are names, and stay that: they are
          quoted where they are told, and never read as anything else.
Named     "ecare", "copa": cause and effect of the public questions that no suite holds out (`data.cause_effect`),
          without those of which a side stands in a question that is held out: e-CARE takes wrong choices from other
          questions, so that a triple would tell which choice is wrong. Measure with part = "held_out".
Near      a node is near a text that holds half of its words or more; a word weighs log(1 + nodes / nodes with it), so
          that rare words decide, and the ending of a plural or of a third person is passed over.
Walk      from a node that is near, along arrows, or against them, `steps` at most, never twice over one node; told in
          the order of the arrows.
Limits    English words. A file is held in memory whole: 100,000 triples are some 100 MB.
"""

from __future__ import annotations

import math
import re
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from butfor.core.errors import MalformedData, MissingData
from butfor.core.keys import digest
from butfor.data.cause_effect import held_out
from butfor.data.copa import copa
from butfor.data.ecare import ecare
from butfor.data.find import saw

if TYPE_CHECKING:
    from numpy.random import Generator

NAMED = ("ecare", "copa")
NEAR = 0.5
LONGEST = 300  # characters of a name
WORD = re.compile(r"[\w']+")
SMALL = frozenset(
    WORD.findall(
        "a an the of to in on at by for from with and or not no is are was were be been it its he she they his her "
        "their this that these those as if so than then there do does did has have had will would can could i you we"
    )
)


@dataclass(frozen=True, slots=True)
class Triple:
    """One arrow."""

    head: str
    relation: str
    tail: str

    def told(self) -> str:
        """As a sentence; the names stand in quotation marks."""
        return f"{_quoted(self.head)} {self.relation} {_quoted(self.tail)}."


def read(source: str) -> list[Triple]:
    """The triples of a file, or of a named set."""
    if source in NAMED:
        rows = list(ecare() if source == "ecare" else copa(name="copa"))
        held = {_name(text).lower() for row in rows if held_out(row) for text in (row.premise, *row.choices)}
        told = [
            Triple(*_ordered(row.asks_for, row.premise, row.choices[row.gold])) for row in rows if not held_out(row)
        ]
        return [one for one in told if not {one.head.lower(), one.tail.lower()} & held]
    path = Path(source).expanduser()
    if not path.is_file():
        raise MissingData(
            f"{source} is no file of triples; give one with columns head, relation, tail, or {' or '.join(NAMED)}"
        )
    saw(path)
    try:
        text = path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise MalformedData(path, 1, f"it is not UTF-8 ({error.reason}); save it as UTF-8") from error
    lines = enumerate(text.split("\n"), start=1)
    found = [_triple(path, number, line) for number, line in lines if line.strip() and not line.startswith("#")]
    if not found:
        raise MalformedData(path, 1, "it holds no triple; a line is head, relation, tail with tabs between")
    return found


class Web:
    """Triples, ready to be asked."""

    def __init__(self, triples: Sequence[Triple]) -> None:
        self.out: dict[str, list[Triple]] = defaultdict(list)
        self.into: dict[str, list[Triple]] = defaultdict(list)
        for triple in dict.fromkeys(triples):
            self.out[triple.head].append(triple)
            self.into[triple.tail].append(triple)
        self.words = {node: words(node) for node in dict.fromkeys([*self.out, *self.into])}
        self.holding: dict[str, list[str]] = defaultdict(list)
        for node, held in self.words.items():
            for word in held:
                self.holding[word].append(node)
        self.weight = {word: math.log1p(len(self.words) / len(nodes)) for word, nodes in self.holding.items()}

    def near(self, text: str) -> list[str]:
        """The nodes that the text speaks of, those of which it holds most first."""
        shared: dict[str, float] = defaultdict(float)
        for word in words(text):
            for node in self.holding.get(word, ()):
                shared[node] += self.weight[word]
        share = {node: value / sum(map(self.weight.__getitem__, self.words[node])) for node, value in shared.items()}
        return sorted((node for node in share if share[node] >= NEAR), key=lambda node: (-share[node], node))

    def walk(self, start: str, steps: int, rng: Generator) -> tuple[Triple, ...]:
        """At most `steps` arrows in one line through `start`, as their direction has it."""
        forward = bool(rng.integers(2)) if self.out.get(start) and self.into.get(start) else bool(self.out.get(start))
        at, seen, found = start, {start}, list[Triple]()
        for _ in range(steps):
            edges = (self.out if forward else self.into).get(at, [])
            free = [edge for edge in edges if (edge.tail if forward else edge.head) not in seen]
            if not free:
                break
            edge = free[int(rng.integers(len(free)))]
            found.append(edge)
            at = edge.tail if forward else edge.head
            seen.add(at)
        return tuple(found if forward else found[::-1])

    def walks(self, text: str, count: int, steps: int, rng: Generator, tries: int = 40) -> list[tuple[Triple, ...]]:
        """The best of `tries` walks: those that join most of what the text speaks of, the shortest of these first."""
        near = self.near(text)
        if not near:
            return []
        drawn = [self.walk(near[int(rng.integers(len(near)))], steps, rng) for _ in range(tries)]
        known = set(near)
        joined = {walk: len(known & {node for edge in walk for node in (edge.head, edge.tail)}) for walk in drawn}
        return sorted((walk for walk in joined if walk), key=lambda walk: (-joined[walk], len(walk)))[:count]


@lru_cache(maxsize=2)
def web(source: str, stamp: str = "") -> Web:  # noqa: ARG001  a changed file is another web
    """The triples of a file or a named set, read once."""
    return Web(read(source))


def stamp(source: str) -> str:
    """Names this state of the file."""
    path = Path(source).expanduser()
    if source in NAMED or not path.is_file():
        return ""
    stat = path.stat()
    return f"{stat.st_size} {stat.st_mtime_ns}"


def content(source: str) -> str:
    """The digest of the triples; refused where they cannot be read."""
    return digest([(triple.head, triple.relation, triple.tail) for triple in read(source)])


def words(text: str) -> tuple[str, ...]:
    """The words that tell what a text speaks of, each once, in one form."""
    return tuple(dict.fromkeys(_stem(word) for word in WORD.findall(text.lower()) if word not in SMALL))


def _stem(word: str) -> str:
    word = word.removesuffix("'s")
    return word[:-1] if len(word) > 3 and word.endswith("s") and not word.endswith("ss") else word


def _ordered(asks_for: str, premise: str, right: str) -> tuple[str, str, str]:
    cause, effect = (right, premise) if asks_for == "cause" else (premise, right)
    return _name(cause), "causes", _name(effect)


def _name(text: str) -> str:
    return " ".join(text.split())[:LONGEST].rstrip(".")


def _triple(path: Path, number: int, line: str) -> Triple:
    parts = [_name(part) for part in line.rstrip("\r").split("\t")]
    if len(parts) != 3 or not all(parts):
        raise MalformedData(path, number, f"{len(parts)} columns; a triple has three: head, relation, tail, with tabs")
    return Triple(*parts)


def _quoted(name: str) -> str:
    return '"' + name.replace('"', "'") + '"'
