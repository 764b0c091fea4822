"""The question as a program: facts are comments, and an `if` decides which answer is returned.

Idea      A program says outright what is a fact, what is asked and what each answer stands for; models that have read
          code follow conditions there that they lose in prose. The program is shown up to its last line, and the model
          says what it prints:

              def answer():
                  # question: Are patients who smoke more likely to recover?
                  if it_is_right("yes"):
                      return "yes"
                  else:
                      return "no"
              print(answer())  # prints "

Asked     log P(choice | program) is weighed where the model tells it, else the line is written on, and read.
Source    Liu et al. 2023 ("The Magic of IF": causal reasoning in models of code); the program is worded by us.
Example   [treatment]
          method = "infer.reason.program"
Limits    One call. Sentences are cut at full stops. Without choices the model writes what is printed. Quotation marks
          and backslashes of the text are escaped: it stays a string whatever it says, and no program is ever run.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from string import ascii_uppercase
from typing import Annotated, final

from pydantic import Field

from butfor.data.answers import is_verdict, read_answer
from butfor.data.question import Answer, Question, Step
from butfor.infer.answering import Answering
from butfor.infer.prompt.direct import TOO_LONG, UNREAD
from butfor.lm.exchange import Say, Steps, Weigh
from butfor.lm.prompt import Prompt

PRINTS = 'print(answer())  # prints "'


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Program(Answering):
    """Show the question as a program, and ask what it prints."""

    room: Annotated[int, Field(ge=1)] = 32  # new tokens at most

    def steps(self, question: Question, seed: int) -> Steps[Answer]:
        """One program, one answer; nothing is drawn."""
        del seed
        code = program(question)
        prompt = Prompt(f"{code}\n{PRINTS}", raw=True)
        if question.choices:
            (said,) = yield [Weigh(prompt, names(question))]
            if said.logprobs:
                told = question.choices[said.best]
                step = Step(f"the program prints {names(question)[said.best]!r}", "model")
                return Answer(said.best, told, (Step(code, "question"), step), shares=said.shares)
            if said.why == "does not fit":
                return Answer(None, why=TOO_LONG)
        asked = Prompt(f"{code}\nprint(answer())\n\nWhat does this program print? Write that alone.")
        (said,) = yield [Say(asked, self.room, stop="\n")]
        if said.why:
            return Answer(None, why=TOO_LONG)
        read = read_answer(said.text.strip().strip("\"'"), names(question) or question.choices, question.match)
        steps = (Step(code, "question"), Step(said.text, "model"))
        return Answer(read, said.text, steps, (said.text,), why=UNREAD if read is None else "")


def program(question: Question) -> str:
    """The question as a program, up to the function that answers it."""
    sentences = [part for part in re.split(r"(?<=[.?!:])\s+", question.text.strip()) if part]
    asked = max((at for at, part in enumerate(sentences) if part.endswith("?")), default=len(sentences) - 1)
    facts = [_quoted(part) for at, part in enumerate(sentences) if at != asked]
    lines = ["facts = [", *(f"    {fact}," for fact in facts), "]", ""] if facts else []
    lines += ["def answer():", f"    question = {_quoted(sentences[asked]) if sentences else _quoted('')}"]
    for at, (name, choice) in enumerate(zip(names(question), question.choices, strict=True)):
        last = at == len(question.choices) - 1
        lines.append(
            "    else:" if last else f"    {'if' if at == 0 else 'elif'} right(question, facts, {_quoted(choice)}):"
        )
        lines.append(f"        return {_quoted(name)}" + ("" if name == choice else f"  # {_quoted(choice)}"))
    if not question.choices:
        lines.append("    return the_answer(question, facts)")
    return "\n".join(lines)


def names(question: Question) -> tuple[str, ...]:
    """What the program returns: verdicts as they are, else letters."""
    if is_verdict(question.choices):
        return question.choices
    return tuple(ascii_uppercase[: len(question.choices)])


def _quoted(text: str) -> str:
    return json.dumps(" ".join(text.split()), ensure_ascii=False)
