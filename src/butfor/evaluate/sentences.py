"""Compare whole sentences by likelihood, every item under the same condition: nothing stands before them.

Equation  log P(one) - log P(two), each of all tokens of a sentence after the beginning of a text.
Beginning `butfor.lm.tokens.beginning`: the token that the tokenizer itself puts before a text (Llama, Gemma), else its
          beginning-of-text token or the one between documents (`<|endoftext|>` of SmolLM2 and its chat models), never
          a marker of a chat turn.
Cost      What two sentences share at their start is computed once (`butfor.lm.forest`).
Limits    The longer sentence is the less likely one, other things equal: read such a ratio as a difference between
          arms, or balance the items.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from butfor.data.pairs import Pair

if TYPE_CHECKING:
    from butfor.lm import LM


def question(pair: Pair) -> dict[str, Any]:
    """The scoring question of a pair: both whole sentences, base first."""
    return {"prompt": "", "choices": [pair.base, pair.counterfactual]}


def margins(world: LM, questions: Iterable[Mapping[str, Any]]) -> list[float]:
    """How much likelier the first of two choices is, in nats; a question may hold more than prompt and choices."""
    from butfor.lm import score

    asked = [{"prompt": one["prompt"], "choices": one["choices"]} for one in questions]
    return [scored.logprobs[0] - scored.logprobs[1] for scored in score(world, asked)]
