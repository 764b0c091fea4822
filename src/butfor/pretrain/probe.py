"""Can a linear classifier still read the concept? Softmax regression, and its accuracy on words nobody has seen.

Classifier  softmax regression, independent of the scale of the embeddings (`stats/nullspace.py`)
Held out    An eraser makes the words that it was fitted on unreadable by construction; that proves nothing about other
            words. So the groups of words are cut in two halves: the eraser is refitted on one, a fresh probe is
            cross-validated on the other, by group, and the two halves change places. `before`: no eraser.
Limits      A probe at chance says that this probe found nothing. With few words the estimate is coarse: n is reported.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from butfor.stats.nullspace import softmax_fit

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from butfor.pretrain.concepts import Floats, Ints, Labelled

FOLDS = 4
HALVES_LEAST = 4 * FOLDS  # groups of words needed to hold half of them out


@dataclass(frozen=True, slots=True)
class Reading:
    """Accuracy of a fresh probe on held-out vectors before and after erasing; chance = always the majority."""

    before: float
    after: float
    chance: float
    n: int


def folds(group: Ints, count: int, rng: np.random.Generator) -> Ints:
    """A random fold for each vector; a group is never split, and folds hold equally many groups."""
    _, place = np.unique(group, return_inverse=True)
    order = rng.permutation(place.max() + 1)
    return order[place] % count


def out_of_fold(x: Floats, y: Ints, fold: Ints, classes: int, used: int = FOLDS) -> NDArray[np.bool_]:
    """Whether each vector of the first `used` folds is classified rightly by a probe that never saw its fold."""
    right = []
    for number in range(used):
        seen = fold != number
        weights, offsets = softmax_fit(x[seen], y[seen], classes)
        right.append(np.argmax(x[~seen] @ weights.T + offsets, axis=1) == y[~seen])
    return np.concatenate(right)


def held_out(
    data: Labelled, refit: Callable[[Labelled], Callable[[Floats], Floats]], rng: np.random.Generator
) -> Reading | None:
    """How well the concept is read from words that neither eraser nor probe has seen; None with too few words."""
    if len(np.unique(data.group)) < HALVES_LEAST:
        return None
    half = folds(data.group, 2, rng)
    classes = len(data.classes)
    fold_of = [folds(data.group[half == number], FOLDS, rng) for number in range(2)]  # before any eraser draws
    before, after = [], []
    for number, fold in enumerate(fold_of):
        eraser, rest = refit(data.take(half != number)), data.take(half == number)
        before.append(out_of_fold(rest.x, rest.y, fold, classes))
        after.append(out_of_fold(eraser(rest.x), rest.y, fold, classes))
    return Reading(
        before=float(np.mean(np.concatenate(before))),
        after=float(np.mean(np.concatenate(after))),
        chance=float(np.bincount(data.y).max() / len(data.y)),
        n=len(data.y),
    )
