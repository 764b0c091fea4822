"""Hard debiasing: words that do not carry the concept by definition lose their component along it.

Equation  Pairs (a, b), each centred; B = the first k principal directions of all ±(a − b)/2, orthonormal rows [k, d].
          Neutralise  w' = w − Σ_j ⟨w − o, b_j⟩ b_j, so ⟨w' − o, b_j⟩ = 0; o = 0 for static vectors, as published.
          Equalise    a pair becomes o + ν ± ρu: ν = its midpoint off B, u = the direction of a − b on B, and
                      ρ² = (‖a − o‖² + ‖b − o‖²)/2 − ‖ν‖². Both are then equally far from every neutral word.
Source    Bolukbasi et al. 2016, "Man is to computer programmer as woman is to homemaker?".
Differs   The paper rescales neutral words to length 1, for unit vectors. Rows of a language model are not unit vectors
          and their lengths mean something (to a norm layer, to a softmax), so neutral words are not rescaled at all: w'
          is the nearest neutral point, and its direction is the paper's. ρ keeps the pair's mean squared length; with
          unit vectors it is the paper's √(1 − ‖ν‖²), and it is never imaginary.
Limits    Equalising moves she and he themselves; `equalize = false` leaves them alone, as does `keep = "none"`, where
          they are neutralised like any word. A word in several pairs is equalised in the first. Neighbourhoods keep
          what directions lost (Gonen and Goldberg 2019). For labelled text B comes from class means, and no pair is
          equalised.
Example   [treatment]
          method = "pretrain.hard_debias"
          components = 2
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, final

import numpy as np
from pydantic import Field

from butfor.core.errors import UserError
from butfor.pretrain.concepts import Labelled
from butfor.pretrain.embeddings import Eraser, Erasing, Vocabulary, orthogonal

if TYPE_CHECKING:
    from butfor.pretrain.concepts import Floats, Ints


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class HardDebias(Erasing):
    """Neutralise words along the concept's first `components` directions, and equalise its pairs."""

    components: Annotated[int, Field(ge=1)] = 1
    equalize: bool = True

    def fit(self, data: Labelled, vocabulary: Vocabulary, rng: np.random.Generator) -> Eraser:  # noqa: ARG002
        """The projection off the concept's subspace, and the equalised pairs."""
        basis = directions(deviations(data), self.components)
        eraser = orthogonal(basis, vocabulary.origin)
        if not self.equalize or not len(data.pairs) or not len(basis):
            return eraser
        pairs = first_of_each(data.pairs)
        made = equalised(data.x[pairs], basis, vocabulary.origin)  # [m, 2, d]
        moved = data.row[pairs].ravel(), made.reshape(-1, made.shape[-1])
        return Eraser(eraser.left, eraser.right, eraser.origin, moved)


def deviations(data: Labelled) -> Floats:
    """What differs in the concept: half the difference of each pair, or the class means about their centre. [m, d]"""
    if len(data.pairs):
        return (data.x[data.pairs[:, 0]] - data.x[data.pairs[:, 1]]) / 2
    means = np.stack([data.x[data.y == label].mean(axis=0) for label in range(len(data.classes))])
    return means - means.mean(axis=0)


def directions(deviation: Floats, components: int) -> Floats:
    """The first principal directions of ±deviation, orthonormal rows; fewer where there are no more than rounding."""
    if components > len(deviation):
        raise UserError(f"components = {components}, but the concept spans {len(deviation)} at most; give fewer")
    _, size, basis = np.linalg.svd(deviation, full_matrices=False)
    return basis[:components][size[:components] > 1e-9 * max(1.0, size[0])]


def first_of_each(pairs: Ints) -> Ints:
    """The pairs without those whose words stand in an earlier one."""
    seen: set[int] = set()
    chosen: list[Ints] = []
    for pair in pairs:
        if seen.isdisjoint(pair.tolist()):
            seen.update(pair.tolist())
            chosen.append(pair)
    return np.array(chosen)


def equalised(pairs: Floats, basis: Floats, origin: Floats) -> Floats:
    """Both members of each pair [m, 2, d] made to differ along the basis alone, symmetric about the neutral plane."""
    x = pairs - origin
    middle = x.mean(axis=1)  # [m, d]
    off = middle - (middle @ basis.T) @ basis
    along = ((x[:, 0] - x[:, 1]) @ basis.T) @ basis
    length = np.linalg.norm(along, axis=1, keepdims=True)
    unit = np.divide(along, length, out=np.zeros_like(along), where=length > 0)
    radius = np.sqrt(np.mean(np.sum(x**2, axis=2), axis=1) - np.sum(off**2, axis=1))[:, None]
    return origin + np.stack([off + radius * unit, off - radius * unit], axis=1)
