"""INLP: find a linear classifier of the concept, project its directions away, and again until none is left.

Equation  Round i: a classifier W_i of the concept on P x; B_i = an orthonormal basis of the rows of W_i.
          P = I − the orthogonal projection on the rows of Σ_i B_i'B_i, the intersection of null spaces.
          The original x is projected anew each round; a product of projections would gather rounding.
          Then P² = P, W_i P = 0, and W_i W_j' = 0 for i ≠ j, as W_j was fitted on vectors without W_i's directions.
Source    Ravfogel et al. 2020, "Null it out".
Here      Softmax regression (`probe.py`); a round counts if, cross-validated by group, it beats always saying the
          majority; the first that does not ends it. Randomness: the folds alone. x is measured from the origin of
          `embeddings.py`, and the projection acts about it.
Limits    Takes more dimensions than LEACE, one or more a round. With few words the stopping accuracy is coarse: a round
          more or less is chance, and the rank differs between seeds.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, ClassVar, final

import numpy as np
from pydantic import Field

from butfor.pretrain.concepts import Labelled
from butfor.pretrain.embeddings import Eraser, Keep, Matrix, Vocabulary, checked, erase, orthogonal
from butfor.pretrain.probe import FOLDS, folds, out_of_fold, softmax_fit
from butfor.train.method import Method

if TYPE_CHECKING:
    from butfor.lm import World
    from butfor.pretrain.concepts import Floats, Ints

MANY = 2000  # vectors; beyond them one held-out fold is enough to stop by


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class INLP(Method):
    """Project away the directions of up to `rounds` successive classifiers of the concept."""

    worlds: ClassVar[tuple[str, ...]] = ("lm", "vectors")
    concept: str = "gender"
    matrix: Matrix = "tied"
    keep: Keep = "definitional"
    rounds: Annotated[int, Field(ge=1)] = 35

    def __post_init__(self) -> None:
        checked(self.concept)

    def model(self, world: World, rng: np.random.Generator) -> World:
        return erase(world, rng, name="inlp", fit=self.fit, concept=self.concept, matrix=self.matrix, keep=self.keep)

    def fit(self, data: Labelled, vocabulary: Vocabulary, rng: np.random.Generator) -> Eraser:
        """The projection off all directions that a classifier could use."""
        fold = folds(data.group, FOLDS, rng)
        found = classifiers(data.x - vocabulary.origin, data.y, fold, len(data.classes), self.rounds)
        return orthogonal(rowspace(found, data.x.shape[1]), vocabulary.origin)


def classifiers(x: Floats, y: Ints, fold: Ints, classes: int, rounds: int) -> list[Floats]:
    """Orthonormal bases B_i [r_i, d] of successive classifiers, until one no longer beats the majority."""
    found: list[Floats] = []
    majority = np.bincount(y).max() / len(y)
    used = FOLDS if len(x) <= MANY else 1
    for _ in range(rounds):
        basis = rowspace(found, x.shape[1])
        left = x - (x @ basis.T) @ basis  # of the original x
        if np.mean(out_of_fold(left, y, fold, classes, used)) <= majority:
            break
        weights, _ = softmax_fit(left, y, classes)
        weights = weights - weights.mean(axis=0)  # a shift common to all classes decides nothing
        found.append(orth(weights - (weights @ basis.T) @ basis))
    return found


def rowspace(bases: list[Floats], d: int) -> Floats:
    """An orthonormal basis [r, d] of the rows of Σ B_i'B_i, which are the rows of all B_i together."""
    return orth(np.concatenate(bases)) if bases else np.empty((0, d))


def orth(rows: Floats) -> Floats:
    """An orthonormal basis of the row space."""
    _, size, basis = np.linalg.svd(rows, full_matrices=False)
    return basis[size > 1e-9 * max(size[0], 1e-300)]
