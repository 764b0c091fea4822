"""Programs with `if`: what is shown, what is weighed, what is read."""

from __future__ import annotations

import ast

import pytest
from tests.infer.scripted import answered

from butfor.data.question import Question
from butfor.infer.reason.program import PRINTS, Program, program
from butfor.lm.exchange import Said, Say, Weigh

RAIN = Question("q", "It rains. Rain makes streets wet. Is the street wet?", ("yes", "no"), 0)
WHY = Question("q", 'She said "no"; why?', ("she was tired", 'of "rules"\\', "it was late"), 0)


def test_the_program_is_python_and_holds_the_text() -> None:
    code = program(RAIN)
    assert code.startswith('facts = [\n    "It rains.",\n    "Rain makes streets wet.",\n]')
    assert '    if right(question, facts, "yes"):\n        return "yes"\n    else:\n        return "no"' in code
    for question in (RAIN, WHY, Question("q", "", (), ""), Question("q", "2 + 2?", (), "4", match="number")):
        ast.parse(program(question))
    assert "elif" in program(WHY) and 'return "C"  # "it was late"' in program(WHY)


def test_a_text_cannot_leave_its_string() -> None:
    told = Question("q", '"\nimport os\nos.remove("x")\n# Is it so?', ("yes", "no"), 0)
    tree = ast.parse(program(told))
    assert not [node for node in ast.walk(tree) if isinstance(node, ast.Import)]


def test_one_call_weighs_what_is_printed() -> None:
    answer, script = answered(Program(), WHY, lambda _: [-3.0, -1.0, -2.0])
    (ask,) = script.asked
    assert isinstance(ask, Weigh) and ask.choices == ("A", "B", "C") and ask.prompt.user.endswith(PRINTS)
    assert answer.read == 1 and answer.said == 'of "rules"\\' and answer.cost.calls == 1
    assert [step.by for step in answer.derivation] == ["question", "model"]


def test_where_nothing_is_weighed_it_is_written_and_read() -> None:
    def reply(ask: object) -> Said | str:
        return '"no"' if isinstance(ask, Say) else Said(why="an address weighs nothing")

    answer, script = answered(Program(), RAIN, reply)
    assert answer.read == 1 and len(script.asked) == 2 and answer.cost.calls == 1
    number = Question("q", "2 + 2?", (), "4", match="number")
    assert answered(Program(), number, lambda _: "4")[0].read == "4"


@pytest.mark.parametrize("said", ["", "[" * 9999, "\x00", "I cannot say."])
def test_what_cannot_be_read_says_so(said: str) -> None:
    def reply(ask: object) -> Said | str:
        return said if isinstance(ask, Say) else Said(why="an address weighs nothing")

    answer, _ = answered(Program(), RAIN, reply)
    assert answer.read is None and answer.why
    assert "longer" in answered(Program(), RAIN, lambda _: Said(why="does not fit"))[0].why
