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

from typing import Any

from butfor.data.pairs import Pair


def question(pair: Pair) -> dict[str, Any]:
    """The scoring question of a pair: both whole sentences, base first."""
    return {"prompt": "", "choices": [pair.base, pair.counterfactual]}
