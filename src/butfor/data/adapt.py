"""One suite, asked in several ways: plain, with worked examples, with reasoning, with causal reasoning in six steps.

Form       text → (causal_cot: the six steps) → lettered choices → instruction. What all ways share stands first, so it
           is computed once: only the order of the choices and the instruction differ.
Choices    verdicts (yes, no, valid, …), and letters of what the text itself lists, are named in the instruction; all
           others stand on lines of their own, "A. …".
Scoring    the answer begins with "Answer:", in the mouth of chat and base models alike, and a choice is " yes" or " B":
           after a colon both kinds expect a blank and a word, the instruction has shown its case, and a template that
           trims what it is given has nothing to trim, because the beginning is put after the template.
few_shot   `SHOTS` examples of the same suite by smallest hash, every answer as often as can be, none of the question's
           own cluster: its world, its story, its mirror would tell the answer. So every question can be measured.
cot        reasoning is written first, whatever the scoring; by likelihood the choices are weighed after the reasoning
           (up to its last "the answer is", if it has one) and "The answer is".
causal_cot after the six steps of CausalCoT (Jin et al. 2023), in our own words and in one prompt.
Limits     A template that opens a hidden thought at the end of the prompt gets "Answer:" inside of it: score such
           models by generation. Examples come without reasoning, and where a chat model writes its answer they stand
           without "Answer:".
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from itertools import chain, islice, zip_longest
from string import ascii_uppercase
from typing import Any, Literal

from butfor.core.errors import UserError
from butfor.data.answers import NEXT, YES_NO, is_verdict, plain_words
from butfor.data.question import Cloze, Question
from butfor.lm.prompt import Prompt

Adaptation = Literal["plain", "few_shot", "cot", "causal_cot"]
Way = str  # "as it is", "reversed" (the choices) or "reworded" (the instruction)

SHOTS = 4
START, CUE, ENDING = "Answer:", "Let's think step by step.", "The answer is"
ROOM: Mapping[str, int] = {"plain": 48, "few_shot": 48, "cot": 256, "causal_cot": 400}  # new tokens at most
STEPS = """Work in six steps, and write each of them down:
1. The causal graph that the facts describe, arrow by arrow.
2. The kind of question: what is seen, what is done, or what would have been; and which quantity it is about.
3. That quantity in symbols, with do() for everything that is set from outside.
4. The probabilities that the facts give, in the same symbols.
5. The quantity rewritten, by the graph, so that it uses these probabilities alone.
6. The numbers put in, and what they come to."""


@dataclass(frozen=True, slots=True)
class Asked:
    """One way of asking a question. `order`: for each choice as listed, its place in the question."""

    prompt: Prompt
    order: tuple[int, ...] = ()
    listed: tuple[str, ...] = ()  # the choices as they are listed
    weighed: tuple[str, ...] = ()  # how each begins right after the prompt


def ways(question: Question, adapt: Adaptation, shots: Sequence[Question] = ()) -> dict[Way, Asked]:
    """Every way of asking that should not matter; an open question has no order."""
    places = tuple(range(len(question.choices)))
    if len(places) > len(ascii_uppercase):
        raise UserError(f"question {question.id}: {len(places)} choices; there are letters for {len(ascii_uppercase)}")
    found: dict[Way, Asked] = {"as it is": _asked(question, adapt, shots, places, reworded=False)}
    if len(places) > 1:
        found["reversed"] = _asked(question, adapt, shots, places[::-1], reworded=False)
    found["reworded"] = _asked(question, adapt, shots, places, reworded=True)
    return found


def cloze(question: Question, shots: Sequence[Question] = ()) -> Asked:
    """The question as a text to go on with; worked examples stand before it as finished texts."""
    if question.cloze is None:
        raise ValueError(f"question {question.id} has no cloze")
    whole = [shot.cloze.start + shot.cloze.ends[int(shot.answer)] for shot in shots if shot.cloze]
    text = "\n\n".join([*whole, question.cloze.start])
    return Asked(
        Prompt(text, raw=True), tuple(range(len(question.choices))), question.choices, tuple(question.cloze.ends)
    )


def after(asked: Asked, reasoning: str, *, cue: bool) -> Asked:
    """The same question once its reasoning stands there; `cue`: the model began it with `CUE`."""
    written = thought(reasoning)
    start = "\n".join([*([f"{CUE} {written.lstrip()}".rstrip()] if cue else [written] if written else []), ENDING])
    return replace(asked, prompt=replace(asked.prompt, start=start))


def thought(reasoning: str) -> str:
    """Written reasoning without its conclusion, and without a next question that the model asked itself."""
    own = NEXT.sub("", reasoning)
    said = list(re.finditer(ENDING, own, re.IGNORECASE))
    return (own[: said[-1].start()] if said else own).rstrip()


def closed(question: Question) -> Question:
    """The question itself; an open one that is answered by yes or no becomes one of these two choices."""
    if question.choices or question.match != "yesno":
        return question
    answer = plain_words(str(question.answer))
    if answer not in YES_NO:
        raise UserError(f"question {question.id}: its answer is {question.answer!r}; a yesno answer is yes or no")
    return replace(question, choices=YES_NO, answer=YES_NO.index(answer), match="choice")


def worked(questions: Iterable[Question], count: int = SHOTS) -> list[list[Question]]:
    """What examples of a set are taken from: for each answer the smallest hashes, one of a cluster, in their order.

    One more than is shown, for the question that shares its cluster with one of them.
    """
    sides: dict[str, dict[str, Question]] = {}
    for question in questions:
        if question.match == "regex":  # a pattern is not an answer that one could show
            continue
        side = sides.setdefault(str(question.answer) if question.choices else "", {})
        known = side.get(_cluster(question))
        if known is None or _hash(question) < _hash(known):
            side[_cluster(question)] = question
        if len(side) > count + 1:
            del side[max(side, key=lambda cluster: _hash(side[cluster]))]
    return [sorted(side.values(), key=_hash) for side in sides.values()]


def examples(sides: Sequence[Sequence[Question]], question: Question, count: int = SHOTS) -> list[Question]:
    """The worked examples for one question: answers in turn, none of its own cluster."""
    others = [[shot for shot in side if _cluster(shot) != _cluster(question)] for side in sides]
    turns = chain.from_iterable(zip_longest(*sorted(filter(None, others), key=lambda side: _hash(side[0]))))
    return sorted(islice((shot for shot in turns if shot), count), key=_hash)


def packed(question: Question) -> dict[str, Any]:
    """The question as JSON."""
    written = {"start": question.cloze.start, "ends": list(question.cloze.ends)} if question.cloze else None
    plain = {key: value for key, value in asdict(replace(question, shots=())).items() if key != "shots"}
    return {**plain, "choices": list(question.choices), "cloze": written}


def unpacked(data: Mapping[str, Any]) -> Question:
    """The question that `packed` wrote."""
    written = data["cloze"]
    return Question(
        **{
            **data,
            "choices": tuple(data["choices"]),
            "cloze": Cloze(written["start"], tuple(written["ends"])) if written else None,
        }
    )


def _asked(
    question: Question, adapt: Adaptation, shots: Sequence[Question], order: tuple[int, ...], *, reworded: bool
) -> Asked:
    listed = tuple(question.choices[place] for place in order)
    reasons = adapt in ("cot", "causal_cot")
    examples = tuple((_text(shot, adapt, shot.choices, reworded=False), _answer(shot)) for shot in shots)
    prompt = Prompt(_text(question, adapt, listed, reworded=reworded), shots=examples, start=CUE if reasons else START)
    names = listed if is_verdict(listed) else ascii_uppercase[: len(listed)]
    return Asked(prompt, order, listed, tuple(f" {name}" for name in names))


def _answer(shot: Question) -> str:
    if not shot.choices:
        return str(shot.answer)
    return shot.choices[int(shot.answer)] if is_verdict(shot.choices) else ascii_uppercase[int(shot.answer)]


def _text(question: Question, adapt: Adaptation, listed: Sequence[str], *, reworded: bool) -> str:
    parts = [question.text.strip()]
    if adapt == "causal_cot":
        parts.append(STEPS)
    if listed and not is_verdict(listed):
        parts += [f"{letter}. {choice}" for letter, choice in zip(ascii_uppercase, listed, strict=False)]
    if adapt in ("plain", "few_shot"):
        parts.append(_briefly(question, listed, reworded=reworded))
    else:
        parts.append(_reasoned(question, listed, steps=adapt == "causal_cot", reworded=reworded))
    return "\n".join(parts)


def _briefly(question: Question, listed: Sequence[str], *, reworded: bool) -> str:
    if is_verdict(listed):
        words = ", ".join(listed)
        return f"Reply with just one of these: {words}." if reworded else f"Answer with one of: {words}."
    if listed:
        return "Reply with one letter, that of the right choice." if reworded else "Answer with the letter of a choice."
    if question.match == "number":
        return "Reply with a number and nothing else." if reworded else "Answer with a number."
    return "Reply with the answer and nothing else." if reworded else "Answer briefly."


def _reasoned(question: Question, listed: Sequence[str], *, steps: bool, reworded: bool) -> str:
    if is_verdict(listed):
        what = f"one of: {', '.join(listed)}"
    elif listed:
        what = "the letter of a choice"
    else:
        what = "a number" if question.match == "number" else "your answer"
    if reworded:
        return f'{"" if steps else "Reason it through in steps. "}Your last line is "{ENDING} …", with {what}.'
    return f'{"" if steps else "Think step by step. "}Then end with "{ENDING} …", where … is {what}.'


def _cluster(question: Question) -> str:
    return question.cluster or question.id


def _hash(question: Question) -> bytes:
    return hashlib.blake2b(question.id.encode(), person=b"shots").digest()
