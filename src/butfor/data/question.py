"""A question with an answer that can be right or wrong, and what a method answered.

Question is the one form that every reasoning benchmark is read into.

Forms     listed   the text, then "Answer with one of: yes, no." or lettered choices: what a chat model is asked
          cloze    a start and its possible ends: what a language model finds likely; scored by likelihood alone
Open      no choices: the answer is a text, compared by `match` (see `answers`).
Answer    what was read of it, how it was come to, step by step, by whom, and at what cost.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal, TypeAlias

from butfor.lm.exchange import Cost

Match = Literal["choice", "exact", "number", "yesno", "regex"]


@dataclass(frozen=True, slots=True)
class Cloze:
    """The question as a text to go on with; `ends` stand in the order of the choices, each with its own first space."""

    start: str
    ends: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Question:
    """One question."""

    id: str
    text: str  # what is asked, in full, without the choices and without how to answer
    choices: tuple[str, ...] = ()  # () for an open answer
    answer: int | str = 0  # the place of the right choice; of an open question, the answer itself
    match: Match = "choice"
    group: Mapping[str, str] = field(default_factory=dict)  # labels to report by: {"rung": "2", "query": "ate"}
    cluster: str = ""  # what it shares with other questions (a world, a story); "": it stands alone
    cloze: Cloze | None = None
    lures: Mapping[str, int] = field(default_factory=dict)  # kind of mistake → the choice that it leads to
    shape: str = ""  # stratum of `limit`: questions of every shape are kept in their shares; "": the answer's place
    shots: tuple[Question, ...] = ()  # examples of the same set, which may be shown with their answers

    def blind(self) -> Question:
        """The question as a method gets it: without its answer, and without what tells of it."""
        return replace(self, answer="", group={}, lures={}, shape="")


By = Literal["model", "engine", "rule", "question"]


@dataclass(frozen=True, slots=True)
class Step:
    """One step of a derivation, and who took it."""

    text: str
    by: By


@dataclass(frozen=True, slots=True)
class Answer:
    """What a method answered."""

    read: int | str | None  # the place of a choice, or the answer itself; None: it has none, and `why` says why
    said: str = ""
    derivation: tuple[Step, ...] = ()
    samples: tuple[str, ...] = ()  # what was drawn on the way
    shares: tuple[float, ...] = ()  # weight of each choice, where the method weighs them
    cost: Cost = field(default_factory=Cost)
    why: str = ""


Answers: TypeAlias = Callable[[Sequence[Question]], list[Answer]]
