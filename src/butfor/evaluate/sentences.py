"""Compare whole sentences by likelihood without paying for what they share.

Equation  log P(one) - log P(two) = log P(rest of one | start) - log P(rest of two | start), start = their shared start.
Limits    A start of nothing is scored after the tokenizer's beginning-of-text token. The longer sentence is the less
          likely one, other things equal: read such a ratio as a difference between arms, or balance the items.
"""

from __future__ import annotations

from typing import Any

from butfor.data.pairs import Pair


def question(pair: Pair) -> dict[str, Any]:
    """The scoring question of a pair: the shared beginning as prompt, the two rests as choices (base first)."""
    start = pair.shared_prefix.rstrip()
    if start in (pair.base, pair.counterfactual):  # one text is the other's beginning: keep its last word as its rest
        start = start[: len(start) - len(start.split()[-1])].rstrip() if start.split() else ""
    return {"prompt": start, "choices": [pair.base[len(start) :], pair.counterfactual[len(start) :]]}
