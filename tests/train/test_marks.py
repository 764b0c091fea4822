"""Marks: what a row says of its characters arrives at its tokens, and what does not fit is refused by row."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from butfor.core.errors import UserError
from butfor.lm.load import load
from butfor.train.batches import batches, numbered

TEXT = "Smoking: 8, Hormones: 4. Risk: High"
ROW: dict[str, Any] = {
    "text": TEXT,
    "spans": [[0, 10, "Smoking"], [12, 23, "Hormones"], [31, 35, "Risk"]],
    "links": [[0, 2]],
    "answer_at": 31,
}


def planned(rows: list[dict[str, Any]], model: str = "debug", **how: Any) -> Any:
    given = {"seed": 0, "batch_size": len(rows), "length": 64, "steps": 1, **how}
    return batches(numbered(rows), load(model).tokenizer, **given)  # type: ignore[union-attr]


def test_marks_arrive_at_the_tokens_of_their_characters() -> None:
    made = planned([ROW, {"text": "no marks here"}])
    assert made.variables == ("Hormones", "Risk", "Smoking")
    batch = made[0]
    line = int(batch["row"].tolist().index(0))
    spans, links, labels = batch["spans"][line], batch["links"][line], batch["labels"][line]
    assert spans[:10].tolist() == [3] * 10 and spans[10:12].tolist() == [0, 0] and spans[31:35].tolist() == [2] * 4
    assert links.nonzero().tolist() == [[row, column] for row in range(31, 35) for column in range(10)]
    assert labels[:31].eq(-100).all() and labels[31:35].tolist() == batch["input_ids"][line, 31:35].tolist()
    other = 1 - line
    assert not batch["spans"][other].any() and not batch["links"][other].any()
    assert batch["labels"][other][:13].ne(-100).all()


def test_a_token_of_many_characters_belongs_to_every_span_that_it_touches() -> None:
    made = planned([ROW], "scratch:1x32,tokens=plain/400")
    tokenizer: Any = load("scratch:1x32,tokens=plain/400").tokenizer  # type: ignore[union-attr]
    offsets = tokenizer(TEXT, return_offsets_mapping=True)["offset_mapping"]
    for (start, stop), variable in zip(offsets, made[0]["spans"][0].tolist(), strict=True):
        touched = [name for a, b, name in ROW["spans"] if start < b and stop > a]
        assert variable == (1 + made.variables.index(touched[-1]) if touched else 0)


def test_rows_without_marks_have_none_in_their_batch() -> None:
    assert set(planned([{"text": "plain"}])[0]) == {"input_ids", "attention_mask", "labels", "row", "step"}


def test_marks_decide_what_a_checkpoint_belongs_to() -> None:
    other = {**ROW, "links": [[1, 2]]}
    assert planned([ROW]).content != planned([other]).content
    assert planned([ROW]).hash == planned([other]).hash


@pytest.mark.parametrize(
    ("marks", "said"),
    [
        ({"spans": [[0, 99, "A"]]}, "does not lie inside its text of 35"),
        ({"spans": [[5, 5, "A"]]}, "does not lie inside"),
        ({"spans": [[0, 5, ""]]}, "a span is"),
        ({"spans": [[0.0, 5, "A"]]}, "a span is"),
        ({"spans": "0-5"}, "are lists"),
        ({"spans": [[0, 5]], "links": [[0, 1]]}, "two places in spans"),
        ({"links": [[0, 0]]}, "two places in spans"),
        ({"answer_at": 35}, "no character of its text of 35"),
        ({"answer_at": True}, "no character"),
    ],
)
def test_marks_that_do_not_fit_are_refused_by_row(marks: dict[str, Any], said: str) -> None:
    with pytest.raises(UserError, match=r"row 2 .counted from 1.: ") as caught:
        planned([{"text": TEXT}, {"text": TEXT, **marks}])
    assert said in str(caught.value)


def test_an_answer_behind_the_cut_is_refused() -> None:
    with pytest.raises(UserError, match=r"raise train\.length"):
        planned([ROW], length=20)
    assert torch.equal(planned([ROW], length=32)[0]["labels"][0, 31:], torch.tensor([planned([ROW]).encoded[0][31]]))


def test_a_last_row_cut_before_its_answer_joins_its_neighbours() -> None:
    size = len(planned([ROW]).encoded[0])
    made = planned([ROW], batch_size=1, steps=None, tokens=size + 9)
    assert [len(batch) for batch in made.plan] == [2] and sum(made.tokens) == size + 9
    assert (made[0]["labels"][1] == -100).all() and (made[0]["labels"][0] != -100).any()
    with pytest.raises(UserError, match=r"raise budget\.tokens"):
        planned([ROW], batch_size=1, steps=None, tokens=9)
