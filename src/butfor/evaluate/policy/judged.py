"""What another policy's texts are worth: judged reviews whose true value is known, asked of an analyst.

Idea      Few labels, a judge for every text, policies at growing distance. How far off is the estimate, does its
          interval hold, and does the estimator say so where it cannot know?
Data      `data/judged_reviews.py`: real reviews, a real model's probabilities and judgement, real raters' stars.
Cases     few         40 labels on logged texts
          many        160 labels on logged texts
          flattered   160 labels on logged texts, and a judge that likes whatever the target says
          own         the same judge; 120 labels on logged texts, 40 on the target's own
Metrics   those of `policy.ope`; `naive` is the error of the mean label of what was logged.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, final

from pydantic import Field

from butfor.data.judged_reviews import POLICIES, judged_reviews, log
from butfor.evaluate.policy.ope import PolicyOPE, asked
from butfor.evaluate.suite import Card, Item, Limit, Metric, Record, refuse_lists, spread

if TYPE_CHECKING:
    from butfor.scm.analyst import Analyst

CASES: dict[str, dict[str, Any]] = {
    "few": {"labels": 40},
    "many": {"labels": 160},
    "flattered": {"labels": 160, "judge": "flattered"},
    "own": {"labels": 120, "own": 40, "judge": "flattered"},
}


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyJudged:
    """Error, coverage, width and refusals of values of texts where the value is known."""

    card: ClassVar[Card] = Card(
        measures="how well an estimator tells what another policy's texts are worth, from judgements and few labels",
        chance="none; `naive` is the error of the logged mean",
        source="100 restaurants of CEBaB, five reviews each; policies and judge by SmolLM2-135M",
        faults=("policies choose among five reviews: weights are tamer than those of free text",),
    )
    worlds: ClassVar[tuple[str, ...]] = ("analyst",)
    metrics: ClassVar[tuple[Metric, ...]] = PolicyOPE.metrics
    chunk: ClassVar[int] = 1  # each question is timed by itself

    prompts: Annotated[int, Field(ge=200)] = 400
    repeats: Annotated[int, Field(ge=1)] = 10  # logs of each case and policy
    cases: tuple[str, ...] = tuple(CASES)
    policies: tuple[str, ...] = tuple(POLICIES)
    limit: Limit = None
    seed: int = 0

    def __post_init__(self) -> None:
        refuse_lists(self, cases=CASES, policies=POLICIES)

    def ready(self) -> None:
        """Nothing is needed."""

    def items(self, world: Analyst) -> list[Item]:  # noqa: ARG002
        """One item a log."""
        found = [
            _item(case, policy, number, self.prompts, self.seed)
            for case in self.cases
            for policy in self.policies
            for number in range(self.repeats)
        ]
        return spread(found, self.limit, lambda item: (item.data["case"], item.data["policy"]))

    def measure(self, world: Analyst, items: Sequence[Item]) -> list[Record]:
        """Write each log, and ask."""
        return [_record(world, item) for item in items]


def _item(case: str, policy: str, number: int, prompts: int, seed: int) -> Item:
    name = f"{case}, {policy}, {number}"
    return Item(name, name, {"case": case, "policy": policy, "of": number, "prompts": prompts, "seed": seed})


def _record(analyst: Analyst, item: Item) -> Record:
    case, policy, number, prompts, seed = (item.data[key] for key in ("case", "policy", "of", "prompts", "seed"))
    given = log(policy, prompts=prompts, seed=seed, of=number, **CASES[case])
    return asked(analyst, given, judged_reviews().value(policy), item, {"case": case, "policy": policy})
