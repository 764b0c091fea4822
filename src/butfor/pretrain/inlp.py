"""INLP: find a linear classifier of the concept, project its directions away, and again until none is left.

Equation  Round i: a classifier W_i of the concept on P x; P = I − the projection on the rows of all W_i so far
          (`stats/nullspace.py`).
Source    Ravfogel et al. 2020, "Null it out".
Here      Softmax regression. The number of rounds is cross-validated by group: the whole procedure runs
          without a fold, and ends where its next classifier no longer beats the majority on that fold (all folds
          together). A fold that had helped to erase would read below chance, and end it too early. Then as many rounds
          on all vectors. Randomness: the folds alone. x is measured, and projected, from the origin of `embeddings.py`.
Limits    Takes more dimensions than LEACE, one or more a round. With few words the number of rounds is coarse and
          differs between seeds.
Example   [treatment]
          method = "pretrain.inlp"
          rounds = 10
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, final

import numpy as np
from pydantic import Field

from butfor.pretrain.concepts import Labelled
from butfor.pretrain.embeddings import Eraser, Erasing, Vocabulary, orthogonal
from butfor.pretrain.probe import FOLDS, folds
from butfor.stats.nullspace import classifiers, next_classifier, rowspace

if TYPE_CHECKING:
    from butfor.pretrain.concepts import Floats, Ints

MANY = 2000  # vectors; beyond them one held-out fold is enough


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class INLP(Erasing):
    """Project away the directions of up to `rounds` successive classifiers of the concept."""

    rounds: Annotated[int, Field(ge=1)] = 35

    def fit(self, data: Labelled, vocabulary: Vocabulary, rng: np.random.Generator) -> Eraser:
        """The projection off all directions that a classifier could use."""
        x, classes = data.x - vocabulary.origin, len(data.classes)
        count = rounds_needed(x, data.y, folds(data.group, FOLDS, rng), classes, self.rounds)
        return orthogonal(rowspace(classifiers(x, data.y, classes, count), x.shape[1]), vocabulary.origin)


def rounds_needed(x: Floats, y: Ints, fold: Ints, classes: int, most: int) -> int:
    """How many rounds until a classifier no longer beats the majority on folds that none of its kind was fitted on."""
    used = range(FOLDS if len(x) <= MANY else 1)
    found: dict[int, list[Floats]] = {number: [] for number in used}
    majority = np.bincount(y).max() / len(y)
    for count in range(most):
        right: list[Floats] = []
        for number in used:
            seen = fold != number
            basis, weights, offsets = next_classifier(x[seen], y[seen], classes, found[number])
            right.append(np.argmax(x[~seen] @ weights.T + offsets, axis=1) == y[~seen])
            found[number].append(basis)
        if np.mean(np.concatenate(right)) <= majority:
            return count
    return most
