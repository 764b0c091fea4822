"""A file in which a person looks through counterfactuals: keep, drop with a reason, or mend the text.

Format    plain text. Each counterfactual begins with `=== id | maker | variable: before -> wanted`; then
            keep: yes                     or: keep: no, and why
            --- text                      as it was; not to be edited
            --- counterfactual            to be edited freely
          A line of a text that begins with === or --- is written with a backslash before it.
Read      with what was made beside it: prompts and scores are taken from there. A text that a person changed has
          "+ person" behind its maker and loses its scores, which were another text's. "keep: no, silly" gives the
          reason "person: silly"; "keep: yes" takes away the reasons of filters.
Limits    Blank lines at the end of a text are not kept. What is missing from the file is left as it was.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from butfor.core.errors import MalformedData, UserError
from butfor.core.folder import write_bytes
from butfor.data.counterfactual.made import UNCHANGED, Made
from butfor.data.find import lines
from butfor.data.pairs import Pair

HEAD = re.compile(r"=== (.*) \| (.*) \| (.*): (.*) -> (.*)")
KEEP = re.compile(r"keep:\s*(yes|no)\b[\s,:]*(.*)", re.IGNORECASE)
PARTS = ("--- text", "--- counterfactual")
PERSON = " + person"
ABOUT = (
    "# Counterfactuals to look through. Write 'keep: no, why' to drop one; to mend one, edit what stands under\n"
    "# '--- counterfactual'. Leave the lines that begin with === and --- as they are."
)


def write(path: Path, made: Sequence[Made]) -> None:
    """Write the file that a person edits; one that is there and differs is not overwritten."""
    keys = [_key(one) for one in made]
    if len(set(keys)) < len(keys):
        raise UserError("two counterfactuals share maker and id: no review file can tell them apart")
    if path.is_file() and not untouched(path, made):
        raise UserError(
            f"{path} is there and differs: somebody may have edited it; give it back with --reviewed, or move it away"
        )
    write_bytes(path, _file(made))


def untouched(path: Path, made: Sequence[Made]) -> bool:
    """Whether the file is as `write` leaves it for these."""
    return path.is_file() and path.read_bytes() == _file(made)


def read(path: Path, made: Sequence[Made]) -> list[Made]:
    """What was made, as the person who edited the file wants it."""
    said = _blocks(path)
    known = {_key(one) for one in made}
    for key, (line, _, _, _) in said.items():
        if key not in known:
            raise MalformedData(path, line, f"nothing was made by {key[1]} for {key[0]!r}; leave === lines as they are")
    return [_reviewed(path, one, *said[_key(one)]) if _key(one) in said else one for one in made]


def _file(made: Sequence[Made]) -> bytes:
    return ("\n".join([ABOUT, "", *(line for one in made for line in _block(one))]) + "\n").encode()


def _key(one: Made) -> tuple[str, str]:
    return one.id, one.maker


def _block(one: Made) -> list[str]:
    keep = "keep: yes" if one.kept else f"keep: no, {'; '.join(one.reasons)}"
    head = f"=== {one.id} | {one.maker} | {one.pair.variable}: {one.before} -> {one.wanted}"
    if not HEAD.fullmatch(head):
        raise UserError(f"{one.id!r} by {one.maker!r} has a line break in its name: no review file can hold it")
    return [
        head, keep, PARTS[0], *_guarded(one.pair.base), PARTS[1], *_guarded(one.pair.counterfactual), "",
    ]  # fmt: skip


def _guarded(text: str) -> list[str]:
    return [f"\\{line}" if re.match(r"\\*(===|---)", line) else line for line in text.rstrip("\n").split("\n")]


def _plain(said: Sequence[str]) -> str:
    return "\n".join(line[1:] if re.match(r"\\+(===|---)", line) else line for line in said).rstrip("\n")


def _blocks(path: Path) -> dict[tuple[str, str], tuple[int, str, str, str]]:
    """By id and maker: the line, what is said of keeping, the text and the counterfactual."""
    found: dict[tuple[str, str], tuple[int, str, str, str]] = {}
    rows = lines(path)
    starts = [at for at, line in enumerate(rows) if line.startswith("===")]
    if not starts:
        raise MalformedData(path, 1, "no line begins with ===: this is no review file")
    for at, stop in zip(starts, [*starts[1:], len(rows)], strict=True):
        head, block = HEAD.fullmatch(rows[at].rstrip()), rows[at + 1 : stop]
        places = [block.index(part) if part in block else -1 for part in PARTS]
        if not head or not block or places[0] != 1 or places[1] < 2:
            raise MalformedData(path, at + 1, "not '=== id | maker | variable: before -> wanted', keep and two texts")
        key = head[1], head[2]
        if key in found:
            raise MalformedData(path, at + 1, f"{key[0]!r} by {key[1]} stands twice")
        found[key] = at + 1, block[0], _plain(block[2 : places[1]]), _plain(block[places[1] + 1 :])
    return found


def _reviewed(path: Path, one: Made, line: int, keep: str, base: str, new: str) -> Made:
    if base != one.pair.base.rstrip("\n"):
        raise MalformedData(
            path, line, "the text under '--- text' is another one; only the counterfactual may be edited"
        )
    said = KEEP.fullmatch(keep.strip())
    if not said:
        raise MalformedData(path, line + 1, f"{keep!r} is neither 'keep: yes' nor 'keep: no, why'")
    if new != one.pair.counterfactual.rstrip("\n"):
        pair = Pair.of(one.pair.base, new, one.pair.variable, changes=one.pair.changes)
        one = replace(one, pair=pair, maker=one.maker + PERSON, scores={}, reasons=())
    if not one.pair.base_spans:
        one = one.because(UNCHANGED)
    if said[1].lower() == "yes":
        return replace(one, reasons=tuple(reason for reason in one.reasons if reason == UNCHANGED))
    why = said[2].strip()
    return one if not one.kept and why == "; ".join(one.reasons) else one.because(f"person: {why or 'no'}")
