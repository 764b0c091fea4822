"""Half-sibling regression: subtract from each word what the words of the concept predict of it.

Idea      A word and the words that define the concept (D) are half-siblings: the concept is a parent of both, a word's
          own meaning is a parent of the word alone. What D predicts of a word is put down to the shared parent.
Equation  D [d, m] and W [d, n] hold vectors as columns, and the d coordinates are the samples of a ridge regression:
          A = (D'D + aI)⁻¹ D'W, W' = W − DA. In rows w' = w − w D(D'D + aI)⁻¹D', the same map for every word; with
          D = U S V' it is w' = w − w U diag(s²/(s² + a)) U': a → ∞ leaves w alone, a → 0 projects off all of D.
          Language models: D and w are measured from the mean row (`embeddings.py`, Origin).
Source    Yang and Feng 2020, "A causal inference method for reducing gender bias in word embedding relations"; Ding et
          al. 2022 add a second stage that gives back what passes through other words' meaning, not done here.
Strength  a = `ridge` × the mean squared length of the concept's words, so that rescaled embeddings give rescaled
          results. The published a = 60, for GloVe in 300 dimensions, is a `ridge` of the order of 2.
Limits    The words of a concept share more than the concept (for gender: people, family), and all of that goes. In
          language models this costs much fluency; a `ridge` of 50 and more is gentler. Needs words: labelled text has
          no vectors that define the concept.
Example   [treatment]
          method = "pretrain.half_sibling"
          ridge = 50
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, final

import numpy as np
from pydantic import Field

from butfor.core.errors import UserError
from butfor.pretrain.concepts import LEAST, Labelled
from butfor.pretrain.embeddings import Eraser, Erasing, Vocabulary

if TYPE_CHECKING:
    from butfor.pretrain.concepts import Floats


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class HalfSibling(Erasing):
    """Subtract the ridge regression of every word on the words of the concept."""

    ridge: Annotated[float, Field(ge=0)] = 2.0

    def fit(self, data: Labelled, vocabulary: Vocabulary, rng: np.random.Generator) -> Eraser:  # noqa: ARG002
        """The shrinkage off the vectors of the concept's words."""
        words = data.x[data.row >= 0]
        if len(words) < LEAST:
            raise UserError(
                f"half_sibling regresses on words that define the concept, and only {len(words)} of its texts are "
                'single words; give pairs (concept = "gender" or "pairs.json"), or choose leace for labelled text'
            )
        return half_sibling(words, self.ridge, vocabulary.origin)


def half_sibling(words: Floats, ridge: float, origin: Floats) -> Eraser:
    """The eraser, from the concept's words as rows [m, d]."""
    d_rows = words - origin
    strength = ridge * np.mean(np.sum(d_rows**2, axis=1))
    _, size, axes = np.linalg.svd(d_rows, full_matrices=False)
    real = size > 1e-9 * max(1.0, size[0])
    axes, share = axes[real], size[real] ** 2 / (size[real] ** 2 + strength)
    return Eraser(axes.T, share[:, None] * axes, origin)
