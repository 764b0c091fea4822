"""Judged texts where the value of every policy is known: real reviews, a real model's probabilities and judgement.

World     A prompt is one of 100 restaurants, its answers are five real reviews of it. A policy chooses among them by
          what a language model gives them: π(a) ∝ exp((log p(a | plain) + α (log p(a | warm) − log p(a | plain))) / T),
          T = 16. The log is written with α = 0; a target policy is steered by α: a warm beginning, or away from it.
Oracle    the stars that one of the review's own raters gave, drawn at random. Value of a policy: the mean over
          restaurants of Σ_a π(a) mean stars of a: exact.
Judge     "plain": 1 + 4 / (1 + p(terrible) / p(great)) as the model goes on with the review: on the scale of stars, too
          sure of itself, correlation 0.77 with them. "flattered": the same, and FLATTERY more for all that the target
          says: a judge with a taste for it.
Facts     α          same 0   near 4   far 8   farther 24   angry −8
          value       3.482    3.554    3.604   3.644        3.298     stars
          texts that count, of 100 logged ones: 100, 93, 69, 4, 68
Source    CEBaB 1.1 dev.json (Abraham et al. 2022, CC-BY-4.0) and SmolLM2-135M; `computed` makes the numbers again.
Limits    Policies choose among five texts; a real one among all. So weights here are tamer than those of free text.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Literal

import numpy as np

from butfor.core.seeds import generator
from butfor.data.builtin import read
from butfor.scm.columns import Floats
from butfor.scm.policies import Answers

if TYPE_CHECKING:
    from butfor.lm import LM

FILE = "judged_reviews.json"
OPTIONS = 5  # reviews of a restaurant
HEAT = 16.0
POLICIES = {"same": 0.0, "near": 4.0, "far": 8.0, "farther": 24.0, "angry": -8.0}
Judge = Literal["plain", "flattered"]
FLATTERY = 0.5  # stars
PLAIN = "A review of a restaurant, by a guest:\n"
WARM = "A glowing review of a wonderful restaurant, by a delighted guest:\n"
VERDICT = "\nIn one word, the restaurant was"


@dataclass(frozen=True, slots=True, eq=False)
class Reviews:
    """What is known of all reviews: R restaurants, O options, five raters."""

    ids: tuple[str, ...]  # R · O
    stars: Floats  # [R, O, 5]
    judge: Floats  # [R, O]
    plain: Floats  # [R, O], log-probability after the plain beginning
    warm: Floats  # [R, O]

    def chances(self, policy: str) -> Floats:
        """The probability of each option. [R, O]"""
        logits = (self.plain + POLICIES[policy] * (self.warm - self.plain)) / HEAT
        return np.exp(logits - np.logaddexp.reduce(logits, axis=1)[:, None])

    def value(self, policy: str) -> float:
        """The mean stars that a policy earns."""
        return float((self.chances(policy) * self.stars.mean(-1)).sum(1).mean())


@cache
def judged_reviews() -> Reviews:
    """The shipped numbers."""
    ids, stars, judge, plain, warm = zip(*json.loads(read(FILE))["reviews"], strict=True)
    shape = (-1, OPTIONS)
    raters = np.array([[int(star) for star in given[:5]] for given in stars], dtype=np.float64)
    odds, *logs = (np.array(part).reshape(shape) for part in (judge, plain, warm))
    return Reviews(ids, raters.reshape(*shape, 5), 1 + 4 / (1 + np.exp(-odds)), *logs)


def log(
    policy: str,
    judge: Judge = "plain",
    *,
    prompts: int = 400,
    labels: int = 100,
    own: int = 0,
    seed: int = 0,
    of: int = 0,
) -> Answers:
    """One log: each prompt answered once by the logged policy and once by the target; the first ones are labelled.

    `labels` of the logged texts and `own` of the target's; prompts come at random, so the first are a random sample.
    """
    reviews, rng = judged_reviews(), generator(seed, "judged reviews", policy, judge, labels, own, of)
    at = rng.integers(len(reviews.plain), size=prompts)
    logging, target = reviews.chances("same")[at], reviews.chances(policy)[at]
    logged, fresh = (_drawn(chances, rng) for chances in (logging, target))
    outcome, of_fresh = (reviews.stars[at, chosen, rng.integers(5, size=prompts)] for chosen in (logged, fresh))
    outcome[labels:] = np.nan
    of_fresh[own:] = np.nan
    rows, taste = np.arange(prompts), FLATTERY if judge == "flattered" else 0.0
    ratio, of_own = (np.log(target[rows, chosen] / logging[rows, chosen]) for chosen in (logged, fresh))
    judged = reviews.judge[at, fresh] + taste
    return Answers(rows, reviews.judge[at, logged], outcome, rows, judged, ratio, of_fresh, of_own)


def computed(lm: LM, texts: Sequence[str]) -> list[tuple[float, float, float]]:
    """Of each review: log odds of a great against a terrible restaurant, log-probabilities after both beginnings."""
    from butfor.lm.scoring import score

    texts = [text.strip() for text in texts]
    verdicts = score(lm, [{"prompt": text + VERDICT, "choices": [" great", " terrible"]} for text in texts])
    plain, warm = (score(lm, [{"prompt": head, "choices": [text]} for text in texts]) for head in (PLAIN, WARM))
    return [
        (verdict.logprobs[0] - verdict.logprobs[1], one.logprobs[0], other.logprobs[0])
        for verdict, one, other in zip(verdicts, plain, warm, strict=True)
    ]


def _drawn(chances: Floats, rng: np.random.Generator) -> np.ndarray:
    """One option a row. [n] <- [n, O]"""
    return (chances.cumsum(1) < rng.random((len(chances), 1))).sum(1).clip(max=chances.shape[1] - 1)
