"""Conditional front-door prompting: the chain of thought is a mediator once what is known has been said.

Idea      A question may move its answer past the chain, by knowledge that it calls up and that the chain leaves out.
          Given this knowledge E, in the open, the chain is a front door again: adjust within each piece of knowledge,
          and take the average over the pieces.
Equation  P(a | do X) = Σ_e P(e) Σ_k P(r_k | do X, e) P(a | do r_k, e)
          `pieces` of knowledge from `knowledge` ("model", "question", a file of triples: see `knowledge.py`), each with
          P(e) = 1 / pieces; the inner sum is `front_door`, for the question with e before it.
Source    conditional front-door prompting (2025, arXiv 2508.16910), from the equation.
Example   [treatment]
          method = "infer.prompt.conditional_front_door"
          knowledge = "model"
          pieces = 2
          chains = 3
          clusters = 2
          votes = 0
Limits    Without any knowledge it is front_door itself, with the same draws. A piece whose shares cannot be had counts
          for nobody. `knowledge = "question"` has one piece, which the question tells anyway: front_door again.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, final

from pydantic import Field

from butfor.core.seeds import derive
from butfor.data.question import Answer, Question, Step
from butfor.infer.prompt.clusters import rests_on
from butfor.infer.prompt.front_door import Adjusted, Mediated, Shares, concluded
from butfor.infer.prompt.knowledge import MODEL, checked, known, teller
from butfor.lm.exchange import Steps


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class ConditionalFrontDoor(Mediated):
    """Say what is known, adjust for the chain within it, and average."""

    knowledge: str = MODEL
    pieces: Annotated[int, Field(ge=1)] = 2

    @property
    def rests_on(self) -> list[str]:
        return [*rests_on(self.encoder), checked(self.knowledge)]

    def steps(self, question: Question, seed: int) -> Steps[Answer]:
        """The answer with the largest share, on average over what is known."""
        pieces = yield from known(question, self.knowledge, self.pieces, derive(seed, "known"))
        if not pieces:
            found = yield from self.adjusted(question, seed)
            return concluded(question, found)
        shares: Shares = {}
        chains, told = list[str](), list[Step]()
        for number, piece in enumerate(pieces):
            found = yield from self.adjusted(piece.told(), derive(seed, "piece", number))
            for answer, value in found.shares.items():
                shares[answer] = shares.get(answer, 0.0) + value / len(pieces)
            chains += found.chains
            told += [Step(f"known: {piece.facts}", teller(self.knowledge)), *found.steps]
        return concluded(question, Adjusted(shares, tuple(chains), tuple(told)))
