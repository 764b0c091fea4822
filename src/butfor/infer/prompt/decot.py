"""DeCoT: knowledge is an instrument for the chain of thought; the chain that lives on it is kept.

Idea      A chain may rest on what is known, or on what the model believes anyway; only the first can be trusted. What
          is known, Z, moves the answer A through the chain R alone, because A is asked after the chain without Z. So
          turn Z: exchange the things that it speaks of, draw the chain again with the same noise, and see what becomes
          of A.
Equation  z_0 what is known; z_j, j = 1 … `swaps`, the same with things exchanged (`knowledge.swapped`).
          r_i(z): chain i after (z, question), drawn with noise i whatever z is: what would have been thought.
          p_i(a | z) = P(a | question, r_i(z)), log-probabilities of the choices, softmax;  a_i = argmax_a p_i(a | z_0)
          effect of chain i = mean over the z_j that differ of p_i(a_i | z_0) − p_i(a_i | z_j)
          answer = a_i of the chain with the largest effect
Knowledge as in `knowledge.py`: "model", "question" (what the question tells before it asks), a file of triples.
Source    Wu et al. 2024 (DeCoT, ACL), from the idea; the common noise is ours: it leaves Z as the only difference.
Example   [treatment]
          method = "infer.prompt.decot"
          knowledge = "question"
          chains = 3
          swaps = 1
Limits    One chain: chain of thought whose answer is weighed; where nothing can be exchanged, or nothing is known, the
          first of the chains counts. An address that weighs nothing writes the answers, and p is 0 or 1. Knowledge that
          is wrong moves chains as well as right knowledge does. Needs choices; an open question is not answered.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, final

from pydantic import Field

from butfor.core.seeds import derive
from butfor.data.adapt import Asked, thought, ways
from butfor.data.question import Answer, Question, Step
from butfor.infer.answering import Answering
from butfor.infer.prompt.direct import TOO_LONG, UNREAD
from butfor.infer.prompt.front_door import SHORT, Shares, after_chain, counted, shares_of
from butfor.infer.prompt.knowledge import MODEL, Known, checked, known, swapped, teller
from butfor.lm.exchange import Say, Steps, Weigh
from butfor.lm.prompt import Prompt

OPEN = "an open question: which chain moves which answer is told for listed choices alone"


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class DeCoT(Answering):
    """Keep the chain whose answer goes when what is known is another."""

    knowledge: str = MODEL
    chains: Annotated[int, Field(ge=1)] = 4
    swaps: Annotated[int, Field(ge=1)] = 1
    temperature: Annotated[float, Field(gt=0)] = 0.7
    room: Annotated[int, Field(ge=1)] = 256  # new tokens of a chain, at most

    @property
    def rests_on(self) -> list[str]:
        return [checked(self.knowledge)]

    def steps(self, question: Question, seed: int) -> Steps[Answer]:
        """The answer of the chain that rests most on what is known."""
        if not question.choices:
            return Answer(None, why=OPEN)
        pieces = yield from known(question, self.knowledge, 1, derive(seed, "known"))
        piece = pieces[0] if pieces else Known("", question)
        turned = [swapped(piece.facts, piece.bare, derive(seed, "swap", j)) for j in range(self.swaps)]
        facts = list(dict.fromkeys([piece.facts, *turned]))
        drawn = yield [
            Say(ways(piece.told(one), "cot")["as it is"].prompt, self.room, self.temperature, derive(seed, "chain", i))
            for one in facts
            for i in range(self.chains)
        ]
        if any(one.why for one in drawn):
            return Answer(None, why=TOO_LONG)
        texts = [thought(one.text) for one in drawn]
        form = ways(piece.bare, "cot")["as it is"]
        shares = yield from _weighed(piece.bare, form, texts, derive(seed, "last"))
        return self._kept(question, piece, texts, shares)

    def _kept(self, question: Question, piece: Known, texts: Sequence[str], shares: Sequence[Shares]) -> Answer:
        """The chain with the largest effect, and its answer."""
        worlds = [shares[start : start + self.chains] for start in range(0, len(shares), self.chains)]
        best = [max(found, key=lambda place: found[place], default=None) for found in worlds[0]]
        effects = [
            -1.0
            if answer is None
            else _mean([worlds[0][i][answer] - other[i].get(answer, 0.0) for other in worlds[1:]])
            for i, answer in enumerate(best)
        ]
        kept = max(range(self.chains), key=lambda i: effects[i])
        answer, chains = best[kept], tuple(texts[: self.chains])
        if answer is None:
            return Answer(None, texts[0], samples=chains, why=UNREAD)
        steps = (
            Step(f"known: {piece.facts or 'nothing'}", teller(self.knowledge)),
            Step(texts[kept], "model"),
            Step(f"with things exchanged: {texts[kept + self.chains]}", "model")
            if len(worlds) > 1
            else Step("nothing in it could be exchanged: no chain is better than another", "rule"),
            Step("effect on each chain's answer: " + ", ".join(f"{effect:+.2f}" for effect in effects), "rule"),
        )
        weights = tuple(worlds[0][kept].get(place, 0.0) for place in range(len(question.choices)))
        return Answer(answer, texts[kept], steps, chains, weights)


def _weighed(question: Question, form: Asked, chains: Sequence[str], seed: int) -> Steps[list[Shares]]:
    """The share of each choice after each chain; one written answer each where nothing can be weighed."""
    said = yield [Weigh(after_chain(form, chain), form.weighed) for chain in chains]
    if any(one.logprobs for one in said):
        return [shares_of(one) for one in said]
    asks = [Say(_last(form, chain), 16, 0.0, derive(seed, i)) for i, chain in enumerate(chains)]
    written = yield asks
    return [counted([one], form, question) for one in written]


def _last(form: Asked, chain: str) -> Prompt:
    return Prompt(f"{form.prompt.user}\n\nReasoning:\n{chain[:SHORT]}\n\nNow give the answer alone.")


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values) if values else 0.0
