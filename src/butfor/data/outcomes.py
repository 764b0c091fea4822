"""A world of logged replies to real reviews: who was answered how, and what came of it, with a hidden common cause.

World     A guest's review is answered by one of four replies. What comes of it is Y = fit(stars, reply) + 1.5 (R − 1/2)
          + noise of deviation 0.5; R = 1, with probability 1/2, says that the guest is a regular. The staff sees R,
          and no text tells it: P(reply | stars, R) ∝ exp(habit(stars, reply) + 2.5 c (2R − 1) [reply is a voucher]).
          c: the confounding, in the corpus name. Regulars are pleased anyway, so vouchers look better than they are.
Log       Two visits to the same review, each with an R and a reply of its own. The row is the visit that ended better;
          the other one stands beside it as `rejected`. `propensity` is what the staff did by: P(reply | stars, R).
Row       {"id", "text", "answer_at", "outcome", "propensity", "answers": all four, "beside": {"rejected": the same}}
Known     The value of every policy among the four replies: the mean of fit, as R says nothing to a policy that reads
          the review alone. `value` works it out. At c = 0 replies hang on the stars alone.
Source    Reviews and their stars: CEBaB, those of at most 12 words. The unseen reviews are of another split.
Limits    Four replies to short texts; the stars are told with the review, so that a small policy can read them.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any, Literal

from butfor.core.errors import UserError
from butfor.core.seeds import generator
from butfor.data.cebab import cebab

if TYPE_CHECKING:
    import numpy as np

Split = Literal["train", "dev"]
COUNT = 2000  # rows of a corpus, two visits each
CONFOUNDING = 0.8  # of "outcomes" without a number
WORDS = 12  # of the longest review
REPLIES = (" Many thanks", " Our apologies", " A voucher", " Tell us")
VOUCHER = 2
MOOD = (0, 0, 0, 1, 2, 2)  # by stars: bad, middling, good
FIT = ((0.0, 1.0, 0.2, 0.4), (0.3, 0.3, 0.2, 0.8), (1.0, 0.0, 0.2, 0.3))  # by mood, of each reply
HABIT = ((0.0, -0.5, 0.0, 0.5), (0.0, 0.0, 0.0, 0.0), (0.5, -1.0, 0.0, 0.5))  # of the staff
REGULAR = 1.5  # how much more a regular is pleased
FAVOUR = 2.5  # how much more the staff likes to give a regular a voucher, at confounding 1
NOISE = 0.5


@dataclass(frozen=True, slots=True)
class Review:
    """What a guest wrote, and the stars that came with it."""

    id: str
    body: str
    stars: int

    @property
    def prompt(self) -> str:
        """What a policy reads."""
        return f"{self.body} - {self.stars} stars. Reply:"

    @property
    def fit(self) -> tuple[float, ...]:
        """What each reply brings, on average."""
        return FIT[MOOD[self.stars]]


@cache
def reviews(split: Split = "train") -> tuple[Review, ...]:
    """The short reviews whose raters agree; those of "dev" are never in a log."""
    short = [one for one in cebab(split) if one.stars and len(one.text.split()) <= WORDS]
    known = set[str]() if split == "train" else {one.body for one in reviews("train")}
    first = {one.text: one for one in reversed(short) if one.text not in known}  # a text stands once
    return tuple(Review(f"outcomes/{split}/{one.id}", one.text, one.stars) for one in reversed(first.values()))


def staff(stars: int, regular: int, confounding: float) -> tuple[float, ...]:
    """How likely the staff gives each reply."""
    favour = FAVOUR * confounding * (2 * regular - 1)
    odds = [math.exp(h + favour * (k == VOUCHER)) for k, h in enumerate(HABIT[MOOD[stars]])]
    return tuple(one / sum(odds) for one in odds)


def logged(stars: int, confounding: float) -> tuple[float, ...]:
    """How likely the staff gives each reply, as it looks to who cannot see whether guests are regulars."""
    both = staff(stars, 0, confounding), staff(stars, 1, confounding)
    return tuple((one + other) / 2 for one, other in zip(*both, strict=True))


def value(review: Review, policy: Sequence[float]) -> float:
    """What a policy brings that gives the replies with these probabilities."""
    return sum(p * fit for p, fit in zip(policy, review.fit, strict=True))


def outcomes(confounding: float = CONFOUNDING, count: int = COUNT, seed: int = 0) -> list[dict[str, Any]]:
    """The corpus "outcomes/CONFOUNDING"."""
    if not 0 <= confounding <= 1:
        raise UserError(f"replies are confounded by 0 to 1, not {confounding:g}")
    asked, rng = reviews(), generator(seed, "outcomes")
    found: list[dict[str, Any]] = []
    for n in range(count):
        review = asked[int(rng.integers(len(asked)))]
        one, other = (_visit(review, confounding, rng) for _ in range(2))
        better, worse = (one, other) if one["outcome"] >= other["outcome"] else (other, one)
        found.append({"id": f"outcomes/{n + 1}", **better, "answers": list(REPLIES), "beside": {"rejected": worse}})
    return found


def _visit(review: Review, confounding: float, rng: np.random.Generator) -> Mapping[str, Any]:
    regular = int(rng.integers(2))
    chances = staff(review.stars, regular, confounding)
    reply = int(rng.choice(len(chances), p=chances))
    came = review.fit[reply] + REGULAR * (regular - 0.5) + NOISE * float(rng.standard_normal())
    return {
        "text": review.prompt + REPLIES[reply],
        "answer_at": len(review.prompt),
        "outcome": came,
        "propensity": chances[reply],
    }
