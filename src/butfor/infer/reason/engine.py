"""Words in, an exact engine between, words out: the model reads, `scm` computes, and every step says who took it.

Idea      A language model reads the question into the formal language of `data/reading.py` (a graph, percentages, what
          is seen of a case, the question); the engine identifies and computes; the model words the answer. What the
          model can get wrong is the reading alone, and the reading is shown.
Read      reader = "model": as it writes (`form`: held to the language); a text with faults goes back to it with their
          names, `repairs` times. Then, or where the engine has no answer, the honest answer is "cannot". "rules": the
          ladder's and CLadder's own sentences, without a model: the yardstick.
Checked   A percentage that does not stand in the text, or a phrase whose words do not, is a fault of the reading.
Worded    `words`: the model puts the answer into a sentence. If that says something else, or the answer cannot be read
          of it, a fixed sentence stands instead: the answer is the engine's, whatever is said about it.
Source    Jin et al. 2023 (CausalCoT: what to extract); the rest is worded by us.
Example   [treatment]
          method = "infer.reason.engine"
          reader = "rules"
Limits    `otherwise = "direct"` asks the model plainly where the engine has no answer; with repairs that never come to
          a reading this is the plain answer. Only questions for yes or no, or for a number, have an answer here.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Annotated, Literal, final

from pydantic import Field

from butfor.core.errors import UserError
from butfor.data.answers import plain_words, read_answer
from butfor.data.computed import Computed, compute
from butfor.data.question import Answer, Question, Step
from butfor.data.reading import PATTERN, Fault, Parsed, Reading, parse
from butfor.infer.answering import Answering
from butfor.infer.prompt.direct import TOO_LONG, Direct
from butfor.infer.reason.rules import Unread, read_by_rules
from butfor.infer.reason.rules_cladder import START, read_cladder
from butfor.lm.exchange import Form, Say, Steps
from butfor.lm.prompt import Prompt

NOT_HERE = "the engine answers yes or no, or a number; these choices are neither"
YES, NO = ("yes", "true"), ("no", "false")
OTHER = {"yes": "no", "no": "yes"}
MOST = 20_000  # characters of what a model wrote that are looked at

GUIDE = """Translate the text into lines of this small language. Do not answer the question.
A: recovery                  a variable: one letter, and the words that mean it
A -> B                       A has a direct effect on B
A <-> B                      something unseen affects both
P(B=1) = 40                  40% have B
P(B=1 | A=1, C=0) = 40       of those with A and without C, 40% have B
B := A and not C             a rule: B exactly if
seen: A=1, B=0               what is seen of the case
ask: ate(A, B) up            the last line: the question
Questions, asked up ("more", "raise") or down ("fewer", "lower"):
marginal(B) how common B is; correlation(A, B) B among those with A, against those without; ate(A, B) if A were set
for all; ett(A, B) those with A, had they not had it; nde(A, B) directly; nie(A, B) through what lies between;
cde(A, B | C=1) with C held; pn(A, B) was A necessary; ps(A, B) would A have sufficed; counterfactual(B | A=0) B in this
case, had A been 0; exp_away(A, B | C) among those with C; separation(A, B | C) independent, given C;
backadj(A, B | C) is C right to adjust for; collider_bias(A, B | C) does A affect B, seen among C."""

SHOTS = (
    (
        "Cold weather has a direct effect on heating and on coughing. Heating has a direct effect on coughing. Of all "
        "days, 30% are cold. Of days that are not cold, 20% see heating. Of cold days, 90% see heating. Of days that "
        "are not cold without heating, 10% see coughing. Of days that are not cold with heating, 5% see coughing. Of "
        "cold days without heating, 60% see coughing. Of cold days with heating, 45% see coughing.\n\n"
        "If there were heating on all days, would fewer of them see coughing than if there were none?",
        "A: cold weather\nB: heating\nC: coughing\nA -> B, C\nB -> C\nP(A=1) = 30\nP(B=1 | A=0) = 20\n"
        "P(B=1 | A=1) = 90\nP(C=1 | A=0, B=0) = 10\nP(C=1 | A=0, B=1) = 5\nP(C=1 | A=1, B=0) = 60\n"
        "P(C=1 | A=1, B=1) = 45\nask: ate(B, C) down",
    ),
    (
        "The lamp burns exactly if the switch is on and the fuse is whole. The room is bright exactly if the lamp "
        "burns or the sun shines.\n\nWe see that the switch is on, the fuse is whole and the sun does not shine. Would "
        "the room be bright if the lamp did not burn?",
        "A: the switch is on\nB: the fuse is whole\nC: the lamp burns\nD: the sun shines\nE: the room is bright\n"
        "C := A and B\nE := C or D\nseen: A=1, B=1, D=0\nask: counterfactual(E | C=0) up",
    ),
)


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Engine(Answering):
    """The model reads the question, the engine computes, the model words the answer."""

    reader: Literal["model", "rules"] = "model"
    repairs: Annotated[int, Field(ge=0, le=5)] = 1
    form: bool = False  # hold what is written to the language
    assume: bool = True  # rest on an assumption, named as such, where nothing else settles the question
    words: bool = False
    otherwise: Literal["cannot", "direct"] = "cannot"
    room: Annotated[int, Field(ge=1)] = 500  # new tokens of a reading at most

    def steps(self, question: Question, seed: int) -> Steps[Answer]:
        """Read, compute, word."""
        parsed, steps, samples = yield from self._reading(question)
        answer = replace(concluded(question, parsed, assume=self.assume, by=steps), samples=samples)
        if answer.read is None and self.otherwise == "direct":
            asked = yield from Direct().steps(question, seed)
            told = Step(f"cannot: {answer.why}; so the model is asked plainly", "rule")
            return replace(asked, derivation=(*answer.derivation, told, *asked.derivation))
        if answer.read is None or not self.words:
            return answer
        return (yield from worded(question, answer))

    def _reading(self, question: Question) -> Steps[tuple[Parsed, tuple[Step, ...], tuple[str, ...]]]:
        """What was read, the steps to it, and all that the model wrote."""
        if self.reader == "rules":
            return (*_by_rules(question.text), ())
        form = Form(pattern=PATTERN) if self.form else None
        shots: tuple[tuple[str, str], ...] = SHOTS
        ask = question.text
        written: list[str] = []
        steps: list[Step] = []
        parsed = Parsed(Reading())
        for turn in range(self.repairs + 1):
            (said,) = yield [Say(Prompt(ask, GUIDE, shots), self.room, form=form)]
            if said.why:
                return Parsed(Reading(), (Fault(0, TOO_LONG),)), tuple(steps), tuple(written)
            written.append(said.text)
            parsed = checked(tidy(said.text), question.text)
            steps.append(Step(f"{'read' if turn == 0 else 'read again'}:\n{tidy(said.text)}", "model"))
            if not parsed.faults:
                break
            told = "\n".join(map(str, parsed.faults[:4]))
            steps.append(Step(f"the reading has faults:\n{told}", "rule"))
            shots = (*SHOTS, (question.text, tidy(said.text)[:2000]))
            ask = f"These lines are wrong:\n{told}\nWrite all lines again, mended. Only lines of the language."
        return parsed, tuple(steps), tuple(written)


def _by_rules(text: str) -> tuple[Parsed, tuple[Step, ...]]:
    try:
        lines = read_cladder(text) if text.startswith(START) else read_by_rules(text)
    except Unread as error:
        return Parsed(Reading(), (Fault(0, str(error)),)), ()
    return parse(lines), (Step(f"read:\n{lines}", "rule"),)


def concluded(question: Question, parsed: Parsed, *, assume: bool = True, by: Sequence[Step] = ()) -> Answer:
    """The answer that follows from a reading; `by`: the steps that led to it."""
    if parsed.faults:
        why = f"it cannot be read: {'; '.join(map(str, parsed.faults[:2]))}"
        return Answer(None, derivation=tuple(by), why=why)
    found = compute(parsed.reading, assume=assume)
    steps = [*by, *(Step(text, "engine") for text in found.steps), *(Step(text, "rule") for text in found.assumed)]
    if found.yes is None and found.number is None:
        return Answer(None, derivation=tuple(steps), why=found.why)
    read = _placed(question, found)
    if read is None:
        return Answer(None, derivation=tuple(steps), why=found.why or NOT_HERE)
    said = question.choices[read] if isinstance(read, int) else read
    return Answer(read, said, (*steps, Step(f"so the answer is: {said}", "rule")))


def _placed(question: Question, found: Computed) -> int | str | None:
    """The place of the choice, or the open answer."""
    if found.yes is not None and question.choices:
        wanted = YES if found.yes else NO
        places = [place for place, choice in enumerate(question.choices) if plain_words(choice) in wanted]
        return places[0] if len(places) == 1 else None
    if question.choices:
        return None
    if found.number is not None and found.yes is None:
        return f"{found.number:.4g}"
    return None if found.yes is None else "yes" if found.yes else "no"


def worded(question: Question, answer: Answer) -> Steps[Answer]:
    """The same answer, in the model's words, as long as they say the same."""
    computed = [step.text for step in answer.derivation if step.by in ("engine", "rule")][-3:]
    told = "\n".join(computed)
    ask = (
        f"{question.text}\n\nAn exact calculation has settled this:\n{told}\n\nWrite the answer ({answer.said}) in one "
        "or two plain sentences. Add nothing that the text does not say."
    )
    (said,) = yield [Say(Prompt(ask), 80)]
    if not _says(said.text, question.choices, answer.said):
        told = f"{answer.said[:1].upper()}{answer.said[1:]}."
        why = "it said something else, or nothing that can be read" if not said.why else said.why
        return replace(answer, said=told, derivation=(*answer.derivation, Step(f"{told} ({why})", "rule")))
    text = said.text.strip()
    return replace(answer, said=text, derivation=(*answer.derivation, Step(text, "model")))


def _says(text: str, choices: Sequence[str], answer: str) -> bool:
    """Whether a text says this answer: a choice that can be read of it, or a number that stands in it."""
    if not choices and answer not in OTHER:
        return re.search(rf"(?<![\d.]){re.escape(answer)}(?![\d]|\.\d)", text) is not None
    choices = choices or (answer, OTHER[answer])
    read = read_answer(text, choices, "choice")
    return isinstance(read, int) and choices[read] == answer


def unasked(steps: Steps[Answer]) -> Answer:
    """The answer of steps that ask nobody."""
    try:
        next(steps)
    except StopIteration as end:
        return end.value
    raise UserError("this way of answering asks a model: name one with --model")


def tidy(text: str) -> str:
    """What a model wrote, without fences, bullets and blank lines, up to its first question."""
    kept: list[str] = []
    for line in text[:MOST].splitlines():
        line = re.sub(r"^\s*(?:[-*•]\s+|\d+[.)]\s+)?", "", line).strip().strip("`").strip()
        if line and line not in ("text", "plaintext"):
            kept.append(line)
        if line.startswith("ask:"):
            break
    return "\n".join(kept)


def checked(lines: str, text: str) -> Parsed:
    """The reading, with a fault for everything in it that does not stand in the text."""
    parsed = parse(lines)
    numbers = {float(number) for number in re.findall(r"\d+(?:\.\d+)?", text)}
    said = text.casefold()
    found: list[Fault] = []
    for told in parsed.reading.told:
        if told.percent not in numbers:
            found.append(Fault(0, f"{told.percent:g} does not stand in the text"))
    for name, phrases in parsed.reading.names.items():
        if not any(_stands(phrase, said) for phrase in phrases):
            found.append(Fault(0, f"{name}: the text does not speak of {phrases[0][:40]!r}"))
    return Parsed(parsed.reading, (*parsed.faults, *found))


def _stands(phrase: str, said: str) -> bool:
    """Do all words of a phrase stand in the text, but for their ends?"""
    words = [word for word in re.findall(r"\w+", phrase.casefold()) if len(word) > 2]
    return bool(words) and all(word[: max(3, len(word) - 3)] in said for word in words)
