"""Value of a policy from many cheap judgements and few outcomes: the default for texts.

Idea      A judge scores every text, an oracle labels a few. The outcome expected at a judgement is learnt from the
          labelled texts, laid over the judgements of what the target policy says, and then corrected by what the
          labels say against it. No probabilities of texts are needed.
Equation  V = mean over the target's texts of f(S) + Σ over strata b of q_b · mean over the labelled texts in b of
          (Y − f(S)), f isotonic in the judgement S; each text meets the f that was fitted without its prompt's fold.
          Strata are fifths of the labelled judgements, q_b the share of the target's texts there. Where OWN prompts or
          more have a label on the target's own text, these alone correct, and V rests on no likeness of the policies.
Interval  jackknife over groups of prompts, the curves fitted again without each: it sees the luck of the prompts, of
          the labels and of the curve at once. Never more groups than labelled prompts.
Source    Angelopoulos et al. 2023 (prediction-powered inference); Zrnic & Candès 2024 (cross-fitted);
          Landesberg & Narayan 2025 (judgements calibrated to few labels by isotonic regression).
Limits    `calibration = "none"` is prediction-powered inference on the bare judgement; `corrected = false` with it is
          the naive mean of the judge. Where all is labelled and the target says what was logged, V is the mean outcome.
          Labels must be a random sample of the texts they stand on. Without own labels a judgement must mean the same
          whoever wrote the text: a check says that this is assumed, and where the log has probabilities of the texts
          another looks for contradictions (`align.ope.text_overlap`). Refused: labels on fewer than FEWEST prompts;
          labels that are all the same.
Example   [treatment]
          method = "align.ope.calibrated"
          calibration = "isotonic"
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, ClassVar, Literal, cast, final

import numpy as np

from butfor.align.ope.text_overlap import bare_weights, text_overlap
from butfor.core.errors import Abstained, DataError
from butfor.core.keys import digest
from butfor.scm.policies import Answers, Log
from butfor.stats.compare import mean_reach
from butfor.stats.effect import Check, Effect
from butfor.train.method import Method

if TYPE_CHECKING:
    from butfor.lm import World
    from butfor.scm.analyst import Analyst
    from butfor.scm.columns import Codes, Floats

Calibration = Literal["isotonic", "none"]
FOLDS, GROUPS, STRATA = 5, 50, 5
IN_STRATUM = 10  # labelled prompts that each stratum needs
FEWEST = 4  # labelled prompts without which nothing is said
FEW = 10  # labelled prompts under which a check warns
OWN = 10  # prompts with a label on the target's own text from which on these alone correct
OUTSIDE = 0.05  # of judgements beyond all labelled ones, over twice what chance puts there, that makes a check warn


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Calibrated(Method):
    """Value a policy by judgements of its texts, calibrated to few labels."""

    worlds: ClassVar[tuple[str, ...]] = ("analyst",)
    calibration: Calibration = "isotonic"
    corrected: bool = True

    def model(self, world: World, rng: np.random.Generator) -> World:
        analyst, seed = cast("Analyst", world), int(rng.integers(2**31))
        analyst.value = lambda log: self.value(log, seed)
        analyst.identity = digest("calibrated", self.calibration, self.corrected, seed, analyst.identity)
        analyst.notes.append(f"policies are valued by judgements; calibration: {self.calibration}")
        return world

    def value(self, log: Log | Answers, seed: int = 0) -> Effect:
        """The target's mean outcome, with its interval."""
        given = texts_of(log)
        sample = replace(sampled(given, seed), isotonic=self.calibration == "isotonic", corrected=self.corrected)
        name = "calibrated judgements" if sample.isotonic else "judgements"
        checks = (*checks_of(sample), *elsewhere(given, sample), *_contradicted(given, sample))
        return sample.effect(name if self.corrected else f"{name}, not corrected", checks)


def texts_of(log: Log | Answers) -> Answers:
    """The log, if it is one of texts."""
    if isinstance(log, Answers):
        return log
    raise DataError("judgements value texts; where actions are short and have probabilities, use ope.doubly_robust")


@dataclass(frozen=True, slots=True, eq=False)
class Sample:
    """Labelled texts (L), texts whose expected outcome is averaged (M), and how."""

    judge: Floats  # [L]
    outcome: Floats  # [L]
    pull: Floats  # [L], weight of a label in the correction
    own: bool  # whether only labels of the target's own texts correct
    asked: Floats  # [M], judgements
    weight: Floats  # [M]
    fold: tuple[Codes, Codes]  # [L], [M], by prompt
    group: tuple[Codes, Codes]  # [L], [M], by prompt
    edges: Floats  # inner borders of the strata
    prompts: int  # that have a label
    isotonic: bool = True
    corrected: bool = True

    def value(self, without: int = -1) -> float:
        """The estimate, without one group of prompts."""
        said, asked = (group != without for group in self.group)
        expected, residual = np.empty(int(asked.sum())), np.empty(int(said.sum()))
        for fold in range(FOLDS):
            to_said, to_asked = self.fold[0][said] == fold, self.fold[1][asked] == fold
            xs, ys = self._curve(said & (self.fold[0] != fold))
            expected[to_asked] = _at(self.asked[asked][to_asked], xs, ys)
            residual[to_said] = self.outcome[said][to_said] - _at(self.judge[said][to_said], xs, ys)
        weight = self.weight[asked]
        value = float(weight @ expected / weight.sum())
        return value + self._correction(said, asked, residual) if self.corrected else value

    def effect(self, name: str, checks: tuple[Check, ...]) -> Effect:
        """Estimate and interval by the jackknife."""
        value = self.value()
        groups = int(self.group[0].max()) + 1
        pseudo = np.array([groups * value - (groups - 1) * self.value(group) for group in range(groups)])
        down, up = (float(side) for side in mean_reach(pseudo - pseudo.mean())(0.95))
        method = f"{name}, jackknife of {groups} groups of prompts"
        return Effect(
            estimate=value, low=value - down, high=value + up, p=None, n=len(self.asked), method=method, checks=checks
        )

    def _curve(self, learnt: np.ndarray) -> tuple[Floats, Floats]:
        if not self.isotonic:
            return np.zeros(0), np.zeros(0)
        return isotonic(self.judge[learnt], self.outcome[learnt])

    def _correction(self, said: np.ndarray, asked: np.ndarray, residual: Floats) -> float:
        pull, strata = self.pull[said], len(self.edges) + 1
        of_said, of_asked = (np.searchsorted(self.edges, at) for at in (self.judge[said], self.asked[asked]))
        mass = np.bincount(of_said, pull, strata)
        share = np.bincount(of_asked, self.weight[asked], strata) / self.weight[asked].sum()
        overall = float(pull @ residual / pull.sum())
        found = np.bincount(of_said, pull * residual, strata) / np.where(mass > 0, mass, 1)
        return float(share @ np.where(mass > 0, found, overall))


def sampled(given: Answers, seed: int = 0) -> Sample:
    """All labels teach the curve; who corrects depends on how many stand on the target's own texts."""
    if not len(given.fresh):
        raise DataError("no text of the target is judged: let it answer the prompts, and have these answers judged")
    own_outcome = np.full(len(given.fresh), np.nan) if given.fresh_outcome is None else given.fresh_outcome
    logged, mine = np.isfinite(given.outcome), np.isfinite(own_outcome)
    prompt = np.concatenate([given.prompt[logged], given.fresh_prompt[mine]])
    judge = np.concatenate([given.judge[logged], given.fresh[mine]])
    outcome = np.concatenate([given.outcome[logged], own_outcome[mine]])
    own = len(np.unique(given.fresh_prompt[mine])) >= OWN
    corrects = np.arange(len(prompt)) >= int(logged.sum()) if own else np.ones(len(prompt), bool)
    fold, group, prompts = dealt(prompt, given.fresh_prompt, seed)
    known(outcome, prompts)
    return Sample(
        judge, outcome, corrects.astype(float), own, given.fresh, np.ones(len(given.fresh)), fold, group,
        borders(judge[corrects], len(np.unique(prompt[corrects]))), prompts,
    )  # fmt: skip


def known(outcome: Floats, prompts: int) -> None:
    """Refuse labels that nothing can be learnt from."""
    if prompts < FEWEST:
        raise DataError(f"labels stand on {prompts} prompts; {FEWEST} are the least, and {FEW} or more are better")
    if np.ptp(outcome) == 0:
        raise DataError(
            f"every label is {outcome[0]:g}: a one-sided log cannot tell good texts from bad; label a random sample"
        )


def dealt(labelled: Codes, asked: Codes, seed: int) -> tuple[tuple[Codes, Codes], tuple[Codes, Codes], int]:
    """Folds and groups of the prompts of both, dealt in turn, labelled prompts first; and how many are labelled."""
    rng = np.random.default_rng(seed)
    first = rng.permutation(np.unique(labelled))
    order = np.concatenate([first, rng.permutation(np.setdiff1d(asked, first))])
    place = np.argsort(order)
    at_labelled, at_asked = (place[np.searchsorted(order, part, sorter=place)] for part in (labelled, asked))
    groups = min(GROUPS, len(first))
    return (at_labelled % FOLDS, at_asked % FOLDS), (at_labelled % groups, at_asked % groups), len(first)


def borders(judge: Floats, prompts: int) -> Floats:
    """Inner borders of the strata: quantiles of the judgements, so that each has labels enough."""
    strata = max(1, min(STRATA, prompts // IN_STRATUM))
    return np.unique(np.quantile(judge, np.arange(1, strata) / strata)) if strata > 1 else np.zeros(0)


def isotonic(judge: Floats, outcome: Floats) -> tuple[Floats, Floats]:
    """Judgements, and the outcome expected there: the rising curve of least squares, straight between its points."""
    from scipy.optimize import isotonic_regression

    xs, place, count = np.unique(judge, return_inverse=True, return_counts=True)
    mean = np.bincount(place, outcome) / count
    return xs, np.asarray(isotonic_regression(mean, weights=count.astype(float)).x)


def _at(judge: Floats, xs: Floats, ys: Floats) -> Floats:
    return np.interp(judge, xs, ys) if len(xs) else judge


def checks_of(sample: Sample) -> tuple[Check, ...]:
    """What a reader should know before resting on the value."""
    outside = float(np.mean((sample.asked < sample.judge.min()) | (sample.asked > sample.judge.max())))
    chance = 2 / (len(sample.judge) + 1)
    found = [
        Check("labels", sample.prompts >= FEW, f"{len(sample.judge)} labels on {sample.prompts} prompts"),
        Check(
            "support", outside <= OUTSIDE + 2 * chance,
            f"{outside:.1%} of the target's judgements lie beyond all labelled ones; by chance {chance:.1%} would",
        ),
    ]  # fmt: skip
    if not sample.own:
        told = f"assumed: a judgement means the same in the target's texts; label {OWN} or more of them to do without"
        xs, ys = isotonic(sample.judge, sample.outcome)
        tells = len(xs) > 1 and float(np.ptp(ys)) > 0
        found.append(Check("transport", tells, told if tells else "the judge tells nothing of the outcome: " + told))
    return tuple(found)


def elsewhere(given: Answers, sample: Sample) -> tuple[Check, ...]:
    """A check that is not ok where labels of the log correct texts that answer wholly other prompts."""
    if sample.own or not len(given.prompt) or np.isin(given.fresh_prompt, given.prompt).any():
        return ()
    told = "no prompt of the target's texts is in the log: have the target answer the logged prompts"
    return (Check("prompts", False, told),)


def _contradicted(given: Answers, sample: Sample) -> list[Check]:
    """Where weights are known and fit for it: does the judge say the same of the target by both ways?"""
    if sample.own or given.ratio is None:
        return []
    try:
        found = text_overlap(given, bare_weights(given))
    except Abstained:
        return []
    return [found.balance] if found.enough and found.balance else []
