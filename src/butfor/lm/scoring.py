"""Score continuations: how likely does the model find each choice after the prompt?

    score(lm, [{"prompt": "The nurse said that", "choices": [" she", " he"]}])[0].logprobs

What is shared is computed once: a prompt for its choices, a prompt for all items that repeat it, a long preamble
for the items after it. `tokens` says where a prompt ends, `logprobs` how the work is done.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from butfor.lm.logprobs import Work, token_logprobs
from butfor.lm.tokens import tokenized
from butfor.lm.world import LM


@dataclass(frozen=True, slots=True)
class Scored:
    """One item's result: the log-probability of each choice, in natural units, summed over its tokens."""

    logprobs: list[float]
    counts: list[int]

    @property
    def best(self) -> int:
        """The most probable choice (the first of equals)."""
        return max(range(len(self.logprobs)), key=self.logprobs.__getitem__)


def score(
    lm: LM, items: Iterable[Mapping[str, Any]], *, batch_tokens: int | None = None, work: Work | None = None
) -> list[Scored]:
    """Score every choice of every item {"prompt": str, "choices": [str, …]}; one result an item, in order.

    `batch_tokens` bounds the tokens of one forward pass (512 on a CPU, 4096 elsewhere); `work`, if given, counts them.
    """
    prepared = tokenized(lm, items)
    sequences = [(ids, choices.start) for choices in prepared for ids in choices.ids]
    values = iter(token_logprobs(lm, sequences, batch_tokens, work))
    result: list[Scored] = []
    for choices in prepared:
        parts = [next(values) for _ in choices.ids]
        result.append(Scored([sum(part) for part in parts], [len(part) for part in parts]))
    return result
