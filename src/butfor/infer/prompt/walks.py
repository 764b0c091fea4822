"""Walks over a graph of causes, told before the question.

Idea      A model that does not know that one thing leads to another may be told so. Triples of a local file that speak
          of what the question speaks of are walked at random along their arrows; the walks that join most of it are
          told as sentences, and the question is asked after them.
Walks     `walks` of at most `length` arrows, the best of 40 drawn (`data.triples`); names stand in quotation marks.
Source    after Susanti & Färber 2024 (graph structure as prompt) and the random walks of knowledge-graph prompting.
Example   [treatment]
          method = "infer.prompt.walks"
          triples = "ecare"
Limits    A question of which the triples know nothing is asked as Direct asks it: the same prompt, the same answer. The
          triples are believed; a file that holds the questions' answers measures nothing but copying.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Annotated, final

from pydantic import Field

from butfor.core.seeds import generator
from butfor.data.adapt import Adaptation
from butfor.data.question import Answer, Question, Step
from butfor.data.triples import content, stamp, web
from butfor.infer.answering import Answering
from butfor.infer.prompt.direct import Direct
from butfor.infer.prompt.knowledge import told, with_facts
from butfor.lm.exchange import Steps


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Walks(Answering):
    """Tell what leads to what, then ask."""

    triples: str  # the path of a file, or "ecare" or "copa"
    walks: Annotated[int, Field(ge=1)] = 3
    length: Annotated[int, Field(ge=1)] = 3
    way: Adaptation = "plain"

    @property
    def rests_on(self) -> list[str]:
        return [content(self.triples)]

    def steps(self, question: Question, seed: int) -> Steps[Answer]:
        """The answer after the walks."""
        about = " ".join([question.text, *question.choices])
        found = web(self.triples, stamp(self.triples)).walks(
            about, self.walks, self.length, generator(seed, "walks", 0)
        )
        facts = told(found)
        asked = with_facts(question, f"Known:\n{facts}") if found else question
        answer = yield from Direct(way=self.way).steps(asked, seed)
        step = Step(f"told: {facts}" if found else "the triples know nothing of this", "rule")
        return replace(answer, derivation=(step, *answer.derivation))
