"""Preference worlds: who prefers which of two real texts, where annotators heed more than what is good.

World     a text has a true quality q (standardised) and three attributes that are told without touching what it says:
          `length` (its words; neutral sentences are added), `polite` and `agrees` (phrases with and without it).
            P(a preferred to b | annotator) = σ(β (Δq + s Σ_k w_k l_k Δz_k)),   z: the attributes, standardised
          s: the bias, in the corpus name: what a deviation of length is worth beside a deviation of quality. l: how
          lenient this annotator is to length, uniform on [0, 2] over annotators, who are drawn at random.
Pairs     A ranker is drawn at random for every pair and puts better texts on one side the more the stronger it is; it
          looks at quality alone. The annotator sees both, and prefers one: `first` = 1 where it stood on the left.
Corpora   "preferences/S"            restaurant reviews (CEBaB), q = how many stars five people read from it; z ⊥ q
          "preferences-entangled/S"  the same texts, with attributes that go with quality: corr(z, q) is some 0.5
          "preferences-chat/S"       answers to real questions (known_1000; to measure on: CounterFact, other subjects),
                                     q = whether the answer is true; the user's own opinion stands in the prompt
          "preferences-scores/S"     no pairs: one annotator scores one review; q + s Σ w l z + the annotator's own
                                     level + noise; "preferences-scores-entangled/S" likewise
Row       {"id", "text", "length", "polite", "agrees", "annotator", "ranker", "first",
           "beside": {"rejected": {"text", "length", "polite", "agrees"}}}; of scores: {…, "score"}, nothing beside.
          No row holds the quality.
Known     The reward that annotators act on is linear in q and the attributes; without bias (s = 0) it is q alone.
Limits    Attributes of short texts, rendered by a few sentences of our own; annotators of one kind of taste.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from butfor.core.errors import UserError
from butfor.core.seeds import derive, generator
from butfor.data.cebab import cebab
from butfor.data.facts import counterfact, known
from butfor.data.find import watched
from butfor.data.preferences_told import AGREES, CLOSING, FILLER, OPINION, POLITE

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

Kind = Literal["reviews", "chat"]
Split = Literal["train", "test"]  # of texts and of the words that tell their attributes
KINDS: tuple[Kind, ...] = ("reviews", "chat")
ATTRIBUTES = ("length", "polite", "agrees")
WEIGHTS = (1.0, 0.5, 0.5)  # what a deviation of each is worth, at bias 1
MOST = 5  # neutral sentences
BIAS = 1.0
CORRELATION = 0.6  # of the latent attributes with quality, where they are entangled
BETA = 1.5
COUNT = 3000  # rows of a corpus
ANNOTATORS, RANKERS = 20, 8
SKILL = 1.5  # of the strongest ranker
NOISE = 0.5  # of a score
WORDS: Mapping[Kind, tuple[float, float]] = {"reviews": (59.0, 17.0), "chat": (62.0, 15.0)}  # mean and deviation
STARS = 1.31  # standard deviation of the stars
SHORT = 0.12  # better reviews are shorter: what makes up for it where attributes are to say nothing of quality
MOST_FACTS = 1000


@dataclass(frozen=True, slots=True)
class Told:
    """A text that can be told with any attributes; `answers`: prompt, this answer and the other one, in a chat."""

    id: str
    group: str
    body: str
    quality: float
    levels: Mapping[str, int]  # filler sentences, polite, agrees
    bank: int
    seed: int
    answers: tuple[str, str, str] | None = None

    def text(self, seed: int | None = None, **levels: int) -> str:
        """The text; `levels` sets attributes, another `seed` the words that tell them."""
        said = {**self.levels, **levels}
        rng = generator(self.seed if seed is None else seed, "preferences", "words")
        bank, polite, agrees = self.bank, said["polite"], said["agrees"]
        opening, closing, filler = POLITE[bank], CLOSING[bank], FILLER[bank]
        hello = opening[rng.integers(len(opening))][polite]
        parts = [self.body, *(filler[place] for place in rng.permutation(len(filler))[: said["length"]])]
        parts.append(closing[rng.integers(len(closing))][polite])
        if self.answers is None:
            view = AGREES[bank][rng.integers(len(AGREES[bank]))][agrees]
            return " ".join([hello, view, *parts])
        view = OPINION[bank][rng.integers(len(OPINION[bank]))][agrees]
        asked, own, other = self.answers
        prompt = f"Question: {asked} … what? I think it is {own if agrees else other}.\nAnswer: "
        return prompt + " ".join([hello, view, *parts])

    def columns(self) -> dict[str, Any]:
        """The text with its attributes, as a row has them."""
        text = self.text()
        said = {"length": float(len(text.split())), "polite": self.levels["polite"], "agrees": self.levels["agrees"]}
        return {"text": text, **said}


@dataclass(frozen=True, slots=True)
class Choice:
    """A pair of texts, and whether the annotator preferred the left one."""

    left: Told
    right: Told
    annotator: int
    ranker: int
    first: bool

    def row(self, name: str, told: Mapping[str, dict[str, Any]]) -> dict[str, Any]:
        """The pair as a row to learn from; `told`: the columns of every text, by its id."""
        won, lost = (self.left, self.right) if self.first else (self.right, self.left)
        who = {"annotator": self.annotator, "ranker": self.ranker, "first": int(self.first)}
        return {"id": name, **told[won.id], **who, "beside": {"rejected": dict(told[lost.id])}}


def texts(kind: Kind, split: Split, correlation: float = 0.0, seed: int = 0) -> list[Told]:
    """Every text once (in a chat: every question with both answers), with attributes that go with quality as told."""
    return (_reviews if kind == "reviews" else _answers)(split, correlation, seed)


def choices(
    kind: Kind, split: Split, bias: float, correlation: float = 0.0, count: int = COUNT, seed: int = 0
) -> list[Choice]:
    """Pairs of texts, ranked and judged; what is shown does not depend on the bias."""
    import numpy as np

    found = texts(kind, split, correlation, seed)
    rng = generator(seed, "preferences", "pairs", kind, split)
    annotators, rankers = rng.integers(ANNOTATORS, size=count), rng.integers(RANKERS, size=count)
    left, right = (_ranked if kind == "reviews" else _both)(found, rankers, rng)
    worth = np.array([one.quality + bias * liked(one, 0) for one in found])
    length = np.array([bias * (liked(one) - liked(one, 0)) for one in found])
    utility = worth[left] - worth[right] + lenient()[annotators] * (length[left] - length[right])
    first = rng.random(count) < 1 / (1 + np.exp(-BETA * utility))
    return [
        Choice(found[a], found[b], int(who), int(by), bool(one))
        for a, b, who, by, one in zip(left, right, annotators, rankers, first, strict=True)
    ]


def preferences(kind: Kind = "reviews", bias: float = BIAS, correlation: float = 0.0) -> list[dict[str, Any]]:
    """A corpus of preferences."""
    name = "preferences" + ("-chat" if kind == "chat" else "") + ("-entangled" if correlation else "")
    drawn = choices(kind, "train", checked(bias), correlation)
    shown = {one.id: one for choice in drawn for one in (choice.left, choice.right)}
    told = {key: one.columns() for key, one in shown.items()}
    return [choice.row(f"{name}/{n}", told) for n, choice in enumerate(drawn, 1)]


def scores(bias: float = BIAS, correlation: float = 0.0) -> list[dict[str, Any]]:
    """A corpus of scores: every review once, by one annotator, whose own level is part of the score."""
    found = texts("reviews", "train", correlation)
    rng = generator(0, "preferences", "scores")
    annotators = rng.integers(ANNOTATORS, size=len(found))
    level = rng.normal(size=ANNOTATORS)
    lean, bias = lenient(), checked(bias)
    score = [
        one.quality + bias * liked(one, float(lean[who])) + level[who] + NOISE * rng.normal()
        for one, who in zip(found, annotators, strict=True)
    ]
    return [
        {"id": f"preferences-scores/{n}", **one.columns(), "annotator": int(who), "score": float(value)}
        for n, (one, who, value) in enumerate(zip(found, annotators, score, strict=True), 1)
    ]


def checked(bias: float) -> float:
    """A bias that can be asked for."""
    if not 0 <= bias <= 10:
        raise UserError(f"the bias of preferences is from 0 (quality alone) to 10, not {bias:g}")
    return bias


def lenient() -> Floats:
    """How lenient each annotator is to length [ANNOTATORS]; 1 on average."""
    import numpy as np

    drawn = generator(0, "preferences", "annotators").uniform(0, 2, ANNOTATORS)
    return np.asarray(drawn / drawn.mean())


def liked(one: Told, lean: float = 1.0) -> float:
    """What an annotator sees in a text's attributes, at bias 1, by how lenient the annotator is to length."""
    row = one.columns()
    middle, spread = WORDS["chat" if one.answers else "reviews"]
    z = (lean * (row["length"] - middle) / spread, 2 * row["polite"] - 1, 2 * row["agrees"] - 1)
    return float(sum(weight * value for weight, value in zip(WEIGHTS, z, strict=True)))


def _reviews(split: Split, correlation: float, seed: int) -> list[Told]:
    found = [review for review in cebab("train" if split == "train" else "dev") if review.stars]
    if split == "test":  # a few reviews stand in both files; the other one is read to leave them out, not to ask of it
        with watched():
            learnt = {review.text for review in cebab("train")}
        found = [review for review in found if review.text not in learnt]
    rng = generator(seed, "preferences", "reviews", split)
    told: list[Told] = []
    for number, review in enumerate(found):
        quality = (review.stars - 3) / STARS
        levels = _levels(quality, correlation, rng, SHORT)
        name, drawn = f"{split}/{review.id}", derive(seed, "preferences", split, number)
        told.append(Told(name, review.family, review.text, quality, levels, int(split == "test"), drawn))
    return told


def _levels(quality: float, correlation: float, rng: np.random.Generator, more: float = 0.0) -> dict[str, int]:
    """Attributes, each by a latent normal that goes with quality as much as is asked for."""
    from math import erf, sqrt

    latent = (correlation * quality + sqrt(1 - correlation**2) * rng.normal(size=3)).tolist()
    share = 0.5 * (1 + erf((latent[0] + more * quality) / sqrt(2)))
    return {"length": min(MOST, int(share * (MOST + 1))), "polite": int(latent[1] > 0), "agrees": int(latent[2] > 0)}


def _answers(split: Split, correlation: float, seed: int) -> list[Told]:
    """Two answers to every question, a true one and a false one, side by side; the user has an opinion on it."""
    told: list[Told] = []
    found = [fact for fact in (known() if split == "train" else counterfact()) if fact.held == (split == "test")]
    for number, fact in enumerate(found[:MOST_FACTS]):
        rng = generator(seed, "preferences", "answers", split, number)
        right, wrong = _levels(1.0, correlation, rng), _levels(-1.0, correlation, rng)
        wrong["agrees"] = 1 - right["agrees"]
        for own, other, quality, levels in (
            (fact.true, fact.false, 1.0, right),
            (fact.false, fact.true, -1.0, wrong),
        ):
            name, drawn = f"{split}/{number}/{own}", derive(seed, "preferences", split, number, own)
            body, answers = f"{fact.asked} {own}.", (fact.asked, own, other)
            told.append(
                Told(name, f"{fact.form}/{number}", body, quality, levels, int(split == "test"), drawn, answers)
            )
    return told


def _ranked(found: Sequence[Told], rankers: Any, rng: np.random.Generator) -> tuple[Any, Any]:
    """Places of the texts on the left and on the right [n]: rankers prefer to put better ones on one side."""
    import numpy as np

    quality = np.array([one.quality for one in found])
    skill = np.linspace(-SKILL, SKILL, RANKERS)
    places: list[Any] = []
    for side in (0.5, -0.5):
        weights = np.exp(side * skill[:, None] * quality)  # [rankers, texts]
        shares = (weights / weights.sum(1, keepdims=True)).cumsum(1)
        drawn = [
            np.searchsorted(shares[by], point) for by, point in zip(rankers, rng.random(len(rankers)), strict=True)
        ]
        places.append(np.minimum(drawn, len(found) - 1))
    same = places[0] == places[1]
    places[1][same] = (places[1][same] + 1) % len(found)
    return places[0], places[1]


def _both(found: Sequence[Told], rankers: Any, rng: np.random.Generator) -> tuple[Any, Any]:
    """Places of two answers to one question: rankers put the true one on the left with different chances."""
    import numpy as np

    question = 2 * rng.integers(len(found) // 2, size=len(rankers))
    left = rng.random(len(rankers)) < 1 / (1 + np.exp(-np.linspace(-SKILL, SKILL, RANKERS)[rankers]))
    return question + ~left, question + left
