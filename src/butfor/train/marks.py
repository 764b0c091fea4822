"""What a row says about parts of its text, carried over from characters to tokens.

    {"text": "Smoking: 8, Hormones: 4. Risk: High", "spans": [[0, 10, "Smoking"], [25, 35, "Risk"]],
     "links": [[0, 1]], "answer_at": 31}

spans      [start, stop] or [start, stop, "name"], in characters; the name is the variable that this part tells of
links      [i, j]: what span i says causes what span j says (places in `spans`)
answer_at  the character from which on the text is learnt; what stands before is read only

A token belongs to every span that it shares a character with; where two named spans share a token, it counts for the
later one. What `length` cuts off is gone; an `answer_at` behind the cut is refused, as nothing would be learnt.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from butfor.core.errors import UserError
from butfor.train.method import Rows
from butfor.train.naming import named

if TYPE_CHECKING:
    from torch import Tensor

MARKS = frozenset({"spans", "links", "answer_at"})


class Marks(NamedTuple):
    """The marks of one row, by tokens."""

    variable: tuple[int, ...]  # [L] number of the variable; 0 where there is none
    links: tuple[tuple[tuple[int, ...], tuple[int, ...]], ...]  # (tokens of the cause, tokens of the effect)
    answer: int  # the first token that is learnt

    @classmethod
    def of(cls, row: dict[str, Any], place: int, offsets: Sequence[tuple[int, int]], names: tuple[str, ...]) -> Marks:
        """The marks of a row whose tokens stand at `offsets`."""
        variable = [0] * len(offsets)
        tokens: list[tuple[int, ...]] = []
        for start, stop, *name in row.get("spans", ()):
            inside = tuple(at for at, (a, b) in enumerate(offsets) if a < stop and b > start)
            tokens.append(inside)
            for at in inside if name else ():
                variable[at] = 1 + names.index(name[0])
        links = tuple((tokens[i], tokens[j]) for i, j in row.get("links", ()))
        at = row.get("answer_at", 0)
        answer = next((token for token, (_, stop) in enumerate(offsets) if stop > at), None)
        if answer is None:
            raise UserError(
                f"row {named(row, place)}: what is learnt begins at character {at}, "
                f"behind its first {len(offsets)} tokens; raise train.length"
            )
        return cls(tuple(variable), links, answer)


def checked(rows: Rows) -> tuple[str, ...]:
    """The names of all spans, sorted; refuses marks that do not fit their text, naming the row."""
    names: set[str] = set()
    for place, row in enumerate(rows):
        if not MARKS & row.keys():
            continue
        if wrong := problem(row):
            raise UserError(f"row {named(row, place)}: {wrong}")
        names |= {span[2] for span in row.get("spans", ()) if len(span) == 3}
    return tuple(sorted(names))


def problem(row: dict[str, Any]) -> str:
    """What is wrong with the marks of a row; "" where nothing is."""
    size, spans, links, at = len(row["text"]), row.get("spans", ()), row.get("links", ()), row.get("answer_at", 0)
    if not isinstance(spans, (list, tuple)) or not isinstance(links, (list, tuple)):
        return "spans and links are lists: [[start, stop, name], …] and [[i, j], …]"
    for span in spans:
        if not _whole(span, 2, 3) or (len(span) == 3 and not (isinstance(span[2], str) and span[2])):
            return f"a span is [start, stop] or [start, stop, name], not {span!r}"
        if not 0 <= span[0] < span[1] <= size:
            return f"the span {span!r} does not lie inside its text of {size} characters"
    for link in links:
        if not _whole(link, 2, 2) or not all(0 <= end < len(spans) for end in link):
            known = f"0 to {len(spans) - 1}" if spans else "and there are none"
            return f"a link is two places in spans ({known}), not {link!r}"
    if not isinstance(at, int) or isinstance(at, bool) or not 0 <= at < max(size, 1):
        return f"answer_at is {at!r}, no character of its text of {size}"
    return ""


def _whole(value: Any, least: int, most: int) -> bool:
    """Whether this is a list that begins with two whole numbers."""
    return (
        isinstance(value, (list, tuple))
        and least <= len(value) <= most
        and all(isinstance(part, int) and not isinstance(part, bool) for part in value[:2])
    )


def marked(rows: Sequence[Marks | None], labels: Tensor) -> dict[str, Tensor]:
    """The tensors of a batch's marks; sets `labels` [B, L] to -100 before each answer."""
    import torch

    found: dict[str, Tensor] = {}
    size, width = labels.shape
    if any(marks and any(marks.variable) for marks in rows):
        found["spans"] = torch.zeros((size, width), dtype=torch.long)
    if any(marks and marks.links for marks in rows):
        found["links"] = torch.zeros((size, width, width), dtype=torch.bool)
    for line, marks in enumerate(rows):
        if marks is None:
            continue
        labels[line, : marks.answer] = -100
        if "spans" in found:
            cut = marks.variable[:width]
            found["spans"][line, : len(cut)] = torch.tensor(cut)
        for cause, effect in marks.links:
            for at in effect:
                if at < width:
                    found["links"][line, at, [token for token in cause if token < width]] = True
    return found
