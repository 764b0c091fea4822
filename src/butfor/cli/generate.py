"""generate: fresh questions with verified answers, as JSON lines that `butfor audit --items` reads."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from butfor.core.errors import UnknownName, Untrusted, UserError, disk_errors

if TYPE_CHECKING:
    from butfor.data.ladder import Checked, Ladder


@dataclass(frozen=True, slots=True)
class Wanted:
    """What the command was given."""

    n: int
    seed: int
    out: Path | None
    nodes: str
    confounding: str
    steps: str
    senses: str
    kinds: str
    check: bool


def generate_command(what: str, wanted: Wanted) -> None:
    """Write n questions, and with `check` read them back and compute every answer again by enumeration."""
    from butfor.data.ladder import Dials, Ladder, check, read

    if what != "ladder":
        raise UnknownName("set to generate", what, ["ladder"])
    dials = Dials(_span("nodes", wanted.nodes), _span("confounding", wanted.confounding), _span("steps", wanted.steps))
    given = {"kinds": _names(wanted.kinds), "senses": _names(wanted.senses)}
    ladder = Ladder(wanted.seed, dials, **{key: names for key, names in given.items() if names})
    if wanted.out is None:
        found = check(_printed(ladder, wanted.n)) if wanted.check else None
        for item in () if wanted.check else _first(ladder, wanted.n):
            print(_line(item))
    else:
        _write(ladder, wanted.n, wanted.out)
        print(f"{wanted.n:,} questions in {wanted.out}", file=sys.stderr)
        found = check(read(wanted.out)) if wanted.check else None
    if found is not None:
        _tell(found)


def _tell(found: Checked) -> None:
    print(
        f"checked by enumeration: {found.questions:,} questions on {found.worlds:,} worlds, "
        f"{found.mismatches} wrong; yes and no differ by at most {found.lean} within a kind and a sense",
        file=sys.stderr,
    )
    if found.wrong:
        raise Untrusted("\n".join(found.wrong))


def _first(ladder: Ladder, n: int) -> Iterator[dict[str, Any]]:
    stream = ladder.items()
    for _ in range(n):
        yield next(stream)


def _printed(ladder: Ladder, n: int) -> Iterator[dict[str, Any]]:
    for item in _first(ladder, n):
        print(line := _line(item))
        yield json.loads(line)


def _write(ladder: Ladder, n: int, file: Path) -> None:
    """All at once: a file of this name is whole or not there."""
    with disk_errors(file):
        file.parent.mkdir(parents=True, exist_ok=True)
        part = file.with_name(file.name + ".part")
        with part.open("w", encoding="utf-8") as out:
            for item in _first(ladder, n):
                out.write(_line(item) + "\n")
        part.replace(file)


def _line(item: dict[str, Any]) -> str:
    return json.dumps(item, ensure_ascii=False)


def _span(name: str, text: str) -> tuple[int, int]:
    low, _, high = text.partition("-")
    try:
        return int(low), int(high or low)
    except ValueError:
        raise UserError(f"--{name} {text}: give a number or a span, such as 4 or 3-6") from None


def _names(text: str) -> tuple[str, ...]:
    return tuple(name.strip() for name in text.split(",") if name.strip())
