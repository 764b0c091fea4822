"""The three-step pipeline: from a latent feature to the words that carry it, and from these to a counterfactual.

Latent    the value of a concept, told from the model's features by a ridge regression of its indicators on the training
          texts: s(x)[c, v].
Input     the clause of the text without which s(x)[c, u] is smallest, u the likeliest value but v, which is wanted.
Text      without that clause, and for v other than unknown with another in its place: the clause of a training text
          with the largest s[c, v] + mean over other concepts of s[., unknown]. If u is unknown, nothing is taken
          out, and the clause is added.
Source    the three steps of Bhattacharjee et al. 2024, who ask a language model for each; here each is a rule on the
          features of the very model that is explained, so that a model that cannot answer can be explained, too.
Limits    A clause may tell of two concepts. What is put in is the same clause for all texts: consistent, and blunt.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from butfor.data.counterfactual.aspects import clauses, joined
from butfor.evaluate.concept.explainers import LEVELS, indicators, ridge

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]

UNKNOWN = 1  # its place among the values
FEWEST = 3  # words of a clause that may be put in
Features = Callable[[Sequence[str]], "Floats"]


@dataclass(frozen=True, slots=True)
class Pipeline:
    """Makes counterfactual texts for a model, from its features alone."""

    features: Features
    mean: Floats  # [d]
    shares: Floats  # [C · LEVELS]
    weights: Floats  # [d, C · LEVELS]
    donors: tuple[tuple[str, ...], ...]  # [C][LEVELS]

    @classmethod
    def of(cls, texts: Sequence[str], values: Ints, seen: Floats, features: Features) -> Pipeline:
        """Fitted on training texts with their concepts [n, C] and features [n, d]."""
        told = indicators(values)
        mean, shares = seen.mean(axis=0), told.mean(axis=0)
        weights = ridge(seen - mean, told - shares)
        bare = cls(features, mean, shares, weights, ())
        found = {part.strip() for text in texts for part in clauses(text) if len(part.split()) >= FEWEST}
        pool = sorted(found) or list(texts)
        score = bare.scores(pool)  # [m, C, LEVELS]
        others = score[:, :, UNKNOWN].sum(axis=1, keepdims=True) - score[:, :, UNKNOWN]  # [m, C]
        fit = score + (others / max(1, values.shape[1] - 1))[:, :, None]
        best = fit.argmax(axis=0)
        return cls(features, mean, shares, weights, tuple(tuple(pool[n] for n in row) for row in best))

    def scores(self, texts: Sequence[str]) -> Floats:
        """s [n, C, LEVELS]: what the features tell of the concepts."""
        found = (self.features(texts) - self.mean) @ self.weights + self.shares
        return found.reshape(len(texts), -1, LEVELS)

    def make(self, wanted: Sequence[tuple[str, int, int]]) -> list[str]:
        """The counterfactual of each text for a concept and its new value."""
        texts = list(dict.fromkeys(text for text, _, _ in wanted))
        without = {text: left_out(text) for text in texts}
        every = list(dict.fromkeys([*texts, *(rest for rests in without.values() for rest in rests)]))
        score = dict(zip(every, self.scores(every), strict=True))
        return [self._made(text, concept, value, without[text], score) for text, concept, value in wanted]

    def _made(self, text: str, concept: int, value: int, rests: Sequence[str], score: dict[str, Floats]) -> str:
        put_in = [] if value == UNKNOWN else [self.donors[concept][value]]
        others = score[text][concept].copy()
        others[value] = -np.inf
        now = int(others.argmax())
        if now == UNKNOWN:
            return joined([text, *put_in])
        place = int(np.argmin([score[rest][concept][now] for rest in rests]))
        parts = clauses(text)
        return joined([*parts[:place], *put_in, *parts[place + 1 :]])


def left_out(text: str) -> list[str]:
    """The text without each of its clauses in turn."""
    parts = clauses(text)
    return [joined([*parts[:place], *parts[place + 1 :]]) for place in range(len(parts))]
