"""A judge that reads words: logistic regression on words and pairs of neighbours; seconds to train, no model needed.

Equation  x_w = (1 + log count) · log((1 + n) / (1 + n_w)) + 1 as in tf-idf, each text of length 1;
          argmin_β mean log(1 + exp(-y (x'β + b))) + |β|² / (2 C n), by L-BFGS; y = ±1, C = 10.
Terms     those that stand in two texts of training or more.
Limits    Two values. It knows no order beyond neighbours, and a maker that swaps words of the same kind of pairs has an
          easy time with it: give it rows that the maker did not learn from, or say so.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any, cast

from butfor.core.errors import UserError
from butfor.core.keys import digest
from butfor.data.counterfactual.trained import LEAST, Trained, held_out
from butfor.data.counterfactual.wordmap import words
from butfor.stats import mean

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

C = 10.0


@dataclass(frozen=True, slots=True)
class WordJudge:
    """Terms with their weights, towards the second value; `rarity` is the second factor of x."""

    values: tuple[str, ...]
    weights: Mapping[str, float]
    rarity: Mapping[str, float]
    offset: float

    def identity(self) -> Any:
        """A digest of the weights."""
        return digest(self.values, dict(self.weights), self.offset)

    def likely(self, texts: Sequence[str]) -> NDArray[np.float64]:
        """Probabilities of the two values [n, 2]."""
        import numpy as np
        from scipy.special import expit

        scores = [sum(x * self.weights[term] for term, x in _features(text, self.rarity).items()) for text in texts]
        second: NDArray[np.float64] = expit(np.array(scores) + self.offset)
        return np.stack([1 - second, second], axis=1)

    def saliency(self, text: str, value: int) -> list[float]:
        """For each word the weight of the terms that it is part of; the same for both values."""
        del value
        said = words(text)
        return [
            sum(abs(self.weights.get(term, 0.0)) for term in (word, *_around(said, at))) for at, word in enumerate(said)
        ]


def word_judge(
    texts: Sequence[str], labels: Sequence[str], *, seed: int, groups: Sequence[str] | None = None
) -> Trained:
    """Fit it, once without one group of rows in five for its accuracy, then on all rows."""
    import numpy as np

    values = tuple(sorted(set(labels)))
    if len(values) != 2 or min(Counter(labels).values()) < LEAST or len(texts) != len(labels):
        told = ", ".join(f"{count} {value}" for value, count in Counter(labels).most_common(5))
        raise UserError(
            f"a judge of words needs rows of two values, {LEAST} or more of each; these are {told or 'none'}"
        )
    held = held_out(groups or [str(at) for at in range(len(texts))], seed)
    rows = list(zip(texts, labels, held.tolist(), strict=True))
    first = _fitted([(text, label) for text, label, out in rows if not out], values)
    asked = [(text, label) for text, label, out in rows if out]
    found = first.likely([text for text, _ in asked]).argmax(1)
    right = np.array([values[at] == label for at, (_, label) in zip(found, asked, strict=True)], dtype=float)
    return Trained(_fitted([(text, label) for text, label, _ in rows], values), mean(right, kind="binary"), len(rows))


def _fitted(rows: Sequence[tuple[str, str]], values: tuple[str, ...]) -> WordJudge:
    import numpy as np
    from scipy.optimize import minimize
    from scipy.sparse import csr_matrix

    counts = Counter(term for text, _ in rows for term in set(_terms(text)))
    rarity = {
        term: float(np.log((1 + len(rows)) / (1 + count)) + 1) for term, count in sorted(counts.items()) if count > 1
    }
    if not rarity:
        raise UserError("no word stands in two texts: there is nothing to judge by")
    column = {term: at for at, term in enumerate(rarity)}
    cells = [(at, column[term], x) for at, (text, _) in enumerate(rows) for term, x in _features(text, rarity).items()]
    places, columns, data = zip(*cells, strict=True)
    matrix: Any = csr_matrix((data, (places, columns)), shape=(len(rows), len(rarity)))
    y = np.array([1.0 if label == values[1] else -1.0 for _, label in rows])

    def loss(flat: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        beta, margin = flat[:-1], y * (matrix @ flat[:-1] + flat[-1])
        slope = -y / (1 + np.exp(np.clip(margin, -500, 500))) / len(y)
        value = float(np.logaddexp(0, -margin).mean() + beta @ beta / (2 * C * len(y)))
        return value, np.append(matrix.T @ slope + beta / (C * len(y)), slope.sum())

    done = minimize(loss, np.zeros(len(rarity) + 1), jac=True, method="L-BFGS-B", options={"maxiter": 200})
    found = cast("list[float]", done.x.tolist())
    return WordJudge(values, dict(zip(rarity, found[:-1], strict=True)), rarity, found[-1])


def _features(text: str, rarity: Mapping[str, float]) -> dict[str, float]:
    """The terms of a text that the judge knows, each with its x."""
    import math

    found = {
        term: (1 + math.log(count)) * rarity[term] for term, count in Counter(_terms(text)).items() if term in rarity
    }
    size = math.sqrt(sum(x * x for x in found.values())) or 1.0
    return {term: x / size for term, x in found.items()}


def _terms(text: str) -> list[str]:
    said = words(text)
    return [*said, *(f"{one} {two}" for one, two in pairwise(said))]


def _around(said: Sequence[str], at: int) -> list[str]:
    """The pairs of neighbours that word `at` is part of."""
    return [f"{said[n]} {said[n + 1]}" for n in (at - 1, at) if 0 <= n < len(said) - 1]
