"""Stories: with a model that reads rightly the engine answers rightly; where reading fails, it says so."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from butfor.data.ladder.paired import CHOICES, pairs
from butfor.data.question import Question
from butfor.infer.reason.stories import FORMS, SHOTS, Put, Stories, question_put
from butfor.lm.exchange import Said, Say, Weigh
from infer.scripted import answered

STORY = "Alice and Bob each fire at a window, which shatters. Each bullet alone would have done it."
ASKS = {
    "caused": "Did Alice cause the window to shatter?",
    "necessary": "Is Alice a necessary cause of window shattering?",
    "sufficient": "Is Alice a sufficient cause of window shattering?",
}
LINES = "A: Alice fires\nB: Bob fires\nC: the window shatters\nC := A {} B\nseen: A=1, B=1\n{}cause: A=1\nevent: C=1"


def question(kind: str) -> Question:
    return Question(kind, f"{STORY}\n\n{ASKS[kind]}", ("no", "yes"))


def said(answer: Any) -> str:
    return "unread" if answer.read is None else ("no", "yes")[answer.read]


@pytest.mark.parametrize(
    ("text", "put"),
    [
        ("It broke. Did Tom cause it to break?", Put("caused", "Tom", "it to break")),
        ("He won. Did Al win because of the coin flip?", Put("caused", "the coin flip", "Al win")),
        ("Is it full because Wayne did not move it?", Put("caused", "Wayne did not move it", "it full")),
        ('"Why did it break?" Did Mr. Poe cause Mr. Usher\'s death?', Put("caused", "Mr. Poe", "Mr. Usher's death")),
        ("Is the last drop a necessary cause of overflow?", Put("necessary", "the last drop", "overflow")),
        ("Is it an actual cause of rain? Is X a sufficient cause of Y?", Put("sufficient", "X", "Y")),
        ("He aimed. Did he hit it intentionally?", Put("intended", event="he hit it")),
        ("Did the man intentionally cause the fire?", Put("intended", event="the man cause the fire")),
        ("Is it true that they sing? Answer:", Put("is")),
        ("Is it true that they would sing if they had been made to eat?", Put("would")),
        ("Should he push the button?", None),
        ("It rained.", None),
        ("", None),
    ],
)  # fmt: skip
def test_what_a_question_asks_is_found_by_rules(text: str, put: Put | None) -> None:
    assert question_put(text) == put


@pytest.mark.parametrize(
    ("how", "right"),
    [(("or", ""), "yes no yes"), (("and", ""), "yes yes no"), (("and", "usual: A=1\n"), "no yes no"),
     (("and", "usual: B=1\n"), "yes yes yes"), (("and", "usual: B=0\n"), "yes yes no")],
    ids=["either", "both", "both, she may", "both, he always does", "both, he must not"],
)  # fmt: skip
def test_a_right_reading_gives_the_right_answer(how: tuple[str, str], right: str) -> None:
    found = [answered(Stories(), question(kind), lambda _: LINES.format(*how)) for kind in ASKS]
    assert " ".join(said(answer) for answer, _ in found) == right
    for answer, script in found:
        assert script.rounds == [1]
        assert {step.by for step in answer.derivation} == {"rule", "model", "engine"}
        assert [step.by for step in answer.derivation].count("model") == 1, "what the model said is marked, once"


def test_a_cause_that_is_normal_is_one_by_the_definition_alone() -> None:
    reply: Callable[[Any], str] = lambda _: LINES.format("and", "usual: A=1\n")  # noqa: E731
    assert said(answered(Stories(normal=False), question("caused"), reply)[0]) == "yes"


def test_a_fault_is_told_and_mended_once() -> None:
    broken = LINES.format("or", "").replace("seen: A=1, B=1\n", "seen: A=1\n")

    def reply(ask: Say) -> str:
        return LINES.format("or", "") if "B has no rule" in ask.prompt.user else broken

    answer, script = answered(Stories(), question("necessary"), reply)
    assert (said(answer), len(script.asked)) == ("no", 2)
    assert broken in script.asked[1].prompt.user
    none, script = answered(Stories(repairs=0), question("necessary"), reply)
    assert (none.read, len(script.asked)) == (None, 1)
    assert none.why.startswith("the story could not be read: B has no rule")


@pytest.mark.parametrize("repairs", [0, 1, 3])
def test_a_story_that_is_never_read_costs_so_many_rounds_and_no_more(repairs: int) -> None:
    answer, script = answered(Stories(repairs=repairs), question("caused"), lambda _: "I cannot.")
    assert (answer.read, script.rounds, answer.cost.calls) == (None, [1] * (repairs + 1), repairs + 1)


def test_or_it_is_asked_plainly_and_that_is_marked() -> None:
    reply = lambda ask: (-1.0, -2.0) if isinstance(ask, Weigh) else "I cannot."  # noqa: E731
    answer, _ = answered(Stories(otherwise="plain"), question("caused"), reply)
    assert said(answer) == "no"
    assert answer.derivation[-2].text.endswith("so the question is asked as it is")
    assert answer.derivation[-1].by == "model"


def test_a_question_of_another_kind_gets_no_verdict() -> None:
    moral = Question("m", "A tram comes. Should he push the button?", ("yes", "no"))
    letters = Question("l", f"{STORY} {ASKS['caused']}", ("Alice", "Bob"))
    for one in (moral, letters):
        answer, script = answered(Stories(), one, lambda _: "x")
        assert (answer.read, script.rounds) == (None, [])
        assert answer.why.startswith("no question about a cause")
    assert answered(Stories(otherwise="plain"), moral, lambda _: (-2.0, -1.0))[0].read == 1


def test_an_open_question_is_answered_in_words() -> None:
    open_ = Question("o", f"{STORY}\n\n{ASKS['necessary']}", match="yesno")
    assert answered(Stories(), open_, lambda _: LINES.format("or", ""))[0].read == "no"


def test_lines_are_held_in_their_form_and_the_examples_keep_to_it() -> None:
    import re

    _, script = answered(Stories(), question("caused"), lambda _: "x")
    assert script.asked[0].form == FORMS["cause"]
    assert answered(Stories(form=False), question("caused"), lambda _: "x")[1].asked[0].form is None
    for shape, (_, lines) in SHOTS.items():
        assert re.fullmatch(FORMS[shape].pattern, lines)
        asked = Question("s", SHOTS[shape][0], ("yes", "no"))
        assert answered(Stories(), asked, lambda _, lines=lines: lines)[0].read is not None


# pairs of the ladder ------------------------------------------------------------------------------------------------


def _lines(pair: Any, *, would: bool) -> str:
    """The story of a pair, read rightly."""
    names = dict(zip(pair.world.tables, "ABCDEFG", strict=False))
    lines = [f"{letter}: {name}" for name, letter in names.items()]
    for name, table in pair.world.tables.items():
        if table.causes:
            rows = [tuple(int(bit) for bit in f"{at:0{len(table.causes)}b}") for at in range(2 ** len(table.causes))]
            every = sum(percent == 100 for percent in table.yes) == 1 or len(table.causes) == 1
            alone = rows[table.yes.index(100 if every else 0)]
            values = alone if every else tuple(1 - value for value in alone)
            parts = [names[c] if v else f"not {names[c]}" for c, v in zip(table.causes, values, strict=True)]
            lines.append(f"{names[name]} := {(' and ' if every else ' or ').join(parts)}")
    lines.append("seen: " + ", ".join(f"{names[name]}={value}" for name, value in pair.facts.items()))
    if would:
        lines.append(f"set: {names[pair.changed]}={1 - pair.facts[pair.changed]}")
    return "\n".join([*lines, f"event: {names[pair.asked]}=1"])


def test_a_right_reading_answers_the_ladders_pairs() -> None:
    for pair in pairs(40, "test", "story", 1):
        for would, text, label in zip((False, True), pair.texts, pair.labels, strict=True):
            lines = _lines(pair, would=would)
            answer, _ = answered(Stories(), Question("p", text, CHOICES), lambda _, lines=lines: lines)
            assert answer.read == label


# short questions ----------------------------------------------------------------------------------------------------


def _table(without: bool, alone: bool, neither: bool, odd: bool = False, other: bool = False) -> Callable[[Any], Any]:
    """Answers the five questions, weighing."""
    words = {"but without this": without, "only this had been": alone, "nothing of all": neither,
             "Was this unusual": odd, "Was something else unusual": other}  # fmt: skip

    def reply(ask: Any) -> tuple[float, float]:
        (yes,) = [value for word, value in words.items() if word in ask.prompt.user]
        return (0.0, -1.0) if yes else (-1.0, 0.0)

    return reply


@pytest.mark.parametrize(
    ("table", "right"),
    [
        (_table(True, True, False), "yes no yes"),
        (_table(False, False, False), "yes yes no"),
        (_table(False, False, False, odd=False, other=True), "no yes no"),
        (_table(False, False, False, odd=True, other=True), "yes yes no"),
        (_table(True, True, True), "no no yes"),
    ],
    ids=["either", "both", "both, the other is odd", "both odd", "it would have been anyway"],
)
def test_five_short_questions_make_a_table(table: Any, right: str) -> None:
    found = [answered(Stories(reader="questions"), question(kind), table) for kind in ASKS]
    assert " ".join(said(answer) for answer, _ in found) == right
    assert [script.rounds for _, script in found] == [[5], [3], [3]]
    assert all(isinstance(ask, Weigh) for _, script in found for ask in script.asked)
    assert "Did Alice cause" not in found[0][1].asked[0].prompt.user, "the question itself is not asked"
    assert [step.by for step in found[0][0].derivation].count("model") == 5


def test_behind_an_address_the_short_questions_are_written_and_read() -> None:
    def reply(ask: Any) -> Any:
        if isinstance(ask, Weigh):
            return Said(why="an address weighs nothing")
        return "No, it would not." if "without" in ask.prompt.user else "Yes."

    answer, script = answered(Stories(reader="questions"), question("necessary"), reply)
    assert (said(answer), script.rounds, answer.cost.calls) == ("yes", [3, 3], 3)


def test_an_answer_that_cannot_be_read_is_no_answer() -> None:
    reply = lambda ask: Said(why="an address weighs nothing") if isinstance(ask, Weigh) else "Hm."  # noqa: E731
    answer, _ = answered(Stories(reader="questions"), question("necessary"), reply)
    assert (answer.read, answer.why) == (None, "the story could not be read: a short question has no answer")


@pytest.mark.parametrize(
    ("wanted", "known", "bad", "right"),
    [(1, 0, 0, "yes"), (0, 1, 1, "yes"), (0, 1, 0, "no"), (0, 0, 1, "no")],
    ids=["wanted", "a bad side effect", "a good side effect", "a bad surprise"],
)
def test_side_effects_are_intended_if_bad(wanted: int, known: int, bad: int, right: str) -> None:
    ceo = Question("c", "The CEO did not care. Did the CEO intentionally harm the environment?", ("no", "yes"))

    def reply(ask: Any) -> tuple[float, float]:
        text = ask.prompt.user
        yes = wanted if "want that" in text else known if "known beforehand" in text else bad
        return (0.0, -1.0) if yes else (-1.0, 0.0)

    answer, script = answered(Stories(), ceo, reply)
    assert (said(answer), script.rounds) == (right, [3])
