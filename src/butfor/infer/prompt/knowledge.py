"""What is known beside the question: where it comes from, how it is told, and what it would be with things exchanged.

Sources   "model"     facts that the model writes, one a draw
          "question"  what the question itself tells before it asks: all sentences but the last
          else        walks over triples: the path of a file, or a named set (`data.triples`)
Swapped   The same words with things exchanged: names and things of the facts that the question speaks of (of all facts
          where these are fewer than two) go round by a random number of places, numbers among themselves. What the
          facts say is then another thing, in the same words, at the same length.
Limits    English; which words are things is told by a list of those that are none. Facts with fewer than two things and
          fewer than two numbers cannot be swapped.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from butfor.core.errors import MissingData, UserError
from butfor.core.seeds import derive, generator
from butfor.data.question import By, Question
from butfor.data.triples import NAMED, SMALL, Triple, content, stamp, web, words
from butfor.lm.exchange import Say, Steps
from butfor.lm.prompt import Prompt

MODEL, QUESTION = "model", "question"
ROOM = 40  # new tokens of a fact
STEPS, WALKS = 3, 3  # arrows of a walk; walks of a piece
WORD = re.compile(r"\d+(?:\.\d+)?|[^\W\d_](?:[\w'-]*\w)?")
SENTENCE = re.compile(r"(?<=[.!?])\s+|\n+")
PLAIN = SMALL | frozenset(
    WORD.findall(
        "who whom which what when where why how because since though but while before after during about between into "
        "through over under also only all any each every some more most less least much many very just than then cause "
        "causes caused causing lead leads led make makes made effect effects direct probability percent chance yes no "
        "suppose imagine following conditions given known whether either neither both may might must should being "
        "having him them me us my your our me one two three typical person question answer likely"
    )
)


@dataclass(frozen=True, slots=True)
class Known:
    """Facts, and the question that they belong to; `bare`: the question without them."""

    facts: str
    bare: Question
    replaces: bool = False  # the facts are a part of the question

    def told(self, facts: str = "") -> Question:
        """The question with these facts before it, or with its own."""
        facts = facts or self.facts
        return with_facts(self.bare, facts if self.replaces else f"Known:\n{facts}" if facts else "")


def with_facts(question: Question, facts: str) -> Question:
    """The question after these facts; its cloze too."""
    if not facts:
        return question
    cloze = question.cloze and replace(question.cloze, start=f"{facts}\n\n{question.cloze.start}")
    return replace(question, text=f"{facts}\n\n{question.text}", cloze=cloze)


def known(question: Question, source: str, count: int, seed: int) -> Steps[list[Known]]:
    """`count` pieces of what is known; fewer where the source has fewer, none where it has none."""
    if source == MODEL:
        asks = [Say(_fact(question), ROOM, 0.7, derive(seed, "fact", n), stop="\n\n") for n in range(count)]
        said = yield asks
        facts = dict.fromkeys(filter(None, (_first(one.text) for one in said)))
        return [Known(fact, question) for fact in facts]
    if source == QUESTION:
        facts, last = parted(question.text)
        return [Known(facts, replace(question, text=last, cloze=None), replaces=True)] if facts else []
    about = " ".join([question.text, *question.choices])
    pieces: list[Known] = []
    for n in range(count):
        rng = generator(seed, "walks", n)
        walks = web(source, stamp(source)).walks(about, WALKS, STEPS, rng)
        pieces += [Known(told(walks), question)] if walks else []
    return pieces


def teller(source: str) -> By:
    """Who says what is known: the model, the question, or a file of triples."""
    return "model" if source == MODEL else "question" if source == QUESTION else "rule"


def checked(source: str) -> str:
    """Refuse a source that is not here; what decides it otherwise."""
    if source in (MODEL, QUESTION):
        return ""
    try:
        return content(source)
    except MissingData as error:
        if source in NAMED:
            raise
        raise UserError(f"{error}; a source of knowledge is also '{MODEL}' or '{QUESTION}'") from error


def told(walks: Sequence[Sequence[Triple]]) -> str:
    """Walks as sentences, one walk a line."""
    return "\n".join(" ".join(edge.told() for edge in walk) for walk in walks)


def parted(text: str) -> tuple[str, str]:
    """What a question tells, and its last sentence."""
    found = list(SENTENCE.finditer(text.strip()))
    if not found:
        return "", text.strip()
    return text.strip()[: found[-1].start()].strip(), text.strip()[found[-1].end() :].strip()


def swapped(facts: str, question: Question, seed: int) -> str:
    """The facts with things exchanged; as they are where there is nothing to exchange."""
    rng = generator(seed, "swap")
    found = list(dict.fromkeys(word.lower() for word in WORD.findall(facts)))
    numbers = [word for word in found if word[0].isdigit()]
    things = [word for word in found if not word[0].isdigit() and word not in PLAIN and len(word) > 1]
    asked = set(words(" ".join([question.text, *question.choices])))
    shared = [word for word in things if asked & set(words(word))]
    turned: dict[str, str] = {}
    for group in (numbers, shared if len(shared) > 1 else things):
        if len(group) > 1:
            by = 1 + int(rng.integers(len(group) - 1))
            turned |= {word: group[(at + by) % len(group)] for at, word in enumerate(group)}
    return WORD.sub(lambda hit: _cased(turned.get(hit[0].lower(), hit[0]), hit[0]), facts)


def _cased(word: str, like: str) -> str:
    return word[:1].upper() + word[1:] if like[:1].isupper() else word


def _fact(question: Question) -> Prompt:
    told = "\n".join([question.text, *question.choices])
    return Prompt(f"{told}\n\nWrite one fact about the world that bears on this. Do not answer the question.")


def _first(text: str) -> str:
    """The first line that says something, without marks of a list."""
    lines = (re.sub(r"^[\s\-*•\d.)]+", "", line).strip() for line in text.splitlines())
    return next((" ".join(line.split()) for line in lines if re.search(r"\w", line)), "")
