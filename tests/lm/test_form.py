"""What is written under a form keeps to it, whoever writes."""

from __future__ import annotations

import json
import re
import sys
from typing import Any

import pytest

from butfor.core.errors import UserError
from butfor.lm.exchange import Exchange, Form, Say
from butfor.lm.form import grammar
from butfor.lm.generation import generate
from butfor.lm.load import load
from butfor.lm.prompt import Prompt

SCHEMA = {
    "type": "object",
    "properties": {
        "cause": {"type": "string", "enum": ["A", "B", "C"]},
        "share": {"type": "integer", "minimum": 0, "maximum": 100},
        "sure": {"type": "boolean"},
        "why": {"type": "string", "maxLength": 12},
    },
    "required": ["cause", "share", "sure", "why"],
    "additionalProperties": False,
}
PATTERN = r"P\([A-F](=[01])?( \| [A-F]=[01](, [A-F]=[01]){0,2})?\) = [0-9]{1,3}"


@pytest.fixture(scope="module")
def lm() -> Any:
    return load("debug")


def test_a_hundred_drawn_texts_all_parse(lm: Any) -> None:
    prompts = [f"{n}: say it" for n in range(50)]
    said = generate(lm, prompts, max_new_tokens=140, temperature=2.0, forms=[Form(schema=json.dumps(SCHEMA))] * 50)
    for text in said:
        found = json.loads(text)
        assert list(found) == SCHEMA["required"]
        assert found["cause"] in ("A", "B", "C") and 0 <= found["share"] <= 100 and isinstance(found["sure"], bool)
        assert len(found["why"]) <= 12
    drawn = generate(lm, prompts, max_new_tokens=40, temperature=2.0, forms=[Form(pattern=PATTERN)] * 50)
    assert all(re.fullmatch(PATTERN, text) for text in drawn)
    assert len(set(said)) > 40 and len(set(drawn)) > 40


def test_a_prompt_gets_the_same_text_whatever_else_is_in_the_batch(lm: Any) -> None:
    prompts = ["short", "a prompt that is a good deal longer than the first", "free"]
    forms = [Form(pattern=PATTERN), Form(pattern="(yes|no), [a-z]{5}"), None]
    together = generate(lm, prompts, max_new_tokens=40, temperature=1.0, forms=forms)
    alone = [
        generate(lm, [prompt], max_new_tokens=40, temperature=1.0, forms=[form])[0]
        for prompt, form in zip(prompts, forms, strict=True)
    ]
    assert together == alone


def test_a_form_with_one_text_writes_it_and_stops(lm: Any) -> None:
    assert (
        generate(lm, ["x", "longer x"], max_new_tokens=30, forms=[Form(pattern="yes, I do")] * 2) == ["yes, I do"] * 2
    )


def test_a_form_that_allows_everything_changes_nothing(lm: Any) -> None:
    """The limiting case: of any text whatever, the model writes what it writes without a form, valid UTF-8 given."""
    free = generate(lm, ["abc"], max_new_tokens=12)
    assert generate(lm, ["abc"], max_new_tokens=12, forms=[Form(pattern="(?s:.*)")]) == free or "�" in free[0]


def test_a_text_that_does_not_fit_is_cut(lm: Any) -> None:
    assert generate(lm, ["x"], max_new_tokens=3, forms=[Form(pattern="abcdef")]) == ["abc"]
    assert generate(lm, ["x"], max_new_tokens=3, forms=[Form(grammar='start: "ab" start | "!"')])[0][:2] in ("ab", "!")


@pytest.mark.parametrize(
    ("form", "problem"),
    [
        (Form(), "give one of"),
        (Form("{}", "a"), "give one of"),
        (Form(pattern="a("), "the pattern cannot be kept to"),
        (Form(grammar="start: nowhere"), "the grammar cannot be kept to"),
        (Form(grammar="\ud800"), "the grammar is no text in UTF-8"),
        (Form(schema="{"), "no JSON object"),
        (Form(schema="[1]"), "schema"),
        (Form(schema='{"type": "colour"}'), "the schema cannot be kept to"),
    ],
)
def test_a_wrong_form_is_one_line(lm: Any, form: Form, problem: str) -> None:
    with pytest.raises(UserError, match=problem) as error:
        grammar(lm, form)
    assert "\n" not in str(error.value)


def test_a_form_with_more_ways_to_go_on_than_can_be_looked_at_is_refused_and_not_an_empty_text(
    lm: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    many = " | ".join(f'"{n}"' for n in range(50))
    wide = Form(grammar=f'start: "x" line\nline: {many}')
    assert re.fullmatch(r"x\d+", generate(lm, ["x"], max_new_tokens=5, forms=[wide])[0])
    monkeypatch.setattr("butfor.lm.form.OPEN", 20)
    with pytest.raises(UserError, match="cannot be kept to any further") as error:
        generate(lm, ["x"], max_new_tokens=5, forms=[wide])
    assert "\n" not in str(error.value)


def test_without_the_package_the_line_says_what_to_install(lm: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "llguidance", None)
    with pytest.raises(UserError, match=r"llguidance is not installed; run: pip install 'butfor\[lm\]'"):
        generate(lm, ["x"], max_new_tokens=3, forms=[Form(pattern="a")])


def test_an_exchange_asks_with_a_form(lm: Any) -> None:
    (said,) = Exchange(lm)([Say(Prompt("Which?"), room=20, form=Form(pattern="(left|right)"))])
    assert said.text in ("left", "right")
