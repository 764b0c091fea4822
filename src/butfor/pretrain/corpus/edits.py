"""An edit of a text: what stands where, what comes instead, and of what kind it is.

Carried   A character before an edit keeps its place, one behind it moves by what the edit adds; a mark that cuts
          into the edited words is widened to all of them. So spans, links and answer hold for the counterfactual.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple, Protocol

from butfor.core.errors import UserError
from butfor.train.method import Rows
from butfor.train.naming import named


class Edit(NamedTuple):
    """`old` stands at `start`; `new` comes instead."""

    start: int
    old: str
    new: str
    kind: str

    @property
    def stop(self) -> int:
        return self.start + len(self.old)


class Editor(Protocol):
    """What turns a text into its counterfactual."""

    def edits(self, text: str) -> list[Edit]:
        """The edits of a text, in order, none of which overlap."""
        ...


def some(edits: Callable[[str], Iterable[object]], rows: Rows, what: str) -> None:
    """Refuse a corpus in which nothing would be edited: training on it would be the control's."""
    if not any(True for row in rows for _ in edits(row["text"])):
        raise UserError(
            f"no {what} that would change occurs in the {len(rows)} rows of the corpus (the first: "
            f"{named(rows[0], 0)}); look at the method's words, or at train.corpus"
        )


def edited(text: str, edits: Sequence[Edit]) -> str:
    """The text with all edits made."""
    if not edits:
        return text
    pieces: list[str] = []
    before = 0
    for edit in edits:
        pieces += (text[before : edit.start], edit.new)
        before = edit.stop
    return "".join((*pieces, text[before:]))


def carried(row: dict[str, Any], edits: Sequence[Edit]) -> dict[str, Any]:
    """The row with its text edited, and its marks where they now belong."""
    made = {**row, "text": edited(row["text"], edits)}
    if "spans" in row:
        made["spans"] = [[_begin(start, edits), _end(stop, edits), *name] for start, stop, *name in row["spans"]]
    if "answer_at" in row:
        made["answer_at"] = _begin(row["answer_at"], edits)
    return made


def _begin(place: int, edits: Iterable[Edit]) -> int:
    """Where what began at `place` begins now."""
    shift = 0
    for edit in edits:
        if edit.stop > place:
            return min(place, edit.start) + shift
        shift += len(edit.new) - len(edit.old)
    return place + shift


def _end(place: int, edits: Iterable[Edit]) -> int:
    """Where what ended at `place` ends now."""
    shift = 0
    for edit in edits:
        if edit.start >= place:
            break
        shift += len(edit.new) - len(edit.old)
        place = max(place, edit.stop)
    return place + shift
