"""verify: recompute the gold answers of a public set exactly, and list the ones that do not hold."""

from __future__ import annotations

import textwrap
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from butfor.cli.app import show_json

if TYPE_CHECKING:
    from butfor.evaluate.verification import Verdict, Verification

WIDTH = 80


def verify_command(name: str, paths: Sequence[Path], *, as_json: bool, limit: int | None) -> None:
    """Print agreement a kind, the conventions, and the wrong answers with the way to ours."""
    from butfor.core.errors import UnknownName, UserError

    known = _sets()
    if name not in known:
        raise UnknownName("set to verify", name, known)
    if limit is not None and limit < 0:
        raise UserError(f"--limit {limit} is below zero; give how many wrong answers to print")
    found = known[name](paths)
    if as_json:
        show_json(found.as_dict())
        return
    print("\n".join(lines(found, limit)))


def _sets() -> dict[str, Callable[[Sequence[Path]], Verification]]:
    from butfor.evaluate.verify_axioms import verify_axioms
    from butfor.evaluate.verify_cladder import verify_cladder
    from butfor.evaluate.verify_corr2cause import verify_corr2cause

    return {"cladder": verify_cladder, "causal_axioms": verify_axioms, "corr2cause": verify_corr2cause}


def lines(found: Verification, limit: int | None) -> list[str]:
    """The whole answer as text, none of it wider than a terminal."""
    rows = wrapped(f"{found.name}: {found.total.n:,} answers recomputed exactly, from {', '.join(found.files)}", "  ")
    rows += ["", *_table(found), ""]
    for note in found.notes:
        rows += wrapped(f"- {note}", "  ")
    if found.readings:
        rows += ["", "read another way:"]
        for reading in found.readings:
            rows += wrapped(f"- {reading.kinds}: {reading.text}: {reading.wrong:,} of {reading.n:,} wrong", "  ")
    if found.unread:
        rows += ["", f"{len(found.unread):,} could not be read:"]
        for why, n in Counter(verdict.why for verdict in found.unread).most_common(20):
            first = next(verdict for verdict in found.unread if verdict.why == why)
            rows += wrapped(f"- {n:,}: {why} (first in {first.file}, line {first.line})", "  ")
    return rows + _wrong(found.wrong, limit)


def _table(found: Verification) -> list[str]:
    counts = found.counts()
    columns = [
        column
        for column in ("n", "agree", "wrong", "zero", "unread", "off")
        if column in ("n", "agree", "wrong") or getattr(found.total, column)
    ]
    heads = {"off": "number off"}
    rows = [f"{'question type':<20}" + "".join(f"{heads.get(column, column):>12}" for column in columns)]
    for count in counts:
        rows.append(f"{count.kind:<20}" + "".join(f"{getattr(count, column):>12,}" for column in columns))
    return rows


def _wrong(verdicts: list[Verdict], limit: int | None) -> list[str]:
    if not verdicts:
        return []
    shown = verdicts if limit is None else verdicts[:limit]
    rows = ["", f"wrong answers: {len(verdicts):,}"]
    seen: dict[tuple[str, ...], str] = {}
    for verdict in shown:
        here = f"{verdict.file} #{verdict.id}" if len(verdict.id) < 12 else f"{verdict.file}, line {verdict.line}"
        rows += ["", *wrapped(f"{here}, {verdict.kind}: {verdict.why}", "  ")]
        rows += wrapped(verdict.question, "  ", "  ")
        rows.append(f"  gold {_told(verdict.gold, verdict.published)}, ours {_told(verdict.ours, verdict.exact)}")
        if verdict.enumeration in seen:
            rows += wrapped(f"    the same as for {seen[verdict.enumeration]}", "    ")
            continue
        seen[verdict.enumeration] = here
        for line in verdict.enumeration:
            rows += wrapped(f"    {line}", "        ")
    if len(shown) < len(verdicts):
        rows += ["", f"… and {len(verdicts) - len(shown):,} more; without --limit all are printed, --json writes all"]
    return rows


def _told(answer: str, number: float | None) -> str:
    return answer if number is None else f"{answer} ({number:.6f})"


def wrapped(text: str, after: str, before: str = "") -> list[str]:
    """Lines no wider than a terminal; the later ones begin with `after`."""
    return textwrap.wrap(
        text, WIDTH, initial_indent=before, subsequent_indent=after, break_on_hyphens=False, drop_whitespace=True
    ) or [""]
