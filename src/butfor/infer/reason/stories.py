"""Stories: the model says what depended on what, and the engine says what follows for causes and counterfactuals.

Idea      Whether something was a cause, was necessary, was sufficient, or what would have been without it, follows
          from a structural model of the story. So the model is asked for that one, and never for the answer.
lines     it writes the story as lines: variables, rules, what is so, what would be usual (`data/story.py`); a repair
          round names what is wrong with them. They are held in their form where `form` is set.
questions it answers five short questions instead, which fill in the table of A (the cause that is asked about) and O
          (all else that led to it): the event without A, with A alone, with neither; was A unusual or against a rule,
          was O? What happened is taken from the question.
Equation  caused       A is an actual cause of E (Halpern & Pearl), and is judged one: a world that shows it is at least
                       as normal as what happened (Halpern & Hitchcock); `normal = false`: the first alone
          necessary    E would not be but for A;   sufficient   A alone brings E about   (`scm/verdicts.py`)
          intended     wanted, or known beforehand and bad (Knobe's asymmetry), of three short questions
          is, would    what the rules give, as things are and with A set otherwise ("lines" alone)
Source    Halpern & Pearl 2005; Halpern 2015; Halpern & Hitchcock 2015; Knobe 2003. Prompts are ours.
Example   [treatment]
          method = "infer.reason.stories"
          reader = "questions"
Limits    The answer is as good as the reading: a model that misreads gives a wrong story, exactly computed. With one
          table of two causes preemption looks like overdetermination. What people call a cause is not one definition.
          A question that is none of these, or a story that cannot be read, gets an honest "cannot", or with
          `otherwise = "plain"` the plain answer, marked as the model's.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Literal, TypeAlias, final

from pydantic import Field

from butfor.data.answers import YES_NO, plain_words, read_answer
from butfor.data.question import Answer, Question, Step
from butfor.data.story import Drawn, Kind, Story, parse_story, show_story
from butfor.infer.answering import Answering
from butfor.infer.prompt.direct import Direct
from butfor.lm.exchange import Form, Said, Say, Steps, Weigh
from butfor.lm.prompt import Prompt
from butfor.scm.actual import Definition
from butfor.scm.equations import Equations
from butfor.scm.equations import Rule as Equation
from butfor.scm.verdicts import Verdict, caused, happened, judged, necessary, sufficient

AskedKind: TypeAlias = Literal["caused", "necessary", "sufficient", "is", "would", "intended"]
SYSTEM = """You turn a story into lines, and write nothing else.
A: …            a variable for each thing that could have been otherwise, and what it means when it is so
C := A or B     a rule for what depends on other things, with "and" or "or", and "not" where one prevents it
seen: A=1, B=0  what is so in the story, for every variable without a rule: 1 it is so, 0 it is not
usual: A=0      what would have been normal or allowed, only where the story tells"""
LAST: dict[str, str] = {
    "cause": "cause: A        the cause that the question asks about\nevent: C=1      what happened",
    "is": "event: C=1      what the question asks for",
    "would": "set: A=0        what the question imagines to be otherwise\nevent: C=1      what the question asks for",
}
GUARDS = (
    "Two guards watch a gate. The bell rings if both guards pull the rope. Only Ann may pull it on Mondays; Tom may "
    "not. This Monday Ann pulls the rope, and Tom pulls it too. The bell rings.\n\n"
)
SHOTS: dict[str, tuple[str, str]] = {
    "cause": (
        f"{GUARDS}Did Tom cause the bell to ring?",
        "A: Ann pulls the rope\nB: Tom pulls the rope\nC: the bell rings\nC := A and B\nseen: A=1, B=1\n"
        "usual: A=1, B=0\ncause: B\nevent: C=1",
    ),
    "is": (
        "Birds sing exactly if they are fed or do not sleep. We see that some birds are fed and sleep. Is it true that "
        "they sing?",
        "A: they are fed\nB: they sleep\nC: they sing\nC := A or not B\nseen: A=1, B=1\nevent: C=1",
    ),
    "would": (
        "Birds sing exactly if they are fed or do not sleep. We see that some birds are fed and sleep. Is it true that "
        "they would sing if they had been made not to be fed?",
        "A: they are fed\nB: they sleep\nC: they sing\nC := A or not B\nseen: A=1, B=1\nset: A=0\nevent: C=1",
    ),
}
REPAIR = (
    "{asked}\n\nThese lines were written for it:\n{written}\n\nThey cannot be used: {faults}\nWrite all lines again."
)
PHRASE, BIT = r"[^\n:=]{3,70}", "=[01]"
THREE = (  # two things, and a third that follows from them
    rf"A: {PHRASE}\nB: {PHRASE}\nC: {PHRASE}\nC := (not )?A (and|or) (not )?B\nseen: A{BIT}, B{BIT}\n",
    "[AB]", "C",
)  # fmt: skip
FOUR = (  # one more, of which the last follows or through which it does
    rf"A: {PHRASE}\nB: {PHRASE}\nC: {PHRASE}\nD: {PHRASE}\n"
    rf"(D := (not )?A( and (not )?B and (not )?C| or (not )?B or (not )?C)\nseen: A{BIT}, B{BIT}, C{BIT}\n"
    rf"|C := (not )?A( (and|or) (not )?B)?\nD := (not )?C (and|or) (not )?[AB]\nseen: A{BIT}, B{BIT}\n)",
    "[ABC]", "D",
)  # fmt: skip
ENDS = {
    "cause": rf"(usual: A{BIT}(, B{BIT})?\n)?cause: {{cause}}\nevent: {{last}}=1",
    "is": "event: {last}=1",
    "would": f"set: {{cause}}{BIT}\nevent: {{last}}=1",
}
FORMS = {
    kind: Form(
        pattern="|".join(f"({body}{end.format_map({'cause': c, 'last': last})})" for body, c, last in (THREE, FOUR))
    )
    for kind, end in ENDS.items()
}
BARE = "Answer with one of: yes, no."
TABLE = (
    "Imagine the same story, but without this: {cause}. All else is as it was. Would this still be so: {event}?",
    "Imagine that, of all that led to it, only this had been there: {cause}. Would this still be so: {event}?",
    "Imagine that nothing of all that led to it had been there. Would this still be so: {event}?",
)
NORMAL = (
    "Was this unusual, or against a rule or a duty: {cause}?",
    "Leave this aside: {cause}. Was something else unusual, or against a rule or a duty, that led to this: {event}?",
)
INTENDED = (
    "Think of this: {act}. Did the one who did it want that to happen?",
    "Think of this: {act}. Was it known beforehand that it would happen?",
    "Think of this: {act}. Was it a bad thing?",
)
UNREADABLE = "the story could not be read: "
NOTHING = "no question about a cause, an intention, or what is or would be so"


@dataclass(frozen=True, slots=True)
class Put:
    """What a question asks: of what kind it is, and in its own words the cause and the event, or the act."""

    kind: AskedKind
    cause: str = ""
    event: str = ""


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Stories(Answering):
    """Read a story into a structural model, and compute what it says of causes."""

    reader: Literal["lines", "questions"] = "lines"
    definition: Definition = "modified"
    normal: bool = True  # a cause also has to be judged one, by what is usual
    repairs: Annotated[int, Field(ge=0, le=5)] = 1
    form: bool = True  # lines are held in their form while they are written, where the model can be
    otherwise: Literal["cannot", "plain"] = "cannot"
    room: Annotated[int, Field(ge=16)] = 220  # new tokens for the lines

    def steps(self, question: Question, seed: int) -> Steps[Answer]:
        """Find out what is asked, read the story, compute."""
        put = question_put(question.text)
        if put is None or not _verdicts(question):
            return (yield from self._otherwise(question, seed, (), NOTHING))
        told = f"asked: {put.kind}" + (f"; cause: {put.cause}; event: {put.event}" if put.event else "")
        steps = (Step(told, "rule"),)
        if put.kind == "intended":
            return (yield from self._intended(question, seed, put, steps))
        if self.reader == "questions" and put.cause:
            return (yield from self._by_questions(question, seed, put, steps))
        return (yield from self._by_lines(question, seed, put.kind, steps))

    def _by_lines(self, question: Question, seed: int, kind: Kind, steps: tuple[Step, ...]) -> Steps[Answer]:
        shape = kind if kind in ("is", "would") else "cause"
        prompt = Prompt(question.text, system=f"{SYSTEM}\n{LAST[shape]}", shots=(SHOTS[shape],))
        drawn: Drawn | None = None
        for _ in range(self.repairs + 1):
            (said,) = yield [Say(prompt, self.room, form=FORMS[shape] if self.form else None)]
            if said.why:
                break
            drawn = parse_story(said.text, kind)
            steps += (Step(said.text.strip(), "model"),)
            faults = [*drawn.missing, *map(str, drawn.faults)]
            if not faults:
                break
            steps += (Step("; ".join(faults[:3]), "rule"),)
            asked = REPAIR.format_map({"asked": question.text, "written": said.text[:1500], "faults": faults[0]})
            prompt = Prompt(asked, system=prompt.system, shots=prompt.shots)
        if drawn is None or drawn.missing:
            why = UNREADABLE + (drawn.missing[0] if drawn else "it is longer than the model can read")
            return (yield from self._otherwise(question, seed, steps, why))
        verdict = self._verdict(drawn.story, kind)
        return _answer(question, verdict, steps, show_story(drawn.story))

    def _verdict(self, story: Story, kind: Kind) -> Verdict:
        model = story.equations()
        if kind == "is":
            return happened(story.event, model)
        if kind == "would":
            return happened(story.event, model, story.set)
        if kind == "necessary":
            return necessary(story.cause, story.event, model)
        if kind == "sufficient":
            return sufficient(story.cause, story.event, model, story.usual)
        if self.normal:
            return judged(story.cause, story.event, model, story.usual, self.definition)
        return caused(story.cause, story.event, model, self.definition)

    def _by_questions(self, question: Question, seed: int, put: Put, steps: tuple[Step, ...]) -> Steps[Answer]:
        asks = (*TABLE, *NORMAL) if put.kind == "caused" and self.normal else TABLE
        words = {"cause": put.cause, "event": put.event}
        found = yield from yes_or_no(_before(question.text), [ask.format_map(words) for ask in asks])
        steps += tuple(
            Step(f"{ask.format_map(words)} {_said(one)}", "model") for ask, one in zip(asks, found, strict=True)
        )
        if None in found:
            return (yield from self._otherwise(question, seed, steps, UNREADABLE + "a short question has no answer"))
        without, alone, neither, odd, other = [*map(bool, found), False, False][:5]
        rows = {(1, 1): 1, (0, 1): int(without), (1, 0): int(alone), (0, 0): int(neither)}
        model = Equations({"A": 1, "O": 1, "E": Equation(("A", "O"), lambda a, o: rows[a, o])})
        usual = {"A": int(not odd), "O": int(not other)} if odd or other else {}
        steps += (Step(f"A: {put.cause}; O: all else that led to it; E: {put.event}", "rule"),)
        steps += (Step("the event is so, as the question says", "question"),)
        if put.kind == "necessary":
            return _answer(question, necessary("A=1", "E=1", model), steps)
        if put.kind == "sufficient":
            return _answer(question, sufficient("A=1", "E=1", model), steps)
        if self.normal:
            return _answer(question, judged("A=1", "E=1", model, usual, self.definition), steps)
        return _answer(question, caused("A=1", "E=1", model, self.definition), steps)

    def _intended(self, question: Question, seed: int, put: Put, steps: tuple[Step, ...]) -> Steps[Answer]:
        asks = [ask.format_map({"act": put.event}) for ask in INTENDED]
        found = yield from yes_or_no(_before(question.text), asks)
        steps += tuple(Step(f"{ask} {_said(one)}", "model") for ask, one in zip(asks, found, strict=True))
        if None in found:
            return (yield from self._otherwise(question, seed, steps, UNREADABLE + "a short question has no answer"))
        wanted, known, bad = found
        holds = bool(wanted or (known and bad))
        return _answer(question, Verdict(holds, ("intended: wanted, or known beforehand and bad",)), steps, by="rule")

    def _otherwise(self, question: Question, seed: int, steps: tuple[Step, ...], why: str) -> Steps[Answer]:
        """No verdict: say so, or answer plainly."""
        if self.otherwise == "cannot":
            return Answer(None, derivation=steps, why=why)
        plain = yield from Direct().steps(question, seed)
        steps += (Step(f"{why}; so the question is asked as it is", "rule"), *plain.derivation)
        return Answer(plain.read, plain.said, steps, why=plain.why)


def question_put(text: str) -> Put | None:
    """What the last question of a text asks; None where it is none of the kinds."""
    text = re.sub(r"\s+", " ", text.removesuffix("Answer:").strip())
    if not text.endswith("?"):
        return None
    starts = [found.start() for found in re.finditer(r"\b(?:Did|Is|Was|Were|Are|Does|Do)\b", text)][-8:]
    for start in reversed(starts):
        asked = text[start:-1]
        if found := re.fullmatch(r"(?:Is|Was|Are|Were) (.+?) an? (necessary|sufficient|actual) cause of (.+)", asked):
            kind: AskedKind = (
                "necessary" if found[2] == "necessary" else "sufficient" if found[2] == "sufficient" else "caused"
            )
            return Put(kind, found[1], found[3])
        if re.search(r"\bintentional(?:ly)?\b", asked):
            act = re.sub(r"^(?:Did|Was|Is) | ?\bintentional(?:ly)?\b", "", asked)
            return Put("intended", event=re.sub(r"\s+", " ", act).strip())
        if asked.startswith("Is it true that"):
            return Put("would" if re.search(r"\bwould\b.* if (?:they|it) had\b", asked) else "is")
        if found := re.fullmatch(r"(?:Did|Does) (.+?) cause (.+)", asked):
            return Put("caused", found[1], found[2])
        if found := re.fullmatch(r"(?:Did|Is|Was|Were|Are) (.+) because (?:of )?(.+)", asked):
            return Put("caused", found[2], found[1])
    return None


def yes_or_no(story: str, asks: Sequence[str]) -> Steps[list[bool | None]]:
    """Short questions about a story: weighed where that is possible, else written and read."""
    prompts = [Prompt(f"{story}\n\n{ask}\n{BARE}", start="Answer:") for ask in asks]
    found: list[Said] = yield [Weigh(prompt, (" yes", " no")) for prompt in prompts]
    answers: list[bool | None] = [one.best == 0 if one.logprobs else None for one in found]
    left = [at for at, one in enumerate(found) if not one.logprobs and one.why != "does not fit"]
    if left:
        said = yield [Say(prompts[at], 16) for at in left]
        for at, one in zip(left, said, strict=True):
            read = None if one.why else read_answer(one.text, YES_NO, "choice")
            answers[at] = read == 0 if isinstance(read, int) else None
    return answers


def _before(text: str) -> str:
    """The story without its question, where that is a paragraph or a sentence of its own."""
    text = text.strip()
    head, _, last = text.rpartition("\n\n")
    if head and last.endswith("?") and "\n" not in last and last.count("?") == 1 and len(last) < 400:
        return head
    starts = [found.start() for found in re.finditer(r"(?<=[.!?\"]) (?:Did|Is|Was|Were|Are)\b", text)]
    return text[: starts[-1]] if starts else text


def _verdicts(question: Question) -> bool:
    """Whether yes and no are answers to it."""
    return not question.choices or {"yes", "no"} <= set(map(plain_words, question.choices))


def _answer(
    question: Question, verdict: Verdict, steps: tuple[Step, ...], said: str = "", by: str = "engine"
) -> Answer:
    word = _said(verdict.holds)
    steps += tuple(Step(why, "rule" if by == "rule" else "engine") for why in verdict.why)
    place = [plain_words(choice) for choice in question.choices].index(word) if question.choices else word
    return Answer(place, said or word, steps)


def _said(holds: bool | None) -> str:
    return "unread" if holds is None else "yes" if holds else "no"
