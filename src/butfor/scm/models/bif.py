"""Bayesian networks in the BIF format (Cozman 1998), read and written.

    variable lung { type discrete [ 2 ] { yes, no }; }
    probability ( lung | smoke ) { (yes) 0.1, 0.9; (no) 0.01, 0.99; }

Reads what the repositories hold: a row for each state of the parents, `default` rows, whole `table`s (the child varies
slowest, as the format has it), quoted names, comments (`//`, `/* */`), properties (skipped), states with dots and
signs, files packed by gzip. States that are all whole numbers become those numbers. Rows that sum to one within
rounding (`SLACK`) are scaled to it.
Limits: only `type discrete`. What cannot be read is refused with its line.
"""

from __future__ import annotations

import gzip
import re
from bisect import bisect_left as bisect
from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import product
from pathlib import Path
from typing import NoReturn

import numpy as np

from butfor.core.errors import GraphError, MalformedData
from butfor.scm.models.table import SLACK, Floats, Table, Tables, scaled

TOKEN = re.compile(
    r"""(?P<skip>\s+|//[^\n]*|/\*.*?\*/)|"(?P<quoted>[^"\n]*)"|(?P<sign>[{}()\[\],;|])|(?P<word>[^\s{}()\[\],;|"]+)""",
    re.DOTALL,
)


NUMBERS = re.compile(r"([^;\"{}()\[\]|/]*);")


@dataclass(frozen=True, slots=True)
class Token:
    text: str
    start: int
    quoted: bool = False


@dataclass(slots=True)
class _Block:
    """One `probability` block as written: rows by parents' states, and what stands for all others."""

    line: int
    parents: tuple[str, ...]
    rows: dict[tuple[str, ...], tuple[list[float], int]] = field(
        default_factory=dict[tuple[str, ...], tuple[list[float], int]]
    )
    default: list[float] | None = None
    whole: list[float] | None = None


def read_bif(source: str | Path) -> Tables:
    """The tables of a network, by variable in the order of the file; `source` is a file, or the text itself."""
    if isinstance(source, str) and "{" in source:
        return _Reader(source, "the BIF text").read()
    path = Path(source)
    try:
        raw = path.read_bytes()
        text = (gzip.decompress(raw) if raw[:2] == b"\x1f\x8b" else raw).decode("utf-8-sig")
    except FileNotFoundError:
        raise GraphError(f"{path} does not exist") from None
    except (OSError, EOFError, UnicodeDecodeError) as error:
        raise GraphError(f"{path} cannot be read ({error})") from error
    return _Reader(text, path).read()


def write_bif(tables: Mapping[str, Table], name: str = "unknown") -> str:
    """The BIF text of a network; reading it gives the same tables, to the last bit."""
    lines = [f"network {_written(name)} {{", "}"]
    for variable, table in tables.items():
        states = ", ".join(_written(level) for level in table.levels)
        head = f"  type discrete [ {len(table.levels)} ] {{ {states} }};"
        lines += [f"variable {_written(variable)} {{", head, "}"]
    for variable, table in tables.items():
        behind = f" | {', '.join(map(_written, table.parents))}" if table.parents else ""
        lines.append(f"probability ( {_written(variable)}{behind} ) {{")
        for index in np.ndindex(*table.p.shape[:-1]):
            states = [_written(tables[parent].levels[i]) for parent, i in zip(table.parents, index, strict=True)]
            start = f"({', '.join(states)})" if table.parents else "table"
            lines.append(f"  {start} {', '.join(repr(float(p)) for p in table.p[index])};")
        lines.append("}")
    return "\n".join(lines) + "\n"


def _written(word: object) -> str:
    text = str(word)
    match = TOKEN.fullmatch(text)
    return text if match and match["word"] else f'"{text}"'


def _levels(states: tuple[str, ...]) -> tuple[object, ...]:
    """States that are all whole numbers are those numbers."""
    whole = all(state.lstrip("-").isdigit() and str(int(state)) == state for state in states)
    return tuple(map(int, states)) if whole else states


def _is_number(word: str) -> bool:
    try:
        float(word)
    except ValueError:
        return False
    return True


class _Reader:
    """One pass over the tokens of a file."""

    def __init__(self, text: str, where: Path | str) -> None:
        self.text, self.where = text, where
        self.breaks = [match.start() for match in re.finditer("\n", text)]
        self.place = 0
        self.token = self.scan()
        self.states: dict[str, tuple[str, ...]] = {}
        self.blocks: dict[str, _Block] = {}

    def scan(self) -> Token | None:
        """The token that stands next; None at the end."""
        while self.place < len(self.text):
            match = TOKEN.match(self.text, self.place)
            if match is None:
                self.fail(bisect(self.breaks, self.place) + 1, f"unexpected {self.text[self.place]!r}")
            start, self.place = self.place, match.end()
            if match["skip"] is None:
                quoted = match["quoted"]
                return Token(match[0], start) if quoted is None else Token(quoted, start, quoted=True)
        return None

    def fail(self, line: int, reason: str) -> NoReturn:
        raise MalformedData(self.where, line, reason)

    @property
    def line(self) -> int:
        return bisect(self.breaks, len(self.text) if self.token is None else self.token.start) + 1

    def peek(self) -> str:
        """The next token where it is a bare one, else an empty text."""
        return "" if self.token is None or self.token.quoted else self.token.text

    def next(self, wanted: str = "") -> str:
        """The next token; `wanted` is what it must be."""
        token = self.token
        if token is None:
            self.fail(self.line, f"the file ends where {wanted or 'more'!r} should stand")
        if wanted and (token.quoted or token.text != wanted):
            self.fail(self.line, f"{token.text!r} where {wanted!r} should stand")
        self.token = self.scan()
        return token.text

    def read(self) -> Tables:
        while self.token is not None:
            line, kind = self.line, self.next().lower()
            if kind == "network":
                while self.peek() != "{":
                    self.next()
                self.skip_braces()
            elif kind == "variable":
                self.variable()
            elif kind == "probability":
                self.probability()
            elif kind == "property":
                self.skip_line()
            else:
                self.fail(line, f"{kind!r} where 'network', 'variable' or 'probability' should stand")
        if not self.states:
            self.fail(self.line, "no variable is declared")
        for name in self.states:
            if name not in self.blocks:
                self.fail(self.line, f"variable {name!r} has no probability block")
        return {name: self.table(name) for name in self.states}

    def skip_braces(self) -> None:
        self.next("{")
        depth = 1
        while depth:
            depth += {"{": 1, "}": -1}.get(self.peek(), 0)
            self.next("" if depth else "}")

    def skip_line(self) -> None:
        while self.peek() != ";":
            self.next()
        self.next(";")

    def variable(self) -> None:
        line, name = self.line, self.next()
        if name in self.states:
            self.fail(line, f"variable {name!r} is declared twice")
        self.next("{")
        while self.peek() != "}":
            line, word = self.line, self.next().lower()
            if word == "property":
                self.skip_line()
            elif word == "type":
                self.states[name] = self.levels(name)
            else:
                self.fail(line, f"{word!r} where 'type' should stand")
        self.next("}")
        if name not in self.states:
            self.fail(line, f"variable {name!r} has no type")

    def levels(self, name: str) -> tuple[str, ...]:
        line = self.line
        if (kind := self.next()) != "discrete":
            self.fail(line, f"type {kind!r}; only 'discrete' can be read")
        self.next("[")
        size = self.next()
        self.next("]")
        self.next("{")
        found = self.listed("}")
        self.next(";")
        if not size.isdigit() or int(size) != len(found):
            self.fail(line, f"{name!r} announces {size} states and lists {len(found)}")
        if len(set(found)) < len(found):
            twice = sorted({state for state in found if found.count(state) > 1})
            self.fail(line, f"{name!r} has a state twice: {', '.join(twice)}")
        return tuple(found)

    def listed(self, end: str) -> list[str]:
        """Words up to `end`; commas between them may be missing."""
        found: list[str] = []
        while self.peek() != end:
            if self.peek() == ",":
                self.next()
            elif self.peek() and self.peek() in "{}()[];|":
                self.fail(self.line, f"{self.peek()!r} where {end!r} should stand")
            else:
                found.append(self.next())
        self.next(end)
        return found

    def numbers(self) -> list[float]:
        """Numbers up to a semicolon, all at once: most of a file is made of them."""
        line = self.line
        start = len(self.text) if self.token is None else self.token.start
        match = NUMBERS.match(self.text, start)
        if match is None:
            words = self.listed(";")
        else:
            self.place = match.end()
            self.token = self.scan()
            words = match[1].replace(",", " ").split()
        try:
            return list(map(float, words))
        except ValueError:
            wrong = next(word for word in words if not _is_number(word))
            self.fail(line, f"{wrong!r} is not a number")

    def probability(self) -> None:
        line = self.line
        self.next("(")
        name = self.next()
        if self.peek() == "|":
            self.next()
        block = _Block(line, tuple(self.listed(")")))
        for word in (name, *block.parents):
            if word not in self.states:
                self.fail(line, f"variable {word!r} is not declared above")
        if name in self.blocks:
            self.fail(line, f"variable {name!r} has two probability blocks")
        self.blocks[name] = block
        self.next("{")
        while self.peek() != "}":
            line, word = self.line, self.next()
            if word == "(":
                states = tuple(self.listed(")"))
                self.check_states(line, block, states)
                block.rows[states] = (self.numbers(), line)
            elif word == "table":
                block.whole, block.line = self.numbers(), line
            elif word == "default":
                block.default, block.line = self.numbers(), line
            elif word == "property":
                self.skip_line()
            else:
                self.fail(line, f"{word!r} where a row '(states) numbers;', 'table' or 'default' should stand")
        self.next("}")

    def check_states(self, line: int, block: _Block, states: tuple[str, ...]) -> None:
        if len(states) != len(block.parents):
            self.fail(line, f"{len(states)} states for {len(block.parents)} parents")
        for parent, state in zip(block.parents, states, strict=True):
            if state not in self.states[parent]:
                self.fail(line, f"{parent!r} has no state {state!r}; it has {', '.join(self.states[parent])}")
        if states in block.rows:
            self.fail(line, f"the row of ({', '.join(states)}) stands twice")

    def table(self, name: str) -> Table:
        block, own = self.blocks[name], self.states[name]
        levels = _levels(own)
        above = [self.states[parent] for parent in block.parents]
        shape = tuple(len(states) for states in above)
        if block.whole is not None:
            cells = len(own) * int(np.prod(shape, dtype=np.int64))
            if len(block.whole) != cells:
                self.fail(block.line, f"{name!r}: {len(block.whole)} numbers where {cells} belong")
            p = np.moveaxis(np.array(block.whole).reshape(len(own), *shape), 0, -1)
            self.check_rows(name, p.reshape(-1, len(own)), [block.line] * (cells // len(own)))
            return Table(block.parents, levels, scaled(p))
        rows: list[list[float]] = []
        lines: list[int] = []
        for states in product(*above):
            row, line = block.rows.get(states, (block.default, block.line))
            if row is None:
                self.fail(block.line, f"{name!r} has no row for ({', '.join(states)}), and no default")
            if len(row) != len(own):
                self.fail(line, f"{name!r}: {len(row)} numbers where {len(own)} belong")
            rows.append(row)
            lines.append(line)
        p = np.array(rows)
        self.check_rows(name, p, lines)
        return Table(block.parents, levels, scaled(p).reshape(*shape, len(own)))

    def check_rows(self, name: str, rows: Floats, lines: list[int]) -> None:
        for row, line in zip(rows, lines, strict=True):
            if not bool(np.all(np.isfinite(row))) or row.min() < 0:
                self.fail(line, f"{name!r}: a probability is negative or not finite")
            if abs(row.sum() - 1) > SLACK:
                self.fail(line, f"{name!r}: a row sums to {row.sum():.6g}, not to 1")
