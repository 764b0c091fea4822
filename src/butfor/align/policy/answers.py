"""Which rows a policy can learn from: an answer to a prompt, whole, and perhaps another one beside it.

    {"text": "Is it far? No.", "answer_at": 11, "beside": {"rejected": {"text": "Is it far? Yes.", "answer_at": 11}}}

answer_at   the character at which the answer begins; what stands before it is the prompt
outcome     a number: what came of the answer
propensity  how likely this answer was chosen when it was given, above 0 and at most 1
answers     ["No.", "Yes.", "Who knows."]: all that may be said to this prompt, as many for each row

`listed` reads a row's answers side by side: they stand beside it as "answer0", "answer1" …
"""

from __future__ import annotations

from math import isfinite
from typing import TYPE_CHECKING, Any

from butfor.core.errors import UserError
from butfor.train.method import Batch, Rows
from butfor.train.policy import answered, part
from butfor.train.task import REJECTED

if TYPE_CHECKING:
    from torch import Tensor

    from butfor.train.batches import Batches

OUTCOME, PROPENSITY, ANSWERS = "outcome", "propensity", "answers"
ANSWER, REPLY = "answer", "reply"  # what the listed answers stand beside a row as; which of them was given


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
        if prompt(other) != prompt(row):
            raise UserError(f"row {name} prefers an answer to one prompt to an answer to another; ask both the same")
    if all(row["text"] == row["beside"][REJECTED]["text"] for row in rows):
        raise UserError("every row prefers an answer to itself: there is nothing to learn")


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


def sides(rows: Rows) -> list[Rows]:
    """The answers of a log: the rows, and what stands beside them as `rejected` where that does."""
    beside = [row["beside"][REJECTED] for row in rows if REJECTED in row.get("beside", {})]
    if beside and len(beside) < len(rows):
        raise UserError(f"{REJECTED!r} stands beside {len(beside)} of {len(rows)} rows; give it to all, or to none")
    if not all(isinstance(one, dict) and isinstance(one.get("text"), str) for one in beside):
        raise UserError(f'what stands beside a row as {REJECTED!r} is no row; give {{"text": "…", "answer_at": …}}')
    return [rows, beside] if beside else [rows]


def logged(rows: Rows) -> None:
    """Refuse rows that do not say what came of their answers."""
    prompted(rows)
    for side in sides(rows):
        for place, (row, one) in enumerate(zip(rows, side, strict=True)):
            name, came = row.get("id", place), one.get(OUTCOME)
            if problem := "" if one is row else _no_answer(one):
                raise UserError(f"row {name}: what stands beside it {problem}")
            if prompt(one) != prompt(row):
                raise UserError(f"row {name}: what stands beside it answers another prompt; ask both the same")
            if not _number(came):
                raise UserError(f"row {name} has the outcome {came!r}; give what came of each answer, as a number")


def chosen_by(rows: Rows) -> None:
    """Refuse rows that do not say how likely their answers were given."""
    for side in sides(rows):
        for place, (row, one) in enumerate(zip(rows, side, strict=True)):
            likely = one.get(PROPENSITY, 0)
            if not (_number(likely) and 0 < likely <= 1):
                raise UserError(
                    f"row {row.get('id', place)} has the propensity {one.get(PROPENSITY)!r}; give how likely its "
                    "answer was given, above 0 and at most 1, or set weights = 'before': this model is what answered"
                )


def listed(rows: Rows) -> Rows:
    """The rows with the answers that they list beside them, and as `reply` which of them was given."""
    size = len(rows[0].get(ANSWERS, ()))
    for place, row in enumerate(rows):
        texts: Any = row.get(ANSWERS)
        good = isinstance(texts, (list, tuple)) and all(isinstance(text, str) and text for text in texts)
        if not good or len(texts) < 2 or len(set(texts)) < len(texts) or len(texts) != size:
            raise UserError(
                f"row {row.get('id', place)} lists the answers {texts!r}; give all that may be said, ['…', '…'], "
                "no two alike, and as many on each row"
            )
        for one in (row, *(row.get("beside", {})[name] for name in row.get("beside", {}) if name == REJECTED)):
            if answer(one) not in texts:
                raise UserError(f"row {row.get('id', place)} gave {answer(one)!r}, which is not among its answers")
    return [_listed(row) for row in rows]


def _listed(row: dict[str, Any]) -> dict[str, Any]:
    asked, texts = prompt(row), list(row[ANSWERS])
    beside = {
        name: {**one, REPLY: texts.index(answer(one))} if name == REJECTED else one
        for name, one in row.get("beside", {}).items()
    }
    beside |= {f"{ANSWER}{k}": {"text": asked + text, "answer_at": len(asked)} for k, text in enumerate(texts)}
    return {**row, REPLY: texts.index(answer(row)), "beside": beside}


def among(model: Any, batch: Batch) -> Tensor:
    """log π of each listed answer, if one of them is given. [B, K]"""
    import torch
    from torch.nn.functional import pad

    parts = [part(batch, name) for name in listed_in(batch)]
    width = max(one["input_ids"].shape[1] for one in parts)
    fill = {"input_ids": 0, "attention_mask": 0, "labels": -100}
    whole = {
        name: torch.cat([pad(one[name], (0, width - one[name].shape[1]), value=value) for one in parts])
        for name, value in fill.items()
    }
    return answered(model, whole).reshape(len(parts), -1).T.log_softmax(1)


def listed_in(batch: Batch) -> list[str]:
    """The names that listed answers stand beside the batch under, in order."""
    count = sum(name.startswith(ANSWER) and name.endswith(".input_ids") for name in batch)
    return [f"{ANSWER}{k}" for k in range(count)]


def _number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and isfinite(value)


def _no_answer(row: dict[str, Any]) -> str:
    """What keeps a row from being an answer to a prompt; "" where nothing does."""
    at, text = row.get("answer_at"), row["text"]
    if not isinstance(at, int) or isinstance(at, bool) or not 0 < at < len(text):
        return f"has the answer_at {at!r}; give the character of its text, from 1 on, at which the answer begins"
    return ""
