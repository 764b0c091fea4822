"""ask, in words: a model reads the question, the engine computes, and every step of the derivation says who took it."""

from __future__ import annotations

import re
import sys
from typing import TYPE_CHECKING, Any, Literal, get_args

from butfor.cli.app import show_json
from butfor.cli.talk import Talk, about, beside, derivation, facts, in_utf8, spent, stand, told

if TYPE_CHECKING:
    from butfor.data.question import Answer, Question
    from butfor.infer.answering import Answering

Readers = Literal["model", "trained", "rules"]
LONGEST = 20_000  # characters
FORMAL = re.compile(r"[PE]\s?[\[(](?:[^.?!]|\.\d)*[\])]")


def words_command(text: str, reader: str, talk: Talk | None, *, as_json: bool) -> None:
    """Answer a question in words; exit code 3 where there is no answer. `talk`: None asks nobody (reader rules)."""
    from butfor.core.errors import UnknownName, UserError
    from butfor.data.question import Question

    if reader not in get_args(Readers):
        raise UnknownName("reader", reader, get_args(Readers))
    if talk is None and reader != "rules":
        raise UserError(
            "a question in words needs a model to read it: --model smollm2-135m; a formal one needs --graph 'X -> Y'"
        )
    text = _heard(text)
    if not text or len(text) > LONGEST:
        raise UserError(f"a question has 1 to {LONGEST:,} characters, this one {len(text):,}")
    if FORMAL.fullmatch(text):
        raise UserError(f"{text[:60]} is a formal question, which needs its graph: add --graph 'X -> Y'")
    choices = ("yes", "no") if reader == "trained" else ()
    question = Question("asked", text, choices, match="choice" if choices else "exact")
    answer, more = _answered(question, reader, talk)
    if as_json:
        show_json({**more, "question": text, "reader": reader, **facts(answer)})
    else:
        print("\n".join(_lines(text, answer, asked=talk is not None)))
    sys.stdout.flush()
    stand(answer)


def _heard(text: str) -> str:
    """The question, from the command line or from stdin."""
    from butfor.core.errors import UserError

    try:
        text = (sys.stdin.read() if text == "-" else text).strip()
    except UnicodeDecodeError:
        raise UserError("the question on stdin is no UTF-8; save it in UTF-8") from None
    in_utf8("the question", text)
    return text


def _answered(question: Question, reader: str, talk: Talk | None) -> tuple[Answer, dict[str, Any]]:
    method = _method(reader, talk)
    if talk is None:
        from butfor.infer.reason.engine import unasked

        return unasked(method.steps(question.blind(), 0)), {}
    exchange = talk.begin()
    (answer,) = method.through(exchange, [question], seed=talk.seed)
    told(talk, exchange)
    return answer, about(talk, exchange)


def _method(reader: str, talk: Talk | None) -> Answering:
    if reader == "trained":
        from butfor.infer.reason.reader import Reader

        return Reader()
    from butfor.infer.reason.engine import Engine

    if reader == "rules":
        return Engine(reader="rules", words=talk is not None)
    return Engine(words=True, form=True)


def _lines(text: str, answer: Answer, *, asked: bool) -> list[str]:
    """The question, who took which step, the answer."""
    lines = [*beside("question", text), "", *derivation(answer.derivation), ""]
    lines += beside("answer", answer.said if answer.read is not None else f"cannot: {answer.why}")
    return lines + (beside("cost", spent(answer.cost)) if asked else [])
