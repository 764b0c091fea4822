"""What a marker says becomes links: worlds whose answers the test decides."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from types import SimpleNamespace
from typing import Any

import pytest

from butfor.core.errors import UserError
from butfor.core.seeds import generator
from butfor.data.stg import PART, TENTHS, as_row, drawn, true_risk
from butfor.lm.prompt import Prompt
from butfor.lm.scoring import Scored
from butfor.pretrain.attention import signals
from butfor.pretrain.attention.cat import CausalAttentionTuning

ROWS = [as_row(person) for person in drawn("train", 40)]
CAUSES = sorted(TENTHS)


class Marker:
    """A world behind an address: it writes what a function of the prompt says, and weighs by the true risk."""

    remote, weighs, is_base = True, True, False

    def __init__(self, writes: Callable[[Prompt], str]) -> None:
        self.writes, self.seen = writes, list[Prompt]()

    def say(self, prompts: Sequence[Prompt], *, max_new_tokens: int) -> list[str]:
        assert max_new_tokens > 0
        self.seen += prompts
        return [self.writes(prompt) for prompt in prompts]

    def weigh(self, put: Sequence[tuple[Prompt, Sequence[str]]]) -> list[Scored]:
        found: list[Scored] = []
        for prompt, choices in put:
            values = dict.fromkeys(TENTHS, 5) | {name: int(value) for name, value in PART.findall(prompt.user)}
            found.append(Scored([0.0 if choices[0].strip() == true_risk(values) else -3.0], [1]))
        return found


def marked(monkeypatch: pytest.MonkeyPatch, writes: Callable[[Prompt], str], rows: Any, **knobs: Any) -> Any:
    world = Marker(writes)
    monkeypatch.setattr(signals, "_world", lambda *_: world)
    made = CausalAttentionTuning(marker="debug", **knobs).data(rows, generator(0))
    return SimpleNamespace(rows=made, seen=world.seen)


def causes(row: dict[str, Any]) -> list[str]:
    return sorted(row["spans"][i][2] for i, _ in row["links"])


def test_what_most_rows_name_is_linked_in_all(monkeypatch: pytest.MonkeyPatch) -> None:
    told = iter(["smoking and Weight, exercise!"] * 5 + ["Hormones", "", "I cannot say"])
    found = marked(monkeypatch, lambda _: next(told), ROWS, task="Who falls ill?")
    assert all(causes(row) == CAUSES for row in found.rows)
    assert all(row["spans"][j][2] == "Risk" for row in found.rows for _, j in row["links"])
    assert len(found.seen) == 8 and all(prompt.system.startswith("Who falls ill? Say which") for prompt in found.seen)


def test_what_the_answer_hangs_on_is_linked(monkeypatch: pytest.MonkeyPatch) -> None:
    found = marked(monkeypatch, lambda _: "", ROWS, how="weigh", asked=40)
    assert all(causes(row) == CAUSES for row in found.rows)


def test_words_that_are_copied_out_become_spans(monkeypatch: pytest.MonkeyPatch) -> None:
    text = "Rain fell all night, so the river rose. The river was high."
    rows = [{"text": text, "answer_at": 40}, {"text": text, "answer_at": 40}, {"text": "Sun. Dry.", "answer_at": 5}]
    found = marked(monkeypatch, lambda prompt: 'rain, "the river", cloud' if "Rain" in prompt.user else "", rows)
    first, second, third = found.rows
    assert [text[a:b] for a, b in first["spans"]] == ["Rain", "the river", "The river was high."]
    assert first["links"] == [[0, 2], [1, 2]] and first == second
    assert third["links"] == [] and len(found.seen) == 2


@pytest.mark.parametrize(
    ("rows", "knobs", "told"),
    [
        (ROWS, {}, "marks no variable as a cause"),
        ([{"text": "a b"}], {}, "row 1 .counted from 1. has no answer_at"),
        ([{"text": "a b", "answer_at": 2}], {"how": "weigh"}, "name them"),
        ([{"text": "a b", "answer_at": 2}], {}, "copied out no word"),
    ],
)
def test_nothing_marked_is_one_line(monkeypatch: pytest.MonkeyPatch, rows: Any, knobs: Any, told: str) -> None:
    with pytest.raises(UserError, match=told) as caught:
        marked(monkeypatch, lambda _: "", rows, **knobs)
    assert str(caught.value).count("\n") == 0


def test_a_model_in_memory_marks_too() -> None:
    rows = CausalAttentionTuning(marker="debug", how="weigh", asked=2).data(ROWS[:4], generator(0))
    assert all(0 < len(row["links"]) < 8 for row in rows) and len({tuple(causes(row)) for row in rows}) == 1
