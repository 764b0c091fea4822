"""The reward that a world gives to texts: of its head, or of its verdict as a judge who is asked.

classifier  what a sequence classifier of Hugging Face says (`classifier:NAME`)
head        a model that was trained with train.objective = "reward": r of its head
judge       any other decoder or endpoint is asked how good the text is, from 1 to 5. Where it tells log-probabilities:
            the expected number; else the number that it writes, and no reward where none can be read.
Limits      A judge who writes whole numbers gives many texts the same reward.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, cast

from butfor.core.errors import UserError
from butfor.evaluate.shortcut.asked import answered
from butfor.lm.classifier import Classifier
from butfor.lm.head import has_head, worth
from butfor.lm.prompt import Prompt

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from butfor.lm import LM
    from butfor.lm.chat import Chat

GRADES = ("1", "2", "3", "4", "5")
TASK = "How good is this text, from 1 (worst) to 5 (best)? Answer with a number from 1 to 5."


def rewards(world: LM | Chat | Classifier, texts: Sequence[str], task: str = TASK) -> NDArray[np.float64]:
    """One reward a text [n], not a number where none can be read."""
    import numpy as np

    if isinstance(world, Classifier):
        return world.worth(texts)
    if has_head(world):
        return worth(cast("LM", world), texts)
    if getattr(world, "is_encoder", False):
        raise UserError(f"{world.name} is an encoder without a head; train one with train.objective = 'reward'")
    found = answered(world, [(Prompt(f"{task}\n\n{text}", start="Grade:"), GRADES) for text in texts])
    scale = np.arange(1, len(GRADES) + 1)
    grades = [
        float(np.dot(one.shares, scale)) if one.logprobs else np.nan if one.best is None else float(scale[one.best])
        for one in found
    ]
    return np.array(grades)
