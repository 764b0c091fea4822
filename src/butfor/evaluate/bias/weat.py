"""Do word vectors put career nearer to male words and family nearer to female ones?

Equation  s(w) = mean over a in A of cos(w, a) - mean over b in B of cos(w, b);   association = s(w) in X, -s(w) in Y
          (X goes with A by stereotype, Y with B). Over sets of one size, twice its mean is WEAT's difference of means.
Source    Caliskan et al. 2017. The word sets are our own (data/builtin/weat.json): career/family, science/arts,
          mathematics/arts, with ten male and ten female words.
Worlds    Word vectors: a row of the matrix. A language model: the rows of its input embedding for " word", averaged
          where the tokenizer cuts the word into pieces (an average of pieces is a poor vector of a word: trust
          static vectors more).
Limits    A word that is not in the vocabulary is left out, and listed in the notes and in every record. A zero
          vector has cosine 0. Input embeddings say little about what a contextual model does later on.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Literal, final

import numpy as np

from butfor.core.errors import UserError
from butfor.data.builtin import WordTest, word_tests
from butfor.evaluate.suite import Card, Item, Metric, Record

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from butfor.lm import LM, World


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class WEAT:
    """Association of target words with male and female words. `test`: one of the three, or all of them."""

    card: ClassVar[Card] = Card(
        measures="whether word vectors put career, science and mathematics nearer to men, family and arts to women",
        chance="0: the target words stand as near to one gender as to the other",
        source="Caliskan, Bryson & Narayanan 2017; the word sets are our own",
        faults=("input embeddings of a language model say little about what it does later on",),
        published=(
            "GloVe: d = 1.81 (career, family), 1.24 (science, arts), 1.06 (mathematics, arts): in standard "
            "deviations, with other words (Caliskan et al. 2017; not checked by us)",
        ),
    )
    worlds: ClassVar[tuple[str, ...]] = ("lm", "vectors")
    metrics: ClassVar[tuple[Metric, ...]] = (
        Metric("association", "zero", "cosine", "how much nearer a word is to the gender of its stereotype", null=0.0),
    )
    chunk: ClassVar[int] = 64

    test: Literal["career-family", "science-arts", "math-arts"] | None = None

    def ready(self) -> None:
        """The words are part of the package."""

    def items(self, world: World) -> list[Item]:
        """One item a target word that the vocabulary has; what it lacks is noted."""
        tests = [test for test in word_tests() if self.test in (None, test.name)]
        absent = _absent(world, tests)
        note = f"bias.weat: not in the vocabulary, left out: {', '.join(absent)}"
        if absent and note not in world.notes:
            world.notes.append(note)
        return [item for test in tests for item in _items(world.name, test, absent)]

    def measure(self, world: World, items: Sequence[Item]) -> list[Record]:
        """Cosines of each target word with the attribute words."""
        return [_record(world, item) for item in items]


def _absent(world: World, tests: list[WordTest]) -> list[str]:
    """The words of the tests that word vectors lack; a tokenizer can write every word."""
    from butfor.lm import Vectors

    if not isinstance(world, Vectors):
        return []
    return sorted({word for test in tests for word in (*test.x, *test.y, *test.a, *test.b) if word not in world})


def _items(name: str, test: WordTest, absent: list[str]) -> list[Item]:
    here = {side: [word for word in getattr(test, side) if word not in absent] for side in "xyab"}
    for side, words in here.items():
        if not words:
            raise UserError(
                f"{name} has none of the words of set {side} of bias.weat {test.name}; leave this suite out"
            )
    return [
        Item(
            f"{test.name}/{word}",
            word,
            {"word": word, "test": test.name, "sign": sign, "a": here["a"], "b": here["b"], "absent": absent},
        )
        for sign, side in ((1, "x"), (-1, "y"))
        for word in here[side]
    ]


def _record(world: World, item: Item) -> Record:
    data = item.data
    vectors = _unit(_rows(world, [data["word"], *data["a"], *data["b"]]))  # [1 + A + B, d]
    cosines = vectors[1:] @ vectors[0]
    male, female = cosines[: len(data["a"])].mean(), cosines[len(data["a"]) :].mean()
    show = {
        "word": data["word"],
        "test": data["test"],
        "stereotype": "male" if data["sign"] > 0 else "female",
        "cosine with male words": f"{male:+.3f}",
        "cosine with female words": f"{female:+.3f}",
        **({"not in the vocabulary": ", ".join(data["absent"])} if data["absent"] else {}),
    }
    return Record(item.id, item.cluster, {"association": float(data["sign"] * (male - female))}, show)


def _rows(world: World, words: list[str]) -> NDArray[np.float64]:
    """A vector for each word. [W, d]"""
    from butfor.lm import Vectors

    if isinstance(world, Vectors):
        return np.stack([np.asarray(world.matrix[world.index(word)], dtype=np.float64) for word in words])
    return np.stack([_embedding(world, word) for word in words])


def _embedding(lm: LM, word: str) -> NDArray[np.float64]:
    """Mean input embedding of the pieces of " word". [d]"""
    from butfor.lm.tokens import encode

    ids = encode(lm, [f" {word}"])[0]
    return lm.embedding[ids].detach().double().mean(0).cpu().numpy()


def _unit(rows: NDArray[np.float64]) -> NDArray[np.float64]:
    """Rows of length one; a zero row stays zero."""
    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    return rows / np.where(lengths == 0, 1.0, lengths)
