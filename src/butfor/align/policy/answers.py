"""Which rows a policy can learn from: an answer to a prompt, whole, and perhaps another one beside it.

    {"text": "Is it far? No.", "answer_at": 11, "beside": {"rejected": {"text": "Is it far? Yes.", "answer_at": 11}}}

`answer_at` is the character at which the answer begins; what stands before it is the prompt.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from butfor.core.errors import UserError
from butfor.train.method import Rows
from butfor.train.task import REJECTED

if TYPE_CHECKING:
    from butfor.train.batches import Batches


def prompted(rows: Rows) -> None:
    """Refuse rows that do not say where their answer begins."""
    for place, row in enumerate(rows):
        if problem := _no_answer(row):
            raise UserError(f"row {row.get('id', place)} {problem}")


def preferred(rows: Rows) -> None:
    """Refuse rows that are no preferences between two answers to one prompt."""
    prompted(rows)
    for place, row in enumerate(rows):
        name, other = row.get("id", place), row.get("beside", {}).get(REJECTED)
        if not isinstance(other, dict) or not other.get("text"):
            raise UserError(
                f"row {name} is a one-sided preference; put the answer that was not preferred beside it: "
                '{"text": "…", "answer_at": …, "beside": {"rejected": {"text": "…", "answer_at": …}}}'
            )
        if problem := _no_answer(other):
            raise UserError(f"row {name}: the rejected text beside it {problem}")
        if other["text"] == row["text"]:
            raise UserError(f"row {name} prefers an answer to itself; leave it out")
        if prompt(other) != prompt(row):
            raise UserError(f"row {name} prefers an answer to one prompt to an answer to another; ask both the same")


def prompt(row: dict[str, Any]) -> str:
    """What stands before the answer."""
    return row["text"][: row["answer_at"]]


def answer(row: dict[str, Any]) -> str:
    """What was said."""
    return row["text"][row["answer_at"] :]


def uncut(planned: Batches) -> None:
    """Refuse a plan that cuts answers: the probability of a part is not that of the whole."""
    beside = [
        other.rows[place]
        for other in planned.beside.values()
        for line in other.plan
        for place, fed in line
        if fed < len(other.encoded[place])
    ]
    if planned.cut or beside:
        raise UserError(
            f"{planned.cut + len(beside)} answers are longer than train.length and would be cut; raise it, or leave "
            "them out: a policy's probability is that of the whole answer"
        )


def _no_answer(row: dict[str, Any]) -> str:
    """What keeps a row from being an answer to a prompt; "" where nothing does."""
    at, text = row.get("answer_at"), row["text"]
    if not isinstance(at, int) or isinstance(at, bool) or not 0 < at < len(text):
        return f"has the answer_at {at!r}; give the character of its text, from 1 on, at which the answer begins"
    return ""
