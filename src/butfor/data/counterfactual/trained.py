"""A judge from rows of one's own: a head on a frozen model, with its accuracy on rows that it did not learn from.

Equation  argmin_W mean cross-entropy + |W|² / 2n on norm(h) (`stats.nullspace.softmax_fit`); h: features of `lm.head`.
Held out  one group of rows in five, drawn by the seed; the accuracy is theirs. Then the head is fitted to all rows. A
          pair is one group: a text whose twin with the other label was learnt from is judged worse than any new text.
Limits    What judges counterfactuals must not have learnt from them, nor from the texts that they were made of: that is
          for the caller to see to. The head is put on the model given, and replaces one that hangs there.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from butfor.core.errors import UserError
from butfor.core.seeds import generator
from butfor.data.counterfactual.judge import Classifier, Judge
from butfor.lm.head import frozen, put
from butfor.stats import mean

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from butfor.lm.world import LM
    from butfor.stats import Effect

LEAST = 10  # rows of a value


@dataclass(frozen=True, slots=True)
class Trained:
    """A judge, and how often it is right on rows held out from it."""

    judge: Judge
    accuracy: Effect
    rows: int


def held_out(groups: Sequence[str], seed: int) -> NDArray[np.bool_]:
    """Which rows the accuracy is measured on [n]: those of one group in five."""
    import numpy as np

    names = sorted(set(groups))
    drawn = generator(seed, "judge").permutation(len(names)) % 5 == 0
    out = {name for name, one in zip(names, drawn, strict=True) if one}
    return np.array([group in out for group in groups])


def trained(
    lm: LM,
    texts: Sequence[str],
    labels: Sequence[str],
    *,
    seed: int,
    groups: Sequence[str] | None = None,
    length: int = 256,
) -> Trained:
    """Fit a head for the labels and put it on the model."""
    import numpy as np
    import torch

    from butfor.stats.nullspace import softmax_fit

    values = tuple(sorted(set(labels)))
    if len(texts) != len(labels):
        raise UserError(f"{len(texts)} texts, but {len(labels)} labels")
    few = next((value for value in values if labels.count(value) < LEAST), "")
    if len(values) < 2 or few:
        problem = (
            f"only {labels.count(few)} rows are {few}" if few else f"all rows are {', '.join(values) or 'missing'}"
        )
        raise UserError(f"a judge needs two values with {LEAST} rows each; {problem}")
    h: Any = frozen(lm, texts, length).astype(np.float64)
    x = (h - h.mean(1, keepdims=True)) / np.sqrt(h.var(1, keepdims=True) + 1e-5)
    y = np.array([values.index(label) for label in labels])
    held = held_out(groups or [str(at) for at in range(len(y))], seed)
    weights, offsets = softmax_fit(x[~held], y[~held], len(values))
    right = ((x[held] @ weights.T + offsets).argmax(1) == y[held]).astype(float)
    weights, offsets = softmax_fit(x, y, len(values))
    put(
        lm,
        {
            "weight": torch.tensor(weights, dtype=torch.float32),
            "bias": torch.tensor(offsets, dtype=torch.float32),
            "length": torch.tensor(length),
        },
    )
    return Trained(Classifier(lm, values, length=length), mean(right, kind="binary"), len(y))
