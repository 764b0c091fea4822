"""Words in, the engine between, words out: readings are checked, repaired, computed; every step says who took it."""

from __future__ import annotations

from typing import Any

import pytest
from tests.infer.scripted import answered

from butfor.data.ladder import ladder
from butfor.data.question import Question
from butfor.data.reading import PATTERN
from butfor.infer.reason.engine import SHOTS, Engine, checked, tidy
from butfor.infer.reason.rules import read_by_rules
from butfor.lm.exchange import Said, Say, Weigh

TEXT, LINES = SHOTS[0]
ASKED = Question("q", TEXT, ("yes", "no"), 0)


def test_a_right_reading_is_computed_and_nothing_else_comes_from_the_model() -> None:
    answer, script = answered(Engine(), ASKED, lambda _: f"```\n{LINES}\n```")
    assert (answer.read, answer.said, answer.why, len(script.asked)) == (0, "yes", "", 1)
    assert [step.by for step in answer.derivation if step.by == "model"] == ["model"]
    assert any("P(C=1 | do(B=1)) = 0.1700" in step.text and step.by == "engine" for step in answer.derivation)
    assert answer.samples == (f"```\n{LINES}\n```",) and answer.cost.calls == 1


def test_the_order_of_the_choices_decides_the_place() -> None:
    swapped = Question("q", TEXT, ("no", "yes"), 0)
    assert answered(Engine(), swapped, lambda _: LINES)[0].read == 1
    other = Question("q", TEXT, ("red", "blue"), 0)
    answer, _ = answered(Engine(), other, lambda _: LINES)
    assert answer.read is None and "neither" in answer.why


def test_a_faulty_reading_goes_back_with_its_faults() -> None:
    bad = LINES.replace("P(A=1) = 30", "P(A=1) = 31").replace("-> C", "-> Q")
    said = iter([bad, LINES])
    answer, script = answered(Engine(repairs=2), ASKED, lambda _: next(said))
    assert answer.read == 0 and len(script.asked) == 2 and answer.cost.calls == 2
    again = script.asked[1].prompt
    assert "31 does not stand in the text" in again.user and "'Q' is no variable" in again.user
    assert again.shots[-1] == (TEXT, bad)
    assert [step.by for step in answer.derivation[:3]] == ["model", "rule", "model"]


def test_after_the_last_repair_the_honest_answer_is_cannot() -> None:
    answer, script = answered(Engine(repairs=2), ASKED, lambda _: "I cannot help with that.")
    assert answer.read is None and answer.why.startswith("it cannot be read") and len(script.asked) == 3
    assert len(answered(Engine(repairs=0), ASKED, lambda _: "?")[1].asked) == 1


def test_otherwise_direct_asks_the_model_plainly() -> None:
    def reply(ask: Any) -> Any:
        return [-2.0, -0.5] if isinstance(ask, Weigh) else "no idea"

    answer, script = answered(Engine(otherwise="direct"), ASKED, reply)
    assert answer.read == 1 and isinstance(script.asked[-1], Weigh)
    assert any("asked plainly" in step.text for step in answer.derivation)


def test_made_up_numbers_and_phrases_are_faults() -> None:
    assert not checked(LINES, TEXT).faults
    assert "99 does not stand" in str(checked(LINES.replace("= 90", "= 99"), TEXT).faults)
    assert "does not speak of 'lions'" in str(checked(LINES.replace("heating", "lions"), TEXT).faults)


def test_the_words_of_the_answer_may_not_say_something_else() -> None:
    for words, kept in (("Yes, fewer days.", True), ("No, it is not so.", False), ("", False), ("Who knows?", False)):
        said = iter([LINES, words])
        answer, _ = answered(Engine(words=True), ASKED, lambda _, said=said: next(said))
        assert answer.read == 0
        assert answer.said == (words if kept else "Yes.")
        assert answer.derivation[-1].by == ("model" if kept else "rule")


def test_a_number_has_to_stand_in_the_words_of_the_answer() -> None:
    open_ = Question("q", TEXT, (), "", match="exact")
    for words, kept in (("It would change by -0.08.", True), ("By -0.082, or 8%.", False), ("It rises.", False)):
        said = iter([LINES.replace(" down", " value"), words])
        answer, _ = answered(Engine(words=True), open_, lambda _, said=said: next(said))
        assert (answer.read, answer.said == words) == ("-0.08", kept)


def test_an_open_question_gets_yes_or_no_or_a_number() -> None:
    open_ = Question("q", TEXT, (), "", match="exact")
    assert answered(Engine(), open_, lambda _: LINES)[0].read == "yes"
    value = LINES.replace(" down", " value")
    assert answered(Engine(), open_, lambda _: value)[0].read == "-0.08"


def test_rules_ask_nobody_and_are_right_where_they_read() -> None:
    for item in ladder(12, seed=8):
        question = Question(item["id"], item["prompt"], ("yes", "no"), item["answer"])
        answer, script = answered(Engine(reader="rules"), question, lambda _: "")
        assert answer.read == item["answer"] and not script.asked
        assert not any(step.by == "model" for step in answer.derivation)
        assert read_by_rules(item["prompt"]) in answer.derivation[0].text
    answer, _ = answered(Engine(reader="rules"), ASKED, lambda _: "")
    assert answer.read is None and "rules" in answer.why


def test_a_question_that_is_too_long_and_one_that_the_engine_cannot_settle() -> None:
    answer, script = answered(Engine(), ASKED, lambda _: Said(why="does not fit"))
    assert answer.read is None and "longer" in answer.why and len(script.asked) == 1 and answer.cost.calls == 0
    less = "\n".join(line for line in LINES.splitlines() if not line.startswith("P(C=1 | A=1"))
    answer, _ = answered(Engine(), ASKED, lambda _: less)
    assert answer.read is None and "leaves open" in answer.why


def test_the_form_is_asked_for_and_the_same_seed_asks_the_same() -> None:
    _, script = answered(Engine(form=True), ASKED, lambda _: LINES)
    (ask,) = script.asked
    assert isinstance(ask, Say) and ask.form is not None and ask.form.pattern == PATTERN and ask.temperature == 0
    assert answered(Engine(form=True), ASKED, lambda _: LINES, seed=4)[1].asked == script.asked


@pytest.mark.parametrize(
    "said", ["", "[" * 10_000, "\x1b[2J\x00", '{"A": 3}', "ask:", "A: b\n" * 5000, "ask: " + "P(" * 99]
)
def test_anything_may_be_written(said: str) -> None:
    answer, _ = answered(Engine(repairs=1), ASKED, lambda _: said)
    assert answer.read is None and answer.why and len(answer.why) < 400


def test_bullets_fences_and_afterthoughts_are_left_out() -> None:
    assert tidy("```text\n- A: tea\n2. B: cup\n\nask: ate(A, B) up\nI hope that helps!\n```") == (
        "A: tea\nB: cup\nask: ate(A, B) up"
    )
