"""Value of a policy by the weights of whole texts, alone or beside judgements: refused where the overlap is poor.

Idea      A logged text counts as often as the target would have written it more. Over a whole text the ratio is a
          product of many: it runs wild, and weights that look healthy still miss the truth. So this answers only where
          the bare weights pass, and where they bring the target's judgements back.
Equation  w = π(text | prompt) / μ(text | prompt), normalised; f the calibrated judgement of `align.ope.calibrated`
          ips   Σ w f(S) / Σ w over what was logged + Σ w (Y − f(S)) / Σ w over what was labelled
          dr    mean over the target's texts of f(S) + Σ w (Y − f(S)) / Σ w over what was labelled
          `weights = "projected"`: w becomes the rising or falling function of S that is nearest to it (least squares);
          its mean stays, its spread falls: E[w | S] if that is monotone.
          projection: the labels may not say that bare weights would give another answer: with r = Y − f(S), the mean of
          (w / w̄ − projected / w̄) r over what was labelled is 0 within BALANCED standard errors.
Overlap   Judged on the bare weights, whatever is used, and by whether they bring the judgements of the target's own
          texts back (`align.ope.text_overlap`). Where it is poor: `Abstained`, unless `abstain = false`.
Source    Landesberg & Narayan 2025 (weights projected on judgements; their failure: intervals of text weights held
          19–49 % with good effective sample sizes, and the package dropped them); Overlap there.
Limits    π = μ: ips over a log where all is labelled is the mean outcome, and where all is labelled ips is Σ w Y / Σ w,
          whatever the judge. dr with bare weights is right where either judgements mean the same in the target's texts,
          or weights are. Projected weights know a text by its judgement alone: they are right only where judgements
          mean the same, and what they miss is seen by `projection` where labels are many enough.
Example   [treatment]
          method = "align.ope.text_weights"
          how = "dr"
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, ClassVar, Literal, cast, final

import numpy as np

from butfor.align.ope.calibrated import Sample, dealt, elsewhere, isotonic, known, sampled, texts_of
from butfor.align.ope.text_overlap import BALANCED, bare_weights, by_prompt, text_overlap
from butfor.core.errors import Abstained, DataError
from butfor.core.keys import digest
from butfor.stats.effect import Check
from butfor.train.method import Method

if TYPE_CHECKING:
    from butfor.lm import World
    from butfor.scm.analyst import Analyst
    from butfor.scm.columns import Floats
    from butfor.scm.policies import Answers, Log
    from butfor.stats.effect import Effect

How = Literal["dr", "ips"]
Weights = Literal["projected", "bare"]


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class TextWeights(Method):
    """Value a policy by weights of whole texts, where these are fit for it."""

    worlds: ClassVar[tuple[str, ...]] = ("analyst",)
    how: How = "dr"
    weights: Weights = "bare"
    abstain: bool = True

    def model(self, world: World, rng: np.random.Generator) -> World:
        analyst, seed = cast("Analyst", world), int(rng.integers(2**31))
        analyst.value = lambda log: self.value(log, seed)
        analyst.identity = digest("text weights", self.how, self.weights, self.abstain, seed, analyst.identity)
        analyst.notes.append(f"policies are valued by {self.how} with {self.weights} weights of texts")
        return world

    def value(self, log: Log | Answers, seed: int = 0) -> Effect:
        """The target's mean outcome, with its interval; `Abstained` where the weights cannot carry it."""
        given = texts_of(log)
        bare = bare_weights(given)
        overlap = text_overlap(given, bare)
        if overlap.why and self.abstain:
            raise Abstained(f"no answer: {overlap.why}\nvalue texts with align.ope.calibrated, which needs no weights")
        weights = bare if self.weights == "bare" else projected(bare, given.judge)
        sample = _weighed(given, weights, seed) if self.how == "ips" else _both(given, weights, seed)
        checks = overlap.all if self.weights == "bare" else (*overlap.all, *_missed(given, bare, weights))
        if self.how == "dr":
            checks = (*checks, *elsewhere(given, sample))
        return sample.effect(f"{self.how}, {self.weights} weights of texts", checks)


def projected(weights: Floats, judge: Floats) -> Floats:
    """The monotone function of the judgement nearest to the weights; the mean stays. [n]"""
    found: list[tuple[float, Floats]] = []
    for sign in (1.0, -1.0):
        xs, ys = isotonic(sign * judge, weights)
        at = np.interp(sign * judge, xs, ys)
        found.append((float(np.sum((weights - at) ** 2)), at))
    return min(found, key=lambda pair: pair[0])[1]


def _missed(given: Answers, bare: Floats, weights: Floats) -> tuple[Check, ...]:
    """Do labels say that what projection took from the weights goes with what the judge does not see?"""
    logged = np.isfinite(given.outcome)
    if not logged.any():
        return ()
    judge, outcome = given.judge[logged], given.outcome[logged]
    rest = outcome - np.interp(judge, *isotonic(judge, outcome))
    parts = (bare / bare.mean() - weights / weights.mean())[logged] * rest
    size, error = float(parts.mean()), by_prompt((parts - parts.mean()) / len(parts), given.prompt[logged])
    told = f"with bare weights the labels say {size:+.3g} ± {error:.2g} more than with projected ones"
    fine = abs(size) <= BALANCED * error + 1e-9
    return (Check("projection", fine, told if fine else f'{told}: use weights = "bare"'),)


def _both(given: Answers, weights: Floats, seed: int) -> Sample:
    if not len(given.fresh):
        raise DataError('dr needs judged texts of the target; there are none, so use how = "ips"')
    logged = np.isfinite(given.outcome)
    if not logged.any():
        raise DataError("no logged text is labelled: there is nothing for weights to weigh; use align.ope.calibrated")
    sample = sampled(given, seed)
    pull = np.concatenate([weights[logged], np.zeros(len(sample.judge) - int(logged.sum()))])
    return replace(sample, pull=pull, edges=np.zeros(0))


def _weighed(given: Answers, weights: Floats, seed: int) -> Sample:
    logged = np.isfinite(given.outcome)
    fold, group, prompts = dealt(given.prompt[logged], given.prompt, seed)
    known(given.outcome[logged], prompts)
    return Sample(
        given.judge[logged], given.outcome[logged], weights[logged], False, given.judge, weights, fold, group,
        np.zeros(0), prompts,
    )  # fmt: skip
